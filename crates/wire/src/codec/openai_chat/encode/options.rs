//! Limits, sampling, thinking, output format, streaming.

use std::fmt::Write;

use super::lost;
use crate::Dialect;
use crate::hub::{Dropped, Request, Thinking};
use crate::protocol::{MaxTokensField, ReasoningControl};
use crate::schema;

/// Fields of OpenAI's own protocol that an OpenAI client sent and the hub has no place for.
const CARRIED: [&str; 7] =
    ["seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "response_format"];

/// OpenAI takes four stop sequences.
const MAX_STOPS: usize = 4;

/// Writes the remaining members, each with a leading comma.
pub(super) fn write(request: &Request<'_>, dialect: &Dialect, out: &mut String, dropped: &mut Vec<Dropped>) {
    limit(request, dialect, out);
    sampling(request, out, dropped);
    stops(request, out, dropped);
    reasoning(request, dialect, out, dropped);
    output_format(request, dialect, out, dropped);
    streaming(request, dialect, out);
    rest(request, out, dropped);
}

fn limit(request: &Request<'_>, dialect: &Dialect, out: &mut String) {
    let Some(wanted) = request.max_tokens else { return };
    let tokens = dialect.max_output_tokens.map_or(wanted, |cap| wanted.min(cap));
    let name = match dialect.max_tokens_field {
        MaxTokensField::MaxTokens => "max_tokens",
        MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
    };
    _ = write!(out, ",\"{name}\":{tokens}");
}

fn sampling(request: &Request<'_>, out: &mut String, dropped: &mut Vec<Dropped>) {
    for (name, value) in [("temperature", &request.temperature), ("top_p", &request.top_p)] {
        if let Some(value) = value {
            _ = write!(out, ",\"{name}\":{}", value.as_str());
        }
    }
    if request.top_k.is_some() {
        lost(dropped, "top_k", "no such field in the OpenAI protocol");
    }
}

fn stops(request: &Request<'_>, out: &mut String, dropped: &mut Vec<Dropped>) {
    if request.stop_sequences.is_empty() {
        return;
    }
    out.push_str(",\"stop\":[");
    for (nth, stop) in request.stop_sequences.iter().enumerate() {
        if nth >= MAX_STOPS {
            lost(dropped, format!("stop_sequences[{nth}]"), "four stop sequences at most");
            continue;
        }
        out.push_str(if nth > 0 { ",\"" } else { "\"" });
        out.push_str(stop.as_escaped());
        out.push('"');
    }
    out.push(']');
}

fn reasoning(request: &Request<'_>, dialect: &Dialect, out: &mut String, dropped: &mut Vec<Dropped>) {
    let (thinking, effort) = (request.thinking, effort(request));
    let disabled = thinking == Some(Thinking::Disabled);
    match dialect.reasoning_control {
        ReasoningControl::Omit => {
            if thinking.is_some() {
                lost(dropped, "thinking", "the backend cannot be told how to think");
            }
        }
        ReasoningControl::Effort => {
            if disabled {
                // Few models take "none"; "low" is understood by all of them.
                out.push_str(",\"reasoning_effort\":\"low\"");
                lost(dropped, "thinking.type", "thinking cannot be switched off, only lowered");
            } else if let Some(effort) = effort {
                _ = write!(out, ",\"reasoning_effort\":\"{effort}\"");
            }
            return;
        }
        ReasoningControl::ReasoningObject => return reasoning_object(thinking, effort, request, out),
        ReasoningControl::ThinkingType => {
            if let Some(word) = thinking.map(|_| if disabled { "disabled" } else { "enabled" }) {
                _ = write!(out, ",\"thinking\":{{\"type\":\"{word}\"}}");
            }
        }
        ReasoningControl::TemplateKwargs => {
            if thinking.is_some() {
                _ = write!(out, ",\"chat_template_kwargs\":{{\"enable_thinking\":{}}}", !disabled);
            }
        }
    }
    if request.effort.is_some() {
        lost(dropped, "output_config.effort", "the backend takes no effort");
    }
}

/// Never effort and `enabled: false` together (musistudio/claude-code-router#1378).
fn reasoning_object(thinking: Option<Thinking>, effort: Option<&str>, request: &Request<'_>, out: &mut String) {
    match (thinking, effort) {
        (Some(Thinking::Disabled), _) => out.push_str(",\"reasoning\":{\"enabled\":false}"),
        (Some(Thinking::Enabled { budget }), _) if request.effort.is_none() => {
            _ = write!(out, ",\"reasoning\":{{\"max_tokens\":{budget}}}");
        }
        (_, Some(effort)) => _ = write!(out, ",\"reasoning\":{{\"effort\":\"{effort}\"}}"),
        (Some(_), None) => out.push_str(",\"reasoning\":{\"enabled\":true}"),
        (None, None) => {}
    }
}

/// Effort in OpenAI's three words: the wish, or what a thinking budget comes to.
fn effort(request: &Request<'_>) -> Option<&'static str> {
    if let Some(wish) = &request.effort {
        return Some(match wish.as_escaped() {
            "none" | "minimal" | "low" => "low",
            "medium" => "medium",
            _ => "high",
        });
    }
    match request.thinking? {
        Thinking::Enabled { budget: 0..=4095 } => Some("low"),
        Thinking::Enabled { budget: 4096..=16383 } => Some("medium"),
        Thinking::Enabled { .. } => Some("high"),
        Thinking::Adaptive | Thinking::Disabled => None,
    }
}

fn output_format(request: &Request<'_>, dialect: &Dialect, out: &mut String, dropped: &mut Vec<Dropped>) {
    let Some(wanted) = &request.output_schema else { return };
    if !dialect.json_schema_output {
        return lost(dropped, "output_config.format", "the backend takes no output schema");
    }
    out.push_str(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"strict\":true");
    out.push_str(",\"schema\":");
    let path = || "output_config.format.schema".to_owned();
    schema::sanitise_into(wanted.as_str(), dialect.schema_level, &path, dropped, out);
    out.push_str("}}");
}

fn streaming(request: &Request<'_>, dialect: &Dialect, out: &mut String) {
    if !request.stream {
        return;
    }
    out.push_str(",\"stream\":true");
    if dialect.stream_usage {
        out.push_str(",\"stream_options\":{\"include_usage\":true}");
    }
}

fn rest(request: &Request<'_>, out: &mut String, dropped: &mut Vec<Dropped>) {
    for (key, value) in &request.extra {
        if CARRIED.contains(key) && (*key != "response_format" || request.output_schema.is_none()) {
            _ = write!(out, ",\"{key}\":{}", value.as_str());
        } else {
            lost(dropped, *key, "no place in the OpenAI protocol");
        }
    }
    if request.user_id.is_some() {
        lost(dropped, "metadata.user_id", "not told to other providers");
    }
}
