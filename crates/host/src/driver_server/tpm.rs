//! A TPM that is in another process.

use super::{Link, link::End};
use outlive::Noticer;
use outlive_classes::tpm::{Error, Order, Tpm, Version};
use outlive_protocol::{Device, Hello, Reply, Request};
use std::{fmt, sync::Arc};

/// What the server of a TPM said in its hello, and the link to it.
pub(crate) struct RemoteTpm {
    link: Arc<Link>,
    version: Version,
    shared: bool,
}

impl RemoteTpm {
    /// `None` if the hello is of something else.
    pub(crate) fn new(link: Arc<Link>, hello: &Hello) -> Option<Self> {
        let shared = link.settings.shared;
        match hello.device {
            Device::Tpm { version } => Some(RemoteTpm { link, version, shared }),
            _ => None,
        }
    }
}

impl Tpm for RemoteTpm {
    fn version(&self) -> Version {
        self.version
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn begin(&self, command: Vec<u8>, order: Order) {
        self.link.carry(Request::Tpm(command), order, |end| match end {
            End::Reply(Reply::Tpm(answer)) => answer,
            End::Reply(Reply::Cancelled) => Err(Error::Canceled),
            End::TimedOut => Err(Error::TimedOut),
            _ => Err(Error::Io),
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

impl fmt::Debug for RemoteTpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTpm").field("version", &self.version).field("link", &self.link).finish()
    }
}
