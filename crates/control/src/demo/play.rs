//! What a coding agent does in two minutes, in one: a title, a tool loop, a picture, a call written as text, a hard
//! question, a server that fails. Through the engine's own door, as a client comes in; what becomes of each request is
//! in the log, like everything else.

use std::net::SocketAddr;
use std::time::Duration;

use branchline_proxy::Engine;
use branchline_sim::Demo as Servers;
use branchline_wire::sse::Parser;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use ts_rs::TS;

use crate::error::{ControlError, Result};

/// No simulated model takes as long.
const LONGEST_ANSWER: Duration = Duration::from_secs(90);
/// A loop that does not end would be a mistake of ours.
const MOST_STEPS: usize = 6;
/// A red rectangle; it stands in for a screenshot.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAADAAAAAgCAIAAADbtmxLAAAAO0lEQVR42u3XQQ0AMAgEQYThXwU2+q+JhhA6mxMw34szrAAC+gBUmW0DAgICAgICAgIC2gjyOoCAnnYBbW7jxdFfhXIAAAAASUVORK5CYII=";
const SOURCE: &str =
    "fn total(v: &[u64]) -> u64 {\n    let mut t = 0;\n    for x in v {\n        t += x;\n    }\n    t\n}\n";
const HARD: &str = "Design a distributed architecture for our payment system: analyze the trade-offs between event sourcing \
and a two-phase commit, prove that the consensus protocol is correct under network partitions, refactor the concurrency \
model to remove the race condition and the deadlock, optimize the algorithm's time complexity step by step, and plan a \
zero-downtime database migration with security review. Explain why each choice is better than its alternatives.";

/// What was played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Played {
    /// Its session in the log.
    pub session: String,
    /// How many requests it made.
    pub requests: u32,
}

pub(super) async fn session(engine: &Engine, quick: bool) -> Result<Played> {
    let mut agent = Agent::new(engine, !quick)?;
    agent.title("Rename a variable in src/total.rs").await?;
    agent.turn(json!("Read src/total.rs and say what it does.")).await?;
    agent.turn(picture("What does this screenshot show?")).await?;
    agent.turn(json!(Servers::RUN_TESTS)).await?;
    agent.turn(json!(HARD)).await?;
    agent.turn(json!("Rename the variable t to sum.")).await?;
    // The last one: the server that fails is left alone for a while.
    agent.turn(json!(Servers::WHILE_OFFLINE)).await?;
    Ok(Played { session: agent.session, requests: agent.requests })
}

fn picture(question: &str) -> Value {
    json!([
        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PICTURE } },
        { "type": "text", "text": question },
    ])
}

/// The client of the demonstration.
struct Agent {
    address: SocketAddr,
    token: String,
    session: String,
    /// Streamed answers come at a pace that one can watch.
    streams: bool,
    requests: u32,
    messages: Vec<Value>,
}

impl Agent {
    fn new(engine: &Engine, streams: bool) -> Result<Self> {
        let address = engine.address().ok_or_else(|| broken("the engine does not listen"))?;
        let session = format!("demo-{}", Timestamp::now().as_millisecond());
        let token = engine.tokens.client.expose().to_owned();
        Ok(Self { address, token, session, streams, requests: 0, messages: Vec::new() })
    }

    async fn title(&mut self, about: &str) -> Result<()> {
        let schema =
            json!({ "type": "object", "properties": { "title": { "type": "string" } }, "required": ["title"] });
        let body = json!({
            "model": "auto", "max_tokens": 64,
            "system": "Write a short title in sentence case for the session.",
            "output_config": { "format": { "type": "json_schema", "schema": schema } },
            "messages": [{ "role": "user", "content": about }],
        });
        self.ask(&body).await.map(drop)
    }

    /// One human message and the tool loop that follows it.
    async fn turn(&mut self, says: Value) -> Result<()> {
        self.messages.push(json!({ "role": "user", "content": says }));
        for _ in 0..MOST_STEPS {
            let body = json!({
                "model": "auto", "max_tokens": 1_000, "stream": self.streams, "tools": tools(), "messages": self.messages,
                "system": "You are a coding agent.\nWorking directory: /home/me/demo",
            });
            let content = self.ask(&body).await?;
            if content.is_empty() {
                break;
            }
            let results: Vec<Value> = content.iter().filter_map(result).collect();
            self.messages.push(json!({ "role": "assistant", "content": content }));
            if results.is_empty() {
                break;
            }
            self.messages.push(json!({ "role": "user", "content": results }));
        }
        Ok(())
    }

