//! The file in which a flash keeps its cells.

use super::cells::ERASED;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
};

/// How much is written at once where all is.
const PIECE: usize = 1 << 20;

/// A file that nobody else uses as a flash's.
#[derive(Debug)]
pub(super) struct Image(File);

impl Image {
    /// The one at `path`, of `size` bytes. One that is not there, or empty, becomes that of erased cells.
    ///
    /// # Errors
    /// In words, if the file cannot be used, is another flash's, or has another size; it is left as it is then.
    pub(super) fn open(path: &Path, size: u64) -> Result<Self, String> {
        // Looked at first: opening a pipe or a device may block, or do something.
        if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err("is not a plain file; give one, or a path where one can be made".to_owned());
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::NotFound => "cannot be made: its folder does not exist".to_owned(),
            ErrorKind::PermissionDenied => "must be readable and writable by you".to_owned(),
            _ => format!("cannot be opened: {error}"),
        })?;
        // flock(2): it goes with the last descriptor, whatever becomes of this process.
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                "is in use by another flash, of this lab or another; unplug that one, or give another file (fuser says \
                 which process has it open)"
                    .to_owned()
            }
            TryLockError::Error(error) => format!("cannot be locked (flock): {error}; give one on a local disk"),
        })?;
        let image = Image(file);
        image.fit(size)?;
        Ok(image)
    }

    fn fit(&self, size: u64) -> Result<(), String> {
        let is = self.0.metadata().map_err(|error| format!("cannot be looked at: {error}"))?.len();
        if is == 0 {
            return self.fill(size).map_err(|error| {
                // Empty, as it was: so it is good for another try.
                let _ = self.0.set_len(0);
                format!("cannot be filled with {size} erased bytes: {error}")
            });
        }
        if is == size {
            return Ok(());
        }
        Err(format!(
            "has {is} bytes, but this flash holds {size}; give a file of that size, or one that does not exist yet"
        ))
    }

    fn fill(&self, size: u64) -> io::Result<()> {
        let erased = vec![ERASED; PIECE.min(size as usize)];
        let mut at = 0;
        while at < size {
            let piece = erased.len().min((size - at) as usize);
            self.0.write_all_at(&erased[..piece], at)?;
            at += piece as u64;
        }
        Ok(())
    }

    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(into, at)
    }

    /// Writes `new` where `old` stands: all of it or, as far as the file lets it, nothing.
    pub(super) fn replace(&self, at: u64, old: &[u8], new: &[u8]) -> io::Result<()> {
        self.0.write_all_at(new, at).inspect_err(|_| {
            let _ = self.0.write_all_at(old, at);
        })
    }
}

/// A child that is being started in another thread has the descriptor, too, until it execs, so closing it here would not do.
impl Drop for Image {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free_as_soon_as_it_is_dropped_whoever_has_its_descriptor() {
        let path = std::env::temp_dir().join(format!("outlive-image-{}", std::process::id()));
        let image = Image::open(&path, 4096).unwrap();
        let inherited = image.0.try_clone().unwrap();
        assert!(Image::open(&path, 4096).unwrap_err().contains("is in use by another flash"));
        drop(image);
        let again = Image::open(&path, 4096);
        std::fs::remove_file(&path).unwrap();
        assert!(again.is_ok(), "{again:?}");
        drop(inherited);
    }
}
