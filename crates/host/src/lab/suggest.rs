//! What to say to somebody who wrote a word that is not known.

/// "did you mean `x`?" if a known word is close, and all that are known.
pub(crate) fn known(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match closest(word, known) {
        Some(close) => format!("did you mean `{close}`? known here: {list}"),
        None => format!("known here: {list}"),
    }
}

fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // A long word would only cost time: no known word is near it.
    let near = |other: &&str| word.len() <= 64 && distance(word, other) <= (other.len() / 3).clamp(1, 2);
    known.iter().copied().filter(near).min_by_key(|other| distance(word, other))
}

/// How many letters have to be put in, taken out or exchanged (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, known};

    #[test]
    fn distances() {
        for (a, b, want) in [("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("adr", "addr", 1), ("chip", "chips", 1)] {
            assert_eq!(distance(a, b), want, "{a} {b}");
            assert_eq!(distance(b, a), want, "{b} {a}");
        }
    }

    #[test]
    fn only_close_words_are_suggested() {
        assert_eq!(known("adr", &["addr", "num"]), "did you mean `addr`? known here: addr, num");
        assert_eq!(known("erase", &["addr", "num"]), "known here: addr, num");
    }
}
