//! Atomic commits.

use super::bench::{ARRAY, Bench, Client, filled, mode_info, primary};
use crate::{
    Contract, Errno,
    client::{BASE, WILD},
    drm::{
        kms::{connector_id, crtc_id, encoder_id, plane_id},
        property::Property,
        uapi::{
            flip, ioctl,
            layout::{Atomic, Cap},
        },
    },
};

const MODESET: u32 = flip::ALLOW_MODESET;

fn mode_blob(client: &Client) -> u32 {
    client.blob(&mode_info().to_bytes()).unwrap()
}

/// Everything that turns CRTC `crtc` on.
fn on(client: &Client, flags: u32, crtc: usize, fb: u32, blob: u32) -> Result<(), Errno> {
    client.atomic(
        flags,
        5,
        &[
            (crtc_id(crtc), &[(Property::ModeId, blob.into()), (Property::Active, 1)]),
            (connector_id(crtc), &[(Property::CrtcId, crtc_id(crtc).into())]),
            (primary(crtc), &filled(crtc, fb)),
        ],
    )
}

#[test]
fn a_commit_turns_a_screen_on_and_says_so() {
    let bench = Bench::new();
    let (fb, blob) = (bench.client.screenful(), mode_blob(&bench.client));
    assert_eq!(on(&bench.client, flip::NONBLOCK, 0, fb, blob), Err(Errno::INVAL), "it would have to be allowed");
    assert_eq!(on(&bench.client, flip::TEST_ONLY | MODESET, 0, fb, blob), Ok(()));
    assert_eq!((bench.calls(), bench.shown(0)), (0, None), "that was a test");
    assert_eq!(on(&bench.client, flip::NONBLOCK | flip::EVENT | MODESET, 0, fb, blob), Ok(()));
    assert_eq!(bench.shown(0), Some(vec![fb]));
    assert_eq!(bench.client.read(), Err(Errno::AGAIN));
    bench.frame();
    assert_eq!(bench.client.read(), Ok(vec![(2, 5, 1)]));
}

#[test]
fn who_does_not_say_otherwise_waits() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    let (heard, _) = bench.client.begin_atomic(flip::EVENT, 8, &[(primary(0), &[(Property::FbId, fb.into())])]);
    assert!(heard.is_waiting());
    bench.frame();
    assert!(heard.answer().is_ok());
    assert_eq!(bench.client.read(), Ok(vec![(2, 8, 2)]));
    let nothing = bench.client.begin_atomic(0, 0, &[]).0;
    assert!(nothing.answer().is_ok(), "of nothing nobody waits for anything");
}

#[test]
fn a_second_commit_that_does_not_wait_is_too_early() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    let second = bench.client.screenful();
    let flip = |fb: u32, user_data| {
        let set: &[(Property, u64)] = &[(Property::FbId, fb.into())];
        bench.client.atomic(flip::NONBLOCK | flip::EVENT, user_data, &[(primary(0), set)])
    };
    assert_eq!(flip(second, 1), Ok(()));
    assert_eq!(flip(fb, 2), Err(Errno::BUSY));
    assert_eq!(bench.client.atomic(flip::TEST_ONLY, 0, &[(primary(0), &[(Property::FbId, fb.into())])]), Ok(()));
    assert_eq!(bench.shown(0), Some(vec![second]));
    bench.frame();
    assert_eq!(flip(fb, 3), Ok(()));
    bench.frame();
    assert_eq!(bench.client.read(), Ok(vec![(2, 1, 2), (2, 3, 3)]));
}

/// `drm_mode_atomic_ioctl` before it looks at any object.
#[test]
fn flags_are_checked_first() {
    let bench = Bench::new();
    let commit = |flags| bench.client.atomic(flags, 0, &[(99999, &[])]);
    for flags in [0x1000, flip::ASYNC, flip::TEST_ONLY | flip::EVENT, flip::TARGET] {
        assert_eq!(commit(flags), Err(Errno::INVAL), "{flags:#x}");
    }
    let reserved = Atomic { reserved: 1, ..Atomic::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_ATOMIC, &reserved), Err(Errno::INVAL));
    bench.client.tell(ioctl::SET_CLIENT_CAP, &Cap { capability: 3, value: 0 }).unwrap();
    assert_eq!(commit(0), Err(Errno::INVAL), "not of who does not say that it can");
}

