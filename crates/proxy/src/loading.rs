//! Loading and unloading models of the user's own servers, each in its own way, and telling that one is being loaded.
//!
//! LM Studio and Ollama load a model with the first request for it and say nothing meanwhile, which looks like a network
//! failure (lmstudio-ai/lmstudio-bug-tracker#1217). What is told here are the events; the client gets pings as for any
//! other wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use branchline_routing::ModelRef;
use branchline_wire::Upstream;
use branchline_wire::hub::FailureKind;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::backend::Backend;
use crate::engine::Engine;
use crate::events::LiveEvent;
use crate::fault::Fault;
use crate::journal::whole_millis;
use crate::probe::{Flavour, ModelCard};
use crate::send::{silent, unreachable};
use crate::watch;
use crate::window;

/// How often a server that loads in the background is asked whether it is done.
const ASK_EVERY: Duration = Duration::from_millis(400);
/// The longest a server takes to let a model go.
const UNLOADING: Duration = Duration::from_secs(10);
/// Code of a server's own refusal.
const REFUSED: &str = "load_refused";
/// The smallest window that can be asked for, as in the settings.
const SMALLEST: u64 = 512;

/// One load at a time for each backend: a model that is asked for twice would be loaded twice.
#[derive(Debug, Default)]
pub(crate) struct Loads(Mutex<BTreeMap<String, Arc<Semaphore>>>);

impl Engine {
    /// Loads a model, with a window of so many tokens or the server's own. One that is loaded with another window is
    /// loaded anew.
    ///
    /// # Errors
    /// A backend or model there is not, a server that loads nothing or cannot be told the window, or its own refusal.
    pub async fn load_model(self: &Arc<Self>, model: &ModelRef, window: Option<u64>) -> Result<ModelCard, Fault> {
        let backend = self.backend_of(model)?;
        watch::ask_one(self, &backend).await;
        let world = self.world();
        let card = world.card(model);
        refuse_window(card, window)?;
        let window = window.or_else(|| backend.resolved.context_length_of(&model.model));
        let _one_at_a_time = self.loads.place(backend.name()).await;
        self.load(&backend, model, window).await?;
        self.card_after(&backend, model, true).await
    }

    /// Takes a model out of its server's memory.
    ///
    /// # Errors
    /// A backend or model there is not, a server that unloads nothing, or its own refusal.
    pub async fn unload_model(self: &Arc<Self>, model: &ModelRef) -> Result<ModelCard, Fault> {
        let backend = self.backend_of(model)?;
        watch::ask_one(self, &backend).await;
        let world = self.world();
        let card = world.card(model).ok_or_else(|| not_listed(model))?;
        if card.loaded == Some(false) {
            return Ok(card.clone());
        }
        match world.flavour(backend.name()) {
            Some(Flavour::LmStudio) => unload_instances(&backend, card).await?,
            Some(Flavour::Ollama) => {
                window::unload_ollama(&backend, &model.model).await?;
            }
            Some(Flavour::LlamaCpp) => {
                let done = post(&backend, "/models/unload", &json!({"model": model.model})).await;
                done.map_err(|fault| fixed(&backend, fault))?;
            }
            flavour => return Err(cannot(&backend, flavour)),
        }
        self.card_after(&backend, model, false).await
    }

    fn backend_of(&self, model: &ModelRef) -> Result<Arc<Backend>, Fault> {
        self.world().backends.get(&model.backend).cloned().ok_or_else(|| {
            let message = format!("no backend named {} is set up or enabled", model.backend);
            Fault::new(FailureKind::NotFound, "unknown_backend", message)
                .hint("`branchline models` lists the model refs")
        })
    }

    async fn load(
        self: &Arc<Self>,
        backend: &Arc<Backend>,
        model: &ModelRef,
        window: Option<u64>,
    ) -> Result<(), Fault> {
        let world = self.world();
        let card = world.card(model);
        let loaded = card.filter(|card| card.loaded == Some(true));
        if loaded.is_some_and(|card| window.is_none() || card.context_loaded == window) {
            return Ok(());
        }
        let flavour = world.flavour(backend.name());
        if !matches!(flavour, Some(Flavour::LmStudio | Flavour::Ollama | Flavour::LlamaCpp)) {
            return Err(cannot(backend, flavour));
        }
        let loading = Loading::begin(self, model, None);
        let done = self.load_as(flavour, backend, model, loaded, window).await;
        loading.end(done.as_ref().err().map(ToString::to_string));
        done
    }

