//! What goes in at one end comes out at the other; what is cut short or changed is refused, or means something else, and
//! never more than was asked for.

use outlive_classes::{
    i2c::{self, Claim, Message},
    mtd::{self, Command, Done, Fault, Found, Geometry, Kind as Flash, Mode, Region},
    tpm::{Error as TpmError, Version},
};
use outlive_protocol::{
    Asked, Class, Device, Hello, Outgoing, Place, Reply, Request, Violation, Welcome, host, server,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use std::time::Duration;

/// What both ends share.
struct Memory(Vec<u8>);

impl Memory {
    fn put(&mut self, bulk: Option<(Place, Vec<u8>)>) {
        let Some((Place { offset, length }, data)) = bulk else { return };
        assert_eq!(length as usize, data.len());
        let end = offset as usize + data.len();
        self.0.resize(self.0.len().max(end), 0);
        self.0[offset as usize..end].copy_from_slice(&data);
    }

    fn get(&self, place: Option<Place>) -> Option<Vec<u8>> {
        place.map(|Place { offset, length }| self.0[offset as usize..][..length as usize].to_vec())
    }
}

fn device(class: Class) -> Device {
    match class {
        Class::I2c => Device::I2c { functionality: 1, claims: Vec::new() },
        Class::Mtd => Device::Mtd(nor(1 << 20, 1 << 12)),
        Class::Tpm => Device::Tpm { version: Version::V2 },
    }
}

fn nor(size: u64, erase_size: u32) -> Geometry {
    Geometry {
        kind: Flash::Nor,
        size,
        erase_size,
        write_size: 1,
        buffer_size: 1,
        spare_size: 0,
        free: Vec::new(),
        ecc: Vec::new(),
        ecc_step: 0,
        ecc_strength: 0,
        bitflip_threshold: 0,
        writable: true,
        lockable: true,
        locked_at_power_up: false,
        bad_blocks: false,
    }
}

fn pair(class: Class) -> (host::Session<u64>, server::Session) {
    let hello = Hello { name: "it".into(), device: device(class) };
    let (mut server, frame) = server::Session::new(hello.clone()).unwrap();
    assert_eq!(host::hello(&frame, 0, class), Ok(hello));
    let (host, welcome) = host::Session::new(class, 7);
    assert!(matches!(server.receive(&welcome, 1), Ok(server::Heard::Welcome(Welcome { generation: 7, .. }))));
    (host, server)
}

/// There and back: what the server is asked, and what the host is answered, with the frames that they were in.
fn there_and_back(request: Request, reply: Reply) -> (Request, Reply, [Outgoing; 2]) {
    let (mut host, mut server) = pair(request.class());
    let mut memory = Memory(Vec::new());
    let number = host.begin(Duration::from_secs(2), request, 42).unwrap();
    let sent = host.next(Duration::from_secs(1)).unwrap();
    memory.put(sent.bulk.clone());
    let Ok(server::Heard::Operation(incoming)) = server.receive(&sent.frame, 0) else { panic!("{sent:?}") };
    let data = memory.get(incoming.fetch());
    let operation = server.accept(incoming, data).unwrap();
    assert_eq!((operation.number, operation.deadline), (number, Duration::from_secs(1)));
    let answer = server.answer(number, reply).unwrap();
    memory.put(answer.bulk.clone());
    let Ok(host::Heard::Answer(landed)) = host.receive(Duration::ZERO, &answer.frame, 0) else { panic!("{answer:?}") };
    let data = memory.get(landed.fetch());
    let (token, answered) = landed.finish(data);
    assert_eq!(token, 42);
    (operation.request, answered.unwrap(), [sent, answer])
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=most)
}

/// Messages, and the answer to them.
fn transfers() -> impl Strategy<Value = (Vec<Message>, Vec<Message>)> {
    let one = (0_u16..0x400, any::<u16>(), bytes(8192), bytes(32)).prop_map(|(address, flags, data, block)| {
        let asked = Message { address, flags, data };
        let mut answered = asked.clone();
        if flags & 1 == 0 {
            return (asked, answered);
        }
        let asked = Message { data: vec![0; asked.data.len()], ..asked };
        if flags & 0x400 != 0 && !answered.data.is_empty() {
            answered.data[0] = block.len() as u8;
            answered.data.extend(block);
        }
        (asked, answered)
    });
    vec(one, 1..=6).prop_map(|pairs| pairs.into_iter().unzip())
}

fn i2c_errors() -> impl Strategy<Value = i2c::Error> {
    use i2c::Error::*;
    prop::sample::select(vec![
        NoAcknowledge,
        DataRefused,
        ArbitrationLost,
        Protocol,
        Unsupported,
        TimedOut,
        NoSpace,
        Io,
    ])
}

