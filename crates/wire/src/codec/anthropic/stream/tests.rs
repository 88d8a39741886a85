use super::*;
use crate::hub::{BlockStart, Delta, Event, Failure, FailureKind, StopReason, Usage};
use crate::text::Text;

/// The events of frames given as `(event, data)`, and of the end of the stream, in short.
fn events(frames: &[(&str, &str)]) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut seen = Vec::new();
    let mut out = |event: Event<'_>| seen.push(short(&event));
    frames.iter().for_each(|(event, data)| decoder.frame(event, data, &mut out));
    decoder.finish(&mut out);
    seen
}

fn short(event: &Event<'_>) -> String {
    match event {
        Event::Start { model, .. } => format!("start {}", model.as_escaped()),
        Event::BlockStart(BlockStart::ToolUse { id, name }) => {
            format!("call {} {}", id.as_escaped(), name.as_escaped())
        }
        Event::BlockStart(BlockStart::Other(json)) => format!("other {}", json.as_str()),
        Event::BlockStart(start) => format!("{start:?}").to_lowercase(),
        Event::Delta(Delta::Other(json)) => format!("+other {}", json.as_str()),
        Event::Delta(Delta::Text(text) | Delta::Thinking(text) | Delta::Signature(text) | Delta::Arguments(text)) => {
            format!("+{}", text.as_escaped())
        }
        Event::BlockStop => "close".to_owned(),
        Event::Stop { reason, usage, .. } => format!("stop {reason:?} {:?}/{:?}", usage.input, usage.output),
        Event::End => "end".to_owned(),
        Event::Ping => "ping".to_owned(),
        Event::Error(failure) => format!("error {:?} {}", failure.kind, failure.message),
    }
}

