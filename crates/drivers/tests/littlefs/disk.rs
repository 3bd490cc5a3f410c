//! Flashes as littlefs sees them: a consumer in the process, and sizes.

use littlefs2::{
    consts::{U32, U256, U512, U2048},
    driver::Storage,
    io::{Error, Result},
};
use outlive_classes::mtd::{self, Consumer, Failure, Fault};

/// One of them.
pub(crate) trait Disk: Storage {
    /// The flash, as in a lab.
    const SPEC: &'static str;

    fn on(consumer: Consumer) -> Self;

    fn consumer(&self) -> &Consumer;
}

/// What littlefs is to make of it: what is corrupt it works around, by taking another block; all else it passes on.
fn error(failure: Failure) -> Error {
    match failure {
        Failure::Uncorrectable | Failure::Flash(mtd::Error { fault: Fault::Bad, .. }) => Error::CORRUPTION,
        _ => Error::IO,
    }
}

macro_rules! disks {
    ($($(#[$about:meta])* $name:ident: $spec:literal, units $read:literal and $unit:literal, cache $cache:ty, $count:literal blocks of $block:literal;)*) => {$(
        $(#[$about])*
        pub(crate) struct $name(Consumer);

        impl Disk for $name {
            const SPEC: &'static str = $spec;

            fn on(consumer: Consumer) -> Self {
                $name(consumer)
            }

            fn consumer(&self) -> &Consumer {
                &self.0
            }
        }

        impl Storage for $name {
            const READ_SIZE: usize = $read;
            const WRITE_SIZE: usize = $unit;
            const BLOCK_SIZE: usize = $block;
            const BLOCK_COUNT: usize = $count;
            const BLOCK_CYCLES: isize = 100;
            type CACHE_SIZE = $cache;
            type LOOKAHEAD_SIZE = U32;

            fn read(&mut self, at: usize, into: &mut [u8]) -> Result<usize> {
                self.0.read(at as u64, into).map(|_| into.len()).map_err(error)
            }

            fn write(&mut self, at: usize, data: &[u8]) -> Result<usize> {
                self.0.program(at as u64, data).map(|()| data.len()).map_err(error)
            }

            fn erase(&mut self, at: usize, length: usize) -> Result<usize> {
                self.0.erase(at as u64, length as u64).map(|()| length).map_err(error)
            }
        }
    )*};
}

disks! {
    Nor: "nor,size=512KiB,erase=4KiB,tprog=10us,tbers=200us", units 64 and 16, cache U256, 128 blocks of 4096;
    Ram: "ram,size=512KiB,erase=4KiB,tprog=10us,tbers=200us", units 64 and 16, cache U256, 128 blocks of 4096;
    SmallNand: "nand,size=1MiB,page=512,erase=8KiB,bad=5+17+100,tprog=10us,tbers=200us", units 512 and 512, cache U512, 128 blocks of 8192;
    LargeNand: "nand,size=2MiB,page=2048,erase=16KiB,ecc=4,bad=9,flips=1/50:3,tprog=10us,tbers=200us", units 2048 and 2048, cache U2048, 128 blocks of 16384;
}
