//! The official Python SDKs, in a virtual environment of their own, and the pytest scripts in
//! `tests/client` that use them against an address on this machine.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

use crate::client::{self, ClientError, Outcome};

/// What is installed, release by release; a change of this file makes a new environment.
const REQUIREMENTS: &str = include_str!("../client/requirements.txt");

const NAME: &str = "Python SDKs";

/// A Python that has `anthropic`, `openai` and `pytest`.
#[derive(Debug, Clone)]
pub struct Python {
    program: PathBuf,
}

/// What a script is pointed at.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Address without a path, `http://127.0.0.1:4117`.
    pub url: &'a str,
    /// The client token.
    pub token: &'a str,
    /// The model id to ask for; scripts use `auto` themselves where it does not matter.
    pub model: &'a str,
}

impl Python {
    /// The program named by `BRANCHLINE_PYTHON`, which must have the packages, else the environment in
    /// the cache, made by `python3 -m venv` and pip when it is missing (about 120 MB).
    ///
    /// # Errors
    /// [`ClientError`] says whether the test may be skipped.
    pub async fn find() -> Result<Self, ClientError> {
        if let Some(program) = std::env::var_os("BRANCHLINE_PYTHON") {
            return Ok(Self { program: program.into() });
        }
        client::unhurried(install).await
    }

    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs one script of `tests/client` (its file name) with pytest.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] after `limit`; failing tests are not an error here but an exit status.
    pub async fn pytest(&self, script: &str, target: &Target<'_>, limit: Duration) -> Result<Outcome, ClientError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("client");
        let mut command = Command::new(&self.program);
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", script]).current_dir(folder);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name);
        }
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("BRANCHLINE_URL", target.url)
            .env("BRANCHLINE_TOKEN", target.token)
            .env("BRANCHLINE_MODEL", target.model);
        client::run(command, limit).await
    }
}

fn install() -> Result<Python, ClientError> {
    let folder = client::install_once(NAME, "python-sdks", REQUIREMENTS, |folder| {
        client::install_step(NAME, Path::new("python3"), |python| {
            python.args(["-m", "venv", "--clear"]).arg(folder);
        })?;
        client::install_step(NAME, &python_in(folder), |python| {
            python.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(REQUIREMENTS.lines());
        })
    })?;
    Ok(Python { program: python_in(&folder) })
}

fn python_in(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}
