//! Keys of backends. The keyring waits for D-Bus and for the user: never on the engine's own threads.

use std::sync::Arc;
use std::time::Duration;

use branchline_proxy::{Engine, watch};
use branchline_settings::{Auth, KeySource, Secret, key_env_name};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::blocking;
use crate::error::{ControlError, Result};

/// What the list of keys waits to see whether keys that are back work.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct KeysReq {}

/// Which backends have a key. No key is in here.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct KeysRes {
    /// Every backend that takes a key.
    pub keys: Vec<KeyInfo>,
    /// Why the keyring could not be asked.
    pub keyring_error: Option<ControlError>,
}

/// Whether one backend has a key, and from where.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct KeyInfo {
    /// Name of the backend.
    pub backend: String,
    /// The provider's name for people.
    pub display: String,
    /// Nothing works without a key.
    pub required: bool,
    /// Where the key comes from; `null` when there is none.
    #[ts(type = "\"environment\" | \"keyring\" | null")]
    pub source: Option<KeySource>,
    /// The variable that overrides the stored key.
    pub env_name: String,
    /// Where keys are made.
    pub docs_hint: String,
}

/// A key for a backend.
#[derive(Deserialize, TS)]
pub struct KeySetReq {
    /// Name of the backend.
    pub backend: String,
    /// The key itself.
    pub key: String,
}

impl std::fmt::Debug for KeySetReq {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeySetReq").field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// Which backend.
#[derive(Debug, Deserialize, TS)]
pub struct KeyReq {
    /// Its name in the settings.
    pub backend: String,
}

/// What became of a key.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct KeyRes {
    /// Something was stored or removed.
    pub changed: bool,
    /// What the user should know about it.
    pub note: Option<String>,
}

/// A key, for the one who asked to see it.
#[derive(Serialize, Deserialize, TS)]
pub struct KeyRevealRes {
    /// The key; `null` when there is none.
    pub key: Option<String>,
}

impl std::fmt::Debug for KeyRevealRes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyRevealRes(***)")
    }
}

/// Which backends have a key.
///
/// # Errors
/// None: a keyring that cannot be reached is part of the answer.
pub async fn list(engine: &Arc<Engine>, _: KeysReq) -> Result<KeysRes> {
    let world = engine.world();
    let takers = world.backends.values().filter(|backend| matches!(backend.resolved.auth, Auth::Key { .. }));
    let mut keys: Vec<KeyInfo> = takers
        .map(|backend| KeyInfo {
            backend: backend.name().to_owned(),
            display: backend.resolved.display.to_owned(),
            required: matches!(backend.resolved.auth, Auth::Key { required: true, .. }),
            source: None,
            env_name: key_env_name(backend.name()),
            docs_hint: backend.resolved.docs_hint.to_owned(),
        })
        .collect();
    let names: Vec<String> = keys.iter().map(|key| key.backend.clone()).collect();
    let store = Arc::clone(&engine.keys);
    let found = blocking(move || store.list(names.iter().map(String::as_str))).await?;
    if found.keyring_error.is_none() && watch::look_for_keys(engine).await {
        ask_clouds(engine).await;
    }
    for key in &mut keys {
        key.source = found.keys.iter().find(|(name, _)| *name == key.backend).map(|(_, source)| *source);
    }
    Ok(KeysRes { keys, keyring_error: found.keyring_error.map(ControlError::from) })
}

/// Asks those whose keys are back what they have. Who is slow to answer goes on doing so by himself.
async fn ask_clouds(engine: &Arc<Engine>) {
    let world = engine.world();
    let clouds = world.backends.values().filter(|backend| !backend.resolved.local);
    let answers: Vec<_> = clouds.map(|backend| watch::ask_soon(engine, backend)).collect();
    let _ = tokio::time::timeout(ANSWERS_WITHIN, join_all(answers)).await;
}

/// Stores a key; the backend uses it from its next request on.
///
/// # Errors
/// No such name, a key that cannot be sent, or a keyring that cannot be reached.
pub async fn set(engine: &Arc<Engine>, request: KeySetReq) -> Result<KeyRes> {
    let (store, backend, key) = (Arc::clone(&engine.keys), request.backend.clone(), Secret::new(request.key));
    blocking(move || store.set(&backend, &key)).await??;
    engine.keys_changed();
    Ok(KeyRes { changed: true, note: unused(engine, &request.backend) })
}

/// A key for a name nobody uses is most often a slip of the finger.
fn unused(engine: &Engine, backend: &str) -> Option<String> {
    let used = engine.world().backends.contains_key(backend);
    (!used).then(|| format!("the settings have no backend `{backend}`: add [backends.{backend}] to use this key"))
}

/// Removes a stored key.
///
/// # Errors
/// A keyring that cannot be reached.
pub async fn remove(engine: &Arc<Engine>, request: KeyReq) -> Result<KeyRes> {
    let (store, backend) = (Arc::clone(&engine.keys), request.backend.clone());
    let (changed, left) = blocking(move || (store.remove(&backend), store.list([backend.as_str()]))).await?;
    let changed = changed?;
    engine.keys_changed();
    let stays = left.keys.iter().any(|(_, source)| *source == KeySource::Environment);
    let note = stays.then(|| format!("{} still gives one", key_env_name(&request.backend)));
    Ok(KeyRes { changed, note })
}

/// Has a locked keyring ask the user for its password, and looks for the keys again.
///
/// # Errors
/// A keyring that cannot be reached, or stays locked.
pub async fn unlock(engine: &Arc<Engine>, request: KeysReq) -> Result<KeysRes> {
    let store = Arc::clone(&engine.keys);
    blocking(move || store.unlock()).await??;
    list(engine, request).await
}

/// The key itself, for a user who asked to see it.
///
/// # Errors
/// A keyring that cannot be reached.
pub async fn reveal(engine: &Arc<Engine>, request: KeyReq) -> Result<KeyRevealRes> {
    let store = Arc::clone(&engine.keys);
    let key = blocking(move || store.reveal(&request.backend)).await??;
    Ok(KeyRevealRes { key: key.map(|key| key.secret.expose().to_owned()) })
}
