//! Who is who.

use super::bench::{ARRAY, Bench, Client};
use crate::{
    Answer, Call, Caller, Errno, Process,
    client::{BASE, WILD},
    drm::uapi::{
        cap, client_cap, ioctl,
        layout::{Cap, Field, One, SetVersion, Unique, Version},
    },
};

fn bare(client: &Client, command: u32) -> Result<Answer, Errno> {
    client.call(Call::Ioctl { command, argument: 0 })
}

fn capability(client: &Client, capability: u64) -> Result<u64, Errno> {
    client.ask(ioctl::GET_CAP, &Cap { capability, value: 7 }).map(|cap| cap.value)
}

#[test]
fn the_version_is_told_as_far_as_there_is_room() {
    let bench = Bench::new();
    let asked = Version { name_length: 3, name: ARRAY, ..Version::default() };
    let version = bench.client.ask(ioctl::VERSION, &asked).unwrap();
    assert_eq!((version.major, version.name_length, version.description_length), (1, 4, 6));
    assert_eq!(bench.client.arena.get(ARRAY, 4), *b"stu\0");
    let nowhere = Version { name_length: 3, ..Version::default() };
    assert_eq!(bench.client.ask(ioctl::VERSION, &nowhere).unwrap().name_length, 4);
}

#[test]
fn the_unique_name_is_known_once_the_interface_is_agreed_on() {
    let bench = Bench::new();
    let asked = Unique { length: 20, unique: ARRAY };
    assert_eq!(bench.client.ask(ioctl::GET_UNIQUE, &asked).unwrap().length, 0);
    let version =
        |major, minor| SetVersion { interface_major: major, interface_minor: minor, driver_major: -1, driver_minor: 0 };
    assert_eq!(bench.client.tell(ioctl::SET_VERSION, &version(1, 5)), Err(Errno::INVAL));
    assert_eq!(bench.client.tell(ioctl::SET_VERSION, &version(2, 0)), Err(Errno::INVAL));
    let agreed = bench.client.ask(ioctl::SET_VERSION, &version(1, 4)).unwrap();
    assert_eq!((agreed.interface_minor, agreed.driver_major), (4, 1));
    assert_eq!(bench.client.ask(ioctl::GET_UNIQUE, &asked).unwrap().length, 9);
    assert_eq!(bench.client.arena.get(ARRAY, 9), *b"outlive.0");
    assert_eq!(bench.open(true).tell(ioctl::SET_VERSION, &version(1, 4)), Err(Errno::ACCESS));
}

/// `drm_master_open`, `drm_setmaster_ioctl`, `drm_dropmaster_ioctl`
#[test]
fn the_first_is_the_master_until_it_lets_go() {
    let bench = Bench::new();
    let other = bench.open(true);
    assert_eq!(other.flip(0, 1, 0), Err(Errno::ACCESS));
    assert_eq!(bare(&other, ioctl::SET_MASTER), Err(Errno::ACCESS), "only CAP_SYS_ADMIN may");
    assert_eq!(bare(&other, ioctl::DROP_MASTER), Err(Errno::ACCESS));
    assert_eq!(bare(&bench.client, ioctl::SET_MASTER), Ok(Answer::Value(0)), "it is");
    assert_eq!(bare(&bench.client, ioctl::DROP_MASTER), Ok(Answer::Value(0)));
    assert_eq!(bare(&bench.client, ioctl::DROP_MASTER), Err(Errno::INVAL));
    assert_eq!(bench.client.flip(0, 1, 0), Err(Errno::ACCESS));
    let third = bench.open(true);
    assert_eq!(third.flip(0, 1, 0), Err(Errno::BUSY), "there was none as it was opened, so it is");
    assert_eq!(bare(&bench.client, ioctl::SET_MASTER), Err(Errno::BUSY));
    drop(third);
    assert_eq!(bare(&bench.client, ioctl::SET_MASTER), Ok(Answer::Value(0)));
}

/// Process `number`, which calls from its second thread.
fn somebody(number: u32, is_admin: bool) -> Caller {
    Caller { thread: number + 1, process: Process { number, began: 1000 }, is_admin }
}

fn opened_by(bench: &Bench, caller: Caller) -> Client {
    let client = bench.open(true);
    client.file.opened_by(&|| Some(caller));
    client.arena.belong_to(caller);
    client
}

