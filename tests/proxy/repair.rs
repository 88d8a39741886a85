//! Answers of local models that are not quite what they should be, made whole on their way.

use branchline_sim::{Answer, Pieces, Sim};
use branchline_tests::{Reply, Stand};
use serde_json::{Value, json};

use super::rig;

const HERMES: &str = "I will look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": \"2\"}}\n</tool_call>";
const QWEN_CODER: &str = "<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>";

fn tools() -> Value {
    json!([{"name": "get_weather", "description": "The weather of a city.", "input_schema": {"type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}])
}

fn with_tools(streamed: bool) -> Value {
    let mut body = rig::ask("what is the weather?");
    body["tools"] = tools();
    body["stream"] = streamed.into();
    body
}

/// The arguments of the one call in a streamed or a whole Anthropic answer.
fn call(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text);
    if let Some(content) = reply.json()["content"].as_array() {
        let call = content.iter().find(|block| block["type"] == "tool_use").expect("a call");
        return call["input"].clone();
    }
    let deltas = reply.events().into_iter().filter(|event| event["delta"]["type"] == "input_json_delta");
    let fragments: Vec<String> =
        deltas.filter_map(|event| event["delta"]["partial_json"].as_str().map(Into::into)).collect();
    serde_json::from_str(&fragments.concat()).expect("arguments")
}

/// Whether the answer holds a call.
fn called(reply: &Reply) -> bool {
    let content = reply.json()["content"].as_array().cloned().unwrap_or_default();
    content.iter().any(|block| block["type"] == "tool_use")
}

async fn stand(sim: &Sim) -> Stand {
    Stand::start(&rig::local(sim)).await
}

#[tokio::test]
async fn a_call_written_as_text_becomes_a_call_and_the_record_says_so() {
    for (text, streamed) in [(HERMES, true), (HERMES, false), (QWEN_CODER, true), (QWEN_CODER, false)] {
        let sim = rig::lmstudio().await;
        sim.script(Answer::text(text).pieces(Pieces::Chars(3)));
        let stand = stand(&sim).await;
        let reply = stand.post("/v1/messages", &with_tools(streamed)).await;
        assert_eq!(call(&reply), json!({"city": "Paris", "days": 2}), "{}", reply.text);
        assert!(!reply.text.contains("<tool_call>") && !reply.text.contains("<function"), "{}", reply.text);
        assert!(stand.record().await.repairs.iter().any(|said| said.contains("1 call written as text")));
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn an_openai_client_gets_the_call_too() {
    let sim = rig::lmstudio().await;
    sim.script(Answer::text(HERMES));
    let stand = stand(&sim).await;
    let mut body = rig::chat("what is the weather?");
    body["tools"] =
        json!([{"type": "function", "function": {"name": "get_weather", "parameters": tools()[0]["input_schema"]}}]);
    let reply = stand.post("/v1/chat/completions", &body).await;
    let called = &reply.json()["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(called["name"], "get_weather", "{}", reply.text);
    assert_eq!(reply.json()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn a_call_of_a_tool_nobody_offered_stays_text() {
    let sim = rig::lmstudio().await;
    sim.script(Answer::text("<tool_call>{\"name\": \"rm_rf\", \"arguments\": {}}</tool_call>"));
    let stand = stand(&sim).await;
    let reply = stand.post("/v1/messages", &with_tools(false)).await;
    assert_eq!(reply.json()["stop_reason"], "end_turn", "{}", reply.text);
    assert!(reply.text.contains("rm_rf") && !called(&reply));
}

#[tokio::test]
async fn a_call_that_was_cut_off_is_never_made() {
    let sim = rig::lmstudio().await;
    let cut = "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Par";
    sim.script(Answer::text(cut).stop(branchline_sim::Stop::MaxTokens));
    let stand = stand(&sim).await;
    let reply = stand.post("/v1/messages", &with_tools(false)).await;
    assert_eq!(reply.json()["stop_reason"], "max_tokens", "{}", reply.text);
    assert!(!called(&reply));
}

#[tokio::test]
async fn thoughts_in_tags_become_thinking_and_a_prefilled_tag_is_remembered() {
    let sim = rig::lmstudio().await;
    sim.script(Answer::text("<think>hm, Paris</think>It is sunny."));
    let stand = stand(&sim).await;
    let reply = stand.post("/v1/messages", &rig::ask("say hello")).await;
    assert_eq!(reply.json()["content"][0]["type"], "thinking", "{}", reply.text);
    assert_eq!(reply.json()["content"][1]["text"], "It is sunny.");
    for _ in 0..2 {
        sim.script(Answer::text("hm, once more</think>It rains."));
        let _ = stand.post("/v1/messages", &rig::ask_streamed("say hello again")).await;
    }
    sim.script(Answer::text("and again</think>It snows."));
    let reply = stand.post("/v1/messages", &rig::ask_streamed("say hello a last time")).await;
    let kinds: Vec<Value> = reply.events().iter().map(|event| event["content_block"]["type"].clone()).collect();
    assert!(kinds.contains(&json!("thinking")), "{}", reply.text);
}
