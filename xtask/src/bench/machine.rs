//! What a bench ran on.

use std::{fs, thread};

/// Kernel, cores and processor, in a line.
pub(super) fn line() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = thread::available_parallelism().map_or(0, usize::from);
    format!("Linux {}, {cores} cores, {}", kernel.trim(), model.map_or("an unnamed processor", |(_, model)| model))
}
