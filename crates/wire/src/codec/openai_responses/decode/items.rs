//! The items of `input` to messages.

use std::fmt;

use super::{NOTHING_KEPT, SEND_ALL, tools, wrong};
use crate::codec::DecodeError;
use crate::codec::openai_chat::decode::{arguments, image};
use crate::codec::openai_chat::read::{elements, get, inside, members, objects, text, text_member};
use crate::codec::openai_responses::encode::{REDACTED, SIGNED};
use crate::hub::{Block, BlockKind, Content, Dropped, Message, Role};
use crate::json::Json;
use crate::text::Text;

/// What a model reads of a search for tools: the tools themselves are on offer from then on.
const FOUND: &str = "The tools that were found can be called now.";

/// Where an item, its content or a part of it stands; written down only when there is something to say about it.
#[derive(Clone, Copy, Debug)]
struct Place {
    item: usize,
    member: &'static str,
    part: Option<usize>,
}

impl Place {
    const fn of(self, member: &'static str) -> Self {
        Self { member, ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "input[{}]{}", self.item, self.member)?;
        self.part.map_or(Ok(()), |part| write!(f, "[{part}]"))
    }
}

/// The members of an item or a part.
type Members<'m, 'a> = &'m [(&'a str, &'a str)];

/// A conversation in the making.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    /// Messages of the developer before anybody else's.
    pub(super) leading: Vec<Message<'a>>,
    pub(super) messages: Vec<Message<'a>>,
    /// Tools a search of the client has found, and where they stand.
    pub(super) found: Vec<(String, &'a str)>,
    pub(super) lost: Vec<Dropped>,
}

/// Reads `input`: a text, or a list of items.
pub(super) fn read(value: &str) -> Result<Conversation<'_>, DecodeError> {
    let mut conversation = Conversation::default();
    if let Some(text) = text(value) {
        conversation.say(Role::User, Content::Text(text));
        return Ok(conversation);
    }
    let list = objects(value).map_err(|_| wrong("input", "a string or a list of items"))?;
    for (nth, (_, found)) in list.into_iter().enumerate() {
        let place = Place { item: nth, member: "", part: None };
        let found = found.ok_or_else(|| wrong(&place.to_string(), "an object"))?;
        conversation.item(&found, place)?;
    }
    Ok(conversation)
}

impl<'a> Conversation<'a> {
    fn item(&mut self, found: Members<'_, 'a>, place: Place) -> Result<(), DecodeError> {
        let kind = get(found, "type").and_then(inside);
        let kind = kind.or_else(|| get(found, "role").map(|_| "message"));
        let kind = kind.ok_or_else(|| DecodeError::new(format!("{place}.type"), "this field is required"))?;
        match kind {
            "message" => self.message(found, place)?,
            "reasoning" => self.reasoning(found, place),
            "function_call" => {
                let name =
                    member(found, "name").ok_or_else(|| DecodeError::new(place.to_string(), "a call needs a name"))?;
                let name = tools::name_in_hub(member(found, "namespace"), name);
                let input = arguments(get(found, "arguments"));
                self.call(BlockKind::ToolUse { id: call_id(found), name, input });
            }
            "custom_tool_call" => {
                let name =
                    member(found, "name").ok_or_else(|| DecodeError::new(place.to_string(), "a call needs a name"))?;
                let input = free(&member(found, "input").unwrap_or_default());
                self.call(BlockKind::ToolUse { id: call_id(found), name, input });
            }
            "item_reference" => return Err(DecodeError::new(place.to_string(), NOTHING_KEPT).hint(SEND_ALL)),
            "tool_search_output" => {
                let list = get(found, "tools").filter(|list| list.starts_with('[')).unwrap_or("[]");
                self.found.push((format!("{place}.tools"), list));
                let content = Content::Text(Text::escaped(FOUND));
                self.answer(BlockKind::ToolResult { tool_use_id: call_id(found), content, is_error: false });
            }
            other if other.ends_with("_output") => {
                let content = match get(found, "output") {
                    Some(output) => self.result(output, place)?,
                    None => Content::default(),
                };
                self.answer(BlockKind::ToolResult { tool_use_id: call_id(found), content, is_error: false });
            }
            other => self.other(other, found, place),
        }
        Ok(())
    }