    /// A request that fails is a part of the show; only an engine that is gone ends it.
    async fn ask(&mut self, body: &Value) -> Result<Vec<Value>> {
        self.requests += 1;
        let answer = timeout(LONGEST_ANSWER, self.exchange(&body.to_string())).await;
        let answer = answer.map_err(|_| broken("no answer in time"))?.map_err(|error| broken(&error.to_string()))?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        Ok(blocks(body))
    }

    /// HTTP/1.0: the answer comes in one piece and ends with the connection.
    async fn exchange(&self, body: &str) -> std::io::Result<String> {
        let Self { address, token, session, .. } = self;
        let head = format!(
            "POST /v1/messages HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {token}\r\nUser-Agent: branchline-demo\r\nX-Claude-Code-Session-Id: {session}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

/// The blocks of an answer, streamed or not; none of one that failed.
fn blocks(body: &str) -> Vec<Value> {
    if let Ok(mut whole) = serde_json::from_str::<Value>(body) {
        return whole.get_mut("content").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    }
    let (mut blocks, mut arguments) = (Vec::new(), String::new());
    let read = Parser::default().push(body.as_bytes(), |_, data| {
        event(&serde_json::from_str(data).unwrap_or_default(), &mut blocks, &mut arguments);
    });
    if read.is_ok() { blocks } else { Vec::new() }
}

fn event(event: &Value, blocks: &mut Vec<Value>, arguments: &mut String) {
    match (event["type"].as_str(), blocks.last_mut()) {
        (Some("content_block_start"), _) => {
            arguments.clear();
            blocks.push(event["content_block"].clone());
        }
        (Some("content_block_delta"), Some(last)) => {
            let delta = &event["delta"];
            *arguments += delta["partial_json"].as_str().unwrap_or_default();
            if let Some(text) = delta["text"].as_str() {
                last["text"] = json!(format!("{}{text}", last["text"].as_str().unwrap_or_default()));
            }
        }
        (Some("content_block_stop"), Some(last)) if last["type"] == "tool_use" => {
            last["input"] = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
        }
        _ => {}
    }
}

fn tools() -> Value {
    let tool = |name: &str, about: &str, properties: Value| {
        let required: Vec<&String> = properties.as_object().into_iter().flat_map(|object| object.keys()).collect();
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        json!({ "name": name, "description": about, "input_schema": schema })
    };
    let text = || json!({ "type": "string" });
    json!([
        tool("Bash", "Runs a command.", json!({ "command": text() })),
        tool("Read", "Reads a file.", json!({ "file_path": text() })),
        tool("Write", "Writes a file.", json!({ "file_path": text(), "content": text() })),
    ])
}

/// What the tool would have said.
fn result(block: &Value) -> Option<Value> {
    let said = match block["name"].as_str().filter(|_| block["type"] == "tool_use")? {
        "Read" => SOURCE,
        "Bash" => "running 2 tests\ntest adds ... ok\ntest is_empty ... ok\n\ntest result: ok. 2 passed; 0 failed",
        _ => "done",
    };
    Some(json!({ "type": "tool_result", "tool_use_id": block["id"], "content": said }))
}

fn broken(why: &str) -> ControlError {
    ControlError::new("demo", format!("the session broke off: {why}"), "the log shows how far it came")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streamed_answer_has_the_same_blocks_as_a_whole_one() {
        let stream = [
            json!({ "type": "message_start", "message": {} }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "I " } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "look." } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "content_block_start", "index": 1,
                "content_block": { "type": "tool_use", "id": "t", "name": "Read", "input": {} } }),
            json!({ "type": "content_block_delta", "index": 1, "delta": { "partial_json": "{\"file_path\":" } }),
            json!({ "type": "content_block_delta", "index": 1, "delta": { "partial_json": "\"a\"}" } }),
            json!({ "type": "content_block_stop", "index": 1 }),
        ];
        let stream: String = stream.iter().map(|event| format!("data: {event}\n\n")).collect();
        let expected = [
            json!({ "type": "text", "text": "I look." }),
            json!({ "type": "tool_use", "id": "t", "name": "Read", "input": { "file_path": "a" } }),
        ];
        assert_eq!(blocks(&stream), expected);
        assert_eq!(blocks(&json!({ "content": expected }).to_string()), expected);
        for nothing in [r#"{"type":"error"}"#, "[]", "\"no\"", ""] {
            assert_eq!(blocks(nothing), [Value::Null; 0], "{nothing}");
        }
    }
}
