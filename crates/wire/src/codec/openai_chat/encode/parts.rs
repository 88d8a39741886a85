//! Content parts: text and images, and what blocks OpenAI has no word for become.

use std::borrow::Cow;

use super::messages::Place;
use crate::codec::openai_chat::read;
use crate::hub::{Block, BlockKind, Content, Dropped, ImageSource};
use crate::text::Text;

/// One part of a message. Texts are in escaped form.
#[derive(Debug)]
pub(super) enum Part<'r> {
    Text(Cow<'r, str>),
    /// Media type and data of an image in the body.
    Image(&'r str, &'r str),
    /// An image on the web.
    ImageUrl(&'r str),
}

impl<'r> Part<'r> {
    pub(super) fn into_text(self) -> Option<Cow<'r, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Image(..) | Self::ImageUrl(_) => None,
        }
    }
}

/// Gathers the parts of one message.
pub(super) struct Parts<'r, 'd> {
    pub(super) found: Vec<Part<'r>>,
    dropped: &'d mut Vec<Dropped>,
}

impl<'r, 'd> Parts<'r, 'd> {
    pub(super) const fn new(dropped: &'d mut Vec<Dropped>) -> Self {
        Self { found: Vec::new(), dropped }
    }

    pub(super) fn text(&mut self, text: &'r Text<'_>) {
        self.push(text.as_escaped());
    }

    fn push(&mut self, text: impl Into<Cow<'r, str>>) {
        let text = text.into();
        if !text.is_empty() {
            self.found.push(Part::Text(text));
        }
    }

    fn lost(&mut self, place: Place, reason: &'static str) {
        self.dropped.push(Dropped::new(place.to_string(), reason));
    }

    /// A block of a user turn, or of a tool result.
    pub(super) fn block(&mut self, block: &'r Block<'_>, place: Place) {
        match &block.kind {
            BlockKind::Text { text } => self.text(text),
            BlockKind::Image { source } => self.image(source, place),
            BlockKind::Document { source, title } => self.document(source.as_str(), title.as_ref(), place),
            BlockKind::Other { kind, json } => self.other(kind.as_escaped(), json.as_str(), place),
            BlockKind::ToolResult { content, is_error, .. } => self.result(content, *is_error, place),
            BlockKind::Thinking { .. } | BlockKind::RedactedThinking { .. } | BlockKind::ToolUse { .. } => {
                self.lost(place, "not a block of a user turn");
            }
        }
    }

    /// A block of an assistant turn that is neither thinking nor a call.
    pub(super) fn assistant_block(&mut self, block: &'r Block<'_>, place: Place) {
        match &block.kind {
            BlockKind::RedactedThinking { .. } => self.lost(place, "sealed thinking is for Anthropic only"),
            BlockKind::Image { .. } => {
                self.push("[image omitted]");
                self.lost(place, "an assistant message holds no images");
            }
            _ => self.block(block, place),
        }
    }

    fn image(&mut self, source: &'r ImageSource<'_>, place: Place) {
        match source {
            ImageSource::Base64 { media_type, data } => {
                self.found.push(Part::Image(media_type.as_escaped(), data.as_escaped()));
            }
            ImageSource::Url(url) => self.found.push(Part::ImageUrl(url.as_escaped())),
            ImageSource::Other(_) => {
                self.push("[image omitted]");
                self.lost(place, "the picture is stored where only the cloud can read it");
            }
        }
    }

    fn document(&mut self, source: &'r str, title: Option<&'r Text<'_>>, place: Place) {
        if let Some(title) = title {
            self.text(title);
        }
        let members = read::members(source).unwrap_or_default();
        let kind = read::get(&members, "type").and_then(read::text).unwrap_or_default();
        if kind.is("text")
            && let Some(data) = read::get(&members, "data").and_then(read::inside)
        {
            return self.push(data);
        }
        if kind.is("content")
            && let Some(content) = read::get(&members, "content")
        {
            return self.raw_content(content, place);
        }
        self.push("[document omitted]");
        self.lost(place, "the backend reads no documents");
    }

