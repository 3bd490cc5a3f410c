//! Uevents for the tree: netlink sockets that hear of the lab's devices, without a namespace or a privilege.
//!
//! A client that asks for a socket of the protocol NETLINK_KOBJECT_UEVENT gets one end of a pair of unix sockets, at a
//! number in a range where the filter sends calls on sockets to us. So poll, filters (SO_ATTACH_FILTER) and closing are
//! the kernel's own; what would tell a unix socket from a netlink socket is answered here: addresses, options, and whom a
//! message is from ([`calls`], [`receive`]). One thread moves the messages: those of the lab, in the form of the kernel and
//! in that of udev, which need not run, and those of the machine ([`machine`]).

mod calls;
pub(super) mod database;
mod filter;
mod machine;
mod message;
mod monitor;
mod receive;

pub(super) use filter::cases;

use crate::{
    lab::{DeviceChange, Hotplug, Lab},
    sys::seccomp::Listener,
};
use message::{KERNEL, UDEV, Uevent};
use monitor::Monitor;
use outlive_classes::{Kobject, Plugged};
use rustix::{
    buffer::spare_capacity,
    event::{EventfdFlags, epoll, eventfd},
    io::{Errno, read, write},
    time::{ClockId, clock_gettime},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// What epoll says of the descriptors that are not monitors; an inode's number is never as large.
const NEWS: u64 = u64::MAX;
const MACHINE: u64 = u64::MAX - 1;

/// The uevents of one run. The thread ends with it.
pub(super) struct Uevents {
    hub: Arc<Hub>,
}

/// What the thread and those who answer calls share.
struct Hub {
    this: Weak<Hub>,
    lab: Arc<Lab>,
    listener: Listener,
    news: Arc<News>,
    epoll: OwnedFd,
    table: Mutex<Table>,
    /// The processes and numbers at which sockets are being put.
    placing: Mutex<HashSet<(u32, u32)>>,
    /// How many calls wait for a message, each on a thread.
    asleep: AtomicUsize,
    ended: AtomicBool,
}

#[derive(Default)]
struct Table {
    /// By the inode of the client's end.
    monitors: HashMap<u64, Monitor>,
    /// Where the machine's own uevents arrive, while anybody wants them.
    machine: Option<OwnedFd>,
    /// The number of the last uevent.
    sequence: u64,
}

/// What happened to devices and has not been passed on.
struct News {
    waiting: Mutex<VecDeque<(Arc<dyn Plugged>, DeviceChange)>>,
    /// Wakes the thread.
    bell: OwnedFd,
}

impl Uevents {
    /// Starts the thread.
    pub(super) fn start(lab: &Arc<Lab>, listener: &Listener) -> std::io::Result<Uevents> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let news = Arc::new(News { waiting: Mutex::default(), bell });
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &news.bell, epoll::EventData::new_u64(NEWS), epoll::EventFlags::IN)?;
        let listener = Listener::new(listener.duplicate()?);
        let hub = Arc::new_cyclic(|this| Hub {
            this: this.clone(),
            lab: lab.clone(),
            listener,
            news: news.clone(),
            epoll,
            table: Mutex::default(),
            placing: Mutex::default(),
            asleep: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        lab.set_hotplug(news);
        let served = hub.clone();
        std::thread::Builder::new().name("uevents".to_owned()).stack_size(256 * 1024).spawn(move || served.serve())?;
        Ok(Uevents { hub })
    }
}

impl Drop for Uevents {
    fn drop(&mut self) {
        self.hub.ended.store(true, Ordering::Relaxed);
        self.hub.news.ring();
    }
}

impl Hotplug for News {
    fn told(&self, device: &Arc<dyn Plugged>, change: DeviceChange) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((device.clone(), change));
        self.ring();
    }
}

