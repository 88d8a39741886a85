//! Changing the user's file. It holds differences only and keeps its comments, its order and keys we do not know.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml_edit::{Array, ArrayOfTables, Document, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::error::{Result, SettingsError};
use crate::key_path::{KeyPath, Step, item_at};
use crate::load::{Report, check, read, remove};
use crate::outline::{Child, Node, nearest};

const NEW_FILE: &str = "# Branchline settings. What is not set here has its default.\n";

/// One change of one setting.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct Change {
    /// Path of the setting: `routing.threshold`, `aliases."claude-opus-4.1".model`. Lists are set as a whole.
    pub path: String,
    /// Its new value; `null` goes back to the default, and takes out what is no setting at all.
    pub value: Json,
}

/// Changes one setting in the user's file. See `save`.
///
/// # Errors
/// As `save`.
pub fn set(file: &Path, path: &str, value: Json) -> Result<Report> {
    let path = path.to_owned();
    save(file, &[Change { path, value }])
}

/// Makes all the changes or none, and returns what the file says afterwards.
///
/// # Errors
/// An unknown path, a value that does not check (the file stays as it was), or a file that cannot be read or written.
pub fn save(file: &Path, changes: &[Change]) -> Result<Report> {
    let before = read(file)?;
    let start = if before.is_empty() { NEW_FILE } else { &before };
    let after = edit(start, changes)?;
    if after != before {
        write_atomic(file, &after)?;
    }
    Ok(check(&after))
}

/// The settings as they would be with the changes made. Nothing is written.
///
/// # Errors
/// As `save`.
pub fn imagine(file: &Path, changes: &[Change]) -> Result<crate::Settings> {
    check(&edit(&read(file)?, changes)?).into_settings()
}

/// Puts a whole file in the place of the user's (import).
///
/// # Errors
/// Text that does not check (the file stays as it was), or a file that cannot be written.
pub fn replace(file: &Path, text: &str) -> Result<Report> {
    let report = check(text);
    report.clone().into_settings()?;
    write_atomic(file, text)?;
    Ok(report)
}

/// Goes back to the defaults. The old file is kept under another name, which is given back.
///
/// # Errors
/// A file that cannot be read or written.
pub fn reset(file: &Path) -> Result<Option<PathBuf>> {
    let before = read(file)?;
    let kept_in = file.with_extension("before-reset.toml");
    if !before.is_empty() {
        write_atomic(&kept_in, &before)?;
    }
    write_atomic(file, NEW_FILE)?;
    Ok((!before.is_empty()).then_some(kept_in))
}

/// The text with the changes made. A value that equals the default is not written but removed.
///
/// # Errors
/// An unknown path, or every problem of the result; where mistakes are only taken out, others may stay.
pub fn edit(text: &str, changes: &[Change]) -> Result<String> {
    let before = text;
    let mut text = before.to_owned();
    if text.parse::<DocumentMut>().is_err() {
        check(&text).into_settings()?;
    }
    for change in changes {
        text = apply(&text, change)?;
    }
    let after = check(&text);
    let mends = changes.iter().all(|change| change.value.is_null());
    if !(mends && after.problems.len() < check(before).problems.len()) {
        after.into_settings()?;
    }
    Ok(text)
}

fn apply(text: &str, change: &Change) -> Result<String> {
    let path = KeyPath::parse(&change.path)?;
    // What the file says and no setting means can be taken out, and nothing else be done with it.
    if !(change.value.is_null() && stands_in(text, &path)) {
        refuse_unknown(&path)?;
    }
    let removed = take_out(text, &path);
    if change.value.is_null() {
        return Ok(removed);
    }
    let with = put_in(text, &path, &change.value)?;
    let (plain, changed) = (check(&removed), check(&with));
    // With problems both fall back to the default and look the same: keep the value, so that the problem is told.
    let is_default = changed.problems.len() <= plain.problems.len() && changed.settings == plain.settings;
    Ok(if is_default { removed } else { with })
}

fn stands_in(text: &str, path: &KeyPath) -> bool {
    Document::parse(text).is_ok_and(|document| item_at(document.as_item(), path).is_some())
}

