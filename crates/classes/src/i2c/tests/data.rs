//! The data that goes over with each kind of call, as those who watch see it.

use super::{
    chip::ADDRESS,
    client::{BASE, Bench, Data, msg, rdwr_data, smbus_data},
};
use crate::{
    Call, Payload,
    i2c::uapi::{Msg, RdwrData, SMBUS_READ, SMBUS_WRITE, SmbusData, flag::*, ioctl::*},
};

const DATA: u64 = BASE + 0x1000;

fn number(value: u64, bytes: usize) -> Option<Payload> {
    Some(Payload::Number { value, bytes })
}

fn pieces(pieces: &[&[u8]]) -> Option<Payload> {
    Some(Payload::Pieces(pieces.iter().map(|piece| piece.to_vec()).collect()))
}

/// A chip whose registers 0x10 to 0x15 are 3, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, and that is spoken to.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.chip.set(0x10, &[3, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5]);
    bench.ioctl(I2C_SLAVE, ADDRESS.into()).unwrap();
    bench
}

#[track_caller]
fn check(bench: &Bench, call: Call, sent: Option<Payload>, brought: Option<Payload>) {
    assert_eq!(bench.begin(call).1.data(), Data { sent, brought });
}

/// An SMBus transaction of type `size` with register 0x10 and `data` in the client's memory, with and without PEC.
#[track_caller]
fn smbus(read_write: u8, size: u32, data: &[u8], sent: Option<Payload>, brought: Option<Payload>) {
    let bench = bench();
    bench.arena.put(DATA, data);
    bench.arena.put(BASE, &smbus_data(SmbusData { read_write, command: 0x10, size, data: DATA }));
    check(&bench, Call::Ioctl { command: I2C_SMBUS, argument: BASE }, sent, brought);
}

#[test]
fn transactions_carry_numbers_and_blocks() {
    let word = &0xb2a1_u16.to_ne_bytes();
    smbus(SMBUS_READ, 0, &[], None, None);
    smbus(SMBUS_WRITE, 1, &[], None, None);
    smbus(SMBUS_READ, 2, &[], None, number(3, 1));
    smbus(SMBUS_WRITE, 2, &[0x2a], number(0x2a, 1), None);
    smbus(SMBUS_READ, 3, &[], None, number(0xa103, 2));
    smbus(SMBUS_WRITE, 3, word, number(0xb2a1, 2), None);
    smbus(SMBUS_READ, 4, word, number(0xb2a1, 2), number(0xc3b2, 2));
    smbus(SMBUS_READ, 5, &[], None, pieces(&[&[0xa1, 0xb2, 0xc3]]));
    smbus(SMBUS_WRITE, 5, &[2, 8, 9, 10], pieces(&[&[8, 9]]), None);
    smbus(SMBUS_READ, 8, &[2], None, pieces(&[&[3, 0xa1]]));
    smbus(SMBUS_WRITE, 8, &[2, 8, 9, 10], pieces(&[&[8, 9]]), None);
}

/// What is refused before it reaches the chip carries nothing.
#[test]
fn what_is_refused_carries_nothing() {
    smbus(SMBUS_WRITE, 5, &[33], None, None);
    smbus(7, 2, &[1], None, None);
    let bench = bench();
    check(&bench, Call::Ioctl { command: I2C_SLAVE, argument: 0x50 }, None, None);
    bench.pull();
    check(&bench, Call::Read { size: 2 }, None, None);
    check(&bench, Call::Ioctl { command: I2C_FUNCS, argument: DATA }, None, None);
}

/// The PEC is the bus' business, and in neither.
#[test]
fn packet_error_codes_are_left_out() {
    let bench = bench();
    bench.ioctl(I2C_PEC, 1).unwrap();
    bench.arena.put(DATA, &[0x2a]);
    bench.arena.put(BASE, &smbus_data(SmbusData { read_write: SMBUS_WRITE, command: 0x10, size: 2, data: DATA }));
    check(&bench, Call::Ioctl { command: I2C_SMBUS, argument: BASE }, number(0x2a, 1), None);
}

#[test]
fn transfers_carry_a_piece_a_message() {
    let bench = bench();
    bench.arena.put(DATA, &[0x10, 0x11, 0x2a]);
    let write = |len, buf| Msg { addr: ADDRESS, flags: 0, len, buf };
    let read = |len, buf| Msg { addr: ADDRESS, flags: I2C_M_RD, len, buf };
    let messages = [write(1, DATA), read(2, DATA + 0x10), write(2, DATA + 1), read(1, DATA + 0x20)];
    bench.arena.put(BASE + 0x100, &messages.iter().flat_map(msg).collect::<Vec<_>>());
    bench.arena.put(BASE, &rdwr_data(RdwrData { msgs: BASE + 0x100, nmsgs: 4 }));
    let call = Call::Ioctl { command: I2C_RDWR, argument: BASE };
    check(&bench, call, pieces(&[&[0x10], &[0x11, 0x2a]]), pieces(&[&[3, 0xa1], &[0xb2]]));
    check(&bench, Call::Write { data: vec![0x10, 7] }, pieces(&[&[0x10, 7]]), None);
    // What a read brings is its answer.
    check(&bench, Call::Read { size: 1 }, None, None);
}

#[test]
fn functionality_is_a_number() {
    let functionality = crate::i2c::uapi::func::I2C_FUNC_I2C | crate::i2c::uapi::func::I2C_FUNC_SMBUS_EMUL_ALL;
    check(&bench(), Call::Ioctl { command: I2C_FUNCS, argument: DATA }, None, number(functionality.into(), 4));
}
