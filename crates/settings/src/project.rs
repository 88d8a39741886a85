//! `.branchline.toml`: what a project sets for itself. Read only in folders the user trusts.

use branchline_routing::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml_edit::Document;

use crate::kept;
use crate::load::unknown_keys;
use crate::outline::Node;
use crate::schema::{self, Mode, Roles, Settings};

/// Name of a project's own settings file.
pub const PROJECT_FILE: &str = ".branchline.toml";

/// What a project may set for the requests of clients that work in it. Servers and keys it may not: those are the
/// user's, and a model named here must be on one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectSettings {
    /// Nothing of this project leaves the user's own machines.
    pub never_cloud: bool,
    /// When its work goes to the cloud.
    pub routing: ProjectRouting,
    /// Which model does what; a role that is not set is the user's.
    pub roles: Roles,
    /// Rules asked before the user's.
    pub rules: Vec<schema::Rule>,
}

/// The part of `[routing]` a project may set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectRouting {
    /// As `routing.mode`. A project that says "cloud" does not beat a user who keeps everything local.
    pub mode: Option<Mode>,
    /// As `routing.threshold` (0 to 100).
    pub threshold: Option<u8>,
    /// As `routing.fallback_to_cloud`; a project may only forbid it.
    pub fallback_to_cloud: Option<bool>,
    /// As `routing.fallback_to_local`.
    pub fallback_to_local: Option<bool>,
}

impl ProjectSettings {
    /// Reads the text of a project's file.
    ///
    /// # Errors
    /// The first thing that is wrong with it, in words, with its line where there is one.
    pub fn read(text: &str, user: &Settings) -> Result<Self, String> {
        let read: Self = toml_edit::de::from_str(text).map_err(|error| in_words(text, &error))?;
        if read.routing.threshold.is_some_and(|threshold| threshold > 100) {
            return Err("routing.threshold: it is not from 0 to 100".into());
        }
        let mut whole = user.clone();
        whole.rules.clone_from(&read.rules);
        whole.roles.clone_from(&read.roles);
        let problems = crate::check::findings(&whole).problems;
        let own = |path: &str| path.starts_with("rules") || path.starts_with("roles");
        match problems.into_iter().find(|problem| own(&problem.path)) {
            Some(problem) => Err(format!("{problem} (hint: {})", problem.hint)),
            None => Ok(read),
        }
    }

    /// Whether a file that is not understood may have wanted its project kept on the user's machines: a privacy rule is in
    /// it, or what looks like one, or a mode nobody knows.
    #[must_use]
    pub fn may_keep_back(text: &str) -> bool {
        kept::mentions_privacy(text) || kept::has_word(text, |word| word == "mode")
    }

    /// Its rules as the router asks them; `file` names those without a name.
    #[must_use]
    pub fn compiled_rules(&self, file: &str) -> Vec<Rule> {
        let rules = self.rules.iter().enumerate();
        rules.filter_map(|(index, rule)| rule.compile(&format!("rules[{index}] of {file}"))).collect()
    }
}

/// A mistyped name is told with the one that was meant; serde lists all there are.
fn in_words(text: &str, error: &toml_edit::de::Error) -> String {
    let unknown = Document::parse(text).ok().and_then(|file| unknown_keys(&file, Node::project()).into_iter().next());
    if let Some(unknown) = unknown {
        return format!("{unknown} (hint: {})", unknown.hint);
    }
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let said = error.message().trim().replace('\n', ", ");
    line.map_or_else(|| said.clone(), |line| format!("line {line}: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_sets_its_own_rules_and_names_what_is_wrong() {
        let user = Settings::default();
        let good = "never_cloud = true\n[routing]\nthreshold = 70\n[[rules]]\nwhen = { subagent = true }\nthen = { role = \"coder\" }\n";
        let read = ProjectSettings::read(good, &user).unwrap();
        assert!(read.never_cloud && read.compiled_rules("x").len() == 1);
        for (bad, part) in [
            (
                "[backends.evil]\nbase_url = \"http://example.com\"\n",
                "line 1: backends: there is no setting \"backends\"",
            ),
            ("never_clod = true\n", "line 1: never_clod: there is no setting \"never_clod\""),
            ("never_clod = true\n", "did you mean \"never_cloud\"?"),
            ("\n[routing]\nmood = \"local\"\n", "line 3: routing.mood"),
            ("[routing]\nthreshold = 101\n", "0 to 100"),
            ("\n[roles]\ncoder = \"nowhere:x\"\n", "no backend \"nowhere\""),
            ("[[rules]]\nwhen = { hours = \"noon\" }\nthen = { role = \"cloud\" }\n", "rules[0].when.hours"),
            ("never_cloud = 1\n", "line 1"),
        ] {
            let error = ProjectSettings::read(bad, &user).unwrap_err();
            assert!(error.contains(part), "{bad}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_not_understood_may_have_wanted_its_project_kept() {
        let user = Settings::default();
        for bad in [
            "never_clod = true\n",
            "neverCloud = true\n",
            "[never-cloud]\n",
            "[routing]\nmode = \"locall\"\n",
            "never_cloud = [",
        ] {
            assert!(ProjectSettings::read(bad, &user).is_err() && ProjectSettings::may_keep_back(bad), "{bad}");
        }
        for plain in ["[routing]\nthreshold = 101\n", "[roles]\ncoder = \"nowhere:model\"\n", "[backends.evil]\n"] {
            assert!(!ProjectSettings::may_keep_back(plain), "{plain}");
        }
    }
}
