//! Reading a settings file. All problems are told, not the first only, and a file with problems still yields
//! settings that are valid: each bad value is left out and its default stands. Of what must not leave the user's machines
//! nothing may be left out in silence: `kept` looks for that.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;
use toml_edit::{Document, DocumentMut, Item};

use crate::check::{Findings, findings};
use crate::error::{Result, SettingsError};
use crate::kept;
use crate::key_path::{KeyPath, Step, line_at, line_of, path_at};
use crate::outline::{Child, Node, hint_for, nearest};
use crate::schema::Settings;

/// One thing that is wrong with a settings file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path of the setting, such as `backends.lmstudio.base_url`; empty when it is the file itself.
    pub path: String,
    /// What is wrong, with the value.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    #[serde(skip)]
    pub(crate) at: KeyPath,
}

impl Problem {
    pub(crate) fn new(at: &KeyPath, message: String, hint: String) -> Self {
        Self { path: at.to_string(), message, hint, line: None, at: at.clone() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)
    }
}

/// What a settings file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Valid in any case: a bad value is replaced by its default. Where that touches what must not leave,
    /// `never_cloud.unread` and `routing.unread` say so.
    pub settings: Settings,
    /// Unknown keys (kept, without effect) and what looks like a mistake.
    pub warnings: Vec<Problem>,
    /// Bad values, and unknown keys that may have been meant as privacy rules. Empty when the file is good.
    pub problems: Vec<Problem>,
}

impl Report {
    /// The settings, when nothing is wrong with them.
    ///
    /// # Errors
    /// `SettingsError::Invalid` with every problem.
    pub fn into_settings(self) -> Result<Settings> {
        match self.problems.is_empty() {
            true => Ok(self.settings),
            false => Err(SettingsError::Invalid { problems: self.problems }),
        }
    }
}

/// Reads and checks the user's file. No file is the same as an empty one.
///
/// # Errors
/// When the file is there and cannot be read. Bad contents are in the report.
pub fn load(file: &Path) -> Result<Report> {
    Ok(check(&read(file)?))
}

/// The text of the user's file; empty when there is none.
pub(crate) fn read(file: &Path) -> Result<String> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(SettingsError::Read { path: file.to_owned(), source }),
    }
}

/// Checks the text of a settings file (TOML, differences from the defaults).
#[must_use]
pub fn check(text: &str) -> Report {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return unreadable(text, &error),
    };
    let (settings, findings) = read_all(text);
    let mut report = Report { settings, warnings: findings.warnings, problems: findings.problems };
    let mut unknown = unknown_keys(&document, Node::root());
    let rules: Vec<Problem> = unknown.extract_if(.., |one| kept::may_be_a_rule(&one.at)).map(kept::as_rule).collect();
    report.warnings.append(&mut unknown);
    report.problems.extend(rules.iter().cloned());
    for problem in report.problems.iter_mut().chain(&mut report.warnings) {
        problem.line = problem.line.or_else(|| line_of(&document, &problem.at));
    }
    report.problems.sort_by_key(|problem| problem.line);
    report.warnings.sort_by_key(|warning| warning.line);
    kept::hold(text, &rules, &mut report);
    report
}

fn unreadable(text: &str, error: &toml_edit::TomlError) -> Report {
    let message = format!("this is not TOML: {}", error.message().trim().replace('\n', ", "));
    let hint = "texts stand in quotes, sections in [brackets], each key once".to_owned();
    let mut problem = Problem::new(&KeyPath::default(), message, hint);
    problem.line = error.span().map(|span| line_at(text, span.start));
    let mut report = Report { settings: Settings::default(), warnings: Vec::new(), problems: vec![problem] };
    kept::hold_unreadable(text, &mut report);
    report
}

/// First the types, then the meaning. Whatever is wrong is taken out and the rest read again.
fn read_all(text: &str) -> (Settings, Findings) {
    let mut working = text.to_owned();
    let mut problems = Vec::new();
    let mut settings = read_types(&mut working, &mut problems);
    let mut found = findings(&settings);
    // A value that was left out must not be reported a second time as missing.
    let is_news = |later: &Problem| !problems.iter().any(|known: &Problem| known.at.touches(&later.at));
    found.problems.retain(is_news);
    found.warnings.retain(is_news);
    problems.append(&mut found.problems);
    if drop_bad_rules(&mut working, &problems) {
        settings = read_types(&mut working, &mut Vec::new());
    }
    while let Some(problem) = findings(&settings).problems.into_iter().next() {
        match without(&working, &problem.at) {
            Some(shorter) => working = shorter,
            None => return (Settings::default(), Findings { problems, ..found }),
        }
        settings = read_types(&mut working, &mut Vec::new());
    }
    (settings, Findings { problems, ..found })
}

