//! What is written in the language of groff_man(7).

/// `text` with nothing left in it that roff would take for an order of its own. A hyphen that is to be typed is a minus.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    // At the beginning of a line these make it a request.
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// A heading.
pub(super) fn heading(text: &str) -> String {
    let text = escaped(&text.to_uppercase());
    // What has spaces is one argument only in quotes.
    if text.contains(' ') { format!(".SH \"{text}\"\n") } else { format!(".SH {text}\n") }
}

/// A paragraph, which is filled.
pub(super) fn paragraph(text: &str) -> String {
    format!(".PP\n{}\n", escaped(text))
}

/// Lines that stay as they are, a little to the right.
pub(super) fn example(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| escaped(line) + "\n").collect();
    format!(".PP\n.RS 4\n.nf\n{lines}.fi\n.RE\n")
}

/// A word and what it means.
pub(super) fn meaning(word: &str, text: &str) -> String {
    format!(".TP\n\\fB{}\\fR\n{}\n", escaped(word), escaped(text))
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_is_an_order_to_roff() {
        for (text, roff) in
            [("a -- b", "a \\-\\- b"), (".SH x", "\\&.SH x"), ("'x", "\\&'x"), ("a\\b", "a\\eb"), ("a.b", "a.b")]
        {
            assert_eq!(escaped(text), roff);
        }
    }
}
