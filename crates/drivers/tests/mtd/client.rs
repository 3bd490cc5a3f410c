//! A client of a flash: commands as system calls on its open file, with memory of its own.

use crate::chance::Chance;
use outlive_classes::{
    Access, Answer, Call, Completion, Errno, Fault as NoSuchMemory, File, Memory, OpenFlags, Plugged,
    mtd::{Chip, Command, Done, Found, Geometry, Kind, Mode, Region, uapi::file_mode, uapi::ioctl::*},
};
use std::{
    fmt,
    sync::{Arc, Mutex},
};

const BASE: u64 = 0x10_0000;
/// Where main bytes are, and spare bytes.
const DATA: u64 = BASE + 0x1000;
const SPARE: u64 = BASE + 0x10000;

/// 128 KiB.
struct Arena(Mutex<Vec<u8>>);

impl Arena {
    fn put(&self, address: u64, bytes: &[u8]) {
        self.write(address, bytes).expect("there is room");
    }

    fn get(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.read(address, &mut bytes).expect("there is room");
        bytes
    }
}

fn place(memory: &mut [u8], address: u64, length: usize) -> Result<&mut [u8], NoSuchMemory> {
    let at = address.checked_sub(BASE).ok_or(NoSuchMemory)? as usize;
    memory.get_mut(at..at.saturating_add(length)).ok_or(NoSuchMemory)
}

impl Memory for Arena {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NoSuchMemory> {
        into.copy_from_slice(place(&mut self.0.lock().unwrap(), address, into.len())?);
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), NoSuchMemory> {
        place(&mut self.0.lock().unwrap(), address, from.len())?.copy_from_slice(from);
        Ok(())
    }
}

/// Hears the answer of a call.
struct Ear(Arc<Mutex<Vec<Result<Answer, Errno>>>>);

impl Completion for Ear {
    fn arrived(&mut self, _: &dyn fmt::Display) {}

    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        self.0.lock().unwrap().push(answer);
    }
}

/// An open file of a flash that takes no time.
pub(crate) struct Client {
    file: Arc<dyn File>,
    arena: Arc<Arena>,
    geometry: Geometry,
}

impl Client {
    pub(crate) fn open(chip: &Chip, geometry: &Geometry) -> Self {
        let file = chip.open(OpenFlags { access: Access::ReadWrite, nonblock: false }).expect("it is there");
        Client { file, arena: Arc::new(Arena(Mutex::new(vec![0; 0x20000]))), geometry: geometry.clone() }
    }

    /// What of `command` can be said by one system call; there are commands that none makes.
    pub(crate) fn sayable(&self, mut command: Command) -> Option<Command> {
        let (page, size) = (u64::from(self.geometry.write_size), self.geometry.spare_size);
        let free: u32 = self.geometry.free.iter().map(|region| region.length).sum();
        let room = |mode| if mode == Mode::Auto { free } else { size };
        match &mut command {
            Command::Read { at, length, spare, mode } if spare.length > 0 => {
                if spare.offset > 0 {
                    // Only by MEMREADOOB, and of one page.
                    *mode = if *mode == Mode::Auto { Mode::Place } else { *mode };
                    (*length, spare.length) = (0, spare.length.min(size - spare.offset));
                }
                let pages = if *length == 0 { u64::MAX } else { (*at % page + *length as u64).div_ceil(page) };
                spare.length = u64::from(spare.length).min(pages.saturating_mul(room(*mode).into())) as u32;
            }
            Command::Program { data, spare_from, spare, mode, .. } if !spare.is_empty() => {
                if data.is_empty() && *spare_from > 0 {
                    *mode = if *mode == Mode::Auto { Mode::Place } else { *mode };
                } else {
                    *spare_from = 0;
                }
                let pages = (data.len() / page as usize).max(1);
                spare.truncate(pages * room(*mode) as usize - *spare_from as usize);
            }
            // ECCGETSTATS counts all of them.
            Command::BadBlocks { at, length } if *at != 0 || *length != self.geometry.size => return None,
            _ => {}
        }
        Some(command)
    }

    /// Makes a call that carries out `command`, which is [sayable](Client::sayable): one of several, by chance.
    pub(crate) fn carry_out(&self, command: &Command, chance: &mut Chance) -> Result<Done, Errno> {
        let wide = chance.below(2) == 0;
        match command {
            Command::Read { at, length, spare, mode } => self.read(*at, *length, *spare, *mode, wide),
            Command::Program { at, data, spare_from, spare, mode } => {
                self.program(*at, data, *spare_from, spare, *mode, wide).map(|()| Done::Nothing)
            }
            Command::Erase { at, length } => {
                let number = if wide { MEMERASE64 } else { MEMERASE };
                self.ioctl(number, &range(*at, *length, wide)).map(|_| Done::Nothing)
            }
            Command::Lock { at, length, lock } => {
                let number = if *lock { MEMLOCK } else { MEMUNLOCK };
                self.ioctl(number, &range(*at, *length, false)).map(|_| Done::Nothing)
            }
            Command::IsLocked { at, length } => {
                self.ioctl(MEMISLOCKED, &range(*at, *length, false)).map(|is| Done::Is(is != 0))
            }
            Command::IsBad { at } => {
                let within = at + chance.below(self.geometry.erase_size.into());
                self.ioctl(MEMGETBADBLOCK, &within.to_ne_bytes()).map(|is| Done::Is(is != 0))
            }
            Command::MarkBad { at } => self.ioctl(MEMSETBADBLOCK, &at.to_ne_bytes()).map(|_| Done::Nothing),
            Command::BadBlocks { .. } => {
                self.ioctl(ECCGETSTATS, &[])?;
                Ok(Done::Count(self.word(8)))
            }
        }
    }

