//! Every error code of the sources stands in `docs/troubleshooting.md`, and nothing else does.

use std::collections::BTreeSet;
use std::fs;

use super::{files, root};

/// Source without its tests and without white space, so that a call reads the same however it is broken.
fn plain(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect()
}

fn word(text: &str) -> Option<String> {
    let (word, _) = text.strip_prefix('"')?.split_once('"')?;
    let code = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    code.then(|| word.to_owned())
}

/// What stands behind each of the places where this is found.
fn after<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(mark).map(move |(at, _)| &text[at + mark.len()..])
}

/// Codes where errors are made: the first argument of a `ControlError`, the second of a `Fault`, a field `code`, and what
/// is chosen by a `match` for one.
fn codes_in(text: &str) -> BTreeSet<String> {
    let text = plain(text);
    let first = after(&text, "ControlError::new(").chain(after(&text, "code:")).filter_map(word);
    let second = after(&text, "Fault::new(").chain(after(&text, "Self::new(FailureKind")).filter_map(|rest| {
        let (_, argument) = rest.split_once(',')?;
        word(argument).or_else(|| constant(&text, argument))
    });
    let chosen = ["fncode(&self)->&'staticstr{matchself{", "letcode=match"].into_iter().flat_map(|mark| {
        let blocks = after(&text, mark).filter_map(|rest| rest.split_once("\",}"));
        blocks.flat_map(|(arms, _)| after(arms, "=>")).filter_map(|arm| word(&format!("{arm}\"")))
    });
    first.chain(second).chain(chosen).collect()
}

/// The text of a constant that is named instead.
fn constant(text: &str, argument: &str) -> Option<String> {
    let name = argument.split(',').next()?;
    after(text, &format!("const{name}:&str=")).find_map(word)
}

fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for folder in ["crates/proxy/src", "crates/control/src", "crates/settings/src", "src-tauri/src"] {
        for file in files(&root().join(folder), "rs") {
            let name = file.display().to_string();
            if !name.ends_with("tests.rs") && !name.contains("/tests/") {
                codes.extend(codes_in(&fs::read_to_string(&file).unwrap()));
            }
        }
    }
    codes
}

/// Codes the page explains: the first cell of the rows of its tables of codes.
fn explained() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let codes = page.split_once("## Every error code").unwrap().1.to_owned();
    let rows = codes.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(code, _)| code.to_owned()).collect()
}

#[test]
fn every_error_code_is_explained() {
    let (codes, explained) = (codes(), explained());
    for known in ["no_model", "backend_offline", "port_taken", "keyring_locked", "store_damaged", "unreachable"] {
        assert!(codes.contains(known), "{known} is not found in the sources");
    }
    let missing: Vec<_> = codes.difference(&explained).collect();
    let gone: Vec<_> = explained.difference(&codes).collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md does not explain {missing:?}");
    assert!(gone.is_empty(), "docs/troubleshooting.md explains codes that are not there: {gone:?}");
}
