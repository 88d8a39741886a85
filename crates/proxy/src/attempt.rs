//! One candidate: render, send, and relay what comes; again where the same model may do better in a moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use branchline_routing::Candidate;
use branchline_wire::Protocol;
use branchline_wire::codec::{encode_request, openai_chat, patch_request};
use branchline_wire::edit::{self, Edit};
use branchline_wire::hub::{Dropped, FailureKind};
use branchline_wire::recover::{Recovery, Report};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::backend::Backend;
use crate::call::Call;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::inbound::Inbound;
use crate::journal::Journal;
use crate::learned::Habit;
use crate::line::{Line, Manner};
use crate::relay::{Learned, Relay};
use crate::send::{Miss, Outbound, send};
use crate::world::World;

/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Says to another Branchline, or to this one, that the request has been through one.
pub(crate) const HOP: &str = "x-branchline-hop";

/// One candidate about to be asked.
pub(crate) struct Attempt<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) call: &'a Call,
    pub(crate) inbound: &'a Inbound<'a>,
    pub(crate) candidate: &'a Candidate,
    pub(crate) backend: &'a Arc<Backend>,
    pub(crate) protocol: Protocol,
    pub(crate) manner: Manner,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    /// The answer's text, where it was wanted.
    pub(crate) text: String,
}

