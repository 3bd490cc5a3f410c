//! What a channel and its descriptors in flight have in common.

use super::{
    Abort, ChannelId, Cookie, Error, Provider, Shared, Transaction, Transfer, deferral::Deferral,
    descriptor::Callbacks, job::Job,
};
use outlive::{Gone, Handle, Operation, Refused, Watch};
use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::ThreadId,
    time::{Duration, Instant},
};

pub(super) type ProviderHandle = Handle<Shared, Box<dyn Provider>>;
pub(super) type Inside = Operation<Shared, Box<dyn Provider>>;

/// A channel that is given out. It lives until the channel is released and all that was in flight is back.
pub(super) struct Line {
    handle: ProviderHandle,
    id: ChannelId,
    paused: Arc<AtomicBool>,
    /// What consumers write. Its lock comes before the one of `flight`.
    book: Mutex<Book>,
    /// What the engine writes.
    flight: Mutex<Flight>,
    /// Notified when something has come back, if somebody waits.
    back: Condvar,
    /// Whether it is issued by itself when the device runs again.
    parked: AtomicBool,
    /// Keeps two threads that issue from changing the order.
    issuing: Mutex<()>,
    watch: OnceLock<Watch<Shared, Box<dyn Provider>>>,
}

#[derive(Default)]
struct Book {
    gone: Option<Gone>,
    last_cookie: u64,
    /// Submitted, and not issued yet.
    pending: VecDeque<Box<Job>>,
}

#[derive(Default)]
struct Flight {
    /// In the provider's hands, by number.
    issued: VecDeque<(u64, Cookie)>,
    /// Ended, and not told yet.
    ended: VecDeque<Box<Job>>,
    /// Who calls a callback now, and the one of which descriptor.
    delivering: Option<(ThreadId, u64)>,
    waiting: usize,
}

impl Line {
    pub(super) fn new(handle: ProviderHandle, id: ChannelId) -> Arc<Self> {
        let line = Arc::new(Line {
            handle: handle.clone(),
            id,
            paused: Arc::default(),
            book: Mutex::default(),
            flight: Mutex::default(),
            back: Condvar::new(),
            parked: AtomicBool::new(false),
            issuing: Mutex::default(),
            watch: OnceLock::new(),
        });
        let weak = Arc::downgrade(&line);
        let watch = handle.on_gone(move |gone| {
            if let Some(line) = weak.upgrade() {
                line.provider_gone(gone);
            }
        });
        let _ = line.watch.set(watch);
        line
    }

    pub(super) fn handle(&self) -> &ProviderHandle {
        &self.handle
    }

    pub(super) fn id(&self) -> ChannelId {
        self.id
    }

    /// Calls the provider, inside the gate. No callback is called before both are left.
    pub(super) fn with_provider<R>(&self, call: impl FnOnce(&dyn Provider) -> R) -> Result<R, Gone> {
        let _deferral = Deferral::begin();
        let provider = self.handle.enter()?;
        Ok(call(&**provider))
    }

    /// Puts a descriptor into the queue of those that are to be issued. Refused after the mark: it comes back.
    pub(super) fn submit(&self, transfer: Transfer, callbacks: Callbacks) -> Result<Cookie, (Gone, Transfer)> {
        let mut book = self.book();
        if let Some(gone) = book.gone.or_else(|| self.handle.gone()) {
            return Err((gone, transfer));
        }
        book.last_cookie += 1;
        let cookie = Cookie::new(book.last_cookie, transfer.length(), self.paused.clone());
        book.pending.push_back(Job::new(cookie.clone(), transfer, callbacks));
        Ok(cookie)
    }

    /// Hands what has been submitted to the provider, or has it handed over when the device runs again.
    pub(super) fn issue_pending(self: &Arc<Self>) -> Result<(), Error> {
        let Some(kind) = self.book().pending.front().map(|job| job.kind()) else {
            return self.handle.gone().map_or(Ok(()), |gone| Err(Error::Gone(gone)));
        };
        match self.handle.begin(kind) {
            Ok(operation) => self.issue(operation),
            Err(Refused::Gone(gone)) => Err(self.provider_gone(gone)),
            Err(refused) => self.park(kind).ok_or(Error::from(refused)),
        }
    }

    /// `None` if the device is in a state that has nobody wait.
    fn park(self: &Arc<Self>, kind: &'static str) -> Option<()> {
        if self.parked.swap(true, Ordering::AcqRel) {
            // Whoever is parked takes along what is pending by then.
            return Some(());
        }
        let line = Arc::downgrade(self);
        let number = self.handle.begin_or_park(kind, move |admitted| {
            let Some(line) = line.upgrade() else { return };
            line.parked.store(false, Ordering::Release);
            match admitted {
                Ok(operation) => {
                    // If the provider goes meanwhile, the completions say so.
                    let _ = line.issue(operation);
                }
                Err(Refused::Gone(gone)) => {
                    line.provider_gone(gone);
                }
                // It stays pending, to be issued again.
                Err(_) => {}
            }
        });
        if number.is_none() {
            self.parked.store(false, Ordering::Release);
        }
        number.map(|_| ())
    }

    fn issue(self: &Arc<Self>, operation: Inside) -> Result<(), Error> {
        let issued = self.with_provider(|provider| {
            let _turn = self.issuing.lock().unwrap_or_else(PoisonError::into_inner);
            let pending = self.take_pending();
            if !pending.is_empty() {
                provider.issue(self.id, Transaction::begin_all(self, operation, pending));
            }
        });
        // They end at the mark's waking, which may be to come yet.
        issued.map_err(|gone| self.provider_gone(gone))
    }

