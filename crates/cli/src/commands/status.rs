//! `branchline status`

use std::process::ExitCode;

use branchline_proxy::pages::{BackendView, State, StatusView};
use serde_json::json;

use crate::context::Context;
use crate::door;
use crate::error::{Error, Result};
use crate::out::{self, BAD, BOLD, DIM, GOOD, WARN, line};
use crate::table;

pub(crate) async fn run(context: &Context) -> Result<ExitCode> {
    let client = door::must_run(context).await?;
    let answer = client.rpc("status", &json!({})).await?;
    if context.json {
        out::json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    let view: StatusView = serde_json::from_value(answer).map_err(|error| Error::BrokenOff(error.to_string()))?;
    show(&view);
    Ok(ExitCode::SUCCESS)
}

fn show(view: &StatusView) {
    let style = match view.state {
        State::Ok => GOOD,
        State::Starting => DIM,
        State::Degraded => WARN,
    };
    line!("{BOLD}Branchline {}{BOLD:#} {style}{}{style:#} on {}", view.version, view.state.as_str(), view.address);
    line!("mode {}, threshold {}, {} requests running", view.mode, view.threshold, view.requests_running);
    let today = &view.requests_today;
    line!(
        "today: {} local, {} cloud, {} answered here, {} failed, {} by a stand-in",
        today.local,
        today.cloud,
        today.here,
        today.failed,
        today.fallbacks
    );
    for role in &view.roles {
        line!("{:<12} {}", role.role, role.models.join(", "));
    }
    table::print(&["backend", "state", "models", "ms", ""], view.backends.iter().map(row).collect());
}

fn row(backend: &BackendView) -> Vec<String> {
    vec![
        backend.name.clone(),
        state(backend.up),
        backend.models.to_string(),
        backend.latency_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        backend.detail.clone().unwrap_or_default(),
    ]
}

fn state(up: Option<bool>) -> String {
    match up {
        Some(true) => "up".into(),
        Some(false) => "down".into(),
        None => "not asked".into(),
    }
}

/// A mark before a line: done, or not.
pub(super) fn mark(good: bool) -> String {
    if good { format!("{GOOD}ok{GOOD:#}  ") } else { format!("{BAD}no{BAD:#}  ") }
}
