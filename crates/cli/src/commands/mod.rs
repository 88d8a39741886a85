//! The subcommands, one file each.

mod chat;
mod checkup;
pub(crate) mod classify;
mod claude;
mod completions;
mod config;
mod connect;
mod demo;
mod doctor;
mod env;
mod images;
mod import;
mod key;
mod launcher;
mod log;
mod man;
mod models;
mod replay;
mod route;
mod serve;
mod service;
mod status;
mod statusline;
mod trust;
mod ui;
mod whatif;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::args::{Args, BenchCommand, Command, ConnectCommand, DemoCommand, DisconnectCommand, ModelsCommand};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::logging;

/// A keyring that still asks for a password must not hold the end of the program up.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// Runs what was typed.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Serve(serve) => engine_runtime()?.finish(serve::run(args.global, serve)),
        Command::Completions(shell) => Ok(completions::run(&shell)),
        Command::Man(man) => man::run(&man),
        // A line too few is better than a client that shows an error in its place.
        Command::Statusline => Ok(statusline::run(args.global)),
        Command::Claude(claude) => engine_runtime()?.finish(claude::run(Context::new(args.global)?, claude)),
        command => {
            logging::command();
            let context = Context::new(args.global)?;
            small_runtime()?.finish(run_small(context, command))
        }
    }
}

async fn run_small(context: Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Env(args) => env::run(&context, &args).await,
        Command::Connect(ConnectCommand::Claude(args)) => connect::run(&context, args).await,
        Command::Disconnect(DisconnectCommand::Claude { settings }) => connect::undo(&context, settings),
        Command::InstallLauncher(args) => launcher::run(&context, &args),
        Command::Service(command) => service::run(&context, command).await,
        Command::Classify(args) => classify::run(&context, &args),
        Command::Route(args) => route::run(&context, args).await,
        Command::Trust(args) => trust::run(&context, &args),
        Command::Demo(DemoCommand::Play { quick }) => demo::play(&context, quick).await,
        Command::Chat(args) => chat::run(&context, args).await,
        Command::Status => status::run(&context).await,
        Command::Ui => ui::run(&context).await,
        Command::Log(args) => log::run(&context, args).await,
        Command::Bench(BenchCommand::Routing(args)) => crate::bench::routing(&context, args).await,
        Command::WhatIf(args) => whatif::run(&context, args).await,
        Command::Replay(args) => replay::run(&context, args).await,
        Command::Calibrate(args) => whatif::calibrate(&context, args).await,
        Command::Learned(args) => whatif::learned(&context, args).await,
        Command::Models(args) => models::run(&context, args.command.unwrap_or(ModelsCommand::List)).await,
        Command::Doctor(args) => doctor::run(&context, args).await,
        Command::Key(command) => key::run(&context, command).await,
        Command::Config(command) => config::run(&context, command).await,
        Command::Images(command) => images::run(&context, command).await,
        // These have a runtime of their own.
        Command::Serve(_) | Command::Claude(_) | Command::Completions(_) | Command::Man(_) | Command::Statusline => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// More threads than four gain nothing for an engine that mostly waits, and each costs memory.
fn engine_runtime() -> Result<Work> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Work::new(Builder::new_multi_thread().worker_threads(cores.clamp(2, 4)))
}

fn small_runtime() -> Result<Work> {
    Work::new(&mut Builder::new_current_thread())
}

/// A runtime that ends with its work.
struct Work(Runtime);

impl Work {
    fn new(builder: &mut Builder) -> Result<Self> {
        builder.enable_all().build().map(Self).map_err(Error::io("start"))
    }

    fn finish(self, work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
        let done = self.0.block_on(work);
        self.0.shutdown_timeout(LAST_WAIT);
        done
    }
}
