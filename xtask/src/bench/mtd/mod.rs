//! Large reads and writes of a flash under `outlive run`, on each road, beside a plain file in memory: the same system
//! calls by the same client. In a guest beside Linux' own mtdram, too.
//!
//! All are measured in turn, round by round, here pinned to one core and unpinned. A ratio is the median of the rounds'
//! ratios to the plain file of the same round. The guest is qemu's, without KVM where the machine has none: copying costs
//! other things there than on a processor, so that its figures are for comparison with each other, and roughly.

mod table;

use super::{
    machine,
    run_front::last_core,
    serve::{
        measured,
        said::{self, Rounds},
        text,
    },
};
use crate::{
    clients,
    guest::{Guest, Kind},
    packages,
};
use anyhow::{Context, Result, ensure};
use std::{path::PathBuf, process::Command, time::Duration};

/// Options of `bench mtd`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure in so many rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Write and read a flash of so many MiB
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    mebibytes: u32,
    /// Write and read all of it so many times a round
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    passes: u32,
    /// Measure this binary instead of building one in release form
    #[arg(long, value_name = "FILE")]
    outlive: Option<PathBuf>,
    /// Measure in a guest beside mtdram in so many rounds; 0 leaves that out
    #[arg(long, default_value_t = 3, value_name = "ROUNDS")]
    guest: u32,
}

/// The sides that can be measured anywhere, as `benches/mtd/sides.sh` calls them.
const SIDES: [&str; 4] = ["file", "trap", "fuse", "plain"];
/// What a guest has besides.
const MTDRAM: &str = "mtdram";

impl Args {
    /// One short round, with the binary that the tests have built.
    pub(crate) fn short_form() -> Args {
        let outlive = Some(crate::workspace::target().join("debug/outlive"));
        Args { rounds: 1, mebibytes: 1, passes: 1, outlive, guest: 1 }
    }

    pub(crate) fn run(&self) -> Result<()> {
        packages::require(&packages::for_mtd_bench())?;
        let outlive = text(&clients::outlive(self.outlive.as_deref())?)?;
        let client = text(&clients::build("benches/mtd/sequential.c", &[])?)?;
        let line = |rounds: u32| {
            let numbers = [rounds, self.mebibytes, self.passes].map(|number| number.to_string());
            ["sh", "benches/mtd/sides.sh"]
                .map(str::to_owned)
                .into_iter()
                .chain(numbers)
                .chain([&outlive, &client].map(String::clone))
        };
        let core = last_core()?.to_string();
        let [mut pinned, mut anywhere] = [Rounds::new(), Rounds::new()];
        for round in 1..=self.rounds {
            eprintln!("round {round} of {}", self.rounds);
            let words: Vec<String> = line(1).chain(SIDES.map(str::to_owned)).collect();
            let on_core = ["taskset", "--cpu-list", &core].map(str::to_owned).into_iter().chain(words.iter().cloned());
            add(&mut pinned, here(&on_core.collect::<Vec<_>>())?);
            add(&mut anywhere, here(&words)?);
        }
        println!("{}", self.heading());
        print!("on one core\n{}\nunpinned\n{}", table::render(&pinned, &SIDES), table::render(&anywhere, &SIDES));
        if self.guest > 0 {
            let words: Vec<String> =
                line(self.guest).chain(SIDES.into_iter().chain([MTDRAM]).map(str::to_owned)).collect();
            println!("\nin a guest of qemu's, of one core; {} rounds", self.guest);
            print!("{}", table::render(&self.inside(&words)?, &[SIDES.as_slice(), &[MTDRAM]].concat()));
        }
        print!("{}", table::COPIES);
        Ok(())
    }

    fn inside(&self, words: &[String]) -> Result<Rounds> {
        let module = format!("mtdram total_size={} erase_size=128", self.mebibytes << 10);
        // A MiB takes a fifth of a second where each byte is interpreted, and is moved four times on each of five sides.
        let limit = Duration::from_secs(120) + Duration::from_secs(4) * self.guest * self.mebibytes * self.passes;
        let guest = Guest::new(Kind::Qemu).modules(&["fuse", &module]).limit(limit);
        measured(guest, &words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn heading(&self) -> String {
        format!(
            "\nOne call of 64 KiB, or of 1 MiB, that writes or reads all of {} MiB in turn; median of {} rounds of {} passes: µs, \
             and so many times the plain file's.\n{}\n",
            self.mebibytes,
            self.rounds,
            self.passes,
            machine::line()
        )
    }
}

/// Runs the script on this machine.
pub(super) fn here(words: &[String]) -> Result<Rounds> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(crate::workspace::root());
    let output = command.output().with_context(|| format!("cannot run {}", words[0]))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed ({}):\n{said}", words.join(" "), output.status);
    said::parse(&String::from_utf8_lossy(&output.stdout))
}

fn add(to: &mut Rounds, more: Rounds) {
    more.into_iter().for_each(|(key, figures)| to.entry(key).or_default().extend(figures));
}
