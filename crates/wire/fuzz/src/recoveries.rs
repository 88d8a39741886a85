//! Calls and thoughts that a model wrote as text: any text, cut anywhere, with calls of every family put into it.

use branchline_wire::collect::Collector;
use branchline_wire::hub::{BlockKind, BlockStart, Delta, Event, Failure, Response, StopReason, Tool, Usage};
use branchline_wire::json::Json;
use branchline_wire::recover::{Recovery, families, render_call};
use branchline_wire::text::Text;

use super::choices::Choices;

const NAMES: [&str; 3] = ["Read", "Write", "mcp__git__log"];
const SCHEMA: &str = r#"{"type":"object","properties":{"file_path":{"type":"string"},"limit":{"type":"integer"}}}"#;

/// What a text came as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// The arguments of a call the backend made itself.
    Arguments,
}

/// However a text is cut the same comes of it; blocks are grammatical; only offered tools are called, with objects.
pub fn check(data: &[u8]) {
    let (said, mut choices) = Choices::behind(data);
    let Ok(said) = std::str::from_utf8(said) else { return };
    let kind = [Kind::Text, Kind::Text, Kind::Thinking, Kind::Arguments][choices.below(4)];
    let text = if kind == Kind::Arguments { said.to_owned() } else { with_call(said, &mut choices) };
    let reason = [StopReason::EndTurn, StopReason::MaxTokens, StopReason::ToolUse][choices.below(3)];
    let whole = recovered(&[&text], kind, reason);
    let cut = recovered(&cut(&text, &mut choices), kind, reason);
    let (Ok(whole), Ok(cut)) = (whole, cut) else { return };
    judged(&whole);
    assert_eq!(whole.content, cut.content, "cut into pieces something else comes of {text:?}");
    assert_eq!(whole.stop_reason, cut.stop_reason);
}

/// The text with a call of some family somewhere in it, or as it is.
fn with_call(said: &str, choices: &mut Choices<'_>) -> String {
    let names: Vec<_> = families().collect();
    let family = names[choices.below(names.len())];
    let arguments = [r#"{"file_path":"/a b"}"#, "{}", r#"{"limit":3,"file_path":"</parameter>\n\"x\""}"#];
    let (name, arguments) = (NAMES[choices.below(NAMES.len())], arguments[choices.below(arguments.len())]);
    let call = render_call(family, name, arguments).filter(|_| choices.below(3) > 0);
    let mut at = choices.below(said.len() + 1);
    while !said.is_char_boundary(at) {
        at -= 1;
    }
    [&said[..at], call.as_deref().unwrap_or_default(), &said[at..]].concat()
}

fn cut<'t>(text: &'t str, choices: &mut Choices<'_>) -> Vec<&'t str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let length = 1 + choices.below(9);
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        let (piece, behind) = rest.split_at(end);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn tools() -> [Tool<'static>; 3] {
    NAMES.map(|name| Tool { name: Text::escaped(name), input_schema: Some(Json::trusted(SCHEMA)), ..Tool::default() })
}

fn recovered(pieces: &[&str], kind: Kind, reason: StopReason) -> Result<Response<'static>, Failure> {
    let tools = tools();
    let mut recovery = Recovery::new(&tools).seeded(1);
    let mut collector = Collector::default();
    let mut open = false;
    let mut out = |event: Event<'_>| {
        match &event {
            Event::BlockStart(_) => assert!(!std::mem::replace(&mut open, true), "a block opens in a block"),
            Event::BlockStop => assert!(std::mem::replace(&mut open, false), "no block is open"),
            Event::Delta(_) => assert!(open, "a delta outside a block"),
            Event::Stop { .. } | Event::End => assert!(!open, "a block was left open"),
            _ => {}
        }
        collector.event(&event);
    };
    recovery
        .event(Event::Start { id: Text::escaped("m"), model: Text::escaped("m"), usage: Usage::default() }, &mut out);
    recovery.event(
        Event::BlockStart(match kind {
            Kind::Text => BlockStart::Text,
            Kind::Thinking => BlockStart::Thinking,
            Kind::Arguments => BlockStart::ToolUse { id: Text::escaped("toolu_1"), name: Text::escaped("Read") },
        }),
        &mut out,
    );
    for piece in pieces {
        let text = Text::plain(piece).into_owned();
        let delta = match kind {
            Kind::Text => Delta::Text(text),
            Kind::Thinking => Delta::Thinking(text),
            Kind::Arguments => Delta::Arguments(text),
        };
        recovery.event(Event::Delta(delta), &mut out);
    }
    recovery.event(Event::BlockStop, &mut out);
    recovery.event(Event::Stop { reason, stop_sequence: None, usage: Usage::default() }, &mut out);
    recovery.event(Event::End, &mut out);
    recovery.finish(&mut out);
    collector.finish()
}

fn judged(answer: &Response<'_>) {
    for block in &answer.content {
        let BlockKind::ToolUse { name, input, .. } = &block.kind else { continue };
        assert!(NAMES.iter().any(|known| name.is(known)), "nobody offered {name:?}");
        assert!(input.value().is_object(), "{input:?}");
    }
}
