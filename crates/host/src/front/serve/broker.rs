//! The broker: keeps each device's connection for as long as anybody has it open, also after the device went.

use super::{
    connection::{Connection, DeviceNumber, Failure},
    names::{Names, kernel_name},
    served::Served,
};
use crate::{
    front::{crew::Crew, deliveries::Deliveries},
    fuse::channel::{Read, Room},
    lab::{Announcer, Lab, Permissions},
};
use outlive::{Policy, Reason};
use outlive_classes::{Node, Plugged, uinput};
use rustix::{buffer::spare_capacity, event::epoll, io::Errno};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// So many connections have a crew of their own at most: on a machine that is too busy for their threads every crew
/// takes its device for stalled and asks for more.
const CREWS: usize = 16;

/// Serves the devices of a lab: one crew for all, and crews for those that are used a lot (see [`Readers`]).
///
/// [`Readers`]: super::readers::Readers
pub(super) struct Broker {
    lab: Weak<Lab>,
    served: Mutex<Table>,
    /// Notified when one ends.
    ended: Condvar,
    /// Tells which connection has a request.
    requests: OwnedFd,
    deliveries: Arc<Deliveries>,
}

/// The devices whose connection has not ended, live ones and those with zombies, by the number by which `requests` tells
/// of them.
#[derive(Default)]
struct Table {
    last: u64,
    served: BTreeMap<u64, Arc<Served>>,
}

impl Broker {
    /// One, with its crew.
    pub(super) fn start(lab: &Arc<Lab>) -> std::io::Result<Arc<Self>> {
        let broker = Arc::new(Broker {
            lab: Arc::downgrade(lab),
            served: Mutex::default(),
            ended: Condvar::new(),
            requests: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            deliveries: Arc::default(),
        });
        let working = broker.clone();
        Crew::start("served", move |crew| working.work(crew)).map(|_| broker)
    }

    /// Serves requests of all connections: what a thread of the crew for all does.
    fn work(self: &Arc<Self>, crew: &Crew) {
        let mut room = Room::new();
        while let Some((id, served, n)) = crew.wait(|| self.next(&mut room)) {
            if let Some(request) = room.received(n) {
                served.handle(&request);
            }
            if served.readers.are_too_few() {
                self.give_a_crew(id, &served);
            }
        }
    }

    /// Serves requests of one connection: what a thread of its own crew does.
    fn work_for(&self, id: u64, served: &Served, crew: &Crew) {
        let mut room = Room::new();
        while let Some(n) = crew.wait(|| self.next_of(id, served, &mut room)) {
            if let Some(request) = room.received(n) {
                served.handle(&request);
            }
        }
    }

    /// Waits for a request of this connection. `None` when it has ended.
    fn next_of(&self, id: u64, served: &Served, room: &mut Room) -> Option<usize> {
        loop {
            match served.connection.channel.read(room) {
                Read::Request(n) => return Some(n),
                Read::Nothing => {}
                Read::Ended => {
                    self.ended(id, served);
                    return None;
                }
            }
        }
    }

    /// Gives a connection a crew of its own, unless too many have one. Without threads for it all stays as it is.
    fn give_a_crew(self: &Arc<Self>, id: u64, served: &Arc<Served>) {
        let table = self.table();
        let crews = table.served.values().filter(|served| served.readers.are_its_own()).count();
        if crews >= CREWS {
            return served.readers.count_again();
        }
        // Under the lock, or one that ends meanwhile would come back.
        if !table.served.contains_key(&id) || !self.leave_to_own(served) {
            return;
        }
        drop(table);
        let (broker, working) = (self.clone(), served.clone());
        if Crew::start("serves one", move |crew| broker.work_for(id, &working, crew)).is_err() {
            let table = self.table();
            if table.served.contains_key(&id) && served.readers.leave_to_everybody(&served.connection.channel).is_ok() {
                let _ = self.listen_to(id, served);
            }
        }
    }

