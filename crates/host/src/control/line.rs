//! Lines of a bounded length.

use std::io::{self, BufRead, Write};

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line, without its end.
    Whole(Vec<u8>),
    /// More than the limit without an end. The rest has not been read.
    TooLong,
    /// The other side has hung up; what came after the last line end is lost, as nobody finished it.
    End,
}

/// Reads one line of at most `limit` bytes, its end not counted.
pub(super) fn read(from: &mut impl BufRead, limit: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    loop {
        let buffer = match from.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(Line::End);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(buffer.len());
        if line.len() + taken > limit {
            return Ok(Line::TooLong);
        }
        line.extend_from_slice(&buffer[..taken]);
        from.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Line::Whole(line));
        }
    }
}

/// Writes `value` as one line. JSON has no line ends within it.
pub(super) fn write(to: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded() {
        let cases: [(&str, &[Line]); 6] = [
            ("", &[Line::End]),
            ("half", &[Line::End]),
            ("\n", &[Line::Whole(vec![]), Line::End]),
            ("12345\n", &[Line::Whole(b"12345".into()), Line::End]),
            ("123456\n", &[Line::TooLong]),
            ("1\n22\n3", &[Line::Whole(b"1".into()), Line::Whole(b"22".into()), Line::End]),
        ];
        for (text, wanted) in cases {
            // A buffer of two bytes makes every line come in pieces.
            let mut reader = io::BufReader::with_capacity(2, text.as_bytes());
            for line in wanted {
                assert_eq!(read(&mut reader, 5).unwrap(), *line, "{text:?}");
            }
        }
    }
}
