//! The conversation as Anthropic wants it: turns alternate, every call is answered in the
//! very next turn, results stand first in theirs.

use super::{Writer, block, content, extra, kind, role};
use crate::codec::anthropic::is_foreign_signature;
use crate::hub::{Block, BlockKind, Content, Dropped, Message, Request, Role, joined_text, reminder};
use crate::text::Text;
use crate::{Dialect, Protocol, ids};

/// What stands in for a result that never came.
const INTERRUPTED: &str = "[interrupted: no result]";

/// One piece of a turn.
enum Piece<'r, 'a> {
    /// A block of the source.
    Block(&'r Block<'a>),
    /// A message that was a string.
    Text(&'r Text<'a>),
    /// Text of our own making.
    Made(Text<'static>),
    /// A call without a result.
    Missing(&'r Text<'a>),
}

struct Turn<'r, 'a> {
    role: Role,
    /// The first message it was made of; its unknown fields go along.
    first: Option<&'r Message<'a>>,
    pieces: Vec<Piece<'r, 'a>>,
}

/// The conversation, ready to be written.
pub(super) struct Turns<'r, 'a> {
    /// Instructions that stood before the first turn.
    leading: Vec<&'r Message<'a>>,
    list: Vec<Turn<'r, 'a>>,
}

/// Puts the messages in order and notes what is left out.
pub(super) fn arrange<'r, 'a>(
    request: &'r Request<'a>,
    dialect: &Dialect,
    dropped: &mut Vec<Dropped>,
) -> Turns<'r, 'a> {
    let messages = &request.messages;
    let start = messages.iter().take_while(|message| message.role == Role::System).count();
    let mut list: Vec<Turn<'r, 'a>> = Vec::with_capacity(messages.len() - start + 1);
    for (at, message) in messages.iter().enumerate().skip(start) {
        let mut turn = turn(messages, at, dialect, dropped);
        // The user's turn it stood behind may have been blank.
        if turn.role == Role::System && list.last().is_none_or(|last| last.role != Role::User) {
            turn = told(message);
        }
        note_fields(request, at, &list, turn.role, dropped);
        match list.last_mut() {
            _ if turn.pieces.is_empty() => {}
            Some(last) if last.role == turn.role && turn.role != Role::System => last.pieces.extend(turn.pieces),
            _ => list.push(Turn { first: Some(message), ..turn }),
        }
    }
    if list.first().is_some_and(|turn| turn.role == Role::Assistant) {
        let opening = Piece::Made(Text::escaped("[start of the conversation]"));
        list.insert(0, Turn { role: Role::User, first: None, pieces: vec![opening] });
    }
    pair(&mut list);
    Turns { leading: messages[..start].iter().collect(), list }
}

/// Fields of a message that is merged into another one, or of a foreign message, cannot go along.
fn note_fields(request: &Request<'_>, at: usize, list: &[Turn<'_, '_>], role: Role, dropped: &mut Vec<Dropped>) {
    let merged = list.last().is_some_and(|last| last.role == role && role != Role::System);
    if merged || request.protocol != Some(Protocol::Anthropic) {
        let fields = request.messages[at].extra.iter();
        dropped.extend(fields.map(|(name, _)| {
            Dropped::new(format!("messages[{at}].{name}"), "a message of Anthropic has no such field")
        }));
    }
}

fn turn<'r, 'a>(messages: &'r [Message<'a>], at: usize, dialect: &Dialect, dropped: &mut Vec<Dropped>) -> Turn<'r, 'a> {
    let message = &messages[at];
    if message.role == Role::System && !(dialect.genuine_anthropic && may_stay(messages, at)) {
        return told(message);
    }
    let mut pieces = Vec::with_capacity(message.content.blocks().len().max(1));
    match &message.content {
        Content::Text(text) if text.is_blank() => {}
        Content::Text(text) => pieces.push(Piece::Text(text)),
        Content::Blocks(blocks) => {
            for (n, block) in blocks.iter().enumerate() {
                match reason_to_drop(block, dialect) {
                    Some("") => {}
                    Some(reason) => dropped.push(Dropped::new(format!("messages[{at}].content[{n}]"), reason)),
                    None => {
                        note_parts(block, &|| format!("messages[{at}].content[{n}]"), dropped);
                        pieces.push(Piece::Block(block));
                    }
                }
            }
        }
    }
    Turn { role: message.role, first: None, pieces }
}

