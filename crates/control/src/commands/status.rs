//! How the engine is.

use std::sync::Arc;

use branchline_proxy::{Engine, routes};
use serde::Deserialize;
use ts_rs::TS;

pub use branchline_proxy::pages::StatusView;

use crate::error::Result;

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct StatusReq {}

/// State, backends, roles, requests of today.
///
/// # Errors
/// None.
pub async fn status(engine: &Arc<Engine>, _: StatusReq) -> Result<StatusView> {
    Ok(routes::view(engine).await)
}
