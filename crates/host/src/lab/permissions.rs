//! Who may open a node, where nodes are the machine's (`outlive serve`).

use serde::{Deserialize, Serialize};

/// The mode and the group of a device's node, as chmod(1) and chgrp(1) take them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// Its permission bits; `None` for 0600, as the kernel makes nodes.
    pub mode: Option<u32>,
    /// Its group, by name or number; `None` for root's.
    pub group: Option<String>,
}

impl Permissions {
    /// What `more` says, and for the rest what this says.
    pub(super) fn overridden_by(self, more: Permissions) -> Permissions {
        Permissions { mode: more.mode.or(self.mode), group: more.group.or(self.group) }
    }
}

/// A mode in octal: `0660`, `660`.
pub(super) fn parse_mode(text: &str) -> Result<u32, String> {
    let is_octal = (1..=5).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    mode.ok_or_else(|| format!("`{text}` is no mode of a node; write it in octal, from 0000 to 0777, such as 0660"))
}

/// A group. Whether there is such a one the machine says, when the node is made.
pub(super) fn parse_group(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 256 || text.contains(['\0', ':', '\n']) {
        return Err(format!("`{text}` cannot be the name of a group; write one of `getent group`, such as i2c"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Permissions, parse_group, parse_mode};

    #[test]
    fn modes_are_octal() {
        for (text, mode) in [("0660", Some(0o660)), ("660", Some(0o660)), ("0", Some(0)), ("00777", Some(0o777))] {
            assert_eq!(parse_mode(text).ok(), mode, "{text}");
        }
        for text in ["", "668", "1777", "0o660", "-1", "+660", " 660", "rw", "000660", "777777777777777"] {
            let why = parse_mode(text).unwrap_err();
            assert!(why.contains("in octal"), "{text}: {why}");
        }
    }

    #[test]
    fn groups_are_words() {
        assert_eq!(parse_group("i2c").as_deref(), Ok("i2c"));
        assert!(parse_group("").is_err() && parse_group("a:b").is_err() && parse_group("a\0").is_err());
    }

    #[test]
    fn the_later_word_counts() {
        let first = Permissions { mode: Some(0o600), group: Some("a".into()) };
        let more = Permissions { mode: None, group: Some("b".into()) };
        assert_eq!(first.overridden_by(more), Permissions { mode: Some(0o600), group: Some("b".into()) });
    }
}
