//! `docs/driver-protocol.md` against the code: every table of fields, every number, and the example.

use outlive_classes::{
    i2c::{Claim, Message},
    mtd::{Command, Done, Error, Fault, Found, Geometry, Kind as Flash, Mode, Region},
    tpm::Version,
};
use outlive_protocol::{Class, Device, Hello, Kind, Reply, Request, host, limits, server, status};
use std::{collections::BTreeSet, time::Duration};

const DOCUMENT: &str = include_str!("../../../docs/driver-protocol.md");

/// The rows of the first table under a heading, without its head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let mut lines = DOCUMENT.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
    assert!(lines.next().is_some_and(|line| line.starts_with('#')), "no heading `{heading}`");
    let within = lines.take_while(|line| !line.starts_with('#')).skip_while(|line| !line.starts_with('|'));
    let rows = within.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn number(text: &str) -> u64 {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).unwrap(),
        None => text.parse().unwrap_or_else(|_| panic!("`{text}` is no number")),
    }
}

/// A value of a field: a number or bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Bytes(text.bytes().chain(std::iter::repeat(0)).take(24).collect())
    }
}

/// Holds a table of fields against `part` of a frame, of which it must describe everything from `from` to `to`.
fn holds(heading: &str, part: &[u8], from: usize, to: usize, fields: &[(&str, Value)]) {
    let rows = table(heading);
    let names: Vec<_> = rows.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(names, fields.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "{heading}");
    let mut next = from;
    for (row, (name, wanted)) in rows.iter().zip(fields) {
        let (offset, size) = (number(&row[0]) as usize, number(&row[1]) as usize);
        assert_eq!(offset, next, "{heading}: {name} does not follow");
        next += size;
        let bytes = &part[offset..next];
        let is = match wanted {
            Value::Bytes(_) => Value::Bytes(bytes.to_vec()),
            Value::Number(_) => Value::Number(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))),
        };
        assert_eq!(is, *wanted, "{heading}: {name} at {offset}");
    }
    assert_eq!(next, to, "{heading}: it ends elsewhere");
}