    /// What is pending is in flight from here on: the mark and a termination find it there.
    fn take_pending(&self) -> VecDeque<Box<Job>> {
        let mut book = self.book();
        let pending = std::mem::take(&mut book.pending);
        self.flight().issued.extend(pending.iter().map(|job| (job.number(), job.cookie.clone())));
        pending
    }

    /// Asks the engine to stop those of these that are in flight.
    pub(super) fn stop(&self, numbers: RangeInclusive<u64>, why: Abort) {
        let flight = self.flight();
        let of_these = flight.issued.iter().filter(|(number, _)| numbers.contains(number));
        of_these.for_each(|(_, cookie)| cookie.stop(why));
    }

    /// Ends what has been submitted and not been issued.
    fn abort_pending(self: &Arc<Self>, why: Abort) {
        let mut book = self.book();
        let pending = std::mem::take(&mut book.pending);
        self.flight().ended.extend(pending.into_iter().map(|job| job.abort(why)));
        drop(book);
        self.deliver();
    }

    /// What is in flight is told by its own operation, at once or when the policy of the removal has it so.
    fn provider_gone(self: &Arc<Self>, gone: Gone) -> Error {
        self.book().gone.get_or_insert(gone);
        self.abort_pending(Abort::Gone(gone));
        Error::Gone(gone)
    }

    /// `dmaengine_terminate_async`.
    pub(super) fn terminate(self: &Arc<Self>) {
        // In this order: what is issued between the two is stopped, or was submitted later.
        self.abort_pending(Abort::Terminated);
        self.stop(0..=u64::MAX, Abort::Terminated);
        let not_begun = self.with_provider(|provider| {
            let not_begun = provider.terminate(self.id);
            self.paused.store(false, Ordering::Relaxed);
            not_begun
        });
        // Here, outside of the gate. On a provider that went the mark has seen to them.
        drop(not_begun);
    }

    /// `pause` first tells the provider, so that an engine that sees the channel paused finds its driver paused.
    pub(super) fn set_paused(&self, pause: bool) -> Result<(), Error> {
        if !self.handle.shared().capabilities().pause {
            return Err(Error::Unsupported);
        }
        self.with_provider(|provider| {
            if pause {
                provider.pause(self.id);
                self.paused.store(true, Ordering::Relaxed);
                return Ok(());
            }
            if !self.paused.swap(false, Ordering::Relaxed) {
                return Err(Error::NotPaused);
            }
            provider.resume(self.id);
            Ok(())
        })?
    }

    /// A descriptor that was in flight has ended, and has left the gate.
    pub(super) fn end(self: &Arc<Self>, ended: Box<Job>) {
        let mut flight = self.flight();
        flight.forget(ended.number());
        if flight.delivering.is_none() && flight.ended.is_empty() && !Deferral::owes(self) {
            // The common case, in which nothing has to be put down anywhere.
            flight = self.tell(flight, ended);
        } else {
            flight.ended.push_back(ended);
        }
        self.deliver_from(flight);
    }

    /// Calls the callbacks of what has ended, unless somebody does it already: then it does these, too.
    pub(super) fn deliver(self: &Arc<Self>) {
        self.deliver_from(self.flight());
    }

    fn deliver_from<'a>(self: &'a Arc<Self>, mut flight: MutexGuard<'a, Flight>) {
        if flight.ended.is_empty() || flight.delivering.is_some() || Deferral::owes(self) {
            return;
        }
        while let Some(ended) = flight.ended.pop_front() {
            flight = self.tell(flight, ended);
        }
    }

    /// Calls one callback, with the lock released.
    fn tell<'a>(&'a self, mut flight: MutexGuard<'a, Flight>, ended: Box<Job>) -> MutexGuard<'a, Flight> {
        flight.delivering = Some((std::thread::current().id(), ended.number()));
        drop(flight);
        // The panic hook has reported one that panics; the others still hear.
        let _ = catch_unwind(AssertUnwindSafe(|| ended.tell()));
        let mut flight = self.flight();
        flight.delivering = None;
        if flight.waiting > 0 {
            self.back.notify_all();
        }
        flight
    }

    /// Waits until all that has been submitted by now and issued or stopped is back, its callbacks returned.
    pub(super) fn synchronize(&self, limit: Duration) -> Result<(), Error> {
        outlive::about_to_wait();
        let deadline = Instant::now().checked_add(limit);
        let last = self.book().last_cookie;
        let mut flight = self.flight();
        flight.waiting += 1;
        let result = loop {
            if flight.is_back(last) {
                break Ok(());
            }
            if flight.delivering.is_some_and(|(thread, _)| thread == std::thread::current().id()) {
                break Err(Error::InCallback);
            }
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break Err(Error::TimedOut(limit));
            }
            flight = self.back.wait_timeout(flight, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        flight.waiting -= 1;
        result
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Engines end them in their order, mostly.
    fn forget(&mut self, number: u64) {
        if self.issued.front().is_some_and(|(first, _)| *first == number) {
            self.issued.pop_front();
        } else if let Ok(place) = self.issued.binary_search_by_key(&number, |(number, _)| *number) {
            self.issued.remove(place);
        }
    }

    /// Whether nothing up to the cookie `last` is in flight, waits to be told, or is being told.
    fn is_back(&self, last: u64) -> bool {
        let in_flight = self.issued.front().is_some_and(|(first, _)| *first <= last);
        let ended = self.ended.iter().any(|ended| ended.number() <= last);
        let told = self.delivering.is_some_and(|(_, number)| number <= last);
        !in_flight && !ended && !told
    }
}

/// The channel has been released, and nothing of it is in flight: somebody else may have it. A provider that went hears
/// nothing of it (I8).
impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.with_provider(|provider| provider.free(self.id));
        self.handle.shared().put_back(self.id);
    }
}
