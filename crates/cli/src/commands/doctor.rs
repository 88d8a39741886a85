//! `branchline doctor`: what works, what does not, and the next step for each.

use std::process::ExitCode;

use branchline_control::commands::backends::{BackendTestRes, BackendsRes};
use branchline_control::commands::keys::KeysRes;
use branchline_control::commands::models::ModelsRes;
use branchline_proxy::doctor::{Checkup, Verdict};
use serde::Serialize;
use serde_json::json;

use super::checkup;
use super::status::mark;
use crate::args::DoctorArgs;
use crate::context::Context;
use crate::door::Door;
use crate::error::{Error, Exit, Result};
use crate::out::{self, DIM, line, while_waiting};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    ok: bool,
    message: String,
    hint: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl Check {
    fn good(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), ok: true, message: message.into(), hint: None, exit: Exit::Failed }
    }

    fn bad(name: impl Into<String>, message: impl Into<String>, hint: Option<String>, exit: Exit) -> Self {
        Self { name: name.into(), ok: false, message: message.into(), hint, exit }
    }
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Told<'t> {
    checks: &'t [Check],
    models: &'t [Checkup],
}

pub(crate) async fn run(context: &Context, args: DoctorArgs) -> Result<ExitCode> {
    let mut checks = settings(context)?;
    let mut checkups = Vec::new();
    if checks.iter().all(|check| check.ok) {
        let door = Door::open(context).await?;
        checks.push(engine(&door));
        checks.push(keyring(&door).await?);
        let backends = while_waiting("asking all backends", backends(&door)).await?;
        let reached = backends.iter().any(|check| check.ok);
        checks.extend(backends);
        checks.extend(roles(&door, reached).await?);
        show(context, &checks);
        if works(&checks) && !args.no_models || !args.models.is_empty() {
            checkups = checkup::run(context, &door, &args).await?;
        }
    } else {
        show(context, &checks);
    }
    if context.json {
        out::json(&Told { checks: &checks, models: &checkups });
    }
    verdict(&checks, &checkups)
}

fn settings(context: &Context) -> Result<Vec<Check>> {
    let report = context.report()?;
    let bad = |problem: &branchline_settings::Problem| {
        Check::bad("settings", problem.to_string(), Some(problem.hint.clone()), Exit::Usage)
    };
    let mut checks: Vec<_> = report.problems.iter().map(bad).collect();
    if let Some(why) = report.settings.held() {
        let stays = format!("until it is mended, everything stays on your machines: {why}");
        checks.push(Check::bad("settings", stays, None, Exit::Usage));
    }
    if checks.is_empty() {
        checks.push(Check::good("settings", context.paths.config_file.display().to_string()));
    }
    Ok(checks)
}

fn engine(door: &Door) -> Check {
    match door {
        Door::Running(client) => Check::good("engine", format!("runs on http://{}", client.address())),
        Door::Inside(_) => Check::good("engine", "does not run; `branchline serve` starts it"),
    }
}

async fn keyring(door: &Door) -> Result<Check> {
    let keys: KeysRes = door.ask("keys.list", json!({})).await?;
    Ok(match keys.keyring_error {
        Some(error) => Check::bad("keyring", error.message, error.hint, Exit::Failed),
        None => {
            let known: Vec<_> =
                keys.keys.iter().filter(|key| key.source.is_some()).map(|key| key.backend.as_str()).collect();
            let known =
                if known.is_empty() { "no key is stored".to_owned() } else { format!("keys of {}", known.join(", ")) };
            Check::good("keyring", known)
        }
    })
}

async fn backends(door: &Door) -> Result<Vec<Check>> {
    let all: BackendsRes = door.ask("backends.list", json!({})).await?;
    let mut checks = Vec::new();
    for backend in all.backends {
        let tested: BackendTestRes = door.ask("backends.test", json!({ "name": backend.name })).await?;
        checks.push(match tested.error {
            None => Check::good(backend.name, format!("{}, {} models", backend.base_url, tested.backend.models)),
            Some(error) => Check::bad(backend.name, error.message, error.hint, Exit::Unreachable),
        });
    }
    Ok(checks)
}

/// What requests would be answered with.
async fn roles(door: &Door, reached: bool) -> Result<Vec<Check>> {
    let found: ModelsRes = door.ask("models.list", json!({})).await?;
    let of = |name: &str| found.roles.iter().find(|role| role.role == name).map(|role| role.models.join(", "));
    let role = |name: &str, hint: &str| match of(name) {
        Some(models) => Check::good(name, models),
        None => {
            Check::bad(name, "no model", Some(hint.to_owned()), if reached { Exit::Failed } else { Exit::Unreachable })
        }
    };
    Ok(vec![
        role("coder", "load a model that calls tools in LM Studio, or set roles.coder"),
        role("vision", "load a model that sees, or set roles.vision; without one images are not described"),
        role(
            "cloud",
            "store a key with `branchline key set anthropic`, or set roles.cloud; without one all work stays here",
        ),
    ])
}

fn show(context: &Context, checks: &[Check]) {
    if context.json {
        return;
    }
    for check in checks {
        line!("{}{:<12} {}", mark(check.ok), check.name, check.message);
        if let Some(hint) = &check.hint {
            line!("    {DIM}hint:        {hint}{DIM:#}");
        }
    }
}

/// One model that answers is enough to work: what else is missing is told and no failure.
fn works(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.ok && matches!(check.name.as_str(), "coder" | "cloud"))
}

/// A model that was tested and failed is a failure.
fn verdict(checks: &[Check], checkups: &[Checkup]) -> Result<ExitCode> {
    let failed = checkups.iter().any(|checkup| checkup.verdict == Verdict::Fail);
    match checks.iter().find(|check| !check.ok) {
        Some(first) if !works(checks) => Err(Error::Said(worst(checks, first.exit))),
        _ if failed => Err(Error::Said(Exit::Failed)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn worst(checks: &[Check], first: Exit) -> Exit {
    let unreachable = checks.iter().any(|check| !check.ok && check.exit == Exit::Unreachable);
    if first != Exit::Usage && unreachable { Exit::Unreachable } else { first }
}
