//! Scores labelled rows for the evaluator: JSONL `{id, prompt, messages?}` on standard input,
//! `id<TAB>score` on standard output. `--explain` adds the points.
//!
//! Rows with `messages` are scored as the proxy scores a turn: the last user message with text of
//! its own is what the human said, and everything behind it is the turn's tool loop.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};

use branchline_routing::score::{TurnText, Weights, score};
use branchline_routing::signals::Structure;
use branchline_routing::strip_reminders;
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let explain = std::env::args().any(|argument| argument == "--explain");
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let row: Value = serde_json::from_str(&line?)?;
        let (human, structure) = turn_of(&row);
        let human = strip_reminders(&human);
        let scored = score(&TurnText { human: &human, structure }, &Weights::default());
        writeln!(out, "{}\t{}", row["id"].as_str().unwrap_or_default(), scored.raw)?;
        if explain {
            for point in scored.points {
                writeln!(out, "    {:+.1} {}: {}", point.points, point.signal.label(), point.why)?;
            }
        }
    }
    Ok(())
}

fn turn_of(row: &Value) -> (String, Structure) {
    let Some(messages) = row["messages"].as_array() else {
        return (row["prompt"].as_str().unwrap_or_default().to_owned(), Structure::default());
    };
    let said = |message: &Value| (message["role"] == "user").then(|| text_of(message)).filter(|t| !t.is_empty());
    let last = messages.iter().rposition(|message| said(message).is_some());
    let human = last.and_then(|at| said(&messages[at])).unwrap_or_default();
    let results = |of: &[Value]| of.iter().map(results_in).sum();
    let structure = Structure {
        tool_results_in_turn: results(&messages[last.map_or(0, |at| at + 1)..]),
        tool_results_total: results(messages),
        messages: messages.len() as u32,
        ..Structure::default()
    };
    (human, structure)
}

/// Text blocks of a message, reminders removed, so that a message of reminders counts as silent.
fn text_of(message: &Value) -> String {
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    };
    strip_reminders(&text).into_owned()
}

/// Tool results in a message: the message itself (OpenAI) or its blocks (Anthropic).
fn results_in(message: &Value) -> u32 {
    let blocks = message["content"]
        .as_array()
        .map_or(0, |blocks| blocks.iter().filter(|block| block["type"] == "tool_result").count() as u32);
    blocks + u32::from(message["role"] == "tool")
}
