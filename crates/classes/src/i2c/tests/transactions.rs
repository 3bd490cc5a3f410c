//! Each SMBus transaction type against the same thing as plain transfers, with and without PEC.

use super::{
    chip::ADDRESS,
    client::{BASE, Bench, READ_ONLY, smbus_data},
};
use crate::{
    Answer, Call, Errno,
    i2c::uapi::{SMBUS_READ, SMBUS_WRITE, SmbusData, ioctl::*},
};

const DATA: u64 = BASE + 0x1000;

/// A transaction with `data` in the client's memory: its result, and that memory afterwards.
fn smbus(bench: &Bench, read_write: u8, command: u8, size: u32, data: &[u8]) -> Result<Vec<u8>, Errno> {
    bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)).unwrap();
    let memory = [data, &[0x77; 40]].concat();
    bench.arena.put(DATA, &memory);
    bench.arena.put(BASE, &smbus_data(SmbusData { read_write, command, size, data: DATA }));
    bench.ioctl(I2C_SMBUS, BASE).map(|value| {
        assert_eq!(value, 0);
        bench.arena.get(DATA, 40)
    })
}

#[track_caller]
fn reads(bench: &Bench, command: u8, size: u32, sent: &[u8], expected: &[u8]) {
    let memory = smbus(bench, SMBUS_READ, command, size, sent).unwrap();
    assert_eq!(memory[..expected.len()], *expected);
    assert_eq!(memory[34..], [0x77; 6], "no more than the union was written");
}

#[test]
fn reading_is_the_same_as_plain_reading() {
    let bench = Bench::new();
    bench.call(Call::Write { data: vec![] }).1.unwrap_err();
    reads(&bench, 0x00, 0, &[], &[0x77]);
    reads(&bench, 0x20, 2, &[], &[0x20, 0x77, 0x77]);
    reads(&bench, 0x99, 1, &[], &[0x21, 0x77]);
    reads(&bench, 0x20, 3, &[], &[&0x2120_u16.to_ne_bytes()[..], &[0x77; 2]].concat());
    reads(&bench, 0x03, 5, &[], &[3, 4, 5, 6, 0]);
    reads(&bench, 0x20, 6, &[], &[&[32], &(0x20..0x40).collect::<Vec<u8>>()[..], &[0]].concat());
    reads(&bench, 0x20, 8, &[3], &[3, 0x20, 0x21, 0x22, 0x77]);
    assert_eq!(bench.call(Call::Read { size: 2 }).1, Ok(Answer::Data(vec![0x23, 0x24])), "goes on from there");
}

#[test]
fn writing_is_the_same_as_plain_writing() {
    let cases: [(u8, u32, &[u8], &[u8]); 6] = [
        (0x20, 1, &[], &[0x20, 0x21]),
        (0x20, 2, &[0xa1], &[0xa1, 0x21]),
        (0x20, 3, &0xb2a1_u16.to_ne_bytes(), &[0xa1, 0xb2, 0x22]),
        (0x20, 5, &[2, 0xa1, 0xb2, 0xc3], &[2, 0xa1, 0xb2, 0x23]),
        (0x20, 6, &[2, 0xa1, 0xb2, 0xc3], &[0xa1, 0xb2, 0x22]),
        (0x20, 8, &[2, 0xa1, 0xb2, 0xc3], &[0xa1, 0xb2, 0x22]),
    ];
    for (command, size, data, expected) in cases {
        let bench = Bench::new();
        let memory = smbus(&bench, SMBUS_WRITE, command, size, data).unwrap();
        assert_eq!(memory[..data.len()], *data, "nothing is written back");
        assert_eq!(bench.chip.get(0x20, expected.len()), expected, "type {size}");
    }
}

#[test]
fn calls_write_and_read_whichever_direction_is_given() {
    for direction in [SMBUS_READ, SMBUS_WRITE] {
        let bench = Bench::new();
        let memory = smbus(&bench, direction, 0x20, 4, &0xb2a1_u16.to_ne_bytes()).unwrap();
        assert_eq!(bench.chip.get(0x20, 3), [0xa1, 0xb2, 0x22]);
        assert_eq!(memory[..3], [&0x2322_u16.to_ne_bytes()[..], &[0x77]].concat());

        bench.chip.set(0x22, &[2, 0xd4, 0xe5]);
        let memory = smbus(&bench, direction, 0x1f, 7, &[2, 0xa1, 0xb2]).unwrap();
        assert_eq!(bench.chip.get(0x1f, 3), [2, 0xa1, 0xb2]);
        assert_eq!(memory[..3], [2, 0xd4, 0xe5]);
    }
}

#[test]
fn blocks_have_one_to_thirty_two_bytes() {
    let bench = Bench::new();
    let full = [&[32_u8][..], &[0xee; 32]].concat();
    for (direction, size) in [(SMBUS_WRITE, 5), (SMBUS_WRITE, 6), (SMBUS_WRITE, 8), (SMBUS_READ, 7), (SMBUS_READ, 8)] {
        bench.chip.set(0x40, &[1; 40]);
        assert!(smbus(&bench, direction, 0x40, size, &full).is_ok(), "type {size}");
        for length in [0, 33, 34, 255] {
            let attempts = bench.chip.attempts();
            let answer = smbus(&bench, direction, 0x40, size, &[&[length][..], &full].concat());
            assert_eq!(answer, Err(Errno::INVAL), "type {size}, length {length}");
            assert_eq!(bench.chip.attempts(), attempts, "refused before the driver");
        }
    }
    for (length, answer) in [(32, Ok(())), (33, Err(Errno::PROTO)), (255, Err(Errno::PROTO))] {
        bench.chip.set(0x80, &[length]);
        assert_eq!(smbus(&bench, SMBUS_READ, 0x80, 5, &[]).map(drop), answer, "the chip says {length}");
    }
}

