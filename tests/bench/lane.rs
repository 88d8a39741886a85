//! The ways to the upstream that are measured side by side, and one exchange on one of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header;
use serde_json::Value;

use crate::answers::{self, expected};
use crate::error::{Result, wrong};
use crate::program::Program;
use crate::upstream::{Manner, Upstream};

/// What a lane does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// No program between.
    Direct,
    /// The bytes-only pipe.
    BytesPipe,
    /// The pipe that parses and writes JSON.
    ValuePipe,
    /// Branchline, decided and passed through.
    Passed,
    /// Branchline, Anthropic to OpenAI chat and back.
    Translated,
}

impl Way {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::BytesPipe => "bytes pipe",
            Self::ValuePipe => "value pipe",
            Self::Passed => "branchline, passed through",
            Self::Translated => "branchline, translated",
        }
    }
}

/// One way to the upstream.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) way: Way,
    pub(crate) program: Option<Program>,
    url: String,
    token: String,
    client: reqwest::Client,
}

/// One answer with its times.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// From the call to the last byte.
    pub(crate) total: Duration,
    /// From the call to the first token; of a whole answer to its end.
    pub(crate) first: Duration,
    /// From the making of each piece of a stream to its arrival.
    pub(crate) delivery: Vec<Duration>,
}

impl Lane {
    /// `base` is where the requests go, `program` what runs there.
    pub(crate) fn new(way: Way, base: &str, program: Option<Program>, token: String) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        Ok(Self { way, program, url: format!("{base}/v1/messages"), token, client })
    }

    /// Sends a request and checks the answer.
    pub(crate) async fn exchange(&self, upstream: &Upstream, manner: Manner, request: &Bytes) -> Result<Exchange> {
        let started = Instant::now();
        let mut response = self.send(request).await?;
        let status = response.status();
        let (mut body, mut arrivals) = (Vec::new(), Vec::new());
        while let Some(piece) = response.chunk().await? {
            body.extend_from_slice(&piece);
            arrivals.push((body.len(), Instant::now()));
        }
        let total = started.elapsed();
        if !status.is_success() {
            return wrong(format!("{}: {status}: {}", self.way.name(), String::from_utf8_lossy(&body)));
        }
        if answers::read(manner.streamed, &body)? != expected(manner.pieces) {
            return wrong(format!("{}: the answer is not what the upstream said", self.way.name()));
        }
        let arrival = |offset: usize| arrivals.iter().find(|(end, _)| *end >= offset).map(|(_, moment)| *moment);
        let stamps = answers::stamps(if manner.streamed { &body } else { &[] });
        let first = stamps.first().and_then(|(offset, _)| arrival(*offset)).map_or(total, |moment| moment - started);
        let delivery = stamps.iter().filter_map(|(offset, nanoseconds)| {
            let made = upstream.begun() + Duration::from_nanos(u64::try_from(*nanoseconds).unwrap_or(u64::MAX));
            Some(arrival(*offset)?.saturating_duration_since(made))
        });
        Ok(Exchange { total, first, delivery: delivery.collect() })
    }

    /// Sends a request and gives the answer as it begins.
    pub(crate) async fn send(&self, request: &Bytes) -> Result<reqwest::Response> {
        let request = self.client.post(&self.url).bearer_auth(&self.token).body(request.clone());
        Ok(request
            .header(header::CONTENT_TYPE, "application/json")
            .header("anthropic-version", "2023-06-01")
            // Claude Code names its session in every request.
            .header("x-claude-code-session-id", "0b54d5f0-5b0e-4e6a-9d3e-6a1d2c7f8e90")
            .send()
            .await?)
    }

    /// Checks what arrived at the upstream for `request`. `before` is what arrived for the same request earlier.
    pub(crate) fn check_arrived(&self, request: &Bytes, arrived: &Bytes, before: Option<&Bytes>) -> Result<()> {
        if let Some(before) = before {
            return if arrived == before { Ok(()) } else { wrong("the same request was rendered in another way") };
        }
        match self.way {
            Way::Translated => is_translation(request, arrived),
            _ if request == arrived => Ok(()),
            way => wrong(format!("{} changed the request", way.name())),
        }
    }
}

/// All tools, all calls, all results in order, and all images are there.
fn is_translation(request: &[u8], arrived: &[u8]) -> Result<()> {
    let (sent, got): (Value, Value) = (serde_json::from_slice(request)?, serde_json::from_slice(arrived)?);
    let sent_results: Vec<String> = blocks(&sent).filter(|block| block["type"] == "tool_result").map(outcome).collect();
    let tool_messages = list(&got["messages"]).filter(|message| message["role"] == "tool");
    let got_results: Vec<String> = tool_messages.map(|message| text_of(&message["content"])).collect();
    let same_results = sent_results.len() == got_results.len()
        && sent_results.iter().zip(&got_results).all(|(sent, got)| sent.is_empty() || sent == got);
    let names = |tools: &Value, path: &str| list(tools).map(|tool| tool.pointer(path).cloned()).collect::<Vec<_>>();
    let images = |text: &[u8], mark: &[u8]| text.windows(mark.len()).filter(|part| part == &mark).count();
    let faults = [
        (!same_results, "tool results"),
        (names(&sent["tools"], "/name") != names(&got["tools"], "/function/name"), "tools"),
        (calls(&sent, "input") != calls_of_chat(&got), "tool calls"),
        (images(request, b"\"type\":\"image\"") != images(arrived, b"\"type\":\"image_url\""), "images"),
        (got["model"] != "bench/coder", "model"),
    ];
    match faults.iter().find(|(is_wrong, _)| *is_wrong) {
        Some((_, what)) => wrong(format!("the translated request has other {what}")),
        None => Ok(()),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn blocks(request: &Value) -> impl Iterator<Item = &Value> {
    list(&request["messages"]).flat_map(|message| list(&message["content"]))
}

fn outcome(block: &Value) -> String {
    text_of(&block["content"])
}

fn text_of(content: &Value) -> String {
    match content.as_str() {
        Some(text) => text.to_owned(),
        None => list(content).filter_map(|part| part["text"].as_str()).collect(),
    }
}

fn calls(request: &Value, member: &str) -> Vec<Value> {
    blocks(request).filter(|block| block["type"] == "tool_use").map(|block| block[member].clone()).collect()
}

fn calls_of_chat(request: &Value) -> Vec<Value> {
    let calls = list(&request["messages"]).flat_map(|message| list(&message["tool_calls"]));
    let arguments = calls.filter_map(|call| call["function"]["arguments"].as_str());
    arguments.map(|text| serde_json::from_str(text).unwrap_or_default()).collect()
}
