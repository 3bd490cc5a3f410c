//! From a client's call to an operation. This is where its memory is read: once, before anything else happens.
//!
//! An ioctl is checked against what it finds there later, in the order of the kernel. So what could not be read is no error
//! yet: it is kept as one, for when its turn comes.

use super::{
    commit::Assignments,
    legacy::Fetched,
    uapi::{
        GAMMA_SIZE, MOST_CLIPS,
        ioctl::{self, Ioctl},
        layout::*,
    },
};
use crate::{Call, Caller, Errno, Memory, SharedMemory};
use std::sync::Arc;

/// An ioctl, or a read.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `None`: a read.
    pub(super) ioctl: Option<Ioctl>,
    /// Where its argument is, and how much of it is to be written.
    pub(super) at: u64,
    pub(super) out: usize,
    pub(super) operation: Operation,
}

/// What is to be done. Everything that the client sent has been copied.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Read {
        size: usize,
    },
    Version(Version),
    GetUnique(Unique),
    GetClient(Client, Option<Caller>),
    SetVersion(SetVersion),
    GetMagic,
    GetStats,
    AuthMagic(u32),
    SetMaster(Option<Caller>),
    DropMaster(Option<Caller>),
    GetCap(Cap),
    SetClientCap(Cap),
    GemClose(u32),
    Flink(Flink),
    GemOpen(GemOpen),
    Export(Prime),
    Import(Prime, Fetched<Arc<dyn SharedMemory>>),
    WaitVblank(WaitVblank),
    GetSequence(GetSequence),
    QueueSequence(QueueSequence),
    GetResources(CardResources),
    GetCrtc(Crtc),
    SetCrtc(Crtc, Fetched<u32>),
    SetCursor(Cursor),
    GetGamma(Lut),
    SetGamma(Lut, Fetched<[u16; 3]>),
    GetEncoder(Encoder),
    GetConnector(Connector),
    GetProperty(Property),
    SetProperty(SetProperty),
    GetBlob(GetBlob),
    CreateBlob(CreateBlob, Fetched<u8>),
    DestroyBlob(u32),
    GetFb(Fb),
    GetFb2(Fb2),
    AddFb(Fb),
    AddFb2(Fb2),
    RemoveFb {
        id: u32,
        closes: bool,
    },
    PageFlip(PageFlip),
    DirtyFb(Dirty, Result<(), Errno>),
    CreateDumb(CreateDumb),
    MapDumb(MapDumb),
    PlaneResources(PlaneResources),
    GetPlane(GetPlane),
    SetPlane(SetPlane),
    GetProperties(GetProperties),
    Atomic(Atomic, Assignments),
    CreateLease,
    ListLessees(Lessees),
    /// It is there, and says no.
    Refused(Errno),
}

/// The largest blob that a client can make, in bytes: a table of colours takes a quarter of it.
const LARGEST_BLOB: u32 = 1 << 20;
/// The most objects, and the most properties, that one ATOMIC sets. The card has fewer.
const MOST_ASSIGNED: usize = 1 << 16;
/// `struct drm_clip_rect`
const CLIP_SIZE: usize = 8;
/// `O_ACCMODE` and more is what a driver would say; DRM says so of a descriptor that is none.
const NO_SUCH_DESCRIPTOR: Errno = Errno::BADF;

/// Decodes `call`.
///
/// # Errors
/// What the kernel says before it looks at a file's rights: EINVAL of an ioctl that there is not, EFAULT of an argument that
/// cannot be read.
pub(super) fn decode(call: &Call, memory: &dyn Memory) -> Result<Asked, Errno> {
    match call {
        Call::Read { size } => Ok(Asked { ioctl: None, at: 0, out: 0, operation: Operation::Read { size: *size } }),
        // The file has no such operation (`drm_file.c`).
        Call::Write { .. } => Err(Errno::INVAL),
        Call::ReadAt { .. } | Call::WriteAt { .. } => Err(Errno::SPIPE),
        Call::Ioctl { command, argument } => {
            let ioctl = Ioctl::of(*command).ok_or(Errno::INVAL)?;
            let (length, out) = ioctl.lengths(*command);
            let mut bytes = vec![0; length];
            if length > 0 {
                memory.read(*argument, &mut bytes)?;
            }
            let operation = Found { memory, bytes: &bytes }.operation(ioctl);
            Ok(Asked { ioctl: Some(ioctl), at: *argument, out, operation })
        }
    }
}

