//! `branchline install-launcher`: commands of the user's own that start Claude Code here.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use crate::args::LauncherArgs;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::out::{self, DIM, GOOD, WARN, line, note};
use crate::{own_file, typed};

/// Stands in every file of ours: only those are overwritten and removed.
const MARK: &str = "Written by `branchline install-launcher`";
/// Names that would run themselves in a circle.
const TAKEN: [&str; 2] = ["claude", "branchline"];
const HINT: &str = "take another name with --name, or another folder with --dir";

pub(crate) fn run(context: &Context, args: &LauncherArgs) -> Result<ExitCode> {
    let folder = args.dir.clone().map_or_else(own_folder, Ok)?;
    let folder = std::path::absolute(&folder).map_err(Error::io(format!("find {}", folder.display())))?;
    let names = names(&args.name)?;
    if args.remove {
        return remove(context, &folder, &names);
    }
    let program = format!("{}{}", typed::whole_program(), typed::flags_of(context));
    let files = [(folder.join(file_name(&names[0])), ""), (folder.join(file_name(&names[1])), " --route cloud")];
    // All or none: what is in the way is found before anything is written.
    for (file, _) in &files {
        own_file::must_be_free(file, MARK, HINT)?;
    }
    for (file, route) in &files {
        let text = if cfg!(windows) { batch(&program, route) } else { script(&program, route) };
        own_file::write(file, &text, 0o755)?;
    }
    if context.json {
        let written = files.each_ref().map(|(file, _)| file.display().to_string());
        out::json(&json!({ "written": written }));
        return Ok(ExitCode::SUCCESS);
    }
    line!("{GOOD}ok{GOOD:#}  {}  {DIM}Claude Code through Branchline{DIM:#}", files[0].0.display());
    line!("{GOOD}ok{GOOD:#}  {}  {DIM}the same, everything to the cloud{DIM:#}", files[1].0.display());
    say_path(&folder);
    Ok(ExitCode::SUCCESS)
}

fn names(name: &str) -> Result<[String; 2]> {
    let plain = !name.is_empty() && name.chars().all(|sign| sign.is_alphanumeric() || "-_.".contains(sign));
    let cloud = format!("{}-cloud", name.strip_suffix("-local").unwrap_or(name));
    let names = [name.to_owned(), cloud];
    if !plain || name.starts_with(['-', '.']) || names.iter().any(|name| TAKEN.contains(&name.as_str())) {
        return Err(Error::usage(
            format!("`{name}` cannot be the name of a launcher"),
            "take letters, digits and -, and no name of another command, such as claude-local",
        ));
    }
    Ok(names)
}

fn file_name(name: &str) -> String {
    if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() }
}

/// `--` so that even `--help` is Claude Code's.
fn script(program: &str, route: &str) -> String {
    format!("#!/bin/sh\n# {MARK}; --remove takes it away.\nexec {program} claude{route} -- \"$@\"\n")
}

fn batch(program: &str, route: &str) -> String {
    format!(
        "@echo off\r\nrem {MARK}; --remove takes it away.\r\n{} claude{route} -- %*\r\n",
        program.replace('%', "%%")
    )
}

/// The first folder of one's own that shells look into, else the usual one.
fn own_folder() -> Result<PathBuf> {
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let home = home.ok_or_else(|| Error::usage("this user has no home folder", "name the folder: --dir DIR"))?;
    let usual = [home.join(".local/bin"), home.join("bin")];
    Ok(usual.iter().find(|folder| is_on_path(folder)).unwrap_or(&usual[0]).clone())
}

fn is_on_path(folder: &Path) -> bool {
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search).any(|one| one == folder)
}

fn say_path(folder: &Path) {
    if is_on_path(folder) {
        return;
    }
    note!("{WARN}{} is not on your PATH{WARN:#}", folder.display());
    match cfg!(windows) {
        true => note!("{DIM}hint:{DIM:#} add it in the system's settings, under environment variables"),
        false => {
            note!("{DIM}hint:{DIM:#} add this to your shell's profile: export PATH=\"{}:$PATH\"", folder.display())
        }
    }
}

fn remove(context: &Context, folder: &Path, names: &[String; 2]) -> Result<ExitCode> {
    let mut removed = Vec::new();
    let mut files = Vec::new();
    // All or none here too.
    for file in names.iter().map(|name| folder.join(file_name(name))) {
        files.push((own_file::must_be_free(&file, MARK, HINT)?, file));
    }
    for (there, file) in files {
        if there {
            own_file::remove(&file)?;
            removed.push(file.display().to_string());
        }
        match there {
            _ if context.json => {}
            true => line!("{GOOD}ok{GOOD:#}  {} is removed", file.display()),
            false => line!("{DIM}{} is not there{DIM:#}", file.display()),
        }
    }
    if context.json {
        out::json(&json!({ "removed": removed }));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_for_the_cloud_is_named_after_the_other() {
        assert_eq!(names("claude-local").unwrap(), ["claude-local", "claude-cloud"]);
        assert_eq!(names("cl").unwrap(), ["cl", "cl-cloud"]);
        for bad in ["claude", "branchline", "", "a/b", "..", "-x", "a b", "claude;rm"] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_argument_is_claude_codes_own() {
        assert!(script("'/opt/b l/branchline'", "").ends_with("exec '/opt/b l/branchline' claude -- \"$@\"\n"));
        assert!(
            batch("\"C:\\100%\\branchline.exe\"", " --route cloud")
                .ends_with("\"C:\\100%%\\branchline.exe\" claude --route cloud -- %*\r\n")
        );
    }
}
