//! What the framework asks of a command before it reaches a flash: `drivers/mtd/mtdcore.c`, and for NAND
//! `drivers/mtd/nand/raw/nand_base.c`.

use super::{
    Geometry, Kind, Mode,
    uapi::{flag, kind},
};
use crate::Errno;

impl Geometry {
    /// `type` of `struct mtd_info_user`.
    pub(super) fn type_number(&self) -> u8 {
        match self.kind {
            Kind::Ram => kind::MTD_RAM,
            Kind::Nor => kind::MTD_NORFLASH,
            Kind::Nand => kind::MTD_NANDFLASH,
        }
    }

    /// `flags` of `struct mtd_info_user`: the `MTD_CAP_*` of its kind.
    pub(super) fn flags(&self) -> u32 {
        let of_kind = match self.kind {
            Kind::Ram => flag::MTD_BIT_WRITEABLE | flag::MTD_NO_ERASE,
            Kind::Nor => flag::MTD_BIT_WRITEABLE,
            Kind::Nand => 0,
        };
        let when = |is: bool, flag| if is { flag } else { 0 };
        of_kind | when(self.writable, flag::MTD_WRITEABLE) | when(self.locked_at_power_up, flag::MTD_POWERUP_LOCK)
    }

    /// Whether it has bytes to spare that clients can reach (`mtd_has_oob` of `linux/mtd/mtd.h`).
    pub(super) fn has_spare(&self) -> bool {
        self.kind == Kind::Nand
    }

    /// How many spare bytes of a page `mode` means (`mtd_oobavail` of `linux/mtd/mtd.h`).
    pub(super) fn available(&self, mode: Mode) -> u32 {
        match mode {
            Mode::Auto => self.free.iter().map(|region| region.length).sum(),
            Mode::Place | Mode::Raw => self.spare_size,
        }
    }

    /// In bytes; not 0, whatever a flash says.
    pub(super) fn page(&self) -> u64 {
        u64::from(self.write_size.max(1))
    }

    /// In bytes; not 0, whatever a flash says.
    pub(super) fn block(&self) -> u64 {
        u64::from(self.erase_size.max(1))
    }

    /// Whether `length` bytes at `at` lie inside, of which the first one must: as of `mtd_erase`, `mtd_lock` and their like.
    pub(super) fn check_range(&self, at: u64, length: u64) -> Result<(), Errno> {
        if at >= self.size || length > self.size - at { Err(Errno::INVAL) } else { Ok(()) }
    }

    /// Whether that is a number of erase blocks, as drivers ask for (`check_offs_len` of nand_base.c, `cfi_varsize_frob`
    /// of `drivers/mtd/chips/cfi_util.c`).
    pub(super) fn check_blocks(&self, at: u64, length: u64) -> Result<(), Errno> {
        if at.is_multiple_of(self.block()) && length.is_multiple_of(self.block()) { Ok(()) } else { Err(Errno::INVAL) }
    }

    /// `mtd_check_oob_ops`: whether `length` bytes at `at`, and `spare` spare bytes from number `from` of the first page
    /// on, are there.
    pub(super) fn check_ops(&self, at: u64, length: u64, from: u32, spare: u64, mode: Mode) -> Result<(), Errno> {
        let end = at.checked_add(length).filter(|end| *end <= self.size && i64::try_from(*end).is_ok());
        end.ok_or(Errno::INVAL)?;
        if spare > 0 {
            let available = self.available(mode);
            let pages = self.size / self.page() - at / self.page();
            let most = pages.saturating_mul(available.into()).checked_sub(from.into()).ok_or(Errno::INVAL)?;
            if from >= available || spare > most {
                return Err(Errno::INVAL);
            }
        }
        Ok(())
    }

    /// Whether it can be programmed there: `mtd_write_oob`, and of NAND whole pages (`nand_do_write_ops`).
    pub(super) fn check_program(&self, at: u64, length: u64) -> Result<(), Errno> {
        if !self.writable {
            return Err(Errno::ROFS);
        }
        if at.is_multiple_of(self.page()) && length.is_multiple_of(self.page()) { Ok(()) } else { Err(Errno::INVAL) }
    }
}
