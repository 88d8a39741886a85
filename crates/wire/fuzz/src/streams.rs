//! Streamed answers: bytes in any chunking, through every decoder and out of every encoder.

use branchline_wire::Protocol;
use branchline_wire::codec::{Asked, StreamDecoder, StreamEncoder};
use branchline_wire::collect::Collector;
use branchline_wire::hub::{BlockStart, Delta, Event};
use branchline_wire::sse::Parser;

use super::choices::Choices;
use super::grammar;

/// When answers are written, in seconds since 1970.
const CREATED: u64 = 1_790_000_000;

/// Anthropic streams.
pub fn anthropic(data: &[u8]) {
    check(Protocol::Anthropic, data);
}

/// OpenAI chat streams.
pub fn openai(data: &[u8]) {
    check(Protocol::OpenaiChat, data);
}

/// OpenAI Responses streams.
pub fn responses(data: &[u8]) {
    check(Protocol::OpenaiResponses, data);
}

/// Any chunking gives the same events; they end; what the encoders make of them is grammatical and loses no text.
fn check(protocol: Protocol, data: &[u8]) {
    let mut choices = Choices::of(data);
    let whole = Run::new(protocol, data, |_| usize::MAX);
    assert_eq!(Run::new(protocol, data, |_| 1).events, whole.events);
    assert_eq!(Run::new(protocol, data, |_| 1 + choices.below(40)).events, whole.events);
    refused_when_large(data);

    grammar::hub_events(&whole.shapes);
    grammar::anthropic_stream(&frames(&whole.anthropic));
    let openai = std::str::from_utf8(&whole.openai).expect("rendered streams are UTF-8");
    grammar::openai_stream(openai);

    let again = Run::new(Protocol::Anthropic, &whole.anthropic, |_| usize::MAX);
    assert_eq!(again.said.text, whole.said.text);
    assert_eq!(again.said.thinking, whole.said.thinking);
    assert_eq!(again.said.arguments, whole.said.arguments);
    let across = Run::new(Protocol::OpenaiChat, &whole.openai, |_| usize::MAX);
    assert_eq!(across.failed(), whole.failed());
    grammar::hub_events(&across.shapes);
    let responses = Run::new(Protocol::OpenaiResponses, &whole.responses, |_| usize::MAX);
    assert_eq!(responses.said.text, whole.said.text);
    assert_eq!(responses.said.thinking, whole.said.thinking);
    grammar::hub_events(&responses.shapes);
}

/// A small limit is an error in any chunking, never a panic, and frames below it come as they are.
fn refused_when_large(data: &[u8]) {
    let mut parser = Parser::with_limit(64);
    for piece in data.chunks(7) {
        let kept = |event: &str, data: &str| assert!(event.len() + data.len() <= 3 * data.len().max(1024));
        if parser.push(piece, kept).is_err() {
            return;
        }
    }
}

/// Frames of a rendered stream.
fn frames(bytes: &[u8]) -> Vec<(String, String)> {
    let mut frames = Vec::new();
    let mut parser = Parser::default();
    parser.push(bytes, |event, data| frames.push((event.to_owned(), data.to_owned()))).expect("below the limit");
    frames
}

/// What was said in all, escaped.
#[derive(Debug, Default)]
struct Said {
    text: String,
    thinking: String,
    arguments: String,
}

impl Said {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Delta(Delta::Text(text)) => self.text.push_str(text.as_escaped()),
            Event::Delta(Delta::Thinking(text)) => self.thinking.push_str(text.as_escaped()),
            Event::Delta(Delta::Arguments(text)) => self.arguments.push_str(text.as_escaped()),
            _ => {}
        }
    }
}

/// One stream, decoded and written in both protocols.
#[derive(Debug)]
struct Run {
    events: Vec<String>,
    shapes: Vec<&'static str>,
    said: Said,
    anthropic: Vec<u8>,
    openai: Vec<u8>,
    responses: Vec<u8>,
}

impl Run {
    fn new(protocol: Protocol, bytes: &[u8], mut size: impl FnMut(usize) -> usize) -> Self {
        let mut parser = Parser::default();
        let mut decoder = StreamDecoder::new(protocol);
        let asked = Asked { usage_wanted: true, created: CREATED, ..Asked::default() };
        let mut to_anthropic = StreamEncoder::new(Protocol::Anthropic, &asked);
        let mut to_openai = StreamEncoder::new(Protocol::OpenaiChat, &asked);
        let mut to_responses = StreamEncoder::new(Protocol::OpenaiResponses, &asked);
        let mut collector = Collector::default();
        let mut run = Self {
            events: Vec::new(),
            shapes: Vec::new(),
            said: Said::default(),
            anthropic: Vec::new(),
            openai: Vec::new(),
            responses: Vec::new(),
        };
        let mut out = |event: Event<'_>| {
            to_anthropic.event(&event, &mut run.anthropic);
            to_openai.event(&event, &mut run.openai);
            to_responses.event(&event, &mut run.responses);
            collector.event(&event);
            run.said.event(&event);
            run.shapes.push(shape(&event));
            run.events.push(words(&event));
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(size(rest.len()).min(rest.len()));
            rest = later;
            parser.push(piece, |event, data| decoder.frame(event, data, &mut out)).expect("below the limit");
        }
        parser.finish(|event, data| decoder.frame(event, data, &mut out));
        decoder.finish(&mut out);
        assert_eq!(collector.finish().is_err(), run.failed());
        run
    }

    fn failed(&self) -> bool {
        self.shapes.last() == Some(&"error")
    }
}

/// An event in words; an id that was made up for want of one is another one each time.
fn words(event: &Event<'_>) -> String {
    match event {
        Event::BlockStart(BlockStart::ToolUse { id, name }) if id.as_escaped().starts_with("toolu_") => {
            format!("call of {name:?}")
        }
        _ => format!("{event:?}"),
    }
}

/// The name of an event, as [`grammar::hub_events`] knows it.
fn shape(event: &Event<'_>) -> &'static str {
    match event {
        Event::Start { .. } => "start",
        Event::BlockStart(BlockStart::Text) => "open text",
        Event::BlockStart(BlockStart::Thinking) => "open thinking",
        Event::BlockStart(BlockStart::ToolUse { .. }) => "open call",
        Event::BlockStart(BlockStart::Other(_)) => "open other",
        Event::Delta(Delta::Text(_)) => "text",
        Event::Delta(Delta::Thinking(_) | Delta::Signature(_)) => "thinking",
        Event::Delta(Delta::Arguments(_)) => "arguments",
        Event::Delta(Delta::Other(_)) => "other",
        Event::BlockStop => "close",
        Event::Stop { .. } => "stop",
        Event::End => "end",
        Event::Ping => "ping",
        Event::Error(_) => "error",
    }
}
