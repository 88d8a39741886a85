//! What must stay on the user's machines although it cannot be read. Of no other setting a loss is worse than its default;
//! here the default lets out what was written to be kept. So where a privacy rule was left out, mistyped names of keys
//! included, nothing leaves, and where `routing.mode` was, everything is local, until the file is mended.

use std::cmp::Reverse;

use serde::Deserialize;

use crate::key_path::{KeyPath, Step};
use crate::load::{Problem, Report};
use crate::outline::nearest;
use crate::schema::{Mode, NeverCloudSettings, ProjectsSettings, Settings};

/// The sections that say what must not leave: the user's rules, and whose folders have rules of their own.
const SECTIONS: [&str; 2] = ["never_cloud", "projects"];
/// Their keys that are the name of nothing else: under another section they were misplaced.
const KEYS: [&str; 3] = ["texts", "paths", "trusted"];

#[derive(Default, PartialEq, Deserialize)]
#[serde(default)]
struct Privacy {
    never_cloud: NeverCloudSettings,
    projects: ProjectsSettings,
}

impl Privacy {
    fn of(settings: &Settings) -> Self {
        Self { never_cloud: settings.never_cloud.clone(), projects: settings.projects.clone() }
    }
}

/// As much of the file as says whether everything is to stay.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ways {
    routing: Way,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Way {
    mode: Mode,
}

impl Settings {
    /// Why everything stays on the user's machines, or all that nobody insists on, until the settings file is mended.
    #[must_use]
    pub fn held(&self) -> Option<&str> {
        self.never_cloud.unread.as_deref().or(self.routing.unread.as_deref())
    }

    /// These settings, with what a file that is not used as a whole says of what must stay. Each rule a user has
    /// written is in force at once, whatever else is wrong with his file.
    #[must_use]
    pub fn keeping(&self, file: &Report) -> Self {
        let (mut kept, said) = (self.clone(), &file.settings);
        let is_read = file.problems.iter().all(|problem| !problem.path.is_empty());
        match &said.never_cloud.unread {
            // The rules that were in force stay beside it: they say the same once it is mended.
            Some(why) => kept.never_cloud.unread = Some(why.clone()),
            None if is_read => {
                kept.never_cloud.clone_from(&said.never_cloud);
                kept.projects.clone_from(&said.projects);
            }
            None => {}
        }
        let wants_local = said.routing.mode == Mode::Local;
        if said.routing.unread.is_some() || (is_read && (wants_local || kept.routing.unread.is_some())) {
            kept.routing.mode = said.routing.mode;
            kept.routing.unread.clone_from(&said.routing.unread);
        }
        kept
    }
}

/// Whether a key that is no setting may have been meant as a rule about what must stay.
pub(crate) fn may_be_a_rule(at: &KeyPath) -> bool {
    let [before @ .., Step::Key(key)] = at.0.as_slice() else { return false };
    let within = |section: &&str| matches!(before.first(), Some(Step::Key(first)) if first == section);
    let names = before.is_empty() && key.starts_with("project");
    // A condition of a rule that is no condition has another meaning, and another warning.
    let misplaced = KEYS.contains(&key.as_str()) && !within(&"rules");
    SECTIONS.iter().any(within) || names || misplaced || is_like_never_cloud(key)
}

/// What is wrong with such a key.
pub(crate) fn as_rule(mut unknown: Problem) -> Problem {
    if let [.., Step::Key(key)] = unknown.at.0.as_slice() {
        unknown.message = format!("there is no setting \"{key}\": what it is to keep here is not known");
        if KEYS.contains(&key.as_str()) {
            let section = if key == "trusted" { "projects" } else { "never_cloud" };
            unknown.hint = format!("did you mean \"{section}.{key}\"?");
        } else if is_like_never_cloud(key) {
            unknown.hint = "did you mean \"never_cloud\"?".to_owned();
        }
    }
    unknown
}

fn is_like_never_cloud(word: &str) -> bool {
    nearest(&word.to_lowercase(), ["never_cloud"]).is_some()
}

/// Puts into the settings of a report why they are not all that the file says about what must stay. Only the place is
/// told, for the words of a problem may repeat a rule.
pub(crate) fn hold(text: &str, rules: &[Problem], report: &mut Report) {
    let unknown =
        rules.first().map(|rule| format!("a rule in the settings file{} is not known: {}", line(rule), rule.hint));
    report.settings.never_cloud.unread = unknown.or_else(|| privacy_lost(text, report));
    if let Some(why) = mode_lost(text, report) {
        (report.settings.routing.mode, report.settings.routing.unread) = (Mode::Local, Some(why));
    }
}

/// The same where the file as a whole cannot be read.
pub(crate) fn hold_unreadable(text: &str, report: &mut Report) {
    let why = report.problems.first().map(cannot_be_read);
    if mentions_privacy(text) || has_word(text, |word| word == "trusted") {
        report.settings.never_cloud.unread.clone_from(&why);
    }
    if has_word(text, |word| word == "mode") {
        (report.settings.routing.mode, report.settings.routing.unread) = (Mode::Local, why);
    }
}

/// Whether a text that is not understood may have wanted something kept back for good.
pub(crate) fn mentions_privacy(text: &str) -> bool {
    text.contains("never_cloud") || has_word(text, is_like_never_cloud)
}

pub(crate) fn has_word(text: &str, is_it: impl Fn(&str) -> bool) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '-').any(is_it)
}

/// Why it is not known what must stay: something of the rules that say so was left out.
fn privacy_lost(text: &str, report: &Report) -> Option<String> {
    let first = report.problems.first()?;
    let bad = worst(report, &SECTIONS.map(|section| KeyPath::keys([section])));
    // They may have gone together with what is bad elsewhere.
    let is_whole =
        toml_edit::de::from_str::<Privacy>(text).is_ok_and(|written| written == Privacy::of(&report.settings));
    (bad.is_some() || !is_whole).then(|| cannot_be_read(bad.unwrap_or(first)))
}

/// Why it is not known whether everything is to stay. Whoever mistypes `local` must not get `auto` for it.
fn mode_lost(text: &str, report: &Report) -> Option<String> {
    let first = report.problems.first()?;
    let bad = worst(report, &[KeyPath::keys(["routing", "mode"])]);
    let is_whole =
        toml_edit::de::from_str::<Ways>(text).is_ok_and(|written| written.routing.mode == report.settings.routing.mode);
    (!is_whole).then(|| cannot_be_read(bad.unwrap_or(first)))
}

/// The problem in one of these places that says best where.
fn worst<'r>(report: &'r Report, places: &[KeyPath]) -> Option<&'r Problem> {
    let touching = |one: &&Problem| !one.at.0.is_empty() && places.iter().any(|at| at.touches(&one.at));
    report.problems.iter().filter(touching).min_by_key(|one| Reverse(one.at.0.len()))
}

fn cannot_be_read(problem: &Problem) -> String {
    match problem.path.as_str() {
        "" => format!("the settings file cannot be read{}", line(problem)),
        path => format!("{path} in the settings file{} cannot be read", line(problem)),
    }
}

fn line(problem: &Problem) -> String {
    problem.line.map_or_else(String::new, |line| format!(" (line {line})"))
}

#[cfg(test)]
mod tests;
