use serde_json::{Value, json};

use super::{CODER, EYES, ask, chat, cloud, messages, studio};
use crate::{Answer, Model, Sim};

const PNG: &str = "data:image/png;base64,aGVsbG8=";

fn talk(model: &str, messages: Value) -> Value {
    json!({"model": model, "messages": messages})
}

fn call(id: &str, arguments: &Value) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "Read", "arguments": arguments}})
}

#[tokio::test]
async fn bad_conversations_are_refused_and_remembered() {
    let user = json!({"role": "user", "content": "hi"});
    let assistant = |calls: Value| json!({"role": "assistant", "content": "", "tool_calls": calls});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "x"});
    let picture = json!([{"type": "image_url", "image_url": {"url": PNG}}]);
    let cases = [
        ("must be a response", json!([user, result("a")])),
        ("did not have response", json!([user, assistant(json!([call("a", &json!("{}"))])), user])),
        ("did not have response", json!([user, assistant(json!([call("a", &json!("{}"))]))])),
        ("expected a string", json!([user, assistant(json!([call("a", &json!({}))])), result("a")])),
        ("text of a JSON object", json!([user, assistant(json!([call("a", &json!("{\"a"))])), result("a")])),
        ("must be at the beginning", json!([user, {"role": "system", "content": "late"}])),
        ("Supported values are", json!([{"role": "function", "content": "x"}])),
        ("does not support images", json!([{"role": "user", "content": picture}])),
        (
            "base64 encoded",
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}]),
        ),
        (
            "tool messages may only",
            json!([user, assistant(json!([call("a", &json!("{}"))])),
            {"role": "tool", "tool_call_id": "a", "content": picture}]),
        ),
    ];
    for (wording, conversation) in cases {
        let sim = studio().await;
        let got = chat(&sim, &talk(CODER, conversation)).await;
        assert_eq!(got.status, 400, "{wording}");
        assert!(got.text.contains(wording), "{wording}: {}", got.text);
        assert!(sim.violations().iter().any(|violation| violation.refused), "{wording}");
        assert!(sim.verdict().is_err());
    }
}

#[tokio::test]
async fn a_clean_tool_loop_is_no_violation() {
    let sim = studio().await;
    let got = chat(
        &sim,
        &talk(
            CODER,
            json!([
        {"role": "system", "content": "S"}, {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "", "tool_calls": [call("a", &json!("{}")), call("b", &json!("{\"x\":1}"))]},
        {"role": "tool", "tool_call_id": "a", "content": "1"}, {"role": "tool", "tool_call_id": "b", "content": "2"}]),
        ),
    )
    .await;
    assert_eq!(got.status, 200, "{}", got.text);
    sim.verdict().unwrap();
}

#[tokio::test]
async fn what_belongs_to_anthropic_is_noticed_though_answered() {
    let sim = studio().await;
    let mut body = talk(
        CODER,
        json!([{"role": "system", "content": "x-anthropic-billing-header: cc_version=2"},
        {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}]),
    );
    body["metadata2"] = json!({});
    assert_eq!(chat(&sim, &body).await.status, 200);
    let places: Vec<String> = sim.violations().into_iter().map(|violation| violation.at).collect();
    assert_eq!(places, ["metadata2", "messages.0.content", "messages.1.content.0.cache_control"]);
}

#[tokio::test]
async fn an_alternating_template_counts_users_around_tool_results() {
    let sim = Sim::lmstudio().model(Model::llm("m").loaded().alternating()).start().await.unwrap();
    let user = json!({"role": "user", "content": "hi"});
    let loop_ = [
        user.clone(),
        json!({"role": "assistant", "content": "", "tool_calls": [call("a", &json!("{}"))]}),
        json!({"role": "tool", "tool_call_id": "a", "content": "1"}),
    ];
    assert_eq!(chat(&sim, &talk("m", json!(loop_))).await.status, 200);
    let mut broken = loop_.to_vec();
    broken.push(user);
    let got = chat(&sim, &talk("m", json!(broken))).await;
    assert!(got.status == 400 && got.text.contains("roles must alternate"), "{}", got.text);
}