fn mtd_errors() -> impl Strategy<Value = mtd::Error> {
    use Fault::*;
    let fault = prop::sample::select(vec![Locked, Bad, Io, TimedOut, Unsupported, Gone]);
    (fault, prop::option::of(0..u64::MAX)).prop_map(|(fault, at)| mtd::Error { fault, at })
}

fn modes() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Place, Mode::Auto, Mode::Raw])
}

/// Commands, and the answer to each.
fn commands() -> impl Strategy<Value = (Command, Done)> {
    let at = any::<u64>;
    let read = (at(), bytes(40_000), any::<u32>(), bytes(2000), modes(), any::<[u32; 3]>());
    let read = read.prop_map(|(at, data, offset, spare, mode, [corrected, worst, failed])| {
        let region = Region { offset, length: spare.len() as u32 };
        let command = Command::Read { at, length: data.len(), spare: region, mode };
        (command, Done::Read(Found { data, spare, corrected, worst, failed }))
    });
    let program =
        (at(), bytes(40_000), any::<u32>(), bytes(2000), modes()).prop_map(|(at, data, spare_from, spare, mode)| {
            (Command::Program { at, data, spare_from, spare, mode }, Done::Nothing)
        });
    let blocks =
        (at(), at(), any::<bool>(), any::<u32>(), 0..7).prop_map(|(at, length, is, count, which)| match which {
            0 => (Command::Erase { at, length }, Done::Nothing),
            1 => (Command::Lock { at, length, lock: is }, Done::Nothing),
            2 => (Command::IsLocked { at, length }, Done::Is(is)),
            3 => (Command::IsBad { at }, Done::Is(is)),
            4 => (Command::MarkBad { at }, Done::Nothing),
            _ => (Command::BadBlocks { at, length }, Done::Count(count)),
        });
    prop_oneof![read, program, blocks]
}

fn exchanges() -> impl Strategy<Value = (Request, Reply)> {
    prop_oneof![
        4 => transfers().prop_map(|(asked, answered)| (Request::I2c(asked), Reply::I2c(Ok(answered)))),
        1 => (transfers(), i2c_errors()).prop_map(|((asked, _), error)| (Request::I2c(asked), Reply::I2c(Err(error)))),
        4 => commands().prop_map(|(asked, done)| (Request::Mtd(asked), Reply::Mtd(Ok(done)))),
        1 => (commands(), mtd_errors()).prop_map(|((asked, _), error)| (Request::Mtd(asked), Reply::Mtd(Err(error)))),
        2 => (bytes(4096), bytes(4086)).prop_map(|(asked, parameters)| (Request::Tpm(asked), Reply::Tpm(Ok(response(parameters))))),
        1 => bytes(64).prop_map(|asked| (Request::Tpm(asked), Reply::Tpm(Err(TpmError::TimedOut)))),
        1 => commands().prop_map(|(asked, _)| (Request::Mtd(asked), Reply::Cancelled)),
    ]
}

fn hellos() -> impl Strategy<Value = Hello> {
    let word = "[a-z0-9][a-z0-9_,.-]{0,23}";
    let claim =
        (0_u16..0x400, word, word).prop_map(|(address, chip, driver)| Claim { address, chip, driver: driver.into() });
    let adapter = (any::<u32>(), vec(claim, 0..4)).prop_map(|(functionality, mut claims)| {
        claims.sort_by_key(|claim| claim.address);
        claims.dedup_by_key(|claim| claim.address);
        Device::I2c { functionality, claims }
    });
    let flash =
        (1_u64..5000, 1_u32..1 << 20).prop_map(|(blocks, size)| Device::Mtd(nor(blocks * u64::from(size), size)));
    let device = prop_oneof![
        adapter,
        flash,
        prop::sample::select(vec![Version::V1, Version::V2]).prop_map(|version| Device::Tpm { version })
    ];
    ("[a-zA-Zäöü ]{1,20}", device).prop_map(|(name, device)| Hello { name, device })
}

