//! Laws of the Anthropic codec, over random requests, streams and events.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use branchline_wire::codec::anthropic::{decode, encode, patch, stream};
use branchline_wire::collect::Collector;
use branchline_wire::edit::{self, BlockPath, Edit};
use branchline_wire::hub::{BlockStart, Delta, Event, Failure, FailureKind, StopReason, Usage};
use branchline_wire::json::Json;
use branchline_wire::text::Text;
use branchline_wire::{Dialect, sse};
use grammar::{check_grammar, frames};
use pieces::in_pieces;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

#[path = "support/grammar.rs"]
mod grammar;
#[path = "support/pieces.rs"]
mod pieces;

fn genuine() -> Dialect {
    Dialect { genuine_anthropic: true, ..Dialect::default() }
}

// Random requests ------------------------------------------------------------------------------------------------

/// Visible text with everything that needs care: quotes, breaks, wide characters.
fn words() -> impl Strategy<Value = String> {
    "[a-z\"\\\\äß庭🌱][ a-zA-Z0-9\"\\\\/\n\t{}<>äß庭🌱]{0,24}"
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        words().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,5}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Unknown members, under names the protocol does not have.
fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("zz_[a-z]{1,3}", anything(), 0..2).prop_map(|map| map.into_iter().collect())
}

/// The object with the unknown members, in one of two orders.
fn with(value: Value, more: Map<String, Value>, first: bool) -> Value {
    let Value::Object(own) = value else { return value };
    Value::Object(if first { more.into_iter().chain(own).collect() } else { own.into_iter().chain(more).collect() })
}

fn decorated(blocks: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    (blocks, unknown(), any::<bool>()).prop_map(|(block, more, first)| with(block, more, first))
}

fn image() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[A-Za-z0-9+/]{8,24}".prop_map(
            |data| json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
        ),
        Just(json!({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}})),
        Just(json!({"source": {"file_id": "f", "type": "file"}, "type": "image"})),
    ]
}

fn text_block() -> impl Strategy<Value = Value> {
    words().prop_map(|text| json!({"type": "text", "text": text}))
}