    /// Items that only OpenAI's own models make. Those the client has run were calls.
    fn other(&mut self, kind: &'a str, found: Members<'_, 'a>, place: Place) {
        let Some(name) = kind.strip_suffix("_call").filter(|_| get(found, "call_id").is_some()) else {
            return self.lost(place.to_string(), "only its own provider reads this kind of item");
        };
        let given = ["action", "arguments", "operation"].iter().find_map(|name| get(found, name));
        let name = Text::escaped(name);
        self.call(BlockKind::ToolUse { id: call_id(found), name, input: arguments(given) });
    }

    fn message(&mut self, found: Members<'_, 'a>, place: Place) -> Result<(), DecodeError> {
        let role = member(found, "role");
        let role = role.ok_or_else(|| DecodeError::new(format!("{place}.role"), "this field is required"))?;
        let content = get(found, "content");
        let content =
            content.ok_or_else(|| DecodeError::new(place.of(".content").to_string(), "this field is required"))?;
        let mut content = self.content(content, place.of(".content"))?;
        match role.as_escaped() {
            "user" => self.say(Role::User, content),
            "assistant" => self.assistant().append(content.make_blocks()),
            "system" | "developer" if self.messages.is_empty() => {
                self.leading.push(Message { role: Role::System, content, ..Message::default() });
            }
            "system" | "developer" => self.say(Role::System, content),
            other => return Err(DecodeError::new(format!("{place}.role"), format!("unknown role {other:?}"))),
        }
        Ok(())
    }

    /// Thoughts come back with what sealed them; what another provider sealed is for that one only.
    fn reasoning(&mut self, found: Members<'_, 'a>, place: Place) {
        let thinking = [get(found, "content"), get(found, "summary")].into_iter().flatten().map(texts);
        let thinking = thinking.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let sealed = get(found, "encrypted_content").and_then(inside);
        if let Some(data) = sealed.and_then(|sealed| sealed.strip_prefix(REDACTED)) {
            return self.call(BlockKind::RedactedThinking { data: Text::escaped(data) });
        }
        let signature = sealed.and_then(|sealed| sealed.strip_prefix(SIGNED)).map(Text::escaped);
        if sealed.is_some() && signature.is_none() {
            self.lost(format!("{place}.encrypted_content"), "sealed by another provider");
        }
        if signature.is_some() || !thinking.is_empty() {
            self.call(BlockKind::Thinking { thinking, signature: signature.unwrap_or_default() });
        }
    }

