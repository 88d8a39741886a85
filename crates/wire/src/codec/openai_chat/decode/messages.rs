//! One OpenAI message to one hub message.

use crate::codec::DecodeError;
use crate::codec::openai_chat::read::{Object, get, inside, member, members, objects, text, text_member};
use crate::collect::unparsed;
use crate::hub::{Block, BlockKind, Content, ImageSource, Message, Role};
use crate::json::Json;
use crate::text::Text;

const KNOWN: [&str; 9] = [
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "reasoning_content",
    "reasoning",
    "refusal",
    "annotations",
];

/// Reads messages in order.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Old `function` results name no call: they answer the last old `function_call`.
    legacy: String,
}

/// Whether a message of the source belongs to the system prompt when only such stand before it.
pub(in super::super) fn is_leading(source: &str) -> bool {
    text_member(source, "role").is_some_and(|role| role.is("system") || role.is("developer"))
}

impl Reader {
    pub(super) fn message<'a>(&mut self, object: Object<'a>, nth: usize) -> Result<Message<'a>, DecodeError> {
        let at = |member: &str| format!("messages[{nth}]{member}");
        let (source, found) = object;
        let found = found.ok_or_else(|| DecodeError::new(at(""), "should be an object"))?;
        let role = get(&found, "role").and_then(text);
        let role = role.ok_or_else(|| DecodeError::new(at(".role"), "this field is required"))?;
        let content = get(&found, "content");
        let (role, content) = match role.as_escaped() {
            "system" | "developer" => (Role::System, content_of(content, &at(".content"))?),
            "user" => (Role::User, content_of(content, &at(".content"))?),
            "assistant" => (Role::Assistant, self.assistant(&found, nth)?),
            "tool" | "function" => {
                let id = get(&found, "tool_call_id").and_then(text);
                let id = id.unwrap_or_else(|| Text::plain(&self.legacy).into_owned());
                let content = content_of(content, &at(".content"))?;
                (Role::User, one_block(BlockKind::ToolResult { tool_use_id: id, content, is_error: false }))
            }
            other => return Err(DecodeError::new(at(".role"), format!("unknown role {other:?}"))),
        };
        let unknown = found.iter().filter(|(key, value)| !KNOWN.contains(key) && *value != "null");
        let extra = unknown.map(|(key, value)| (*key, Json::trusted(value))).collect();
        Ok(Message { role, content, extra, raw: Some(source) })
    }

    fn assistant<'a>(&mut self, found: &[(&'a str, &'a str)], nth: usize) -> Result<Content<'a>, DecodeError> {
        let path = format!("messages[{nth}].tool_calls");
        let mut content = content_of(get(found, "content"), &format!("messages[{nth}].content"))?;
        let thinking = ["reasoning_content", "reasoning"].iter().find_map(|name| get(found, name).and_then(text));
        if let Some(thinking) = thinking.filter(|thinking| !thinking.is_empty()) {
            let signature = Text::default();
            content.make_blocks().insert(0, BlockKind::Thinking { thinking, signature }.into());
        }
        if let Some(refusal) = get(found, "refusal").and_then(text) {
            content.make_blocks().push(Block::from_text(refusal));
        }
        if let Some(calls) = get(found, "tool_calls") {
            let calls = objects(calls).map_err(|_| DecodeError::new(&path, "should be a list"))?;
            for (at, (_, call)) in calls.into_iter().enumerate() {
                let call = call.unwrap_or_default();
                let id = get(&call, "id").and_then(text).unwrap_or_default();
                let function = get(&call, "function").or_else(|| get(&call, "custom"));
                let missing = || DecodeError::new(format!("{path}[{at}].function"), "this field is required");
                content.make_blocks().push(tool_use(id, function.ok_or_else(missing)?));
            }
        }
        if let Some(function) = get(found, "function_call") {
            self.legacy = format!("call_{nth}");
            content.make_blocks().push(tool_use(Text::plain(&self.legacy).into_owned(), function));
        }
        Ok(content)
    }
}

fn one_block(kind: BlockKind<'_>) -> Content<'_> {
    Content::Blocks(vec![kind.into()])
}

fn tool_use<'a>(id: Text<'a>, function: &'a str) -> Block<'a> {
    let found = members(function).unwrap_or_default();
    let name = get(&found, "name").and_then(text).unwrap_or_default();
    let given = get(&found, "arguments").or_else(|| get(&found, "input"));
    BlockKind::ToolUse { id, name, input: arguments(given) }.into()
}

/// Arguments as a JSON object. What is none is kept under a key that says so, never turned into `{}`.
pub(in crate::codec) fn arguments(given: Option<&str>) -> Json<'_> {
    let Some(given) = given else { return Json::trusted("{}") };
    if given.starts_with('{') {
        return Json::trusted(given);
    }
    let raw = text(given).unwrap_or_default();
    let decoded = raw.decode();
    let trimmed = decoded.trim();
    if trimmed.is_empty() || trimmed == "null" {
        return Json::trusted("{}");
    }
    if trimmed.starts_with('{') && Json::check(trimmed).is_ok() {
        return Json::trusted_owned(decoded.into_owned());
    }
    unparsed(&raw)
}

fn content_of<'a>(source: Option<&'a str>, path: &str) -> Result<Content<'a>, DecodeError> {
    let Some(source) = source else { return Ok(Content::default()) };
    if let Some(text) = text(source) {
        return Ok(Content::Text(text));
    }
    let list = objects(source).map_err(|_| DecodeError::new(path, "should be a string or a list of parts"))?;
    let parts = list.into_iter().enumerate().map(|(nth, part)| part_of(part, &format!("{path}[{nth}]")));
    parts.collect::<Result<_, _>>().map(Content::Blocks)
}

fn part_of<'a>((source, found): Object<'a>, path: &str) -> Result<Block<'a>, DecodeError> {
    let found = found.ok_or_else(|| DecodeError::new(path, "should be an object"))?;
    let kind = get(&found, "type").and_then(text);
    let kind = kind.ok_or_else(|| DecodeError::new(format!("{path}.type"), "this field is required"))?;
    let known = match kind.as_escaped() {
        "text" | "refusal" => get(&found, kind.as_escaped()).and_then(text).map(Block::from_text),
        "image_url" => get(&found, "image_url").and_then(image).map(|source| BlockKind::Image { source }.into()),
        _ => return Ok(BlockKind::Other { kind, json: Json::trusted(source) }.into()),
    };
    known.ok_or_else(|| DecodeError::new(format!("{path}.{}", kind.as_escaped()), "missing or of the wrong type"))
}

/// `{"url": …}`, or the URL itself as some clients send it.
pub(in crate::codec) fn image(source: &str) -> Option<ImageSource<'_>> {
    let url = inside(source).or_else(|| member(source, "url").and_then(inside))?;
    if memchr::memchr(b'\\', url.as_bytes()).is_none() {
        return Some(match data_url(url) {
            Some((media_type, data)) => {
                ImageSource::Base64 { media_type: Text::escaped(media_type), data: Text::escaped(data) }
            }
            None => ImageSource::Url(Text::escaped(url)),
        });
    }
    let url = Text::escaped(url);
    Some(match data_url(&url.decode()) {
        Some((media_type, data)) => ImageSource::Base64 {
            media_type: Text::plain(media_type).into_owned(),
            data: Text::plain(data).into_owned(),
        },
        None => ImageSource::Url(url.clone()),
    })
}

/// Media type and data of a base64 data URL.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    Some((media_type.split(';').next().unwrap_or(media_type), data))
}
