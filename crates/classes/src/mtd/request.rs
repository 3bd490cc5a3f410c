//! `MEMREAD` and `MEMWRITE`: pages with their spare bytes (`mtdchar_read_ioctl` and `mtdchar_write_ioctl` of
//! `drivers/mtd/mtdchar.c`).
//!
//! Linux works block by block, with as much memory as a block needs. Here a request is one command, and what it may have at
//! most is [`MAX_BYTES`].

use super::{
    Command, Mode, Region,
    decode::{Client, MAX_BYTES, Operation, Refusal},
    describe::What,
    reply::{Reply, Requested},
    uapi::{ReadRequest, Request, ops},
};
use crate::{Answer, Errno};

type Meant = Result<Operation, Refusal>;

/// How much is asked for.
struct Lengths {
    data: u64,
    spare: u64,
}

impl Lengths {
    /// Only what there is a place for counts, and of a length 32 bits.
    fn of(request: &Request) -> Self {
        let length = |length: u64, place: u64| if place == 0 { 0 } else { length & 0xffff_ffff };
        let (data, spare) = (length(request.len, request.usr_data), length(request.ooblen, request.usr_oob));
        Lengths { data, spare }
    }

    /// Whether there is anything to do: with a place for data, only if there is data.
    fn are_nothing(&self, request: &Request) -> bool {
        self.data == 0 && (request.usr_data != 0 || self.spare == 0)
    }
}

/// Linux says ENOTSUPP (524) of a mode that there is not, which is no number for programs.
fn mode(number: u8) -> Result<Mode, Errno> {
    match number {
        ops::MTD_OPS_PLACE_OOB => Ok(Mode::Place),
        ops::MTD_OPS_AUTO_OOB => Ok(Mode::Auto),
        ops::MTD_OPS_RAW => Ok(Mode::Raw),
        _ => Err(Errno::OPNOTSUPP),
    }
}

impl Client<'_> {
    pub(super) fn read_request(&self, name: &'static str, argument: u64) -> (What, Meant) {
        let request = match self.fetch(argument) {
            Ok(bytes) => ReadRequest::parse(&bytes),
            Err(errno) => return (What::Unreadable(name), Err(errno.into())),
        };
        (What::Request { name, request: request.request }, self.read_pages(request, argument))
    }

    fn read_pages(&self, asked: ReadRequest, to: u64) -> Meant {
        let (geometry, request) = (self.geometry(), asked.request);
        if !geometry.has_spare() {
            return Err(Errno::OPNOTSUPP.into());
        }
        let refused = |errno| Refusal { errno, tells: Some((to, asked.untouched().bytes())) };
        let lengths = Lengths::of(&request);
        geometry.check_ops(request.start, lengths.data, 0, 0, Mode::Place).map_err(refused)?;
        if lengths.are_nothing(&request) {
            return Ok(Operation::Tell { to, bytes: asked.untouched().bytes() });
        }
        let unchecked = if request.mode == ops::MTD_OPS_AUTO_OOB { Mode::Auto } else { Mode::Place };
        // A piece has no more spare bytes than an erase block has bytes, and that is what is checked.
        let piece = if lengths.data > 0 { lengths.spare.min(geometry.block()) } else { lengths.spare };
        geometry.check_ops(request.start, lengths.data, 0, piece, unchecked).map_err(refused)?;
        let mode = mode(request.mode).map_err(refused)?;
        let skip = request.start % geometry.page();
        let length = if lengths.data > 0 { skip + lengths.data } else { 0 };
        let spare = match length.div_ceil(geometry.page()) {
            0 => lengths.spare,
            pages => lengths.spare.min(pages * u64::from(geometry.available(mode))),
        };
        if length > MAX_BYTES || spare > MAX_BYTES {
            return Err(refused(Errno::NOMEM));
        }
        let skip = if lengths.data > 0 { skip as usize } else { 0 };
        let spare = Region { offset: 0, length: spare as u32 };
        let at = request.start - request.start % geometry.page();
        let command = Command::Read { at, length: length as usize, spare, mode };
        Ok(Operation::Order { command, reply: Reply::Request(Requested { to, request: asked, skip }) })
    }

    pub(super) fn write_request(&self, name: &'static str, argument: u64) -> (What, Meant) {
        let request = match self.fetch(argument) {
            Ok(bytes) => Request::parse(&bytes),
            Err(errno) => return (What::Unreadable(name), Err(errno.into())),
        };
        (What::Request { name, request }, self.write_pages(&request))
    }

    fn write_pages(&self, request: &Request) -> Meant {
        let geometry = self.geometry();
        if !geometry.has_spare() {
            return Err(Errno::OPNOTSUPP.into());
        }
        let lengths = Lengths::of(request);
        geometry.check_ops(request.start, lengths.data, 0, 0, Mode::Place)?;
        if lengths.are_nothing(request) {
            return Ok(Operation::Nothing(Answer::Value(0)));
        }
        let unchecked = if request.mode == ops::MTD_OPS_AUTO_OOB { Mode::Auto } else { Mode::Place };
        let pages = |at: u64| (at + lengths.data - 1) / geometry.page() - at / geometry.page() + 1;
        let spare = match lengths.data {
            0 => lengths.spare,
            // `adjust_oob_length`: what is over is never written.
            _ => lengths.spare.min(pages(request.start) * u64::from(geometry.available(unchecked))),
        };
        if lengths.data > MAX_BYTES || spare > MAX_BYTES {
            return Err(Errno::NOMEM.into());
        }
        let (data, spare) = self.fetch_both(request, lengths.data as usize, spare as usize)?;
        let mode = mode(request.mode)?;
        if data.is_empty() {
            self.check_spare(request.start, 0, spare.len() as u64, mode)?;
        } else {
            geometry.check_ops(request.start, data.len() as u64, 0, spare.len() as u64, mode)?;
            geometry.check_program(request.start, data.len() as u64)?;
        }
        let at = request.start - request.start % geometry.page();
        let command = Command::Program { at, data, spare_from: 0, spare, mode };
        Ok(Operation::Order { command, reply: Reply::Zero })
    }

    fn fetch_both(&self, request: &Request, data: usize, spare: usize) -> Result<(Vec<u8>, Vec<u8>), Errno> {
        let ranges = [(request.usr_data, data), (request.usr_oob, spare)];
        let wanted: Vec<_> = ranges.into_iter().filter(|(_, length)| *length > 0).collect();
        self.memory.expect(&wanted);
        let fetch = |(address, length): (u64, usize)| {
            let mut bytes = vec![0; length];
            if length > 0 {
                self.memory.read(address, &mut bytes)?;
            }
            Ok::<_, Errno>(bytes)
        };
        Ok((fetch(ranges[0])?, fetch(ranges[1])?))
    }
}
