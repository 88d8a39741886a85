//! The way to one backend: who may go, who waits, and whether it is left alone. Lives as long as the engine, so that
//! changed settings neither empty the queue nor forget a dead server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use branchline_routing::Load;
use branchline_routing::circuit::{Circuit, CircuitRule, Gate, Turned};
use branchline_routing::queue::{Joined, Queue, Urgency};
use branchline_settings::ResolvedBackend;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::probe::{Flavour, Found};

/// Longest time a backend is left alone because it said so.
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);

/// Whether a backend is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// It is.
    #[default]
    Closed,
    /// It is left alone after failures.
    Open,
    /// One request tries whether it is back.
    HalfOpen,
}

/// The circuit of a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct CircuitView {
    pub state: CircuitState,
    /// When it is tried again, in milliseconds since 1970; only when open.
    pub until: Option<i64>,
    /// Failures since its last whole answer.
    pub failures: u32,
    /// Its last failure, in words.
    pub reason: Option<String>,
}

/// The queue before a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct QueueView {
    pub running: u32,
    pub waiting: u32,
    /// How many may run.
    pub limit: u32,
    pub limit_from: LimitSource,
}

/// Who says how many requests a backend bears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum LimitSource {
    /// The settings, or the provider's preset.
    Settings,
    /// The server itself.
    Server,
    /// Nobody: what servers of its make do when nothing is set.
    #[default]
    Default,
}

/// Whose turn is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) urgency: Urgency,
    /// The conversation.
    pub(crate) flow: u64,
    /// There is no other backend left for the request.
    pub(crate) last: bool,
}

impl Who {
    /// A description is part of somebody's main turn.
    pub(crate) const fn looking_at_a_picture() -> Self {
        Self { urgency: Urgency::Main, flow: 0, last: true }
    }
}

/// Why a request may not go.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) reason: String,
    pub(crate) until: Option<Duration>,
}

/// The way to one backend.
#[derive(Debug)]
pub(crate) struct Lane {
    inner: Mutex<Inner>,
    /// Counts changes of the circuit.
    turned: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    queue: Queue<Waiter>,
    circuit: Circuit,
    limit_from: LimitSource,
    reason: Option<String>,
}

#[derive(Debug)]
struct Waiter {
    last: bool,
    turn: oneshot::Sender<Turn>,
}

#[derive(Debug)]
enum Turn {
    /// In.
    Come,
    /// The circuit opened meanwhile.
    GoElsewhere,
}

/// What came of asking for a place.
#[derive(Debug)]
pub(crate) enum Asked {
    /// There is one.
    In(Slot),
    /// There will be one.
    Wait(Ticket),
}

/// A place in the queue; given back when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    lane: Arc<Lane>,
    ticket: u64,
    /// Requests before this one.
    pub(crate) ahead: u32,
    turn: Option<oneshot::Receiver<Turn>>,
}

/// A place among the requests that run; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    lane: Arc<Lane>,
    probe: bool,
}

impl Lane {
    pub(crate) fn new(rule: CircuitRule) -> Arc<Self> {
        let inner =
            Inner { queue: Queue::new(1), circuit: Circuit::new(rule), limit_from: LimitSource::Default, reason: None };
        Arc::new(Self { inner: Mutex::new(inner), turned: watch::Sender::new(0) })
    }

