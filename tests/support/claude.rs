//! The real Claude Code command line client, pointed at an address on this machine.
//!
//! Each run gets its own home, configuration and temporary folder and an environment built from nothing,
//! so a developer's own login, settings and proxies are neither read nor touched.

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
    name: "Claude Code",
    package: "@anthropic-ai/claude-code",
    program: "claude",
    version: "2.1.329",
    variable: "BRANCHLINE_CLAUDE",
};

/// An installed `claude` program.
#[derive(Debug, Clone)]
pub struct ClaudeCli {
    program: PathBuf,
}

impl ClaudeCli {
    /// The program named by `BRANCHLINE_CLAUDE_BIN`, else the one in the cache, installed there by npm
    /// when it is missing (about 360 MB). `BRANCHLINE_CLAUDE_VERSION` asks for another release.
    ///
    /// # Errors
    /// [`ClientError`] says whether the test may be skipped.
    pub async fn find() -> Result<Self, ClientError> {
        Ok(Self { program: CLIENT.find().await? })
    }

    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// One run of Claude Code in print mode, still to be started.
#[derive(Debug)]
pub struct ClaudeCode {
    program: PathBuf,
    home: PathBuf,
    work: PathBuf,
    prompt: String,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl ClaudeCode {
    /// A run against `base_url` (without `/v1`) that keeps everything it writes below `home`; it starts
    /// in `home/work`. A second run with the same `home` finds the sessions of the first.
    pub fn new(cli: &ClaudeCli, base_url: &str, token: &str, home: &Path) -> Self {
        let run = Self::pointed_nowhere(cli, home);
        run.env("ANTHROPIC_BASE_URL", base_url).env("ANTHROPIC_AUTH_TOKEN", token)
    }

    /// The same with nothing in its environment that says where to ask: its settings file may.
    pub fn pointed_nowhere(cli: &ClaudeCli, home: &Path) -> Self {
        Self {
            program: cli.program.clone(),
            home: home.to_owned(),
            work: home.join("work"),
            prompt: String::new(),
            args: Vec::new(),
            env: clean_environment(home),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments, such as `--permission-mode acceptEdits --allowedTools Write`.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable; the last value given for a name counts.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Starts in `folder` instead of `home/work`.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.work);
        self
    }

    /// What the user types.
    #[must_use]
    pub fn prompt(mut self, prompt: &str) -> Self {
        prompt.clone_into(&mut self.prompt);
        self
    }

    /// The folder it starts in, where the files it makes appear.
    pub fn folder(&self) -> &Path {
        &self.work
    }

    /// Runs to the end of the answer.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] after `limit`; a failing exit status is not an error here.
    pub async fn run(self, limit: Duration) -> Result<Outcome, ClientError> {
        for folder in [self.home.join("tmp"), self.work.clone()] {
            fs::create_dir_all(&folder).map_err(ClientError::io(format!("creating {}", folder.display())))?;
        }
        let mut command = Command::new(&self.program);
        // The prompt stands before the arguments: `--allowedTools` takes every word that follows it.
        command.arg("-p").arg(&self.prompt).args(&self.args);
        command.current_dir(&self.work).env_clear().envs(self.env);
        client::run(command, limit).await
    }
}

/// What a run finds in its environment, but for the address and the token.
pub fn clean_environment(home: &Path) -> Vec<(OsString, OsString)> {
    let own = [
        ("CLAUDE_CONFIG_DIR", home.join(".claude").into_os_string()),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".into()),
        ("DISABLE_AUTOUPDATER", "1".into()),
    ];
    npm::clean_environment(home, &own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_developers_own_environment_reaches_the_client() {
        let names: Vec<_> = clean_environment(Path::new("home")).into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"CLAUDE_CONFIG_DIR".into()));
        assert!(!names.iter().any(|name| name.to_string_lossy().starts_with("ANTHROPIC_")));
    }

    #[test]
    fn a_later_value_of_a_variable_stands_after_an_earlier_one() {
        let cli = ClaudeCli { program: "claude".into() };
        let run = ClaudeCode::new(&cli, "http://127.0.0.1:1", "a", Path::new("home")).env("ANTHROPIC_AUTH_TOKEN", "b");
        let last = run.env.iter().rfind(|(name, _)| name == "ANTHROPIC_AUTH_TOKEN").unwrap();
        assert_eq!(last.1, "b");
    }
}
