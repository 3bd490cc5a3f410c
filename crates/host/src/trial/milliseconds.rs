//! A duration as a number of milliseconds, with what comes behind the point: as reports have it.

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use std::time::Duration;

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1e3)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let milliseconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(milliseconds / 1e3).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use crate::trial::Replug;
    use std::time::Duration;

    #[test]
    fn it_is_read_as_it_was_written() {
        let rows = [(Duration::from_millis(50), "50.0"), (Duration::from_micros(1), "0.001"), (Duration::ZERO, "0.0")];
        for (duration, text) in rows {
            let text = format!(r#"{{"time_ms":{text}}}"#);
            assert_eq!(serde_json::to_string(&Replug::Time(duration)).unwrap(), text);
            assert_eq!(serde_json::from_str::<Replug>(&text).unwrap(), Replug::Time(duration));
        }
        assert_eq!(serde_json::to_string(&Replug::Operations(3)).unwrap(), r#"{"operations":3}"#);
        for wrong in ["-1", "1e300", "\"5\""] {
            assert!(serde_json::from_str::<Replug>(&format!(r#"{{"time_ms":{wrong}}}"#)).is_err(), "{wrong}");
        }
    }
}
