//! The events of a response to the hub's.

use crate::codec::openai_chat::read::{get, inside, members, text, text_member};
use crate::codec::openai_responses::decode::{block, ending, is_redacted, tool_name};
use crate::failure;
use crate::hub::{BlockKind, BlockStart, Delta, Event, Failure, FailureKind, Usage};
use crate::json::Json;
use crate::text::{Text, escape_into};

/// Reads a streamed answer whose items follow each other, as the encoder writes it.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    ended: bool,
    called: bool,
    open: bool,
}

impl Decoder {
    /// Reads one frame.
    pub fn frame(&mut self, _event: &str, data: &str, out: &mut dyn FnMut(Event<'_>)) {
        if self.ended || data.trim().is_empty() {
            return;
        }
        let Ok(found) = members(data) else {
            return self.fail(failure::read(200, data), out);
        };
        let Some(kind) = get(&found, "type").and_then(inside) else {
            return self.fail(failure::read(200, data), out);
        };
        let delta = get(&found, "delta").and_then(text).unwrap_or_default();
        match kind {
            "response.created" => self.start(get(&found, "response").unwrap_or_default(), out),
            "response.output_item.added" => self.added(get(&found, "item").unwrap_or_default(), out),
            "response.output_text.delta" => self.go_on(BlockStart::Text, Delta::Text(delta), out),
            "response.reasoning_summary_text.delta" => {
                self.go_on(BlockStart::Thinking, Delta::Thinking(delta), out);
            }
            "response.function_call_arguments.delta" if self.open => out(Event::Delta(Delta::Arguments(delta))),
            "response.custom_tool_call_input.delta" if self.open => {
                // The text is escaped once more: it stands in a string of the arguments, which are a string themselves.
                out(Event::Delta(Delta::Arguments(twice(&delta))));
            }
            "response.output_item.done" => self.done(get(&found, "item").unwrap_or_default(), out),
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.end(get(&found, "response").unwrap_or_default(), out);
            }
            "error" => self.fail(failure::read(200, data), out),
            _ => {}
        }
    }

    /// The stream is over.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        if !self.ended {
            let failure = Failure::new(FailureKind::Api, "the answer ended before it was complete");
            self.fail(failure, out);
        }
    }

    fn start(&mut self, response: &str, out: &mut dyn FnMut(Event<'_>)) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let id = text_member(response, "id").unwrap_or_default();
        let model = text_member(response, "model").unwrap_or_default();
        out(Event::Start { id, model, usage: Usage::default() });
    }

    fn begin(&mut self, start: BlockStart<'_>, out: &mut dyn FnMut(Event<'_>)) {
        self.start("{}", out);
        self.stop(out);
        self.open = true;
        out(Event::BlockStart(start));
    }

    fn stop(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        if std::mem::take(&mut self.open) {
            out(Event::BlockStop);
        }
    }

    /// More of a text or of thoughts, which begin with their first word.
    fn go_on(&mut self, start: BlockStart<'_>, delta: Delta<'_>, out: &mut dyn FnMut(Event<'_>)) {
        if !self.open {
            self.begin(start, out);
        }
        out(Event::Delta(delta));
    }

    fn added(&mut self, item: &str, out: &mut dyn FnMut(Event<'_>)) {
        self.stop(out);
        let found = members(item).unwrap_or_default();
        let kind = get(&found, "type").and_then(inside).unwrap_or_default();
        if !matches!(kind, "function_call" | "custom_tool_call") {
            return;
        }
        self.called = true;
        let id = get(&found, "call_id").and_then(text).unwrap_or_default();
        self.begin(BlockStart::ToolUse { id, name: tool_name(&found) }, out);
        if kind == "custom_tool_call" {
            out(Event::Delta(Delta::Arguments(Text::escaped("{\\\"input\\\":\\\""))));
        }
    }

    fn done(&mut self, item: &str, out: &mut dyn FnMut(Event<'_>)) {
        let found = members(item).unwrap_or_default();
        if is_redacted(&found) {
            let data = get(&found, "encrypted_content").map(|_| block(&found));
            if let Some(Some(BlockKind::RedactedThinking { data })) = data {
                let whole = format!("{{\"type\":\"redacted_thinking\",\"data\":\"{}\"}}", data.as_escaped());
                self.begin(BlockStart::Other(Json::trusted_owned(whole)), out);
            }
        } else if let Some(BlockKind::Thinking { signature, .. }) = block(&found)
            && !signature.is_empty()
        {
            self.go_on(BlockStart::Thinking, Delta::Signature(signature), out);
        } else if self.open && get(&found, "type").and_then(inside) == Some("custom_tool_call") {
            out(Event::Delta(Delta::Arguments(Text::escaped("\\\"}"))));
        } else if get(&found, "type").and_then(inside) == Some("tool_search_call") {
            self.searched(&found, out);
        }
        self.stop(out);
    }

    /// A search comes whole.
    fn searched(&mut self, found: &[(&str, &str)], out: &mut dyn FnMut(Event<'_>)) {
        if let Some(BlockKind::ToolUse { id, name, input }) = block(found) {
            self.called = true;
            self.begin(BlockStart::ToolUse { id, name }, out);
            out(Event::Delta(Delta::Arguments(Text::plain(input.as_str()))));
        }
    }

    fn end(&mut self, response: &str, out: &mut dyn FnMut(Event<'_>)) {
        let found = members(response).unwrap_or_default();
        match ending(&found, self.called) {
            Ok((reason, usage)) => {
                self.start(response, out);
                self.stop(out);
                out(Event::Stop { reason, stop_sequence: None, usage });
                out(Event::End);
                self.ended = true;
            }
            Err(failure) => self.fail(failure, out),
        }
    }

    fn fail(&mut self, failure: Failure, out: &mut dyn FnMut(Event<'_>)) {
        self.stop(out);
        self.ended = true;
        out(Event::Error(failure));
    }
}

fn twice(text: &Text<'_>) -> Text<'static> {
    let mut escaped = String::with_capacity(text.as_escaped().len() + 16);
    escape_into(text.as_escaped(), &mut escaped);
    Text::escaped_owned(escaped)
}
