//! Settings made into what the router decides with: rules, privacy patterns, folders. Checked settings always compile.

use std::path::{Path, PathBuf};

use branchline_routing::{Finder, Glob, Hours, NeverCloud, PathGlob, PatternError, Rule, Then, When};

use crate::schema::{self, NeverCloudSettings, RuleWhen, Settings};

/// The user's home folder, for `~` in paths.
#[must_use]
pub fn home_folder() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned())
}

/// `~/x` under the user's home; other paths as they are.
pub(crate) fn expand(folder: &str) -> PathBuf {
    let below_home = folder.strip_prefix("~/").or_else(|| (folder == "~").then_some(""));
    match (below_home, home_folder()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(folder),
    }
}

fn path_glob(folder: &str) -> PathGlob {
    PathGlob::new(&expand(folder).to_string_lossy())
}

/// The finder of all texts and paths that must stay here. A path under the home folder is found in both its forms.
pub(crate) fn finder(never: &NeverCloudSettings) -> Result<Finder, PatternError> {
    let mut paths = Vec::new();
    for (list, folders) in [("paths", &never.paths), ("projects", &never.projects)] {
        for (index, folder) in folders.iter().enumerate() {
            let name = format!("never_cloud.{list}[{index}]");
            if folder.starts_with('~') {
                paths.push((name.clone(), PathGlob::new(folder)));
            }
            paths.push((name, path_glob(folder)));
        }
    }
    Finder::words(&never.texts, |index| format!("never_cloud.texts[{index}]"))?.and_paths(&paths)
}

impl NeverCloudSettings {
    /// What it means for a decision.
    ///
    /// # Errors
    /// A pattern that cannot be read; checked settings have none.
    pub fn compile(&self) -> Result<NeverCloud, PatternError> {
        let named = |(index, folder): (usize, &String)| (format!("never_cloud.projects[{index}]"), path_glob(folder));
        let paths =
            self.paths.iter().enumerate().map(|(at, path)| (format!("never_cloud.paths[{at}]"), path_glob(path)));
        let projects = self.projects.iter().enumerate().map(named).chain(paths).collect();
        Ok(NeverCloud { unread: self.unread.clone(), projects, finder: finder(self)? })
    }
}

impl schema::Rule {
    /// What it means for a decision. `place` names a rule that has no name. `None` when it sends nowhere or a
    /// pattern cannot be read; checked settings have no such rule.
    #[must_use]
    pub fn compile(&self, place: &str) -> Option<Rule> {
        let then = match self.then.role {
            Some(role) => Then::Role(role),
            None if self.then.model.is_empty() => return None,
            None => Then::Models(self.then.model.0.clone()),
        };
        let name = self.name.as_ref().map_or_else(|| place.to_owned(), |name| format!("rule \"{name}\""));
        Some(Rule { name, when: when(&self.when)?, then })
    }
}

fn when(when: &RuleWhen) -> Option<When> {
    let glob = |text: &Option<String>| text.as_deref().map(Glob::new);
    let text = match &when.text {
        Some(text) => Some(Finder::words(std::slice::from_ref(text), |_| "text".to_owned()).ok()?),
        None => None,
    };
    let hours = match &when.hours {
        Some(text) => Some(text.parse::<Hours>().ok()?),
        None => None,
    };
    Some(When {
        header: when.header.as_ref().map(|header| (header.name.clone(), glob(&header.value))),
        model: glob(&when.model),
        path: glob(&when.path),
        project: when.project.as_deref().map(path_glob),
        tool: glob(&when.tool),
        text,
        tokens_over: when.tokens_over,
        tokens_under: when.tokens_under,
        has_images: when.has_images,
        has_tools: when.has_tools,
        thinking: when.thinking,
        subagent: when.subagent,
        hours,
        days: when.days.clone(),
    })
}

impl Settings {
    /// The rules as the router asks them.
    #[must_use]
    pub fn compiled_rules(&self) -> Vec<Rule> {
        let rules = self.rules.iter().enumerate();
        rules.filter_map(|(index, rule)| rule.compile(&format!("rules[{index}]"))).collect()
    }

    /// The trusted folder a path lies in, the innermost one.
    #[must_use]
    pub fn trusted_folder(&self, path: &Path) -> Option<PathBuf> {
        let folders = self.projects.trusted.iter().map(|folder| expand(folder));
        folders.filter(|folder| path.starts_with(folder)).max_by_key(|folder| folder.components().count())
    }
}