fn user_block() -> impl Strategy<Value = Value> {
    decorated(prop_oneof![
        4 => text_block(),
        2 => image(),
        1 => words().prop_map(|data| json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": data}, "title": "t"})),
        1 => anything().prop_map(|inner| json!({"type": "zz_unknown", "content": inner})),
    ])
}

fn assistant_block() -> impl Strategy<Value = Value> {
    decorated(prop_oneof![
        4 => text_block(),
        1 => words().prop_map(|text| json!({"type": "thinking", "thinking": text, "signature": "RXF1YXRvcg=="})),
        1 => Just(json!({"type": "redacted_thinking", "data": "c2VhbGVk"})),
        1 => anything().prop_map(|inner| json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": inner}})),
    ])
}

fn said(blocks: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![words().prop_map(Value::from), prop::collection::vec(blocks, 1..4).prop_map(Value::from)]
}

/// One question, one answer, and maybe a round of calls and results between them.
#[derive(Clone, Debug)]
struct Round {
    question: Value,
    instruction: Option<String>,
    calls: Vec<(Value, Value, bool)>,
    answer: Value,
    more: Map<String, Value>,
}

fn round() -> impl Strategy<Value = Round> {
    let call = (anything(), said(prop_oneof![text_block(), image()]), any::<bool>());
    (
        said(user_block()),
        prop::option::of(words()),
        prop::collection::vec(call, 0..3),
        said(assistant_block()),
        unknown(),
    )
        .prop_map(|(question, instruction, calls, answer, more)| Round {
            question,
            instruction,
            calls,
            answer,
            more,
        })
}

fn conversation(rounds: Vec<Round>) -> Vec<Value> {
    let mut messages = Vec::new();
    for (n, round) in rounds.into_iter().enumerate() {
        messages.push(with(json!({"role": "user", "content": round.question}), round.more, false));
        messages.extend(round.instruction.map(|text| json!({"role": "system", "content": text})));
        let (mut calls, mut results) = (Vec::new(), Vec::new());
        for (m, (input, result, failed)) in round.calls.into_iter().enumerate() {
            let id = format!("toolu_{n}_{m}");
            calls.push(json!({"type": "tool_use", "id": id, "name": "f", "input": {"v": input}}));
            let mut result = json!({"tool_use_id": id, "content": result, "type": "tool_result"});
            if failed {
                result["is_error"] = true.into();
            }
            results.push(result);
        }
        if !calls.is_empty() {
            messages.push(json!({"role": "assistant", "content": calls}));
            messages.push(json!({"role": "user", "content": results}));
        }
        messages.push(json!({"role": "assistant", "content": round.answer}));
    }
    messages
}

fn tool() -> impl Strategy<Value = Value> {
    decorated(prop_oneof![
        words().prop_map(|text| json!({"name": "f", "description": text, "input_schema": {"type": "object"}})),
        Just(json!({"type": "web_search_20250305", "name": "web_search"})),
        Just(json!({"name": "g", "input_schema": {"type": "object"}, "defer_loading": true})),
    ])
}

prop_compose! {
    fn request()(
        rounds in prop::collection::vec(round(), 1..4),
        system in prop::option::of(said(decorated(text_block()))),
        tools in prop::option::of(prop::collection::vec(tool(), 1..4)),
        options in prop::collection::vec(any::<bool>(), 8),
        more in unknown(),
        keys in any::<bool>(),
    ) -> Value {
        let mut body = json!({"model": "m", "max_tokens": 100});
        let mut put = |name: &str, value: Value| body[name] = value;
        if let Some(system) = system { put("system", system); }
        put("messages", conversation(rounds).into());
        if let Some(tools) = tools { put("tools", tools.into()); }
        for (wanted, (name, value)) in options.iter().zip([
            ("stream", json!(true)),
            ("temperature", json!(0.25)),
            ("stop_sequences", json!(["a\"", "b"])),
            ("thinking", json!({"type": "enabled", "budget_tokens": 2048, "display": "omitted"})),
            ("tool_choice", json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true})),
            ("output_config", json!({"effort": "high", "task_budget": {"total": 5}})),
            ("metadata", json!({"user_id": "u", "zz": 1})),
            ("container", json!({"id": "c"})),
        ]) {
            if *wanted { put(name, value); }
        }
        with(body, more, keys)
    }
}

fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

