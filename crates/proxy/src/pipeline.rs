//! The way of a request, in order: parse, decide, plan, render, send, relay, record. This file is "The
//! way of a request" of docs/ARCHITECTURE.md as code; each verb lives in the module of its name.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use branchline_routing::turn::Kind;
use branchline_routing::{Calibration, Candidate, Conversation, Decision, Facts, Health, Question, Role, decide};
use branchline_wire::edit::{self, Edit};
use branchline_wire::hub::FailureKind;
use branchline_wire::{Protocol, Upstream};

use crate::advise;
use crate::answers;
use crate::attempt::{Attempt, Tried};
use crate::call::Call;
use crate::cost;
use crate::diet;
use crate::dispatch;
use crate::engine::Engine;
use crate::events::LiveEvent;
use crate::fault::Fault;
use crate::images;
use crate::inbound::{self, Inbound};
use crate::journal::Journal;
use crate::learned::Habit;
use crate::line::{Line, Manner};
use crate::outlet::Outlet;
use crate::plan::{self, Descriptions};
use crate::record::ImageCounts;
use crate::send::Miss;
use crate::situation;
use crate::tags;
use crate::window;
use crate::world::World;

/// Carries one request to its end.
pub(crate) async fn run(engine: Arc<Engine>, mut call: Call, outlet: Outlet) {
    tags::take(&mut call);
    let mut journal = Journal::begin(&engine, &call);
    let mut line = Line::new(&call, outlet);
    journal.keep_request(&call.body);
    if let Err(fault) = carry(&engine, &call, &mut line, &mut journal).await {
        let status = line.fail(&fault).await;
        journal.failed(&fault, status);
    }
    journal.record.bytes_out = line.bytes_out;
    journal.answer(line.kept());
}

async fn carry(engine: &Arc<Engine>, call: &Call, line: &mut Line, journal: &mut Journal) -> Result<(), Fault> {
    let mut inbound = inbound::parse(call)?;
    note(journal, &inbound);
    line.answers(&inbound.request);
    images::look_up(engine, call, &mut inbound).await;
    inbound.situation = situation::read(engine, call, &inbound).await;
    engine.turns.keep_private(inbound.session, inbound.situation.private.as_deref());
    let (decision, facts) = decide_for_turn(engine, call, &mut inbound).await;
    journal.decided(&decision, facts, inbound.situation.project.as_deref());
    journal.record.decision.surroundings = engine.surroundings_id(call, &inbound);
    announce(engine, call, line, &decision);
    if decision.answer_here {
        answers::here(line, journal, &inbound).await;
        return Ok(());
    }
    if let Some(refusal) = decision.refusal.clone() {
        return Err(refusal.into());
    }
    advise(engine, call, &mut inbound, &decision, line, journal).await;
    let trip = Trip { engine, call, inbound: &inbound, decision: &decision };
    match trip.along_the_line(line, journal).await {
        Err(fault) if decision.role == Role::Background && inbound.turn.kind.can_be_answered_here() => {
            journal.record.decision.reasons.push(format!("answered here: {}", fault.failure.message));
            answers::here(line, journal, &inbound).await;
            Ok(())
        }
        done => done,
    }
}

fn note(journal: &mut Journal, inbound: &Inbound<'_>) {
    journal.record.stream = inbound.request.stream;
    journal.record.requested_model = inbound.request.model.decode().into_owned();
    journal.record.estimated_input_tokens = inbound.tokens;
    journal.record.images.total = inbound.turn.images;
    if journal.record.session.is_none() {
        journal.record.session = inbound.session.map(Into::into);
    }
}

/// Decides, asking the dispatcher where the decision wants it, and remembers the decision for the turn.
async fn decide_for_turn(engine: &Engine, call: &Call, inbound: &mut Inbound<'_>) -> (Decision, Facts) {
    inbound.dispatched = engine.turns.dispatched(&inbound.key);
    let (mut decision, mut facts) = decide_on(engine, call, inbound);
    if decision.ask_dispatcher {
        inbound.dispatched = Some(dispatch::ask(engine, call, inbound).await);
        (decision, facts) = decide_on(engine, call, inbound);
    }
    if decision.by_turn && !inbound.is_aside() {
        engine.turns.keep(inbound.key.clone(), &decision);
    }
    decision.reasons.extend(inbound.situation.notes());
    (decision, facts)
}

/// Lets a model that thinks but calls no tools give its conclusion, and puts in what was concluded before.
async fn advise(
    engine: &Engine,
    call: &Call,
    inbound: &mut Inbound<'_>,
    decision: &Decision,
    line: &mut Line,
    journal: &mut Journal,
) {
    inbound.advice = advise::known(engine, inbound);
    let Some(adviser) = &decision.advisor else { return };
    let work = advise::consult(engine, call, inbound, adviser);
    let said = line.wait(Manner::Encoded, &adviser.model.model, Box::pin(work)).await;
    journal.record.decision.reasons.extend(said);
    inbound.advice = advise::known(engine, inbound);
}

