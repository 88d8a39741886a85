//! One chunk of a stream, and the message of a whole answer, which has the same members.

use crate::codec::openai_chat::read::{get, members, number, text, text_member};
use crate::hub::{StopReason, Usage};
use crate::json::{Cursor, Error};
use crate::text::Text;

/// A chunk.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) model: Option<Text<'a>>,
    /// The first choice.
    pub(super) choice: Option<Choice<'a>>,
    pub(super) usage: Option<Usage>,
    pub(super) failed: bool,
}

/// What the chunk says.
#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) delta: Delta<'a>,
    pub(super) finish: Option<Text<'a>>,
}

/// Members of a `delta` or a `message`.
#[derive(Debug, Default)]
pub(in super::super) struct Delta<'a> {
    pub(in super::super) thinking: Option<Text<'a>>,
    pub(in super::super) text: Option<Text<'a>>,
    pub(in super::super) refusal: Option<Text<'a>>,
    pub(in super::super) calls: Vec<CallDelta<'a>>,
}

/// A piece of a call.
#[derive(Debug, Default)]
pub(in super::super) struct CallDelta<'a> {
    pub(in super::super) index: Option<u64>,
    pub(in super::super) id: Option<Text<'a>>,
    pub(in super::super) name: Option<Text<'a>>,
    pub(in super::super) arguments: Option<Text<'a>>,
}

impl<'a> CallDelta<'a> {
    /// The arguments, where none came before. No object begins with `null`: some servers write it where there are no
    /// arguments (BerriAI/litellm#5063). Behind others it is a value like any other.
    pub(in super::super) fn first_arguments(&self) -> Option<&Text<'a>> {
        self.arguments.as_ref().filter(|text| !text.is("null"))
    }
}

/// Reads a chunk. Members of the wrong type are taken for absent.
pub(super) fn read(data: &str) -> Result<Chunk<'_>, Error> {
    let mut chunk = Chunk::default();
    let mut cursor = Cursor::new(data);
    cursor.object(|key, inner| {
        let value = inner.value()?;
        match key {
            "id" => chunk.id = text(value).filter(|id| !id.is_empty()),
            "model" => chunk.model = text(value).filter(|model| !model.is_empty()),
            "choices" => chunk.choice = first_choice(value)?,
            "usage" if value.starts_with('{') => chunk.usage = Some(read_usage(value)),
            "x_groq" => groq(value, &mut chunk),
            "error" => chunk.failed = value != "null",
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    Ok(chunk)
}

fn groq<'a>(value: &'a str, chunk: &mut Chunk<'a>) {
    let found = members(value).unwrap_or_default();
    if let Some(usage) = get(&found, "usage") {
        chunk.usage = Some(read_usage(usage));
    }
    chunk.failed |= get(&found, "error").is_some();
}

/// The choice with index 0 or none: requests for several are refused.
fn first_choice(choices: &str) -> Result<Option<Choice<'_>>, Error> {
    let mut first = None;
    if !choices.starts_with('[') {
        return Ok(None);
    }
    Cursor::new(choices).array(|inner| {
        let (choice, index) = read_choice(inner)?;
        if index == 0 && first.is_none() {
            first = Some(choice);
        }
        Ok(())
    })?;
    Ok(first)
}

