//! The real Codex command line client, pointed at an address on this machine by the settings `docs/clients/codex.md` gives.
//!
//! Each run gets its own home and an environment built from nothing, as Claude Code's do (see [`crate::claude`]).

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

use crate::client::{self, ClientError, Outcome};
use crate::npm::{self, NpmClient};

static CLIENT: NpmClient = NpmClient {
    name: "Codex",
    package: "@openai/codex",
    program: "codex",
    version: "0.169.0",
    variable: "BRANCHLINE_CODEX",
};

/// The page with the settings a user is told to write.
const PAGE: &str = include_str!("../../docs/clients/codex.md");

/// An installed `codex` program.
#[derive(Debug, Clone)]
pub struct CodexCli {
    program: PathBuf,
}

impl CodexCli {
    /// The program named by `BRANCHLINE_CODEX_BIN`, else the one in the cache, installed there by npm when it is missing
    /// (about 410 MB). `BRANCHLINE_CODEX_VERSION` asks for another release.
    ///
    /// # Errors
    /// [`ClientError`] says whether the test may be skipped.
    pub async fn find() -> Result<Self, ClientError> {
        Ok(Self { program: CLIENT.find().await? })
    }
}

/// The settings of the page, with this address and token.
#[must_use]
pub fn settings(base_url: &str, token: &str) -> String {
    let block = PAGE.split("```toml codex\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    block.replace("http://127.0.0.1:4117", base_url).replace("TOKEN", token)
}

/// One run of `codex exec`, still to be started.
#[derive(Debug)]
pub struct Codex {
    program: PathBuf,
    home: PathBuf,
    settings: String,
    prompt: String,
    args: Vec<OsString>,
    resumes: bool,
}

impl Codex {
    /// A run against `base_url` (without `/v1`) that keeps everything it writes below `home`; it starts in `home/work`.
    #[must_use]
    pub fn new(cli: &CodexCli, base_url: &str, token: &str, home: &Path) -> Self {
        Self {
            program: cli.program.clone(),
            home: home.to_owned(),
            settings: settings(base_url, token),
            prompt: String::new(),
            args: Vec::new(),
            resumes: false,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Goes on with the conversation this home had last.
    #[must_use]
    pub const fn resume(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// What the user types.
    #[must_use]
    pub fn prompt(mut self, prompt: &str) -> Self {
        prompt.clone_into(&mut self.prompt);
        self
    }

    /// Runs to the end of the answer.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] after `limit`; a failing exit status is not an error here.
    pub async fn run(self, limit: Duration) -> Result<Outcome, ClientError> {
        let (work, own) = (self.home.join("work"), self.home.join(".codex"));
        for folder in [&work, &own, &self.home.join("tmp")] {
            fs::create_dir_all(folder).map_err(ClientError::io(format!("creating {}", folder.display())))?;
        }
        fs::write(own.join("config.toml"), &self.settings).map_err(ClientError::io("the settings of Codex"))?;
        let mut command = Command::new(&self.program);
        // Nothing asks here, and the folder is thrown away: a sandbox inside a container is what could not be had.
        command.args(["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]).args(&self.args);
        if self.resumes {
            command.args(["resume", "--last"]);
        }
        command.arg("--").arg(&self.prompt);
        let environment = npm::clean_environment(&self.home, &[("CODEX_HOME", own.into_os_string())]);
        command.current_dir(&work).env_clear().envs(environment);
        client::run(command, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_gives_settings_with_address_and_token() {
        let settings = settings("http://127.0.0.1:9999", "secret");
        assert!(settings.contains("\"http://127.0.0.1:9999/v1\"") && settings.contains("\"secret\""), "{settings}");
    }
}
