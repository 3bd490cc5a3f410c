//! Entering and leaving, beside every alternative.

use crate::pairs::{Design, Effort, Loop, Pair, looped, measure};
use outlive::{Device, Guard, Handle};
use serde::Serialize;
use std::{
    cell::RefCell,
    hint::black_box,
    sync::{
        Arc, RwLock, Weak,
        atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// At most so many nanoseconds above the bare load, uncontended.
const ABOVE_BARE: f64 = 0.6;
/// At least so many times as fast as the fastest of the others.
const FASTER: f64 = 8.0;
/// A recorded operation takes less than so many nanoseconds.
const RECORDED: f64 = 60.0;

/// What is behind every gate here.
type Data = AtomicU64;

fn look(data: &Data) -> u64 {
    data.load(Ordering::Relaxed)
}

#[derive(Serialize)]
struct Row {
    design: &'static str,
    /// Whether it is ours.
    ours: bool,
    setting: &'static str,
    threads: usize,
    nanoseconds: f64,
    bare_nanoseconds: f64,
    preempted: f64,
}

pub(crate) fn run(short: bool, json: bool) -> anyhow::Result<()> {
    let effort = match short {
        true => Effort { rounds: 2, sample: Duration::from_micros(5) },
        false => Effort { rounds: 120, sample: Duration::from_micros(100) },
    };
    let cores = thread::available_parallelism()?.get();
    let mut rows = Vec::new();
    for threads in [1, 2, 16].into_iter().filter(|threads| *threads <= cores) {
        rows.extend(setting("alone", 1, threads, effort).into_iter().filter(|_| threads == 1));
        if threads > 1 {
            rows.extend(setting("one device", 1, threads, effort));
            rows.extend(setting("own devices", threads, threads, effort));
        }
    }
    match json {
        true => println!("{}", serde_json::to_string_pretty(&rows)?),
        false => print(&rows, short),
    }
    Ok(())
}

/// All designs, on so many devices, with so many threads.
fn setting(setting: &'static str, devices: usize, threads: usize, effort: Effort) -> Vec<Row> {
    let worlds: Vec<World> = (0..devices).map(|_| World::new()).collect();
    let mut designs = Vec::new();
    let mut ours = Vec::new();
    for (kind, (name, is_ours)) in KINDS.iter().enumerate() {
        let loops = (0..threads).map(|thread| worlds[thread % devices].looped(kind)).collect();
        designs.push(Design { name, loops });
        ours.push(*is_ours);
    }
    let bare = designs.remove(0);
    ours.remove(0);
    let pairs = measure(&designs, &bare, effort);
    let row = |((design, pair), ours): ((&Design<'_>, Pair), bool)| Row {
        design: design.name,
        ours,
        setting,
        threads,
        nanoseconds: pair.design,
        bare_nanoseconds: pair.bare,
        preempted: pair.dropped,
    };
    designs.iter().zip(pairs).zip(ours).map(row).collect()
}

/// The designs, and whether they are ours. The first is what all are compared with.
const KINDS: [(&str, bool); 17] = [
    ("bare load and branch", false),
    (GATE, true),
    ("outlive: a second guard, nested", true),
    ("outlive: made a counted one", true),
    ("outlive: the eighth guard, counted", true),
    (OPERATION, true),
    ("haphazard, hazard pointer kept", false),
    ("seize, enter and protect", false),
    ("crossbeam-epoch, pin and load", false),
    ("arc-swap, load", false),
    ("left-right, enter", false),
    ("Weak::upgrade", false),
    ("kernfs-style counter", false),
    ("parking_lot RwLock, read", false),
    ("std RwLock, read", false),
    ("parking_lot RwLock, try_read", false),
    ("std Mutex, lock", false),
];
const GATE: &str = "outlive: guard";
const OPERATION: &str = "outlive: recorded operation";

/// One device in every design.
struct World {
    alive: AtomicU64,
    data: Data,
    handle: Handle<(), Data>,
    _device: Device<(), Data>,
    haphazard: haphazard::AtomicPtr<Data>,
    collector: seize::Collector,
    seized: AtomicPtr<Data>,
    epoch: crossbeam_epoch::Atomic<Data>,
    swap: arc_swap::ArcSwapOption<Data>,
    left_right: left_right::ReadHandleFactory<u64>,
    _writer: std::sync::Mutex<left_right::WriteHandle<u64, Set>>,
    weak: Weak<Data>,
    _strong: Arc<Data>,
    kernfs: AtomicI64,
    parking_lot: parking_lot::RwLock<Option<Data>>,
    std: RwLock<Option<Data>>,
    mutex: std::sync::Mutex<Option<Data>>,
}

struct Set(u64);

impl left_right::Absorb<Set> for u64 {
    fn absorb_first(&mut self, set: &mut Set, _: &u64) {
        *self = set.0;
    }

    fn sync_with(&mut self, first: &u64) {
        *self = *first;
    }
}

impl World {
    fn new() -> Self {
        let device = Device::new((), Data::new(7));
        let (mut writer, reader) = left_right::new::<u64, Set>();
        writer.append(Set(7));
        writer.publish();
        let strong = Arc::new(Data::new(7));
        World {
            alive: AtomicU64::new(0),
            data: Data::new(7),
            handle: device.open().expect("it lives"),
            _device: device,
            haphazard: haphazard::AtomicPtr::from(Box::new(Data::new(7))),
            collector: seize::Collector::new(),
            seized: AtomicPtr::new(Box::leak(Box::new(Data::new(7)))),
            epoch: crossbeam_epoch::Atomic::new(Data::new(7)),
            swap: arc_swap::ArcSwapOption::from_pointee(Data::new(7)),
            left_right: reader.factory(),
            _writer: std::sync::Mutex::new(writer),
            weak: Arc::downgrade(&strong),
            _strong: strong,
            kernfs: AtomicI64::new(0),
            parking_lot: parking_lot::RwLock::new(Some(Data::new(7))),
            std: RwLock::new(Some(Data::new(7))),
            mutex: std::sync::Mutex::new(Some(Data::new(7))),
        }
    }

    /// The loop of a kind, by its place in [`KINDS`].
    fn looped(&self, kind: usize) -> Loop<'_> {
        let world = self;
        match kind {
            0 => looped(move || {
                let world = black_box(world);
                (world.alive.load(Ordering::Relaxed) & 1 == 0).then(|| look(&world.data))
            }),
            1 => looped(move || black_box(&world.handle).enter().ok().map(|data| look(&data))),
            2 => self.with_guards(1),
            3 => looped(move || black_box(&world.handle).enter().ok().map(|data| look(&data.into_counted()))),
            4 => self.with_guards(7),
            5 => looped(move || black_box(&world.handle).begin("read").is_ok()),
            6 => Box::new(move |times| {
                let mut hazard = haphazard::HazardPointer::new();
                for _ in 0..times {
                    black_box(black_box(&world.haphazard).safe_load(&mut hazard).map(look));
                    hazard.reset_protection();
                }
            }),
            7 => looped(move || {
                use seize::Guard as _;
                let guard = black_box(&world.collector).enter();
                !guard.protect(&world.seized, Ordering::Acquire).is_null()
            }),
            8 => looped(move || {
                let guard = crossbeam_epoch::pin();
                !black_box(&world.epoch).load(Ordering::Acquire, &guard).is_null()
            }),
            9 => looped(move || black_box(&world.swap).load().as_ref().map(|data| look(data))),
            10 => Box::new(move |times| {
                let reader = world.left_right.handle();
                for _ in 0..times {
                    black_box(black_box(&reader).enter().map(|data| *data));
                }
            }),
            11 => looped(move || black_box(&world.weak).upgrade().map(|data| look(&data))),
            12 => looped(move || kernfs(black_box(&world.kernfs), || look(&world.data))),
            13 => looped(move || black_box(&world.parking_lot).read().as_ref().map(look)),
            14 => looped(move || black_box(&world.std).read().ok().and_then(|data| data.as_ref().map(look))),
            15 => looped(move || black_box(&world.parking_lot).try_read().and_then(|data| data.as_ref().map(look))),
            16 => looped(move || black_box(&world.mutex).lock().ok().and_then(|data| data.as_ref().map(look))),
            _ => unreachable!("as many as there are kinds"),
        }
    }

    /// Entering with so many guards held already.
    fn with_guards(&self, held: usize) -> Loop<'_> {
        let world = self;
        Box::new(move |times| {
            let guards: RefCell<Vec<Guard<'_, Data>>> = RefCell::default();
            (0..held).for_each(|_| guards.borrow_mut().extend(world.handle.enter().ok()));
            for _ in 0..times {
                black_box(black_box(&world.handle).enter().ok().map(|data| look(&data)));
            }
        })
    }
}

/// An active reference as `kernfs_get_active` of `fs/kernfs/dir.c` takes it: counted up unless it is negative.
fn kernfs(active: &AtomicI64, inside: impl FnOnce() -> u64) -> Option<u64> {
    let up = |count: i64| (count >= 0).then_some(count + 1);
    active.fetch_update(Ordering::Acquire, Ordering::Relaxed, up).ok()?;
    let value = inside();
    active.fetch_sub(1, Ordering::Release);
    Some(value)
}

fn print(rows: &[Row], short: bool) {
    println!(
        "ns for each enter and exit; each sample beside one of a bare load, medians of the pairs that were not preempted"
    );
    println!(
        "{:36} {:12} {:>7} {:>9} {:>7} {:>9} {:>8} {:>9}",
        "design", "setting", "threads", "ns", "bare", "above", "x gate", "preempted"
    );
    let gate = |row: &Row| {
        let same = |other: &&Row| (other.setting, other.threads) == (row.setting, row.threads);
        rows.iter().filter(same).find(|row| row.design == GATE).map_or(f64::NAN, |gate| gate.nanoseconds)
    };
    for row in rows {
        println!(
            "{:36} {:12} {:>7} {:>9.2} {:>7.2} {:>9.2} {:>7.1}x {:>8.0}%",
            row.design,
            row.setting,
            row.threads,
            row.nanoseconds,
            row.bare_nanoseconds,
            row.nanoseconds - row.bare_nanoseconds,
            row.nanoseconds / gate(row),
            row.preempted * 100.0
        );
    }
    if !short {
        goals(rows);
    }
}

fn goals(rows: &[Row]) {
    let find = |design: &str, setting: &str, threads: usize| {
        rows.iter().find(|row| (row.design, row.setting, row.threads) == (design, setting, threads))
    };
    let say = |goal: String, met: bool| println!("goal: {goal}: {}", if met { "met" } else { "MISSED" });
    println!();
    let Some(gate) = find(GATE, "alone", 1) else { return };
    let above = gate.nanoseconds - gate.bare_nanoseconds;
    say(format!("at most {ABOVE_BARE} ns above the bare load: {above:.2}"), above <= ABOVE_BARE);
    let others = rows.iter().filter(|row| !row.ours && row.setting == "alone");
    if let Some(fastest) = others.min_by(|one, other| one.nanoseconds.total_cmp(&other.nanoseconds)) {
        let times = fastest.nanoseconds / gate.nanoseconds;
        say(format!("{FASTER} times as fast as the fastest other ({}): {times:.1}", fastest.design), times >= FASTER);
    }
    for setting in ["one device", "own devices"] {
        if let Some(two) = find(GATE, setting, 2) {
            let growth = (two.nanoseconds - two.bare_nanoseconds) - above;
            // What two threads add to the difference, beyond what two runs differ by.
            say(format!("no growth from 1 to 2 threads ({setting}): {growth:+.2} ns"), growth < 0.15);
        }
    }
    if let Some(operation) = find(OPERATION, "alone", 1) {
        let nanoseconds = operation.nanoseconds;
        say(format!("a recorded operation under {RECORDED} ns: {nanoseconds:.1}"), nanoseconds < RECORDED);
    }
}
