//! The record of a request while it runs. However the request ends, its record is written once:
//! a request whose future is dropped was left by its client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use branchline_routing::{Candidate, Decision, Facts, ModelRef};
use branchline_settings::schema::Bodies as BodySetting;
use branchline_wire::hub::{Dropped, Usage};

use crate::aside::Asides;
use crate::bodies;
use crate::budget::Spent;
use crate::call::Call;
use crate::cost::{self, Login};
use crate::engine::Engine;
use crate::events::LiveEvent;
use crate::fault::Fault;
use crate::projects::Project;
use crate::record::{AttemptRecord, Bodies, DecisionRecord, DroppedRecord, ErrorRecord, Outcome, Place, Record};
use crate::send::Miss;
use crate::world::World;

/// Writes one record.
#[derive(Debug)]
pub(crate) struct Journal {
    engine: Arc<Engine>,
    started: Instant,
    bodies: BodySetting,
    world: Arc<World>,
    /// What the provider says it cost, in billionths of a dollar.
    reported: Option<u64>,
    login: Login,
    asides: Asides,
    /// The try that runs, for when the client leaves in it.
    open: Option<(AttemptRecord, Instant)>,
    pub(crate) record: Record,
}

/// A try that runs.
#[derive(Debug)]
pub(crate) struct Try {
    model: ModelRef,
    began: Instant,
    queued: Duration,
    /// Requests before it in the queue.
    pub(crate) ahead: u32,
    backoff: Duration,
}

impl Try {
    /// The waiting is over.
    pub(crate) fn queued(&mut self, since: Instant) {
        self.queued = since.elapsed();
        self.began = Instant::now();
    }
}

impl Journal {
    pub(crate) fn begin(engine: &Arc<Engine>, call: &Call) -> Self {
        engine.running.begin();
        let record = Record {
            id: call.id.clone(),
            at: call.at,
            protocol_in: call.protocol.as_str().into(),
            path: call.path.clone(),
            client: call.header("user-agent").map(Into::into),
            session: call.session().map(Into::into),
            agent: call.subagent().map(Into::into),
            bytes_in: call.body.len() as u64,
            outcome: Outcome::Cancelled,
            replay_of: call.replay_of.clone(),
            doctor: call.doctor,
            ..Record::default()
        };
        Self {
            engine: Arc::clone(engine),
            started: call.started,
            bodies: bodies::wanted(call),
            world: Arc::clone(&call.world),
            reported: None,
            login: Login::default(),
            asides: call.asides.clone(),
            open: None,
            record,
        }
    }

    /// The request's body, as far as the settings want it.
    pub(crate) fn keep_request(&mut self, body: &[u8]) {
        if let Some(request) = bodies::to_keep(self.bodies, body) {
            self.record.bodies = Some(Bodies { request: Some(request), response: None });
        }
    }

    /// The answer's body, as far as the settings want it.
    pub(crate) fn answer(&mut self, body: Option<Vec<u8>>) {
        if let (Some(bodies), Some(body)) = (&mut self.record.bodies, body) {
            bodies.response = bodies::to_keep(self.bodies, &body);
        }
    }

    pub(crate) fn decided(&mut self, decision: &Decision, facts: Facts, project: Option<&Project>) {
        self.record.decision = DecisionRecord::of(decision);
        self.record.decision.facts = Some(Box::new(facts));
        self.record.decision.conditions = self.engine.conditions_id(&self.world, project);
        if self.engine.events.heard() {
            self.record.asides = self.asides.so_far();
            self.engine.events.tell(LiveEvent::RequestStarted { record: Box::new(self.record.clone()) });
        }
    }

    /// A try begins.
    pub(crate) fn try_at(&mut self, candidate: &Candidate, backoff: Duration) -> Try {
        let attempt = AttemptRecord {
            backend: candidate.model.backend.clone(),
            model: candidate.model.model.clone(),
            error: Some("the client left".into()),
            backoff_ms: whole_millis(backoff),
            ..AttemptRecord::default()
        };
        self.open = Some((attempt, Instant::now()));
        Try { model: candidate.model.clone(), began: Instant::now(), queued: Duration::ZERO, ahead: 0, backoff }
    }

