//! Messages: grouped into turns, tool results first, one OpenAI message per role.

use std::fmt::{self, Display};
use std::ops::Range;

use super::parts::{Part, Parts};
use super::{arguments, lost, quoted};
use crate::Dialect;
use crate::hub::{Block, BlockKind, Content, Dropped, Message, Request, Role};
use crate::protocol::ReasoningReplay;
use crate::text::Text;

/// What answers a call whose result never came.
const INTERRUPTED: &str = "[interrupted: no result]";

/// The rest of a message of the assistant that stands between results and pictures, for strict templates.
const BETWEEN: &str = ",\"content\":\"Now the pictures.\"}";

/// The place of a block in the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) message: usize,
    pub(super) block: Option<usize>,
    pub(super) inner: Option<usize>,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].content", self.message)?;
        if let Some(block) = self.block {
            write!(f, "[{block}]")?;
        }
        self.inner.map_or(Ok(()), |inner| write!(f, ".content[{inner}]"))
    }
}

/// A call of the assistant: id, name, input as JSON text.
pub(super) type Call<'r> = (&'r Text<'r>, &'r Text<'r>, &'r str);

/// The call in a block.
pub(super) fn call<'r>(kind: &'r BlockKind<'_>) -> Option<Call<'r>> {
    match kind {
        BlockKind::ToolUse { id, name, input } => Some((id, name, input.as_str())),
        _ => None,
    }
}

/// Writes the `messages` array.
pub(super) fn write(request: &Request<'_>, dialect: &Dialect, out: &mut String, dropped: &mut Vec<Dropped>) {
    out.push('[');
    let leading = request.messages.iter().take_while(|m| m.role == Role::System).count();
    let mut writer = Writer { dialect, out, dropped, first: true };
    writer.system(&request.system, &request.messages[..leading]);
    writer.conversation(&request.messages, leading);
    writer.out.push(']');
}

/// Writes one system message as it is when nothing else leads the conversation; nothing when it is empty.
pub(in super::super) fn system_message(
    system: &Content<'_>,
    dialect: &Dialect,
    out: &mut String,
    dropped: &mut Vec<Dropped>,
) {
    Writer { dialect, out, dropped, first: true }.system(system, &[]);
}

/// Writes one message on its own, for patching: no merging, no made-up tool results.
/// A message of results and more becomes several, joined by commas.
pub(in super::super) fn one(
    message: &Message<'_>,
    nth: usize,
    dialect: &Dialect,
    out: &mut String,
    dropped: &mut Vec<Dropped>,
) {
    let mut writer = Writer { dialect, out, dropped, first: true };
    let messages = std::slice::from_ref(message);
    match message.role {
        Role::Assistant => drop(writer.assistant(messages, nth)),
        Role::User => {
            let answered = message.content.blocks().iter().filter_map(result_id).collect();
            writer.user(messages, nth, answered);
        }
        Role::System => writer.system(&message.content, &[]),
    }
}

fn result_id<'r>(block: &'r Block<'_>) -> Option<&'r str> {
    match &block.kind {
        BlockKind::ToolResult { tool_use_id, .. } => Some(tool_use_id.as_escaped()),
        _ => None,
    }
}

/// Claude Code's attribution line changes between requests: it would spoil every prompt cache.
fn without_billing(text: &str) -> &str {
    if !text.starts_with("x-anthropic-billing-header") {
        return text;
    }
    text.split_once("\\n").map_or("", |(_, rest)| rest)
}

/// A tool result of a turn: content, whether it failed, where it stood.
type Found<'r> = (&'r Content<'r>, bool, Place);

struct Writer<'w> {
    dialect: &'w Dialect,
    out: &'w mut String,
    dropped: &'w mut Vec<Dropped>,
    first: bool,
}

