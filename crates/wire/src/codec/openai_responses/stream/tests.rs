use serde_json::{Value, json};

use super::*;
use crate::codec::Asked;
use crate::hub::{BlockStart, CallShape, Delta, Event, Failure, FailureKind, Spelling, StopReason, Usage};
use crate::text::Text;

fn asked() -> Asked {
    let free = Spelling { name: Text::escaped("apply_patch"), shape: CallShape::Free };
    let within = CallShape::Within { namespace: Text::escaped("wiki"), name: Text::escaped("search") };
    let within = Spelling { name: Text::escaped("wiki__search"), shape: within };
    let search = Spelling { name: Text::escaped("tool_search"), shape: CallShape::ToolSearch };
    Asked { created: 7, spellings: vec![free, within, search], ..Asked::default() }
}

fn written(events: &[Event<'_>]) -> Vec<Value> {
    let mut encoder = Encoder::new(&asked());
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    let frames: Vec<Value> = text
        .split_terminator("\n\n")
        .map(|frame| {
            let (name, data) = frame.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["type"], name);
            data
        })
        .collect();
    for (nth, frame) in frames.iter().enumerate() {
        assert_eq!(frame["sequence_number"], nth);
    }
    frames
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

fn start() -> Event<'static> {
    Event::Start { id: Text::escaped("msg_1"), model: Text::escaped("m"), usage: Usage::default() }
}

fn call(name: &'static str, arguments: &str) -> Vec<Event<'static>> {
    vec![
        Event::BlockStart(BlockStart::ToolUse { id: Text::escaped("call_9"), name: Text::escaped(name) }),
        Event::Delta(Delta::Arguments(Text::plain(arguments).into_owned())),
        Event::BlockStop,
    ]
}

fn stop(reason: StopReason) -> Vec<Event<'static>> {
    let usage = Usage { input: Some(3), cache_read: Some(5), output: Some(2), reasoning: Some(1), ..Usage::default() };
    vec![Event::Stop { reason, stop_sequence: None, usage }, Event::End]
}

fn of(parts: Vec<Vec<Event<'static>>>) -> Vec<Value> {
    written(&[vec![start()], parts.concat()].concat())
}

