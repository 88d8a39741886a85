use serde_json::{Value, json};

use super::*;
use crate::codec::openai_chat::encode;
use crate::hub::{BlockKind, FailureKind, ImageSource, StopReason};
use crate::{Dialect, hub};

fn read(body: &Value) -> (Value, hub::Request<'static>) {
    let source: &'static str = Box::leak(body.to_string().into_boxed_str());
    let hub = request(source).unwrap();
    let rendered = encode::request(&hub, &Dialect { null_content: true, ..Dialect::default() });
    (serde_json::from_slice(&rendered.body).unwrap(), hub)
}

fn refused(body: &Value) -> String {
    request(&body.to_string()).unwrap_err().to_string()
}

#[test]
fn a_request_survives_the_way_through_the_hub() {
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA/+"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": \"\\\"\"}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "user", "content": "thanks"}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d",
            "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "required", "max_tokens": 9, "temperature": 0.5, "stop": ["x"], "stream": true,
        "stream_options": {"include_usage": true}, "seed": 3});
    let (rendered, hub) = read(&body);
    assert_eq!(rendered, body);
    assert_eq!(hub.messages.len(), 4);
    assert!(hub.stream_usage);
}

#[test]
fn each_message_behind_the_system_prompt_is_one_hub_message() {
    let (_, hub) = read(&json!({"model": "m", "messages": [
        {"role": "developer", "content": "a"}, {"role": "system", "content": [{"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"}, {"role": "system", "content": "d"}, {"role": "tool", "tool_call_id": "x", "content": "e"}]}));
    assert_eq!(hub.system.blocks().len(), 2);
    let roles: Vec<Role> = hub.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::System, Role::User]);
    assert!(hub.messages.iter().all(|message| message.raw.is_some()));
}