proptest! {
    #[test]
    fn the_hub_round_trip_is_the_identity(body in request()) {
        let source = body.to_string();
        let decoded = decode::request(&source).unwrap();
        let encoded = encode::request(&decoded, &genuine());
        prop_assert_eq!(value(&encoded.body), body);
        prop_assert_eq!(encoded.dropped, []);
    }

    #[test]
    fn no_edits_mean_the_same_bytes(body in request()) {
        let source = body.to_string();
        let mut decoded = decode::request(&source).unwrap();
        edit::apply(&mut decoded, &[]);
        prop_assert_eq!(String::from_utf8(patch::request(&decoded, &Dialect::default()).body).unwrap(), source);
    }

    #[test]
    fn an_edit_changes_nothing_but_its_place(body in request(), which in any::<Index>()) {
        let source = body.to_string();
        let mut decoded = decode::request(&source).unwrap();
        let places: Vec<_> = edit::images(&decoded).map(|(at, _)| at).collect();
        prop_assume!(!places.is_empty());
        let at = *which.get(&places);
        edit::apply(&mut decoded, &[Edit::ReplaceBlock { at, with: "a picture".to_owned() }]);
        let mut wanted = body;
        let mut place = &mut wanted["messages"][at.message]["content"][at.block];
        if let Some(inner) = at.inner {
            place = &mut place["content"][inner];
        }
        *place = json!({"type": "text", "text": "a picture"});
        prop_assert_eq!(value(&patch::request(&decoded, &Dialect::default()).body), wanted);
    }

    #[test]
    fn what_is_encoded_alternates_and_every_call_is_answered_at_once(
        body in request(),
        drops in prop::collection::vec((any::<Index>(), any::<Index>()), 0..6),
    ) {
        let source = body.to_string();
        let mut decoded = decode::request(&source).unwrap();
        let edits: Vec<_> = drops.iter().map(|(message, block)| {
            let message = message.index(decoded.messages.len());
            let block = block.index(decoded.messages[message].content.blocks().len().max(1));
            Edit::DropBlock { at: BlockPath { message, block, inner: None } }
        }).collect();
        edit::apply(&mut decoded, &edits);
        for dialect in [genuine(), Dialect::default()] {
            let encoded = value(&encode::request(&decoded, &dialect).body);
            check_conversation(encoded["messages"].as_array().unwrap())?;
        }
    }

    #[test]
    fn a_fold_leaves_no_system_message_and_loses_no_word(body in request()) {
        let source = body.to_string();
        let mut decoded = decode::request(&source).unwrap();
        edit::apply(&mut decoded, &[Edit::FoldSystem]);
        let after = value(&patch::request(&decoded, &Dialect::default()).body);
        let all = after["messages"].to_string();
        for message in body["messages"].as_array().unwrap() {
            if message["role"] == "system" {
                let text = message["content"].as_str().unwrap().trim();
                prop_assert!(all.contains(Text::plain(text).as_escaped()));
            }
        }
        prop_assert!(after["messages"].as_array().unwrap().iter().all(|message| message["role"] != "system"));
    }

    #[test]
    fn no_text_makes_the_decoders_panic(body in r#"[\[\]{}",:a-z0-9_ ]{0,64}"#) {
        let _ = decode::request(&body);
        let _ = decode::response(&body);
        let mut decoder = stream::Decoder::default();
        decoder.frame("", &body, &mut |_| ());
        decoder.finish(&mut |_| ());
    }
}

fn ids(message: &Value, kind: &str, key: &str) -> Vec<String> {
    let blocks = message["content"].as_array().cloned().unwrap_or_default();
    blocks
        .iter()
        .filter(|block| block["type"] == kind)
        .filter_map(|block| block[key].as_str().map(str::to_owned))
        .collect()
}

fn check_conversation(messages: &[Value]) -> Result<(), TestCaseError> {
    prop_assert!(messages.first().is_none_or(|first| first["role"] == "user"));
    for (at, message) in messages.iter().enumerate() {
        let before = at.checked_sub(1).map(|n| &messages[n]);
        prop_assert!(before.is_none_or(|before| before["role"] != message["role"]));
        let mut open = before.map(|before| ids(before, "tool_use", "id")).unwrap_or_default();
        let mut answered = ids(message, "tool_result", "tool_use_id");
        let leading = message["content"]
            .as_array()
            .map_or(0, |blocks| blocks.iter().take_while(|block| block["type"] == "tool_result").count());
        prop_assert_eq!(leading, answered.len(), "results stand first");
        open.sort();
        answered.sort();
        prop_assert_eq!(open, answered);
    }
    prop_assert!(messages.last().is_none_or(|last| ids(last, "tool_use", "id").is_empty()));
    Ok(())
}

// Streams --------------------------------------------------------------------------------------------------------

fn usage() -> impl Strategy<Value = Usage> {
    let count = || prop::option::of(0u64..1000);
    (count(), count(), count()).prop_map(|(input, output, cache_read)| Usage {
        input,
        output,
        cache_read,
        ..Usage::default()
    })
}

