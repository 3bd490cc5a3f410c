//! Calls of all kinds on an open file, beside a shadow, with removals in between. `OUTLIVE_SECONDS` says for how long,
//! `OUTLIVE_SEED` with which flash and calls to begin.

use crate::{
    bench::{Time, build},
    chance::{Chance, asked},
    client::Client,
    random::{FLASHES, Planted, command},
    shadow::Shadow,
};
use outlive::{Numbers, Policy, Reason};
use outlive_classes::{
    Contract, Errno, Hardware, Plugged,
    mtd::{Chip, Command, Flash, Geometry},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Calls of one flash: a flash whose blocks have all become bad has nothing more to show.
const CALLS: u64 = 400;

/// What was done.
#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    calls: u64,
    removals: u64,
    refused: u64,
}

/// A flash, its client, and what it ought to be.
struct Stress {
    numbers: Numbers,
    geometry: Geometry,
    shadow: Shadow,
    chip: Chip,
    client: Client,
    tally: Tally,
}

impl Stress {
    fn new(flash: Box<dyn Flash>) -> Self {
        let (numbers, geometry) = (Numbers::new(), flash.geometry());
        let chip = Chip::plug_under(Contract::Strict, numbers.claim_again(0), flash, None);
        let client = Client::open(&chip, &geometry);
        let mut shadow = Shadow::new(&geometry);
        unlock(&mut shadow, &geometry);
        Stress { numbers, shadow, chip, client, geometry, tally: Tally::default() }
    }

    fn step(&mut self, chance: &mut Chance) -> Result<(), String> {
        let step = (chance.below(16) as u8, chance.number() as u32, chance.number() as u32, chance.number() as u32);
        let Some(command) = command(&self.geometry, step) else { return self.replug(chance) };
        let Some(command) = self.client.sayable(command) else { return Ok(()) };
        let answer = self.client.carry_out(&command, chance);
        self.tally.calls += 1;
        self.tally.refused += u64::from(answer.is_err());
        self.judge(&command, answer).map_err(|wrong| format!("{command:?}: {wrong}"))
    }

    /// A client does not hear where it failed.
    fn judge(&mut self, command: &Command, answer: Result<outlive_classes::mtd::Done, Errno>) -> Result<(), String> {
        match (command, answer) {
            (Command::Read { .. }, Ok(done)) => self.shadow.judge(command, &Ok(done)),
            (Command::Read { .. }, Err(errno)) => Err(format!("{errno} where it can be read")),
            (_, answer) => {
                let expected = self.shadow.answer(command).map_err(|error| Errno::from(error.fault));
                if answer == expected { Ok(()) } else { Err(format!("{answer:?} where {expected:?} is right")) }
            }
        }
    }

    /// The same thing is pulled and plugged in again; the old file stays dead.
    fn replug(&mut self, chance: &mut Chance) -> Result<(), String> {
        let pulled = self.chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10));
        let Ok(Some(Hardware::Mtd(flash))) = pulled else { return Err(format!("it is not given back: {pulled:?}")) };
        self.chip = Chip::plug_under(Contract::Strict, self.numbers.claim_again(0), flash, None);
        let zombie = std::mem::replace(&mut self.client, Client::open(&self.chip, &self.geometry));
        let at = chance.below(self.geometry.size / 4096) * 4096;
        for command in [Command::IsBad { at }, Command::Erase { at, length: 4096 }] {
            let answer = zombie.carry_out(&command, chance);
            if answer != Err(Errno::NODEV) {
                return Err(format!("a zombie answers {answer:?} to {command:?}"));
            }
        }
        self.shadow.power_up();
        unlock(&mut self.shadow, &self.geometry);
        self.tally.removals += 1;
        Ok(())
    }
}

/// As Linux does first with a flash that is locked as it gets power.
fn unlock(shadow: &mut Shadow, geometry: &Geometry) {
    if geometry.locked_at_power_up {
        let _ = shadow.answer(&Command::Lock { at: 0, length: geometry.size, lock: false });
    }
}

/// One flash after another, each with a seed of its own, from `seed` on. What is wrong, if anything is.
fn stress(seed: u64, length: Duration, plant: Option<fn(&mut Command)>) -> Result<Tally, String> {
    let (end, mut total) = (Instant::now() + length, Tally::default());
    for seed in seed.. {
        let spec = FLASHES[(seed % FLASHES.len() as u64) as usize];
        let flash = build(spec, &Arc::new(Time::default())).map_err(|error| format!("{spec}: {error}"))?;
        let flash = match plant {
            Some(bug) => Box::new(Planted { flash, bug }),
            None => flash,
        };
        let (mut stress, mut chance) = (Stress::new(flash), Chance::new(seed));
        for call in 0..CALLS {
            let done = stress.step(&mut chance);
            done.map_err(|wrong| format!("{spec}, call {call}: {wrong}; again with OUTLIVE_SEED={seed}"))?;
        }
        let Tally { calls, removals, refused } = stress.tally;
        total =
            Tally { calls: total.calls + calls, removals: total.removals + removals, refused: total.refused + refused };
        if Instant::now() >= end {
            break;
        }
    }
    Ok(total)
}

#[test]
fn no_call_differs_from_the_shadow() {
    let (seed, seconds) = (asked("OUTLIVE_SEED", 1), asked("OUTLIVE_SECONDS", 8));
    let tally = stress(seed, Duration::from_secs(seconds), None).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("OUTLIVE_SEED={seed}: {tally:?}");
    assert!(tally.removals > 0 && tally.refused > 0, "{tally:?}");
}

/// What is wrong, and how.
type Bug = (&'static str, fn(&mut Command));

/// The canary: each of them is found, by seeds that go through all kinds of flash.
#[test]
fn planted_differences_are_found() {
    let bugs: [Bug; 4] = [
        ("a bit is cleared that should not be", |command| {
            if let Command::Program { data, .. } = command
                && let Some(byte) = data.last_mut()
            {
                *byte &= 0xfe;
            }
        }),
        ("something else is read", |command| {
            if let Command::Read { at, length: 1.., spare, .. } = command
                && *at >= 2048
                && spare.length == 0
            {
                *at -= 2048;
            }
        }),
        ("what is to be locked is unlocked", |command| {
            if let Command::Lock { lock, .. } = command {
                *lock = false;
            }
        }),
        ("another block is marked", |command| {
            if let Command::MarkBad { at } = command {
                *at = 0;
            }
        }),
    ];
    for (bug, plant) in bugs {
        let found = stress(1, Duration::from_secs(5), Some(plant)).expect_err(bug);
        assert!(found.contains("again with OUTLIVE_SEED="), "{bug}: {found}");
    }
}
