//! The request half of the hub.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{Dropped, Field};
use crate::Protocol;
use crate::json::Json;
use crate::text::Text;

/// One request of a client.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// The model id the client asked for.
    pub model: Text<'a>,
    /// Output limit in tokens.
    pub max_tokens: Option<u64>,
    /// System prompt; an empty list where there is none.
    pub system: Content<'a>,
    /// The conversation.
    pub messages: Messages<'a>,
    /// Tools on offer, in the client's order.
    pub tools: Vec<Tool<'a>>,
    /// Which tool must be called, if any.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether the answer shall be streamed.
    pub stream: bool,
    /// Whether a streamed answer shall end with a usage chunk (OpenAI's `stream_options.include_usage`).
    pub stream_usage: bool,
    /// Texts that end the answer.
    pub stop_sequences: Vec<Text<'a>>,
    /// Thinking asked for.
    pub thinking: Option<Thinking>,
    /// Effort asked for: `low`, `medium`, `high`, `xhigh`, `max`.
    pub effort: Option<Text<'a>>,
    /// JSON schema the answer must follow.
    pub output_schema: Option<Json<'a>>,
    /// `temperature`, as written.
    pub temperature: Option<Json<'a>>,
    /// `top_p`, as written.
    pub top_p: Option<Json<'a>>,
    /// `top_k`, as written.
    pub top_k: Option<Json<'a>>,
    /// Whose request it is (`metadata.user_id`, `user`).
    pub user_id: Option<Text<'a>>,
    /// Top-level fields the hub has no place for, in order.
    pub extra: Vec<Field<'a>>,
    /// All top-level members of the source in their order, for patching. Empty when not decoded.
    pub fields: Vec<(&'a str, &'a str)>,
    /// What edits have changed.
    pub touched: Touched,
    /// Protocol it was read from; `None` when built.
    pub protocol: Option<Protocol>,
    /// Tools whose calls the client's protocol does not write as plain functions.
    pub spellings: Vec<Spelling<'a>>,
    /// What the decoder found no place for.
    pub lost: Vec<Dropped>,
}

/// Which top-level members differ from the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// `model`.
    pub model: bool,
    /// `max_tokens`.
    pub max_tokens: bool,
    /// `system`.
    pub system: bool,
    /// `messages`.
    pub messages: bool,
    /// `tools`.
    pub tools: bool,
    /// `extra` lost a field.
    pub extra: bool,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The human, and results of tools.
    #[default]
    User,
    /// The model.
    Assistant,
    /// Instructions in the middle of a conversation.
    System,
}

/// The messages of a request. A copy shares them until one is changed: most edits of a request change none.
#[derive(Clone, Debug, Default)]
pub struct Messages<'a>(Arc<Vec<Message<'a>>>);

impl<'a> From<Vec<Message<'a>>> for Messages<'a> {
    fn from(messages: Vec<Message<'a>>) -> Self {
        Self(Arc::new(messages))
    }
}

impl<'a> Deref for Messages<'a> {
    type Target = Vec<Message<'a>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Messages<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl<'m, 'a> IntoIterator for &'m Messages<'a> {
    type Item = &'m Message<'a>;
    type IntoIter = std::slice::Iter<'m, Message<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One message.
#[derive(Clone, Debug, Default)]
pub struct Message<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: Content<'a>,
    /// Unknown fields, in order.
    pub extra: Vec<Field<'a>>,
    /// The message as it stood in the source body; `None` when built or changed.
    pub raw: Option<&'a str>,
}

/// A string or a list of blocks. The two forms are kept apart, so that an unchanged request is the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// One string.
    Text(Text<'a>),
    /// A list of blocks.
    Blocks(Vec<Block<'a>>),
}

impl Default for Content<'_> {
    fn default() -> Self {
        Self::Blocks(Vec::new())
    }
}

impl<'a> Content<'a> {
    /// Whether there is nothing at all in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Blocks(blocks) => blocks.is_empty(),
        }
    }

    /// The blocks; none where it is a string.
    #[must_use]
    pub fn blocks(&self) -> &[Block<'a>] {
        match self {
            Self::Text(_) => &[],
            Self::Blocks(blocks) => blocks,
        }
    }

    /// Turns a string into a list of one text block and gives the list.
    pub fn make_blocks(&mut self) -> &mut Vec<Block<'a>> {
        if let Self::Text(text) = self {
            let text = std::mem::take(text);
            *self = Self::Blocks(if text.is_empty() { Vec::new() } else { vec![Block::from_text(text)] });
        }
        match self {
            Self::Blocks(blocks) => blocks,
            Self::Text(_) => unreachable!("made a list just above"),
        }
    }
}

/// One block of content.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    /// What the hub understands of it.
    pub kind: BlockKind<'a>,
    /// The block as it stood in an Anthropic body, with fields the hub does not know (`cache_control`,
    /// `citations`…). `None` when built, changed, or read from another protocol.
    pub raw: Option<&'a str>,
}

