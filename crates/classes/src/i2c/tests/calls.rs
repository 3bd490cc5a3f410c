//! Every call, valid and not, alive and as a zombie.

use super::{
    chip::{ADDRESS, CLAIMED, NOBODY},
    client::{BASE, Bench, READ_ONLY, SIZE, WILD, msg, rdwr_data, smbus_data},
};
use crate::{
    Access, Answer, Call, Errno, OpenFlags, Plugged, PollBits,
    i2c::uapi::{Msg, RdwrData, SmbusData, flag::*, func, ioctl::*},
};

/// Carries out one call on a live bus, where it gets `alive`, and on a zombie, where it gets ENODEV whatever it is
/// (I15); both name it `what`. `argument` prepares the client's memory and file.
#[track_caller]
fn check(command: u32, argument: impl Fn(&Bench) -> u64, what: &str, alive: Result<i32, Errno>) {
    let bench = Bench::new();
    let call = Call::Ioctl { command, argument: argument(&bench) };
    assert_eq!(bench.call(call), (what.to_owned(), alive.map(Answer::Value)));

    let bench = Bench::new();
    let call = Call::Ioctl { command, argument: argument(&bench) };
    let before = bench.chip.attempts();
    bench.pull();
    assert_eq!(bench.call(call), (what.to_owned(), Err(Errno::NODEV)), "on a zombie");
    assert_eq!(bench.chip.attempts(), before, "the driver was called after the fence");
}

fn plain(command: u32, argument: u64, what: &str, alive: Result<i32, Errno>) {
    check(command, |_| argument, what, alive);
}

fn ten_bit(bench: &Bench) {
    assert_eq!(bench.ioctl(I2C_TENBIT, 1), Ok(0));
}

#[test]
fn settings() {
    plain(I2C_SLAVE, 0x50, "I2C_SLAVE 0x50", Ok(0));
    plain(I2C_SLAVE, 0x7f, "I2C_SLAVE 0x7f", Ok(0));
    plain(I2C_SLAVE, 0, "I2C_SLAVE 0x00", Ok(0));
    plain(I2C_SLAVE, 0x80, "I2C_SLAVE 0x80", Err(Errno::INVAL));
    plain(I2C_SLAVE, 0x1_0000_0050, "I2C_SLAVE 0x100000050", Err(Errno::INVAL));
    plain(I2C_SLAVE, u64::from(CLAIMED), "I2C_SLAVE 0x30", Err(Errno::BUSY));
    plain(I2C_SLAVE_FORCE, u64::from(CLAIMED), "I2C_SLAVE_FORCE 0x30", Ok(0));
    plain(I2C_SLAVE_FORCE, 0x80, "I2C_SLAVE_FORCE 0x80", Err(Errno::INVAL));
    plain(I2C_TENBIT, 1, "I2C_TENBIT 1", Ok(0));
    plain(I2C_TENBIT, 0, "I2C_TENBIT 0", Ok(0));
    plain(I2C_PEC, 1 << 40, "I2C_PEC 1099511627776", Ok(0));
    plain(I2C_RETRIES, 3, "I2C_RETRIES 3", Ok(0));
    plain(I2C_RETRIES, 0x7fff_ffff, "I2C_RETRIES 2147483647", Ok(0));
    plain(I2C_RETRIES, 0x8000_0000, "I2C_RETRIES 2147483648", Err(Errno::INVAL));
    plain(I2C_RETRIES, 1 << 32, "I2C_RETRIES 4294967296", Err(Errno::INVAL));
    plain(I2C_TIMEOUT, 100, "I2C_TIMEOUT 100", Ok(0));
    plain(I2C_TIMEOUT, 214_748_364, "I2C_TIMEOUT 214748364", Ok(0));
    plain(I2C_TIMEOUT, 214_748_365, "I2C_TIMEOUT 214748365", Err(Errno::INVAL));
    plain(I2C_TIMEOUT, 1 << 32, "I2C_TIMEOUT 4294967296", Err(Errno::INVAL));
    plain(0x1234, WILD, "ioctl 0x1234 (unknown)", Err(Errno::NOTTY));
    plain(0x0700, 0, "ioctl 0x700 (unknown)", Err(Errno::NOTTY));
    plain(0xffff_ffff, u64::MAX, "ioctl 0xffffffff (unknown)", Err(Errno::NOTTY));
}

