//! What a host asks, and what it hears.

use crate::{ended, started};
use outlive_classes::{
    i2c::{Error, Message},
    mtd::{Command, Done, Fault, Found, Kind, Mode, Region},
    tpm::Version,
};
use outlive_protocol::{Class, Device, Reply, Request};
use std::time::{Duration, Instant};

const READ: u16 = 1;

pub(crate) fn write(address: u16, data: &[u8]) -> Message {
    Message { address, flags: 0, data: data.to_vec() }
}

pub(crate) fn read(address: u16, length: usize) -> Message {
    Message { address, flags: READ, data: vec![0; length] }
}

/// What was read by the last message.
pub(crate) fn got(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::I2c(Ok(mut messages)) => messages.pop().unwrap().data,
        other => panic!("{other:?}"),
    }
}

fn bytes_at(at: u64, length: usize) -> Request {
    Request::Mtd(Command::Read { at, length, spare: Region::default(), mode: Mode::Place })
}

fn program(at: u64, data: Vec<u8>) -> Request {
    Request::Mtd(Command::Program { at, data, spare_from: 0, spare: Vec::new(), mode: Mode::Place })
}

#[test]
fn chips_of_a_bus_are_served() {
    let (mut child, mut host) = started("i2c:24c02@0x50,bus=1 i2c:lm75@0x48,bus=1,temp=21.5", Class::I2c);
    assert!(
        matches!(&host.hello.device, Device::I2c { functionality, claims } if functionality & 1 == 1 && claims.is_empty())
    );
    assert_eq!(host.hello.name, "Outlive I2C adapter");
    host.carry_out(Request::I2c(vec![write(0x50, &[3, 0xab, 0xcd])]));
    assert_eq!(got(host.carry_out(Request::I2c(vec![write(0x50, &[3]), read(0x50, 2)]))), [0xab, 0xcd]);
    assert_eq!(got(host.carry_out(Request::I2c(vec![write(0x48, &[0]), read(0x48, 2)]))), [0x15, 0x80]);
    let reply = host.carry_out(Request::I2c(vec![read(0x51, 1)]));
    assert_eq!(reply, Reply::I2c(Err(Error::NoAcknowledge)));
    host.part();
    let (status, said) = ended(&mut child);
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

/// By way of the area, and not.
#[test]
fn a_flash_is_served_in_small_and_large_pieces() {
    let (mut child, mut host) = started("mtd:nor,size=4MiB,erase=64KiB,locked=true,name=it", Class::Mtd);
    let Device::Mtd(geometry) = &host.hello.device else { panic!() };
    assert_eq!((geometry.size, geometry.kind, geometry.locked_at_power_up), (4 << 20, Kind::Nor, true));
    let nothing = Reply::Mtd(Ok(Done::Nothing));
    let locked = host.carry_out(program(0, vec![0]));
    assert!(matches!(locked, Reply::Mtd(Err(error)) if error.fault == Fault::Locked), "{locked:?}");
    let all = Command::Lock { at: 0, length: 4 << 20, lock: false };
    assert_eq!(host.carry_out(Request::Mtd(all)), nothing);
    for length in [1, 4096, 16_384, 16_385, 1 << 20] {
        let data: Vec<u8> = (0..length).map(|index: usize| (index * 7 % 251) as u8).collect();
        assert_eq!(host.carry_out(program(1 << 20, data.clone())), nothing, "{length}");
        let found = Found { data, ..Found::default() };
        assert_eq!(host.carry_out(bytes_at(1 << 20, length)), Reply::Mtd(Ok(Done::Read(found))), "{length}");
        let erase = Command::Erase { at: 1 << 20, length: 1 << 20 };
        assert_eq!(host.carry_out(Request::Mtd(erase)), nothing);
    }
    let question = Command::IsLocked { at: 0, length: 65_536 };
    assert_eq!(host.carry_out(Request::Mtd(question)), Reply::Mtd(Ok(Done::Is(false))));
    host.part();
    assert!(ended(&mut child).0.success());
}

#[test]
fn nand_is_served_with_what_it_has_to_spare() {
    let (_child, mut host) = started("mtd:nand,size=4MiB,bad=3,name=it", Class::Mtd);
    let bad = |at| Request::Mtd(Command::IsBad { at });
    assert_eq!(host.carry_out(bad((3 * 128) << 10)), Reply::Mtd(Ok(Done::Is(true))));
    let count = Command::BadBlocks { at: 0, length: 4 << 20 };
    assert_eq!(host.carry_out(Request::Mtd(count)), Reply::Mtd(Ok(Done::Count(1))));
    let (data, spare) = (vec![0x5a; 2048], vec![7; 8]);
    let both = Command::Program { at: 0, data: data.clone(), spare_from: 0, spare: spare.clone(), mode: Mode::Auto };
    assert_eq!(host.carry_out(Request::Mtd(both)), Reply::Mtd(Ok(Done::Nothing)));
    let region = Region { offset: 0, length: 8 };
    let both = Command::Read { at: 0, length: 2048, spare: region, mode: Mode::Auto };
    let Reply::Mtd(Ok(Done::Read(found))) = host.carry_out(Request::Mtd(both)) else { panic!() };
    assert_eq!((found.data, found.spare), (data, spare));
}

/// Of two that wait for a slow chip, the second is answered first.
#[test]
fn what_is_cancelled_is_answered_at_once() {
    let (_child, mut host) = started("i2c:24c02@0x50,slow=1h", Class::I2c);
    let begin = Instant::now();
    let numbers = [(); 2].map(|()| host.ask(Request::I2c(vec![read(0x50, 1)])));
    for number in numbers.into_iter().rev() {
        assert_eq!(host.session.cancel(number), Some(0));
        host.flush();
        while host.session.outstanding() + 1 > number as usize {
            assert_eq!(host.hear_now(), None);
        }
    }
    assert_eq!(host.session.late(), 2);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

/// As many as the window has, all unanswered, and then more.
#[test]
fn many_operations_are_under_way_at_once() {
    let (_child, mut host) = started("mtd:ram,size=1MiB,tr=1ms", Class::Mtd);
    let numbers: Vec<u64> = (0..100).map(|at| host.ask(bytes_at(at * 4096, 4096))).collect();
    assert_eq!(host.session.outstanding(), 64);
    for number in numbers.into_iter().rev() {
        assert!(matches!(host.reply(number), Reply::Mtd(Ok(Done::Read(found))) if found.data.len() == 4096));
    }
}

/// Where swtpm is; it is a package of its own.
#[test]
fn a_tpm_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut host) = started(&format!("tpm:swtpm,state={}", folder.path().display()), Class::Tpm);
    assert_eq!(host.hello.device, Device::Tpm { version: Version::V2 });
    // TPM2_Startup(CLEAR), and 8 random bytes: "TPM 2.0 Library", part 3.
    let startup = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0];
    let random = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8];
    let Reply::Tpm(Ok(response)) = host.carry_out(Request::Tpm(startup.to_vec())) else { panic!() };
    assert!(response.len() == 10, "{response:?}");
    let Reply::Tpm(Ok(response)) = host.carry_out(Request::Tpm(random.to_vec())) else { panic!() };
    assert_eq!((response.len(), &response[..12]), (20, &[0x80, 1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 8][..]));
    host.part();
    assert!(ended(&mut child).0.success());
}
