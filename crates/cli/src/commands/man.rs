//! `branchline man DIR`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Args, ManArgs};
use crate::error::{Error, Result};

pub(crate) fn run(args: &ManArgs) -> Result<ExitCode> {
    // Not built before: a tree that was has a `help` below every command, each with pages of its own.
    let written =
        std::fs::create_dir_all(&args.dir).and_then(|()| clap_mangen::generate_to(Args::command(), &args.dir));
    written.map_err(Error::io(format!("write the manual pages to {}", args.dir.display())))?;
    Ok(ExitCode::SUCCESS)
}
