//! Changes of a request, as data: planned by pure code, shown in the log, applied here.
//!
//! Places are those of the request as it was decoded; edits of one plan do not move each other.

use std::collections::BTreeSet;
use std::fmt;

use crate::hub::{Block, BlockKind, Content, Dropped, ImageSource, Request, Role};
use crate::text::Text;

mod diet;
mod fold;
mod lift;

/// Where a block stands. A content that is one string counts as block 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockPath {
    /// Index of the message.
    pub message: usize,
    /// Index of the block in the message.
    pub block: usize,
    /// Index of the block in the content of a `tool_result`.
    pub inner: Option<usize>,
}

impl fmt::Display for BlockPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].content[{}]", self.message, self.block)?;
        self.inner.map_or(Ok(()), |inner| write!(f, ".content[{inner}]"))
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Asks for another model.
    Model(String),
    /// Sets the output limit, in tokens.
    MaxTokens(u64),
    /// Puts a text in the place of a block.
    ReplaceBlock {
        /// Which block.
        at: BlockPath,
        /// The text, unescaped.
        with: String,
    },
    /// Puts a text behind everything a message says.
    Append {
        /// Index of the message.
        message: usize,
        /// The text, unescaped.
        with: String,
    },
    /// Takes a block away. A message that has nothing left goes too.
    DropBlock {
        /// Which block.
        at: BlockPath,
    },
    /// Takes a block of the system prompt away.
    DropSystem {
        /// Index of the block; a prompt that is one string counts as block 0.
        block: usize,
    },
    /// Takes the `x-anthropic-billing-header` away: the block, or its line where more stands in the block.
    DropBillingHeader,
    /// Moves instructions in the middle of the conversation into the user's turns beside them.
    FoldSystem,
    /// Moves images out of the results of tools, behind them (LM Studio, lmstudio-ai/localization#425).
    LiftImages,
    /// Takes a top-level field away.
    DropField {
        /// Its name.
        name: String,
    },
    /// Takes a tool away.
    DropTool {
        /// Its name.
        name: String,
    },
    /// Cuts descriptions, at the end of a sentence where that can be.
    ShortenTools {
        /// Longest description of a tool, in characters.
        tools: Option<u32>,
        /// Longest description of a parameter, in characters.
        parameters: Option<u32>,
    },
    /// Takes out of tool schemas what a grammar builder does not bear (lmstudio-ai/lmstudio-bug-tracker#2220).
    SimplifySchemas {
        /// How far, see [`crate::Dialect::schema_level`].
        level: u8,
    },
    /// Takes all thoughts out of the history.
    DropThinking,
    /// Takes those thoughts out of the history that Anthropic did not sign.
    DropForeignThinking,
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(model) => write!(f, "model set to {model}"),
            Self::MaxTokens(tokens) => write!(f, "max_tokens set to {tokens}"),
            Self::ReplaceBlock { at, .. } => write!(f, "{at} replaced by a text"),
            Self::Append { message, .. } => write!(f, "a text put behind messages[{message}]"),
            Self::DropBlock { at } => write!(f, "{at} left out"),
            Self::DropSystem { block } => write!(f, "system[{block}] left out"),
            Self::DropBillingHeader => f.write_str("billing header left out"),
            Self::FoldSystem => f.write_str("system messages folded into the user's turns"),
            Self::LiftImages => f.write_str("images in tool results put behind them"),
            Self::DropField { name } => write!(f, "field {name} left out"),
            Self::DropTool { name } => write!(f, "tool {name} left out"),
            Self::ShortenTools { tools, parameters } => {
                f.write_str("descriptions cut:")?;
                tools.map_or(Ok(()), |most| write!(f, " tools to {most} characters"))?;
                parameters.map_or(Ok(()), |most| write!(f, " parameters to {most} characters"))
            }
            Self::SimplifySchemas { level } => write!(f, "tool schemas simplified to level {level}"),
            Self::DropThinking => f.write_str("thinking left out of the history"),
            Self::DropForeignThinking => f.write_str("thinking that Anthropic did not sign left out of the history"),
        }
    }
}

