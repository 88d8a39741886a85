use std::fmt::Write;

use serde_json::{Value, json};

use super::*;
use crate::hub::{BlockStart, Delta as Piece, Event, Failure, FailureKind, StopReason, Usage};
use crate::text::Text;

/// Events as lines: `text`, `+abc`, `tool id name`, `/`, `stop ToolUse`…
fn told(event: &Event<'_>) -> String {
    match event {
        Event::Start { id, model, .. } => format!("start {} {}", id.decode(), model.decode()),
        Event::BlockStart(BlockStart::Text) => "text".into(),
        Event::BlockStart(BlockStart::Thinking) => "thinking".into(),
        Event::BlockStart(BlockStart::ToolUse { id, name }) => format!("tool {} {}", id.decode(), name.decode()),
        Event::BlockStart(BlockStart::Other(_)) => "other".into(),
        Event::Delta(Piece::Text(t) | Piece::Thinking(t) | Piece::Arguments(t)) => format!("+{}", t.decode()),
        Event::Delta(_) => "+".into(),
        Event::BlockStop => "/".into(),
        Event::Stop { reason, .. } => format!("stop {reason:?}"),
        Event::End => "end".into(),
        Event::Ping => "ping".into(),
        Event::Error(failure) => {
            format!("error {:?} {} {}", failure.kind, failure.code.as_deref().unwrap_or("-"), failure.message)
        }
    }
}

fn events(frames: &[String]) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut seen = Vec::new();
    for frame in frames {
        decoder.frame("", frame, &mut |event| seen.push(told(&event)));
    }
    decoder.finish(&mut |event| seen.push(told(&event)));
    seen
}

/// What a stream of these deltas and this finish reason tells between `start` and `end`.
fn deltas(list: &[Value], finish: &str) -> Vec<String> {
    let mut frames: Vec<String> = list.iter().map(|delta| chunk(delta, &Value::Null)).collect();
    frames.push(chunk(&json!({}), &json!(finish)));
    frames.push("[DONE]".into());
    let mut seen = events(&frames);
    assert_eq!(seen.remove(0), "start r1 m");
    assert_eq!(seen.pop().unwrap(), "end");
    seen
}

fn chunk(delta: &Value, finish: &Value) -> String {
    json!({"id": "r1", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    .to_string()
}

fn call(index: u32, id: &str, name: &str, arguments: &str) -> Value {
    json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]})
}

fn more(index: u32, arguments: &str) -> Value {
    json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
}

#[test]
fn thinking_text_and_a_call_become_blocks_in_order() {
    let list = [
        json!({"role": "assistant", "content": ""}),
        json!({"reasoning_content": "hm"}),
        json!({"content": "I "}),
        json!({"content": "look"}),
        call(0, "c1", "Read", ""),
        more(0, "{\"a\":"),
        more(0, "1}"),
    ];
    assert_eq!(
        deltas(&list, "tool_calls"),
        ["thinking", "+hm", "/", "text", "+I ", "+look", "/", "tool c1 Read", "+{\"a\":", "+1}", "/", "stop ToolUse"]
    );
}

#[test]
fn nanoclaw_1241_an_id_repeated_on_every_delta_is_one_call() {
    let list = [call(0, "c1", "f", ""), call(0, "c1", "f", "{\"a\""), call(0, "c1", "f", ":1}")];
    assert_eq!(deltas(&list, "stop"), ["tool c1 f", "+{\"a\"", "+:1}", "/", "stop ToolUse"]);
}

#[test]
fn a_whole_call_in_one_chunk_is_enough() {
    assert_eq!(deltas(&[call(0, "c1", "f", "{}")], "tool_calls"), ["tool c1 f", "+{}", "/", "stop ToolUse"]);
}

#[test]
fn parallel_calls_that_all_have_index_0_are_told_apart_by_their_ids() {
    let list = [call(0, "c1", "f", "{}"), call(0, "c2", "f", "{}")];
    assert_eq!(deltas(&list, "stop"), ["tool c1 f", "+{}", "/", "tool c2 f", "+{}", "/", "stop ToolUse"]);
}

#[test]
fn calls_without_index_and_id_get_ids_from_the_response() {
    let whole = |name: &str| json!({"function": {"name": name, "arguments": "{}"}});
    let seen = deltas(&[json!({"tool_calls": [whole("f"), whole("g")]})], "stop");
    assert_eq!(seen, ["tool toolu_r1_0 f", "+{}", "/", "tool toolu_r1_1 g", "+{}", "/", "stop ToolUse"]);
}

