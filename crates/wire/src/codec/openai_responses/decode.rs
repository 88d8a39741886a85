//! OpenAI Responses to the hub.
//!
//! Instructions and leading developer messages become the system prompt. Neighbouring items of the model are one
//! message of the assistant, neighbouring results one of the user. Everything the client calls is a function in the
//! hub; [`Request::spellings`] says which calls it wants written in another way.

use crate::Protocol;
use crate::codec::DecodeError;
use crate::codec::openai_chat::read::{elements, get, members, number, text, text_member, truth};
use crate::hub::{Content, Dropped, Failure, Message, Request, Response, Thinking, ToolChoice, ToolChoiceMode};
use crate::json::Json;
use crate::text::Text;

mod items;
mod response;
mod tools;

pub(super) use response::{block, ending, is_redacted, tool_name};

/// What refers to something kept is told so.
const NOTHING_KEPT: &str = "answers are not kept here";
const SEND_ALL: &str = "send the whole conversation in `input`, and store: false";

/// Reads a request.
///
/// # Errors
/// When the body is not JSON, when `model` or `input` are missing or of the wrong type, when an item has no type or an
/// unknown role, and when it refers to an answer that should have been stored.
pub fn request(body: &str) -> Result<Request<'_>, DecodeError> {
    let fields = members(body)?;
    let source = Some(Protocol::OpenaiResponses);
    let mut draft = Draft {
        request: Request { fields, protocol: source, stream_usage: true, ..Request::default() },
        ..Draft::default()
    };
    for at in 0..draft.request.fields.len() {
        let (key, value) = draft.request.fields[at];
        if value != "null" {
            draft.member(key, value)?;
        }
    }
    for name in ["model", "input"] {
        get(&draft.request.fields, name).ok_or_else(|| DecodeError::new(name, "this field is required"))?;
    }
    draft.done()
}

/// Reads a whole answer, as it is written here.
///
/// # Errors
/// What the body says instead of an answer.
pub fn response(body: &str) -> Result<Response<'_>, Failure> {
    response::read(body)
}

fn wrong(path: &str, should: &str) -> DecodeError {
    DecodeError::new(path, format!("should be {should}"))
}

fn string<'a>(path: &str, value: &'a str) -> Result<Text<'a>, DecodeError> {
    text(value).ok_or_else(|| wrong(path, "a string"))
}

/// A request in the making.
#[derive(Default)]
struct Draft<'a> {
    request: Request<'a>,
    instructions: Option<Text<'a>>,
    /// Messages of the developer before anybody else's.
    leading: Vec<Message<'a>>,
    /// Tools a search of the client has found, and where they stand.
    found: Vec<(String, &'a str)>,
    mode: Option<ToolChoiceMode<'a>>,
    disable_parallel: bool,
}

impl<'a> Draft<'a> {
    fn member(&mut self, key: &'a str, value: &'a str) -> Result<(), DecodeError> {
        let request = &mut self.request;
        match key {
            "model" => request.model = string(key, value)?,
            "instructions" => self.instructions = Some(string(key, value)?),
            "input" => {
                let read = items::read(value)?;
                (self.leading, request.messages) = (read.leading, read.messages.into());
                self.found = read.found;
                request.lost.extend(read.lost);
            }
            "tools" => tools::read(request, key, value)?,
            "tool_choice" => self.tool_choice(value)?,
            "parallel_tool_calls" => self.disable_parallel = value == "false",
            "max_output_tokens" => {
                request.max_tokens = Some(number(value).ok_or_else(|| wrong(key, "a whole number"))?);
            }
            "stream" => request.stream = truth(Some(value)),
            "temperature" => request.temperature = Some(Json::trusted(value)),
            "top_p" => request.top_p = Some(Json::trusted(value)),
            "user" | "safety_identifier" => request.user_id = Some(string(key, value)?),
            "reasoning" => self.reasoning(value),
            "text" => self.text(value),
            _ => return self.kept_elsewhere(key, value),
        }
        Ok(())
    }

