//! The context window of a model of the user's own: what does not fit, found before, on and after the way.
//!
//! A server says it in its own words, in the middle of an answer, by an answer that holds nothing, or not at all. The
//! client compacts only when it reads Anthropic's words for it.

use std::sync::Arc;

use branchline_routing::{Candidate, ModelRef};
use branchline_wire::hub::FailureKind;
use serde_json::json;

use crate::backend::Backend;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::loading;
use crate::probe::Flavour;
use crate::send::Miss;
use crate::watch;
use crate::world::World;

/// The smallest window Ollama takes by itself: shorter prompts fit always.
const OLLAMA_LEAST: u64 = 3_000;

/// The window every request to this model has to name, for a server that takes it only so.
#[must_use]
pub(crate) fn in_each_request(model: &ModelRef, world: &World) -> Option<u64> {
    if world.flavour(&model.backend) != Some(Flavour::Ollama) {
        return None;
    }
    let wanted = world.backends.get(&model.backend)?.resolved.context_length_of(&model.model)?;
    let card = world.card(model);
    Some(card.and_then(|card| card.context_max).map_or(wanted, |most| wanted.min(most)))
}

/// Gives an overflow the numbers the client wants to read: the tokens above the window they do not fit in.
/// Some versions of LM Studio say it with an empty stream (lmstudio-ai/lmstudio-bug-tracker#2339).
pub(crate) fn overflow(mut miss: Miss, tokens: u64, candidate: &Candidate) -> Miss {
    let failure = &mut miss.fault.failure;
    let empty = failure.code.as_deref() == Some("empty_stream");
    let (said, window) = match failure.kind {
        FailureKind::PromptTooLong { tokens, maximum } => (tokens, maximum.or(candidate.context)),
        _ => (None, candidate.context.filter(|window| empty && tokens > window - window / 4)),
    };
    let Some(window) = window else { return miss };
    // The estimate may be a little low, and some count the window alone: no more tokens than fit would make no sense.
    let tokens = said.filter(|said| *said > window).unwrap_or(tokens).max(window + 1);
    failure.kind = FailureKind::PromptTooLong { tokens: Some(tokens), maximum: Some(window) };
    miss
}

/// Ollama cuts a prompt that does not fit and says nothing, and before a model is loaded nobody knows its window. So it is
/// loaded first, which it would be anyway, and then asked.
pub(crate) async fn before_ollama(
    engine: &Arc<Engine>,
    backend: &Arc<Backend>,
    candidate: &Candidate,
    tokens: u64,
    request: &str,
) -> Result<(), Miss> {
    let world = engine.world();
    let is_ollama = world.flavour(backend.name()) == Some(Flavour::Ollama);
    let loaded = world.card(&candidate.model).and_then(|card| card.loaded);
    // What runs in Ollama's cloud is never loaded here.
    let remote = candidate.model.model.ends_with("cloud");
    if !is_ollama || remote || loaded == Some(true) || tokens < OLLAMA_LEAST {
        return Ok(());
    }
    let loading = engine.loading_for(&candidate.model, request);
    let done = load_ollama(backend, &candidate.model.model, None).await;
    if let Some(loading) = loading {
        loading.end(done.as_ref().err().map(ToString::to_string));
    }
    if done.is_err() {
        // The request itself will say what is wrong.
        return Ok(());
    }
    watch::ask_one(engine, backend).await;
    let window = engine.world().card(&candidate.model).and_then(|card| card.context_loaded);
    match window {
        Some(window) if tokens > window => {
            tracing::warn!(model = %candidate.model, window, tokens, "loaded with a window the prompt does not fit in");
            Err(too_long(backend, tokens, window))
        }
        _ => Ok(()),
    }
}

/// A prompt that does not fit, and what a user of Ollama can do about it.
fn too_long(backend: &Backend, tokens: u64, window: u64) -> Miss {
    let kind = FailureKind::PromptTooLong { tokens: Some(tokens), maximum: Some(window) };
    let message = format!("prompt is too long: {tokens} tokens > {window} maximum");
    let hint = format!("set context_length in [backends.{}] to the window you want", backend.name());
    Miss::of(Fault::new(kind, "prompt_too_long", message).hint(hint))
}

/// Loads a model of Ollama without asking it anything; with a window, or the server's own.
pub(crate) async fn load_ollama(backend: &Backend, model: &str, window: Option<u64>) -> Result<(), Fault> {
    let mut body = json!({ "model": model, "stream": false });
    if let Some(window) = window {
        body["options"] = json!({ "num_ctx": window });
    }
    loading::post(backend, "/api/generate", &body).await.map(drop)
}

/// Unloads a model of Ollama.
pub(crate) async fn unload_ollama(backend: &Backend, model: &str) -> Result<(), Fault> {
    let body = json!({ "model": model, "stream": false, "keep_alive": 0 });
    loading::post(backend, "/api/generate", &body).await.map(drop)
}

/// Whether an answer of Ollama was made from a prompt that had been cut: it counted fewer tokens than there were, and no
/// more than its window holds. `tokens` is what it was expected to count.
pub(crate) async fn was_cut(
    engine: &Arc<Engine>,
    backend: &Arc<Backend>,
    model: &ModelRef,
    tokens: u64,
    counted: u64,
) -> Option<u64> {
    let suspicious = counted * 5 < tokens * 4 && engine.world().flavour(backend.name()) == Some(Flavour::Ollama);
    if !suspicious {
        return None;
    }
    watch::ask_one(engine, backend).await;
    let window = engine.world().card(model)?.context_loaded?;
    (tokens > window && counted <= window).then_some(window)
}