    /// A try is over.
    pub(crate) fn tried(&mut self, entry: Try, miss: Option<&Miss>) {
        self.open = None;
        self.record.queued_ms += whole_millis(entry.queued);
        self.record.attempts.push(AttemptRecord {
            backend: entry.model.backend,
            model: entry.model.model,
            status: miss.map_or(Some(200), |miss| miss.status),
            error: miss.map(|miss| miss.fault.failure.message.clone()),
            duration_ms: millis(entry.began),
            queued_ms: whole_millis(entry.queued),
            ahead: entry.ahead,
            backoff_ms: whole_millis(entry.backoff),
            skipped: miss.is_some_and(|miss| miss.skipped),
        });
    }

    pub(crate) fn answered_by(&mut self, candidate: &Candidate, protocol: branchline_wire::Upstream) {
        self.record.backend = Some(candidate.model.backend.clone());
        self.record.model = Some(candidate.model.model.clone());
        self.record.upstream_protocol = Some(protocol.as_str().into());
        self.record.place = if candidate.local { Place::Local } else { Place::Cloud };
    }

    pub(crate) fn dropped(&mut self, dropped: &[Dropped]) {
        self.record.dropped =
            dropped.iter().map(|d| DroppedRecord { path: d.path.clone(), reason: d.reason.into() }).collect();
    }

    pub(crate) fn usage(&mut self, usage: &Usage) {
        self.record.usage = usage.into();
        self.reported = usage.cost_nano_usd;
    }

    /// The first byte of the answer itself is on its way; whether this is news.
    pub(crate) fn first_token(&mut self) -> bool {
        let is_first = self.record.ttft_ms.is_none();
        self.record.ttft_ms.get_or_insert(millis(self.started));
        is_first
    }

    pub(crate) fn failed(&mut self, fault: &Fault, status: u16) {
        self.record.status = status;
        self.record.outcome = Outcome::Error;
        self.record.error = Some(ErrorRecord {
            code: fault.code.into(),
            message: fault.failure.message.clone(),
            hint: fault.hint.clone(),
        });
    }

    pub(crate) fn done(&mut self, outcome: Outcome, status: u16) {
        self.record.outcome = outcome;
        self.record.status = status;
    }
}

impl Journal {
    /// Whose login the backend gets.
    pub(crate) fn paid_by(&mut self, login: Login) {
        self.login = login;
    }

    /// The try the client left in, after the last word of the answer or before.
    fn close_try(&mut self) {
        let Some((mut attempt, began)) = self.open.take() else { return };
        attempt.duration_ms = millis(began);
        if self.record.outcome == Outcome::Ok {
            (attempt.status, attempt.error) = (Some(200), None);
        }
        self.record.attempts.push(attempt);
    }

    /// What it cost, counted into the day.
    fn settle(&mut self) {
        let engine = &self.engine;
        self.record.cost = cost::of(&self.record, self.reported, self.login, &self.world, &engine.prompts);
        engine.spend(&Spent::of(&self.record));
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.record.duration_ms = millis(self.started);
        self.record.asides = self.asides.so_far();
        self.close_try();
        self.settle();
        let record = std::mem::take(&mut self.record);
        // Every request has its record; the file is for what goes on around them.
        tracing::debug!(
            id = record.id,
            protocol = record.protocol_in,
            model = record.requested_model,
            score = record.decision.score,
            backend = record.backend,
            upstream_model = record.model,
            status = record.status,
            outcome = record.outcome.as_str(),
            ms = record.duration_ms,
            fallback = record.fallback,
            "request"
        );
        self.engine.running.end(&record);
        self.engine.hear_outcome(&record, &self.world);
        if self.engine.events.heard() {
            self.engine.events.tell(LiveEvent::RequestFinished { record: Box::new(record.clone()) });
        }
        self.engine.store.insert_record(record);
    }
}

fn millis(since: Instant) -> u64 {
    whole_millis(since.elapsed())
}

pub(crate) fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
