//! The 24C family of EEPROMs, from their data sheets (Microchip 24LC01B to 24LC512, Atmel AT24C01 to AT24C512).

use super::{Ack, Chip, Direction};
use outlive_classes::i2c::Error;
use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read},
    os::unix::fs::FileExt,
    path::Path,
    time::Duration,
};

/// What an erased cell reads as.
const ERASED: u8 = 0xff;

/// How a model of the family is laid out.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Geometry {
    pub(super) name: &'static str,
    /// Bytes in all.
    size: usize,
    /// Bytes that one write cycle can change. A power of two, as is the size.
    page: usize,
    /// How many bytes the address of a byte takes after the bus address.
    address_bytes: usize,
    /// How many bus addresses it answers to: the low bits are the high bits of a byte's address.
    pub(super) addresses: u16,
}

const fn geometry(name: &'static str, size: usize, page: usize, address_bytes: usize, addresses: u16) -> Geometry {
    Geometry { name, size, page, address_bytes, addresses }
}

#[rustfmt::skip]
pub(super) static GEOMETRIES: [Geometry; 10] = [
    geometry("24c01",    128,   8, 1, 1),
    geometry("24c02",    256,   8, 1, 1),
    geometry("24c04",    512,  16, 1, 2),
    geometry("24c08",  1_024,  16, 1, 4),
    geometry("24c16",  2_048,  16, 1, 8),
    geometry("24c32",  4_096,  32, 2, 1),
    geometry("24c64",  8_192,  32, 2, 1),
    geometry("24c128", 16_384,  64, 2, 1),
    geometry("24c256", 32_768,  64, 2, 1),
    geometry("24c512", 65_536, 128, 2, 1),
];

/// An EEPROM.
#[derive(Debug)]
pub(super) struct Eeprom {
    geometry: &'static Geometry,
    /// The first of its bus addresses.
    base: u16,
    content: Vec<u8>,
    file: Option<File>,
    write_cycle: Duration,
    write_protected: bool,
    /// The address counter: where the next byte is read or written.
    counter: usize,
    /// Until when a write cycle keeps it from answering.
    busy_until: Duration,
    incoming: Incoming,
}

/// What has come since the start condition of a write.
#[derive(Clone, Default, Debug)]
struct Incoming {
    /// The high bits that the bus address gave.
    block: usize,
    address: Vec<u8>,
    /// The page buffer: what the next stop writes. Offset in the content, and byte.
    page: Vec<(usize, u8)>,
}

impl Eeprom {
    /// An erased one.
    pub(super) fn new(geometry: &'static Geometry, base: u16) -> Self {
        Eeprom {
            geometry,
            base,
            content: vec![ERASED; geometry.size],
            file: None,
            write_cycle: Duration::ZERO,
            write_protected: false,
            counter: 0,
            busy_until: Duration::ZERO,
            incoming: Incoming::default(),
        }
    }

    /// How long it does not answer after each write.
    pub(super) fn set_write_cycle(&mut self, write_cycle: Duration) {
        self.write_cycle = write_cycle;
    }

    /// Whether its WP pin is high: it acknowledges its address, and no data.
    pub(super) fn set_write_protected(&mut self, write_protected: bool) {
        self.write_protected = write_protected;
    }

    /// Takes its content from the file at `path`, and keeps every write in there before it is acknowledged as done. A
    /// file that is not there or empty becomes that of an erased chip.
    ///
    /// # Errors
    /// In words, if the file cannot be used, or is not as large as the chip.
    pub(super) fn keep_in(&mut self, path: &Path) -> Result<(), String> {
        let size = self.geometry.size;
        let is_new = std::fs::symlink_metadata(path).is_err();
        let mut file = open(path, self.write_protected)?;
        let mut content = Vec::new();
        // One byte more than fits is enough to know that it is too large, were it as large as a disk.
        (&mut file)
            .take(size as u64 + 1)
            .read_to_end(&mut content)
            .map_err(|error| format!("cannot be read: {error}"))?;
        if content.is_empty() {
            content = vec![ERASED; size];
            file.write_all_at(&content, 0).map_err(|error| {
                // Or the next start would find a file that is too small.
                let _ = if is_new { std::fs::remove_file(path) } else { file.set_len(0) };
                format!("cannot be filled with {size} erased bytes: {}", told(&error))
            })?;
        } else if content.len() != size {
            let model = self.geometry.name;
            let is = if content.len() < size { format!("has {} bytes", content.len()) } else { "is larger".to_owned() };
            return Err(format!(
                "{is}, but a {model} holds {size}; give a file of that size, or one that does not exist yet"
            ));
        }
        self.content = content;
        self.file = Some(file);
        Ok(())
    }

