//! Servers, settings and requests that many journeys begin with.

use branchline_sim::{Answer, Model, Sim, Usage};
use branchline_tests::grammar::{self, Told};
use branchline_tests::session::{self, Session};
use branchline_tests::{Reply, Stand};
use serde_json::{Value, json};

/// The local model that writes code and sees nothing.
pub(crate) const CODER: &str = "qwen/qwen3-coder-next";
/// The local model that sees.
pub(crate) const VISION: &str = "mistralai/devstral-small-2-2512";
/// The cloud model.
pub(crate) const CLOUD: &str = "claude-sonnet-5-5";

/// A turn for any model.
pub(crate) const EASY: &str = "say hello";
/// A turn for the cloud.
pub(crate) const HARD: &str = "Design and implement a lock-free concurrent hash map in Rust with epoch-based memory reclamation. \
    First analyse the trade-offs between hazard pointers and epochs, then prove the linearizability of insert and remove, \
    refactor src/map.rs, src/epoch.rs and src/node.rs accordingly, debug the race condition in resize step by step, \
    optimise the hot path, and compare the architecture with three alternatives. If the invariants break, explain why.";

/// LM Studio with a text-only coder.
pub(crate) async fn lmstudio() -> Sim {
    Sim::lmstudio().model(Model::llm(CODER).loaded().tools().context(131_072)).start().await.unwrap()
}

/// LM Studio with a text-only coder and a model that sees.
pub(crate) async fn seeing() -> Sim {
    Sim::lmstudio()
        .model(Model::llm(CODER).loaded().tools().context(131_072).parallel(4))
        .model(Model::vlm(VISION).loaded().tools().context(65_536).parallel(4))
        .start()
        .await
        .unwrap()
}

/// Anthropic.
pub(crate) async fn anthropic() -> Sim {
    Sim::anthropic().model(Model::cloud(CLOUD)).model(Model::cloud("claude-opus-5-5")).start().await.unwrap()
}

/// The settings line that names a backend's address; retries are short.
pub(crate) fn backend(name: &str, sim: &Sim) -> String {
    format!("backends.{name}.base_url = \"{}\"\nbackends.{name}.retry_base_delay_ms = 1\n", sim.base_url())
}

/// LM Studio at home.
pub(crate) fn local(sim: &Sim) -> String {
    backend("lmstudio", sim)
}

/// LM Studio at home, Anthropic as cloud.
pub(crate) fn both(local: &Sim, cloud: &Sim) -> String {
    format!("{}{}", backend("lmstudio", local), backend("anthropic", cloud))
}

/// The answer `Done.`, counted like this; `input` includes what was `cached`.
pub(crate) fn used(input: u64, cached: u64, output: u64) -> Answer {
    Answer::text("Done.").usage(Usage { input, cached, output, ..Usage::default() })
}

/// A plain Anthropic request of one message.
pub(crate) fn ask(text: &str) -> Value {
    json!({"model": CLOUD, "max_tokens": 256, "messages": [{"role": "user", "content": text}]})
}

/// The same, streamed.
pub(crate) fn ask_streamed(text: &str) -> Value {
    let mut body = ask(text);
    body["stream"] = true.into();
    body
}

/// A plain Chat Completions request of one message.
pub(crate) fn chat(text: &str) -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": text}]})
}

/// The same, streamed with usage.
pub(crate) fn chat_streamed(text: &str) -> Value {
    json!({"model": "auto", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": text}]})
}

/// Reads a streamed answer of `POST /v1/messages`; anything ungrammatical fails the test.
pub(crate) fn told(reply: &Reply) -> Told {
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.header("content-type").starts_with("text/event-stream"), "{:?}", reply.headers);
    assert!(!reply.cut, "the answer was cut off: {}", reply.text);
    grammar::anthropic(&reply.text).unwrap_or_else(|error| panic!("{error}\n{}", reply.text))
}

/// Reads a streamed answer of `POST /v1/chat/completions`.
pub(crate) fn told_openai(reply: &Reply) -> Told {
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(!reply.cut, "the answer was cut off: {}", reply.text);
    grammar::openai(&reply.text).unwrap_or_else(|error| panic!("{error}\n{}", reply.text))
}

/// A plain request of OpenAI Responses of one message.
pub(crate) fn respond(text: &str) -> Value {
    json!({"model": "auto", "input": text})
}

/// The same, streamed.
pub(crate) fn respond_streamed(text: &str) -> Value {
    json!({"model": "auto", "input": text, "stream": true})
}

/// Reads a streamed answer of `POST /v1/responses`.
pub(crate) fn told_responses(reply: &Reply) -> Told {
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(!reply.cut, "the answer was cut off: {}", reply.text);
    grammar::responses(&reply.text).unwrap_or_else(|error| panic!("{error}\n{}", reply.text))
}

/// Sends a session as it stands, as Claude Code does.
pub(crate) async fn send(stand: &Stand, session: &Session) -> Reply {
    stand.post_with("/v1/messages?beta=true", &session.body(), &session.headers()).await
}

/// Sends a session and keeps the answer in it.
pub(crate) async fn go_on(stand: &Stand, session: &mut Session) -> Told {
    let told = told(&send(stand, session).await);
    assert!(told.error.is_none(), "{told:?}");
    session.answered(told.content.clone());
    told
}

/// A request with one picture.
pub(crate) fn with_picture(text: &str, seed: u8) -> Value {
    let mut body = ask(text);
    body["messages"][0]["content"] = json!([session::image(&session::png(seed)), {"type": "text", "text": text}]);
    body
}

/// The text of a whole Anthropic answer.
pub(crate) fn text_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let json = reply.json();
    let blocks = json["content"].as_array().cloned().unwrap_or_default();
    blocks.iter().filter_map(|block| block["text"].as_str()).collect()
}
