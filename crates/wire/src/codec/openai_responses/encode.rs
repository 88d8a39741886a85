//! The hub's answers to OpenAI Responses.
//!
//! Each block is one item of `output`. What the client has just said is not said back at length: `instructions` and
//! `tools` of an answer are empty, the small members are repeated.

use std::borrow::Cow;
use std::fmt::Write;

use super::error::write_error;
use crate::codec::Asked;
use crate::codec::openai_chat::read::{get, inside, members};
use crate::hub::{BlockKind, CallShape, Failure, FailureKind, Request, Response, StopReason, Usage};
use crate::ids::Mint;
use crate::json::Json;
use crate::text::{Text, escape_into};

/// What stands before Anthropic's signature of thoughts in `encrypted_content`: the client carries it back unread.
pub(super) const SIGNED: &str = "branchline.signed.";
/// What stands before thoughts that Anthropic has sealed as a whole.
pub(super) const REDACTED: &str = "branchline.redacted.";

/// Members of a request that its answer repeats, and what they are when the request has none.
const REPEATED: [(&str, &str); 9] = [
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("top_p", "null"),
    ("truncation", r#""disabled""#),
];

/// What an answer repeats of its request: JSON members, each behind a comma.
pub(crate) fn repeated(request: &Request<'_>) -> String {
    let mut out = String::with_capacity(512);
    for (name, absent) in REPEATED {
        _ = write!(out, ",\"{name}\":{}", get(&request.fields, name).unwrap_or(absent));
    }
    out
}

/// Writes a whole answer.
#[must_use]
pub fn response(response: &Response<'_>, asked: &Asked) -> Vec<u8> {
    let head = Head::new(&response.id, &response.model, asked.created);
    let mut output = String::with_capacity(1024);
    let mut count = 0;
    for block in &response.content {
        let Some(item) = Item::of(&block.kind, asked) else { continue };
        if count > 0 {
            output.push(',');
        }
        item.write(&head.item(item.prefix(), count), &mut output);
        count += 1;
    }
    let mut out = String::with_capacity(output.len() + 1024);
    let state = State::at(response.stop_reason);
    head.write(&state, &output, Some(&response.usage), &asked.repeated, &mut out);
    out.into_bytes()
}

/// What stays the same through an answer.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The letters the ids of the answer and its items share, escaped.
    base: String,
    model: String,
    created: u64,
}

impl Head {
    pub(super) fn new(id: &Text<'_>, model: &Text<'_>, created: u64) -> Self {
        let id = if id.is_empty() { Mint::default().next("") } else { id.borrowed() };
        let id = id.as_escaped();
        let base = ["resp_", "msg_", "chatcmpl-"].iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
        Self { base: base.to_owned(), model: model.as_escaped().to_owned(), created }
    }

    /// The id of the item at `index`.
    pub(super) fn item(&self, prefix: &str, index: usize) -> String {
        format!("{prefix}_{}_{index}", self.base)
    }

    /// Writes the whole response. `repeated`: members with commas before them.
    pub(super) fn write(&self, state: &State, output: &str, usage: Option<&Usage>, repeated: &str, out: &mut String) {
        let Self { base, model, created } = self;
        _ = write!(out, "{{\"id\":\"resp_{base}\",\"object\":\"response\",\"created_at\":{created},\"status\":\"");
        out.push_str(state.status());
        out.push_str("\",\"background\":false,\"error\":");
        match state {
            State::Failed(failure) => write_error(failure, out),
            _ => out.push_str("null"),
        }
        out.push_str(",\"incomplete_details\":");
        match state {
            State::Incomplete(reason) => _ = write!(out, "{{\"reason\":\"{reason}\"}}"),
            _ => out.push_str("null"),
        }
        _ = write!(out, ",\"instructions\":null,\"model\":\"{model}\",\"output\":[{output}]");
        out.push_str(",\"previous_response_id\":null,\"store\":false,\"tools\":[]");
        out.push_str(repeated);
        out.push_str(",\"usage\":");
        match usage {
            Some(usage) => write_usage(usage, out),
            None => out.push_str("null"),
        }
        out.push('}');
    }
}

