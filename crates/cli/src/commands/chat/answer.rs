//! An answer as it comes in.

use std::time::Instant;

use branchline_settings::Secret;
use branchline_wire::sse::Parser;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::http::Client;
use crate::out::{self, BAD, BOLD, DIM, line, note};
use crate::table;

/// What was answered, and how.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) text: String,
    /// What `/info` shows.
    pub(super) info: Vec<String>,
    first: Option<Instant>,
    tokens: u64,
    /// Tokens a second, where that can be told.
    speed: Option<u64>,
    thinks: bool,
}

impl Answer {
    /// Asks, and prints the answer as it comes. Ctrl-C stops it, and with it the model.
    pub(super) async fn of(client: &Client, token: &Secret, body: String) -> Result<Self> {
        let mut answer = Self::default();
        let stopped = tokio::select! {
            asked = answer.ask(client, token, body) => { asked?; false }
            // Without this signal there is nothing to stop an answer by.
            Ok(()) = tokio::signal::ctrl_c() => true,
        };
        if stopped {
            line!("");
            note!("{DIM}stopped{DIM:#}");
        }
        Ok(answer)
    }

    async fn ask(&mut self, client: &Client, token: &Secret, body: String) -> Result<()> {
        let begun = Instant::now();
        let response = client.post("/v1/messages", token, body).await?;
        self.info = ours(&response);
        if response.status().is_success() {
            self.read(response.into_body()).await?;
        } else {
            let body = response.into_body().collect().await.map_err(|error| Error::BrokenOff(error.to_string()))?;
            self.fail(&serde_json::from_slice(&body.to_bytes()).unwrap_or_default());
        }
        if let Some(first) = self.first {
            let whole = begun.elapsed().as_millis();
            self.info.push(format!("first token after {} ms, whole answer {whole} ms", (first - begun).as_millis()));
            let took = u64::try_from(first.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.speed = table::speed(self.tokens, took);
        }
        if let Some(speed) = self.speed {
            self.info.push(format!("{speed} tokens a second"));
        }
        Ok(())
    }

    /// Who answered, in a line.
    pub(super) fn short(&self) -> Option<String> {
        let of = |name: &str| self.info.iter().find_map(|said| Some(said.strip_prefix(name)?.trim().to_owned()));
        let model = of("model:").filter(|model| model != "none")?;
        let score = of("score:").map(|score| format!(" · score {score}"));
        let speed = self.speed.map(|speed| format!(" · {speed} tok/s"));
        let instead = of("fallback:").map(|why| format!(" · instead: {why}"));
        Some(model + &[score, speed, instead].into_iter().flatten().collect::<String>())
    }

    async fn read(&mut self, mut body: Incoming) -> Result<()> {
        let mut parser = Parser::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Error::BrokenOff(error.to_string()))?;
            let Some(bytes) = frame.data_ref() else { continue };
            let pushed = parser.push(bytes, |_, data| self.event(&serde_json::from_str(data).unwrap_or_default()));
            pushed.map_err(|error| Error::BrokenOff(error.to_string()))?;
        }
        line!("");
        Ok(())
    }

    fn event(&mut self, event: &Value) {
        match event["type"].as_str() {
            Some("content_block_delta") => self.delta(&event["delta"]),
            Some("message_delta") => {
                let usage = &event["usage"];
                self.tokens = usage["output_tokens"].as_u64().unwrap_or_default();
                self.info.push(format!("tokens: {} in, {} out", usage["input_tokens"], usage["output_tokens"]));
            }
            Some("error") => self.fail(event),
            _ => {}
        }
    }

    fn delta(&mut self, delta: &Value) {
        if let Some(text) = delta["text"].as_str().filter(|text| !text.is_empty()) {
            self.first.get_or_insert_with(Instant::now);
            // Thoughts end where the answer begins.
            if std::mem::take(&mut self.thinks) {
                line!("");
            }
            self.text += text;
            out::text(text);
        } else if let Some(thought) = delta["thinking"].as_str().filter(|thought| !thought.is_empty()) {
            self.first.get_or_insert_with(Instant::now);
            self.thinks = true;
            out::text(&format!("{DIM}{thought}{DIM:#}"));
        }
    }

    fn fail(&mut self, event: &Value) {
        let message = event["error"]["message"].as_str().unwrap_or("no answer");
        note!("{BAD}error:{BAD:#} {BOLD}{message}{BOLD:#}");
    }
}

/// What our headers say of the way this answer took.
fn ours(response: &Response<Incoming>) -> Vec<String> {
    let ours = response.headers().iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-branchline-")?;
        Some(format!("{name}: {}", value.to_str().ok()?))
    });
    ours.collect()
}
