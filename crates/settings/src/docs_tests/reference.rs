//! `docs/configuration.md`, made from the schema and the defaults.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::{Settings, json_schema};

const HEAD: &str = "# Settings, every one

One TOML file that holds only what you changed. `branchline config path` says where it is, `branchline config check` what is
wrong with it (with line and hint), `branchline config set routing.threshold 60` changes one value and keeps your comments.
Changes are taken up while Branchline runs; a request that runs keeps the settings it began with. Unknown keys are kept and
warned about, but for [those that may be privacy rules](rules.md#privacy). A file that does not check is not used: the settings from
before stay, save for what the file says must not leave.

The same with examples: [defaults.toml](../crates/settings/src/defaults.toml), which says what no file says
(`branchline config show --defaults`). How rules, aliases and privacy work together: [rules.md](rules.md).

| variable | over |
|---|---|
| `BRANCHLINE_CONFIG` | the place of the settings file (`--config` is stronger) |
| `BRANCHLINE_DATA` | the folder of database, tokens and log (`--data-dir` is stronger) |
| `BRANCHLINE_KEY_<BACKEND>` | the key of a backend in the keyring, such as `BRANCHLINE_KEY_ANTHROPIC` |
| `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | how cloud backends are reached; never asked for your own servers |

This page is made from the code by `./dev docs`; a test sees to it that it is true.
";

/// The whole page.
pub(super) fn page() -> String {
    let defaults = serde_json::to_value(Settings::default()).unwrap();
    let mut page = HEAD.to_owned();
    let mut small = String::new();
    for (name, node) in properties(json_schema()) {
        section(&mut page, &mut small, name, node, &defaults[name]);
    }
    assert_eq!(small, "", "every setting has a section");
    page
}

/// How a table is written in the file.
enum Shape<'s> {
    /// `[path]`
    Table(&'s Value),
    /// `[path.NAME]`
    Named(&'s Value),
    /// `[[path]]`
    List(&'s Value),
    /// A value.
    Leaf,
    /// `[path]` with names of the user's own and plain values.
    Free,
}

fn shape(node: &Value) -> Shape<'_> {
    let object = resolved(node);
    let entry = object.get("additionalProperties").filter(|entry| entry.is_object());
    match (properties(object).next(), entry, object.get("items")) {
        (Some(_), ..) => Shape::Table(object),
        (None, Some(entry), _) if properties(resolved(entry)).next().is_some() => Shape::Named(resolved(entry)),
        (None, Some(_), _) => Shape::Free,
        (None, None, Some(items)) if properties(resolved(items)).next().is_some() => Shape::List(resolved(items)),
        _ => Shape::Leaf,
    }
}

/// A heading, a table of its values, and the sections below it. A value goes to the table of the section above.
fn section(page: &mut String, above: &mut String, path: &str, node: &Value, default: &Value) {
    let (title, object) = match shape(node) {
        Shape::Table(object) => (format!("[{path}]"), object),
        Shape::Named(object) => (format!("[{path}.NAME]"), object),
        Shape::List(object) => (format!("[[{path}]]"), object),
        // At the root these have sections of their own; below it they are values.
        Shape::Free if !path.contains('.') => {
            let kind = words(resolved(&resolved(node)["additionalProperties"]));
            let _ = write!(page, "\n## `[{path}]`\n{}\n\nEach value is {kind}.\n", description(node));
            return;
        }
        Shape::Free | Shape::Leaf => {
            let name = path.rsplit('.').next().unwrap_or(path);
            let _ =
                writeln!(above, "| `{name}` | {} | {} | {} |", words(node), written(default), cell(&description(node)));
            return;
        }
    };
    let _ = write!(page, "\n## `{title}`\n{}\n", description(node));
    let path = if title.ends_with(".NAME]") { format!("{path}.NAME") } else { path.to_owned() };
    let (mut rows, mut below) = (String::new(), String::new());
    for (name, node) in properties(object) {
        section(&mut below, &mut rows, &format!("{path}.{name}"), node, default.get(name).unwrap_or(&Value::Null));
    }
    if !rows.is_empty() {
        let _ = write!(page, "\n| setting | value | default | what it does |\n|---|---|---|---|\n{rows}");
    }
    page.push_str(&below);
}

fn properties(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// Behind `$ref` and behind the `null` of an optional setting.
fn resolved(node: &Value) -> &Value {
    let target = node.get("$ref").and_then(Value::as_str);
    if let Some(target) = target.and_then(|target| json_schema().pointer(target.strip_prefix('#')?)) {
        return resolved(target);
    }
    match alternatives(node).as_slice() {
        [only] => resolved(only),
        _ => node,
    }
}

fn alternatives(node: &Value) -> Vec<&Value> {
    let any = node.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    any.filter(|one| one.get("type") != Some(&Value::from("null"))).collect()
}

fn description(node: &Value) -> String {
    let text = node.get("description").or_else(|| resolved(node).get("description")).and_then(Value::as_str);
    text.unwrap_or_default().replace('\n', " ")
}

/// What may be written there.
fn words(node: &Value) -> String {
    if node["$ref"].as_str().is_some_and(|target| target.ends_with("/ModelRef")) {
        return "`\"backend:model\"`".into();
    }
    let node = resolved(node);
    if let Some(fixed) = node.get("const") {
        return written(fixed);
    }
    let several = |list: Vec<String>| list.join(", ");
    if let Some(values) = node.get("enum").and_then(Value::as_array) {
        return several(values.iter().filter(|value| !value.is_null()).map(written).collect());
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(choices) = node.get(key).and_then(Value::as_array) {
            return several(choices.iter().map(words).collect::<Vec<_>>()).replace(", a list", " or a list");
        }
    }
    let kinds = match &node["type"] {
        Value::Array(kinds) => kinds.iter().find_map(|kind| kind.as_str().filter(|kind| *kind != "null")),
        kind => kind.as_str(),
    };
    match kinds {
        Some("string") => "text".into(),
        Some("integer" | "number") => "number".into(),
        Some("boolean") => "`true`, `false`".into(),
        Some("array") => format!("list of {}", words(&node["items"])),
        _ => "table".into(),
    }
}

/// A value as it stands in the file.
fn written(value: &Value) -> String {
    match value {
        Value::Null => "not set".into(),
        Value::Object(table) if table.is_empty() => "not set".into(),
        value => format!("`{}`", cell(&value.to_string())),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
