//! Laws of recovery, over random answers in every format, cut into random deltas.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use branchline_wire::codec::anthropic::stream::Encoder;
use branchline_wire::collect::Collector;
use branchline_wire::hub::{
    Block, BlockKind, BlockStart, Delta, Event, Failure, FailureKind, Response, StopReason, Tool, Usage,
};
use branchline_wire::json::Json;
use branchline_wire::recover::{self, Recovery, Report, recover_response};
use branchline_wire::text::Text;
use grammar::{check_grammar, frames};
use pieces::in_pieces;
use recovery::{reason, steps};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

#[path = "support/grammar.rs"]
mod grammar;
#[path = "support/pieces.rs"]
mod pieces;
#[path = "support/recovery.rs"]
mod recovery;

const SCHEMA: &str = r#"{"type":"object","properties":{"file_path":{"type":"string"},"content":{"type":"string"},
    "limit":{"type":"integer"},"deep":{"type":"boolean"},"ratio":{"type":"number"},
    "edits":{"type":"array","items":{"type":"string"}},"options":{"type":"object"}}}"#;

fn tool(name: &'static str) -> Tool<'static> {
    Tool { name: Text::escaped(name), input_schema: Some(Json::trusted(SCHEMA)), ..Tool::default() }
}

static TOOLS: LazyLock<[Tool<'static>; 3]> = LazyLock::new(|| [tool("Read"), tool("Write"), tool("mcp__git__log")]);

fn whole(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

/// The text in pieces whose lengths go round.
fn pieces(text: &str, steps: &[usize]) -> Vec<String> {
    in_pieces(text.chars(), steps)
}

struct Run {
    response: Result<Response<'static>, Failure>,
    report: Report,
    bytes: Vec<u8>,
    texts: Vec<String>,
}

impl Run {
    fn response(&self) -> &Response<'static> {
        self.response.as_ref().unwrap()
    }
}

fn run_events(recovery: Recovery<'_>, events: Vec<Event<'static>>) -> Run {
    let mut recovery = recovery.seeded(1);
    let (mut collector, mut encoder) = (Collector::default(), Encoder::seeded(1));
    let (mut bytes, mut texts) = (Vec::new(), Vec::new());
    let mut open = false;
    let mut out = |event: Event<'_>| {
        match &event {
            Event::BlockStart(_) => assert!(!std::mem::replace(&mut open, true), "a block opens in a block"),
            Event::BlockStop => assert!(std::mem::replace(&mut open, false), "no block is open"),
            Event::Delta(delta) => {
                assert!(open, "a delta outside a block");
                if let Delta::Text(text) = delta {
                    texts.push(text.decode().into_owned());
                }
            }
            Event::Stop { .. } | Event::End | Event::Error(_) => assert!(!open, "a block was left open"),
            _ => {}
        }
        collector.event(&event);
        encoder.event(&event, &mut bytes);
    };
    for event in events {
        recovery.event(event, &mut out);
    }
    recovery.finish(&mut out);
    Run { response: collector.finish(), report: recovery.report(), bytes, texts }
}

fn start() -> Event<'static> {
    Event::Start { id: Text::escaped("msg_1"), model: Text::escaped("m"), usage: Usage::default() }
}

fn prose_block(thinking: bool, deltas: &[String]) -> Vec<Event<'static>> {
    let mut events = vec![Event::BlockStart(if thinking { BlockStart::Thinking } else { BlockStart::Text })];
    for delta in deltas {
        let text = Text::plain(delta).into_owned();
        events.push(Event::Delta(if thinking { Delta::Thinking(text) } else { Delta::Text(text) }));
    }
    events.push(Event::BlockStop);
    events
}

fn native_call(name: &'static str, arguments: &Value) -> Vec<Event<'static>> {
    vec![
        Event::BlockStart(BlockStart::ToolUse { id: Text::escaped("toolu_n"), name: Text::escaped(name) }),
        Event::Delta(Delta::Arguments(Text::plain(&arguments.to_string()).into_owned())),
        Event::BlockStop,
    ]
}

fn run_with(recovery: Recovery<'_>, blocks: &[(bool, Vec<String>)], reason: StopReason) -> Run {
    let mut events = vec![start()];
    events.extend(blocks.iter().flat_map(|(thinking, deltas)| prose_block(*thinking, deltas)));
    events.extend([Event::Stop { reason, stop_sequence: None, usage: Usage::default() }, Event::End]);
    run_events(recovery, events)
}

fn run(deltas: Vec<String>, reason: StopReason) -> Run {
    run_with(Recovery::new(&*TOOLS), &[(false, deltas)], reason)
}

fn calls(response: &Response<'_>) -> Vec<(String, Value)> {
    let call = |block: &Block<'_>| match &block.kind {
        BlockKind::ToolUse { name, input, .. } => Some((name.decode().into_owned(), input.value())),
        _ => None,
    };
    response.content.iter().filter_map(call).collect()
}

