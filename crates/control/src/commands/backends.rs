//! The servers the engine calls.

use std::sync::Arc;

use branchline_proxy::lane::{CircuitView, QueueView};
use branchline_proxy::probe::Flavour;
use branchline_proxy::world::World;
use branchline_proxy::{Backend, Engine, watch};
use branchline_settings::Auth;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{ControlError, Result};

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct BackendsReq {}

/// All backends of the settings that are switched on.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct BackendsRes {
    /// In the order of their names.
    pub backends: Vec<BackendInfo>,
}

/// One backend: its settings over its preset, and what it said of itself.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct BackendInfo {
    /// Its name in the settings and in model refs.
    pub name: String,
    /// The provider's name for people.
    pub display: String,
    /// Id of the preset it is built on.
    pub preset: String,
    /// Where it is.
    pub base_url: String,
    /// What it is called with, as far as known.
    pub protocol: Option<String>,
    /// The user's own hardware.
    pub local: bool,
    /// Whose credentials it gets: `none`, `key`, `optional_key` or `passthrough`.
    pub auth: String,
    /// A key is needed and known to be missing, or out of reach.
    pub lacks_key: bool,
    /// Why the key that is needed cannot be read.
    pub key_error: Option<String>,
    /// `None`: not asked yet.
    pub up: Option<bool>,
    /// Why it is down.
    pub reason: Option<String>,
    /// What it turned out to be.
    pub flavour: Option<Flavour>,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// Number of its models.
    pub models: usize,
    /// Time of its last answer to the question what it is.
    pub latency_ms: Option<u64>,
    /// Whether it is left alone after failures.
    pub circuit: CircuitView,
    /// Who runs and who waits.
    pub queue: QueueView,
    /// How to start it, or where its keys are made.
    pub docs_hint: String,
}

/// Which backend.
#[derive(Debug, Deserialize, TS)]
pub struct BackendTestReq {
    /// Its name in the settings.
    pub name: String,
}

/// What a backend answered just now.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct BackendTestRes {
    /// It is there and lists its models.
    pub ok: bool,
    /// The backend as it is known after the test.
    pub backend: BackendInfo,
    /// Why it is not there.
    pub error: Option<ControlError>,
}

/// The backends and how they are.
///
/// # Errors
/// None.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn list(engine: &Arc<Engine>, _: BackendsReq) -> Result<BackendsRes> {
    let world = engine.world();
    Ok(BackendsRes { backends: world.backends.values().map(|backend| info(&world, backend)).collect() })
}

/// Asks one backend now.
///
/// # Errors
/// There is no such backend; one that does not answer is an answer.
pub async fn test(engine: &Arc<Engine>, request: BackendTestReq) -> Result<BackendTestRes> {
    let found = engine.world().backends.get(&request.name).cloned();
    let backend = found.ok_or_else(|| {
        ControlError::not_found(
            "backend",
            &request.name,
            "the settings name them under [backends]; enabled = false hides one",
        )
    })?;
    let error = watch::test_one(engine, &backend).await.err().map(ControlError::from);
    Ok(BackendTestRes { ok: error.is_none(), backend: info(&engine.world(), &backend), error })
}

fn info(world: &World, backend: &Backend) -> BackendInfo {
    let resolved = &backend.resolved;
    let found = world.found.get(backend.name());
    let down = world.down.get(backend.name());
    let protocol = resolved.protocol.or_else(|| found.map(|found| found.protocol));
    BackendInfo {
        name: resolved.name.clone(),
        display: resolved.display.to_owned(),
        preset: resolved.preset.to_owned(),
        base_url: resolved.base_url.to_string(),
        protocol: protocol.map(|protocol| protocol.as_str().to_owned()),
        local: resolved.local,
        auth: auth_word(resolved.auth).to_owned(),
        lacks_key: backend.lacks_key(),
        key_error: backend.key_error().map(ToString::to_string),
        up: if down.is_some() { Some(false) } else { found.map(|_| true) },
        reason: down.cloned(),
        flavour: found.map(|found| found.flavour),
        version: found.and_then(|found| found.version.clone()),
        models: found.map_or(0, |found| found.models.len()),
        latency_ms: found.map(|found| found.latency_ms),
        circuit: backend.circuit(),
        queue: backend.queue(),
        docs_hint: resolved.docs_hint.to_owned(),
    }
}

const fn auth_word(auth: Auth) -> &'static str {
    match auth {
        Auth::None => "none",
        Auth::Key { required: true, .. } => "key",
        Auth::Key { required: false, .. } => "optional_key",
        Auth::Passthrough => "passthrough",
    }
}
