//! What the upstream says, in both protocols, and the check that a client got just that.
//!
//! The text of a streamed answer carries the moment each piece was made, as `@nanoseconds@`.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{Result, wrong};

/// One answer: what was said, and the input of its one tool call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) input: Value,
}

/// Protocol of an upstream answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Anthropic,
    Openai,
}

/// What an answer of so many pieces must come out as.
pub(crate) fn expected(pieces: usize) -> Answer {
    Answer { text: (0..pieces).map(piece).collect(), input: input() }
}

fn piece(number: usize) -> String {
    format!("Step {number}: the \"field\" is renamed.\n")
}

fn input() -> Value {
    json!({ "file_path": "/home/dev/project/src/parse.rs", "edits": [{ "old": "let line = \"\\n\";", "new": "let row = 'ä';" }] })
}

/// A whole answer.
pub(crate) fn whole(speech: Speech, pieces: usize) -> Bytes {
    let Answer { text, input } = expected(pieces);
    let body = match speech {
        Speech::Anthropic => {
            json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": crate::bodies::MODEL,
            "content": [{ "type": "text", "text": text },
                { "type": "tool_use", "id": "toolu_new", "name": "Edit", "input": input }],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": { "input_tokens": 25_000, "output_tokens": 300 } })
        }
        Speech::Openai => {
            json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "bench/coder",
            "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": { "role": "assistant", "content": text,
                "tool_calls": [{ "id": "call_new", "type": "function",
                    "function": { "name": "Edit", "arguments": input.to_string() } }] } }],
            "usage": { "prompt_tokens": 25_000, "completion_tokens": 300, "total_tokens": 25_300 } })
        }
    };
    body.to_string().into()
}

/// One piece of a streamed answer as it goes over the wire; `None` behind the last.
pub(crate) fn frame(speech: Speech, number: usize, pieces: usize, nanoseconds: u128) -> Option<Bytes> {
    let text = || format!("@{nanoseconds}@{}", piece(number - 1));
    let frames = match (speech, number) {
        (Speech::Anthropic, 0) => anthropic_start(),
        (Speech::Openai, 0) => openai(&json!({ "role": "assistant", "content": "" }), None),
        (Speech::Anthropic, _) if number <= pieces => {
            named("content_block_delta", json!({ "index": 0, "delta": { "type": "text_delta", "text": text() } }))
        }
        (Speech::Openai, _) if number <= pieces => openai(&json!({ "content": text() }), None),
        (Speech::Anthropic, _) if number == pieces + 1 => anthropic_end(),
        (Speech::Openai, _) if number == pieces + 1 => openai_end(),
        _ => return None,
    };
    Some(frames.into())
}

fn named(event: &str, mut data: Value) -> String {
    data["type"] = event.into();
    format!("event: {event}\ndata: {data}\n\n")
}

fn anthropic_start() -> String {
    let message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": crate::bodies::MODEL, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 25_000, "output_tokens": 1 } });
    named("message_start", json!({ "message": message }))
        + &named("content_block_start", json!({ "index": 0, "content_block": { "type": "text", "text": "" } }))
}

/// The tool call comes in three parts, cut in the middle of its words.
fn parts(arguments: &str) -> [&str; 3] {
    [&arguments[..9], &arguments[9..30], &arguments[30..]]
}

fn anthropic_end() -> String {
    let tool = json!({ "type": "tool_use", "id": "toolu_new", "name": "Edit", "input": {} });
    let mut frames = named("content_block_stop", json!({ "index": 0 }));
    frames += &named("content_block_start", json!({ "index": 1, "content_block": tool }));
    for part in parts(&input().to_string()) {
        let delta = json!({ "type": "input_json_delta", "partial_json": part });
        frames += &named("content_block_delta", json!({ "index": 1, "delta": delta }));
    }
    frames += &named("content_block_stop", json!({ "index": 1 }));
    let delta = json!({ "stop_reason": "tool_use", "stop_sequence": null });
    frames += &named("message_delta", json!({ "delta": delta, "usage": { "output_tokens": 300 } }));
    frames + &named("message_stop", json!({}))
}

