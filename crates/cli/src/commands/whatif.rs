//! `branchline whatif`, `learned` and `calibrate`: how the deciding is set, tried on the user's own log.

use std::process::ExitCode;

use anstyle::Style;
use branchline_control::commands::routing::{CalibrateRes, LearnedRes, WhatIf};
use branchline_proxy::whatif::{Course, MovedTurn, Sides};
use serde_json::{Value, json};

use crate::args::{CalibrateArgs, LearnedArgs, WhatIfArgs};
use crate::context::Context;
use crate::door::{self, Door};
use crate::error::{Error, Result};
use crate::out::{self, BOLD, CLOUD, DIM, GOOD, line};
use crate::table;

/// Columns of the curve.
const BAR: f32 = 40.0;

pub(crate) async fn run(context: &Context, args: WhatIfArgs) -> Result<ExitCode> {
    let changes = args.changes.iter().map(|change| change_of(change)).collect::<Result<Vec<_>>>()?;
    // The models there are decide with: an engine of this command alone knows none.
    let door = Door::Running(door::must_run(context).await?);
    let result: WhatIf = door.ask("routing.whatif", json!({ "changes": changes, "last": args.last })).await?;
    if context.json {
        out::json(&result);
    } else {
        show(&result, args.list);
    }
    Ok(ExitCode::SUCCESS)
}

/// `routing.threshold=40`
fn change_of(text: &str) -> Result<Value> {
    let (path, value) = text.split_once('=').ok_or_else(|| {
        Error::usage(format!("`{text}` is no change"), "write PATH=VALUE, such as routing.threshold=40")
    })?;
    let value = value.trim();
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok(json!({ "path": path.trim(), "value": value }))
}

fn show(result: &WhatIf, list: usize) {
    if result.requests == 0 {
        line!("there is no request in the log to try it on");
        return;
    }
    line!(
        "{BOLD}{} of {} turns would change{BOLD:#} ({} of {} requests, {:.0} days)",
        result.changed_turns,
        result.turns,
        result.changed_requests,
        result.requests,
        result.days.ceil()
    );
    let side = |name: &str, sides: &Sides| {
        let share = 100.0 * sides.cloud_share;
        let tokens = table::tokens(rounded(sides.cloud_tokens_per_day));
        let cost = sides.cost_per_day.map_or_else(|| "price not known".into(), |usd| format!("${usd:.2} a day"));
        line!("{name:<7} {share:3.0} % of the turns to the cloud, {tokens} tokens a day, {cost}");
    };
    side("now", &result.before);
    side("changed", &result.after);
    if result.skipped > 0 {
        line!("{DIM}{} requests were written by an older version and cannot be decided again{DIM:#}", result.skipped);
    }
    if result.untold > 0 {
        line!(
            "{DIM}not all of the rules could be tried on {} requests: too little of them is kept{DIM:#}",
            result.untold
        );
    }
    for turn in result.changed.iter().take(list) {
        show_turn(turn);
    }
    if result.changed_turns > list {
        line!("{DIM}and {} more; --list COUNT shows them{DIM:#}", result.changed_turns - list);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of tokens, never negative")]
fn rounded(tokens: f64) -> u64 {
    tokens.round() as u64
}

fn show_turn(turn: &MovedTurn) {
    let (from, to) = (&turn.before, &turn.after);
    let style = |course: &Course| if course.local { GOOD } else { CLOUD };
    let name = |course: &Course| course.model.clone().unwrap_or_else(|| "nobody".into());
    let (before, after): (Style, Style) = (style(from), style(to));
    line!(
        "{:>3} {before}{}{before:#} -> {after}{}{after:#}  {DIM}{} {}{DIM:#}",
        to.score,
        name(from),
        name(to),
        turn.id,
        to.reason
    );
}

pub(crate) async fn learned(context: &Context, args: LearnedArgs) -> Result<ExitCode> {
    let door = if args.reset { Door::Running(door::must_run(context).await?) } else { Door::open(context).await? };
    let command = if args.reset { "routing.learned_reset" } else { "routing.learned" };
    let answer: LearnedRes = door.ask(command, json!({})).await?;
    if context.json {
        out::json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    let learned = &answer.learned;
    let off = if answer.on { "" } else { " (routing.learn is off)" };
    line!("{BOLD}{:+} points{BOLD:#} on every score, of at most {:.0} either way{off}", answer.in_force, answer.bound);
    line!("{:>5}  turns in which a local model struggled", learned.struggles);
    line!("{:>5}  turns asked again after a local answer", learned.asked_again);
    line!("{:>5}  turns you sent to the cloud", learned.sent_to_cloud);
    line!("{:>5}  turns you kept here", learned.kept_local);
    line!("{:>5}  local turns without trouble", learned.calm);
    for lesson in &learned.lessons {
        let word = serde_json::to_value(lesson.kind).ok().and_then(|word| word.as_str().map(|w| w.replace('_', " ")));
        line!("{:+5.1}  {} {DIM}{}{DIM:#}", lesson.points, word.unwrap_or_default(), lesson.request);
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn calibrate(context: &Context, args: CalibrateArgs) -> Result<ExitCode> {
    let door = Door::open(context).await?;
    let answer: CalibrateRes = door.ask("routing.calibrate", json!({ "share": args.share })).await?;
    if context.json {
        out::json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    let from = match (answer.turns, answer.assumed) {
        (turns, 0) => format!("{turns} of your turns"),
        (turns, assumed) => format!("{turns} of your turns; a built-in sample stands in for {assumed} more"),
    };
    line!("{BOLD}to the cloud, by threshold{BOLD:#} {DIM}from {from}{DIM:#}");
    for (threshold, share) in answer.curve.iter().enumerate().step_by(10) {
        line!("{threshold:>4} {:4.0} % {CLOUD}{}{CLOUD:#}", 100.0 * share, bar(*share));
    }
    match answer.cloud_share {
        Some(share) => line!("threshold in force: {}, for routing.cloud_share = {share}", answer.threshold),
        None => line!("threshold in force: {}", answer.threshold),
    }
    if let (Some(threshold), Some(share)) = (answer.suggested, args.share) {
        line!(
            "for {share} %: threshold {threshold}; `branchline config set routing.cloud_share {share}` keeps it there"
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 40 columns")]
fn bar(share: f32) -> String {
    "#".repeat((share * BAR).round() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_path_and_a_value() {
        assert_eq!(change_of("routing.threshold=40").unwrap(), json!({ "path": "routing.threshold", "value": 40 }));
        let text = json!({ "path": "roles.coder", "value": "lmstudio:a/b=c" });
        assert_eq!(change_of("roles.coder = lmstudio:a/b=c").unwrap(), text);
        assert_eq!(change_of("routing.cloud_share=null").unwrap()["value"], Value::Null);
        assert!(change_of("routing.threshold").is_err());
    }
}
