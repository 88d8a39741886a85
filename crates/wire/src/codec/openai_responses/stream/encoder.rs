//! Events to the events of a response.

use std::borrow::Cow;
use std::fmt::Write;

use crate::codec::Asked;
use crate::codec::openai_chat::read::{inside, member};
use crate::codec::openai_responses::encode::{Head, Item, PART, State, shape};
use crate::hub::{BlockStart, CallShape, Delta, Event, StopReason, Usage};
use crate::json::Json;
use crate::text::Text;

/// Writes a streamed answer.
///
/// Whatever events come, the response is created first, items follow each other, each is added before it goes on and
/// done before the next begins, the numbers of the events have no gap, and after the end nothing follows. What is open
/// when the stream fails stays undone: a client must not take half an item for a whole one.
#[derive(Debug, Default)]
pub struct Encoder {
    asked: Asked,
    head: Head,
    started: bool,
    closed: bool,
    sequence: u64,
    usage: Usage,
    stop: Option<StopReason>,
    /// The items that are done, with commas between them.
    output: String,
    /// How many items have been added.
    items: usize,
    /// `item_id` and `output_index` of the open item, each behind a comma.
    place: String,
    item: String,
    open: Open,
    /// A call whose text may have been cut off: it is made when more comes, or an end that says it was not.
    held: Option<Call>,
}

#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    Message(String),
    Reasoning {
        summary: String,
        signature: String,
    },
    Call(Call),
}

/// A call in the making; all texts are escaped.
#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
    shape: Option<CallShape<'static>>,
}

impl Call {
    /// It is written when its arguments are known.
    const fn is_made_at_once(&self) -> bool {
        matches!(self.shape, Some(CallShape::Free | CallShape::ToolSearch))
    }

    fn item(&self) -> Item<'_> {
        Item::call(&self.id, &self.name, Cow::Borrowed(&self.arguments), self.shape.as_ref())
    }
}

/// The part of a message, and that of a summary.
const CONTENT: &str = ",\"content_index\":0";
const SUMMARY: &str = ",\"summary_index\":0";

impl Encoder {
    /// Starts before the first event.
    #[must_use]
    pub fn new(asked: &Asked) -> Self {
        Self { asked: asked.clone(), ..Self::default() }
    }