    async fn load_as(
        self: &Arc<Self>,
        flavour: Option<Flavour>,
        backend: &Arc<Backend>,
        model: &ModelRef,
        loaded: Option<&ModelCard>,
        window: Option<u64>,
    ) -> Result<(), Fault> {
        match flavour {
            Some(Flavour::LmStudio) => {
                if let Some(card) = loaded {
                    unload_instances(backend, card).await?;
                }
                load_lm_studio(backend, &model.model, window).await
            }
            Some(Flavour::Ollama) => {
                refuse_passing_window(backend, model, window)?;
                window::load_ollama(backend, &model.model, window).await
            }
            _ => self.load_routed(backend, model, window).await,
        }
    }

    /// llama.cpp's router loads beside its answer.
    async fn load_routed(
        self: &Arc<Self>,
        backend: &Arc<Backend>,
        model: &ModelRef,
        window: Option<u64>,
    ) -> Result<(), Fault> {
        if window.is_some() {
            let message = "llama.cpp takes the window when it starts";
            return Err(Fault::new(FailureKind::InvalidRequest, "window_is_fixed", message)
                .hint("start llama-server with -c, or set it in its models preset"));
        }
        let begun = post(backend, "/models/load", &json!({"model": model.model})).await;
        begun.map_err(|fault| fixed(backend, fault))?;
        let limit = tokio::time::Instant::now() + backend.resolved.timeouts.first_byte;
        loop {
            watch::ask_one(self, backend).await;
            let world = self.world();
            let card = world.card(model).ok_or_else(|| not_listed(model))?;
            match (card.loaded, card.state.as_deref()) {
                (Some(true), _) => return Ok(()),
                (_, Some("failed")) => {
                    return Err(Fault::new(FailureKind::Api, "load_failed", format!("{model} could not be loaded"))
                        .hint("see the output of llama-server"));
                }
                _ if tokio::time::Instant::now() > limit => {
                    return Err(Fault::new(FailureKind::Timeout, "load_timeout", format!("{model} is still loading"))
                        .hint(format!("raise first_byte_timeout_ms in [backends.{}]", backend.name())));
                }
                _ => tokio::time::sleep(ASK_EVERY).await,
            }
        }
    }

    async fn card_now(self: &Arc<Self>, backend: &Arc<Backend>, model: &ModelRef) -> Result<ModelCard, Fault> {
        watch::ask_one(self, backend).await;
        self.world().card(model).cloned().ok_or_else(|| not_listed(model))
    }

    async fn card_after(
        self: &Arc<Self>,
        backend: &Arc<Backend>,
        model: &ModelRef,
        loaded: bool,
    ) -> Result<ModelCard, Fault> {
        let mut card = self.card_now(backend, model).await?;
        // llama.cpp's router answers before the process with the model has ended.
        let limit = tokio::time::Instant::now() + UNLOADING;
        while !loaded && card.loaded == Some(true) && tokio::time::Instant::now() < limit {
            tokio::time::sleep(ASK_EVERY).await;
            card = self.card_now(backend, model).await?;
        }
        if card.loaded == Some(!loaded) {
            let what = if loaded { "loaded" } else { "unloaded" };
            let message = format!("{} says that {} is not {what}", backend.name(), model.model);
            let fault = match loaded {
                true => Fault::new(FailureKind::Api, "load_failed", message),
                false => Fault::new(FailureKind::Api, "unload_failed", message),
            };
            return Err(fault.hint("see the server's own window or log"));
        }
        Ok(card)
    }

