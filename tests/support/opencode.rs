//! The real opencode command line client, pointed at an address on this machine. Its tests are asked for with
//! `BRANCHLINE_TEST_OPENCODE=1`: it is another 350 MB, and speaks a protocol that others speak in every run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::client::{self, ClientError, Outcome};

const NAME: &str = "opencode";
/// The release the tests were written against.
const VERSION: &str = "1.18.33";
const ASKED_FOR: &str = "BRANCHLINE_TEST_OPENCODE";

/// An installed `opencode` program.
#[derive(Debug, Clone)]
pub struct OpenCode {
    program: PathBuf,
}

impl OpenCode {
    /// The program in the cache, installed there by npm when it is missing. `None` where nobody asked for it.
    ///
    /// # Errors
    /// [`ClientError`] says whether the test may be skipped.
    pub async fn find() -> Option<Result<Self, ClientError>> {
        std::env::var_os(ASKED_FOR)?;
        Some(client::unhurried(install).await)
    }

    /// One answer to `prompt`, in the folder `home/work`; `model` is an id of ours.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] after `limit`; a failing exit status is not an error here.
    pub async fn run(
        &self,
        (url, token): (&str, &str),
        home: &Path,
        prompt: &str,
        limit: Duration,
    ) -> Result<Outcome, ClientError> {
        let work = home.join("work");
        fs::create_dir_all(&work).map_err(ClientError::io(format!("creating {}", work.display())))?;
        // As docs/clients/opencode.md says it.
        let settings = json!({ "model": "branchline/auto", "provider": { "branchline": {
            "npm": "@ai-sdk/openai-compatible", "name": "Branchline",
            "options": { "baseURL": format!("{url}/v1"), "apiKey": token }, "models": { "auto": { "name": "auto" } } } } });
        let file = work.join("opencode.json");
        fs::write(&file, settings.to_string()).map_err(ClientError::io(format!("writing {}", file.display())))?;
        let mut command = Command::new(&self.program);
        command.args(["run", prompt]).current_dir(work).env_clear().env("HOME", home);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        for (name, value) in [
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
            // Whatever it may want from outside ends at a closed port of this machine.
            ("HTTP_PROXY", "http://127.0.0.1:9"),
            ("HTTPS_PROXY", "http://127.0.0.1:9"),
            ("NO_PROXY", "127.0.0.1,localhost"),
        ] {
            command.env(name, value);
        }
        client::run(command, limit).await
    }
}

fn install() -> Result<OpenCode, ClientError> {
    let package = format!("opencode-ai@{VERSION}");
    let folder = client::install_once(NAME, &format!("opencode-{VERSION}"), &package, |folder| {
        client::install_step(NAME, Path::new("npm"), |npm| {
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts=false"]);
            npm.arg("--prefix").arg(folder).arg(&package);
        })
    })?;
    Ok(OpenCode { program: folder.join("node_modules/.bin/opencode") })
}
