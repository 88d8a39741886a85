//! The part of `branchline doctor` that asks models: follows a run and shows what it finds, test by test.

use std::time::Duration;

use anstyle::Style;
use branchline_control::commands::doctor::{DoctorRunReq, DoctorView};
use branchline_proxy::doctor::{Checkup, Progress, TestName, TestResult, Verdict};
use serde_json::json;

use crate::args::DoctorArgs;
use crate::context::Context;
use crate::door::Door;
use crate::error::{Error, Result};
use crate::out::{BAD, BOLD, DIM, GOOD, WARN, line, note, while_waiting};

/// How often the run is asked how far it is.
const EVERY: Duration = Duration::from_millis(250);

/// Tests models and shows each finding as it comes.
pub(super) async fn run(context: &Context, door: &Door, args: &DoctorArgs) -> Result<Vec<Checkup>> {
    let request = DoctorRunReq { models: args.models.clone(), all: args.all, context_tokens: args.context };
    let request = serde_json::to_value(request).unwrap_or_default();
    if let Door::Inside(engine) = door {
        engine.recall().await;
    }
    let began: DoctorView = door.ask("doctor.run", request).await?;
    let mut shown = Shown::default();
    let followed = async {
        loop {
            let view: DoctorView = door.ask("doctor.last", json!({})).await?;
            let mine: Vec<Checkup> = began.models.iter().filter_map(|model| of(&view, model).cloned()).collect();
            if !context.json {
                shown.news(&mine);
            }
            if !view.running {
                return Ok::<_, Error>(mine);
            }
            let doing = mine.iter().find_map(doing).unwrap_or_else(|| "waiting for the doctor".into());
            while_waiting(&doing, changed(door, &view)).await?;
        }
    };
    let mine = tokio::select! {
        mine = followed => mine?,
        _ = tokio::signal::ctrl_c() => {
            let view: DoctorView = door.ask("doctor.stop", json!({})).await?;
            note!("stopped; what was found so far is kept");
            view.checkups.into_iter().filter(|one| began.models.contains(&one.model)).collect()
        }
    };
    if let Door::Inside(engine) = door {
        engine.stop(Duration::from_secs(2)).await;
    }
    Ok(mine)
}

/// Waits until the run has found something else.
async fn changed(door: &Door, known: &DoctorView) -> Result<()> {
    loop {
        tokio::time::sleep(EVERY).await;
        let view: DoctorView = door.ask("doctor.last", json!({})).await?;
        if view != *known {
            return Ok(());
        }
    }
}

fn of<'v>(view: &'v DoctorView, model: &str) -> Option<&'v Checkup> {
    view.checkups.iter().find(|checkup| checkup.model == model)
}

fn doing(checkup: &Checkup) -> Option<String> {
    let test = checkup.current.filter(|_| checkup.progress == Progress::Running)?;
    Some(format!("{}: {}", checkup.model, name(test)))
}

/// How many results have been printed, of all models.
#[derive(Default)]
struct Shown {
    results: usize,
}

impl Shown {
    fn news(&mut self, checkups: &[Checkup]) {
        let mut nth = 0;
        for checkup in checkups {
            for (row, result) in checkup.results.iter().enumerate() {
                nth += 1;
                if nth <= self.results {
                    continue;
                }
                if row == 0 {
                    line!("\n{BOLD}{}{BOLD:#}", checkup.model);
                }
                show(result);
            }
        }
        self.results = nth.max(self.results);
    }
}

fn show(result: &TestResult) {
    let (style, word) = mark(result.verdict);
    line!("{style}{word:<8}{style:#} {:<15} {}", name(result.test), result.reason);
    if let Some(hint) = result.hint.as_ref().filter(|_| result.verdict != Verdict::Pass) {
        line!("         {DIM}hint:           {hint}{DIM:#}");
    }
}

const fn mark(verdict: Verdict) -> (Style, &'static str) {
    match verdict {
        Verdict::Pass => (GOOD, "pass"),
        Verdict::Repaired => (GOOD, "repaired"),
        Verdict::Limited => (WARN, "limited"),
        Verdict::Fail => (BAD, "fail"),
        Verdict::Skipped => (DIM, "–"),
    }
}

const fn name(test: TestName) -> &'static str {
    match test {
        TestName::Answer => "answers",
        TestName::Call => "tool call",
        TestName::Parallel => "parallel calls",
        TestName::RoundTrip => "tool result",
        TestName::Stream => "streamed call",
        TestName::Vision => "vision",
        TestName::Context => "context",
        TestName::Speed => "speed",
    }
}
