//! An I2C adapter that is in another process.

use super::{Link, link::End};
use outlive::Noticer;
use outlive_classes::i2c::{Adapter, Claim, Error, Message, Transfer};
use outlive_protocol::{Device, Hello, Reply, Request};
use std::{fmt, sync::Arc};

/// What the server of an adapter said in its hello, and the link to it.
pub(crate) struct RemoteAdapter {
    link: Arc<Link>,
    name: String,
    functionality: u32,
    claims: Vec<Claim>,
}

impl RemoteAdapter {
    /// `None` if the hello is of something else. What it can do is limited to `functionality`.
    pub(crate) fn new(link: Arc<Link>, hello: Hello, limit: u32) -> Option<Self> {
        match hello.device {
            Device::I2c { functionality, claims } => {
                Some(RemoteAdapter { link, name: hello.name, functionality: functionality & limit, claims })
            }
            _ => None,
        }
    }
}

impl Adapter for RemoteAdapter {
    fn functionality(&self) -> u32 {
        self.functionality
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn transfer(&self, messages: Vec<Message>, transfer: Transfer) {
        self.link.carry(Request::I2c(messages), transfer, |end| match end {
            End::Reply(Reply::I2c(answer)) => answer,
            End::TimedOut => Err(Error::TimedOut),
            _ => Err(Error::Io),
        });
    }

    fn is_claimed(&self, address: u16) -> bool {
        self.claims.iter().any(|claim| claim.address == address)
    }

    fn claims(&self) -> Vec<Claim> {
        self.claims.clone()
    }

    fn plugged(&self, noticer: &Noticer) {
        self.link.plugged(noticer);
    }

    fn teardown(&mut self) {
        self.link.begin_goodbye();
        self.link.end_goodbye();
    }
}

impl fmt::Debug for RemoteAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteAdapter").field("name", &self.name).field("link", &self.link).finish_non_exhaustive()
    }
}
