//! `branchline status`

use std::process::ExitCode;

use branchline_proxy::budget::{BudgetState, BudgetView};
use branchline_proxy::lane::{CircuitState, QueueView};
use branchline_proxy::pages::{BackendView, CostToday, State, StatusView};
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
    line!(
        "mode {}, threshold {}, {} requests running, {} waiting",
        view.mode,
        view.threshold,
        view.requests_running,
        view.requests_waiting
    );
    if let Some(why) = &view.held {
        line!("{BAD}until it is mended, everything stays on your machines:{BAD:#} {why}");
    }
    let today = &view.requests_today;
    line!(
        "today: {} local, {} cloud, {} answered here, {} failed, {} by a stand-in",
        today.local,
        today.cloud,
        today.here,
        today.failed,
        today.fallbacks
    );
    line!("{}", money(&view.cost_today));
    if view.budget.state != BudgetState::Unlimited {
        line!("{}", budget(&view.budget));
    }
    for role in &view.roles {
        line!("{:<12} {}", role.role, role.models.join(", "));
    }
    table::print(&["backend", "state", "models", "ms", "busy", ""], view.backends.iter().map(row).collect());
}

fn money(cost: &CostToday) -> String {
    let unpriced = match cost.unpriced {
        0 => String::new(),
        count => format!(", {count} requests without a known price"),
    };
    format!("cost today: {}, saved against all cloud: {}{unpriced}", cost.usd, cost.saved_usd)
}

/// How the day's budget stands, in a line.
pub(super) fn budget(budget: &BudgetView) -> String {
    let money = budget.limit_usd.map(|limit| format!("{} of {limit}", budget.spent_usd));
    let tokens = budget
        .limit_tokens
        .map(|limit| format!("{} of {} tokens", table::tokens(budget.spent_tokens), table::tokens(limit)));
    let used: Vec<_> = money.into_iter().chain(tokens).collect();
    let then = match (budget.state, budget.when_spent.as_str()) {
        (BudgetState::Spent, "refuse") => ": the cloud is refused until midnight",
        (BudgetState::Spent, _) => ": everything stays local until midnight",
        _ => "",
    };
    format!("budget: {} used{then}", used.join(", "))
}

fn row(backend: &BackendView) -> Vec<String> {
    let resting = backend.circuit.state != CircuitState::Closed;
    let reason = backend.circuit.reason.as_ref().filter(|_| resting);
    vec![
        backend.name.clone(),
        if resting { "resting".into() } else { state(backend.up) },
        backend.models.to_string(),
        backend.latency_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        busy(&backend.queue),
        backend.detail.as_ref().or(reason).cloned().unwrap_or_default(),
    ]
}

fn busy(queue: &QueueView) -> String {
    match queue.waiting {
        0 => format!("{}/{}", queue.running, queue.limit),
        waiting => format!("{}/{} +{waiting}", queue.running, queue.limit),
    }
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
