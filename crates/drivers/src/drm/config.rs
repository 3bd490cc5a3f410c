//! What a lab says about a card.

use super::displays::VirtualDisplays;
use crate::{
    clock::Clock,
    keys::{ConfigError, Keys},
    value::ValueError,
};
use outlive_classes::drm::{Driver, LARGEST, MOST_CONNECTORS, Mode, Monitor};
use std::{collections::BTreeMap, sync::Arc};

/// A card: `virtual,connectors=2,mode=1280x800`.
///
/// Keys of `virtual`: `connectors=N`, how many it has (1); `mode=WIDTHxHEIGHT[@HERTZ]`, what the displays on them are made
/// for (1280x800@60); `connected=N`, on how many of them a display hangs as it is plugged in (all).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardConfig {
    /// What it is: one of [`known_models`].
    pub model: String,
    /// Everything else, by name.
    pub keys: BTreeMap<String, String>,
}

const VIRTUAL: &str = "virtual";
const KEYS: [&str; 3] = ["connected", "connectors", "mode"];
const HERTZ: u16 = 60;

/// The models that a [`CardConfig`] can name.
pub fn known_models() -> impl Iterator<Item = &'static str> {
    [VIRTUAL].into_iter()
}

impl CardConfig {
    /// Makes the card, whose beams follow `clock`.
    ///
    /// # Errors
    /// [`ConfigError`], which says what is wrong and what to do.
    pub fn build(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Driver>, ConfigError> {
        if !self.model.eq_ignore_ascii_case(VIRTUAL) {
            let known = known_models().collect();
            return Err(ConfigError::UnknownModel { what: "card", model: self.model.clone(), known });
        }
        let keys = Keys::new(VIRTUAL, &self.keys, &KEYS)?;
        let count = keys.value("connectors", |text| count(text, 1))?.unwrap_or(1);
        let connected = keys.value("connected", |text| self::count(text, 0))?.unwrap_or(count);
        if connected > count {
            return Err(ConfigError::range("connected", format!("at most as many as there are connectors: {count}")));
        }
        let mode = match keys.value("mode", parse_mode)? {
            Some(mode) => mode,
            None => parse_mode("1280x800").map_err(|error| ConfigError::Value { key: "mode", error })?,
        };
        let monitors = (1..=count).map(|number| Monitor::new(mode, number as u32)).collect();
        let connected = (0..count).map(|number| number < connected).collect();
        Ok(Box::new(VirtualDisplays::new(monitors, connected, clock)))
    }
}

fn count(text: &str, least: usize) -> Result<usize, ValueError> {
    let count = text.parse().ok().filter(|count| (least..=MOST_CONNECTORS).contains(count));
    count.ok_or_else(|| ValueError::new(text, "a number of connectors, of which there are up to 32"))
}

/// `1280x800`, `1280x800@75`
fn parse_mode(text: &str) -> Result<Mode, ValueError> {
    let (size, hertz) = text.split_once('@').map_or((text, Some(HERTZ)), |(size, hertz)| (size, hertz.parse().ok()));
    let parsed =
        size.split_once('x').and_then(|(width, height)| Mode::new(width.parse().ok()?, height.parse().ok()?, hertz?));
    parsed.ok_or_else(|| ValueError::new(text, WANTED))
}

const WANTED: &str =
    "a size in pixels, such as 1280x800 or 1280x800@60: up to 4095 each way, 1 to 240 pictures a second";
const _: () = assert!(LARGEST == 4095 && MOST_CONNECTORS == 32, "as the texts have it");
