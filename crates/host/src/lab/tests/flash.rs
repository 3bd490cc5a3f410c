//! Flashes with partitions, and cards with flashes: what hangs on what, and goes and comes with it.

use super::*;
use crate::lab::ResetError;
use outlive_classes::mtd::{PartitionSpec, Partitions};

/// A flash of 128 blocks with two partitions.
const PARTED: &str = "mtd:nor,num=0,parts=256KiB(boot)+-(rest)ro";

fn card(flash: &str) -> Arc<Lab> {
    let text = format!("[[device]]\nclass = \"gpu\"\nname = \"gpu0\"\nflash = [ {flash} ]\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    Lab::start(&LabConfig::new(&[Source::File(file.path().to_owned())], None, None).unwrap()).unwrap()
}

/// Name, generation and parent of each that is there, in the order of `ls`.
fn tree(lab: &Lab) -> Vec<(String, u64, Option<String>)> {
    let live = lab.list().into_iter().filter(|line| line.state == State::Running);
    live.map(|line| (line.name, line.generation, line.parent)).collect()
}

fn names(lab: &Lab) -> Vec<String> {
    tree(lab).into_iter().map(|(name, ..)| name).collect()
}

fn read(file: &Arc<dyn File>, at: u64) -> Result<Answer, Errno> {
    done(file, Call::ReadAt { at, size: 1 })
}

fn write(file: &Arc<dyn File>, at: u64, byte: u8) -> Result<Answer, Errno> {
    done(file, Call::WriteAt { at, data: vec![byte] })
}

fn reader(lab: &Lab, path: &str) -> Arc<dyn File> {
    match lab.find(path) {
        Lookup::Here(device) => device.open(OpenFlags { access: Access::Read, nonblock: false }).unwrap(),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn a_partition_is_a_part_of_its_flash() {
    let lab = lab(&[PARTED, "mtd:ram"]);
    let mtd0 = Some("mtd0".to_owned());
    assert_eq!(
        tree(&lab),
        [
            ("mtd0".to_owned(), 1, None),
            ("mtd1".to_owned(), 1, mtd0.clone()),
            ("mtd2".to_owned(), 1, mtd0),
            ("mtd3".to_owned(), 1, None)
        ]
    );
    let (whole, boot, rest) = (open(&lab, "/dev/mtd0"), open(&lab, "/dev/mtd1"), reader(&lab, "/dev/mtd2"));
    assert_eq!((boot.size(), rest.size()), (0x4_0000, 0x7c_0000));
    assert_eq!(write(&whole, 0x4_0000, 7), Ok(Answer::Value(1)));
    assert_eq!(read(&rest, 0), Ok(Answer::Data(vec![7])));
    assert_eq!(write(&boot, 5, 9), Ok(Answer::Value(1)));
    assert_eq!(read(&whole, 5), Ok(Answer::Data(vec![9])));
    assert_eq!(write(&boot, 0x4_0000, 9), Err(Errno::NOSPC), "it does not reach its neighbour");
    let Lookup::Here(rest) = lab.find("/dev/mtd2") else { panic!("no mtd2") };
    let writer = rest.open(OpenFlags { access: Access::ReadWrite, nonblock: false });
    assert_eq!(writer.err(), Some(Errno::ACCESS));
}

/// Children go before their parent, and come back after it.
#[test]
fn a_flash_takes_its_partitions_along_and_brings_them_back() {
    let lab = lab(&[PARTED]);
    let (whole, boot) = (open(&lab, "/dev/mtd0"), open(&lab, "/dev/mtd1"));
    assert_eq!(write(&boot, 0, 3), Ok(Answer::Value(1)));
    let watcher = lab.events().watch();
    let gone = pull(&lab, "mtd0");
    assert_eq!((gone.handles, gone.acted), (1, true));
    for file in [&whole, &boot] {
        assert_eq!(read(file, 0), Err(Errno::NODEV));
    }
    assert_eq!(lab.plug_name("mtd1"), Err(PlugError::Parent { name: "mtd1".to_owned(), parent: "mtd0".to_owned() }));
    assert_eq!(lab.plug_name("mtd0").unwrap(), "mtd0");
    let told: Vec<_> =
        std::iter::from_fn(|| watcher.next(Duration::ZERO)).map(|event| (event.name, event.change)).collect();
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["mtd2", "mtd1", "mtd0", "mtd0", "mtd1", "mtd2"]);
    assert!(told[..3].iter().all(|(_, change)| *change == Change::Unplugged(Reason::Pulled)));
    assert_eq!(read(&boot, 0), Err(Errno::NODEV), "the old one stays dead");
    assert_eq!(read(&open(&lab, "/dev/mtd1"), 0), Ok(Answer::Data(vec![3])));
    assert!(tree(&lab).iter().all(|(_, generation, _)| *generation == 2));
}

#[test]
fn a_partition_goes_alone() {
    let lab = lab(&[PARTED]);
    let whole = open(&lab, "/dev/mtd0");
    pull(&lab, "mtd1");
    assert_eq!(read(&whole, 0), Ok(Answer::Data(vec![0xff])));
    assert_eq!(names(&lab), ["mtd0", "mtd2"]);
    assert_eq!(lab.plug_name("mtd1").unwrap(), "mtd1");
    // It went alone, and comes back with its flash all the same.
    pull(&lab, "mtd1");
    pull(&lab, "mtd0");
    lab.plug_name("mtd0").unwrap();
    assert_eq!(names(&lab), ["mtd0", "mtd1", "mtd2"]);
}

#[test]
fn a_flash_that_goes_by_itself_takes_its_partitions_along() {
    let lab = lab(&[PARTED]);
    let boot = open(&lab, "/dev/mtd1");
    let Lookup::Here(device) = lab.find("/dev/mtd0") else { panic!("no mtd0") };
    // Not by way of the lab.
    let _ = device.unplug(Reason::Pulled, Policy::Detach, SOON);
    assert_eq!(read(&boot, 0), Err(Errno::NODEV));
    assert_eq!(boot.gone().unwrap().reason, Reason::Pulled);
    assert_eq!(names(&lab), [] as [&str; 0]);
}

/// Another flash at a number that one with partitions had.
#[test]
fn who_gets_the_number_of_a_flash_gets_no_partitions() {
    let lab = lab(&[PARTED]);
    pull(&lab, "mtd0");
    lab.plug_spec("mtd:ram,num=0").unwrap();
    assert_eq!(names(&lab), ["mtd0"]);
    pull(&lab, "mtd0");
    lab.plug_name("mtd0").unwrap();
    assert_eq!(names(&lab), ["mtd0"]);
}

fn spec(name: &str, offset: u64, size: u64) -> PartitionSpec {
    PartitionSpec { name: name.to_owned(), offset, size, read_only: false }
}

#[test]
fn clients_make_partitions_and_take_them_away() {
    let lab = lab(&["mtd:nor,num=0", "i2c:24c02@0x50,bus=7"]);
    let clients = &lab.client_partitions;
    assert_eq!(clients.add(0, spec("one", 0, 0x1_0000)), Ok(()));
    assert_eq!(clients.add(0, spec("two", 0x1_0000, 0x1_0000)), Ok(()));
    assert_eq!(names(&lab), ["i2c-7", "mtd0", "mtd1", "mtd2"]);
    for wrong in [spec("three", 0, 0), spec("three", 0x80_0000, 0x1_0000), spec("a\nb", 0, 0x1_0000)] {
        assert_eq!(clients.add(0, wrong), Err(Errno::INVAL));
    }
    assert_eq!(clients.add(7, spec("nowhere", 0, 0x1_0000)), Err(Errno::NODEV));
    assert_eq!(clients.delete(0, 0), Err(Errno::INVAL), "the flash is no partition of itself");
    assert_eq!(clients.delete(1, 2), Err(Errno::INVAL), "nor of its sister");

    // Its users are not waited for, and hold its number.
    let user = open(&lab, "/dev/mtd1");
    assert_eq!(clients.delete(0, 1), Ok(()));
    assert_eq!(clients.delete(0, 1), Err(Errno::INVAL));
    assert_eq!(read(&user, 0), Err(Errno::NODEV));
    assert_eq!(clients.add(0, spec("three", 0, 0x1_0000)), Ok(()));
    assert_eq!(names(&lab), ["i2c-7", "mtd0", "mtd2", "mtd3"]);
    drop(user);
    assert_eq!(clients.add(0, spec("four", 0, 0x1_0000)), Ok(()));
    assert_eq!(names(&lab), ["i2c-7", "mtd0", "mtd1", "mtd2", "mtd3"]);

    // What clients have made goes for good.
    pull(&lab, "mtd0");
    lab.plug_name("mtd0").unwrap();
    assert_eq!(names(&lab), ["i2c-7", "mtd0"]);
}

#[test]
fn a_client_cannot_make_partitions_without_end() {
    let lab = lab(&["mtd:ram,num=0"]);
    let made = (0..200).take_while(|_| lab.client_partitions.add(0, spec("one", 0, 0x2_0000)).is_ok()).count();
    assert_eq!(made, 128);
    assert_eq!(lab.client_partitions.add(0, spec("one", 0, 0x2_0000)), Err(Errno::NOMEM));
}

/// What a reset of a card is: its flash goes from under its users, and comes back as it was.
#[test]
fn a_card_is_reset_without_its_users() {
    let lab = card("{ model = \"nor\", parts = \"64KiB(boot)+-(rest)\" }, { model = \"ram\" }");
    let before = tree(&lab);
    assert_eq!(before[0], ("gpu0".to_owned(), 1, None));
    assert_eq!(names(&lab), ["gpu0", "mtd0", "mtd1", "mtd2", "mtd3"]);
    let files = ["/dev/mtd0", "/dev/mtd1", "/dev/mtd3"].map(|path| open(&lab, path));
    assert_eq!(write(&files[1], 1, 5), Ok(Answer::Value(1)));
    let reset = lab.reset("gpu0", SOON).unwrap();
    assert_eq!((reset.back, reset.stuck.len(), reset.failed.len()), (vec!["mtd0".to_owned(), "mtd3".to_owned()], 0, 0));
    for file in &files {
        assert_eq!((read(file, 0), file.gone().unwrap().reason), (Err(Errno::NODEV), Reason::Reset));
    }
    let after = tree(&lab);
    assert_eq!(after[0], before[0], "the card itself is the same");
    assert!(after[1..].iter().all(|(_, generation, _)| *generation == 2), "{after:?}");
    assert_eq!(read(&open(&lab, "/dev/mtd0"), 1), Ok(Answer::Data(vec![5])), "the content stays");

    // A partition of it that was reset alone.
    assert_eq!(lab.reset("mtd0", SOON).unwrap().back, ["mtd1", "mtd2"]);
    assert_eq!(lab.reset("mtd3", SOON).unwrap_err(), ResetError::Childless("mtd3".to_owned()));
    assert!(matches!(lab.reset("gpu1", SOON), Err(ResetError::Unknown(_))));
}

#[test]
fn a_card_takes_everything_along() {
    let lab = card("{ model = \"nor\", num = 4, parts = \"64KiB(boot)\" }");
    let boot = open(&lab, "/dev/mtd0");
    let watcher = lab.events().watch();
    let gone = pull(&lab, "gpu0");
    assert_eq!((gone.handles, gone.acted, gone.already), (1, true, false));
    let told: Vec<_> = std::iter::from_fn(|| watcher.next(Duration::ZERO)).map(|event| event.name).collect();
    assert_eq!(told, ["mtd0", "mtd4", "gpu0"]);
    assert_eq!(read(&boot, 0), Err(Errno::NODEV));
    assert!(pull(&lab, "gpu0").already);
    assert_eq!(lab.reset("gpu0", SOON).unwrap_err(), ResetError::Gone("gpu0".to_owned()));
    let parent = Err(PlugError::Parent { name: "mtd4".to_owned(), parent: "gpu0".to_owned() });
    assert_eq!(lab.plug_name("mtd4"), parent);
    lab.plug_name("gpu0").unwrap();
    assert_eq!(lab.plug_name("gpu0"), Err(PlugError::Plugged { name: "gpu0".to_owned() }));
    assert!(tree(&lab).iter().all(|(_, generation, _)| *generation == 2));
    assert_eq!(names(&lab), ["gpu0", "mtd4", "mtd0"]);
}

/// Beside each other, and with the lab's own unplugs: no generation is lost, none is there twice.
#[test]
fn resets_and_unplugs_do_not_trip_over_each_other() {
    let lab = card("{ model = \"nor\", parts = \"64KiB(boot)+-(rest)\" }");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..100).for_each(|_| drop(lab.reset("gpu0", SOON))));
            scope.spawn(|| (0..100).for_each(|_| drop(lab.unplug("mtd0", Reason::Pulled, Policy::Detach, SOON))));
            scope.spawn(|| (0..100).for_each(|_| drop(lab.plug_name("mtd0"))));
        }
    });
    pull(&lab, "gpu0");
    lab.plug_name("gpu0").unwrap();
    assert_eq!(names(&lab), ["gpu0", "mtd0", "mtd1", "mtd2"]);
    assert_eq!(read(&open(&lab, "/dev/mtd1"), 0), Ok(Answer::Data(vec![0xff])));
}
