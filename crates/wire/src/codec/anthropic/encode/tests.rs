use serde_json::{Value, json};

use super::*;
use crate::codec::anthropic::decode;
use crate::hub::Message;
use crate::json::Json;

fn genuine() -> Dialect {
    Dialect { genuine_anthropic: true, ..Dialect::default() }
}

fn written(request: &Request<'_>, dialect: &Dialect) -> (Value, Vec<Dropped>) {
    let encoded = self::request(request, dialect);
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.dropped)
}

/// Decodes, encodes for Anthropic, gives the messages and the paths of what was dropped.
fn messages(messages: &Value) -> (Value, Vec<String>) {
    let body = json!({"model": "m", "max_tokens": 1, "messages": messages}).to_string();
    let (value, dropped) = written(&decode::request(&body).unwrap(), &genuine());
    (value["messages"].clone(), dropped.into_iter().map(|dropped| dropped.path).collect())
}

fn said(role: Role, text: &'static str) -> Message<'static> {
    Message { role, content: Content::Text(Text::escaped(text)), ..Message::default() }
}

#[test]
fn a_request_of_another_protocol_becomes_a_plain_one() {
    let call =
        BlockKind::ToolUse { id: Text::escaped("functions.f:0"), name: Text::escaped("f"), input: Json::trusted("{}") };
    let result = BlockKind::ToolResult {
        tool_use_id: Text::escaped("functions.f:0"),
        content: Content::Text(Text::escaped("done")),
        is_error: false,
    };
    let thoughts = BlockKind::Thinking { thinking: Text::escaped("hm"), signature: Text::default() };
    let blocks = |list: Vec<BlockKind<'static>>| Content::Blocks(list.into_iter().map(Block::from).collect());
    let request = Request {
        model: Text::escaped("claude-sonnet-5-5"),
        system: Content::Text(Text::escaped("Be brief.")),
        messages: vec![
            said(Role::System, "And kind."),
            said(Role::User, "a"),
            said(Role::User, "b"),
            Message { role: Role::Assistant, content: blocks(vec![thoughts, call]), ..Message::default() },
            Message { content: blocks(vec![result]), ..Message::default() },
            said(Role::User, "c"),
        ]
        .into(),
        tools: vec![Tool {
            name: Text::escaped("f"),
            description: Some(Text::escaped("does")),
            raw: Some("a tool of another protocol"),
            tokens: 6,
            ..Tool::default()
        }],
        tool_choice: Some(ToolChoice { mode: ToolChoiceMode::Any, disable_parallel: true }),
        stop_sequences: vec![Text::escaped("END")],
        effort: Some(Text::escaped("minimal")),
        output_schema: Some(Json::trusted("{\"type\":\"object\"}")),
        temperature: Some(Json::trusted("0.5")),
        user_id: Some(Text::escaped("u")),
        stream: true,
        extra: vec![("logit_bias", Json::trusted("{}"))],
        protocol: Some(Protocol::OpenaiChat),
        ..Request::default()
    };
    let (body, dropped) = written(&request, &Dialect { max_output_tokens: Some(4096), ..genuine() });
    let id = body["messages"][1]["content"][0]["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("functions_f_0_"), "{id}");
    let wanted = json!({
        "model": "claude-sonnet-5-5", "max_tokens": 4096,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "And kind."}],
        "tools": [{"name": "f", "description": "does", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "stop_sequences": ["END"], "temperature": 0.5, "metadata": {"user_id": "u"}, "stream": true,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "f", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id, "content": "done"}, {"type": "text", "text": "c"}]},
        ],
    });
    assert_eq!(body, wanted);
    let paths: Vec<_> = dropped.iter().map(|dropped| dropped.path.as_str()).collect();
    assert_eq!(paths, ["messages[3].content[0]", "logit_bias"]);
}

#[test]
fn a_missing_output_limit_gets_a_default() {
    let (body, _) = written(&Request::default(), &genuine());
    assert_eq!(body["max_tokens"], 8192);
}