fn numbers<const N: usize>(fields: [(&'static str, u64); N]) -> Vec<(&'static str, Value)> {
    fields.map(|(name, value)| (name, value.into())).into()
}

fn geometry() -> Geometry {
    Geometry {
        kind: Flash::Nand,
        size: 0x2_0000_0000,
        erase_size: 0x2_0000,
        write_size: 0x800,
        buffer_size: 0x1000,
        spare_size: 64,
        free: vec![Region { offset: 2, length: 38 }],
        ecc: vec![Region { offset: 40, length: 24 }, Region { offset: 0, length: 2 }],
        ecc_step: 512,
        ecc_strength: 8,
        bitflip_threshold: 6,
        writable: true,
        lockable: false,
        locked_at_power_up: true,
        bad_blocks: true,
    }
}

fn claims() -> Vec<Claim> {
    let claim = |address, chip: &str| Claim { address, chip: chip.into(), driver: "at24".into() };
    vec![claim(0x50, "24c02"), claim(0x51, "24c04")]
}

fn device(class: Class) -> Device {
    match class {
        Class::I2c => Device::I2c { functionality: 0x1234_5678, claims: claims() },
        Class::Mtd => Device::Mtd(geometry()),
        Class::Tpm => Device::Tpm { version: Version::V2 },
    }
}

/// Two ends that have greeted each other.
fn pair(class: Class) -> (host::Session<()>, server::Session, Vec<u8>) {
    let (mut server, _) = server::Session::new(Hello { name: "demo".into(), device: device(class) }).unwrap();
    let (host, welcome) = host::Session::new(class, 1);
    server.receive(&welcome, 1).unwrap();
    (host, server, welcome)
}

/// The frames of an operation and of its answer.
fn exchange(request: Request, reply: Reply) -> (Vec<u8>, Vec<u8>) {
    let (mut host, mut server, _) = pair(request.class());
    host.begin(Duration::from_secs(1), request, ()).unwrap();
    let sent = host.next(Duration::ZERO).unwrap();
    let server::Heard::Operation(incoming) = server.receive(&sent.frame, 0).unwrap() else { panic!() };
    let operation = server.accept(incoming, sent.bulk.map(|(_, data)| data)).unwrap();
    (sent.frame, server.answer(operation.number, reply).unwrap().frame)
}

fn messages() -> Vec<Message> {
    let message = |flags, data: &[u8]| Message { address: 0x50, flags, data: data.into() };
    vec![message(0, &[3]), message(1, &[0])]
}

fn read() -> Vec<Message> {
    let mut messages = messages();
    messages[1].data = vec![0xab];
    messages
}

#[test]
fn the_header_and_the_greetings() {
    let mut hello = Hello { name: "demo".into(), device: device(Class::I2c) };
    let frame = hello.encode().unwrap();
    let length = frame.len() as u64;
    let header = numbers([("type", 1), ("version", 1), ("length", length), ("number", 0), ("status", 0), ("data", 4)]);
    holds("Header", &frame, 0, 24, &header);
    assert_eq!(frame.last_chunk(), Some(b"demo"));
    holds("Hello", &frame, 24, 32, &numbers([("class", 1), ("reserved", 0)]));
    holds("Hello of i2c", &frame, 32, 40, &numbers([("functionality", 0x1234_5678), ("claims", 2)]));
    for (part, claim) in frame[40..].chunks_exact(52).zip(claims()) {
        let words: [(_, Value); 2] = [("chip", (&*claim.chip).into()), ("driver", (&*claim.driver).into())];
        let fields = [numbers([("address", claim.address.into()), ("reserved", 0)]), words.into()].concat();
        holds("Each claim", part, 0, 52, &fields);
    }
    hello.device = device(Class::Tpm);
    holds("Hello of tpm", &hello.encode().unwrap(), 32, 36, &numbers([("version", 2)]));
    let (host, _, frame) = pair(Class::Mtd);
    let it = host.welcome();
    let fields = [
        ("area", it.area),
        ("generation", 1),
        ("window", it.window.into()),
        ("frame", it.frame.into()),
        ("events", it.events.into()),
        ("reserved", 0),
    ];
    holds("Welcome", &frame, 24, frame.len(), &numbers(fields));
}

#[test]
fn the_geometry_of_a_flash() {
    let frame = Hello { name: "demo".into(), device: device(Class::Mtd) }.encode().unwrap();
    let it = geometry();
    let fields = [
        ("kind", 3),
        ("flags", 13),
        ("size", it.size),
        ("erase_size", it.erase_size.into()),
        ("write_size", it.write_size.into()),
        ("buffer_size", it.buffer_size.into()),
        ("spare_size", it.spare_size.into()),
        ("ecc_step", it.ecc_step.into()),
        ("ecc_strength", it.ecc_strength.into()),
        ("bitflip_threshold", it.bitflip_threshold.into()),
        ("free", 1),
        ("ecc", 2),
        ("reserved", 0),
    ];
    holds("Hello of mtd", &frame, 32, 88, &numbers(fields));
    for (part, region) in frame[88..].chunks_exact(8).zip(it.free.iter().chain(&it.ecc)) {
        let fields = [("offset", region.offset.into()), ("length", region.length.into())];
        holds("Each region", part, 0, 8, &numbers(fields));
    }
}

fn terms(limit: u64, offset: u64, length: u64) -> Vec<(&'static str, Value)> {
    let place = [("area_offset", offset), ("area_length", length), ("reserved", 0)];
    [numbers([("deadline", 1_000_000_000), ("limit", limit)]), numbers(place)].concat()
}

#[test]
fn a_transfer_and_its_answer() {
    let (asked, answered) = exchange(Request::I2c(messages()), Reply::I2c(Ok(read())));
    holds("Terms", &asked, 24, 48, &terms(1, 0, 0));
    holds("Transfer", &asked, 48, 56, &numbers([("messages", 2), ("reserved", 0)]));
    for (part, (flags, length)) in asked[56..].chunks_exact(8).zip([(0, 1), (1, 1)]) {
        holds("Each message", part, 0, 8, &numbers([("address", 0x50), ("flags", flags), ("length", length)]));
    }
    assert_eq!(&asked[72..], [3]);
    holds("Answer to Transfer", &answered, 24, 32, &numbers([("messages", 2), ("reserved", 0)]));
    for (part, length) in answered[32..].chunks_exact(4).zip([0, 1]) {
        holds("Each answered message", part, 0, 4, &numbers([("length", length)]));
    }
    assert_eq!(&answered[40..], [0xab]);
}

#[test]
fn commands_to_flash_and_their_answers() {
    let spare = Region { offset: 5, length: 7 };
    let fields = |length| [("at", 0x800), ("length", length), ("spare_from", 5), ("spare_length", 7), ("mode", 2)];
    let read = Command::Read { at: 0x800, length: 0x5000, spare, mode: Mode::Raw };
    let found = Found { data: vec![1; 0x5000], spare: vec![2; 7], corrected: 10, worst: 11, failed: 12 };
    let (asked, answered) = exchange(Request::Mtd(read), Reply::Mtd(Ok(Done::Read(found))));
    holds("Terms", &asked, 24, 48, &terms(0x5007, 0, 0x5007));
    holds("Read, Program", &asked, 48, asked.len(), &numbers(fields(0x5000)));
    let ecc = [("corrected", 10), ("worst", 11), ("failed", 12), ("reserved", 0)];
    holds("Answer to Read", &answered, 24, answered.len(), &numbers(ecc));
    let program = Command::Program { at: 0x800, data: vec![1, 2], spare_from: 5, spare: vec![3; 7], mode: Mode::Raw };
    let (asked, answered) = exchange(Request::Mtd(program), Reply::Mtd(Ok(Done::Nothing)));
    holds("Read, Program", &asked, 48, 72, &numbers(fields(2)));
    assert_eq!(&asked[72..], [1, 2, 3, 3, 3, 3, 3, 3, 3]);
    assert_eq!(answered.len(), 24);
    let blocks = "Erase, Lock, Unlock, IsLocked, IsBad, MarkBad, BadBlocks";
    let erase = Command::Erase { at: 0x2_0000, length: 0x4_0000 };
    let failed = Reply::Mtd(Err(Error { fault: Fault::Bad, at: Some(0x4_0000) }));
    let (asked, answered) = exchange(Request::Mtd(erase), failed);
    holds(blocks, &asked, 48, asked.len(), &numbers([("at", 0x2_0000), ("length", 0x4_0000)]));
    holds("Answers that are errors", &answered, 24, answered.len(), &numbers([("at", 0x4_0000)]));
    assert_eq!(answered[16], 11);
    let (_, answered) = exchange(Request::Mtd(Command::IsBad { at: 0 }), Reply::Mtd(Err(Fault::Io.into())));
    holds("Answers that are errors", &answered, 24, answered.len(), &numbers([("at", u64::MAX)]));
    for (request, done, value) in [
        (Command::IsLocked { at: 0, length: 0x2_0000 }, Done::Is(true), 1),
        (Command::IsBad { at: 0 }, Done::Is(false), 0),
        (Command::BadBlocks { at: 0, length: 0x4_0000 }, Done::Count(2), 2),
    ] {
        let (_, answered) = exchange(Request::Mtd(request), Reply::Mtd(Ok(done)));
        let heading = "Answer to IsLocked, IsBad, BadBlocks";
        holds(heading, &answered, 24, answered.len(), &numbers([("value", value)]));
    }
    let response = [8, 8, 0, 0, 0, 10, 8, 8, 8, 8];
    let (asked, answered) = exchange(Request::Tpm(vec![9; 12]), Reply::Tpm(Ok(response.into())));
    assert_eq!((&asked[48..], &answered[24..]), (&[9; 12][..], &response[..]));
}

#[test]
fn every_type_is_in_the_table_and_says_who_sends_it() {
    let rows = table("Types");
    let documented: Vec<_> = rows.iter().map(|row| (number(&row[0]) as u16, row[1].clone())).collect();
    let kinds = Kind::ALL.into_iter().filter(|kind| !kind.is_answer());
    assert_eq!(documented, kinds.map(|kind| (kind.number(), format!("{kind:?}"))).collect::<Vec<_>>());
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_operation()) {
        assert_eq!(kind.answer().number(), kind.number() | 0x8000);
        assert_eq!(format!("{:?}", kind.answer()), format!("{kind:?}Answer"));
    }
    assert!(rows.iter().all(|row| ["host", "server", "either"].contains(&&*row[2])));
}

#[test]
fn every_limit_is_in_the_table() {
    let documented: Vec<_> = table("Limits").iter().map(|row| (row[0].clone(), number(&row[1]) as usize)).collect();
    let of = |name: &str, value: usize| (name.to_owned(), value);
    let wanted = [
        of("FRAME_MAX", limits::FRAME_MAX),
        of("INLINE_MAX", limits::INLINE_MAX),
        of("NAME_MAX", limits::NAME_MAX),
        of("LOG_MAX", limits::LOG_MAX),
        of("CLAIMS_MAX", limits::CLAIMS_MAX),
        of("REGIONS_MAX", limits::REGIONS_MAX),
        of("SPARE_MAX", limits::SPARE_MAX as usize),
        of("MESSAGES_MAX", limits::MESSAGES_MAX),
        of("BLOCK_MAX", limits::BLOCK_MAX),
        of("TPM_MAX", limits::TPM_MAX),
        of("WINDOW", limits::WINDOW),
        of("EVENT_BURST", limits::EVENT_BURST as usize),
        of("EVENT_RATE", limits::EVENT_RATE as usize),
    ];
    assert_eq!(documented, wanted);
}

/// Each class takes those that the table gives it, and no others.
#[test]
fn every_status_is_in_the_table_with_its_classes() {
    let rows = table("Status");
    let constants = [
        ("OK", status::OK),
        ("CANCELLED", status::CANCELLED),
        ("IO", status::IO),
        ("TIMED_OUT", status::TIMED_OUT),
        ("UNSUPPORTED", status::UNSUPPORTED),
        ("NO_ACKNOWLEDGE", status::NO_ACKNOWLEDGE),
        ("DATA_REFUSED", status::DATA_REFUSED),
        ("ARBITRATION_LOST", status::ARBITRATION_LOST),
        ("PROTOCOL", status::PROTOCOL),
        ("NO_SPACE", status::NO_SPACE),
        ("LOCKED", status::LOCKED),
        ("BAD", status::BAD),
        ("GONE", status::GONE),
    ];
    let documented: Vec<_> = rows.iter().map(|row| (row[1].as_str(), number(&row[0]) as u32)).collect();
    assert_eq!(documented, constants);
    let of = |class: &str| -> BTreeSet<u32> {
        let has = |row: &&Vec<String>| row[2] == "all" || row[2].split(", ").any(|one| one == class);
        rows.iter().filter(has).map(|row| number(&row[0]) as u32).collect()
    };
    let is_error = |known: &dyn Fn(u32) -> bool| -> BTreeSet<u32> {
        (0..64).filter(|number| *number < 2 || known(*number)).collect()
    };
    assert_eq!(of("i2c"), is_error(&|number| status::i2c(number).is_some()));
    assert_eq!(of("mtd"), is_error(&|number| status::mtd(number).is_some()));
    assert_eq!(of("tpm"), is_error(&|number| status::tpm(number).is_some()));
}

/// The bytes of a block of the example.
fn hex(name: &str) -> Vec<u8> {
    let mut lines = DOCUMENT.lines().skip_while(|line| *line != format!("```hex {name}"));
    assert!(lines.next().is_some(), "no example of {name}");
    let bytes = lines.take_while(|line| *line != "```").flat_map(str::split_whitespace);
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn the_example_is_what_travels() {
    let device = Device::I2c { functionality: 1, claims: Vec::new() };
    let hello = Hello { name: "demo".into(), device }.encode().unwrap();
    let (mut host, server, welcome) = pair(Class::I2c);
    let (transfer, answer) = exchange(Request::I2c(messages()), Reply::I2c(Ok(read())));
    host.goodbye();
    let goodbye = host.next(Duration::ZERO).unwrap().frame;
    assert_eq!(goodbye, server.goodbye());
    for (name, frame) in [
        ("Hello", hello),
        ("Welcome", welcome),
        ("Transfer", transfer),
        ("TransferAnswer", answer),
        ("Goodbye", goodbye),
    ] {
        assert_eq!(hex(name), frame, "{name}");
    }
}