#[test]
fn an_id_that_anthropic_refuses_is_made_clean() {
    let seen = deltas(&[call(0, "functions.f:0", "f", "{}")], "stop");
    let id = seen[0].split(' ').nth(1).unwrap();
    assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{id}");
}

#[test]
fn interleaved_calls_wait_for_the_open_one() {
    let list =
        [call(0, "c1", "f", "{\"a\""), call(1, "c2", "g", "{\"b\""), more(0, ":1}"), more(1, ":2}"), more(0, " ")];
    assert_eq!(
        deltas(&list, "tool_calls"),
        ["tool c1 f", "+{\"a\"", "+:1}", "/", "tool c2 g", "+{\"b\"", "+:2}", "/", "stop ToolUse"]
    );
}

#[test]
fn a_name_that_comes_before_the_id_waits_for_it() {
    let list = [
        json!({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}),
        json!({"tool_calls": [{"index": 0, "id": "c9", "function": {"arguments": "{}"}}]}),
    ];
    assert_eq!(deltas(&list, "stop"), ["tool c9 f", "+{}", "/", "stop ToolUse"]);
}

#[test]
fn arguments_given_as_an_object_become_their_text() {
    let list =
        [json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": {"a": "x\"y"}}}]})];
    assert_eq!(deltas(&list, "stop")[1], r#"+{"a":"x\"y"}"#);
}

#[test]
fn arguments_repeated_whole_at_the_end_are_not_added() {
    let list = [call(0, "c1", "f", "{\"a\":1}"), more(0, "{\"a\":1}")];
    assert_eq!(deltas(&list, "stop"), ["tool c1 f", "+{\"a\":1}", "/", "stop ToolUse"]);
}

#[test]
fn litellm_5063_a_call_without_arguments_stays_empty() {
    for nothing in ["", "null"] {
        assert_eq!(deltas(&[call(0, "c1", "f", nothing)], "tool_calls"), ["tool c1 f", "/", "stop ToolUse"]);
    }
}

#[test]
fn a_null_inside_streamed_arguments_is_a_value() {
    let list = [call(0, "c1", "f", ""), more(0, "{\"a\":"), more(0, "null"), more(0, "}")];
    assert_eq!(deltas(&list, "tool_calls"), ["tool c1 f", "+{\"a\":", "+null", "+}", "/", "stop ToolUse"]);
}

#[test]
fn ironclaw_7120_a_truncated_call_keeps_its_fragments_and_is_not_to_be_run() {
    let seen = deltas(&[call(0, "c1", "Write", "{\"path\":\"a"), more(0, "bc")], "length");
    assert_eq!(seen, ["tool c1 Write", "+{\"path\":\"a", "+bc", "/", "stop MaxTokens"]);
    assert_eq!(deltas(&[call(0, "c1", "f", "")], "length").last().unwrap(), "stop MaxTokens");
}

#[test]
fn both_names_of_reasoning_in_one_delta_are_one_thought() {
    let list = [json!({"reasoning": "a", "reasoning_content": "a"}), json!({"reasoning": "b"})];
    assert_eq!(deltas(&list, "stop"), ["thinking", "+a", "+b", "/", "stop EndTurn"]);
}

#[test]
fn blank_text_around_calls_makes_no_block() {
    let list = [json!({"content": "\n\n"}), call(0, "c", "f", "{}"), json!({"content": "\n"})];
    assert_eq!(deltas(&list, "stop"), ["tool c f", "+{}", "/", "stop ToolUse"]);
    assert_eq!(deltas(&[json!({"content": "\n"}), json!({"content": "x"})], "stop")[1], "+\nx");
}

#[test]
fn text_that_comes_while_a_call_is_open_waits() {
    let list = [call(0, "c", "f", "{\"a\""), json!({"content": "so"}), more(0, ":1}")];
    assert_eq!(deltas(&list, "stop"), ["tool c f", "+{\"a\"", "+:1}", "/", "text", "+so", "/", "stop ToolUse"]);
}

#[test]
fn a_refusal_is_text_and_a_refusal() {
    assert_eq!(deltas(&[json!({"refusal": "no"})], "stop"), ["text", "+no", "/", "stop Refusal"]);
    assert_eq!(deltas(&[], "content_filter"), ["stop Refusal"]);
}

