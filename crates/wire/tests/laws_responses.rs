//! Laws of the OpenAI Responses codec, tried on random conversations and streams.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use branchline_wire::codec::{Asked, StreamEncoder, decode_request, decode_response, encode_request, encode_response};
use branchline_wire::collect::Collector;
use branchline_wire::hub::{
    Block, BlockKind, BlockStart, CallShape, Delta, Event, Response, Spelling, StopReason, Usage,
};
use branchline_wire::json::Json;
use branchline_wire::sse::Parser;
use branchline_wire::text::Text;
use branchline_wire::{Dialect, Protocol, Upstream};
use conversation::{Maker, is_named, rendered_messages, said};
use pieces::in_pieces;
use proptest::prelude::*;
use serde_json::{Value, json};
use streams::{any_event, events_of, fails_closed, read, read_as_anything};

#[path = "support/conversation.rs"]
mod conversation;
#[path = "support/pieces.rs"]
mod pieces;
#[path = "support/streams.rs"]
mod streams;

impl Maker {
    fn picture(&mut self, path: &str) -> Value {
        let data = self.picture_data(path);
        json!({"type": "input_image", "image_url": format!("data:image/png;base64,{data}")})
    }

    fn part(&mut self, seed: u8, path: &str) -> Value {
        match seed % 4 {
            0 => self.picture(path),
            1 => json!({"type": "input_mystery", "words": self.text(path)}),
            2 => json!({"type": "input_image", "file_id": self.text(path)}),
            _ => json!({"type": "input_text", "text": self.text(path)}),
        }
    }

    fn output(&mut self, seed: u8, path: &str) -> Value {
        match seed % 3 {
            0 => json!(self.text(path)),
            1 => json!([{"type": "input_text", "text": self.text(&format!("{path}.output[0]"))},
                self.part(seed / 3, &format!("{path}.output[1]"))]),
            _ => json!([self.picture(&format!("{path}.output[0]"))]),
        }
    }

    /// An item of the model, and the result that follows it.
    fn step(&mut self, seed: u8, at: usize) -> Vec<Value> {
        let (id, path, behind) = (format!("c{at}"), format!("input[{at}]"), format!("input[{}]", at + 1));
        match seed % 7 {
            0 => vec![json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": self.text(&path)}],
                "encrypted_content": "foreign"})],
            1 | 2 => vec![
                json!({"type": "function_call", "call_id": id, "name": "Read",
                    "arguments": json!({"p": self.text(&path)}).to_string()}),
                json!({"type": "function_call_output", "call_id": id, "output": self.output(seed, &behind)}),
            ],
            3 => vec![
                json!({"type": "custom_tool_call", "call_id": id, "name": "apply_patch", "input": self.text(&path)}),
                json!({"type": "custom_tool_call_output", "call_id": id, "output": self.output(seed, &behind)}),
            ],
            4 => vec![
                json!({"type": "web_search_call", "id": id, "action": {"type": "search", "query": self.text(&path)}}),
            ],
            5 => vec![
                json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": self.text(&path)}]}),
            ],
            _ => vec![json!({"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": self.text(&path), "annotations": []}]})],
        }
    }
}

/// A conversation: a user's word, then items, with a word of the user behind each turn. Gives where each turn ends.
fn conversation(turns: &[Vec<u8>]) -> (Vec<Value>, Vec<usize>, Vec<(String, String)>) {
    let mut maker = Maker::default();
    let mut list = vec![json!({"role": "user", "content": maker.text("input[0].content")})];
    let mut ends = vec![1];
    for turn in turns {
        // Each request but the first goes on behind an answer.
        for seed in [6].iter().chain(turn) {
            let step = maker.step(*seed, list.len());
            list.extend(step);
        }
        let path = format!("input[{}].content[0]", list.len());
        let part = maker.part(turn[0] / 5, &path);
        list.push(json!({"type": "message", "role": "user", "content": [part]}));
        ends.push(list.len());
    }
    (list, ends, maker.texts)
}

