//! Builders shared by the workspace tests.
//!
//! Here: real client programs, found or installed, and run against an address, and what the simulated
//! model says to them. Not here: the servers they end up talking to, which are `branchline-sim`.

pub mod claude;
pub mod client;
pub mod codex;
pub mod grammar;
pub mod journey;
pub mod llama;
mod npm;
pub mod opencode;
pub mod port;
pub mod python;
pub mod scripted;
pub mod session;
pub mod stand;

pub use stand::{Opened, Reply, Stand};
