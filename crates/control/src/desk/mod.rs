//! An engine that is started and stopped by hand: what the desktop app runs.
//!
//! There is always an engine to ask, also while nothing is served: the window shows and changes settings, keys and
//! models all the same. One task (`owner`) owns the serving engine; whoever wants something of it asks that task.
//! Not here: trays, windows and logins of a desktop; what only a desktop can do comes in as [`Desktop`].

pub mod commands;
mod ears;
mod make;
mod owner;
pub mod save;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use branchline_proxy::Engine;
use branchline_settings::{KeyStore, Paths};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use ts_rs::TS;

pub use ears::Ears;

use crate::error::{ControlError, Result};
use owner::Ask;

/// What only the desktop's own program can do.
pub trait Desktop: Send + Sync {
    /// Whether the app starts when the user logs in. Blocks.
    ///
    /// # Errors
    /// Why that cannot be known, in words.
    fn autostart(&self) -> std::result::Result<bool, String>;
    /// Makes it start when the user logs in, or not. Blocks.
    ///
    /// # Errors
    /// Why that cannot be done, in words.
    fn set_autostart(&self, on: bool) -> std::result::Result<(), String>;
    /// Puts a text into the clipboard. Blocks.
    ///
    /// # Errors
    /// Why that cannot be done, in words.
    fn copy(&self, text: String) -> std::result::Result<(), String>;
    /// The folder for what the user keeps: his downloads.
    ///
    /// # Errors
    /// Why that cannot be known, in words.
    fn downloads(&self) -> std::result::Result<PathBuf, String>;
}

/// Whether requests are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No.
    #[default]
    Stopped,
    /// Yes.
    Running,
    /// Those that run may finish, new ones are not taken.
    Stopping,
}

/// Why requests are not answered, or not where the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What failed.
    pub error: ControlError,
    /// The port somebody else holds, when that is it.
    pub taken: Option<TakenPort>,
    /// A port that is free, when the wanted one is taken.
    pub next_port: Option<u16>,
}

/// A port another program holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TakenPort {
    /// Its number.
    pub port: u16,
    /// The program, where that can be known: `python3 (process 4711)`.
    pub holder: Option<String>,
}

/// How things are at one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The engine to ask.
    pub engine: Arc<Engine>,
    /// Whether it answers requests.
    pub phase: Phase,
    /// Why it could not start.
    pub problem: Option<Problem>,
    /// What could not be opened when the engine was made; it does without.
    pub troubles: Vec<ControlError>,
    /// Requests that the last stop cut off.
    pub cut_off: u64,
}

/// The handle to all of it.
pub struct Desk {
    asks: mpsc::Sender<Ask>,
    moments: watch::Receiver<Moment>,
    desktop: Arc<dyn Desktop>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Desk").field("phase", &self.moments.borrow().phase).finish_non_exhaustive()
    }
}

impl Desk {
    /// Makes an engine that does not serve yet, and the task that owns it. What cannot be opened is replaced by
    /// something that lasts as long as the program, and told. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// The system has no randomness or no threads to give.
    pub fn open(
        paths: Paths,
        keys: Arc<KeyStore>,
        desktop: Arc<dyn Desktop>,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>)> {
        let made = make::engine(&paths, &keys)?;
        let moment =
            Moment { engine: made.engine, phase: Phase::Stopped, problem: None, troubles: made.troubles, cut_off: 0 };
        let (asks, asked) = mpsc::channel(8);
        let (tell, moments) = watch::channel(moment);
        let work = owner::run(paths, keys, tell, asked);
        Ok((Self { asks, moments, desktop }, work))
    }

    /// How things are now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.moments.borrow().clone()
    }

    /// The engine to ask.
    #[must_use]
    pub fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.moments.borrow().engine)
    }

    /// Hears what happens from now on, through starts and stops.
    #[must_use]
    pub fn ears(&self) -> Ears {
        Ears::new(self.moments.clone())
    }

    /// Answers requests from now on. Fine when it does already.
    ///
    /// # Errors
    /// A port that cannot be opened.
    pub async fn start(&self) -> Result<()> {
        self.ask(Ask::Start).await?
    }

    /// Lets running requests finish for up to ten seconds; how many were cut off.
    ///
    /// # Errors
    /// The program is ending.
    pub async fn stop(&self) -> Result<u64> {
        self.ask(Ask::Stop).await
    }

    /// The same, for good.
    ///
    /// # Errors
    /// It has ended already.
    pub async fn leave(&self) -> Result<u64> {
        self.ask(Ask::Leave).await
    }

    /// Runs one command: one of the desk's own, or one of the engine's.
    ///
    /// # Errors
    /// An unknown name, a request of another shape, or whatever the command says.
    pub async fn dispatch(&self, name: &str, request: Value) -> Result<Value> {
        match commands::dispatch(self, name, request).await {
            Ok(answer) => answer,
            Err(request) => crate::dispatch(self.engine(), name, request).await,
        }
    }

    /// Has everyone look again: something changed that the engine knows nothing of.
    fn nudge(&self) {
        // A full queue means that there is news anyway.
        let _ = self.asks.try_send(Ask::Look);
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T> {
        let (tell, told) = oneshot::channel();
        self.asks.send(make(tell)).await.map_err(|_| ended())?;
        told.await.map_err(|_| ended())
    }
}

fn ended() -> ControlError {
    ControlError::new("ended", "the program is ending", "start it again")
}