    /// Text out of content that the hub keeps as JSON: a string, or a list of blocks.
    fn raw_content(&mut self, content: &'r str, place: Place) {
        if let Some(text) = read::inside(content) {
            return self.push(text);
        }
        for (nth, block) in read::elements(content).unwrap_or_default().into_iter().enumerate() {
            match read::member(block, "text").and_then(read::inside) {
                Some(text) => self.push(text),
                None => self.lost(Place { inner: Some(nth), ..place }, "no text: the backend cannot read it"),
            }
        }
    }

    fn other(&mut self, kind: &'r str, json: &'r str, place: Place) {
        match kind {
            "tool_reference" => {
                let name = read::member(json, "tool_name").and_then(read::inside).unwrap_or("?");
                self.push(format!("[the tool {name} can be called now]"));
            }
            "search_result" => {
                for name in ["title", "source"] {
                    self.push(read::member(json, name).and_then(read::inside).unwrap_or_default());
                }
                self.raw_content(read::member(json, "content").unwrap_or_default(), place);
            }
            _ => {
                self.push(format!("[{kind} omitted]"));
                self.lost(place, "the backend does not know this kind of block");
            }
        }
    }

    /// The content of a tool result.
    pub(super) fn result(&mut self, content: &'r Content<'_>, is_error: bool, place: Place) {
        let before = self.found.len();
        match content {
            Content::Text(text) => self.text(text),
            Content::Blocks(blocks) => {
                for (nth, block) in blocks.iter().enumerate() {
                    self.block(block, Place { inner: Some(nth), ..place });
                }
            }
        }
        if is_error {
            self.mark_error(before);
        }
    }

    fn mark_error(&mut self, at: usize) {
        match self.found.get_mut(at) {
            Some(Part::Text(text)) => text.to_mut().insert_str(0, "Error: "),
            _ => self.found.insert(at, Part::Text("Error: ".into())),
        }
    }

    /// A result whose call is not there becomes text: a `tool` message without its call is refused.
    pub(super) fn orphan(&mut self, content: &'r Content<'_>, is_error: bool, place: Place) {
        self.push("[result of a tool call that is no longer in the conversation]");
        self.result(content, is_error, place);
    }
}

/// Writes parts as one string when they are text only (and `as_string`, or there is but one), else as a list.
/// Neighbouring texts are joined by a blank line.
pub(super) fn write(parts: &[Part<'_>], as_string: bool, out: &mut String) {
    let text_only = parts.iter().all(|part| matches!(part, Part::Text(_)));
    if text_only && (as_string || parts.len() <= 1) {
        out.push('"');
        write_texts(parts, out);
        return out.push('"');
    }
    out.push('[');
    let mut rest = parts;
    while let Some(part) = rest.first() {
        if rest.len() < parts.len() {
            out.push(',');
        }
        let texts = rest.iter().take_while(|p| matches!(p, Part::Text(_))).count();
        match part {
            Part::Text(_) => {
                out.push_str("{\"type\":\"text\",\"text\":\"");
                write_texts(&rest[..texts], out);
                out.push_str("\"}");
            }
            Part::Image(media_type, data) => write_image(&["data:", media_type, ";base64,", data], out),
            Part::ImageUrl(url) => write_image(&[url], out),
        }
        rest = &rest[texts.max(1)..];
    }
    out.push(']');
}

fn write_image(url: &[&str], out: &mut String) {
    out.push_str("{\"type\":\"image_url\",\"image_url\":{\"url\":\"");
    for piece in url {
        out.push_str(piece);
    }
    out.push_str("\"}}");
}

fn write_texts(parts: &[Part<'_>], out: &mut String) {
    for (nth, part) in parts.iter().enumerate() {
        if nth > 0 {
            out.push_str("\\n\\n");
        }
        if let Part::Text(text) = part {
            out.push_str(text);
        }
    }
}
