//! Pairs of samples: each of a design beside one of a bare load, in turns and in changing order, in one run.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::{
    fs,
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Runs something so many times, in a loop of its own.
pub(crate) type Loop<'a> = Box<dyn Fn(u64) + Sync + 'a>;

/// Makes a loop of something that yields a value.
pub(crate) fn looped<'a, R>(once: impl Fn() -> R + Sync + 'a) -> Loop<'a> {
    Box::new(move |times| {
        for _ in 0..times {
            black_box(once());
        }
    })
}

/// One design: for each thread its loop.
pub(crate) struct Design<'a> {
    pub(crate) name: &'static str,
    pub(crate) loops: Vec<Loop<'a>>,
}

/// Medians of the clean samples, in nanoseconds an iteration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) design: f64,
    pub(crate) bare: f64,
    /// How many of the pairs were dropped, since a thread was preempted meanwhile.
    pub(crate) dropped: f64,
}

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) sample: Duration,
}

/// Pairs of a design and the bare load, in nanoseconds; `None` for one that was preempted.
type Samples = Vec<Option<(f64, f64)>>;

/// Measures each design beside `bare`, with as many threads as it has loops.
pub(crate) fn measure(designs: &[Design<'_>], bare: &Design<'_>, effort: Effort) -> Vec<Pair> {
    let threads = bare.loops.len();
    let times: Vec<u64> = designs.iter().map(|design| calibrate(&design.loops[0], effort.sample)).collect();
    let bare_times = calibrate(&bare.loops[0], effort.sample);
    let barrier = SpinBarrier::new(threads);
    let samples: Vec<Vec<Samples>> = thread::scope(|scope| {
        let one = |thread: usize| {
            let (barrier, times) = (&barrier, &times);
            move || {
                pin(thread);
                let mut samples = vec![Vec::new(); designs.len()];
                let mut order = Shuffle(0x9e37_79b9_7f4a_7c15);
                for _ in 0..effort.rounds {
                    for index in order.of(designs.len()) {
                        let before = preemptions();
                        let bare = sample(&bare.loops[thread], bare_times);
                        barrier.wait();
                        let design = sample(&designs[index].loops[thread], times[index]);
                        samples[index].push((preemptions() == before).then_some((design, bare)));
                    }
                }
                samples
            }
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(one(thread))).collect();
        running.into_iter().map(|thread| thread.join().expect("a loop does not panic")).collect()
    });
    let of = |index: usize| {
        let all: Vec<_> = samples.iter().flat_map(|thread| &thread[index]).collect();
        let clean: Vec<_> = all.iter().copied().flatten().collect();
        let dropped = 1.0 - clean.len() as f64 / all.len() as f64;
        // All were preempted: then those are all there is.
        let design = median(clean.iter().map(|pair| pair.0));
        Pair { design, bare: median(clean.iter().map(|pair| pair.1)), dropped }
    };
    (0..designs.len()).map(of).collect()
}

fn sample(looped: &Loop<'_>, times: u64) -> f64 {
    let begin = Instant::now();
    looped(times);
    begin.elapsed().as_nanos() as f64 / times as f64
}

/// How many iterations a sample of that length has.
fn calibrate(looped: &Loop<'_>, length: Duration) -> u64 {
    let mut times = 64;
    loop {
        let begin = Instant::now();
        looped(times);
        if begin.elapsed() >= length {
            return times;
        }
        times *= 2;
    }
}

/// Puts this thread on the processor of that place among those that it may run on: two threads on one would not meet.
fn pin(place: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let processor = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).nth(place);
    let mut only = CpuSet::new();
    processor.into_iter().for_each(|processor| only.set(processor));
    let _ = sched_setaffinity(None, &only);
}

/// How often this thread was preempted (proc_pid_status(5)).
fn preemptions() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// The median; not a number of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Where threads meet without sleeping, so that they go on together, each on its processor.
struct SpinBarrier {
    threads: usize,
    met: AtomicUsize,
}

impl SpinBarrier {
    fn new(threads: usize) -> Self {
        SpinBarrier { threads, met: AtomicUsize::new(0) }
    }

    fn wait(&self) {
        let turn = self.met.fetch_add(1, Ordering::AcqRel) / self.threads;
        let mut looks = 0_u32;
        while self.met.load(Ordering::Acquire) / self.threads == turn {
            looks += 1;
            // Somebody else may need this processor to get here.
            if looks.is_multiple_of(10_000) { thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

/// Orders, the same for every thread.
struct Shuffle(u64);

impl Shuffle {
    fn of(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..count).collect();
        for last in (1..count).rev() {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(last, (self.0 >> 33) as usize % (last + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bench sees what is slow, and that nothing is nothing.
    #[test]
    fn a_slow_design_is_seen() {
        let spin = |turns: u64| looped(move || (0..turns).for_each(|turn| _ = black_box(turn)));
        let bare = Design { name: "bare", loops: vec![looped(|| ())] };
        let designs = [
            Design { name: "nothing", loops: vec![looped(|| ())] },
            Design { name: "slow", loops: vec![spin(100)] },
            Design { name: "slower", loops: vec![spin(1000)] },
        ];
        let effort = Effort { rounds: 20, sample: Duration::from_micros(50) };
        let pairs = measure(&designs, &bare, effort);
        assert!(pairs[0].design < pairs[1].design && pairs[1].design * 3.0 < pairs[2].design, "{pairs:?}");
    }

    #[test]
    fn an_order_has_all() {
        let mut order = Shuffle(1).of(10);
        assert_ne!(order, (0..10).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..10).collect::<Vec<_>>());
    }
}