/// Decides, and says from what.
fn decide_on(engine: &Engine, call: &Call, inbound: &Inbound<'_>) -> (Decision, Facts) {
    let (decision, facts, ()) = decide_and(engine, call, inbound, |_, _| ());
    (decision, facts)
}

/// Decides, says from what, and what `tell` makes of the question and the decision.
pub(crate) fn decide_and<T>(
    engine: &Engine,
    call: &Call,
    inbound: &Inbound<'_>,
    tell: impl FnOnce(&Question<'_>, &Decision) -> T,
) -> (Decision, Facts, T) {
    let world = &call.world;
    let calibration = engine.learned.calibration();
    let lighter = diet::lightened(&calibration, &inbound.request, inbound.tokens, world);
    let question = question(engine, call, inbound, lighter.as_ref().unwrap_or(&calibration));
    let health = health(engine, world);
    let decision = decide(&question, inbound.situation.policy(call), &health, &world.catalog);
    let facts = Facts { heard: inbound.situation.heard.clone(), ..Facts::of(&question, &health, &decision) };
    let told = tell(&question, &decision);
    (decision, facts, told)
}

/// What a request is decided from.
fn question<'q>(engine: &Engine, call: &Call, inbound: &'q Inbound<'_>, calibration: &'q Calibration) -> Question<'q> {
    Question {
        turn: &inbound.turn,
        forced: inbound.forced.clone(),
        asked: inbound.asked.clone(),
        ruled: inbound.situation.ruled.clone(),
        private: inbound.situation.private.clone(),
        earlier: engine.turns.earlier(&inbound.key).filter(|_| inbound.goes_on()),
        answers: engine.turns.answers(&inbound.key),
        dispatched: inbound.dispatched.clone(),
        calibration,
        conversation: conversation(engine, call, inbound),
    }
}

fn conversation(engine: &Engine, call: &Call, inbound: &Inbound<'_>) -> Conversation {
    if call.world.policy.pools.is_empty() {
        return Conversation::default();
    }
    let key = inbound.conversation();
    Conversation { key, home: engine.homes.of(key) }
}

/// The health of this moment: what the world knows, and what changes from request to request.
fn health<'w>(engine: &Engine, world: &'w World) -> Cow<'w, Health> {
    let spent = engine.budget.spent(&world.settings.budget);
    let resting = world.backends.values().filter(|backend| backend.lane.rests());
    let resting: BTreeSet<String> = resting.map(|backend| backend.name().to_owned()).collect();
    if spent.is_none() && resting.is_empty() && world.policy.pools.is_empty() {
        return Cow::Borrowed(&world.health);
    }
    let busy = world.backends.iter().filter(|_| !world.policy.pools.is_empty());
    let load = busy.map(|(name, backend)| (name.clone(), backend.lane.load())).collect();
    Cow::Owned(Health { resting, spent, load, ..world.health.clone() })
}

fn announce(engine: &Engine, call: &Call, line: &mut Line, decision: &Decision) {
    line.say("x-branchline-score", &decision.score.value.to_string());
    line.say("x-branchline-reason", decision.reason());
    if let (Some(reason), Some(first)) = (&decision.escalated, decision.candidates.first()) {
        tracing::info!(id = call.id, reason, model = %first.model, "a turn has escalated");
        let model = first.model.to_string();
        engine.events.tell(LiveEvent::Escalated { request: call.id.clone(), model, reason: reason.clone() });
    }
}

/// One request with its decision, on its way along the candidates.
struct Trip<'t> {
    engine: &'t Arc<Engine>,
    call: &'t Call,
    inbound: &'t Inbound<'t>,
    decision: &'t Decision,
}

