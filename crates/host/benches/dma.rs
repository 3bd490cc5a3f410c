//! Copies through the dma class beside plain ones: the same buffers, the same order, in turn.
//!
//! An engine with a thread of its own copies, with 32 descriptors in flight. Its consumer does not look at the memory; it
//! refills in either of two ways: *woken*, it sleeps until 20 are back, and submits them again; or in the *callback*, on
//! the engine's thread, as dmaengine allows for slaves. Plain is `copy_from_slice`, which is `copy_nonoverlapping` after a
//! look at the lengths. Each round measures all three, each the other way round than the one before; a ratio is that of
//! one round, and what is said of it is the median.
//!
//! `cargo xtask bench dma`, or `cargo bench -p outlive-host --bench dma -- [ROUNDS [MEBIBYTES [KIBIBYTES]]]`: how many
//! rounds, how much is copied in each for each size at least, and which size only.

use outlive_classes::dma::{Channel, Completion, Completions, Kinds, Registry, Transfer};
use outlive_host::dma::Worker;
use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const IN_FLIGHT: usize = 32;
/// How many come back at a time: so few that the engine has something to do while the consumer wakes up.
const BATCH: usize = 20;
const SIZES: [usize; 7] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];
/// The goal holds from this size on, in bytes.
const FROM: usize = 256 << 10;
/// So many times a plain copy, at most.
const AT_MOST: f64 = 1.10;

type Pair = (Box<[u8]>, Box<[u8]>);

/// Who copies, and who refills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Plain,
    Woken,
    Callback,
}

const SIDES: [Side; 3] = [Side::Plain, Side::Woken, Side::Callback];

struct Row {
    size: usize,
    /// Bytes a nanosecond, in the order of [`SIDES`].
    speeds: [f64; 3],
    /// How many times as long as a plain copy it took, in each round; sorted.
    woken: Vec<f64>,
    callback: Vec<f64>,
    /// One descriptor by itself, from its preparation until its consumer has it back; and one plain copy.
    alone: Duration,
    plain_alone: Duration,
}

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(15).max(1);
    let bytes = numbers.get(1).copied().unwrap_or(512).max(1) << 20;
    let registry = Registry::new();
    let (_engine, _worker) = Worker::plug(&registry, 1).expect("the system has a thread");
    let channel = Arc::new(registry.request(Kinds::MEMCPY).expect("the engine has a channel"));
    println!("{IN_FLIGHT} descriptors in flight, {rounds} rounds; ratio: the engine's time, in times a plain copy's\n");
    println!(
        "{:>8} {:>8} | {:>8} {:>6} {:>10} | {:>8} {:>6} {:>10} | {:>9} {:>9}",
        "", "plain", "woken", "", "", "callback", "", "", "one alone", "plain one"
    );
    println!(
        "{:>8} {:>8} | {:>8} {:>6} {:>10} | {:>8} {:>6} {:>10} | {:>9} {:>9}",
        "size", "GB/s", "GB/s", "ratio", "rounds", "GB/s", "ratio", "rounds", "µs", "µs"
    );
    let only = numbers.get(2).map(|kibibytes| kibibytes << 10);
    let sizes = SIZES.iter().filter(|size| only.is_none_or(|only| only == **size));
    let rows: Vec<Row> = sizes.map(|size| measure(&channel, *size, rounds, bytes)).collect();
    println!("\ngoal: from {} KiB on, the engine takes at most {AT_MOST:.2} times as long", FROM >> 10);
    for (name, ratios) in [("woken", (|row| &row.woken) as fn(&Row) -> &Vec<f64>), ("callback", |row| &row.callback)] {
        let ratios = rows.iter().filter(|row| row.size >= FROM).map(|row| median(ratios(row)));
        let worst = ratios.fold(0.0, f64::max);
        println!("  {name:8} {worst:.3} at worst: {}", if worst <= AT_MOST { "met" } else { "MISSED" });
    }
}

