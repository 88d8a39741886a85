//! `branchline completions SHELL`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::out;

pub(crate) fn run(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "branchline", &mut script);
    out::text(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}
