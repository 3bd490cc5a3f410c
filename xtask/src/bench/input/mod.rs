//! Events on their way to clients under `outlive run`, on each road, and in a guest beside Linux' own evdev: the same program
//! sends them and reads them.
//!
//! All are measured in turn, round by round, on one core. A ratio is the median of the rounds' ratios, each of two
//! figures of the same round. The guest is qemu's, since user-mode Linux has no uinput; without KVM, so that its figures are for
//! comparison with each other, and roughly.

mod table;

use super::{
    machine,
    mtd::here,
    run_front::last_core,
    serve::{measured, said::Rounds, text},
};
use crate::{
    clients,
    guest::{Guest, Kind},
    packages,
};
use anyhow::Result;
use std::{path::PathBuf, time::Duration};

/// Options of `bench input`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure in so many rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Send so many times a round (to a hundred clients a hundredth of that)
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..))]
    count: u32,
    /// Measure this binary instead of building one in release form
    #[arg(long, value_name = "FILE")]
    outlive: Option<PathBuf>,
    /// Measure in a guest beside evdev in so many rounds; 0 leaves that out
    #[arg(long, default_value_t = 5, value_name = "ROUNDS")]
    guest: u32,
}

/// The sides that can be measured anywhere, as `benches/input/sides.sh` calls them.
const ROADS: [&str; 3] = ["trap", "fuse", "plain"];
/// What a guest has besides.
const EVDEV: &str = "evdev";
/// How long who waits for an event is left to fall asleep, in µs; a guest is slower.
const GAP: u32 = 200;
const GAP_INSIDE: u32 = 4000;
/// A guest sends so many times fewer.
const FEWER_INSIDE: u32 = 10;

impl Args {
    /// One short round, with the binary that the tests have built.
    pub(crate) fn short_form() -> Args {
        let outlive = Some(crate::workspace::target().join("debug/outlive"));
        Args { rounds: 1, count: 20, outlive, guest: 1 }
    }

    pub(crate) fn run(&self) -> Result<()> {
        packages::require(&packages::for_input_bench())?;
        let outlive = text(&clients::outlive(self.outlive.as_deref())?)?;
        let client = text(&clients::build("benches/input/events.c", &[])?)?;
        let line = |rounds: u32, count: u32, gap: u32, sides: &[&str]| -> Vec<String> {
            let numbers = [rounds, count.max(10), gap].map(|number| number.to_string());
            let script = ["sh", "benches/input/sides.sh"].map(str::to_owned).into_iter().chain(numbers);
            let programs = [&outlive, &client].map(String::clone);
            script.chain(programs).chain(sides.iter().map(|side| (*side).to_owned())).collect()
        };
        let core = last_core()?.to_string();
        let pin = ["taskset", "--cpu-list", &core].map(str::to_owned);
        let rounds = here(&[&pin[..], &line(self.rounds, self.count, GAP, &ROADS)].concat())?;
        println!("{}", self.heading());
        print!("{}", table::render(&rounds, &ROADS, None));
        if self.guest > 0 {
            let sides = [&[EVDEV], &ROADS[..]].concat();
            println!("\nin a guest of qemu's, of one core; {} rounds, and so many times evdev's", self.guest);
            let inside = self.inside(&line(self.guest, self.count / FEWER_INSIDE, GAP_INSIDE, &sides))?;
            print!("{}", table::render(&inside, &sides, Some(EVDEV)));
        }
        Ok(())
    }

    fn inside(&self, words: &[String]) -> Result<Rounds> {
        // A send takes up to a few milliseconds where each instruction is interpreted, on each of four sides.
        let limit =
            Duration::from_secs(240 * u64::from(self.guest)) + Duration::from_millis(50) * self.guest * self.count;
        let guest = Guest::new(Kind::Qemu).modules(&["fuse", "uinput", "evdev"]).limit(limit);
        measured(guest, &words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn heading(&self) -> String {
        format!(
            "\nEvents of a mouse, sent by a write to its node and read by its clients, on one core; median of {} rounds of {}.\n{}\n",
            self.rounds,
            self.count,
            machine::line()
        )
    }
}