proptest! {
    #[test]
    fn what_is_asked_and_answered_arrives((request, reply) in exchanges()) {
        let (asked, answered, [sent, _]) = there_and_back(request.clone(), reply.clone());
        let needs_area = sent.frame.len() > 24 + 24 + 8 + 42 * 8 + 16_384;
        prop_assert!(!needs_area, "a frame of {} bytes", sent.frame.len());
        prop_assert_eq!(asked, request);
        prop_assert_eq!(answered, reply);
    }

    #[test]
    fn a_hello_arrives(hello in hellos()) {
        let frame = hello.encode().unwrap();
        prop_assert_eq!(Hello::decode(&frame), Ok(hello));
        for size in 0..frame.len() {
            prop_assert!(Hello::decode(&frame[..size]).is_err());
        }
    }

    /// Whatever the other side sends, it is refused or taken, and the answer has the size that was asked for.
    #[test]
    fn a_changed_answer_never_brings_more((request, reply) in exchanges(), at in any::<Index>(), byte in any::<u8>()) {
        let (mut host, mut server) = pair(request.class());
        let asked = Asked::of(&request);
        host.begin(Duration::from_secs(2), request, 1).unwrap();
        let sent = host.next(Duration::ZERO).unwrap();
        let Ok(server::Heard::Operation(incoming)) = server.receive(&sent.frame, 0) else { panic!() };
        let operation = server.accept(incoming, sent.bulk.map(|(_, data)| data)).unwrap();
        let Outgoing { mut frame, bulk } = server.answer(operation.number, reply).unwrap();
        let index = at.index(frame.len());
        frame[index] ^= byte;
        if let Ok(host::Heard::Answer(landed)) = host.receive(Duration::ZERO, &frame, 0) {
            let data = landed.fetch().map(|place| {
                let mut data = bulk.map(|(_, data)| data).unwrap_or_default();
                data.resize(place.length as usize, 0);
                data
            });
            let size = match landed.finish(data).1 {
                Ok(Reply::I2c(Ok(messages))) => messages.iter().filter(|one| one.flags & 1 != 0).map(|one| one.data.len()).sum(),
                Ok(Reply::Mtd(Ok(Done::Read(found)))) => found.data.len() + found.spare.len(),
                Ok(Reply::Tpm(Ok(response))) => response.len(),
                _ => 0,
            };
            prop_assert!(size <= asked.limit());
        }
    }

    #[test]
    fn any_packet_is_refused_or_understood(packet in bytes(300), class in 0_usize..3) {
        let (mut host, mut server) = pair(Class::ALL[class]);
        let _ = host.receive(Duration::ZERO, &packet, 0);
        let _ = server.receive(&packet, 0);
        let _ = Hello::decode(&packet);
    }
}

/// A response with these parameters.
fn response(parameters: Vec<u8>) -> Vec<u8> {
    let length = (10 + parameters.len() as u32).to_be_bytes();
    [&[0x80, 1][..], &length, &[0; 4], &parameters].concat()
}

fn samples() -> Vec<(Request, Reply)> {
    let message = |flags, data: &[u8]| Message { address: 0x50, flags, data: data.into() };
    let spare = Region { offset: 0, length: 3 };
    let read = Command::Read { at: 0, length: 5, spare, mode: Mode::Place };
    let found = Found { data: vec![1; 5], spare: vec![2; 3], ..Found::default() };
    let program = Command::Program { at: 0, data: vec![1; 5], spare_from: 0, spare: vec![2], mode: Mode::Auto };
    vec![
        (
            Request::I2c(vec![message(0, &[1, 2]), message(0x401, &[0])]),
            Reply::I2c(Ok(vec![message(0, &[1, 2]), message(0x401, &[2, 7, 8])])),
        ),
        (Request::Mtd(read), Reply::Mtd(Ok(Done::Read(found)))),
        (Request::Mtd(program), Reply::Mtd(Err(Fault::Bad.into()))),
        (Request::Mtd(Command::IsBad { at: 0 }), Reply::Mtd(Ok(Done::Is(true)))),
        (Request::Tpm(vec![1; 12]), Reply::Tpm(Ok(response(Vec::new())))),
    ]
}

/// Cut anywhere, with and without a length in the header that knows of it, and with a byte more.
#[test]
fn whatever_is_cut_short_or_goes_on_is_refused() {
    for (request, reply) in samples() {
        let (_, _, frames) = there_and_back(request.clone(), reply);
        for (which, Outgoing { frame, .. }) in frames.into_iter().enumerate() {
            let sizes = (0..frame.len()).chain([frame.len() + 1]);
            for (size, honest) in sizes.flat_map(|size| [(size, false), (size, true)]) {
                let mut cut = frame.clone();
                cut.resize(size, 0);
                if honest && size >= 8 {
                    cut[4..8].copy_from_slice(&(size as u32).to_le_bytes());
                }
                let (mut host, mut server) = pair(request.class());
                host.begin(Duration::from_secs(1), request.clone(), 1).unwrap();
                host.next(Duration::ZERO).unwrap();
                let refused = match which {
                    0 => match server.receive(&cut, 0) {
                        Ok(server::Heard::Operation(incoming)) => server.accept(incoming, None).is_err(),
                        other => other.is_err(),
                    },
                    _ => match host.receive(Duration::ZERO, &cut, 0) {
                        Ok(host::Heard::Answer(landed)) => landed.finish(None).1.is_err(),
                        other => other.is_err(),
                    },
                };
                assert!(refused, "{request:?}: frame {which} of {} bytes, cut to {size}", frame.len());
            }
        }
    }
}

