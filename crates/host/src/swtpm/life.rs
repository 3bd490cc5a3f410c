//! One life of a TPM: the commands that wait for it, and how it is told to end.

use super::{Parts, worker};
use outlive::Noticer;
use outlive_classes::tpm::{Order, Then};
use rustix::event::{EventfdFlags, eventfd};
use std::{
    collections::VecDeque,
    fmt,
    os::fd::OwnedFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

/// How long a removal in good order waits for the TPM to be put away. What is left of T, the budget of a removal, is for the
/// drain before it.
const PARTING: Duration = Duration::from_millis(700);
/// How long it is waited for the end of a process that is being killed, which the kernel may have in its own hands.
const KILLING: Duration = Duration::from_millis(200);

/// One life of a TPM.
pub(super) struct Life {
    noticer: Noticer,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// Wakes the thread; there from when it begins.
    wake: Option<Arc<OwnedFd>>,
    thread: Option<JoinHandle<()>>,
    wish: Wish,
    /// It takes commands, or never will.
    ready: bool,
    /// Those who wait for that.
    waiting_for_it: Vec<Then>,
    /// The thread does nothing any more.
    over: bool,
}

/// What is wanted of the thread.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Wish {
    /// To work.
    #[default]
    Work,
    /// To put the TPM away in good order.
    Part,
    /// To end it.
    End,
}

/// A command, and who waits for its response: nobody, once it has been cancelled.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) command: Vec<u8>,
    order: Arc<Mutex<Option<Order>>>,
}

impl Job {
    /// Who waits, which is nobody from now on.
    pub(super) fn take(&self) -> Option<Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.order.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Life {
    pub(super) fn new(noticer: Noticer) -> Self {
        Life { noticer, queue: Mutex::default(), changed: Condvar::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread, if it has not been. It waits for `last`, which may still use the state.
    ///
    /// # Errors
    /// What the system refuses. Then the life is over.
    pub(super) fn begin(self: &Arc<Self>, parts: &Arc<Parts>, last: &mut Option<JoinHandle<()>>) -> Result<(), String> {
        let mut queue = self.queue();
        if queue.thread.is_some() || queue.over || queue.wish != Wish::Work {
            return Ok(());
        }
        let wake = match eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) {
            Ok(wake) => Arc::new(wake),
            Err(errno) => {
                queue.over = true;
                return Err(format!("there is no eventfd for it: {errno}"));
            }
        };
        queue.wake = Some(wake.clone());
        let (life, theirs, before) = (self.clone(), parts.clone(), Arc::new(Mutex::new(last.take())));
        let handed = before.clone();
        let work = move || {
            let before = handed.lock().unwrap_or_else(PoisonError::into_inner).take();
            before.into_iter().for_each(|last| drop(last.join()));
            worker::work(&life, &theirs, &wake);
        };
        match std::thread::Builder::new().name("outlive-swtpm".into()).spawn(work) {
            Ok(thread) => {
                queue.thread = Some(thread);
                Ok(())
            }
            Err(error) => {
                *last = before.lock().unwrap_or_else(PoisonError::into_inner).take();
                queue.over = true;
                Err(format!("there is no thread for it: {error}"))
            }
        }
    }

    /// Takes a command.
    pub(super) fn submit(self: &Arc<Self>, command: Vec<u8>, order: Order) {
        let job = Job { command, order: Arc::default() };
        let (mine, life) = (job.clone(), Arc::downgrade(self));
        order.on_cancel(move |cause| {
            mine.take().into_iter().for_each(|order| order.let_go(cause));
            // The thread may be at it.
            life.upgrade().into_iter().for_each(|life| life.wake());
        });
        *job.order.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
        if job.order.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Order::is_cancelled) {
            // The hook came before there was anything to let go.
            drop(job.take());
        }
        let mut queue = self.queue();
        if queue.over {
            drop(queue);
            drop(job.take());
            return;
        }
        queue.waiting.push_back(job);
        drop(queue);
        self.wake();
    }

    fn wake(&self) {
        let wake = self.queue().wake.clone();
        if let Some(wake) = wake {
            let _ = rustix::io::write(&*wake, &1_u64.to_ne_bytes());
        }
    }

    /// The next command that somebody wants, and what else is wanted.
    pub(super) fn next(&self) -> (Wish, Option<Job>) {
        let mut queue = self.queue();
        queue.waiting.retain(Job::is_wanted);
        let job = if queue.wish == Wish::Work { queue.waiting.pop_front() } else { None };
        (queue.wish, job)
    }

    pub(super) fn wish(&self) -> Wish {
        self.queue().wish
    }

    /// It is to be put away; waits until it is, within limits.
    pub(super) fn part(&self) {
        let mut queue = self.queue();
        if queue.over || queue.thread.as_ref().is_none_or(is_this_one) {
            return;
        }
        queue.wish = Wish::Part;
        drop(queue);
        self.wake();
        self.wait_until_over(PARTING);
    }

    fn wait_until_over(&self, limit: Duration) {
        let queue = self.queue();
        let waited = self.changed.wait_timeout_while(queue, limit, |queue| !queue.over);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// It is to end at once: when this returns its process has been killed. Gives its thread, which is about to end.
    pub(super) fn end(&self) -> Option<JoinHandle<()>> {
        let mut queue = self.queue();
        queue.wish = Wish::End;
        let thread = queue.thread.take();
        drop(queue);
        match &thread {
            // Somebody unplugs it as the thread tells of an answer: it ends when it comes back.
            Some(thread) if is_this_one(thread) => {}
            Some(_) => {
                self.wake();
                self.wait_until_over(KILLING);
            }
            None => self.ready(),
        }
        thread
    }

    /// Keeps `then` until it is ready; gives it back if it is.
    pub(super) fn when_ready(&self, then: Then) -> Option<Then> {
        let mut queue = self.queue();
        if queue.ready {
            return Some(then);
        }
        queue.waiting_for_it.push(then);
        None
    }

    /// It takes commands from now on, or never will.
    pub(super) fn ready(&self) {
        let mut queue = self.queue();
        queue.ready = true;
        let waiting = std::mem::take(&mut queue.waiting_for_it);
        drop(queue);
        waiting.into_iter().for_each(|then| then());
    }

    /// The thread does nothing any more, and its process has ended.
    pub(super) fn over(&self) {
        let mut queue = self.queue();
        queue.over = true;
        let left = std::mem::take(&mut queue.waiting);
        drop(queue);
        self.changed.notify_all();
        left.iter().for_each(|job| drop(job.take()));
        self.ready();
    }

    /// The TPM has gone by itself: says so, to its device and to people.
    pub(super) fn lose(&self, parts: &Parts, why: &str) {
        let state = parts.state.path().display();
        eprintln!("outlive: the TPM with its state in {state} is gone: {why}; plug it in again to start another swtpm");
        self.noticer.gone(outlive::Reason::DriverLost);
    }
}

/// Whether that is the thread that asks.
pub(super) fn is_this_one(thread: &JoinHandle<()>) -> bool {
    thread.thread().id() == std::thread::current().id()
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.queue();
        f.debug_struct("Life").field("waiting", &queue.waiting.len()).field("wish", &queue.wish).finish_non_exhaustive()
    }
}
