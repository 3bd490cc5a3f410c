//! i2c: the buses behind `/dev/i2c-N`.

mod driver;

pub use driver::{Adapter, Error, Message, Transfer};

use crate::{Errno, File, Hardware, Node, OpenFlags, Plugged, StillBusy};
use outlive::{Generation, Gone, Inside, Number, Reason};
use std::{sync::Arc, time::Duration};

/// What handles of a bus see for ever.
#[derive(Debug)]
pub struct Shared {
    number: Number,
}

/// A bus that is plugged in.
#[derive(Debug)]
pub struct Bus {}

impl Bus {
    /// Plugs in an adapter as bus `number`.
    pub fn plug(number: Number, adapter: Box<dyn Adapter>) -> Self {
        let _ = (Shared { number }.number, adapter);
        unimplemented!()
    }
}

impl Plugged for Bus {
    fn class(&self) -> &'static str {
        "i2c"
    }
    fn node(&self) -> &Node {
        unimplemented!()
    }
    fn generation(&self) -> Generation {
        unimplemented!()
    }
    fn open(&self, _flags: OpenFlags) -> Result<Arc<dyn File>, Errno> {
        unimplemented!()
    }
    fn on_names(&self, _hook: Box<dyn FnOnce(Gone) + Send>) {
        unimplemented!()
    }
    fn unplug(&self, _reason: Reason, _limit: Duration) -> Result<Option<Hardware>, StillBusy> {
        unimplemented!()
    }
    fn gone(&self) -> Option<Gone> {
        unimplemented!()
    }
    fn handles(&self) -> usize {
        unimplemented!()
    }
    fn inside(&self) -> Vec<Inside> {
        unimplemented!()
    }
}
