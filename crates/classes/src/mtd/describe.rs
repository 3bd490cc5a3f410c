//! How the class names an operation: what `explore` and `trace` print. Nothing is formatted unless somebody looks.

use super::uapi::{Request, ops};
use std::fmt;

/// An operation in words, valid or not.
#[derive(Clone, Debug)]
pub(super) enum What {
    Read { size: usize, at: u64 },
    Write { size: usize, at: u64 },
    Unplaced(&'static str),
    Named(&'static str),
    Number(&'static str, u64),
    At(&'static str, u64),
    Blocks { name: &'static str, at: u64, length: u64 },
    Spare { name: &'static str, at: u64, length: u32 },
    Request { name: &'static str, request: Request },
    Added { name: String, at: i64, length: i64 },
    Deleted(i32),
    Unreadable(&'static str),
    Unknown(u32),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Read { size, at } => write!(f, "read {size} at {at:#x}"),
            What::Write { size, at } => write!(f, "write {size} at {at:#x}"),
            What::Unplaced(name) => write!(f, "{name} without a position"),
            What::Named(name) => f.write_str(name),
            What::Number(name, argument) => write!(f, "{name} {argument}"),
            What::At(name, at) => write!(f, "{name} {at:#x}"),
            What::Blocks { name, at, length } => write!(f, "{name} {at:#x} len {length:#x}"),
            What::Spare { name, at, length } => write!(f, "{name} {at:#x} len {length}"),
            What::Request { name, request } => asked(f, name, request),
            What::Added { name, at, length } => write!(f, "BLKPG add {name:?} {at:#x} len {length:#x}"),
            What::Deleted(number) => write!(f, "BLKPG delete {number}"),
            What::Unreadable(name) => write!(f, "{name} with unreadable memory"),
            What::Unknown(command) => write!(f, "ioctl {command:#x} (unknown)"),
        }
    }
}

/// `MEMWRITE 0x800 len 2048 oob 64 auto`
fn asked(f: &mut fmt::Formatter<'_>, name: &str, request: &Request) -> fmt::Result {
    write!(f, "{name} {:#x}", request.start)?;
    if request.usr_data != 0 {
        write!(f, " len {}", request.len)?;
    }
    if request.usr_oob != 0 {
        write!(f, " oob {}", request.ooblen)?;
    }
    match request.mode {
        ops::MTD_OPS_PLACE_OOB => Ok(()),
        ops::MTD_OPS_AUTO_OOB => f.write_str(" auto"),
        ops::MTD_OPS_RAW => f.write_str(" raw"),
        mode => write!(f, " mode {mode} (unknown)"),
    }
}
