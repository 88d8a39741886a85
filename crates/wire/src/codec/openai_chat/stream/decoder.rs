//! Chunks to events.

use std::collections::VecDeque;

use super::Scan;
use super::chunk::{self, CallDelta, Choice, Chunk, stop_reason};
use crate::failure;
use crate::hub::{BlockStart, Delta, Event, Failure, FailureKind, StopReason, Usage};
use crate::ids;
use crate::text::Text;

type Out<'o> = &'o mut dyn FnMut(Event<'_>);

/// Reads the frames of a streamed answer. `[DONE]` or [`Decoder::finish`] completes it.
///
/// Ids of calls that have none are made of the response id and a counter, so that a replay gives the same ids.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Response id and model, escaped.
    id: String,
    model: String,
    usage: Usage,
    started: bool,
    /// After the end or an error nothing more is read.
    closed: bool,
    /// Why the backend stopped, once it said so.
    finish: Option<StopReason>,
    refused: bool,
    calls: Vec<Call>,
    /// Parts not yet finished; the first one streams.
    parts: VecDeque<Part>,
    /// Whether the block of the first part is open.
    opened: bool,
}

/// A part of the answer and what of it waits to be written, escaped.
#[derive(Debug)]
struct Part {
    kind: Kind,
    pending: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// Position in `calls`.
    Call(usize),
}

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    /// Id as the backend gave it, escaped.
    given: String,
    /// Id as we give it.
    id: String,
    name: String,
    scan: Scan,
    /// Any fragment of arguments was seen.
    begun: bool,
    /// Its block was closed: late fragments are not for it.
    done: bool,
}