/// `drm_master_check_perm`
#[test]
fn the_master_is_changed_by_who_opened_the_file_and_by_who_may_do_anything() {
    let bench = Bench::new();
    let (first, second) = (somebody(40, false), somebody(50, false));
    bench.client.file.opened_by(&|| Some(first));
    let by = |client: &Client, caller, command| {
        client.arena.belong_to(caller);
        bare(client, command).map(drop)
    };
    assert_eq!(by(&bench.client, second, ioctl::SET_MASTER), Err(Errno::ACCESS), "although it is");
    assert_eq!(by(&bench.client, second, ioctl::DROP_MASTER), Err(Errno::ACCESS));
    let reborn = Caller { process: Process { began: 1001, ..first.process }, ..first };
    assert_eq!(by(&bench.client, reborn, ioctl::DROP_MASTER), Err(Errno::ACCESS), "only the number is the same");
    assert_eq!(by(&bench.client, first, ioctl::DROP_MASTER), Ok(()));
    assert_eq!(by(&bench.client, second, ioctl::SET_MASTER), Err(Errno::ACCESS));
    assert_eq!(by(&bench.client, somebody(60, true), ioctl::SET_MASTER), Ok(()));
    let other = opened_by(&bench, second);
    assert_eq!(by(&other, second, ioctl::SET_MASTER), Err(Errno::ACCESS));
    assert_eq!(by(&other, somebody(50, true), ioctl::SET_MASTER), Err(Errno::BUSY));
    assert_eq!(by(&bench.client, somebody(50, true), ioctl::DROP_MASTER), Ok(()));
    assert_eq!(by(&other, somebody(50, true), ioctl::SET_MASTER), Ok(()), "it never was");
    assert_eq!(by(&other, second, ioctl::DROP_MASTER), Ok(()), "it has been by now");
}

/// `drm_file_alloc`
#[test]
fn who_may_do_anything_is_let_in() {
    let bench = Bench::new();
    let open = crate::drm::uapi::layout::GemOpen { name: 1, ..Default::default() };
    let refused = [(false, Errno::ACCESS), (true, Errno::NOENT)];
    for (is_admin, errno) in refused {
        assert_eq!(opened_by(&bench, somebody(40, is_admin)).tell(ioctl::GEM_OPEN, &open), Err(errno));
    }
}

/// `struct drm_master`: numbers, and the name, are of one master and those who came while it was.
#[test]
fn each_master_lets_in_its_own() {
    let bench = Bench::new();
    let theirs = bench.open(true);
    let magic = theirs.ask(ioctl::GET_MAGIC, &0u32).unwrap();
    let agree = SetVersion { interface_major: 1, interface_minor: 4, driver_major: -1, driver_minor: 0 };
    bench.client.tell(ioctl::SET_VERSION, &agree).unwrap();
    bare(&bench.client, ioctl::DROP_MASTER).unwrap();
    let second = bench.open(true);
    assert_eq!(second.number(ioctl::AUTH_MAGIC, magic), Err(Errno::INVAL), "it is another's");
    let name = |client: &Client| client.ask(ioctl::GET_UNIQUE, &Unique { length: 20, unique: ARRAY }).unwrap().length;
    assert_eq!((name(&theirs), name(&second)), (9, 0));
    bare(&second, ioctl::DROP_MASTER).unwrap();
    bare(&bench.client, ioctl::SET_MASTER).unwrap();
    assert_eq!(bench.client.number(ioctl::AUTH_MAGIC, magic), Ok(()));
    assert_eq!(theirs.ask(ioctl::GET_MAGIC, &0u32), Ok(magic), "it keeps the number");
    assert_eq!(bench.open(true).ask(ioctl::GET_MAGIC, &0u32), Ok(magic + 1));
    assert_eq!(bench.client.number(ioctl::AUTH_MAGIC, magic), Err(Errno::INVAL));
}

#[test]
fn a_magic_number_lets_in_once() {
    let bench = Bench::new();
    let other = bench.open(true);
    let open = crate::drm::uapi::layout::GemOpen { name: 1, ..Default::default() };
    assert_eq!(other.tell(ioctl::GEM_OPEN, &open), Err(Errno::ACCESS));
    let magic = other.ask(ioctl::GET_MAGIC, &0u32).unwrap();
    assert_eq!(other.ask(ioctl::GET_MAGIC, &0u32), Ok(magic), "it stays the same");
    assert_eq!(other.number(ioctl::AUTH_MAGIC, magic), Err(Errno::ACCESS), "only the master lets in");
    assert_eq!(bench.client.number(ioctl::AUTH_MAGIC, magic + 1), Err(Errno::INVAL));
    assert_eq!(bench.client.number(ioctl::AUTH_MAGIC, magic), Ok(()));
    assert_eq!(bench.client.number(ioctl::AUTH_MAGIC, magic), Err(Errno::INVAL));
    assert_eq!(other.tell(ioctl::GEM_OPEN, &open), Err(Errno::NOENT));
    assert_eq!(One::SIZE, 4);
}

