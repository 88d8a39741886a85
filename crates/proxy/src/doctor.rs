//! The doctor: asks a model, through the engine and so as a client would, whether it can do an agent's work, and says what
//! to do where it cannot.
//!
//! One run at a time, one model after the other: testing loads models. A run goes on by itself; whoever wants to follow
//! it hears [`LiveEvent::Doctor`] or asks again. The last checkup of every model is kept.
//!
//! Read order: `exam` (the tests in their order), `tools`, `context`, `picture` (what is asked and how it is judged),
//! `advice` (the next step), `ask` (one question through the engine).

mod advice;
mod ask;
mod context;
mod exam;
mod picture;
mod tools;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use branchline_routing::ModelRef;
use branchline_settings::Auth;
use branchline_wire::hub::FailureKind;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::events::LiveEvent;
use crate::fault::Fault;
use crate::probe::{ModelCard, ModelKind};
use exam::Exam;

/// Where the last checkup of each model is kept.
const KEPT: &str = "doctor/";

/// What is tested, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum TestName {
    /// It answers at all, and is the model that was asked. It is loaded here.
    Answer,
    /// It calls a tool with the arguments the schema wants.
    Call,
    /// It calls two tools in one answer.
    Parallel,
    /// It goes on from a tool's result.
    RoundTrip,
    /// A call comes through a stream.
    Stream,
    /// It names what is in a picture, by itself or from a description.
    Vision,
    /// It finds a word in a prompt that fills three quarters of its window, or of what the run may read.
    Context,
    /// How soon and how fast it writes.
    Speed,
}

impl TestName {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Answer,
        Self::Call,
        Self::Parallel,
        Self::RoundTrip,
        Self::Stream,
        Self::Vision,
        Self::Context,
        Self::Speed,
    ];
}

/// How a test went; the worse, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not for this model.
    Skipped,
    Pass,
    /// It works because Branchline mended something.
    Repaired,
    /// It works, but less well than it could.
    Limited,
    Fail,
}

/// One test of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct TestResult {
    pub test: TestName,
    pub verdict: Verdict,
    /// What was seen, in words.
    pub reason: String,
    /// The next step, where there is one.
    pub hint: Option<String>,
    /// The request in the log, where one was sent.
    pub request: Option<String>,
    /// How long the test took, in ms.
    pub ms: u64,
}

/// How far a checkup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Other models come first.
    Waiting,
    Running,
    Done,
    /// It was stopped.
    Stopped,
}

/// All tests of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Checkup {
    /// The model, as a model ref.
    pub model: String,
    pub progress: Progress,
    /// The test that runs.
    pub current: Option<TestName>,
    /// When it began, in ms since 1970.
    pub at: i64,
    /// What is known so far, in order.
    pub results: Vec<TestResult>,
    /// The worst of it.
    pub verdict: Verdict,
    /// Time to the first token of a short prompt, the model being loaded, in ms.
    pub ttft_ms: Option<u64>,
    /// Tokens it writes in a second.
    pub tokens_per_second: Option<f32>,
}

impl Checkup {
    fn waiting(model: &ModelRef) -> Self {
        Self {
            model: model.to_string(),
            progress: Progress::Waiting,
            current: None,
            at: jiff::Timestamp::now().as_millisecond(),
            results: Vec::new(),
            verdict: Verdict::Skipped,
            ttft_ms: None,
            tokens_per_second: None,
        }
    }
}

/// What the doctor knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct DoctorView {
    /// A run is under way.
    pub running: bool,
    /// The models of this run, or of the last one since the start, in their order.
    pub models: Vec<String>,
    /// The last checkup of every model that ever had one.
    pub checkups: Vec<Checkup>,
}

/// What is wanted of a run.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Model refs; none means those that have a role.
    pub models: Vec<String>,
    /// Every model that is known.
    pub all: bool,
    /// The longest prompt that is tried, in tokens; 0 tries none. Not set: 32,768 at home, none in the cloud.
    pub context_tokens: Option<u64>,
}

/// The checkups, and the run that goes on.
#[derive(Debug, Default)]
pub(crate) struct Doctor(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    checkups: BTreeMap<String, Checkup>,
    run: Vec<String>,
    stop: Option<CancellationToken>,
}

impl Doctor {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the checkups of earlier runs. One that was cut off tells nothing.
    pub(crate) async fn recall(&self, store: &crate::store::Store) {
        let Ok(kept) = store.facts(KEPT).await else { return };
        let read = |text: String| serde_json::from_str::<Checkup>(&text).ok();
        let mut state = self.state();
        for one in kept.into_values().filter_map(read) {
            // What is known since the start is newer: a run may be under way when the serving begins.
            state.checkups.entry(one.model.clone()).or_insert(one);
        }
    }
}

impl Engine {
    /// The last checkup of every model, and whether a run goes on.
    #[must_use]
    pub fn doctor_view(&self) -> DoctorView {
        let state = self.doctor.state();
        let checkups = state.checkups.values().cloned().collect();
        DoctorView { running: state.stop.is_some(), models: state.run.clone(), checkups }
    }