    /// Takes over what the settings and the server say.
    pub(crate) fn configure(&self, backend: &ResolvedBackend, found: Option<&Found>) {
        let (limit, from) = limit(backend, found);
        let mut inner = self.lock();
        inner.circuit.set_rule(backend.circuit);
        inner.limit_from = from;
        let admitted = inner.queue.set_limit(limit);
        drop(inner);
        self.let_in(admitted);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a place.
    ///
    /// # Errors
    /// The backend is left alone and somebody else can answer.
    pub(crate) fn ask(self: &Arc<Self>, who: Who) -> Result<Asked, Closed> {
        let now = Instant::now().into_std();
        let mut inner = self.lock();
        if !who.last
            && let gate @ (Gate::Wait(_) | Gate::Probing) = inner.circuit.look(now)
        {
            return Err(inner.closed(gate));
        }
        let (sender, receiver) = oneshot::channel();
        Ok(match inner.queue.join(who.urgency, who.flow, Waiter { last: who.last, turn: sender }) {
            Joined::In(_) => Asked::In(Slot { lane: Arc::clone(self), probe: false }),
            Joined::Waits { ticket, ahead } => {
                Asked::Wait(Ticket { lane: Arc::clone(self), ticket, ahead, turn: Some(receiver) })
            }
        })
    }

    /// A place, whatever the circuit says.
    pub(crate) async fn place(self: &Arc<Self>, who: Who) -> Option<Slot> {
        match self.ask(Who { last: true, ..who }).ok()? {
            Asked::In(slot) => Some(slot),
            Asked::Wait(ticket) => ticket.turn().await,
        }
    }

    /// An answer has begun.
    pub(crate) fn answers(&self) -> Option<Turned> {
        self.tell(|inner| inner.circuit.answers())
    }

    /// A whole answer, or an error that only a living server gives.
    pub(crate) fn succeeded(&self) -> Option<Turned> {
        self.tell(|inner| inner.circuit.succeeded())
    }

    /// The backend failed. With `rest` it said when it wants to be asked again.
    pub(crate) fn failed(&self, reason: &str, rest: Option<Duration>) -> Option<Turned> {
        let now = Instant::now().into_std();
        let turned = self.tell(|inner| {
            inner.reason = Some(reason.to_owned());
            let failed = inner.circuit.failed(now);
            rest.and_then(|rest| inner.circuit.rest(now + rest.min(LONGEST_REST))).or(failed)
        });
        if matches!(turned, Some(Turned::Open(_))) {
            let gone = self.lock().queue.turn_away(|waiter| !waiter.last);
            // Who has gone meanwhile needs no word.
            gone.into_iter().for_each(|waiter| drop(waiter.turn.send(Turn::GoElsewhere)));
        }
        turned
    }

    /// There are signs of life: the next request may try.
    pub(crate) fn try_now(&self) {
        self.lock().circuit.try_now(Instant::now().into_std());
    }

    fn tell(&self, change: impl FnOnce(&mut Inner) -> Option<Turned>) -> Option<Turned> {
        let turned = change(&mut self.lock());
        // Also an unchanged state may be what a request waits for: the end of a probe.
        self.turned.send_modify(|count| *count += 1);
        turned
    }

    /// Whether requests had better go elsewhere.
    pub(crate) fn rests(&self) -> bool {
        matches!(self.lock().circuit.look(Instant::now().into_std()), Gate::Wait(_) | Gate::Probing)
    }

    pub(crate) fn load(&self) -> Load {
        let inner = self.lock();
        Load { running: inner.queue.running(), waiting: inner.queue.waiting(), limit: inner.queue.limit() }
    }

    pub(crate) fn circuit(&self) -> CircuitView {
        let now = Instant::now().into_std();
        let inner = self.lock();
        let (state, until) = match inner.circuit.look(now) {
            Gate::Go => (CircuitState::Closed, None),
            Gate::Wait(until) => (CircuitState::Open, Some(wall(until.saturating_duration_since(now)))),
            // Its rest is over: the next request tries it.
            Gate::Probe => (CircuitState::Closed, None),
            Gate::Probing => (CircuitState::HalfOpen, None),
        };
        let reason = inner.reason.clone().filter(|_| inner.circuit.failures() > 0 || state != CircuitState::Closed);
        CircuitView { state, until, failures: inner.circuit.failures(), reason }
    }

    pub(crate) fn queue(&self) -> QueueView {
        let Load { running, waiting, limit } = self.load();
        QueueView { running, waiting, limit, limit_from: self.lock().limit_from }
    }

    fn done(&self) {
        let admitted = self.lock().queue.done();
        self.let_in(admitted);
    }

    fn let_in(&self, mut admitted: Vec<Waiter>) {
        while let Some(waiter) = admitted.pop() {
            if waiter.turn.send(Turn::Come).is_err() {
                // It left between its turn and this word: the place is the next one's.
                admitted.extend(self.lock().queue.done());
            }
        }
    }
}

impl Inner {
    fn closed(&self, gate: Gate) -> Closed {
        let until = match gate {
            Gate::Wait(until) => Some(until.saturating_duration_since(Instant::now().into_std())),
            _ => None,
        };
        Closed { reason: self.reason.clone().unwrap_or_else(|| "it failed".into()), until }
    }
}

/// In wall time, milliseconds since 1970.
pub(crate) fn wall(from_now: Duration) -> i64 {
    let ahead = SignedDuration::try_from(from_now).unwrap_or(SignedDuration::ZERO);
    Timestamp::now().saturating_add(ahead).map_or(0, Timestamp::as_millisecond)
}

impl Ticket {
    /// Waits for its turn. `None`: the circuit opened, the request had better go elsewhere.
    pub(crate) async fn turn(mut self) -> Option<Slot> {
        let receiver = self.turn.as_mut()?;
        let turn = receiver.await;
        self.turn = None;
        match turn {
            Ok(Turn::Come) => Some(Slot { lane: Arc::clone(&self.lane), probe: false }),
            Ok(Turn::GoElsewhere) | Err(_) => None,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(mut turn) = self.turn.take() else { return };
        let waited = self.lane.lock().queue.leave(self.ticket);
        // Let in, but nobody is there any more.
        if !waited && matches!(turn.try_recv(), Ok(Turn::Come)) {
            self.lane.done();
        }
    }
}

impl Slot {
    /// Passes the circuit. Where another request tries just now and there is no other backend left, its verdict is
    /// waited for: so a server that comes back is not stampeded, and one that hangs keeps nobody but the one that tries.
    ///
    /// # Errors
    /// The backend is left alone.
    pub(crate) async fn pass(&mut self, last: bool) -> Result<(), Closed> {
        let mut turned = self.lane.turned.subscribe();
        let mut tries_left = last;
        loop {
            turned.borrow_and_update();
            let gate = self.enter(tries_left);
            match gate {
                Gate::Go | Gate::Probe => return Ok(()),
                Gate::Probing if last => {
                    tries_left = false;
                    // The sender lives in the lane.
                    let _ = turned.changed().await;
                }
                gate => return Err(self.lane.lock().closed(gate)),
            }
        }
    }

