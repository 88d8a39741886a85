//! Ollama's own `/api/chat` and `/api/generate`: read into the shape of a Chat Completion, which the
//! scripts and checks know, and answered in lines of JSON.

use serde_json::{Map, Value, json};

use crate::ask::{list, text};
use crate::fault::Fault;
use crate::frames::{Frame, end_after};
use crate::openai::render::{Pen, arguments, finish_reason};
use crate::script::{Answer, Part};

/// The window a request asks for.
pub(crate) fn window(body: &Value) -> Option<u64> {
    body.pointer("/options/num_ctx").and_then(Value::as_u64)
}

/// Whether a prompt that does not fit shall be refused instead of cut.
pub(crate) fn refuses_to_cut(body: &Value) -> bool {
    body.get("truncate") == Some(&json!(false))
}

/// The request as a Chat Completion.
pub(crate) fn as_openai(body: &Value) -> Value {
    let mut out = Map::new();
    for key in ["model", "tools", "stream"] {
        if let Some(value) = body.get(key) {
            out.insert(key.into(), value.clone());
        }
    }
    // Ollama streams unless it is told not to.
    out.entry("stream").or_insert(json!(true));
    out.insert("messages".into(), list(body, "messages").iter().map(message).collect());
    if let Some(limit) = body.pointer("/options/num_predict") {
        out.insert("max_tokens".into(), limit.clone());
    }
    if let Some(format) = body.get("format").filter(|format| format.is_object()) {
        out.insert(
            "response_format".into(),
            json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": format}}),
        );
    }
    Value::Object(out)
}

fn message(message: &Value) -> Value {
    let mut out = json!({"role": message["role"], "content": message["content"]});
    let images = list(message, "images");
    if !images.is_empty() {
        let parts = images.iter().map(|data| {
            let url = format!("data:image/png;base64,{}", data.as_str().unwrap_or_default());
            json!({"type": "image_url", "image_url": {"url": url}})
        });
        let said = json!({"type": "text", "text": message["content"]});
        out["content"] = std::iter::once(said).chain(parts).collect();
    }
    let calls: Vec<Value> = list(message, "tool_calls").iter().map(call).collect();
    if !calls.is_empty() {
        out["tool_calls"] = json!(calls);
    }
    if let Some(id) = message.get("tool_call_id") {
        out["tool_call_id"] = id.clone();
    }
    out
}

fn call(call: &Value) -> Value {
    let function = &call["function"];
    json!({"id": call["id"], "type": "function",
        "function": {"name": function["name"], "arguments": function["arguments"].to_string()}})
}

/// What is wrong with a request in Ollama's own words.
pub(crate) fn problem(body: &Value) -> Option<&'static str> {
    let messages = list(body, "messages");
    let mut calls = messages.iter().flat_map(|message| list(message, "tool_calls"));
    if messages.iter().any(|message| !message["content"].is_string()) {
        return Some("json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string");
    }
    if calls.any(|call| !call["function"]["arguments"].is_object()) {
        return Some(
            "json: cannot unmarshal string into Go struct field .arguments of type api.ToolCallFunctionArguments",
        );
    }
    None
}

fn line(pen: &Pen, message: &Value, done: Option<&str>) -> Value {
    let mut line = json!({"model": pen.model, "created_at": "2026-11-21T03:00:00.123456Z", "message": message,
        "done": done.is_some()});
    if let Some(reason) = done {
        let reason = if reason == "length" { "length" } else { "stop" };
        line["done_reason"] = json!(reason);
        line["prompt_eval_count"] = json!(pen.usage.input);
        line["eval_count"] = json!(pen.usage.output);
    }
    line
}

fn calls(answer: &Answer, pen: &Pen) -> Vec<Value> {
    let parts = answer.parts.iter().filter_map(|part| arguments(part, false));
    let call = |(nth, (name, arguments)): (usize, (String, String))| {
        let arguments: Value = serde_json::from_str(&arguments).unwrap_or_else(|_| json!({}));
        json!({"id": pen.call_ids.get(nth), "function": {"index": nth, "name": name, "arguments": arguments}})
    };
    parts.enumerate().map(call).collect()
}

/// The whole answer as one object.
pub(crate) fn whole(answer: &Answer, pen: &Pen) -> Value {
    let join = |wanted: fn(&Part) -> Option<&str>| answer.parts.iter().filter_map(wanted).collect::<String>();
    let content = join(|part| if let Part::Text(text) = part { Some(text) } else { None });
    let thinking = join(|part| if let Part::Thinking(text) = part { Some(text) } else { None });
    let mut message = json!({"role": "assistant", "content": content});
    if !thinking.is_empty() {
        message["thinking"] = json!(thinking);
    }
    let calls = calls(answer, pen);
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    line(pen, &message, Some(&finish_reason(&answer.ending())))
}

/// The answer as lines.
pub(crate) fn stream(answer: &Answer, pen: &Pen) -> Vec<Frame> {
    let mut frames = Vec::new();
    for part in &answer.parts {
        let (field, text) = match part {
            Part::Text(text) => ("content", text),
            Part::Thinking(text) => ("thinking", text),
            Part::Call { .. } | Part::RawCall { .. } | Part::Given(_) => continue,
        };
        for piece in pen.pieces.cut(text) {
            let mut message = json!({"role": "assistant", "content": ""});
            message[field] = json!(piece);
            frames.push(Frame::line(line(pen, &message, None)).into_delta());
        }
    }
    let calls = calls(answer, pen);
    if !calls.is_empty() {
        let message = json!({"role": "assistant", "content": "", "tool_calls": calls});
        frames.push(Frame::line(line(pen, &message, None)).into_delta());
    }
    let nothing = json!({"role": "assistant", "content": ""});
    frames.push(Frame::line(line(pen, &nothing, Some(&finish_reason(&answer.ending())))));
    for fault in &answer.faults {
        if let Fault::ErrorAfter { deltas, message, .. } = fault {
            end_after(&mut frames, *deltas, [Frame::line(json!({"error": message}))]);
        }
    }
    frames
}

/// The answer to a request that only loads or unloads a model.
pub(crate) fn loaded(body: &Value) -> Value {
    let unload = matches!(body.get("keep_alive"), Some(Value::Number(n)) if n.as_i64() == Some(0));
    json!({"model": text(body, "model"), "created_at": "2026-11-21T03:00:00Z", "response": "", "done": true,
        "done_reason": if unload { "unload" } else { "load" }})
}