    fn read(&self, at: u64, length: usize, spare: Region, mode: Mode, other: bool) -> Result<Done, Errno> {
        let has_pages = self.geometry.kind == Kind::Nand;
        let only_spare = length == 0 && spare.length > 0 && mode != Mode::Auto && spare.length <= 4096;
        if only_spare && (spare.offset > 0 || other) {
            self.in_mode(mode, || self.ioctl(MEMREADOOB, &oob(at, spare)))?;
            return Ok(Done::Read(Found { spare: self.arena.get(SPARE, spare.length as usize), ..Found::default() }));
        }
        if !has_pages || spare.length == 0 && mode != Mode::Auto && other {
            let answer = self.in_mode(mode, || self.call(Call::ReadAt { at, size: length }))?;
            let Answer::Data(data) = answer else { panic!("a read answered {answer:?}") };
            return Ok(Done::Read(Found { data, ..Found::default() }));
        }
        let asked = [request(at, length, spare.length as usize, mode), vec![0; 16]].concat();
        let end = self.ioctl(MEMREAD, &asked).map(|_| 0).or_else(|errno| match errno {
            Errno::BADMSG | Errno::UCLEAN => Ok(errno.raw_os_error()),
            errno => Err(errno),
        })?;
        let (failed, corrected, worst) = (self.word(48), self.word(52), self.word(56));
        let expected = match (failed, corrected) {
            (1.., _) => Errno::BADMSG.raw_os_error(),
            (0, 1..) => Errno::UCLEAN.raw_os_error(),
            (0, 0) => 0,
        };
        assert_eq!(end, expected, "MEMREAD's error and its counts say the same");
        let (data, spare) = (self.arena.get(DATA, length), self.arena.get(SPARE, spare.length as usize));
        Ok(Done::Read(Found { data, spare, corrected, worst, failed }))
    }

    fn program(&self, at: u64, data: &[u8], from: u32, spare: &[u8], mode: Mode, other: bool) -> Result<(), Errno> {
        let has_pages = self.geometry.kind == Kind::Nand;
        let region = Region { offset: from, length: spare.len() as u32 };
        self.arena.put(DATA, data);
        self.arena.put(SPARE, spare);
        if data.is_empty() && (from > 0 || other && mode != Mode::Auto) {
            self.in_mode(mode, || self.ioctl(MEMWRITEOOB, &oob(at, region)))?;
            assert_eq!(self.word(4), region.length, "how much has been written");
        } else if !has_pages || spare.is_empty() && other && mode != Mode::Auto {
            let answer = self.in_mode(mode, || self.call(Call::WriteAt { at, data: data.to_vec() }))?;
            assert_eq!(answer, Answer::Value(data.len() as i32));
        } else {
            self.ioctl(MEMWRITE, &request(at, data.len(), spare.len(), mode))?;
        }
        Ok(())
    }

    /// Has the file in the mode that `call` needs.
    fn in_mode<T>(&self, mode: Mode, call: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        if mode != Mode::Raw || self.geometry.kind != Kind::Nand {
            return call();
        }
        self.call(Call::Ioctl { command: MTDFILEMODE, argument: file_mode::MTD_FILE_MODE_RAW })?;
        let answer = call();
        self.call(Call::Ioctl { command: MTDFILEMODE, argument: file_mode::MTD_FILE_MODE_NORMAL })?;
        answer
    }

    fn ioctl(&self, command: u32, structure: &[u8]) -> Result<i32, Errno> {
        self.arena.put(BASE, structure);
        self.call(Call::Ioctl { command, argument: BASE }).map(|answer| match answer {
            Answer::Value(value) => value,
            Answer::Data(data) => panic!("an ioctl answered {data:?}"),
        })
    }

    fn call(&self, call: Call) -> Result<Answer, Errno> {
        let answers = Arc::default();
        self.file.call(call, self.arena.clone(), Box::new(Ear(Arc::clone(&answers))));
        let mut answers = answers.lock().unwrap();
        assert_eq!(answers.len(), 1, "one answer, at once");
        answers.remove(0)
    }

    /// A word of the structure.
    fn word(&self, at: u64) -> u32 {
        u32::from_ne_bytes(self.arena.get(BASE + at, 4).try_into().expect("four bytes"))
    }
}

/// `struct erase_info_user`, or the one of 64 bits.
fn range(at: u64, length: u64, wide: bool) -> Vec<u8> {
    if wide {
        return [at, length].map(u64::to_ne_bytes).concat();
    }
    [at as u32, length as u32].map(u32::to_ne_bytes).concat()
}

/// `struct mtd_oob_buf`
fn oob(at: u64, spare: Region) -> Vec<u8> {
    let words = [at as u32 + spare.offset, spare.length].map(u32::to_ne_bytes);
    [words.as_flattened(), &SPARE.to_ne_bytes()].concat()
}

/// `struct mtd_write_req`
fn request(at: u64, length: usize, spare: usize, mode: Mode) -> Vec<u8> {
    let pointer = |length: usize, to: u64| if length == 0 { 0 } else { to };
    let words = [at, length as u64, spare as u64, pointer(length, DATA), pointer(spare, SPARE)];
    let mode = match mode {
        Mode::Place => 0,
        Mode::Auto => 1,
        Mode::Raw => 2,
    };
    [words.map(u64::to_ne_bytes).as_flattened(), &[mode, 0, 0, 0, 0, 0, 0, 0]].concat()
}