fn openai(delta: &Value, finish: Option<&str>) -> String {
    let chunk = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "bench/coder",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
    format!("data: {chunk}\n\n")
}

fn openai_end() -> String {
    let call =
        json!({ "index": 0, "id": "call_new", "type": "function", "function": { "name": "Edit", "arguments": "" } });
    let mut frames = openai(&json!({ "tool_calls": [call] }), None);
    for part in parts(&input().to_string()) {
        frames += &openai(&json!({ "tool_calls": [{ "index": 0, "function": { "arguments": part } }] }), None);
    }
    frames += &openai(&json!({}), Some("tool_calls"));
    let usage = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "bench/coder", "choices": [],
        "usage": { "prompt_tokens": 25_000, "completion_tokens": 300, "total_tokens": 25_300 } });
    frames + &format!("data: {usage}\n\ndata: [DONE]\n\n")
}

/// Reads an Anthropic answer as a client would.
pub(crate) fn read(streamed: bool, body: &[u8]) -> Result<Answer> {
    let text = std::str::from_utf8(body).or_else(|_| wrong("the answer is not UTF-8"))?;
    if streamed { read_stream(text) } else { read_whole(text) }
}

fn read_whole(text: &str) -> Result<Answer> {
    let body: Value = serde_json::from_str(text)?;
    let mut answer = Answer::default();
    for block in body["content"].as_array().into_iter().flatten() {
        match block["type"].as_str() {
            Some("text") => answer.text += block["text"].as_str().unwrap_or_default(),
            Some("tool_use") => answer.input = block["input"].clone(),
            _ => {}
        }
    }
    ended(&body["stop_reason"], text)?;
    Ok(answer)
}

fn read_stream(text: &str) -> Result<Answer> {
    let (mut answer, mut arguments, mut stop) = (Answer::default(), String::new(), Value::Null);
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data)?;
        match event["type"].as_str() {
            Some("content_block_delta") => {
                answer.text += &without_stamps(event["delta"]["text"].as_str().unwrap_or_default());
                arguments += event["delta"]["partial_json"].as_str().unwrap_or_default();
            }
            Some("message_delta") => stop = event["delta"]["stop_reason"].clone(),
            _ => {}
        }
    }
    ended(&stop, text)?;
    answer.input = serde_json::from_str(&arguments)?;
    Ok(answer)
}

fn ended(stop: &Value, text: &str) -> Result<()> {
    let beginning: String = text.chars().take(300).collect();
    if stop == "tool_use" { Ok(()) } else { wrong(format!("the answer does not end with a tool call: {beginning}")) }
}

fn without_stamps(text: &str) -> String {
    text.split('@').step_by(2).collect()
}

/// The moments in a piece of a stream, in nanoseconds, with the offset behind each.
pub(crate) fn stamps(stream: &[u8]) -> Vec<(usize, u128)> {
    let marks: Vec<usize> = stream.iter().enumerate().filter(|(_, byte)| **byte == b'@').map(|(at, _)| at).collect();
    let read = |pair: &[usize]| {
        let &[open, close] = pair else { return None };
        let digits = std::str::from_utf8(&stream[open + 1..close]).ok()?;
        Some((close + 1, digits.parse().ok()?))
    };
    marks.chunks(2).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_read() {
        assert_eq!(read(false, &whole(Speech::Anthropic, 5)).unwrap(), expected(5));
        let frames = (0..).map_while(|number| frame(Speech::Anthropic, number, 5, 77));
        let stream: Vec<u8> = frames.flat_map(|frame| frame.to_vec()).collect();
        assert_eq!(read(true, &stream).unwrap(), expected(5));
        assert_eq!(stamps(&stream).len(), 5);
        assert!(stamps(&stream).iter().all(|(_, moment)| *moment == 77));
    }
}
