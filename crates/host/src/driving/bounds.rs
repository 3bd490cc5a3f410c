//! What may be asked of a flash: its class, which is in the host, asks for nothing else.

use outlive_classes::mtd::{Command, Geometry, Mode};

/// Whether a flash is asked for nothing beyond its end and in no other units than its own, as its class sees to.
pub(super) fn is_within(it: &Geometry, command: &Command) -> bool {
    let in_blocks = |at: u64, length: u64| {
        let block = u64::from(it.erase_size);
        at.is_multiple_of(block) && length.is_multiple_of(block) && at < it.size && length <= it.size - at
    };
    match *command {
        Command::Read { at, length, spare, mode } => {
            (spare.length == 0 || at.is_multiple_of(it.write_size.into()))
                && are_pages(it, at, length, (spare.offset, spare.length as usize), mode)
        }
        Command::Program { at, ref data, spare_from, ref spare, mode } => {
            let unit = it.write_size as usize;
            at.is_multiple_of(unit as u64)
                && data.len().is_multiple_of(unit)
                && are_pages(it, at, data.len(), (spare_from, spare.len()), mode)
        }
        Command::Erase { at, length }
        | Command::Lock { at, length, .. }
        | Command::IsLocked { at, length }
        | Command::BadBlocks { at, length } => in_blocks(at, length),
        Command::IsBad { at } | Command::MarkBad { at } => in_blocks(at, 0),
    }
}

/// Whether so many bytes of the main area at `at`, and so many to spare from one of the first page's on, are there.
fn are_pages(it: &Geometry, at: u64, length: usize, (from, spare): (u32, usize), mode: Mode) -> bool {
    let available = match mode {
        Mode::Auto => it.free.iter().map(|region| region.length).sum(),
        Mode::Place | Mode::Raw => it.spare_size,
    };
    let is_in = at <= it.size && length as u64 <= it.size - at;
    let pages = (it.size - at.min(it.size)) / u64::from(it.write_size);
    let room = pages.saturating_mul(available.into());
    is_in && (spare == 0 || from < available && u64::from(from) + spare as u64 <= room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlive_classes::mtd::{Kind, Region};

    fn nand() -> Geometry {
        Geometry {
            kind: Kind::Nand,
            size: 64 << 10,
            erase_size: 16 << 10,
            write_size: 2048,
            buffer_size: 2048,
            spare_size: 64,
            free: vec![Region { offset: 2, length: 38 }],
            ecc: Vec::new(),
            ecc_step: 0,
            ecc_strength: 0,
            bitflip_threshold: 0,
            writable: true,
            lockable: false,
            locked_at_power_up: false,
            bad_blocks: true,
        }
    }

    #[test]
    fn nothing_beyond_the_end_nor_in_other_units() {
        let read = |at, length, offset, spare, mode| Command::Read {
            at,
            length,
            spare: Region { offset, length: spare },
            mode,
        };
        let program = |at, length, spare_from, spare| Command::Program {
            at,
            data: vec![0; length],
            spare_from,
            spare: vec![0; spare],
            mode: Mode::Place,
        };
        let cases = [
            (read(0, 64 << 10, 0, 0, Mode::Place), true),
            (read(1, 64 << 10, 0, 0, Mode::Place), false),
            (read(u64::MAX, 1, 0, 0, Mode::Raw), false),
            (read(7, 3, 0, 0, Mode::Place), true),
            (read(7, 3, 0, 1, Mode::Place), false),
            (read(62 << 10, 0, 63, 1, Mode::Place), true),
            (read(62 << 10, 0, 63, 2, Mode::Raw), false),
            (read(62 << 10, 0, 0, 38, Mode::Auto), true),
            (read(62 << 10, 0, 0, 39, Mode::Auto), false),
            (read(0, 0, 64, 1, Mode::Place), false),
            (read(0, 0, u32::MAX, u32::MAX, Mode::Place), false),
            (program(2048, 2048, 0, 64), true),
            (program(2048, 2047, 0, 0), false),
            (program(2047, 2048, 0, 0), false),
            (program(62 << 10, 4096, 0, 0), false),
            (Command::Erase { at: 0, length: 64 << 10 }, true),
            (Command::Erase { at: 16 << 10, length: 64 << 10 }, false),
            (Command::Erase { at: 2048, length: 16 << 10 }, false),
            (Command::BadBlocks { at: 0, length: u64::MAX - 16_383 }, false),
            (Command::IsBad { at: 48 << 10 }, true),
            (Command::MarkBad { at: 64 << 10 }, false),
        ];
        for (command, wanted) in cases {
            assert_eq!(is_within(&nand(), &command), wanted, "{command:?}");
        }
    }
}
