//! An answer as a Chat Completion: one object, or chunks.

use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::frames::{Frame, disturb, end_after};
use crate::pace::Pieces;
use crate::script::{Answer, Part, Stop, Usage};

/// What an answer is written with.
#[derive(Debug, Clone)]
pub(crate) struct Pen {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) usage: Usage,
    pub(crate) include_usage: bool,
    /// The field thinking goes to; `None` hides it.
    pub(crate) reasoning: Option<&'static str>,
    /// Call ids in the order of the calls.
    pub(crate) call_ids: Vec<String>,
    /// Gemini's signature on the first call.
    pub(crate) thought_signature: Option<String>,
    pub(crate) pieces: Pieces,
    /// llama.cpp's `timings`.
    pub(crate) timings: bool,
}

const CREATED: u64 = 1_735_689_600;

pub(crate) fn finish_reason(stop: &Stop) -> String {
    let word = match stop {
        Stop::EndTurn | Stop::Sequence(_) | Stop::Pause => "stop",
        Stop::MaxTokens | Stop::ContextFull => "length",
        Stop::ToolUse => "tool_calls",
        Stop::Refusal => "content_filter",
        Stop::Other(word) => word,
    };
    word.to_owned()
}

fn usage(usage: &Usage) -> Value {
    let mut told = json!({"prompt_tokens": usage.input, "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output, "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking}});
    if let Some(micro) = usage.cost_micro {
        told["cost"] = json!(micro as f64 / 1e6);
    }
    told
}

fn timings(usage: &Usage) -> Value {
    json!({"cache_n": usage.cached, "prompt_n": usage.input - usage.cached.min(usage.input), "prompt_ms": 100.0,
        "predicted_n": usage.output, "predicted_ms": 100.0, "predicted_per_second": 40.0})
}

/// The text of a call's arguments, half of it where a fault says so.
pub(crate) fn arguments(part: &Part, cut: bool) -> Option<(String, String)> {
    let (name, arguments) = match part {
        Part::Call { name, input, .. } => (name.clone(), input.to_string()),
        Part::RawCall { name, arguments } => (name.clone(), arguments.clone()),
        Part::Text(_) | Part::Thinking(_) | Part::Given(_) => return None,
    };
    let half = arguments.chars().count() / 2;
    let arguments = if cut { arguments.chars().take(half).collect() } else { arguments };
    Some((name, arguments))
}

/// All calls of an answer as (name, arguments).
fn calls(answer: &Answer) -> Vec<(String, String)> {
    let cut = answer.has(&Fault::ToolArgumentsCut);
    let last = answer.parts.iter().rposition(|part| arguments(part, false).is_some());
    let parts = answer.parts.iter().enumerate();
    parts.filter_map(|(index, part)| arguments(part, cut && last == Some(index))).collect()
}

/// The whole answer as one object.
pub(crate) fn whole(answer: &Answer, pen: &Pen) -> Value {
    let join = |wanted: fn(&Part) -> Option<&str>| answer.parts.iter().filter_map(wanted).collect::<Vec<_>>().join("");
    let content = join(|part| if let Part::Text(text) = part { Some(text) } else { None });
    let thinking = join(|part| if let Part::Thinking(text) = part { Some(text) } else { None });
    let mut message = json!({"role": "assistant", "content": content});
    if let (Some(field), false) = (pen.reasoning, thinking.is_empty()) {
        message[field] = json!(thinking);
    }
    let calls: Vec<Value> =
        calls(answer).iter().enumerate().map(|(index, call)| whole_call(answer, pen, index, call)).collect();
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let finish = finish_reason(&answer.ending());
    let mut body = json!({"id": pen.id, "object": "chat.completion", "created": CREATED, "model": pen.model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}]});
    if !answer.has(&Fault::NoUsage) {
        body["usage"] = usage(&pen.usage);
    }
    if pen.timings {
        body["timings"] = timings(&pen.usage);
    }
    body
}

fn whole_call(answer: &Answer, pen: &Pen, index: usize, (name, arguments): &(String, String)) -> Value {
    let mut call =
        json!({"id": pen.call_ids.get(index), "type": "function", "function": {"name": name, "arguments": arguments}});
    if answer.has(&Fault::ToolArgumentsObject) {
        call["function"]["arguments"] = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
    }
    if answer.has(&Fault::ToolIdMissing)
        && let Some(fields) = call.as_object_mut()
    {
        fields.shift_remove("id");
    }
    sign(&mut call, pen, index);
    call
}

fn sign(call: &mut Value, pen: &Pen, index: usize) {
    if let (Some(signature), 0) = (&pen.thought_signature, index) {
        call["extra_content"] = json!({"google": {"thought_signature": signature}});
    }
}

fn chunk(pen: &Pen, delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": pen.id, "object": "chat.completion.chunk", "created": CREATED, "model": pen.model,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
}

