//! The simulator's own tests, over real sockets: a plain HTTP client against each profile.

mod checks;
mod faults;
mod profiles;
mod scripts;

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::{Model, Sim};

pub(super) const CODER: &str = "qwen/qwen3-coder-next";
pub(super) const EYES: &str = "mistralai/devstral-small-2-2512";

/// Status, content type and body of an answer.
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) text: String,
}

impl Got {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The `data:` lines that are JSON.
    pub(super) fn events(&self) -> Vec<Value> {
        self.text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
    }

    /// The text of all deltas, whatever the protocol.
    pub(super) fn said(&self) -> String {
        let events = self.events();
        let pieces = events.iter().filter_map(|event| {
            event.pointer("/choices/0/delta/content").or_else(|| event.pointer("/delta/text"))?.as_str()
        });
        pieces.collect()
    }
}

/// One client for all tests: building one reads the system's certificates. It keeps no
/// connections, since each test has a runtime of its own.
fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        // The workspace's reqwest brings no provider of its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
    });
    &CLIENT
}

pub(super) async fn send(sim: &Sim, path: &str, body: &Value) -> reqwest::Result<Got> {
    let request = client().post(format!("{}{path}", sim.url())).header("content-type", "application/json");
    let request = request.header("x-api-key", "k").header("anthropic-version", "2023-06-01");
    read(request.body(body.to_string()).send().await?).await
}

pub(super) async fn get(sim: &Sim, path: &str) -> Got {
    let request = client().get(format!("{}{path}", sim.url())).header("authorization", "Bearer k");
    read(request.send().await.unwrap()).await.unwrap()
}

async fn read(response: reqwest::Response) -> reqwest::Result<Got> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Got { status, headers, text: response.text().await? })
}

pub(super) async fn chat(sim: &Sim, body: &Value) -> Got {
    send(sim, "/v1/chat/completions", body).await.unwrap()
}

pub(super) async fn messages(sim: &Sim, body: &Value) -> Got {
    send(sim, "/v1/messages?beta=true", body).await.unwrap()
}

pub(super) async fn studio() -> Sim {
    let coder = Model::llm(CODER).loaded().tools().context(8_192);
    Sim::lmstudio().model(coder).model(Model::vlm(EYES).loaded()).start().await.unwrap()
}

pub(super) async fn cloud() -> Sim {
    Sim::anthropic().model(Model::cloud("claude-sonnet-5-5")).start().await.unwrap()
}

pub(super) fn ask(model: &str, text: &str, stream: bool) -> Value {
    json!({"model": model, "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": text}]})
}