#[test]
fn objects_and_properties_must_be_there() {
    let bench = Bench::new();
    let test = |set: &[(u32, &[(Property, u64)])]| bench.client.atomic(flip::TEST_ONLY, 0, set);
    assert_eq!(test(&[(99999, &[])]), Err(Errno::NOENT));
    assert_eq!(test(&[(encoder_id(0), &[])]), Err(Errno::NOENT), "it has no properties");
    assert_eq!(test(&[(crtc_id(0), &[(Property::FbId, 0)])]), Err(Errno::NOENT), "not that one");
    assert_eq!(test(&[(crtc_id(0), &[])]), Ok(()));
    assert_eq!(test(&[(plane_id(0), &[(Property::Kind, 1)])]), Err(Errno::INVAL), "it cannot be set");
    assert_eq!(test(&[(connector_id(0), &[(Property::Dpms, 0)])]), Err(Errno::INVAL), "not here");
    assert_eq!(test(&[(crtc_id(0), &[(Property::Active, 2)])]), Err(Errno::INVAL));
    assert_eq!(test(&[(crtc_id(0), &[(Property::ModeId, 7777)])]), Err(Errno::INVAL));
    assert_eq!(test(&[(plane_id(0), &[(Property::FbId, 7777)])]), Err(Errno::INVAL));
    assert_eq!(test(&[(plane_id(0), &[(Property::CrtcId, plane_id(0).into())])]), Err(Errno::INVAL));
    assert_eq!(test(&[(plane_id(0), &[(Property::InFenceFd, 3)])]), Err(Errno::INVAL), "there are no fences");
    assert_eq!(test(&[(plane_id(0), &[(Property::InFenceFd, u64::MAX)])]), Ok(()));
}

/// What cannot be read is an error once its turn has come, and not before.
#[test]
fn errors_come_in_the_order_of_the_objects() {
    let bench = Bench::new();
    let (objects, counts) = (ARRAY, ARRAY + 0x100);
    bench.client.put(objects, &[99999u32, crtc_id(0)]);
    bench.client.put(counts, &[0u32, 1]);
    let flags = flip::TEST_ONLY;
    let asked = Atomic { flags, count: 2, objects, counts, props: WILD, values: WILD, ..Atomic::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_ATOMIC, &asked), Err(Errno::NOENT));
    bench.client.put(objects, &[crtc_id(1)]);
    assert_eq!(bench.client.tell(ioctl::MODE_ATOMIC, &asked), Err(Errno::FAULT));
    assert_eq!(bench.client.tell(ioctl::MODE_ATOMIC, &Atomic { count: u32::MAX, ..asked }), Err(Errno::FAULT));
    let wild = Atomic { flags, count: 1, objects: u64::MAX, ..Atomic::default() };
    assert_eq!(bench.client.tell(ioctl::MODE_ATOMIC, &wild), Err(Errno::FAULT));
}

/// A client that says four thousand millions of properties is not read to the end.
#[test]
fn there_is_a_most() {
    let bench = Bench::new();
    let (objects, counts) = (ARRAY, ARRAY + 0x100);
    bench.client.put(objects, &[crtc_id(0)]);
    bench.client.put(counts, &[u32::MAX]);
    let asked =
        Atomic { flags: flip::TEST_ONLY, count: 1, objects, counts, props: BASE, values: BASE, ..Atomic::default() };
    let (heard, _) = bench.client.begin_ask(ioctl::MODE_ATOMIC, &asked);
    assert!(heard.answer().is_err());
}

/// `drm_atomic_plane_check`, `drm_atomic_helper_check_plane_state`
#[test]
fn planes_are_checked() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    let test = |set: &[(Property, u64)]| bench.client.atomic(flip::TEST_ONLY, 0, &[(primary(0), set)]);
    assert_eq!(test(&[(Property::FbId, 0)]), Err(Errno::INVAL), "a CRTC without a framebuffer");
    assert_eq!(test(&[(Property::CrtcId, 0)]), Err(Errno::INVAL), "a framebuffer without a CRTC");
    assert_eq!(test(&[(Property::CrtcId, 0), (Property::FbId, 0)]), Ok(()));
    assert_eq!(test(&[(Property::CrtcId, crtc_id(1).into())]), Err(Errno::INVAL), "the CRTC has its own");
    assert_eq!(test(&[(Property::SrcX, 1)]), Err(Errno::NOSPC));
    assert_eq!(test(&[(Property::SrcW, 1 << 16)]), Err(Errno::RANGE), "nothing is scaled");
    assert_eq!(test(&[(Property::CrtcX, i32::MAX as u64)]), Err(Errno::RANGE));
    assert_eq!(test(&[(Property::CrtcX, (-9i64).cast_unsigned())]), Ok(()));
    let cursor = bench.client.atomic(flip::TEST_ONLY, 0, &[(plane_id(1), &filled(0, fb))]);
    assert_eq!(cursor, Err(Errno::INVAL), "a cursor of another format");
}