#[test]
fn an_interrupted_call_gets_a_result() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let (out, _) = messages(&json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [call("x"), call("y")]},
        {"role": "user", "content": [{"type": "text", "text": "stop"}, {"type": "tool_result", "tool_use_id": "y", "content": "1"}]},
        {"role": "assistant", "content": [call("z")]},
    ]));
    let results: Vec<_> =
        out[2]["content"].as_array().unwrap().iter().map(|block| block["tool_use_id"].clone()).collect();
    assert_eq!(results, [json!("y"), json!("x"), Value::Null]);
    assert_eq!(out[2]["content"][1]["is_error"], true);
    assert_eq!(out[4]["content"][0]["tool_use_id"], "z");
}

#[test]
fn a_result_without_a_call_becomes_text() {
    let (out, _) = messages(&json!([
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "1"}, {"type": "text", "text": "a"}]},
    ]));
    let texts: Vec<_> = out[0]["content"].as_array().unwrap().iter().map(|block| block["text"].clone()).collect();
    assert_eq!(texts, ["[result of an earlier tool call]", "1", "a"]);
}

#[test]
fn empty_texts_and_foreign_thoughts_leave_no_empty_turn() {
    let thought = json!({"type": "thinking", "thinking": "hm", "signature": MINTED_SIGNATURE});
    let (out, dropped) = messages(&json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": " \n"}]},
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]},
    ]));
    let wanted = json!([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]);
    assert_eq!(out, wanted);
    assert_eq!(dropped, ["messages[1].content[0]"]);
}

#[test]
fn a_conversation_that_opens_with_the_assistant_gets_an_opening() {
    let (out, _) = messages(&json!([{"role": "assistant", "content": "Welcome."}]));
    assert_eq!(out[0]["role"], "user");
    assert_eq!(out[1]["content"], "Welcome.");
}

#[test]
fn instructions_stay_only_where_anthropic_lets_them() {
    let (out, _) = messages(&json!([
        {"role": "user", "content": "a"},
        {"role": "system", "content": "stays"},
        {"role": "assistant", "content": "b"},
        {"role": "system", "content": "moves"},
    ]));
    assert_eq!(out[1], json!({"role": "system", "content": "stays"}));
    let moved = json!([{"type": "text", "text": "<system-reminder>\nmoves\n</system-reminder>"}]);
    assert_eq!(out[3], json!({"role": "user", "content": moved}));
}

#[test]
fn a_whole_answer_has_all_members_and_signed_thoughts() {
    let response = Response {
        content: vec![
            BlockKind::Thinking { thinking: Text::escaped("hm"), signature: Text::default() }.into(),
            BlockKind::ToolUse { id: Text::default(), name: Text::escaped("f"), input: Json::trusted("{}") }.into(),
        ],
        stop_reason: Some(StopReason::ToolUse),
        usage: Usage { input: Some(3), ..Usage::default() },
        ..Response::default()
    };
    let mut value: Value = serde_json::from_slice(&self::response(&response)).unwrap();
    assert!(value["id"].take().as_str().is_some_and(|id| id.starts_with("msg_")));
    assert!(value["content"][1]["id"].take().as_str().is_some_and(|id| id.starts_with("toolu_")));
    let wanted = json!({
        "id": null, "type": "message", "role": "assistant", "model": "",
        "content": [{"type": "thinking", "thinking": "hm", "signature": MINTED_SIGNATURE},
            {"type": "tool_use", "id": null, "name": "f", "input": {}}],
        "stop_reason": "tool_use", "stop_sequence": null, "stop_details": null, "container": null,
        "usage": {"input_tokens": 3, "output_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "server_tool_use": null, "service_tier": "standard", "inference_geo": null,
            "output_tokens_details": {"thinking_tokens": 0}}
    });
    assert_eq!(value, wanted);
}

#[test]
fn parts_that_only_openai_knows_are_left_out_and_reported() {
    let part = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let text = json!({"type": "text", "text": "listen"});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": [part, text]},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": [text, part]}
    ]})
    .to_string();
    let request = crate::codec::openai_chat::decode::request(&body).unwrap();
    let (value, dropped) = written(&request, &genuine());
    assert_eq!(value["messages"][0]["content"], json!([text]));
    assert_eq!(value["messages"][2]["content"][0]["content"], json!([text]));
    let paths: Vec<_> = dropped.into_iter().map(|dropped| dropped.path).collect();
    assert_eq!(paths, ["messages[0].content[0]", "messages[2].content[0].content[1]"]);
}