    /// What has to do with answers being stored, and the members that have no place in the hub.
    fn kept_elsewhere(&mut self, key: &'a str, value: &'a str) -> Result<(), DecodeError> {
        match key {
            "previous_response_id" | "conversation" | "prompt" => {
                return Err(DecodeError::new(key, NOTHING_KEPT).hint(SEND_ALL));
            }
            "background" if truth(Some(value)) => {
                return Err(DecodeError::new(key, NOTHING_KEPT).hint("leave it out, and wait for the answer"));
            }
            "store" if truth(Some(value)) => self.lost(key, NOTHING_KEPT),
            "truncation" if text(value).is_some_and(|how| how.is("auto")) => {
                self.lost(key, "a conversation is never cut here");
            }
            "include" => {
                for (nth, what) in elements(value).unwrap_or_default().into_iter().enumerate() {
                    if what != "\"reasoning.encrypted_content\"" {
                        self.lost(format!("include[{nth}]"), "there is nothing of the kind to include");
                    }
                }
            }
            "background" | "store" | "truncation" | "stream_options" => {}
            _ => self.request.extra.push((key, Json::trusted(value))),
        }
        Ok(())
    }

    fn lost(&mut self, path: impl Into<String>, reason: &'static str) {
        self.request.lost.push(Dropped::new(path, reason));
    }

    fn tool_choice(&mut self, value: &'a str) -> Result<(), DecodeError> {
        const KEY: &str = "tool_choice";
        if let Some(word) = text(value) {
            self.mode = Some(match word.as_escaped() {
                "none" => ToolChoiceMode::None,
                "required" => ToolChoiceMode::Any,
                _ => ToolChoiceMode::Auto,
            });
            return Ok(());
        }
        let found = members(value).map_err(|_| wrong(KEY, "a string or an object"))?;
        let named = get(&found, "name").and_then(text);
        self.mode = Some(match (named, get(&found, "mode").and_then(text)) {
            (Some(name), _) => ToolChoiceMode::Tool(tools::name_in_hub(get(&found, "namespace").and_then(text), name)),
            (None, mode) => {
                self.lost(KEY, "only whether some tool must be called is told to other models");
                if mode.is_some_and(|mode| mode.is("required")) { ToolChoiceMode::Any } else { ToolChoiceMode::Auto }
            }
        });
        Ok(())
    }

    /// `none` is no effort but no thinking.
    fn reasoning(&mut self, value: &'a str) {
        let Some(wish) = text_member(value, "effort") else { return };
        if wish.is("none") {
            self.request.thinking = Some(Thinking::Disabled);
        } else {
            self.request.effort = Some(if wish.is("minimal") { Text::escaped("low") } else { wish });
        }
    }

    fn text(&mut self, value: &'a str) {
        let found = members(value).unwrap_or_default();
        if get(&found, "verbosity").and_then(text).is_some_and(|wish| !wish.is("medium")) {
            self.lost("text.verbosity", "other models have no such setting");
        }
        let format = get(&found, "format").and_then(|format| members(format).ok()).unwrap_or_default();
        match get(&format, "type").and_then(text).unwrap_or_default().as_escaped() {
            "json_schema" => self.request.output_schema = get(&format, "schema").map(Json::trusted),
            // As Chat Completions calls it; what reads neither says so.
            "json_object" => {
                self.request.extra.push(("response_format", Json::trusted(r#"{"type":"json_object"}"#)));
            }
            _ => {}
        }
    }

    fn done(self) -> Result<Request<'a>, DecodeError> {
        let Self { mut request, instructions, leading, found, mode, disable_parallel } = self;
        for (path, list) in found {
            tools::read(&mut request, &path, list)?;
        }
        request.system = system(instructions, leading);
        if mode.is_some() || disable_parallel {
            request.tool_choice = Some(ToolChoice { mode: mode.unwrap_or(ToolChoiceMode::Auto), disable_parallel });
        }
        Ok(request)
    }
}

/// One text keeps its form; several become one list of blocks.
fn system<'a>(instructions: Option<Text<'a>>, mut leading: Vec<Message<'a>>) -> Content<'a> {
    let instructions = instructions.filter(|text| !text.is_empty());
    match (instructions, leading.len()) {
        (Some(instructions), 0) => Content::Text(instructions),
        (None, 1) => leading.pop().map(|message| message.content).unwrap_or_default(),
        (instructions, _) => {
            let mut system = instructions.map_or_else(Content::default, Content::Text);
            let blocks = system.make_blocks();
            for mut message in leading {
                blocks.append(message.content.make_blocks());
            }
            system
        }
    }
}

#[cfg(test)]
mod tests;