fn render(input: &[Value], upstream: Upstream) -> (String, Vec<String>, Vec<String>) {
    let tools = json!([{"type": "function", "name": "Read"}, {"type": "custom", "name": "apply_patch"}]);
    let source = json!({"model": "m", "instructions": "s", "input": input, "tools": tools}).to_string();
    let hub = decode_request(Protocol::OpenaiResponses, &source).unwrap();
    let lost = hub.lost.iter().map(|lost| lost.path.clone()).collect();
    let encoded = encode_request(upstream, &hub, &Dialect::default());
    let dropped = encoded.dropped.into_iter().map(|lost| lost.path).collect();
    (String::from_utf8(encoded.body).unwrap(), dropped, lost)
}

fn turns() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..5), 0..5)
}

fn asked() -> Asked {
    let free = Spelling { name: Text::escaped("free"), shape: CallShape::Free };
    let within = CallShape::Within { namespace: Text::escaped("ns"), name: Text::escaped("in") };
    let within = Spelling { name: Text::escaped("ns__in"), shape: within };
    let search = Spelling { name: Text::escaped("tool_search"), shape: CallShape::ToolSearch };
    Asked { created: 7, spellings: vec![free, within, search], ..Asked::default() }
}

/// An answer in the hub, and how its texts are cut when it streams.
fn answer() -> impl Strategy<Value = (Response<'static>, usize)> {
    let text = || "[ a-z\n🚀\"\\\\é]{0,20}".prop_map(|plain| Text::plain(&plain).into_owned());
    let call =
        (prop::sample::select(vec!["plain", "free", "ns__in", "tool_search"]), text()).prop_map(|(name, text)| {
            let member = if name == "free" { "input" } else { "path" };
            let input = Json::trusted_owned(format!("{{\"{member}\":\"{}\"}}", text.as_escaped()));
            BlockKind::ToolUse { id: Text::escaped("call_x"), name: Text::escaped(name), input }
        });
    let block = prop_oneof![
        text().prop_map(|text| BlockKind::Text { text }),
        (text(), "[A-Za-z]{0,4}").prop_map(|(thinking, signature)| {
            BlockKind::Thinking { thinking, signature: Text::escaped_owned(signature) }
        }),
        "[A-Za-z]{1,4}".prop_map(|data| BlockKind::RedactedThinking { data: Text::escaped_owned(data) }),
        call,
    ];
    let reasons = vec![StopReason::EndTurn, StopReason::MaxTokens, StopReason::Refusal, StopReason::ContextWindow];
    (prop::collection::vec(block, 0..5), prop::sample::select(reasons), 1..7usize).prop_map(|(blocks, reason, cut)| {
        let usage =
            Usage { input: Some(9), output: Some(4), cache_read: Some(2), reasoning: Some(1), ..Usage::default() };
        let response = Response {
            id: Text::escaped("msg_1"),
            model: Text::escaped("m"),
            content: blocks.into_iter().map(Block::from).collect(),
            stop_reason: Some(reason),
            stop_sequence: None,
            usage,
        };
        (response, cut)
    })
}

