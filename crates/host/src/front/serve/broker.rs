//! The broker: keeps each device's connection for as long as anybody has it open, also after the device went.

use super::{
    connection::{Connection, DeviceNumber, Failure},
    names::{Names, kernel_name},
    served::Served,
};
use crate::{
    front::crew::Crew,
    lab::{Announcer, Lab, Permissions},
};
use outlive::{Policy, Reason};
use outlive_classes::{Node, Plugged};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// Serves the devices of a lab.
#[derive(Debug)]
pub(super) struct Broker {
    lab: Weak<Lab>,
    /// Those whose connection has not ended: live ones, and those with zombies.
    served: Mutex<Vec<Arc<Served>>>,
    /// Notified when one ends.
    ended: Condvar,
    this: Weak<Broker>,
}

impl Broker {
    pub(super) fn new(lab: &Arc<Lab>) -> Arc<Self> {
        Arc::new_cyclic(|this| Broker {
            lab: Arc::downgrade(lab),
            served: Mutex::default(),
            ended: Condvar::new(),
            this: this.clone(),
        })
    }

    fn served(&self) -> MutexGuard<'_, Vec<Arc<Served>>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are served now.
    pub(super) fn all(&self) -> Vec<Arc<Served>> {
        self.served().clone()
    }

    /// The node of `device`, which may have gone.
    pub(super) fn node_of(&self, device: &Arc<dyn Plugged>) -> Option<PathBuf> {
        let (name, generation) = (&device.node().name, device.generation().0);
        let served = self.served();
        let found = served.iter().find(|served| served.name == *name && served.generation == generation);
        found.map(|served| served.names.node().to_owned())
    }

    /// How many descriptors' files clients have open.
    pub(super) fn handles(&self) -> usize {
        self.served().iter().map(|served| served.handles()).sum()
    }

    /// Waits until every connection has ended, for up to `limit`.
    pub(super) fn wait_until_empty(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut served = self.served();
        while !served.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            served = self.ended.wait_timeout(served, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Takes all names away, for a process that ends.
    pub(super) fn remove_names(&self) {
        self.served().iter().for_each(|served| served.names.remove());
    }

    /// Makes the kernel make a device for `node`: with the number that Linux has for it where that can be had, else with
    /// another major (Linux' own driver has it, or a zombie of ours).
    fn connect(&self, node: &Node, name: &str) -> Result<Connection, String> {
        let taken: BTreeSet<DeviceNumber> = self.served().iter().map(|served| served.connection.number).collect();
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

    /// A thread of the device found its connection ended.
    fn ended(&self, served: &Arc<Served>) {
        let mut all = self.served();
        let before = all.len();
        all.retain(|other| !Arc::ptr_eq(other, served));
        let was_there = all.len() < before;
        drop(all);
        if !was_there {
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

    fn start(&self, served: &Arc<Served>) -> std::io::Result<()> {
        let (broker, working) = (self.this.clone(), Arc::downgrade(served));
        let work = move |crew: &Crew| {
            let Some(served) = working.upgrade() else { return };
            served.serve(crew);
            if served.has_ended()
                && let Some(broker) = broker.upgrade()
            {
                broker.ended(&served);
            }
        };
        Crew::start("served", work).map(drop)
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
        let served = Arc::new(Served::new(&lab, device, connection, names));
        // Before anybody can open it.
        self.served().push(served.clone());
        let made = self
            .start(&served)
            .map_err(|why| format!("starting a thread: {why}"))
            .and_then(|()| served.names.make(served.connection.number, permissions));
        if made.is_err() {
            self.served().retain(|other| !Arc::ptr_eq(other, &served));
            served.connection.end();
            return made;
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
fn admit(node: &Node) -> Result<(), String> {
    let name = &node.name;
    if node.mapped {
        return Err(format!(
            "programs map {name}, and the kernel maps no device of CUSE (mmap would say ENODEV); `outlive run` carries it"
        ));
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
        let node = Node { name: "x0".into(), major: 1, minor: 2, positioned: false, mapped: false };
        assert_eq!(admit(&node), Ok(()));
        let mapped = admit(&Node { mapped: true, ..node.clone() }).unwrap_err();
        assert!(mapped.contains("mmap"), "{mapped}");
        let positioned = admit(&Node { positioned: true, ..node }).unwrap_err();
        assert!(positioned.contains("position"), "{positioned}");
    }
}
