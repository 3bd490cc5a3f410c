//! Fresh content for each run: what one run writes into a chip, the next must not find.

use outlive_host::lab::{DeviceConfig, LabConfig};
use rustix::fs::{MemfdFlags, memfd_create};
use std::{
    fs::{DirBuilder, File},
    io::{self, ErrorKind, Read},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
};

/// The key that names the file with a chip's content.
const KEY: &str = "file";
/// The key that names the directory with a TPM's state.
const STATE: &str = "state";
/// More than any chip holds, in bytes. A larger file is cut here and refused as too large by its chip.
const LARGEST: u64 = 2 << 30;

/// Copies of the files that keep the content of chips, in memory, and of the directories that keep the state of TPMs. The lab that uses them must be of this process, and
/// they last as long as this.
pub(crate) struct Copies {
    _files: Vec<OwnedFd>,
    _folders: Vec<Folder>,
}

impl Copies {
    /// Copies the files that `lab` names, and makes it name the copies instead.
    ///
    /// # Errors
    /// If a file cannot be read. One that does not exist yet has an empty copy, as the chip would make it.
    pub(crate) fn of(lab: &mut LabConfig) -> io::Result<Self> {
        let mut tpms = Vec::new();
        let keys = lab.devices.iter_mut().flat_map(|device| match device {
            DeviceConfig::I2c(bus) => bus.chips.iter_mut().map(|chip| &mut chip.keys).collect(),
            DeviceConfig::Mtd(flash) => vec![&mut flash.keys],
            DeviceConfig::Gpu(card) => card.flash.iter_mut().map(|flash| &mut flash.keys).collect(),
            DeviceConfig::Tpm(tpm) => {
                tpms.push(&mut tpm.keys);
                Vec::new()
            }
            DeviceConfig::Uio(_) | DeviceConfig::Input(_) | DeviceConfig::Uinput(_) | DeviceConfig::Drm(_) => {
                Vec::new()
            }
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
        let mut folders = Vec::new();
        for path in tpms.into_iter().filter_map(|keys| keys.get_mut(STATE)) {
            let copy = Folder::like(Path::new(path));
            let copy = copy.map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
            copy.0.to_str().expect("of our own making").clone_into(path);
            folders.push(copy);
        }
        Ok(Copies { _files: files, _folders: folders })
    }
}

/// A directory for one run, which goes with this.
struct Folder(PathBuf);

impl Folder {
    /// A new one with the files of `original`, which is not made if it is not there.
    fn like(original: &Path) -> io::Result<Self> {
        let folder = Folder::new()?;
        let entries = match std::fs::read_dir(original) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(folder),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.metadata()?.len() <= LARGEST {
                std::fs::copy(entry.path(), folder.0.join(entry.file_name()))?;
            }
        }
        Ok(folder)
    }

    fn new() -> io::Result<Self> {
        for number in 0_u32.. {
            let path = std::env::temp_dir().join(format!("outlive-tpm-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Folder(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
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

    /// A TPM's state is copied, and goes with the run.
    #[test]
    fn a_tpm_has_a_copy_too() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let of = |lab: &LabConfig| {
            let DeviceConfig::Tpm(tpm) = &lab.devices[0] else { panic!("not a TPM") };
            std::path::PathBuf::from(&tpm.keys["state"])
        };
        let spec = Source::Spec(format!("tpm:swtpm,state={}", state.display()));
        for there in [false, true] {
            if there {
                fs::create_dir(&state).unwrap();
                fs::write(state.join("tpm2-00.permall"), [7; 9]).unwrap();
            }
            let mut lab = LabConfig::new(std::slice::from_ref(&spec), None, None).unwrap();
            let copies = Copies::of(&mut lab).unwrap();
            let copy = of(&lab);
            assert!(copy != state && copy.is_dir());
            assert_eq!(fs::read(copy.join("tpm2-00.permall")).ok(), there.then(|| vec![7; 9]));
            fs::write(copy.join("more"), []).unwrap();
            drop(copies);
            assert!(!copy.exists());
            assert_eq!((state.exists(), state.join("more").exists()), (there, false));
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
