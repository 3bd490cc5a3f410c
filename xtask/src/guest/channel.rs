//! What a guest says: through one channel, which the console has no part in.

use anyhow::{Context, Result, bail};

/// Tells the three parts of what comes through the channel apart: what is before the guest's first program is up, the
/// output of the command, and its exit status. The mark is long and random, so no output has it by accident.
#[derive(Debug)]
pub(super) struct Channel {
    mark: String,
    line: Vec<u8>,
    /// The guest's kernel, from when it is up.
    kernel: Option<String>,
    /// The last line has ended; whether by the command's doing, the next will show.
    owes_newline: bool,
    status: Option<u8>,
}

impl Channel {
    pub(super) fn new(mark: &str) -> Channel {
        Channel { mark: mark.to_owned(), line: Vec::new(), kernel: None, owes_newline: false, status: None }
    }

    /// The guest's kernel, if the guest is up.
    pub(super) fn kernel(&self) -> Option<&str> {
        self.kernel.as_deref()
    }

    /// The exit status of the command, if it has ended.
    pub(super) fn status(&self) -> Option<u8> {
        self.status
    }

    /// Takes what came, and gives `sink` what of it is output.
    ///
    /// # Errors
    /// If the guest said something by its mark that is not known.
    pub(super) fn take(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take_line(&line[..line.len() - 1], sink)?;
            }
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        // What a program has printed before the kernel is up may be before it on its line.
        if self.kernel.is_none() {
            let text = String::from_utf8_lossy(line);
            if let Some((_, kernel)) = text.split_once(&format!("{} up ", self.mark)) {
                self.kernel = Some(kernel.trim().to_owned());
            }
            return Ok(());
        }
        if let Some(word) = line.strip_prefix(self.mark.as_bytes()) {
            let word = String::from_utf8_lossy(word);
            let Some(status) = word.trim().strip_prefix("exit ") else { bail!("the guest said {word:?}") };
            self.status = Some(status.parse().with_context(|| format!("the guest said {word:?}"))?);
            return Ok(());
        }
        if self.owes_newline {
            sink(b"\n");
        }
        sink(line);
        self.owes_newline = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output_of(parts: &[&str]) -> (String, Option<u8>, Option<String>) {
        let mut channel = Channel::new("mark7");
        let mut output = Vec::new();
        for part in parts {
            channel.take(part.as_bytes(), &mut |bytes| output.extend_from_slice(bytes)).unwrap();
        }
        (String::from_utf8(output).unwrap(), channel.status(), channel.kernel().map(str::to_owned))
    }

    #[test]
    fn output_is_what_the_command_printed_to_the_byte() {
        for output in ["", "\n", "abc", "abc\n", "a\n\nb\n", "mark", "mark6 exit 3\n"] {
            let said = format!("noise\nmore noise mark7 up 6.1\n{output}\nmark7 exit 3\nnoise\n");
            assert_eq!(output_of(&[&said]), (output.to_owned(), Some(3), Some("6.1".to_owned())));
            let bytes: Vec<String> = said.chars().map(String::from).collect();
            let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
            assert_eq!(output_of(&bytes).0, output);
        }
    }

    #[test]
    fn nothing_is_up_or_ended_without_the_mark() {
        assert_eq!(output_of(&["mark8 up 6.1\nmark8 exit 0\n"]), (String::new(), None, None));
        assert_eq!(output_of(&["mark7 up 6.1\nhalf a line"]).1, None);
    }
}