#[test]
fn content_as_a_list_of_parts_is_read() {
    let list = [json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
        {"type": "text", "text": "a"}]})];
    assert_eq!(deltas(&list, "stop"), ["thinking", "+t", "/", "text", "+a", "/", "stop EndTurn"]);
}

#[test]
fn an_old_function_call_is_a_call() {
    let list = [
        json!({"function_call": {"name": "f", "arguments": ""}}),
        json!({"function_call": {"arguments": "{\"a\":1}"}}),
    ];
    assert_eq!(deltas(&list, "function_call"), ["tool toolu_r1_0 f", "+{\"a\":1}", "/", "stop ToolUse"]);
}

#[test]
fn a_stream_without_done_ends_by_its_finish_reason() {
    let frames = [chunk(&json!({"content": "a"}), &json!("stop"))];
    assert_eq!(events(&frames), ["start r1 m", "text", "+a", "/", "stop EndTurn", "end"]);
}

#[test]
fn a_stream_without_finish_reason_ends_by_done() {
    let frames = [chunk(&json!({"content": "a"}), &Value::Null), "[DONE]".into()];
    assert_eq!(events(&frames), ["start r1 m", "text", "+a", "/", "stop EndTurn", "end"]);
}

#[test]
fn a_stream_that_breaks_off_closes_its_block_and_fails() {
    let seen = events(&[chunk(&json!({"content": "a"}), &Value::Null)]);
    assert_eq!(&seen[2..4], ["+a", "/"]);
    assert!(seen[4].starts_with("error Api"), "{seen:?}");
    assert_eq!(seen.len(), 5);
}

#[test]
fn lmstudio_2339_an_empty_stream_is_said_to_be_empty() {
    for frames in [vec![], vec!["[DONE]".to_owned()], vec![json!({"choices": []}).to_string()]] {
        let seen = events(&frames);
        assert!(seen.len() == 1 && seen[0].starts_with("error Api empty_stream"), "{seen:?}");
    }
}

#[test]
fn a_chunk_without_choices_first_does_not_start_the_answer() {
    let frames =
        [json!({"id": "", "model": "", "choices": []}).to_string(), chunk(&json!({"content": "a"}), &json!("stop"))];
    assert_eq!(events(&frames)[0], "start r1 m");
}