fn text() -> impl Strategy<Value = Text<'static>> {
    words().prop_map(|plain| Text::plain(&plain).into_owned())
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let id = || select(vec!["", "a", "functions.f:0"]).prop_map(Text::escaped);
    let other = Json::trusted("{\"type\":\"redacted_thinking\",\n\"data\":\"x\"}");
    let reason = select(vec![StopReason::EndTurn, StopReason::MaxTokens, StopReason::ToolUse]);
    prop_oneof![
        2 => (id(), usage()).prop_map(|(id, usage)| Event::Start { id, model: Text::escaped("m"), usage }),
        2 => Just(Event::BlockStart(BlockStart::Text)),
        1 => Just(Event::BlockStart(BlockStart::Thinking)),
        2 => id().prop_map(|id| Event::BlockStart(BlockStart::ToolUse { id, name: Text::escaped("f") })),
        1 => Just(Event::BlockStart(BlockStart::Other(other))),
        4 => text().prop_map(|text| Event::Delta(Delta::Text(text))),
        1 => text().prop_map(|text| Event::Delta(Delta::Thinking(text))),
        1 => select(vec!["", "c2ln"]).prop_map(|text| Event::Delta(Delta::Signature(Text::escaped(text)))),
        2 => text().prop_map(|text| Event::Delta(Delta::Arguments(text))),
        1 => Just(Event::Delta(Delta::Other(Json::trusted(r#"{"type":"citations_delta","citation":{}}"#)))),
        4 => Just(Event::BlockStop),
        1 => (reason, usage()).prop_map(|(reason, usage)| Event::Stop { reason, stop_sequence: None, usage }),
        1 => Just(Event::End),
        1 => Just(Event::Ping),
        1 => Just(Event::Error(Failure::new(FailureKind::Overloaded, "busy \"now\"\n"))),
    ]
}

fn encoded(events: &[Event<'_>]) -> Vec<u8> {
    let mut encoder = stream::Encoder::seeded(1);
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    out
}

fn owned(event: &Event<'_>) -> String {
    format!("{event:?}")
}

fn decoded<'b>(chunks: impl IntoIterator<Item = &'b [u8]>) -> (Vec<String>, Collector) {
    let mut parser = sse::Parser::default();
    let mut decoder = stream::Decoder::default();
    let (mut events, mut collector) = (Vec::new(), Collector::default());
    let mut out = |event: Event<'_>| {
        events.push(owned(&event));
        collector.event(&event);
    };
    for chunk in chunks {
        parser.push(chunk, |event, data| decoder.frame(event, data, &mut out)).unwrap();
    }
    parser.finish(|event, data| decoder.frame(event, data, &mut out));
    decoder.finish(&mut out);
    (events, collector)
}

/// A whole answer as Anthropic would give it, and the same as a stream, in pieces of `step` characters.
fn answer() -> impl Strategy<Value = Value> {
    let block = prop_oneof![
        words().prop_map(|text| json!({"type": "text", "text": text})),
        words().prop_map(|text| json!({"type": "thinking", "thinking": text, "signature": "c2ln"})),
        anything().prop_map(|input| json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"v": input}})),
        Just(json!({"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}})),
        Just(json!({"type": "redacted_thinking", "data": "x"})),
        anything().prop_map(|inner| json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": inner})),
    ];
    (prop::collection::vec(block, 0..4), select(vec!["end_turn", "tool_use", "max_tokens", "refusal"])).prop_map(
        |(content, reason)| {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
                "stop_reason": reason, "stop_sequence": null,
                "usage": {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 2,
                    "cache_creation_input_tokens": 0}})
        },
    )
}

fn pieces(text: &str, step: usize) -> Vec<String> {
    in_pieces(text.chars(), &[step])
}

fn as_stream(answer: &Value, step: usize) -> String {
    let mut out = String::new();
    let mut put = |data: Value| out.push_str(&format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap()));
    let mut start = answer.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = json!(1);
    put(json!({"type": "message_start", "message": start}));
    for (index, block) in answer["content"].as_array().unwrap().iter().enumerate() {
        let mut open = block.clone();
        let mut deltas = Vec::new();
        let mut cut = |key: &str, kind: &str, member: &str, empty: Value| {
            let text = if key == "input" { block[key].to_string() } else { block[key].as_str().unwrap().to_owned() };
            deltas.extend(pieces(&text, step).into_iter().map(|piece| json!({"type": kind, member: piece})));
            open[key] = empty;
        };
        match block["type"].as_str().unwrap() {
            "text" => cut("text", "text_delta", "text", "".into()),
            "thinking" => {
                cut("thinking", "thinking_delta", "thinking", "".into());
                cut("signature", "signature_delta", "signature", "".into());
            }
            "tool_use" => cut("input", "input_json_delta", "partial_json", json!({})),
            _ => {}
        }
        put(json!({"type": "content_block_start", "index": index, "content_block": open}));
        deltas
            .into_iter()
            .for_each(|delta| put(json!({"type": "content_block_delta", "index": index, "delta": delta})));
        put(json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": answer["stop_reason"], "stop_sequence": null});
    put(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}));
    put(json!({"type": "message_stop"}));
    out
}

