//! The built `branchline` command, run as a user runs it: own settings and data, no network but loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod asking;
mod connecting;
#[cfg(unix)]
mod pages;
#[cfg(target_os = "linux")]
mod service;
mod serving;
mod support;
mod window;
