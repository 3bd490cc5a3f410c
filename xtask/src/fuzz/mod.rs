//! `fuzz`: clients that make calls without a plan, a neighbour that must not notice, and devices that come and go.

mod round;
mod trouble;

use crate::{clients, fuse, leftovers, packages, seed};
use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use round::{Figures, Ground, Road, Round, User};
use std::{
    fs,
    io::{self, IsTerminal, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Options of `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Go on for so many minutes, with a new seed for each round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Run this seed only, once on each road and as each user, instead of going on; what a finding says to type
    #[arg(long)]
    seed: Option<u64>,
    /// Take this road only
    #[arg(long)]
    road: Option<Road>,
    /// Run as this user only
    #[arg(long)]
    user: Option<User>,
    /// Run so many rounds at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: u64,
    /// Have each of the two processes of a round do so many steps
    #[arg(long, default_value_t = STEPS)]
    steps: u64,
    /// Stop a round that has not ended after so many seconds; a finding
    #[arg(long, default_value_t = 300)]
    limit: u64,
    /// Try this binary instead of building one
    #[arg(long)]
    outlive: Option<PathBuf>,
}

const STEPS: u64 = 4000;

/// Runs it, and says what came of it.
///
/// # Errors
/// The first finding.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    packages::require(&packages::FOR_TESTS)?;
    fuse::prepare()?;
    let ground = Ground::new(args.outlive.as_deref(), Duration::from_secs(args.limit))?;
    let places = places(args.road, args.user)?;
    let end = match args.seed {
        Some(_) => End::After(places.len() as u64),
        None => End::At(Instant::now() + Duration::from_secs(60 * args.minutes)),
    };
    // A seed that is asked for is run everywhere; else each round has its own.
    let first = seed::fresh();
    let seed = |index| args.seed.unwrap_or(first + index);
    Rounds::new(&ground, end).run(args.jobs, rounds(&places, args.steps, seed))?;
    Ok(ExitCode::SUCCESS)
}

/// A few rounds with fixed seeds, on all roads and as both users: it has to work. With the binary of the tests, since to
/// build another takes longer than the rounds.
///
/// # Errors
/// The first finding.
pub(crate) fn short() -> Result<()> {
    let ground = Ground::new(Some(&clients::outlive_of_tests()?), Duration::from_secs(120))?;
    let places = places(None, None)?;
    Rounds::new(&ground, End::After(places.len() as u64)).run(1, rounds(&places, 1500, |index| 1 + index))
}

/// Rounds with new seeds until `end`.
///
/// # Errors
/// The first finding.
pub(crate) fn until(end: Instant) -> Result<()> {
    let ground = Ground::new(None, Duration::from_secs(300))?;
    let places = places(None, None)?;
    let first = seed::fresh();
    Rounds::new(&ground, End::At(end)).run(1, rounds(&places, STEPS, |index| first + index))
}

/// The rounds by their numbers: one place after the other, each with its seed.
fn rounds(places: &[(Road, User)], steps: u64, seed: impl Fn(u64) -> u64 + Sync) -> impl Fn(u64) -> Round + Sync {
    move |index| {
        let (road, user) = places[index as usize % places.len()];
        Round { seed: seed(index), steps, road, user }
    }
}

/// Every road as every user, but for what was chosen.
fn places(road: Option<Road>, user: Option<User>) -> Result<Vec<(Road, User)>> {
    let users = match user {
        Some(User::Root) if !User::we_are_root() => bail!("to run as root, be root: sudo"),
        Some(user) => vec![user],
        None if User::we_are_root() => vec![User::Root, User::Ordinary],
        None => {
            println!("we are not root: what root's programs see is not tried");
            vec![User::Ordinary]
        }
    };
    let roads = road.map_or_else(|| Road::value_variants().to_vec(), |road| vec![road]);
    Ok(users.iter().flat_map(|user| roads.iter().map(move |road| (*road, *user))).collect())
}

impl Ground {
    /// Builds what is not there.
    fn new(outlive: Option<&Path>, limit: Duration) -> Result<Ground> {
        let ground = Ground {
            outlive: clients::outlive(outlive)?,
            fuzz: clients::build("tests/clients/fuzz.c", &[])?,
            neighbour: clients::build("tests/clients/neighbour.c", &[])?,
            logs: leftovers::logs("fuzz")?,
            limit,
        };
        for program in [&ground.outlive, &ground.fuzz] {
            open_to_everybody(program)?;
        }
        Ok(ground)
    }
}

fn open_to_everybody(program: &Path) -> Result<()> {
    for place in program.ancestors().skip(1) {
        let mode = fs::metadata(place).with_context(|| place.display().to_string())?.permissions().mode();
        let place = place.display();
        ensure!(mode & 0o1 != 0, "{place} is closed to ordinary users: chmod o+x it, or build elsewhere");
    }
    Ok(())
}

/// When there are no more rounds.
#[derive(Clone, Copy)]
enum End {
    /// After so many.
    After(u64),
    /// Then; but there is one at least.
    At(Instant),
}

/// Round after round, several at a time.
struct Rounds<'a> {
    ground: &'a Ground,
    end: End,
    next: AtomicU64,
    total: Mutex<Total>,
}

#[derive(Default)]
struct Total {
    rounds: u64,
    steps: u64,
    figures: Figures,
    found: Option<String>,
}

impl<'a> Rounds<'a> {
    fn new(ground: &'a Ground, end: End) -> Self {
        Rounds { ground, end, next: AtomicU64::new(0), total: Mutex::default() }
    }

    fn run(&self, jobs: u64, round: impl Fn(u64) -> Round + Sync) -> Result<()> {
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| self.some(&round));
            }
        });
        let total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        let (figures, seconds) = (total.figures, start.elapsed().as_secs());
        println!(
            "{} rounds in {seconds} s: {} steps, {} calls, {} removals; the neighbour made {} transfers and waited {} ms at \
             most; the supervisor had {} KiB at most",
            total.rounds, total.steps, figures.calls, figures.pulls, figures.transfers, figures.longest, figures.memory
        );
        match &total.found {
            None => Ok(()),
            Some(found) => bail!("{found}"),
        }
    }

    /// One round after the other until the end, or the first finding of anybody's.
    fn some(&self, round: &impl Fn(u64) -> Round) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let over = match self.end {
                End::After(count) => index >= count,
                End::At(end) => index > 0 && Instant::now() >= end,
            };
            if over || self.total.lock().unwrap_or_else(PoisonError::into_inner).found.is_some() {
                return;
            }
            let round = round(index);
            let went = round.run(self.ground);
            self.total.lock().unwrap_or_else(PoisonError::into_inner).add(&round, went);
        }
    }
}

impl Total {
    fn add(&mut self, round: &Round, went: Result<Figures>) {
        self.rounds += 1;
        self.steps += 2 * round.steps;
        match went {
            Ok(figures) => {
                self.figures.add(&figures);
                let end = if io::stdout().is_terminal() { "\x1b[K\r" } else { "\n" };
                let Figures { calls, pulls, longest, .. } = figures;
                print!("{round}: {calls} calls, {pulls} removals, longest wait {longest} ms{end}");
                io::stdout().flush().ok();
            }
            Err(error) => {
                let found = format!("{error:#}");
                println!("{round}: FOUND: {found}");
                self.found.get_or_insert(found);
            }
        }
    }
}

impl Figures {
    fn add(&mut self, other: &Figures) {
        self.calls += other.calls;
        self.pulls += other.pulls;
        self.transfers += other.transfers;
        self.longest = self.longest.max(other.longest);
        self.memory = self.memory.max(other.memory);
    }
}
