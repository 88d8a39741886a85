use serde_json::{Value, json};

use super::*;
use crate::codec::encode_request;
use crate::hub::{BlockKind, CallShape, Role};
use crate::{Dialect, Upstream};

fn body(more: &Value) -> String {
    let mut body = json!({"model": "m", "input": "hello"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

fn messages(input: &Value) -> Vec<(Role, Vec<String>)> {
    let body = body(&json!({"input": input}));
    let hub = request(&body).unwrap();
    hub.messages.iter().map(|message| (message.role, shown(&message.content))).collect()
}

fn shown(content: &Content<'_>) -> Vec<String> {
    match content {
        Content::Text(text) => vec![text.decode().into_owned()],
        Content::Blocks(blocks) => blocks.iter().map(|block| block_shown(&block.kind)).collect(),
    }
}

fn block_shown(kind: &BlockKind<'_>) -> String {
    match kind {
        BlockKind::Text { text } => text.decode().into_owned(),
        BlockKind::ToolUse { id, name, input } => format!("{id:?} {name:?} {}", input.as_str()),
        BlockKind::ToolResult { tool_use_id, content, .. } => format!("{tool_use_id:?} -> {:?}", shown(content)),
        other => format!("{other:?}"),
    }
}

fn refusal(more: &Value) -> (String, String, bool) {
    let error = request(&body(more)).unwrap_err();
    (error.path, error.message, error.hint.is_some())
}

fn lost(more: &Value) -> Vec<String> {
    let body = body(more);
    encode_request(Upstream::OpenaiChat, &request(&body).unwrap(), &Dialect::default())
        .dropped
        .into_iter()
        .map(|lost| lost.path)
        .collect()
}

#[test]
fn a_text_is_one_message_of_the_user() {
    assert_eq!(messages(&json!("hello")), [(Role::User, vec!["hello".to_owned()])]);
}

#[test]
fn instructions_and_leading_developer_messages_are_the_system_prompt() {
    let developer =
        |text: &str| json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]});
    let input = json!([developer("two"), developer("three"), {"role": "user", "content": "go"}, developer("later")]);
    let body = body(&json!({"instructions": "one", "input": input}));
    let hub = request(&body).unwrap();
    assert_eq!(shown(&hub.system), ["one", "two", "three"]);
    assert_eq!(hub.messages[1].role, Role::System, "what comes later stays in its place");
}

