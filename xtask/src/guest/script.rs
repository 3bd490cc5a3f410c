//! The first program of a guest: a shell script, made for one run.

use crate::workspace;
use std::path::Path;

/// What differs between guests and runs.
pub(super) struct Script<'a> {
    /// The folder, as the guest sees it, that has a folder of modules for the kernel's version.
    pub(super) modules_in: &'a str,
    /// Modules to load, with their parameters.
    pub(super) modules: &'a [String],
    /// The node of the channel.
    pub(super) channel: &'a str,
    /// How to mount the folder for results on /run/results.
    pub(super) mount_results: &'a str,
    pub(super) mark: &'a str,
    pub(super) command: &'a [&'a str],
}

impl Script<'_> {
    /// Its text.
    pub(super) fn text(&self) -> String {
        let command: Vec<_> = self.command.iter().map(|word| quoted(word)).collect();
        let visible: Vec<_> = [workspace::root().to_owned(), workspace::target()].map(|folder| real(&folder)).into();
        format!(
            "#!/bin/sh\nMODULES_IN={}\nMODULES={}\nCHANNEL={}\nMARK={}\nVISIBLE={}\nFOLDER={}\n\
             mount_results() {{ {}; }}\ncommand_of_guest() {{ exec {}; }}\n{}",
            quoted(self.modules_in),
            quoted(&self.modules.join("\n")),
            quoted(self.channel),
            quoted(self.mark),
            quoted(&visible.join(" ")),
            quoted(&real(workspace::root())),
            self.mount_results,
            command.join(" "),
            include_str!("inside.sh"),
        )
    }
}

fn real(folder: &Path) -> String {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).display().to_string()
}

/// As one word of a shell.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_takes_quoted_words_as_they_are() {
        for word in ["", "a b", "it's", "$HOME `id` \\ \"", "two\nlines"] {
            let script = format!("printf %s {}", quoted(word));
            let output = Command::new("sh").args(["-c", &script]).output().expect("sh");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