/// `drm_atomic_crtc_check`, `drm_atomic_helper_check_modeset`
#[test]
fn crtcs_are_checked() {
    let bench = Bench::new();
    let blob = mode_blob(&bench.client);
    let test = |set: &[(u32, &[(Property, u64)])]| bench.client.atomic(flip::TEST_ONLY | MODESET, 0, set);
    let (crtc, connector) = (crtc_id(0), connector_id(0));
    assert_eq!(test(&[(crtc, &[(Property::Active, 1)])]), Err(Errno::INVAL), "without a mode");
    assert_eq!(test(&[(crtc, &[(Property::ModeId, blob.into())])]), Err(Errno::INVAL), "without a connector");
    assert_eq!(test(&[(connector, &[(Property::CrtcId, crtc.into())])]), Err(Errno::INVAL), "without a mode");
    let both = [(Property::CrtcId, u64::from(crtc))];
    let mode = [(Property::ModeId, u64::from(blob)), (Property::Active, 1)];
    assert_eq!(test(&[(crtc, &mode), (connector, &both)]), Ok(()));
    assert_eq!(test(&[(crtc, &mode), (connector, &both), (connector_id(1), &both)]), Err(Errno::INVAL), "two of them");
    let short = bench.client.blob(&[0; 67]).unwrap();
    assert_eq!(test(&[(crtc, &[(Property::ModeId, short.into())])]), Err(Errno::INVAL));
    let zeroes = bench.client.blob(&[0; 68]).unwrap();
    assert_eq!(test(&[(crtc, &[(Property::ModeId, zeroes.into())])]), Err(Errno::INVAL));
}

#[test]
fn an_event_needs_a_crtc_that_is_on() {
    let bench = Bench::new();
    let commit = |set: &[(u32, &[(Property, u64)])]| bench.client.atomic(flip::NONBLOCK | flip::EVENT, 1, set);
    assert_eq!(commit(&[]), Err(Errno::INVAL));
    assert_eq!(commit(&[(crtc_id(0), &[])]), Err(Errno::INVAL), "it is not concerned");
    assert_eq!(commit(&[(crtc_id(0), &[(Property::Active, 0)])]), Err(Errno::INVAL), "it stays off");
    assert_eq!(bench.client.atomic(flip::NONBLOCK, 1, &[(crtc_id(0), &[])]), Ok(()));
}

/// A CRTC that is turned off says so at once.
#[test]
fn turning_off_is_done_at_once() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    bench.client.atomic(flip::NONBLOCK | flip::EVENT | MODESET, 6, &[(crtc_id(0), &[(Property::Active, 0)])]).unwrap();
    assert_eq!(bench.client.read(), Ok(vec![(2, 6, 1)]));
    assert_eq!(bench.shown(0), None);
}

#[test]
fn there_is_no_more_room_for_events_than_can_be_read() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let commit = || bench.client.atomic(flip::NONBLOCK | flip::EVENT, 1, &[(crtc_id(0), &[(Property::Active, 1)])]);
    for _ in 0..128 {
        assert_eq!(commit(), Ok(()));
        bench.frame();
    }
    assert_eq!(commit(), Err(Errno::NOMEM));
    assert_eq!(bench.client.read().map(|events| events.len()), Ok(128));
    assert_eq!(commit(), Ok(()));
}

#[test]
fn two_screens_say_so_one_by_one() {
    let bench = Bench::new();
    let (fb, blob) = (bench.client.screenful(), mode_blob(&bench.client));
    for crtc in [0, 1] {
        assert_eq!(on(&bench.client, flip::NONBLOCK | MODESET, crtc, fb, blob), Ok(()));
    }
    bench.frame();
    let active = [(Property::Active, 1)];
    let set: &[(u32, &[(Property, u64)])] = &[(crtc_id(0), &active), (crtc_id(1), &active)];
    let (heard, _) = bench.client.begin_atomic(flip::EVENT, 4, set);
    assert!(heard.is_waiting());
    bench.frame();
    assert!(heard.answer().is_ok());
    assert_eq!(bench.client.read().map(|events| events.len()), Ok(2));
}

/// A blob that a CRTC needs stays although its maker has destroyed it.
#[test]
fn what_is_in_use_stays() {
    let bench = Bench::new();
    let (fb, blob) = (bench.client.screenful(), mode_blob(&bench.client));
    assert_eq!(on(&bench.client, flip::NONBLOCK | MODESET, 0, fb, blob), Ok(()));
    bench.client.number(ioctl::MODE_DESTROYPROPBLOB, blob).unwrap();
    let asked = crate::drm::uapi::layout::GetBlob { blob, ..Default::default() };
    assert_eq!(bench.client.ask(ioctl::MODE_GETPROPBLOB, &asked).unwrap().length, 68);
    bench.frame();
    let off: &[(u32, &[(Property, u64)])] =
        &[(crtc_id(0), &[(Property::Active, 0), (Property::ModeId, 0)]), (connector_id(0), &[(Property::CrtcId, 0)])];
    assert_eq!(bench.client.atomic(flip::NONBLOCK | MODESET, 0, off), Ok(()));
    assert_eq!(bench.client.tell(ioctl::MODE_GETPROPBLOB, &asked), Err(Errno::NOENT));
}
