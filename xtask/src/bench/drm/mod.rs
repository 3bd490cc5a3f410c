//! What showing something costs a client under `outlive run`, on each road, beside a byte to another process and back.
//!
//! All are measured in turn, round by round, on one core. A ratio is the median of the rounds' ratios, each of two
//! figures of the same round.

mod table;

use super::{machine, mtd::here, run_front::last_core, serve::text};
use crate::{clients, packages};
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// Options of `bench drm`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure in so many rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Make so many calls of each kind a round, and draw a hundredth of that in frames
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(10..))]
    count: u32,
    /// Measure this binary instead of building one in release form
    #[arg(long, value_name = "FILE")]
    outlive: Option<PathBuf>,
}

/// The sides, as `benches/drm/sides.sh` calls them.
const SIDES: [&str; 4] = [table::PIPES, "trap", "fuse", "plain"];

impl Args {
    /// One short round, with the binary that the tests have built.
    pub(crate) fn short_form() -> Args {
        let outlive = Some(crate::workspace::target().join("debug/outlive"));
        Args { rounds: 1, count: 20, outlive }
    }

    pub(crate) fn run(&self) -> Result<()> {
        packages::require(&packages::for_drm_bench())?;
        let outlive = text(&clients::outlive(self.outlive.as_deref())?)?;
        let client = text(&clients::build("benches/drm/flips.c", &[])?)?;
        let pipes = text(&clients::build("benches/run_front/pipe_ping_pong.c", &[])?)?;
        let core = last_core()?.to_string();
        let numbers = [self.rounds, self.count].map(|number| number.to_string());
        let pinned = ["taskset", "--cpu-list", &core, "sh", "benches/drm/sides.sh"].map(str::to_owned);
        let words = pinned.into_iter().chain(numbers).chain([outlive, client, pipes]);
        let rounds = here(&words.chain(SIDES.map(str::to_owned)).collect::<Vec<_>>())?;
        println!("{}", self.heading());
        print!("{}{}", table::render(&rounds, &SIDES), table::COPIES);
        let failed = table::failures(&rounds, &SIDES);
        ensure!(failed.is_empty(), "{}", failed.join("\n"));
        Ok(())
    }

    fn heading(&self) -> String {
        format!(
            "\nA client of a card with a vertical blanking every 100 µs, on one core; median of {} rounds of {} calls: µs, and so \
             many times the ping-pong.\n{}\n",
            self.rounds,
            self.count,
            machine::line()
        )
    }
}
