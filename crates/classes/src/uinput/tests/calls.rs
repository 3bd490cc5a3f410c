//! What can be said of a device, in which order, and what is refused.

use super::bench::{ABS_SETUP, Bench, NAME, abs_setup, description, setup, user_dev};
use crate::{
    Answer, Call, Errno,
    client::{BASE, READ_ONLY, SIZE, WILD},
    input::{
        Axis,
        uapi::{abs, ev, ff},
    },
    uinput::uapi::ioctl,
};

#[test]
fn a_device_is_what_its_program_said() {
    let bench = Bench::new();
    let program = &bench.program;
    assert_eq!(program.ioctl(ioctl::GET_VERSION, BASE), Ok(0));
    assert_eq!(program.arena.get(BASE, 4), 5u32.to_ne_bytes());
    assert_eq!(program.name(), Err(Errno::NOENT));
    program.ioctl(ioctl::SET_PROPBIT, 0x1f).unwrap();
    program.say(ioctl::SET_PHYS, b"here\0and not there").unwrap();
    program.ioctl(ioctl::SET_EVBIT, ev::ABS.into()).unwrap();
    let axis = Axis { value: 5, fuzz: 1, flat: 2, resolution: 3, ..Axis::from_to(-9, 9) };
    program.say(ABS_SETUP, &abs_setup(abs::X, axis)).unwrap();
    // Of a type that it does not have.
    program.ioctl(ioctl::SET_SWBIT, 1).unwrap();
    assert_eq!(program.make(), Ok(0));
    let about = description(&bench, 0);
    assert_eq!((about.name.as_str(), about.phys.as_deref()), ("made", Some("here")));
    assert_eq!((about.id.bus, about.id.vendor, about.id.product, about.id.version), (3, 0x1209, 7, 1));
    assert!(about.properties.has(0x1f) && about.has(ev::KEY, 30) && about.has(ev::LED, 1) && !about.has(ev::SW, 1));
    assert_eq!((about.axes[&abs::X], about.is_virtual), (axis, true));
    assert_eq!(program.name(), Ok("input0".into()));
    let other = bench.open();
    assert_eq!((other.make(), other.name(), bench.board.count()), (Ok(0), Ok("input1".into()), 2));
}

#[test]
fn what_is_there_cannot_be_changed() {
    let bench = Bench::new();
    let program = &bench.program;
    assert_eq!(program.ioctl(ioctl::DEV_CREATE, 0), Err(Errno::INVAL), "nothing has been said of it");
    program.make().unwrap();
    for (command, argument) in
        ioctl::VALUES.map(|command| (command, 1)).into_iter().chain([(ioctl::DEV_SETUP, WILD), (ABS_SETUP, WILD)])
    {
        assert_eq!(program.ioctl(command, argument), Err(Errno::INVAL), "{command:#x}");
    }
    assert_eq!(program.ioctl(ioctl::DEV_CREATE, 0), Err(Errno::INVAL));
    assert_eq!(program.ioctl(ioctl::DEV_DESTROY, 0), Ok(0));
    assert_eq!(program.ioctl(ioctl::DEV_DESTROY, 0), Ok(0), "there is none");
    assert_eq!(program.ioctl(ioctl::DEV_CREATE, 0), Err(Errno::INVAL), "what was said is forgotten");
    assert_eq!(program.make(), Ok(0));
}

#[test]
fn codes_have_their_limits() {
    let bench = Bench::new();
    let limits = [
        (ioctl::SET_EVBIT, 0x1f),
        (ioctl::SET_KEYBIT, 0x2ff),
        (ioctl::SET_RELBIT, 0xf),
        (ioctl::SET_ABSBIT, 0x3f),
        (ioctl::SET_MSCBIT, 7),
        (ioctl::SET_LEDBIT, 0xf),
        (ioctl::SET_SNDBIT, 7),
        (ioctl::SET_FFBIT, 0x7f),
        (ioctl::SET_SWBIT, 0x10),
        (ioctl::SET_PROPBIT, 0x1f),
    ];
    for (command, most) in limits {
        assert_eq!(bench.program.ioctl(command, most), Ok(0), "{command:#x}");
        for argument in [most + 1, 0x1_0000, u64::MAX] {
            assert_eq!(bench.program.ioctl(command, argument), Err(Errno::INVAL), "{command:#x}");
        }
    }
    for unknown in [0x5500, 0x4004_5500, ioctl::SET_EVBIT | 1 << 16, 0x5401] {
        assert_eq!(bench.program.ioctl(unknown, BASE), Err(Errno::INVAL), "{unknown:#x}");
    }
}

#[test]
fn axes_are_checked() {
    let bench = Bench::new();
    let set = |code, axis| bench.program.say(ABS_SETUP, &abs_setup(code, axis));
    let flat = |flat, axis| Axis { flat, ..axis };
    for (code, axis, wanted) in [
        (0, Axis::from_to(0, 0), Ok(0)),
        (0, Axis::from_to(5, 5), Ok(0)),
        (0, Axis::from_to(5, 4), Err(Errno::INVAL)),
        (0, Axis::from_to(0, -1), Err(Errno::INVAL)),
        (0, flat(10, Axis::from_to(0, 10)), Ok(0)),
        (0, flat(11, Axis::from_to(0, 10)), Err(Errno::INVAL)),
        // The range is more than an int.
        (0, flat(i32::MAX, Axis::from_to(i32::MIN, i32::MAX)), Ok(0)),
        (abs::MT_SLOT, Axis::from_to(0, 99), Ok(0)),
        (abs::MT_SLOT, Axis::from_to(0, 100), Err(Errno::INVAL)),
        (abs::MAX, Axis::from_to(0, 100), Ok(0)),
        (abs::MAX + 1, Axis::from_to(5, 4), Err(Errno::RANGE)),
    ] {
        assert_eq!(set(code, axis), wanted, "{code:#x} {axis:?}");
    }
    let sized = |size: u32| bench.program.ioctl(ioctl::ABS_SETUP | size << 16, WILD);
    assert_eq!((sized(29), sized(28), sized(0)), (Err(Errno::TOOBIG), Err(Errno::FAULT), Ok(0)));
}

