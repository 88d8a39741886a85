//! Files that are whole at every moment: the new one is written beside the old one, flushed, and takes its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What is done to the disk. A test lets it die between any two of these, another has the whole process killed between any
/// two of their steps.
pub(super) trait Disk {
    /// Stands between any two calls of the system that change something; does nothing.
    fn step(&self) {}

    /// Puts a file in place of the old one, with the old one's owner and mode; a new one is the user's alone.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = beside(path);
        if let Some(folder) = path.parent() {
            self.step();
            fs::create_dir_all(folder)?;
        }
        // What an earlier run left behind when it was killed.
        self.remove(&fresh)?;
        let step = || self.step();
        let rename = || {
            step();
            fs::rename(&fresh, path)
        };
        let written = fill(&step, &fresh, path, bytes).and_then(|()| rename());
        if written.is_err() {
            // The error that is told is the first one.
            let _ = fs::remove_file(&fresh);
        }
        written?;
        step();
        flush_folder(path)
    }

    /// Removes a file; one that is gone already is as good.
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step();
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// The real one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Real;

impl Disk for Real {}

/// The name a new file has until it is whole: always the same, so that a killed run leaves one at most.
pub(super) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.branchline-new"))
}

fn fill(step: &impl Fn(), fresh: &Path, old: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    step();
    let mut file = options.open(fresh)?;
    step();
    file.write_all(bytes)?;
    step();
    match fs::metadata(old) {
        Ok(old) => like(&file, &old)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    step();
    file.sync_all()
}

/// Gives a new file the owner and the mode of the old one.
fn like(file: &File, old: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    file.set_permissions(old.permissions())
}

/// The new name is safe only when its folder is.
#[cfg(unix)]
fn flush_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Windows has no way to flush a folder.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "same signature as on unix")]
fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
