//! Laws of the OpenAI chat codec, tried on random conversations and streams.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use branchline_wire::codec::{Asked, StreamDecoder, StreamEncoder, decode_request, decode_response, encode_request};
use branchline_wire::collect::Collector;
use branchline_wire::hub::{Failure, Response};
use branchline_wire::protocol::ReasoningReplay;
use branchline_wire::{Dialect, Protocol, Upstream};
use conversation::{Maker, is_named, rendered_messages, said};
use pieces::in_pieces;
use proptest::prelude::*;
use serde_json::{Value, json};
use streams::{any_event, events_of, fails_closed, read_as_anything};

#[path = "support/conversation.rs"]
mod conversation;
#[path = "support/pieces.rs"]
mod pieces;
#[path = "support/streams.rs"]
mod streams;

/// What one random step of a conversation is made of.
#[derive(Clone, Debug)]
struct Step {
    assistant: Vec<u8>,
    user: Vec<u8>,
    answered: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (prop::collection::vec(any::<u8>(), 1..4), prop::collection::vec(any::<u8>(), 1..4), prop::bool::weighted(0.8))
        .prop_map(|(assistant, user, answered)| Step { assistant, user, answered })
}

impl Maker {
    fn picture(&mut self, path: &str) -> Value {
        let data = self.picture_data(path);
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
    }

    fn user_block(&mut self, seed: u8, path: &str) -> Value {
        match seed % 7 {
            0 => self.picture(path),
            1 => {
                json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": self.text(path)}})
            }
            2 => {
                json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": self.text(path)}})
            }
            3 => json!({"type": "mystery", "words": self.text(path)}),
            4 => json!({"type": "search_result", "source": "s", "title": self.text(path),
                "content": [{"type": "text", "text": self.text(path)}]}),
            _ => json!({"type": "text", "text": self.text(path)}),
        }
    }

    fn assistant_block(&mut self, seed: u8, id: &str, path: &str) -> Value {
        match seed % 5 {
            0 => json!({"type": "thinking", "thinking": self.text(path), "signature": ""}),
            1 | 2 => json!({"type": "tool_use", "id": id, "name": "Read", "input": {"p": self.made}}),
            3 => json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {"q": self.text(path)}}),
            _ => json!({"type": "text", "text": self.text(path)}),
        }
    }

    fn result(&mut self, seed: u8, id: &str, path: &str) -> Value {
        let content = match seed % 3 {
            0 => json!(self.text(path)),
            1 => json!([{"type": "text", "text": self.text(&format!("{path}.content[0]"))},
                self.picture(&format!("{path}.content[1]"))]),
            _ => json!([self.user_block(seed / 3, &format!("{path}.content[0]"))]),
        };
        json!({"type": "tool_result", "tool_use_id": id, "content": content, "is_error": seed > 200})
    }
}

/// A conversation: a user's word, then steps of assistant and user.
fn conversation(steps: &[Step]) -> (Vec<Value>, Vec<(String, String)>) {
    let mut maker = Maker::default();
    let mut list = vec![json!({"role": "user", "content": maker.text("messages[0].content")})];
    for step in steps {
        let mut calls = Vec::new();
        let at = list.len();
        let mut said = Vec::new();
        for (nth, seed) in step.assistant.iter().enumerate() {
            let id = format!("c{at}_{nth}");
            said.push(maker.assistant_block(*seed, &id, &format!("messages[{at}].content[{nth}]")));
            if said[nth]["type"] == "tool_use" {
                calls.push(id);
            }
        }
        list.push(json!({"role": "assistant", "content": said}));
        let at = list.len();
        let mut blocks = Vec::new();
        for id in calls.iter().filter(|_| step.answered) {
            let path = format!("messages[{at}].content[{}]", blocks.len());
            blocks.push(maker.result(step.user[0], id, &path));
        }
        for seed in &step.user {
            let path = format!("messages[{at}].content[{}]", blocks.len());
            blocks.push(maker.user_block(*seed, &path));
        }
        list.push(json!({"role": "user", "content": blocks}));
    }
    (list, maker.texts)
}

fn render(messages: &[Value], dialect: &Dialect) -> (String, Vec<String>) {
    let source = json!({"model": "m", "max_tokens": 9, "system": "s", "messages": messages}).to_string();
    let hub = decode_request(Protocol::Anthropic, &source).unwrap();
    let encoded = encode_request(Upstream::OpenaiChat, &hub, dialect);
    (String::from_utf8(encoded.body).unwrap(), encoded.dropped.into_iter().map(|d| d.path).collect())
}

