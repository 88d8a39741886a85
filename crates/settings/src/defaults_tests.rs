//! The defaults file, the schema and `Default` say the same.

use toml_edit::{DocumentMut, Item};

use crate::outline::{Child, Node};
use crate::{DEFAULTS_TOML, ResolvedBackend, Settings, check};

/// The file with its examples switched on: lines that begin with `#` and a key or a section.
fn with_examples() -> String {
    let lines = DEFAULTS_TOML.lines().map(|line| match line.strip_prefix('#') {
        Some(example) if !example.is_empty() && !example.starts_with(' ') => example,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_defaults_file_says_the_same_as_no_file() {
    let report = check(DEFAULTS_TOML);
    assert_eq!((report.problems, report.warnings), (vec![], vec![]));
    assert_eq!(report.settings, Settings::default());
    assert_eq!(check("").settings, Settings::default());
}

#[test]
fn the_examples_in_the_defaults_file_are_good() {
    let report = check(&with_examples());
    assert_eq!((report.problems, report.warnings), (vec![], vec![]));
    assert_ne!(report.settings, Settings::default());
}

#[test]
fn every_setting_is_mentioned_in_the_defaults_file() {
    let document: DocumentMut = with_examples().parse().unwrap();
    let mut missing = Vec::new();
    collect_missing(Node::root(), &[document.as_item()], "", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

/// A name counts as mentioned when one of the tables that may hold it does.
fn collect_missing(node: Node, items: &[&Item], path: &str, missing: &mut Vec<String>) {
    for key in node.keys() {
        let path = format!("{path}.{key}");
        let found: Vec<&Item> = items.iter().filter_map(|item| item.get(key)).collect();
        if found.is_empty() {
            missing.push(path);
            continue;
        }
        let Child::Known(child) = node.child(key) else { continue };
        collect_below(child, &found, &path, missing);
    }
}

fn collect_below(node: Node, items: &[&Item], path: &str, missing: &mut Vec<String>) {
    collect_missing(node, items, path, missing);
    if let Child::Known(entry) = node.child("any name") {
        let entries: Vec<&Item> = items
            .iter()
            .filter_map(|item| item.as_table_like())
            .flat_map(|table| table.iter().map(|(_, entry)| entry))
            .collect();
        collect_missing(entry, &entries, path, missing);
    }
    if let Some(entry) = node.entry() {
        let entries: Vec<&Item> =
            (0..8).flat_map(|index| items.iter().filter_map(move |item| item.get(index))).collect();
        collect_missing(entry, &entries, path, missing);
    }
}

#[test]
fn the_default_backends_are_four_local_servers_to_probe_and_anthropic() {
    let backends = Settings::default().resolved_backends();
    let summary: Vec<_> = backends
        .iter()
        .map(|backend: &ResolvedBackend| (backend.name.as_str(), backend.local, backend.protocol.is_none()))
        .collect();
    assert_eq!(
        summary,
        [
            ("lmstudio", true, true),
            ("llamacpp", true, true),
            ("ollama", true, true),
            ("vllm", true, true),
            ("anthropic", false, false),
        ]
    );
    assert!(crate::presets::DEFAULT_CLOUD_MODEL.parse::<crate::ModelRef>().is_ok());
}
