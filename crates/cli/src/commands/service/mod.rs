//! `branchline service`: the engine from login on, without a window. One file of this user for systemd or launchd, which
//! start it; where neither runs it says what was written and what starts it.

mod file;
mod starter;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use crate::args::ServiceCommand;
use crate::context::Context;
use crate::door;
use crate::error::{Error, Exit, Result};
use crate::out::{self, BAD, DIM, GOOD, WARN, line, note, while_waiting};
use crate::own_file::{self, Owner};
use crate::typed;
use file::MARK;
use starter::Starter;

/// How long the engine may take from its start to its first answer.
const PATIENCE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(100);

pub(crate) async fn run(context: &Context, command: ServiceCommand) -> Result<ExitCode> {
    let starter = Starter::here()?;
    let file = starter.file()?;
    match command {
        ServiceCommand::Install => install(context, starter, &Own { file }).await,
        ServiceCommand::Uninstall => uninstall(starter, &Own { file }),
        ServiceCommand::Status => status(context, starter, &Own { file }).await,
    }
}

/// The file that says what is to be started.
struct Own {
    file: PathBuf,
}

impl Own {
    /// That it is ours or not there; whether it is there.
    fn is_there(&self) -> Result<bool> {
        let hint = "look at it, and move it away if nobody needs it";
        own_file::must_be_free(&self.file, MARK, hint)
    }
}

async fn install(context: &Context, starter: Starter, own: &Own) -> Result<ExitCode> {
    own.is_there()?;
    // Settings that do not check would only show up in a log nobody looks at yet.
    context.settings()?;
    let words = words(context)?;
    own_file::write(&own.file, &starter.text(&words), 0o644)?;
    line!("{GOOD}ok{GOOD:#}  {} is written: it runs {}", own.file.display(), shown(&words));
    if !starter.runs() {
        note!("{WARN}{} does not run for this user here, so nothing was started{WARN:#}", starter.name());
        note!("{DIM}where it runs:{DIM:#}  {}", starter.start_by_hand(&own.file));
        note!("{DIM}without it:{DIM:#}     {}", shown(&words));
        return Ok(ExitCode::SUCCESS);
    }
    // Another engine has the port; a second one beside it would end at once, again and again.
    if let Some(running) = door::running(context).await.filter(|_| !starter.is_started()) {
        starter.enable()?;
        note!("{WARN}an engine runs already on {}: it was not started by this{WARN:#}", running.address());
        note!("{DIM}hint:{DIM:#} stop that one, then: {}", starter.start_by_hand(&own.file));
        return Ok(ExitCode::SUCCESS);
    }
    starter.start(&own.file)?;
    answers(context, starter).await
}

/// Waits for the engine's first answer.
async fn answers(context: &Context, starter: Starter) -> Result<ExitCode> {
    let asking = async {
        loop {
            match door::running(context).await {
                Some(client) => return client,
                None => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    };
    let Ok(client) = while_waiting("waiting for the engine", tokio::time::timeout(PATIENCE, asking)).await else {
        note!("{BAD}error:{BAD:#} it was started and does not answer");
        note!("{DIM}hint:{DIM:#} {}", starter.where_it_says_why(&context.paths.log_dir()));
        return Err(Error::Said(Exit::Failed));
    };
    line!("{GOOD}ok{GOOD:#}  the engine answers on http://{}, now and after every login", client.address());
    if let Some(more) = starter.also_without_login() {
        line!("{DIM}also while you are not logged in: {more}{DIM:#}");
    }
    Ok(ExitCode::SUCCESS)
}

/// What is run. It does not have this shell's variables, so folders they move are named.
fn words(context: &Context) -> Result<Vec<OsString>> {
    let program = std::env::current_exe().map_err(Error::io("find this program"))?;
    let (mut config, mut data) = typed::unusual(context);
    let moved = ["XDG_CONFIG_HOME", "XDG_DATA_HOME"];
    if moved.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        config = std::path::absolute(&context.paths.config_file).ok();
        data = std::path::absolute(&context.paths.data_dir).ok();
    }
    let mut words = vec![program.into_os_string(), "serve".into()];
    for (flag, path) in [("--config", config), ("--data-dir", data)] {
        words.extend(path.into_iter().flat_map(|path| [flag.into(), path.into_os_string()]));
    }
    Ok(words)
}

fn shown(words: &[OsString]) -> String {
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn uninstall(starter: Starter, own: &Own) -> Result<ExitCode> {
    if !own.is_there()? {
        line!("{DIM}{} is not there{DIM:#}", own.file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let runs = starter.runs();
    if runs {
        starter.stop()?;
    }
    own_file::remove(&own.file)?;
    if runs {
        starter.forget()?;
    }
    line!("{GOOD}ok{GOOD:#}  {} is removed{}", own.file.display(), if runs { ", its engine is stopped" } else { "" });
    Ok(ExitCode::SUCCESS)
}

async fn status(context: &Context, starter: Starter, own: &Own) -> Result<ExitCode> {
    let owner = own_file::owner(&own.file, MARK)?;
    let started = starter.is_started();
    let address = door::running(context).await.map(|client| client.address());
    if context.json {
        out::json(&json!({
            "file": own.file, "written": owner == Owner::Us, "foreign": owner == Owner::Others,
            "starter": starter.name(), "started": started, "address": address,
        }));
    } else {
        let whose = match owner {
            Owner::Nobody => "not there: `branchline service install` writes it",
            Owner::Us => "written by Branchline",
            Owner::Others => "there, and not Branchline's",
        };
        line!("file      {}  {DIM}{whose}{DIM:#}", own.file.display());
        line!("{:<8}  {}", starter.name(), if started { "has started it" } else { "has not started it" });
        match address {
            Some(address) => line!("engine    {GOOD}answers{GOOD:#} on http://{address}"),
            None => line!("engine    {WARN}does not answer{WARN:#}"),
        }
    }
    Ok(if address.is_some() { ExitCode::SUCCESS } else { ExitCode::from(Exit::NoEngine as u8) })
}
