//! The `branchline` command.
//!
//! `args` says what can be typed, `commands/` does it, one file per subcommand. What a command asks the engine goes
//! through `door`: the running engine's control interface, or an engine inside this process. No decision lives here.

mod args;
mod bench;
mod commands;
mod context;
mod door;
mod error;
mod given;
mod house;
mod http;
mod logging;
mod out;
mod own_file;
mod record_line;
mod signals;
mod table;
mod typed;
mod window;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code,
        Err(error) => {
            error.print();
            error.exit_code()
        }
    }
}