fn refuse_unknown(path: &KeyPath) -> Result<()> {
    let mut node = Node::root();
    for step in &path.0 {
        let Step::Key(key) = step else { return Ok(()) };
        match node.child(key) {
            Child::Known(child) => node = child,
            Child::Free => return Ok(()),
            Child::Unknown => {
                let near = nearest(key, node.keys());
                let known = near.map_or_else(
                    || format!("known here: {}", node.keys().join(", ")),
                    |near| format!("did you mean \"{near}\"?"),
                );
                return Err(SettingsError::KeyPath {
                    path: path.to_string(),
                    reason: format!("there is no \"{key}\" ({known})"),
                });
            }
        }
    }
    Ok(())
}

/// The text without the setting, and without the tables that are empty and meaningless after it.
fn take_out(text: &str, path: &KeyPath) -> String {
    let mut text = without_lines(text, path).unwrap_or_else(|| without_item(text, path));
    let mut parent = path.clone();
    while parent.0.pop().is_some() && !parent.0.is_empty() && is_bare_table(&text, &parent) {
        let shorter = without_item(&text, &parent);
        if check(&shorter).settings != check(&text).settings {
            break;
        }
        text = shorter;
    }
    text
}

/// Takes out the lines of a plain `key = value`, so that the comment above it stays in the file.
fn without_lines(text: &str, path: &KeyPath) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let mut parent = path.clone();
    let Some(Step::Key(key)) = parent.0.pop() else { return None };
    let table = item_at(document.as_item(), &parent)?.as_table()?;
    let (key, item) = table.get_key_value(&key)?;
    let (from, to) = (key.span()?.start, item.as_value()?.span()?.end);
    let from = text.get(..from)?.rfind('\n').map_or(0, |line_end| line_end + 1);
    let to = text.get(to..)?.find('\n').map_or(text.len(), |line_end| to + line_end + 1);
    let shorter = format!("{}{}", text.get(..from)?, text.get(to..)?);
    shorter.parse::<DocumentMut>().is_ok().then_some(shorter)
}

fn without_item(text: &str, path: &KeyPath) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return text.to_owned();
    };
    let mut parent = path.clone();
    if let Some(last) = parent.0.pop() {
        remove(document.as_item_mut(), &parent, &last);
    }
    document.to_string()
}

/// An empty table that nobody wrote a comment on.
fn is_bare_table(text: &str, path: &KeyPath) -> bool {
    let Ok(document) = text.parse::<DocumentMut>() else {
        return false;
    };
    let Some(item) = item_at(document.as_item(), path) else {
        return false;
    };
    let commented = item.as_table().is_some_and(|table| {
        let prefix = table.decor().prefix().and_then(toml_edit::RawString::as_str);
        prefix.is_some_and(|prefix| prefix.contains('#'))
    });
    item.as_table_like().is_some_and(TableLike::is_empty) && !commented
}

fn put_in(text: &str, path: &KeyPath, value: &Json) -> Result<String> {
    let mut document: DocumentMut = text.parse().map_err(|_| unwritable(path, "the file is not TOML"))?;
    let keys = path.only_keys();
    let section = keys.first().copied().unwrap_or_default();
    let is_new_section = !Table::contains_key(&document, section);
    if is_new_section && (keys.len() > 1 || value.is_object() || value.is_array()) {
        // Behind everything that is there: comments at the end of the file belong to what stands above them.
        let mut added = DocumentMut::new();
        insert(&mut added, path, value)?;
        let above = text.trim_end();
        let gap = if above.is_empty() { "" } else { "\n\n" };
        return Ok(format!("{above}{gap}{added}"));
    }
    insert(&mut document, path, value)?;
    Ok(document.to_string())
}

fn insert(document: &mut DocumentMut, path: &KeyPath, value: &Json) -> Result<()> {
    let keys = path.only_keys();
    let (last, parents) = keys.split_last().ok_or_else(|| unwritable(path, "the path is empty"))?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in parents {
        table = table
            .entry(key)
            .or_insert_with(implicit_table)
            .as_table_like_mut()
            .ok_or_else(|| unwritable(path, "a part of the path is no table"))?;
    }
    let new = to_item(value, parents.len()).map_err(|reason| unwritable(path, &reason))?;
    put(table, last, new);
    Ok(())
}

