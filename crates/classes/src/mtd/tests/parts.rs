//! Partitions: what they are cut to, what they pass on, and what becomes of them when what they are parts of goes.

use super::{
    bench::{BASE, Bench, DATA, flags, range},
    flash::{BAD, BLOCK, Behaviour, Memory, PAGE, SIZE, nand, nor, ram},
};
use crate::{
    Access, Answer, Call, Contract, Errno, Hardware, Plugged,
    mtd::{Chip, Command, Flash, Geometry, NoPartition, PartitionSpec, Partitions, Slice, uapi::ioctl::*},
    surroundings::Content,
};
use outlive::{Numbers, Policy, Reason, State};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const BLOCK64: u64 = BLOCK as u64;

fn spec(offset: u64, size: u64) -> PartitionSpec {
    PartitionSpec { name: "part".into(), offset, size, read_only: false }
}

fn slice(of: &Bench, spec: PartitionSpec) -> Result<Slice, NoPartition> {
    Slice::of(&of.chip.parent().unwrap(), spec)
}

/// A client of a partition of what `of` is a client of.
fn part(of: &Bench, spec: PartitionSpec, number: u32) -> Bench {
    let slice = slice(of, spec).unwrap();
    let contract = of.chip.contract();
    let chip = Chip::plug_under(contract, Numbers::new().claim(number).unwrap(), Box::new(slice), None);
    let access = if chip.open(flags(Access::ReadWrite)).is_ok() { Access::ReadWrite } else { Access::Read };
    Bench::of(chip.into(), of.flash.clone(), access)
}

#[test]
fn a_partition_is_cut_as_in_linux() {
    let parent = Bench::new(nor());
    let size_and_writable = |parent: &Bench, offset, size| {
        slice(parent, spec(offset, size)).map(|slice| (slice.geometry().size, slice.geometry().writable))
    };
    for (offset, size, wanted) in [
        (0, BLOCK64, Ok((BLOCK64, true))),
        (BLOCK64, SIZE, Ok((SIZE - BLOCK64, true))),
        (1, BLOCK64, Ok((BLOCK64, false))),
        (0, BLOCK64 + 1, Ok((BLOCK64 + 1, false))),
        (SIZE - 1, 1, Ok((1, false))),
        (SIZE, 1, Err(NoPartition::Beyond { size: SIZE })),
        (u64::MAX, u64::MAX, Err(NoPartition::Beyond { size: SIZE })),
        (0, 0, Err(NoPartition::Empty)),
    ] {
        assert_eq!(size_and_writable(&parent, offset, size), wanted, "{offset:#x} {size:#x}");
    }
    assert_eq!(size_and_writable(&Bench::new(ram()), 1, 1), Ok((1, true)), "memory has no blocks to begin with");
    let nand = Bench::new(nand());
    assert_eq!(size_and_writable(&nand, 512, 512), Ok((512, false)));
    assert_eq!(size_and_writable(&nand, 256, 512), Err(NoPartition::Torn { page: PAGE }));
    let read_only = PartitionSpec { read_only: true, ..spec(0, BLOCK64) };
    assert!(!slice(&parent, read_only).unwrap().geometry().writable);
}

#[test]
fn a_partition_passes_on_what_it_is_asked_for() {
    let parent = Bench::new(nand());
    let part = part(&parent, spec(2 * BLOCK64, 3 * BLOCK64), 1);
    assert_eq!(part.file.size(), 3 * BLOCK64);
    assert_eq!(part.write(0, &[7; 512]), Ok(512));
    assert_eq!((parent.read(2 * BLOCK64, 1), part.read(0, 1)), (Ok(vec![7]), Ok(vec![7])));
    assert_eq!(part.read(3 * BLOCK64 - 1, 2), Ok(vec![0xff]), "it ends where it ends");
    assert_eq!(part.write(3 * BLOCK64, &[1]), Err(Errno::NOSPC));
    part.flash.take_commands();
    assert_eq!(part.ioctl_with(MEMERASE, &range(0, BLOCK)), Ok(0));
    assert_eq!(part.flash.take_commands(), [Command::Erase { at: 2 * BLOCK64, length: BLOCK64 }]);
    assert_eq!(part.ioctl_with(MEMERASE, &range(3 * BLOCK, BLOCK)), Err(Errno::INVAL));
    assert_eq!(part.ioctl_with(MEMGETBADBLOCK, &(BAD - 2 * BLOCK64).to_ne_bytes()), Ok(1));
    assert_eq!(part.ioctl_with(MEMERASE, &range(BLOCK, BLOCK)), Err(Errno::IO), "as its flash says");
}

