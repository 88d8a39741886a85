//! A user with Claude Code, a local model server and a cloud, and `branchline` as it is installed.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use branchline_sim::{Answer, Model, Script, Sim};
use branchline_tests::claude::{ClaudeCli, ClaudeCode, clean_environment};
use branchline_tests::client::{self, Outcome, ready_or_skip};
use serde_json::json;

use crate::support::{Home, Said, Served};

/// The model on this machine.
pub(crate) const CODER: &str = "qwen/qwen3-coder-next";
/// The model in the cloud.
pub(crate) const CLOUD: &str = "claude-sonnet-5-5";
/// The coder's window.
const WINDOW: u64 = 131_072;
/// What the coder says.
pub(crate) const HERE: &str = "Said on this machine.";
/// What the cloud says.
pub(crate) const THERE: &str = "Said in the cloud.";
/// Longest run of the client.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Rig {
    pub(crate) home: Home,
    pub(crate) lmstudio: Sim,
    pub(crate) cloud: Sim,
    cli: ClaudeCli,
}

impl Rig {
    /// `None` where the client cannot be had; the line that says so is out then.
    pub(crate) async fn start() -> Option<Self> {
        let cli = ready_or_skip(ClaudeCli::find().await)?;
        let coder = Model::llm(CODER).loaded().tools().context(WINDOW);
        let lmstudio = Sim::lmstudio().model(coder).start().await.unwrap();
        let cloud = Sim::anthropic().model(Model::cloud(CLOUD).context(1_000_000)).start().await.unwrap();
        lmstudio.script(Script::always(Answer::text(HERE)));
        cloud.script(Script::always(Answer::text(THERE)));
        let home = Home::with(&settings(&lmstudio, &cloud));
        let rig = Self { home, lmstudio, cloud, cli };
        for folder in ["tmp", "work", "bin", ".claude"] {
            std::fs::create_dir(rig.home.path().join(folder)).unwrap();
        }
        std::os::unix::fs::symlink(rig.cli.program(), rig.bin().join("claude")).unwrap();
        Some(rig)
    }

    /// A folder of the user's own that is on `PATH`; `claude` is in it.
    pub(crate) fn bin(&self) -> PathBuf {
        self.home.path().join("bin")
    }

    /// Claude Code's settings file.
    pub(crate) fn settings(&self) -> PathBuf {
        self.home.path().join(".claude/settings.json")
    }

    /// The user has answered what Claude Code asks when it is started for the first time.
    pub(crate) fn has_used_claude_code_before(&self) {
        let work = self.home.path().join("work").canonicalize().unwrap();
        let known = json!({ "hasCompletedOnboarding": true, "theme": "dark",
            "projects": { work.to_str().unwrap(): { "hasTrustDialogAccepted": true } } });
        std::fs::write(self.home.path().join(".claude/.claude.json"), known.to_string()).unwrap();
    }

    fn env(&self) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        let path = format!("{}:{}", self.bin().display(), std::env::var("PATH").unwrap());
        let own = [("PATH", path), ("BRANCHLINE_KEY_ANTHROPIC", "demo".to_owned())];
        let own = own.map(|(name, value)| (name.into(), value.into()));
        clean_environment(self.home.path()).into_iter().chain(own).collect()
    }

    /// A program of the user's, in the folder he works in.
    pub(crate) fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env()).current_dir(self.home.path().join("work"));
        command
    }

    /// `branchline` with this user's folders.
    pub(crate) fn branchline(&self, args: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_branchline"));
        command.arg("--config").arg(self.home.config()).arg("--data-dir").arg(self.home.data()).args(args);
        command
    }

    /// Runs `branchline` to its end, which must be a good one.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        Said::of(self.branchline(args).output().unwrap()).good()
    }

    /// An engine that knows its models.
    pub(crate) fn serve(&self) -> Served {
        let served = Served::start(&mut self.branchline(&["serve"]));
        served.wait_until("ready", |served| served.get("/health").1.contains("\"status\":\"ok\""));
        served
    }

    /// Claude Code with nothing in its environment that says where to ask.
    pub(crate) async fn claude(&self, prompt: &str) -> Outcome {
        ClaudeCode::pointed_nowhere(&self.cli, self.home.path()).prompt(prompt).run(LIMIT).await.unwrap()
    }
}

/// Runs a program to its end, within bounds.
pub(crate) async fn run(command: Command) -> Outcome {
    client::run(command.into(), LIMIT).await.unwrap()
}

/// What the client printed at the end of a good run.
#[track_caller]
pub(crate) fn said(outcome: &Outcome) -> &str {
    assert!(outcome.status.success(), "{outcome:#?}");
    outcome.stdout.trim()
}

fn settings(lmstudio: &Sim, cloud: &Sim) -> String {
    let others = ["llamacpp", "ollama", "vllm"].map(|name| format!("[backends.{name}]\nenabled = false\n")).concat();
    format!(
        "roles.coder = \"lmstudio:{CODER}\"\nroles.cloud = \"anthropic:{CLOUD}\"\n[server]\nport = 0\n{others}\
         [backends.lmstudio]\nbase_url = \"{}\"\n[backends.anthropic]\nbase_url = \"{}\"\n",
        lmstudio.url(),
        cloud.url()
    )
}