fn measure(channel: &Arc<Channel>, size: usize, rounds: usize, bytes: usize) -> Row {
    let copies = (bytes / size).max(IN_FLIGHT);
    let mut pairs: Vec<Pair> =
        (0..IN_FLIGHT).map(|at| (vec![at as u8; size].into(), vec![0xff; size].into())).collect();
    // Once, so that neither pays for the first touch of a page.
    plain(&mut pairs, IN_FLIGHT);
    let mut times = Vec::new();
    for round in 0..rounds {
        let mut taken = [Duration::ZERO; 3];
        for at in 0..SIDES.len() {
            let at = if round % 2 == 0 { at } else { SIDES.len() - 1 - at };
            taken[at] = match SIDES[at] {
                Side::Plain => plain(&mut pairs, copies),
                Side::Woken => woken(channel, &mut pairs, copies),
                Side::Callback => refilled(channel, &mut pairs, copies),
            };
        }
        times.push(taken);
    }
    let (alone, plain_alone) = one_alone(channel, &mut pairs[0]);
    let speed =
        |side: usize| median(&sorted(times.iter().map(|taken| (copies * size) as f64 / taken[side].as_nanos() as f64)));
    let ratios = |side: usize| sorted(times.iter().map(|taken| taken[side].as_secs_f64() / taken[0].as_secs_f64()));
    let (woken, callback) = (ratios(1), ratios(2));
    let row = Row { size, speeds: [speed(0), speed(1), speed(2)], woken, callback, alone, plain_alone };
    print(&row);
    row
}

fn plain(pairs: &mut [Pair], copies: usize) -> Duration {
    let begin = Instant::now();
    for copy in 0..copies {
        let (source, destination) = &mut pairs[copy % IN_FLIGHT];
        destination.copy_from_slice(black_box(source));
        black_box(destination);
    }
    begin.elapsed()
}

fn woken(channel: &Channel, pairs: &mut Vec<Pair>, copies: usize) -> Duration {
    for (_, destination) in pairs.iter_mut() {
        // A copy that is not made shows.
        destination[0] = !destination[0];
    }
    let completions = Completions::new();
    let mut back = Vec::with_capacity(IN_FLIGHT);
    let begin = Instant::now();
    for (source, destination) in pairs.drain(..) {
        submit(channel, Transfer::memcpy(source, destination), &completions);
    }
    channel.issue_pending().expect("the engine is there");
    let (mut submitted, mut completed) = (IN_FLIGHT, 0);
    while completed < copies {
        completions.take(BATCH.min(copies - completed), Duration::MAX, &mut back);
        completed += back.len();
        for Completion { result, transfer, .. } in back.drain(..) {
            result.expect("the engine does not fail");
            if submitted < copies {
                submitted += 1;
                submit(channel, transfer, &completions);
            } else {
                pairs.push(pair(transfer));
            }
        }
        channel.issue_pending().expect("the engine is there");
    }
    let took = begin.elapsed();
    assert!(pairs.iter().all(|(source, destination)| source[0] == destination[0]), "a copy was not made");
    took
}

/// As [`woken`], but each completion's callback submits its memory again, on the engine's thread.
fn refilled(channel: &Arc<Channel>, pairs: &mut Vec<Pair>, copies: usize) -> Duration {
    for (_, destination) in pairs.iter_mut() {
        destination[0] = !destination[0];
    }
    let completions = Completions::new();
    let refill = Arc::new(Refill {
        channel: channel.clone(),
        left: AtomicUsize::new(copies - IN_FLIGHT),
        completions: completions.clone(),
    });
    let begin = Instant::now();
    for (source, destination) in pairs.drain(..) {
        refill.clone().submit(Transfer::memcpy(source, destination));
    }
    channel.issue_pending().expect("the engine is there");
    let mut back = Vec::with_capacity(IN_FLIGHT);
    completions.take(IN_FLIGHT, Duration::MAX, &mut back);
    let took = begin.elapsed();
    pairs.extend(back.into_iter().map(|completion| pair(completion.transfer)));
    assert!(pairs.iter().all(|(source, destination)| source[0] == destination[0]), "a copy was not made");
    took
}

