//! A command in one text, split as a shell splits it.

/// The words of `text`: parted by blanks; `'…'` as it stands, `"…"` but for `\"` and `\\`, and `\` before anything else
/// takes its meaning away. Nothing is expanded.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => quoted(&mut rest, '\'', word.get_or_insert_default())?,
            '"' => quoted(&mut rest, '"', word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(rest.next().ok_or("it ends with a `\\`")?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    if words.first().is_none_or(String::is_empty) { Err("it names no program".into()) } else { Ok(words) }
}

fn quoted(rest: &mut std::str::Chars<'_>, end: char, word: &mut String) -> Result<(), String> {
    loop {
        match rest.next() {
            None => return Err(format!("a {end} is not closed")),
            Some(one) if one == end => return Ok(()),
            Some('\\') if end == '"' => match rest.next() {
                Some(one @ ('"' | '\\')) => word.push(one),
                Some(one) => word.extend(['\\', one]),
                None => return Err(format!("a {end} is not closed")),
            },
            Some(one) => word.push(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (text, wanted) in [
            ("a b", &["a", "b"][..]),
            ("  a\t b\n", &["a", "b"]),
            ("'a b' \"c \\\" d\"e ''", &["a b", "c \" d", ""][..]),
            ("a\\ b \"x\\y\" '\\'", &["a b", "x\\y", "\\"]),
        ] {
            let wanted: Vec<_> = wanted.iter().map(|word| word.replace("c \" d", "c \" de")).collect();
            assert_eq!(split(text).unwrap(), wanted, "{text}");
        }
        for text in ["", "  ", "'a", "\"a", "a\\", "\"\\", "''"] {
            split(text).unwrap_err();
        }
    }
}
