//! Anthropic bodies to the hub, in one pass over the text. Nothing is copied but what must be put together.
//!
//! Members may stand in any order, so the parts of a block are collected as slices and put together by its `type`.

use std::fmt;

use super::error;
use crate::Protocol;
use crate::codec::DecodeError;
use crate::hub::{
    Content, Failure, FailureKind, Message, Request, Response, Role, StopReason, Thinking, Tool, ToolChoice,
    ToolChoiceMode, Usage,
};
use crate::json::{Cursor, Json};
use crate::text::Text;
use crate::tokens;

mod blocks;
mod known;

use blocks::content;
pub(super) use blocks::{Parts, content_blocks};

type Result<T, E = DecodeError> = std::result::Result<T, E>;

/// A place in the body, written out only when something is wrong there.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Path::Root, key) => write!(f, "{key}"),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    fn error(&self, message: &str) -> DecodeError {
        let path = if matches!(self, Self::Root) { "body".to_owned() } else { self.to_string() };
        DecodeError::new(path, message)
    }
}

/// Reads the body of `POST /v1/messages`.
///
/// # Errors
/// When it is no JSON object, a member has the wrong type, or `model`, `max_tokens` or `messages` is missing.
pub fn request(body: &str) -> Result<Request<'_>> {
    let request = count_request(body)?;
    if request.max_tokens.is_none() {
        return Err(DecodeError::new("max_tokens", REQUIRED));
    }
    Ok(request)
}

/// Reads the body of `POST /v1/messages/count_tokens`, which has no `max_tokens`.
///
/// # Errors
/// When it is no JSON object, a member has the wrong type, or `model` or `messages` is missing.
pub fn count_request(body: &str) -> Result<Request<'_>> {
    let mut cursor = Cursor::new(body);
    let mut request = Request { protocol: Some(Protocol::Anthropic), ..Request::default() };
    let (mut has_model, mut has_messages) = (false, false);
    must_open(&mut cursor, b'{', &Path::Root, "The body should be a JSON object")?;
    cursor.try_object(|key, inner| {
        has_model |= key == "model";
        has_messages |= key == "messages";
        let mark = inner.mark();
        member(&mut request, key, inner)?;
        request.fields.push((key, inner.since(mark)));
        Ok::<_, DecodeError>(())
    })?;
    cursor.end()?;
    match (has_model, has_messages) {
        (false, _) => Err(DecodeError::new("model", REQUIRED)),
        (_, false) => Err(DecodeError::new("messages", REQUIRED)),
        _ => Ok(request),
    }
}

const REQUIRED: &str = "Field required";

fn member<'a>(request: &mut Request<'a>, key: &'a str, cursor: &mut Cursor<'a>) -> Result<()> {
    let path = Path::Key(&Path::Root, key);
    match key {
        "messages" => request.messages = messages(cursor, &path)?.into(),
        "system" if cursor.peek() == b'n' => {
            cursor.value()?;
            request.system = Content::default();
        }
        "system" => request.system = content(cursor, &path)?,
        "tools" => request.tools = tools(cursor, &path)?,
        _ => scalar(request, key, cursor.value()?, &path)?,
    }
    Ok(())
}

/// The small members. `null` means: not given.
fn scalar<'a>(request: &mut Request<'a>, key: &'a str, raw: &'a str, path: &Path<'_>) -> Result<()> {
    let given = raw != "null";
    let number = || given.then_some(Json::trusted(raw));
    match key {
        "model" => request.model = string(raw, path)?,
        "max_tokens" => request.max_tokens = if given { Some(integer(raw, path)?) } else { None },
        "stream" => request.stream = given && boolean(raw, path)?,
        "stop_sequences" => request.stop_sequences = if given { strings(raw, path)? } else { Vec::new() },
        "temperature" => request.temperature = number(),
        "top_p" => request.top_p = number(),
        "top_k" => request.top_k = number(),
        "metadata" => request.user_id = find(raw, "user_id").and_then(|raw| string(raw, path).ok()),
        "thinking" if given => request.thinking = Some(thinking(raw, path)?),
        "thinking" => request.thinking = None,
        "tool_choice" => request.tool_choice = if given { tool_choice(raw, path)? } else { None },
        "output_config" => output_config(request, raw),
        _ => {
            request.extra.retain(|(known, _)| *known != key);
            request.extra.push((key, Json::trusted(raw)));
        }
    }
    Ok(())
}

fn messages<'a>(cursor: &mut Cursor<'a>, path: &Path<'_>) -> Result<Vec<Message<'a>>> {
    must_open(cursor, b'[', path, "Input should be a valid list")?;
    let mut list = Vec::new();
    cursor.try_array(|inner| {
        list.push(message(inner, &Path::Index(path, list.len()))?);
        Ok::<_, DecodeError>(())
    })?;
    Ok(list)
}

