//! What was asked, carried out and answered in one run.

use outlive_conformance::Said;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

#[derive(Default)]
pub(crate) struct Books(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    /// The highest token that was given out.
    last: u64,
    /// How often each was carried out, as the servers say.
    carried_out: BTreeMap<u64, u32>,
    /// Which were answered with success.
    answered: BTreeSet<u64>,
    /// How many calls ended since the device had gone.
    lost: u64,
    /// The first thing that was wrong.
    breach: Option<String>,
}

impl Books {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What nobody else says.
    pub(crate) fn token(&self) -> u64 {
        let mut pages = self.pages();
        pages.last += 1;
        pages.last
    }

    pub(crate) fn carried_out(&self, token: u64) {
        *self.pages().carried_out.entry(token).or_default() += 1;
    }

    /// A call was answered, with that first word.
    pub(crate) fn answered(&self, token: u64, word: u64, right: u64) {
        if word != right {
            self.breach(format!("call {token} got {word:#x}, which belongs to another; its own is {right:#x}"));
        }
        self.pages().answered.insert(token);
    }

    /// A call ended since the device had gone.
    pub(crate) fn lost(&self) {
        self.pages().lost += 1;
    }

    pub(crate) fn breach(&self, what: impl Into<String>) {
        self.pages().breach.get_or_insert(what.into());
    }

    pub(crate) fn is_breached(&self) -> bool {
        self.pages().breach.is_some()
    }

    /// Unexpected words of a client.
    pub(crate) fn unexpected(&self, what: &str, said: &Said) {
        self.breach(format!("{what} said {said:?}"));
    }

    /// What was wrong in all, or how many calls were answered and lost.
    pub(crate) fn close(&self) -> Result<(usize, u64), String> {
        let pages = self.pages();
        if let Some(breach) = &pages.breach {
            return Err(breach.clone());
        }
        if let Some((token, times)) = pages.carried_out.iter().find(|(_, times)| **times != 1) {
            return Err(format!("call {token} was carried out {times} times"));
        }
        if let Some(token) = pages.carried_out.keys().find(|token| **token > pages.last) {
            return Err(format!("something was carried out that nobody asked for: {token}"));
        }
        match pages.answered.iter().find(|token| !pages.carried_out.contains_key(*token)) {
            Some(token) => Err(format!("call {token} was answered, and not carried out")),
            None => Ok((pages.answered.len(), pages.lost)),
        }
    }
}