    /// Before a request to LM Studio: a model that is not loaded is loaded with the window the settings want, which no
    /// request can say. Where it cannot be, the request loads it as ever.
    pub(crate) async fn load_before(self: &Arc<Self>, backend: &Arc<Backend>, model: &ModelRef, request: &str) {
        let Some(window) = backend.resolved.context_length_of(&model.model) else { return };
        let cold = |engine: &Self| {
            let world = engine.world();
            let is_lm_studio = world.flavour(backend.name()) == Some(Flavour::LmStudio);
            is_lm_studio && world.card(model).is_some_and(|card| card.loaded == Some(false))
        };
        if !cold(self) {
            return;
        }
        let _one_at_a_time = self.loads.place(backend.name()).await;
        // Another request may have had it loaded meanwhile.
        watch::ask_one(self, backend).await;
        if !cold(self) {
            return;
        }
        let most = self.world().card(model).and_then(|card| card.context_max);
        let window = most.map_or(window, |most| window.min(most));
        let loading = Loading::begin(self, model, Some(request));
        let done = load_lm_studio(backend, &model.model, Some(window)).await;
        if let Err(error) = &done {
            tracing::warn!(%model, %error, "the model could not be loaded with the window the settings want");
        }
        loading.end(done.err().map(|error| error.to_string()));
        watch::ask_one(self, backend).await;
    }

    /// Tells that a request has to wait for its model, where that is known.
    pub(crate) fn loading_for(self: &Arc<Self>, model: &ModelRef, request: &str) -> Option<Loading> {
        let world = self.world();
        let loads =
            matches!(world.flavour(&model.backend), Some(Flavour::LmStudio | Flavour::Ollama | Flavour::LlamaCpp));
        let cold = loads && world.card(model).is_some_and(|card| card.loaded == Some(false));
        cold.then(|| Loading::begin(self, model, Some(request)))
    }
}

impl Loads {
    /// Waits for the turn to load at a backend.
    async fn place(&self, backend: &str) -> Option<OwnedSemaphorePermit> {
        let one = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(backend.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        one.acquire_owned().await.ok()
    }
}

/// A model that is being loaded. Dropped without an end, the wait for it was broken off.
#[derive(Debug)]
pub(crate) struct Loading {
    engine: Arc<Engine>,
    model: ModelRef,
    request: Option<String>,
    began: Instant,
    over: bool,
}

impl Loading {
    fn begin(engine: &Arc<Engine>, model: &ModelRef, request: Option<&str>) -> Self {
        let request = request.map(ToOwned::to_owned);
        engine.events.tell(LiveEvent::ModelLoading { model: model.to_string(), request: request.clone() });
        Self { engine: Arc::clone(engine), model: model.clone(), request, began: Instant::now(), over: false }
    }

    /// It is there, or could not be loaded.
    pub(crate) fn end(mut self, error: Option<String>) {
        self.over = true;
        self.tell(error);
    }

