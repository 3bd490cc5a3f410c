//! How a statement was broken.

use std::fmt;

/// What was seen, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach(pub String);

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Ends the check with a [`Breach`] unless the first holds.
macro_rules! law {
    ($holds:expr, $($saw:tt)+) => {
        if !$holds {
            return Err($crate::Breach(format!($($saw)+)));
        }
    };
}
