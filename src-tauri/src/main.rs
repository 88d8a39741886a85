//! Branchline in the tray, with its window.
//!
//! The engine runs in this process, on the runtime made here; `branchline_control::Desk` starts and stops it. What the
//! tray shows and what is worth a notification is decided there, too. Here it is drawn. The web page of the window is
//! shown by a second process of this program, which is there while the window is open.

// No console window beside the app on Windows.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod app;
mod args;
mod desktop;
mod notify;
mod page;
mod tray;
mod window;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

/// The engine waits more than it computes, and every thread costs memory.
const THREADS: usize = 4;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let threads = std::thread::available_parallelism().map_or(THREADS, |cores| cores.get().min(THREADS));
    let run = || -> Result<(), app::Error> {
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
        tauri::async_runtime::set(runtime.handle().clone());
        match &args.window {
            Some(page) => page::run(&runtime, page),
            None => app::run(&runtime, args),
        }
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error);
            ExitCode::FAILURE
        }
    }
}

/// In the log, which goes to the terminal too; what failed before there is one, in the terminal alone.
fn say(error: &app::Error) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(%error, "the app cannot run");
    } else {
        // Nobody is left to be told that nobody reads.
        let _ = writeln!(std::io::stderr(), "error: the app cannot run: {error}");
    }
}

/// Settings, page and permissions, taken in when the program is built.
fn context() -> tauri::Context {
    tauri::generate_context!()
}