/// A rule without its bad condition would take requests it was never meant for: the whole rule goes.
fn drop_bad_rules(working: &mut String, problems: &[Problem]) -> bool {
    let mut bad: Vec<usize> = problems.iter().filter_map(|problem| problem.at.rule()).collect();
    bad.sort_unstable();
    bad.dedup();
    // From the end, so that the numbers before stay right.
    for index in bad.iter().rev() {
        let rule = KeyPath::keys(["rules"]).at(*index);
        if let Some(shorter) = without(working, &rule) {
            *working = shorter;
        }
    }
    !bad.is_empty()
}

/// serde stops at the first bad value, so it is taken out and the text read again until all of it is good.
fn read_types(working: &mut String, problems: &mut Vec<Problem>) -> Settings {
    loop {
        let error = match toml_edit::de::from_str::<Settings>(working) {
            Ok(settings) => return settings,
            Err(error) => error,
        };
        let at = place_of(&error, working);
        problems.push(type_problem(&error, &at));
        match without(working, &at) {
            Some(shorter) => *working = shorter,
            None => return Settings::default(),
        }
    }
}

fn place_of(error: &toml_edit::de::Error, text: &str) -> KeyPath {
    let document = Document::parse(text).ok();
    document
        .zip(error.span())
        .and_then(|(document, span)| path_at(&document, &span))
        .unwrap_or_default()
        .up_to_last_key()
}

fn type_problem(error: &toml_edit::de::Error, at: &KeyPath) -> Problem {
    let message = match at.0.last() {
        // People paste the key itself here; it must not come back in a message.
        Some(Step::Key(key)) if key == "auth" => {
            "the value is none of \"key\", \"none\" and \"passthrough\"".to_owned()
        }
        _ => in_words(error.message().trim()),
    };
    Problem::new(at, message, hint_for(at))
}

/// serde names Rust's types; people who write settings need not know them.
fn in_words(message: &str) -> String {
    let types = [
        // All of them are shares, scores or parts of scores.
        ("expected u8", "expected a whole number from 0 to 100"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number from 0"),
        ("expected a boolean", "expected true or false"),
        ("expected struct ", "expected a section: "),
    ];
    let message = message.replace('\n', ", ");
    types.iter().fold(message, |told, (rust, plain)| told.replace(rust, plain))
}

/// The text without the value at a path, or without the nearest part of the file above it.
/// `None` when nothing of the path is in the file.
fn without(text: &str, path: &KeyPath) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let mut path = path.clone();
    while let Some(last) = path.0.pop() {
        if remove(document.as_item_mut(), &path, &last) {
            return Some(document.to_string());
        }
    }
    None
}

pub(crate) fn remove(root: &mut Item, parent: &KeyPath, last: &Step) -> bool {
    let parent = parent.0.iter().try_fold(root, |item, step| match step {
        Step::Key(key) => item.get_mut(key.as_str()),
        Step::Index(index) => item.get_mut(*index),
    });
    let Some(parent) = parent else { return false };
    match last {
        Step::Key(key) => parent.as_table_like_mut().is_some_and(|table| table.remove(key).is_some()),
        Step::Index(index) => remove_entry(parent, *index),
    }
}

fn remove_entry(list: &mut Item, index: usize) -> bool {
    if let Some(tables) = list.as_array_of_tables_mut().filter(|tables| index < tables.len()) {
        tables.remove(index);
        return true;
    }
    if let Some(array) = list.as_array_mut().filter(|array| index < array.len()) {
        array.remove(index);
        return true;
    }
    false
}

/// Every key of a file that is no setting, each with the nearest one that is.
pub(crate) fn unknown_keys(document: &Document<&str>, outline: Node) -> Vec<Problem> {
    let mut unknown = Vec::new();
    find_unknown(document.as_item(), outline, &KeyPath::default(), &mut unknown);
    for problem in &mut unknown {
        problem.line = line_of(document, &problem.at);
    }
    unknown
}

fn find_unknown(item: &Item, node: Node, path: &KeyPath, found: &mut Vec<Problem>) {
    if let Some(table) = item.as_table_like() {
        for (key, child) in table.iter() {
            let longer = path.join(key);
            match node.child(key) {
                Child::Known(below) => find_unknown(child, below, &longer, found),
                Child::Unknown => found.push(unknown(key, node, &longer)),
                Child::Free => {}
            }
        }
    }
    let Some(entry) = node.entry() else { return };
    let tables = item.as_array_of_tables().map_or(0, toml_edit::ArrayOfTables::len);
    for index in 0..tables {
        if let Some(child) = item.get(index) {
            find_unknown(child, entry, &path.at(index), found);
        }
    }
}

fn unknown(key: &str, node: Node, path: &KeyPath) -> Problem {
    let looks_like_key =
        ["api_key", "key", "token", "secret"].iter().any(|name| key.to_ascii_lowercase().ends_with(name));
    let hint = match nearest(key, node.keys()) {
        _ if looks_like_key => {
            "keys do not belong in the settings file: remove it and use `branchline key set NAME`".to_owned()
        }
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known here: {}", node.keys().join(", ")),
    };
    Problem::new(path, format!("there is no setting \"{key}\"; it has no effect"), hint)
}

#[cfg(test)]
mod tests;