/// The events of an answer whose texts come in pieces.
fn events<'r>(response: &'r Response<'_>, cut: usize) -> Vec<Event<'r>> {
    let pieces = |text: &str| -> Vec<Text<'static>> {
        let pieces: Vec<String> = in_pieces(Text::escaped(text).decode().chars(), &[cut]);
        pieces.iter().map(|piece| Text::plain(piece).into_owned()).collect()
    };
    let mut events =
        vec![Event::Start { id: response.id.borrowed(), model: response.model.borrowed(), usage: Usage::default() }];
    for block in &response.content {
        let (start, deltas): (_, Vec<Delta<'_>>) = match &block.kind {
            BlockKind::Text { text } => {
                (BlockStart::Text, pieces(text.as_escaped()).into_iter().map(Delta::Text).collect())
            }
            BlockKind::Thinking { thinking, signature } => {
                let thoughts = pieces(thinking.as_escaped()).into_iter().map(Delta::Thinking);
                (BlockStart::Thinking, thoughts.chain([Delta::Signature(signature.borrowed())]).collect())
            }
            BlockKind::ToolUse { id, name, input } => {
                let arguments = Text::plain(input.as_str());
                let deltas = pieces(arguments.as_escaped()).into_iter().map(Delta::Arguments).collect();
                (BlockStart::ToolUse { id: id.borrowed(), name: name.borrowed() }, deltas)
            }
            BlockKind::RedactedThinking { data } => {
                let whole = format!("{{\"type\":\"redacted_thinking\",\"data\":\"{}\"}}", data.as_escaped());
                (BlockStart::Other(Json::trusted_owned(whole)), Vec::new())
            }
            _ => unreachable!(),
        };
        events.push(Event::BlockStart(start));
        events.extend(deltas.into_iter().map(Event::Delta));
        events.push(Event::BlockStop);
    }
    events.push(Event::Stop { reason: response.stop_reason.unwrap(), stop_sequence: None, usage: response.usage });
    events.push(Event::End);
    events
}