/// An argument that has been read.
struct Found<'a> {
    memory: &'a dyn Memory,
    bytes: &'a [u8],
}

impl Found<'_> {
    fn number(&self) -> u32 {
        One::from_bytes(self.bytes).number
    }

    /// `count` things of the client's, if that is no more than there can be: whoever asks for more is told of it later.
    fn array<T: Field>(&self, at: u64, count: u32, most: u32) -> Fetched<T> {
        let mut bytes = vec![0; count.min(most) as usize * T::SIZE];
        if !bytes.is_empty() {
            self.memory.read(at, &mut bytes)?;
        }
        Ok(bytes.chunks_exact(T::SIZE).map(T::get).collect())
    }

    #[rustfmt::skip]
    fn operation(&self, which: Ioctl) -> Operation {
        let bytes = self.bytes;
        match which.command {
            ioctl::VERSION            => Operation::Version(Version::from_bytes(bytes)),
            ioctl::GET_UNIQUE         => Operation::GetUnique(Unique::from_bytes(bytes)),
            ioctl::GET_CLIENT         => Operation::GetClient(Client::from_bytes(bytes), self.memory.caller()),
            ioctl::SET_VERSION        => Operation::SetVersion(SetVersion::from_bytes(bytes)),
            ioctl::GET_MAGIC          => Operation::GetMagic,
            ioctl::GET_STATS          => Operation::GetStats,
            ioctl::AUTH_MAGIC         => Operation::AuthMagic(self.number()),
            ioctl::SET_MASTER         => Operation::SetMaster(self.memory.caller()),
            ioctl::DROP_MASTER        => Operation::DropMaster(self.memory.caller()),
            ioctl::GET_CAP            => Operation::GetCap(Cap::from_bytes(bytes)),
            ioctl::SET_CLIENT_CAP     => Operation::SetClientCap(Cap::from_bytes(bytes)),
            ioctl::GEM_CLOSE          => Operation::GemClose(self.number()),
            ioctl::GEM_FLINK          => Operation::Flink(Flink::from_bytes(bytes)),
            ioctl::GEM_OPEN           => Operation::GemOpen(GemOpen::from_bytes(bytes)),
            ioctl::PRIME_HANDLE_TO_FD => Operation::Export(Prime::from_bytes(bytes)),
            ioctl::PRIME_FD_TO_HANDLE => self.import(Prime::from_bytes(bytes)),
            ioctl::WAIT_VBLANK        => Operation::WaitVblank(WaitVblank::from_bytes(bytes)),
            ioctl::CRTC_GET_SEQUENCE  => Operation::GetSequence(GetSequence::from_bytes(bytes)),
            ioctl::CRTC_QUEUE_SEQUENCE => Operation::QueueSequence(QueueSequence::from_bytes(bytes)),
            ioctl::MODE_GETRESOURCES  => Operation::GetResources(CardResources::from_bytes(bytes)),
            ioctl::MODE_GETCRTC       => Operation::GetCrtc(Crtc::from_bytes(bytes)),
            ioctl::MODE_SETCRTC       => self.set_crtc(Crtc::from_bytes(bytes)),
            // CURSOR is the beginning of CURSOR2; what it does not say is zero.
            ioctl::MODE_CURSOR        => Operation::SetCursor(Cursor::from_bytes(&bytes[..bytes.len().min(28)])),
            ioctl::MODE_CURSOR2       => Operation::SetCursor(Cursor::from_bytes(bytes)),
            ioctl::MODE_GETGAMMA      => Operation::GetGamma(Lut::from_bytes(bytes)),
            ioctl::MODE_SETGAMMA      => self.set_gamma(Lut::from_bytes(bytes)),
            ioctl::MODE_GETENCODER    => Operation::GetEncoder(Encoder::from_bytes(bytes)),
            ioctl::MODE_GETCONNECTOR  => Operation::GetConnector(Connector::from_bytes(bytes)),
            ioctl::MODE_GETPROPERTY   => Operation::GetProperty(Property::from_bytes(bytes)),
            ioctl::MODE_SETPROPERTY   => Operation::SetProperty(of_connector(SetConnector::from_bytes(bytes))),
            ioctl::MODE_OBJ_SETPROPERTY => Operation::SetProperty(SetProperty::from_bytes(bytes)),
            ioctl::MODE_OBJ_GETPROPERTIES => Operation::GetProperties(GetProperties::from_bytes(bytes)),
            ioctl::MODE_GETPROPBLOB   => Operation::GetBlob(GetBlob::from_bytes(bytes)),
            ioctl::MODE_CREATEPROPBLOB => self.create_blob(CreateBlob::from_bytes(bytes)),
            ioctl::MODE_DESTROYPROPBLOB => Operation::DestroyBlob(self.number()),
            ioctl::MODE_GETFB         => Operation::GetFb(Fb::from_bytes(bytes)),
            ioctl::MODE_GETFB2        => Operation::GetFb2(Fb2::from_bytes(bytes)),
            ioctl::MODE_ADDFB         => Operation::AddFb(Fb::from_bytes(bytes)),
            ioctl::MODE_ADDFB2        => Operation::AddFb2(Fb2::from_bytes(bytes)),
            ioctl::MODE_RMFB          => Operation::RemoveFb { id: self.number(), closes: false },
            ioctl::MODE_CLOSEFB       => self.close_fb(Padded::from_bytes(bytes)),
            ioctl::MODE_PAGE_FLIP     => Operation::PageFlip(PageFlip::from_bytes(bytes)),
            ioctl::MODE_DIRTYFB       => self.dirty_fb(Dirty::from_bytes(bytes)),
            ioctl::MODE_CREATE_DUMB   => Operation::CreateDumb(CreateDumb::from_bytes(bytes)),
            ioctl::MODE_MAP_DUMB      => Operation::MapDumb(MapDumb::from_bytes(bytes)),
            ioctl::MODE_DESTROY_DUMB  => Operation::GemClose(self.number()),
            ioctl::MODE_GETPLANERESOURCES => Operation::PlaneResources(PlaneResources::from_bytes(bytes)),
            ioctl::MODE_GETPLANE      => Operation::GetPlane(GetPlane::from_bytes(bytes)),
            ioctl::MODE_SETPLANE      => Operation::SetPlane(SetPlane::from_bytes(bytes)),
            ioctl::MODE_ATOMIC        => self.atomic(Atomic::from_bytes(bytes)),
            ioctl::MODE_CREATE_LEASE  => Operation::CreateLease,
            ioctl::MODE_LIST_LESSEES  => Operation::ListLessees(Lessees::from_bytes(bytes)),
            // Nobody has a lease, so there is none to ask about or to take back.
            ioctl::MODE_REVOKE_LEASE  => Operation::Refused(Errno::NOENT),
            _                         => Operation::Refused(Errno::OPNOTSUPP),
        }
    }

    fn import(&self, asked: Prime) -> Operation {
        let lent = if asked.fd < 0 { Err(NO_SUCH_DESCRIPTOR) } else { self.memory.lent(asked.fd) };
        Operation::Import(asked, lent.map(|memory| vec![memory]))
    }

    fn set_crtc(&self, asked: Crtc) -> Operation {
        // Who has more connectors than there can be is told so.
        Operation::SetCrtc(asked, self.array(asked.connectors, asked.count_connectors, 32))
    }

    fn set_gamma(&self, asked: Lut) -> Operation {
        let size = if asked.size == GAMMA_SIZE { GAMMA_SIZE } else { 0 };
        let colour = |at: u64| self.array::<u16>(at, size, GAMMA_SIZE);
        let table = || -> Fetched<[u16; 3]> {
            let (red, green, blue) = (colour(asked.red)?, colour(asked.green)?, colour(asked.blue)?);
            Ok((0..size as usize).map(|step| [red[step], green[step], blue[step]]).collect())
        };
        Operation::SetGamma(asked, table())
    }

    fn create_blob(&self, asked: CreateBlob) -> Operation {
        let data = match asked.length {
            0 => Err(Errno::INVAL),
            length if length > LARGEST_BLOB => Err(Errno::NOMEM),
            length => self.array(asked.data, length, LARGEST_BLOB),
        };
        Operation::CreateBlob(asked, data)
    }

    fn close_fb(&self, asked: Padded) -> Operation {
        if asked.pad != 0 {
            Operation::Refused(Errno::INVAL)
        } else {
            Operation::RemoveFb { id: asked.number, closes: true }
        }
    }

    fn dirty_fb(&self, asked: Dirty) -> Operation {
        let clips = if asked.count > MOST_CLIPS {
            Err(Errno::INVAL)
        } else {
            self.array::<[u8; CLIP_SIZE]>(asked.clips, asked.count, MOST_CLIPS).map(drop)
        };
        Operation::DirtyFb(asked, clips)
    }

    /// Object by object, as `drm_mode_atomic_ioctl` reads them.
    fn atomic(&self, asked: Atomic) -> Operation {
        let mut assignments = Assignments::default();
        if let Err(errno) = self.assignments(&asked, &mut assignments.list) {
            assignments.then = Some(errno);
        }
        Operation::Atomic(asked, assignments)
    }

    fn assignments(&self, asked: &Atomic, list: &mut Vec<(u32, Vec<(u32, u64)>)>) -> Result<(), Errno> {
        let count = asked.count as usize;
        self.memory.expect(&[(asked.objects, 4 * count.min(64)), (asked.counts, 4 * count.min(64))]);
        let mut all = 0;
        for index in 0..count as u64 {
            if index as usize >= MOST_ASSIGNED {
                return Err(Errno::NOMEM);
            }
            let object = self.one::<u32>(asked.objects, index)?;
            list.push((object, Vec::new()));
            let properties = self.one::<u32>(asked.counts, index)?;
            for _ in 0..properties {
                if all as usize >= MOST_ASSIGNED {
                    return Err(Errno::NOMEM);
                }
                let property = self.one::<u32>(asked.props, all)?;
                let value = self.one::<u64>(asked.values, all)?;
                if let Some((_, its)) = list.last_mut() {
                    its.push((property, value));
                }
                all += 1;
            }
        }
        Ok(())
    }

    /// One of an array.
    fn one<T: Field>(&self, at: u64, index: u64) -> Result<T, Errno> {
        let address =
            index.checked_mul(T::SIZE as u64).and_then(|offset| at.checked_add(offset)).ok_or(Errno::FAULT)?;
        let mut bytes = vec![0; T::SIZE];
        self.memory.read(address, &mut bytes)?;
        Ok(T::get(&bytes))
    }
}

fn of_connector(asked: SetConnector) -> SetProperty {
    let SetConnector { value, property, connector } = asked;
    SetProperty { value, property, object: connector, kind: super::uapi::object::CONNECTOR }
}

impl Operation {
    /// Whether it concerns what the hardware shows, or when: it is carried out inside the gate, with a record of who is there.
    pub(super) fn reaches_the_driver(&self) -> bool {
        matches!(
            self,
            Operation::WaitVblank(_)
                | Operation::QueueSequence(_)
                | Operation::SetCrtc(..)
                | Operation::SetCursor(_)
                | Operation::SetGamma(..)
                | Operation::SetProperty(_)
                | Operation::RemoveFb { .. }
                | Operation::PageFlip(_)
                | Operation::SetPlane(_)
                | Operation::Atomic(..)
        )
    }
}
