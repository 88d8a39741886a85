//! The rules of the layout: who may import whom, which library lives where, how large a file may be; whose work is in the programs;
//! what the pages link to and explain.

#[path = "architecture/pages.rs"]
mod pages;
#[path = "architecture/third_party.rs"]
mod third_party;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Each crate may use those before it.
const CHAIN: [&str; 6] = ["wire", "routing", "settings", "proxy", "control", "cli"];
/// Library, and the crates that may depend on it.
const AT_HOME: [(&str, &[&str]); 7] = [
    ("axum", &["proxy", "cli", "sim", "tests"]),
    ("reqwest", &["proxy", "cli", "tests"]),
    ("rusqlite", &["proxy"]),
    ("keyring", &["settings"]),
    ("secret-service", &["settings"]),
    ("tauri", &["desktop"]),
    ("tokio", &["proxy", "control", "cli", "sim", "tests", "desktop"]),
];
/// Lines a source file may have without its tests.
const MOST_LINES: usize = 500;

#[expect(clippy::expect_used, reason = "without the metadata there is nothing to test")]
fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().expect("cargo metadata")
}

fn short(package: &Package) -> &str {
    let name = package.name.as_str();
    name.strip_prefix("branchline-").unwrap_or(name)
}

/// Names of what a package needs to be built and run; tests may need more.
fn needs(package: &Package) -> BTreeSet<&str> {
    let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn each_crate_uses_only_those_to_its_left() {
    let metadata = metadata();
    for package in &metadata.packages {
        let Some(own) = CHAIN.iter().position(|name| *name == short(package)) else { continue };
        for (place, other) in CHAIN.iter().enumerate().skip(own) {
            let name = format!("branchline-{other}");
            assert!(
                !needs(package).contains(name.as_str()),
                "{} uses {name}, place {place} of the chain",
                package.name
            );
        }
    }
}

#[test]
fn the_simulator_shares_no_code_with_what_it_checks() {
    let metadata = metadata();
    let sim = metadata.packages.iter().find(|package| short(package) == "sim").expect("the sim crate");
    let ours = sim.dependencies.iter().find(|dependency| dependency.name.starts_with("branchline-"));
    assert!(ours.is_none(), "sim uses {ours:?}");
}

#[test]
fn libraries_stay_where_they_belong() {
    for package in &metadata().packages {
        for (library, homes) in AT_HOME {
            let at_home = homes.contains(&short(package));
            assert!(at_home || !needs(package).contains(library), "{} uses {library}", package.name);
        }
    }
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    for package in &metadata().packages {
        let manifest = fs::read_to_string(&package.manifest_path).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} sets its own lints", package.name);
    }
}

#[test]
fn no_source_file_is_too_long() {
    let root = metadata().workspace_root.into_std_path_buf();
    let mut long = Vec::new();
    for folder in ["crates", "src-tauri", "tests"] {
        for file in rust_files(&root.join(folder)) {
            let lines = lines_without_tests(&fs::read_to_string(&file).expect("a source file"));
            if lines > MOST_LINES {
                long.push(format!("{} has {lines} lines", file.display()));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// Podman reads the first, Docker knows only the second.
#[test]
fn every_container_engine_leaves_out_the_same() {
    let [podman, docker] = [".containerignore", ".dockerignore"]
        .map(|name| fs::read_to_string(pages::root().join(name)).unwrap_or_default());
    assert!(podman.contains("ui/node_modules") && podman == docker, "{podman}\n---\n{docker}");
}

/// Source files that are not tests themselves.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            let tests = folder.ends_with("tests") || name == "tests" || name == "fuzz" || name == "target";
            let support = name == "support" || name == "bench";
            if !tests || support {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|end| end == "rs") && !name.to_string_lossy().contains("tests") {
            files.push(path);
        }
    }
    files
}

/// Lines before the test module at the end of the file.
fn lines_without_tests(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

#[test]
fn only_what_stands_before_the_tests_counts() {
    assert_eq!(lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
}
