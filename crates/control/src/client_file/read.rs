//! A settings file as it stands, and what it would be without us.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::journal::{Journal, Shelf, hash};
use super::text::{Flaw, Text};
use super::{ChangeKind, ClientFileChange, ClientFileView, HIDDEN, STATUS_LINE, Wanted, fault, shown};
use crate::error::{ControlError, Result};

/// A file, read once.
#[derive(Debug)]
pub(super) struct Opened {
    /// The file itself: links are followed, and stay.
    pub(super) target: PathBuf,
    /// Its bytes; none where there is no file.
    pub(super) current: Option<Vec<u8>>,
    pub(super) shelf: Shelf,
    pub(super) journal: Option<Journal>,
    /// Its bytes without anything of ours; none where there would be no file.
    pub(super) base: Option<Vec<u8>>,
}

impl Opened {
    pub(super) fn open(file: &Path, data_dir: &Path) -> Result<Self> {
        let unread = |error: io::Error| {
            fault(format!("cannot read {}: {error}", file.display()), "name another one: --settings FILE")
        };
        let target = follow(file).map_err(unread)?;
        let current = read(&target).map_err(unread)?;
        let shelf = Shelf::of(data_dir, &target);
        let journal = shelf.journal().map_err(|error| {
            let journal = shelf.journal_file();
            let hint = format!("copies of the file as it was are in {}", shelf.folder().display());
            fault(format!("the journal {} cannot be read: {error}", journal.display()), hint)
        })?;
        let mut opened = Self { target, current, shelf, journal, base: None };
        opened.base = opened.without_us()?;
        Ok(opened)
    }

    /// The very bytes we knew: what was before can come back exactly.
    fn is_known(&self) -> bool {
        let (Some(current), Some(journal)) = (&self.current, &self.journal) else { return false };
        journal.known.contains(&hash(current))
    }

    fn without_us(&self) -> Result<Option<Vec<u8>>> {
        let (Some(current), Some(journal)) = (&self.current, &self.journal) else { return Ok(self.current.clone()) };
        if self.is_known() {
            match &journal.before {
                None => return Ok(None),
                Some(before) => {
                    if let Some(copy) = self.shelf.copy(before) {
                        return Ok(Some(copy));
                    }
                }
            }
        }
        self.take_back(current, journal)
    }

    /// Others have changed the file since: only what is still ours goes.
    fn take_back(&self, current: &[u8], journal: &Journal) -> Result<Option<Vec<u8>>> {
        let flawed = |flaw| self.flawed(&flaw);
        let text = Text::parse(current).map_err(flawed)?;
        let copy = journal.before.as_deref().and_then(|before| self.shelf.copy(before));
        let earlier = copy.and_then(|copy| Text::parse(&copy).ok());
        for key in &journal.keys {
            let there = text.get(&key.path).map_err(flawed)?;
            if !there.is_some_and(|value| journal.wrote(&key.path, &value)) {
                continue;
            }
            let before = earlier.as_ref().and_then(|text| text.get(&key.path).ok().flatten());
            // What stood there before may have been ours too, from a connection that broke off.
            match before.filter(|value| !journal.wrote(&key.path, value)) {
                Some(value) => text.put(&key.path, &value),
                None => text.take(&key.path),
            }
            .map_err(flawed)?;
        }
        journal.made.iter().for_each(|section| text.take_if_empty(section));
        Ok(Some(text.bytes()).filter(|_| journal.before.is_some() || !text.is_empty()))
    }

    /// Places we wrote to that hold something else by now.
    pub(super) fn changed_by_others(&self, journal: &Journal) -> Result<Vec<String>> {
        let Some(current) = self.current.as_ref().filter(|_| !self.is_known()) else { return Ok(vec![]) };
        let text = Text::parse(current).map_err(|flaw| self.flawed(&flaw))?;
        let mut changed = Vec::new();
        for key in &journal.keys {
            let there = text.get(&key.path).map_err(|flaw| self.flawed(&flaw))?;
            if there.is_some_and(|value| !journal.wrote(&key.path, &value)) {
                changed.push(key.path.clone());
            }
        }
        Ok(changed)
    }

    /// The file was deleted by others, and not by us: what it was before, and where that stays.
    pub(super) fn orphan(&self, journal: &Journal) -> Option<(PathBuf, Vec<u8>)> {
        let before = journal.before.as_deref().filter(|_| self.current.is_none())?;
        Some((self.shelf.orphan_file(before), self.shelf.copy(before)?))
    }

    /// The wanted values, and the status line where it is ours already: connecting again does not take it away.
    pub(super) fn with_earlier(&self, wanted: &[Wanted]) -> Result<Vec<Wanted>> {
        let mut all = wanted.to_vec();
        let (Some(current), Some(journal)) = (&self.current, &self.journal) else { return Ok(all) };
        let text = Text::parse(current).map_err(|flaw| self.flawed(&flaw))?;
        let line = text.get(STATUS_LINE).map_err(|flaw| self.flawed(&flaw))?;
        let ours = line.filter(|value| journal.wrote(STATUS_LINE, value));
        if let (Some(value), false) = (ours, all.iter().any(|one| one.path == STATUS_LINE)) {
            all.push(Wanted { path: STATUS_LINE.into(), value, why: "as before".into(), only_if_free: true });
        }
        Ok(all)
    }

