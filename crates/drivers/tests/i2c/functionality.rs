//! A bus that is limited to a part of what it can do.

use crate::bench::{Bench, Time, chip};
use outlive::Numbers;
use outlive_classes::{
    Errno,
    i2c::uapi::{func, ioctl},
};
use outlive_drivers::i2c::Bus;
use std::sync::Arc;

fn limited(functionality: u32) -> Bench {
    let time = Arc::new(Time::default());
    let bus = Bus::new(&[chip("pcf8570@0x50")], time.clone()).unwrap().limited_to(functionality);
    let bench = Bench::plug(time, Box::new(bus), &Numbers::new());
    bench.select(0x50);
    bench
}

const BYTE_DATA: u32 = 2;
const WORD_DATA: u32 = 3;
const READ_BYTE_DATA: u32 = 0x0008_0000;

#[test]
fn without_plain_transfers_an_adapter_does_what_it_says_and_no_more() {
    let bench = limited(READ_BYTE_DATA);
    assert_eq!(bench.smbus(true, 3, BYTE_DATA, &[]).map(|data| data[0]), Ok(0));
    assert_eq!(bench.smbus(false, 3, BYTE_DATA, &[1]), Err(Errno::OPNOTSUPP), "writing has a bit of its own");
    assert_eq!(bench.smbus(true, 3, WORD_DATA, &[]), Err(Errno::OPNOTSUPP));
    assert_eq!(bench.read(0x50, &[3], 1), Err(Errno::OPNOTSUPP));
}

#[test]
fn with_plain_transfers_the_class_makes_every_transaction_of_them() {
    let bench = limited(func::I2C_FUNC_I2C);
    assert!(bench.smbus(false, 3, WORD_DATA, &[1, 2]).is_ok());
    assert_eq!(bench.read(0x50, &[3], 2), Ok(vec![1, 2]));
}

#[test]
fn pec_is_nothing_to_an_adapter_that_does_not_know_it() {
    for (functionality, written) in [(func::I2C_FUNC_SMBUS_BYTE_DATA, 0), (u32::MAX, 0xff)] {
        let bench = limited(functionality);
        bench.ioctl(ioctl::I2C_PEC, 1).unwrap();
        bench.smbus(false, 3, BYTE_DATA, &[7]).unwrap();
        bench.ioctl(ioctl::I2C_PEC, 0).unwrap();
        let pec = bench.smbus(true, 4, BYTE_DATA, &[]).unwrap()[0];
        assert_eq!(pec != 0, written != 0, "the PEC is a byte more on the bus");
    }
}
