//! `branchline env`

use std::process::ExitCode;

use branchline_control::client_env::render;
use branchline_control::commands::connect::EnvRes;
use branchline_control::{EnvVar, Shell};
use serde_json::json;

use crate::args::EnvArgs;
use crate::context::Context;
use crate::door::Door;
use crate::error::Result;
use crate::out::{self, DIM, note};

pub(crate) async fn run(context: &Context, args: &EnvArgs) -> Result<ExitCode> {
    let vars = vars(context).await?;
    let shell = if context.json { Shell::Json } else { args.shell.map_or_else(shell_here, Shell::from) };
    out::text(&render(&vars, shell));
    Ok(ExitCode::SUCCESS)
}

async fn vars(context: &Context) -> Result<Vec<EnvVar>> {
    let door = Door::informed(context).await?;
    if door.is_inside() {
        note!("{DIM}no engine is running yet: start one with `branchline serve`{DIM:#}");
    }
    let answer: EnvRes = door.ask("connect.env", json!({})).await?;
    Ok(answer.vars)
}

/// The shell this was most likely typed into.
fn shell_here() -> Shell {
    Shell::usual(&std::env::var("SHELL").unwrap_or_default())
}
