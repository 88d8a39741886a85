//! The hub model: one shape every protocol decodes to and encodes from. It is Anthropic-shaped,
//! because that protocol is the richest (typed blocks, thinking with signatures, images in tool results).
//!
//! Values borrow from the body they were read from. What the hub does not understand is carried:
//! a block keeps its source text, a message and a request keep their unknown fields.

use crate::json::Json;
use crate::text::Text;

mod events;
mod request;

pub use events::{BlockStart, Delta, Event, Failure, FailureKind, Response, StopReason, Usage};
pub use request::{
    Block, BlockKind, CallShape, Content, ImageSource, Message, Messages, Request, Role, Spelling, Thinking, Tool,
    ToolChoice, ToolChoiceMode, Touched,
};

/// An unknown field: its key in escaped form and its value.
pub type Field<'a> = (&'a str, Json<'a>);

/// What a conversion could not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Where it stood, as a path of the source protocol: `messages[3].content[1]`, `thinking`.
    pub path: String,
    /// Why it could not go along, in words.
    pub reason: &'static str,
}

impl Dropped {
    /// Notes a loss.
    #[must_use]
    pub fn new(path: impl Into<String>, reason: &'static str) -> Self {
        Self { path: path.into(), reason }
    }
}

/// Text as a person reads it, from one string or the text blocks of a list, joined by blank lines.
#[must_use]
pub fn plain_text(content: &Content<'_>) -> String {
    joined_text(content).decode().into_owned()
}

/// The same in the form it has on the wire, which is as good where it only travels.
#[must_use]
pub fn joined_text<'c>(content: &'c Content<'_>) -> Text<'c> {
    let blocks = match content {
        Content::Text(text) => return text.borrowed(),
        Content::Blocks(blocks) => blocks,
    };
    let mut texts = blocks.iter().filter_map(Block::text);
    let mut all = texts.next().map(Text::borrowed).unwrap_or_default();
    for text in texts {
        all.push(&Text::escaped("\\n\\n"));
        all.push(text);
    }
    all
}

/// Instructions as a part of the user's turn, marked as not being the user's own words. `None` where nothing is said.
#[must_use]
pub fn reminder(content: &Content<'_>) -> Option<Text<'static>> {
    let text = joined_text(content);
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.starts_with("<system-reminder>") {
        return Some(text.into_owned());
    }
    Some(Text::escaped_owned(format!("<system-reminder>\\n{}\\n</system-reminder>", text.as_escaped())))
}
