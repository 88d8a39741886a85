//! Laws of the calls a backend makes itself, over random arguments, whole and broken, cut into random deltas.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use branchline_wire::collect::Collector;
use branchline_wire::hub::{BlockKind, BlockStart, Delta, Event, Response, StopReason, Tool, Usage};
use branchline_wire::json::Json;
use branchline_wire::recover::{Recovery, Report, recover_response};
use branchline_wire::repair::repair_json;
use branchline_wire::text::Text;
use pieces::in_pieces;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use recovery::{reason, steps};
use serde_json::{Value, json};

#[path = "support/pieces.rs"]
mod pieces;
#[path = "support/recovery.rs"]
mod recovery;

const SCHEMA: &str = r#"{"type":"object","properties":{"file_path":{"type":"string"},"content":{"type":"string"},
    "limit":{"type":"integer"},"deep":{"type":"boolean"},"edits":{"type":"array","items":{"type":"string"}},
    "options":{"type":"object"},"either":{"type":["integer","string"]},"changes":{"type":"array","items":{"type":"object",
    "properties":{"old_string":{"type":"string"},"count":{"type":"integer"},"lines":{"type":"array","items":{"type":"integer"}}}}}}}"#;

fn tools() -> [Tool<'static>; 1] {
    [Tool { name: Text::escaped("Write"), input_schema: Some(Json::trusted(SCHEMA)), ..Tool::default() }]
}

/// One call with these deltas, behind some text.
fn events(name: &'static str, deltas: &[Text<'static>], reason: StopReason) -> Vec<Event<'static>> {
    let id = Text::escaped("toolu_1");
    let mut events = vec![
        Event::Start { id: Text::escaped("msg_1"), model: Text::escaped("m"), usage: Usage::default() },
        Event::BlockStart(BlockStart::Text),
        Event::Delta(Delta::Text(Text::escaped("Now."))),
        Event::BlockStop,
        Event::BlockStart(BlockStart::ToolUse { id, name: Text::escaped(name) }),
    ];
    events.extend(deltas.iter().map(|delta| Event::Delta(Delta::Arguments(delta.clone()))));
    events.push(Event::BlockStop);
    events.extend([Event::Stop { reason, stop_sequence: None, usage: Usage::default() }, Event::End]);
    events
}

/// What came of it, what was said of it, and the arguments as they went out.
struct Run {
    response: Response<'static>,
    report: Report,
    given: String,
}

fn run(name: &'static str, deltas: &[Text<'static>], reason: StopReason) -> Run {
    let tools = tools();
    let (mut recovery, mut collector, mut given) =
        (Recovery::new(&tools).seeded(1), Collector::default(), String::new());
    let mut out = |event: Event<'_>| {
        if let Event::Delta(Delta::Arguments(more)) = &event {
            given.push_str(&more.decode());
        }
        collector.event(&event);
    };
    for event in events(name, deltas, reason) {
        recovery.event(event, &mut out);
    }
    recovery.finish(&mut out);
    Run { response: collector.finish().unwrap(), report: recovery.report(), given }
}

/// The same answer, come whole.
fn run_whole(name: &'static str, text: &str, reason: StopReason) -> (Response<'static>, Report) {
    let tools = tools();
    let mut collector = Collector::default();
    let deltas: Vec<_> = (!text.is_empty()).then(|| Text::plain(text).into_owned()).into_iter().collect();
    events(name, &deltas, reason).iter().for_each(|event| collector.event(event));
    let mut response = collector.finish().unwrap();
    let report = recover_response(&mut response, &tools);
    (response, report)
}

fn input(response: &Response<'_>) -> Option<Value> {
    response.content.iter().find_map(|block| match &block.kind {
        BlockKind::ToolUse { input, .. } => Some(input.value()),
        _ => None,
    })
}

fn whole(text: &str) -> Vec<Text<'static>> {
    vec![Text::plain(text).into_owned()]
}