fn streamed(events: &[Event<'_>], asked: &Asked) -> Vec<u8> {
    let mut encoder = StreamEncoder::new(Protocol::OpenaiResponses, asked);
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    out
}

/// Created first; items one after the other, added, gone on with and done; numbers without a gap; one end.
fn assert_grammatical(stream: &[u8]) {
    let (mut number, mut started, mut over) = (0, false, false);
    let (mut open, mut done): (Option<Value>, Vec<Value>) = (None, Vec::new());
    let mut parser = Parser::default();
    let each = |name: &str, data: &str| {
        let frame: Value = serde_json::from_str(data).unwrap();
        assert!(!over, "something follows the end");
        assert_eq!((frame["type"].as_str().unwrap(), frame["sequence_number"].as_u64().unwrap()), (name, number));
        number += 1;
        match name {
            "response.created" => assert!(!std::mem::replace(&mut started, true)),
            "response.in_progress" => assert_eq!(frame["response"]["status"], "in_progress"),
            "response.output_item.added" => {
                assert!(started && open.is_none() && frame["output_index"] == done.len());
                open = Some(frame["item"].clone());
            }
            "response.output_item.done" => {
                let added = open.take().unwrap();
                assert_eq!((&added["id"], &added["type"]), (&frame["item"]["id"], &frame["item"]["type"]));
                done.push(frame["item"].clone());
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                assert!(started && (open.is_none() || name == "response.failed"));
                assert_eq!(frame["response"]["output"], json!(done));
                assert_eq!(format!("response.{}", frame["response"]["status"].as_str().unwrap()), name);
                over = true;
            }
            _ => {
                let open = open.as_ref().unwrap();
                assert_eq!((&frame["item_id"], &frame["output_index"]), (&open["id"], &json!(done.len())), "{name}");
            }
        }
    };
    parser.push(stream, each).unwrap();
}

proptest! {
    #[test]
    fn nothing_is_lost_that_is_not_in_dropped(turns in turns()) {
        let (list, _, texts) = conversation(&turns);
        for upstream in [Upstream::OpenaiChat, Upstream::Anthropic] {
            let (body, dropped, lost) = render(&list, upstream);
            let said = said(&body);
            // What the hub has no place for is named by its place in the source, the rest by its place in the hub.
            let thoughts = dropped.iter().filter(|path| path.starts_with("messages[")).count();
            let mut silent = 0;
            for (path, text) in texts.iter().filter(|(_, text)| !said.contains(text.as_str())) {
                let named = is_named(&lost, path);
                silent += usize::from(!named || place_is_sealed(&lost, path));
                prop_assert!(named || thoughts > 0, "{text} of {path} is gone");
            }
            prop_assert!(silent <= thoughts, "{silent} texts are gone, {thoughts} places are told: {body}");
        }
    }

    #[test]
    fn the_next_longer_request_begins_with_the_same_bytes(turns in turns()) {
        let (list, ends, _) = conversation(&turns);
        for upstream in [Upstream::OpenaiChat, Upstream::Anthropic] {
            let mut before = String::new();
            for end in &ends {
                let after = rendered_messages(&render(&list[..*end], upstream).0);
                prop_assert!(after.starts_with(&before), "{before}\n{after}");
                before = after;
            }
        }
    }

    #[test]
    fn a_collected_stream_is_the_whole_answer((response, cut) in answer()) {
        let asked = asked();
        let whole = encode_response(Protocol::OpenaiResponses, &response, &asked);
        let whole = decode_response(Protocol::OpenaiResponses, std::str::from_utf8(&whole).unwrap()).unwrap();
        let mut collector = Collector::default();
        let bytes = streamed(&events(&response, cut), &asked);
        read(Protocol::OpenaiResponses, &bytes, &[usize::MAX], |event| collector.event(&event));
        prop_assert_eq!(collector.finish().unwrap(), whole.clone());
        let said = response.content.iter().filter(|block| !is_empty(&block.kind));
        prop_assert!(said.eq(whole.content.iter()), "{whole:?}");
        prop_assert_eq!(whole.usage, response.usage);
    }

    #[test]
    fn the_stream_ends_with_the_whole_answer((response, cut) in answer()) {
        let asked = asked();
        let whole: Value = serde_json::from_slice(&encode_response(Protocol::OpenaiResponses, &response, &asked)).unwrap();
        let bytes = streamed(&events(&response, cut), &asked);
        let mut last = Value::Null;
        let mut parser = Parser::default();
        parser.push(&bytes, |_, data| last = serde_json::from_str(data).unwrap()).unwrap();
        prop_assert_eq!(&last["response"], &whole);
    }

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_events(
        (response, cut) in answer(), sizes in prop::collection::vec(1..40usize, 1..6)
    ) {
        let bytes = streamed(&events(&response, cut), &asked());
        let events = |sizes: &[usize]| events_of(Protocol::OpenaiResponses, &bytes, sizes);
        prop_assert_eq!(events(&sizes), events(&[usize::MAX]));
    }

    #[test]
    fn a_stream_cut_anywhere_fails_but_closes_what_it_opened((response, cut) in answer(), at in 0.0..1.0f64) {
        let bytes = streamed(&events(&response, cut), &asked());
        // Without its last frame the answer is not complete.
        let last = bytes[..bytes.len() - 2].windows(2).rposition(|pair| pair == b"\n\n").unwrap();
        let kept = &bytes[..(at * last as f64) as usize];
        prop_assert!(fails_closed(|hear| read(Protocol::OpenaiResponses, kept, &[usize::MAX], hear)));
    }

    #[test]
    fn whatever_events_come_the_written_stream_is_grammatical(events in prop::collection::vec(any_event(), 0..24)) {
        assert_grammatical(&streamed(&events, &asked()));
    }

    #[test]
    fn any_text_is_decoded_without_panic(data in "[\\[\\]{}\",:a-z0-9 \\\\]{0,60}") {
        read_as_anything(Protocol::OpenaiResponses, &data);
    }
}

fn is_empty(kind: &BlockKind<'_>) -> bool {
    match kind {
        BlockKind::Text { text } => text.is_empty(),
        BlockKind::Thinking { thinking, signature } => thinking.is_empty() && signature.is_empty(),
        _ => false,
    }
}

/// A thought is named for its seal alone; its words are another loss.
fn place_is_sealed(lost: &[String], path: &str) -> bool {
    lost.iter().any(|place| *place == format!("{path}.encrypted_content"))
}
