//! Laws of the OpenAI chat codec, tried on random conversations and streams.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use branchline_wire::codec::{Asked, StreamDecoder, StreamEncoder, decode_request, decode_response, encode_request};
use branchline_wire::collect::Collector;
use branchline_wire::hub::{BlockStart, Delta, Event, Failure, FailureKind, Response, StopReason, Usage};
use branchline_wire::json::Cursor;
use branchline_wire::protocol::ReasoningReplay;
use branchline_wire::sse::Parser;
use branchline_wire::text::Text;
use branchline_wire::{Dialect, Protocol, Upstream};
use proptest::prelude::*;
use serde_json::{Value, json};

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

/// Makes blocks with texts that occur only once, and remembers where each stands.
#[derive(Default)]
struct Maker {
    made: usize,
    texts: Vec<(String, String)>,
}

impl Maker {
    fn text(&mut self, path: &str) -> String {
        self.made += 1;
        let text = format!("w{}\"\\\n\u{e9}\u{1F680}.", self.made);
        self.texts.push((path.to_owned(), text.clone()));
        text
    }

    fn picture(&mut self, path: &str) -> Value {
        self.made += 1;
        let data = format!("AAAA{}", self.made);
        self.texts.push((path.to_owned(), data.clone()));
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

/// The rendered messages without the closing bracket.
fn rendered_messages(body: &str) -> String {
    let mut found = String::new();
    Cursor::new(body)
        .object(|key, inner| {
            let value = inner.value()?;
            if key == "messages" {
                value.strip_suffix(']').unwrap().clone_into(&mut found);
            }
            Ok(())
        })
        .unwrap();
    found
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

/// Every string of a JSON value, with strings that are JSON themselves opened.
fn strings(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
            if let Ok(inner @ Value::Object(_)) = serde_json::from_str(text) {
                strings(&inner, out);
            }
        }
        Value::Array(list) => list.iter().for_each(|v| strings(v, out)),
        Value::Object(map) => map.values().for_each(|v| strings(v, out)),
        _ => {}
    }
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
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(self.cut).map(|piece| piece.iter().collect()).collect()
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

fn events_of(bytes: &[u8], sizes: &[usize]) -> Vec<String> {
    let mut parser = Parser::default();
    let mut decoder = StreamDecoder::new(Protocol::OpenaiChat);
    let mut events = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).min(rest.len());
        let mut each = |event: &str, data: &str| decoder.frame(event, data, &mut |e| events.push(format!("{e:?}")));
        parser.push(&rest[..size], &mut each).unwrap();
        rest = &rest[size..];
    }
    decoder.finish(&mut |e| events.push(format!("{e:?}")));
    events
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

fn any_event() -> impl Strategy<Value = Event<'static>> {
    let text = || "[a-z]{0,3}".prop_map(Text::escaped_owned);
    prop_oneof![
        (text(), text()).prop_map(|(id, model)| Event::Start { id, model, usage: Usage::default() }),
        Just(Event::BlockStart(BlockStart::Text)),
        Just(Event::BlockStart(BlockStart::Thinking)),
        (text(), text()).prop_map(|(id, name)| Event::BlockStart(BlockStart::ToolUse { id, name })),
        text().prop_map(|t| Event::Delta(Delta::Text(t))),
        text().prop_map(|t| Event::Delta(Delta::Thinking(t))),
        text().prop_map(|t| Event::Delta(Delta::Arguments(t))),
        text().prop_map(|t| Event::Delta(Delta::Signature(t))),
        Just(Event::BlockStop),
        Just(Event::Ping),
        Just(Event::Stop { reason: StopReason::EndTurn, stop_sequence: None, usage: Usage::default() }),
        prop::bool::weighted(0.2).prop_map(|end| if end { Event::End } else { Event::Ping }),
        prop::bool::weighted(0.2).prop_map(|fail| match fail {
            true => Event::Error(Failure::new(FailureKind::Api, "no")),
            false => Event::BlockStop,
        }),
    ]
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
        let mut said = String::new();
        strings(&serde_json::from_str(&body).unwrap(), &mut said);
        for (path, text) in texts {
            let reported = dropped.iter().any(|place| path.starts_with(place.as_str()) || place.starts_with(&path));
            prop_assert!(said.contains(&text) || reported, "{text} of {path} is gone");
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
        prop_assert_eq!(events_of(&bytes, &sizes), events_of(&bytes, &[bytes.len()]));
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
        let (mut open, mut failed) = (0i32, false);
        let mut check = |event: Event<'_>| {
            open += match event { Event::BlockStart(_) => 1, Event::BlockStop => -1, _ => 0 };
            failed |= matches!(event, Event::Error(_));
            assert!((0..=1).contains(&open));
        };
        for frame in &frames[..kept] {
            decoder.frame("", frame, &mut check);
        }
        decoder.finish(&mut check);
        prop_assert!(open == 0 && failed);
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
        let mut decoder = StreamDecoder::new(Protocol::OpenaiChat);
        decoder.frame("", &data, &mut |_| ());
        decoder.finish(&mut |_| ());
        _ = decode_request(Protocol::OpenaiChat, &data);
        _ = decode_response(Protocol::OpenaiChat, &data);
    }
}
