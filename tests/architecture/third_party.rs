//! `THIRD-PARTY.md`: whose work is in the programs, under which terms. Made here from what cargo and npm have locked, and
//! held against `deny.toml`. `BRANCHLINE_UPDATE_NOTICES=1` writes it anew; the window's list is read from the same file.

#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be read or named fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use super::pages::{files, root};

const NOTICES: &str = "THIRD-PARTY.md";
/// What programs are made for. Packages of other systems are locked, too, but nobody gets them.
const SYSTEMS: [&str; 3] = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"];
const PROGRAMS: [&str; 2] = ["branchline-cli", "branchline-desktop"];
/// What of npm ends up in the window; the rest only builds it.
const IN_THE_WINDOW: [&str; 4] = ["@lucide/svelte", "@tauri-apps/api", "svelte", "uplot"];
/// Licences with words by which their text is known. Where a package leaves the choice, the first of these is taken.
const TEXTS: [(&str, &str); 11] = [
    ("MIT", "Permission is hereby granted, free of charge"),
    ("Apache-2.0", "TERMS AND CONDITIONS FOR USE, REPRODUCTION"),
    ("ISC", "Permission to use, copy, modify, and"),
    ("Zlib", "In no event will the authors be held liable"),
    ("BSD-2-Clause", "Redistributions in binary form"),
    ("BSD-3-Clause", "Neither the name"),
    ("Unlicense", "This is free and unencumbered software"),
    ("BSL-1.0", "Boost Software License"),
    ("Unicode-3.0", "UNICODE LICENSE V3"),
    ("CC0-1.0", "Creative Commons"),
    ("MPL-2.0", "Mozilla Public License"),
];

/// Somebody's package.
struct Part {
    name: String,
    version: String,
    licence: String,
    /// Licence files: names and texts.
    texts: Vec<(String, String)>,
}

fn metadata() -> Metadata {
    let systems = SYSTEMS.iter().flat_map(|system| ["--filter-platform".to_owned(), (*system).to_owned()]);
    let features = CargoOpt::SomeFeatures(Vec::new());
    MetadataCommand::new().features(features).other_options(systems.collect::<Vec<_>>()).exec().expect("cargo metadata")
}

/// Packages that end up in a program: reached from ours without build scripts and tests.
fn linked(metadata: &Metadata) -> Vec<&Package> {
    let nodes = &metadata.resolve.as_ref().expect("a resolved graph").nodes;
    let links: BTreeMap<&PackageId, _> = nodes.iter().map(|node| (&node.id, &node.deps)).collect();
    let mut open: Vec<&PackageId> = metadata
        .packages
        .iter()
        .filter(|package| PROGRAMS.contains(&package.name.as_str()))
        .map(|package| &package.id)
        .collect();
    let mut reached = BTreeSet::new();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            let normal =
                links[next].iter().filter(|dep| dep.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal));
            open.extend(normal.map(|dep| &dep.pkg));
        }
    }
    let others = metadata.packages.iter().filter(|package| package.source.is_some() && reached.contains(&package.id));
    others.collect()
}

fn parts(metadata: &Metadata) -> Vec<Part> {
    let mut parts: Vec<Part> = linked(metadata).into_iter().map(of_cargo).collect();
    let lock = fs::read_to_string(metadata.workspace_root.join("ui/package-lock.json")).expect("the lock of npm");
    let lock: serde_json::Value = serde_json::from_str(&lock).expect("JSON");
    parts.extend(IN_THE_WINDOW.iter().map(|name| {
        let locked = &lock["packages"][format!("node_modules/{name}")];
        let text = |field: &str| locked[field].as_str().expect("a locked package").to_owned();
        // Their files are there only where npm was run; what they say is known.
        let by = match *name {
            "@lucide/svelte" => "Copyright (c) Lucide Icons and Contributors\nCopyright (c) 2013-present Cole Bemis",
            "@tauri-apps/api" => "Copyright (c) 2017 - Present Tauri Apps Contributors",
            "svelte" => "Copyright (c) 2016-2026 Svelte Contributors",
            _ => "Copyright (c) 2022 Leon Sorokin",
        };
        let texts = vec![(String::new(), by.to_owned())];
        Part { name: (*name).to_owned(), version: text("version"), licence: text("license"), texts }
    }));
    parts.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    parts
}

