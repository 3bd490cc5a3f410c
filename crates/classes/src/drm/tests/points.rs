//! The thirteen points of "Device Hot-Unplug" in `Documentation/gpu/drm-uapi.rst`, one by one, under quiet.

use super::bench::{Bench, flags, mode_info, period};
use crate::{
    Call, Contract, Errno, Plugged, PollBits,
    drm::{
        kms::{connector_id, crtc_id, plane_id},
        property::Property,
        uapi::{
            connector, flip, ioctl,
            layout::{CardResources, Connector, Crtc, Fb, GetPlane, Padded, Prime, SetConnector},
        },
    },
};
use outlive::{Policy, Reason};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

fn lit() -> (Bench, u32) {
    Bench::lit(Contract::Quiet)
}

/// 1: the same rules, whatever took it away.
#[test]
fn point_1_the_same_rules_for_each_way_of_going() {
    for reason in [Reason::Pulled, Reason::Orderly, Reason::DriverLost] {
        let (bench, fb) = lit();
        bench.card.unplug(reason, Policy::Detach, super::bench::LONG).unwrap();
        assert_eq!(bench.client.flip(0, fb, 1), Ok(()), "{reason:?}");
        assert_eq!(bench.client.file.poll(), PollBits::ZOMBIE, "{reason:?}");
    }
}

