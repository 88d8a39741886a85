//! Files of ours in folders of the user's, known by a line in them: only those are overwritten and removed.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    Us,
    Others,
}

/// Ours are those with our mark in them.
pub(crate) fn owner(file: &Path, mark: &str) -> Result<Owner> {
    match fs::symlink_metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Owner::Nobody),
        Err(source) => return Err(Error::io(format!("read {}", file.display()))(source)),
        Ok(_) => {}
    }
    let ours = fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(mark));
    Ok(if ours { Owner::Us } else { Owner::Others })
}

/// That a file may be written or removed; whether there is one.
pub(crate) fn must_be_free(file: &Path, mark: &str, hint: &str) -> Result<bool> {
    match owner(file, mark)? {
        Owner::Nobody => Ok(false),
        Owner::Us => Ok(true),
        Owner::Others => {
            Err(Error::usage(format!("{} is there already and is not Branchline's", file.display()), hint))
        }
    }
}

/// Writes it whole or not at all; its folder is made where it is missing.
pub(crate) fn write(file: &Path, text: &str, mode: u32) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::io(format!("make {}", folder.display())))?;
    replace(folder, file, text, mode).map_err(Error::io(format!("write {}", file.display())))
}

fn replace(folder: &Path, file: &Path, text: &str, mode: u32) -> io::Result<()> {
    let fresh = folder.join(format!(".{}.new", file.file_name().unwrap_or_default().to_string_lossy()));
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut opened = options.open(&fresh)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()?;
    fs::rename(&fresh, file)
}

/// Removes it.
pub(crate) fn remove(file: &Path) -> Result<()> {
    fs::remove_file(file).map_err(Error::io(format!("remove {}", file.display())))
}
