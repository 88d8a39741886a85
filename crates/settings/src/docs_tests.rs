//! The pages about settings are true: the reference is what the schema says, the examples check.

mod reference;

use crate::{ProjectSettings, Settings, check};

const PAGE: &str = include_str!("../../../docs/rules.md");

/// The texts of the blocks that begin with this line.
fn blocks(opening: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = PAGE.lines();
    while lines.by_ref().any(|line| line == opening) {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        found.push(block.join("\n"));
    }
    found
}

#[test]
fn every_example_of_the_rules_page_checks() {
    let examples = blocks("```toml");
    assert!(examples.len() >= 6, "{}", examples.len());
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