struct Refill {
    channel: Arc<Channel>,
    left: AtomicUsize,
    completions: Completions,
}

impl Refill {
    fn submit(self: Arc<Self>, transfer: Transfer) {
        let channel = self.channel.clone();
        let descriptor = channel.prepare(transfer).expect("it makes sense");
        let left =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).unwrap_or(0);
        if left == 0 {
            descriptor.gather(&self.completions).submit().expect("the engine is there");
            return;
        }
        let again = move |completion: Completion| {
            completion.result.expect("the engine does not fail");
            let channel = self.channel.clone();
            self.submit(completion.transfer);
            if left.is_multiple_of(BATCH) || left <= IN_FLIGHT {
                channel.issue_pending().expect("the engine is there");
            }
        };
        descriptor.on_complete(again).submit().expect("the engine is there");
    }
}

fn submit(channel: &Channel, transfer: Transfer, completions: &Completions) {
    let descriptor = channel.prepare(transfer).expect("it makes sense");
    descriptor.gather(completions).submit().expect("the engine is there");
}

fn pair(transfer: Transfer) -> Pair {
    let buffers: Vec<Box<[u8]>> = transfer
        .into_buffers()
        .into_iter()
        .map(|buffer| match buffer {
            outlive_classes::dma::Buffer::Owned(bytes) => bytes,
            outlive_classes::dma::Buffer::Shared(_) => unreachable!("none is shared here"),
        })
        .collect();
    let [source, destination] = <[_; 2]>::try_from(buffers).expect("a memcpy has two");
    (source, destination)
}

/// The median of some of each, in turn.
fn one_alone(channel: &Channel, pair_of_one: &mut Pair) -> (Duration, Duration) {
    let (mut by_engine, mut plainly) = (Vec::new(), Vec::new());
    let (source, destination) = std::mem::take(pair_of_one);
    let mut transfer = Some(Transfer::memcpy(source, destination));
    let completions = Completions::new();
    let mut back = Vec::new();
    for _ in 0..101 {
        let begin = Instant::now();
        submit(channel, transfer.take().expect("it is back"), &completions);
        channel.issue_pending().expect("the engine is there");
        completions.take(1, Duration::MAX, &mut back);
        by_engine.push(begin.elapsed());
        let (source, mut destination) = pair(back.pop().expect("it is back").transfer);
        let begin = Instant::now();
        destination.copy_from_slice(black_box(&source));
        black_box(&mut destination);
        plainly.push(begin.elapsed());
        transfer = Some(Transfer::memcpy(source, destination));
    }
    *pair_of_one = pair(transfer.expect("it is back"));
    by_engine.sort_unstable();
    plainly.sort_unstable();
    (by_engine[by_engine.len() / 2], plainly[plainly.len() / 2])
}

fn print(row: &Row) {
    let size = if row.size >= 1 << 20 { format!("{} MiB", row.size >> 20) } else { format!("{} KiB", row.size >> 10) };
    let range = |ratios: &[f64]| format!("{:.2}-{:.2}", ratios[0], ratios[ratios.len() - 1]);
    let microseconds = |time: Duration| time.as_nanos() as f64 / 1000.0;
    println!(
        "{size:>8} {:>8.2} | {:>8.2} {:>6.3} {:>10} | {:>8.2} {:>6.3} {:>10} | {:>9.1} {:>9.1}",
        row.speeds[0],
        row.speeds[1],
        median(&row.woken),
        range(&row.woken),
        row.speeds[2],
        median(&row.callback),
        range(&row.callback),
        microseconds(row.alone),
        microseconds(row.plain_alone)
    );
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}
