//! `branchline statusline`: one line about a Claude Code session, from what Claude Code tells on standard input and
//! from what the log says of that session. It always prints a line and never fails: a status line command that fails
//! leaves an empty place.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use anstyle::Style;
use branchline_control::client_env::real_window;
use branchline_control::commands::requests::RequestsRes;
use branchline_proxy::record::{Outcome, Place, Record};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::args::Global;
use crate::context::Context;
use crate::door;
use crate::out::{BAD, CLOUD, DIM, GOOD, WARN};
use crate::table;

/// Claude Code tells some kilobytes.
const MOST_INPUT: u64 = 1 << 20;
/// A session that was silent for longer has nothing to say. It also bounds the search.
const LONGEST_SILENCE_MS: i64 = 24 * 60 * 60 * 1000;
/// A status line has one line, and others share it.
const LONGEST_REASON: usize = 48;

pub(crate) fn run(global: Global) -> ExitCode {
    let told = told();
    let text = match log(global, &told) {
        Log::NoEngine => without_engine(&told),
        Log::NoSession => format!("{DIM}Branchline{DIM:#}{}", context_left(&told)),
        Log::Empty => format!("{DIM}Branchline: no request of this session yet{DIM:#}{}", context_left(&told)),
        Log::Last(record) => of(&record, &told),
    };
    // Claude Code draws colours, though no terminal is on the other end of the pipe.
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let text = if plain { anstream::adapter::strip_str(&text).to_string() } else { text };
    // Nobody is left to be told that nobody reads.
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

/// What Claude Code says of the session; nothing where somebody just tries the command.
fn told() -> Value {
    let stdin = std::io::stdin();
    let mut text = String::new();
    if !stdin.is_terminal() {
        // What cannot be read is treated as what was not said.
        let _ = stdin.take(MOST_INPUT).read_to_string(&mut text);
    }
    serde_json::from_str(&text).unwrap_or_default()
}

/// What the log has.
enum Log {
    NoEngine,
    /// None was named: requests of others are not its own.
    NoSession,
    Empty,
    Last(Box<Record>),
}

fn log(global: Global, told: &Value) -> Log {
    let runtime = Builder::new_current_thread().enable_all().build();
    let (Ok(runtime), Ok(context)) = (runtime, Context::new(global)) else { return Log::NoEngine };
    runtime.block_on(async {
        let Some(kind) = last(&context, told, Some("main")).await else { return Log::NoEngine };
        if told["session_id"].as_str().is_none_or(str::is_empty) {
            return Log::NoSession;
        }
        // A session that has only begun has a title before it has a turn.
        match kind {
            Some(record) => Log::Last(Box::new(record)),
            None => last(&context, told, None).await.flatten().map_or(Log::Empty, |record| Log::Last(Box::new(record))),
        }
    })
}

/// The session's newest request; nothing when no engine answers.
async fn last(context: &Context, told: &Value, kind: Option<&str>) -> Option<Option<Record>> {
    let after = Timestamp::now().as_millisecond() - LONGEST_SILENCE_MS;
    let filter = json!({ "limit": 1, "kind": kind, "after_ms": after, "text": told["session_id"].as_str() });
    let answer: RequestsRes = door::quick(context, "requests.list", json!({ "filter": filter })).await?;
    Some(answer.records.into_iter().next())
}

fn without_engine(told: &Value) -> String {
    let model = told["model"]["display_name"].as_str().or_else(|| told["model"]["id"].as_str());
    let model = model.map(|model| format!(" · {}", tame(model))).unwrap_or_default();
    format!("{DIM}Branchline is not running{model}{DIM:#}{}", context_left(told))
}

fn of(record: &Record, told: &Value) -> String {
    let style = style(record);
    let who = match (&record.backend, &record.model) {
        (Some(backend), Some(model)) => tame(&format!("{backend}:{model}")),
        _ if record.outcome == Outcome::AnsweredHere => "answered here".to_owned(),
        _ => "no model".to_owned(),
    };
    let mut text = format!("{style}● {who}{style:#}");
    let mut add = |style: Style, words: String| text += &format!("{DIM} · {DIM:#}{style}{words}{style:#}");
    match record.place {
        Place::Local => add(DIM, "local".into()),
        Place::Cloud => add(DIM, "cloud".into()),
        Place::Nowhere => {}
    }
    if let Some(score) = record.decision.score {
        add(DIM, format!("score {score}"));
    }
    if let Some(speed) = speed(record) {
        add(DIM, format!("{speed} tok/s"));
    }
    if let Some(error) = &record.error {
        add(BAD, short(&error.code));
    } else if let Some(why) = &record.fallback {
        add(WARN, format!("instead: {}", short(why)));
    } else if let Some(why) = &record.decision.escalated {
        add(WARN, format!("moved up: {}", short(why)));
    }
    text + &context_left(told)
}

fn style(record: &Record) -> Style {
    match (record.outcome, record.place) {
        (Outcome::Error, _) => BAD,
        (_, Place::Local) => GOOD,
        (_, Place::Cloud) => CLOUD,
        (_, Place::Nowhere) => DIM,
    }
}

/// Tokens a second, from the first token on.
fn speed(record: &Record) -> Option<u64> {
    table::speed(record.usage.output, record.duration_ms.checked_sub(record.ttft_ms?)?)
}

/// What is left of the real window. Claude Code knows the one `branchline env` told it, which is larger where that is small.
fn context_left(told: &Value) -> String {
    let window = &told["context_window"];
    let used = || window["used_percentage"].as_f64().map(|used| 100.0 - used);
    let Some(left) = window["remaining_percentage"].as_f64().or_else(used) else { return String::new() };
    let size = window["context_window_size"].as_u64();
    let real = size.map(real_window);
    let larger = size.zip(real).map_or(1.0, |(size, real)| size as f64 / real.max(1) as f64);
    let left = 100.0 - (100.0 - left) * larger;
    let of = real.map(|real| format!(" of {}", table::tokens(real))).unwrap_or_default();
    let style = match left {
        left if left < 10.0 => BAD,
        left if left < 25.0 => WARN,
        _ => DIM,
    };
    format!("{DIM} · {DIM:#}{style}{:.0} %{of} context left{style:#}", left.clamp(0.0, 100.0))
}

/// Nothing that a terminal would take for an order.
fn tame(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_control()).collect()
}

