//! The real Claude Code, started by the real `branchline`: its launchers, its settings file, its status line, its picker.
//!
//! Nothing here tells the client where to ask but what the command line wrote or handed over.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "the steps of a test: what cannot be had fails it")]

mod connecting;
mod launching;
mod picking;
mod rig;
#[path = "../../../crates/cli/tests/cli/support.rs"]
#[expect(dead_code, reason = "what the tests of the command line need besides")]
mod support;
mod terminal;
mod working;