/// Blocks are those of the flash.
#[test]
fn a_partition_that_begins_within_a_block_has_none_of_its_own() {
    let parent = Bench::new(ram());
    let inside = part(&parent, spec(1, SIZE - 1), 1);
    assert_eq!((inside.write(0, &[5]), parent.flash.get(1, 1)), (Ok(1), vec![5]));
    assert_eq!(inside.ioctl_with(MEMERASE, &range(0, BLOCK)), Err(Errno::INVAL));
    let parent = Bench::new(nand());
    let inside = part(&parent, spec(512, SIZE - 512), 1);
    for (at, bad) in
        [(0, 0), (BAD - 513, 0), (BAD - 512, 1), (BAD, 1), (BAD + BLOCK64 - 513, 1), (BAD + BLOCK64 - 512, 0)]
    {
        assert_eq!(inside.ioctl_with(MEMGETBADBLOCK, &at.to_ne_bytes()), Ok(bad), "{at:#x}");
    }
    inside.ioctl(ECCGETSTATS, DATA).unwrap();
    assert_eq!(inside.word(DATA + 8), 1);
}

/// `mtd_update_ecc_stats`, `mtd_block_markbad`: each has statistics of its own, and those above count as well.
#[test]
fn statistics_are_counted_on_the_way_up() {
    let parent = Bench::new(nand());
    let part = part(&parent, spec(0, 2 * BLOCK64), 1);
    let statistics = |bench: &Bench| {
        bench.ioctl(ECCGETSTATS, DATA).unwrap();
        [0, 4, 8].map(|at| bench.word(DATA + at))
    };
    assert_eq!((statistics(&parent), statistics(&part)), ([0, 0, 1], [0, 0, 0]), "the bad block lies outside");
    parent.flash.behave(Behaviour::Flips(1, 1, 1));
    parent.read(0, 1).unwrap();
    part.read(0, 1).unwrap();
    assert_eq!((statistics(&parent), statistics(&part)), ([2, 2, 1], [1, 1, 0]));
    parent.flash.behave(Behaviour::Prompt);
    part.ioctl_with(MEMSETBADBLOCK, &BLOCK64.to_ne_bytes()).unwrap();
    assert_eq!((statistics(&parent)[2], statistics(&part)[2]), (2, 1));
}

#[test]
fn a_partition_of_a_partition_is_one_too() {
    let parent = Bench::new(nor());
    let middle = part(&parent, spec(BLOCK64, 4 * BLOCK64), 1);
    let inner = part(&middle, spec(BLOCK64, 2 * BLOCK64), 2);
    assert_eq!(inner.write(3, &[9]), Ok(1));
    assert_eq!(parent.flash.get(2 * BLOCK64 + 3, 1), [9]);
    parent.pull();
    assert!(middle.file.gone().is_some() && inner.file.gone().is_some());
    assert_eq!((middle.read(0, 1), inner.read(0, 1)), (Err(Errno::NODEV), Err(Errno::NODEV)));
}

#[test]
fn what_is_under_way_says_that_the_flash_has_gone() {
    for levels in [1, 2] {
        let parent = Bench::new(nor());
        let middle = part(&parent, spec(0, SIZE), 1);
        let user = if levels == 1 { part(&parent, spec(0, SIZE), 3) } else { part(&middle, spec(0, SIZE), 3) };
        parent.flash.behave(Behaviour::Park);
        user.arena.put(BASE, &range(0, BLOCK));
        let erase = Call::Ioctl { command: MEMERASE, argument: BASE };
        let heard: Vec<_> = (0..2).map(|_| user.begin(erase.clone()).1).collect();
        assert_eq!((parent.flash.parked(), parent.chip.inside().len()), (2, 2));
        parent.pull();
        for heard in heard {
            assert_eq!(heard.once().unwrap().1, Err(Errno::NODEV));
        }
        assert!(user.chip.inside().is_empty() && parent.flash.parked() == 0);
        assert_eq!(user.file.gone().map(|gone| gone.reason), Some(Reason::Pulled));
        user.pull();
    }
}

