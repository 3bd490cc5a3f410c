//! What unplugging costs.

use crate::pairs::median;
use outlive::{Device, Handle, REMOVAL_BUDGET, Reason, unplug_all};
use serde::Serialize;
use std::{
    hint::black_box,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

#[derive(Serialize)]
struct Row {
    what: String,
    /// Median, in microseconds.
    median: f64,
    /// 10th and 90th percentile.
    spread: (f64, f64),
}

impl Row {
    fn of(what: String, mut samples: Vec<f64>) -> Row {
        samples.sort_by(f64::total_cmp);
        let at = |part: f64| samples[((samples.len() - 1) as f64 * part) as usize];
        Row { what, median: median(samples.iter().copied()), spread: (at(0.1), at(0.9)) }
    }
}

pub(crate) fn run(short: bool, json: bool) -> anyhow::Result<()> {
    let rounds = if short { 2 } else { 40 };
    let mut rows = idle_handles(if short { &[0, 10] } else { &[0, 1, 10_000, 1_000_000] }, rounds);
    rows.push(beside_a_stuck_one(rounds * 25));
    rows.push(while_another_runs(rounds * 25));
    let many = if short { 100 } else { 100_000 };
    rows.push(batch(many, rounds.min(10)));
    if json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    println!("{:64} {:>12} {:>25}", "unplug, until the hardware is back, in us", "median", "10 % to 90 %");
    for row in &rows {
        println!("{:64} {:>12.2} {:>12.2} to {:>9.2}", row.what, row.median, row.spread.0, row.spread.1);
    }
    if !short {
        goals(&rows);
    }
    Ok(())
}

fn microseconds(begin: Instant) -> f64 {
    begin.elapsed().as_nanos() as f64 / 1000.0
}

fn unplug(device: &Device<(), u64>) -> f64 {
    let begin = Instant::now();
    let hardware = device.unplug(Reason::Pulled).wait(REMOVAL_BUDGET);
    let took = microseconds(begin);
    assert_eq!(black_box(hardware.expect("nobody is inside")), Some(7));
    took
}

/// Devices with so many idle handles, in turns.
fn idle_handles(counts: &[usize], rounds: usize) -> Vec<Row> {
    let mut samples = vec![Vec::new(); counts.len()];
    let mut crowd = vec![0_u64; if rounds > 2 { 8 << 20 } else { 1 }];
    for _ in 0..rounds {
        for (count, samples) in counts.iter().zip(&mut samples) {
            let device = Device::new((), 7);
            let handles: Vec<Handle<_, _>> = (0..*count).map(|_| device.open().expect("it lives")).collect();
            // What was made last is in the processor's caches, or has driven the device out of them; now it is neither.
            crowd.iter_mut().for_each(|word| *word = word.wrapping_add(1));
            samples.push(unplug(&device));
            assert_eq!(device.handles(), handles.len(), "they stay open");
        }
    }
    let row = |(count, samples): (&usize, _)| Row::of(format!("with {count} idle handles"), samples);
    counts.iter().zip(samples).map(row).collect()
}

/// B, while somebody sleeps inside A.
fn beside_a_stuck_one(rounds: usize) -> Row {
    let stuck = Device::new((), 7);
    let handle = stuck.open().expect("it lives");
    let (leave, left) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let (entered, inside) = mpsc::channel();
        scope.spawn(move || {
            let guard = handle.enter().expect("it lives");
            entered.send(()).expect("somebody waits");
            left.recv().ok();
            drop(guard);
        });
        inside.recv().expect("it enters");
        let removal = stuck.unplug(Reason::Pulled);
        let samples = (0..rounds).map(|_| unplug(&Device::new((), 7))).collect();
        drop(leave);
        removal.wait(REMOVAL_BUDGET).expect("it leaves");
        Row::of("of B, while A is stuck: its guard's holder sleeps".to_owned(), samples)
    })
}

/// While another thread of the process runs on another processor: the heavy fence has to interrupt it.
fn while_another_runs(rounds: usize) -> Row {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        thread::sleep(Duration::from_millis(5));
        let samples = (0..rounds).map(|_| unplug(&Device::new((), 7))).collect();
        over.store(true, Ordering::Relaxed);
        Row::of("while another thread of the process runs".to_owned(), samples)
    })
}

fn batch(count: u64, rounds: usize) -> Row {
    let samples = (0..rounds).map(|_| {
        let devices: Vec<_> = (0..count).map(|number| Device::new((), number)).collect();
        let _handles: Vec<_> = devices.iter().map(|device| device.open()).collect();
        let begin = Instant::now();
        let ends = unplug_all(&devices, Reason::Pulled).wait(REMOVAL_BUDGET);
        let took = microseconds(begin);
        assert!(ends.iter().zip(0..).all(|(end, number)| matches!(end, Ok(Some(hardware)) if *hardware == number)));
        took
    });
    Row::of(format!("{BATCH} of {count}"), samples.collect())
}

const BATCH: &str = "a batch";

fn goals(rows: &[Row]) {
    let say = |goal: String, met: bool| println!("goal: {goal}: {}", if met { "met" } else { "MISSED" });
    println!();
    let idle: Vec<_> = rows.iter().filter(|row| row.what.contains("idle")).collect();
    let noise = idle.iter().map(|row| row.spread.1).fold(0.0, f64::max);
    let worst = idle.iter().map(|row| row.median).fold(0.0, f64::max);
    let least = idle.iter().map(|row| row.median).fold(f64::MAX, f64::min);
    say(
        format!("the same time for any number of handles: {least:.2} to {worst:.2} us"),
        worst <= noise.max(least * 2.0),
    );
    for row in rows {
        if row.what.contains("stuck") {
            say(format!("B beside a stuck A within 10 us: {:.2}", row.median), row.median <= 10.0);
        }
        if row.what.starts_with(BATCH) {
            say(format!("{} under 10 ms: {:.2}", row.what, row.median / 1000.0), row.median < 10_000.0);
        }
    }
}
