//! OpenAI Chat Completions to the hub.
//!
//! Leading system and developer messages become the system prompt; every other message becomes one hub message
//! that keeps its source text, so that `patch` can copy what no edit touched.

use crate::codec::DecodeError;
use crate::hub::{Content, Failure, Message, Request, Response, Role, Thinking, Tool, ToolChoice, ToolChoiceMode};
use crate::json::Json;
use crate::text::Text;

mod messages;
mod response;

pub(super) use messages::is_leading;
pub(in crate::codec) use messages::{arguments, image};

use super::read::{elements, get, members, number, objects, text, text_member, truth};

/// Reads a request.
///
/// # Errors
/// When the body is not JSON, when `model` or `messages` are missing or of the wrong type, when a message has an
/// unknown role, and when `n` asks for more than one answer.
pub fn request(body: &str) -> Result<Request<'_>, DecodeError> {
    let fields = members(body)?;
    let mut request = Request { fields, ..Request::default() };
    let mut choice = Choice::default();
    for at in 0..request.fields.len() {
        let (key, value) = request.fields[at];
        if value == "null" {
            continue;
        }
        member(&mut request, &mut choice, key, value)?;
    }
    require(&request.fields, "model")?;
    require(&request.fields, "messages")?;
    request.tool_choice = choice.done();
    Ok(request)
}

/// Reads a whole answer.
///
/// # Errors
/// What the body says instead of an answer: an error object under status 200, HTML, no choices at all.
pub fn response(body: &str) -> Result<Response<'_>, Failure> {
    response::read(body)
}

/// `tool_choice` and `parallel_tool_calls` are one in the hub.
#[derive(Default)]
struct Choice<'a> {
    mode: Option<ToolChoiceMode<'a>>,
    disable_parallel: bool,
}

impl<'a> Choice<'a> {
    fn done(self) -> Option<ToolChoice<'a>> {
        if self.mode.is_none() && !self.disable_parallel {
            return None;
        }
        let mode = self.mode.unwrap_or(ToolChoiceMode::Auto);
        Some(ToolChoice { mode, disable_parallel: self.disable_parallel })
    }
}

fn require(fields: &[(&str, &str)], name: &str) -> Result<(), DecodeError> {
    get(fields, name).map(drop).ok_or_else(|| DecodeError::new(name, "this field is required"))
}

fn wrong(path: &str, should: &str) -> DecodeError {
    DecodeError::new(path, format!("should be {should}"))
}

fn member<'a>(
    request: &mut Request<'a>,
    choice: &mut Choice<'a>,
    key: &'a str,
    value: &'a str,
) -> Result<(), DecodeError> {
    match key {
        "model" => request.model = string(key, value)?,
        "messages" => {
            let (system, messages) = conversation(value)?;
            (request.system, request.messages) = (system, messages.into());
        }
        "tools" | "functions" => request.tools = tools(key, value)?,
        "tool_choice" | "function_call" => choice.mode = Some(tool_choice(key, value)?),
        "parallel_tool_calls" => choice.disable_parallel = value == "false",
        "max_completion_tokens" | "max_tokens" => {
            let limit = number(value).ok_or_else(|| wrong(key, "a whole number"))?;
            request.max_tokens = Some(limit);
        }
        "stream" => request.stream = truth(Some(value)),
        "stream_options" => {
            request.stream_usage = truth(members(value).ok().and_then(|found| get(&found, "include_usage")));
        }
        "stop" => request.stop_sequences = stops(value)?,
        "temperature" => request.temperature = Some(Json::trusted(value)),
        "top_p" => request.top_p = Some(Json::trusted(value)),
        "top_k" => request.top_k = Some(Json::trusted(value)),
        "user" => request.user_id = Some(string(key, value)?),
        "reasoning_effort" => effort(request, string(key, value)?),
        "response_format" => response_format(request, key, value),
        "n" if number(value) != Some(1) => {
            return Err(DecodeError::new("n", "only one answer per request is supported: leave it out or send 1"));
        }
        "n" => {}
        _ => request.extra.push((key, Json::trusted(value))),
    }
    Ok(())
}

fn string<'a>(path: &str, value: &'a str) -> Result<Text<'a>, DecodeError> {
    text(value).ok_or_else(|| wrong(path, "a string"))
}