/// Blocks are equal when they mean the same, wherever they were read.
impl PartialEq for Block<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Block<'_> {}

impl<'a> From<BlockKind<'a>> for Block<'a> {
    fn from(kind: BlockKind<'a>) -> Self {
        Self { kind, raw: None }
    }
}

impl<'a> Block<'a> {
    /// A text block.
    #[must_use]
    pub const fn from_text(text: Text<'a>) -> Self {
        Self { kind: BlockKind::Text { text }, raw: None }
    }

    /// Its text, when it is a text block.
    #[must_use]
    pub const fn text(&self) -> Option<&Text<'a>> {
        match &self.kind {
            BlockKind::Text { text } => Some(text),
            _ => None,
        }
    }
}

/// The kinds of block the hub understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockKind<'a> {
    /// `text`
    Text {
        /// The text.
        text: Text<'a>,
    },
    /// `image`
    Image {
        /// Where the picture is.
        source: ImageSource<'a>,
    },
    /// `document`
    Document {
        /// `source` as written.
        source: Json<'a>,
        /// `title`.
        title: Option<Text<'a>>,
    },
    /// `thinking`
    Thinking {
        /// The thoughts.
        thinking: Text<'a>,
        /// Anthropic's proof that they are its own; empty or foreign after a local model.
        signature: Text<'a>,
    },
    /// `redacted_thinking`
    RedactedThinking {
        /// The sealed thoughts.
        data: Text<'a>,
    },
    /// `tool_use`
    ToolUse {
        /// Call id.
        id: Text<'a>,
        /// Tool name.
        name: Text<'a>,
        /// Arguments, a JSON object.
        input: Json<'a>,
    },
    /// `tool_result`
    ToolResult {
        /// Call id it answers.
        tool_use_id: Text<'a>,
        /// What the tool gave: text, images, documents, tool references.
        content: Content<'a>,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// Any other `type`, carried whole in [`Block::raw`].
    Other {
        /// Its `type`.
        kind: Text<'a>,
        /// The whole block as written.
        json: Json<'a>,
    },
}

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource<'a> {
    /// In the body.
    Base64 {
        /// `image/png`, `image/jpeg`, `image/gif`, `image/webp`.
        media_type: Text<'a>,
        /// Base64 data.
        data: Text<'a>,
    },
    /// On the web.
    Url(Text<'a>),
    /// Anything else (`file`), as written.
    Other(Json<'a>),
}

/// A tool on offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tool<'a> {
    /// Name.
    pub name: Text<'a>,
    /// What it does.
    pub description: Option<Text<'a>>,
    /// JSON schema of its arguments; `None` for tools the server runs.
    pub input_schema: Option<Json<'a>>,
    /// `type` when it is not a plain client tool: `web_search_20250305`, `bash_20250124`…
    pub server_type: Option<Text<'a>>,
    /// Announced but not to be offered before it was fetched (`defer_loading`).
    pub defer_loading: bool,
    /// The tool as it stood in an Anthropic body.
    pub raw: Option<&'a str>,
    /// Tokens of `raw`, as estimated when it was read.
    pub tokens: u64,
}

/// How the client's protocol writes the calls of one tool. For everybody else it is a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling<'a> {
    /// The tool's name in the hub.
    pub name: Text<'a>,
    /// What its calls look like to the client.
    pub shape: CallShape<'a>,
}

impl Spelling<'_> {
    /// The same without the borrow.
    #[must_use]
    pub fn into_owned(self) -> Spelling<'static> {
        let shape = match self.shape {
            CallShape::Free => CallShape::Free,
            CallShape::ToolSearch => CallShape::ToolSearch,
            CallShape::Within { namespace, name } => {
                CallShape::Within { namespace: namespace.into_owned(), name: name.into_owned() }
            }
        };
        Spelling { name: self.name.into_owned(), shape }
    }
}

/// The shapes of call that are no plain function calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallShape<'a> {
    /// Free text (Responses `custom_tool_call`); the function has it as its only argument `input`.
    Free,
    /// A search among tools the client has not offered yet (Responses `tool_search_call`); what it finds can be called then.
    ToolSearch,
    /// A function of a namespace (Responses), whose name in the hub is made of both names.
    Within {
        /// The namespace.
        namespace: Text<'a>,
        /// The name inside it.
        name: Text<'a>,
    },
}

/// Which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolChoice<'a> {
    /// The choice.
    pub mode: ToolChoiceMode<'a>,
    /// One call at a time.
    pub disable_parallel: bool,
}

/// The four ways to choose a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoiceMode<'a> {
    /// The model decides.
    Auto,
    /// Some tool.
    Any,
    /// No tool.
    None,
    /// This tool.
    Tool(Text<'a>),
}

/// Thinking asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// Up to so many tokens.
    Enabled {
        /// Budget in tokens.
        budget: u64,
    },
    /// As much as the model likes.
    Adaptive,
    /// None.
    Disabled,
}
