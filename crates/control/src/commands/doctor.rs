//! The doctor: whether models can do an agent's work.

use std::sync::Arc;

use branchline_proxy::Engine;
use branchline_proxy::doctor::Wanted;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use branchline_proxy::doctor::DoctorView;

use crate::error::Result;

/// What is to be tested.
#[derive(Debug, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct DoctorRunReq {
    /// Model refs; none tests the models that have a role.
    #[ts(optional, as = "Option<Vec<String>>")]
    pub models: Vec<String>,
    /// Every model that is known: each is loaded for it.
    #[ts(optional, as = "Option<bool>")]
    pub all: bool,
    /// The longest prompt that is tried, in tokens; 0 tries none. Not set: 32,768 at home, none in the cloud.
    #[ts(optional)]
    pub context_tokens: Option<u64>,
}

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct DoctorReq {}

/// Begins a run and does not wait for it: events of the type `doctor` tell how far it is.
///
/// # Errors
/// One is under way already, a model is none, or there is nothing to test.
pub async fn run(engine: &Arc<Engine>, request: DoctorRunReq) -> Result<DoctorView> {
    let DoctorRunReq { models, all, context_tokens } = request;
    Ok(engine.doctor_run(&Wanted { models, all, context_tokens }).await?)
}

/// The last checkup of every model, and whether a run goes on.
///
/// # Errors
/// None.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn last(engine: &Arc<Engine>, _: DoctorReq) -> Result<DoctorView> {
    Ok(engine.doctor_view())
}

/// Stops the run that goes on, where there is one.
///
/// # Errors
/// None.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn stop(engine: &Arc<Engine>, _: DoctorReq) -> Result<DoctorView> {
    engine.doctor_stop();
    Ok(engine.doctor_view())
}