    /// Writes one event.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        match event {
            // Codex counts events, not comments, when it waits for an answer.
            Event::Ping if self.started => self.response("response.in_progress", &State::InProgress, out),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::Start { id, model, usage } => {
                self.usage.update(*usage);
                self.start(id, model, out);
            }
            Event::BlockStart(start) => self.block_start(start, out),
            Event::Delta(delta) => self.delta(delta, out),
            Event::BlockStop => self.close(out),
            Event::Stop { reason, usage, .. } => {
                self.stop = Some(*reason);
                self.usage.update(*usage);
            }
            Event::End => self.end(out),
            Event::Error(failure) => {
                self.ensure_started(out);
                self.response("response.failed", &State::Failed(failure.clone()), out);
                self.closed = true;
            }
        }
    }

    fn start(&mut self, id: &Text<'_>, model: &Text<'_>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.head = Head::new(id, model, self.asked.created);
        self.response("response.created", &State::InProgress, out);
        self.response("response.in_progress", &State::InProgress, out);
    }

    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        self.start(&Text::default(), &Text::default(), out);
    }

    fn block_start(&mut self, start: &BlockStart<'_>, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.close(out);
        self.settle(out);
        match start {
            // An item begins with its first word: a block may stay empty.
            BlockStart::Text | BlockStart::Thinking => {}
            BlockStart::ToolUse { id, name } => self.call(id, name, out),
            BlockStart::Other(json) => {
                let is_redacted = member(json.as_str(), "type").and_then(inside) == Some("redacted_thinking");
                if let Some(data) = member(json.as_str(), "data").and_then(inside).filter(|_| is_redacted) {
                    let item = Item::redacted(data);
                    self.add(item.prefix(), "\"type\":\"reasoning\",\"summary\":[]", out);
                    self.done(&item, out);
                }
            }
        }
    }

    fn call(&mut self, id: &Text<'_>, name: &Text<'_>, out: &mut Vec<u8>) {
        let shape = shape(&self.asked, name).cloned();
        let (id, name) = (id.as_escaped().to_owned(), name.as_escaped().to_owned());
        let call = Call { id, name, shape, ..Call::default() };
        if !call.is_made_at_once() {
            let item = call.item();
            self.place(item.prefix());
            let mut added = String::with_capacity(256);
            item.write_function(&self.item, "in_progress", "", &mut added);
            self.added(&added, out);
        }
        self.open = Open::Call(call);
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        self.ensure_started(out);
        match delta {
            Delta::Text(text) if !text.is_empty() => self.text(text.as_escaped(), out),
            Delta::Thinking(text) if !text.is_empty() => self.thinking(text.as_escaped(), out),
            Delta::Signature(text) if !text.is_empty() => self.signature(text.as_escaped(), out),
            Delta::Arguments(text) => self.arguments(text.as_escaped(), out),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Message(_)) {
            self.close(out);
            self.settle(out);
            self.add(
                "msg",
                "\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]",
                out,
            );
            self.on_item("response.content_part.added", &[CONTENT, ",\"part\":", PART, "\"}"], out);
            self.open = Open::Message(String::new());
        }
        self.on_item("response.output_text.delta", &[CONTENT, ",\"delta\":\"", text, "\",\"logprobs\":[]"], out);
        if let Open::Message(said) = &mut self.open {
            said.push_str(text);
        }
    }

    fn reason(&mut self, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Reasoning { .. }) {
            self.close(out);
            self.settle(out);
            self.add("rs", "\"type\":\"reasoning\",\"summary\":[]", out);
            self.open = Open::Reasoning { summary: String::new(), signature: String::new() };
        }
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        self.reason(out);
        if matches!(&self.open, Open::Reasoning { summary, .. } if summary.is_empty()) {
            let part = [SUMMARY, ",\"part\":{\"type\":\"summary_text\",\"text\":\"\"}"];
            self.on_item("response.reasoning_summary_part.added", &part, out);
        }
        self.on_item("response.reasoning_summary_text.delta", &[SUMMARY, ",\"delta\":\"", text, "\""], out);
        if let Open::Reasoning { summary, .. } = &mut self.open {
            summary.push_str(text);
        }
    }

    fn signature(&mut self, text: &str, out: &mut Vec<u8>) {
        self.reason(out);
        if let Open::Reasoning { signature, .. } = &mut self.open {
            signature.push_str(text);
        }
    }

    fn arguments(&mut self, text: &str, out: &mut Vec<u8>) {
        let Open::Call(call) = &mut self.open else { return };
        call.arguments.push_str(text);
        if !call.is_made_at_once() && !text.is_empty() {
            self.on_item("response.function_call_arguments.delta", &[",\"delta\":\"", text, "\""], out);
        }
    }

    /// Ends the open item.
    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.open) {
            Open::Nothing => {}
            Open::Message(text) => {
                let said = [CONTENT, ",\"text\":\"", &text, "\",\"logprobs\":[]"];
                self.on_item("response.output_text.done", &said, out);
                self.on_item("response.content_part.done", &[CONTENT, ",\"part\":", PART, &text, "\"}"], out);
                self.done(&Item::Message(&text), out);
            }
            Open::Reasoning { summary, signature } => {
                if !summary.is_empty() {
                    self.summary_done(&summary, out);
                }
                if let Some(item) = Item::thoughts(&summary, &signature) {
                    self.done(&item, out);
                }
            }
            Open::Call(call) if call.is_made_at_once() => {
                let whole = Json::check(&Text::escaped(&call.arguments).decode()).is_ok();
                self.held = Some(call);
                if whole {
                    self.settle(out);
                }
            }
            Open::Call(call) => self.function_done(&call, out),
        }
    }

    fn summary_done(&mut self, text: &str, out: &mut Vec<u8>) {
        self.on_item("response.reasoning_summary_text.done", &[SUMMARY, ",\"text\":\"", text, "\""], out);
        let part = [SUMMARY, ",\"part\":{\"type\":\"summary_text\",\"text\":\"", text, "\"}"];
        self.on_item("response.reasoning_summary_part.done", &part, out);
    }

    fn function_done(&mut self, call: &Call, out: &mut Vec<u8>) {
        let item = call.item();
        let Item::Function { name, arguments, .. } = &item else { return };
        if call.arguments.is_empty() {
            self.on_item("response.function_call_arguments.delta", &[",\"delta\":\"", arguments, "\""], out);
        }
        let done = [",\"name\":\"", name, "\",\"arguments\":\"", arguments, "\""];
        self.on_item("response.function_call_arguments.done", &done, out);
        self.done(&item, out);
    }

    /// Makes the call that was held: its text is whole.
    fn settle(&mut self, out: &mut Vec<u8>) {
        let Some(call) = self.held.take() else { return };
        let item = call.item();
        self.place(item.prefix());
        let mut added = String::with_capacity(256);
        item.write_made(&self.item, &mut added);
        self.added(&added.replacen("\"completed\"", "\"in_progress\"", 1), out);
        if let Item::Free { input, .. } = &item {
            self.on_item("response.custom_tool_call_input.delta", &[",\"delta\":\"", input, "\""], out);
            self.on_item("response.custom_tool_call_input.done", &[",\"input\":\"", input, "\""], out);
        }
        self.done(&item, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.close(out);
        let state = State::at(self.stop.or(Some(StopReason::EndTurn)));
        if matches!(state, State::Completed) {
            self.settle(out);
        }
        let kind = match state {
            State::Completed | State::InProgress => "response.completed",
            State::Incomplete(_) => "response.incomplete",
            State::Failed(_) => "response.failed",
        };
        self.response(kind, &state, out);
        self.closed = true;
    }

    /// The next item begins.
    fn place(&mut self, prefix: &str) {
        self.item = self.head.item(prefix, self.items);
        self.place.clear();
        _ = write!(self.place, ",\"item_id\":\"{}\",\"output_index\":{}", self.item, self.items);
        self.items += 1;
    }

    /// Adds an item: its members behind the id.
    fn add(&mut self, prefix: &str, item: &str, out: &mut Vec<u8>) {
        self.place(prefix);
        let item = format!("{{\"id\":\"{}\",{item}}}", self.item);
        self.added(&item, out);
    }

    fn added(&mut self, item: &str, out: &mut Vec<u8>) {
        self.whole_item("response.output_item.added", item, out);
    }

    fn done(&mut self, item: &Item<'_>, out: &mut Vec<u8>) {
        let mut done = String::with_capacity(256);
        item.write(&self.item, &mut done);
        self.whole_item("response.output_item.done", &done, out);
        if !self.output.is_empty() {
            self.output.push(',');
        }
        self.output.push_str(&done);
    }

    fn whole_item(&mut self, kind: &str, item: &str, out: &mut Vec<u8>) {
        let index = (self.items - 1).to_string();
        self.frame(kind, &[",\"output_index\":", &index, ",\"item\":", item], out);
    }

    /// An event of the open item.
    fn on_item(&mut self, kind: &str, pieces: &[&str], out: &mut Vec<u8>) {
        let place = std::mem::take(&mut self.place);
        let mut all = Vec::with_capacity(pieces.len() + 1);
        all.push(place.as_str());
        all.extend_from_slice(pieces);
        self.frame(kind, &all, out);
        self.place = place;
    }

    /// An event with the response as it stands.
    fn response(&mut self, kind: &str, state: &State, out: &mut Vec<u8>) {
        let in_progress = matches!(state, State::InProgress);
        let (output, usage) = if in_progress { ("", None) } else { (self.output.as_str(), Some(&self.usage)) };
        let mut response = String::with_capacity(output.len() + 1024);
        self.head.write(state, output, usage, &self.asked.repeated, &mut response);
        self.frame(kind, &[",\"response\":", &response], out);
    }

    fn frame(&mut self, kind: &str, pieces: &[&str], out: &mut Vec<u8>) {
        let head = format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{}", self.sequence);
        out.extend_from_slice(head.as_bytes());
        for piece in pieces {
            out.extend_from_slice(piece.as_bytes());
        }
        out.extend_from_slice(b"}\n\n");
        self.sequence += 1;
    }
}
