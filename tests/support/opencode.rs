//! The real opencode command line client, pointed at an address on this machine. Its tests are asked for with
//! `BRANCHLINE_TEST_OPENCODE=1`: it is another 350 MB, and speaks a protocol that others speak in every run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::client::{self, ClientError, Outcome};
use crate::npm::{self, NpmClient};

static CLIENT: NpmClient = NpmClient {
    name: "opencode",
    package: "opencode-ai",
    program: "opencode",
    version: "1.18.33",
    variable: "BRANCHLINE_OPENCODE",
};
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
        Some(CLIENT.find().await.map(|program| Self { program }))
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
        for folder in [&work, &home.join("tmp")] {
            fs::create_dir_all(folder).map_err(ClientError::io(format!("creating {}", folder.display())))?;
        }
        // As docs/clients/opencode.md says it.
        let settings = json!({ "model": "branchline/auto", "provider": { "branchline": {
            "npm": "@ai-sdk/openai-compatible", "name": "Branchline",
            "options": { "baseURL": format!("{url}/v1"), "apiKey": token }, "models": { "auto": { "name": "auto" } } } } });
        let file = work.join("opencode.json");
        fs::write(&file, settings.to_string()).map_err(ClientError::io(format!("writing {}", file.display())))?;
        let mut command = Command::new(&self.program);
        let own = ["OPENCODE_DISABLE_AUTOUPDATE", "OPENCODE_DISABLE_MODELS_FETCH"].map(|name| (name, "1".into()));
        command.args(["run", prompt]).current_dir(work).env_clear().envs(npm::clean_environment(home, &own));
        client::run(command, limit).await
    }
}