/// In pieces whose lengths go round; every other one is escaped as far as it can be.
fn pieces(text: &str, steps: &[usize]) -> Vec<Text<'static>> {
    let pieces: Vec<Vec<u16>> = in_pieces(text.encode_utf16(), steps);
    let spelled = |(units, step): (&Vec<u16>, &usize)| {
        let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let plain = String::from_utf16(units).ok().filter(|_| step % 2 == 0);
        plain.map_or(Text::escaped_owned(escaped), |plain| Text::plain(&plain).into_owned())
    };
    pieces.iter().zip(steps.iter().cycle()).map(spelled).collect()
}

// Random arguments -----------------------------------------------------------------------------------------------

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 .,_/äß庭🌱\"'{}\\[\\]\\\\\n\t-]{0,24}",
        select(vec!["5", "true", "null", "[1, 2]", "{\"a\": 1}", "it's", "}", ""]).prop_map(str::to_owned),
    ]
}

/// One of several in a list, its types as the schema has them or not.
fn change() -> impl Strategy<Value = Value> {
    let member = prop_oneof![
        string().prop_map(|text| ("old_string", json!(text))),
        any::<i8>().prop_map(|n| ("old_string", json!(n))),
        any::<i8>().prop_map(|n| ("count", json!(n.to_string()))),
        string().prop_map(|text| ("count", json!(text))),
        prop::collection::vec(any::<i8>(), 0..3).prop_map(|list| ("lines", json!(list))),
        prop::collection::vec(any::<i8>(), 0..3).prop_map(|list| ("lines", json!(json!(list).to_string()))),
        string().prop_map(|text| ("new", json!({"count": [text]}))),
    ];
    prop::collection::vec(member, 0..4)
        .prop_map(|members| Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

fn arguments() -> impl Strategy<Value = Value> {
    let member = prop_oneof![
        string().prop_map(|text| ("file_path", json!(text))),
        string().prop_map(|text| ("content", json!(text))),
        any::<i32>().prop_map(|n| ("limit", json!(n))),
        any::<i32>().prop_map(|n| ("limit", json!(n.to_string()))),
        any::<bool>().prop_map(|b| ("deep", json!(b))),
        any::<bool>().prop_map(|b| ("deep", json!(b.to_string()))),
        prop::collection::vec(string(), 0..3).prop_map(|list| ("edits", json!(list))),
        string().prop_map(|text| ("options", json!({"a": text, "b": [1, null]}))),
        string().prop_map(|text| ("either", json!(text))),
        prop::collection::vec(change(), 0..3).prop_map(|list| ("changes", json!(list))),
        (string(), any::<i8>()).prop_map(|(text, n)| ("edits", json!([text, n, [text], {"count": text}, true]))),
        string().prop_map(|text| ("new\n\"key\"", json!(text))),
    ];
    prop::collection::vec(member, 0..4)
        .prop_map(|members| Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

/// As models write it, with what is wrong with it.
fn written() -> impl Strategy<Value = String> {
    let ways = prop_oneof![
        Just(0usize), // as it is
        Just(1),      // spread over lines
        Just(2),      // a trailing comma
        Just(3),      // line breaks in strings
        Just(4),      // the last brace is missing
        Just(5),      // written into a string
    ];
    let odd = r#"[\[\]{}",:'\\0-9a-fnrtuTNe .\-\n]{0,24}"#;
    prop_oneof![
        4 => (arguments(), ways).prop_map(|(value, way)| {
            let text = value.to_string();
            match way {
                1 => serde_json::to_string_pretty(&value).unwrap(),
                2 => text.replacen('}', " , }", usize::from(text.len() > 2 && text.matches('}').count() == 1)),
                3 => text.replace("\\n", "\n"),
                4 => text[..text.len() - 1].to_owned(),
                5 => json!(text).to_string(),
                _ => text,
            }
        }),
        2 => (arguments(), any::<Index>()).prop_map(|(value, cut)| {
            let text = value.to_string();
            text[..text.floor_char_boundary(cut.index(text.len()))].to_owned()
        }),
        1 => odd.prop_map(|text| format!("{{{text}")),
        1 => odd,
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_call(text in written(), steps in steps(), reason in reason()) {
        let (one, many) = (run("Write", &whole(&text), reason), run("Write", &pieces(&text, &steps), reason));
        prop_assert_eq!(&one.given, &many.given, "{:?}", text);
        prop_assert_eq!(one.response, many.response, "{:?}", text);
        prop_assert_eq!(one.report, many.report, "{:?}", text);
    }

    #[test]
    fn an_answer_that_came_whole_has_the_same_call(text in written(), steps in steps(), reason in reason()) {
        // An answer that came whole does not say whether they were written at all: at a limit they are taken for cut off.
        prop_assume!(text != "{}" || reason != StopReason::MaxTokens);
        let many = run("Write", &pieces(&text, &steps), reason);
        let (response, report) = run_whole("Write", &text, reason);
        prop_assert_eq!(input(&response), input(&many.response), "{:?}", text);
        prop_assert_eq!(response.stop_reason, many.response.stop_reason, "{:?}", text);
        prop_assert_eq!(report, many.report, "{:?}", text);
    }

    #[test]
    fn valid_arguments_go_out_as_they_were_written(value in arguments(), pretty in any::<bool>(), steps in steps()) {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        // Of a tool nobody knows no type can be wrong.
        let out = run("Other", &pieces(&text, &steps), StopReason::ToolUse);
        prop_assert_eq!(out.given, text);
        prop_assert!(out.report.is_empty());
    }

    #[test]
    fn only_what_is_certain_is_mended_and_nothing_else_can_be_run(text in written(), steps in steps()) {
        let out = run("Other", &pieces(&text, &steps), StopReason::ToolUse);
        let read = input(&out.response).unwrap();
        let nothing = matches!(text.trim(), "" | "null");
        let mended = repair_json(&text).map(|json| serde_json::from_str::<Value>(&json));
        let mended = match mended {
            // An object that was written into a string.
            Some(Ok(Value::String(inner))) => repair_json(&inner).map(|json| serde_json::from_str(&json)),
            other => other,
        };
        match mended {
            _ if nothing => prop_assert_eq!(read, json!({})),
            Some(Ok(object @ Value::Object(_))) => prop_assert_eq!(read, object, "{:?}", text),
            // Halves of surrogate pairs, and numbers no parser takes.
            Some(Err(_)) => {}
            _ => {
                prop_assert!(read.get("__unparsedToolInput").is_some(), "{:?} became {}", text, read);
                prop_assert!(!out.report.left.is_empty());
            }
        }
    }

    #[test]
    fn nothing_of_a_text_is_held_back_however_deep_it_stands(text in "[a-z ]{1,40}", cut in any::<Index>(), key in select(vec!["old_string", "new"])) {
        let begins = format!("{{\"limit\": 1, \"changes\": [{{}}, {{\"{key}\": \"{}", &text[..=cut.index(text.len())]);
        prop_assert_eq!(given(&[&begins]), [begins.as_str()]);
    }

    #[test]
    fn what_was_cut_off_at_a_limit_is_never_run(value in arguments(), cut in any::<Index>(), steps in steps()) {
        let text = value.to_string();
        let text = &text[..text.floor_char_boundary(cut.index(text.len()))];
        for reason in [StopReason::MaxTokens, StopReason::ContextWindow] {
            let out = run("Write", &pieces(text, &steps), reason);
            prop_assert!(out.report.truncated());
            prop_assert_eq!(out.response.stop_reason, Some(reason));
            let read = input(&out.response);
            prop_assert!(read.is_none_or(|read| read.get("__unparsedToolInput").is_some()), "{}", text);
        }
    }
}

/// What each delta of the arguments made go out.
fn given(deltas: &[&str]) -> Vec<String> {
    let parts: Vec<_> = deltas.iter().map(|part| Text::plain(part).into_owned()).collect();
    let tools = tools();
    let mut recovery = Recovery::new(&tools).seeded(1);
    let mut steps = Vec::new();
    for event in events("Write", &parts, StopReason::ToolUse) {
        let mut given = String::new();
        recovery.event(event, &mut |event| {
            if let Event::Delta(Delta::Arguments(more)) = &event {
                given.push_str(&more.decode());
            }
        });
        steps.push(given);
    }
    steps.drain(5..5 + deltas.len()).collect()
}

#[test]
fn text_of_an_argument_goes_out_as_it_comes() {
    let deltas = ["{\"content\": \"fn main", "() {}", "\\n", "\", \"limit\": \"", "5\"", "}"];
    assert_eq!(given(&deltas), ["{\"content\": \"fn main", "() {}", "\\n", "\"", ", \"limit\": 5", "}"]);
}

#[test]
fn text_in_lists_and_objects_goes_out_as_it_comes_and_what_may_change_waits() {
    let deltas = [
        "{\"changes\": [{\"count\": \"",
        "5\"",
        ", \"old_string\": \"fn ",
        "main\"",
        "}, ",
        "], \"edits\": [\"a",
        "\"]}",
    ];
    let wanted =
        ["{\"changes\": [{", "\"count\": 5", ", \"old_string\": \"fn ", "main\"", "}", " ], \"edits\": [\"a", "\"]}"];
    assert_eq!(given(&deltas), wanted);
}

#[test]
fn each_kind_of_break_is_mended_or_told() {
    let (done, limit) = (StopReason::ToolUse, StopReason::MaxTokens);
    for (written, reason, given, stop, said) in [
        (r#"{"limit": 5}"#, done, r#"{"limit": 5}"#, done, ""),
        ("", done, "", done, ""),
        (" null", done, "", done, ""),
        (
            r#"{"limit": "5",}"#,
            done,
            r#"{"limit": 5}"#,
            done,
            "arguments of 1 call mended; arguments of 1 call changed to the types of the schema",
        ),
        (
            r"{'content': 'it\'s', 'deep': True}",
            done,
            r#"{"content": "it's", "deep": true}"#,
            done,
            "arguments of 1 call mended",
        ),
        ("{\"content\": \"a\nb\"", done, r#"{"content": "a\nb"}"#, done, "arguments of 1 call mended"),
        (
            r#""{\"limit\": \"7\"}""#,
            done,
            r#"{"limit": 7}"#,
            done,
            "arguments of 1 call mended; arguments of 1 call changed to the types of the schema",
        ),
        (r#"{"content": "a"#, done, r#"{"content": "a"#, limit, "arguments of 1 call cut off: it must not be run"),
        (r#"{"content": "a""#, limit, r#"{"content": "a""#, limit, "arguments of 1 call cut off: it must not be run"),
        ("{", done, "{", limit, "arguments of 1 call cut off: it must not be run"),
        ("", limit, "", limit, "arguments of 1 call cut off: it must not be run"),
        (
            r#"{"content": "say "hi""}"#,
            done,
            r#"{"content": "say "hi""}"#,
            done,
            "arguments of 1 call passed on as written: not readable for certain",
        ),
        (
            r#"{"limit": 1} {"limit": 2}"#,
            done,
            r#"{"limit": 1} {"limit": 2}"#,
            done,
            "arguments of 1 call passed on as written: not readable for certain",
        ),
        ("[1]", done, "[1]", done, "arguments of 1 call passed on as written: not readable for certain"),
    ] {
        let out = run("Write", &whole(written), reason);
        assert_eq!((out.given.as_str(), out.response.stop_reason), (given, Some(stop)), "{written}");
        assert_eq!(out.report.to_string(), said, "{written}");
    }
}
