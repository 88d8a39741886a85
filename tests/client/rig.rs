//! What the journeys of Claude Code share: an LM Studio, a cloud, an engine between them and the client,
//! and what must hold at the end of every journey.

use std::path::PathBuf;
use std::time::Duration;

use branchline_control::commands::connect;
use branchline_proxy::record::Record;
use branchline_sim::{Model, Received, Sim};
use branchline_tests::Stand;
use branchline_tests::claude::{ClaudeCli, ClaudeCode};
use branchline_tests::client::{Outcome, ready_or_skip};
use tempfile::TempDir;

/// The local model that writes code and sees nothing.
pub(crate) const CODER: &str = "qwen/qwen3-coder-next";
/// The local model that sees.
pub(crate) const VISION: &str = "mistralai/devstral-small-2-2512";
/// The cloud model.
pub(crate) const CLOUD: &str = "claude-sonnet-5-5";

/// Longest run of the client.
const LIMIT: Duration = Duration::from_secs(180);

/// How the client was told about Branchline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Everything `branchline env` says.
    Everything,
    /// Address and token only: it asks for the models of Anthropic it knows.
    AddressAndToken,
}

/// Tools a client in print mode may use without asking.
const ALLOWED: &str = "Bash Read Write Edit Agent ToolSearch";

/// One LM Studio, one cloud, one engine, one home of the client.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) lmstudio: Sim,
    pub(crate) cloud: Sim,
    pub(crate) stand: Stand,
    cli: ClaudeCli,
    told: Told,
    /// Settings beside those every journey has.
    more: &'static str,
    home: TempDir,
}

impl Rig {
    /// `None` where the client cannot be had; the line that says so is out then.
    pub(crate) async fn start(told: Told) -> Option<Self> {
        Self::start_with(told, "").await
    }

    /// The same with more settings.
    pub(crate) async fn start_with(told: Told, more: &'static str) -> Option<Self> {
        let cli = ready_or_skip(ClaudeCli::find().await)?;
        let lmstudio = Sim::lmstudio()
            .model(Model::llm(CODER).loaded().tools().reasoning().context(131_072))
            .model(Model::vlm(VISION).loaded().tools().context(65_536))
            .start()
            .await
            .unwrap();
        let cloud = Sim::anthropic()
            .model(Model::cloud(CLOUD).context(1_000_000))
            .model(Model::cloud("claude-opus-5-5").context(1_000_000))
            .model(Model::cloud("claude-haiku-5-5"))
            .start()
            .await
            .unwrap();
        let stand = Stand::start(&settings(&lmstudio, &cloud, more)).await;
        Some(Self { lmstudio, cloud, stand, cli, told, more, home: tempfile::tempdir().unwrap() })
    }

    /// The engine ends and begins again in the same folder.
    pub(crate) async fn restart_engine(self) -> Self {
        let settings = settings(&self.lmstudio, &self.cloud, self.more);
        let folder = self.stand.stop().await;
        Self { stand: Stand::start_in(folder, &settings).await, ..self }
    }

    /// Where the client works.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("work").join(name)
    }

    /// Puts a file where the client works.
    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A run that has this prompt; more arguments may be added.
    pub(crate) async fn client(&self, prompt: &str) -> ClaudeCode {
        let token = self.stand.token();
        let run = ClaudeCode::new(&self.cli, &self.stand.url, &token, self.home.path()).prompt(prompt).args([
            "--permission-mode",
            "acceptEdits",
            "--allowedTools",
            ALLOWED,
        ]);
        match self.told {
            Told::AddressAndToken => run,
            Told::Everything => {
                let told = connect::env(&self.stand.engine, connect::EnvReq::default()).await.unwrap();
                told.vars.into_iter().fold(run, |run, var| run.env(var.name, var.value))
            }
        }
    }

    /// What the client says to this prompt.
    pub(crate) async fn say(&self, prompt: &str) -> String {
        answer(self.client(prompt).await.run(LIMIT).await.unwrap())
    }

    /// What the client says to this prompt when its user insists on a model.
    pub(crate) async fn say_to(&self, model: &str, prompt: &str) -> String {
        let client = self.client(prompt).await.env("ANTHROPIC_MODEL", model);
        answer(client.args(["--model", model]).run(LIMIT).await.unwrap())
    }

    /// What the client says to this prompt in the conversation it had last.
    pub(crate) async fn say_next(&self, prompt: &str) -> String {
        answer(self.client(prompt).await.arg("--continue").run(LIMIT).await.unwrap())
    }

    /// The calls that reached the coder.
    pub(crate) fn coder_calls(&self) -> Vec<Received> {
        self.lmstudio.requests_for(CODER)
    }

    /// The calls that reached the model that sees.
    pub(crate) fn vision_calls(&self) -> Vec<Received> {
        self.lmstudio.requests_for(VISION)
    }

    /// Records of the client's messages, oldest first.
    pub(crate) async fn records(&self) -> Vec<Record> {
        let mut records = self.stand.records().await;
        records.reverse();
        records
    }

    /// Waits until so many requests have been answered and written down.
    pub(crate) async fn answered(&self, count: usize) {
        self.stand
            .wait_for("answered requests", async |stand| (stand.records().await.len() >= count).then_some(()))
            .await;
    }

    /// What holds at the end of every journey: no server was sent anything wrong, no request of the client failed.
    pub(crate) async fn ends_well(&self) {
        self.nothing_wrong_was_sent();
        for record in self.records().await {
            let fine = record.status == 200 && record.error.is_none();
            assert!(fine, "{} {} {:?}\n{:#?}", record.path, record.status, record.error, record.attempts);
        }
    }

    /// Neither server was sent anything its protocol forbids.
    pub(crate) fn nothing_wrong_was_sent(&self) {
        for sim in [&self.lmstudio, &self.cloud] {
            assert_eq!(sim.violations(), [], "requests: {:#?}", sim.calls().len());
        }
    }

    /// No model of the cloud was asked.
    pub(crate) fn cloud_was_left_alone(&self) {
        assert_eq!(self.cloud.calls().len(), 0);
    }
}

fn settings(lmstudio: &Sim, cloud: &Sim, more: &str) -> String {
    format!(
        "roles.coder = \"lmstudio:{CODER}\"\nroles.vision = \"lmstudio:{VISION}\"\nroles.cloud = \"anthropic:{CLOUD}\"\n\
         [backends.lmstudio]\nbase_url = \"{}\"\nconcurrency = 4\n[backends.anthropic]\nbase_url = \"{}\"\n{more}",
        lmstudio.url(),
        cloud.url()
    )
}

fn answer(outcome: Outcome) -> String {
    assert!(outcome.status.success(), "{outcome:#?}");
    outcome.stdout.trim().to_owned()
}

/// Whether each prompt for a model begins with the whole prompt before it.
pub(crate) fn prefix_holds(calls: &[Received]) -> bool {
    calls.windows(2).all(|pair| pair[1].shared_prefix_bytes == pair[0].prompt_bytes)
}

/// A PNG of one colour.
pub(crate) fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let red = image::RgbImage::from_pixel(48, 32, image::Rgb([208, 16, 16]));
    red.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
