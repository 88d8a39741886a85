//! An answer as an Anthropic message: one object, or events.

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::frames::{Frame, disturb, end_after};
use crate::openai::render::arguments;
use crate::pace::Pieces;
use crate::script::{Answer, Part, Stop, Usage};

/// What an answer is written with.
#[derive(Debug, Clone)]
pub(crate) struct Pen {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) usage: Usage,
    pub(crate) call_ids: Vec<String>,
    /// One signature per thinking part, in order.
    pub(crate) signatures: Vec<String>,
    /// The client asked for thinking without its text (`display: "omitted"`).
    pub(crate) hide_thinking: bool,
    pub(crate) pieces: Pieces,
    /// `ping` after the start; llama.cpp and Ollama send none.
    pub(crate) pings: bool,
}

fn usage(pen: &Pen) -> Value {
    let Usage { input, cached, output, thinking, .. } = pen.usage;
    json!({"input_tokens": input.saturating_sub(cached), "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}, "output_tokens": output,
        "server_tool_use": null, "service_tier": "standard", "output_tokens_details": {"thinking_tokens": thinking}})
}

fn stop_words(stop: &Stop) -> (String, Value) {
    let (reason, sequence) = match stop {
        Stop::EndTurn => ("end_turn", Value::Null),
        Stop::MaxTokens => ("max_tokens", Value::Null),
        Stop::ToolUse => ("tool_use", Value::Null),
        Stop::Refusal => ("refusal", Value::Null),
        Stop::Sequence(sequence) => ("stop_sequence", json!(sequence)),
        Stop::ContextFull => ("model_context_window_exceeded", Value::Null),
        Stop::Pause => ("pause_turn", Value::Null),
        Stop::Other(word) => (word.as_str(), Value::Null),
    };
    (reason.to_owned(), sequence)
}

fn stop_details(stop: &Stop) -> Value {
    match stop {
        Stop::Refusal => json!({"type": "refusal", "category": "other", "explanation": "Refused by the simulator."}),
        _ => Value::Null,
    }
}

/// A content block and the deltas that fill it.
struct Block {
    /// As `content_block_start` shows it.
    start: Value,
    /// Delta objects in order.
    deltas: Vec<Value>,
    /// As the non-streamed answer shows it.
    whole: Value,
}

fn blocks(answer: &Answer, pen: &Pen) -> Vec<Block> {
    let cut = answer.has(&Fault::ToolArgumentsCut);
    let last = answer.parts.iter().rposition(|part| arguments(part, false).is_some());
    let mut ids = pen.call_ids.iter();
    let mut signatures = pen.signatures.iter();
    let mut out = Vec::new();
    for (index, part) in answer.parts.iter().enumerate() {
        out.push(match part {
            Part::Text(text) => text_block(text, pen),
            Part::Thinking(text) => thinking_block(text, signatures.next(), pen),
            Part::Given(block) => Block { start: block.clone(), deltas: Vec::new(), whole: block.clone() },
            Part::Call { .. } | Part::RawCall { .. } => {
                let (name, input) = arguments(part, cut && last == Some(index)).unwrap_or_default();
                call_block(ids.next(), &name, &input, pen)
            }
        });
    }
    out
}

fn text_block(text: &str, pen: &Pen) -> Block {
    Block {
        start: json!({"type": "text", "text": ""}),
        deltas: pen.pieces.cut(text).iter().map(|piece| json!({"type": "text_delta", "text": piece})).collect(),
        whole: json!({"type": "text", "text": text, "citations": null}),
    }
}

fn thinking_block(text: &str, signature: Option<&String>, pen: &Pen) -> Block {
    let shown = if pen.hide_thinking { "" } else { text };
    let thoughts = pen.pieces.cut(shown);
    let mut deltas: Vec<Value> =
        thoughts.iter().map(|piece| json!({"type": "thinking_delta", "thinking": piece})).collect();
    deltas.push(json!({"type": "signature_delta", "signature": signature}));
    Block {
        start: json!({"type": "thinking", "thinking": "", "signature": ""}),
        deltas,
        whole: json!({"type": "thinking", "thinking": shown, "signature": signature}),
    }
}

