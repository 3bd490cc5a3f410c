//! Events of a device for those of its handles that ask for them.

use crate::{
    Gone, Handle, Watch,
    hook::{remember, run, wake},
    sync::{Condvar, Instant, Mutex, PlainArc, Weak, lock, planted, wait},
};
use alloc::{collections::VecDeque, vec::Vec};
use core::{
    fmt,
    future::poll_fn,
    task::{Poll, Waker},
    time::Duration,
};

/// Something that a handle with an event stream reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<E> {
    /// An event of the device's.
    Event(E),
    /// So many events were dropped here, since the reader was slow and its queue is bounded.
    Missed(u64),
    /// The device wants its users to leave (I33).
    Closing,
    /// The device went. The last item, exactly once (I21; InfiniBand's `IB_EVENT_DEVICE_FATAL`).
    Gone(Gone),
}

/// Where a driver puts events; a clone is the same place. It can stand in what handles share, so that zombies' streams
/// still have their end, or with the hardware.
///
/// ```
/// use outlive::{Device, Item, Reason, Subscribers};
/// use std::time::Duration;
///
/// let keys = Subscribers::new();
/// let device = Device::new(keys.clone(), ());
/// let handle = device.open()?;
/// let stream = handle.shared().subscribe(&handle, 64);
/// keys.tell('a');
/// let unplug = device.unplug(Reason::Pulled);
/// keys.tell('b');                                         // too late: the removal is the last to be heard
/// assert_eq!(stream.next(Duration::ZERO), Some(Item::Event('a')));
/// assert!(matches!(stream.next(Duration::ZERO), Some(Item::Gone(_))));
/// assert_eq!(stream.next(Duration::ZERO), None);          // and from here on for ever
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Subscribers<E> {
    queues: PlainArc<Mutex<Vec<Weak<Queue<E>>>>>,
}

/// One handle's queue.
struct Queue<E> {
    state: Mutex<QueueState<E>>,
    changed: Condvar,
}

struct QueueState<E> {
    items: VecDeque<Item<E>>,
    /// How many of the items are events; the others are few and always have room.
    events: usize,
    room: usize,
    ended: bool,
    wakers: Vec<Waker>,
    on_readable: Option<PlainArc<dyn Fn() + Send + Sync>>,
}

