//! What a lab is told of a server: the keys of the model `server`.

use super::split;
use outlive_drivers::value;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It listens there.
    Socket(PathBuf),
    /// It is started by us: a program and its arguments.
    Command(Vec<String>),
}

/// The server of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// How it is reached.
    pub reach: Reach,
    /// How long each operation may take. A flash that erases more slowly than that needs more.
    pub deadline: Duration,
    /// After so many missed deadlines in a row the device has gone.
    pub misses: u32,
    /// If the device comes back by itself as a new generation when its server was lost: how long after, the first time.
    /// Each further time in a row it takes twice as long.
    pub restart: Option<Duration>,
    /// What a server that we start may write to, besides what it is given: a directory or a file.
    pub writes: Option<PathBuf>,
    /// Whether several may have its TPM open at a time, as [`Tpm::is_shared`](outlive_classes::tpm::Tpm) says it. No key says so:
    /// /dev/tpmN has one opener, but the removal law, and its suite, speak of many handles.
    #[serde(default)]
    pub shared: bool,
}

/// The keys of a server.
const KEYS: [&str; 7] = ["socket", "command", "deadline", "misses", "restart", "back-off", "writes"];

/// Why a server cannot be as its keys say, and which key it is.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) key: String,
    pub(crate) why: String,
}

impl ServerSettings {
    /// Of the keys of a device; `words` is its command where that came as a list.
    pub(crate) fn parse(mut keys: BTreeMap<String, String>, words: Option<Vec<String>>) -> Result<Self, Wrong> {
        let wrong = |key: &str, why: String| Wrong { key: key.to_owned(), why };
        let mut take = |key: &str| keys.remove(key);
        let (socket, command) = (take("socket"), take("command"));
        let command = match (command, words) {
            (Some(text), None) => {
                Some(split(&text).map_err(|why| wrong("command", format!("the command `{text}`: {why}")))?)
            }
            (_, words) => words,
        };
        let reach = match (socket, command) {
            (Some(path), None) => Reach::Socket(path.into()),
            (None, Some(words)) => Reach::Command(words),
            (None, None) => {
                let why =
                    "which server? write socket=PATH for one that listens there, or command=WORDS for one to start";
                return Err(wrong("model", why.into()));
            }
            (Some(_), Some(_)) => {
                return Err(wrong("command", "a server is reached by `socket` or by `command`; leave one out".into()));
            }
        };
        let duration = |key: &str, text: Option<String>| {
            let parsed = text.map(|text| value::parse_duration(&text)).transpose();
            match parsed.map_err(|why| wrong(key, format!("the {key} {why}")))? {
                Some(none) if none.is_zero() => {
                    Err(wrong(key, format!("the {key} is 0; write a duration, such as 1s")))
                }
                other => Ok(other),
            }
        };
        let deadline = duration("deadline", take("deadline"))?.unwrap_or(Duration::from_secs(1));
        let pause = duration("back-off", take("back-off"))?;
        let restart = match take("restart").as_deref() {
            None if pause.is_some() => {
                return Err(wrong("back-off", "`back-off` is for `restart=new-generation`; write that, too".into()));
            }
            None => None,
            Some("new-generation") => Some(pause.unwrap_or(Duration::from_millis(100))),
            Some(other) => return Err(wrong("restart", format!("unknown restart `{other}`; there is new-generation"))),
        };
        let misses = match take("misses").map(|text| value::parse_integer(&text)).transpose() {
            Err(why) => return Err(wrong("misses", format!("the misses {why}"))),
            Ok(None) => 3,
            Ok(Some(count @ 1..=1_000_000)) => count as u32,
            Ok(Some(count)) => return Err(wrong("misses", format!("{count} misses: from 1 to 1000000 there can be"))),
        };
        let writes = take("writes").map(PathBuf::from);
        if writes.is_some() && matches!(reach, Reach::Socket(_)) {
            return Err(wrong("writes", "`writes` limits a server that is started; this one listens".into()));
        }
        match keys.into_keys().next() {
            Some(key) => {
                let why = format!("unknown key `{key}`; {}", crate::lab::known(&key, &KEYS));
                Err(Wrong { key, why })
            }
            None => Ok(ServerSettings { reach, deadline, misses, restart, writes, shared: false }),
        }
    }

    /// How long the hello of a server that begins is waited for: programs take their time to start.
    pub(crate) fn patience(&self) -> Duration {
        self.deadline.saturating_mul(5).max(Duration::from_secs(10))
    }
}
