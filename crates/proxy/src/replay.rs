//! A request of the log, sent once more to another model and compared with what was answered then.
//!
//! It goes the way of every request, with its model forced, and leaves a record of its own. Tools are asked for and
//! never run: what comes back is shown.

use std::sync::Arc;

use branchline_routing::{ModelRef, Role, Target};
use branchline_wire::Protocol;
use branchline_wire::codec::{StreamDecoder, decode_response};
use branchline_wire::collect::Collector;
use branchline_wire::hub::{BlockKind, FailureKind, Response, StopReason};
use branchline_wire::sse::Parser;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cost;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::money::Usd;
use crate::outlet;
use crate::record::{Outcome, Record, UsageRecord};
use crate::world::World;

/// A request beside its repetition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Replay {
    /// The cloud would be asked and nobody has said that it may: nothing was sent.
    pub needs_confirmation: bool,
    /// What the repetition is expected to take.
    pub expected: Expected,
    /// What was answered then.
    pub original: Answered,
    /// What is answered now; `null` as long as it needs confirmation.
    pub replay: Option<Answered>,
}

/// What a repetition is expected to take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Expected {
    /// Who will be asked.
    pub model: String,
    /// It is on the user's own hardware.
    pub local: bool,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer, were it as long as the one then.
    pub output_tokens: u64,
    /// US dollars, as far as the price is known; nothing on the user's own hardware.
    pub usd: Option<Usd>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Answered {
    /// Its request in the log.
    pub request: String,
    /// Who answered, as a model ref.
    pub model: Option<String>,
    /// The text; `null` when the answer's body was not kept.
    pub text: Option<String>,
    /// The thoughts before it.
    pub thinking: Option<String>,
    /// The calls it asks for. None of them was run by us.
    pub tools: Vec<ToolCall>,
    /// Why it stopped, in the words of Anthropic's protocol.
    pub stop_reason: Option<String>,
    /// Tokens as reported.
    pub usage: UsageRecord,
    /// US dollars, as far as that is known.
    pub usd: Option<Usd>,
    /// Milliseconds to the first token.
    pub ttft_ms: Option<u64>,
    /// Milliseconds to the last byte.
    pub duration_ms: u64,
    /// What went wrong.
    pub error: Option<String>,
}

/// A call a model asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// Its arguments.
    #[ts(type = "unknown")]
    pub input: Value,
}

impl Engine {
    /// Sends the request of record `id` to `model`: a model ref, or `local` or `cloud`. The cloud is asked only when
    /// `confirmed`.
    ///
    /// # Errors
    /// There is no such record or model, or the request's body was not kept in full.
    pub async fn replay(self: &Arc<Self>, id: &str, model: &str, confirmed: bool) -> Result<Replay, Fault> {
        let record = self.kept_record(id).await?;
        let (protocol, body) = request_of(&record)?;
        let world = self.world();
        let (target, local) = aim(model, &world)?;
        let usage = &record.usage;
        let prompt = usage.input + usage.cache_read + usage.cache_write;
        let expected = Expected {
            usd: target.as_ref().and_then(|target| cost::elsewhere(&record, target, local, &world)),
            model: target.map_or_else(|| model.to_owned(), |target| target.to_string()),
            local,
            input_tokens: if prompt == 0 { record.estimated_input_tokens } else { prompt },
            output_tokens: usage.output,
        };
        let original = answered(&record, protocol);
        let needs_confirmation = !local && !confirmed;
        let replay = match needs_confirmation {
            true => None,
            false => Some(self.send_again(&record, protocol, body, model).await?),
        };
        Ok(Replay { needs_confirmation, expected, original, replay })
    }

    pub(crate) async fn kept_record(&self, id: &str) -> Result<Record, Fault> {
        let found =
            self.store.record(id).await.map_err(|error| {
                Fault::new(FailureKind::Api, "store", format!("the record cannot be read: {error}"))
            })?;
        found.ok_or_else(|| {
            Fault::new(FailureKind::NotFound, "not_found", format!("there is no request `{id}`"))
                .hint("records are kept for log.keep_days days")
        })
    }

    async fn send_again(
        self: &Arc<Self>,
        record: &Record,
        protocol: Protocol,
        body: Bytes,
        model: &str,
    ) -> Result<Answered, Fault> {
        let bad = || Fault::new(FailureKind::InvalidRequest, "bad_request", format!("`{model}` fits into no header"));
        let route = HeaderValue::from_str(model).map_err(|_| bad())?;
        let headers: HeaderMap = [(HeaderName::from_static("x-force-route"), route)].into_iter().collect();
        let mut call = crate::server::call(self, protocol, &record.path, None, headers, body);
        call.replay_of = Some(record.id.clone());
        // What had to stay then may have no sign of it in itself.
        call.private.clone_from(&record.decision.private);
        let (id, engine) = (call.id.clone(), Arc::clone(self));
        let response = outlet::respond(|outlet| crate::pipeline::run(engine, call, outlet)).await;
        // The work of a request goes on inside its body.
        let body = response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let record = self.kept_record(&id).await?;
        let mut answer = answered(&record, protocol);
        if answer.text.is_none() {
            read_into(&mut answer, protocol, &String::from_utf8_lossy(&body));
        }
        Ok(answer)
    }
}