#[test]
fn an_error_object_under_status_200_ends_the_stream() {
    let error =
        json!({"error": {"code": 429, "message": "slow down"}, "choices": [{"delta": {}, "finish_reason": "error"}]});
    let frames = [chunk(&json!({"content": "a"}), &Value::Null), error.to_string(), "[DONE]".into()];
    assert_eq!(events(&frames)[3..], ["/", "error RateLimit - slow down"]);
    assert!(events(&[r#"[{"error":{"message":"no","status":"INTERNAL"}}]"#.into()])[0].starts_with("error Api"));
    assert!(events(&[chunk(&json!({}), &json!("error"))])[1].starts_with("error Api"));
    assert!(events(&[r#"{"error":"Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"}"#.into()])[0].starts_with("error PromptTooLong"));
}

#[test]
fn lines_that_are_no_json_are_passed_over() {
    let frames = ["OPENROUTER PROCESSING".into(), String::new(), chunk(&json!({"content": "a"}), &json!("stop"))];
    assert_eq!(events(&frames).len(), 6);
}

#[test]
fn usage_is_found_wherever_it_stands() {
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 3}});
    let want = Usage { input: Some(40), output: Some(7), cache_read: Some(60), reasoning: Some(3), ..Usage::default() };
    let last = |frames: &[Value]| {
        let mut decoder = Decoder::default();
        let mut found = Usage::default();
        for frame in frames {
            decoder.frame("", &frame.to_string(), &mut |_| ());
        }
        decoder.finish(&mut |event| {
            if let Event::Stop { usage, .. } = event {
                found = usage;
            }
        });
        found
    };
    let end = json!({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]});
    let mut same = end.clone();
    same["usage"] = usage.clone();
    assert_eq!(last(&[same]), want);
    assert_eq!(last(&[end.clone(), json!({"choices": [], "usage": usage})]), want);
    assert_eq!(last(&[end.clone(), json!({"choices": [], "usage": null, "x_groq": {"usage": usage}})]), want);
    let deepseek = json!({"usage": {"prompt_tokens": 100, "completion_tokens": 7, "prompt_cache_hit_tokens": 60}});
    assert_eq!(last(&[end.clone(), deepseek]), Usage { reasoning: None, ..want });
    assert_eq!(last(&[end.clone(), json!({"timings": {"prompt_n": 9}})]), Usage::default());
    let priced = |usage: Value| last(&[end.clone(), json!({"choices": [], "usage": usage})]).cost_nano_usd;
    assert_eq!(priced(json!({"cost": 0.000_123})), Some(123_000));
    assert_eq!(priced(json!({"cost": 0.01, "cost_details": {"upstream_inference_cost": 0.2}})), Some(10_000_000));
    let own_key = json!({"cost": 0.01, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.2}});
    assert_eq!(priced(own_key), Some(210_000_000));
    assert_eq!(priced(json!({"cost": null})), None);
}

fn written(events: &[Event<'_>], usage_wanted: bool) -> String {
    let mut encoder = Encoder::new(usage_wanted, 0);
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn chunks(stream: &str) -> Vec<Value> {
    let lines = stream.split("\n\n").filter_map(|frame| frame.strip_prefix("data: "));
    lines.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn start<'a>() -> Event<'a> {
    Event::Start {
        id: Text::escaped("i"),
        model: Text::escaped("m"),
        usage: Usage { input: Some(9), ..Usage::default() },
    }
}

fn stop<'a>(reason: StopReason) -> Event<'a> {
    Event::Stop { reason, stop_sequence: None, usage: Usage { output: Some(2), ..Usage::default() } }
}

#[test]
fn a_written_stream_has_role_first_and_finish_usage_and_done_last() {
    let events = [
        start(),
        Event::BlockStart(BlockStart::Thinking),
        Event::Delta(Piece::Thinking(Text::escaped("h"))),
        Event::Delta(Piece::Signature(Text::escaped("s"))),
        Event::BlockStop,
        Event::BlockStart(BlockStart::Text),
        Event::Delta(Piece::Text(Text::escaped("a\\n"))),
        Event::BlockStop,
        Event::BlockStart(BlockStart::ToolUse { id: Text::escaped("t"), name: Text::escaped("f") }),
        Event::BlockStop,
        stop(StopReason::ToolUse),
        Event::End,
    ];
    let stream = written(&events, true);
    assert!(stream.ends_with("data: [DONE]\n\n"));
    let told: String = chunks(&stream).iter().fold(String::new(), |mut told, chunk| {
        assert_eq!((&chunk["id"], &chunk["object"]), (&json!("i"), &json!("chat.completion.chunk")));
        let choice = &chunk["choices"][0];
        _ = writeln!(told, "{} {} {}", choice["delta"], choice["finish_reason"], chunk["usage"]["total_tokens"]);
        told
    });
    assert_eq!(
        told,
        r#"{"role":"assistant","content":""} null null
{"reasoning_content":"h"} null null
{"content":"a\n"} null null
{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]} null null
{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]} null null
{} "tool_calls" null
null null 11
"#
    );
}

#[test]
fn a_client_that_did_not_ask_gets_no_usage_chunk() {
    let stream = written(&[start(), stop(StopReason::EndTurn), Event::End], false);
    assert!(!stream.contains("usage"));
}

#[test]
fn a_ping_is_a_comment() {
    assert_eq!(written(&[Event::Ping], false), ": ping\n\n");
}

#[test]
fn after_an_error_nothing_follows() {
    let failure = Failure::new(FailureKind::RateLimit, "slow down");
    let stream = written(&[start(), Event::Error(failure), Event::End, Event::Ping], true);
    let last = chunks(&stream).pop().unwrap();
    assert_eq!(last["error"]["code"], "rate_limit_exceeded");
    assert!(!stream.contains("[DONE]") && !stream.contains("ping"));
}

#[test]
fn what_we_write_we_read_back() {
    let events = [
        start(),
        Event::BlockStart(BlockStart::Text),
        Event::Delta(Piece::Text(Text::escaped("a"))),
        Event::BlockStop,
        Event::BlockStart(BlockStart::ToolUse { id: Text::escaped("t"), name: Text::escaped("f") }),
        Event::Delta(Piece::Arguments(Text::escaped("{\\\"a\\\":1}"))),
        Event::BlockStop,
        stop(StopReason::ToolUse),
        Event::End,
    ];
    let frames: Vec<String> =
        written(&events, true).split("\n\n").filter_map(|f| f.strip_prefix("data: ")).map(str::to_owned).collect();
    let want: Vec<String> = events.iter().map(told).collect();
    assert_eq!(self::events(&frames), want);
}