fn read_choice<'a>(cursor: &mut Cursor<'a>) -> Result<(Choice<'a>, u64), Error> {
    let mut choice = Choice::default();
    let mut index = 0;
    cursor.object(|key, inner| {
        let value = inner.value()?;
        match key {
            "index" => index = number(value).unwrap_or(0),
            "finish_reason" => choice.finish = text(value).filter(|word| !word.is_empty()),
            // Some servers put a whole `message` into a stream.
            "delta" | "message" if value.starts_with('{') => choice.delta = read_delta(value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((choice, index))
}

/// Reads a `delta` or a `message`.
pub(in super::super) fn read_delta(source: &str) -> Result<Delta<'_>, Error> {
    let mut delta = Delta::default();
    let mut other_thinking = None;
    Cursor::new(source).object(|key, inner| {
        let value = inner.value()?;
        match key {
            "content" if value.starts_with('[') => content_list(value, &mut delta),
            "content" => delta.text = filled(value),
            "reasoning_content" => delta.thinking = filled(value),
            // vLLM, Groq, OpenRouter, Ollama; some send both names with the same text.
            "reasoning" => other_thinking = filled(value),
            "refusal" => delta.refusal = filled(value),
            "tool_calls" if value.starts_with('[') => delta.calls = calls(value)?,
            "function_call" if value.starts_with('{') => delta.calls.push(function(value)?),
            _ => {}
        }
        Ok(())
    })?;
    delta.thinking = delta.thinking.or(other_thinking);
    Ok(delta)
}

fn filled(value: &str) -> Option<Text<'_>> {
    text(value).filter(|text| !text.is_empty())
}

/// Mistral's reasoning models send content as a list of text and thinking parts.
fn content_list(list: &str, delta: &mut Delta<'_>) {
    let mut said = Text::default();
    let mut thought = Text::default();
    for part in super::super::read::elements(list).unwrap_or_default() {
        let found = members(part).unwrap_or_default();
        if let Some(piece) = get(&found, "text").and_then(text) {
            said.push(&piece);
        }
        let thinking = get(&found, "thinking").unwrap_or_default();
        if let Some(piece) = text(thinking) {
            thought.push(&piece);
        }
        for inner in super::super::read::elements(thinking).unwrap_or_default() {
            thought.push(&text_member(inner, "text").unwrap_or_default());
        }
    }
    delta.text = (!said.is_empty()).then(|| said.into_owned());
    if !thought.is_empty() {
        delta.thinking = Some(thought.into_owned());
    }
}

fn calls(list: &str) -> Result<Vec<CallDelta<'_>>, Error> {
    let mut found = Vec::with_capacity(1);
    Cursor::new(list).array(|inner| {
        if inner.peek() != b'{' {
            return inner.value().map(drop);
        }
        let mut call = CallDelta::default();
        let (mut index, mut id) = (None, None);
        inner.object(|key, inner| {
            let value = inner.value()?;
            match key {
                "index" => index = number(value),
                "id" => id = filled(value),
                "function" if value.starts_with('{') => call = function(value)?,
                _ => {}
            }
            Ok(())
        })?;
        (call.index, call.id) = (index, id);
        found.push(call);
        Ok(())
    })?;
    Ok(found)
}

fn function(source: &str) -> Result<CallDelta<'_>, Error> {
    let mut call = CallDelta::default();
    Cursor::new(source).object(|key, inner| {
        let value = inner.value()?;
        match key {
            "name" => call.name = filled(value),
            "arguments" => call.arguments = arguments(value),
            _ => {}
        }
        Ok(())
    })?;
    Ok(call)
}

/// Arguments as the inside of a JSON string; some servers send an object where a string should stand.
fn arguments(value: &str) -> Option<Text<'_>> {
    match value.as_bytes().first() {
        Some(b'"') => filled(value),
        Some(b'{') => Some(Text::plain(value)),
        _ => None,
    }
}

/// Reads `usage`. OpenAI's `prompt_tokens` include what the cache gave, the hub's `input` does not.
pub(in super::super) fn read_usage(source: &str) -> Usage {
    let found = members(source).unwrap_or_default();
    let count = |name: &str| get(&found, name).and_then(number);
    let detail = |group: &str, name: &str| {
        let inner = members(get(&found, group)?).ok()?;
        get(&inner, name).and_then(number)
    };
    let cached = detail("prompt_tokens_details", "cached_tokens").or_else(|| count("prompt_cache_hit_tokens"));
    let written = detail("prompt_tokens_details", "cache_write_tokens");
    // No prompt has no tokens: a zero is a counter that was never filled.
    let prompt = count("prompt_tokens").filter(|n| *n > 0);
    Usage {
        input: prompt.map(|n| n.saturating_sub(cached.unwrap_or(0)).saturating_sub(written.unwrap_or(0))),
        output: count("completion_tokens"),
        cache_read: cached,
        cache_write: written,
        cache_write_hour: None,
        reasoning: detail("completion_tokens_details", "reasoning_tokens"),
        cost_nano_usd: cost(&found),
    }
}

/// OpenRouter's `cost`. With a key of the user's own at the provider that is OpenRouter's fee alone; what the provider
/// takes stands beside it.
fn cost(usage: &[(&str, &str)]) -> Option<u64> {
    let own = get(usage, "cost").and_then(Usage::nano_usd)?;
    if get(usage, "is_byok") != Some("true") {
        return Some(own);
    }
    let details = members(get(usage, "cost_details")?).ok()?;
    Some(own + get(&details, "upstream_inference_cost").and_then(Usage::nano_usd)?)
}

/// What a `finish_reason` means where no tool was called; `None` for a failure.
pub(in super::super) fn stop_reason(finish: &str) -> Option<StopReason> {
    Some(match finish {
        "error" => return None,
        "length" | "max_tokens" | "model_length" => StopReason::MaxTokens,
        "content_filter" | "refusal" => StopReason::Refusal,
        _ => StopReason::EndTurn,
    })
}
