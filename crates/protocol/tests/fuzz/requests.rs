//! What hosts ask and drivers answer, without a plan.

use crate::chance::Chance;
use outlive_classes::{
    i2c::{self, Message},
    mtd::{self, Command, Done, Fault, Found, Geometry, Kind, Mode, Region},
    tpm::{self, Version},
};
use outlive_protocol::{Class, Device, Hello, Reply, Request};

const READ: u16 = 0x0001;
const RECV_LEN: u16 = 0x0400;

pub(crate) fn hello(class: Class) -> Hello {
    let device = match class {
        Class::I2c => Device::I2c { functionality: 1, claims: Vec::new() },
        Class::Tpm => Device::Tpm { version: Version::V2 },
        Class::Mtd => Device::Mtd(Geometry { lockable: true, ..Geometry::without_pages(Kind::Nor, 1 << 30, 4096) }),
    };
    Hello { name: "fuzzed".into(), device }
}

fn bytes(chance: &mut Chance, length: u64) -> Vec<u8> {
    let first = chance.number() as u8;
    (0..length).map(|at| first.wrapping_add(at as u8)).collect()
}

/// Small ones mostly; sometimes at a limit, or beyond.
fn length(chance: &mut Chance, limit: u64) -> u64 {
    match chance.below(8) {
        0 => chance.below(limit + 2),
        1 => limit,
        2 => 16_384 + chance.below(3),
        _ => chance.below(64),
    }
}

pub(crate) fn request(chance: &mut Chance, class: Class) -> Request {
    match class {
        Class::Tpm => {
            let length = length(chance, 4096).min(4097);
            Request::Tpm(bytes(chance, length))
        }
        Class::I2c => {
            let count = if chance.below(9) == 0 { 43 } else { 1 + chance.below(4) };
            Request::I2c((0..count).map(|_| message(chance)).collect())
        }
        Class::Mtd => Request::Mtd(command(chance)),
    }
}

fn message(chance: &mut Chance) -> Message {
    let flags = [0, READ, READ, READ | RECV_LEN, 0x10][chance.below(5) as usize];
    let length = if flags & RECV_LEN != 0 { 1 + chance.below(3) } else { length(chance, 8192).min(8193) };
    let data = if flags & READ != 0 { vec![0; length as usize] } else { bytes(chance, length) };
    Message { address: (chance.below(0x402)) as u16, flags, data }
}

fn command(chance: &mut Chance) -> Command {
    let (at, blocks) = (chance.below(1 << 30), chance.below(9) * 4096);
    let spare = if chance.below(4) == 0 { chance.below(64) } else { 0 };
    let mode = [Mode::Place, Mode::Auto, Mode::Raw][chance.below(3) as usize];
    match chance.below(12) {
        0..=3 => {
            // Sometimes more than there is memory for.
            let length = if chance.below(50) == 0 { 257 << 20 } else { length(chance, 300_000) as usize };
            Command::Read { at, length, spare: Region { offset: 3, length: spare as u32 }, mode }
        }
        4..=6 => {
            let length = length(chance, 100_000);
            Command::Program { at, data: bytes(chance, length), spare_from: 3, spare: bytes(chance, spare), mode }
        }
        7 => Command::Erase { at, length: blocks },
        8 => Command::Lock { at, length: blocks, lock: at % 2 == 0 },
        9 => Command::IsLocked { at, length: blocks },
        10 if at % 2 == 0 => Command::IsBad { at },
        10 => Command::MarkBad { at },
        _ => Command::BadBlocks { at, length: blocks },
    }
}