#[test]
fn capabilities_are_what_the_card_can() {
    let bench = Bench::new();
    let known = [
        (cap::DUMB_BUFFER, 1),
        (cap::PRIME, 3),
        (cap::TIMESTAMP_MONOTONIC, 1),
        (cap::ASYNC_PAGE_FLIP, 0),
        (cap::CURSOR_WIDTH, 64),
        (cap::ADDFB2_MODIFIERS, 1),
        (cap::CRTC_IN_VBLANK_EVENT, 1),
        (cap::SYNCOBJ, 0),
    ];
    for (which, value) in known {
        assert_eq!(capability(&bench.client, which), Ok(value), "{which:#x}");
    }
    for which in [0, 0x16, u64::MAX] {
        assert_eq!(capability(&bench.client, which), Err(Errno::INVAL));
    }
}

#[test]
fn clients_say_what_they_can() {
    let bench = Bench::new();
    let other = bench.open(true);
    let set = |capability, value| other.tell(ioctl::SET_CLIENT_CAP, &Cap { capability, value });
    assert_eq!(set(client_cap::WRITEBACK_CONNECTORS, 1), Err(Errno::INVAL), "not without atomic");
    assert_eq!(set(client_cap::ATOMIC, 3), Err(Errno::INVAL));
    assert_eq!(set(client_cap::UNIVERSAL_PLANES, 2), Err(Errno::INVAL));
    assert_eq!(set(99, 1), Err(Errno::INVAL));
    assert_eq!(set(client_cap::CURSOR_PLANE_HOTSPOT, 1), Err(Errno::OPNOTSUPP));
    for capability in [client_cap::STEREO_3D, client_cap::ASPECT_RATIO, client_cap::ATOMIC] {
        assert_eq!(set(capability, 1), Ok(()));
    }
    assert_eq!(set(client_cap::WRITEBACK_CONNECTORS, 1), Ok(()));
}

/// `drm_ioctl` goes by the number, and takes the length from the caller.
#[test]
fn ioctls_are_understood_at_any_length() {
    let bench = Bench::new();
    bench.client.arena.put(BASE, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9]);
    // Only the first half: the value is not written.
    let short = ioctl::GET_CAP & !(0x3fff << 16) | 8 << 16;
    assert_eq!(bench.client.call(Call::Ioctl { command: short, argument: BASE }), Ok(Answer::Value(0)));
    assert_eq!(bench.client.arena.get(BASE + 8, 4), [9; 4]);
    let long = ioctl::GET_CAP & !(0x3fff << 16) | 24 << 16;
    bench.client.arena.put(BASE + 16, &[9; 8]);
    assert_eq!(bench.client.call(Call::Ioctl { command: long, argument: BASE }), Ok(Answer::Value(0)));
    assert_eq!(bench.client.arena.get(BASE + 16, 8), [0; 8]);
}

#[test]
fn what_is_no_call_of_the_class_is_refused() {
    let bench = Bench::new();
    let client = &bench.client;
    assert_eq!(client.call(Call::Ioctl { command: 0xc004_6440, argument: BASE }), Err(Errno::INVAL));
    assert_eq!(client.call(Call::Ioctl { command: ioctl::VERSION, argument: WILD }), Err(Errno::FAULT));
    assert_eq!(client.call(Call::Write { data: vec![1] }), Err(Errno::INVAL));
    assert_eq!(client.call(Call::ReadAt { at: 0, size: 1 }), Err(Errno::SPIPE));
    assert_eq!(client.tell(ioctl::MODE_CREATE_LEASE, &[0u8; 24]), Err(Errno::OPNOTSUPP));
    assert_eq!(client.number(ioctl::MODE_REVOKE_LEASE, 1), Err(Errno::NOENT));
}

/// `drm_getclient`
#[test]
fn each_is_told_of_itself_only() {
    let bench = Bench::new();
    let asked = crate::drm::uapi::layout::Client { pid: 5, magic: 6, calls: 7, ..Default::default() };
    let found = bench.client.ask(ioctl::GET_CLIENT, &asked).unwrap();
    assert_eq!((found.auth, found.pid, found.uid, found.magic, found.calls), (1, 0, 65534, 0, 0), "nobody knows");
    bench.client.arena.belong_to(somebody(40, false));
    assert_eq!(bench.client.ask(ioctl::GET_CLIENT, &asked).unwrap().pid, 41);
    assert_eq!(bench.open(true).ask(ioctl::GET_CLIENT, &asked).unwrap().auth, 0);
    let second = crate::drm::uapi::layout::Client { index: 1, ..asked };
    assert_eq!(bench.client.tell(ioctl::GET_CLIENT, &second), Err(Errno::INVAL));
}