fn of_cargo(package: &Package) -> Part {
    let folder = package.manifest_path.parent().expect("the package's folder").as_std_path();
    let licence = licence_of(package).unwrap_or_else(|| "see its source".to_owned());
    let mut texts = licence_files(folder);
    let signed = texts.iter().flat_map(|(_, text)| text.lines()).any(|line| is_copyright(&bare(line)));
    if !signed && !package.authors.is_empty() {
        texts.push((String::new(), format!("Copyright (c) {}", package.authors.join(", "))));
    }
    Part { name: package.name.to_string(), version: package.version.to_string(), licence, texts }
}

/// The old form "MIT/Apache-2.0" is a choice, too.
fn licence_of(package: &Package) -> Option<String> {
    Some(package.license.as_deref()?.replace(" / ", "/").replace('/', " OR "))
}

fn licence_files(folder: &Path) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let known =
            ["LICEN", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"].iter().any(|start| name.starts_with(start));
        if known && let Ok(text) = fs::read_to_string(entry.path()) {
            texts.push((name, text.replace('\r', "")));
        }
    }
    texts.sort();
    texts
}

/// Lines that say whose it is, without the blanks of forms to be filled in.
fn copyright(part: &Part) -> BTreeSet<String> {
    let lines = part.texts.iter().flat_map(|(_, text)| text.lines());
    lines.map(bare).filter(|line| is_copyright(line)).collect()
}

/// Without white space and the marks of comments.
fn bare(line: &str) -> String {
    line.trim_matches(|c: char| c.is_whitespace() || "/*#".contains(c)).to_owned()
}

fn is_copyright(line: &str) -> bool {
    let lower = line.to_lowercase();
    let dated = lower.contains("(c)") || lower.contains('©') || lower.as_bytes().windows(4).any(is_year);
    let blank = lower.contains(['[', '{']) || lower.contains("<year>") || lower.contains("yyyy");
    lower.starts_with("copyright") && dated && !blank
}

fn is_year(bytes: &[u8]) -> bool {
    (bytes.starts_with(b"19") || bytes.starts_with(b"20")) && bytes.iter().all(u8::is_ascii_digit)
}

/// Licences a package is used under: of each choice the first we have a text of.
fn chosen(licence: &str) -> Vec<&'static str> {
    let all = licence.split(" AND ").map(|choice| {
        let plain = choice.trim_matches(['(', ')']).replace(" WITH LLVM-exception", "");
        let offered: Vec<&str> = plain.split(" OR ").map(|one| one.trim_matches(['(', ')'])).collect();
        let taken = TEXTS.iter().find(|(id, _)| offered.contains(id));
        taken.unwrap_or_else(|| panic!("no text is known for the licence {licence}: see TEXTS and deny.toml")).0
    });
    all.collect()
}

