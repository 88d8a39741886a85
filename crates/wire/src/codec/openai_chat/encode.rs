//! The hub to OpenAI Chat Completions.
//!
//! Written straight into one buffer; text is copied in its escaped form. `messages` stands right behind `model`
//! and each turn is rendered from itself alone, so that the next, longer request begins with the same bytes.
//! `cache_control` marks are not carried and not reported: they have no meaning for the answer.

use std::fmt::Write;

use crate::Dialect;
use crate::codec::Encoded;
use crate::hub::{BlockKind, Dropped, Request, Response, StopReason, Usage};
use crate::text::escape_into;

mod messages;
mod options;
mod parts;
mod tools;

pub(super) use messages::one as message;
pub(super) use messages::system_message;
pub(super) use tools::list as tool_list;

/// Writes a request.
#[must_use]
pub fn request(request: &Request<'_>, dialect: &Dialect) -> Encoded {
    let mut out = String::with_capacity(capacity(request));
    let mut dropped = Vec::new();
    out.push_str("{\"model\":\"");
    out.push_str(request.model.as_escaped());
    out.push_str("\",\"messages\":");
    messages::write(request, dialect, &mut out, &mut dropped);
    tools::write(request, dialect, &mut out, &mut dropped);
    options::write(request, dialect, &mut out, &mut dropped);
    out.push('}');
    Encoded { body: out.into_bytes(), dropped }
}

/// Room for the source and what escaping adds to tool arguments.
fn capacity(request: &Request<'_>) -> usize {
    let source: usize = request.fields.iter().map(|(key, value)| key.len() + value.len()).sum();
    source + source / 8 + 1024
}

/// Writes a whole answer made at `created`, in seconds since 1970.
#[must_use]
pub fn response(response: &Response<'_>, created: u64) -> Vec<u8> {
    let mut out = String::with_capacity(1024);
    out.push_str("{\"id\":\"");
    out.push_str(response.id.as_escaped());
    out.push_str("\",\"object\":\"chat.completion\",\"created\":");
    out.push_str(&created.to_string());
    out.push_str(",\"model\":\"");
    out.push_str(response.model.as_escaped());
    out.push_str("\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    let calls = answer(response, &mut out);
    out.push_str("},\"logprobs\":null,\"finish_reason\":\"");
    out.push_str(finish_reason(response.stop_reason, calls));
    out.push_str("\"}],\"usage\":");
    usage(&response.usage, &mut out);
    out.push('}');
    out.into_bytes()
}

/// Writes content, refusal, reasoning and calls of the answer; gives whether there were calls.
fn answer(response: &Response<'_>, out: &mut String) -> bool {
    let texts: Vec<&str> = response.content.iter().filter_map(|b| b.text()).map(|t| t.as_escaped()).collect();
    if texts.is_empty() {
        out.push_str("null");
    } else {
        quoted(&texts, out);
    }
    out.push_str(",\"refusal\":null");
    let thoughts: Vec<&str> = response.content.iter().filter_map(|b| thought(&b.kind)).collect();
    if !thoughts.is_empty() {
        out.push_str(",\"reasoning_content\":");
        quoted(&thoughts, out);
    }
    let calls: Vec<_> = response.content.iter().filter_map(|b| messages::call(&b.kind)).collect();
    if !calls.is_empty() {
        messages::tool_calls(&calls, false, out);
    }
    !calls.is_empty()
}

fn thought<'r>(kind: &'r BlockKind<'_>) -> Option<&'r str> {
    match kind {
        BlockKind::Thinking { thinking, .. } => Some(thinking.as_escaped()),
        _ => None,
    }
}

/// `finish_reason`; an answer that broke off says `length`, so that nobody takes it for whole.
pub(super) const fn finish_reason(reason: Option<StopReason>, calls: bool) -> &'static str {
    match reason {
        Some(StopReason::ToolUse) => "tool_calls",
        Some(StopReason::MaxTokens | StopReason::ContextWindow) | None => "length",
        Some(StopReason::Refusal) => "content_filter",
        Some(StopReason::EndTurn | StopReason::StopSequence | StopReason::PauseTurn) => {
            if calls {
                "tool_calls"
            } else {
                "stop"
            }
        }
    }
}

/// Usage in the OpenAI sense: `prompt_tokens` with what the cache gave.
pub(super) fn usage(usage: &Usage, out: &mut String) {
    let prompt = usage.input.unwrap_or(0) + usage.cache_read.unwrap_or(0) + usage.cache_write.unwrap_or(0);
    let output = usage.output.unwrap_or(0);
    let total = prompt + output;
    _ = write!(out, "{{\"prompt_tokens\":{prompt},\"completion_tokens\":{output},\"total_tokens\":{total}");
    _ = write!(out, ",\"prompt_tokens_details\":{{\"cached_tokens\":{}", usage.cache_read.unwrap_or(0));
    if let Some(written) = usage.cache_write.filter(|n| *n > 0) {
        _ = write!(out, ",\"cache_write_tokens\":{written}");
    }
    _ = write!(out, "}},\"completion_tokens_details\":{{\"reasoning_tokens\":{}}}}}", usage.reasoning.unwrap_or(0));
}

/// Escaped texts as one JSON string, joined by blank lines.
pub(super) fn quoted<S: AsRef<str>>(texts: &[S], out: &mut String) {
    out.push('"');
    joined(texts, out);
    out.push('"');
}

/// Escaped texts joined by blank lines.
fn joined<S: AsRef<str>>(texts: &[S], out: &mut String) {
    for (nth, text) in texts.iter().enumerate() {
        if nth > 0 {
            out.push_str("\\n\\n");
        }
        out.push_str(text.as_ref());
    }
}

/// JSON text as the inside of a JSON string.
pub(super) fn arguments(input: &str, out: &mut String) {
    escape_into(if input.is_empty() || input == "null" { "{}" } else { input }, out);
}

/// Notes a loss at a top-level member.
fn lost(dropped: &mut Vec<Dropped>, path: impl Into<String>, reason: &'static str) {
    dropped.push(Dropped::new(path, reason));
}

#[cfg(test)]
mod tests;
