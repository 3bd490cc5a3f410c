//! Calls in words, for records and traces.

use super::decode::{Asked, Operation};
use crate::{Call, Errno};
use std::fmt;

/// As it is called in a record: `MODE_PAGE_FLIP crtc 24 fb 38`.
pub(super) struct What<'a>(pub(super) &'a Call, pub(super) &'a Result<Asked, Errno>);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = match (self.1, self.0) {
            (Ok(asked), _) => asked,
            (Err(_), Call::Ioctl { command, argument }) => return write!(f, "{command:#x} {argument:#x}"),
            (Err(_), Call::Write { data } | Call::WriteAt { data, .. }) => return write!(f, "{} bytes", data.len()),
            (Err(_), Call::Read { size } | Call::ReadAt { size, .. }) => return write!(f, "{size} bytes"),
        };
        if let Some(ioctl) = asked.ioctl {
            f.write_str(ioctl.name)?;
        }
        match &asked.operation {
            Operation::Read { size } => write!(f, "events, {size} bytes"),
            Operation::AuthMagic(number) => write!(f, " {number}"),
            Operation::GetCap(cap) => write!(f, " {:#x}", cap.capability),
            Operation::SetClientCap(cap) => write!(f, " {} {}", cap.capability, cap.value),
            Operation::GemClose(handle) => write!(f, " {handle}"),
            Operation::WaitVblank(wait) => write!(f, " {:#x} {}", wait.kind, wait.sequence),
            Operation::GetCrtc(crtc) => write!(f, " {}", crtc.crtc),
            Operation::SetCrtc(crtc, _) if crtc.mode_valid == 0 => write!(f, " crtc {} off", crtc.crtc),
            Operation::SetCrtc(crtc, _) => {
                let mode = crtc.mode;
                write!(f, " crtc {} fb {} {}x{}", crtc.crtc, crtc.fb, mode.hdisplay, mode.vdisplay)
            }
            Operation::SetCursor(cursor) => write!(f, " crtc {} {},{}", cursor.crtc, cursor.x, cursor.y),
            Operation::GetEncoder(encoder) => write!(f, " {}", encoder.encoder),
            Operation::GetConnector(connector) => write!(f, " {}", connector.connector),
            Operation::GetProperty(property) => write!(f, " {}", property.property),
            Operation::SetProperty(set) => write!(f, " {} of {} to {}", set.property, set.object, set.value),
            Operation::GetProperties(asked) => write!(f, " of {}", asked.object),
            Operation::GetBlob(blob) => write!(f, " {}", blob.blob),
            Operation::CreateBlob(blob, _) => write!(f, " {} bytes", blob.length),
            Operation::DestroyBlob(id) | Operation::RemoveFb { id, .. } => write!(f, " {id}"),
            Operation::GetFb(fb) => write!(f, " {}", fb.fb),
            Operation::AddFb(fb) => write!(f, " {}x{}", fb.width, fb.height),
            Operation::AddFb2(fb) => write!(f, " {}x{}", fb.width, fb.height),
            Operation::PageFlip(flip) => write!(f, " crtc {} fb {}", flip.crtc, flip.fb),
            Operation::CreateDumb(dumb) => write!(f, " {}x{}x{}", dumb.width, dumb.height, dumb.bpp),
            Operation::MapDumb(map) => write!(f, " {}", map.handle),
            Operation::GetPlane(plane) => write!(f, " {}", plane.plane),
            Operation::SetPlane(plane) => write!(f, " {} crtc {} fb {}", plane.plane, plane.crtc, plane.fb),
            Operation::Atomic(atomic, assignments) => {
                let count: usize = assignments.list.iter().map(|(_, properties)| properties.len()).sum();
                write!(f, " flags {:#x}, {count} properties", atomic.flags)
            }
            _ => Ok(()),
        }
    }
}
