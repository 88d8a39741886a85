//! The hub to Anthropic bodies. Escaped text and source text is copied, never parsed.

use super::MINTED_SIGNATURE;
use crate::codec::Encoded;
use crate::hub::{
    Block, BlockKind, Content, Dropped, Field, ImageSource, Request, Response, Role, StopReason, Thinking, Tool,
    ToolChoice, ToolChoiceMode, Usage,
};
use crate::text::Text;
use crate::{Dialect, Protocol, ids};

mod turns;
mod writer;

pub(super) use writer::Writer;

/// Output limit where the client gave none, in tokens; Anthropic insists on one.
const DEFAULT_MAX_TOKENS: u64 = 8192;

/// Writes a request from the hub: turns merged and paired, foreign thinking left out, ids clean.
/// Members that the hub does not read go along when the request came in this protocol.
#[must_use]
pub fn request(request: &Request<'_>, dialect: &Dialect) -> Encoded {
    let mut dropped = Vec::new();
    let turns = turns::arrange(request, dialect, &mut dropped);
    let mut out = Writer::new(capacity(request));
    if request.protocol == Some(Protocol::Anthropic) {
        carry(request, dialect, &turns, &mut out);
    } else {
        model_member(request, &mut out);
        max_tokens_member(request, dialect, &mut out);
        turns.write_system(request, &mut out);
        if !request.tools.is_empty() {
            tools_member(request, &mut out);
        }
        options(request, &mut out, &mut dropped);
        turns.write(request, &mut out);
    }
    Encoded { body: out.end(), dropped }
}

/// The members of a request of this protocol in their order, the read ones written anew.
fn carry(request: &Request<'_>, dialect: &Dialect, turns: &turns::Turns<'_, '_>, out: &mut Writer) {
    for (n, (name, raw)) in request.fields.iter().enumerate() {
        if is_repeated(&request.fields, n) {
            continue;
        }
        match *name {
            "model" => model_member(request, out),
            "max_tokens" => max_tokens_member(request, dialect, out),
            "system" => turns.write_system(request, out),
            "tools" => tools_member(request, out),
            "messages" => turns.write(request, out),
            _ => out.member(name, last(&request.fields, name).unwrap_or(raw)),
        }
    }
    let names = |wanted: &str| request.fields.iter().any(|(name, _)| *name == wanted);
    if !names("max_tokens") {
        max_tokens_member(request, dialect, out);
    }
    if !names("system") {
        turns.write_system(request, out);
    }
}

/// Whether a member of this name stood before. The last one counts, and is written where the first one stood.
pub(super) fn is_repeated(fields: &[(&str, &str)], n: usize) -> bool {
    fields[..n].iter().any(|(name, _)| *name == fields[n].0)
}

fn last<'a>(fields: &[(&str, &'a str)], wanted: &str) -> Option<&'a str> {
    fields.iter().rev().find(|(name, _)| *name == wanted).map(|(_, raw)| *raw)
}

fn capacity(request: &Request<'_>) -> usize {
    let source: usize = request.fields.iter().map(|(name, raw)| name.len() + raw.len() + 4).sum();
    source + source / 16 + 1024
}

pub(super) fn model_member(request: &Request<'_>, out: &mut Writer) {
    out.key("model").text(&request.model);
}

pub(super) fn max_tokens_member(request: &Request<'_>, dialect: &Dialect, out: &mut Writer) {
    let wanted = request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
    let limit = dialect.max_output_tokens.unwrap_or(u64::MAX);
    out.key("max_tokens").number(wanted.min(limit));
}

pub(super) fn tools_member(request: &Request<'_>, out: &mut Writer) {
    out.key("tools").list(&request.tools, |tool, out| self::tool(tool, request.protocol, out));
}

