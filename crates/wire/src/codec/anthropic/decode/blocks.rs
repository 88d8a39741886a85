//! Content blocks of Anthropic's Messages API.

use super::{Path, REQUIRED, Result, must_open, string};
use crate::codec::DecodeError;
use crate::hub::{Block, BlockKind, Content, ImageSource};
use crate::json::{Cursor, Json};

/// A string or a list of blocks.
pub(super) fn content<'a>(cursor: &mut Cursor<'a>, path: &Path<'_>) -> Result<Content<'a>> {
    if cursor.peek() == b'"' {
        return Ok(Content::Text(cursor.string()?));
    }
    content_blocks(cursor, path).map(Content::Blocks)
}

/// A list of blocks.
pub(in super::super) fn content_blocks<'a>(cursor: &mut Cursor<'a>, path: &Path<'_>) -> Result<Vec<Block<'a>>> {
    must_open(cursor, b'[', path, "Input should be a string or a list of content blocks")?;
    let mut blocks = Vec::new();
    cursor.try_array(|inner| {
        blocks.push(block(inner, &Path::Index(path, blocks.len()))?);
        Ok::<_, DecodeError>(())
    })?;
    Ok(blocks)
}

fn block<'a>(cursor: &mut Cursor<'a>, path: &Path<'_>) -> Result<Block<'a>> {
    must_open(cursor, b'{', path, "Input should be an object")?;
    let mark = cursor.mark();
    let mut parts = Parts::default();
    cursor.try_object(|key, inner| parts.member(key, inner, path))?;
    let raw = cursor.since(mark);
    Ok(Block { kind: parts.build(raw, path)?, raw: Some(raw) })
}

/// What was found of a block before its kind is known.
#[derive(Default)]
pub(in super::super) struct Parts<'a> {
    /// `type` as written, with its quotes.
    pub(in super::super) kind: Option<&'a str>,
    pub(in super::super) text: Option<&'a str>,
    pub(in super::super) thinking: Option<&'a str>,
    pub(in super::super) signature: Option<&'a str>,
    pub(in super::super) id: Option<&'a str>,
    pub(in super::super) name: Option<&'a str>,
    pub(in super::super) input: Option<&'a str>,
    data: Option<&'a str>,
    title: Option<&'a str>,
    tool_use_id: Option<&'a str>,
    is_error: Option<&'a str>,
    source: Option<Source<'a>>,
    content: Option<Said<'a>>,
}

/// `content`, read at once when the kind was known in time.
enum Said<'a> {
    Read(Content<'a>),
    Unread(&'a str),
}

#[derive(Default)]
struct Source<'a> {
    raw: &'a str,
    kind: Option<&'a str>,
    media_type: Option<&'a str>,
    data: Option<&'a str>,
    url: Option<&'a str>,
}

impl<'a> Parts<'a> {
    pub(in super::super) fn member(&mut self, key: &str, cursor: &mut Cursor<'a>, path: &Path<'_>) -> Result<()> {
        let place = match key {
            "type" => &mut self.kind,
            "text" => &mut self.text,
            "thinking" => &mut self.thinking,
            "signature" => &mut self.signature,
            "id" => &mut self.id,
            "name" => &mut self.name,
            "input" => &mut self.input,
            "data" => &mut self.data,
            "title" => &mut self.title,
            "tool_use_id" => &mut self.tool_use_id,
            "is_error" => &mut self.is_error,
            "source" => {
                self.source = Some(source(cursor)?);
                return Ok(());
            }
            "content" => {
                let known = self.kind == Some("\"tool_result\"") && matches!(cursor.peek(), b'"' | b'[');
                self.content = Some(if known {
                    Said::Read(content(cursor, &Path::Key(path, "content"))?)
                } else {
                    Said::Unread(cursor.value()?)
                });
                return Ok(());
            }
            _ => {
                cursor.value()?;
                return Ok(());
            }
        };
        *place = Some(cursor.value()?);
        Ok(())
    }