    /// Begins a run, which goes on by itself; says which models it tests.
    ///
    /// # Errors
    /// One is under way already, a model is none, or there is nothing to test.
    pub async fn doctor_run(self: &Arc<Self>, wanted: &Wanted) -> Result<DoctorView, Fault> {
        // A role may be filled by a provider nobody has looked for the key of yet.
        for backend in self.world().backends.values() {
            backend.key().await;
        }
        let models = self.doctor_models(wanted)?;
        let stop = self.stopping.child_token();
        {
            let mut state = self.doctor.state();
            if state.stop.is_some() {
                return Err(Fault::new(FailureKind::InvalidRequest, "doctor_runs", "the doctor is at work already")
                    .hint("wait for its end, or stop it"));
            }
            state.run = models.iter().map(ToString::to_string).collect();
            state.stop = Some(stop.clone());
            for model in &models {
                state.checkups.insert(model.to_string(), Checkup::waiting(model));
            }
        }
        self.tell_doctor();
        let (engine, wanted) = (Arc::clone(self), wanted.clone());
        self.tracker.spawn(async move {
            let run = Run { engine, models };
            tokio::select! {
                () = stop.cancelled() => {}
                () = run.examine(&wanted) => {}
            }
        });
        Ok(self.doctor_view())
    }

    /// Stops the run; what was found so far stays.
    pub fn doctor_stop(&self) {
        if let Some(stop) = &self.doctor.state().stop {
            stop.cancel();
        }
    }

    fn doctor_models(&self, wanted: &Wanted) -> Result<Vec<ModelRef>, Fault> {
        let world = self.world();
        if wanted.models.is_empty() {
            let found = if wanted.all { self.all_models() } else { self.models_with_a_role() };
            let none = || {
                Fault::new(FailureKind::Overloaded, "no_model", "there is no model to test")
                    .hint("start LM Studio, llama.cpp, Ollama or vLLM, or set a role")
            };
            return if found.is_empty() { Err(none()) } else { Ok(found) };
        }
        let parse = |text: &String| {
            let model: ModelRef = text.parse().map_err(Fault::from)?;
            match world.backends.contains_key(&model.backend) {
                true => Ok(model),
                false => {
                    let message = format!("no backend named {} is set up or enabled", model.backend);
                    Err(Fault::new(FailureKind::NotFound, "unknown_model", message)
                        .hint("`branchline models` lists the model refs"))
                }
            }
        };
        let mut models: Vec<ModelRef> = Vec::new();
        for model in wanted.models.iter().map(parse) {
            let model = model?;
            // Named twice, it is tested once.
            if !models.contains(&model) {
                models.push(model);
            }
        }
        Ok(models)
    }

    /// The models requests may be answered with, those of the user's own first. Where the client's login is passed on, or a
    /// key is missing, there is nothing to test with.
    fn models_with_a_role(&self) -> Vec<ModelRef> {
        let world = self.world();
        let can_be_asked = |model: &ModelRef| {
            let backend = world.backends.get(&model.backend);
            backend.is_some_and(|backend| backend.resolved.auth != Auth::Passthrough && !backend.lacks_key())
        };
        let mut models: Vec<ModelRef> = Vec::new();
        for model in world.policy.roles.values().flatten() {
            if !models.contains(model) && can_be_asked(model) {
                models.push(model.clone());
            }
        }
        models.sort_by_key(|model| !world.catalog.facts(model).local);
        models
    }

    fn all_models(&self) -> Vec<ModelRef> {
        let world = self.world();
        let chats = |card: &&ModelCard| card.kind != ModelKind::Embedding;
        let mut models: Vec<_> =
            world.cards().filter(chats).map(|card| ModelRef::new(&card.backend, &card.id)).collect();
        models.sort_by_key(|model| !world.catalog.facts(model).local);
        models
    }

    /// Changes a checkup and tells it.
    fn note_checkup(&self, model: &ModelRef, change: impl FnOnce(&mut Checkup)) {
        if let Some(checkup) = self.doctor.state().checkups.get_mut(&model.to_string()) {
            change(checkup);
        }
        self.tell_doctor();
    }

    fn tell_doctor(&self) {
        if self.events.heard() {
            self.events.tell(LiveEvent::Doctor { doctor: Box::new(self.doctor_view()) });
        }
    }
}

/// A run. However it ends, the doctor is free again.
struct Run {
    engine: Arc<Engine>,
    models: Vec<ModelRef>,
}

impl Run {
    async fn examine(&self, wanted: &Wanted) {
        for model in &self.models {
            self.engine.note_checkup(model, |checkup| {
                checkup.progress = Progress::Running;
                checkup.at = jiff::Timestamp::now().as_millisecond();
            });
            Box::pin(Exam::new(&self.engine, model, wanted).take()).await;
            self.engine.note_checkup(model, |checkup| {
                checkup.progress = Progress::Done;
                checkup.current = None;
            });
            self.keep(model);
        }
    }

    fn keep(&self, model: &ModelRef) {
        let text = self.engine.doctor.state().checkups.get(&model.to_string()).map(serde_json::to_string);
        if let Some(Ok(text)) = text {
            self.engine.store.note_fact(format!("{KEPT}{model}"), text);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        {
            let mut state = self.engine.doctor.state();
            state.stop = None;
            for checkup in state.checkups.values_mut() {
                if checkup.progress != Progress::Done {
                    checkup.progress = Progress::Stopped;
                    checkup.current = None;
                }
            }
        }
        self.engine.tell_doctor();
    }
}