fn written(events: &[Event<'_>]) -> String {
    let mut encoder = Encoder::seeded(1);
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    String::from_utf8(out).unwrap()
}

const START: (&str, &str) = (
    "message_start",
    r#"{"type":"message_start","message":{"id":"m1","model":"m","usage":{"input_tokens":5,"output_tokens":1}}}"#,
);
const STOP: (&str, &str) = (
    "message_delta",
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":9}}"#,
);

#[test]
fn frames_without_an_event_line_are_read_by_their_type() {
    let seen = events(&[
        ("", START.1),
        ("", r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#),
        ("", r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\nb"}}"#),
        ("", r#"{"type":"content_block_stop","index":0}"#),
        ("", STOP.1),
        ("", r#"{"type":"message_stop"}"#),
    ]);
    assert_eq!(seen, ["start m", "text", r"+a\nb", "close", "stop EndTurn Some(5)/Some(9)", "end"]);
}

#[test]
fn what_llama_cpp_leaves_out_is_not_missed() {
    let seen = events(&[
        START,
        (
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c","name":"f"}}"#,
        ),
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
        ),
        STOP,
    ]);
    assert_eq!(seen, ["start m", "call c f", r#"+{\"a\":1}"#, "close", "stop EndTurn Some(5)/Some(9)", "end"]);
}

#[test]
fn arguments_that_come_with_the_start_are_given_once() {
    let start = (
        "",
        r#"{"type":"content_block_start","content_block":{"type":"tool_use","id":"c","name":"f","input":{"a":1}}}"#,
    );
    let delta = ("", r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{}"}}"#);
    let stop = ("", r#"{"type":"content_block_stop"}"#);
    assert_eq!(events(&[START, start, stop])[1..4], ["call c f", r#"+{\"a\":1}"#, "close"]);
    assert_eq!(events(&[START, start, delta, stop])[1..4], ["call c f", "+{}", "close"]);
}

#[test]
fn openrouters_end_mark_pings_and_unknown_events_do_no_harm() {
    let seen = events(&[
        ("ping", r#"{"type":"ping"}"#),
        START,
        ("from_the_future", r#"{"type":"from_the_future","x":1}"#),
        STOP,
        ("message_stop", r#"{"type":"message_stop"}"#),
        ("data", "[DONE]"),
        ("ping", r#"{"type":"ping"}"#),
    ]);
    assert_eq!(seen, ["ping", "start m", "stop EndTurn Some(5)/Some(9)", "end"]);
}

#[test]
fn an_error_event_closes_the_block_and_ends_the_stream() {
    let delta = ("", r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#);
    let error = ("error", r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#);
    assert_eq!(events(&[START, delta, error, STOP]), ["start m", "text", "+a", "close", "error Overloaded Overloaded"]);
    let bare = (
        "",
        r#"{"error":{"code":400,"message":"request (900 tokens) exceeds the available context size (800 tokens)"}}"#,
    );
    assert!(events(&[bare])[0].starts_with("error PromptTooLong { tokens: Some(900), maximum: Some(800) }"));
}

#[test]
fn a_stream_that_ends_early_is_an_error() {
    let open =
        ("", r#"{"type":"content_block_start","content_block":{"type":"thinking","thinking":"","signature":""}}"#);
    let early = "error Api the backend's answer ended before it was complete";
    assert_eq!(events(&[START, open]), ["start m", "thinking", "close", early]);
    assert_eq!(events(&[]), ["error Api the backend ended the stream without an answer"]);
    let cut = events(&[START, ("content_block_delta", r#"{"type":"content_bl"#)]);
    assert!(cut[1].starts_with("error Api the backend sent an event that is no JSON"), "{cut:?}");
}

#[test]
fn a_block_that_comes_whole_keeps_its_source() {
    let block = r#"{"type":"web_search_tool_result","tool_use_id":"s","content":[]}"#;
    let data = format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
    assert_eq!(events(&[START, ("", &data)])[1], format!("other {block}"));
}

#[test]
fn the_stop_waits_for_usage_that_comes_behind_it() {
    let stop = |usage| Event::Stop { reason: StopReason::MaxTokens, stop_sequence: None, usage };
    let out = written(&[
        stop(Usage::default()),
        stop(Usage { input: Some(4), output: Some(2), cache_read: Some(1), ..Usage::default() }),
        Event::End,
    ]);
    assert_eq!(out.matches("event: message_delta").count(), 1);
    let wanted = r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"input_tokens":4,"cache_read_input_tokens":1,"output_tokens":2}}"#;
    assert!(out.contains(wanted), "{out}");
    assert!(out.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

#[test]
fn thoughts_without_a_signature_get_ours_and_others_keep_theirs() {
    let thought = Event::Delta(Delta::Thinking(Text::escaped("hm")));
    let signature = |text| Event::Delta(Delta::Signature(Text::escaped(text)));
    let out = written(&[thought.clone(), signature(""), Event::End]);
    assert!(out.contains(r#""signature_delta","signature":"branchline""#), "{out}");
    let out = written(&[thought, signature("RXF1"), Event::End]);
    assert!(!out.contains("branchline"), "{out}");
}

#[test]
fn a_dying_stream_closes_its_block_and_says_why() {
    let out = written(&[
        Event::BlockStart(BlockStart::ToolUse { id: Text::default(), name: Text::escaped("f") }),
        Event::Delta(Delta::Arguments(Text::escaped("{\\\"a"))),
        Event::Error(Failure::new(FailureKind::Timeout, "too slow")),
        Event::End,
    ]);
    let names: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "error"]);
    assert!(
        out.ends_with("data: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"too slow\"}}\n\n")
    );
}

#[test]
fn the_encoder_knows_whether_it_has_started() {
    let mut encoder = Encoder::default();
    let mut out = Vec::new();
    encoder.event(&Event::Ping, &mut out);
    assert!(!encoder.started());
    assert_eq!(out, b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
    encoder.event(&Event::BlockStart(BlockStart::Text), &mut out);
    assert!(encoder.started());
}

#[test]
fn a_block_that_does_not_say_what_it_is_becomes_text() {
    let frames = [
        START,
        ("content_block_start", r#"{"type":"content_block_start","index":0,"content_block":{"text":"Al"}}"#),
        ("content_block_delta", r#"{"type":"content_block_delta","index":0,"delta":{"text":"l"}}"#),
        ("content_block_delta", r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"l"}}"#),
        ("message_delta", r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#),
    ];
    assert_eq!(events(&frames)[1..5], ["text", "+Al", "+l", "close"]);
}