    fn build(self, raw: &'a str, path: &Path<'_>) -> Result<BlockKind<'a>> {
        let needed = |raw: Option<&'a str>, key| {
            let at = Path::Key(path, key);
            raw.ok_or_else(|| at.error(REQUIRED)).and_then(|raw| string(raw, &at))
        };
        Ok(match self.kind {
            Some("\"text\"") => BlockKind::Text { text: needed(self.text, "text")? },
            Some("\"image\"") => BlockKind::Image { source: self.source(path)?.image() },
            Some("\"document\"") => BlockKind::Document {
                source: Json::trusted(self.source(path)?.raw),
                title: self.title.and_then(|raw| string(raw, path).ok()),
            },
            Some("\"thinking\"") => BlockKind::Thinking {
                thinking: needed(self.thinking, "thinking")?,
                signature: self.signature.and_then(|raw| string(raw, path).ok()).unwrap_or_default(),
            },
            Some("\"redacted_thinking\"") => BlockKind::RedactedThinking { data: needed(self.data, "data")? },
            Some("\"tool_use\"") => BlockKind::ToolUse {
                id: needed(self.id, "id")?,
                name: needed(self.name, "name")?,
                input: input(self.input, path)?,
            },
            Some("\"tool_result\"") => BlockKind::ToolResult {
                tool_use_id: needed(self.tool_use_id, "tool_use_id")?,
                is_error: self.is_error == Some("true"),
                content: said(self.content, &Path::Key(path, "content"))?,
            },
            kind => BlockKind::Other { kind: needed(kind, "type")?, json: Json::trusted(raw) },
        })
    }

    fn source(&self, path: &Path<'_>) -> Result<&Source<'a>> {
        self.source.as_ref().ok_or_else(|| Path::Key(path, "source").error(REQUIRED))
    }
}

impl<'a> Source<'a> {
    fn image(&self) -> ImageSource<'a> {
        let text = |raw: Option<&'a str>| raw.and_then(|raw| string(raw, &Path::Root).ok());
        match (self.kind, text(self.media_type), text(self.data), text(self.url)) {
            (Some("\"base64\""), Some(media_type), Some(data), _) => ImageSource::Base64 { media_type, data },
            (Some("\"url\""), _, _, Some(url)) => ImageSource::Url(url),
            _ => ImageSource::Other(Json::trusted(self.raw)),
        }
    }
}

/// `source` is a string in search results; then only its text is kept.
fn source<'a>(cursor: &mut Cursor<'a>) -> Result<Source<'a>> {
    if cursor.peek() != b'{' {
        return Ok(Source { raw: cursor.value()?, ..Source::default() });
    }
    let mut found = Source::default();
    let mark = cursor.mark();
    cursor.try_object(|key, inner| {
        let raw = inner.value()?;
        match key {
            "type" => found.kind = Some(raw),
            "media_type" => found.media_type = Some(raw),
            "data" => found.data = Some(raw),
            "url" => found.url = Some(raw),
            _ => {}
        }
        Ok::<_, DecodeError>(())
    })?;
    found.raw = cursor.since(mark);
    Ok(found)
}

fn input<'a>(raw: Option<&'a str>, path: &Path<'_>) -> Result<Json<'a>> {
    match raw {
        None | Some("null") => Ok(Json::trusted("{}")),
        Some(raw) if raw.starts_with('{') => Ok(Json::trusted(raw)),
        Some(_) => Err(Path::Key(path, "input").error("Input should be an object")),
    }
}

fn said<'a>(found: Option<Said<'a>>, path: &Path<'_>) -> Result<Content<'a>> {
    match found {
        None | Some(Said::Unread("null")) => Ok(Content::default()),
        Some(Said::Read(content)) => Ok(content),
        Some(Said::Unread(raw)) => content(&mut Cursor::new(raw), path),
    }
}
