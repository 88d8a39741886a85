//! Events to chunks.

use std::io::Write;

use crate::codec::openai_chat::encode::{finish_reason, usage as write_usage};
use crate::codec::openai_chat::error::write_error;
use crate::hub::{BlockStart, Delta, Event, Failure, StopReason, Usage};
use crate::text::Text;

/// Writes a streamed answer as `chat.completion.chunk` lines.
///
/// Whatever events come, the first chunk has the role, calls are counted from 0, and after the end or an error
/// nothing follows. Signatures of thoughts have no place here.
#[derive(Debug, Default)]
pub struct Encoder {
    usage_wanted: bool,
    created: u64,
    /// Id and model, escaped, with the members around them.
    head: String,
    started: bool,
    closed: bool,
    usage: Usage,
    stop: Option<StopReason>,
    calls: usize,
    open: Open,
    /// Text blocks that were written: the next one is set off by a blank line.
    texts: bool,
    thoughts: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    /// A text or thinking block that has said nothing yet.
    Fresh,
    Prose,
    /// A call; whether it has any arguments yet.
    Call(bool),
}

impl Encoder {
    /// Starts before the first event. `usage_wanted`: the client asked for a closing usage chunk. `created`: when the
    /// answer was made, in seconds since 1970.
    #[must_use]
    pub fn new(usage_wanted: bool, created: u64) -> Self {
        Self { usage_wanted, created, ..Self::default() }
    }

    /// Writes one event.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        match event {
            // OpenAI clients pass over comments; there is no event for "still alive".
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::Error(failure) => self.error(failure, out),
            Event::Start { id, model, usage } => {
                self.usage.update(*usage);
                self.start(id, model, out);
            }
            Event::BlockStart(start) => self.block_start(start, out),
            Event::Delta(delta) => self.delta(delta, out),
            Event::BlockStop => self.block_stop(out),
            Event::Stop { reason, usage, .. } => {
                self.stop = Some(*reason);
                self.usage.update(*usage);
            }
            Event::End => self.end(out),
        }
    }

    fn start(&mut self, id: &Text<'_>, model: &Text<'_>, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        let id = if id.is_empty() { "chatcmpl-0" } else { id.as_escaped() };
        self.head = format!(
            "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":\"{}\",\"choices\":[",
            self.created,
            model.as_escaped()
        );
        self.write_delta(r#""role":"assistant","content":"""#, &[], out);
    }

    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        self.start(&Text::default(), &Text::default(), out);
    }

    fn block_start(&mut self, start: &BlockStart<'_>, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.block_stop(out);
        match start {
            BlockStart::Text | BlockStart::Thinking => self.open = Open::Fresh,
            BlockStart::ToolUse { id, name } => {
                self.open = Open::Call(false);
                self.calls += 1;
                let head = format!("\"tool_calls\":[{{\"index\":{},\"id\":\"", self.calls - 1);
                let pieces = [
                    id.as_escaped(),
                    "\",\"type\":\"function\",\"function\":{\"name\":\"",
                    name.as_escaped(),
                    "\",\"arguments\":\"\"}}]",
                ];
                self.write_delta(&head, &pieces, out);
            }
            BlockStart::Other(_) => self.open = Open::Nothing,
        }
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        self.ensure_started(out);
        match delta {
            Delta::Text(text) => {
                let gap = self.open == Open::Fresh && std::mem::replace(&mut self.texts, true);
                self.prose("\"content\":\"", gap, text, out);
            }
            Delta::Thinking(text) => {
                let gap = self.open == Open::Fresh && std::mem::replace(&mut self.thoughts, true);
                self.prose("\"reasoning_content\":\"", gap, text, out);
            }
            Delta::Arguments(fragment) => {
                if matches!(self.open, Open::Call(_)) && !fragment.is_empty() {
                    self.open = Open::Call(true);
                    self.arguments(fragment.as_escaped(), out);
                }
            }
            Delta::Signature(_) | Delta::Other(_) => {}
        }
    }

    fn prose(&mut self, member: &str, gap: bool, text: &Text<'_>, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.open == Open::Fresh {
            self.open = Open::Prose;
        }
        self.write_delta(member, &[if gap { "\\n\\n" } else { "" }, text.as_escaped(), "\""], out);
    }

    fn arguments(&mut self, fragment: &str, out: &mut Vec<u8>) {
        let head = format!("\"tool_calls\":[{{\"index\":{},\"function\":{{\"arguments\":\"", self.calls - 1);
        self.write_delta(&head, &[fragment, "\"}}]"], out);
    }

    /// A call without any arguments gets `{}`: clients parse the joined fragments.
    fn block_stop(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.open) == Open::Call(false) {
            self.arguments("{}", out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.block_stop(out);
        let reason = self.stop.unwrap_or(StopReason::EndTurn);
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(b"{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"");
        out.extend_from_slice(finish_reason(Some(reason), self.calls > 0).as_bytes());
        out.extend_from_slice(b"\"}]}\n\n");
        if self.usage_wanted {
            let mut usage = String::new();
            write_usage(&self.usage, &mut usage);
            _ = write!(out, "{}],\"usage\":{usage}}}\n\n", self.head);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.closed = true;
    }

    fn error(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        let mut error = String::new();
        write_error(failure, &mut error);
        _ = write!(out, "data: {{{error}}}\n\n");
        self.closed = true;
    }

    fn write_delta(&self, first: &str, pieces: &[&str], out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(b"{\"index\":0,\"delta\":{");
        out.extend_from_slice(first.as_bytes());
        for piece in pieces {
            out.extend_from_slice(piece.as_bytes());
        }
        out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    }
}
