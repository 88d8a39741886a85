//! The demonstration's own commands.

use std::sync::Arc;

use branchline_proxy::Engine;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::demo;
use crate::error::Result;

pub use crate::demo::Played as DemoPlayed;

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct DemoReq {}

/// How to play.
#[derive(Debug, Default, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields)]
pub struct DemoPlayReq {
    /// Answers come at once, not at a pace that one can watch.
    pub quick: Option<bool>,
}

/// Whether this is a demonstration.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct DemoState {
    /// Simulated models stand behind it.
    pub on: bool,
    /// A session is being played.
    pub playing: bool,
}

/// Whether simulated models stand behind the engine.
///
/// # Errors
/// None.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn state(engine: &Arc<Engine>, _: DemoReq) -> Result<DemoState> {
    let (on, playing) = demo::state(engine);
    Ok(DemoState { on, playing })
}

/// Plays a session of a coding agent; the answer comes when it is over, the requests are seen while it runs.
///
/// # Errors
/// An engine that is no demonstration, or a session that is being played already.
pub async fn play(engine: &Arc<Engine>, request: DemoPlayReq) -> Result<DemoPlayed> {
    demo::play(engine, request.quick.unwrap_or(false)).await
}
