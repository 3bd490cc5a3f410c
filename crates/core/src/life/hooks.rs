//! Those who want to be told.

use super::Life;
use crate::{
    Gone, Policy, State,
    hook::Hook,
    sync::{lock, planted},
    watch::Kind,
};

impl<S, H> Life<S, H> {
    /// Registers `hook` with the names, or calls it if they have been taken away.
    pub(crate) fn on_names(&self, hook: Hook<Gone>) {
        let mut book = lock(&self.book);
        if book.names_taken {
            drop(book);
            hook(self.gone_now());
        } else {
            book.pages().names.push(hook);
        }
    }

    /// Registers `hook` as one who is to be told, or calls it if that has happened. The result takes it back with
    /// [`Life::forget_watch`].
    pub(crate) fn watch(&self, kind: Kind, hook: Hook<Option<Gone>>) -> u64 {
        let mut book = lock(&self.book);
        if planted!(WatchLost) && !book.woken {
            drop(book);
            book = lock(&self.book);
            book.woken = false;
        }
        let told = match kind {
            Kind::Gone => book.woken,
            Kind::Closing => book.state == State::Closing,
            Kind::Kill => book.woken && book.pages().policy == Policy::Kill,
        };
        let pages = book.pages();
        let number = pages.take_watch();
        if told {
            drop(book);
            hook(self.gone());
        } else {
            pages.watches[kind as usize].insert(number, hook);
        }
        number
    }

    pub(crate) fn forget_watch(&self, kind: Kind, number: u64) {
        let hook = lock(&self.book).written().and_then(|pages| pages.watches[kind as usize].remove(&number));
        // Only now, with the lock released: dropping what a hook owns may run anything.
        drop(hook);
    }
}