/// The whole answer as events, with the faults that concern events applied.
pub(crate) fn stream(answer: &Answer, pen: &Pen) -> Vec<Frame> {
    let mut frames = vec![Frame::data(chunk(pen, &json!({"role": "assistant", "content": ""}), None))];
    if answer.has(&Fault::EmptyChoicesFirst) {
        let mut empty = chunk(pen, &Value::Null, None);
        empty["choices"] = json!([]);
        frames.insert(0, Frame::data(empty));
    }
    for part in &answer.parts {
        let field = match part {
            Part::Text(text) => Some(("content", text)),
            Part::Thinking(text) => pen.reasoning.map(|field| (field, text)),
            Part::Call { .. } | Part::RawCall { .. } | Part::Given(_) => None,
        };
        for piece in field.iter().flat_map(|(_, text)| pen.pieces.cut(text)) {
            let name = field.map_or("content", |(name, _)| name);
            frames.push(Frame::data(chunk(pen, &json!({name: piece}), None)).into_delta());
        }
    }
    frames.extend(call_frames(answer, pen));
    if !answer.has(&Fault::NoFinish) {
        frames.extend(ending(answer, pen));
    }
    disturb(&mut frames, answer, false);
    fail(&mut frames, answer, pen);
    frames
}

fn call_frames(answer: &Answer, pen: &Pen) -> Vec<Frame> {
    let calls = calls(answer);
    let mut rows: Vec<Vec<Frame>> = Vec::new();
    for (index, (name, arguments)) in calls.iter().enumerate() {
        let deltas = call_deltas(answer, pen, index, name, arguments);
        rows.push(
            deltas
                .iter()
                .map(|call| Frame::data(chunk(pen, &json!({"tool_calls": [call]}), None)).into_delta())
                .collect(),
        );
    }
    if answer.has(&Fault::ToolsInterleaved) { interleave(rows) } else { rows.concat() }
}

fn interleave(mut rows: Vec<Vec<Frame>>) -> Vec<Frame> {
    let mut out = Vec::new();
    while rows.iter().any(|row| !row.is_empty()) {
        for row in rows.iter_mut().filter(|row| !row.is_empty()) {
            out.push(row.remove(0));
        }
    }
    out
}

/// The fragments of one call: head with id and name, then pieces of the arguments.
fn call_deltas(answer: &Answer, pen: &Pen, index: usize, name: &str, arguments: &str) -> Vec<Value> {
    let id = pen.call_ids.get(index);
    if answer.has(&Fault::ToolWhole) || answer.has(&Fault::ToolArgumentsObject) {
        let whole = whole_call(answer, pen, index, &(name.to_owned(), arguments.to_owned()));
        return vec![indexed(answer, index, whole)];
    }
    let mut head = json!({"id": id, "type": "function", "function": {"name": name, "arguments": ""}});
    if answer.has(&Fault::ToolIdMissing)
        && let Some(fields) = head.as_object_mut()
    {
        fields.shift_remove("id");
    }
    sign(&mut head, pen, index);
    let pieces = pen.pieces.cut(arguments).into_iter().map(|piece| {
        let mut call = json!({"function": {"arguments": piece}});
        if answer.has(&Fault::ToolNameRepeated) {
            call["function"]["name"] = json!(name);
        }
        if answer.has(&Fault::ToolIdRepeated) {
            call["id"] = json!(id);
        }
        call
    });
    std::iter::once(head).chain(pieces).map(|call| indexed(answer, index, call)).collect()
}

fn indexed(answer: &Answer, index: usize, call: Value) -> Value {
    let shown = if answer.has(&Fault::ToolIndexZero) { 0 } else { index };
    let mut fields = Map::new();
    if !answer.has(&Fault::ToolIndexMissing) {
        fields.insert("index".into(), json!(shown));
    }
    fields.extend(call.as_object().cloned().unwrap_or_default());
    Value::Object(fields)
}

fn ending(answer: &Answer, pen: &Pen) -> Vec<Frame> {
    let finish = finish_reason(&answer.ending());
    let mut last = chunk(pen, &json!({}), Some(&finish));
    let with_usage = pen.include_usage && !answer.has(&Fault::NoUsage);
    if pen.timings {
        last["timings"] = timings(&pen.usage);
    }
    let mut frames = Vec::new();
    if answer.has(&Fault::UsageInFinish) {
        last["usage"] = usage(&pen.usage);
        frames.push(Frame::data(last));
    } else {
        frames.push(Frame::data(last));
        if with_usage {
            let mut counts = chunk(pen, &Value::Null, None);
            counts["choices"] = json!([]);
            counts["usage"] = usage(&pen.usage);
            frames.push(Frame::data(counts));
        }
    }
    if !answer.has(&Fault::NoDone) {
        frames.push(Frame::data("[DONE]"));
    }
    frames
}

fn fail(frames: &mut Vec<Frame>, answer: &Answer, pen: &Pen) {
    for fault in &answer.faults {
        match fault {
            Fault::ErrorAfter { deltas, kind, message } => {
                let error = json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
                end_after(frames, *deltas, [Frame::data(error)]);
            }
            Fault::ErrorChunkAfter { deltas, code, message } => {
                let mut last = chunk(pen, &json!({"content": ""}), Some("error"));
                last["error"] = json!({"code": code, "message": message, "metadata": {}});
                end_after(frames, *deltas, [Frame::data(last), Frame::data("[DONE]")]);
            }
            _ => {}
        }
    }
}
