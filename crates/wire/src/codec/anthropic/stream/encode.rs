//! Events to frames. The encoder is an automaton over Anthropic's grammar: whatever comes, in whatever order,
//! what it writes is `message_start (block_start delta* block_stop)* message_delta message_stop`, or ends in `error`.

use crate::codec::anthropic::encode::stop_reason;
use crate::codec::anthropic::{MINTED_SIGNATURE, error};
use crate::hub::{BlockStart, Delta, Event, Failure, StopReason, Usage};
use crate::ids::{self, Mint};
use crate::text::Text;

/// Which block is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking { signed: bool },
    ToolUse,
    Other,
}

/// Writes one answer.
#[derive(Debug, Default)]
pub struct Encoder {
    mint: Mint,
    started: bool,
    ended: bool,
    open: Option<Open>,
    /// Index of the open block, or of the next one.
    index: u64,
    called: bool,
    /// The stop is held until the end: usage may come behind it (OpenAI's closing chunk).
    stop: Option<(StopReason, Option<Text<'static>>)>,
    usage: Usage,
}

impl Encoder {
    /// An encoder whose ids come from a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { mint: Mint::seeded(seed), ..Self::default() }
    }

    /// Whether `message_start` was written.
    #[must_use]
    pub const fn started(&self) -> bool {
        self.started
    }