#[test]
fn arguments_that_are_no_object_are_kept_as_what_they_are() {
    for (given, want) in [
        (json!("{\"a\":"), json!({"__unparsedToolInput": {"raw": "{\"a\":"}})),
        (json!("[1]"), json!({"__unparsedToolInput": {"raw": "[1]"}})),
        (json!(""), json!({})),
        (json!({"a": 1}), json!({"a": 1})),
        (Value::Null, json!({})),
    ] {
        let (_, hub) = read(&json!({"model": "m", "messages": [{"role": "assistant",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": given}}]}]}));
        let BlockKind::ToolUse { input, .. } = &hub.messages[0].content.blocks()[0].kind else { panic!("no call") };
        assert_eq!(input.value(), want);
    }
}

#[test]
fn an_escaped_data_url_is_an_image_in_the_body() {
    let source = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image\/png;base64,A\/A="}}]}]}"#;
    let hub = request(source).unwrap();
    let BlockKind::Image { source: ImageSource::Base64 { media_type, data } } =
        &hub.messages[0].content.blocks()[0].kind
    else {
        panic!("no image")
    };
    assert!(media_type.is("image/png") && data.is("A/A="));
}

#[test]
fn old_functions_are_tools_and_their_results_find_their_calls() {
    let (rendered, _) =
        read(&json!({"model": "m", "functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
        "function_call": {"name": "f"}, "messages": [
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "done"}]}));
    assert_eq!(rendered["tools"][0]["function"]["name"], "f");
    assert_eq!(rendered["tool_choice"]["function"]["name"], "f");
    assert_eq!(rendered["messages"][1], json!({"role": "tool", "tool_call_id": "call_0", "content": "done"}));
}

#[test]
fn reasoning_in_history_is_thinking() {
    let (_, hub) =
        read(&json!({"model": "m", "messages": [{"role": "assistant", "content": "a", "reasoning_content": "t"}]}));
    let kinds: Vec<bool> =
        hub.messages[0].content.blocks().iter().map(|b| matches!(b.kind, BlockKind::Thinking { .. })).collect();
    assert_eq!(kinds, [true, false]);
}

#[test]
fn options_find_their_places() {
    let (_, hub) = read(&json!({"model": "m", "messages": [], "max_completion_tokens": 7, "reasoning_effort": "high",
        "parallel_tool_calls": false, "stop": "end", "user": "u", "n": 1, "logit_bias": {"1": 2}, "temperature": null,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}}));
    assert_eq!((hub.max_tokens, hub.effort.unwrap().decode().as_ref()), (Some(7), "high"));
    assert!(hub.tool_choice.unwrap().disable_parallel && hub.temperature.is_none() && hub.user_id.is_some());
    assert_eq!(hub.stop_sequences.len(), 1);
    assert_eq!(hub.output_schema.unwrap().as_str(), r#"{"type":"object"}"#);
    assert_eq!(hub.extra.len(), 1);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let messages = |list: Value| json!({"model": "m", "messages": list});
    for (body, want) in [
        (json!({"messages": []}), "model: this field is required"),
        (json!({"model": "m"}), "messages: this field is required"),
        (json!({"model": 1, "messages": []}), "model: should be a string"),
        (json!({"model": "m", "messages": {}}), "messages: should be a list"),
        (json!({"model": "m", "messages": [], "n": 2}), "n: only one answer per request"),
        (messages(json!(["x"])), "messages[0]: should be an object"),
        (messages(json!([{"content": "x"}])), "messages[0].role: this field is required"),
        (messages(json!([{"role": "robot"}])), "messages[0].role: unknown role \"robot\""),
        (messages(json!([{"role": "user", "content": 1}])), "messages[0].content: should be"),
        (messages(json!([{"role": "user", "content": [{"text": "x"}]}])), "messages[0].content[0].type"),
        (messages(json!([{"role": "user", "content": [{"type": "text"}]}])), "messages[0].content[0].text"),
        (
            json!({"model": "m", "messages": [], "tools": [{"type": "function", "function": {}}]}),
            "tools[0].function.name",
        ),
    ] {
        let said = refused(&body);
        assert!(said.starts_with(want), "{said} instead of {want}");
    }
    assert!(request("{\"model\":").unwrap_err().path == "body");
}

#[test]
fn a_whole_answer_is_read() {
    let body = json!({"id": "r", "model": "m", "choices": [{"finish_reason": "stop", "message": {"role": "assistant",
        "content": "a", "reasoning": "t", "tool_calls": [{"id": "c.1", "function": {"name": "f", "arguments": "{}"}}]}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1}});
    let source = body.to_string();
    let answer = response(&source).unwrap();
    assert_eq!(answer.content.len(), 3);
    assert_eq!(answer.stop_reason, Some(StopReason::ToolUse));
    assert_eq!(answer.usage.input, Some(3));
}

#[test]
fn a_call_cut_off_by_the_limit_is_kept_and_not_to_be_run() {
    let body = json!({"id": "r", "model": "m", "choices": [{"finish_reason": "length", "message": {"content": null,
        "tool_calls": [{"id": "c", "function": {"name": "Write", "arguments": "{\"path\":\"a"}}]}}]});
    let source = body.to_string();
    let answer = response(&source).unwrap();
    assert_eq!(answer.stop_reason, Some(StopReason::MaxTokens));
    let BlockKind::ToolUse { input, .. } = &answer.content[0].kind else { panic!("no call") };
    assert_eq!(input.value(), json!({"__unparsedToolInput": {"raw": "{\"path\":\"a"}}));
}

#[test]
fn what_is_no_answer_is_a_failure() {
    for (body, kind) in [
        (r#"{"error":"Unexpected endpoint or method. (POST /x). Returning 200 anyway"}"#, FailureKind::NotFound),
        (r#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#, FailureKind::RateLimit),
        ("<html><title>502</title></html>", FailureKind::Api),
        (r#"{"id":"r","choices":[]}"#, FailureKind::Api),
        ("", FailureKind::Api),
        ("{}", FailureKind::Api),
    ] {
        assert_eq!(response(body).unwrap_err().kind, kind, "{body}");
    }
}