#[test]
fn the_old_way_is_a_write() {
    let bench = Bench::new();
    let program = &bench.program;
    let write = |data: &[u8]| program.call(Call::Write { data: data.to_vec() });
    let whole = user_dev("old", 0, 1, Axis { fuzz: 1, flat: 2, ..Axis::from_to(-7, 7) });
    for data in [&whole[..1115], &[whole.clone(), vec![0]].concat(), &[0; 24], &user_dev("", 0, 0, Axis::default())] {
        assert_eq!(write(data), Err(Errno::INVAL));
    }
    assert_eq!((write(&[]), write(&whole)), (Ok(Answer::Value(0)), Ok(Answer::Value(1116))));
    program.ioctl(ioctl::SET_EVBIT, ev::ABS.into()).unwrap();
    program.ioctl(ioctl::SET_ABSBIT, 1).unwrap();
    let turned = user_dev("old", 0, 1, Axis::from_to(7, -7));
    assert_eq!(write(&turned), Err(Errno::INVAL));
    assert_eq!(write(&whole), Ok(Answer::Value(1116)));
    assert_eq!(program.ioctl(ioctl::DEV_CREATE, 0), Ok(0));
    let about = description(&bench, 0);
    assert_eq!((about.name.as_str(), about.axes[&1].minimum, about.axes[&1].flat), ("old", -7, 2));
}

#[test]
fn what_cannot_be_made_is_forgotten() {
    let bench = Bench::new();
    let program = &bench.program;
    let create = || program.ioctl(ioctl::DEV_CREATE, 0);
    for (effects, wanted) in [(0, Err(Errno::INVAL)), (97, Err(Errno::INVAL)), (96, Ok(0))] {
        program.ioctl(ioctl::SET_EVBIT, ev::FF.into()).unwrap();
        program.ioctl(ioctl::SET_FFBIT, ff::RUMBLE.into()).unwrap();
        program.say(ioctl::DEV_SETUP, &setup("rumbles", effects)).unwrap();
        assert_eq!(create(), wanted, "{effects}");
        assert_eq!(create(), Err(Errno::INVAL));
    }
    // Who has room for effects has force feedback.
    let other = bench.open();
    other.say(ioctl::DEV_SETUP, &setup("rumbles", 1)).unwrap();
    other.ioctl(ioctl::DEV_CREATE, 0).unwrap();
    assert!(description(&bench, 1).has_type(ev::FF));
    let third = bench.open();
    *bench.board.refuses.lock().unwrap() = Some(Errno::NOSPC);
    assert_eq!(third.make(), Err(Errno::NOSPC));
}

#[test]
fn names_and_memory_may_be_bad() {
    let bench = Bench::new();
    let program = &bench.program;
    for command in [ioctl::DEV_SETUP, ioctl::SET_PHYS, ioctl::BEGIN_FF_UPLOAD, ioctl::END_FF_ERASE, ABS_SETUP] {
        for argument in [0, WILD, BASE + SIZE as u64 - 3, u64::MAX] {
            program.arena.put(BASE + SIZE as u64 - 3, b"abc");
            assert_eq!(program.ioctl(command, argument), Err(Errno::FAULT), "{command:#x} {argument:#x}");
        }
    }
    assert_eq!(program.ioctl(ioctl::GET_VERSION, READ_ONLY), Err(Errno::FAULT));
    assert_eq!(program.say(ioctl::DEV_SETUP, &setup("", 0)), Err(Errno::INVAL));
    // As long as can be, without an end.
    assert_eq!(program.say(ioctl::DEV_SETUP, &setup(&"n".repeat(80), 0)), Ok(0));
    assert_eq!(program.say(ioctl::SET_PHYS, &[b'p'; 1024]), Err(Errno::INVAL));
    // The end is the last byte that there is.
    program.arena.put(BASE + SIZE as u64 - 3, b"ab\0");
    assert_eq!(program.ioctl(ioctl::SET_PHYS, BASE + SIZE as u64 - 3), Ok(0));
    assert_eq!(program.ioctl(ioctl::DEV_CREATE, 0), Ok(0));
    assert_eq!((description(&bench, 0).name, description(&bench, 0).phys), ("n".repeat(80), Some("ab".into())));
    assert_eq!(program.ioctl(NAME, READ_ONLY), Err(Errno::FAULT));
    assert_eq!(program.ioctl(ioctl::GET_SYSNAME, BASE), Err(Errno::INVAL));
    let short = ioctl::GET_SYSNAME | 4 << 16;
    assert_eq!((program.ioctl(short, BASE), program.arena.get(BASE, 4)), (Ok(4), b"inp\0".to_vec()));
    let bad = bench.open();
    let mut bytes = setup("bad", 0);
    bytes[9] = 0xff;
    assert_eq!((bad.say(ioctl::DEV_SETUP, &bytes), bad.ioctl(ioctl::DEV_CREATE, 0)), (Ok(0), Ok(0)));
    assert_eq!(description(&bench, 1).name, "b\u{fffd}d");
}
