//! `branchline classify`: the score alone, with no engine and no model. The turn is read as the engine reads it.

use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use branchline_routing::score::{Score, TurnText, score};
use branchline_routing::{Turn, Weights, turn};
use branchline_wire::Protocol;
use branchline_wire::codec::{DecodeError, decode_request};
use branchline_wire::tokens;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::ClassifyArgs;
use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::given;
use crate::out::{self, BOLD, CLOUD, DIM, GOOD, line, note};

/// One line of `--jsonl`: a prompt, or the messages of a request of either protocol.
#[derive(Debug, Deserialize)]
struct Row {
    id: Value,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    messages: Option<Value>,
}

pub(crate) fn run(context: &Context, args: &ClassifyArgs) -> Result<ExitCode> {
    if args.jsonl {
        return rows();
    }
    let text = match args.text.as_deref() {
        Some("-") | None => given::text_of(Path::new("-"))?,
        Some(text) => text.to_owned(),
    };
    let scored = score_of(&json!([{ "role": "user", "content": text }])).map_err(unreadable)?;
    show(context, &scored);
    Ok(ExitCode::SUCCESS)
}

fn unreadable(error: DecodeError) -> Error {
    Error::usage(error.to_string(), "give a text, or messages as in a request")
}

/// Scores messages as the engine scores the request they stand in.
fn score_of(messages: &Value) -> std::result::Result<Score, DecodeError> {
    Ok(score_with(&turn_of(messages)?, &Weights::default()))
}

/// The score of a turn under these weights.
pub(crate) fn score_with(turn: &Turn, weights: &Weights) -> Score {
    score(&TurnText { human: &turn.human, structure: turn.structure }, weights)
}

/// Reads messages of either protocol as the engine reads them.
pub(crate) fn turn_of(messages: &Value) -> std::result::Result<Turn, DecodeError> {
    let body = json!({ "model": "auto", "max_tokens": 1024, "messages": messages }).to_string();
    let decoded = decode_request(Protocol::Anthropic, &body);
    let request = decoded.or_else(|anthropic| decode_request(Protocol::OpenaiChat, &body).map_err(|_| anthropic))?;
    Ok(turn::read(&request, tokens::estimate(&request), false))
}

/// Lines in, `id<TAB>score` out. A line that cannot be read is told and the others go on.
fn rows() -> Result<ExitCode> {
    let mut good = true;
    for (number, read) in std::io::stdin().lock().lines().enumerate() {
        let text = read.map_err(Error::io("read standard input"))?;
        if text.trim().is_empty() {
            continue;
        }
        match row(&text) {
            Ok((id, score)) => line!("{id}\t{score:.4}"),
            Err(why) => {
                good = false;
                note!("error: line {}: {why}", number + 1);
            }
        }
    }
    if good { Ok(ExitCode::SUCCESS) } else { Err(Error::Said(Exit::Failed)) }
}

fn row(text: &str) -> std::result::Result<(String, f32), String> {
    let row: Row = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let messages = match (row.messages, row.prompt) {
        (Some(messages), _) => messages,
        (None, Some(prompt)) => json!([{ "role": "user", "content": prompt }]),
        (None, None) => return Err("it has neither prompt nor messages".to_owned()),
    };
    let id = row.id.as_str().map_or_else(|| row.id.to_string(), ToOwned::to_owned);
    score_of(&messages).map(|score| (id, score.raw)).map_err(|error| error.to_string())
}

fn show(context: &Context, scored: &Score) {
    let threshold = context.settings_as_far_as_good().routing.threshold;
    let cloud = scored.value >= threshold;
    let side = if cloud { "cloud" } else { "local" };
    if context.json {
        out::json(&json!({
            "score": scored.value, "raw": scored.raw, "threshold": threshold, "target": side, "points": scored.points,
        }));
        return;
    }
    let style = if cloud { CLOUD } else { GOOD };
    line!("{BOLD}{}{BOLD:#} of 100, threshold {threshold}: {style}{side}{style:#}", scored.value);
    for point in &scored.points {
        line!("  {:+6.1}  {} {DIM}{}{DIM:#}", point.points, point.signal.label(), point.why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_and_a_message_of_it_score_alike() {
        let (id, prompt) = row(r#"{"id": "a", "prompt": "Design a lock-free queue and prove it correct."}"#).unwrap();
        let message =
            r#"{"id": 7, "messages": [{"role": "user", "content": "Design a lock-free queue and prove it correct."}]}"#;
        let (number, same) = row(message).unwrap();
        assert_eq!((id.as_str(), number.as_str()), ("a", "7"));
        assert!((prompt - same).abs() < 1e-6 && prompt > 0.0);
    }

    #[test]
    fn messages_of_the_openai_protocol_are_read_too() {
        let text = r#"{"id": "o", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "fix it"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "done"}]}"#;
        assert!(row(text).is_ok(), "{:?}", row(text));
    }

    #[test]
    fn a_row_with_nothing_to_score_says_so() {
        assert!(row(r#"{"id": "x"}"#).unwrap_err().contains("neither"));
        assert!(row("nonsense").is_err());
    }
}