    /// Writes one event. Behind the end or an error nothing is written any more.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, usage } => self.start(id, model, *usage, out),
            Event::BlockStart(start) => self.block_start(start, out),
            Event::Delta(delta) => self.delta(delta, out),
            Event::BlockStop => self.close(out),
            Event::Stop { reason, stop_sequence, usage } => {
                self.usage.update(*usage);
                self.stop = Some((*reason, stop_sequence.clone().map(Text::into_owned)));
            }
            Event::End => self.end(out),
            Event::Ping => out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n"),
            Event::Error(failure) => self.fail(failure, out),
        }
    }

    fn start(&mut self, id: &Text<'_>, model: &Text<'_>, usage: Usage, out: &mut Vec<u8>) {
        self.usage.update(usage);
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let id = if id.is_empty() { self.mint.next("msg_") } else { id.borrowed() };
        frame(out, "message_start", |out| {
            put(out, ",\"message\":{\"id\":\"");
            put(out, id.as_escaped());
            put(out, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"");
            put(out, model.as_escaped());
            put(out, "\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":");
            number(out, usage.input.unwrap_or(0));
            put(out, ",\"cache_creation_input_tokens\":");
            number(out, usage.cache_write.unwrap_or(0));
            put(out, ",\"cache_read_input_tokens\":");
            number(out, usage.cache_read.unwrap_or(0));
            put(out, ",\"output_tokens\":");
            number(out, usage.output.unwrap_or(0));
            put(out, "}}");
        });
    }

    fn must_have_started(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.start(&Text::default(), &Text::default(), Usage::default(), out);
        }
    }

    fn block_start(&mut self, start: &BlockStart<'_>, out: &mut Vec<u8>) {
        self.must_have_started(out);
        self.close(out);
        self.open = Some(match start {
            BlockStart::Text => Open::Text,
            BlockStart::Thinking => Open::Thinking { signed: false },
            BlockStart::ToolUse { .. } => Open::ToolUse,
            BlockStart::Other(_) => Open::Other,
        });
        let index = self.index;
        let minted = match start {
            BlockStart::ToolUse { id, .. } if id.is_empty() => Some(self.mint.next("toolu_")),
            _ => None,
        };
        self.called |= matches!(start, BlockStart::ToolUse { .. });
        frame(out, "content_block_start", |out| {
            put(out, ",\"index\":");
            number(out, index);
            put(out, ",\"content_block\":");
            match start {
                BlockStart::Text => put(out, "{\"type\":\"text\",\"text\":\"\"}"),
                BlockStart::Thinking => put(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"),
                BlockStart::ToolUse { id, name } => {
                    let id = minted.unwrap_or_else(|| ids::clean(id));
                    put(out, "{\"type\":\"tool_use\",\"id\":\"");
                    put(out, id.as_escaped());
                    put(out, "\",\"name\":\"");
                    put(out, name.as_escaped());
                    put(out, "\",\"input\":{}}");
                }
                BlockStart::Other(json) => one_line(out, json.as_str()),
            }
        });
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        if !self.takes(delta) {
            self.block_start(&fitting_block(delta), out);
        }
        if let (Some(Open::Thinking { signed }), Delta::Signature(signature)) = (&mut self.open, delta) {
            *signed |= !signature.is_empty();
        }
        let index = self.index;
        frame(out, "content_block_delta", |out| {
            put(out, ",\"index\":");
            number(out, index);
            put(out, ",\"delta\":");
            let (head, text) = match delta {
                Delta::Text(text) => ("{\"type\":\"text_delta\",\"text\":\"", text),
                Delta::Thinking(text) => ("{\"type\":\"thinking_delta\",\"thinking\":\"", text),
                Delta::Signature(text) => ("{\"type\":\"signature_delta\",\"signature\":\"", text),
                Delta::Arguments(text) => ("{\"type\":\"input_json_delta\",\"partial_json\":\"", text),
                Delta::Other(json) => return one_line(out, json.as_str()),
            };
            put(out, head);
            put(out, text.as_escaped());
            put(out, "\"}");
        });
    }

    /// Whether the open block may have this delta. A whole block may have arguments: `server_tool_use` does.
    const fn takes(&self, delta: &Delta<'_>) -> bool {
        matches!(
            (self.open, delta),
            (Some(Open::Text), Delta::Text(_))
                | (Some(Open::Thinking { .. }), Delta::Thinking(_) | Delta::Signature(_))
                | (Some(Open::ToolUse | Open::Other), Delta::Arguments(_))
                | (Some(_), Delta::Other(_))
        )
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open == Some(Open::Thinking { signed: false }) {
            // A mark by which these thoughts are known when they come back.
            self.delta(&Delta::Signature(Text::escaped(MINTED_SIGNATURE)), out);
        }
        if self.open.take().is_none() {
            return;
        }
        let index = self.index;
        self.index += 1;
        frame(out, "content_block_stop", |out| {
            put(out, ",\"index\":");
            number(out, index);
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.must_have_started(out);
        self.close(out);
        let reason = if self.called { StopReason::ToolUse } else { StopReason::EndTurn };
        self.stop.get_or_insert((reason, None));
        self.message_delta(out);
        frame(out, "message_stop", |_| ());
        self.ended = true;
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        self.close(out);
        if self.started {
            self.message_delta(out);
        }
        frame(out, "error", |out| {
            put(out, ",\"error\":");
            put(out, &error::object(failure));
        });
        self.ended = true;
    }

    /// Writes the held stop, if there is one.
    fn message_delta(&mut self, out: &mut Vec<u8>) {
        let Some((reason, sequence)) = self.stop.take() else { return };
        let usage = self.usage;
        frame(out, "message_delta", |out| {
            put(out, ",\"delta\":{\"stop_reason\":");
            put(out, stop_reason(reason));
            put(out, ",\"stop_sequence\":");
            match &sequence {
                Some(text) => {
                    put(out, "\"");
                    put(out, text.as_escaped());
                    put(out, "\"");
                }
                None => put(out, "null"),
            }
            put(out, "},\"usage\":{");
            for (name, count) in [
                ("\"input_tokens\":", usage.input),
                ("\"cache_creation_input_tokens\":", usage.cache_write),
                ("\"cache_read_input_tokens\":", usage.cache_read),
            ] {
                if let Some(count) = count {
                    put(out, name);
                    number(out, count);
                    put(out, ",");
                }
            }
            put(out, "\"output_tokens\":");
            number(out, usage.output.unwrap_or(0));
            if let Some(count) = usage.reasoning {
                put(out, ",\"output_tokens_details\":{\"thinking_tokens\":");
                number(out, count);
                put(out, "}");
            }
            put(out, "}");
        });
    }
}

fn fitting_block(delta: &Delta<'_>) -> BlockStart<'static> {
    match delta {
        Delta::Thinking(_) | Delta::Signature(_) => BlockStart::Thinking,
        // A call nobody named: the client answers that it knows no such tool.
        Delta::Arguments(_) => BlockStart::ToolUse { id: Text::default(), name: Text::escaped("unknown_tool") },
        Delta::Text(_) | Delta::Other(_) => BlockStart::Text,
    }
}

/// Writes `event:`, and `data:` with `type` and what `members` adds.
fn frame(out: &mut Vec<u8>, event: &str, members: impl FnOnce(&mut Vec<u8>)) {
    put(out, "event: ");
    put(out, event);
    put(out, "\ndata: {\"type\":\"");
    put(out, event);
    put(out, "\"");
    members(out);
    put(out, "}\n\n");
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// JSON text that may hold line breaks between its tokens, which would end the `data:` line.
fn one_line(out: &mut Vec<u8>, json: &str) {
    out.extend(json.bytes().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { b }));
}

fn number(out: &mut Vec<u8>, number: u64) {
    use std::io::Write;
    // Writing to memory cannot fail.
    let _ = write!(out, "{number}");
}
