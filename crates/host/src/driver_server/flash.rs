//! A flash that is in another process.

use super::{Link, link::End};
use outlive::Noticer;
use outlive_classes::mtd::{Command, Fault, Flash, Geometry, Order};
use outlive_protocol::{Device, Hello, Reply, Request};
use std::{fmt, sync::Arc};

/// What the server of a flash said in its hello, and the link to it.
pub(crate) struct RemoteFlash {
    link: Arc<Link>,
    name: String,
    geometry: Geometry,
}

impl RemoteFlash {
    /// `None` if the hello is of something else.
    pub(crate) fn new(link: Arc<Link>, hello: Hello) -> Option<Self> {
        match hello.device {
            Device::Mtd(geometry) => Some(RemoteFlash { link, name: hello.name, geometry }),
            _ => None,
        }
    }
}

impl Flash for RemoteFlash {
    fn geometry(&self) -> Geometry {
        self.geometry.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn begin(&self, command: Command, order: Order) {
        self.link.carry(Request::Mtd(command), order, |end| match end {
            End::Reply(Reply::Mtd(answer)) => answer,
            End::TimedOut => Err(Fault::TimedOut.into()),
            _ => Err(Fault::Io.into()),
        });
    }

    fn plugged(&self, noticer: &Noticer) {
        self.link.plugged(noticer);
    }

    fn teardown(&mut self) {
        self.link.begin_goodbye();
        self.link.end_goodbye();
    }
}

impl fmt::Debug for RemoteFlash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteFlash").field("name", &self.name).field("link", &self.link).finish_non_exhaustive()
    }
}
