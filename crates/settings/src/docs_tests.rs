//! The pages about settings are true: the reference is what the schema says, the examples check.

mod reference;

use std::path::Path;

use crate::{ProjectSettings, Settings, check};

/// README and everything in docs.
fn pages() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|end| end == "md") => files.push(path),
                _ => {}
            }
        }
    }
    files.iter().map(|file| std::fs::read_to_string(file).unwrap().replace('\r', "")).collect()
}

/// The texts of the blocks that begin with this line.
fn blocks(opening: &str) -> Vec<String> {
    let page = pages();
    let mut found = Vec::new();
    let mut lines = page.lines();
    while lines.by_ref().any(|line| line == opening) {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        found.push(block.join("\n"));
    }
    found
}

#[test]
fn every_example_checks() {
    let examples = blocks("```toml");
    assert!(examples.len() >= 12, "{}", examples.len());
    for example in examples {
        let report = check(&example);
        assert_eq!((report.problems, report.warnings), (vec![], vec![]), "{example}");
        assert_ne!(report.settings, Settings::default(), "{example}");
    }
}

#[test]
fn the_example_of_a_project_file_is_one() {
    let examples = blocks("```toml project");
    assert_eq!(examples.len(), 1);
    let read = ProjectSettings::read(&examples[0], &Settings::default()).unwrap();
    assert!(read.never_cloud && read.rules.len() == 1);
}

#[test]
fn the_reference_is_what_the_schema_says() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let expected = reference::page();
    if std::env::var_os("BRANCHLINE_UPDATE_DOCS").is_some() {
        std::fs::write(file, &expected).unwrap();
    }
    let found = std::fs::read_to_string(file).unwrap_or_default().replace('\r', "");
    let differs = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(
        found == expected,
        "docs/configuration.md is not what the schema says, first {differs:?}; ./dev docs writes it anew"
    );
}