/// Where an answer stands.
#[derive(Debug)]
pub(super) enum State {
    InProgress,
    Completed,
    /// Why it is not whole.
    Incomplete(&'static str),
    Failed(Failure),
}

impl State {
    /// At the end. A full window is a failure with the code that makes Codex compact: the rest would fit as little.
    pub(super) fn at(reason: Option<StopReason>) -> Self {
        match reason {
            Some(StopReason::EndTurn | StopReason::ToolUse | StopReason::StopSequence | StopReason::PauseTurn) => {
                Self::Completed
            }
            Some(StopReason::Refusal) => Self::Incomplete("content_filter"),
            Some(StopReason::MaxTokens) | None => Self::Incomplete("max_output_tokens"),
            Some(StopReason::ContextWindow) => {
                let kind = FailureKind::PromptTooLong { tokens: None, maximum: None };
                Self::Failed(Failure::new(kind, "the context window was full in the middle of the answer"))
            }
        }
    }

    pub(super) const fn status(&self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }
}

/// One item of the output. Texts are in escaped form.
#[derive(Debug)]
pub(super) enum Item<'r> {
    Message(&'r str),
    Reasoning {
        summary: &'r str,
        /// What is sealed how.
        sealed: Option<(&'static str, &'r str)>,
    },
    Function {
        id: &'r str,
        name: &'r str,
        namespace: Option<&'r str>,
        arguments: Cow<'r, str>,
        /// The arguments are whole.
        complete: bool,
    },
    Free {
        id: &'r str,
        name: &'r str,
        input: Cow<'r, str>,
    },
    /// The arguments are JSON, not escaped.
    ToolSearch {
        id: &'r str,
        arguments: String,
    },
}

impl<'r> Item<'r> {
    /// The item for a block; none for a block that says nothing and for those only Anthropic's clients read.
    fn of(kind: &'r BlockKind<'_>, asked: &'r Asked) -> Option<Self> {
        match kind {
            BlockKind::Text { text } => (!text.is_empty()).then(|| Self::Message(text.as_escaped())),
            BlockKind::Thinking { thinking, signature } => {
                Self::thoughts(thinking.as_escaped(), signature.as_escaped())
            }
            BlockKind::RedactedThinking { data } => Some(Self::redacted(data.as_escaped())),
            BlockKind::ToolUse { id, name, input } => {
                let mut arguments = String::with_capacity(input.as_str().len() + 16);
                escape_into(input.as_str(), &mut arguments);
                Some(Self::call(id.as_escaped(), name.as_escaped(), arguments.into(), shape(asked, name)))
            }
            _ => None,
        }
    }

    pub(super) fn thoughts(summary: &'r str, signature: &'r str) -> Option<Self> {
        let sealed = (!signature.is_empty()).then_some((SIGNED, signature));
        (sealed.is_some() || !summary.is_empty()).then_some(Self::Reasoning { summary, sealed })
    }

    pub(super) const fn redacted(data: &'r str) -> Self {
        Self::Reasoning { summary: "", sealed: Some((REDACTED, data)) }
    }

    /// A call with its arguments, JSON text in escaped form.
    pub(super) fn call(id: &'r str, name: &'r str, arguments: Cow<'r, str>, shape: Option<&'r CallShape<'_>>) -> Self {
        let plain = Text::escaped(&arguments).decode().into_owned();
        if let Some(CallShape::Free) = shape {
            return Self::Free { id, name, input: free_text(&plain).into() };
        }
        let blank = matches!(plain.trim(), "" | "null");
        let complete = blank || Json::check(&plain).is_ok();
        if let (Some(CallShape::ToolSearch), true) = (shape, complete) {
            return Self::ToolSearch { id, arguments: if blank { "{}".to_owned() } else { plain } };
        }
        let (namespace, name) = match shape {
            Some(CallShape::Within { namespace, name }) => (Some(namespace.as_escaped()), name.as_escaped()),
            _ => (None, name),
        };
        let arguments = if blank { "{}".into() } else { arguments };
        Self::Function { id, name, namespace, arguments, complete }
    }

    /// What its id begins with.
    pub(super) const fn prefix(&self) -> &'static str {
        match self {
            Self::Message(_) => "msg",
            Self::Reasoning { .. } => "rs",
            Self::Function { .. } => "fc",
            Self::Free { .. } => "ctc",
            Self::ToolSearch { .. } => "tsc",
        }
    }

