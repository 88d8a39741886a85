use serde_json::json;

use super::{CODER, EYES, ask, chat, cloud, get, messages, send, studio};
use crate::{Answer, LmStudioAge, Model, Sim};

#[tokio::test]
async fn lm_studio_lists_windows_vision_and_state() {
    let sim =
        Sim::lmstudio().model(Model::llm(CODER).loaded().context(4_096)).model(Model::vlm(EYES)).start().await.unwrap();
    let new = get(&sim, "/api/v1/models").await.json();
    assert_eq!(new["models"][0]["loaded_instances"][0]["config"]["context_length"], 4_096);
    assert_eq!(new["models"][1]["loaded_instances"], json!([]));
    assert_eq!(new["models"][1]["capabilities"]["vision"], true);
    let old = get(&sim, "/api/v0/models").await.json();
    assert_eq!((&old["data"][1]["type"], &old["data"][1]["state"]), (&json!("vlm"), &json!("not-loaded")));
    assert_eq!(get(&sim, "/v1/models").await.json()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn lm_studio_answers_unknown_endpoints_with_200() {
    let sim = studio().await;
    let got = send(&sim, "/v1/messages/count_tokens?beta=true", &json!({})).await.unwrap();
    assert_eq!(got.status, 200);
    let expected = "Unexpected endpoint or method. (POST /v1/messages/count_tokens?beta=true). Returning 200 anyway";
    assert_eq!(got.json()["error"], expected);
}

#[tokio::test]
async fn an_old_lm_studio_has_no_native_list() {
    let sim = Sim::lmstudio().age(LmStudioAge::V02).model(Model::llm(CODER).loaded()).start().await.unwrap();
    assert!(get(&sim, "/api/v1/models").await.json()["error"].is_string());
    assert!(get(&sim, "/api/v0/models").await.json()["error"].is_string());
    assert!(get(&sim, "/v1/models").await.json()["data"].is_array());
}

#[tokio::test]
async fn the_one_loaded_model_answers_to_any_name() {
    let sim = Sim::lmstudio().model(Model::llm(CODER).loaded()).start().await.unwrap();
    assert_eq!(chat(&sim, &ask("claude-sonnet-5-5", "hi", false)).await.json()["model"], CODER);
}

#[tokio::test]
async fn nothing_loaded_without_jit_is_a_404() {
    let sim = Sim::lmstudio().without_jit().model(Model::llm(CODER)).start().await.unwrap();
    let got = chat(&sim, &ask(CODER, "hi", false)).await;
    assert_eq!((got.status, got.json()["error"]["code"].clone()), (404, json!("model_not_found")));
}

#[tokio::test]
async fn jit_loads_the_model_asked_for() {
    let sim = Sim::lmstudio().model(Model::llm(CODER)).model(Model::llm("other")).start().await.unwrap();
    assert_eq!(chat(&sim, &ask("other", "hi", false)).await.json()["model"], "other");
    assert_eq!(get(&sim, "/api/v1/models").await.json()["models"][1]["loaded_instances"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn load_sets_the_window_and_unload_clears_it() {
    let sim = Sim::lmstudio().model(Model::llm(CODER)).start().await.unwrap();
    send(&sim, "/api/v1/models/load", &json!({"model": CODER, "context_length": 9_000})).await.unwrap();
    let config = get(&sim, "/api/v1/models").await.json()["models"][0]["loaded_instances"][0]["config"].clone();
    assert_eq!(config["context_length"], 9_000);
    send(&sim, "/api/v1/models/unload", &json!({"instance_id": CODER})).await.unwrap();
    assert_eq!(get(&sim, "/api/v1/models").await.json()["models"][0]["loaded_instances"], json!([]));
}

#[tokio::test]
async fn overflow_has_each_servers_own_wording() {
    let long = "x".repeat(80_000);
    let model = || Model::llm("m").loaded().context(1_000);
    let cases = [
        (Sim::lmstudio().model(model()), "Trying to keep the first"),
        (Sim::lmstudio().model(model().mlx()), "Context size has been exceeded"),
        (Sim::llamacpp().model(model()), "exceed_context_size_error"),
        (Sim::vllm().model(model()), "maximum context length is 1000 tokens"),
        (Sim::openai().without_key().model(model()), "context_length_exceeded"),
    ];
    for (builder, wording) in cases {
        let sim = builder.start().await.unwrap();
        let got = chat(&sim, &ask("m", &long, true)).await;
        assert_eq!(got.status, 400);
        assert!(got.text.contains(wording), "{}", got.text);
    }
    let sim = Sim::anthropic().model(model()).start().await.unwrap();
    let got = messages(&sim, &ask("m", &long, true)).await;
    let message = got.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("prompt is too long: ") && message.ends_with(" tokens > 1000 maximum"), "{message}");
}

#[tokio::test]
async fn some_lm_studios_overflow_in_silence() {
    let small = Model::llm(CODER).loaded().context(100);
    let sim = Sim::lmstudio().empty_stream_on_overflow().model(small).start().await.unwrap();
    let got = chat(&sim, &ask(CODER, &"x".repeat(4_000), true)).await;
    assert_eq!((got.status, got.text.as_str()), (200, ""));
}

#[tokio::test]
async fn ollama_cuts_long_prompts_and_names_missing_models() {
    let sim = Sim::ollama().model(Model::llm("m").loaded().context(100)).start().await.unwrap();
    assert_eq!(chat(&sim, &ask("m", &"x".repeat(4_000), false)).await.status, 200);
    let missing = send(&sim, "/api/show", &json!({"model": "x"})).await.unwrap();
    assert_eq!((missing.status, missing.json()), (404, json!({"error": "model 'x' not found"})));
    assert_eq!(get(&sim, "/api/ps").await.json()["models"][0]["context_length"], 100);
    assert_eq!(get(&sim, "/api/version").await.status, 200);
}

#[tokio::test]
async fn llama_cpp_and_vllm_tell_their_window() {
    let sim = Sim::llamacpp().model(Model::llm("m").loaded().context(777)).start().await.unwrap();
    assert_eq!(get(&sim, "/v1/models").await.json()["data"][0]["meta"]["n_ctx"], 777);
    assert_eq!(get(&sim, "/props").await.json()["default_generation_settings"]["n_ctx"], 777);
    assert_eq!(get(&sim, "/health").await.json(), json!({"status": "ok"}));
    let counted = send(&sim, "/v1/messages/count_tokens", &ask("any", "hello", false)).await.unwrap();
    assert!(counted.json()["input_tokens"].as_u64().unwrap() > 0);
    let vllm = Sim::vllm().model(Model::llm("m").loaded().context(777)).start().await.unwrap();
    assert_eq!(get(&vllm, "/v1/models").await.json()["data"][0]["max_model_len"], 777);
}

#[tokio::test]
async fn clouds_want_a_key_and_gemini_says_so_in_an_array() {
    let sim = Sim::openai().key("right").model(Model::cloud("gpt-4.1")).start().await.unwrap();
    let got = chat(&sim, &ask("gpt-4.1", "hi", false)).await;
    assert_eq!((got.status, got.json()["error"]["code"].clone()), (401, json!("invalid_api_key")));
    let sim = Sim::anthropic().key("right").model(Model::cloud("c")).start().await.unwrap();
    let got = messages(&sim, &ask("c", "hi", false)).await;
    assert_eq!((got.status, got.json()["error"]["type"].clone()), (401, json!("authentication_error")));
    let sim = Sim::gemini().key("right").model(Model::cloud("gemini-4-argon")).start().await.unwrap();
    let got = send(&sim, "/v1beta/openai/chat/completions", &ask("gemini-4-argon", "hi", false)).await.unwrap();
    assert!(got.json()[0]["error"]["message"].is_string());
}

#[tokio::test]
async fn gemini_wants_its_thought_signature_back() {
    let sim = Sim::gemini().model(Model::cloud("g")).script(Answer::call("Read", json!({}))).start().await.unwrap();
    let path = "/v1beta/openai/chat/completions";
    let tools = json!([{"type": "function", "function": {"name": "Read", "parameters": {"type": "object"}}}]);
    let mut body = ask("g", "hi", false);
    body["tools"] = tools;
    let call = send(&sim, path, &body).await.unwrap().json()["choices"][0]["message"]["tool_calls"][0].clone();
    let again = |call: serde_json::Value| {
        let mut body = body.clone();
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": "", "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "x"}));
        body
    };
    assert_eq!(send(&sim, path, &again(call.clone())).await.unwrap().status, 200);
    let mut bare = call;
    bare.as_object_mut().unwrap().remove("extra_content");
    assert_eq!(send(&sim, path, &again(bare)).await.unwrap().status, 400);
}

#[tokio::test]
async fn anthropic_lists_models_counts_tokens_and_stamps_requests() {
    let sim = cloud().await;
    let list = get(&sim, "/v1/models?limit=1000").await;
    assert_eq!(list.json()["data"][0]["max_input_tokens"], 200_000);
    assert!(list.headers.contains_key("request-id"));
    let mut body = ask("claude-sonnet-5-5", "hello", false);
    body.as_object_mut().unwrap().retain(|key, _| key == "model" || key == "messages");
    let counted = send(&sim, "/v1/messages/count_tokens", &body).await.unwrap();
    assert_eq!(counted.status, 200, "{}", counted.text);
    assert!(sim.calls().is_empty());
}