/// Instructions in a turn of the user.
fn told<'r, 'a>(message: &Message<'a>) -> Turn<'r, 'a> {
    let pieces = reminder(&message.content).map(Piece::Made).into_iter().collect();
    Turn { role: Role::User, first: None, pieces }
}

/// An empty text is left out without a word: nothing is lost.
fn reason_to_drop(block: &Block<'_>, dialect: &Dialect) -> Option<&'static str> {
    match &block.kind {
        BlockKind::Text { text } if text.is_blank() => Some(""),
        BlockKind::Thinking { signature, .. } if dialect.genuine_anthropic && is_foreign_signature(signature) => {
            Some("Anthropic takes back only thoughts that it signed itself")
        }
        _ if is_foreign_part(block) => Some(FOREIGN_PART),
        _ => None,
    }
}

const FOREIGN_PART: &str = "Anthropic has no such part";

/// A part of another protocol that has no meaning here (`input_audio`, `file`). Anthropic's own unknown blocks
/// have their source text.
const fn is_foreign_part(block: &Block<'_>) -> bool {
    matches!(block.kind, BlockKind::Other { .. }) && block.raw.is_none()
}

/// Notes foreign parts in the result of a tool.
fn note_parts(block: &Block<'_>, path: &dyn Fn() -> String, dropped: &mut Vec<Dropped>) {
    let BlockKind::ToolResult { content, .. } = &block.kind else { return };
    for (n, _) in content.blocks().iter().enumerate().filter(|(_, part)| is_foreign_part(part)) {
        dropped.push(Dropped::new(format!("{}.content[{n}]", path()), FOREIGN_PART));
    }
}

/// Where Anthropic lets instructions stand in the middle of a conversation.
fn may_stay(messages: &[Message<'_>], at: usize) -> bool {
    let after_user = at > 0 && messages[at - 1].role == Role::User;
    after_user && messages.get(at + 1).is_none_or(|next| next.role == Role::Assistant)
}

/// Answers every call in the very next turn, and turns results without a call into text.
fn pair(list: &mut Vec<Turn<'_, '_>>) {
    let mut at = 0;
    while at < list.len() {
        let calls = calls(&list[at]);
        let answered_next = list.get(at + 1).is_some_and(|next| next.role == Role::User);
        if !calls.is_empty() && !answered_next {
            list.insert(at + 1, Turn { role: Role::User, first: None, pieces: Vec::new() });
        }
        if at == 0 && list[0].role == Role::User {
            results_first(&mut list[0], &[]);
        }
        if let Some(next) = list.get_mut(at + 1).filter(|next| next.role == Role::User) {
            results_first(next, &calls);
        }
        at += 1;
    }
}

fn calls<'r, 'a>(turn: &Turn<'r, 'a>) -> Vec<&'r Text<'a>> {
    if turn.role != Role::Assistant {
        return Vec::new();
    }
    let id = |piece: &Piece<'r, 'a>| match piece {
        Piece::Block(Block { kind: BlockKind::ToolUse { id, .. }, .. }) => Some(id),
        _ => None,
    };
    turn.pieces.iter().filter_map(id).collect()
}

fn results_first<'r, 'a>(turn: &mut Turn<'r, 'a>, calls: &[&'r Text<'a>]) {
    let result = |piece: &Piece<'r, 'a>| match piece {
        Piece::Block(Block { kind: BlockKind::ToolResult { tool_use_id, .. }, .. }) => Some(tool_use_id),
        _ => None,
    };
    if calls.is_empty() && !turn.pieces.iter().any(|piece| result(piece).is_some()) {
        return;
    }
    let mut open: Vec<&'r Text<'a>> = calls.to_vec();
    let (mut results, mut rest) = (Vec::new(), Vec::new());
    for piece in std::mem::take(&mut turn.pieces) {
        match result(&piece) {
            None => rest.push(piece),
            Some(id) => match open.iter().position(|call| call.as_escaped() == id.as_escaped()) {
                Some(at) => {
                    open.remove(at);
                    results.push(piece);
                }
                None => orphan(&piece, &mut rest),
            },
        }
    }
    results.extend(open.into_iter().map(Piece::Missing));
    results.append(&mut rest);
    turn.pieces = results;
}

/// A result whose call is gone is kept as text and pictures.
fn orphan<'r, 'a>(piece: &Piece<'r, 'a>, rest: &mut Vec<Piece<'r, 'a>>) {
    let Piece::Block(Block { kind: BlockKind::ToolResult { content, .. }, .. }) = piece else { return };
    rest.push(Piece::Made(Text::escaped("[result of an earlier tool call]")));
    match content {
        Content::Text(text) if text.is_blank() => {}
        Content::Text(text) => rest.push(Piece::Text(text)),
        Content::Blocks(blocks) => {
            let kept = |block: &&Block<'_>| !block.text().is_some_and(Text::is_blank) && !is_foreign_part(block);
            rest.extend(blocks.iter().filter(kept).map(Piece::Block));
        }
    }
}

impl Turns<'_, '_> {
    /// The member `messages`.
    pub(super) fn write(&self, request: &Request<'_>, out: &mut Writer) {
        let own = request.protocol == Some(Protocol::Anthropic);
        out.key("messages").list(&self.list, |turn, out| {
            out.open();
            out.member("role", role(turn.role));
            out.key("content");
            match &turn.pieces[..] {
                [Piece::Text(text)] => out.text(text),
                pieces => out.list(pieces, |piece, out| piece.write(out)),
            }
            if let (true, Some(first)) = (own, turn.first) {
                extra(&first.extra, out);
            }
            out.close();
        });
    }

    /// The member `system`, with the instructions that stood before the first turn behind it.
    pub(super) fn write_system(&self, request: &Request<'_>, out: &mut Writer) {
        let more = self.leading.iter().map(|message| joined_text(&message.content));
        let more: Vec<_> = more.filter(|text| !text.is_blank()).collect();
        if more.is_empty() {
            if !request.system.is_empty() {
                out.key("system");
                content(&request.system, out);
            }
            return;
        }
        let mut pieces: Vec<_> = match &request.system {
            Content::Text(text) if text.is_blank() => Vec::new(),
            Content::Text(text) => vec![Piece::Text(text)],
            Content::Blocks(blocks) => blocks.iter().map(Piece::Block).collect(),
        };
        pieces.extend(more.into_iter().map(|text| Piece::Made(text.into_owned())));
        out.key("system").list(pieces, |piece, out| piece.write(out));
    }
}

impl Piece<'_, '_> {
    fn write(&self, out: &mut Writer) {
        match self {
            // What the source called by an unclean id is written anew, with a clean one.
            Self::Block(Block { kind: BlockKind::ToolUse { id, name, input }, .. }) if !ids::is_clean(id) => {
                let (name, input) = (name.borrowed(), input.clone());
                kind(&BlockKind::ToolUse { id: ids::clean(id), name, input }, out);
            }
            Self::Block(Block { kind: BlockKind::ToolResult { tool_use_id, content, is_error }, .. })
                if !ids::is_clean(tool_use_id) || content.blocks().iter().any(is_foreign_part) =>
            {
                let mut content = content.clone();
                if let Content::Blocks(blocks) = &mut content {
                    blocks.retain(|block| !is_foreign_part(block));
                }
                let tool_use_id = ids::clean(tool_use_id);
                kind(&BlockKind::ToolResult { tool_use_id, content, is_error: *is_error }, out);
            }
            Self::Block(source) => block(source, out),
            Self::Text(text) => kind(&BlockKind::Text { text: text.borrowed() }, out),
            Self::Made(text) => kind(&BlockKind::Text { text: text.borrowed() }, out),
            Self::Missing(id) => kind(
                &BlockKind::ToolResult {
                    tool_use_id: ids::clean(id),
                    content: Content::Text(Text::escaped(INTERRUPTED)),
                    is_error: true,
                },
                out,
            ),
        }
    }
}