/// I4: a partition goes alone, and what it had under way is let go of further down.
#[test]
fn a_partition_that_goes_takes_its_own_along_and_nothing_else() {
    let parent = Bench::new(nor());
    let part = part(&parent, spec(0, SIZE), 1);
    parent.flash.behave(Behaviour::Park);
    let (own, others) =
        (part.begin(Call::ReadAt { at: 0, size: 1 }).1, parent.begin(Call::ReadAt { at: 0, size: 1 }).1);
    let hardware = part.chip.unplug(Reason::Orderly, Policy::Detach, Duration::from_secs(10)).unwrap();
    assert_eq!(own.once().unwrap().1, Err(Errno::NODEV));
    assert!(others.is_waiting() && parent.flash.parked() == 1);
    parent.flash.release();
    assert!(others.answer().is_ok());
    // The same part, in its next life, is there again.
    parent.flash.behave(Behaviour::Prompt);
    let Some(Hardware::Mtd(slice)) = hardware else { panic!("it gives its flash back") };
    let again = Chip::plug_under(Contract::Strict, Numbers::new().claim(2).unwrap(), slice, None);
    let again = Bench::of(again.into(), parent.flash.clone(), Access::ReadWrite);
    assert_eq!(again.read(0, 1), Ok(vec![0xff]));
    parent.pull();
    assert!(again.file.gone().is_some(), "and hears of the end of its flash");
}

#[test]
fn a_killed_client_of_a_partition_is_answered() {
    let parent = Bench::new(nor());
    let part = part(&parent, spec(0, SIZE), 1);
    parent.flash.behave(Behaviour::Park);
    let (number, heard) = part.begin(Call::ReadAt { at: 0, size: 1 });
    part.file.cancel(number.unwrap());
    assert_eq!(heard.once().unwrap().1, Err(Errno::INTR));
    assert_eq!((parent.flash.parked(), parent.chip.inside().len()), (0, 0));
}

/// A flash that is blocked makes its partitions wait; one that is offline fails them.
#[test]
fn a_partition_has_the_states_of_its_flash() {
    let parent = Bench::new(nor());
    let part = part(&parent, spec(0, SIZE), 1);
    parent.chip.set_state(State::Blocked).unwrap();
    let (number, heard) = part.begin(Call::ReadAt { at: 0, size: 1 });
    let other = part.begin(Call::ReadAt { at: 0, size: 1 }).1;
    assert!(heard.is_waiting() && other.is_waiting());
    part.file.cancel(number.unwrap());
    assert_eq!(heard.once().unwrap().1, Err(Errno::INTR));
    parent.chip.set_state(State::Running).unwrap();
    assert_eq!(other.answer(), Ok(Answer::Data(vec![0xff])));
    parent.chip.set_state(State::Blocked).unwrap();
    let parked = part.begin(Call::ReadAt { at: 0, size: 1 }).1;
    parent.pull();
    assert_eq!(parked.once().unwrap().1, Err(Errno::NODEV));
}

#[test]
fn a_driver_that_forgets_fails_that_call_only() {
    for behaviour in [Behaviour::Forget, Behaviour::Panic, Behaviour::Wrong] {
        let parent = Bench::new(nor());
        let part = part(&parent, spec(0, SIZE), 1);
        parent.flash.behave(behaviour);
        assert_eq!(part.begin(Call::ReadAt { at: 0, size: 1 }).1.answer(), Err(Errno::IO), "{behaviour:?}");
        parent.flash.behave(Behaviour::Prompt);
        assert!(part.read(0, 1).is_ok());
    }
}

/// Nobody waits for a partition, and it is nobody's open file.
#[test]
fn a_partition_does_not_count_as_a_user() {
    let numbers = Numbers::new();
    let flash = Memory::new(nor());
    let chip = Chip::plug_under(Contract::Strict, numbers.claim(0).unwrap(), Box::new(flash.clone()), None);
    let slice = Slice::of(&chip.parent().unwrap(), spec(0, SIZE)).unwrap();
    assert_eq!(chip.handles(), 0);
    assert_eq!(chip.prepare(Duration::ZERO), Ok(true));
    chip.unplug(Reason::Orderly, Policy::Detach, Duration::from_secs(1)).unwrap();
    assert!(chip.parent().is_none());
    let late = Chip::plug_under(Contract::Strict, numbers.claim(1).unwrap(), Box::new(slice), None);
    assert!(late.gone().is_some(), "of a flash that has gone there is no part any more");
}

/// Under `linux` a partition answers from a copy: of its flash, if that lives on, or of what stands in for that.
#[test]
fn a_stand_in_answers_for_a_partition() {
    for parent_goes in [false, true] {
        let parent = Bench::under(Contract::Linux, nor());
        parent.flash.put(BLOCK64, &[1, 2]);
        let part = part(&parent, spec(BLOCK64, BLOCK64), 1);
        if parent_goes {
            parent.pull();
        }
        part.pull();
        part.flash.take_commands();
        assert_eq!(part.read(0, 2), Ok(vec![1, 2]), "{parent_goes}");
        assert_eq!(part.write(0, &[3]), Ok(1));
        assert_eq!(part.read(0, 2), Ok(vec![3, 2]));
        assert_eq!(part.ioctl_with(MEMERASE, &range(0, BLOCK)), Ok(0));
        assert_eq!(part.flash.take_commands(), [], "the hardware is left alone");
        assert_eq!(parent.flash.get(BLOCK64, 2), [1, 2]);
    }
}