    /// Writes it, done, under this id.
    pub(super) fn write(&self, item: &str, out: &mut String) {
        match self {
            Self::Message(text) => {
                _ = write!(out, "{{\"id\":\"{item}\",\"type\":\"message\",\"status\":\"completed\"");
                _ = write!(out, ",\"role\":\"assistant\",\"content\":[{}{text}\"}}]}}", PART);
            }
            Self::Reasoning { summary, sealed } => {
                _ = write!(out, "{{\"id\":\"{item}\",\"type\":\"reasoning\",\"summary\":[");
                if !summary.is_empty() {
                    _ = write!(out, "{{\"type\":\"summary_text\",\"text\":\"{summary}\"}}");
                }
                match sealed {
                    Some((how, what)) => _ = write!(out, "],\"encrypted_content\":\"{how}{what}\"}}"),
                    None => out.push_str("],\"encrypted_content\":null}"),
                }
            }
            Self::Function { arguments, complete, .. } => {
                let status = if *complete { "completed" } else { "incomplete" };
                self.write_function(item, status, arguments, out);
            }
            Self::Free { id, name, input } => {
                _ = write!(out, "{{\"id\":\"{item}\",\"type\":\"custom_tool_call\",\"status\":\"completed\"");
                _ = write!(out, ",\"call_id\":\"{}\",\"name\":\"{name}\",\"input\":\"{input}\"}}", given(id, item));
            }
            Self::ToolSearch { id, arguments } => {
                _ = write!(out, "{{\"id\":\"{item}\",\"type\":\"tool_search_call\",\"status\":\"completed\"");
                let id = given(id, item);
                _ = write!(out, ",\"call_id\":\"{id}\",\"execution\":\"client\",\"arguments\":{arguments}}}");
            }
        }
    }

    /// Writes a call that is made at once, as it is before its arguments are.
    pub(super) fn write_made(&self, item: &str, out: &mut String) {
        match self {
            Self::Free { id, name, .. } => Self::Free { id, name, input: "".into() }.write(item, out),
            _ => self.write(item, out),
        }
    }

    /// Writes a function call with another status and other arguments than its own.
    pub(super) fn write_function(&self, item: &str, status: &str, arguments: &str, out: &mut String) {
        let Self::Function { id, name, namespace, .. } = self else { return };
        _ = write!(out, "{{\"id\":\"{item}\",\"type\":\"function_call\",\"status\":\"{status}\",\"call_id\":\"");
        _ = write!(out, "{}\",\"name\":\"{name}\"", given(id, item));
        if let Some(namespace) = namespace {
            _ = write!(out, ",\"namespace\":\"{namespace}\"");
        }
        _ = write!(out, ",\"arguments\":\"{arguments}\"}}");
    }
}

/// The beginning of a part of text, up to the text.
pub(super) const PART: &str = r#"{"type":"output_text","annotations":[],"logprobs":[],"text":""#;

/// A call without an id has that of its item.
const fn given<'i>(id: &'i str, item: &'i str) -> &'i str {
    if id.is_empty() { item } else { id }
}

/// How the calls of a tool are written.
pub(super) fn shape<'r>(asked: &'r Asked, name: &Text<'_>) -> Option<&'r CallShape<'static>> {
    asked.spellings.iter().find(|one| one.name.as_escaped() == name.as_escaped()).map(|one| &one.shape)
}

/// The free text in the arguments of a call, escaped: the argument `input`, or the only text there is. Models that
/// know such tools write the text itself.
fn free_text(arguments: &str) -> String {
    let found = members(arguments).unwrap_or_default();
    let only =
        || found.first().filter(|_| found.len() == 1).and_then(|(_, value)| inside(value).or_else(|| raw(value)));
    if let Some(text) = get(&found, "input").and_then(inside).or_else(only) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(arguments.len());
    escape_into(arguments, &mut text);
    text
}

/// What was no JSON and is kept as such (`crate::collect`).
fn raw(unparsed: &str) -> Option<&str> {
    get(&members(unparsed).ok()?, "raw").and_then(inside)
}

/// Usage in OpenAI's sense: input with what the cache gave.
fn write_usage(usage: &Usage, out: &mut String) {
    let input = usage.prompt().unwrap_or_else(|| usage.cache_read.unwrap_or(0) + usage.cache_write.unwrap_or(0));
    let output = usage.output.unwrap_or(0);
    _ = write!(out, "{{\"input_tokens\":{input},\"input_tokens_details\":{{\"cached_tokens\":");
    _ = write!(out, "{}", usage.cache_read.unwrap_or(0));
    if let Some(written) = usage.cache_write.filter(|n| *n > 0) {
        _ = write!(out, ",\"cache_write_tokens\":{written}");
    }
    _ = write!(out, "}},\"output_tokens\":{output},\"output_tokens_details\":{{\"reasoning_tokens\":");
    _ = write!(out, "{}}},\"total_tokens\":{}}}", usage.reasoning.unwrap_or(0), input + output);
}
