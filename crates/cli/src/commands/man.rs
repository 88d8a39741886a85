//! `branchline man DIR`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Args, ManArgs};
use crate::error::{Error, Result};

pub(crate) fn run(args: &ManArgs) -> Result<ExitCode> {
    let written = std::fs::create_dir_all(&args.dir).and_then(|()| {
        // Subcommands know the flags they share with all only in a tree that was built.
        let mut command = Args::command();
        command.build();
        clap_mangen::generate_to(command, &args.dir)
    });
    written.map_err(Error::io(format!("write the manual pages to {}", args.dir.display())))?;
    Ok(ExitCode::SUCCESS)
}
