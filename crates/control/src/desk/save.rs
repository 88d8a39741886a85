//! A text as a file in the user's downloads: the window's own web engine has no place for files.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Desk;
use crate::commands::blocking;
use crate::error::{ControlError, Result};

/// How many files of one name there may be.
const MOST: u32 = 1_000;

/// A text to keep.
#[derive(Debug, Deserialize, TS)]
pub struct SaveReq {
    /// The name of the file, without folders: `branchline-requests.jsonl`.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// It is kept.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct SaveRes {
    /// Where.
    pub path: String,
}

/// Writes the file, beside those of the same name.
///
/// # Errors
/// A name with folders in it, or a file that cannot be written.
pub(super) async fn save(desk: &Desk, request: SaveReq) -> Result<SaveRes> {
    let SaveReq { name, text } = request;
    if Path::new(&name).file_name() != Some(name.as_ref()) {
        let hint = "give a name without folders";
        return Err(ControlError::new("bad_request", format!("`{name}` is no name of a file"), hint));
    }
    let desktop = desk.desktop.clone();
    let saved = blocking(move || {
        let folder = desktop.downloads()?;
        write(&folder, &name, text.as_bytes()).map_err(|error| format!("{}: {error}", folder.display()))
    });
    let path = saved.await?.map_err(|why| {
        let hint = "look whether your downloads folder is there and can be written to";
        ControlError::new("cannot_save", format!("the file cannot be saved: {why}"), hint)
    })?;
    Ok(SaveRes { path: path.display().to_string() })
}

/// Under the first name that is free: `a.toml`, `a (2).toml`. Nothing is ever written over.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    for number in 1..=MOST {
        let path = folder.join(numbered(name, number));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                let written = file.write_all(bytes);
                if written.is_err() {
                    // Half a file looks like a whole one. The error that is told is the first one.
                    let _ = fs::remove_file(&path);
                }
                return written.map(|()| path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn numbered(name: &str, number: u32) -> String {
    match (number, name.rsplit_once('.')) {
        (1, _) => name.to_owned(),
        (_, Some((stem, ending))) => format!("{stem} ({number}).{ending}"),
        (_, None) => format!("{name} ({number})"),
    }
}