/// 2: programs are told by the end of its names, by poll, and by an open that fails.
#[test]
fn point_2_programs_can_know() {
    let (bench, _) = lit();
    let (told, woken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (names, wake) = (told.clone(), woken.clone());
    bench.card.on_names(Box::new(move |_| names.store(true, SeqCst)));
    let watch = bench.client.file.on_news(Arc::new(move || wake.store(true, SeqCst)));
    bench.pull();
    assert!(told.load(SeqCst) && woken.load(SeqCst));
    assert_eq!(bench.client.file.poll(), PollBits::ZOMBIE);
    // I31: asked, it says so, and why.
    assert_eq!(bench.client.file.gone().map(|gone| gone.reason), Some(Reason::Pulled));
    assert_eq!(bench.card.open(flags(true)).err(), Some(Errno::NODEV));
    drop(watch);
}

/// 3: everything keeps more or less working until the last file and the last mapping are closed.
#[test]
fn point_3_it_works_until_everything_is_closed() {
    let (bench, fb) = lit();
    let handle = bench.client.dumb(64, 64);
    let mapping = bench.client.map(handle).unwrap();
    bench.pull();
    let asked = CardResources::default();
    assert_eq!(bench.client.ask(ioctl::MODE_GETRESOURCES, &asked).unwrap().count_connectors, 2);
    assert!(bench.client.ask(ioctl::MODE_GETFB, &Fb { fb, ..Fb::default() }).is_ok());
    assert_ne!(bench.client.screenful(), fb, "new ones can be made");
    let Bench { client, card, .. } = bench;
    drop(client);
    assert_eq!(card.handles(), 0);
    mapping.memory.store(0, 5);
    assert_eq!(mapping.memory.load(0), 5);
}

/// 4: what comes back is a new device.
#[test]
fn point_4_what_comes_back_is_new() {
    let (bench, _) = lit();
    let crate::Hardware::Drm(driver) = bench.pull() else { panic!("a card") };
    let number = bench.numbers.claim(1).unwrap();
    let ground = crate::drm::Ground {
        clock: bench.clock.clone(),
        memory: Arc::new(super::bench::Maker),
        told: Arc::new(|_| ()),
    };
    let again = crate::drm::Card::plug_under(Contract::Quiet, number, driver, ground);
    assert_eq!((again.node().minor, again.handles(), again.gone()), (1, 0, None));
    assert!(bench.client.file.gone().is_some(), "the old file stays with the old one");
    let asked = Connector { connector: connector_id(0), ..Connector::default() };
    assert_eq!(bench.client.ask(ioctl::MODE_GETCONNECTOR, &asked).unwrap().connection, connector::DISCONNECTED);
}

/// 5: its number is not given out again as long as somebody has it open (I27).
#[test]
fn point_5_numbers_are_not_given_out_again_while_they_are_in_use() {
    let (bench, _) = lit();
    bench.pull();
    let Bench { card, client, numbers, .. } = bench;
    assert_eq!(card.generation(), card.generation());
    drop(card);
    assert!(numbers.is_held(0), "the file has it");
    drop(client);
    assert!(!numbers.is_held(0));
}

/// 6: connectors are disconnected.
#[test]
fn point_6_connectors_are_disconnected() {
    let (bench, _) = lit();
    bench.pull();
    for number in [0, 1] {
        let asked = Connector { connector: connector_id(number), ..Connector::default() };
        let found = bench.client.ask(ioctl::MODE_GETCONNECTOR, &asked).unwrap();
        assert_eq!((found.connection, found.count_modes), (connector::DISCONNECTED, 0));
    }
}

/// 7: mode sets, flips and commits succeed, and nobody is shown them; also TEST_ONLY.
#[test]
fn point_7_what_is_shown_is_accepted_and_discarded() {
    let (bench, _) = lit();
    let second = bench.client.screenful();
    bench.pull();
    let calls = bench.calls();
    assert_eq!(bench.client.flip(0, second, 1), Ok(()));
    let plane: &[(Property, u64)] = &[(Property::FbId, second.into())];
    assert_eq!(bench.client.atomic(flip::TEST_ONLY, 0, &[(plane_id(0), plane)]), Ok(()));
    bench.clock.pass(period());
    assert_eq!(bench.client.atomic(flip::NONBLOCK, 0, &[(plane_id(0), plane)]), Ok(()));
    let dpms = SetConnector { value: 3, property: Property::Dpms.id(), connector: connector_id(0) };
    assert_eq!(bench.client.tell(ioctl::MODE_SETPROPERTY, &dpms), Ok(()));
    let (set, _) = bench.client.begin_set_mode(1, second);
    bench.clock.pass(period());
    assert!(set.answer().is_ok());
    assert_eq!(bench.calls(), calls, "the driver was reached");
    let crtc = bench.client.ask(ioctl::MODE_GETCRTC, &Crtc { crtc: crtc_id(1), ..Crtc::default() }).unwrap();
    assert_eq!((crtc.fb, crtc.mode), (second, mode_info()), "and it looks as if it were so");
    // What would never be right is still wrong.
    assert_eq!(bench.client.flip(0, second, 1), Err(Errno::INVAL), "the screen is off");
    assert_eq!(bench.client.flip(1, 9999, 1), Err(Errno::NOENT));
}

/// 8: events that were promised come, also those of what was only accepted; sleepers wake.
#[test]
fn point_8_promised_events_come() {
    let (bench, fb) = lit();
    bench.client.file.set_nonblock(false);
    bench.client.flip(0, fb, 41).unwrap();
    let (heard, _) = bench.client.begin_read();
    bench.pull();
    assert!(heard.is_waiting(), "it is still to come");
    bench.clock.pass(period());
    assert_eq!(super::bench::events(heard.answer()), Ok(vec![(2, 41, 2)]));
    bench.client.flip(0, fb, 42).unwrap();
    assert_eq!(bench.client.file.poll(), PollBits::ZOMBIE);
    bench.clock.pass(period());
    assert_eq!(bench.client.file.poll(), PollBits::ZOMBIE | PollBits(0x41));
    assert_eq!(bench.client.read(), Ok(vec![(2, 42, 3)]));
    assert_eq!(bench.client.read(), Err(Errno::NODEV), "who waits for nothing is told so");
    assert!(bench.clock.is_idle(), "no timer runs for nobody");
}

/// 8, of one that sleeps and has nothing to expect.
#[test]
fn point_8_who_waits_for_nothing_wakes() {
    let (bench, fb) = lit();
    let other = bench.open(false);
    let (idle, _) = other.begin_read();
    bench.client.file.set_nonblock(false);
    let blocking = bench.client.begin_atomic(0, 0, &[(plane_id(0), &[(Property::FbId, fb.into())])]).0;
    bench.pull();
    assert_eq!(idle.answer(), Err(Errno::NODEV));
    bench.clock.pass(period());
    assert!(blocking.answer().is_ok());
}

/// 9: no new lease. (Nobody has an old one: a lease is a file of its own.)
#[test]
fn point_9_no_new_lease() {
    let (bench, _) = lit();
    bench.pull();
    assert_eq!(bench.client.tell(ioctl::MODE_CREATE_LEASE, &[0u8; 24]), Err(Errno::NODEV));
}

/// 10: there are no jobs here whose fences could be waited for: no fence is given away, and none is taken.
#[test]
fn point_10_there_are_no_fences() {
    let (bench, _) = lit();
    bench.pull();
    let set = |value| bench.client.atomic(flip::TEST_ONLY, 0, &[(plane_id(0), &[(Property::InFenceFd, value)])]);
    assert_eq!((set(u64::MAX), set(3)), (Ok(()), Err(Errno::INVAL)));
}

/// 11: whoever wants to know is told, without an error to anybody else (I31).
#[test]
fn point_11_a_robustness_query_tells_the_truth() {
    let (bench, _) = lit();
    assert_eq!((bench.client.file.gone(), bench.card.status().gone), (None, None));
    bench.pull();
    let gone = bench.client.file.gone().unwrap();
    assert_eq!((gone.reason, bench.card.gone()), (Reason::Pulled, Some(gone)));
    assert!(bench.client.file.poll().contains(PollBits::HUP));
}

/// 12: what comes from elsewhere is not taken by a card that has gone; what is its own can still be given away.
#[test]
fn point_12_no_import_into_what_has_gone() {
    let (bench, _) = lit();
    let handle = bench.client.dumb(64, 64);
    bench.pull();
    let import = Prime { fd: 3, ..Prime::default() };
    assert_eq!(bench.client.tell(ioctl::PRIME_FD_TO_HANDLE, &import), Err(Errno::NODEV));
    // As alive: this front cannot.
    let export = Prime { handle, ..Prime::default() };
    assert_eq!(bench.client.tell(ioctl::PRIME_HANDLE_TO_FD, &export), Err(Errno::OPNOTSUPP));
}

/// 13: memory stays memory: mapped before or after, touched or not.
#[test]
fn point_13_mappings_stay_memory() {
    let (bench, _) = lit();
    let handle = bench.client.dumb(64, 64);
    let before = bench.client.map(handle).unwrap();
    before.memory.store(0, 1);
    bench.pull();
    assert_eq!((before.memory.load(0), before.memory.load(8192)), (1, 0));
    let after = bench.client.map(handle).unwrap();
    after.memory.store(8192, 2);
    assert_eq!(before.memory.load(8192), 2);
    let new = bench.client.dumb(8, 8);
    assert!(bench.client.map(new).is_ok());
}

/// What is one's own is cleaned up (I23).
#[test]
fn clean_up_works() {
    let (bench, fb) = lit();
    let (handle, blob) = (bench.client.dumb(8, 8), bench.client.blob(b"x").unwrap());
    let second = bench.client.screenful();
    bench.pull();
    let calls = bench.calls();
    assert_eq!(bench.client.number(ioctl::MODE_RMFB, fb), Ok(()));
    assert_eq!(bench.client.tell(ioctl::MODE_CLOSEFB, &Padded { number: second, pad: 0 }), Ok(()));
    assert_eq!(bench.client.number(ioctl::MODE_DESTROY_DUMB, handle), Ok(()));
    assert_eq!(bench.client.number(ioctl::MODE_DESTROYPROPBLOB, blob), Ok(()));
    let drop_master = Call::Ioctl { command: ioctl::DROP_MASTER, argument: 0 };
    assert!(bench.client.call(drop_master).is_ok());
    let plane = GetPlane { plane: plane_id(0), ..GetPlane::default() };
    assert_eq!(bench.client.ask(ioctl::MODE_GETPLANE, &plane).unwrap().fb, 0);
    assert_eq!(bench.calls(), calls, "the driver was reached");
}
