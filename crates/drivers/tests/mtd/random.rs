//! Commands without a plan, beside a naive shadow; and that the shadow finds what is wrong.

use crate::{
    bench::{Bench, Time, build, noise},
    shadow::Shadow,
};
use outlive_classes::mtd::{Command, Flash, Geometry, Mode, Order, Region};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};
use std::sync::Arc;

pub(crate) const FLASHES: [&str; 6] = [
    "nor,size=16KiB,erase=4KiB",
    "nor,size=16KiB,erase=2KiB,locked=true",
    "ram,size=12KiB,erase=3KiB",
    "nand,size=32KiB,page=512,erase=4KiB",
    "nand,size=32KiB,page=2048,erase=4KiB,ecc=4",
    "nand,size=32KiB,page=2048,oob=16,erase=8KiB,ecc=0",
];

/// One step, before it is known what it is a step on.
pub(crate) type Step = (u8, u32, u32, u32);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..16_u8, any::<u32>(), any::<u32>(), any::<u32>()), 1..60)
}

/// `None`: the flash is plugged in anew.
pub(crate) fn command(geometry: &Geometry, (kind, a, b, c): Step) -> Option<Command> {
    let blocks = geometry.size / u64::from(geometry.erase_size);
    let first = u64::from(a) % blocks;
    let at = first * u64::from(geometry.erase_size);
    let length = (u64::from(b) % (blocks - first).min(3) + 1) * u64::from(geometry.erase_size);
    Some(match kind {
        0..=4 => programming(geometry, a, b, c),
        5..=8 => reading(geometry, a, b, c),
        9..=10 => Command::Erase { at, length },
        11 => Command::Lock { at, length, lock: c & 3 == 0 },
        12 => Command::IsLocked { at, length },
        13 => Command::IsBad { at },
        // Seldom, or nothing good is left.
        14 if c.is_multiple_of(3) => Command::MarkBad { at },
        14 => Command::BadBlocks { at, length },
        _ => return None,
    })
}

fn mode(c: u32) -> Mode {
    [Mode::Place, Mode::Auto, Mode::Raw, Mode::Auto][(c >> 8) as usize % 4]
}

/// Which spare bytes of at most `pages` pages are meant, if any.
fn region(geometry: &Geometry, mode: Mode, pages: u64, c: u32) -> Region {
    let free = geometry.free.iter().map(|region| region.length).sum();
    let room = if mode == Mode::Auto { free } else { geometry.spare_size };
    if room == 0 || c & 1 == 0 {
        return Region { offset: 0, length: 0 };
    }
    let offset = (c >> 10) % room;
    Region { offset, length: (c >> 16) % (room * pages.min(3) as u32 - offset) + 1 }
}

fn programming(geometry: &Geometry, a: u32, b: u32, c: u32) -> Command {
    let unit = u64::from(geometry.write_size);
    let units = geometry.size / unit;
    let first = u64::from(a) % units;
    let most = if unit == 1 { 300 } else { 3 };
    let count = u64::from(b) % (units - first).min(most) + 1;
    let mode = mode(c);
    let spare = region(geometry, mode, units - first, c);
    let data = if spare.length > 0 && c & 2 == 0 { Vec::new() } else { noise(c, (count * unit) as usize) };
    let bytes = noise(b, spare.length as usize);
    Command::Program { at: first * unit, data, spare_from: spare.offset, spare: bytes, mode }
}

fn reading(geometry: &Geometry, a: u32, b: u32, c: u32) -> Command {
    let page = u64::from(geometry.write_size);
    let (at, mode) = (u64::from(a) % geometry.size, mode(c));
    let start = at - at % page;
    let spare = region(geometry, mode, (geometry.size - start) / page, c);
    let at = if spare.length > 0 { start } else { at };
    let length = if spare.length > 0 && c & 2 == 0 { 0 } else { u64::from(b) % (geometry.size - at).min(5000) };
    Command::Read { at, length: length as usize, spare, mode }
}

/// Carries out `steps` on `flash` and its shadow: what is wrong, if anything is.
fn check(flash: Box<dyn Flash>, time: Arc<Time>, steps: &[Step]) -> Result<(), String> {
    let geometry = flash.geometry();
    let mut shadow = Shadow::new(&geometry);
    let mut bench = Bench::plug(time, flash);
    for step in steps {
        match command(&geometry, *step) {
            Some(command) => {
                let answer = bench.run(command.clone());
                shadow.judge(&command, &answer).map_err(|wrong| format!("{command:?}: {wrong}"))?;
            }
            None => {
                bench = bench.replug();
                shadow.power_up();
            }
        }
    }
    let whole = Command::Read {
        at: 0,
        length: geometry.size as usize,
        spare: Region { offset: 0, length: 0 },
        mode: Mode::Raw,
    };
    let answer = bench.run(whole.clone());
    shadow.judge(&whole, &answer)
}

