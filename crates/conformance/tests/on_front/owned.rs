//! What users have of a device besides their open files.

use super::agent::Agent;
use outlive_conformance::{Mapped, Object, Said};
use std::{sync::Arc, time::Duration};

/// Something that an open file of the agent's has.
pub(super) struct Own {
    pub(super) agent: Arc<Agent>,
    pub(super) destroys: &'static str,
    pub(super) file: u64,
    pub(super) number: u64,
}

impl Object for Own {
    fn destroy(self: Box<Self>) -> Said {
        let Own { agent, destroys, file, number } = *self;
        agent.ask(format_args!("{destroys} {file} {number}")).said().within(Duration::from_secs(10)).expect("an answer")
    }
}

/// A mapping of the agent's.
pub(super) struct Mapping {
    pub(super) agent: Arc<Agent>,
    pub(super) address: u64,
}

impl Mapped for Mapping {
    fn get(&self, number: usize) -> Result<u32, Said> {
        let value = self.agent.ask(format_args!("get {}", self.address + 4 * number as u64)).number()?;
        Ok(value as u32)
    }

    fn set(&self, number: usize, value: u32) -> Result<(), Said> {
        self.agent.ask(format_args!("set {} {value}", self.address + 4 * number as u64)).number().map(drop)
    }
}
