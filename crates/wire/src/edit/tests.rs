use super::*;
use crate::codec::anthropic::{decode, patch};
use crate::{Dialect, hub};

const SESSION: &str = include_str!("../../tests/fixtures/anthropic_session.json");

fn after(body: &str, edits: &[Edit]) -> serde_json::Value {
    let mut request = decode::request(body).unwrap();
    apply(&mut request, edits);
    serde_json::from_slice(&patch::request(&request, &Dialect::default()).body).unwrap()
}

fn conversation(messages: &serde_json::Value) -> String {
    serde_json::json!({"model": "m", "max_tokens": 1, "messages": messages}).to_string()
}

fn folded(messages: &serde_json::Value) -> serde_json::Value {
    after(&conversation(messages), &[Edit::FoldSystem])["messages"].clone()
}

fn at(message: usize, block: usize, inner: Option<usize>) -> BlockPath {
    BlockPath { message, block, inner }
}

#[test]
fn only_what_an_edit_changed_is_written_anew() {
    let mut request = decode::request(SESSION).unwrap();
    apply(&mut request, &[Edit::Model("local \"one\"".to_owned()), Edit::MaxTokens(5)]);
    let body = String::from_utf8(patch::request(&request, &Dialect::default()).body).unwrap();
    assert!(body.starts_with(r#"{"model":"local \"one\"","max_tokens":5,"system":["#), "{body}");
    for (name, raw) in &request.fields[2..] {
        assert!(body.contains(&format!("\"{name}\":{raw}")), "{name}");
    }
}

#[test]
fn an_image_is_replaced_where_it_stands_and_its_neighbours_keep_their_bytes() {
    let mut request = decode::request(SESSION).unwrap();
    let (place, _) = images(&request).next().unwrap();
    assert_eq!(place.to_string(), "messages[3].content[0].content[1]");
    apply(&mut request, &[Edit::ReplaceBlock { at: place, with: "a rake\nand a spade".to_owned() }]);
    assert_eq!(images(&request).count(), 0);
    let body = String::from_utf8(patch::request(&request, &Dialect::default()).body).unwrap();
    assert!(body.contains(r#"{"type":"text","text":"a rake\nand a spade"}"#), "{body}");
    assert!(body.contains(
        r#"{"type": "tool_result", "tool_use_id": "toolu_02", "content": "no such file", "is_error": true}"#
    ));
    assert!(body.contains(request.messages[2].raw.unwrap()));
}

#[test]
fn blocks_are_dropped_by_the_places_they_had() {
    let messages = serde_json::json!([
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
        {"role": "assistant", "content": "d"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [
            {"type": "text", "text": "e"}, {"type": "text", "text": "f"}]}]},
    ]);
    let edits = [
        Edit::DropBlock { at: at(0, 0, None) },
        Edit::DropBlock { at: at(1, 0, None) },
        Edit::DropBlock { at: at(0, 2, None) },
        Edit::DropBlock { at: at(2, 0, Some(0)) },
        Edit::DropBlock { at: at(9, 0, None) },
        Edit::ReplaceBlock { at: at(0, 1, None), with: "B".to_owned() },
    ];
    let wanted = serde_json::json!([
        {"role": "user", "content": [{"type": "text", "text": "B"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "f"}]}]},
    ]);
    assert_eq!(after(&conversation(&messages), &edits)["messages"], wanted);
}

#[test]
fn the_billing_header_goes_whether_block_line_or_string() {
    let system = |system: serde_json::Value| {
        let body = serde_json::json!({"model": "m", "max_tokens": 1, "messages": [], "system": system}).to_string();
        assert_eq!(billing_header(&decode::request(&body).unwrap()), Some(0));
        after(&body, &[Edit::DropBillingHeader]).get("system").cloned()
    };
    let line = "x-anthropic-billing-header: cc_version=1; cch=abc;";
    assert_eq!(system(serde_json::json!(line)), None);
    assert_eq!(system(serde_json::json!([{"type": "text", "text": line}])), None);
    assert_eq!(system(serde_json::json!(format!("{line}\nBe brief."))), Some("Be brief.".into()));
    assert_eq!(
        system(
            serde_json::json!([{"type": "text", "text": format!("One.\n{line}\nTwo.")}, {"type": "text", "text": "x"}])
        ),
        Some(serde_json::json!([{"type": "text", "text": "One.\nTwo."}, {"type": "text", "text": "x"}]))
    );
    assert_eq!(billing_header(&decode::request(SESSION).unwrap()), Some(0));
    let left = after(SESSION, &[Edit::DropBillingHeader])["system"].clone();
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    assert_eq!(left, after(SESSION, &[Edit::DropSystem { block: 0 }])["system"]);
}