fn search(cases: u32, make: impl Fn(Arc<Time>) -> Box<dyn Flash>) -> Result<(), TestError<Vec<Step>>> {
    search_with(Config { cases, failure_persistence: None, ..Config::default() }, make)
}

fn search_with(config: Config, make: impl Fn(Arc<Time>) -> Box<dyn Flash>) -> Result<(), TestError<Vec<Step>>> {
    TestRunner::new(config).run(&steps(), |steps| {
        let time = Arc::new(Time::default());
        check(make(time.clone()), time, &steps).map_err(TestCaseError::fail)
    })
}

#[test]
fn every_flash_is_as_its_shadow() {
    for spec in FLASHES {
        search(64, |time| build(spec, &time).unwrap()).unwrap_or_else(|found| panic!("{spec}: {found}"));
    }
}

#[test]
fn one_with_a_file_is_as_its_shadow() {
    let folder = tempfile::tempdir().unwrap();
    for spec in FLASHES {
        let path = folder.path().join("flash.bin");
        let made = search(24, |time| {
            let _ = std::fs::remove_file(&path);
            build(&crate::bench::with_file(spec, &path), &time).unwrap()
        });
        made.unwrap_or_else(|found| panic!("{spec}: {found}"));
    }
}

/// A flash that does something else than it is told.
#[derive(Debug)]
pub(crate) struct Planted {
    pub(crate) flash: Box<dyn Flash>,
    pub(crate) bug: fn(&mut Command),
}

impl Flash for Planted {
    fn geometry(&self) -> Geometry {
        self.flash.geometry()
    }

    fn name(&self) -> String {
        self.flash.name()
    }

    fn begin(&self, mut command: Command, order: Order) {
        (self.bug)(&mut command);
        self.flash.begin(command, order);
    }

    fn plugged(&self, noticer: &outlive::Noticer) {
        self.flash.plugged(noticer);
    }
}

/// What is wrong, of which flash, and how.
type Bug = (&'static str, &'static str, fn(&mut Command));

#[test]
fn the_shadow_finds_planted_bugs() {
    let nand = "nand,size=32KiB,page=2048,erase=4KiB,ecc=4";
    let bugs: [Bug; 7] = [
        ("nothing", nand, |_| {}),
        ("a bit is cleared that should not be", "nor,size=16KiB,erase=4KiB", |command| {
            if let Command::Program { data, .. } = command
                && let Some(byte) = data.last_mut()
            {
                *byte &= 0xfe;
            }
        }),
        ("the last block is not erased", nand, |command| {
            if let Command::Erase { length, .. } = command {
                *length -= 4096;
            }
        }),
        ("spare bytes lie one further", nand, |command| {
            if let Command::Program { spare_from, spare, .. } = command
                && spare.len() > 1
            {
                spare.pop();
                *spare_from += u32::from(*spare_from < 30);
            }
        }),
        ("spare bytes are taken for free ones", nand, |command| {
            if let Command::Read { mode: mode @ Mode::Place, spare: Region { offset, length }, .. } = command
                && *offset + *length <= 34
            {
                *mode = Mode::Auto;
            }
        }),
        ("locks do not hold", "nor,size=16KiB,erase=2KiB,locked=true", |command| {
            if let Command::Lock { lock, .. } = command {
                *lock = false;
            }
        }),
        ("no code is reckoned", nand, |command| {
            if let Command::Program { mode, .. } = command
                && *mode == Mode::Place
            {
                *mode = Mode::Raw;
            }
        }),
    ];
    for (bug, spec, plant) in bugs {
        // That it is found is enough; nobody reads the example.
        // The rarest of them shows in one case of a hundred or two.
        let cases = if bug == "nothing" { 256 } else { 4096 };
        let config = Config { cases, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
        let found = search_with(config, |time| Box::new(Planted { flash: build(spec, &time).unwrap(), bug: plant }));
        assert_eq!(found.is_err(), bug != "nothing", "{bug}: {found:?}");
    }
}