fn text_of(response: &Response<'_>) -> String {
    response.content.iter().filter_map(Block::text).map(|text| text.decode().into_owned()).collect()
}

/// Everything that is not a call, without white space.
fn words_of(response: &Response<'_>) -> String {
    let said = |block: &Block<'_>| match &block.kind {
        BlockKind::Text { text } => text.decode().into_owned(),
        BlockKind::Thinking { thinking, .. } => thinking.decode().into_owned(),
        _ => String::new(),
    };
    squeezed(&response.content.iter().map(said).collect::<String>())
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

// Random answers -------------------------------------------------------------------------------------------------

/// Prose without anything that begins a marker.
fn prose() -> impl Strategy<Value = String> {
    "[a-zA-Zäß庭🌱][ a-zA-Z0-9.,:;!?\"'()\\\\/äß庭🌱\n\t-]{0,40}"
}

/// Pieces of every grammar, in any order: adversarial text.
fn shards() -> impl Strategy<Value = String> {
    let shard = prop_oneof![
        2 => prose(),
        3 => select(vec![
            "<tool_call>", "</tool_call>", "<function=Read>", "</function>", "<parameter=file_path>", "</parameter>",
            "[TOOL_CALLS]", "[ARGS]", "Read", "Write", "{\"name\": \"Read\", \"arguments\": {}}", "{\"file_path\": \"a\"}",
            "<think>", "</think>", "[THINK]", "[/THINK]", "<|channel|>", "<|message|>", "analysis", "<|end|>", "<|start|>assistant",
            "commentary to=functions.Read", "<|call|>", "`", "```", "```json\n", "\n", " ", "<", "[", "]", "{", "}",
            "<invoke name=\"Read\">", "</invoke>", "<parameter name=\"limit\">", "<arg_key>", "</arg_key>", "<arg_value>",
            "</arg_value>", "<|im_end|>", "<|tool_call>call:", "<|\"|>", "[Read(file_path='a')]", ">>>", "<｜tool▁call▁begin｜>",
            "<｜tool▁sep｜>", "Action:", ";", "\"", "'", "\\", "<response>", "<tool_calls>", "<think:x>", "</think:x>",
        ]).prop_map(str::to_owned),
        1 => (select(recover::families().collect::<Vec<_>>()), arguments()).prop_map(|(family, arguments)| {
            recover::render_call(family, "Read", &arguments.to_string()).unwrap()
        }),
    ];
    prop::collection::vec(shard, 0..10).prop_map(|shards| shards.concat())
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 .,_/äß庭🌱\"'{}\\[\\]\n-]{0,24}",
        select(vec![
            "a </tool_call> b",
            "</parameter> inside",
            "</arg_value>x",
            "[/TOOL_CALLS]",
            "fn main() {\n    println!(\"{}\");\n}\n",
            "<think>no</think>",
            "```json\n{}\n```",
            "<tool_call>\n{\"name\": \"Read\"}",
            "\\n is no break",
            "",
        ])
        .prop_map(str::to_owned),
    ]
}

fn arguments() -> impl Strategy<Value = Value> {
    let member = prop_oneof![
        string().prop_map(|text| ("file_path", json!(text))),
        string().prop_map(|text| ("content", json!(text))),
        any::<i32>().prop_map(|n| ("limit", json!(n))),
        any::<bool>().prop_map(|b| ("deep", json!(b))),
        prop::collection::vec(string(), 0..3).prop_map(|list| ("edits", json!(list))),
        string().prop_map(|text| ("options", json!({"a": text, "b": [1, null]}))),
    ];
    prop::collection::vec(member, 1..4).prop_map(|members| {
        Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
    })
}