#[test]
fn what_a_driver_answers_wrongly_becomes_an_error() {
    let message = |data: &[u8]| Message { address: 0x50, flags: 0x401, data: data.into() };
    let block = Request::I2c(vec![message(&[0])]);
    let cases = [
        (block.clone(), Reply::I2c(Ok(vec![message(&[33])])), Reply::I2c(Err(i2c::Error::Protocol))),
        (block.clone(), Reply::I2c(Ok(vec![message(&[2, 1])])), Reply::I2c(Err(i2c::Error::Io))),
        (block.clone(), Reply::I2c(Ok(Vec::new())), Reply::I2c(Err(i2c::Error::Io))),
        (block, Reply::Tpm(Ok(Vec::new())), Reply::I2c(Err(i2c::Error::Io))),
        (Request::Mtd(Command::IsBad { at: 0 }), Reply::Mtd(Ok(Done::Nothing)), Reply::Mtd(Err(Fault::Io.into()))),
        (Request::Tpm(Vec::new()), Reply::Tpm(Ok(response(vec![0; 4087]))), Reply::Tpm(Err(TpmError::Io))),
        (Request::Tpm(Vec::new()), Reply::Tpm(Ok(vec![0; 12])), Reply::Tpm(Err(TpmError::Io))),
        (Request::Tpm(Vec::new()), Reply::Tpm(Err(TpmError::Canceled)), Reply::Cancelled),
    ];
    for (request, reply, wanted) in cases {
        assert_eq!(there_and_back(request, reply).1, wanted);
    }
}

#[test]
fn a_hello_of_what_cannot_be_is_refused() {
    let good = nor(1 << 20, 1 << 12);
    let nand = Geometry { kind: Flash::Nand, spare_size: 16, ..good.clone() };
    let region = |offset, length| Region { offset, length };
    let bad: Vec<Geometry> = vec![
        Geometry { size: 0, ..good.clone() },
        Geometry { erase_size: 0, ..good.clone() },
        Geometry { write_size: 0, ..good.clone() },
        Geometry { buffer_size: 0, ..good.clone() },
        Geometry { size: (1 << 20) + 1, ..good.clone() },
        Geometry { size: 1 << 63, ..good.clone() },
        Geometry { size: 1 << 40, erase_size: 16, ..good.clone() },
        Geometry { write_size: 3, ..good.clone() },
        Geometry { write_size: 4, buffer_size: 6, ..good.clone() },
        Geometry { spare_size: 16, ..good.clone() },
        Geometry { bad_blocks: true, ..good.clone() },
        Geometry { spare_size: u32::MAX, ..nand.clone() },
        Geometry { free: vec![region(8, 9)], ..nand.clone() },
        Geometry { free: vec![region(u32::MAX, 2)], ..nand.clone() },
        Geometry { free: vec![region(4, 4), region(0, 4)], ..nand.clone() },
        Geometry { ecc: vec![region(4, 4), region(0, 5)], ..nand.clone() },
        Geometry { ecc: vec![region(0, 1); 257], ..nand.clone() },
    ];
    // As Linux has it behind Hamming's code.
    let empty = Geometry { free: vec![region(2, 14), region(16, 0)], ..nand.clone() };
    Hello { name: "it".into(), device: Device::Mtd(empty) }.encode().unwrap();
    for geometry in bad {
        let refused = Hello { name: "it".into(), device: Device::Mtd(geometry.clone()) }.encode();
        assert!(matches!(refused, Err(Violation::Device(_))), "{geometry:?}: {refused:?}");
    }
    for name in ["", "a\nb", "a\u{7f}", &"x".repeat(65)] {
        let refused = Hello { name: name.into(), device: Device::Tpm { version: Version::V2 } }.encode();
        refused.expect_err(name);
    }
    let claim = |address, chip: &str| Claim { address, chip: chip.into(), driver: "at24".into() };
    for claims in [vec![claim(0x400, "a")], vec![claim(1, "../x")], vec![claim(1, "")], vec![claim(1, "a"); 2]] {
        Hello { name: "it".into(), device: Device::I2c { functionality: 0, claims } }.encode().unwrap_err();
    }
    let mut frame = Hello { name: "it".into(), device: Device::Tpm { version: Version::V2 } }.encode().unwrap();
    frame[32] = 3;
    assert!(matches!(Hello::decode(&frame), Err(Violation::Device(_))));
}
