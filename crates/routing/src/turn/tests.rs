use branchline_wire::Protocol;
use branchline_wire::codec::decode_request;
use serde_json::{Value, json};

use super::*;

fn read_body(body: &Value) -> Turn {
    let text = body.to_string();
    read(&decode_request(Protocol::Anthropic, &text).unwrap(), 100, false)
}

fn body(messages: &Value) -> Value {
    json!({"model": "auto", "max_tokens": 64, "messages": messages})
}

#[test]
fn the_turn_is_the_last_word_of_the_human_and_the_tool_loop_after_it() {
    let turn = read_body(&body(&json!([
        {"role": "user", "content": "first question"},
        {"role": "assistant", "content": "an answer"},
        {"role": "user", "content": [
            {"type": "text", "text": "<system-reminder>do not mention this</system-reminder>"},
            {"type": "text", "text": "fix the parser"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "boom", "is_error": true}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t2", "name": "Bash", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t2", "content": "implement design prove"},
            {"type": "text", "text": "<system-reminder>todo list</system-reminder>"}]},
    ])));
    assert_eq!(turn.human, "fix the parser");
    assert_eq!((turn.structure.tool_results_in_turn, turn.structure.failures_in_turn), (2, 1));
}

#[test]
fn the_fingerprint_stays_through_a_tool_loop_and_changes_with_the_next_word() {
    let opening = json!({"role": "user", "content": "go"});
    let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "B", "input": {}}]});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]});
    let said = json!({"role": "assistant", "content": "done"});
    let first = read_body(&body(&json!([opening])));
    let second = read_body(&body(&json!([opening, call, result])));
    let third = read_body(&body(&json!([opening, call, result, said, opening])));
    assert_eq!(first.fingerprint, second.fingerprint);
    assert_ne!(first.fingerprint, third.fingerprint);
}

#[test]
fn two_user_messages_in_a_row_are_one_word() {
    let turn = read_body(&body(&json!([
        {"role": "user", "content": "look at the picture"},
        {"role": "user", "content": [{"type": "text", "text": "and fix the button"}]},
    ])));
    assert_eq!(turn.human, "look at the picture\n\nand fix the button");
}

#[test]
fn images_are_counted_wherever_they_are() {
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}});
    let turn = read_body(&body(&json!([
        {"role": "user", "content": [image, {"type": "text", "text": "this one"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Read", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [image, image]}]},
    ])));
    assert_eq!((turn.images, turn.structure.images), (3, 3));
}

#[test]
fn the_kinds_are_told_apart() {
    let kind = |body: &Value| read_body(body).kind;
    let probe = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]});
    assert_eq!(kind(&probe), Kind::QuotaProbe);
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}});
    let mut title = body(&json!([{"role": "user", "content": "hello there"}]));
    title["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
    assert_eq!(kind(&title), Kind::Title);
    let suggestion = body(&json!([{"role": "user", "content": "[SUGGESTION MODE: guess]"}]));
    assert_eq!(kind(&suggestion), Kind::Suggestion);
    let recap = body(&json!([{"role": "user", "content": "The user stepped away and is back now. Recap."}]));
    assert_eq!(kind(&recap), Kind::Recap);
    let mut topic = body(&json!([{"role": "user", "content": "and now something else"}]));
    topic["system"] = json!([{"type": "text", "text": "Answer with the JSON fields isNewTopic and title."}]);
    assert_eq!(kind(&topic), Kind::Topic);
    let command = body(&json!([{"role": "user", "content": "<policy_spec>\nrules\n</policy_spec>\n\nCommand: ls"}]));
    assert_eq!(kind(&command), Kind::Command);
    let compaction = "Your task is to create a detailed summary of the conversation so far.";
    assert_eq!(kind(&body(&json!([{"role": "user", "content": compaction}]))), Kind::Compaction);
    let codex = "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary.";
    assert_eq!(kind(&body(&json!([{"role": "user", "content": codex}]))), Kind::Compaction);
    let newer = format!("CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\n- No tool.\n\n{compaction}");
    assert_eq!(kind(&body(&json!([{"role": "user", "content": newer}]))), Kind::Compaction);
    let quoted = format!("what does this line mean?\n\n{compaction}");
    assert_eq!(kind(&body(&json!([{"role": "user", "content": quoted}]))), Kind::Main);
    let mut search = body(&json!([{"role": "user", "content": "search"}]));
    search["tools"] = json!([{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]);
    assert_eq!(kind(&search), Kind::WebSearch);
    let mut agent = body(&json!([{"role": "user", "content": "go"}]));
    agent["system"] = json!([{"type": "text", "text": "x-anthropic-billing-header: a=b; cc_is_subagent=true;"}]);
    assert_eq!(kind(&agent), Kind::Subagent);
    assert_eq!(kind(&body(&json!([{"role": "user", "content": "quota"}]))), Kind::Main);
}