fn message<'a>(cursor: &mut Cursor<'a>, path: &Path<'_>) -> Result<Message<'a>> {
    must_open(cursor, b'{', path, "Input should be an object")?;
    let mark = cursor.mark();
    let (mut role, mut said) = (None, None);
    let mut message = Message::default();
    cursor.try_object(|key, inner| {
        match key {
            "role" => role = Some(inner.value()?),
            "content" => said = Some(content(inner, &Path::Key(path, "content"))?),
            _ => {
                message.extra.retain(|(known, _)| *known != key);
                message.extra.push((key, Json::trusted(inner.value()?)));
            }
        }
        Ok::<_, DecodeError>(())
    })?;
    let at = Path::Key(path, "role");
    message.role = match role.ok_or_else(|| at.error(REQUIRED))? {
        "\"user\"" => Role::User,
        "\"assistant\"" => Role::Assistant,
        "\"system\"" => Role::System,
        _ => return Err(at.error("Input should be 'user', 'assistant' or 'system'")),
    };
    message.content = said.ok_or_else(|| Path::Key(path, "content").error(REQUIRED))?;
    message.raw = Some(cursor.since(mark));
    Ok(message)
}

fn tools<'a>(cursor: &mut Cursor<'a>, path: &Path<'_>) -> Result<Vec<Tool<'a>>> {
    if cursor.peek() == b'n' {
        cursor.value()?;
        return Ok(Vec::new());
    }
    must_open(cursor, b'[', path, "Input should be a valid list")?;
    if let Some(known) = known::recall(cursor) {
        return Ok(known);
    }
    let mut list = Vec::new();
    let mark = cursor.mark();
    cursor.try_array(|inner| {
        list.push(tool(inner, &Path::Index(path, list.len()))?);
        Ok::<_, DecodeError>(())
    })?;
    known::remember(cursor.since(mark), &list);
    Ok(list)
}

fn tool<'a>(cursor: &mut Cursor<'a>, path: &Path<'_>) -> Result<Tool<'a>> {
    must_open(cursor, b'{', path, "Input should be an object")?;
    let mark = cursor.mark();
    let (mut name, mut kind, mut description, mut schema, mut deferred) = (None, None, None, None, false);
    cursor.try_object(|key, inner| {
        let raw = inner.value()?;
        match key {
            "name" => name = Some(raw),
            "type" => kind = Some(raw).filter(|raw| *raw != "null"),
            "description" => description = Some(raw).filter(|raw| *raw != "null"),
            "input_schema" => schema = Some(Json::trusted(raw)).filter(|_| raw != "null"),
            "defer_loading" => deferred = raw == "true",
            _ => {}
        }
        Ok::<_, DecodeError>(())
    })?;
    let text = |raw: Option<&'a str>, key| raw.map(|raw| string(raw, &Path::Key(path, key))).transpose();
    let server_type = text(kind, "type")?.filter(|kind| !kind.is("custom"));
    let name = match text(name, "name")? {
        Some(name) => name,
        // MCP tool sets have no name of their own.
        None if server_type.is_some() => Text::default(),
        None => return Err(Path::Key(path, "name").error(REQUIRED)),
    };
    let description = text(description, "description")?;
    let raw = cursor.since(mark);
    let tokens = tokens::estimate_tool(raw);
    Ok(Tool { name, description, input_schema: schema, server_type, defer_loading: deferred, raw: Some(raw), tokens })
}

fn thinking(raw: &str, path: &Path<'_>) -> Result<Thinking> {
    Ok(match find(raw, "type") {
        Some("\"disabled\"") => Thinking::Disabled,
        Some("\"enabled\"") => {
            let at = Path::Key(path, "budget_tokens");
            Thinking::Enabled { budget: integer(find(raw, "budget_tokens").ok_or_else(|| at.error(REQUIRED))?, &at)? }
        }
        // `adaptive`, `between_tools` and what may come: the model decides.
        Some(_) => Thinking::Adaptive,
        None => return Err(Path::Key(path, "type").error(REQUIRED)),
    })
}

/// `None` for a kind the hub does not know.
fn tool_choice<'a>(raw: &'a str, path: &Path<'_>) -> Result<Option<ToolChoice<'a>>> {
    let mode = match find(raw, "type") {
        Some("\"auto\"") => ToolChoiceMode::Auto,
        Some("\"any\"") => ToolChoiceMode::Any,
        Some("\"none\"") => ToolChoiceMode::None,
        Some("\"tool\"") => {
            let at = Path::Key(path, "name");
            ToolChoiceMode::Tool(string(find(raw, "name").ok_or_else(|| at.error(REQUIRED))?, &at)?)
        }
        Some(_) => return Ok(None),
        None => return Err(Path::Key(path, "type").error(REQUIRED)),
    };
    Ok(Some(ToolChoice { mode, disable_parallel: find(raw, "disable_parallel_tool_use") == Some("true") }))
}

fn output_config<'a>(request: &mut Request<'a>, raw: &'a str) {
    request.effort = find(raw, "effort").and_then(|raw| string(raw, &Path::Root).ok());
    let schema = find(raw, "format").filter(|format| find(format, "type") == Some("\"json_schema\""));
    request.output_schema = schema.and_then(|format| find(format, "schema")).map(Json::trusted);
}