impl News {
    fn ring(&self) {
        // EAGAIN: it has been rung more often than it can count, and will be heard.
        let _ = write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn take(&self) -> VecDeque<(Arc<dyn Plugged>, DeviceChange)> {
        let _ = read(&self.bell, &mut [0; 8]);
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Hub {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's life. It never waits for a client.
    fn serve(&self) {
        let mut events = Vec::with_capacity(64);
        while !self.ended.load(Ordering::Relaxed) {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    NEWS => self.pass_on(),
                    MACHINE => self.relay(),
                    inode => self.look_after(inode, event.flags),
                }
            }
        }
    }

    /// Passes on what the lab has told.
    fn pass_on(&self) {
        for (device, change) in self.news.take() {
            let more = properties(change);
            let mut table = self.table();
            if table.monitors.is_empty() {
                continue;
            }
            for (action, kobject, bound) in actions(&device.kobjects(), change) {
                let sequence = table.next_number();
                let (generation, now) = (device.generation(), microseconds());
                let event = Uevent { action, kobject, bound, generation, more: &more, sequence, now };
                table.send(&self.epoll, KERNEL, &event.kernel().into(), |_| true);
                table.send(&self.epoll, UDEV, &event.udev().into(), |_| true);
            }
        }
    }

    /// A monitor has room again, or has been closed for good.
    fn look_after(&self, inode: u64, flags: epoll::EventFlags) {
        let mut table = self.table();
        if flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            // Its descriptor goes, and with that its place in the epoll.
            table.monitors.remove(&inode);
            if !table.monitors.values().any(|monitor| monitor.machine) {
                table.machine = None;
            }
        } else if let Some(monitor) = table.monitors.get_mut(&inode) {
            let waits = !monitor.pump();
            watch_monitor(&self.epoll, inode, monitor, waits);
        }
    }
}

impl Table {
    /// Above all that the machine has given so far, so that numbers rise.
    fn next_number(&mut self) -> u64 {
        let machine = std::fs::read_to_string("/sys/kernel/uevent_seqnum");
        let machine = machine.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        self.sequence = self.sequence.max(machine) + 1;
        self.sequence
    }

    /// Sends a message of `group` to all who are in it and are `meant`.
    fn send(&mut self, epoll: &OwnedFd, group: u32, message: &Arc<[u8]>, meant: impl Fn(&Monitor) -> bool) {
        for (inode, monitor) in &mut self.monitors {
            if monitor.groups() & group != 0 && meant(monitor) {
                monitor.offer(message);
                if !monitor.is_idle() {
                    watch_monitor(epoll, *inode, monitor, true);
                }
            }
        }
    }
}

/// Has the thread told when the monitor is closed, and, if something `waits`, when there is room for it.
fn watch_monitor(epoll: &OwnedFd, inode: u64, monitor: &Monitor, waits: bool) {
    // HUP is told always. (RDHUP would be, too: our end takes nothing.)
    let flags = if waits { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
    // It is there, or it would not be in the table.
    let _ = epoll::modify(epoll, &monitor.ours, epoll::EventData::new_u64(inode), flags);
}

/// What is told when something happens to a device: the actions, and whether a driver is bound at the time. A driver
/// binds after its device has been added, and unbinds before it is removed (`device_bind_driver` of `drivers/base/dd.c`).
fn actions(kobjects: &[Kobject], change: DeviceChange) -> Vec<(&'static str, &Kobject, bool)> {
    let mut told = Vec::new();
    match change {
        DeviceChange::Plugged => {
            for kobject in kobjects {
                told.push(("add", kobject, false));
                told.extend(kobject.driver.as_ref().map(|_| ("bind", kobject, true)));
            }
        }
        DeviceChange::State(_) | DeviceChange::Connector(_) => {
            told.extend(kobjects.iter().filter(|it| it.node.is_some()).map(|it| ("change", it, true)));
        }
        DeviceChange::Unplugged(_) => {
            for kobject in kobjects.iter().rev() {
                told.extend(kobject.driver.as_ref().map(|_| ("unbind", kobject, false)));
                told.push(("remove", kobject, false));
            }
        }
    }
    told
}

/// What a uevent of a change says besides what all say.
fn properties(change: DeviceChange) -> Vec<(&'static str, String)> {
    match change {
        DeviceChange::State(state) => vec![("OUTLIVE_STATE", state.name().to_owned())],
        DeviceChange::Connector(change) => change.properties(),
        DeviceChange::Plugged | DeviceChange::Unplugged(_) => Vec::new(),
    }
}

/// The time since the machine has started, in microseconds.
fn microseconds() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}
