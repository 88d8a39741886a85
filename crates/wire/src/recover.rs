//! Tool calls and thoughts that local models write as text become real blocks while they stream.
//!
//! A pure filter between a stream decoder and a stream encoder. It holds text back only where a known marker may
//! begin; a call is given out when it is complete and its tool was offered, never before. What was cut off, what is
//! not certain, and what merely shows such tags (in code, in a sentence, with another name) stays text. The arguments of
//! calls the backend made itself are mended on their way ([`native`]).
//! Not here: which backends need it. That is the caller's to know.

use crate::hub::{BlockStart, Delta, Event, Response, StopReason, Tool};
use crate::ids::Mint;
use crate::text::Text;

mod arguments;
mod blocks;
mod drafts;
mod families;
mod filter;
mod markers;
mod native;
mod place;
mod report;
mod response;
mod step;
mod tools;

use blocks::{Blocks, Repeat};
use filter::Filter;
use native::Native;
pub use report::{LeftCall, RecoveredCall, Report, Why};
use tools::Tools;

type Out<'o> = &'o mut dyn FnMut(Event<'_>);

/// Recovers one answer.
#[derive(Debug)]
pub struct Recovery<'t> {
    filter: Filter<'t>,
    blocks: Blocks,
    /// The block the backend has open.
    inbound: Inbound,
    /// A text block of the backend is over, but how to read its end depends on why the answer stops.
    waiting: bool,
    /// Thoughts as they came, escaped: calls may stand in them.
    thoughts: String,
    /// The backend gave a call of its own.
    native: bool,
    /// The one that is not over yet.
    call: Option<Native>,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inbound {
    None,
    Text,
    /// A call that may repeat a recovered one.
    Repeat,
    Call,
    Other,
}

impl<'t> Recovery<'t> {
    /// Recovery for an answer to a request with these tools. Without tools only thoughts and leaked tokens are
    /// looked for.
    #[must_use]
    pub fn new(tools: &'t [Tool<'_>]) -> Self {
        Self {
            filter: Filter::new(Tools::new(tools)),
            blocks: Blocks::new(Mint::default()),
            inbound: Inbound::None,
            waiting: false,
            thoughts: String::new(),
            native: false,
            call: None,
            stopped: false,
        }
    }

    /// The answer begins with thoughts whose opening mark stands in the prompt (an earlier answer of this model said
    /// so, see [`Report::prefilled`]). Without this they can only be told when they end, and are text until then.
    #[must_use]
    pub fn thinking_first(mut self) -> Self {
        self.filter.expected = true;
        self
    }

    /// The same ids each time, for tests.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.blocks = Blocks::new(Mint::seeded(seed));
        self
    }

    /// Takes one event, gives out what is certain.
    pub fn event(&mut self, event: Event<'_>, out: &mut dyn FnMut(Event<'_>)) {
        match event {
            Event::BlockStart(start) => self.block_start(start, out),
            Event::Delta(delta) => self.delta(delta, out),
            Event::BlockStop => self.block_stop(out),
            Event::Stop { reason, stop_sequence, usage } => {
                self.settle(!is_done(reason), out);
                if !std::mem::replace(&mut self.stopped, true) {
                    self.recover_thoughts(out);
                }
                let given = self.reason(reason);
                let stop_sequence = stop_sequence.filter(|_| given == reason);
                out(Event::Stop { reason: given, stop_sequence, usage });
            }
            Event::End | Event::Error(_) => {
                self.settle(true, out);
                out(event);
            }
            Event::Start { .. } | Event::Ping => out(event),
        }
    }

    /// No more events come: gives out what is still held, as text where it was not complete.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        self.settle(true, out);
    }

    /// What was done so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = self.filter.report.clone();
        report.repeated = self.blocks.repeated;
        report
    }

    fn block_start(&mut self, start: BlockStart<'_>, out: Out<'_>) {
        self.settle(false, out);
        self.inbound = Inbound::Other;
        match &start {
            BlockStart::Text => {
                self.inbound = Inbound::Text;
                return;
            }
            BlockStart::ToolUse { id, name } => {
                self.native = true;
                self.filter.calls = false;
                self.inbound = if self.blocks.may_repeat(id, name) { Inbound::Repeat } else { Inbound::Call };
                if self.inbound == Inbound::Call {
                    self.begin_call(id, name);
                }
                return;
            }
            BlockStart::Thinking => self.filter.thought = true,
            BlockStart::Other(_) => {}
        }
        self.blocks.open(start, out);
    }

    fn delta(&mut self, delta: Delta<'_>, out: Out<'_>) {
        if self.inbound != Inbound::Call {
            self.end_call(false, out);
        }
        match (&delta, self.inbound) {
            (Delta::Text(text), Inbound::Text | Inbound::None) => {
                self.inbound = Inbound::Text;
                self.text(text, out);
            }
            (Delta::Arguments(more), Inbound::Repeat) => self.blocks.repeat_arguments(more),
            (Delta::Arguments(more), Inbound::Call) => {
                if let Some(call) = &mut self.call {
                    call.push(more, &mut self.blocks, out);
                }
            }
            (Delta::Thinking(text), Inbound::Other) => {
                if self.filter.calls {
                    self.thoughts.push_str(text.as_escaped());
                }
                self.blocks.delta(delta, out);
            }
            _ => self.blocks.delta(delta, out),
        }
    }

    fn text(&mut self, text: &Text<'_>, out: Out<'_>) {
        let thoughts = self.filter.calls.then_some(&mut self.thoughts);
        self.filter.push(text, &mut self.blocks.pieces(thoughts, out));
    }

    fn block_stop(&mut self, out: Out<'_>) {
        match std::mem::replace(&mut self.inbound, Inbound::None) {
            Inbound::Text if self.filter.is_waiting() => self.waiting = true,
            Inbound::Text => {
                self.waiting = true;
                self.settle(false, out);
            }
            Inbound::Repeat => self.end_repeat(out),
            // Whether one that is not complete was cut off depends on why the answer stops.
            Inbound::Call if self.call.as_ref().is_some_and(Native::is_settled) => self.end_call(false, out),
            Inbound::Call => {}
            Inbound::Other => self.blocks.close(out),
            Inbound::None => {}
        }
    }

    /// The text that came is over.
    fn settle(&mut self, cut: bool, out: Out<'_>) {
        if self.inbound == Inbound::Repeat {
            self.end_repeat(out);
        }
        self.end_call(cut, out);
        if self.waiting || self.inbound == Inbound::Text {
            let thoughts = self.filter.calls.then_some(&mut self.thoughts);
            self.filter.end(cut, &mut self.blocks.pieces(thoughts, out));
        }
        self.waiting = false;
        self.inbound = Inbound::None;
        self.blocks.close(out);
    }

    fn begin_call(&mut self, id: &Text<'_>, name: &Text<'_>) {
        let schema = self.filter.tools.find(&name.decode()).map(tools::Tool::schema).unwrap_or_default();
        self.call = Some(Native::new(id, name, schema));
    }

    fn end_call(&mut self, cut: bool, out: Out<'_>) {
        if let Some(call) = self.call.take() {
            call.end(cut, &mut self.filter.report, &mut self.blocks, out);
        }
    }

    /// A call that was held is over; one that repeats nothing is a call like any other.
    fn end_repeat(&mut self, out: Out<'_>) {
        if let Some(Repeat { id, name, arguments }) = self.blocks.end_repeat() {
            self.begin_call(&id, &name);
            if let Some(call) = &mut self.call {
                call.push(&arguments, &mut self.blocks, out);
            }
        }
    }

    /// Calls that end the thoughts of an answer that says nothing else (lmstudio-ai/lmstudio-bug-tracker#2045).
    fn recover_thoughts(&mut self, out: Out<'_>) {
        let done = self.native || self.filter.said || !self.filter.report.calls.is_empty();
        if done || !self.filter.calls || self.thoughts.is_empty() {
            return;
        }
        let mut filter = self.filter.sibling();
        let mut calls = Vec::new();
        let mut gather = |piece: filter::Piece<'_>| match piece {
            filter::Piece::Call { name, arguments } => calls.push((name.to_owned(), arguments.to_owned())),
            filter::Piece::Text(_) => calls.clear(),
            filter::Piece::Thinking(_) | filter::Piece::Break => {}
        };
        filter.push(&Text::escaped(&self.thoughts), &mut gather);
        filter.end(true, &mut gather);
        for (name, arguments) in &calls {
            self.blocks.call(name, arguments, out);
        }
        let first = filter.report.calls.len() - calls.len();
        for mut call in filter.report.calls.split_off(first) {
            call.in_thinking = true;
            self.filter.report.calls.push(call);
        }
        if calls.is_empty() {
            let cut = filter.report.left.into_iter().next_back().filter(|left| left.why == Why::Truncated);
            self.filter.report.left.extend(cut);
        }
    }

    fn reason(&self, given: StopReason) -> StopReason {
        let limited = given == StopReason::MaxTokens;
        match (self.filter.report.truncated(), self.filter.report.calls.is_empty()) {
            (true, _) if is_done(given) => StopReason::MaxTokens,
            (false, false) if is_done(given) || limited => StopReason::ToolUse,
            _ => given,
        }
    }
}

/// Whether the model ended the answer, and not a limit or a filter.
const fn is_done(reason: StopReason) -> bool {
    matches!(reason, StopReason::EndTurn | StopReason::StopSequence | StopReason::ToolUse)
}

/// The same for an answer that came whole. It is left alone where there was nothing to recover.
pub fn recover_response(response: &mut Response<'_>, tools: &[Tool<'_>]) -> Report {
    response::recover(response, tools)
}

/// A call as one of the families writes it (`hermes`, `qwen3-coder`… as in [`RecoveredCall::family`]): for
/// histories that go back to a model without a tool template. `arguments`: a JSON object. `None` for families that
/// have no way to write one.
#[must_use]
pub fn render_call(family: &str, name: &str, arguments: &str) -> Option<String> {
    families::render(family, name, arguments)
}

/// Names of the families [`render_call`] knows.
pub fn families() -> impl Iterator<Item = &'static str> {
    families::all().filter(|family| family.render.is_some()).map(|family| family.name)
}