/// Families that count only where nothing was said before.
const ALONE: [&str; 7] = ["pythonic", "tool-code", "json", "json-list", "json-fence", "named", "harmony"];

fn block() -> impl Strategy<Value = Vec<Event<'static>>> {
    let other = Json::trusted(r#"{"type":"redacted_thinking","data":"x"}"#);
    prop_oneof![
        4 => (any::<bool>(), shards(), steps())
            .prop_map(|(thinking, text, steps)| prose_block(thinking, &pieces(&text, &steps))),
        1 => arguments().prop_map(|arguments| native_call("Read", &arguments)),
        1 => Just(vec![Event::BlockStart(BlockStart::Other(other)), Event::BlockStop]),
    ]
}

/// What some families cannot say: their strings have marks of their own.
fn speaks(family: &str, arguments: &Value) -> bool {
    let text = arguments.to_string();
    match family {
        "gemma-4" | "functiongemma" => !text.contains("<|\\\"|>") && !text.contains("<escape>"),
        _ => true,
    }
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_blocks(text in shards(), steps in steps(), reason in reason()) {
        let one = run(whole(&text), reason);
        let many = run(pieces(&text, &steps), reason);
        prop_assert_eq!(one.response(), many.response(), "{:?}", text);
        prop_assert_eq!(&one.report, &many.report, "{:?}", text);
    }

    #[test]
    fn any_chunking_gives_the_same_blocks_where_thoughts_come_first(text in shards(), steps in steps(), reason in reason()) {
        let recovery = || Recovery::new(&*TOOLS).thinking_first();
        let one = run_with(recovery(), &[(false, whole(&text))], reason);
        let many = run_with(recovery(), &[(false, pieces(&text, &steps))], reason);
        prop_assert_eq!(one.response(), many.response(), "{:?}", text);
        prop_assert_eq!(&one.report, &many.report, "{:?}", text);
    }

    #[test]
    fn text_without_markers_comes_out_as_it_went_in(deltas in prop::collection::vec(prose(), 1..8)) {
        // A line or an answer may begin with the first letters of a tool or a marker; those wait for the next delta.
        let deltas: Vec<_> = ["So ".to_owned()].into_iter().chain(deltas.iter().map(|d| d.replace('\n', " "))).collect();
        let out = run(deltas.clone(), StopReason::EndTurn);
        prop_assert_eq!(&out.texts, &deltas);
        prop_assert!(out.report.is_empty());
        prop_assert_eq!(out.response().stop_reason, Some(StopReason::EndTurn));
    }

    #[test]
    fn the_output_is_grammatical(
        blocks in prop::collection::vec(block(), 0..5),
        end in prop::option::of(reason()),
        pings in any::<bool>(),
    ) {
        let mut events = vec![start()];
        for block in blocks {
            events.extend(block);
            events.extend(pings.then_some(Event::Ping));
        }
        match end {
            Some(reason) => {
                events.extend([Event::Stop { reason, stop_sequence: None, usage: Usage::default() }, Event::End]);
            }
            None => {
                // It dies in the middle of a block.
                events.pop();
                events.push(Event::Error(Failure::new(FailureKind::Api, "gone")));
            }
        }
        let out = run_events(Recovery::new(&*TOOLS), events);
        prop_assert!(check_grammar(&frames(&out.bytes))?);
    }

    #[test]
    fn no_text_makes_it_panic(texts in prop::collection::vec(prop_oneof![any::<String>(), shards()], 1..4), reason in reason()) {
        let text = texts.concat();
        run(texts.clone(), reason);
        run_with(Recovery::new(&*TOOLS).thinking_first(), &[(true, whole(&text)), (false, texts)], reason);
    }

    #[test]
    fn nothing_is_lost(text in shards(), steps in steps(), reason in reason()) {
        let out = run(pieces(&text, &steps), reason);
        if !out.report.changed() {
            prop_assert_eq!(text_of(out.response()), text);
        } else {
            // What came out stands in the text in the same order.
            let mut rest = squeezed(&text);
            for word in words_of(out.response()).chars() {
                let at = rest.find(word);
                prop_assert!(at.is_some(), "{:?} in {:?}", word, text);
                rest.drain(..at.unwrap() + word.len_utf8());
            }
        }
    }

    #[test]
    fn all_that_is_no_call_comes_out(
        thought in prop::option::of(prose()),
        parts in prop::collection::vec((prose(), select(recover::families().collect::<Vec<_>>()), arguments()), 0..4),
        last in prose(),
        steps in steps(),
    ) {
        let (mut text, mut said) = (String::new(), String::new());
        if let Some(thought) = thought {
            text.push_str(&format!("<think>{thought}</think>\n"));
            said.push_str(&thought);
        }
        let mut wanted = 0;
        for (prose, family, arguments) in parts {
            text.push_str(&format!("So {prose}\n"));
            said.push_str(&format!("So {prose}"));
            if !ALONE.contains(&family) && speaks(family, &arguments) {
                text.push_str(&recover::render_call(family, "Write", &arguments.to_string()).unwrap());
                wanted += 1;
            }
            text.push('\n');
        }
        text.push_str(&format!("So {last}"));
        said.push_str(&format!("So {last}"));
        let out = run(pieces(&text, &steps), StopReason::EndTurn);
        prop_assert_eq!(words_of(out.response()), squeezed(&said), "{}", text);
        prop_assert_eq!(calls(out.response()).len(), wanted);
    }

    #[test]
    fn a_call_in_any_format_becomes_the_call(
        family in select(recover::families().collect::<Vec<_>>()),
        arguments in arguments(),
        steps in steps(),
        said in prop::option::of(prose()),
    ) {
        prop_assume!(speaks(family, &arguments));
        let call = recover::render_call(family, "Read", &arguments.to_string()).unwrap();
        let text = match said.filter(|_| !ALONE.contains(&family)) {
            Some(said) => format!("{said}\n\n{call}\n"),
            None => call,
        };
        let out = run(pieces(&text, &steps), StopReason::EndTurn);
        prop_assert_eq!(calls(out.response()), [("Read".to_owned(), arguments.clone())], "{}", text);
        prop_assert_eq!(out.response().stop_reason, Some(StopReason::ToolUse));
        prop_assert!(!text_of(out.response()).contains("Read"), "{}", text_of(out.response()));
        let again = recover::render_call(family, "Read", &calls(out.response())[0].1.to_string()).unwrap();
        prop_assert_eq!(calls(run(whole(&again), StopReason::EndTurn).response()), calls(out.response()));
    }

    #[test]
    fn a_call_cut_off_anywhere_is_never_another_call(
        family in select(recover::families().collect::<Vec<_>>()),
        arguments in arguments(),
        cut in any::<Index>(),
    ) {
        prop_assume!(speaks(family, &arguments));
        let call = recover::render_call(family, "Read", &arguments.to_string()).unwrap();
        let mut end = cut.index(call.len());
        while !call.is_char_boundary(end) { end -= 1; }
        let out = run(whole(&call[..end]), StopReason::MaxTokens);
        for recovered in calls(out.response()) {
            prop_assert_eq!(recovered, ("Read".to_owned(), arguments.clone()), "{}", &call[..end]);
        }
        if calls(out.response()).is_empty() {
            prop_assert_eq!(out.response().stop_reason, Some(StopReason::MaxTokens));
        }
    }

    #[test]
    fn a_call_to_an_unknown_tool_stays_text(
        family in select(recover::families().collect::<Vec<_>>()),
        arguments in arguments(),
        steps in steps(),
    ) {
        let text = recover::render_call(family, "Delete", &arguments.to_string()).unwrap();
        let out = run(pieces(&text, &steps), StopReason::EndTurn);
        prop_assert_eq!(calls(out.response()), []);
        // Headers of channels are no part of what is said.
        if family != "harmony" {
            prop_assert_eq!(text_of(out.response()), text);
        }
    }

    #[test]
    fn an_answer_that_came_whole_is_read_like_its_stream(text in shards(), steps in steps(), reason in reason()) {
        let streamed = run(pieces(&text, &steps), reason);
        prop_assume!(!streamed.report.prefilled);
        let mut response = Response {
            content: vec![Block::from_text(Text::plain(&text))],
            stop_reason: Some(reason),
            ..Response::default()
        };
        let report = recover_response(&mut response, &*TOOLS);
        prop_assert_eq!(&report, &streamed.report);
        prop_assert_eq!(calls(&response), calls(streamed.response()));
        prop_assert_eq!(response.stop_reason, streamed.response().stop_reason);
    }
}
