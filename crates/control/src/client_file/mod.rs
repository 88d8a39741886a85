//! Our variables in Claude Code's own `settings.json`, and out of it again. Nothing here runs unless it was asked for.
//!
//! The file belongs to the user: what is not ours keeps its bytes, values that stand there already are not overwritten
//! without being told to, and what was written can be taken back exactly. In front of every write there is a copy of the
//! file and a journal in our data folder; the file itself changes in one step, so whoever is killed leaves the old file
//! or the new one, and a journal that fits both.

mod disk;
mod journal;
mod read;
#[cfg(test)]
mod tests;
mod text;

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ts_rs::TS;

use crate::client_env::{EnvVar, RESULT_LIMITS};
use crate::error::{ControlError, Result};
use disk::{Disk, Real};
use journal::{FOLDER, Journal, hash};
use read::Opened;
use text::Text;

/// Where Claude Code's status line is set.
const STATUS_LINE: &str = "statusLine";
/// Stands for a secret where values are shown.
const HIDDEN: &str = "***";

/// A value that shall stand in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Such as `env.ANTHROPIC_BASE_URL`.
    pub path: String,
    /// The value.
    pub value: Value,
    /// What it is for.
    pub why: String,
    /// Whatever stands there already stays.
    pub only_if_free: bool,
}

/// The variables, and the status line where a command for it is given.
#[must_use]
pub fn wanted(vars: &[EnvVar], status_line: Option<&str>) -> Vec<Wanted> {
    let vars = vars.iter().map(|var| Wanted {
        path: format!("env.{}", var.name),
        value: json!(var.value),
        why: var.why.clone(),
        only_if_free: RESULT_LIMITS.contains(&var.name.as_str()),
    });
    let line = status_line.map(|command| Wanted {
        path: STATUS_LINE.to_owned(),
        value: json!({ "type": "command", "command": command, "padding": 0 }),
        why: "shows the model that really answers".to_owned(),
        only_if_free: true,
    });
    vars.chain(line).collect()
}

/// What is to become of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is not there yet.
    Add,
    /// An older value of ours.
    Update,
    /// It is there already.
    Same,
    /// Another value stands there, which is not ours.
    Foreign,
    /// Another value stands there and stays.
    Kept,
    /// Ours, and not needed any more.
    Remove,
}

impl ChangeKind {
    /// The file holds this value, or an older one of ours in its place.
    const fn stands_there(self) -> bool {
        matches!(self, Self::Same | Self::Update | Self::Remove)
    }
}

/// One value of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ClientFileChange {
    /// Such as `env.ANTHROPIC_BASE_URL`.
    pub path: String,
    /// What is to become of it.
    pub kind: ChangeKind,
    /// The value it shall have; tokens are `***`.
    pub value: String,
    /// What it is for.
    pub why: String,
}

/// How a settings file stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ClientFileView {
    /// The file.
    pub file: String,
    /// Whether there is one.
    pub exists: bool,
    /// Values of ours stand in it.
    pub connected: bool,
    /// The token is in it, and other users of this machine may read it.
    pub exposed: bool,
    /// The values, in the order they are written.
    pub changes: Vec<ClientFileChange>,
}

impl ClientFileView {
    /// Nothing is to be done.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.changes.iter().all(|change| matches!(change.kind, ChangeKind::Same | ChangeKind::Kept))
    }

    /// Places that hold what is not ours.
    pub fn foreign(&self) -> impl Iterator<Item = &str> {
        let foreign = self.changes.iter().filter(|change| change.kind == ChangeKind::Foreign);
        foreign.map(|change| change.path.as_str())
    }
}

/// What taking back has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ClientFileUndone {
    /// The file.
    pub file: String,
    /// It is what it was before, byte for byte (or gone, when there was none).
    pub exact: bool,
    /// Values that others have changed since, and that stay.
    pub kept: Vec<String>,
    /// The file was deleted by others: this copy of what it was before is kept.
    pub copy: Option<String>,
}

