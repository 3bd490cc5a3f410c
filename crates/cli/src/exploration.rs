//! What `explore` and `demo` share.

use crate::terminal::{self, Stream};
use outlive_explore::Paint;

/// How many processors there are for us.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get())
}

/// The colours of a report on standard output.
pub(crate) fn paint() -> Paint {
    Paint { on: terminal::has_color(Stream::Out) }
}
