//! A folder of a run's own, with what was in another one as it began.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Read},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// What the names of these folders begin with; then come the number of their process and one of their own.
const PREFIX: &str = "outlive-copy-";

/// The copy of a folder, gone with this.
#[derive(Debug)]
pub(crate) struct CopiedFolder(PathBuf);

impl CopiedFolder {
    /// Copies the plain files of `folder`, each cut at `most` bytes, to a folder of the system's temporary ones that nobody
    /// else may enter. One that is not there has an empty copy.
    ///
    /// # Errors
    /// If something cannot be read, or there is no room for the copy.
    pub(crate) fn of(folder: &Path, most: u64) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let all = std::env::temp_dir();
        sweep(&all);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let copy = CopiedFolder(all.join(format!("{PREFIX}{}-{number}", process::id())));
        DirBuilder::new().mode(0o700).create(&copy.0)?;
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(copy),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let mut to = File::create_new(copy.0.join(entry.file_name()))?;
                io::copy(&mut File::open(entry.path())?.take(most), &mut to)?;
            }
        }
        Ok(copy)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for CopiedFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what runs left that were killed. What is another user's stays.
fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let Some((process, _)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')) else { continue };
        if process.parse::<u32>().is_ok() && !Path::new("/proc").join(process).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_copy_is_as_the_folder_was_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state"), b"old").unwrap();
        fs::create_dir(folder.path().join("deeper")).unwrap();
        let copy = CopiedFolder::of(folder.path(), 2).unwrap();
        assert_eq!(fs::read(copy.path().join("state")).unwrap(), b"ol");
        assert_eq!(fs::metadata(copy.path()).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(copy.path().join("state"), b"new").unwrap();
        assert_eq!(fs::read(folder.path().join("state")).unwrap(), b"old");
        let path = copy.path().to_owned();
        drop(copy);
        assert!(!path.exists());
        let none = folder.path().join("none");
        assert_eq!(fs::read_dir(CopiedFolder::of(&none, 2).unwrap().path()).unwrap().count(), 0);
        assert!(!none.exists());
    }

    #[test]
    fn what_a_killed_run_left_is_swept() {
        let all = tempfile::tempdir().unwrap();
        // No process has that number: it is more than pid_max can be.
        let (left, mine) = (all.path().join(format!("{PREFIX}4194305-0")), format!("{PREFIX}{}-7", process::id()));
        fs::create_dir(&left).unwrap();
        fs::create_dir(all.path().join(&mine)).unwrap();
        sweep(all.path());
        assert!(!left.exists() && all.path().join(mine).exists());
    }
}
