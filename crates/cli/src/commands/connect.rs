//! `branchline connect claude`, `branchline disconnect claude`: our variables in Claude Code's own settings file.

use std::path::PathBuf;
use std::process::ExitCode;

use branchline_control::client_file::{self, ChangeKind, ClientFileChange, ClientFileView};
use branchline_control::commands::connect::EnvRes;
use serde_json::json;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::door::Door;
use crate::error::{Error, Result};
use crate::out::{self, BAD, BOLD, DIM, GOOD, WARN, line, note};
use crate::typed;

pub(crate) async fn run(context: &Context, args: ConnectArgs) -> Result<ExitCode> {
    let file = args.settings.map_or_else(client_file::usual, Ok)?;
    let env: EnvRes = Door::informed(context).await?.ask("connect.env", json!({})).await?;
    let status_line = args.statusline.then(|| status_line(context));
    let wanted = client_file::wanted(&env.vars, status_line.as_deref());
    let data = &context.paths.data_dir;
    let before = client_file::look(&file, data, &wanted)?;
    let view = match args.write {
        true if env.base_url.ends_with(":0") => return Err(no_port(&before.file)),
        true => client_file::connect(&file, data, &wanted, args.replace)?,
        false => before.clone(),
    };
    if view.exposed {
        let file = &view.file;
        note!("{WARN}{file} has the token, and others may read it:{WARN:#} chmod go-rwx {file}");
    }
    if context.json {
        out::json(&view);
        return Ok(ExitCode::SUCCESS);
    }
    say(&before, args.write, &env.base_url);
    Ok(ExitCode::SUCCESS)
}

/// A port is found only when an engine starts: what was written would lead nowhere.
fn no_port(file: &str) -> Error {
    Error::usage(
        format!("nothing is written to {file}: server.port is 0, and no engine runs that has found one"),
        "start it first (`branchline serve`), or set a port that stays: branchline config set server.port 4117",
    )
}

/// With its whole path: Claude Code runs it in a shell of its own.
fn status_line(context: &Context) -> String {
    format!("{}{} statusline", typed::whole_program(), typed::flags_of(context))
}

fn say(before: &ClientFileView, written: bool, base_url: &str) {
    let there = if before.exists { "" } else { " (there is none yet)" };
    line!("{BOLD}{}{BOLD:#}{there}", before.file);
    before.changes.iter().for_each(say_change);
    match (before.is_settled(), written) {
        (true, _) => line!("{GOOD}ok{GOOD:#}  nothing is to be changed"),
        (false, true) => {
            line!("{GOOD}ok{GOOD:#}  written; every Claude Code of yours now uses {base_url}, which must run");
            line!("{DIM}back to what it was: branchline disconnect claude{DIM:#}");
        }
        (false, false) if before.foreign().next().is_some() => {
            note!(
                "{WARN}what is marked ! is not Branchline's{WARN:#}: --write refuses it, --write --replace overwrites it"
            );
        }
        (false, false) => note!("{DIM}nothing was written; --write does it{DIM:#}"),
    }
}

fn say_change(change: &ClientFileChange) {
    let (style, mark) = match change.kind {
        ChangeKind::Add => (GOOD, "+"),
        ChangeKind::Update => (GOOD, "~"),
        ChangeKind::Same | ChangeKind::Kept => (DIM, "="),
        ChangeKind::Foreign => (BAD, "!"),
        ChangeKind::Remove => (WARN, "-"),
    };
    let ClientFileChange { path, value, why, .. } = change;
    let why = if change.kind == ChangeKind::Kept { "another one is set and stays" } else { why };
    line!("{style}{mark} {path}{style:#} = {value:?}  {DIM}{why}{DIM:#}");
}

pub(crate) fn undo(context: &Context, settings: Option<PathBuf>) -> Result<ExitCode> {
    let file = settings.map_or_else(client_file::usual, Ok)?;
    let undone = client_file::disconnect(&file, &context.paths.data_dir)?;
    if context.json {
        out::json(&undone);
    } else if let Some(copy) = &undone.copy {
        line!("{WARN}gone{WARN:#}  {} was deleted since; what it was before Branchline is in {copy}", undone.file);
    } else if undone.exact {
        line!("{GOOD}ok{GOOD:#}  {} is what it was, byte for byte", undone.file);
    } else {
        line!("{GOOD}ok{GOOD:#}  {} was changed since; what was Branchline's is out of it", undone.file);
        undone.kept.iter().for_each(|path| line!("{DIM}{path} was changed since, and stays{DIM:#}"));
    }
    Ok(ExitCode::SUCCESS)
}
