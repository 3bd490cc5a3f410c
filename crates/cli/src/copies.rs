//! Fresh content for each run: what one run writes into a chip, the next must not find.

use outlive_host::lab::{DeviceConfig, LabConfig};
use rustix::fs::{MemfdFlags, memfd_create};
use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    os::fd::{AsRawFd, OwnedFd},
};

/// The key that names the file with a chip's content.
const KEY: &str = "file";
/// More than any chip holds, in bytes. A larger file is cut here and refused as too large by its chip.
const LARGEST: u64 = 2 << 30;

/// Copies, in memory, of the files that keep the content of chips. The lab that uses them must be of this process, and
/// they last as long as this.
pub(crate) struct Copies {
    _files: Vec<OwnedFd>,
}

impl Copies {
    /// Copies the files that `lab` names, and makes it name the copies instead.
    ///
    /// # Errors
    /// If a file cannot be read. One that does not exist yet has an empty copy, as the chip would make it.
    pub(crate) fn of(lab: &mut LabConfig) -> io::Result<Self> {
        let keys = lab.devices.iter_mut().flat_map(|device| match device {
            DeviceConfig::I2c(bus) => bus.chips.iter_mut().map(|chip| &mut chip.keys).collect(),
            DeviceConfig::Mtd(flash) => vec![&mut flash.keys],
            DeviceConfig::Gpu(card) => card.flash.iter_mut().map(|flash| &mut flash.keys).collect(),
            DeviceConfig::Uio(_) | DeviceConfig::Tpm(_) => Vec::new(),
        });
        let mut files = Vec::new();
        for path in keys.filter_map(|keys| keys.get_mut(KEY)) {
            // What is no plain file is left for the chip to refuse: reading it may block.
            if std::fs::metadata(&*path).is_ok_and(|metadata| !metadata.is_file()) {
                continue;
            }
            let copy = copy(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
            *path = format!("/proc/self/fd/{}", copy.as_raw_fd());
            files.push(copy);
        }
        Ok(Copies { _files: files })
    }
}

fn copy(path: &str) -> io::Result<OwnedFd> {
    let mut copy = File::from(memfd_create("outlive chip", MemfdFlags::CLOEXEC)?);
    match File::open(path) {
        Ok(file) => drop(io::copy(&mut file.take(LARGEST), &mut copy)?),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(copy.into())
}

#[cfg(test)]
mod tests {
    use super::Copies;
    use outlive_host::lab::{DeviceConfig, LabConfig, Source};
    use std::fs;

    fn file_of(lab: &LabConfig) -> String {
        let DeviceConfig::I2c(bus) = &lab.devices[0] else { panic!("not a bus") };
        bus.chips[0].keys["file"].clone()
    }

    #[test]
    fn a_copy_has_the_content_and_takes_the_writes() {
        let path = std::env::temp_dir().join(format!("outlive-copies-{}", std::process::id()));
        fs::write(&path, [7; 256]).unwrap();
        let spec = Source::Spec(format!("i2c:24c02@0x50,file={}", path.display()));
        let mut lab = LabConfig::new(&[spec], None, None).unwrap();
        let copies = Copies::of(&mut lab).unwrap();
        assert_eq!(fs::read(file_of(&lab)).unwrap(), [7; 256]);
        fs::write(file_of(&lab), [8; 256]).unwrap();
        assert_eq!(fs::read(file_of(&lab)).unwrap(), [8; 256]);
        assert_eq!(fs::read(&path).unwrap(), [7; 256]);
        drop(copies);
        fs::remove_file(path).unwrap();
    }

    /// A flash's, wherever it hangs.
    #[test]
    fn a_flash_has_a_copy_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flash");
        let spec = format!("mtd:nor,size=64KiB,erase=4KiB,file={}", path.display());
        let keys = format!("{{ model = \"nor\", size = \"64KiB\", erase = \"4KiB\", file = {:?} }}", path);
        let card = folder.path().join("card.toml");
        fs::write(&card, format!("[[device]]\nclass = \"gpu\"\nname = \"gpu0\"\nflash = [{keys}]\n")).unwrap();
        for source in [Source::Spec(spec), Source::File(card)] {
            fs::write(&path, [7; 64 << 10]).unwrap();
            let mut lab = LabConfig::new(&[source], None, None).unwrap();
            let _copies = Copies::of(&mut lab).unwrap();
            let copy = match &lab.devices[0] {
                DeviceConfig::Mtd(flash) => &flash.keys["file"],
                DeviceConfig::Gpu(card) => &card.flash[0].keys["file"],
                _ => panic!("no flash"),
            };
            fs::write(copy, [8; 64 << 10]).unwrap();
            assert_eq!(fs::read(&path).unwrap(), [7; 64 << 10]);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made() {
        let path = std::env::temp_dir().join(format!("outlive-none-{}", std::process::id()));
        let spec = Source::Spec(format!("i2c:24c02@0x50,file={}", path.display()));
        let mut lab = LabConfig::new(&[spec], None, None).unwrap();
        let _copies = Copies::of(&mut lab).unwrap();
        assert!(fs::read(file_of(&lab)).unwrap().is_empty());
        assert!(!path.exists());
    }
}