/// Claude Code's settings file of this user: `CLAUDE_CONFIG_DIR` moves it.
///
/// # Errors
/// The platform names no home.
pub fn usual() -> Result<PathBuf> {
    let moved = std::env::var_os("CLAUDE_CONFIG_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder =
        moved.or_else(|| Some(std::env::home_dir().filter(|home| !home.as_os_str().is_empty())?.join(".claude")));
    let hint = "name the file: --settings FILE";
    folder.map(|folder| folder.join("settings.json")).ok_or_else(|| fault("this user has no home folder", hint))
}

/// The variables a settings file sets for Claude Code; none where it sets none or does not read.
#[must_use]
pub fn variables(file: &Path) -> Map<String, Value> {
    let text = std::fs::read(file).ok().and_then(|bytes| Text::parse(&bytes).ok());
    let mut whole = text.map(|text| text.value()).unwrap_or_default();
    match whole.get_mut("env").map(Value::take) {
        Some(Value::Object(variables)) => variables,
        _ => Map::new(),
    }
}

/// Writes a file of ours that only this user can read, whole or not at all. Others may write the same one just now.
/// Files beside it whose names `is_left` knows as not needed any more go.
///
/// # Errors
/// A data folder that cannot be written to.
pub fn write_private(data_dir: &Path, name: &str, text: &str, is_left: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let _lock = lock(data_dir)?;
    let folder = data_dir.join(FOLDER);
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        if is_left(&entry.file_name().to_string_lossy()) {
            // One that cannot be removed now is tried again by the next.
            let _ = Real.remove(&entry.path());
        }
    }
    let file = folder.join(name);
    Real.write(&file, text.as_bytes()).map_err(|error| unwritable_data(&file, &error))?;
    Ok(file)
}

/// The file behind all links, as views name it.
///
/// # Errors
/// A link that leads nowhere.
pub fn named(file: &Path) -> Result<String> {
    let target = read::follow(file)
        .map_err(|error| fault(format!("cannot read {}: {error}", file.display()), "mend the link"))?;
    Ok(target.display().to_string())
}

/// What connecting would do. Nothing is written.
///
/// # Errors
/// A file that is broken, unclear or cannot be read.
pub fn look(file: &Path, data_dir: &Path, wanted: &[Wanted]) -> Result<ClientFileView> {
    let opened = Opened::open(file, data_dir)?;
    opened.is_read()?;
    opened.view(&opened.with_earlier(wanted)?)
}

/// Merges the values into the file. `replace` allows to overwrite values that are not ours; taking back restores them.
///
/// # Errors
/// As [`look`]; foreign values without `replace`; a file that cannot be written.
pub fn connect(file: &Path, data_dir: &Path, wanted: &[Wanted], replace: bool) -> Result<ClientFileView> {
    connect_on(&Real, file, data_dir, wanted, replace)
}

/// Takes back what was written.
///
/// # Errors
/// A file nothing was written to, or one that is broken or cannot be written.
pub fn disconnect(file: &Path, data_dir: &Path) -> Result<ClientFileUndone> {
    disconnect_on(&Real, file, data_dir)
}

fn connect_on(
    disk: &impl Disk,
    file: &Path,
    data_dir: &Path,
    wanted: &[Wanted],
    replace: bool,
) -> Result<ClientFileView> {
    let _lock = lock(data_dir)?;
    let opened = Opened::open(file, data_dir)?;
    opened.is_read()?;
    let wanted = opened.with_earlier(wanted)?;
    let view = opened.view(&wanted)?;
    let foreign: Vec<&str> = view.foreign().collect();
    if !foreign.is_empty() && !replace {
        let message = format!("{} already sets {}", view.file, foreign.join(", "));
        let hint = "remove them there, or overwrite them with --replace: `disconnect` brings them back";
        return Err(ControlError::new("client_file_foreign", message, hint));
    }
    if !view.is_settled() {
        opened.writable()?;
        let (bytes, journal) = merged(&opened, &wanted)?;
        let ours = |error: std::io::Error| unwritable_data(opened.shelf.folder(), &error);
        opened.shelf.keep(disk, &journal, opened.base.as_deref()).map_err(ours)?;
        let write = || opened.unchanged().and_then(|()| disk.write(&opened.target, &bytes));
        write().map_err(|error| unwritable(&opened.target, &error))?;
        opened.shelf.tidy(disk, journal.before.as_deref()).map_err(ours)?;
    }
    look(file, data_dir, &wanted)
}

/// The file with the values in it, and the journal for it.
fn merged(opened: &Opened, wanted: &[Wanted]) -> Result<(Vec<u8>, Journal)> {
    let flawed = |flaw| opened.flawed(&flaw);
    let base = opened.base.as_deref().unwrap_or_default();
    let text = Text::parse(base).map_err(flawed)?;
    let mut journal = opened.journal.clone().unwrap_or_else(|| Journal::new(&opened.target));
    journal.made = if text.has("env") { vec![] } else { vec!["env".to_owned()] };
    for one in wanted {
        let there = text.get(&one.path).map_err(flawed)?;
        if there.as_ref() == Some(&one.value) || (one.only_if_free && there.is_some()) {
            continue;
        }
        text.put(&one.path, &one.value).map_err(flawed)?;
        journal.note(&one.path, &one.value);
    }
    let bytes = text.bytes();
    check(opened, base, &bytes, wanted)?;
    journal.before = opened.base.as_deref().map(hash);
    journal.known =
        [opened.current.as_deref(), opened.base.as_deref(), Some(&bytes)].into_iter().flatten().map(hash).collect();
    journal.known.dedup();
    Ok((bytes, journal))
}

