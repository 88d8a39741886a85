//! The reading side of a streamed answer: pieces to frames to events, and what is learned on the way.

use branchline_wire::Upstream;
use branchline_wire::codec::StreamDecoder;
use branchline_wire::codec::openai_chat::ollama;
use branchline_wire::hub::{BlockStart, Delta, Event, Failure, FailureKind, StopReason, Usage};
use branchline_wire::recover::Recovery;
use branchline_wire::sse;
use branchline_wire::text::Text;

use super::framer::Framer;
use super::{Full, KEPT_TEXT, Learned};
use crate::line::{Line, Manner};

/// The reading side of a streamed answer.
pub(super) struct Stream<'t> {
    parser: sse::Parser,
    /// Reads lines of JSON instead of events.
    lines: Option<ollama::Reader>,
    full: Full,
    decoder: StreamDecoder,
    pub(super) framer: Framer,
    /// The answer has really begun: something other than a greeting came.
    pub(super) begun: bool,
    start: Option<(Text<'static>, Text<'static>, Usage)>,
    pub(super) failure: Option<Failure>,
    /// The answer came without its beginning (router-for-me/CLIProxyAPI#3697): its bytes cannot be passed on.
    headless: bool,
    /// `[DONE]` came.
    pub(super) done: bool,
    keep_text: bool,
    recovery: Option<Recovery<'t>>,
    pub(super) learned: Learned,
}

impl<'t> Stream<'t> {
    /// What is said of this piece has to be in our own words.
    pub(super) const fn is_ours(&self) -> bool {
        self.headless || self.failure.is_some()
    }

    pub(super) fn new(protocol: Upstream, keep_text: bool, recovery: Option<Recovery<'t>>, full: Full) -> Self {
        Self {
            parser: sse::Parser::default(),
            lines: None,
            full,
            decoder: StreamDecoder::new(protocol.into()),
            framer: Framer::default(),
            begun: false,
            start: None,
            failure: None,
            headless: false,
            done: false,
            keep_text,
            recovery,
            learned: Learned::default(),
        }
    }

    /// What comes are lines of JSON, as from Ollama's own endpoint.
    pub(super) fn reads_lines(&mut self) {
        self.lines = Some(ollama::Reader::default());
    }

    /// The window is full: the answer ends here, and says so. `window` is how much that is.
    pub(super) fn end_full(&mut self, window: Option<u64>, line: &mut Line) {
        let mut usage = self.learned.usage;
        let output = usage.output.unwrap_or(0);
        usage.input = usage.input.or(window.map(|window| window.saturating_sub(output)));
        usage.output = Some(output);
        self.learned.usage = usage;
        line.event(&Event::Stop { reason: StopReason::ContextWindow, stop_sequence: None, usage });
        line.event(&Event::End);
    }

    pub(super) fn read(&mut self, piece: &[u8], manner: Manner, line: &mut Line) {
        let full = self.full;
        let Self { parser, lines, decoder, begun, start, failure, headless, .. } = self;
        let Self { done, keep_text, learned, recovery, .. } = self;
        let mut hearer = Hearer { begun, start, failure, headless, keep_text: *keep_text, learned, manner, line, full };
        if let Some(lines) = lines {
            return lines.push(piece, |chunk| decoder.frame("", chunk, &mut |event| hearer.recovered(recovery, event)));
        }
        let read = parser.push(piece, |name, data| {
            *done |= data == "[DONE]";
            decoder.frame(name, data, &mut |event| hearer.recovered(recovery, event));
        });
        if let Err(error) = read {
            failure.get_or_insert(Failure::new(FailureKind::Api, error.to_string()));
        }
    }

    pub(super) fn finish(&mut self, manner: Manner, line: &mut Line) {
        let full = self.full;
        let Self { parser, lines, decoder, begun, start, failure, headless, .. } = self;
        let Self { done, keep_text, learned, recovery, .. } = self;
        let mut hearer = Hearer { begun, start, failure, headless, keep_text: *keep_text, learned, manner, line, full };
        if let Some(lines) = lines {
            lines.finish(|chunk| decoder.frame("", chunk, &mut |event| hearer.recovered(recovery, event)));
        }
        parser.finish(|name, data| {
            *done |= data == "[DONE]";
            decoder.frame(name, data, &mut |event| hearer.recovered(recovery, event));
        });
        decoder.finish(&mut |event| hearer.recovered(recovery, event));
        if let Some(recovery) = recovery {
            recovery.finish(&mut |event| hearer.hear(event));
            learned.report = recovery.report();
        }
    }
}

/// Whether a client sees something of an event; of thoughts it does not.
fn speaks(event: &Event<'_>) -> bool {
    match event {
        Event::Delta(Delta::Text(text)) => !text.is_blank(),
        Event::BlockStart(start) => matches!(start, BlockStart::ToolUse { .. } | BlockStart::Other(_)),
        _ => false,
    }
}

/// Takes the events of a stream in.
struct Hearer<'h> {
    begun: &'h mut bool,
    start: &'h mut Option<(Text<'static>, Text<'static>, Usage)>,
    failure: &'h mut Option<Failure>,
    headless: &'h mut bool,
    keep_text: bool,
    learned: &'h mut Learned,
    manner: Manner,
    line: &'h mut Line,
    full: Full,
}

impl Hearer<'_> {
    /// Calls and thoughts written as text are made real first.
    fn recovered(&mut self, recovery: &mut Option<Recovery<'_>>, event: Event<'_>) {
        match recovery {
            Some(recovery) => recovery.event(event, &mut |event| self.hear(event)),
            None => self.hear(event),
        }
    }

    fn hear(&mut self, event: Event<'_>) {
        if self.failure.is_some() {
            return;
        }
        match event {
            Event::Ping => {}
            Event::Error(failure) => *self.failure = Some(failure),
            Event::Start { id, model, usage } => {
                self.learned.usage.update(usage);
                self.learned.model = model.decode().into_owned();
                *self.start = Some((id.into_owned(), model.into_owned(), usage));
            }
            Event::Stop { reason, stop_sequence, usage } => {
                self.learned.usage.update(usage);
                let reason = self.full.reason(reason, &self.learned.usage);
                self.learned.stop = Some(reason);
                self.say(&Event::Stop { reason, stop_sequence, usage: self.learned.usage });
            }
            other => {
                self.learned.spoke = self.learned.spoke || speaks(&other);
                self.learned.ended = self.learned.ended || matches!(other, Event::End);
                if let Event::Delta(Delta::Text(text)) = &other
                    && self.keep_text
                    && self.learned.text.len() < KEPT_TEXT
                {
                    self.learned.text.push_str(&text.decode());
                }
                self.say(&other);
            }
        }
    }

    fn say(&mut self, event: &Event<'_>) {
        *self.headless |= !*self.begun && self.start.is_none();
        *self.begun = true;
        if let Some((id, model, usage)) = self.start.take() {
            self.tell(&Event::Start { id, model, usage });
        }
        self.tell(event);
    }

    fn tell(&mut self, event: &Event<'_>) {
        match self.manner {
            Manner::Raw => self.line.shadow(event),
            Manner::Encoded => self.line.event(event),
        }
    }
}
