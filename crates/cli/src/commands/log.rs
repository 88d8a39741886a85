//! `branchline log`

use std::process::ExitCode;

use branchline_control::commands::requests::RequestsRes;
use branchline_proxy::LiveEvent;
use branchline_proxy::record::{CostRecord, Record};
use branchline_wire::sse::Parser;
use http_body_util::BodyExt;
use serde_json::json;

use crate::args::LogArgs;
use crate::context::Context;
use crate::door::{self, Door};
use crate::error::{Error, Result};
use crate::out::{self, BOLD, DIM, WARN, line};
use crate::record_line;
use crate::table;

pub(crate) async fn run(context: &Context, args: LogArgs) -> Result<ExitCode> {
    // A follower listens first: nothing may fall between the past and the present.
    let live = match args.follow {
        true => Some(door::must_run(context).await?.events().await?),
        false => None,
    };
    let door = Door::open(context).await?;
    if let Some(id) = &args.id {
        let record: Record = door.ask("requests.get", json!({ "id": id })).await?;
        show_one(context, &record);
        return Ok(ExitCode::SUCCESS);
    }
    let filter = json!({ "limit": args.lines, "text": args.grep });
    let past: RequestsRes = door.ask("requests.list", json!({ "filter": filter })).await?;
    for record in past.records.iter().rev() {
        show(context, record);
    }
    match live {
        Some(body) => follow(context, body).await,
        None => Ok(ExitCode::SUCCESS),
    }
}

fn show(context: &Context, record: &Record) {
    if !context.json {
        line!("{}", record_line::of(record));
        record_line::asides(record).for_each(|aside| line!("{aside}"));
    } else if let Ok(text) = serde_json::to_string(record) {
        // One object per line: what scripts read line by line.
        line!("{text}");
    }
}

async fn follow(context: &Context, mut body: hyper::body::Incoming) -> Result<ExitCode> {
    let mut parser = Parser::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::BrokenOff(error.to_string()))?;
        let Some(bytes) = frame.data_ref() else { continue };
        let pushed = parser.push(bytes, |_, data| happened(context, data));
        pushed.map_err(|error| Error::BrokenOff(error.to_string()))?;
    }
    Err(Error::BrokenOff("it was stopped".into()))
}

fn happened(context: &Context, data: &str) {
    match serde_json::from_str::<LiveEvent>(data) {
        Ok(LiveEvent::RequestFinished { record }) => show(context, &record),
        Ok(event) if !context.json => super::serve::show(&event),
        // An event of a newer engine, or one that is no request.
        _ => {}
    }
}

fn money(cost: &CostRecord) -> String {
    let source = serde_json::to_value(cost.source).ok();
    let source = source.as_ref().and_then(|word| word.as_str()).unwrap_or_default();
    let paid = cost.usd.map_or_else(|| "unknown".into(), |usd| usd.to_string());
    match (cost.all_cloud_usd, &cost.all_cloud_model) {
        (Some(all), Some(model)) => format!("cost: {paid} ({source}); {model} would have taken {all}"),
        _ => format!("cost: {paid} ({source})"),
    }
}

fn show_one(context: &Context, record: &Record) {
    if context.json {
        out::json(record);
        return;
    }
    line!("{}", record_line::of(record));
    let decision = &record.decision;
    line!("{BOLD}{}{BOLD:#} {} {} as {}", record.id, record.path, decision.kind, decision.role);
    for point in &decision.points {
        line!("  {:+6.1}  {} {DIM}{}{DIM:#}", point.points, point.signal, point.why);
    }
    decision.reasons.iter().for_each(|reason| line!("  {reason}"));
    for attempt in &record.attempts {
        let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let error = attempt.error.as_deref().unwrap_or_default();
        let waited = match (attempt.queued_ms, attempt.backoff_ms) {
            (0, 0) => String::new(),
            (queued, backoff) => {
                format!(" after {queued} ms in the queue behind {} and {backoff} ms of pause", attempt.ahead)
            }
        };
        let model = format!("{}:{}", attempt.backend, attempt.model);
        line!("tried {model} {status} {} ms{waited} {WARN}{error}{WARN:#}", attempt.duration_ms);
    }
    record_line::asides(record).for_each(|aside| line!("{aside}"));
    line!("{}", money(&record.cost));
    if let Some(diet) = &record.diet {
        let (before, after) = (table::tokens(diet.tokens_before), table::tokens(diet.tokens_after));
        line!("diet: tools from {before} to {after} tokens, {} left out", diet.tools);
    }
    if let Some(words) = record_line::estimate(record) {
        line!("{words}");
    }
    record.edits.iter().for_each(|edit| line!("changed: {edit}"));
    record.dropped.iter().for_each(|dropped| line!("dropped {}: {}", dropped.path, dropped.reason));
    if let Some(hint) = record.error.as_ref().and_then(|error| error.hint.as_ref()) {
        line!("{DIM}hint:{DIM:#} {hint}");
    }
}