impl Trip<'_> {
    /// Tries the candidates in order until one has begun to answer.
    async fn along_the_line(&self, line: &mut Line, journal: &mut Journal) -> Result<(), Fault> {
        let mut last: Option<Miss> = None;
        let mut described: Option<Descriptions> = None;
        let mut left: VecDeque<Candidate> = self.decision.candidates.iter().cloned().collect();
        while let Some(mut candidate) = left.pop_front() {
            candidate.describe_images |= self.is_blind(&candidate);
            let texts = self.texts_for(&candidate, &mut described, line, journal).await;
            let why = self.why_instead(&candidate, last.as_ref());
            self.say_candidate(line, journal, &candidate, why.as_deref());
            let miss = match self.ask(&candidate, texts, left.is_empty(), line, journal).await {
                Ok(()) => {
                    self.answered(&candidate, why);
                    return Ok(());
                }
                Err(miss) => miss,
            };
            if let Some(blind) = turned_out_blind(&candidate, &miss) {
                self.engine.learned.note(Habit::Blind, &candidate.model, true, &self.engine.store).await;
                left.push_front(blind);
                continue;
            }
            let go_on = miss.may_go_on();
            last = Some(miss);
            if !go_on {
                break;
            }
        }
        self.give_up(line, journal, last)
    }

    /// It refused a picture before, and its server's list does not tell.
    fn is_blind(&self, candidate: &Candidate) -> bool {
        let unknown = self.call.world.catalog.facts(&candidate.model).vision.is_none();
        self.inbound.turn.images > 0 && unknown && self.engine.learned.has(Habit::Blind, &candidate.model)
    }

    /// Descriptions for a candidate that cannot see; they are made once per request.
    async fn texts_for(
        &self,
        candidate: &Candidate,
        described: &mut Option<Descriptions>,
        line: &mut Line,
        journal: &mut Journal,
    ) -> Descriptions {
        if !candidate.describe_images {
            return Descriptions::new();
        }
        if described.is_none() {
            let manner = self.manner(line, candidate);
            let eyes = images::eyes(self.engine, self.call, self.inbound, self.decision);
            let work = images::describe(self.engine, self.call, &self.inbound.request, &eyes);
            let (texts, counts) = line.wait(manner, &candidate.model.model, Box::pin(work)).await;
            journal.record.images = ImageCounts { total: self.inbound.turn.images, ..counts };
            *described = Some(texts);
        }
        described.clone().unwrap_or_default()
    }

    /// Why this candidate answers and not the one that should have.
    fn why_instead(&self, candidate: &Candidate, last: Option<&Miss>) -> Option<String> {
        if let Some(miss) = last {
            return Some(miss.fault.failure.message.clone());
        }
        let crossed = candidate.fallback.clone()?;
        let reason = self.decision.reason();
        Some(if reason.is_empty() { crossed } else { reason.to_owned() })
    }

    fn say_candidate(&self, line: &mut Line, journal: &mut Journal, candidate: &Candidate, why: Option<&str>) {
        if !line.committed() {
            line.say("x-branchline-model", &candidate.model.to_string());
            if let Some(why) = why {
                line.say("x-branchline-fallback", why);
            }
        }
        journal.record.fallback = why.map(Into::into);
        journal.answered_by(candidate, self.protocol(candidate));
    }

    fn protocol(&self, candidate: &Candidate) -> Upstream {
        let backend = self.call.world.backends.get(&candidate.model.backend);
        backend.map_or(Upstream::OpenaiChat, |backend| self.call.world.protocol(backend))
    }

    /// Its backend speaks the client's own protocol.
    fn speaks_the_clients(&self, candidate: &Candidate) -> bool {
        Protocol::from(self.protocol(candidate)) == self.call.protocol
    }

    /// The backend's own bytes, where nothing has to be translated or repaired: the answer of a model of the user's own
    /// to a request with tools may hold calls written as text.
    fn manner(&self, line: &Line, candidate: &Candidate) -> Manner {
        let same = self.speaks_the_clients(candidate) && self.native(candidate).is_none();
        let to_repair = candidate.local && self.inbound.turn.client_tools;
        if same && line.may_be_raw() && !to_repair { Manner::Raw } else { Manner::Encoded }
    }

    /// What the kind of request and the habits of a model ask for.
    fn habitual(&self, candidate: &Candidate) -> Option<Edit> {
        let request = &self.inbound.request;
        if self.inbound.turn.kind == Kind::WebSearch && candidate.local && candidate.role != Role::WebSearch {
            return plan::no_search(request);
        }
        let folds = self.engine.learned.has(Habit::NoInlineSystem, &candidate.model);
        (folds && edit::has_system_messages(request)).then_some(Edit::FoldSystem)
    }

    /// The window this request has to name, on the server's own endpoint.
    fn native(&self, candidate: &Candidate) -> Option<u64> {
        window::in_each_request(&candidate.model, &self.call.world)
    }

    async fn ask(
        &self,
        candidate: &Candidate,
        texts: Descriptions,
        last: bool,
        line: &mut Line,
        journal: &mut Journal,
    ) -> Result<(), Miss> {
        let Some(backend) = self.call.world.backends.get(&candidate.model.backend) else {
            let message = format!("no backend named {} is set up or enabled", candidate.model.backend);
            return Err(Miss::of(Fault::new(FailureKind::NotFound, "unknown_backend", message).no_retry()));
        };
        let protocol = self.call.world.protocol(backend);
        let request = &self.inbound.request;
        let diet = backend.resolved.diet_of(&candidate.model.model).and_then(|diet| diet::plan(request, diet));
        let saved = diet.as_ref().map_or(0, |(_, record)| record.tokens_before.saturating_sub(record.tokens_after));
        let estimated = self.inbound.tokens.saturating_sub(saved);
        let tokens = self.engine.learned.calibration().tokens(&candidate.model, estimated);
        let mut edits = plan::plan(request, tokens, candidate, backend.dialect(), protocol, texts);
        journal.record.diet = diet.as_ref().map(|(_, record)| *record);
        edits.extend(diet.into_iter().flat_map(|(edits, _)| edits));
        edits.extend(advise::edits(&self.inbound.advice));
        edits.extend(self.habitual(candidate));
        journal.record.expected_input_tokens = tokens;
        journal.record.edits = edits.iter().map(Edit::to_string).collect();
        let attempt = Attempt {
            engine: self.engine,
            call: self.call,
            inbound: self.inbound,
            candidate,
            backend,
            protocol,
            manner: self.manner(line, candidate),
            last,
            estimated,
            tokens,
            native: self.native(candidate),
        };
        journal.paid_by(cost::login(&backend.resolved, self.call.header("authorization")));
        let tried = Box::pin(attempt.run(&edits, line, journal)).await?;
        self.keep_description(candidate, tried).await;
        Ok(())
    }

    /// In route mode the vision model's answer becomes the description of the turn's pictures.
    async fn keep_description(&self, candidate: &Candidate, tried: Tried) {
        if candidate.role == Role::Vision && !tried.text.trim().is_empty() {
            images::keep_answer(self.engine, self.call, self.inbound, tried.text.trim(), &candidate.model).await;
        }
    }

    fn answered(&self, candidate: &Candidate, why: Option<String>) {
        if !self.call.world.policy.pools.is_empty() {
            self.engine.homes.keep(self.inbound.conversation(), &candidate.model.backend);
        }
        if let Some(reason) = why {
            self.engine.events.tell(LiveEvent::Fallback {
                request: self.call.id.clone(),
                from: self.meant(candidate).to_owned(),
                model: candidate.model.to_string(),
                cloud: !candidate.local,
                reason,
            });
        }
    }

    /// The backend that was meant to answer. One that is known to be offline is tried last, so the candidates may begin
    /// with the one that answered; then it is the first on the other side.
    fn meant(&self, answered: &Candidate) -> &str {
        let mut candidates = self.decision.candidates.iter();
        let first = candidates.next().filter(|first| first.model.backend != answered.model.backend);
        let meant = first.or_else(|| candidates.find(|candidate| candidate.local != answered.local));
        meant.map_or("", |candidate| &candidate.model.backend)
    }

    /// Nobody could take it. Where the protocols are the same the backend's own answer says it best.
    fn give_up(&self, line: &mut Line, journal: &mut Journal, last: Option<Miss>) -> Result<(), Fault> {
        let Some(mut miss) = last else {
            return Err(branchline_routing::Refusal::NoModel { wanted: self.decision.role.as_str() }.into());
        };
        let same = self.decision.candidates.len() == 1 && self.speaks_the_clients(&self.decision.candidates[0]);
        if let Some((status, headers, body)) = miss.raw.take().map(|raw| *raw)
            && same
            && has_an_error(self.call.protocol, &body)
            && !line.committed()
            && !matches!(miss.fault.failure.kind, FailureKind::PromptTooLong { .. })
        {
            crate::attempt::carry_answer_headers(&headers, line);
            if is_outage(&miss) && !miss.asks_for_time() {
                line.say("x-should-retry", "false");
            }
            line.whole(status, body);
            journal.failed(&miss.fault, status.as_u16());
            return Ok(());
        }
        // All that could help was tried, more often than a client would: it shall not begin from the start ten times.
        Err(if is_outage(&miss) && !miss.asks_for_time() { miss.fault.no_retry() } else { miss.fault })
    }
}

/// Nobody was there to answer, in contrast to a request that was refused.
fn is_outage(miss: &Miss) -> bool {
    use FailureKind::{Api, Overloaded, RateLimit, Timeout};
    matches!(miss.fault.failure.kind, Api | Timeout | Overloaded | RateLimit)
}

/// An error in the shape clients of this protocol read; a web page, `{"error":"text"}` or llama.cpp's envelope on
/// `/v1/messages` is told in our own words.
fn has_an_error(protocol: Protocol, body: &[u8]) -> bool {
    let typed = |body: &serde_json::Value| protocol != Protocol::Anthropic || body["type"] == "error";
    serde_json::from_slice::<serde_json::Value>(body)
        .is_ok_and(|body| body["error"]["message"].is_string() && typed(&body))
}

/// A server that does not tell which models can see says so when it gets an image: the same model once more, with descriptions.
fn turned_out_blind(candidate: &Candidate, miss: &Miss) -> Option<Candidate> {
    let refused = miss.fault.failure.kind == FailureKind::NoVision && !candidate.describe_images;
    refused.then(|| Candidate { describe_images: true, ..candidate.clone() })
}