fn tool(tool: &Tool<'_>, source: Option<Protocol>, out: &mut Writer) {
    if let (Some(raw), Some(Protocol::Anthropic)) = (tool.raw, source) {
        out.raw(raw);
        return;
    }
    out.open();
    if let Some(kind) = &tool.server_type {
        out.key("type").text(kind);
    }
    if !tool.name.is_empty() {
        out.key("name").text(&tool.name);
    }
    if let Some(description) = &tool.description {
        out.key("description").text(description);
    }
    match &tool.input_schema {
        Some(schema) => out.member("input_schema", schema.as_str()),
        None if tool.server_type.is_none() => out.member("input_schema", r#"{"type":"object","properties":{}}"#),
        None => {}
    }
    if tool.defer_loading {
        out.member("defer_loading", "true");
    }
    out.close();
}

/// The members that a request of another protocol has a meaning for here.
fn options(request: &Request<'_>, out: &mut Writer, dropped: &mut Vec<Dropped>) {
    if let Some(choice) = &request.tool_choice {
        tool_choice(choice, !request.tools.is_empty(), out);
    }
    if let Some(thinking) = request.thinking {
        self::thinking(thinking, out);
    }
    output_config(request, out);
    if !request.stop_sequences.is_empty() {
        out.key("stop_sequences").list(&request.stop_sequences, |stop, out| out.text(stop));
    }
    for (name, value) in [("temperature", &request.temperature), ("top_p", &request.top_p), ("top_k", &request.top_k)] {
        if let Some(value) = value {
            out.member(name, value.as_str());
        }
    }
    if let Some(user) = &request.user_id {
        out.key("metadata").open();
        out.key("user_id").text(user);
        out.close();
    }
    if request.stream {
        out.member("stream", "true");
    }
    let unknown = request.extra.iter().map(|(name, _)| Dropped::new(*name, "Anthropic has no such field"));
    dropped.extend(unknown);
}

fn tool_choice(choice: &ToolChoice<'_>, has_tools: bool, out: &mut Writer) {
    if !has_tools {
        return;
    }
    out.key("tool_choice").open();
    let kind = match &choice.mode {
        ToolChoiceMode::Auto => "auto",
        ToolChoiceMode::Any => "any",
        ToolChoiceMode::None => "none",
        ToolChoiceMode::Tool(_) => "tool",
    };
    out.key("type").text(&Text::escaped(kind));
    if let ToolChoiceMode::Tool(name) = &choice.mode {
        out.key("name").text(name);
    }
    if choice.disable_parallel && choice.mode != ToolChoiceMode::None {
        out.member("disable_parallel_tool_use", "true");
    }
    out.close();
}

fn thinking(thinking: Thinking, out: &mut Writer) {
    out.key("thinking").open();
    match thinking {
        Thinking::Enabled { budget } => {
            out.member("type", "\"enabled\"");
            out.key("budget_tokens").number(budget);
        }
        Thinking::Adaptive => out.member("type", "\"adaptive\""),
        Thinking::Disabled => out.member("type", "\"disabled\""),
    }
    out.close();
}

fn output_config(request: &Request<'_>, out: &mut Writer) {
    // OpenAI's `minimal` and `none` have no counterpart; the least there is comes closest.
    let effort = request.effort.as_ref().map(|effort| match effort.as_escaped() {
        "minimal" | "none" => "low",
        other => other,
    });
    if effort.is_none() && request.output_schema.is_none() {
        return;
    }
    out.key("output_config").open();
    if let Some(effort) = effort {
        out.key("effort").text(&Text::escaped(effort));
    }
    if let Some(schema) = &request.output_schema {
        out.key("format").open();
        out.member("type", "\"json_schema\"");
        out.member("schema", schema.as_str());
        out.close();
    }
    out.close();
}

pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::User => "\"user\"",
        Role::Assistant => "\"assistant\"",
        Role::System => "\"system\"",
    }
}

pub(super) fn content(content: &Content<'_>, out: &mut Writer) {
    match content {
        Content::Text(text) => out.text(text),
        Content::Blocks(blocks) => out.list(blocks, block),
    }
}

