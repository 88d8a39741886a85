//! Frames to events. Tolerant of what other servers leave out: `event:` lines, pings, block ends, `message_stop`.

use crate::codec::DecodeError;
use crate::codec::anthropic::decode::{Parts, Path, each_member, find, stop_reason, string, usage};
use crate::failure;
use crate::hub::{BlockStart, Delta, Event, Failure, FailureKind, StopReason, Usage};
use crate::json::{Cursor, Json};
use crate::text::Text;

type Out<'o> = &'o mut dyn FnMut(Event<'_>);

/// Reads the frames of one answer.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    /// A block is open.
    open: bool,
    /// Arguments that came with the start of the open block; they count only when none follow (escaped).
    whole_input: Option<String>,
    usage: Usage,
    stop: Option<StopReason>,
    /// Nothing may follow.
    ended: bool,
}

/// The members of an event.
#[derive(Default)]
struct Frame<'a> {
    kind: Option<&'a str>,
    message: Option<&'a str>,
    block: Option<&'a str>,
    delta: Option<&'a str>,
    usage: Option<&'a str>,
    error: bool,
}

impl Decoder {
    /// Reads one frame.
    pub fn frame(&mut self, event: &str, data: &str, out: Out<'_>) {
        // OpenRouter sends OpenAI's end mark behind `message_stop`.
        if self.ended || data.is_empty() || data == "[DONE]" {
            return;
        }
        let Ok(frame) = Frame::read(data) else {
            self.fail(Failure::new(FailureKind::Api, "the backend sent an event that is no JSON, or only a part"), out);
            return;
        };
        match frame.kind.map_or(event, |kind| kind.trim_matches('"')) {
            "message_start" => self.start(frame.message.unwrap_or("{}"), out),
            "content_block_start" => self.block_start(frame.block.unwrap_or("{}"), out),
            "content_block_delta" => self.delta(frame.delta.unwrap_or("{}"), out),
            "content_block_stop" => self.close(out),
            "message_delta" => self.message_delta(&frame, out),
            "message_stop" => self.end(out),
            "ping" => out(Event::Ping),
            _ if frame.error => {
                let value = serde_json::from_str(data).unwrap_or_default();
                self.fail(failure::from_value(200, &value), out);
            }
            _ => {}
        }
    }

    /// The stream is over.
    pub fn finish(&mut self, out: Out<'_>) {
        if self.ended {
            return;
        }
        if self.stop.is_some() {
            // Claude Code does not miss `message_stop` either when a stop reason was given.
            self.end(out);
            return;
        }
        let mut failure = Failure::new(FailureKind::Api, "the backend's answer ended before it was complete");
        if !self.started {
            failure.message = "the backend ended the stream without an answer".to_owned();
            failure.code = Some("empty_stream".to_owned());
        }
        self.fail(failure, out);
    }

    fn start(&mut self, message: &str, out: Out<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.usage.update(find(message, "usage").map(usage).unwrap_or_default());
        let text = |key| text(find(message, key));
        out(Event::Start { id: text("id"), model: text("model"), usage: self.usage });
    }

    fn block_start(&mut self, block: &str, out: Out<'_>) {
        self.started = true;
        self.close(out);
        let Ok(parts) = parts(block) else { return };
        self.open = true;
        match parts.kind.filter(|kind| kind.starts_with('"')) {
            // A block that does not say what it is can only be shown as text.
            Some("\"text\"") | None => {
                out(Event::BlockStart(BlockStart::Text));
                some(parts.text, Delta::Text, out);
            }
            Some("\"thinking\"") => {
                out(Event::BlockStart(BlockStart::Thinking));
                some(parts.thinking, Delta::Thinking, out);
                some(parts.signature, Delta::Signature, out);
            }
            Some("\"tool_use\"") => {
                let input = parts.input.filter(|input| input.starts_with('{') && !is_empty_object(input));
                self.whole_input = input.map(|input| Text::plain(input).as_escaped().to_owned());
                out(Event::BlockStart(BlockStart::ToolUse { id: text(parts.id), name: text(parts.name) }));
            }
            Some(_) => out(Event::BlockStart(BlockStart::Other(Json::trusted(block)))),
        }
    }