/// The text of a licence, from the first package that brings it, without whose it is there.
fn text_of(id: &str, parts: &[Part]) -> String {
    let words = TEXTS.iter().find(|(known, _)| *known == id).expect("a known licence").1;
    // Files that hold several licences at once are passed over, and those of licences that quote these words.
    let alone = |text: &str| match id {
        "MIT" | "Apache-2.0" => TEXTS.iter().filter(|(_, words)| text.contains(words)).count() == 1,
        "BSD-2-Clause" => !text.contains("Neither the name"),
        _ => true,
    };
    let under = parts.iter().filter(|part| part.licence.contains(id));
    let texts = under.flat_map(|part| &part.texts).map(|(_, text)| text);
    let text = texts.into_iter().find(|text| text.contains(words) && alone(text));
    let text = text.unwrap_or_else(|| panic!("no package brings the text of {id}"));
    let kept = text.lines().filter(|line| !is_copyright(line.trim())).map(str::trim_end);
    kept.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn notices(parts: &[Part]) -> String {
    let mut page = String::from(
        "# Third-party software\n\nWhat others have written and the programs contain, for Linux, macOS and Windows. Made by \
         `BRANCHLINE_UPDATE_NOTICES=1\ncargo test -p branchline-tests --test architecture`; a test sees to it that it is \
         true. The source of each package in Rust is at\n`https://crates.io/crates/NAME`, of the others at \
         `https://www.npmjs.com/package/NAME`.\n\n## Packages\n| package | version | licence |\n|---|---|---|\n",
    );
    for part in parts {
        let _ = writeln!(page, "| {} | {} | {} |", part.name, part.version, part.licence);
    }
    page.push_str("\n## Copyright\n```text\n");
    for part in parts {
        let lines: Vec<String> = copyright(part).into_iter().collect();
        let whose = if lines.is_empty() { "its authors".to_owned() } else { lines.join("; ") };
        let _ = writeln!(page, "{} {}: {whose}", part.name, part.version);
    }
    page.push_str("```\n\n## Licences\nWhere a package leaves the choice, the first that stands here is taken.\n");
    let used: BTreeSet<&str> = parts.iter().flat_map(|part| chosen(&part.licence)).collect();
    for (id, _) in TEXTS.iter().filter(|(id, _)| used.contains(id)) {
        let _ = write!(page, "\n### {id}\n```text\n{}\n```\n", text_of(id, parts));
    }
    page
}

#[test]
fn the_notices_name_everything_that_is_linked_in() {
    let metadata = metadata();
    let expected = notices(&parts(&metadata));
    let file = metadata.workspace_root.join(NOTICES);
    if std::env::var_os("BRANCHLINE_UPDATE_NOTICES").is_some() {
        fs::write(&file, &expected).expect("the notices are written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default().replace('\r', "");
    let differs = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(
        found == expected,
        "{NOTICES} is not what is linked in, first {differs:?}; BRANCHLINE_UPDATE_NOTICES=1 writes it anew"
    );
}

/// Packages of npm that the window's own sources import; what its tests import stays behind.
fn imported() -> BTreeSet<String> {
    let sources = ["ts", "svelte"].into_iter().flat_map(|end| files(&root().join("ui/src"), end));
    let mut names = BTreeSet::new();
    for file in sources.filter(|file| !file.to_string_lossy().ends_with(".test.ts")) {
        let text = fs::read_to_string(&file).expect("a source of the window");
        for line in text.lines().map(str::trim) {
            let begins = ["import ", "export ", "}"].iter().any(|word| line.starts_with(word));
            let from = || line.split_once(" from '").filter(|_| begins).map(|(_, rest)| rest);
            let named = line.strip_prefix("import '").or_else(from);
            let Some(name) = named.and_then(|rest| rest.split('\'').next()) else { continue };
            // `./own`, `$lib/own`, `virtual:made`.
            if !name.starts_with(['.', '$']) && !name.contains(':') {
                let parts = if name.starts_with('@') { 2 } else { 1 };
                names.insert(name.split('/').take(parts).collect::<Vec<_>>().join("/"));
            }
        }
    }
    names
}

#[test]
fn the_packages_of_npm_that_are_named_are_those_the_window_imports() {
    assert_eq!(imported(), BTreeSet::from(IN_THE_WINDOW.map(str::to_owned)));
}

/// The list under a key of `deny.toml`.
fn policy(metadata: &Metadata, section: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(metadata.workspace_root.join("deny.toml")).expect("deny.toml");
    let text = text.split(&format!("[{section}]")).nth(1).expect("the section");
    let list = text.split(&format!("\n{key} = [")).nth(1).and_then(|rest| rest.split(']').next()).expect("the list");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What `cargo deny` would say of licences and sources, where it is not installed.
#[test]
fn every_licence_and_source_is_one_the_policy_allows() {
    let metadata = MetadataCommand::new().exec().expect("cargo metadata");
    let allowed = policy(&metadata, "licenses", "allow");
    let sources = policy(&metadata, "sources", "allow-registry");
    for package in metadata.packages.iter().filter(|package| package.source.is_some()) {
        let source = package.source.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(
            sources.iter().any(|allowed| source == format!("registry+{allowed}")),
            "{} is from {source}",
            package.name
        );
        let licence = licence_of(package).unwrap_or_else(|| "none".to_owned());
        let fits = licence.split(" AND ").all(|choice| {
            let offered = choice.trim_matches(['(', ')']).split(" OR ");
            offered.map(|one| one.trim_matches(['(', ')'])).any(|one| allowed.iter().any(|allowed| allowed == one))
        });
        assert!(fits, "{} is under {licence}", package.name);
    }
}
