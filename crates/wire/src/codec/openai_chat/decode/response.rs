//! A whole answer: read into the same parts a stream brings.

use super::messages::arguments;
use crate::codec::openai_chat::read::{elements, get, members, text};
use crate::codec::openai_chat::stream::{
    CallDelta, Delta, Scan, call_id, read_delta, read_usage, stop_reason, tool_reason,
};
use crate::failure;
use crate::hub::{Block, BlockKind, Failure, FailureKind, Response};
use crate::text::Text;

pub(super) fn read(body: &str) -> Result<Response<'_>, Failure> {
    let found = members(body).map_err(|_| failure::read(200, body))?;
    if get(&found, "error").is_some() {
        return Err(failure::read(200, body));
    }
    let Some(choices) = get(&found, "choices") else { return Err(failure::read(200, body)) };
    let choice = elements(choices).unwrap_or_default().into_iter().next().ok_or_else(empty)?;
    let choice = members(choice).map_err(|_| empty())?;
    let message = get(&choice, "message").or_else(|| get(&choice, "delta")).ok_or_else(empty)?;
    let delta = read_delta(message).map_err(|_| failure::read(200, body))?;
    let word = get(&choice, "finish_reason").and_then(text);
    let finish = match &word {
        Some(word) => Some(stop_reason(word.as_escaped()).ok_or_else(broken)?),
        None => None,
    };
    let id = get(&found, "id").and_then(text).unwrap_or_default();
    let content = blocks(&delta, &id);
    let scan = delta.calls.last().and_then(CallDelta::first_arguments).map(complete);
    let called = delta.calls.iter().any(|call| call.name.is_some());
    let cut = !delta.calls.is_empty() && scan != Some(true);
    let reason = tool_reason(finish, called, scan == Some(false), cut, delta.refusal.is_some());
    Ok(Response {
        id,
        model: get(&found, "model").and_then(text).unwrap_or_default(),
        content,
        stop_reason: Some(reason),
        stop_sequence: None,
        usage: get(&found, "usage").map(read_usage).unwrap_or_default(),
    })
}

fn empty() -> Failure {
    let mut failure = Failure::new(FailureKind::Api, "the server gave an answer without a choice");
    failure.code = Some("empty_stream".to_owned());
    failure
}

fn broken() -> Failure {
    Failure::new(FailureKind::Api, "the backend broke off with an error")
}

fn complete(fragment: &Text<'_>) -> bool {
    let mut scan = Scan::default();
    scan.feed(&fragment.decode());
    scan.is_complete()
}

/// Thinking, text, calls: the order in which a stream brings them.
fn blocks<'a>(delta: &Delta<'a>, response: &Text<'_>) -> Vec<Block<'a>> {
    let mut content = Vec::new();
    if let Some(thinking) = delta.thinking.clone().filter(|text| !text.is_blank()) {
        content.push(BlockKind::Thinking { thinking, signature: Text::default() }.into());
    }
    let mut said = delta.text.clone().unwrap_or_default();
    said.push(delta.refusal.as_ref().unwrap_or(&Text::default()));
    if !said.is_blank() {
        content.push(Block::from_text(said));
    }
    let mut ids: Vec<String> = Vec::new();
    for (at, call) in delta.calls.iter().enumerate() {
        let given = call.id.as_ref().map_or("", Text::as_escaped);
        let id = call_id(given, response.as_escaped(), at, |id| ids.iter().any(|taken| taken == id));
        ids.push(id.clone());
        let raw = call.arguments.as_ref().map(|text| format!("\"{}\"", text.as_escaped()));
        let input = arguments(raw.as_deref()).into_owned();
        match &call.name {
            Some(name) => {
                let kind = BlockKind::ToolUse { id: Text::escaped_owned(id), name: name.clone(), input };
                content.push(kind.into());
            }
            None => {
                content.extend(call.first_arguments().filter(|text| !text.is_blank()).cloned().map(Block::from_text));
            }
        }
    }
    content
}
