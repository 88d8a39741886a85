//! The folder of a demonstration. It goes with the demonstration; what one left that was killed, the next one removes.
//!
//! A lock says whether its owner lives: the system lets it go however a process ends. A number of a process would say
//! nothing, others get it again.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use tempfile::TempDir;

const PREFIX: &str = "branchline-demo-";
const LOCK: &str = "lock";

/// A folder that is in use for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    // Before the folder: some systems remove no open file.
    _lock: File,
    folder: TempDir,
}

impl Folder {
    /// Makes one.
    pub(super) fn make(parent: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        // It has its name only when it is locked: an unlocked lock file belongs to nobody, at any moment.
        let fresh = folder.path().join("lock-new");
        let lock = File::create(&fresh)?;
        match lock.try_lock() {
            // Some network folders know no locks; there nothing is swept either.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            locked => {
                locked?;
                fs::rename(&fresh, folder.path().join(LOCK))?;
            }
        }
        Ok(Self { _lock: lock, folder })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of demonstrations of this user that were killed. What cannot be removed stays.
pub(super) fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        // Its type is its own, not that of what a link leads to.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && entry.file_name().to_string_lossy().starts_with(PREFIX) && is_left(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// There is a lock, and nobody holds it.
fn is_left(folder: &Path) -> bool {
    let lock = folder.join(LOCK);
    // In a folder that all users share, somebody else could have put anything in its place.
    let is_file = fs::symlink_metadata(&lock).is_ok_and(|file| file.is_file());
    is_file && File::options().write(true).open(&lock).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_demonstration_left_is_swept_and_what_lives_stays() {
        let parent = tempfile::tempdir().unwrap();
        let living = Folder::make(parent.path()).unwrap();
        let dead = Folder::make(parent.path()).unwrap();
        fs::write(dead.path().join("settings.toml"), "").unwrap();
        // As the kernel does it for a process that is killed: the lock goes, the folder stays.
        let Folder { _lock: lock, folder } = dead;
        let left = folder.keep();
        drop(lock);
        let foreign = parent.path().join("branchline-demo-of-somebody");
        fs::create_dir(&foreign).unwrap();
        sweep(parent.path());
        assert!(!left.exists());
        assert!(living.path().exists() && foreign.exists());
    }

    #[test]
    fn a_folder_goes_with_its_demonstration() {
        let parent = tempfile::tempdir().unwrap();
        drop(Folder::make(parent.path()).unwrap());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
