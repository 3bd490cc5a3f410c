//! The serve front beside its peers, all in one guest and one run: libfuse's CUSE with a like device, the run front on
//! each of its roads, Linux' own i2c-stub, umockdev, and a pipe ping-pong as the floor; and in another guest, that has two
//! processors, what a second thread adds.
//!
//! All are measured in turn, round by round. User-mode Linux has one processor, and a system call costs it 14 µs on ours,
//! a look at the clock among them (it has no vDSO worth the name): its figures are for comparison with each other. In qemu
//! without KVM even that holds only roughly, so its part has no goals.

pub(super) mod said;
mod table;

use super::{machine, run_front::last_core};
use crate::{
    clients,
    guest::{Guest, Kind},
    packages,
};
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use said::Rounds;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Options of `bench serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure in so many rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Make so many calls of each kind a round (a tenth of that under umockdev)
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(10..))]
    calls: u32,
    /// Measure this binary instead of building one in release form
    #[arg(long, value_name = "FILE")]
    outlive: Option<PathBuf>,
    /// Leave this side out
    #[arg(long, value_enum, value_name = "SIDE")]
    skip: Vec<Side>,
    /// Measure threads in so many rounds, in a guest of qemu's with two processors; 0 leaves that out
    #[arg(long, default_value_t = 5, value_name = "ROUNDS")]
    threads: u32,
}

/// Who is measured. The names are those of `benches/serve/sides.sh`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub(crate) enum Side {
    /// Two processes and two pipes.
    Pipes,
    /// `outlive serve`.
    Serve,
    /// libfuse's CUSE with its loop for one thread.
    LibfuseOne,
    /// libfuse's CUSE with its loop for many threads.
    LibfuseMany,
    /// `outlive run --road trap`.
    Trap,
    /// `outlive run --road fuse`.
    Fuse,
    /// `outlive run --road plain`.
    Plain,
    /// The kernel's i2c-stub by its i2c-dev.
    Stub,
    /// A like handler on umockdev.
    Umockdev,
}

impl Side {
    /// Its name for the scripts.
    fn name(self) -> String {
        self.to_possible_value().expect("no side is hidden").get_name().to_owned()
    }
}

/// The modules of the guest in which the sides are measured.
const MODULES: [&str; 4] = ["fuse", "cuse", "i2c-dev", "i2c-stub chip_addr=0x50"];

/// The programs.
struct Programs {
    outlive: String,
    client: String,
    libfuse: String,
    umockdev: String,
    ping_pong: String,
    threads: String,
}

impl Args {
    /// One short round, with the binary that the tests have built.
    pub(crate) fn short_form() -> Args {
        let outlive = Some(crate::workspace::target().join("debug/outlive"));
        Args { rounds: 1, calls: 50, outlive, skip: Vec::new(), threads: 1 }
    }

    pub(crate) fn run(&self) -> Result<()> {
        packages::require(&packages::for_serve_bench())?;
        let programs = self.programs()?;
        let sides = self.sides(&programs)?;
        println!("{}", self.heading());
        print!("{}", table::render(&sides));
        if self.threads > 0 {
            let threads = self.scaling(&programs)?;
            println!(
                "\nI2C_SMBUS, thousands of calls a second together, in qemu without KVM; median of {}",
                self.threads
            );
            print!("{}", table::threads(&threads));
        }
        Ok(())
    }

    fn programs(&self) -> Result<Programs> {
        let outlive = clients::outlive(self.outlive.as_deref())?;
        Ok(Programs {
            outlive: text(&outlive)?,
            client: text(&clients::build("tests/clients/bench_client.c", &[])?)?,
            libfuse: text(&clients::build("benches/serve/libfuse_i2c.c", &["fuse3"])?)?,
            umockdev: text(&clients::build("benches/run_front/umockdev_i2c.c", &["umockdev-1.0"])?)?,
            ping_pong: text(&clients::build("benches/run_front/pipe_ping_pong.c", &[])?)?,
            threads: text(&clients::build("benches/serve/threads.c", &[])?)?,
        })
    }

    fn sides(&self, programs: &Programs) -> Result<Rounds> {
        let Programs { outlive, client, libfuse, umockdev, ping_pong, .. } = programs;
        let (rounds, calls) = (self.rounds.to_string(), self.calls.to_string());
        let sides = Side::value_variants().iter().filter(|side| !self.skip.contains(side));
        let sides: Vec<String> = sides.map(|side| side.name()).collect();
        let line = ["sh", "benches/serve/sides.sh", &rounds, &calls, outlive, client, libfuse, umockdev, ping_pong];
        let line: Vec<&str> = line.into_iter().chain(sides.iter().map(String::as_str)).collect();
        // A call takes up to a millisecond in a guest, and there are eleven kinds.
        let limit = Duration::from_secs(60) + Duration::from_millis(12) * self.rounds * self.calls * sides.len() as u32;
        measured(Guest::new(Kind::Uml).modules(&MODULES).limit(limit).on_core(last_core()?), &line)
    }

    fn scaling(&self, programs: &Programs) -> Result<Rounds> {
        let Programs { outlive, libfuse, threads, .. } = programs;
        let rounds = self.threads.to_string();
        let guest = Guest::new(Kind::Qemu).modules(&MODULES[..2]).options(["-smp", "2"]);
        let limit = Duration::from_secs(60 + 30 * u64::from(self.threads));
        measured(guest.limit(limit), &["sh", "benches/serve/threads.sh", &rounds, outlive, threads, libfuse])
    }

    fn heading(&self) -> String {
        format!(
            "\nOne call on a device in user-mode Linux on one core, seen from its client; {} rounds of {} calls (a tenth of that under \
             umockdev), µs: median of the rounds' medians, and the least of them.\n{}\n",
            self.rounds,
            self.calls,
            machine::line()
        )
    }
}

pub(super) fn text(path: &Path) -> Result<String> {
    let path = path.canonicalize().with_context(|| format!("no {}", path.display()))?;
    path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Runs one of the scripts in a guest, with its progress on standard error, and reads what it says.
pub(super) fn measured(guest: Guest, line: &[&str]) -> Result<Rounds> {
    let mut said = Vec::new();
    let ended = guest.run(line, &mut |output| said.extend_from_slice(output))?;
    let said = String::from_utf8_lossy(&said);
    ensure!(ended.status == 0, "{} ended with {}:\n{said}", line[1], ended.status);
    eprintln!("{}: Linux {}", line[1], ended.kernel);
    said::parse(&said)
}