impl<E: Clone + Send + 'static> Subscribers<E> {
    /// Without a subscriber.
    pub fn new() -> Self {
        Subscribers { queues: PlainArc::new(Mutex::new(Vec::new())) }
    }

    /// Tells every subscriber, and waits for none: one that is full loses its oldest event and learns that it did.
    pub fn tell(&self, event: E) {
        let mut queues = lock(&self.queues);
        let mut reached = Vec::with_capacity(queues.len());
        queues.retain(|queue| queue.upgrade().map(|queue| reached.push(queue)).is_some());
        // In one order for all, so with the lock held: nothing is called in there.
        reached.iter().for_each(|queue| queue.put(event.clone()));
        drop(queues);
        reached.iter().for_each(|queue| queue.notify());
    }

    /// A stream for `handle`, with room for `room` events (1 at least). It ends with the handle's device; on a zombie it
    /// has nothing but its end.
    pub fn subscribe<S, H>(&self, handle: &Handle<S, H>, room: usize) -> Stream<E, S, H> {
        let state = QueueState {
            items: VecDeque::new(),
            events: 0,
            room: room.max(1),
            ended: false,
            wakers: Vec::new(),
            on_readable: None,
        };
        let queue = PlainArc::new(Queue { state: Mutex::new(state), changed: Condvar::new() });
        // Before the watches: an event that comes between the two is heard, and the end is heard last in any case.
        lock(&self.queues).push(PlainArc::downgrade(&queue));
        let (closing, gone) = (queue.clone(), queue.clone());
        let closing = handle.on_closing(move || closing.put_notice(Item::Closing, false));
        let gone = handle.on_gone(move |since| gone.put_notice(Item::Gone(since), true));
        Stream { queue, _watches: [closing, gone] }
    }

    /// How many subscribers there are.
    pub fn len(&self) -> usize {
        lock(&self.queues).iter().filter(|queue| queue.strong_count() > 0).count()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<E> Queue<E> {
    fn put(&self, event: E) {
        let mut state = lock(&self.state);
        if state.ended && !planted!(EventAfterEnd) {
            return;
        }
        if state.events == state.room {
            state.drop_oldest();
        }
        state.events += 1;
        state.items.push_back(Item::Event(event));
    }

    fn put_notice(&self, item: Item<E>, last: bool) {
        let mut state = lock(&self.state);
        if state.ended {
            return;
        }
        state.ended = last;
        state.items.push_back(item);
        drop(state);
        self.notify();
    }

    fn notify(&self) {
        let mut state = lock(&self.state);
        let (wakers, hook) = (core::mem::take(&mut state.wakers), state.on_readable.clone());
        drop(state);
        self.changed.notify_all();
        wake(wakers);
        hook.into_iter().for_each(|hook| run(|| hook()));
    }
}

impl<E> QueueState<E> {
    /// Makes room. The count of what is missing stands where it is missing.
    fn drop_oldest(&mut self) {
        let oldest = self.items.iter().position(|item| matches!(item, Item::Event(_))).expect("there are events");
        self.events -= 1;
        match oldest.checked_sub(1).map(|before| &mut self.items[before]) {
            Some(Item::Missed(missed)) => {
                *missed += 1;
                self.items.remove(oldest);
            }
            _ => self.items[oldest] = Item::Missed(1),
        }
    }

    fn take(&mut self) -> Option<Item<E>> {
        let item = self.items.pop_front()?;
        self.events -= usize::from(matches!(item, Item::Event(_)));
        Some(item)
    }
}

/// What one handle hears. Dropping it ends the subscription.
pub struct Stream<E, S, H> {
    queue: PlainArc<Queue<E>>,
    _watches: [Watch<S, H>; 2],
}

impl<E, S, H> Stream<E, S, H> {
    /// The next item, if there is one now.
    pub fn try_next(&self) -> Option<Item<E>> {
        lock(&self.queue.state).take()
    }

    /// The next item; waits for it for up to `limit`. `None` also once the end has been read. Not to be called inside a
    /// gate (I14); a debug build panics.
    pub fn next(&self, limit: Duration) -> Option<Item<E>> {
        let deadline = Instant::now().checked_add(limit);
        let mut state = lock(&self.queue.state);
        loop {
            if let Some(item) = state.take() {
                return Some(item);
            }
            if state.ended || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            crate::about_to_wait();
            state = wait(&self.queue.changed, state, deadline);
        }
    }

    /// The next item, as a future; `None` once the end has been read.
    pub fn next_item(&self) -> impl Future<Output = Option<Item<E>>> + '_ {
        poll_fn(|context| {
            let mut state = lock(&self.queue.state);
            match state.take() {
                Some(item) => Poll::Ready(Some(item)),
                None if state.ended => Poll::Ready(None),
                None => {
                    remember(&mut state.wakers, context.waker());
                    Poll::Pending
                }
            }
        })
    }

    /// Whether there is something to read: what poll's IN says (I18).
    pub fn is_readable(&self) -> bool {
        !lock(&self.queue.state).items.is_empty()
    }

    /// Calls `hook` whenever there is something new to read, from now on, instead of the one given before; on the thread
    /// that brings it. It must not block.
    pub fn on_readable(&self, hook: impl Fn() + Send + Sync + 'static) {
        let before = lock(&self.queue.state).on_readable.replace(PlainArc::new(hook));
        drop(before);
    }
}

impl<E> Clone for Subscribers<E> {
    fn clone(&self) -> Self {
        Subscribers { queues: self.queues.clone() }
    }
}

impl<E: Clone + Send + 'static> Default for Subscribers<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for Subscribers<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers").field("queues", &lock(&self.queues).len()).finish()
    }
}

impl<E, S, H> fmt::Debug for Stream<E, S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("waiting", &lock(&self.queue.state).items.len()).finish()
    }
}
