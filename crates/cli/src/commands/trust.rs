//! `branchline trust`: whose `.branchline.toml` is honoured.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use branchline_settings::{PROJECT_FILE, ProjectSettings, set};
use serde_json::json;

use crate::args::TrustArgs;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::out::{self, GOOD, WARN, line, note};

pub(crate) fn run(context: &Context, args: &TrustArgs) -> Result<ExitCode> {
    let settings = context.settings()?;
    let mut trusted = settings.projects.trusted.clone();
    if args.list {
        if context.json {
            out::json(&trusted);
        } else {
            trusted.iter().for_each(|folder| line!("{folder}"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let folder = whole(args.dir.as_deref().unwrap_or(Path::new(".")), args.remove)?;
    let name = folder.display().to_string();
    let known = trusted.contains(&name);
    if args.remove {
        trusted.retain(|other| *other != name);
    } else if !known {
        trusted.push(name.clone());
    }
    set(&context.paths.config_file, "projects.trusted", json!(trusted))?;
    let said = match (args.remove, known) {
        (true, true) => "is no longer trusted",
        (true, false) => "was not trusted",
        (false, true) => "is trusted already",
        (false, false) => "is trusted, with what lies below it",
    };
    if context.json {
        out::json(&json!({ "folder": name, "trusted": !args.remove, "changed": args.remove == known }));
    } else {
        line!("{GOOD}ok{GOOD:#}  {name} {said}");
    }
    if !args.remove {
        look_at(&folder.join(PROJECT_FILE), &settings);
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder from the root on. One that is gone can still be taken off the list.
fn whole(dir: &Path, may_be_gone: bool) -> Result<PathBuf> {
    match dir.canonicalize() {
        Ok(folder) => Ok(folder),
        Err(_) if may_be_gone => std::path::absolute(dir).map_err(Error::io(format!("read {}", dir.display()))),
        Err(error) => Err(Error::io(format!("read {}", dir.display()))(error)),
    }
}

fn look_at(file: &Path, settings: &branchline_settings::Settings) {
    match std::fs::read_to_string(file) {
        Err(_) => note!("{WARN}note:{WARN:#} there is no {} yet", file.display()),
        Ok(text) => {
            if let Err(why) = ProjectSettings::read(&text, settings) {
                note!("{WARN}note:{WARN:#} {} is not used: {why}", file.display());
            }
        }
    }
}