#[test]
fn foreign_thoughts_go_and_signed_ones_stay() {
    let thought = |signature: &str| serde_json::json!({"type": "thinking", "thinking": "hm", "signature": signature});
    let messages = serde_json::json!([
        {"role": "assistant", "content": [thought("RXF1YXRvcg=="), thought(""), thought("branchline"),
            thought("123e4567-e89b-42d3-a456-426614174000"), {"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "a"}]},
        {"role": "assistant", "content": [thought("")]},
    ]);
    let body = conversation(&messages);
    let signed = after(&body, &[Edit::DropForeignThinking])["messages"].clone();
    assert_eq!(signed[0]["content"].as_array().unwrap().len(), 3);
    assert_eq!(signed.as_array().unwrap().len(), 1);
    let none = after(&body, &[Edit::DropThinking])["messages"].clone();
    assert_eq!(none[0]["content"], serde_json::json!([{"type": "text", "text": "a"}]));
}

#[test]
fn a_dropped_field_is_gone_from_body_and_hub() {
    let mut request = decode::request(SESSION).unwrap();
    for name in ["thinking", "context_management", "tool_choice"] {
        apply(&mut request, &[Edit::DropField { name: name.to_owned() }]);
    }
    assert!(request.thinking.is_none() && request.tool_choice.is_none() && request.touched.extra);
    let body = String::from_utf8(patch::request(&request, &Dialect::default()).body).unwrap();
    assert!(!body.contains("context_management") && !body.contains("\"thinking\":{") && body.contains("made_up_field"));
}

#[test]
fn instructions_are_appended_to_the_users_own_text() {
    let user = serde_json::json!([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]);
    let messages =
        serde_json::json!([{"role": "user", "content": user}, {"role": "system", "content": "Mind\nthe gap."}]);
    let wanted = "two\n\n<system-reminder>\nMind\nthe gap.\n</system-reminder>";
    assert_eq!(folded(&messages)[0]["content"][1]["text"], wanted);
    assert_eq!(folded(&messages).as_array().unwrap().len(), 1);
    let string =
        serde_json::json!([{"role": "user", "content": "two"}, {"role": "system", "content": "Mind\nthe gap."}]);
    assert_eq!(folded(&string)[0]["content"], wanted);
}

#[test]
fn a_reminder_is_not_wrapped_twice() {
    let text = "<system-reminder>x</system-reminder>";
    let messages = serde_json::json!([{"role": "user", "content": "a"}, {"role": "system", "content": [{"type": "text", "text": text}]}]);
    assert_eq!(folded(&messages)[0]["content"], format!("a\n\n{text}"));
}

#[test]
fn behind_results_instructions_go_into_the_last_result() {
    let results = serde_json::json!([
        {"type": "tool_result", "tool_use_id": "a", "content": "one"},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]},
    ]);
    let messages =
        serde_json::json!([{"role": "user", "content": results}, {"role": "system", "content": "12 tokens left"}]);
    let folded = folded(&messages);
    assert_eq!(folded[0]["content"][0]["content"], "one");
    assert_eq!(folded[0]["content"][1]["content"][1]["text"], "<system-reminder>\n12 tokens left\n</system-reminder>");
}

#[test]
fn behind_an_assistant_instructions_go_to_the_next_user_or_their_own_turn() {
    let system = |text: &str| serde_json::json!({"role": "system", "content": text});
    let messages = serde_json::json!([
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, system("1"), system("2"),
        {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}, system("3"),
    ]);
    let folded = folded(&messages);
    let wrapped = |text: &str| format!("<system-reminder>\n{text}\n</system-reminder>");
    assert_eq!(folded[2]["content"], format!("{}\n\n{}\n\nc", wrapped("1"), wrapped("2")));
    assert_eq!(folded[4], serde_json::json!({"role": "user", "content": wrapped("3")}));
}

#[test]
fn between_a_call_and_its_result_no_turn_appears() {
    let messages = serde_json::json!([
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "system", "content": "x"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "one"}]},
    ]);
    let folded = folded(&messages);
    assert_eq!(folded.as_array().unwrap().len(), 2);
    assert_eq!(folded[1]["content"][0]["content"], "one\n\n<system-reminder>\nx\n</system-reminder>");
}

#[test]
fn instructions_before_the_first_turn_join_the_system_prompt() {
    let messages = serde_json::json!([{"role": "system", "content": "x"}, {"role": "user", "content": "a"}]);
    let after = after(&conversation(&messages), &[Edit::FoldSystem]);
    assert_eq!(after["system"], serde_json::json!([{"type": "text", "text": "x"}]));
    assert_eq!(after["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn a_fold_is_the_same_in_the_next_longer_request() {
    let mut messages =
        serde_json::from_str::<serde_json::Value>(SESSION).unwrap()["messages"].as_array().unwrap().clone();
    let short = folded(&messages.clone().into());
    messages.push(serde_json::json!({"role": "assistant", "content": "z"}));
    messages.push(serde_json::json!({"role": "system", "content": "y"}));
    let long = folded(&messages.into());
    let (short, long) = (short.as_array().unwrap(), long.as_array().unwrap());
    assert_eq!(short[..], long[..short.len()]);
}

#[test]
fn an_edit_is_shown_in_words() {
    let edit = Edit::ReplaceBlock { at: at(3, 1, Some(0)), with: String::new() };
    assert_eq!(edit.to_string(), "messages[3].content[1].content[0] replaced by a text");
    let request = hub::Request::default();
    assert!(!has_system_messages(&request));
}

#[test]
fn an_edit_in_a_result_leaves_the_id_by_which_it_finds_its_call() {
    let after = after(
        &conversation(&serde_json::json!([
            {"role": "assistant", "content": [{"type": "tool_use", "id": "functions.f:0", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "functions.f:0", "content": "a picture"}]}
        ])),
        &[Edit::ReplaceBlock { at: at(1, 0, Some(0)), with: "its description".to_owned() }],
    );
    let (call, result) = (&after["messages"][0]["content"][0], &after["messages"][1]["content"][0]);
    assert_eq!((&call["id"], &result["content"]), (&result["tool_use_id"], &"its description".into()));
}
