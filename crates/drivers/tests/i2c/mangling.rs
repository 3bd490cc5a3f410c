//! What `linux/i2c.h` lets a message ask for beyond the plain protocol.

use crate::bench::{Bench, Part};
use outlive_classes::{
    Errno,
    i2c::uapi::{flag::*, func, ioctl::*},
};

fn bench() -> Bench {
    Bench::new(&["24c02@0x50", "lm75@0x48"])
}

fn write(flags: u16, data: &[u8]) -> Part {
    Part::Write(flags, data.to_vec())
}

#[test]
fn the_functionality_is_that_of_a_bit_banging_adapter() {
    let all = func::I2C_FUNC_I2C
        | func::I2C_FUNC_10BIT_ADDR
        | func::I2C_FUNC_PROTOCOL_MANGLING
        | func::I2C_FUNC_NOSTART
        | func::I2C_FUNC_SMBUS_EMUL_ALL;
    assert_eq!(all, 0x0fff_801f);
    let adapter = outlive_drivers::i2c::Bus::new(&[], std::sync::Arc::new(crate::bench::Time::default())).unwrap();
    assert_eq!(outlive_classes::i2c::Adapter::functionality(&adapter), all);
}

#[test]
fn messages_are_joined_by_nostart() {
    let bench = bench();
    bench.rdwr(0x50, &[write(0, &[0x10]), write(I2C_M_NOSTART, &[1, 2])]).unwrap();
    assert_eq!(bench.read(0x50, &[0x10], 3), Ok(vec![1, 2, 0xff]));
    let read = bench.rdwr(0x50, &[write(0, &[0x10]), Part::Read(0, 1), Part::Read(I2C_M_NOSTART, 1)]);
    assert_eq!(read, Ok(vec![vec![1], vec![2]]));
    // Without a start the direction stays: nobody drives the line.
    let read = bench.rdwr(0x50, &[write(0, &[0x10]), Part::Read(I2C_M_NOSTART, 1)]);
    assert_eq!(read, Ok(vec![vec![0xff]]));
}

#[test]
fn without_a_first_start_the_first_byte_is_the_address() {
    let bench = bench();
    assert_eq!(bench.rdwr(0, &[write(I2C_M_NOSTART, &[0x50 << 1, 0x20, 7])]), Ok(vec![]));
    assert_eq!(bench.read(0x50, &[0x20], 1), Ok(vec![7]));
    assert_eq!(bench.rdwr(0x50, &[write(I2C_M_NOSTART, &[0x20 << 1, 0])]), Err(Errno::REMOTEIO));
}

#[test]
fn a_stop_may_come_in_between() {
    let bench = bench();
    let read = bench.rdwr(0x50, &[write(I2C_M_STOP, &[0, 1]), write(0, &[0]), Part::Read(0, 1)]);
    assert_eq!(read, Ok(vec![vec![1]]), "the first write took effect");
}

#[test]
fn refusals_may_be_ignored() {
    let bench = Bench::new(&["24c02@0x50,wp=true"]);
    assert_eq!(bench.rdwr(0x20, &[write(I2C_M_IGNORE_NAK, &[1, 2, 3])]), Ok(vec![]));
    assert_eq!(bench.rdwr(0x20, &[Part::Read(I2C_M_IGNORE_NAK, 2)]), Ok(vec![vec![0xff, 0xff]]));
    assert_eq!(bench.rdwr(0x50, &[write(I2C_M_IGNORE_NAK, &[0, 1])]), Ok(vec![]));
    assert_eq!(bench.rdwr(0x50, &[write(0, &[0, 1])]), Err(Errno::REMOTEIO));
}

#[test]
fn the_direction_bit_may_be_inverted() {
    let bench = bench();
    bench.write(0x50, &[0, 1, 2]).unwrap();
    bench.write(0x50, &[0]).unwrap();
    assert_eq!(bench.rdwr(0x50, &[write(I2C_M_REV_DIR_ADDR, &[9])]), Err(Errno::REMOTEIO), "a chip that sends is deaf");
    assert_eq!(
        bench.rdwr(0x50, &[Part::Read(I2C_M_REV_DIR_ADDR, 1)]),
        Ok(vec![vec![0xff]]),
        "one that listens is mute"
    );
}

#[test]
fn reading_without_acknowledges_reads_the_same() {
    let bench = bench();
    bench.write(0x50, &[0, 1, 2]).unwrap();
    assert_eq!(bench.rdwr(0x50, &[write(0, &[0]), Part::Read(I2C_M_NO_RD_ACK, 2)]), Ok(vec![vec![1, 2]]));
}

#[test]
fn ten_bit_addresses_are_nobodys() {
    let bench = bench();
    assert_eq!(bench.rdwr(0x50, &[write(I2C_M_TEN, &[0])]), Err(Errno::NXIO));
    assert_eq!(bench.rdwr(0x150, &[write(0, &[0])]), Err(Errno::NXIO));
}

#[test]
fn a_chip_may_tell_the_length() {
    let bench = bench();
    bench.select(0x50);
    bench.write(0x50, &[0, 3, 0xa, 0xb, 0xc]).unwrap();
    assert_eq!(bench.smbus(true, 0, 5, &[]).unwrap()[..5], [3, 0xa, 0xb, 0xc, 0]);
    for length in [0, 33, 255] {
        bench.write(0x50, &[0, length]).unwrap();
        assert_eq!(bench.smbus(true, 0, 5, &[]), Err(Errno::PROTO), "{length}");
    }
    // Of a block process call the chip takes the block as data, which no stop follows; the counter has moved on.
    bench.write(0x50, &[0x12, 2, 0xa, 0xb]).unwrap();
    assert_eq!(bench.smbus(true, 0x10, 7, &[1, 0x77]).unwrap()[..4], [2, 0xa, 0xb, 0]);
}

#[test]
fn a_repeated_start_may_go_to_another_chip() {
    let bench = bench();
    bench.select(0x48);
    bench.write(0x50, &[0, 1, 2]).unwrap();
    bench.write(0x50, &[1]).unwrap();
    assert_eq!(bench.rdwr(0x50, &[Part::Read(0, 1)]), Ok(vec![vec![2]]));
    assert_eq!(bench.ioctl(I2C_PEC, 1), Ok(outlive_classes::Answer::Value(0)));
    assert_eq!(bench.smbus(true, 0, 2, &[]), Err(Errno::BADMSG), "an lm75 knows no PEC");
}
