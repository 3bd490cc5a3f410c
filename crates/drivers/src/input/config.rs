//! What a lab says about an input device.

use super::{
    evemu,
    model::Model,
    models,
    script::{self, Script},
};
use crate::{
    clock::Clock,
    keys::{ConfigError, Keys},
    value::ValueError,
};
use outlive_classes::input::{Description, Driver};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// An input device: `keyboard,script=FILE`.
///
/// Keys of every model: `script=FILE`, what it does when it is first opened: a [`Script`] or an evemu recording; `name=TEXT`,
/// `phys=TEXT`, `uniq=TEXT`, as EVIOCGNAME and its like say them.
/// Key of `touchscreen`: `size=WIDTHxHEIGHT` in points (800x480).
/// Key of `evemu`: `file=DESCRIPTION`, made by evemu-describe or evemu-record; the events in it are its script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputConfig {
    /// What it is: one of [`known_models`].
    pub model: String,
    /// Everything else, by name.
    pub keys: BTreeMap<String, String>,
}

const MODELS: [&str; 5] = ["keyboard", "mouse", "touchscreen", "gamepad", "evemu"];
const KEYS: [&str; 4] = ["name", "phys", "uniq", "script"];
/// The longest name, in bytes.
const LONGEST_NAME: usize = 255;

/// The models that there are: those that an [`InputConfig`] can name, and `uinput`, which is no device itself, and a lab's own.
pub fn known_models() -> impl Iterator<Item = &'static str> {
    MODELS.into_iter().chain(["uinput"])
}

impl InputConfig {
    /// Makes the device, which lives in the time of `clock`.
    ///
    /// # Errors
    /// [`ConfigError`], which says what is wrong and what to do.
    pub fn build(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Driver>, ConfigError> {
        let Some(model) = MODELS.into_iter().find(|model| self.model.eq_ignore_ascii_case(model)) else {
            let known = known_models().collect();
            return Err(ConfigError::UnknownModel { what: "input device", model: self.model.clone(), known });
        };
        let own: &[&str] = match model {
            "touchscreen" => &["size"],
            "evemu" => &["file"],
            _ => &[],
        };
        let keys = Keys::new(model, &self.keys, &[&KEYS, own].concat())?;
        let (description, recorded) = described(model, &keys)?;
        let description = named(description, &keys)?;
        let script = match keys.text("script") {
            None => recorded,
            Some(path) => {
                let script = Script::read(Path::new(path), &description);
                script.map_err(|why| ConfigError::range("script", why))?
            }
        };
        Ok(Box::new(Model::new(description, script, clock)))
    }
}

/// What the model is, and what is known of what it did.
fn described(model: &str, keys: &Keys<'_>) -> Result<(Description, Script), ConfigError> {
    let description = match model {
        "mouse" => models::mouse(),
        "touchscreen" => {
            let (width, height) = keys.value("size", parse_size)?.unwrap_or((800, 480));
            models::touchscreen(width, height)
        }
        "gamepad" => models::gamepad(),
        "evemu" => {
            let path = keys.text("file").ok_or_else(|| {
                ConfigError::range("file", "which one? add file=DESCRIPTION, made by evemu-describe or evemu-record")
            })?;
            let text = script::read(Path::new(path)).map_err(|why| ConfigError::range("file", why))?;
            let said = |error| ConfigError::range("file", format!("{path}: {error}"));
            return Ok((evemu::description(&text).map_err(said)?, evemu::events(&text).map_err(said)?));
        }
        _ => models::keyboard(),
    };
    Ok((description, Script::default()))
}

fn named(mut description: Description, keys: &Keys<'_>) -> Result<Description, ConfigError> {
    for key in ["name", "phys", "uniq"] {
        let Some(text) = keys.text(key) else { continue };
        // It stands in lines of /sys and of uevents.
        if text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
            return Err(ConfigError::range(key, format!("at most {LONGEST_NAME} bytes on one line")));
        }
        match key {
            "name" => description.name = text.to_owned(),
            "phys" => description.phys = Some(text.to_owned()),
            _ => description.uniq = Some(text.to_owned()),
        }
    }
    Ok(description)
}

/// `800x480`: 1 to 65536 points each way.
fn parse_size(text: &str) -> Result<(i32, i32), ValueError> {
    let points = |text: &str| text.parse::<i32>().ok().filter(|points| (1..=65536).contains(points));
    let size = text.split_once('x').and_then(|(width, height)| Some((points(width)?, points(height)?)));
    size.ok_or_else(|| ValueError::new(text, "a size in points, such as 800x480"))
}
