//! The engine: what all requests share, and its start and stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use branchline_routing::ModelRef;
use branchline_routing::circuit::Turned;
use branchline_settings::{KeyStore, Paths, ResolvedBackend, Secret, Settings, Tokens};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::Backend;
use crate::browser::{NoRandomness, Sessions, UiFile};
use crate::budget::{Budget, BudgetView};
use crate::cost::Prompts;
use crate::counting::Counting;
use crate::doctor::Doctor;
use crate::estimates::EstimateCard;
use crate::events::{Events, LiveEvent};
use crate::images::Images;
use crate::lane::{self, Lanes};
use crate::learned::Learned;
use crate::loading::Loads;
use crate::metrics::Running;
use crate::outcomes::{self, LearnedOffset, Outcomes};
use crate::probe::{Found, Prober};
use crate::projects::Projects;
use crate::record::Record;
use crate::silence::Silences;
use crate::store::{ImageKey, Store};
use crate::surroundings::Surroundings;
use crate::tuning::Tuning;
use crate::turns::{Homes, Turns};
use crate::world::World;

/// Answers `POST /api/rpc`: name and request in, answer or `{code, message, hint}` out.
pub type Rpc = Arc<dyn Fn(Arc<Engine>, String, Value) -> BoxFuture<'static, Result<Value, Value>> + Send + Sync>;

/// Scored requests after which the threshold for a share is computed anew.
const RETUNE_EVERY: u64 = 20;

/// What an engine is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where settings and data live.
    pub paths: Paths,
    /// The settings to begin with.
    pub settings: Settings,
    /// The keys.
    pub keys: Arc<KeyStore>,
    /// Tokens of the clients and of the control interface.
    pub tokens: Tokens,
    /// Records and descriptions.
    pub store: Store,
}