/// Whatever the editing did: all that is not ours must read as before. Otherwise nothing is written.
fn check(opened: &Opened, before: &[u8], after: &[u8], wanted: &[Wanted]) -> Result<()> {
    let others = |bytes: &[u8]| -> Result<Value> {
        let mut value = Text::parse(bytes).map_err(|flaw| opened.flawed(&flaw))?.value();
        wanted.iter().for_each(|one| take_out(&mut value, &one.path));
        Ok(value)
    };
    if others(before)? == others(after)? {
        return Ok(());
    }
    let message = format!("{} is written in a way that cannot be changed safely", opened.target.display());
    Err(ControlError::new(
        "client_file",
        message,
        "nothing was written; put the variables in by hand: `branchline env --shell settings`",
    ))
}

fn take_out(value: &mut Value, path: &str) {
    let Some(object) = value.as_object_mut() else { return };
    match path.split_once('.') {
        None => drop(object.shift_remove(path)),
        Some((section, key)) => {
            let inner = object.get_mut(section).and_then(Value::as_object_mut);
            if inner.is_some_and(|inner| {
                inner.shift_remove(key);
                inner.is_empty()
            }) {
                object.shift_remove(section);
            }
        }
    }
}

fn disconnect_on(disk: &impl Disk, file: &Path, data_dir: &Path) -> Result<ClientFileUndone> {
    let _lock = lock(data_dir)?;
    let opened = Opened::open(file, data_dir)?;
    let Some(journal) = &opened.journal else {
        let message = format!("nothing of this Branchline is in {}", opened.target.display());
        return Err(ControlError::new(
            "not_connected",
            message,
            "another data folder is named with --data-dir, another file with --settings",
        ));
    };
    let copy = opened.orphan(journal);
    let undone = ClientFileUndone {
        copy: copy.as_ref().map(|(file, _)| file.display().to_string()),
        file: opened.target.display().to_string(),
        exact: opened.base.as_deref().map(hash) == journal.before,
        kept: opened.changed_by_others(journal)?,
    };
    let undo = || match &opened.base {
        base if *base == opened.current => Ok(()),
        Some(bytes) => opened.unchanged().and_then(|()| disk.write(&opened.target, bytes)),
        None => disk.remove(&opened.target),
    };
    if opened.base != opened.current {
        opened.writable()?;
    }
    undo().map_err(|error| unwritable(&opened.target, &error))?;
    let clear = || -> std::io::Result<()> {
        if let Some((file, bytes)) = &copy {
            disk.write(file, bytes)?;
        }
        disk.remove(&opened.shelf.journal_file())?;
        opened.shelf.tidy(disk, None)
    };
    clear().map_err(|error| unwritable_data(opened.shelf.folder(), &error))?;
    Ok(undone)
}

/// The window and a terminal may both be at it.
fn lock(data_dir: &Path) -> Result<File> {
    let folder = data_dir.join(FOLDER);
    let open = || -> std::io::Result<File> {
        std::fs::create_dir_all(&folder)?;
        let file = File::options().create(true).append(true).open(folder.join("lock"))?;
        match file.lock() {
            // Some network folders know no locks.
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(file),
            locked => locked.map(|()| file),
        }
    };
    open().map_err(|error| unwritable_data(&folder, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> ControlError {
    let message = format!("cannot write {}: {error}", path.display());
    ControlError::new("client_file", message, "`branchline claude` needs no change of that file")
}

fn unwritable_data(path: &Path, error: &std::io::Error) -> ControlError {
    let hint = "see to it that the data folder can be written to, or name another one with --data-dir";
    fault(format!("cannot write {}: {error}", path.display()), hint)
}

fn fault(message: impl Into<String>, hint: impl Into<String>) -> ControlError {
    ControlError::new("client_file", message, hint)
}

/// A value as it may be shown.
fn shown(path: &str, value: &Value) -> String {
    let secret = path.ends_with("AUTH_TOKEN") || path.contains("API_KEY") || path.ends_with("CUSTOM_HEADERS");
    match value {
        Value::String(text) if secret && !text.is_empty() => HIDDEN.to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(members) => shown_command(members).unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

fn shown_command(members: &Map<String, Value>) -> Option<String> {
    members.get("command")?.as_str().map(ToOwned::to_owned)
}