#[test]
fn ten_bit_addresses() {
    let set = |address| {
        move |bench: &Bench| {
            ten_bit(bench);
            address
        }
    };
    check(I2C_SLAVE, set(0x3ff), "I2C_SLAVE 0x3ff", Ok(0));
    check(I2C_SLAVE, set(0x400), "I2C_SLAVE 0x400", Err(Errno::INVAL));

    let bench = Bench::new();
    ten_bit(&bench);
    assert_eq!(bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)), Ok(0));
    assert_eq!(bench.call(Call::Read { size: 1 }).1, Err(Errno::NXIO), "the chip's address has seven bits");
    assert_eq!(bench.ioctl(I2C_TENBIT, 0), Ok(0));
    assert_eq!(bench.call(Call::Read { size: 1 }).1, Ok(Answer::Data(vec![0])));
}

#[test]
fn functionality() {
    plain(I2C_FUNCS, BASE, "I2C_FUNCS", Ok(0));
    plain(I2C_FUNCS, WILD, "I2C_FUNCS", Err(Errno::FAULT));
    plain(I2C_FUNCS, 0, "I2C_FUNCS", Err(Errno::FAULT));
    plain(I2C_FUNCS, BASE + SIZE as u64 - 4, "I2C_FUNCS", Err(Errno::FAULT));
    plain(I2C_FUNCS, READ_ONLY, "I2C_FUNCS", Err(Errno::FAULT));

    let bench = Bench::new();
    bench.arena.put(BASE, &[0xaa; 10]);
    bench.ioctl(I2C_FUNCS, BASE).unwrap();
    let expected = u64::from(func::I2C_FUNC_I2C | func::I2C_FUNC_SMBUS_EMUL_ALL);
    assert_eq!(expected, 0x0fff_8009, "as linux/i2c.h has it");
    assert_eq!(bench.arena.get(BASE, 10), [&expected.to_ne_bytes()[..], &[0xaa; 2]].concat(), "an unsigned long");
}

/// Where the tables below put things.
const MESSAGES: u64 = BASE + 0x100;
const DATA: u64 = BASE + 0x1000;

fn put_rdwr(bench: &Bench, messages: &[Msg]) -> u64 {
    let data = RdwrData { msgs: MESSAGES, nmsgs: messages.len() as u32 };
    bench.arena.put(BASE, &rdwr_data(data));
    bench.arena.put(MESSAGES, &messages.iter().map(msg).collect::<Vec<_>>().concat());
    BASE
}

fn one(flags: u16, len: u16, buf: u64) -> Msg {
    Msg { addr: ADDRESS, flags, len, buf }
}

#[test]
fn rdwr_headers() {
    let header = |msgs, nmsgs| {
        move |bench: &Bench| {
            bench.arena.put(BASE, &rdwr_data(RdwrData { msgs, nmsgs }));
            BASE
        }
    };
    plain(I2C_RDWR, WILD, "I2C_RDWR with unreadable memory", Err(Errno::FAULT));
    plain(I2C_RDWR, 0, "I2C_RDWR with unreadable memory", Err(Errno::FAULT));
    plain(I2C_RDWR, BASE + SIZE as u64 - 8, "I2C_RDWR with unreadable memory", Err(Errno::FAULT));
    check(I2C_RDWR, header(0, 1), "I2C_RDWR of 1 messages", Err(Errno::INVAL));
    check(I2C_RDWR, header(MESSAGES, 0), "I2C_RDWR of 0 messages", Err(Errno::INVAL));
    check(I2C_RDWR, header(MESSAGES, 43), "I2C_RDWR of 43 messages", Err(Errno::INVAL));
    check(I2C_RDWR, header(WILD, 43), "I2C_RDWR of 43 messages", Err(Errno::INVAL));
    check(I2C_RDWR, header(MESSAGES, u32::MAX), "I2C_RDWR of 4294967295 messages", Err(Errno::INVAL));
    check(I2C_RDWR, header(WILD, 42), "I2C_RDWR of 42 messages", Err(Errno::FAULT));
    check(I2C_RDWR, header(u64::MAX, 1), "I2C_RDWR of 1 messages", Err(Errno::FAULT));
}