/// The same conversation as a client may send it the next time: cache marks moved, a string as a list of one text.
fn in_other_words(messages: &[Value]) -> Vec<Value> {
    let mut list = messages.to_vec();
    for message in &mut list {
        if let Some(text) = message["content"].as_str() {
            message["content"] = json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
        }
    }
    list
}

fn dialects() -> impl Strategy<Value = Dialect> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(images, null, string, replay)| Dialect {
        tool_result_images: images,
        null_content: null,
        text_content_as_string: string,
        reasoning_replay: if replay { ReasoningReplay::ReasoningContent } else { ReasoningReplay::Omit },
        ..Dialect::default()
    })
}

/// The roles a strict server takes: every call answered right behind it, nobody speaks twice.
fn assert_well_formed(body: &Value) {
    let mut waiting: Vec<String> = Vec::new();
    let mut before = "";
    for message in body["messages"].as_array().unwrap() {
        let role = message["role"].as_str().unwrap();
        if role == "tool" {
            assert_eq!(waiting.remove(0), message["tool_call_id"].as_str().unwrap());
        } else {
            assert!(waiting.is_empty(), "{waiting:?} not answered");
            assert_ne!(role, before);
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            waiting.push(call["id"].as_str().unwrap().to_owned());
        }
        before = role;
    }
    assert!(waiting.is_empty());
}

/// An answer of a backend, and the same as a stream of chunks.
#[derive(Clone, Debug)]
struct Answer {
    thinking: String,
    text: String,
    calls: Vec<(String, String)>,
    /// Where texts are cut, in characters.
    cut: usize,
    finish: &'static str,
}

fn answer() -> impl Strategy<Value = Answer> {
    let call = ("[a-z]{1,5}", "[a-zé\"\\\\\n{}\\[\\] ]{0,9}");
    let finish = prop::sample::select(vec!["stop", "length", "tool_calls", "content_filter"]);
    ("[ a-z\n🚀\"]{0,20}", "[ a-z\n\\\\é<]{0,20}", prop::collection::vec(call, 0..3), 1..7usize, finish)
        .prop_map(|(thinking, text, calls, cut, finish)| Answer { thinking, text, calls, cut, finish })
}

impl Answer {
    fn call(nth: usize, name: &str, text: &str) -> Value {
        json!({"index": nth, "id": format!("c{nth}"), "type": "function",
            "function": {"name": name, "arguments": json!({"a": text, "b": [1, {}]}).to_string()}})
    }

    fn whole(&self) -> String {
        let calls: Vec<Value> =
            self.calls.iter().enumerate().map(|(n, (name, text))| Self::call(n, name, text)).collect();
        json!({"id": "r", "model": "m", "usage": self.usage(), "choices": [{"index": 0, "finish_reason": self.finish,
            "message": {"role": "assistant", "reasoning_content": self.thinking, "content": self.text, "tool_calls": calls}}]})
        .to_string()
    }

    fn usage(&self) -> Value {
        json!({"prompt_tokens": 9, "completion_tokens": self.text.len()})
    }

    fn pieces(&self, text: &str) -> Vec<String> {
        in_pieces(text.chars(), &[self.cut])
    }