pub(super) fn extra(fields: &[Field<'_>], out: &mut Writer) {
    for (name, value) in fields {
        out.member(name, value.as_str());
    }
}

/// A block, as it stood in the source where it still does.
pub(super) fn block(block: &Block<'_>, out: &mut Writer) {
    match block.raw {
        Some(raw) => out.raw(raw),
        None => kind(&block.kind, out),
    }
}

/// A block from what the hub understands of it.
fn kind(kind: &BlockKind<'_>, out: &mut Writer) {
    if let BlockKind::Other { json, .. } = kind {
        out.raw(json.as_str());
        return;
    }
    out.open();
    match kind {
        BlockKind::Text { text } => out.typed("text").key("text").text(text),
        BlockKind::Image { source } => {
            out.typed("image").key("source");
            image(source, out);
        }
        BlockKind::Document { source, title } => {
            out.typed("document").member("source", source.as_str());
            if let Some(title) = title {
                out.key("title").text(title);
            }
        }
        BlockKind::Thinking { thinking, signature } => {
            out.typed("thinking").key("thinking").text(thinking);
            out.key("signature").text(signature);
        }
        BlockKind::RedactedThinking { data } => out.typed("redacted_thinking").key("data").text(data),
        BlockKind::ToolUse { id, name, input } => {
            out.typed("tool_use").key("id").text(id);
            out.key("name").text(name);
            out.member("input", input.as_str());
        }
        BlockKind::ToolResult { tool_use_id, content, is_error } => {
            out.typed("tool_result").key("tool_use_id").text(tool_use_id);
            out.key("content");
            self::content(content, out);
            if *is_error {
                out.member("is_error", "true");
            }
        }
        BlockKind::Other { .. } => {}
    }
    out.close();
}

fn image(source: &ImageSource<'_>, out: &mut Writer) {
    if let ImageSource::Other(json) = source {
        out.raw(json.as_str());
        return;
    }
    out.open();
    match source {
        ImageSource::Base64 { media_type, data } => {
            out.typed("base64").key("media_type").text(media_type);
            out.key("data").text(data);
        }
        ImageSource::Url(url) => out.typed("url").key("url").text(url),
        ImageSource::Other(_) => {}
    }
    out.close();
}

/// Writes a whole answer, with every member that Anthropic's API reference names.
#[must_use]
pub fn response(response: &Response<'_>) -> Vec<u8> {
    let mut mint = ids::Mint::default();
    let mut out = Writer::new(1024);
    out.key("id").text(&if response.id.is_empty() { mint.next("msg_") } else { response.id.clone() });
    out.typed("message").member("role", "\"assistant\"");
    out.key("model").text(&response.model);
    out.key("content").list(&response.content, |block, out| answer_block(block, &mut mint, out));
    out.member("stop_reason", response.stop_reason.map_or("null", stop_reason));
    match &response.stop_sequence {
        Some(text) => out.key("stop_sequence").text(text),
        None => out.member("stop_sequence", "null"),
    }
    out.member("stop_details", "null");
    out.member("container", "null");
    out.key("usage");
    whole_usage(&response.usage, &mut out);
    out.end()
}

/// Thoughts get a signature by which they are known when they come back; calls get an id.
fn answer_block(block: &Block<'_>, mint: &mut ids::Mint, out: &mut Writer) {
    match &block.kind {
        BlockKind::Thinking { thinking, signature } if signature.is_empty() => kind(
            &BlockKind::Thinking { thinking: thinking.borrowed(), signature: Text::escaped(MINTED_SIGNATURE) },
            out,
        ),
        BlockKind::ToolUse { id, name, input } if id.is_empty() || (block.raw.is_none() && !ids::is_clean(id)) => {
            let id = if id.is_empty() { mint.next("toolu_") } else { ids::clean(id) };
            kind(&BlockKind::ToolUse { id, name: name.borrowed(), input: input.clone() }, out);
        }
        _ => self::block(block, out),
    }
}

/// A stop reason as JSON.
pub(super) const fn stop_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn => "\"end_turn\"",
        StopReason::MaxTokens => "\"max_tokens\"",
        StopReason::StopSequence => "\"stop_sequence\"",
        StopReason::ToolUse => "\"tool_use\"",
        StopReason::PauseTurn => "\"pause_turn\"",
        StopReason::Refusal => "\"refusal\"",
        StopReason::ContextWindow => "\"model_context_window_exceeded\"",
    }
}

fn whole_usage(usage: &Usage, out: &mut Writer) {
    out.open();
    out.key("input_tokens").number(usage.input.unwrap_or(0));
    out.key("output_tokens").number(usage.output.unwrap_or(0));
    out.key("cache_creation_input_tokens").number(usage.cache_write.unwrap_or(0));
    out.key("cache_read_input_tokens").number(usage.cache_read.unwrap_or(0));
    out.key("cache_creation").open();
    out.key("ephemeral_5m_input_tokens").number(usage.cache_write.unwrap_or(0));
    out.key("ephemeral_1h_input_tokens").number(0);
    out.close();
    out.member("server_tool_use", "null");
    out.member("service_tier", "\"standard\"");
    out.member("inference_geo", "null");
    out.key("output_tokens_details").open();
    out.key("thinking_tokens").number(usage.reasoning.unwrap_or(0));
    out.close();
    out.close();
}

#[cfg(test)]
mod tests;