fn call_block(id: Option<&String>, name: &str, input: &str, pen: &Pen) -> Block {
    let parsed: Value = serde_json::from_str(input).unwrap_or_else(|_| json!({}));
    let pieces = pen.pieces.cut(input);
    let empty = json!({"type": "input_json_delta", "partial_json": ""});
    let fill = pieces.iter().map(|piece| json!({"type": "input_json_delta", "partial_json": piece}));
    Block {
        start: json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
        deltas: std::iter::once(empty).chain(fill).collect(),
        whole: json!({"type": "tool_use", "id": id, "name": name, "input": parsed}),
    }
}

fn message(pen: &Pen, content: &[Value], usage: Value) -> Value {
    json!({"id": pen.id, "type": "message", "role": "assistant", "model": pen.model, "content": content,
        "stop_reason": null, "stop_sequence": null, "stop_details": null, "container": null, "usage": usage})
}

/// The whole answer as one object.
pub(crate) fn whole(answer: &Answer, pen: &Pen) -> Value {
    let content: Vec<Value> = blocks(answer, pen).into_iter().map(|block| block.whole).collect();
    let ending = answer.ending();
    let (reason, sequence) = stop_words(&ending);
    let mut body = message(pen, &content, usage(pen));
    body["stop_reason"] = json!(reason);
    body["stop_sequence"] = sequence;
    body["stop_details"] = stop_details(&ending);
    body
}

fn named(data: &Value) -> Frame {
    Frame::event(data["type"].as_str().unwrap_or_default(), data)
}

/// The whole answer as events, with the faults that concern events applied.
pub(crate) fn stream(answer: &Answer, pen: &Pen) -> Vec<Frame> {
    let mut frames = Vec::new();
    if !answer.has(&Fault::NoMessageStart) {
        let mut counts = usage(pen);
        counts["output_tokens"] = json!(1);
        frames.push(named(&json!({"type": "message_start", "message": message(pen, &[], counts)})));
    }
    if pen.pings {
        frames.push(named(&json!({"type": "ping"})));
    }
    for (index, block) in blocks(answer, pen).into_iter().enumerate() {
        frames.push(named(&json!({"type": "content_block_start", "index": index, "content_block": block.start})));
        for delta in block.deltas {
            frames.push(named(&json!({"type": "content_block_delta", "index": index, "delta": delta})).into_delta());
        }
        frames.push(named(&json!({"type": "content_block_stop", "index": index})));
    }
    if !answer.has(&Fault::NoFinish) {
        frames.extend(ending(answer, pen));
    }
    disturb(&mut frames, answer, true);
    fail(&mut frames, answer);
    frames
}

fn ending(answer: &Answer, pen: &Pen) -> [Frame; 2] {
    let ending = answer.ending();
    let (reason, sequence) = stop_words(&ending);
    let delta = json!({"stop_reason": reason, "stop_sequence": sequence, "stop_details": stop_details(&ending)});
    let mut last = json!({"type": "message_delta", "delta": delta});
    if !answer.has(&Fault::NoUsage) {
        last["usage"] = usage(pen);
    }
    [named(&last), named(&json!({"type": "message_stop"}))]
}

fn fail(frames: &mut Vec<Frame>, answer: &Answer) {
    for fault in &answer.faults {
        let (deltas, kind, message) = match fault {
            Fault::ErrorAfter { deltas, kind, message } => (*deltas, kind.as_str(), message),
            Fault::ErrorChunkAfter { deltas, message, .. } => (*deltas, "api_error", message),
            _ => continue,
        };
        let error = json!({"type": "error", "error": {"type": kind, "message": message}});
        end_after(frames, deltas, [named(&error)]);
    }
}
