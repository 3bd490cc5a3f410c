//! Trees of devices, and drivers that come and go.

use crate::*;
use outlive::{Builder, Driver as Drive, Handle, Noticer, Place, Probe, Registry, Step, Tree};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A device that a tree was given, as it is remembered by who made it.
struct Made {
    driver: Driver,
    steps: Ledger<Step>,
    handle: Handle<(), Chip>,
}

impl Made {
    /// Whether it has gone with the tree, and its fence has not come. (One that was made too late is dropped.)
    fn is_unfenced(&self) -> bool {
        self.handle.gone().is_some_and(|gone| gone.reason != Reason::Abandoned)
            && !self.steps.all().contains(&Step::Released)
    }
}

fn make(all: &Ledger<Arc<Made>>) -> Result<Device<(), Chip>, AnyError> {
    let (driver, steps) = (Driver::default(), Ledger::new());
    let noted = steps.clone();
    let device = Builder::new().observed(move |step| noted.note(step)).build((), Chip(driver.clone()));
    let handle = device.open()?;
    all.note(Arc::new(Made { driver, steps, handle }));
    Ok(device)
}

/// A hub, a port, and a disk on it.
fn hub(all: &Ledger<Arc<Made>>) -> (Tree, [Place; 3]) {
    let tree = Tree::new();
    let hub = tree.plant("hub", make(all).unwrap());
    let maker = || {
        let all = all.clone();
        move || make(&all)
    };
    let port = tree.add(hub, "port", maker()).unwrap();
    let disk = tree.add(port, "disk", maker()).unwrap();
    (tree, [hub, port, disk])
}

/// Users of whatever there is.
fn users(all: &Ledger<Arc<Made>>) -> Vec<JoinHandle<()>> {
    let all = all.clone();
    crew(2, move || {
        let made = all.all();
        let Made { driver, handle, .. } = &*made[pick(made.len())];
        drop(handle.enter().inspect(|_| driver.call()));
        drop(handle.begin("call").inspect(|_| driver.call()));
    })
}

/// I7, I10, I13, I25: resets, removals of parts, devices that go by themselves and children that are added, all at once.
/// When the removal of the whole has finished, every device that was in the tree has been fenced; and none comes after.
pub(crate) fn trees() {
    let all = Ledger::new();
    let (tree, [hub, port, disk]) = hub(&all);
    let users = users(&all);
    let (other, made) = (tree.clone(), all.clone());
    let actors = crew(2, move || match pick(4) {
        0 => drop(other.unplug([port, disk][pick(2)], Reason::Pulled, NO_LIMIT)),
        1 => {
            let made = made.clone();
            drop(other.add([hub, port][pick(2)], "more", move || make(&made)));
        }
        2 => {
            // It goes by itself, and nobody waits for it.
            if let Some(device) = other.device::<(), Chip>(port) {
                let _ = device.unplug(Reason::Pulled);
            }
        }
        _ => drop(other.reset([hub, port][pick(2)], NO_LIMIT, thread::yield_now)),
    });
    let removal = tree.unplug(hub, Reason::Orderly, NO_LIMIT).unwrap();
    assert!(removal.stuck.is_empty());
    let unfenced = all.all().iter().filter(|made| made.is_unfenced()).count();
    assert_eq!(unfenced, 0, "the removal has finished without the fence of {unfenced}");
    join(users);
    join(actors);
    for made in all.all() {
        assert!(made.handle.gone().is_some(), "a child outlived its parent");
    }
}

/// I6: a reset is not held hostage: who is stuck stays behind, dead and named, the next generation comes all the same,
/// and the fence of the one before is there when it has been waited for.
pub(crate) fn hostages() {
    let all = Ledger::new();
    let (tree, [hub, port, disk]) = hub(&all);
    let users = users(&all);
    let (other, place) = (tree.clone(), [hub, port][pick(2)]);
    let rival = thread::spawn(move || drop(other.reset(place, Duration::ZERO, || ())));
    let reset = tree.reset(hub, Duration::ZERO, || ());
    rival.join().unwrap();
    if let Ok(reset) = reset {
        assert!(reset.failed.is_empty() && tree.device::<(), Chip>(disk).is_some());
        for stuck in reset.stuck {
            assert!(stuck.culprits.contains("not there yet"));
            drop(stuck.wait(NO_LIMIT).unwrap());
        }
    }
    join(users);
    tree.unplug(hub, Reason::Pulled, NO_LIMIT).unwrap();
    assert!(all.all().iter().all(|made| made.handle.gone().is_some()), "a child outlived its parent");
}

/// A driver whose hardware is its code, too.
struct Lamps(Driver);

struct Lamp(Driver);

impl Drop for Lamp {
    fn drop(&mut self) {
        self.0.call();
    }
}

impl Drive<Noticer, (), Lamp> for Lamps {
    fn probe(&self, probe: &Probe, _: Noticer) -> Result<((), Lamp), AnyError> {
        self.0.call();
        let driver = self.0.clone();
        probe.hardware().action(move || driver.call())?;
        if pick(4) == 0 { Err("no lamp".into()) } else { Ok(((), Lamp(self.0.clone()))) }
    }
}

/// I30: whoever binds, uses, or notices, once a driver has been withdrawn none of its code runs, and the registry has let
/// go of it.
pub(crate) fn drivers() {
    let (registry, driver) = (Registry::new(), Driver::default());
    let code = Arc::new(Lamps(driver.clone()));
    let lamps = registry.register("lamps", code.clone());
    let (other, book) = (registry.clone(), driver.clone());
    let binders = crew(2, move || {
        for _ in 0..2 {
            let noticer = Noticer::new();
            let Ok(device) = other.bind(lamps, noticer.clone()) else { continue };
            device.noticed_by(&noticer);
            let Ok(handle) = device.open() else { continue };
            drop(device);
            let (operation, book) = (handle.begin("call"), book.clone());
            let user = thread::spawn(move || drop(operation.inspect(|_| book.call())));
            if pick(2) == 0 {
                noticer.gone(Reason::Pulled);
            }
            if pick(2) == 0 {
                user.join().unwrap();
            }
        }
    });
    let mut binders = binders.into_iter();
    // Early, or late, while what the first has left behind may still be used.
    let first = (pick(2) == 0).then(|| binders.next().map(JoinHandle::join));
    registry.withdraw(lamps, NO_LIMIT).unwrap();
    driver.fence();
    let references = Arc::strong_count(&code);
    assert_eq!(references, 1, "the registry holds the driver");
    drop(first);
    join(binders.collect());
    assert!(registry.drivers().is_empty() && registry.bind(lamps, Noticer::new()).is_err());
}