proptest! {
    #[test]
    fn every_stream_is_grammatical_whatever_the_events(events in prop::collection::vec(event(), 0..24)) {
        let ended = check_grammar(&frames(&encoded(&events)))?;
        let wanted = events.iter().any(|event| matches!(event, Event::End | Event::Error(_)));
        prop_assert_eq!(ended, wanted);
    }

    #[test]
    fn no_word_is_lost_in_a_stream(events in prop::collection::vec(event(), 0..24)) {
        let written = String::from_utf8(encoded(&events)).unwrap();
        for event in events.iter().take_while(|event| !matches!(event, Event::End | Event::Error(_))) {
            if let Event::Delta(Delta::Text(text) | Delta::Thinking(text) | Delta::Arguments(text)) = event {
                prop_assert!(written.contains(text.as_escaped()));
            }
        }
    }

    #[test]
    fn any_chunking_gives_the_same_events(answer in answer(), step in 1usize..9, size in 1usize..64) {
        let stream = as_stream(&answer, step);
        let (whole, _) = decoded([stream.as_bytes()]);
        let (split, _) = decoded(stream.as_bytes().chunks(size));
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn a_collected_stream_equals_the_whole_answer(answer in answer(), step in 1usize..9) {
        let stream = as_stream(&answer, step);
        let body = answer.to_string();
        let (_, collector) = decoded([stream.as_bytes()]);
        prop_assert_eq!(collector.finish().unwrap(), decode::response(&body).unwrap());
    }

    #[test]
    fn a_stream_survives_the_hub(answer in answer(), step in 1usize..9) {
        let mut encoder = stream::Encoder::seeded(1);
        let mut out = Vec::new();
        let mut decoder = stream::Decoder::default();
        for (event, data) in frames(as_stream(&answer, step).as_bytes()) {
            decoder.frame(&event, &data.to_string(), &mut |event| encoder.event(&event, &mut out));
        }
        prop_assert!(check_grammar(&frames(&out))?);
        let (_, collector) = decoded([&out[..]]);
        let body = answer.to_string();
        prop_assert_eq!(collector.finish().unwrap(), decode::response(&body).unwrap());
    }

    #[test]
    fn a_stream_that_dies_anywhere_still_ends_grammatically(answer in answer(), cut in any::<Index>()) {
        let stream = as_stream(&answer, 4);
        let bytes = &stream.as_bytes()[..cut.index(stream.len())];
        let mut parser = sse::Parser::default();
        let mut decoder = stream::Decoder::default();
        let mut encoder = stream::Encoder::seeded(1);
        let mut out = Vec::new();
        let mut relay = |event: Event<'_>| encoder.event(&event, &mut out);
        parser.push(bytes, |event, data| decoder.frame(event, data, &mut relay)).unwrap();
        parser.finish(|event, data| decoder.frame(event, data, &mut relay));
        decoder.finish(&mut relay);
        prop_assert!(check_grammar(&frames(&out))?, "the client learns how it ended");
    }

    #[test]
    fn an_encoded_answer_is_read_back(answer in answer()) {
        let body = answer.to_string();
        let response = decode::response(&body).unwrap();
        let written = encode::response(&response);
        prop_assert_eq!(decode::response(std::str::from_utf8(&written).unwrap()).unwrap().content, response.content);
        let written = value(&written);
        for key in ["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "container", "usage"] {
            prop_assert!(written.get(key).is_some(), "{}", key);
        }
    }
}
