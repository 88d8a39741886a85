//! A real llama.cpp behind the engine, with a tiny model of random weights: what it says is nonsense, but its parser,
//! template, window, counter, prompt cache and refusals are those users have. `./dev test --real-backend` runs these.

#![expect(clippy::unwrap_used, reason = "the steps of a test: what cannot be had fails it")]

use branchline_tests::client::ready_or_skip;
use branchline_tests::llama::{LlamaServer, Running};
use branchline_tests::session::{Session, image, png};
use branchline_tests::{Reply, Stand, grammar};
use serde_json::{Value, json};

/// Tokens are bytes here.
const WINDOW: u32 = 16_384;

/// The user says that the model sees, which it does not.
const SEES: &str = "[aliases.sees]\nmodel = \"llamacpp:tiny\"\ncapabilities.vision = true\n";
/// The user says that the model has a window it does not have.
const ENDLESS: &str = "[aliases.endless]\nmodel = \"llamacpp:tiny\"\ncapabilities.context_tokens = 900000\n";

/// A server, and an engine that speaks this protocol with it.
async fn behind(protocol: &str) -> Option<(Running, Stand)> {
    with(protocol, false, WINDOW, "").await
}

/// The same with a model that calls tools or one that never does, of this window, and more settings.
async fn with(protocol: &str, eager: bool, window: u32, more: &str) -> Option<(Running, Stand)> {
    let server = ready_or_skip(LlamaServer::find().await)?;
    let server = server.start(window, eager).await.unwrap();
    let settings = format!(
        "[backends.llamacpp]\nbase_url = \"{}/v1\"\nprotocol = \"{protocol}\"\nextra_body = {{ seed = 7 }}\n{more}",
        server.url
    );
    let stand = Stand::start(&settings).await;
    Some((server, stand))
}

const PROTOCOLS: [&str; 2] = ["openai_chat", "anthropic"];

fn ask(text: &str) -> Value {
    json!({"model": "auto", "max_tokens": 12, "messages": [{"role": "user", "content": text}]})
}

fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body
}

fn session() -> Session {
    let mut session = Session::new("real");
    session.max_tokens = 24;
    session.says("say hello");
    session
}

