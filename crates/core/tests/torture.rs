//! Everything at once, in no order that anybody chose: threads enter, sleep, move what they hold, clone handles, park and
//! are parked, plug, unplug, reset parents, remove in batches, and die. For two seconds in the ordinary tests;
//! `cargo xtask torture --minutes N` goes on for longer, with another seed each time.
#![cfg(not(any(loom, shuttle)))]

use outlive::{Device, Handle, Operation, Outcome, Parked, Place, Policy, Reason, Request, State, Tree, unplug_all};
use std::{
    env,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What is counted, and must agree in the end.
#[derive(Default)]
struct Ledger {
    made: AtomicU64,
    dropped: AtomicU64,
    used_after: AtomicU64,
    uses: AtomicU64,
    asked: AtomicU64,
    answered: AtomicU64,
    waited: AtomicU64,
    resumed: AtomicU64,
}

/// Hardware that notices when it is used after it was taken out. Relaxed: the gate must do the ordering.
struct Canary {
    out: Arc<AtomicBool>,
    ledger: Arc<Ledger>,
}

impl Canary {
    fn new(ledger: &Arc<Ledger>) -> Self {
        ledger.made.fetch_add(1, Ordering::Relaxed);
        Canary { out: Arc::default(), ledger: ledger.clone() }
    }

    fn use_it(&self) {
        self.ledger.uses.fetch_add(1, Ordering::Relaxed);
        self.ledger.used_after.fetch_add(u64::from(self.out.load(Ordering::Relaxed)), Ordering::Relaxed);
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.out.store(true, Ordering::Relaxed);
        self.ledger.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

type Port = Handle<(), Canary>;

/// What the threads share.
struct World {
    ledger: Arc<Ledger>,
    tree: Tree,
    hubs: Vec<Place>,
    ports: Vec<Place>,
    handles: Mutex<Vec<Port>>,
    operations: Mutex<Vec<Operation<(), Canary>>>,
    requests: Mutex<Vec<Request<(), Canary, u64>>>,
    parked: Mutex<Vec<Parked<(), Canary, u64>>>,
}

/// How many of a kind are kept; more take the place of others.
const KEPT: usize = 64;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Puts something in, and gives back what had to make room for it: to be dropped with the lock released.
fn keep<T>(pool: &Mutex<Vec<T>>, dice: &mut Dice, thing: T) -> Option<T> {
    let mut pool = lock(pool);
    pool.push(thing);
    let full = pool.len() > KEPT;
    full.then(|| dice.below(KEPT)).map(|place| pool.swap_remove(place))
}

fn take<T>(pool: &Mutex<Vec<T>>, dice: &mut Dice) -> Option<T> {
    let mut pool = lock(pool);
    let some = pool.len();
    (some > 0).then(|| pool.swap_remove(dice.below(some)))
}

impl World {
    fn new() -> Self {
        let (tree, ledger) = (Tree::new(), Arc::<Ledger>::default());
        let canary = || Canary::new(&ledger);
        let hubs: Vec<_> = (0..2).map(|_| tree.plant("hub", Device::new((), canary()))).collect();
        let add = |hub: &Place| {
            let ledger = ledger.clone();
            tree.add(*hub, "port", move || Ok(Device::new((), Canary::new(&ledger)))).expect("the hub lives")
        };
        let ports = hubs.iter().cycle().take(6).map(add).collect();
        let (handles, operations, requests, parked) = Default::default();
        World { ledger, tree, hubs, ports, handles, operations, requests, parked }
    }

    fn device(&self, dice: &mut Dice) -> Option<Arc<Device<(), Canary>>> {
        self.tree.device(self.ports[dice.below(self.ports.len())])
    }

    fn handle(&self, dice: &mut Dice) -> Option<Port> {
        let handles = lock(&self.handles);
        (!handles.is_empty()).then(|| handles[dice.below(handles.len())].clone())
    }

    /// One thing or another.
    fn act(&self, dice: &mut Dice) {
        match dice.below(40) {
            0..4 => {
                _ = self.device(dice).and_then(|device| device.open().ok()).map(|new| keep(&self.handles, dice, new))
            }
            4..16 => _ = self.handle(dice).map(|handle| visit(&handle, dice)),
            16..20 => _ = self.handle(dice).and_then(|handle| keep(&self.operations, dice, handle.begin("kept").ok()?)),
            20..24 => drop(take(&self.operations, dice)),
            24..27 => _ = self.handle(dice).map(|handle| self.ask(&handle, dice)),
            27..30 => self.answer(dice),
            30..33 => _ = self.handle(dice).map(|handle| self.wait(&handle, dice)),
            33..35 => {
                let states = [State::Running, State::Blocked, State::Quiesced, State::Offline, State::Running];
                let state = states[dice.below(states.len())];
                _ = self.device(dice).map(|device| device.set_state(state));
            }
            35..37 => {
                let (reason, policy) = ([Reason::Pulled, Reason::Orderly][dice.below(2)], Policy::ALL[dice.below(3)]);
                let limit = [Duration::ZERO, Duration::from_millis(1)][dice.below(2)];
                _ = self.device(dice).map(|device| device.unplug_with(reason, policy).wait(limit));
            }
            37 => _ = self.tree.reset(self.hubs[dice.below(self.hubs.len())], Duration::from_micros(100), || ()),
            38 => self.batch(dice),
            _ => drop(take(&self.handles, dice)),
        }
    }

    fn ask(&self, handle: &Port, dice: &mut Dice) {
        let Ok(operation) = handle.begin("asked") else { return };
        self.ledger.asked.fetch_add(1, Ordering::Relaxed);
        let ledger = self.ledger.clone();
        let request =
            Request::new(operation, move |_: Outcome<u64>| _ = ledger.answered.fetch_add(1, Ordering::Relaxed));
        match dice.below(2) {
            0 => drop(keep(&self.requests, dice, request)),
            _ => drop(keep(&self.parked, dice, request.park())),
        }
    }

    fn answer(&self, dice: &mut Dice) {
        if let Some(request) = take(&self.requests, dice) {
            match dice.below(3) {
                0 => request.answer(7),
                1 => drop(keep(&self.parked, dice, request.park())),
                _ => _ = request.handle().clone().cancel(request.number()),
            }
        }
        if let Some(parked) = take(&self.parked, dice) {
            match dice.below(3) {
                0 => parked.answer(7),
                1 => _ = parked.resume().map(|request| keep(&self.requests, dice, request)),
                _ => drop(parked),
            }
        }
    }

    /// Parks, if the device has it so; its client gives up now and then.
    fn wait(&self, handle: &Port, dice: &mut Dice) {
        self.ledger.waited.fetch_add(1, Ordering::Relaxed);
        let ledger = self.ledger.clone();
        let number = handle.begin_or_park("waits", move |begun| {
            ledger.resumed.fetch_add(1, Ordering::Relaxed);
            drop(begun);
        });
        if let (Some(number), 0) = (number, dice.below(4)) {
            handle.cancel(number);
        }
    }

    fn batch(&self, dice: &mut Dice) {
        let devices: Vec<_> = (0..8).map(|_| Device::new((), Canary::new(&self.ledger))).collect();
        let handles: Vec<_> = devices.iter().map(|device| device.open().expect("it lives")).collect();
        let guard = handles[dice.below(8)].enter();
        let ends = unplug_all(&devices, Reason::Pulled).wait(Duration::ZERO);
        assert_eq!(ends.iter().filter(|end| end.is_err()).count(), 1, "the one that we are inside of");
        drop(ends);
        guard.iter().for_each(|canary| canary.use_it());
    }
}

/// Goes inside, in one way or another.
fn visit(handle: &Port, dice: &mut Dice) {
    match dice.below(8) {
        // More than there are slots.
        0 => (0..9).map(|_| handle.enter()).collect::<Vec<_>>().iter().flatten().for_each(|canary| canary.use_it()),
        // Dropped by another thread, which dies.
        1 if dice.below(50) == 0 => thread::scope(|scope| {
            if let Ok(guard) = handle.enter() {
                scope.spawn(move || guard.use_it());
            }
        }),
        2 => _ = handle.enter().map(|guard| guard.into_counted().use_it()),
        3 => {
            _ = handle.enter().map(|guard| {
                guard.use_it();
                thread::yield_now();
                guard.use_it();
            })
        }
        4 if dice.below(20) == 0 => {
            _ = handle.enter().map(|guard| {
                thread::sleep(Duration::from_micros(100));
                guard.use_it();
            })
        }
        _ => _ = handle.enter().map(|guard| guard.use_it()),
    }
}

/// I4, I5, I7, I8, I9, I13, I17, I28, I29: whatever happened, in the end each piece of hardware has been dropped once and
/// never used afterwards, each request answered once, each caller resumed once.
#[test]
fn everything_at_once() {
    let seconds = env::var("OUTLIVE_TORTURE_SECONDS").map_or(2, |text| text.parse().expect("a number of seconds"));
    let seed = env::var("OUTLIVE_TORTURE_SEED").map_or(1, |text| text.parse().expect("a number"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let world = World::new();
    let threads = thread::available_parallelism().map_or(4, usize::from) * 2;
    let generation = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (world, generation) = (&world, &generation);
            scope.spawn(move || {
                // Short lives: lines are given back and taken over.
                while Instant::now() < end {
                    thread::scope(|scope| {
                        scope.spawn(|| {
                            let life = generation.fetch_add(1, Ordering::Relaxed);
                            let mut dice = Dice(seed ^ (thread as u64) << 40 ^ life << 8);
                            (0..2000).for_each(|_| world.act(&mut dice));
                        });
                    });
                }
            });
        }
    });
    let World { ledger, tree, hubs, handles, operations, requests, parked, .. } = world;
    drop((operations, requests, parked));
    for hub in hubs {
        let removal = tree.unplug(hub, Reason::Orderly, Duration::from_secs(10)).expect("nobody else unplugs hubs");
        assert!(removal.stuck.is_empty(), "somebody is still inside: {:?}", removal.stuck);
    }
    drop((tree, handles));
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "{} devices, {} uses, {} requests, {} waits, {} threads, seed {seed}",
        count(&ledger.made),
        count(&ledger.uses),
        count(&ledger.asked),
        count(&ledger.waited),
        generation.into_inner(),
    );
    assert_eq!(count(&ledger.used_after), 0, "hardware was used after it had been taken out");
    assert_eq!(count(&ledger.dropped), count(&ledger.made), "hardware was lost, or dropped twice");
    assert_eq!(count(&ledger.answered), count(&ledger.asked), "requests answered once each");
    assert_eq!(count(&ledger.resumed), count(&ledger.waited), "callers resumed once each");
    assert!(count(&ledger.uses) > 1000 && count(&ledger.made) > 20);
}
