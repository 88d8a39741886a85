//! A model that thinks but calls no tools gives a conclusion, and a model that calls tools works with it.
//!
//! The conclusion stands behind the human's words of its turn, in this request and in every later one of the
//! conversation: what a server has read once stays the beginning of what it reads next.

use std::sync::Arc;

use branchline_routing::Candidate;
use branchline_routing::turn;
use branchline_wire::edit::Edit;
use branchline_wire::hub::{Block, BlockKind, Content, Message, Request, Role, plain_text};
use branchline_wire::text::Text;

use crate::aside::Asking;
use crate::call::Call;
use crate::engine::Engine;
use crate::inbound::Inbound;
use crate::record::AsidePurpose;

const TASK: &str = "You advise an agent that can read and change files and run commands; you cannot. Think its task \
through and give your conclusion: what is the case, what is to be done in which order, what to look out for. Be brief \
and concrete. The agent reads your conclusion and does the work.";
/// Longest conclusion, in tokens.
const LONGEST: u64 = 4_096;

/// Asks the adviser once per turn. Without an answer the turn goes on without one.
pub(crate) async fn consult(
    engine: &Engine,
    call: &Call,
    inbound: &Inbound<'_>,
    adviser: &Candidate,
) -> Option<String> {
    let at = turn::turn_start(&inbound.request.messages)?;
    if inbound.advice.iter().any(|known| known.message == at) {
        return None;
    }
    let backend = call.world.backends.get(&adviser.model.backend)?;
    let request = question(&inbound.request, at, &adviser.model.model);
    let asking = Asking { engine, call, purpose: AsidePurpose::Adviser, who: inbound.who() };
    let said = asking.ask(backend, &request).await;
    match said.and_then(|said| if said.is_empty() { Err("it concluded nothing".to_owned()) } else { Ok(said) }) {
        Ok(conclusion) => {
            let conclusion: Arc<str> = conclusion.into();
            let private = inbound.situation.private.is_some();
            let (before, fingerprint) = (inbound.key.before, inbound.turn.fingerprint);
            let advice = Advice { message: at, before, fingerprint, conclusion, private };
            engine.turns.advised(&inbound.key.conversation, advice);
            Some(format!("{} gave its conclusion", adviser.model))
        }
        Err(why) => {
            tracing::warn!(model = %adviser.model, why, "there is no conclusion to work with");
            Some(format!("{} gave no conclusion: {why}", adviser.model))
        }
    }
}

/// A conclusion and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// Index of the message with the human's words.
    pub(crate) message: usize,
    /// What stood before it, where the client names no conversation: the same words may begin a turn of another one.
    pub(crate) before: u64,
    /// Fingerprint of the turn.
    pub(crate) fingerprint: u64,
    /// What was concluded.
    pub(crate) conclusion: Arc<str>,
    /// It was concluded from what must not leave.
    pub(crate) private: bool,
}

/// The conclusions of a conversation that belong into this request.
pub(crate) fn known(engine: &Engine, inbound: &Inbound<'_>) -> Vec<Advice> {
    let all = engine.turns.advice(&inbound.key.conversation);
    let stays = inbound.situation.private.is_some();
    let belongs = |advice: &Advice| {
        let here = turn::fingerprint_at(&inbound.request.messages, advice.message) == Some(advice.fingerprint);
        here && (stays || !advice.private) && inbound.before(advice.message) == advice.before
    };
    all.iter().filter(|advice| belongs(advice)).cloned().collect()
}

/// The edits that put them in.
pub(crate) fn edits(advice: &[Advice]) -> impl Iterator<Item = Edit> + '_ {
    advice.iter().map(|advice| {
        let with = format!("<conclusion>\n{}\n</conclusion>", advice.conclusion);
        Edit::Append { message: advice.message, with }
    })
}

/// The conversation up to the human's words, told as text: the adviser knows no tools.
fn question<'q>(request: &'q Request<'_>, at: usize, model: &'q str) -> Request<'q> {
    let mut messages: Vec<Message<'q>> = Vec::new();
    for message in &request.messages[..=at] {
        let text = told(&message.content);
        let role = if message.role == Role::Assistant { Role::Assistant } else { Role::User };
        match messages.last_mut() {
            _ if text.trim().is_empty() => {}
            Some(last) if last.role == role => {
                last.content.make_blocks().push(Block::from_text(Text::plain(&text).into_owned()));
            }
            _ => {
                let content = Content::Blocks(vec![Block::from_text(Text::plain(&text).into_owned())]);
                messages.push(Message { role, content, ..Message::default() });
            }
        }
    }
    Request {
        model: Text::plain(model),
        max_tokens: Some(LONGEST),
        system: Content::Text(Text::plain(TASK)),
        messages: messages.into(),
        ..Request::default()
    }
}

fn told(content: &Content<'_>) -> String {
    let Content::Blocks(blocks) = content else { return plain_text(content) };
    let parts = blocks.iter().map(|block| match &block.kind {
        BlockKind::Text { text } => text.decode().into_owned(),
        BlockKind::ToolUse { name, input, .. } => format!("[called {} with {}]", name.decode(), input.as_str()),
        BlockKind::ToolResult { content, .. } => format!("[result: {}]", told(content)),
        BlockKind::Image { .. } => "[a picture]".to_owned(),
        _ => String::new(),
    });
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}
