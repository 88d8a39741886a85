//! The models of all backends, and which role each has.

use std::sync::Arc;

use branchline_proxy::pages::RoleView;
pub use branchline_proxy::probe::ModelCard;
use branchline_proxy::{Engine, Fault, watch};

use branchline_settings::ModelRef;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::Result;

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct ModelsReq {}

/// Models in the order of their backends, and the roles as they are filled now.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct ModelsRes {
    /// Every model that is known.
    pub models: Vec<ModelCard>,
    /// Roles with at least one model; those not set are filled from what was found.
    pub roles: Vec<RoleView>,
}

/// What was found when the backends were last asked.
///
/// # Errors
/// None.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn list(engine: &Arc<Engine>, _: ModelsReq) -> Result<ModelsRes> {
    Ok(known(engine))
}

/// Asks all backends now.
///
/// # Errors
/// None: a backend that does not answer has no models.
pub async fn refresh(engine: &Arc<Engine>, _: ModelsReq) -> Result<ModelsRes> {
    watch::ask_all(engine, true).await;
    Ok(known(engine))
}

/// Which model is to be loaded.
#[derive(Debug, Deserialize, TS)]
pub struct ModelLoadReq {
    /// Its model ref.
    pub model: String,
    /// Tokens of the window; the settings' or the server's own without it.
    #[serde(default)]
    #[ts(optional)]
    pub context_length: Option<u64>,
}

/// Which model is to be unloaded.
#[derive(Debug, Deserialize, TS)]
pub struct ModelUnloadReq {
    /// Its model ref.
    pub model: String,
}

/// Loads a model; one that is loaded with another window is loaded anew. Takes as long as the server takes.
///
/// # Errors
/// A model there is not, a server that loads nothing on request or takes no window so, or its own refusal.
pub async fn load(engine: &Arc<Engine>, request: ModelLoadReq) -> Result<ModelCard> {
    Ok(engine.load_model(&parsed(&request.model)?, request.context_length).await?)
}

/// Takes a model out of its server's memory.
///
/// # Errors
/// A model there is not, a server that unloads nothing on request, or its own refusal.
pub async fn unload(engine: &Arc<Engine>, request: ModelUnloadReq) -> Result<ModelCard> {
    Ok(engine.unload_model(&parsed(&request.model)?).await?)
}

fn parsed(text: &str) -> Result<ModelRef> {
    Ok(text.parse::<ModelRef>().map_err(Fault::from)?)
}

fn known(engine: &Engine) -> ModelsRes {
    let world = engine.world();
    let roles = world.policy.roles.iter().filter(|(_, models)| !models.is_empty());
    let roles = roles.map(|(role, models)| RoleView {
        role: role.as_str().into(),
        models: models.iter().map(ToString::to_string).collect(),
    });
    let models = world.cards().map(|card| {
        let estimate = engine.estimate(&ModelRef::new(&card.backend, &card.id));
        ModelCard { estimate, ..card.clone() }
    });
    ModelsRes { models: models.collect(), roles: roles.collect() }
}
