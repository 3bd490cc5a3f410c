//! Life after life of a flash with a file system on it.

use crate::{
    chance::Chance,
    disk::Disk,
    fragile::{Bug, Fragile, Fuse},
    operation::Operation,
    tree::{Tree, difference, read_all},
};
use littlefs2::{fs::Filesystem, path};
use outlive::{Numbers, Policy, Reason};
use outlive_classes::{
    Contract, Errno, Hardware, Plugged,
    mtd::{Chip, Flash},
};
use outlive_drivers::mtd::FlashConfig;
use std::{sync::Arc, time::Duration};

/// What there is to tell of a history in which nothing went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Told {
    /// How often the flash was pulled.
    pub(crate) pulls: u64,
    /// In the middle of a program or an erase.
    pub(crate) torn: u64,
    /// After so many of these the operation in progress had not happened.
    pub(crate) rolled_back: u64,
    /// After so many of these it had, all of it or some steps.
    pub(crate) rolled_on: u64,
}

/// The trees that may be found, at least one.
struct Allowed {
    before: Tree,
    /// After the steps of the operation that was in progress.
    steps: Vec<Tree>,
    /// The operation.
    of: Option<Operation>,
}

/// So many operations, with a pull after some fifty each time. What is wrong, if anything is.
pub(crate) fn history<D: Disk>(seed: u64, operations: u64, bug: Bug) -> Result<Told, String> {
    let mut chance = Chance::new(seed);
    let fuse = Arc::new(Fuse::default());
    let numbers = Numbers::new();
    let flash = flash::<D>(chance.number(), &fuse);
    let mut flash: Box<dyn Flash> = Box::new(Fragile::new(flash, fuse.clone(), bug));
    let mut allowed = Allowed { before: Tree::new(), steps: Vec::new(), of: None };
    let (mut told, mut done) = (Told::default(), 0);
    loop {
        let is_last = done >= operations;
        let chip = Chip::plug_under(Contract::Strict, numbers.claim_again(0), flash, None);
        let consumer = chip.consumer().map_err(|errno| format!("no consumer: {errno}"))?;
        let mut disk = D::on(consumer);
        if told == Told::default() && done == 0 {
            Filesystem::format(&mut disk).map_err(|error| format!("it cannot be formatted: {error:?}"))?;
        }
        let mut life = Life { chip: &chip, fuse: &fuse, chance: &mut chance, told: &mut told, done: &mut done };
        allowed = life.live(&mut disk, allowed, is_last)?;
        fuse.put_out();
        let pulled = chip.unplug(Reason::Pulled, Policy::Detach, Duration::from_secs(10));
        let Ok(Some(Hardware::Mtd(same))) = pulled else { return Err(format!("it is not given back: {pulled:?}")) };
        flash = same;
        if disk.consumer().read(0, &mut [0]).map_err(Errno::from) != Err(Errno::NODEV) {
            return Err("a consumer of a flash that is gone goes on".to_owned());
        }
        if is_last {
            return Ok(told);
        }
        told.pulls += 1;
    }
}

fn flash<D: Disk>(seed: u64, fuse: &Arc<Fuse>) -> Box<dyn Flash> {
    let spec = format!("{},torn=random:{}", D::SPEC, seed >> 1);
    let (model, keys) = spec.split_once(',').expect("each has keys");
    let pairs = keys.split(',').filter_map(|pair| pair.split_once('='));
    let keys = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let config = FlashConfig { model: model.to_owned(), keys };
    config.build(fuse.clone()).unwrap_or_else(|error| panic!("{spec}: {error}"))
}

/// littlefs ends what was begun before a pull with its first write. Until then a listing of the directory out of which
/// a file was being renamed lacks the next entry (`lfs_dir_getslice` of lfs.c counts the one that moves twice), though
/// nothing is lost.
fn recover<D: Disk>(fs: &Filesystem<'_, D>) -> littlefs2::io::Result<()> {
    fs.create_dir(path!("/recovery"))?;
    fs.remove(path!("/recovery"))
}

/// One life of the flash.
struct Life<'a> {
    chip: &'a Chip,
    fuse: &'a Fuse,
    chance: &'a mut Chance,
    told: &'a mut Told,
    done: &'a mut u64,
}

impl Life<'_> {
    /// Mounts it, looks at all there is, and works until the flash goes. The result is what may be found then.
    fn live<D: Disk>(&mut self, disk: &mut D, allowed: Allowed, is_last: bool) -> Result<Allowed, String> {
        let after = format!("after pull {}, operation {}, of {:?}", self.told.pulls, self.done, allowed.of);
        let mut alloc = Filesystem::allocate();
        let fs = Filesystem::mount(&mut alloc, disk).map_err(|error| format!("no mount {after}: {error:?}"))?;
        recover(&fs).map_err(|error| format!("it cannot be written {after}: {error:?}"))?;
        let found = read_all(&fs).map_err(|error| format!("it cannot be read {after}: {error:?}"))?;
        let tree = self.judge(found, allowed).map_err(|wrong| format!("{after}: {wrong}"))?;
        if is_last {
            return Ok(Allowed { before: tree, steps: Vec::new(), of: None });
        }
        self.work(&fs, tree)
    }

    fn judge(&mut self, found: Tree, allowed: Allowed) -> Result<Tree, String> {
        let Allowed { before, steps, of } = allowed;
        let changes = steps.last().is_some_and(|last| *last != before);
        if found == before {
            self.told.rolled_back += u64::from(changes);
            return Ok(found);
        }
        if steps.contains(&found) {
            self.told.rolled_on += 1;
            return Ok(found);
        }
        let last = steps.last().filter(|_| of.is_some()).map(|last| difference(&found, last));
        Err(format!("{}{}", difference(&found, &before), last.map_or(String::new(), |last| format!(", nor is {last}"))))
    }

    /// Works until it goes: at a whole operation, or in the middle of one.
    fn work<D: Disk>(&mut self, fs: &Filesystem<'_, D>, mut tree: Tree) -> Result<Allowed, String> {
        let until = *self.done + self.chance.below(100);
        let between = self.chance.below(5) == 0;
        loop {
            if *self.done == until && between {
                // It goes while nobody asks it for anything.
                return Ok(Allowed { before: tree, steps: Vec::new(), of: None });
            }
            if *self.done == until {
                self.fuse.light(self.chance.below(12), self.chance.below(1000) as u32);
            }
            let operation = Operation::choose(self.chance, &tree);
            let steps = operation.steps(&tree);
            *self.done += 1;
            let end = operation.carry_out(fs, &tree);
            match (end, self.chip.gone()) {
                (Ok(true), None) => tree = steps.into_iter().last().unwrap_or(tree),
                (Ok(false), _) => return Err(format!("{operation:?} finds something else in the same life")),
                (Err(error), None) => return Err(format!("{operation:?} fails without a pull: {error:?}")),
                (Err(_), Some(_)) => {
                    self.told.torn += 1;
                    return Ok(Allowed { before: tree, steps, of: Some(operation) });
                }
                (Ok(true), Some(_)) => return Err(format!("{operation:?} succeeds on a flash that is gone")),
            }
        }
    }
}