#[test]
fn rdwr_messages() {
    let rdwr = |what, messages: &[Msg], alive| check(I2C_RDWR, |bench| put_rdwr(bench, messages), what, alive);
    rdwr("I2C_RDWR w1@0x50 r16@0x50", &[one(0, 1, DATA), one(I2C_M_RD, 16, DATA + 64)], Ok(2));
    rdwr("I2C_RDWR w0@0x50", &[one(0, 0, WILD)], Ok(1));
    rdwr("I2C_RDWR r0@0x50", &[one(I2C_M_RD, 0, 0)], Ok(1));
    rdwr("I2C_RDWR w0@0x20", &[Msg { addr: NOBODY, ..one(0, 0, 0) }], Err(Errno::NXIO));
    rdwr("I2C_RDWR w8192@0x50", &[one(0, 8192, DATA)], Ok(1));
    rdwr("I2C_RDWR w8193@0x50", &[one(0, 8193, WILD)], Err(Errno::INVAL));
    rdwr("I2C_RDWR r65535@0x50", &[one(I2C_M_RD, 65535, DATA)], Err(Errno::INVAL));
    rdwr("I2C_RDWR w1@0x50", &[one(0, 1, WILD)], Err(Errno::FAULT));
    rdwr("I2C_RDWR r1@0x50", &[one(I2C_M_RD, 1, WILD)], Err(Errno::FAULT));
    rdwr("I2C_RDWR r1@0x50", &[one(I2C_M_RD, 1, READ_ONLY)], Err(Errno::FAULT));
    rdwr("I2C_RDWR w1@0x50", &[one(0, 1, READ_ONLY)], Ok(1));
    // The first fault counts, in the order of the messages.
    rdwr("I2C_RDWR w1@0x50 w8193@0x50", &[one(0, 1, WILD), one(0, 8193, DATA)], Err(Errno::FAULT));
    rdwr("I2C_RDWR w8193@0x50 w1@0x50", &[one(0, 8193, DATA), one(0, 1, WILD)], Err(Errno::INVAL));
    let most: Vec<_> = (0..42).map(|i| one(0, 1, DATA + i)).collect();
    check(I2C_RDWR, |bench| put_rdwr(bench, &most), &format!("I2C_RDWR{}", " w1@0x50".repeat(42)), Ok(42));
}

#[test]
fn rdwr_with_a_length_from_the_chip() {
    let rdwr = |first: u8, flags, len, alive| {
        let setup = move |bench: &Bench| {
            bench.arena.put(DATA, &[first]);
            bench.chip.set(0, &[4]);
            put_rdwr(bench, &[one(flags | I2C_M_RECV_LEN, len, DATA)])
        };
        let what = if flags & I2C_M_RD != 0 { "I2C_RDWR r?@0x50" } else { "I2C_RDWR w?@0x50" };
        check(I2C_RDWR, setup, what, alive);
    };
    rdwr(1, I2C_M_RD, 33, Ok(1));
    rdwr(1, I2C_M_RD, 32, Err(Errno::INVAL));
    rdwr(2, I2C_M_RD, 33, Err(Errno::INVAL));
    rdwr(2, I2C_M_RD, 34, Ok(1));
    rdwr(0, I2C_M_RD, 64, Err(Errno::INVAL));
    rdwr(255, I2C_M_RD, 287, Ok(1));
    rdwr(255, I2C_M_RD, 286, Err(Errno::INVAL));
    rdwr(1, 0, 64, Err(Errno::INVAL));
    rdwr(1, I2C_M_RD, 0, Err(Errno::INVAL));

    let bench = Bench::new();
    bench.chip.set(0, &[3, 0xa, 0xb, 0xc, 0xd]);
    bench.arena.put(DATA, &[[2].as_slice(), &[0x77; 40]].concat());
    let argument = put_rdwr(&bench, &[one(I2C_M_RD | I2C_M_RECV_LEN, 34, DATA)]);
    assert_eq!(bench.ioctl(I2C_RDWR, argument), Ok(1));
    assert_eq!(bench.arena.get(DATA, 7), [3, 0xa, 0xb, 0xc, 0xd, 0x77, 0x77], "the block and one byte besides");

    bench.chip.set(0, &[33]);
    bench.arena.put(DATA, &[1]);
    bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)).unwrap();
    bench.call(Call::Write { data: vec![0] }).1.unwrap();
    let argument = put_rdwr(&bench, &[one(I2C_M_RD | I2C_M_RECV_LEN, 64, DATA)]);
    assert_eq!(bench.ioctl(I2C_RDWR, argument), Err(Errno::PROTO), "a block is at most 32 bytes");
}