#[test]
fn neighbouring_items_of_the_model_are_one_message_and_so_are_their_results() {
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "Read", "arguments": "{\"p\":1}"});
    let result = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "seen"});
    let input = json!([
        {"role": "user", "content": "look"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": null},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]},
        call("a"), call("b"), result("a"), result("b"),
        {"role": "user", "content": "and now?"},
    ]);
    let read = messages(&input);
    let roles: Vec<Role> = read.iter().map(|(role, _)| *role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::User]);
    assert_eq!(read[1].1[1..], ["Looking.", r#""a" "Read" {"p":1}"#, r#""b" "Read" {"p":1}"#]);
    assert_eq!(read[2].1, [r#""a" -> ["seen"]"#, r#""b" -> ["seen"]"#]);
    assert!(read[1].1[0].contains("hm"));
}

#[test]
fn free_form_tools_and_namespaces_are_functions_with_a_spelling() {
    let tools = json!([
        {"type": "custom", "name": "apply_patch", "description": "Edits files.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"x\""}},
        {"type": "namespace", "name": "mcp__wiki", "tools": [{"type": "function", "name": "search", "parameters": {"type": "object"}}]},
        {"type": "function", "name": "bare"},
        {"type": "web_search"},
    ]);
    let body = body(&json!({"tools": tools}));
    let hub = request(&body).unwrap();
    let names: Vec<&str> = hub.tools.iter().map(|tool| tool.name.as_escaped()).collect();
    assert_eq!(names, ["apply_patch", "mcp__wiki__search", "bare"]);
    let description = hub.tools[0].description.as_ref().unwrap().decode().into_owned();
    assert!(
        description.starts_with("Edits files.\n\n") && description.ends_with("(lark):\nstart: \"x\""),
        "{description}"
    );
    assert_eq!(hub.tools[0].input_schema.as_ref().unwrap().value()["required"], json!(["input"]));
    assert_eq!(hub.spellings[0].shape, CallShape::Free);
    let within = CallShape::Within { namespace: Text::escaped("mcp__wiki"), name: Text::escaped("search") };
    assert_eq!(hub.spellings[1].shape, within);
    assert_eq!(hub.lost[0].path, "tools[3]");
}

#[test]
fn their_calls_come_back_under_the_names_the_model_knows() {
    let input = json!([
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin\n\"x\""},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        {"type": "function_call", "call_id": "c2", "namespace": "mcp__wiki", "name": "search", "arguments": "{}"},
        {"type": "local_shell_call", "call_id": "c3", "status": "completed", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "local_shell_call_output", "id": "c3", "output": "a.txt"},
    ]);
    let read = messages(&input);
    assert_eq!(read[0].1, [r#""c1" "apply_patch" {"input":"*** Begin\n\"x\""}"#]);
    assert!(read[2].1[0].starts_with(r#""c2" "mcp__wiki__search""#));
    assert!(read[2].1[1].starts_with(r#""c3" "local_shell" {"#));
    assert_eq!(read[3].1, [r#""c3" -> ["a.txt"]"#]);
}

#[test]
fn what_a_search_of_the_client_has_found_is_on_offer_from_then_on() {
    let found = json!([{"type": "namespace", "name": "mcp__wiki", "tools": [{"type": "function", "name": "search"}]}]);
    let search = |id: &str| {
        [
            json!({"type": "tool_search_call", "call_id": id, "execution": "client", "arguments": {"query": "wiki"}}),
            json!({"type": "tool_search_output", "call_id": id, "status": "completed", "execution": "client", "tools": found}),
        ]
    };
    let offered = json!({"type": "tool_search", "execution": "client", "description": "Finds tools.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}}});
    let input: Vec<Value> = [search("a"), search("b")].concat();
    let body = body(&json!({"input": input, "tools": [offered, {"type": "tool_search"}]}));
    let hub = request(&body).unwrap();
    let names: Vec<&str> = hub.tools.iter().map(|tool| tool.name.as_escaped()).collect();
    assert_eq!(names, ["tool_search", "mcp__wiki__search"], "found twice, offered once");
    assert_eq!(hub.spellings[0].shape, CallShape::ToolSearch);
    assert_eq!(hub.lost[0].path, "tools[1]", "a search OpenAI runs stays behind");
    assert_eq!(shown(&hub.messages[0].content), [r#""a" "tool_search" {"query":"wiki"}"#]);
    assert!(shown(&hub.messages[1].content)[0].contains("can be called now"));
}

#[test]
fn a_search_that_is_all_on_offer_is_a_request_for_one() {
    let body = body(&json!({"tools": [{"type": "web_search"}]}));
    let hub = request(&body).unwrap();
    assert_eq!(hub.tools[0].server_type, Some(Text::escaped("web_search_20250305")));
    assert!(hub.tools[0].input_schema.is_none() && hub.lost.is_empty());
}

#[test]
fn pictures_and_files_are_read_where_they_are_in_the_body() {
    let picture = json!({"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"});
    let input = json!([
        {"role": "user", "content": [{"type": "input_text", "text": "see"}, picture,
            {"type": "input_image", "file_id": "file_1"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}]},
        {"type": "function_call", "call_id": "c", "name": "view_image", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [picture]},
    ]);
    let read = messages(&input);
    assert!(read[0].1[1].contains("AAAA") && read[0].1[3].contains("BBBB"), "{read:?}");
    assert_eq!(read[0].1[2], "[image omitted]");
    assert!(read[2].1[0].contains("[Image") || read[2].1[0].contains("AAAA"), "{read:?}");
    assert_eq!(lost(&json!({"input": input}))[0], "messages[0].content[3]");
}

#[test]
fn thoughts_come_back_with_the_signature_they_left_with() {
    let thought = |sealed: Value| json!([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": sealed}]);
    let kind = |input: &Value| {
        let body = body(&json!({"input": input}));
        let hub = request(&body).unwrap();
        (hub.messages[0].content.blocks()[0].kind.clone().into_static_words(), hub.lost.len())
    };
    assert_eq!(kind(&thought(json!("branchline.signed.Esim"))), ("hm signed Esim".to_owned(), 0));
    assert_eq!(kind(&thought(json!("branchline.redacted.Zz"))), ("sealed Zz".to_owned(), 0));
    assert_eq!(kind(&thought(json!("gAAAA"))), ("hm signed ".to_owned(), 1));
    assert_eq!(kind(&thought(Value::Null)), ("hm signed ".to_owned(), 0));
}

impl BlockKind<'_> {
    fn into_static_words(self) -> String {
        match self {
            BlockKind::Thinking { thinking, signature } => {
                format!("{} signed {}", thinking.as_escaped(), signature.as_escaped())
            }
            BlockKind::RedactedThinking { data } => format!("sealed {}", data.as_escaped()),
            other => format!("{other:?}"),
        }
    }
}

#[test]
fn options_find_their_places() {
    let schema = json!({"type": "object"});
    let body = body(&json!({
        "stream": true, "max_output_tokens": 9, "parallel_tool_calls": false, "tool_choice": {"type": "function", "name": "f"},
        "reasoning": {"effort": "minimal", "summary": "auto"}, "temperature": 0.5, "user": "u",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}, "verbosity": "medium"},
    }));
    let hub = request(&body).unwrap();
    assert!(hub.stream && hub.stream_usage);
    assert_eq!((hub.max_tokens, hub.effort.clone()), (Some(9), Some(Text::escaped("low"))));
    assert_eq!(hub.output_schema.as_ref().unwrap().value(), schema);
    let choice = hub.tool_choice.unwrap();
    assert_eq!((choice.mode, choice.disable_parallel), (ToolChoiceMode::Tool(Text::escaped("f")), true));
    assert!(hub.lost.is_empty() && hub.extra.is_empty(), "{:?} {:?}", hub.lost, hub.extra);
}

#[test]
fn what_refers_to_something_kept_is_refused_with_a_hint() {
    for name in ["previous_response_id", "conversation", "prompt"] {
        assert_eq!(refusal(&json!({name: "resp_1"})), (name.to_owned(), NOTHING_KEPT.to_owned(), true));
    }
    let (path, _, hint) = refusal(&json!({"input": [{"type": "item_reference", "id": "msg_1"}]}));
    assert_eq!((path.as_str(), hint), ("input[0]", true));
    assert!(refusal(&json!({"background": true})).2);
    for absent in ["previous_response_id", "conversation", "prompt"] {
        assert!(request(&body(&json!({absent: null}))).is_ok());
    }
}

#[test]
fn what_has_no_place_is_said() {
    assert_eq!(lost(&json!({"store": true})), ["store"]);
    assert_eq!(lost(&json!({"truncation": "auto"})), ["truncation"]);
    let include = json!(["reasoning.encrypted_content", "file_search_call.results"]);
    assert_eq!(lost(&json!({"include": include})), ["include[1]"]);
    assert_eq!(lost(&json!({"text": {"verbosity": "low"}})), ["text.verbosity"]);
    let input =
        json!([{"type": "web_search_call", "id": "ws_1", "status": "completed"}, {"role": "user", "content": "x"}]);
    assert_eq!(lost(&json!({"input": input})), ["input[0]"]);
    assert_eq!(lost(&json!({"service_tier": "flex"})), ["service_tier"]);
}

#[test]
fn what_is_wrong_is_named() {
    for (more, path) in [
        (json!({"input": null}), "input"),
        (json!({"input": 42}), "input"),
        (json!({"input": [42]}), "input[0]"),
        (json!({"input": [{"role": "nobody", "content": "x"}]}), "input[0].role"),
        (json!({"input": [{"role": "user", "content": 42}]}), "input[0].content"),
        (json!({"input": [{"role": "user", "content": [{"text": "x"}]}]}), "input[0].content[0].type"),
        (json!({"input": [{"id": "x"}]}), "input[0].type"),
        (json!({"model": 1}), "model"),
        (json!({"tools": [{"type": "function"}]}), "tools[0].name"),
        (json!({"max_output_tokens": "many"}), "max_output_tokens"),
    ] {
        assert_eq!(refusal(&more).0, path, "{more}");
    }
}