    fn result(&mut self, output: &'a str, place: Place) -> Result<Content<'a>, DecodeError> {
        if output.starts_with('{') {
            return Ok(match members(output).ok().and_then(|found| picture(&found)) {
                Some(picture) => Content::Blocks(vec![picture]),
                None => Content::Text(Text::plain(output)),
            });
        }
        self.content(output, place.of(".output"))
    }

    fn content(&mut self, source: &'a str, place: Place) -> Result<Content<'a>, DecodeError> {
        if let Some(text) = text(source) {
            return Ok(Content::Text(text));
        }
        let list = objects(source).map_err(|_| wrong(&place.to_string(), "a string or a list of parts"))?;
        let mut blocks = Vec::with_capacity(list.len());
        for (nth, (_, found)) in list.into_iter().enumerate() {
            let place = Place { part: Some(nth), ..place };
            let found = found.ok_or_else(|| wrong(&place.to_string(), "an object"))?;
            blocks.push(self.part(&found, place)?);
        }
        Ok(Content::Blocks(blocks))
    }

    fn part(&mut self, found: Members<'_, 'a>, place: Place) -> Result<Block<'a>, DecodeError> {
        let kind = get(found, "type").and_then(inside);
        let kind = kind.ok_or_else(|| DecodeError::new(format!("{place}.type"), "this field is required"))?;
        let known = match kind {
            "input_text" | "output_text" | "text" | "reasoning_text" | "summary_text" => member(found, "text"),
            "refusal" => member(found, "refusal"),
            "input_image" => return Ok(picture(found).unwrap_or_else(|| self.omitted("[image omitted]", place))),
            "input_file" => return Ok(file(found).unwrap_or_else(|| self.omitted("[file omitted]", place))),
            _ => return Ok(self.omitted("[omitted]", place)),
        };
        known
            .map(Block::from_text)
            .ok_or_else(|| DecodeError::new(place.to_string(), "its text is missing or no string"))
    }

    fn omitted(&mut self, notice: &'static str, place: Place) -> Block<'a> {
        self.lost(place.to_string(), "only its own provider can read this part");
        Block::from_text(Text::escaped(notice))
    }

    fn lost(&mut self, path: String, reason: &'static str) {
        self.lost.push(Dropped::new(path, reason));
    }

    fn say(&mut self, role: Role, content: Content<'a>) {
        self.messages.push(Message { role, content, ..Message::default() });
    }

    /// The blocks of the assistant's message that is being read.
    fn assistant(&mut self) -> &mut Vec<Block<'a>> {
        if self.messages.last().is_none_or(|last| last.role != Role::Assistant) {
            self.say(Role::Assistant, Content::default());
        }
        let at = self.messages.len() - 1;
        self.messages[at].content.make_blocks()
    }

    fn call(&mut self, kind: BlockKind<'a>) {
        self.assistant().push(kind.into());
    }

    /// A result goes to the results before it.
    fn answer(&mut self, kind: BlockKind<'a>) {
        let is_result = |block: &Block<'_>| matches!(block.kind, BlockKind::ToolResult { .. });
        if !self.messages.last().and_then(|last| last.content.blocks().last()).is_some_and(is_result) {
            self.say(Role::User, Content::default());
        }
        let at = self.messages.len() - 1;
        self.messages[at].content.make_blocks().push(kind.into());
    }
}

fn member<'a>(found: Members<'_, 'a>, name: &str) -> Option<Text<'a>> {
    get(found, name).and_then(text)
}

/// The id a call and its result share; the results of `local_shell` carry it as their own.
fn call_id<'a>(found: Members<'_, 'a>) -> Text<'a> {
    member(found, "call_id").or_else(|| member(found, "id")).unwrap_or_default()
}

/// Free text as the arguments of a function.
pub(super) fn free(input: &Text<'_>) -> Json<'static> {
    Json::trusted_owned(format!("{{\"input\":\"{}\"}}", input.as_escaped()))
}

/// The texts of a list of parts, with blank lines between them.
pub(super) fn texts(list: &str) -> Text<'_> {
    let mut joined = Text::default();
    for text in elements(list).unwrap_or_default().into_iter().filter_map(|part| text_member(part, "text")) {
        if joined.is_empty() {
            joined = text;
        } else {
            joined.push(&Text::escaped("\\n\\n"));
            joined.push(&text);
        }
    }
    joined
}

fn picture<'a>(found: Members<'_, 'a>) -> Option<Block<'a>> {
    get(found, "image_url").and_then(image).map(|source| BlockKind::Image { source }.into())
}

/// A file that is in the body or on the web; OpenAI's own storage can be read by nobody else.
fn file<'a>(found: Members<'_, 'a>) -> Option<Block<'a>> {
    let source = match (get(found, "file_data").and_then(inside), get(found, "file_url").and_then(inside)) {
        (Some(url), _) => {
            let (media_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
            format!(r#"{{"type":"base64","media_type":"{media_type}","data":"{data}"}}"#)
        }
        (None, Some(url)) => format!(r#"{{"type":"url","url":"{url}"}}"#),
        (None, None) => return None,
    };
    Some(BlockKind::Document { source: Json::trusted_owned(source), title: member(found, "filename") }.into())
}