impl Writer<'_> {
    fn open(&mut self, role: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        self.out.push_str("{\"role\":\"");
        self.out.push_str(role);
        self.out.push('"');
    }

    fn system(&mut self, system: &Content<'_>, leading: &[Message<'_>]) {
        let mut texts = Vec::new();
        collect_texts(system, &mut texts);
        for message in leading {
            collect_texts(&message.content, &mut texts);
        }
        for text in &mut texts {
            *text = without_billing(text);
        }
        texts.retain(|text| !text.is_empty());
        if texts.is_empty() {
            return;
        }
        self.open("system");
        self.out.push_str(",\"content\":");
        quoted(&texts, self.out);
        self.out.push('}');
    }

    fn conversation(&mut self, messages: &[Message<'_>], from: usize) {
        let mut calls = Vec::new();
        let mut at = from;
        while at < messages.len() {
            let run = run_from(messages, at);
            let turn = &messages[run.clone()];
            self.note_extra(turn, at);
            if turn[0].role == Role::Assistant {
                calls = self.assistant(turn, at);
            } else {
                self.user(turn, at, std::mem::take(&mut calls));
            }
            at = run.end;
        }
        if !calls.is_empty() {
            self.user(&[], messages.len(), calls);
        }
    }

    fn note_extra(&mut self, turn: &[Message<'_>], at: usize) {
        for (nth, message) in turn.iter().enumerate() {
            for (key, _) in &message.extra {
                let path = format!("messages[{}].{key}", at + nth);
                lost(self.dropped, path, "no place in the OpenAI protocol");
            }
        }
    }

    /// Writes the assistant's turn and gives the ids of its calls.
    fn assistant<'r>(&mut self, turn: &'r [Message<'_>], at: usize) -> Vec<&'r str> {
        let mut parts = Parts::new(self.dropped);
        let mut thoughts = Vec::new();
        let mut calls = Vec::new();
        for (nth, message) in turn.iter().enumerate() {
            let place = Place { message: at + nth, block: None, inner: None };
            if let Content::Text(text) = &message.content {
                parts.text(text);
            }
            for (block_at, block) in message.content.blocks().iter().enumerate() {
                let place = Place { block: Some(block_at), ..place };
                match &block.kind {
                    BlockKind::Thinking { thinking, .. } => thoughts.push((thinking, place)),
                    kind => match call(kind) {
                        Some(call) => calls.push(call),
                        None => parts.assistant_block(block, place),
                    },
                }
            }
        }
        let texts: Vec<_> = parts.found.into_iter().filter_map(Part::into_text).collect();
        self.open("assistant");
        self.out.push_str(",\"content\":");
        if texts.is_empty() && !calls.is_empty() && self.dialect.null_content {
            self.out.push_str("null");
        } else {
            quoted(&texts, self.out);
        }
        self.reasoning(&thoughts, !calls.is_empty());
        if !calls.is_empty() {
            tool_calls(&calls, self.dialect.thought_signatures, self.out);
        }
        self.out.push('}');
        calls.into_iter().map(|(id, ..)| id.as_escaped()).collect()
    }

    fn reasoning(&mut self, thoughts: &[(&Text<'_>, Place)], calls: bool) {
        if calls && self.dialect.reasoning_replay == ReasoningReplay::ReasoningContent {
            // DeepSeek refuses a call turn without the field even when the thoughts were lost
            // (musistudio/claude-code-router#1378).
            let texts: Vec<&str> = thoughts.iter().map(|(text, _)| text.as_escaped()).collect();
            self.out.push_str(",\"reasoning_content\":");
            return quoted(&texts, self.out);
        }
        for (_, place) in thoughts {
            lost(self.dropped, place.to_string(), "the backend takes no thinking in history");
        }
    }

    /// Writes the results of `calls` in the order of the calls, then what else the turn holds.
    fn user<'r>(&mut self, turn: &'r [Message<'_>], at: usize, calls: Vec<&'r str>) {
        let mut results: Vec<Option<Found<'r>>> = vec![None; calls.len()];
        let mut parts = Parts::new(self.dropped);
        for (nth, message) in turn.iter().enumerate() {
            let place = Place { message: at + nth, block: None, inner: None };
            if let Content::Text(text) = &message.content {
                parts.text(text);
            }
            for (block_at, block) in message.content.blocks().iter().enumerate() {
                let place = Place { block: Some(block_at), ..place };
                let BlockKind::ToolResult { tool_use_id, content, is_error } = &block.kind else {
                    parts.block(block, place);
                    continue;
                };
                match slot(&calls, &results, tool_use_id.as_escaped()) {
                    Some(free) => results[free] = Some((content, *is_error, place)),
                    None => parts.orphan(content, *is_error, place),
                }
            }
        }
        let mut rest = parts.found;
        let strict = self.dialect.strict_turns && !calls.is_empty();
        // Strict templates take no user's message behind results: what is said there goes with the last of them.
        let seen = rest.iter().any(|part| !matches!(part, Part::Text(_)));
        let mut behind = if strict && !seen { std::mem::take(&mut rest) } else { Vec::new() };
        let mut lifted = Vec::new();
        for (nth, (id, result)) in calls.iter().zip(&results).enumerate() {
            let behind = if nth + 1 == calls.len() { std::mem::take(&mut behind) } else { Vec::new() };
            self.tool_message(id, result.as_ref(), behind, &mut lifted);
        }
        lifted.extend(rest);
        if lifted.is_empty() && !calls.is_empty() {
            return;
        }
        if strict {
            self.open("assistant");
            self.out.push_str(BETWEEN);
        }
        self.open("user");
        self.out.push_str(",\"content\":");
        super::parts::write(&lifted, self.dialect.text_content_as_string, self.out);
        self.out.push('}');
    }

    /// Writes a result, with what is said `behind` it where that has no message of its own.
    fn tool_message<'r>(
        &mut self,
        id: &str,
        result: Option<&Found<'r>>,
        behind: Vec<Part<'r>>,
        lifted: &mut Vec<Part<'r>>,
    ) {
        self.open("tool");
        self.out.push_str(",\"tool_call_id\":\"");
        self.out.push_str(id);
        self.out.push_str("\",\"content\":");
        let mut kept = match result {
            Some((content, is_error, place)) => {
                let mut parts = Parts::new(self.dropped);
                parts.result(content, *is_error, *place);
                let found = parts.found;
                if self.dialect.tool_result_images { found } else { lift(found, lifted) }
            }
            None => vec![Part::Text(INTERRUPTED.into())],
        };
        kept.extend(behind);
        super::parts::write(&kept, true, self.out);
        self.out.push('}');
    }
}

/// Takes the images out of a tool result: OpenAI and LM Studio refuse them there.
fn lift<'r>(found: Vec<Part<'r>>, lifted: &mut Vec<Part<'r>>) -> Vec<Part<'r>> {
    let mut kept = Vec::with_capacity(found.len());
    for part in found {
        if matches!(part, Part::Text(_)) {
            kept.push(part);
            continue;
        }
        let number = lifted.iter().filter(|p| matches!(p, Part::Image(..))).count() + 1;
        kept.push(Part::Text(format!("[image {number} attached in the next user message]").into()));
        lifted.push(Part::Text(format!("[image {number}]").into()));
        lifted.push(part);
    }
    kept
}

/// The messages from `at` that make one turn: the assistant's, or those of anybody else.
fn run_from(messages: &[Message<'_>], at: usize) -> Range<usize> {
    let assistant = messages[at].role == Role::Assistant;
    let length = messages[at..].iter().take_while(|m| (m.role == Role::Assistant) == assistant).count();
    at..at + length
}

/// The first unanswered call of this id.
fn slot(calls: &[&str], results: &[Option<Found<'_>>], id: &str) -> Option<usize> {
    calls.iter().zip(results).position(|(call, result)| result.is_none() && *call == id)
}

fn collect_texts<'r>(content: &'r Content<'_>, texts: &mut Vec<&'r str>) {
    match content {
        Content::Text(text) => texts.push(text.as_escaped()),
        Content::Blocks(blocks) => texts.extend(blocks.iter().filter_map(Block::text).map(Text::as_escaped)),
    }
}

/// Writes `,"tool_calls":[…]`. Where signatures are wanted, the first call carries the one for calls of another model:
/// our clients have no place to keep the real one.
pub(super) fn tool_calls(calls: &[Call<'_>], signed: bool, out: &mut String) {
    out.push_str(",\"tool_calls\":[");
    for (nth, (id, name, input)) in calls.iter().enumerate() {
        if nth > 0 {
            out.push(',');
        }
        out.push_str("{\"id\":\"");
        out.push_str(id.as_escaped());
        out.push_str("\",\"type\":\"function\",\"function\":{\"name\":\"");
        out.push_str(name.as_escaped());
        out.push_str("\",\"arguments\":\"");
        arguments(input, out);
        out.push_str("\"}");
        if signed && nth == 0 {
            out.push_str(
                ",\"extra_content\":{\"google\":{\"thought_signature\":\"skip_thought_signature_validator\"}}",
            );
        }
        out.push('}');
    }
    out.push(']');
}