    fn leave_to_own(&self, served: &Served) -> bool {
        let channel = &served.connection.channel;
        let left = served.readers.leave_to_own(channel).unwrap_or(false);
        if left {
            // Whoever has been told of it already finds nothing to read.
            let _ = epoll::delete(&self.requests, channel);
        }
        left
    }

    /// Has requests of `served` come to the crew for all.
    fn listen_to(&self, id: u64, served: &Served) -> Result<(), Errno> {
        epoll::add(&self.requests, &served.connection.channel, epoll::EventData::new_u64(id), epoll::EventFlags::IN)
    }

    /// Waits for a request of any connection, and reads it into `room`. `None` if there can be none any more.
    fn next(&self, room: &mut Room) -> Option<(u64, Arc<Served>, usize)> {
        loop {
            let mut events: Vec<epoll::Event> = Vec::with_capacity(1);
            match epoll::wait(&self.requests, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return None,
            }
            let Some(id) = events.first().map(|event| event.data.u64()) else { continue };
            let Some(served) = self.table().served.get(&id).cloned() else { continue };
            match served.readers.read_for_everybody(&served.connection.channel, room) {
                Read::Request(n) => return Some((id, served, n)),
                // Another thread was faster, or it has a crew of its own meanwhile.
                Read::Nothing => {}
                Read::Ended => self.ended(id, &served),
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are served now.
    pub(super) fn all(&self) -> Vec<Arc<Served>> {
        self.table().served.values().cloned().collect()
    }

    /// The node of `device`, which may have gone.
    pub(super) fn node_of(&self, device: &Arc<dyn Plugged>) -> Option<PathBuf> {
        let (name, generation) = (&device.node().name, device.generation().0);
        let table = self.table();
        let found = table.served.values().find(|served| served.name == *name && served.generation == generation);
        found.map(|served| served.names.node().to_owned())
    }

    /// How many descriptors' files clients have open.
    pub(super) fn handles(&self) -> usize {
        self.table().served.values().map(|served| served.handles()).sum()
    }

    /// Waits until every connection has ended, for up to `limit`.
    pub(super) fn wait_until_empty(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut table = self.table();
        while !table.served.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            table = self.ended.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Takes all names away, for a process that ends.
    pub(super) fn remove_names(&self) {
        self.table().served.values().for_each(|served| served.names.remove());
    }

    /// Makes the kernel make a device for `node`: with the number that Linux has for it where that can be had, else with
    /// another major (Linux' own driver has it, or a zombie of ours).
    fn connect(&self, node: &Node, name: &str) -> Result<Connection, String> {
        let taken: BTreeSet<DeviceNumber> =
            self.table().served.values().map(|served| served.connection.number).collect();
        for number in candidates((node.major, node.minor), &taken) {
            match Connection::open(name, number) {
                Ok(connection) => return Ok(connection),
                Err(Failure::Taken) => {}
                Err(Failure::Other(why)) => return Err(why),
            }
        }
        Err(format!(
            "the kernel has no device number left for it: {}:{} is taken (by its own driver?), and so are all majors \
             that it could give (see /proc/devices and dmesg)",
            node.major, node.minor
        ))
    }

    /// Has requests of `served` come here, by the number that is returned.
    fn take_up(&self, served: &Arc<Served>) -> Result<u64, Errno> {
        let mut table = self.table();
        table.last += 1;
        let id = table.last;
        self.listen_to(id, served)?;
        table.served.insert(id, served.clone());
        Ok(id)
    }

    /// Whether it was there.
    fn let_go(&self, id: u64, served: &Served) -> bool {
        let mut table = self.table();
        let _ = epoll::delete(&self.requests, &served.connection.channel);
        table.served.remove(&id).is_some()
    }

    /// A connection has ended.
    fn ended(&self, id: u64, served: &Served) {
        if !self.let_go(id, served) {
            return;
        }
        served.bury();
        // If somebody else ended it (by sysfs) the device has lost its clients, and with them its use.
        if let (Some(lab), Some(device)) = (self.lab.upgrade(), served.device())
            && device.gone().is_none()
        {
            let _ = lab.unplug(&served.name, Reason::Pulled, Policy::Detach, Duration::ZERO);
        }
        self.ended.notify_all();
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.table().served.values()).finish()
    }
}

impl Announcer for Broker {
    fn announce(&self, device: &Arc<dyn Plugged>, permissions: &Permissions) -> Result<(), String> {
        let node = device.node();
        admit(node)?;
        let lab = self.lab.upgrade().ok_or("the lab has ended")?;
        let name = kernel_name(&node.name, device.generation().0);
        let names = Names::of(&node.name, &name);
        names.check()?;
        let connection = self.connect(node, &name)?;
        let served = Arc::new(Served::new(&lab, device, connection, names, &self.deliveries));
        // Before anybody can open it.
        let id = self.take_up(&served).map_err(|errno| format!("epoll_ctl: {errno}"))?;
        if let Err(why) = served.names.make(served.connection.number, permissions) {
            self.let_go(id, &served);
            return Err(why);
        }
        let served = Arc::downgrade(&served);
        device.on_names(Box::new(move |_| {
            if let Some(served) = served.upgrade() {
                served.retire();
            }
        }));
        Ok(())
    }
}

/// Whether a device can be served at all.
pub(super) fn admit(node: &Node) -> Result<(), String> {
    let name = &node.name;
    if node.mapped {
        return Err(format!(
            "programs map {name}, and the kernel maps no device of CUSE (mmap would say ENODEV); `outlive run` carries it"
        ));
    }
    if node.name == uinput::NODE_NAME {
        return Err(
            "what programs make by it would be a device of everybody's on this machine, keyboards among them; under \
             `outlive run` it is of that program's tree alone"
                .to_owned(),
        );
    }
    if node.positioned {
        return Err(format!(
            "files of {name} have a position, which CUSE does not tell us: every read would be one from the beginning; \
             `outlive run` carries it"
        ));
    }
    Ok(())
}

/// The numbers to try, in this order: Linux' own; a free minor of each other major that we have been given; any major.
fn candidates(own: DeviceNumber, taken: &BTreeSet<DeviceNumber>) -> Vec<DeviceNumber> {
    let majors: BTreeSet<u32> = taken.iter().map(|(major, _)| *major).filter(|major| *major != own.0).collect();
    let free = |major: u32| (0..1 << 20).find(|minor| !taken.contains(&(major, *minor)));
    let others = majors.into_iter().filter_map(|major| Some((major, free(major)?)));
    let first = (!taken.contains(&own)).then_some(own);
    first.into_iter().chain(others).chain([(0, 0)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_linux_own_where_it_can_be() {
        let none = BTreeSet::new();
        assert_eq!(candidates((89, 7), &none), [(89, 7), (0, 0)]);
        assert_eq!(candidates((89, 7), &[(89, 7)].into()), [(0, 0)]);
        assert_eq!(candidates((89, 7), &[(89, 7), (234, 0), (234, 2)].into()), [(234, 1), (0, 0)]);
        assert_eq!(candidates((89, 8), &[(89, 7), (234, 0)].into()), [(89, 8), (234, 1), (0, 0)]);
    }

    #[test]
    fn what_cuse_cannot_carry_is_refused() {
        let node = Node { name: "x0".into(), major: 1, minor: 2, positioned: false, mapped: false, read_only: false };
        assert_eq!(admit(&node), Ok(()));
        let mapped = admit(&Node { mapped: true, ..node.clone() }).unwrap_err();
        assert!(mapped.contains("mmap"), "{mapped}");
        let refused = admit(&Node { name: "uinput".into(), ..node.clone() }).unwrap_err();
        assert!(refused.contains("outlive run"), "{refused}");
        let positioned = admit(&Node { positioned: true, ..node }).unwrap_err();
        assert!(positioned.contains("position"), "{positioned}");
    }
}
