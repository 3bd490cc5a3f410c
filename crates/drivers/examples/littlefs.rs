//! A file system on a flash that is pulled under it: littlefs writes numbered files until the flash goes, mounts the
//! flash's next generation, and finds every file whole.
use littlefs2::{consts::U16, consts::U256, driver::Storage, fs::Filesystem, io, path::PathBuf};
use outlive::{Numbers, Policy, REMOVAL_BUDGET, Reason};
use outlive_classes::mtd::{Chip, Consumer, Flash};
use outlive_classes::{Contract, Hardware, Plugged};
use outlive_drivers::{clock::Clock, mtd::FlashConfig};
use std::{error::Error, sync::Arc, thread, time::Duration};

/// littlefs' view of a flash: a consumer in the process, as a kernel's file system is.
struct Disk(Consumer);

impl Storage for Disk {
    const READ_SIZE: usize = 16;
    const WRITE_SIZE: usize = 16;
    const BLOCK_SIZE: usize = 4096;
    const BLOCK_COUNT: usize = 256;
    type CACHE_SIZE = U256;
    type LOOKAHEAD_SIZE = U16;

    // Each of them sleeps until the flash has done it. Once the flash is gone each fails: littlefs passes that on, as an
    // error of input and output, to whoever uses its files.
    fn read(&mut self, at: usize, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(at as u64, into).map(|_| into.len()).map_err(|_| io::Error::IO)
    }

    fn write(&mut self, at: usize, data: &[u8]) -> io::Result<usize> {
        self.0.program(at as u64, data).map(|()| data.len()).map_err(|_| io::Error::IO)
    }

    fn erase(&mut self, at: usize, length: usize) -> io::Result<usize> {
        self.0.erase(at as u64, length as u64).map(|()| length).map_err(|_| io::Error::IO)
    }
}

/// A flash without times needs no clock.
#[derive(Debug)]
struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn after(&self, _: Duration, then: Box<dyn FnOnce() + Send>) {
        then();
    }
}

fn failed(error: io::Error) -> String {
    format!("littlefs: {error:?}")
}

fn file(number: u32) -> PathBuf {
    PathBuf::try_from(format!("/{number}").as_str()).expect("a short name")
}

fn content(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(100)
}

/// Writes files until it cannot: so many.
fn fill(disk: &mut Disk) -> Result<u32, String> {
    let mut alloc = Filesystem::allocate();
    let fs = Filesystem::mount(&mut alloc, disk).map_err(failed)?;
    // One file after the other, over and over in the same sixty-four places.
    Ok((0..).take_while(|number| fs.write(&file(number % 64), &content(*number)).is_ok()).count() as u32)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let keys = [("size", "1MiB"), ("erase", "4KiB")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let flash = FlashConfig { model: "nor".to_owned(), keys: keys.into() }.build(Arc::new(NoClock))?;
    let numbers = Numbers::new();
    let plug = |flash: Box<dyn Flash>| Chip::plug_under(Contract::Strict, numbers.claim_again(0), flash, None);

    let chip = plug(flash);
    let mut disk = Disk(chip.consumer()?);
    Filesystem::format(&mut disk).map_err(failed)?;
    let writer = thread::spawn(move || (fill(&mut disk), disk));
    thread::sleep(Duration::from_millis(50));
    let Some(Hardware::Mtd(flash)) = chip.unplug(Reason::Pulled, Policy::Detach, REMOVAL_BUDGET)? else {
        return Err("somebody else has pulled it".into());
    };
    let (written, zombie) = writer.join().expect("littlefs does not panic");
    let written = written?;
    let error = zombie.0.read(0, &mut [0]).unwrap_err();
    println!("{written} files were written, then: {error}");

    let next = plug(flash);
    let mut disk = Disk(next.consumer()?);
    let mut alloc = Filesystem::allocate();
    let fs = Filesystem::mount(&mut alloc, &mut disk).map_err(failed)?;
    for number in written.saturating_sub(64)..written {
        let found = fs.read::<400>(&file(number % 64)).map_err(failed)?;
        // The file that was being written at the pull may be what it was before or what it was to be.
        let may_be_newer = number + 64 == written && *found == *content(written);
        if *found != *content(number) && !may_be_newer {
            return Err(format!("file {number} is not whole").into());
        }
    }
    println!("the last {} are whole in generation {}", written.min(64), next.generation());
    Ok(())
}