/// How a driver answers: as it should mostly; with an error, or with nonsense.
pub(crate) fn reply(chance: &mut Chance, request: &Request) -> Reply {
    match (chance.below(10), request) {
        (0, _) => Reply::Cancelled,
        (1, Request::I2c(_)) => Reply::I2c(Err(i2c::Error::NoAcknowledge)),
        (1, Request::Mtd(_)) => Reply::Mtd(Err(mtd::Error { fault: Fault::Locked, at: Some(chance.number() >> 1) })),
        (1, Request::Tpm(_)) => Reply::Tpm(Err(tpm::Error::Io)),
        (2, _) => nonsense(chance),
        (_, Request::I2c(messages)) => Reply::I2c(Ok(messages.iter().map(|message| read(chance, message)).collect())),
        (_, Request::Tpm(_)) => {
            let length = 10 + chance.below(4086);
            let mut response = bytes(chance, length);
            response[2..6].copy_from_slice(&(length as u32).to_be_bytes());
            Reply::Tpm(Ok(response))
        }
        (_, Request::Mtd(command)) => Reply::Mtd(Ok(done(chance, command))),
    }
}

fn read(chance: &mut Chance, message: &Message) -> Message {
    let mut answered = message.clone();
    if message.flags & READ != 0 {
        answered.data = bytes(chance, message.data.len() as u64);
        if message.flags & RECV_LEN != 0 {
            let block = chance.below(33);
            answered.data[0] = block as u8;
            answered.data.extend(bytes(chance, block));
        }
    }
    answered
}

fn done(chance: &mut Chance, command: &Command) -> Done {
    match command {
        Command::Read { length, spare, .. } => Done::Read(Found {
            data: bytes(chance, *length as u64),
            spare: bytes(chance, spare.length.into()),
            corrected: 1,
            worst: 1,
            failed: 0,
        }),
        Command::Program { .. } | Command::Erase { .. } | Command::Lock { .. } | Command::MarkBad { .. } => {
            Done::Nothing
        }
        Command::IsLocked { .. } | Command::IsBad { .. } => Done::Is(chance.below(2) == 0),
        Command::BadBlocks { .. } => Done::Count(chance.below(9) as u32),
    }
}

fn nonsense(chance: &mut Chance) -> Reply {
    let data = bytes(chance, chance.clone().below(9000));
    match chance.below(5) {
        0 => Reply::I2c(Ok(vec![Message { address: 1, flags: READ, data }; 3])),
        1 => Reply::Tpm(Ok(data)),
        2 => Reply::Mtd(Ok(Done::Count(7))),
        3 => Reply::Mtd(Ok(Done::Read(Found { data, ..Found::default() }))),
        _ => Reply::Mtd(Ok(Done::Is(true))),
    }
}

/// Whether that can be the answer to what was asked: sizes above all, reckoned here again.
pub(crate) fn fits(request: &Request, reply: &Reply) -> bool {
    match (request, reply) {
        (_, Reply::Cancelled)
        | (Request::I2c(_), Reply::I2c(Err(_)))
        | (Request::Mtd(_), Reply::Mtd(Err(_)))
        | (Request::Tpm(_), Reply::Tpm(Err(_))) => true,
        (Request::Tpm(_), Reply::Tpm(Ok(response))) => response.len() <= 4096,
        (Request::I2c(asked), Reply::I2c(Ok(answered))) => {
            asked.len() == answered.len()
                && asked.iter().zip(answered).all(|(asked, answered)| is_answer(asked, answered))
        }
        (Request::Mtd(command), Reply::Mtd(Ok(done))) => match (command, done) {
            (Command::Read { length, spare, .. }, Done::Read(found)) => {
                (found.data.len(), found.spare.len()) == (*length, spare.length as usize)
            }
            (Command::IsLocked { .. } | Command::IsBad { .. }, Done::Is(_)) => true,
            (Command::BadBlocks { .. }, Done::Count(_)) => true,
            (
                Command::Program { .. } | Command::Erase { .. } | Command::Lock { .. } | Command::MarkBad { .. },
                Done::Nothing,
            ) => true,
            _ => false,
        },
        _ => false,
    }
}

fn is_answer(asked: &Message, answered: &Message) -> bool {
    if asked.flags & READ == 0 {
        return asked == answered;
    }
    let block = match answered.data.first() {
        Some(block) if asked.flags & RECV_LEN != 0 => usize::from(*block),
        _ => 0,
    };
    block <= 32 && answered.data.len() == asked.data.len() + block && asked.flags == answered.flags
}
