//! One candidate: render, send, and relay what comes; again where the same model may do better in a moment.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::ExponentialBackoff;
use branchline_routing::Candidate;
use branchline_settings::Retry;
use branchline_settings::schema::Alias;
use branchline_wire::codec::{anthropic, encode_request, openai_chat, patch_request};
use branchline_wire::edit::{self, Edit};
use branchline_wire::failure;
use branchline_wire::hub::{Dropped, FailureKind};
use branchline_wire::recover::Recovery;
use branchline_wire::{Protocol, Upstream};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::backend::Backend;
use crate::call::Call;
use crate::engine::Engine;
use crate::events::LiveEvent;
use crate::fault::Fault;
use crate::inbound::Inbound;
use crate::journal::{Journal, Try};
use crate::lane::{Asked, Closed, Slot, Who};
use crate::learned::Habit;
use crate::line::{Line, Manner};
use crate::plan;
use crate::relay::{Full, Learned, Relay};
use crate::retry::{self, Verdict};
use crate::send::{Miss, Outbound, as_text, send};
use crate::watch;
use crate::window;
use crate::world::World;

mod learn;

/// Says to another Branchline, or to this one, that the request has been through one.
pub(crate) const HOP: &str = "x-branchline-hop";

/// One candidate about to be asked.
pub(crate) struct Attempt<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) call: &'a Call,
    pub(crate) inbound: &'a Inbound<'a>,
    pub(crate) candidate: &'a Candidate,
    pub(crate) backend: &'a Arc<Backend>,
    pub(crate) protocol: Upstream,
    pub(crate) manner: Manner,
    /// There is no other candidate left.
    pub(crate) last: bool,
    /// Tokens of the prompt, as estimated.
    pub(crate) estimated: u64,
    /// Tokens the model is expected to count.
    pub(crate) tokens: u64,
    /// The window to be named in the request, on Ollama's own endpoint.
    pub(crate) native: Option<u64>,
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
        line.wait(self.manner, &self.candidate.model.model, Box::pin(self.prepare())).await?;
        let mut edits = Cow::Borrowed(edits);
        let mut outbound = self.outbound(&edits, journal).await.map_err(Miss::of)?;
        let mut pauses = retry::pauses(self.retry());
        let mut backoff = Duration::ZERO;
        loop {
            let (miss, again) = match self.once(&outbound, &edits, backoff, &mut pauses, line, journal).await {
                Ok(learned) => return Ok(self.learned(learned, journal).await),
                Err(missed) => missed,
            };
            let mended = match shorter_answer(&miss, &edits) {
                None => self.folded(&miss, &edits).await,
                less => less,
            };
            if let Some(edit) = mended {
                journal.record.edits.push(edit.to_string());
                edits.to_mut().push(edit);
                outbound = self.outbound(&edits, journal).await.map_err(Miss::of)?;
                continue;
            }
            if self.simpler_schemas(&miss).await || self.stricter_turns(&miss).await {
                outbound = self.outbound(&edits, journal).await.map_err(Miss::of)?;
                continue;
            }
            let Some(pause) = again else { return Err(miss) };
            line.wait(self.manner, &self.candidate.model.model, tokio::time::sleep(pause)).await;
            backoff = pause;
        }
    }

    /// A model that is loaded before it is asked has the window it should have.
    async fn prepare(&self) -> Result<(), Miss> {
        let (engine, candidate, id) = (self.engine, self.candidate, &self.call.id);
        if self.may_be_cold() {
            engine.load_before(self.backend, &candidate.model, id).await;
        }
        match self.native {
            Some(_) => Ok(()),
            None => window::before_ollama(engine, self.backend, candidate, self.tokens, id).await,
        }
    }

    fn may_be_cold(&self) -> bool {
        self.candidate.local && self.call.world.catalog.facts(&self.candidate.model).loaded == Some(false)
    }

    /// What a failure says about the backend.
    fn blame(&self, miss: &Miss, again: bool) {
        let (lane, message) = (&self.backend.lane, &miss.fault.failure.message);
        if miss.offline {
            // Whoever is not there is asked again soon.
            self.engine.silences.another(self.backend.name());
            self.engine.backend_down(self.backend.name(), message);
        }
        // The doctor asks what may fail; clients must not be kept away for it.
        if self.call.doctor {
            return;
        }
        let turned = match retry::verdict(miss, again) {
            Verdict::Alive => lane.succeeded(),
            Verdict::Failed { rest } => lane.failed(message, rest),
            Verdict::Nothing => return,
        };
        self.engine.circuit_turned(self.backend.name(), turned, message);
    }

    /// Our own address as a backend would be a storm (farion1231/cc-switch#4254).
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
        self.name_session(&mut headers);
        let (body, dropped) = self.render(edits);
        journal.dropped(&dropped);
        let query =
            self.call.query.clone().filter(|_| self.backend.dialect().genuine_anthropic && self.same_protocol());
        let body = match self.native {
            None => body,
            Some(window) => openai_chat::ollama::request(&as_text(&body), window).map_or(body, Bytes::from),
        };
        Ok(Outbound { protocol: self.protocol, headers, body, query, native: self.native.is_some() })
    }

    /// Routers in front of several servers keep a session on one of them by its id.
    fn name_session(&self, headers: &mut HeaderMap) {
        let name = self.backend.resolved.session_header.as_deref().and_then(|name| name.parse::<HeaderName>().ok());
        let session = self.inbound.session.and_then(|session| HeaderValue::from_str(session).ok());
        if let Some((name, session)) = name.zip(session) {
            headers.insert(name, session);
        }
    }

    fn same_protocol(&self) -> bool {
        Protocol::from(self.protocol) == self.call.protocol
    }

    /// The body for this backend: the very bytes that came, those bytes changed in places, or new ones.
    fn render(&self, edits: &[Edit]) -> (Bytes, Vec<Dropped>) {
        let mut dialect = self.backend.dialect().clone();
        dialect.schema_level = self.schema_level();
        dialect.strict_turns |= self.engine.learned.has(Habit::StrictTurns, &self.candidate.model);
        let extra = self.extra_body();
        let ask_usage = self.asks_for_usage();
        let simpler = plan::simpler_schemas(&self.inbound.request, &dialect, self.protocol);
        if self.same_protocol() && edits.is_empty() && simpler.is_none() && extra.is_empty() && !ask_usage {
            return (self.call.body.clone(), Vec::new());
        }
        let mut request = self.inbound.request.clone();
        let mut dropped = edit::apply(&mut request, edits);
        dropped.extend(edit::apply(&mut request, simpler.as_slice()));
        request.stream_usage |= ask_usage;
        let encoded = if self.same_protocol() {
            patch_request(self.protocol, &request, &dialect)
        } else {
            encode_request(self.protocol, &request, &dialect)
        };
        dropped.extend(encoded.dropped);
        (Bytes::from(with_extra(encoded.body, &extra)), dropped)
    }

    fn schema_level(&self) -> u8 {
        self.engine.learned.schema_level(&self.candidate.model, self.backend.dialect().schema_level)
    }

    /// "failed to parse grammar" (lmstudio-ai/lmstudio-bug-tracker#2220): once more with simpler
    /// tool schemas, and so from now on.
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
            self.protocol == Upstream::OpenaiChat && openai_chat::error::wants_strict_turns(&miss.fault.failure);
        if !asked_for || self.backend.dialect().strict_turns {
            return false;
        }
        self.engine.learned.note(Habit::StrictTurns, &self.candidate.model, true, &self.engine.store).await
    }

    /// A Claude that knows no system messages inside the conversation: folded, and so from now on.
    async fn folded(&self, miss: &Miss, edits: &[Edit]) -> Option<Edit> {
        let refused =
            self.protocol == Upstream::Anthropic && anthropic::error::refuses_inline_system(&miss.fault.failure);
        if !refused || edits.contains(&Edit::FoldSystem) || !edit::has_system_messages(&self.inbound.request) {
            return None;
        }
        self.engine.learned.note(Habit::NoInlineSystem, &self.candidate.model, true, &self.engine.store).await;
        Some(Edit::FoldSystem)
    }

    /// Models of the user's own may write calls and thoughts as text; a cloud's servers have the parsers that fit.
    fn recovery(&self) -> Option<Recovery<'_>> {
        if !self.candidate.local || self.manner == Manner::Raw {
            return None;
        }
        let recovery = Recovery::new(&self.inbound.request.tools);
        let thinking_first = self.engine.learned.has(Habit::ThinkingFirst, &self.candidate.model);
        Some(if thinking_first { recovery.thinking_first() } else { recovery })
    }

    /// OpenAI servers tell the usage of a stream only when asked; the log wants it even if the client does not.
    fn asks_for_usage(&self) -> bool {
        let request = &self.inbound.request;
        self.protocol == Upstream::OpenaiChat
            && request.stream
            && !request.stream_usage
            && self.backend.dialect().stream_usage
    }

    /// Fields the settings add: the backend's, and over them those of the alias that was asked for.
    fn extra_body(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut extra = self.backend.resolved.extra_body.clone();
        if let Some(alias) = self.alias() {
            extra.extend(alias.extra_body.clone());
        }
        extra
    }

    /// The alias that was asked for, if this candidate is what stands behind it.
    fn alias(&self) -> Option<&Alias> {
        let found = self.call.world.settings.alias(&self.inbound.request.model.decode())?;
        found.profile.filter(|_| found.models.contains(&self.candidate.model))
    }

    /// How often to try again: what is set for the alias before what is set for the backend.
    fn retry(&self) -> Retry {
        let mut retry = self.backend.resolved.retry;
        if let Some(alias) = self.alias() {
            retry.attempts = alias.retry_attempts.unwrap_or(retry.attempts);
            retry.base_delay = alias.retry_base_delay_ms.map_or(retry.base_delay, Duration::from_millis);
        }
        retry
    }

    /// One try: waits for its turn, sends, relays, and is written down. A miss comes with the pause before the next try.
    async fn once(
        &self,
        outbound: &Outbound,
        edits: &[Edit],
        backoff: Duration,
        pauses: &mut ExponentialBackoff,
        line: &mut Line,
        journal: &mut Journal,
    ) -> Result<Learned, (Miss, Option<Duration>)> {
        let mut entry = journal.try_at(self.candidate, backoff);
        let arrived = Instant::now();
        let turn = self.turn(line, &mut entry).await;
        entry.queued(arrived);
        let (slot, result) = match turn {
            Ok(slot) => (Some(slot), self.answer(outbound, edits, line, journal).await),
            Err(miss) => (None, Err(miss)),
        };
        let result = result.map_err(|miss| window::overflow(miss, self.tokens, self.candidate));
        journal.tried(entry, result.as_ref().err());
        let result = result.map_err(|miss| {
            let again = retry::pause(&miss, self.last, self.backend.resolved.local, pauses);
            self.blame(&miss, again.is_some());
            (miss, again)
        });
        // Not before the verdict: whoever waits for the place would be the next to try a dead server.
        drop(slot);
        result
    }

    /// Waits for a place at the backend.
    async fn turn(&self, line: &mut Line, entry: &mut Try) -> Result<Slot, Miss> {
        let (model, lane) = (&self.candidate.model.model, &self.backend.lane);
        let who = Who { last: self.last, ..self.inbound.who() };
        let mut slot = loop {
            match lane.ask(who).map_err(|closed| self.resting(&closed))? {
                Asked::In(slot) => break slot,
                Asked::Wait(ticket) => {
                    self.tell_queued(ticket.ahead);
                    entry.ahead = ticket.ahead;
                    let limit = self.backend.resolved.queue_timeout.filter(|_| !self.last);
                    let turn = line.wait(self.manner, model, within(limit, ticket.turn()));
                    match turn.await {
                        Some(Some(slot)) => break slot,
                        Some(None) => {}
                        None => return Err(self.too_busy(limit)),
                    }
                }
            }
        };
        line.wait(self.manner, model, slot.pass(self.last)).await.map_err(|closed| self.resting(&closed))?;
        Ok(slot)
    }

    fn tell_queued(&self, ahead: u32) {
        if self.engine.events.heard() {
            let (request, backend) = (self.call.id.clone(), self.backend.name().to_owned());
            self.engine.events.tell(LiveEvent::RequestQueued { request, backend, ahead });
        }
    }

    fn resting(&self, closed: &Closed) -> Miss {
        let message = format!("{} is left alone after failures: {}", self.backend.name(), closed.reason);
        let mut fault = Fault::new(FailureKind::Overloaded, "backend_resting", message);
        fault.retry_after = closed.until.map(|until| until.as_secs().max(1));
        Miss { skipped: true, ..Miss::of(fault.hint(self.backend.resolved.docs_hint)) }
    }

    fn too_busy(&self, limit: Option<Duration>) -> Miss {
        let name = self.backend.name();
        let message = format!("{name} had no place within {} s", limit.unwrap_or_default().as_secs_f32());
        let hint = format!("raise queue_timeout_ms or concurrency in [backends.{name}]");
        Miss { skipped: true, ..Miss::of(Fault::new(FailureKind::Overloaded, "queue_timeout", message).hint(hint)) }
    }

    async fn answer(
        &self,
        outbound: &Outbound,
        edits: &[Edit],
        line: &mut Line,
        journal: &mut Journal,
    ) -> Result<Learned, Miss> {
        let model = &self.candidate.model.model;
        let loading =
            if self.may_be_cold() { self.engine.loading_for(&self.candidate.model, &self.call.id) } else { None };
        let sent = line.wait(self.manner, model, send(self.backend, outbound)).await;
        if let Some(loading) = loading {
            loading.end(sent.as_ref().err().map(|miss| miss.fault.to_string()));
            // What it was loaded with is known at once, not with the next round.
            watch::ask_soon(self.engine, self.backend);
        }
        let response = sent?;
        self.engine.backend_answers(self.backend.name());
        self.engine.circuit_turned(self.backend.name(), self.backend.lane.answers(), "");
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
            local: self.candidate.local,
            manner: self.manner,
            keep_text: self.candidate.role == branchline_routing::Role::Vision,
            hide_usage: self.asks_for_usage() && self.same_protocol(),
            recovery: self.recovery(),
            tools: &self.inbound.request.tools,
            native: outbound.native,
            full: Full {
                window: self.candidate.context,
                limited: edits.iter().any(|e| matches!(e, Edit::MaxTokens(_))),
            },
        };
        let result =
            if self.inbound.request.stream { relay.stream(response).await } else { relay.whole(response).await };
        if result.is_ok() {
            self.judge(journal);
        }
        result
    }

    /// An answer that has begun is relayed whatever becomes of it; one that broke off in its middle counts as a failure.
    fn judge(&self, journal: &Journal) {
        let lane = &self.backend.lane;
        let (turned, reason) = match &journal.record.error {
            Some(_) if self.call.doctor => return,
            Some(error) => (lane.failed(&error.message, None), error.message.as_str()),
            None => (lane.succeeded(), ""),
        };
        self.engine.circuit_turned(self.backend.name(), turned, reason);
    }
}

/// `None` when the limit comes first.
async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}

/// vLLM refuses an answer that might not fit behind its prompt, where others would stop it at the end: once more with what fits.
fn shorter_answer(miss: &Miss, edits: &[Edit]) -> Option<Edit> {
    let (prompt, window) = failure::answer_too_long(&miss.fault.failure.message)?;
    let room = window.saturating_sub(prompt + plan::MARGIN);
    let before =
        edits.iter().rev().find_map(|edit| if let Edit::MaxTokens(tokens) = edit { Some(*tokens) } else { None });
    (room > 0 && before.is_none_or(|before| before > room)).then_some(Edit::MaxTokens(room))
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

/// What a client may want to know of the backend's answer: ids, limits, when to come back.
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
