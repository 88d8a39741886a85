//! How this program is typed: in what is shown to people, and in what is written for other programs to run.

use std::path::{Path, PathBuf};

use branchline_settings::Paths;

use crate::context::Context;

/// By its name where a shell finds it, else with its path.
pub(crate) fn program() -> String {
    let Ok(own) = std::env::current_exe().and_then(std::fs::canonicalize) else { return "branchline".into() };
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&search).filter_map(|folder| {
        std::fs::canonicalize(folder.join(format!("branchline{}", std::env::consts::EXE_SUFFIX))).ok()
    });
    if found.next().is_some_and(|first| first == own) { "branchline".into() } else { quoted(&own) }
}

/// With its path: others may have another `PATH`.
pub(crate) fn whole_program() -> String {
    std::env::current_exe().map_or_else(|_| "branchline".into(), |own| quoted(&own))
}

/// What must be added to a command so that it finds an engine with these folders.
pub(crate) fn flags(config: Option<&Path>, data: Option<&Path>) -> String {
    let flag = |name: &str, path: &Path| format!(" --{name} {}", quoted(path));
    let config = config.map(|path| flag("config", path)).unwrap_or_default();
    config + &data.map(|path| flag("data-dir", path)).unwrap_or_default()
}

/// The same for folders that are not this user's usual ones. What is written for other programs is run where a variable
/// of this shell may not be set, so what that names is not usual either.
pub(crate) fn flags_of(context: &Context) -> String {
    let (config, data) = unusual(context);
    flags(config.as_deref(), data.as_deref())
}

/// The settings file and the data folder, where they are not this user's usual ones.
pub(crate) fn unusual(context: &Context) -> (Option<PathBuf>, Option<PathBuf>) {
    let paths = &context.paths;
    let usual = Paths::find(None, None).ok();
    let unusual = |own, usual: Option<&Path>, variable: &str| {
        let named = std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        (named || usual != Some(own)).then(|| std::path::absolute(own).ok()).flatten()
    };
    let (config, data) = (paths.config_file.as_path(), paths.data_dir.as_path());
    let config = unusual(config, usual.as_ref().map(|paths| paths.config_file.as_path()), "BRANCHLINE_CONFIG");
    let data = unusual(data, usual.as_ref().map(|paths| paths.data_dir.as_path()), "BRANCHLINE_DATA");
    (config, data)
}

/// As a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if cfg!(windows) { format!("\"{text}\"") } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