fn text(said: &[&'static str]) -> Vec<Event<'static>> {
    let deltas = said.iter().map(|piece| Event::Delta(Delta::Text(Text::escaped(piece))));
    [vec![Event::BlockStart(BlockStart::Text)], deltas.collect(), vec![Event::BlockStop]].concat()
}

#[test]
fn a_text_has_every_event_the_sdks_wait_for() {
    let frames = of(vec![text(&["Hel", "lo"]), stop(StopReason::EndTurn)]);
    assert_eq!(
        kinds(&frames),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed"
        ]
    );
    assert_eq!(frames[0]["response"]["id"], "resp_1");
    assert_eq!((&frames[6]["text"], &frames[8]["item"]["content"][0]["text"]), (&json!("Hello"), &json!("Hello")));
    let whole = &frames[9]["response"];
    assert_eq!((&whole["status"], &whole["output"][0]), (&json!("completed"), &frames[8]["item"]));
    let details = json!({"input_tokens": 8, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 10});
    assert_eq!(whole["usage"], details);
    assert_eq!(whole["created_at"], 7);
}

#[test]
fn thoughts_are_a_summary_that_carries_its_signature() {
    let thoughts = vec![
        Event::BlockStart(BlockStart::Thinking),
        Event::Delta(Delta::Thinking(Text::escaped("hm"))),
        Event::Delta(Delta::Signature(Text::escaped("Esim"))),
        Event::BlockStop,
    ];
    let frames = of(vec![thoughts, stop(StopReason::EndTurn)]);
    assert_eq!(
        kinds(&frames)[2..7],
        [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done"
        ]
    );
    let item = &frames[7]["item"];
    assert_eq!((&item["type"], &item["summary"][0]["text"]), (&json!("reasoning"), &json!("hm")));
    assert_eq!(item["encrypted_content"], "branchline.signed.Esim");
}

#[test]
fn a_function_call_streams_its_arguments() {
    let frames = of(vec![call("wiki__search", "{\"q\":1}"), stop(StopReason::ToolUse)]);
    assert_eq!(
        kinds(&frames)[2..6],
        ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
    );
    let item = &frames[5]["item"];
    let told = (&item["namespace"], &item["name"], &item["call_id"], &item["arguments"], &item["status"]);
    let wanted = (&json!("wiki"), &json!("search"), &json!("call_9"), &json!("{\"q\":1}"), &json!("completed"));
    assert_eq!(told, wanted);
}

#[test]
fn a_call_without_arguments_has_an_empty_object_and_a_broken_one_says_so() {
    let frames = of(vec![call("ls", ""), stop(StopReason::ToolUse)]);
    assert_eq!(frames[5]["item"]["arguments"], "{}");
    let frames = of(vec![call("ls", "{\"path\": \"/tm"), stop(StopReason::MaxTokens)]);
    assert_eq!(
        (&frames[5]["item"]["status"], &frames[5]["item"]["arguments"]),
        (&json!("incomplete"), &json!("{\"path\": \"/tm"))
    );
    assert_eq!(frames[6]["response"]["incomplete_details"]["reason"], "max_output_tokens");
}

#[test]
fn free_text_is_taken_out_of_the_arguments_however_the_model_wrote_them() {
    let patch = "*** Begin Patch\n+\"x\"\n*** End Patch";
    let only = json!({"patch": patch}).to_string();
    for arguments in [&json!({"input": patch}).to_string(), &only, patch] {
        let frames = of(vec![call("apply_patch", arguments), stop(StopReason::ToolUse)]);
        assert_eq!(
            kinds(&frames)[2..6],
            ["output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done"]
        );
        let item = &frames[5]["item"];
        assert_eq!((&item["type"], &item["input"]), (&json!("custom_tool_call"), &json!(patch)));
        assert_eq!(frames[6]["response"]["output"][0], *item);
    }
}

#[test]
fn a_search_for_tools_is_a_call_of_its_own_kind() {
    let frames = of(vec![call("tool_search", "{\"query\": \"wiki\"}"), stop(StopReason::ToolUse)]);
    assert_eq!(kinds(&frames)[2..4], ["output_item.added", "output_item.done"]);
    let item = &frames[3]["item"];
    let told = (&item["type"], &item["execution"], &item["arguments"]["query"]);
    assert_eq!(told, (&json!("tool_search_call"), &json!("client"), &json!("wiki")));
    let frames = of(vec![call("tool_search", "{\"query\": \"wi"), stop(StopReason::MaxTokens)]);
    assert_eq!(kinds(&frames).len(), 3, "half a search is none: {frames:?}");
}

#[test]
fn free_text_that_was_cut_off_is_no_call() {
    for reason in [StopReason::MaxTokens, StopReason::ContextWindow] {
        let frames = of(vec![call("apply_patch", "*** Begin Patch\n+half"), stop(reason)]);
        assert_eq!(kinds(&frames).len(), 3, "{frames:?}");
        assert_eq!(frames[2]["response"]["output"], json!([]));
    }
    let frames = of(vec![call("apply_patch", "*** Begin Patch"), text(&["Then."]), stop(StopReason::MaxTokens)]);
    assert_eq!(frames[5]["item"]["type"], "custom_tool_call", "more came, so it was whole");
}

#[test]
fn a_full_window_is_told_so_that_codex_compacts() {
    let frames = of(vec![text(&["half an ans"]), stop(StopReason::ContextWindow)]);
    let last = frames.last().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["error"]["code"]),
        (&json!("response.failed"), &json!("context_length_exceeded"))
    );
    assert_eq!(last["response"]["output"].as_array().unwrap().len(), 1);
}

#[test]
fn a_failure_leaves_what_is_open_undone() {
    for (kind, code) in [
        (FailureKind::Api, "server_error"),
        (FailureKind::RateLimit, "rate_limit_exceeded"),
        (FailureKind::Billing, "insufficient_quota"),
        (FailureKind::NotFound, "invalid_prompt"),
        (FailureKind::PromptTooLong { tokens: None, maximum: None }, "context_length_exceeded"),
    ] {
        let mut events = text(&["half"]);
        events.pop();
        events.push(Event::Error(Failure::new(kind, "it \"broke\"")));
        events.extend(stop(StopReason::EndTurn));
        let frames = of(vec![events]);
        let last = frames.last().unwrap();
        assert_eq!(last["type"], "response.failed");
        assert_eq!(last["response"]["error"], json!({"code": code, "message": "it \"broke\""}));
        assert!(!kinds(&frames).contains(&"output_item.done"));
    }
}

#[test]
fn a_ping_is_an_event_once_the_answer_has_begun() {
    let mut encoder = Encoder::new(&asked());
    let mut out = Vec::new();
    encoder.event(&Event::Ping, &mut out);
    assert_eq!(out, b": ping\n\n");
    let frames = of(vec![vec![Event::Ping], text(&["a"]), stop(StopReason::EndTurn)]);
    assert_eq!(kinds(&frames)[..3], ["created", "in_progress", "in_progress"]);
}

#[test]
fn blocks_that_say_nothing_are_no_items() {
    let empty = vec![Event::BlockStart(BlockStart::Thinking), Event::BlockStop];
    let frames = of(vec![empty, text(&[]), text(&["a"]), stop(StopReason::EndTurn)]);
    let whole = &frames.last().unwrap()["response"]["output"];
    assert_eq!((whole.as_array().unwrap().len(), &whole[0]["id"]), (1, &json!("msg_1_0")));
}