#[test]
fn rdwr_copies_out_what_was_read_and_nothing_else() {
    let bench = Bench::new();
    bench.arena.put(DATA, &[0x10, 0xaa, 0xbb, 0x10]);
    bench.arena.put(DATA + 64, &[0x77; 4]);
    let argument = put_rdwr(&bench, &[one(0, 3, DATA), one(0, 1, DATA + 3), one(I2C_M_RD, 2, DATA + 64)]);
    assert_eq!(bench.ioctl(I2C_RDWR, argument), Ok(3));
    assert_eq!(bench.chip.get(0x10, 2), [0xaa, 0xbb]);
    assert_eq!(bench.arena.get(DATA + 64, 4), [0xaa, 0xbb, 0x77, 0x77]);
    assert_eq!(bench.arena.get(DATA, 3), [0x10, 0xaa, 0xbb]);

    // From the last to the first, up to the first that fails: the transfer itself has taken place.
    let bench = Bench::new();
    let reads = [one(I2C_M_RD, 1, DATA), one(I2C_M_RD, 1, READ_ONLY), one(I2C_M_RD, 1, DATA + 2)];
    let argument = put_rdwr(&bench, &reads);
    bench.arena.put(DATA, &[0x77; 3]);
    assert_eq!(bench.ioctl(I2C_RDWR, argument), Err(Errno::FAULT));
    assert_eq!(bench.arena.get(DATA, 3), [0x77, 0x77, 2]);
}

#[test]
fn an_adapter_without_plain_transfers() {
    let bench = Bench::new();
    bench.chip.set_functionality(func::I2C_FUNC_SMBUS_EMUL);
    assert_eq!(bench.call(Call::Read { size: 1 }).1, Err(Errno::OPNOTSUPP));
    assert_eq!(bench.call(Call::Write { data: vec![0] }).1, Err(Errno::OPNOTSUPP));
    // Linux looks at the messages' list first, then at the adapter, then at each message.
    assert_eq!(bench.ioctl(I2C_RDWR, WILD), Err(Errno::FAULT));
    let argument = put_rdwr(&bench, &[one(0, 8193, WILD)]);
    assert_eq!(bench.ioctl(I2C_RDWR, argument), Err(Errno::OPNOTSUPP));
    assert_eq!(bench.chip.attempts(), 0);
}

#[test]
fn smbus_headers() {
    let smbus = |size, read_write, data, what: &str, alive| {
        let setup = move |bench: &Bench| {
            bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)).unwrap();
            bench.arena.put(BASE, &smbus_data(SmbusData { read_write, command: 0x1f, size, data }));
            BASE
        };
        check(I2C_SMBUS, setup, what, alive);
    };
    plain(I2C_SMBUS, WILD, "I2C_SMBUS with unreadable memory", Err(Errno::FAULT));
    smbus(9, 0, DATA, "I2C_SMBUS type 9 (unknown) 0x50", Err(Errno::INVAL));
    smbus(u32::MAX, 9, 0, "I2C_SMBUS type 4294967295 (unknown) 0x50", Err(Errno::INVAL));
    smbus(2, 2, DATA, "I2C_SMBUS direction 2 (unknown) 0x50", Err(Errno::INVAL));
    smbus(2, 255, WILD, "I2C_SMBUS direction 255 (unknown) 0x50", Err(Errno::INVAL));

    let names = [
        (0, "I2C_SMBUS write_quick 0x50", "I2C_SMBUS read_quick 0x50"),
        (1, "I2C_SMBUS write_byte 0x50 value 0x1f", "I2C_SMBUS read_byte 0x50"),
        (2, "I2C_SMBUS write_byte_data 0x50 reg 0x1f", "I2C_SMBUS read_byte_data 0x50 reg 0x1f"),
        (3, "I2C_SMBUS write_word_data 0x50 reg 0x1f", "I2C_SMBUS read_word_data 0x50 reg 0x1f"),
        (4, "I2C_SMBUS process_call 0x50 reg 0x1f", "I2C_SMBUS process_call 0x50 reg 0x1f"),
        (5, "I2C_SMBUS write_block_data 0x50 reg 0x1f len 0", "I2C_SMBUS read_block_data 0x50 reg 0x1f"),
        (6, "I2C_SMBUS write_i2c_block_data 0x50 reg 0x1f len 0", "I2C_SMBUS read_i2c_block_data 0x50 reg 0x1f len 32"),
        (7, "I2C_SMBUS block_process_call 0x50 reg 0x1f len 0", "I2C_SMBUS block_process_call 0x50 reg 0x1f len 0"),
        (8, "I2C_SMBUS write_i2c_block_data 0x50 reg 0x1f len 0", "I2C_SMBUS read_i2c_block_data 0x50 reg 0x1f len 0"),
    ];
    for (size, write, read) in names {
        // Quick, and writing a byte, have no data; a null pointer is told from a wild one.
        let without = |errno| if size == 0 { Ok(0) } else { Err(errno) };
        let write_without = |errno| if size <= 1 { Ok(0) } else { Err(errno) };
        smbus(size, 0, 0, write, write_without(Errno::INVAL));
        smbus(size, 1, 0, read, without(Errno::INVAL));
        smbus(size, 0, WILD, write, write_without(Errno::FAULT));
        smbus(size, 1, WILD, read, without(Errno::FAULT));
    }
}