impl Attempt<'_> {
    /// Asks until there is an answer or no more tries.
    pub(crate) async fn run(&self, edits: &[Edit], line: &mut Line, journal: &mut Journal) -> Result<Tried, Miss> {
        self.refuse_ourselves()?;
        let mut outbound = self.outbound(edits, journal).await.map_err(Miss::of)?;
        let retry = self.backend.resolved.retry;
        let mut tries = 0;
        loop {
            let started = Instant::now();
            let result = self.once(&outbound, line, journal).await.map_err(|miss| self.overflow(miss));
            let (status, error) = match &result {
                Ok(_) => (Some(200), None),
                Err(miss) => (miss.status, Some(miss.fault.failure.message.clone())),
            };
            journal.attempt(self.candidate, started, status, error);
            let miss = match result {
                Ok(learned) => return Ok(self.learned(learned, journal).await),
                Err(miss) => miss,
            };
            if self.simpler_schemas(&miss).await || self.stricter_turns(&miss).await {
                outbound = self.outbound(edits, journal).await.map_err(Miss::of)?;
                continue;
            }
            if tries >= retry.attempts || !miss.may_try_again() || miss.offline {
                self.learn_from(&miss);
                return Err(miss);
            }
            let wait = wait_before(tries, retry.base_delay, miss.fault.retry_after);
            line.wait(self.manner, &self.candidate.model.model, tokio::time::sleep(wait)).await;
            tries += 1;
        }
    }

    /// Our own address as a backend would be a storm (cc-switch #4254).
    fn refuse_ourselves(&self) -> Result<(), Miss> {
        let own = self.engine.address();
        if own.is_none_or(|own| !World::is_ourselves(self.backend, own)) {
            return Ok(());
        }
        let message = format!("the backend {} points to Branchline itself", self.backend.name());
        let hint = format!("set base_url in [backends.{}] to the model server", self.backend.name());
        Err(Miss::of(Fault::new(FailureKind::InvalidRequest, "self_reference", message).hint(hint).no_retry()))
    }

    async fn outbound(&self, edits: &[Edit], journal: &mut Journal) -> Result<Outbound, Fault> {
        let mut headers = self.backend.headers(self.protocol, &self.call.headers).await?;
        headers.insert(HOP, HeaderValue::from_static("1"));
        let (body, dropped) = self.render(edits);
        journal.dropped(&dropped);
        let query =
            self.call.query.clone().filter(|_| self.backend.dialect().genuine_anthropic && self.same_protocol());
        Ok(Outbound { protocol: self.protocol, headers, body, query })
    }

    fn same_protocol(&self) -> bool {
        self.protocol == self.call.protocol
    }

    /// The body for this backend: the very bytes that came, those bytes changed in places, or new ones.
    fn render(&self, edits: &[Edit]) -> (Bytes, Vec<Dropped>) {
        let mut dialect = self.backend.dialect().clone();
        dialect.schema_level = self.schema_level();
        dialect.strict_turns |= self.engine.learned.has(Habit::StrictTurns, &self.candidate.model);
        let extra = self.extra_body();
        let ask_usage = self.asks_for_usage();
        if self.same_protocol() && edits.is_empty() && extra.is_empty() && !ask_usage {
            return (self.call.body.clone(), Vec::new());
        }
        let mut request = self.inbound.request.clone();
        let mut dropped = edit::apply(&mut request, edits);
        request.stream_usage |= ask_usage;
        let encoded = if self.same_protocol() {
            patch_request(self.protocol, &request, &dialect)
        } else {
            encode_request(self.protocol, &request, &dialect)
        };
        dropped.extend(encoded.dropped);
        (Bytes::from(with_extra(encoded.body, &extra)), dropped)
    }

    /// Some versions of LM Studio answer a prompt that does not fit with an empty stream (#2339).
    fn overflow(&self, mut miss: Miss) -> Miss {
        let empty = miss.fault.failure.code.as_deref() == Some("empty_stream");
        let tokens = self.engine.learned.calibration().tokens(&self.candidate.model, self.inbound.tokens);
        if let Some(window) = self.candidate.context.filter(|window| empty && tokens > window - window / 4) {
            // The estimate may be a little low; a number under the maximum would make no sense to the client.
            let tokens = tokens.max(window + 1);
            miss.fault.failure.kind = FailureKind::PromptTooLong { tokens: Some(tokens), maximum: Some(window) };
        }
        miss
    }

    fn schema_level(&self) -> u8 {
        self.engine.learned.schema_level(&self.candidate.model, self.backend.dialect().schema_level)
    }

    /// "failed to parse grammar" (lmstudio #2220): once more with simpler tool schemas, and so from now on.
    async fn simpler_schemas(&self, miss: &Miss) -> bool {
        if miss.fault.failure.kind != FailureKind::Grammar {
            return false;
        }
        let model = &self.candidate.model;
        let Some(level) = self.engine.learned.simpler_schemas(model, self.schema_level()) else { return false };
        tracing::info!(%model, level, "tool schemas are simplified from now on");
        if let Err(error) = self.engine.store.set_schema_level(&model.to_string(), level).await {
            tracing::warn!(%error, "the schema level could not be stored");
        }
        true
    }

    /// "conversation roles must alternate": once more in strict turns, and so from now on.
    async fn stricter_turns(&self, miss: &Miss) -> bool {
        let asked_for =
            self.protocol == Protocol::OpenaiChat && openai_chat::error::wants_strict_turns(&miss.fault.failure);
        if !asked_for || self.backend.dialect().strict_turns {
            return false;
        }
        self.engine.learned.note(Habit::StrictTurns, &self.candidate.model, true, &self.engine.store).await
    }

    /// Models of the user's own may write calls and thoughts as text; a cloud's servers have the parsers that fit.
    fn recovery(&self) -> Option<Recovery> {
        if !self.candidate.local || self.manner == Manner::Raw {
            return None;
        }
        let recovery = Recovery::new(&self.inbound.request.tools);
        let thinking_first = self.engine.learned.has(Habit::ThinkingFirst, &self.candidate.model);
        Some(if thinking_first { recovery.thinking_first() } else { recovery })
    }

    async fn learn_habits(&self, report: &Report) {
        let (learned, model, store) = (&self.engine.learned, &self.candidate.model, &self.engine.store);
        if report.prefilled || report.unclosed {
            learned.note(Habit::ThinkingFirst, model, report.prefilled, store).await;
        }
    }

    /// OpenAI servers tell the usage of a stream only when asked; the log wants it even if the client does not.
    fn asks_for_usage(&self) -> bool {
        let request = &self.inbound.request;
        self.protocol == Protocol::OpenaiChat
            && request.stream
            && !request.stream_usage
            && self.backend.dialect().stream_usage
    }

    /// Fields the settings add: the backend's, and over them those of the alias that was asked for.
    fn extra_body(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut extra = self.backend.resolved.extra_body.clone();
        let aliases = &self.call.world.settings.aliases;
        if let Some(alias) = aliases.get(self.inbound.request.model.decode().as_ref()) {
            extra.extend(alias.extra_body.clone());
        }
        extra
    }

    async fn once(&self, outbound: &Outbound, line: &mut Line, journal: &mut Journal) -> Result<Learned, Miss> {
        let model = &self.candidate.model.model;
        let _slot = line.wait(self.manner, model, self.backend.slot()).await;
        let response = line.wait(self.manner, model, send(self.backend, outbound)).await?;
        self.engine.backend_answers(self.backend.name());
        if !line.committed() && self.same_protocol() {
            carry_answer_headers(response.headers(), line);
        }
        let mut relay = Relay {
            line,
            journal,
            backend: self.backend,
            protocol: self.protocol,
            client: self.call.protocol,
            model,
            manner: self.manner,
            keep_text: self.candidate.role == branchline_routing::Role::Vision,
            hide_usage: self.asks_for_usage() && self.same_protocol(),
            recovery: self.recovery(),
            tools: &self.inbound.request.tools,
        };
        if self.inbound.request.stream { relay.stream(response).await } else { relay.whole(response).await }
    }

    async fn learned(&self, learned: Learned, journal: &mut Journal) -> Tried {
        journal.usage(&learned.usage);
        if !learned.report.is_empty() {
            journal.record.repairs.push(learned.report.to_string());
            self.learn_habits(&learned.report).await;
        }
        self.calibrate(&learned).await;
        let asked = &self.candidate.model.model;
        if self.candidate.local && !learned.model.is_empty() && !same_model(&learned.model, asked) {
            let said = format!("{} answered with {} instead of {asked}", self.backend.name(), learned.model);
            tracing::warn!(backend = self.backend.name(), asked, answered = learned.model, "another model answered");
            journal.record.decision.reasons.push(said);
        }
        Tried { text: learned.text }
    }

    /// Pictures are counted by rules of their own and would spoil the ratio of text.
    async fn calibrate(&self, learned: &Learned) {
        let Some(counted) = learned.usage.prompt() else { return };
        if self.inbound.turn.images > 0 {
            return;
        }
        let model = &self.candidate.model;
        if let Some(ratio) = self.engine.learned.counted(model, self.inbound.tokens, counted)
            && let Err(error) =
                self.engine.store.set_fact(crate::learned::Learned::ratio_key(model), ratio.to_string()).await
        {
            tracing::warn!(%error, "a token ratio could not be stored");
        }
    }

    fn learn_from(&self, miss: &Miss) {
        if miss.offline {
            self.engine.backend_down(self.backend.name(), &miss.fault.failure.message);
        }
    }
}