#[tokio::test]
async fn llama_cpp_tells_a_template_error_inside_its_own_words() {
    let sim = Sim::llamacpp().model(Model::llm("m").loaded()).start().await.unwrap();
    let got =
        chat(&sim, &talk("m", json!([{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]))).await;
    assert_eq!(got.status, 400);
    assert!(got.text.contains("System message must be at the beginning"));
    assert!(got.text.contains("Unable to generate parser for this template"), "{}", got.text);
}

#[tokio::test]
async fn openai_refuses_unknown_fields_and_max_tokens_of_new_models() {
    let sim = Sim::openai().model(Model::cloud("gpt-6-sol")).model(Model::cloud("gpt-4.1")).start().await.unwrap();
    let got = chat(&sim, &ask("gpt-6-sol", "hi", false)).await;
    assert!(got.text.contains("max_completion_tokens"), "{}", got.text);
    let mut body = ask("gpt-4.1", "hi", false);
    assert_eq!(super::send(&sim, "/v1/chat/completions", &body).await.unwrap().status, 200);
    body["thinking"] = json!({"type": "adaptive"});
    assert!(chat(&sim, &body).await.text.contains("Unrecognized request argument supplied: thinking"));
}

#[tokio::test]
async fn a_schema_the_grammar_cannot_take_is_an_error_but_no_violation() {
    let sim = Sim::lmstudio().refuse_schema_keyword("pattern").model(Model::llm("m").loaded()).start().await.unwrap();
    let with = |field: Value| {
        let mut body = talk("m", json!([{"role": "user", "content": "hi"}]));
        let parameters = json!({"type": "object", "properties": {"pattern": field}});
        body["tools"] = json!([{"type": "function", "function": {"name": "Grep", "parameters": parameters}}]);
        body
    };
    let got = chat(&sim, &with(json!({"type": "string", "pattern": "a+"}))).await;
    assert!(got.status == 500 && got.text.contains("failed to parse grammar"), "{}", got.text);
    assert_eq!(chat(&sim, &with(json!({"type": "string"}))).await.status, 200);
    sim.verdict().unwrap();
}

#[tokio::test]
async fn anthropic_refuses_what_anthropic_refuses() {
    let user = json!({"role": "user", "content": "hi"});
    let used = |id: &str| json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "Read", "input": {}}]});
    let result = json!({"type": "tool_result", "tool_use_id": "a", "content": "x"});
    let cases = [
        ("`tool_use` ids were found without `tool_result`", json!({"messages": [user, used("a"), user]})),
        (
            "`tool_use` ids were found without `tool_result`",
            json!({"messages": [user, used("a"), {"role": "user", "content": [{"type": "text", "text": "t"}, result]}]}),
        ),
        ("unexpected `tool_use_id`", json!({"messages": [{"role": "user", "content": [result]}]})),
        ("should match pattern", json!({"messages": [user, used("functions.f:0"), user]})),
        (
            "Invalid `signature`",
            json!({"messages": [user, {"role": "assistant", "content":
            [{"type": "thinking", "thinking": "t", "signature": "foreign"}, {"type": "text", "text": "a"}]}, user]}),
        ),
        ("max_tokens: Field required", json!({"max_tokens": null, "messages": [user]})),
        ("foo: Extra inputs are not permitted", json!({"foo": 1, "messages": [user]})),
        ("context_management: Extra inputs are not permitted", json!({"context_management": {}, "messages": [user]})),
        ("role: Input should be 'user' or 'assistant'", json!({"messages": [{"role": "tool", "content": "x"}]})),
        ("messages.0: `system` messages must follow", json!({"messages": [{"role": "system", "content": "x"}, user]})),
        (
            "text content blocks must be non-empty",
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}),
        ),
        (
            "A maximum of 4 blocks",
            json!({"messages": [user], "system":
            vec![json!({"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}); 5]}),
        ),
        (
            "greater than or equal to 1024",
            json!({"thinking": {"type": "enabled", "budget_tokens": 5}, "messages": [user]}),
        ),
    ];
    for (wording, extra) in cases {
        let sim = cloud().await;
        let mut body = json!({"model": "claude-sonnet-5-5", "max_tokens": 100});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let got = messages(&sim, &body).await;
        assert_eq!(got.status, 400, "{wording}");
        assert!(
            sim.violations().iter().any(|violation| violation.message.contains(wording)),
            "{wording}: {}",
            got.text
        );
    }
}

#[tokio::test]
async fn a_signature_minted_here_is_taken_back_and_a_changed_text_is_not() {
    let sim = cloud().await;
    sim.script(Answer::thinking("hmm").and_text("Yes."));
    let first = messages(&sim, &ask("claude-sonnet-5-5", "hi", false)).await.json();
    let mut body = ask("claude-sonnet-5-5", "hi", false);
    body["messages"] = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": "more"}]);
    let got = messages(&sim, &body).await;
    assert_eq!(got.status, 200, "{}", got.text);
    body["messages"][1]["content"][0]["thinking"] = json!("other");
    assert_eq!(messages(&sim, &body).await.status, 400);
}

#[tokio::test]
async fn the_answer_to_a_picture_names_its_bytes() {
    let sim = studio().await;
    let got = chat(
        &sim,
        &talk(
            EYES,
            json!([{"role": "user", "content": [{"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": PNG}}]}]),
        ),
    )
    .await;
    let text = got.json()["choices"][0]["message"]["content"].clone();
    assert_eq!(text, "A picture of 5 bytes, sha256 prefix 2cf24dba");
}
