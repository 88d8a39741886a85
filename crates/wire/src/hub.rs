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
    match content {
        Content::Text(text) => text.decode().into_owned(),
        Content::Blocks(blocks) => {
            let texts: Vec<_> = blocks.iter().filter_map(Block::text).map(Text::decode).collect();
            texts.join("\n\n")
        }
    }
}