impl Decoder {
    /// Reads one frame. Lines that are no JSON are passed over.
    pub fn frame(&mut self, event: &str, data: &str, out: &mut dyn FnMut(Event<'_>)) {
        if self.closed {
            return;
        }
        if data.trim() == "[DONE]" {
            return self.complete(true, out);
        }
        match chunk::read(data) {
            Ok(chunk) if chunk.failed || event == "error" => self.fail_with(data, out),
            Ok(chunk) => self.chunk(chunk, out),
            // Gemini sends errors as a list.
            Err(_) if data.trim_start().starts_with('[') => self.fail_with(data, out),
            Err(_) => {}
        }
    }

    /// The stream is over: closes what is open, and says so when it ended too early.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        if !self.closed {
            self.complete(self.finish.is_some(), out);
        }
    }

    fn chunk(&mut self, chunk: Chunk<'_>, out: Out<'_>) {
        if let Some(id) = chunk.id.filter(|_| self.id.is_empty()) {
            id.as_escaped().clone_into(&mut self.id);
        }
        if let Some(model) = chunk.model.filter(|_| self.model.is_empty()) {
            model.as_escaped().clone_into(&mut self.model);
        }
        if let Some(usage) = chunk.usage {
            self.usage.update(usage);
        }
        if let Some(choice) = chunk.choice {
            self.choice(choice, out);
        }
    }

    fn choice(&mut self, choice: Choice<'_>, out: Out<'_>) {
        if !self.started {
            self.started = true;
            out(Event::Start { id: Text::escaped(&self.id), model: Text::escaped(&self.model), usage: self.usage });
        }
        let delta = choice.delta;
        if let Some(text) = &delta.thinking {
            self.prose(Kind::Thinking, text, out);
        }
        for text in [&delta.text, &delta.refusal].into_iter().flatten() {
            self.prose(Kind::Text, text, out);
        }
        self.refused |= delta.refusal.is_some();
        for (nth, call) in delta.calls.iter().enumerate() {
            self.call(call, nth, out);
        }
        if let Some(finish) = choice.finish {
            match stop_reason(finish.as_escaped()) {
                Some(reason) => self.finish = Some(reason),
                None => self.fail(Failure::new(FailureKind::Api, "the backend broke off with an error"), out),
            }
        }
    }

    fn prose(&mut self, kind: Kind, text: &Text<'_>, out: Out<'_>) {
        if self.parts.back().is_none_or(|part| part.kind != kind) {
            self.parts.push_back(Part { kind, pending: String::new() });
        }
        self.append(self.parts.len() - 1, text, out);
    }

    fn call(&mut self, delta: &CallDelta<'_>, nth: usize, out: Out<'_>) {
        let at = self.find(delta, nth).unwrap_or_else(|| self.begin(delta));
        let call = &mut self.calls[at];
        if let Some(id) = delta.id.as_ref().filter(|_| call.given.is_empty()) {
            id.as_escaped().clone_into(&mut call.given);
        }
        if let Some(name) = delta.name.as_ref().filter(|_| call.name.is_empty()) {
            name.as_escaped().clone_into(&mut call.name);
        }
        // Once the object is closed there is nothing to add: some servers repeat the whole arguments at the end.
        let late = call.done || call.scan.is_complete();
        let given = if call.begun { delta.arguments.as_ref() } else { delta.first_arguments() };
        match given.filter(|_| !late) {
            Some(fragment) => {
                call.begun |= !fragment.is_blank();
                call.scan.feed(&fragment.decode());
                let part = self.parts.iter().position(|part| part.kind == Kind::Call(at)).unwrap_or(0);
                self.append(part, fragment, out);
            }
            None => self.advance(out),
        }
    }

    /// The call a delta goes on with; `None` when it begins a new one.
    ///
    /// Some servers repeat id and name on every delta (nanoclaw #1241), others give every parallel call
    /// index 0 or none at all. So: a new id with a name is a new call; the same index or id is the same call,
    /// unless that one is complete and another name comes with arguments and without an id.
    fn find(&self, delta: &CallDelta<'_>, nth: usize) -> Option<usize> {
        let id = delta.id.as_ref().map(Text::as_escaped);
        if let Some(same) = id.and_then(|id| self.calls.iter().rposition(|call| call.given == id))
            && (delta.index.is_none() || self.calls[same].index == delta.index)
        {
            return Some(same);
        }
        let at = match delta.index {
            Some(_) => self.calls.iter().rposition(|call| call.index == delta.index)?,
            None if nth > 0 && delta.name.is_some() => return None,
            None => self.calls.len().checked_sub(1)?,
        };
        let call = &self.calls[at];
        let complete = call.scan.is_complete();
        let renamed = delta.name.as_ref().is_some_and(|name| name.as_escaped() != call.name);
        let new = match id {
            Some(_) if call.given.is_empty() => complete || (renamed && !call.name.is_empty()),
            Some(_) => delta.name.is_some() || complete,
            None => delta.name.is_some() && (complete || (renamed && !call.name.is_empty())),
        };
        (!new).then_some(at)
    }

    fn begin(&mut self, delta: &CallDelta<'_>) -> usize {
        let at = self.calls.len();
        self.calls.push(Call { index: delta.index, ..Call::default() });
        self.parts.push_back(Part { kind: Kind::Call(at), pending: String::new() });
        at
    }

    fn append(&mut self, part: usize, text: &Text<'_>, out: Out<'_>) {
        let Some(found) = self.parts.get_mut(part) else { return };
        if part == 0 && self.opened {
            out(Event::Delta(piece(found.kind, text.borrowed())));
        } else {
            found.pending.push_str(text.as_escaped());
        }
        self.advance(out);
    }

    /// Opens the first part when it has something to say; goes on to the next when it is done and others wait.
    fn advance(&mut self, out: Out<'_>) {
        loop {
            let waiting = self.parts.len() > 1;
            if !self.opened && self.can_open(waiting) {
                self.open(out);
            }
            let done = match self.parts.front().map(|part| part.kind) {
                Some(Kind::Call(at)) => self.calls[at].scan.is_complete(),
                Some(Kind::Text | Kind::Thinking) => true,
                None => false,
            };
            if !(waiting && done) {
                return;
            }
            self.close(out);
        }
    }

    fn can_open(&self, waiting: bool) -> bool {
        let Some(part) = self.parts.front() else { return false };
        match part.kind {
            Kind::Text | Kind::Thinking => !Text::escaped(&part.pending).is_blank(),
            Kind::Call(at) => {
                let call = &self.calls[at];
                // An id may come one chunk after the name; with arguments it is too late to wait for it.
                !call.name.is_empty() && (!call.given.is_empty() || !part.pending.is_empty() || waiting)
            }
        }
    }

    fn open(&mut self, out: Out<'_>) {
        let Some(kind) = self.parts.front().map(|part| part.kind) else { return };
        self.opened = true;
        match kind {
            Kind::Text => out(Event::BlockStart(BlockStart::Text)),
            Kind::Thinking => out(Event::BlockStart(BlockStart::Thinking)),
            Kind::Call(at) => {
                self.calls[at].id = self.call_id(at);
                let Call { id, name, .. } = &self.calls[at];
                out(Event::BlockStart(BlockStart::ToolUse { id: Text::escaped(id), name: Text::escaped(name) }));
            }
        }
        let pending = self.parts.front_mut().map(|part| std::mem::take(&mut part.pending)).unwrap_or_default();
        if !pending.is_empty() {
            out(Event::Delta(piece(kind, Text::escaped(&pending))));
        }
    }

    fn call_id(&self, at: usize) -> String {
        call_id(&self.calls[at].given, &self.id, at, |id| self.calls[..at].iter().any(|call| call.id == id))
    }

    /// Closes the first part. One of blanks only leaves no block; a call nobody named becomes text.
    fn close(&mut self, out: Out<'_>) {
        if let Some(part) = self.parts.front_mut()
            && let Kind::Call(at) = part.kind
        {
            self.calls[at].done = true;
            if !self.opened && self.calls[at].name.is_empty() {
                part.kind = Kind::Text;
            }
        }
        let blank =
            self.parts.front().is_none_or(|p| !matches!(p.kind, Kind::Call(_)) && Text::escaped(&p.pending).is_blank());
        if !self.opened && !blank {
            self.open(out);
        }
        if std::mem::take(&mut self.opened) {
            out(Event::BlockStop);
        }
        self.parts.pop_front();
    }

    fn close_all(&mut self, out: Out<'_>) {
        while !self.parts.is_empty() {
            self.close(out);
        }
    }

    /// Ends the answer. `whole`: the backend said that it was done.
    fn complete(&mut self, whole: bool, out: Out<'_>) {
        if !self.started {
            // LM Studio answers a prompt over its window with 200 and nothing (lmstudio-ai/lmstudio-bug-tracker#2339).
            let mut failure = Failure::new(FailureKind::Api, "the server ended the stream without an answer");
            failure.code = Some("empty_stream".to_owned());
            return self.fail(failure, out);
        }
        if !whole {
            let message = "the stream ended before the answer was complete";
            return self.fail(Failure::new(FailureKind::Api, message), out);
        }
        let reason = self.reason();
        self.close_all(out);
        self.closed = true;
        out(Event::Stop { reason, stop_sequence: None, usage: self.usage });
        out(Event::End);
    }

    /// A call means `tool_use` whatever the server says; but one that was cut off is never to be run.
    fn reason(&self) -> StopReason {
        let cut = self.calls.last().is_some_and(|call| !call.scan.is_complete());
        let called = self.calls.iter().any(|call| !call.name.is_empty());
        tool_reason(self.finish, called, cut && self.calls.last().is_some_and(|c| c.begun), cut, self.refused)
    }

    fn fail_with(&mut self, data: &str, out: Out<'_>) {
        let failure = serde_json::from_str(data).map_or_else(
            |_| Failure::new(FailureKind::Api, "the backend broke off with an error"),
            |value| failure::from_value(200, &value),
        );
        self.fail(failure, out);
    }

    fn fail(&mut self, failure: Failure, out: Out<'_>) {
        if self.closed {
            return;
        }
        if self.started {
            self.close_all(out);
        }
        self.closed = true;
        out(Event::Error(failure));
    }
}