/// Sends a session and keeps the answer in it.
async fn go_on(stand: &Stand, session: &mut Session) {
    let reply = stand.post_with("/v1/messages?beta=true", &session.body(), &session.headers()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let told = grammar::anthropic(&reply.text).unwrap();
    assert!(told.complete && told.error.is_none() && !told.text().is_empty(), "{told:?}");
    session.answered(told.content);
}

fn refusal(reply: &Reply) -> String {
    assert_eq!(reply.status, 400, "{}", reply.text);
    reply.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn it_is_found_with_its_window_and_listed() {
    let Some((_server, stand)) = behind("auto").await else { return };
    let world = stand.engine.world();
    let found = world.found.get("llamacpp").unwrap();
    assert_eq!((found.flavour.as_str(), found.protocol.as_str()), ("llama_cpp", "openai_chat"));
    let cards: Vec<_> =
        world.cards().map(|card| (card.id.clone(), card.loaded, card.context_loaded, card.vision)).collect();
    assert_eq!(json!(cards), json!([["tiny", true, WINDOW, false]]));
    let list = stand.get("/v1/models", &[]).await.json();
    assert!(list["data"].as_array().unwrap().iter().any(|model| model["id"] == "llamacpp:tiny"), "{list}");
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn both_endpoints_are_carried_whole_and_streamed_with_true_usage() {
    for protocol in PROTOCOLS {
        let Some((_server, stand)) = behind(protocol).await else { return };
        let whole = stand.post("/v1/messages", &ask("hello")).await;
        assert_eq!((whole.status, &whole.json()["usage"]["output_tokens"]), (200, &json!(12)), "{}", whole.text);
        assert_eq!(whole.json()["stop_reason"], "max_tokens");
        let told = grammar::anthropic(&stand.post("/v1/messages", &streamed(ask("hello"))).await.text).unwrap();
        assert!(told.complete && !told.text().is_empty(), "{told:?}");
        assert_eq!(told.usage["output_tokens"], 12);
        let chat = stand.post("/v1/chat/completions", &ask("hello")).await.json();
        assert_eq!(
            (&chat["usage"]["completion_tokens"], &chat["choices"][0]["finish_reason"]),
            (&json!(12), &json!("length"))
        );
        let mut body = streamed(ask("hello"));
        body["stream_options"] = json!({"include_usage": true});
        let told = grammar::openai(&stand.post("/v1/chat/completions", &body).await.text).unwrap();
        assert!(told.complete && !told.text().is_empty());
        assert_eq!(told.usage["completion_tokens"], 12, "{protocol}");
    }
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn a_session_of_claude_codes_shape_is_read_once_and_counted_exactly() {
    for protocol in PROTOCOLS {
        let Some((_server, stand)) = behind(protocol).await else { return };
        let mut session = session();
        let mut counted = session.body();
        counted
            .as_object_mut()
            .unwrap()
            .retain(|key, _| ["model", "messages", "system", "tools"].contains(&key.as_str()));
        let count = stand.post("/v1/messages/count_tokens", &counted).await;
        assert_eq!(count.header("x-branchline-counted-by"), "llamacpp:tiny", "{}", count.text);
        counted.as_object_mut().unwrap().remove("tools");
        let bare = stand.post("/v1/messages/count_tokens", &counted).await.json()["input_tokens"].as_u64().unwrap();
        go_on(&stand, &mut session).await;
        let first = stand.record().await;
        let prompt = first.usage.input + first.usage.cache_read;
        assert_eq!(Some(prompt), count.json()["input_tokens"].as_u64(), "{protocol}");
        assert!(prompt > bare + 500, "the tools are in the prompt: {prompt} with, {bare} without");
        for text in ["and again", "once more"] {
            session.says(text);
            session.system("Budget: some tokens are left.");
            go_on(&stand, &mut session).await;
        }
        // The prompt cache of a real server: all of the prompts before was there, but for the last token it always reads.
        let last = stand.record().await.usage;
        assert!(last.cache_read + 200 > prompt && last.input < 300, "{protocol}: {last:?} after {prompt}");
        assert!(last.input + last.cache_read > prompt);
    }
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn the_calls_its_grammar_makes_arrive_as_calls() {
    for protocol in PROTOCOLS {
        let Some((_server, stand)) = with(protocol, true, WINDOW, "").await else { return };
        let mut body = ask("add something");
        body["max_tokens"] = 600.into();
        body["tool_choice"] = json!({"type": "any"});
        body["tools"] = json!([{"name": "add", "description": "Adds.", "input_schema": {"type": "object",
            "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false}}]);
        let whole = stand.post("/v1/messages", &body).await;
        let content = whole.json()["content"].as_array().cloned().unwrap_or_default();
        let call = content.iter().find(|block| block["type"] == "tool_use");
        assert!(
            call.is_some_and(|call| call["name"] == "add" && call["input"]["a"].is_i64()),
            "{protocol}: {}",
            whole.text
        );
        let told = grammar::anthropic(&stand.post("/v1/messages", &streamed(body)).await.text).unwrap();
        let call = told.calls().into_iter().next();
        assert!(call.is_some_and(|call| call["name"] == "add" && call["input"]["a"].is_i64()), "{protocol}: {told:?}");
    }
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn a_schema_it_can_make_no_grammar_of_is_simplified() {
    for protocol in PROTOCOLS {
        let Some((server, stand)) = with(protocol, true, WINDOW, "").await else { return };
        let schema =
            json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 100_000}}, "required": ["a"]});
        let body = json!({"max_tokens": 8, "messages": [{"role": "user", "content": "a"}], "tool_choice": "required",
            "tools": [{"type": "function", "function": {"name": "add", "parameters": schema}}]});
        let direct = stand.http().post(format!("{}/v1/chat/completions", server.url)).body(body.to_string());
        let direct = direct.send().await.unwrap().text().await.unwrap();
        assert!(direct.contains("failed to parse grammar"), "this is what it says without Branchline: {direct}");
        let mut body = ask("add something");
        body["tool_choice"] = json!({"type": "any"});
        body["tools"] = json!([{"name": "add", "input_schema": schema}]);
        let reply = stand.post("/v1/messages", &body).await;
        assert_eq!(reply.status, 200, "{protocol}: {}", reply.text);
    }
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn its_template_wants_the_system_message_first_and_gets_it_so() {
    let Some((server, stand)) = behind("auto").await else { return };
    let messages = json!([{"role": "user", "content": "a"}, {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]);
    let body = json!({"model": "auto", "max_tokens": 4, "messages": messages});
    let direct = stand.http().post(format!("{}/v1/chat/completions", server.url)).body(body.to_string());
    let direct = direct.send().await.unwrap();
    assert_eq!(direct.status(), 400, "this is what it says without Branchline");
    assert!(direct.text().await.unwrap().contains("System message must be at the beginning"));
    let reply = stand.post("/v1/chat/completions", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn a_picture_it_refuses_costs_the_picture_and_not_the_turn() {
    for protocol in PROTOCOLS {
        let Some((server, stand)) = with(protocol, false, WINDOW, SEES).await else { return };
        for _ in 0..2 {
            let mut body = ask("what is it?");
            body["model"] = "sees".into();
            body["messages"][0]["content"] = json!([image(&png(1)), {"type": "text", "text": "what is it?"}]);
            let reply = stand.post("/v1/messages", &body).await;
            assert_eq!(reply.status, 200, "{protocol}: {}", reply.text);
        }
        let said = server.log();
        assert!(said.contains("image input is not supported"), "it was asked, and said no: {said}");
    }
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn a_prompt_over_its_window_is_told_so_that_the_client_compacts() {
    for protocol in PROTOCOLS {
        let Some((_server, stand)) = behind(protocol).await else { return };
        // Known before: it is not asked at all. The estimate is low for a model whose tokens are bytes; of the window, the
        // twelve tokens of the answer are not the prompt's.
        let long = "words and words ".repeat(20_000);
        let ours = refusal(&stand.post("/v1/messages", &streamed(ask(&long))).await);
        assert!(ours.starts_with("prompt is too long: ") && ours.ends_with(" tokens > 16372 maximum"), "{ours}");
        // Where nobody knew, it says so itself, with the number it counted.
        let Some((_server, stand)) = with(protocol, false, WINDOW, ENDLESS).await else { return };
        let mut body = streamed(ask(&"words and words ".repeat(2_000)));
        body["model"] = "endless".into();
        let its = refusal(&stand.post("/v1/messages", &body).await);
        let tokens: u64 = its.strip_prefix("prompt is too long: ").unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!((32_000..32_100).contains(&tokens) && its.ends_with(" tokens > 16384 maximum"), "{its}");
    }
}

#[tokio::test]
#[ignore = "builds llama.cpp: ./dev test --real-backend"]
async fn an_answer_that_fills_the_window_ends_as_such() {
    let Some((_server, stand)) = with("auto", false, 2_048, "").await else { return };
    let mut body = streamed(ask(&"words and words ".repeat(120)));
    body["max_tokens"] = 2_000.into();
    let told = grammar::anthropic(&stand.post("/v1/messages", &body).await.text).unwrap();
    assert_eq!((told.error, told.stop_reason), (None, json!("model_context_window_exceeded")));
}