fn conversation(value: &str) -> Result<(Content<'_>, Vec<Message<'_>>), DecodeError> {
    let list = objects(value).map_err(|_| wrong("messages", "a list"))?;
    let mut found = Vec::with_capacity(list.len());
    let mut reader = messages::Reader::default();
    for (nth, object) in list.into_iter().enumerate() {
        found.push(reader.message(object, nth)?);
    }
    let leading = found.iter().take_while(|message| message.role == Role::System).count();
    let rest = found.split_off(leading);
    Ok((system(found), rest))
}

/// One leading message keeps its form; several become one list of blocks.
fn system(mut leading: Vec<Message<'_>>) -> Content<'_> {
    if leading.len() == 1 {
        return leading.pop().map(|message| message.content).unwrap_or_default();
    }
    let mut system = Content::default();
    for mut message in leading {
        system.make_blocks().append(message.content.make_blocks());
    }
    system
}

fn stops(value: &str) -> Result<Vec<Text<'_>>, DecodeError> {
    if let Some(one) = text(value) {
        return Ok(vec![one]);
    }
    let list = elements(value).map_err(|_| wrong("stop", "a string or a list of strings"))?;
    list.into_iter().enumerate().map(|(nth, stop)| string(&format!("stop[{nth}]"), stop)).collect()
}

/// `none` is no effort but no thinking.
fn effort<'a>(request: &mut Request<'a>, wish: Text<'a>) {
    if wish.is("none") {
        request.thinking = Some(Thinking::Disabled);
    } else {
        request.effort = Some(if wish.is("minimal") { Text::escaped("low") } else { wish });
    }
}

fn response_format<'a>(request: &mut Request<'a>, key: &'a str, value: &'a str) {
    let schema = members(value).ok().and_then(|found| get(&found, "json_schema")).and_then(|inner| {
        let found = members(inner).ok()?;
        get(&found, "schema")
    });
    match schema {
        Some(schema) => request.output_schema = Some(Json::trusted(schema)),
        None => request.extra.push((key, Json::trusted(value))),
    }
}

fn tools<'a>(key: &str, value: &'a str) -> Result<Vec<Tool<'a>>, DecodeError> {
    let list = elements(value).map_err(|_| wrong(key, "a list"))?;
    list.into_iter().enumerate().map(|(nth, source)| tool(source, &format!("{key}[{nth}]"))).collect()
}

/// A tool, or one of the old `functions`, which are what `function` of a tool is.
fn tool<'a>(source: &'a str, path: &str) -> Result<Tool<'a>, DecodeError> {
    let outer = members(source).map_err(|_| wrong(path, "an object"))?;
    let kind = get(&outer, "type").and_then(text);
    let found = match get(&outer, "function") {
        Some(function) => members(function).map_err(|_| wrong(path, "an object"))?,
        None => outer,
    };
    let server_type = kind.filter(|kind| !kind.is("function"));
    let name = get(&found, "name").and_then(text);
    if name.is_none() && server_type.is_none() {
        return Err(DecodeError::new(format!("{path}.function.name"), "this field is required"));
    }
    Ok(Tool {
        name: name.or_else(|| server_type.clone()).unwrap_or_default(),
        description: get(&found, "description").and_then(text),
        input_schema: get(&found, "parameters").map(Json::trusted),
        server_type,
        ..Tool::default()
    })
}

fn tool_choice<'a>(key: &str, value: &'a str) -> Result<ToolChoiceMode<'a>, DecodeError> {
    if let Some(word) = text(value) {
        return Ok(match word.as_escaped() {
            "none" => ToolChoiceMode::None,
            "required" | "any" => ToolChoiceMode::Any,
            _ => ToolChoiceMode::Auto,
        });
    }
    let found = members(value).map_err(|_| wrong(key, "a string or an object"))?;
    let function = get(&found, "function").unwrap_or(value);
    if let Some(name) = text_member(function, "name") {
        return Ok(ToolChoiceMode::Tool(name));
    }
    // `allowed_tools` narrows the list; what remains of it here is whether some tool must be called.
    let mode = get(&found, "allowed_tools").and_then(|allowed| text_member(allowed, "mode"));
    Ok(if mode.is_some_and(|mode| mode.is("required")) { ToolChoiceMode::Any } else { ToolChoiceMode::Auto })
}

#[cfg(test)]
mod tests;
