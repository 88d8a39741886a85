//! Simulated model servers with scripted answers and faults.
//!
//! A [`Sim`] listens on a real loopback socket and behaves like one server of a [`Profile`]: its
//! lists, its error shapes, its quirks. It looks at every request with its own eyes (this crate
//! uses no codec of ours, on purpose: a shared bug would hide itself) and keeps what it saw in a
//! journal and what was wrong with it in [`Sim::violations`].
//!
//! Read order: `server` (one request from socket to answer), `script` (what is answered),
//! `openai` and `anthropic` (checks and renderings), `profile` (what makes each server different).
//! Not here: real inference, TLS, the Responses API and native Gemini.

mod able;
mod anthropic;
mod ask;
mod builder;
mod demo;
mod fault;
mod frames;
mod journal;
mod model;
mod net;
mod ollama;
mod openai;
mod pace;
mod profile;
mod refusal;
mod reply;
mod script;
mod server;
mod sim;
#[cfg(test)]
mod tests;
mod window;

pub use able::able;
pub use ask::{Ask, OfferedTool, Picture, Spoken, ToolOutcome};
pub use builder::Builder;
pub use demo::Demo;
pub use fault::{Fault, FaultBody};
pub use journal::{Received, Violation};
pub use model::{Format, Model};
pub use net::Door;
pub use pace::{Gate, Pace, Pieces};
pub use profile::{LmStudioAge, Profile};
pub use script::{Answer, Part, Script, Stop, Usage};
pub use sim::{Sim, SimError};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A simulator must go on when a test thread panicked, so that the test's own message is seen.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
