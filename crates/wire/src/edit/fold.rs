//! Instructions in the middle of a conversation, folded into the user's turns beside them.
//!
//! Chat templates of local models refuse them, and moving them to the front would change the beginning of every later
//! request, so that the server reads the whole prompt again. The same message always folds to the same text.

use crate::hub::{Block, BlockKind, Content, Dropped, Message, Request, Role, joined_text, reminder};
use crate::text::Text;

pub(super) fn fold(request: &mut Request<'_>) -> Vec<Dropped> {
    let mut dropped = Vec::new();
    if !request.messages.iter().any(|message| message.role == Role::System) {
        return dropped;
    }
    request.touched.messages = true;
    let mut out: Vec<Message<'_>> = Vec::with_capacity(request.messages.len());
    // Instructions behind an assistant's turn wait for the next user's.
    let mut waiting: Vec<Text<'static>> = Vec::new();
    for (at, mut message) in std::mem::take(&mut *request.messages).into_iter().enumerate() {
        if message.role != Role::System {
            if message.role == Role::User {
                if let Some(text) = joined(&mut waiting) {
                    prepend(&mut message, text);
                }
            } else {
                own_turn(&mut out, &mut waiting);
            }
            out.push(message);
            continue;
        }
        note_lost(at, &message, &mut dropped);
        match (out.last_mut(), reminder(&message.content)) {
            (_, None) => {}
            (None, Some(_)) => to_system(request, &message.content),
            (Some(last), Some(text)) if last.role == Role::User && waiting.is_empty() => append(last, text),
            (Some(_), Some(text)) => waiting.push(text),
        }
    }
    own_turn(&mut out, &mut waiting);
    request.messages = out.into();
    dropped
}

fn note_lost(at: usize, message: &Message<'_>, dropped: &mut Vec<Dropped>) {
    for (n, block) in message.content.blocks().iter().enumerate() {
        if block.text().is_none() {
            let path = format!("messages[{at}].content[{n}]");
            dropped.push(Dropped::new(path, "only the text of a system message can be folded"));
        }
    }
}

/// Instructions before the first turn belong to the system prompt.
fn to_system(request: &mut Request<'_>, content: &Content<'_>) {
    let text = joined_text(content).trim().into_owned();
    request.system.make_blocks().push(Block::from_text(text));
    request.touched.system = true;
}

/// A user's turn of their own for instructions that found none.
fn own_turn(out: &mut Vec<Message<'_>>, waiting: &mut Vec<Text<'static>>) {
    if let Some(said) = joined(waiting) {
        out.push(Message { role: Role::User, content: Content::Text(said), ..Message::default() });
    }
}

fn joined(waiting: &mut Vec<Text<'static>>) -> Option<Text<'static>> {
    let mut texts = waiting.drain(..);
    let mut all = texts.next()?;
    texts.for_each(|text| join(&mut all, &text));
    Some(all)
}

fn append(message: &mut Message<'_>, more: Text<'static>) {
    message.raw = None;
    match &mut message.content {
        Content::Text(text) => join(text, &more),
        Content::Blocks(blocks) => match blocks.iter_mut().rev().find(|block| block.text().is_some()) {
            Some(block) => change(block, |text| join(text, &more)),
            None => match last_result(blocks) {
                Some(content) => append_to_result(content, more),
                None => blocks.push(Block::from_text(more)),
            },
        },
    }
}

fn prepend(message: &mut Message<'_>, first: Text<'static>) {
    message.raw = None;
    match &mut message.content {
        Content::Text(text) => put_before(text, first),
        Content::Blocks(blocks) => match blocks.iter_mut().find(|block| block.text().is_some()) {
            Some(block) => change(block, |text| put_before(text, first)),
            None => match last_result(blocks) {
                Some(content) => append_to_result(content, first),
                None => blocks.insert(0, Block::from_text(first)),
            },
        },
    }
}

/// The content of the last result, where the turn holds nothing but results: no text may stand between a call and its
/// results, and a text behind them would look like the user's own.
fn last_result<'b, 'a>(blocks: &'b mut [Block<'a>]) -> Option<&'b mut Content<'a>> {
    if !blocks.iter().all(|block| matches!(block.kind, BlockKind::ToolResult { .. })) {
        return None;
    }
    let last = blocks.last_mut()?;
    last.raw = None;
    match &mut last.kind {
        BlockKind::ToolResult { content, .. } => Some(content),
        _ => None,
    }
}

fn append_to_result(content: &mut Content<'_>, more: Text<'static>) {
    match content {
        Content::Text(text) => join(text, &more),
        Content::Blocks(blocks) => match blocks.iter_mut().rev().find(|block| block.text().is_some()) {
            Some(block) => change(block, |text| join(text, &more)),
            None => blocks.push(Block::from_text(more)),
        },
    }
}

fn change<'a>(block: &mut Block<'a>, with: impl FnOnce(&mut Text<'a>)) {
    if let BlockKind::Text { text } = &mut block.kind {
        with(text);
        block.raw = None;
    }
}

fn join(text: &mut Text<'_>, more: &Text<'_>) {
    if !text.is_empty() {
        text.push(&Text::escaped("\\n\\n"));
    }
    text.push(more);
}

fn put_before(text: &mut Text<'_>, first: Text<'static>) {
    let behind = std::mem::replace(text, first);
    if !behind.is_empty() {
        join(text, &behind);
    }
}
