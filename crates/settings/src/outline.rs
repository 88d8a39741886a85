//! The outline of the settings: which keys exist where, and what each means. Read from the JSON schema of
//! `Settings`, so that hints, the reference page and the check for unknown keys cannot drift from the types.

use std::sync::LazyLock;

use serde_json::Value;

use crate::key_path::{KeyPath, Step};
use crate::project::ProjectSettings;
use crate::schema::Settings;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Settings).into());
static PROJECT: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(ProjectSettings).into());

/// The JSON schema (draft 2020-12) of the settings file.
#[must_use]
pub fn json_schema() -> &'static Value {
    &SCHEMA
}

/// What a schema says at one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    schema: &'static Value,
    at: &'static Value,
}

/// What stands under a key.
#[derive(Debug)]
pub(crate) enum Child {
    /// A known setting, or an entry of a table with free names.
    Known(Node),
    /// Anything may stand here.
    Free,
    /// No setting has this name.
    Unknown,
}

impl Node {
    /// The whole file.
    pub(crate) fn root() -> Self {
        Self { schema: &SCHEMA, at: &SCHEMA }
    }

    /// The whole file of a project.
    pub(crate) fn project() -> Self {
        Self { schema: &PROJECT, at: &PROJECT }
    }

    const fn below(self, at: &'static Value) -> Self {
        Self { schema: self.schema, at }
    }

    /// What stands under `key`.
    pub(crate) fn child(self, key: &str) -> Child {
        let object = self.object();
        let properties = object.get("properties");
        if let Some(child) = properties.and_then(|properties| properties.get(key)) {
            return Child::Known(self.below(child));
        }
        match object.get("additionalProperties") {
            Some(entry) if entry.is_object() => Child::Known(self.below(entry)),
            Some(Value::Bool(true)) => Child::Free,
            _ if properties.is_some() => Child::Unknown,
            _ => Child::Free,
        }
    }

    /// The schema of the entries of a list.
    pub(crate) fn entry(self) -> Option<Self> {
        self.object().get("items").map(|entry| self.below(entry))
    }

    /// The keys that may stand here; empty where names are free.
    pub(crate) fn keys(self) -> Vec<&'static str> {
        let properties = self.object().get("properties").and_then(Value::as_object);
        properties.map_or_else(Vec::new, |properties| properties.keys().map(String::as_str).collect())
    }

    /// The doc comment of the setting, on one line.
    pub(crate) fn description(self) -> Option<String> {
        let text = self.at.get("description").or_else(|| self.object().get("description"));
        text.and_then(Value::as_str).map(|text| text.replace('\n', " "))
    }

    /// Behind `$ref` and behind the `null` of an optional setting.
    fn object(self) -> &'static Value {
        let mut value = self.at;
        let resolve = |reference: &str| self.schema.pointer(reference.strip_prefix('#')?);
        for _ in 0..8 {
            let target = value.get("$ref").and_then(Value::as_str).and_then(resolve);
            let optional = value
                .get("anyOf")
                .and_then(Value::as_array)
                .and_then(|any| any.iter().find(|one| one.get("type") != Some(&Value::from("null"))));
            match target.or(optional) {
                Some(next) => value = next,
                None => break,
            }
        }
        value
    }
}

/// What the schema says about a path; `None` where the path is free or unknown.
pub(crate) fn node_at(path: &KeyPath) -> Option<Node> {
    path.0.iter().try_fold(Node::root(), |node, step| match step {
        Step::Index(_) => node.entry(),
        Step::Key(key) => match node.child(key) {
            Child::Known(child) => Some(child),
            Child::Free | Child::Unknown => None,
        },
    })
}

/// The hint of a setting: what its doc comment says.
pub(crate) fn hint_for(path: &KeyPath) -> String {
    node_at(path)
        .and_then(Node::description)
        .unwrap_or_else(|| "see `branchline config show` for the settings there are".to_owned())
}

/// The known name most like a mistyped one.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_description() {
        let mut bare = Vec::new();
        collect_bare(Node::root(), "", 0, &mut bare);
        assert_eq!(bare, Vec::<String>::new());
    }

    fn collect_bare(node: Node, path: &str, depth: usize, bare: &mut Vec<String>) {
        assert!(depth < 8, "the schema is deeper than the settings: {path}");
        for key in node.keys() {
            let Child::Known(child) = node.child(key) else { continue };
            let path = format!("{path}.{key}");
            if child.description().is_none() {
                bare.push(path.clone());
            }
            collect_bare(child, &path, depth + 1, bare);
            if let Some(entry) = child.entry() {
                collect_bare(entry, &path, depth + 1, bare);
            }
        }
    }

    #[test]
    fn a_mistyped_name_finds_its_neighbour() {
        assert_eq!(nearest("treshold", Node::root().keys()), None);
        assert_eq!(nearest("treshold", ["mode", "threshold"]), Some("threshold"));
    }
}