/// The request as it was sent, where it was kept in full.
pub(crate) fn request_of(record: &Record) -> Result<(Protocol, Bytes), Fault> {
    let lost = |what: &str| {
        Fault::new(FailureKind::InvalidRequest, "body_not_kept", format!("request {}: {what}", record.id))
            .hint("set log.bodies = \"full\" to keep the bodies of requests from now on")
    };
    let body = record.bodies.as_ref().and_then(|bodies| bodies.request.as_deref());
    let body = body.ok_or_else(|| lost("its body was not kept"))?;
    let value: Value = serde_json::from_str(body).map_err(|_| lost("its body is no JSON"))?;
    if is_redacted(&value["messages"]) || is_redacted(&value["input"]) {
        return Err(lost("its body was kept without its texts"));
    }
    let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == record.protocol_in);
    let protocol = protocol.ok_or_else(|| lost("its protocol is not known"))?;
    Ok((protocol, Bytes::copy_from_slice(body.as_bytes())))
}

/// Whether the texts were replaced by their lengths.
fn is_redacted(value: &Value) -> bool {
    match value {
        Value::String(text) => crate::bodies::is_mask(text),
        Value::Array(items) => items.iter().any(is_redacted),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let masked = [text("text"), text("content")].into_iter().flatten().any(crate::bodies::is_mask);
            masked || members.get("content").is_some_and(is_redacted)
        }
        _ => false,
    }
}

/// Who is meant, and whether that is this machine.
fn aim(model: &str, world: &World) -> Result<(Option<ModelRef>, bool), Fault> {
    let first = |role| world.policy.role(role).first().cloned();
    match Target::from_route(model, &world.catalog)? {
        Target::Model(model) => {
            let local = world.catalog.facts(&model).local;
            Ok((Some(model), local))
        }
        Target::Role(role) => {
            let models = world.policy.role(role);
            let local = match role {
                // The cloud stands in for these (`routing::decide`).
                Role::WebSearch => false,
                Role::Think | Role::LongContext if models.is_empty() => false,
                // Any of them may answer, not only the first.
                _ => models.iter().all(|model| world.catalog.facts(model).local),
            };
            Ok((models.first().cloned(), local))
        }
        Target::Local => Ok((first(Role::Coder), true)),
        Target::Cloud => Ok((first(Role::Cloud), false)),
        Target::Auto | Target::Named { .. } => {
            Err(Fault::new(FailureKind::InvalidRequest, "bad_request", "`auto` names no model")
                .hint("give a model ref, `local` or `cloud`; `branchline models` lists them"))
        }
    }
}

pub(crate) fn answered(record: &Record, protocol: Protocol) -> Answered {
    let model = record.backend.as_ref().zip(record.model.as_ref());
    let failed = record.outcome != Outcome::Ok;
    let error = record.error.as_ref().map(|error| format!("{}: {}", error.code, error.message));
    let mut answer = Answered {
        request: record.id.clone(),
        model: model.map(|(backend, model)| format!("{backend}:{model}")),
        usage: record.usage,
        usd: record.cost.usd,
        ttft_ms: record.ttft_ms,
        duration_ms: record.duration_ms,
        error: error.or_else(|| failed.then(|| record.outcome.as_str().to_owned())),
        ..Answered::default()
    };
    if let Some(body) = record.bodies.as_ref().and_then(|bodies| bodies.response.as_deref()) {
        read_into(&mut answer, protocol, body);
    }
    answer
}

/// Reads a body, streamed or whole. One that cannot be read leaves the text unknown.
pub(crate) fn read_into(answer: &mut Answered, protocol: Protocol, body: &str) {
    if let Ok(response) = decode_response(protocol, body) {
        take(answer, &response);
    } else if let Some(response) = collected(protocol, body) {
        take(answer, &response);
    }
}

fn collected(protocol: Protocol, body: &str) -> Option<Response<'static>> {
    let (mut collector, mut decoder) = (Collector::default(), StreamDecoder::new(protocol));
    let mut parser = Parser::default();
    let pushed = parser.push(body.as_bytes(), |event, data| {
        decoder.frame(event, data, &mut |event| collector.event(&event));
    });
    pushed.ok()?;
    parser.finish(|event, data| decoder.frame(event, data, &mut |event| collector.event(&event)));
    decoder.finish(&mut |event| collector.event(&event));
    collector.finish().ok()
}

fn take(answer: &mut Answered, response: &Response<'_>) {
    let mut text = String::new();
    let mut thinking = String::new();
    for block in &response.content {
        match &block.kind {
            BlockKind::Text { text: more } => text.push_str(&more.decode()),
            BlockKind::Thinking { thinking: more, .. } => thinking.push_str(&more.decode()),
            BlockKind::ToolUse { name, input, .. } => answer.tools.push(ToolCall {
                name: name.decode().into_owned(),
                input: serde_json::from_str(input.as_str()).unwrap_or_default(),
            }),
            _ => {}
        }
    }
    answer.text = Some(text);
    answer.thinking = (!thinking.is_empty()).then_some(thinking);
    answer.stop_reason = response.stop_reason.map(|reason| in_words(reason).to_owned());
}

const fn in_words(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn => "end_turn",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::PauseTurn => "pause_turn",
        StopReason::Refusal => "refusal",
        StopReason::ContextWindow => "model_context_window_exceeded",
    }
}