    fn write_page(&mut self) -> Result<(), Error> {
        let page = std::mem::take(&mut self.incoming.page);
        let (Some(first), Some(last)) = (page.iter().map(|byte| byte.0).min(), page.iter().map(|byte| byte.0).max())
        else {
            return Ok(());
        };
        let mut changed = self.content[first..=last].to_vec();
        page.iter().for_each(|(at, byte)| changed[at - first] = *byte);
        if let Some(file) = &self.file {
            file.write_all_at(&changed, first as u64)
                .map_err(|error| if is_full(&error) { Error::NoSpace } else { Error::Io })?;
        }
        self.content[first..=last].copy_from_slice(&changed);
        Ok(())
    }
}

/// A protected chip's file is only read, if it is there.
fn open(path: &Path, read_only: bool) -> Result<File, String> {
    // Looked at first: opening a pipe or a device may block, or do something.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err("is not a plain file; give one, or a path where one can be made".to_owned());
    }
    let writable = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let opened = match File::open(path) {
        Ok(file) if read_only => Ok(file),
        _ => writable(),
    };
    opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => "cannot be made: its folder does not exist".to_owned(),
        ErrorKind::PermissionDenied => "must be readable and, unless wp=true, writable by you".to_owned(),
        _ => format!("cannot be opened: {}", told(&error)),
    })
}

/// Whether there is no room, on the disk or within a quota.
fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// An error of a file in words, with what to do if it is that.
fn told(error: &std::io::Error) -> String {
    let advice = if is_full(error) { ": make room there (df, df -i), or give a file elsewhere" } else { "" };
    format!("{error}{advice}")
}

impl Chip for Eeprom {
    fn heeds_time(&self) -> bool {
        !self.write_cycle.is_zero()
    }

    fn start(&mut self, address: u16, direction: Direction, now: Duration) -> Ack {
        // A repeated start: only a stop begins a write cycle.
        self.abandon();
        if now < self.busy_until {
            return Ack::Nak;
        }
        if direction == Direction::Write {
            self.incoming.block = usize::from(address - self.base);
        }
        Ack::Ack
    }

    fn write(&mut self, byte: u8) -> Ack {
        let Geometry { size, page, address_bytes, .. } = *self.geometry;
        if self.incoming.address.len() < address_bytes {
            self.incoming.address.push(byte);
            if self.incoming.address.len() == address_bytes {
                let join = |high, low: &u8| (high << 8) | usize::from(*low);
                self.counter = self.incoming.address.iter().fold(self.incoming.block, join) % size;
            }
            return Ack::Ack;
        }
        if self.write_protected {
            return Ack::Nak;
        }
        self.incoming.page.push((self.counter, byte));
        // Of more than a page the last bytes stay; the earlier ones have been overwritten in the page buffer.
        let surplus = self.incoming.page.len().saturating_sub(page);
        self.incoming.page.drain(..surplus);
        let start = self.counter - self.counter % page;
        self.counter = start + (self.counter + 1) % page;
        Ack::Ack
    }

    fn read(&mut self) -> u8 {
        let byte = self.content[self.counter];
        self.counter = (self.counter + 1) % self.geometry.size;
        byte
    }

    fn stop(&mut self, now: Duration) -> Result<(), Error> {
        let writes = !self.incoming.page.is_empty();
        let written = self.write_page();
        self.abandon();
        if writes {
            self.busy_until = now.saturating_add(self.write_cycle);
        }
        written
    }

    fn stand_in(&self) -> Box<dyn Chip> {
        Box::new(Eeprom {
            geometry: self.geometry,
            base: self.base,
            content: self.content.clone(),
            file: None,
            write_cycle: self.write_cycle,
            write_protected: self.write_protected,
            counter: self.counter,
            busy_until: self.busy_until,
            incoming: self.incoming.clone(),
        })
    }

    fn abandon(&mut self) {
        self.incoming.address.clear();
        self.incoming.page.clear();
    }
}
