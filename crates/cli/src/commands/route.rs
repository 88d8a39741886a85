//! `branchline route`: where a request would go, and with `--explain` every step of the decision.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use branchline_control::commands::explain::Explanation;
use serde_json::{Value, json};

use crate::args::RouteArgs;
use crate::context::Context;
use crate::door::Door;
use crate::error::{Error, Exit, Result};
use crate::given;
use crate::out::{self, BAD, BOLD, CLOUD, DIM, GOOD, line};

pub(crate) async fn run(context: &Context, args: RouteArgs) -> Result<ExitCode> {
    let door = Door::informed(context).await?;
    let told: Explanation = door.ask("routing.explain", question(&args)?).await?;
    if context.json {
        out::json(&told);
        return Ok(ExitCode::SUCCESS);
    }
    show(&told, args.explain);
    if told.refusal.is_some() { Err(Error::Said(Exit::Failed)) } else { Ok(ExitCode::SUCCESS) }
}

fn question(args: &RouteArgs) -> Result<Value> {
    let mut asked = json!({ "headers": headers(&args.header)?, "folder": folder(args)?, "path": args.path });
    match (&args.request, &args.text) {
        (Some(file), _) => {
            let body = serde_json::from_str::<Value>(&given::text_of(file)?);
            asked["request"] =
                body.map_err(|error| Error::usage(format!("{}: {error}", file.display()), "give a request as JSON"))?;
        }
        (None, Some(text)) => {
            asked["text"] = if text == "-" { given::text_of(Path::new("-"))? } else { text.clone() }.into();
            asked["model"] = json!(args.model);
        }
        (None, None) => return Err(Error::usage("there is nothing to route", "give a text, or --request FILE")),
    }
    Ok(asked)
}

/// The folder given, else, for a text, the one the command runs in.
fn folder(args: &RouteArgs) -> Result<Option<String>> {
    let here = || std::env::current_dir().map_err(Error::io("find the working folder"));
    let folder = match &args.folder {
        Some(folder) => Some(std::path::absolute(folder).map_err(Error::io("read the folder"))?),
        None if args.request.is_none() => Some(here()?),
        None => None,
    };
    Ok(folder.map(|folder| folder.display().to_string()))
}

fn headers(given: &[String]) -> Result<BTreeMap<String, String>> {
    let split = |header: &String| {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Error::usage(format!("\"{header}\" is no header"), "write --header \"x-team: infra\""))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    given.iter().map(split).collect()
}

fn show(told: &Explanation, every_step: bool) {
    let model = told.model.as_deref().unwrap_or("no model");
    match told.target.as_deref() {
        Some("local") => line!("{GOOD}local{GOOD:#}  {BOLD}{model}{BOLD:#}"),
        Some(_) => line!("{CLOUD}cloud{CLOUD:#}  {BOLD}{model}{BOLD:#}"),
        None if told.refusal.is_some() => {
            line!("{BAD}refused{BAD:#}  {}", told.refusal.as_deref().unwrap_or_default());
        }
        None => line!("{GOOD}here{GOOD:#}  no model is asked"),
    }
    let steps = if every_step { &told.steps } else { &told.reasons };
    for step in steps {
        match step.split_once(": ") {
            Some((name, words)) if every_step => line!("  {DIM}{name}:{DIM:#} {words}"),
            _ => line!("  {step}"),
        }
    }
}
