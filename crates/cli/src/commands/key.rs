//! `branchline key`. A running engine stores keys itself, so that it uses them at once.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use branchline_control::commands::keys::{KeyInfo, KeyRes, KeysRes};
use branchline_settings::KeySource;
use serde_json::json;

use crate::args::KeyCommand;
use crate::context::Context;
use crate::door::Door;
use crate::error::{Error, Exit, Result};
use crate::out::{self, WARN, line, note};
use crate::table;

pub(crate) async fn run(context: &Context, command: KeyCommand) -> Result<ExitCode> {
    match command {
        KeyCommand::Set { name, from_env } => set(context, &name, from_env.as_deref()).await,
        KeyCommand::List => list(context).await,
        KeyCommand::Rm { name } => remove(context, &name).await,
    }
}

async fn set(context: &Context, name: &str, from_env: Option<&str>) -> Result<ExitCode> {
    let key = read_key(name, from_env)?;
    let door = Door::open(context).await?;
    let done: KeyRes = door.ask("keys.set", json!({ "backend": name, "key": key })).await?;
    report(context, &done, &format!("the key of {name} is stored"));
    Ok(ExitCode::SUCCESS)
}

async fn remove(context: &Context, name: &str) -> Result<ExitCode> {
    let door = Door::open(context).await?;
    let done: KeyRes = door.ask("keys.remove", json!({ "backend": name })).await?;
    let said = if done.changed { format!("the key of {name} is removed") } else { format!("{name} had no stored key") };
    report(context, &done, &said);
    Ok(ExitCode::SUCCESS)
}

fn report(context: &Context, done: &KeyRes, said: &str) {
    if context.json {
        out::json(done);
        return;
    }
    line!("{said}");
    if let Some(remark) = &done.note {
        note!("{WARN}note:{WARN:#} {remark}");
    }
}

async fn list(context: &Context) -> Result<ExitCode> {
    let keys: KeysRes = Door::open(context).await?.ask("keys.list", json!({})).await?;
    if context.json {
        out::json(&keys);
    } else {
        table::print(&["backend", "key", "variable", "where keys are made"], keys.keys.iter().map(row).collect());
    }
    match keys.keyring_error {
        Some(error) => Err(error.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn row(key: &KeyInfo) -> Vec<String> {
    let state = match key.source {
        Some(KeySource::Keyring) => "in the keyring",
        Some(KeySource::Environment) => "from the environment",
        None if key.required => "missing",
        None => "none (not needed)",
    };
    vec![key.backend.clone(), state.to_owned(), key.env_name.clone(), key.docs_hint.clone()]
}

/// From a variable, a pipe, or a prompt that does not show it. Never from the command line, where every user sees it.
fn read_key(name: &str, from_env: Option<&str>) -> Result<String> {
    if let Some(variable) = from_env {
        let found = std::env::var(variable).ok().filter(|key| !key.trim().is_empty());
        return found.ok_or_else(|| Error::usage(format!("the variable {variable} is not set"), "export it first"));
    }
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(format!("Key of {name} (not shown): ")).map_err(Error::io("read the key"));
    }
    let mut key = String::new();
    std::io::stdin().read_to_string(&mut key).map_err(Error::io("read the key from standard input"))?;
    if key.trim().is_empty() {
        note!("no key came on standard input");
        return Err(Error::Said(Exit::Usage));
    }
    Ok(key)
}