fn unwritable(path: &KeyPath, reason: &str) -> SettingsError {
    SettingsError::Unwritable { path: path.to_string(), reason: reason.to_owned() }
}

/// A table that is printed only when it holds a value of its own.
fn implicit_table() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// A value keeps the comment on its line when it is replaced.
fn put(table: &mut dyn TableLike, key: &str, mut new: Item) {
    let old = table.get(key).and_then(Item::as_value);
    if let (Some(old), Some(new)) = (old, new.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    match table.get_mut(key) {
        Some(slot) => *slot = new,
        None => {
            table.insert(key, new);
        }
    }
}

/// Sections and entries of sections are written as `[tables]`, everything deeper in one line.
fn to_item(value: &Json, depth: usize) -> std::result::Result<Item, String> {
    match value {
        Json::Object(fields) if depth < 2 => {
            let mut table = Table::new();
            for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                table.insert(key, to_item(value, depth + 1)?);
            }
            Ok(Item::Table(table))
        }
        Json::Array(entries) if depth == 0 && entries.iter().all(Json::is_object) => {
            let mut tables = ArrayOfTables::new();
            for entry in entries {
                // One step deeper: what stands in a rule is short and reads best in one line.
                let entry = to_item(entry, 1)?.into_table();
                tables.push(entry.map_err(|_| "an entry is no table".to_owned())?);
            }
            Ok(Item::ArrayOfTables(tables))
        }
        _ => to_value(value).map(Item::Value),
    }
}

fn to_value(value: &Json) -> std::result::Result<Value, String> {
    Ok(match value {
        Json::Null => return Err("TOML has no null".to_owned()),
        Json::Bool(flag) => (*flag).into(),
        Json::String(text) => text.as_str().into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) if !number.is_u64() => float.into(),
            _ => return Err(format!("{number} is too large for TOML")),
        },
        Json::Array(entries) => {
            let entries = entries.iter().map(to_value);
            Value::Array(entries.collect::<std::result::Result<Array, _>>()?)
        }
        Json::Object(fields) => {
            let mut table = InlineTable::new();
            for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                table.insert(key, to_value(value)?);
            }
            Value::InlineTable(table)
        }
    })
}

/// A TOML document from JSON, sections as tables. Used by the export.
pub(crate) fn to_document(value: &Json) -> Result<String> {
    let unwritable = |reason| SettingsError::Unwritable { path: String::new(), reason };
    let mut document = DocumentMut::new();
    let sections = value.as_object().into_iter().flatten();
    for (key, value) in sections {
        let mut item = to_item(value, 0).map_err(unwritable)?;
        if let Some(table) = item.as_table_mut() {
            table.set_implicit(true);
        }
        document.insert(key, item);
    }
    Ok(document.to_string())
}

/// Readers see the old file or the new one, never half of it, also after a power cut.
pub(crate) fn write_atomic(file: &Path, text: &str) -> Result<()> {
    // Settings are often a symbolic link into a folder of dotfiles: the link must survive.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let failed = |path: &Path, source| SettingsError::Write { path: path.to_owned(), source };
    let folder = folder_of(&target);
    fs::create_dir_all(&folder).map_err(|source| failed(&folder, source))?;
    let write = || -> std::io::Result<()> {
        let mut fresh = tempfile::Builder::new().prefix(".branchline-").tempfile_in(&folder)?;
        fresh.write_all(text.as_bytes())?;
        if let Ok(old) = fs::metadata(&target) {
            fresh.as_file().set_permissions(old.permissions())?;
        }
        fresh.as_file().sync_all()?;
        fresh.persist(&target).map_err(|error| error.error)?;
        sync_folder(&folder)
    };
    write().map_err(|source| failed(&target, source))
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The new name is safe only when its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Windows has no way to flush a folder; `persist` is a replace there.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "same signature as on unix")]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
