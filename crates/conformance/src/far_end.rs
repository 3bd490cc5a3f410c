//! The driver and the hardware of a device under test: what reaches them is counted and written down.

use outlive::Cause;
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// What the driver does with a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// Answers at once.
    Prompt,
    /// Keeps it until it is cancelled or [released](FarEnd::release).
    Hold,
    /// Keeps it until it is released, whatever it is told.
    Deaf,
    /// Answers with an error of its own.
    Fail,
    /// Runs what was given to [`FarEnd::when_called`] inside the call, then answers.
    Act,
}

/// What has happened at the far end, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// The driver was called.
    Called,
    /// It was told to let go of a call.
    Cancelled,
    /// It had its last word.
    Teardown,
    /// An action ran that was tied to the hardware's lifetime, by its place from 1.
    HardwareAction(u8),
    /// As well, tied to the handles' lifetime.
    HandleAction(u8),
}

/// A call in the driver's hands.
pub trait Held: Send {
    /// Answers it with success.
    fn finish(self: Box<Self>);
    /// Answers it with an error of the driver's own.
    fn fail(self: Box<Self>);
    /// Gives it back, as the driver was told to.
    fn let_go(self: Box<Self>, cause: Cause);
    /// Calls `hook` if it is cancelled.
    fn on_cancel(&self, hook: Box<dyn FnOnce(Cause) + Send>);
}

/// Calls that are kept, by name, and those that were to be let go before they were kept.
#[derive(Default)]
struct InHand {
    calls: Vec<(usize, Box<dyn Held>)>,
    told: Vec<(usize, Cause)>,
}

type Act = Box<dyn Fn() + Send + Sync>;

/// The far end of one device. It outlives the device, so that it can bear witness.
pub struct FarEnd {
    behaviour: Mutex<Behaviour>,
    act: Mutex<Option<Arc<Act>>>,
    held: Mutex<InHand>,
    /// Notified when a call is taken or given back.
    moved: Condvar,
    journal: Mutex<Vec<Entry>>,
    /// Callbacks that are running.
    running: AtomicUsize,
    /// Calls taken, and a name for each.
    calls: AtomicUsize,
    finished: AtomicUsize,
}

impl FarEnd {
    /// A prompt one.
    pub fn new() -> Arc<Self> {
        Arc::new(FarEnd {
            behaviour: Mutex::new(Behaviour::Prompt),
            act: Mutex::default(),
            held: Mutex::default(),
            moved: Condvar::new(),
            journal: Mutex::default(),
            running: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
        })
    }

    /// From now on it behaves like that.
    pub fn behave(&self, behaviour: Behaviour) {
        *lock(&self.behaviour) = behaviour;
    }

    /// What [`Behaviour::Act`] does.
    pub fn when_called(&self, act: impl Fn() + Send + Sync + 'static) {
        *lock(&self.act) = Some(Arc::new(Box::new(act)));
    }

    /// The driver is called with `call`. What a subject's driver does with each call, and nothing besides.
    pub fn take(self: &Arc<Self>, call: Box<dyn Held>) {
        let _running = self.callback(Entry::Called);
        let name = self.calls.fetch_add(1, SeqCst);
        // Whoever does not wait for a callback should be seen to go on while it runs.
        thread::yield_now();
        let behaviour = *lock(&self.behaviour);
        match behaviour {
            Behaviour::Prompt => self.finish(call),
            Behaviour::Fail => call.fail(),
            Behaviour::Hold => self.hold(name, call, true),
            Behaviour::Deaf => self.hold(name, call, false),
            Behaviour::Act => {
                let act = lock(&self.act).clone();
                if let Some(act) = act {
                    act();
                }
                self.finish(call);
            }
        }
    }

    fn finish(&self, call: Box<dyn Held>) {
        self.finished.fetch_add(1, SeqCst);
        call.finish();
    }

    fn hold(self: &Arc<Self>, name: usize, call: Box<dyn Held>, listens: bool) {
        if listens {
            let far = self.clone();
            call.on_cancel(Box::new(move |cause| far.told_to_let_go(name, cause)));
        }
        let mut held = lock(&self.held);
        // It may have been told before it had anything to let go of.
        match held.told.iter().position(|(told, _)| *told == name) {
            Some(at) => {
                let (_, cause) = held.told.swap_remove(at);
                drop(held);
                call.let_go(cause);
            }
            None => {
                held.calls.push((name, call));
                self.moved.notify_all();
            }
        }
    }

    fn told_to_let_go(&self, name: usize, cause: Cause) {
        let _running = self.callback(Entry::Cancelled);
        let mut held = lock(&self.held);
        let Some(at) = held.calls.iter().position(|(held, _)| *held == name) else {
            held.told.push((name, cause));
            return;
        };
        let (_, call) = held.calls.swap_remove(at);
        drop(held);
        self.moved.notify_all();
        call.let_go(cause);
    }

    /// Answers all that is held, and holds nothing from now on.
    pub fn release(&self) {
        self.behave(Behaviour::Prompt);
        let calls = std::mem::take(&mut lock(&self.held).calls);
        self.moved.notify_all();
        calls.into_iter().for_each(|(_, call)| self.finish(call));
    }

    /// Its last word.
    pub fn teardown(&self) {
        drop(self.callback(Entry::Teardown));
    }

    /// The driver is called for something else. The result is that call.
    pub fn callback(&self, entry: Entry) -> Running<'_> {
        self.running.fetch_add(1, SeqCst);
        self.note(entry);
        Running(self)
    }

    /// Writes something down.
    pub fn note(&self, entry: Entry) {
        lock(&self.journal).push(entry);
    }

    /// All that was written down.
    pub fn journal(&self) -> Vec<Entry> {
        lock(&self.journal).clone()
    }

    /// What the driver was called for, in order.
    pub fn called_for(&self) -> Vec<Entry> {
        let mut entries = self.journal();
        entries.retain(|entry| !matches!(entry, Entry::HardwareAction(_) | Entry::HandleAction(_)));
        entries
    }

    /// How often that was written down.
    pub fn count(&self, entry: &Entry) -> usize {
        lock(&self.journal).iter().filter(|written| *written == entry).count()
    }

    /// How many callbacks are running.
    pub fn running(&self) -> usize {
        self.running.load(SeqCst)
    }

    /// How many calls it answered with success.
    pub fn finished(&self) -> usize {
        self.finished.load(SeqCst)
    }

    /// How many calls it holds.
    pub fn holding(&self) -> usize {
        lock(&self.held).calls.len()
    }

    /// Waits until it holds `count` calls; `false` if that has not come within `limit`.
    pub fn wait_until_holding(&self, count: usize, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut held = lock(&self.held);
        while held.calls.len() != count {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            held = self.moved.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// A callback that is running until this is dropped.
pub struct Running<'a>(&'a FarEnd);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

/// What the driver's own objects carry: while one is alive, so is something of the driver.
#[derive(Clone, Debug)]
pub struct Badge(Arc<()>);

impl Badge {
    /// The first.
    pub fn new() -> Self {
        Badge(Arc::new(()))
    }

    /// How many there are besides this one.
    pub fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl Default for Badge {
    fn default() -> Self {
        Badge::new()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
