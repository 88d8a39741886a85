//! The built `branchline` command, run as a user runs it: own settings and data, no network but loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]
#![cfg_attr(target_os = "linux", expect(clippy::print_stdout, reason = "a skipped test says so"))]

mod asking;
mod connecting;
#[cfg(unix)]
mod pages;
#[cfg(target_os = "linux")]
mod service;
mod serving;
mod support;
#[cfg(target_os = "linux")]
mod systemd;
mod window;
