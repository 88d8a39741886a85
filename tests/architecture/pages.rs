//! The pages: every link leads somewhere, and every error code is explained.

#![expect(clippy::unwrap_used, reason = "a page or source that cannot be read fails the test")]

mod codes;
mod links;

use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files below a folder with this ending; `node_modules` and build folders are not ours.
pub(super) fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let foreign = ["node_modules", "target", "dist", "gen", "stage"].iter().any(|foreign| name == *foreign);
        if path.is_dir() && !foreign && !name.to_string_lossy().starts_with('.') {
            found.extend(files(&path, end));
        } else if path.extension().is_some_and(|is| is == end) {
            found.push(path);
        }
    }
    found.sort();
    found
}