fn piece(kind: Kind, text: Text<'_>) -> Delta<'_> {
    match kind {
        Kind::Text => Delta::Text(text),
        Kind::Thinking => Delta::Thinking(text),
        Kind::Call(_) => Delta::Arguments(text),
    }
}

/// The id a call gets: the one it came with, made clean; else one made of the response id and its number, so that
/// a replay gives the same; where there is no response id either, one that no other answer has.
pub(in super::super) fn call_id(given: &str, response: &str, at: usize, taken: impl Fn(&str) -> bool) -> String {
    let cleaned = ids::clean(&Text::escaped(given)).as_escaped().to_owned();
    if !given.is_empty() && !taken(&cleaned) {
        return cleaned;
    }
    let id = match response {
        "" => ids::Mint::default().next("toolu_"),
        response => Text::escaped_owned(format!("toolu_{}_{at}", ids::clean(&Text::escaped(response)).as_escaped())),
    };
    id.as_escaped().to_owned()
}

/// Why an answer with or without calls stopped. `cut`: the last call's arguments are not complete;
/// `begun`: but there are some.
pub(in super::super) fn tool_reason(
    finish: Option<StopReason>,
    called: bool,
    begun: bool,
    cut: bool,
    refused: bool,
) -> StopReason {
    match (called, finish) {
        (true, Some(reason @ (StopReason::MaxTokens | StopReason::Refusal))) if cut => reason,
        (true, None) if begun => StopReason::MaxTokens,
        (true, _) => StopReason::ToolUse,
        (false, _) if refused => StopReason::Refusal,
        (false, finish) => finish.unwrap_or(StopReason::EndTurn),
    }
}