/// What all requests share.
pub struct Engine {
    /// Where settings and data live.
    pub paths: Paths,
    /// Tokens of the clients and of the control interface.
    pub tokens: Tokens,
    /// The keys.
    pub keys: Arc<KeyStore>,
    /// Records, descriptions, learned facts.
    pub store: Store,
    /// What happens, as it happens.
    pub events: Events,
    /// Requests that run, counters.
    pub running: Running,
    /// When the engine started.
    pub started_at: Timestamp,
    pub(crate) turns: Turns,
    pub(crate) homes: Homes,
    pub(crate) lanes: Lanes,
    pub(crate) budget: Budget,
    pub(crate) prompts: Prompts,
    pub(crate) projects: Projects,
    /// What rules could look at in the requests so far.
    pub(crate) surroundings: Surroundings,
    pub(crate) images: Images,
    pub(crate) learned: Learned,
    pub(crate) counting: Counting,
    pub(crate) doctor: Doctor,
    pub(crate) loads: Loads,
    pub(crate) prober: Prober,
    pub(crate) silences: Silences,
    /// The settings file was read since the start, and nothing is wrong with it.
    pub(crate) reads_well: AtomicBool,
    pub(crate) tracker: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(crate) rpc: OnceLock<Rpc>,
    pub(crate) outcomes: Outcomes,
    /// Says that the threshold for `routing.cloud_share` may have moved.
    pub(crate) retuning: Notify,
    scored: AtomicU64,
    tuning: ArcSwap<Tuning>,
    pub(crate) ui: OnceLock<&'static [UiFile]>,
    pub(crate) sessions: Sessions,
    address: OnceLock<SocketAddr>,
    world: ArcSwap<World>,
    /// Guards changes of the world; never held across an await.
    changing: Mutex<()>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes an engine that does not listen yet.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let settings = Arc::new(parts.settings);
        let lanes = Lanes::default();
        let backends = make_backends(&settings, &parts.keys, &lanes);
        for backend in backends.values() {
            backend.lane.configure(&backend.resolved, None);
        }
        let world = World::new(settings, backends, BTreeMap::new(), BTreeMap::new());
        Arc::new(Self {
            paths: parts.paths,
            tokens: parts.tokens,
            keys: parts.keys,
            store: parts.store,
            events: Events::default(),
            running: Running::default(),
            started_at: Timestamp::now(),
            turns: Turns::default(),
            homes: Homes::default(),
            lanes,
            budget: Budget::default(),
            prompts: Prompts::default(),
            projects: Projects::default(),
            surroundings: Surroundings::default(),
            images: Images::default(),
            learned: Learned::default(),
            counting: Counting::default(),
            doctor: Doctor::default(),
            loads: Loads::default(),
            prober: Prober::default(),
            silences: Silences::default(),
            reads_well: AtomicBool::default(),
            tracker: TaskTracker::new(),
            stopping: CancellationToken::new(),
            rpc: OnceLock::new(),
            outcomes: Outcomes::default(),
            retuning: Notify::new(),
            scored: AtomicU64::new(1),
            tuning: ArcSwap::default(),
            ui: OnceLock::new(),
            sessions: Sessions::default(),
            address: OnceLock::new(),
            world: ArcSwap::from_pointee(world),
            changing: Mutex::new(()),
        })
    }

    /// Takes the answering side of `POST /api/rpc`. The first one stays.
    pub fn answer_rpc(&self, rpc: Rpc) {
        let _ = self.rpc.set(rpc);
    }

    /// Takes the files of the window, to be shown at `/ui/`. The first ones stay; none is the same as not asked.
    pub fn show_ui(&self, files: &'static [UiFile]) {
        if !files.is_empty() {
            let _ = self.ui.set(files);
        }
    }

    /// Whether the window is in this program.
    #[must_use]
    pub fn shows_ui(&self) -> bool {
        self.ui.get().is_some()
    }

    /// A new code that opens one session of the window in a browser; see [`crate::browser::CODE_LASTS`].
    ///
    /// # Errors
    /// A system without random numbers.
    pub fn ui_code(&self) -> Result<Secret, NoRandomness> {
        self.sessions.code(Instant::now())
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        self.world.load_full()
    }

    /// Where the engine listens, once it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }

    pub(crate) fn listens_on(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// Whether nothing was wrong with the settings file when it was last read again.
    #[must_use]
    pub fn reads_well(&self) -> bool {
        self.reads_well.load(Ordering::Relaxed)
    }

    /// Puts new settings in force. Requests that run keep the old ones.
    pub fn apply(&self, settings: Settings) {
        let settings = Arc::new(settings);
        let backends = make_backends(&settings, &self.keys, &self.lanes);
        self.change(|old| {
            let known = |name: &String| backends.contains_key(name);
            let found = old.found.iter().filter(|(name, _)| known(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
            let down = old.down.iter().filter(|(name, _)| known(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
            World::new(settings, backends.clone(), found, down)
        });
        self.events.tell(LiveEvent::SettingsChanged { problems: Vec::new() });
    }

    /// Puts in force what a file says of what must stay, when it is used for nothing else.
    pub(crate) fn keep_back(&self, settings: Settings) {
        let settings = Arc::new(settings);
        self.change(|old| World::new(settings, old.backends.clone(), old.found.clone(), old.down.clone()));
    }

    /// Makes the world anew with the same settings, for keys that were set, changed or removed.
    pub fn keys_changed(&self) {
        let settings = Arc::clone(&self.world().settings);
        let backends = make_backends(&settings, &self.keys, &self.lanes);
        self.change(|old| World::new(settings, backends, old.found.clone(), old.down.clone()));
    }

    /// The policy depends on which keys there are, which nobody knows before they were looked up.
    pub(crate) fn keys_known(&self) {
        self.change(|old| {
            World::new(Arc::clone(&old.settings), old.backends.clone(), old.found.clone(), old.down.clone())
        });
    }

    pub(crate) fn backend_found(&self, name: &str, found: Found) {
        let world = self.world();
        let was_down = world.down.contains_key(name);
        if !was_down
            && world
                .found
                .get(name)
                .is_some_and(|known| known.models == found.models && known.protocol == found.protocol)
        {
            return;
        }
        self.change(|old| {
            let (mut all, mut down) = (old.found.clone(), old.down.clone());
            all.insert(name.to_owned(), found);
            down.remove(name);
            World::new(Arc::clone(&old.settings), old.backends.clone(), all, down)
        });
        if was_down {
            if let Some(backend) = world.backends.get(name) {
                backend.lane.try_now();
            }
            tracing::info!(backend = name, "the backend is back");
            self.events.tell(LiveEvent::BackendUp { backend: name.to_owned() });
        }
    }

    /// A backend did not answer. `known` says whether it ever did: a server that was never there is no news.
    pub(crate) fn backend_down(&self, name: &str, reason: &str) {
        let world = self.world();
        let known = world.found.contains_key(name) || world.backends.get(name).is_some_and(|b| !b.resolved.local);
        if world.down.contains_key(name) || !world.backends.contains_key(name) {
            return;
        }
        self.change(|old| {
            let mut down = old.down.clone();
            down.insert(name.to_owned(), reason.to_owned());
            World::new(Arc::clone(&old.settings), old.backends.clone(), old.found.clone(), down)
        });
        if known {
            tracing::warn!(backend = name, reason, "the backend is offline");
            self.events.tell(LiveEvent::BackendDown { backend: name.to_owned(), reason: reason.to_owned() });
        }
    }

    /// A backend answered a request: whatever was thought of it, it is up.
    pub(crate) fn backend_answers(&self, name: &str) {
        if !self.world().down.contains_key(name) {
            return;
        }
        self.silences.over(name);
        self.change(|old| {
            let mut down = old.down.clone();
            down.remove(name);
            World::new(Arc::clone(&old.settings), old.backends.clone(), old.found.clone(), down)
        });
        self.events.tell(LiveEvent::BackendUp { backend: name.to_owned() });
    }

    /// Tells that a backend is left alone, or used again.
    pub(crate) fn circuit_turned(&self, name: &str, turned: Option<Turned>, reason: &str) {
        match turned {
            None => {}
            Some(Turned::Open(until)) => {
                let ahead = until.saturating_duration_since(tokio::time::Instant::now().into_std());
                tracing::warn!(backend = name, reason, seconds = ahead.as_secs(), "the backend is left alone");
                let (backend, reason, until) = (name.to_owned(), reason.to_owned(), lane::wall(ahead));
                self.events.tell(LiveEvent::CircuitOpened { backend, reason, until });
            }
            Some(Turned::Closed) => {
                tracing::info!(backend = name, "the backend is used again");
                self.events.tell(LiveEvent::CircuitClosed { backend: name.to_owned() });
            }
        }
    }

    /// How the day's budget stands.
    #[must_use]
    pub fn budget(&self) -> BudgetView {
        self.budget.view(&self.world().settings.budget)
    }

    /// How good the token estimate is for a model.
    #[must_use]
    pub fn estimate(&self, model: &ModelRef) -> Option<EstimateCard> {
        self.learned.estimate(model)
    }

    /// Forgets a description that is kept in memory, or all of them: the user changed or deleted it in the store.
    pub async fn forget_image(&self, key: Option<&ImageKey>) {
        self.images.forget(key).await;
    }

    /// The world as it would be under other settings. Nothing is put in force.
    pub(crate) async fn imagine(&self, settings: Arc<Settings>) -> World {
        let now = self.world();
        // Lanes of their own: an imagined backend has no queue.
        let mut backends = make_backends(&settings, &self.keys, &Lanes::default());
        for (name, backend) in &mut backends {
            if let Some(same) = now.backends.get(name).filter(|known| known.resolved == backend.resolved) {
                *backend = Arc::clone(same);
            }
        }
        let known = |name: &String| backends.contains_key(name);
        let found = now.found.iter().filter(|(name, _)| known(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut world = World::new(settings, backends, found, BTreeMap::new());
        let mut tuning = Tuning::clone(&self.tuning.load());
        if let (Some(percent), Ok(sample)) = (world.settings.routing.cloud_share, self.sample().await) {
            tuning.threshold = Some(sample.threshold_for(percent));
        }
        world.tune(&tuning);
        world
    }

    /// Puts another tuning in force, where `make` gives one.
    pub(crate) fn tune(&self, make: impl FnOnce(&Tuning) -> Option<Tuning>) {
        let Some(tuning) = make(&self.tuning.load()) else { return };
        self.tuning.store(Arc::new(tuning));
        // The same world, tuned anew.
        self.keys_known();
    }

    /// The offset learned so far.
    #[must_use]
    pub fn learned_offset(&self) -> LearnedOffset {
        self.outcomes.learned()
    }

    /// Forgets the offset that was learned.
    pub fn reset_learned_offset(&self) {
        self.outcomes.replace(None);
        self.keep_offset(&self.outcomes.learned());
    }

    /// A request is over: what it teaches is kept and in force for the next one.
    pub(crate) fn hear_outcome(&self, record: &Record, world: &World) {
        if record.decision.score.is_some() && self.scored.fetch_add(1, Ordering::Relaxed).is_multiple_of(RETUNE_EVERY) {
            self.retuning.notify_one();
        }
        if world.settings.routing.learn
            && let Some(learned) = self.outcomes.hear(record, world)
        {
            self.keep_offset(&learned);
        }
    }

    fn keep_offset(&self, learned: &LearnedOffset) {
        if let Ok(text) = serde_json::to_string(learned) {
            self.store.note_fact(outcomes::KEY, text);
        }
        self.put_offset_in_force(learned);
    }

    fn put_offset_in_force(&self, learned: &LearnedOffset) {
        let offset = learned.offset();
        // Only the points make a difference; the words follow with the next one.
        let news = |tuning: &Tuning| tuning.offset.points != offset.points;
        self.tune(|tuning| news(tuning).then(|| Tuning { offset: offset.clone(), ..tuning.clone() }));
    }

    /// Takes over what earlier runs learned.
    pub async fn recall(&self) {
        self.turns.recall(&self.store).await;
        self.learned.recall(&self.store).await;
        self.doctor.recall(&self.store).await;
        if let Ok(Some(text)) = self.store.fact(outcomes::KEY).await {
            self.outcomes.replace(serde_json::from_str(&text).ok());
            self.put_offset_in_force(&self.outcomes.learned());
        }
        self.retune().await;
    }

    fn change(&self, make: impl FnOnce(&World) -> World) {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = make(&self.world.load());
        next.tune(&self.tuning.load());
        for (name, backend) in &next.backends {
            backend.lane.configure(&backend.resolved, next.found.get(name));
        }
        self.world.store(Arc::new(next));
    }

    /// Lets running requests finish for up to `grace`, then ends. Gives how many were cut off.
    pub async fn stop(&self, grace: Duration) -> u64 {
        self.stopping.cancel();
        self.tracker.close();
        let finished = tokio::time::timeout(grace, self.tracker.wait()).await;
        let cut_off = if finished.is_err() { self.running.now() } else { 0 };
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the last records could not be written");
        }
        cut_off
    }
}

fn make_backends(settings: &Settings, keys: &Arc<KeyStore>, lanes: &Lanes) -> BTreeMap<String, Arc<Backend>> {
    let make = |one: ResolvedBackend| {
        let lane = lanes.of(&one);
        (one.name.clone(), Arc::new(Backend::new(one, Arc::clone(keys), lane)))
    };
    settings.resolved_backends().into_iter().map(make).collect()
}