/// Changes the request. What changed loses its source text and is marked in [`Request::touched`].
/// Gives what was lost without being asked for; edits whose place does not exist do nothing.
pub fn apply(request: &mut Request<'_>, edits: &[Edit]) -> Vec<Dropped> {
    let mut blocks = BTreeSet::new();
    let mut system = BTreeSet::new();
    let mut lost = Vec::new();
    for edit in edits {
        match edit {
            Edit::Model(model) => {
                request.model = Text::plain(model).into_owned();
                request.touched.model = true;
            }
            Edit::MaxTokens(tokens) => {
                request.max_tokens = Some(*tokens);
                request.touched.max_tokens = true;
            }
            Edit::ReplaceBlock { at, with } => replace(request, *at, with),
            Edit::Append { message, with } => append(request, *message, with),
            Edit::DropBlock { at } => drop(blocks.insert(*at)),
            Edit::DropSystem { block } => drop(system.insert(*block)),
            Edit::DropBillingHeader => system.extend(drop_billing(request)),
            Edit::DropField { name } => drop_field(request, name),
            Edit::DropTool { name } => diet::drop_tool(request, name),
            Edit::ShortenTools { tools, parameters } => diet::shorten(request, *tools, *parameters),
            Edit::SimplifySchemas { level } => diet::simplify(request, *level, &mut lost),
            Edit::DropThinking => blocks.extend(thinking(request, |_| true)),
            Edit::DropForeignThinking => {
                blocks.extend(thinking(request, crate::codec::anthropic::is_foreign_signature));
            }
            Edit::FoldSystem | Edit::LiftImages => {}
        }
    }
    system.iter().rev().for_each(|block| drop_system(request, *block));
    drop_blocks(request, &blocks);
    if edits.contains(&Edit::LiftImages) {
        lift::lift(request);
    }
    if edits.contains(&Edit::FoldSystem) {
        lost.extend(fold::fold(request));
    }
    lost
}

fn replace(request: &mut Request<'_>, at: BlockPath, with: &str) {
    let new = Text::plain(with).into_owned();
    let Some(message) = request.messages.get_mut(at.message) else { return };
    let replaced = match &mut message.content {
        Content::Text(text) if at.block == 0 && at.inner.is_none() => {
            *text = new;
            true
        }
        Content::Text(_) => false,
        Content::Blocks(blocks) => blocks.get_mut(at.block).is_some_and(|block| replace_block(block, at.inner, new)),
    };
    if replaced {
        message.raw = None;
        request.touched.messages = true;
    }
}

fn append(request: &mut Request<'_>, message: usize, with: &str) {
    let Some(message) = request.messages.get_mut(message) else { return };
    message.content.make_blocks().push(Block::from_text(Text::plain(with).into_owned()));
    message.raw = None;
    request.touched.messages = true;
}

fn replace_block(block: &mut Block<'_>, inner: Option<usize>, new: Text<'static>) -> bool {
    let Some(inner) = inner else {
        *block = Block::from_text(new);
        return true;
    };
    let BlockKind::ToolResult { content, .. } = &mut block.kind else { return false };
    match content {
        Content::Text(text) if inner == 0 => *text = new,
        Content::Text(_) => return false,
        Content::Blocks(blocks) => match blocks.get_mut(inner) {
            Some(place) => *place = Block::from_text(new),
            None => return false,
        },
    }
    block.raw = None;
    true
}

/// From the last place to the first, so that none moves another one.
fn drop_blocks(request: &mut Request<'_>, places: &BTreeSet<BlockPath>) {
    // `None` sorts before `Some`: seen from behind, inner blocks go before the block they stand in.
    for at in places.iter().rev() {
        let Some(message) = request.messages.get_mut(at.message) else { continue };
        let dropped = match (&mut message.content, at.inner) {
            (Content::Text(text), None) if at.block == 0 => {
                *text = Text::default();
                true
            }
            (Content::Blocks(blocks), None) if at.block < blocks.len() => {
                blocks.remove(at.block);
                true
            }
            (Content::Blocks(blocks), Some(inner)) => {
                blocks.get_mut(at.block).is_some_and(|block| drop_inner(block, inner))
            }
            _ => false,
        };
        if dropped {
            message.raw = None;
            request.touched.messages = true;
        }
    }
    let emptied: BTreeSet<usize> = places.iter().map(|at| at.message).collect();
    for at in emptied.into_iter().rev() {
        if request.messages.get(at).is_some_and(|message| message.raw.is_none() && message.content.is_empty()) {
            request.messages.remove(at);
        }
    }
}

fn drop_inner(block: &mut Block<'_>, inner: usize) -> bool {
    let BlockKind::ToolResult { content, .. } = &mut block.kind else { return false };
    match content {
        Content::Text(text) if inner == 0 => *text = Text::default(),
        Content::Blocks(blocks) if inner < blocks.len() => drop(blocks.remove(inner)),
        _ => return false,
    }
    block.raw = None;
    true
}

fn drop_system(request: &mut Request<'_>, at: usize) {
    let dropped = match &mut request.system {
        Content::Text(_) if at == 0 => {
            request.system = Content::default();
            true
        }
        Content::Blocks(blocks) if at < blocks.len() => {
            blocks.remove(at);
            true
        }
        _ => false,
    };
    request.touched.system |= dropped;
}