    fn frames(&self) -> Vec<String> {
        let mut deltas = vec![json!({"role": "assistant", "content": null})];
        deltas.extend(self.pieces(&self.thinking).into_iter().map(|piece| json!({"reasoning_content": piece})));
        deltas.extend(self.pieces(&self.text).into_iter().map(|piece| json!({"content": piece})));
        for (nth, (name, text)) in self.calls.iter().enumerate() {
            let mut call = Self::call(nth, name, text);
            let arguments = call["function"]["arguments"].as_str().unwrap().to_owned();
            call["function"]["arguments"] = json!("");
            deltas.push(json!({"tool_calls": [call]}));
            let more = |piece: String| json!({"tool_calls": [{"index": nth, "function": {"arguments": piece}}]});
            deltas.extend(self.pieces(&arguments).into_iter().map(more));
        }
        let chunk = |delta: &Value, finish: Value| {
            json!({"id": "r", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
                .to_string()
        };
        let mut frames: Vec<String> = deltas.iter().map(|delta| chunk(delta, Value::Null)).collect();
        frames.push(chunk(&json!({}), json!(self.finish)));
        frames.push(json!({"id": "r", "model": "m", "choices": [], "usage": self.usage()}).to_string());
        frames.push("[DONE]".into());
        frames
    }

    fn bytes(&self) -> Vec<u8> {
        self.frames().iter().flat_map(|data| format!(": still here\r\n\r\ndata: {data}\n\n").into_bytes()).collect()
    }
}

fn collected(frames: &[String]) -> Result<Response<'static>, Failure> {
    let mut decoder = StreamDecoder::new(Protocol::OpenaiChat);
    let mut collector = Collector::default();
    for frame in frames {
        decoder.frame("", frame, &mut |event| collector.event(&event));
    }
    decoder.finish(&mut |event| collector.event(&event));
    collector.finish()
}

/// Role first, calls counted from 0 and opened before they go on, one finish, nothing behind the end.
fn assert_grammatical(stream: &str) {
    let (mut started, mut calls, mut finished, mut over) = (false, 0, false, false);
    for frame in stream.split_terminator("\n\n").filter(|frame| *frame != ": ping") {
        assert!(!over, "something follows the end");
        let data = frame.strip_prefix("data: ").unwrap();
        if data == "[DONE]" {
            assert!(finished);
            over = true;
            continue;
        }
        let chunk: Value = serde_json::from_str(data).unwrap();
        over = chunk.get("error").is_some();
        if over || chunk["choices"] == json!([]) {
            continue;
        }
        let choice = &chunk["choices"][0];
        assert_eq!(choice["delta"].get("role").is_some(), !started);
        started = true;
        assert!(!finished);
        finished = !choice["finish_reason"].is_null();
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap();
            calls += u64::from(call.get("id").is_some());
            assert_eq!(index + 1, calls);
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_that_is_not_in_dropped(steps in prop::collection::vec(step(), 0..5), dialect in dialects()) {
        let (list, texts) = conversation(&steps);
        let (body, dropped) = render(&list, &dialect);
        let said = said(&body);
        for (path, text) in texts {
            prop_assert!(said.contains(&text) || is_named(&dropped, &path), "{text} of {path} is gone");
        }
    }

    #[test]
    fn the_next_longer_request_begins_with_the_same_bytes(
        steps in prop::collection::vec(step(), 1..6), dialect in dialects()
    ) {
        let (list, _) = conversation(&steps);
        let mut before = rendered_messages(&render(&list[..1], &dialect).0);
        for turns in 1..=steps.len() {
            let longer = in_other_words(&list[..=turns * 2]);
            let after = rendered_messages(&render(&longer, &dialect).0);
            prop_assert!(after.starts_with(&before), "{before}\n{after}");
            before = after;
        }
    }

    #[test]
    fn what_is_rendered_is_what_a_strict_server_takes(
        steps in prop::collection::vec(step(), 0..5), dialect in dialects()
    ) {
        let (list, _) = conversation(&steps);
        let (body, _) = render(&list, &dialect);
        assert_well_formed(&serde_json::from_str(&body).unwrap());
    }

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_events(
        answer in answer(), sizes in prop::collection::vec(1..40usize, 1..6)
    ) {
        let bytes = answer.bytes();
        let events = |sizes: &[usize]| events_of(Protocol::OpenaiChat, &bytes, sizes);
        prop_assert_eq!(events(&sizes), events(&[usize::MAX]));
    }

    #[test]
    fn a_collected_stream_is_the_whole_answer(answer in answer()) {
        let whole = answer.whole();
        let whole = decode_response(Protocol::OpenaiChat, &whole).unwrap();
        prop_assert_eq!(collected(&answer.frames()).unwrap(), whole);
    }

    #[test]
    fn a_stream_cut_anywhere_fails_but_closes_what_it_opened(answer in answer(), at in 0.0..1.0f64) {
        let frames = answer.frames();
        // The last three frames are finish, usage and [DONE]: without them the answer is not complete.
        let kept = (at * (frames.len() - 3) as f64) as usize;
        let mut decoder = StreamDecoder::new(Protocol::OpenaiChat);
        let closed = fails_closed(|hear| {
            for frame in &frames[..kept] {
                decoder.frame("", frame, hear);
            }
            decoder.finish(hear);
        });
        prop_assert!(closed);
    }

    #[test]
    fn whatever_events_come_the_written_stream_is_grammatical(
        events in prop::collection::vec(any_event(), 0..20), usage in any::<bool>()
    ) {
        let mut encoder = StreamEncoder::new(Protocol::OpenaiChat, &Asked { usage_wanted: usage, ..Asked::default() });
        let mut out = Vec::new();
        for event in &events {
            encoder.event(event, &mut out);
        }
        assert_grammatical(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn any_text_is_decoded_without_panic(data in "[\\[\\]{}\",:a-z0-9 \\\\]{0,60}") {
        read_as_anything(Protocol::OpenaiChat, &data);
    }
}