#[test]
fn memory_that_cannot_be_written_fails_what_is_read_and_not_what_is_written() {
    let bench = Bench::new();
    bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)).unwrap();
    bench.arena.put(READ_ONLY, &[4]);
    for (size, read, write) in [
        (1, Err(Errno::FAULT), Ok(0)),
        (2, Err(Errno::FAULT), Ok(0)),
        (3, Err(Errno::FAULT), Ok(0)),
        (4, Err(Errno::FAULT), Err(Errno::FAULT)),
        (5, Err(Errno::FAULT), Ok(0)),
        (6, Err(Errno::FAULT), Ok(0)),
        (7, Err(Errno::FAULT), Err(Errno::FAULT)),
        (8, Err(Errno::FAULT), Ok(0)),
    ] {
        for (read_write, expected) in [(SMBUS_READ, read), (SMBUS_WRITE, write)] {
            bench.chip.set(0, &[1; 256]);
            bench.arena.put(BASE, &smbus_data(SmbusData { read_write, command: 0, size, data: READ_ONLY }));
            assert_eq!(bench.ioctl(I2C_SMBUS, BASE), expected, "type {size}, direction {read_write}");
        }
    }
}

/// CRC-8 with polynomial 0x07, bit by bit: slower and plainer than the one that is tested.
fn pec(bytes: &[u8]) -> u8 {
    let mut register = 0_u8;
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1)) {
        let out = (register >> 7) ^ bit;
        register = (register << 1) ^ (out * 0x07);
    }
    register
}

const WRITE: u8 = (ADDRESS << 1) as u8;
const READ: u8 = WRITE | 1;

#[test]
fn what_is_written_with_pec_ends_with_it() {
    let bench = Bench::new();
    bench.ioctl(I2C_PEC, 1).unwrap();
    let cases: [(u32, &[u8], &[u8]); 3] =
        [(2, &[0xa1], &[0xa1]), (3, &0xb2a1_u16.to_ne_bytes(), &[0xa1, 0xb2]), (5, &[2, 0xa1, 0xb2], &[2, 0xa1, 0xb2])];
    for (size, data, on_wire) in cases {
        smbus(&bench, SMBUS_WRITE, 0x20, size, data).unwrap();
        let expected = [on_wire, &[pec(&[&[WRITE, 0x20], on_wire].concat())]].concat();
        assert_eq!(bench.chip.get(0x20, expected.len()), expected, "type {size}");
    }
    smbus(&bench, SMBUS_WRITE, 0x20, 1, &[]).unwrap();
    assert_eq!(bench.chip.get(0x20, 1), [pec(&[WRITE, 0x20])], "a byte that is sent is protected as well");
    smbus(&bench, SMBUS_WRITE, 0x20, 8, &[1, 0xa1]).unwrap();
    assert_ne!(bench.chip.get(0x21, 1), [pec(&[WRITE, 0x20, 0xa1])], "an I2C block has no PEC");
}

/// The type, what the client sends, what the chip answers, what the client gets.
type Case<'a> = (u32, &'a [u8], &'a [u8], &'a [u8]);

#[test]
fn what_is_read_with_pec_is_checked() {
    let bench = Bench::new();
    bench.ioctl(I2C_PEC, 1).unwrap();
    let word = 0xb2a1_u16.to_ne_bytes();
    // A word that is sent has the same bytes in the client's memory and on the wire here.
    let cases: [Case; 5] = [
        (2, &[], &[0xa1], &[0xa1]),
        (3, &[], &[0xa1, 0xb2], &word),
        (4, &[0x11, 0x11], &[0xa1, 0xb2], &word),
        (5, &[], &[2, 0xa1, 0xb2], &[2, 0xa1, 0xb2]),
        (7, &[1, 0x11], &[2, 0xa1, 0xb2], &[2, 0xa1, 0xb2]),
    ];
    for (size, sent, answered, expected) in cases {
        let good = pec(&[&[WRITE, 0x20], sent, &[READ], answered].concat());
        let register = 0x20 + sent.len() as u8;
        bench.chip.set(register, &[answered, &[good]].concat());
        reads(&bench, 0x20, size, sent, expected);
        bench.chip.set(register, &[answered, &[good ^ 0x80]].concat());
        assert_eq!(smbus(&bench, SMBUS_READ, 0x20, size, sent), Err(Errno::BADMSG), "type {size}");
    }
    bench.chip.set(0x20, &[0xa1, pec(&[READ, 0xa1])]);
    bench.ioctl(I2C_PEC, 0).unwrap();
    smbus(&bench, SMBUS_WRITE, 0x20, 1, &[]).unwrap();
    bench.ioctl(I2C_PEC, 1).unwrap();
    reads(&bench, 0, 1, &[], &[0xa1, 0x77]);
}
