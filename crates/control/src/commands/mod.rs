//! The commands, one file per noun. Each is `async fn name(engine, Req) -> Result<Res>`.

pub mod about;
pub mod backends;
pub mod classify;
pub mod connect;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod images;
pub mod keys;
pub mod models;
pub mod offers;
pub mod requests;
pub mod routing;
pub mod settings;
pub mod status;
pub mod ui;

use crate::error::{ControlError, Result};

/// Runs work that waits for disks or keyrings where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ControlError::broken_off())
}