fn drop_field(request: &mut Request<'_>, name: &str) {
    let before = request.fields.len() + request.extra.len();
    request.fields.retain(|(known, _)| *known != name);
    request.extra.retain(|(known, _)| *known != name);
    request.touched.extra |= request.fields.len() + request.extra.len() < before;
    match name {
        "temperature" => request.temperature = None,
        "top_p" => request.top_p = None,
        "top_k" => request.top_k = None,
        "thinking" => request.thinking = None,
        "tool_choice" => request.tool_choice = None,
        "tools" => request.tools.clear(),
        "system" => request.system = Content::default(),
        "stop" | "stop_sequences" => request.stop_sequences.clear(),
        "metadata" | "user" => request.user_id = None,
        "output_config" => (request.effort, request.output_schema) = (None, None),
        "reasoning_effort" => request.effort = None,
        "response_format" => request.output_schema = None,
        "max_tokens" | "max_completion_tokens" => request.max_tokens = None,
        _ => {}
    }
}

fn thinking(request: &Request<'_>, wanted: fn(&Text<'_>) -> bool) -> Vec<BlockPath> {
    let mut places = Vec::new();
    for (message, said) in request.messages.iter().enumerate() {
        for (block, one) in said.content.blocks().iter().enumerate() {
            let chosen = match &one.kind {
                BlockKind::Thinking { signature, .. } => wanted(signature),
                // Sealed thoughts are always Anthropic's.
                BlockKind::RedactedThinking { .. } => wanted(&Text::escaped("sealed")),
                _ => false,
            };
            if chosen {
                places.push(BlockPath { message, block, inner: None });
            }
        }
    }
    places
}

const BILLING: &str = "x-anthropic-billing-header";

/// The block of the system prompt that holds Claude Code's billing header, at its beginning or in a line of its own.
#[must_use]
pub fn billing_header(request: &Request<'_>) -> Option<usize> {
    let holds = |text: &Text<'_>| billing_line(text.as_escaped()).is_some();
    match &request.system {
        Content::Text(text) => holds(text).then_some(0),
        Content::Blocks(blocks) => blocks.iter().position(|block| block.text().is_some_and(holds)),
    }
}

/// Start and end of the header's line in escaped text, its line break included.
fn billing_line(escaped: &str) -> Option<(usize, usize)> {
    // Nearly every prompt is searched in vain: `memmem` does that several times as fast as `str::find`.
    let behind_break = |at: &usize| *at == 0 || escaped[..*at].ends_with("\\n");
    let start = memchr::memmem::find_iter(escaped.as_bytes(), BILLING).find(behind_break)?;
    let end = escaped[start..].find("\\n").map_or(escaped.len(), |at| start + at + 2);
    Some((start, end))
}

/// Takes the line away; gives the block where nothing else stands in it.
fn drop_billing(request: &mut Request<'_>) -> Option<usize> {
    let at = billing_header(request)?;
    let (text, raw) = match &mut request.system {
        Content::Text(text) => (text, None),
        Content::Blocks(blocks) => {
            let block = blocks.get_mut(at)?;
            let BlockKind::Text { text } = &mut block.kind else { return None };
            (text, Some(&mut block.raw))
        }
    };
    let (start, end) = billing_line(text.as_escaped())?;
    let rest = [&text.as_escaped()[..start], &text.as_escaped()[end..]].concat();
    let rest = Text::escaped_owned(rest);
    if rest.is_blank() {
        return Some(at);
    }
    *text = rest;
    if let Some(raw) = raw {
        *raw = None;
    }
    request.touched.system = true;
    None
}

/// All images, wherever they stand: in messages and in the results of tools.
pub fn images<'r, 'a>(request: &'r Request<'a>) -> impl Iterator<Item = (BlockPath, &'r ImageSource<'a>)> {
    request.messages.iter().enumerate().flat_map(|(message, said)| {
        said.content.blocks().iter().enumerate().flat_map(move |(block, one)| {
            let own = image(one).map(|source| (BlockPath { message, block, inner: None }, source));
            let inside = match &one.kind {
                BlockKind::ToolResult { content, .. } => content.blocks(),
                _ => &[],
            };
            let inner = inside
                .iter()
                .enumerate()
                .filter_map(move |(inner, one)| Some((BlockPath { message, block, inner: Some(inner) }, image(one)?)));
            own.into_iter().chain(inner)
        })
    })
}

const fn image<'r, 'a>(block: &'r Block<'a>) -> Option<&'r ImageSource<'a>> {
    match &block.kind {
        BlockKind::Image { source } => Some(source),
        _ => None,
    }
}

/// Whether instructions stand in the middle of the conversation.
#[must_use]
pub fn has_system_messages(request: &Request<'_>) -> bool {
    request.messages.iter().any(|message| message.role == Role::System)
}

#[cfg(test)]
mod tests;
