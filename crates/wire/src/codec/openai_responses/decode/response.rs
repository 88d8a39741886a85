//! A whole answer, as `encode` writes it.

use super::items::{free, texts};
use super::tools::name_in_hub;
use crate::codec::openai_chat::decode::arguments;
use crate::codec::openai_chat::read::{elements, get, inside, members, number, text, text_member};
use crate::codec::openai_responses::encode::{REDACTED, SIGNED};
use crate::failure;
use crate::hub::{BlockKind, Failure, FailureKind, Response, StopReason, Usage};
use crate::text::Text;

/// The members of an item.
type Members<'m, 'a> = &'m [(&'a str, &'a str)];

pub(super) fn read(body: &str) -> Result<Response<'_>, Failure> {
    let found = members(body).map_err(|_| failure::read(200, body))?;
    let Some(output) = get(&found, "output") else { return Err(failure::read(200, body)) };
    let items = elements(output).unwrap_or_default();
    let content: Vec<_> = items.into_iter().filter_map(|item| block(&members(item).ok()?)).collect();
    let called = content.iter().any(|kind| matches!(kind, BlockKind::ToolUse { .. }));
    let (reason, usage) = ending(&found, called)?;
    Ok(Response {
        id: get(&found, "id").and_then(text).unwrap_or_default(),
        model: get(&found, "model").and_then(text).unwrap_or_default(),
        content: content.into_iter().map(Into::into).collect(),
        stop_reason: Some(reason),
        stop_sequence: None,
        usage,
    })
}

/// How a response ended, and what it took. `called`: it asks for tools.
pub(in super::super) fn ending(found: Members<'_, '_>, called: bool) -> Result<(StopReason, Usage), Failure> {
    let usage = get(found, "usage").map(usage).unwrap_or_default();
    let code = get(found, "error").and_then(|error| text_member(error, "code")).unwrap_or_default();
    let cause = get(found, "incomplete_details").and_then(|details| text_member(details, "reason"));
    let reason = match get(found, "status").and_then(inside) {
        Some("completed") if called => StopReason::ToolUse,
        Some("completed") => StopReason::EndTurn,
        Some("incomplete") if cause.is_some_and(|cause| cause.is("content_filter")) => StopReason::Refusal,
        Some("incomplete") => StopReason::MaxTokens,
        Some("failed") if code.is("context_length_exceeded") => StopReason::ContextWindow,
        _ => {
            let message = get(found, "error").and_then(|error| text_member(error, "message"));
            let message = message.map_or_else(|| "the answer failed".into(), |message| message.decode().into_owned());
            return Err(Failure { code: Some(code.decode().into_owned()), ..Failure::new(FailureKind::Api, message) });
        }
    };
    Ok((reason, usage))
}

fn usage(source: &str) -> Usage {
    let found = members(source).unwrap_or_default();
    let count = |name: &str| get(&found, name).and_then(number);
    let detail = |list: &str, name: &str| get(&members(get(&found, list)?).ok()?, name).and_then(number);
    let cached = detail("input_tokens_details", "cached_tokens");
    let written = detail("input_tokens_details", "cache_write_tokens");
    let apart = cached.unwrap_or(0) + written.unwrap_or(0);
    Usage {
        input: count("input_tokens").map(|all| all.saturating_sub(apart)),
        output: count("output_tokens"),
        cache_read: cached,
        cache_write: written,
        reasoning: detail("output_tokens_details", "reasoning_tokens"),
        ..Usage::default()
    }
}

/// The block an item stands for.
pub(in super::super) fn block<'a>(found: Members<'_, 'a>) -> Option<BlockKind<'a>> {
    let member = |name: &str| get(found, name).and_then(text);
    let id = || member("call_id").unwrap_or_default();
    Some(match get(found, "type").and_then(inside)? {
        "message" => BlockKind::Text { text: texts(get(found, "content")?) },
        "reasoning" => reasoning(found),
        "function_call" => {
            let name = tool_name(found);
            BlockKind::ToolUse { id: id(), name, input: arguments(get(found, "arguments")) }
        }
        "tool_search_call" => BlockKind::ToolUse {
            id: id(),
            name: Text::escaped("tool_search"),
            input: arguments(get(found, "arguments")),
        },
        "custom_tool_call" => {
            let input = free(&member("input").unwrap_or_default());
            BlockKind::ToolUse { id: id(), name: tool_name(found), input }
        }
        _ => return None,
    })
}

/// What a called tool is named in the hub.
pub(in super::super) fn tool_name<'a>(found: Members<'_, 'a>) -> Text<'a> {
    let member = |name: &str| get(found, name).and_then(text);
    name_in_hub(member("namespace"), member("name").unwrap_or_default())
}

/// Whether an item holds thoughts that were sealed as a whole.
pub(in super::super) fn is_redacted(found: Members<'_, '_>) -> bool {
    get(found, "encrypted_content").and_then(inside).is_some_and(|sealed| sealed.starts_with(REDACTED))
}

fn reasoning<'a>(found: Members<'_, 'a>) -> BlockKind<'a> {
    let sealed = get(found, "encrypted_content").and_then(inside).unwrap_or_default();
    if let Some(data) = sealed.strip_prefix(REDACTED) {
        return BlockKind::RedactedThinking { data: Text::escaped(data) };
    }
    let thinking = get(found, "summary").map(texts).unwrap_or_default();
    let signature = sealed.strip_prefix(SIGNED).unwrap_or_default();
    BlockKind::Thinking { thinking, signature: Text::escaped(signature) }
}