/// LM Studio answers a wrong model id with whatever is loaded (#619); servers that load one file name it by its path.
fn same_model(answered: &str, asked: &str) -> bool {
    let base = |id: &str| id.rsplit('/').next().unwrap_or(id).trim_end_matches(".gguf").to_ascii_lowercase();
    answered == asked || base(answered).contains(&base(asked)) || base(asked).contains(&base(answered))
}

fn wait_before(tries: u32, base: Duration, said: Option<u64>) -> Duration {
    let doubled = base.saturating_mul(1 << tries.min(6));
    let jitter = 1.0 + f64::from(fastrand::u8(..)) / 1024.0;
    said.map_or_else(|| doubled.mul_f64(jitter), Duration::from_secs).min(LONGEST_WAIT)
}

fn with_extra(body: Vec<u8>, extra: &serde_json::Map<String, serde_json::Value>) -> Vec<u8> {
    if extra.is_empty() {
        return body;
    }
    match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body) {
        Ok(mut fields) => {
            fields.extend(extra.clone());
            serde_json::to_vec(&fields).unwrap_or(body)
        }
        Err(_) => body,
    }
}

/// What a client may want to know of the backend's answer: ids, limits, when to come back (protocols A.9).
pub(crate) fn carry_answer_headers(from: &HeaderMap, line: &mut Line) {
    for (name, value) in from {
        let known = name.as_str();
        let wanted = known.starts_with("anthropic-")
            || known.starts_with("x-ratelimit-")
            || matches!(known, "request-id" | "x-request-id" | "retry-after" | "content-type" | "x-should-retry");
        if wanted {
            line.headers.insert(name.clone(), value.clone());
        }
    }
}