    fn enter(&mut self, last: bool) -> Gate {
        let gate = self.lane.lock().circuit.enter(Instant::now().into_std(), last);
        self.probe = gate == Gate::Probe;
        gate
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.probe {
            // Does nothing where there was a verdict.
            self.lane.tell(|inner| {
                inner.circuit.give_up(Instant::now().into_std());
                None
            });
        }
        self.lane.done();
    }
}

/// How many requests a backend bears at the same time.
///
/// What servers do when nothing is set: Ollama answers one request after the other (`OLLAMA_NUM_PARALLEL` is 1), LM
/// Studio since 0.4 has four places (`parallel` of each loaded model), older ones have one, llama.cpp tells
/// `total_slots`, vLLM batches up to hundreds but slows down for each. More than they bear wait better here, where a
/// main turn comes before background work. A cloud limits by itself; the number only bounds accidents.
fn limit(backend: &ResolvedBackend, found: Option<&Found>) -> (u32, LimitSource) {
    if let Some(most) = backend.concurrency {
        return (most, LimitSource::Settings);
    }
    let cards = found.map_or(&[][..], |found| &found.models);
    if let Some(told) = cards.iter().filter_map(|card| card.parallel).max() {
        return (u32::try_from(told).unwrap_or(u32::MAX), LimitSource::Server);
    }
    let usual = match found.map(|found| found.flavour) {
        _ if !backend.local => 64,
        Some(Flavour::Vllm) => 16,
        // A model that is not loaded yet: what it will be loaded with.
        Some(Flavour::LmStudio) if cards.iter().all(|card| card.loaded == Some(false)) => 4,
        Some(Flavour::LmStudio | Flavour::Ollama | Flavour::LlamaCpp) => 1,
        _ => 2,
    };
    (usual, LimitSource::Default)
}

/// The lanes of all backends, by name and address: a server at another address is another server.
#[derive(Debug, Default)]
pub(crate) struct Lanes(Mutex<BTreeMap<(String, String), Arc<Lane>>>);

impl Lanes {
    pub(crate) fn of(&self, backend: &ResolvedBackend) -> Arc<Lane> {
        let key = (backend.name.clone(), backend.base_url.as_str().to_owned());
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(key).or_insert_with(|| Lane::new(backend.circuit)))
    }
}