#[test]
fn a_partition_shows_where_it_begins() {
    let parent = Bench::new(nor());
    let part = part(&parent, spec(BLOCK64, BLOCK64), 1);
    let shown = part.chip.surroundings();
    let path = "/sys/devices/platform/outlive.0/mtd/mtd1/offset";
    let Some(Content::Attribute(show)) = shown.entries().iter().find(|it| it.path == path).map(|it| &it.content) else {
        panic!("no {path}")
    };
    assert_eq!(show(), Ok(b"4096\n".to_vec()));
}

/// Who plugs partitions, for a test.
#[derive(Default)]
struct Lab {
    asked: Mutex<Vec<(u32, Result<PartitionSpec, u32>)>>,
}

impl Partitions for Lab {
    fn add(&self, parent: u32, spec: PartitionSpec) -> Result<(), Errno> {
        self.asked.lock().unwrap().push((parent, Ok(spec)));
        Ok(())
    }

    fn delete(&self, parent: u32, index: u32) -> Result<(), Errno> {
        self.asked.lock().unwrap().push((parent, Err(index)));
        Err(Errno::BUSY)
    }
}

fn blkpg(bench: &Bench, op: i32, start: i64, length: i64, number: i32, name: &[u8]) -> Result<i32, Errno> {
    let mut partition = [start.to_ne_bytes(), length.to_ne_bytes()].concat();
    partition.extend(number.to_ne_bytes());
    partition.extend(name);
    partition.resize(152, 0x21);
    bench.arena.put(DATA, &partition);
    bench.ioctl_with(BLKPG, &[&op.to_ne_bytes()[..], &[0; 12], &DATA.to_ne_bytes()].concat())
}

#[test]
fn partitions_come_and_go_by_ioctl() {
    let (lab, flash) = (Arc::new(Lab::default()), Memory::new(nor()));
    let number = Numbers::new().claim(4).unwrap();
    let chip = Chip::plug_under(Contract::Strict, number, Box::new(flash.clone()), Some(lab.clone()));
    let bench = Bench::of(chip.into(), flash, Access::Read);
    let size = SIZE as i64;
    for (start, length, answer) in [
        (0, 4096, Ok(0)),
        (4096, 0, Ok(0)),
        (4096, size, Ok(0)),
        (-1, 4096, Err(Errno::INVAL)),
        (size, 4096, Err(Errno::INVAL)),
        (0, -1, Err(Errno::INVAL)),
    ] {
        assert_eq!(blkpg(&bench, 1, start, length, -1, b"boot\0"), answer, "{start:#x} {length:#x}");
    }
    assert_eq!(blkpg(&bench, 1, 0, 4096, -1, &[]), Ok(0), "a name without an end");
    let asked = std::mem::take(&mut *lab.asked.lock().unwrap());
    let sizes: Vec<_> =
        asked.iter().map(|(parent, spec)| (*parent, spec.as_ref().map(|it| (it.offset, it.size)))).collect();
    let rest = SIZE - 4096;
    assert_eq!(sizes, [(4, Ok((0, 4096))), (4, Ok((4096, rest))), (4, Ok((4096, rest))), (4, Ok((0, 4096)))]);
    let names: Vec<_> = asked.iter().map(|(_, spec)| spec.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(names, ["boot", "boot", "boot", "!".repeat(63).as_str()]);
    assert_eq!(blkpg(&bench, 2, 0, 0, 7, &[]), Err(Errno::BUSY), "what the lab says");
    assert_eq!(blkpg(&bench, 2, 0, 0, -1, &[]), Err(Errno::INVAL));
    assert_eq!(blkpg(&bench, 3, 0, 0, 0, &[]), Err(Errno::INVAL));
    assert_eq!(*lab.asked.lock().unwrap(), [(4, Err(7))]);
    for pointer in [0, super::bench::WILD] {
        assert_eq!(bench.ioctl(BLKPG, pointer), Err(Errno::FAULT));
        assert_eq!(bench.ioctl_with(BLKPG, &[&[0; 16][..], &pointer.to_ne_bytes()].concat()), Err(Errno::FAULT));
    }
    let nobody = Bench::new(Geometry { ..nor() });
    assert_eq!(blkpg(&nobody, 1, 0, 4096, 0, &[]), Err(Errno::OPNOTSUPP));
    let part = part(&nobody, spec(0, BLOCK64), 1);
    assert_eq!(blkpg(&part, 1, 0, 4096, 0, &[]), Err(Errno::INVAL), "of a partition none is made by ioctl");
}
