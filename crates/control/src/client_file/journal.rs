//! What is remembered of a file that was changed: enough to put it back, and none of its values.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::disk::Disk;

/// The folder of journals, copies and their lock, in our data folder.
pub(super) const FOLDER: &str = "connect";
/// What this version writes and reads.
const VERSION: u32 = 1;

/// Written before the file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) version: u32,
    /// The file itself, links followed.
    pub(super) file: PathBuf,
    /// Hash of the file as it was, which is also the name of its copy; none where there was no file.
    pub(super) before: Option<String>,
    /// Hashes of the whole file as we knew it: each of these goes back to `before`, byte for byte.
    pub(super) known: Vec<String>,
    /// Sections that were not there before.
    pub(super) made: Vec<String>,
    pub(super) keys: Vec<Key>,
}

/// One value of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    /// Such as `env.ANTHROPIC_BASE_URL`.
    pub(super) path: String,
    /// Hashes of the values we ever put there. Values themselves may be tokens.
    pub(super) ours: Vec<String>,
}

impl Journal {
    pub(super) fn new(file: &Path) -> Self {
        Self { version: VERSION, file: file.to_owned(), before: None, known: vec![], made: vec![], keys: vec![] }
    }

    /// Whether a value at this place came from us.
    pub(super) fn wrote(&self, path: &str, value: &Value) -> bool {
        let hash = of_value(value);
        self.keys.iter().any(|key| key.path == path && key.ours.contains(&hash))
    }

    pub(super) fn note(&mut self, path: &str, value: &Value) {
        let hash = of_value(value);
        match self.keys.iter_mut().find(|key| key.path == path) {
            Some(key) if key.ours.contains(&hash) => {}
            Some(key) => key.ours.push(hash),
            None => self.keys.push(Key { path: path.to_owned(), ours: vec![hash] }),
        }
    }
}

/// Where the journal of one file and the copy of it are.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    folder: PathBuf,
    id: String,
}

impl Shelf {
    pub(super) fn of(data_dir: &Path, target: &Path) -> Self {
        let id = short(&hash(target.as_os_str().as_encoded_bytes()));
        Self { folder: data_dir.join(FOLDER), id }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn journal_file(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.id))
    }

    /// The copy of the file as it was.
    pub(super) fn copy_file(&self, before: &str) -> PathBuf {
        self.folder.join(format!("{}.{}.before", self.id, short(before)))
    }

    /// The same once nobody but the user needs it: no later connection removes it.
    pub(super) fn orphan_file(&self, before: &str) -> PathBuf {
        self.folder.join(format!("{}.{}.before", short(before), self.id))
    }

    /// The journal, where there is one that reads. One that does not is of a newer version, or damaged.
    pub(super) fn journal(&self) -> std::io::Result<Option<Journal>> {
        let bytes = match fs::read(self.journal_file()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let journal: Journal = serde_json::from_slice(&bytes).map_err(std::io::Error::other)?;
        if journal.version != VERSION {
            return Err(std::io::Error::other(format!("it is of version {}", journal.version)));
        }
        Ok(Some(journal))
    }

    /// The bytes of the file as it was, where the copy is whole.
    pub(super) fn copy(&self, before: &str) -> Option<Vec<u8>> {
        fs::read(self.copy_file(before)).ok().filter(|bytes| hash(bytes) == before)
    }

    /// The copy first: a journal never names what is not there.
    pub(super) fn keep(&self, disk: &impl Disk, journal: &Journal, copy: Option<&[u8]>) -> std::io::Result<()> {
        if let (Some(before), Some(copy)) = (&journal.before, copy) {
            disk.write(&self.copy_file(before), copy)?;
        }
        let text = serde_json::to_vec_pretty(journal).map_err(std::io::Error::other)?;
        disk.write(&self.journal_file(), &text)
    }

    /// Removes all copies but one, and what killed runs left of others.
    pub(super) fn tidy(&self, disk: &impl Disk, keep: Option<&str>) -> std::io::Result<()> {
        let kept = keep.map(|before| self.copy_file(before));
        let (copies, halves) = (format!("{}.", self.id), format!(".{}.", self.id));
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let copy = name.starts_with(&copies) && name.ends_with(".before") && Some(entry.path()) != kept;
            if copy || name.starts_with(&halves) {
                disk.remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_value(value: &Value) -> String {
    hash(value.to_string().as_bytes())
}

fn short(hash: &str) -> String {
    hash.chars().take(16).collect()
}