#[test]
fn plain_reads_and_writes() {
    let bench = Bench::new();
    let read = |size| bench.call(Call::Read { size });
    assert_eq!(read(1), ("read 1 from 0x00".to_owned(), Err(Errno::NXIO)), "nobody has been chosen");
    bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)).unwrap();
    assert_eq!(read(3), ("read 3 from 0x50".to_owned(), Ok(Answer::Data(vec![0, 1, 2]))));
    assert_eq!(read(0), ("read 0 from 0x50".to_owned(), Ok(Answer::Data(vec![]))), "a probe");
    let (what, answer) = read(100_000);
    assert_eq!(what, "read 8192 from 0x50");
    assert!(matches!(answer, Ok(Answer::Data(data)) if data.len() == 8192));

    let write = |data| bench.call(Call::Write { data });
    assert_eq!(write(vec![0x10, 0xaa, 0xbb]), ("write 3 to 0x50".to_owned(), Ok(Answer::Value(3))));
    assert_eq!(bench.chip.get(0x10, 2), [0xaa, 0xbb]);
    assert_eq!(write(vec![]), ("write 0 to 0x50".to_owned(), Ok(Answer::Value(0))), "a probe");
    assert_eq!(write(vec![0; 9000]), ("write 8192 to 0x50".to_owned(), Ok(Answer::Value(8192))));
    bench.ioctl(I2C_SLAVE, u64::from(NOBODY)).unwrap();
    assert_eq!((read(0).1, write(vec![]).1), (Err(Errno::NXIO), Err(Errno::NXIO)));

    bench.pull();
    for size in [0, 1, 8192, usize::MAX] {
        assert_eq!(read(size).1, Err(Errno::NODEV));
    }
    assert_eq!(write(vec![0]).1, Err(Errno::NODEV));
}

#[test]
fn the_access_mode_is_kept_whoever_the_front_is() {
    let bench = Bench::new();
    for (access, read, write) in
        [(Access::Read, true, false), (Access::Write, false, true), (Access::Neither, false, false)]
    {
        let file = bench.bus.open(OpenFlags { access, nonblock: true }).unwrap();
        let bench = Bench { file, bus: bench.bus.clone(), chip: bench.chip.clone(), arena: bench.arena.clone() };
        bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)).expect("an ioctl needs no access mode");
        let refused = |call| bench.call(call).1 == Err(Errno::BADF);
        assert_eq!(refused(Call::Read { size: 1 }), !read);
        assert_eq!(refused(Call::Write { data: vec![0] }), !write);
    }
}

#[test]
fn each_open_file_has_its_own_settings() {
    let bench = Bench::new();
    let other = bench.bus.open(OpenFlags { access: Access::ReadWrite, nonblock: false }).unwrap();
    assert_ne!(other.id(), bench.file.id());
    bench.ioctl(I2C_SLAVE, u64::from(ADDRESS)).unwrap();
    let other = Bench { file: other, bus: bench.bus.clone(), chip: bench.chip.clone(), arena: bench.arena.clone() };
    assert_eq!(other.call(Call::Read { size: 1 }).0, "read 1 from 0x00");
    assert_eq!(bench.call(Call::Read { size: 1 }).0, "read 1 from 0x50");
}

#[test]
fn poll_says_ready_alive_and_hup_as_a_zombie() {
    let bench = Bench::new();
    assert_eq!(bench.file.poll(), PollBits::IN | PollBits::OUT | PollBits::RDNORM | PollBits::WRNORM);
    assert_eq!(bench.file.gone(), None);
    bench.pull();
    assert_eq!(bench.file.poll(), PollBits::HUP | PollBits::ERR);
    assert!(bench.file.gone().is_some());
}