    fn tell(&mut self, error: Option<String>) {
        let ms = whole_millis(self.began.elapsed());
        let (model, request) = (self.model.to_string(), self.request.take());
        self.engine.events.tell(LiveEvent::ModelLoaded { model, request, ms, error });
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        if !self.over {
            self.tell(Some("the wait for it was broken off".into()));
        }
    }
}

async fn load_lm_studio(backend: &Backend, model: &str, window: Option<u64>) -> Result<(), Fault> {
    let mut body = json!({ "model": model });
    if let Some(window) = window {
        body["context_length"] = json!(window);
    }
    let answer = post(backend, "/api/v1/models/load", &body).await?;
    match answer["status"].as_str() {
        Some("loaded") => Ok(()),
        _ => Err(Fault::new(
            FailureKind::Api,
            "load_failed",
            format!("{} did not say that it is loaded", backend.name()),
        )
        .hint("see LM Studio's own log")),
    }
}

async fn unload_instances(backend: &Backend, card: &ModelCard) -> Result<(), Fault> {
    for instance in &card.instances {
        post(backend, "/api/v1/models/unload", &json!({ "instance_id": instance })).await?;
    }
    Ok(())
}

/// A request to a server's own interface; its refusal in its own words.
pub(crate) async fn post(backend: &Backend, path: &str, body: &Value) -> Result<Value, Fault> {
    let name = backend.name();
    let headers = backend.headers(Upstream::OpenaiChat, &HeaderMap::new()).await?;
    let request = backend.client()?.post(backend.resolved.base_url.native(path)).headers(headers);
    let limit = backend.resolved.timeouts.first_byte;
    let late = |_| silent(backend, limit).fault;
    let gone = |error: reqwest::Error| unreachable(backend, &error).fault;
    let sent = tokio::time::timeout(limit, request.body(body.to_string()).send()).await.map_err(late)?;
    let response = sent.map_err(gone)?;
    let status = response.status();
    let bytes = tokio::time::timeout(limit, response.bytes()).await.map_err(late)?.map_err(gone)?;
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let error = &answer["error"];
    match error["message"].as_str().or(error.as_str()) {
        // LM Studio answers endpoints it does not know with 200.
        Some(said) if said.starts_with("Unexpected endpoint") => Err(too_old(name)),
        Some(said) => Err(refused(name, said)),
        None if !status.is_success() => Err(refused(name, &format!("status {status}"))),
        None => Ok(answer),
    }
}

fn refused(name: &str, said: &str) -> Fault {
    let message = format!("{name}: {said}");
    Fault::new(FailureKind::InvalidRequest, REFUSED, message).hint("`branchline models` lists what can be loaded")
}

fn too_old(name: &str) -> Fault {
    let message = format!("{name} is an LM Studio older than 0.4, which loads nothing through its interface");
    Fault::new(FailureKind::InvalidRequest, "cannot_load", message)
        .hint("update it, or use `lms load` and `lms unload`")
}

/// A llama-server that is no router refuses to load and to unload. One that is gone or silent is no such.
fn fixed(backend: &Backend, fault: Fault) -> Fault {
    if fault.code != REFUSED {
        return fault;
    }
    let message = format!("{} is a llama-server with one model, which it loads when it starts", backend.name());
    Fault::new(FailureKind::InvalidRequest, "cannot_load", message)
        .hint("start llama-server without -m and with --models-dir: then it loads what is asked for")
}

fn cannot(backend: &Backend, flavour: Option<Flavour>) -> Fault {
    let name = backend.name();
    let (why, hint) = match flavour {
        Some(Flavour::Vllm) => ("vLLM loads its model when it starts", "start another vLLM for another model"),
        Some(_) => ("its models are always there", "nothing needs to be loaded or unloaded"),
        None => ("it does not answer", backend.resolved.docs_hint),
    };
    Fault::new(FailureKind::InvalidRequest, "cannot_load", format!("{name} loads nothing on request: {why}")).hint(hint)
}

fn not_listed(model: &ModelRef) -> Fault {
    Fault::new(
        FailureKind::NotFound,
        "unknown_model",
        format!("{} does not list a model {}", model.backend, model.model),
    )
    .hint("`branchline models` lists the model refs")
}

fn refuse_window(card: Option<&ModelCard>, window: Option<u64>) -> Result<(), Fault> {
    let most = card.and_then(|card| card.context_max).unwrap_or(u64::MAX);
    match window {
        Some(window) if window < SMALLEST || window > most => {
            let most = if most == u64::MAX { String::new() } else { format!(" and at most {most}") };
            let message = format!("a window of {window} tokens cannot be had: it is at least {SMALLEST}{most}");
            Err(Fault::new(FailureKind::InvalidRequest, "bad_window", message).hint("choose another --context"))
        }
        _ => Ok(()),
    }
}

/// Ollama takes the window with every request: one it is loaded with by hand is gone with the next of them.
fn refuse_passing_window(backend: &Backend, model: &ModelRef, window: Option<u64>) -> Result<(), Fault> {
    if window.is_none() || window == backend.resolved.context_length_of(&model.model) {
        return Ok(());
    }
    let (name, tokens) = (backend.name(), window.unwrap_or_default());
    let message = format!("{name} takes the window with every request, not with loading");
    let hint = format!("`branchline config set 'backends.{name}.models.\"{}\".context_length' {tokens}`", model.model);
    Err(Fault::new(FailureKind::InvalidRequest, "window_is_a_setting", message).hint(hint))
}