    fn delta(&mut self, delta: &str, out: Out<'_>) {
        self.started = true;
        let given = |key| text(find(delta, key));
        let delta = match find(delta, "type").unwrap_or_default() {
            "\"text_delta\"" => Delta::Text(given("text")),
            "\"thinking_delta\"" => Delta::Thinking(given("thinking")),
            "\"signature_delta\"" => Delta::Signature(given("signature")),
            "\"input_json_delta\"" => Delta::Arguments(given("partial_json")),
            kind if kind.starts_with('"') => Delta::Other(Json::trusted(delta)),
            _ => return,
        };
        if !self.open {
            self.open = true;
            out(Event::BlockStart(match &delta {
                Delta::Thinking(_) | Delta::Signature(_) => BlockStart::Thinking,
                Delta::Arguments(_) => BlockStart::ToolUse { id: Text::default(), name: Text::default() },
                Delta::Text(_) | Delta::Other(_) => BlockStart::Text,
            }));
        }
        if matches!(&delta, Delta::Arguments(more) if !more.is_empty()) {
            self.whole_input = None;
        }
        out(Event::Delta(delta));
    }

    fn close(&mut self, out: Out<'_>) {
        if let Some(input) = self.whole_input.take() {
            out(Event::Delta(Delta::Arguments(Text::escaped(&input))));
        }
        if std::mem::take(&mut self.open) {
            out(Event::BlockStop);
        }
    }

    fn message_delta(&mut self, frame: &Frame<'_>, out: Out<'_>) {
        self.started = true;
        self.usage.update(frame.usage.map(usage).unwrap_or_default());
        let mut sequence = None;
        each_member(frame.delta.unwrap_or_default(), |key, raw| match key {
            "stop_reason" => self.stop = stop_reason(raw).or(self.stop),
            "stop_sequence" => sequence = string(raw, &Path::Root).ok(),
            _ => {}
        });
        if let Some(reason) = self.stop {
            self.close(out);
            out(Event::Stop { reason, stop_sequence: sequence, usage: self.usage });
        }
    }

    fn end(&mut self, out: Out<'_>) {
        self.close(out);
        if self.stop.is_none() {
            out(Event::Stop { reason: StopReason::EndTurn, stop_sequence: None, usage: self.usage });
        }
        self.ended = true;
        out(Event::End);
    }

    fn fail(&mut self, failure: Failure, out: Out<'_>) {
        // Arguments that came whole are not given out: their block did not end.
        self.whole_input = None;
        self.close(out);
        self.ended = true;
        out(Event::Error(failure));
    }
}

impl<'a> Frame<'a> {
    fn read(data: &'a str) -> Result<Self, DecodeError> {
        let mut frame = Self::default();
        let mut cursor = Cursor::new(data);
        cursor.try_object(|key, inner| {
            let raw = inner.value()?;
            match key {
                "type" => frame.kind = Some(raw).filter(|raw| raw.starts_with('"')),
                "message" => frame.message = Some(raw),
                "content_block" => frame.block = Some(raw),
                "delta" => frame.delta = Some(raw),
                "usage" => frame.usage = Some(raw),
                "error" => frame.error = raw != "null",
                _ => {}
            }
            Ok::<_, DecodeError>(())
        })?;
        cursor.end()?;
        Ok(frame)
    }
}

fn parts(block: &str) -> Result<Parts<'_>, DecodeError> {
    let mut parts = Parts::default();
    Cursor::new(block).try_object(|key, inner| parts.member(key, inner, &Path::Root))?;
    Ok(parts)
}

fn text(raw: Option<&str>) -> Text<'_> {
    raw.and_then(|raw| string(raw, &Path::Root).ok()).unwrap_or_default()
}

fn some<'a>(raw: Option<&'a str>, delta: impl FnOnce(Text<'a>) -> Delta<'a>, out: Out<'_>) {
    let text = text(raw);
    if !text.is_empty() {
        out(Event::Delta(delta(text)));
    }
}

fn is_empty_object(json: &str) -> bool {
    json.bytes().all(|b| matches!(b, b'{' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))
}