    pub(super) fn view(&self, wanted: &[Wanted]) -> Result<ClientFileView> {
        let flawed = |flaw| self.flawed(&flaw);
        let now = Text::parse(self.current.as_deref().unwrap_or_default()).map_err(flawed)?;
        let base = Text::parse(self.base.as_deref().unwrap_or_default()).map_err(flawed)?;
        let mut changes = Vec::new();
        for one in wanted {
            let (there, others) = (now.get(&one.path).map_err(flawed)?, base.get(&one.path).map_err(flawed)?);
            let kind = match (there, others) {
                (Some(there), _) if there == one.value => ChangeKind::Same,
                (Some(_), Some(_)) if one.only_if_free => ChangeKind::Kept,
                (Some(there), _) if self.wrote(&one.path, &there) => ChangeKind::Update,
                (Some(_), _) => ChangeKind::Foreign,
                (None, _) => ChangeKind::Add,
            };
            changes.push(ClientFileChange {
                path: one.path.clone(),
                kind,
                value: shown(&one.path, &one.value),
                why: one.why.clone(),
            });
        }
        let mut connected = false;
        for key in self.journal.iter().flat_map(|journal| &journal.keys) {
            let Some(there) = now.get(&key.path).map_err(flawed)? else { continue };
            let ours = self.wrote(&key.path, &there);
            connected |= ours;
            if ours && !wanted.iter().any(|one| one.path == key.path) {
                let (value, why) = (shown(&key.path, &there), "not needed any more".to_owned());
                changes.push(ClientFileChange { path: key.path.clone(), kind: ChangeKind::Remove, value, why });
            }
        }
        let has_secret = changes.iter().any(|one| one.value == HIDDEN && one.kind.stands_there());
        Ok(ClientFileView {
            file: self.target.display().to_string(),
            exists: self.current.is_some(),
            connected,
            exposed: connected && has_secret && others_may_read(&self.target),
            changes,
        })
    }

    fn wrote(&self, path: &str, value: &serde_json::Value) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.wrote(path, value))
    }

    /// A file that was made read-only is meant to stay as it is, whoever could replace it.
    pub(super) fn writable(&self) -> Result<()> {
        let read_only = fs::metadata(&self.target).is_ok_and(|data| data.permissions().readonly());
        if !read_only {
            return Ok(());
        }
        let message = format!("{} is read-only", self.target.display());
        let hint = "make it writable, or use `branchline claude`, which changes no file";
        Err(ControlError::new("client_file_read_only", message, hint))
    }

    /// Claude Code passes over a whole file that has a comment or a comma too many in it, and says nothing:
    /// what would be written there would have no effect.
    pub(super) fn is_read(&self) -> Result<()> {
        let text = self.current.as_deref().unwrap_or_default();
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        if text.trim_ascii().is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok() {
            return Ok(());
        }
        // What is broken for everybody has an error of its own.
        Text::parse(text).map_err(|flaw| self.flawed(&flaw))?;
        let message =
            format!("{} has comments or commas too many: Claude Code ignores the whole file", self.target.display());
        let hint = "take them out, then nothing in it is ignored any more; `branchline claude` needs no such file";
        Err(ControlError::new("client_file_ignored", message, hint))
    }

    /// Nobody has written to it since it was read.
    pub(super) fn unchanged(&self) -> io::Result<()> {
        if read(&self.target)? == self.current {
            return Ok(());
        }
        Err(io::Error::other("another program has just changed it; try again"))
    }

    pub(super) fn flawed(&self, flaw: &Flaw) -> ControlError {
        let copy = self.journal.as_ref().and_then(|journal| journal.before.as_deref());
        let hint = copy.map_or_else(
            || "nothing was written: mend the file first".to_owned(),
            |before| {
                format!(
                    "nothing was written: mend the file first; as it was before it is in {}",
                    self.shelf.copy_file(before).display()
                )
            },
        );
        ControlError::new("client_file_broken", format!("{}: {flaw}", self.target.display()), hint)
    }
}

fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        bytes => bytes.map(Some),
    }
}

/// The file behind all links. Of a file that does not exist yet, its folder's; its name must be the same before and after.
pub(super) fn follow(file: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => return found,
    }
    if fs::symlink_metadata(file).is_ok() {
        return Err(io::Error::other("it is a link that leads nowhere"));
    }
    let file = std::path::absolute(file)?;
    match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) => Ok(follow(folder)?.join(name)),
        _ => Ok(file),
    }
}

#[cfg(unix)]
fn others_may_read(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|data| data.permissions().mode() & 0o044 != 0)
}

/// Rights are lists there; a file in one's profile is one's own.
#[cfg(not(unix))]
const fn others_may_read(_: &Path) -> bool {
    false
}