fn short(text: &str) -> String {
    let tame = tame(text);
    if tame.chars().count() <= LONGEST_REASON {
        return tame;
    }
    tame.chars().take(LONGEST_REASON - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_proxy::record::{DecisionRecord, UsageRecord};

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn told() -> Value {
        json!({ "model": { "id": "auto", "display_name": "auto" },
            "context_window": { "context_window_size": 70344, "remaining_percentage": 62, "used_percentage": 38 } })
    }

    fn record() -> Record {
        Record {
            backend: Some("lmstudio".into()),
            model: Some("qwen/qwen3".into()),
            place: Place::Local,
            outcome: Outcome::Ok,
            duration_ms: 2_500,
            ttft_ms: Some(500),
            usage: UsageRecord { output: 82, ..UsageRecord::default() },
            decision: DecisionRecord { score: Some(12), ..DecisionRecord::default() },
            ..Record::default()
        }
    }

    #[test]
    fn the_line_says_who_answered_how_fast_and_what_is_left() {
        let line = plain(&of(&record(), &told()));
        assert_eq!(line, "● lmstudio:qwen/qwen3 · local · score 12 · 41 tok/s · 59 % of 65k context left");
    }

    #[test]
    fn a_stand_in_says_why_and_no_line_is_long_or_gives_orders() {
        let fallback = Some(format!("lmstudio is \u{1b}[2Joffline{}", " and so on".repeat(20)));
        let line = plain(&of(&Record { fallback, place: Place::Cloud, ..record() }, &Value::Null));
        assert!(line.contains("cloud") && line.contains("instead: lmstudio is [2Joffline and so"), "{line}");
        assert!(line.chars().count() < 140 && !line.contains('\u{1b}'), "{line}");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(plain(&without_engine(&Value::Null)), "Branchline is not running");
        let line = plain(&without_engine(&told()));
        assert_eq!(line, "Branchline is not running · auto · 59 % of 65k context left");
        assert_eq!(plain(&of(&Record::default(), &Value::Null)), "● no model");
        let early = json!({ "context_window": { "remaining_percentage": null, "context_window_size": 200000 } });
        assert_eq!(context_left(&early), "");
    }
}