/// Reads a whole answer.
///
/// # Errors
/// When the body is an error object, whatever the status was, or no message at all.
pub fn response(body: &str) -> Result<Response<'_>, Failure> {
    let mut response = Response::default();
    let (mut said, mut failed) = (false, false);
    let mut cursor = Cursor::new(body);
    let read = cursor.try_object(|key, inner| {
        match key {
            "content" if inner.peek() == b'[' => {
                said = true;
                response.content = content_blocks(inner, &Path::Key(&Path::Root, key))?;
            }
            "error" => failed |= inner.value()? != "null",
            _ => response_member(&mut response, key, inner.value()?),
        }
        Ok::<_, DecodeError>(())
    });
    match read {
        Ok(()) if said && !failed => Ok(response),
        Err(wrong) if said && !failed => {
            Err(Failure::new(FailureKind::Api, format!("the backend's answer cannot be read: {wrong}")))
        }
        _ => Err(error::decode(200, body)),
    }
}

fn response_member<'a>(response: &mut Response<'a>, key: &str, raw: &'a str) {
    let text = || string(raw, &Path::Root).ok();
    match key {
        "id" => response.id = text().unwrap_or_default(),
        "model" => response.model = text().unwrap_or_default(),
        "stop_reason" => response.stop_reason = stop_reason(raw),
        "stop_sequence" => response.stop_sequence = text(),
        "usage" => response.usage = usage(raw),
        _ => {}
    }
}

/// Reads a `stop_reason`, quotes and all. An unknown one means that the answer is done.
pub(super) fn stop_reason(raw: &str) -> Option<StopReason> {
    Some(match raw {
        "\"max_tokens\"" => StopReason::MaxTokens,
        "\"stop_sequence\"" => StopReason::StopSequence,
        "\"tool_use\"" => StopReason::ToolUse,
        "\"pause_turn\"" => StopReason::PauseTurn,
        "\"refusal\"" => StopReason::Refusal,
        "\"model_context_window_exceeded\"" => StopReason::ContextWindow,
        _ if raw.starts_with('"') => StopReason::EndTurn,
        _ => return None,
    })
}

pub(super) fn usage(raw: &str) -> Usage {
    let mut usage = Usage::default();
    let number = |raw: &str| raw.parse().ok();
    each_member(raw, |key, raw| match key {
        "input_tokens" => usage.input = number(raw),
        "output_tokens" => usage.output = number(raw),
        "cache_read_input_tokens" => usage.cache_read = number(raw),
        "cache_creation_input_tokens" => usage.cache_write = number(raw),
        "cache_creation" => usage.cache_write_hour = find(raw, "ephemeral_1h_input_tokens").and_then(number),
        // OpenRouter's `/v1/messages`.
        "cost" => usage.cost_nano_usd = Usage::nano_usd(raw),
        "output_tokens_details" => usage.reasoning = find(raw, "thinking_tokens").and_then(number),
        _ => {}
    });
    usage
}

/// Calls `each` for every member of an object; for anything else not at all.
pub(super) fn each_member<'a>(raw: &'a str, mut each: impl FnMut(&'a str, &'a str)) {
    if raw.starts_with('{') {
        // A slice that was read once cannot fail to be read again.
        let _ = Cursor::new(raw).object(|key, inner| {
            each(key, inner.value()?);
            Ok(())
        });
    }
}

/// The member of a small object, as written; the last one, should there be several.
pub(super) fn find<'a>(raw: &'a str, wanted: &str) -> Option<&'a str> {
    let mut found = None;
    each_member(raw, |key, value| {
        if key == wanted {
            found = Some(value);
        }
    });
    found
}

/// The text of a JSON string, given with its quotes.
pub(super) fn string<'a>(raw: &'a str, path: &Path<'_>) -> Result<Text<'a>> {
    let inside = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    inside.map(Text::escaped).ok_or_else(|| path.error("Input should be a valid string"))
}

fn strings<'a>(raw: &'a str, path: &Path<'_>) -> Result<Vec<Text<'a>>> {
    let mut cursor = Cursor::new(raw);
    must_open(&mut cursor, b'[', path, "Input should be a valid list")?;
    let mut list = Vec::new();
    cursor.try_array(|inner| {
        list.push(string(inner.value()?, &Path::Index(path, list.len()))?);
        Ok::<_, DecodeError>(())
    })?;
    Ok(list)
}

fn integer(raw: &str, path: &Path<'_>) -> Result<u64> {
    raw.parse().map_err(|_| path.error("Input should be a valid integer, 0 or more"))
}

fn boolean(raw: &str, path: &Path<'_>) -> Result<bool> {
    raw.parse().map_err(|_| path.error("Input should be a valid boolean"))
}

/// Checks that the next value opens with `open`. What is no value at all is left to the cursor, which says where.
fn must_open(cursor: &mut Cursor<'_>, open: u8, path: &Path<'_>, message: &str) -> Result<()> {
    let next = cursor.peek();
    if next == open {
        return Ok(());
    }
    cursor.value()?;
    Err(path.error(message))
}

#[cfg(test)]
mod tests;
