//! The real Claude Code on models with small windows (field notes, row 13): it compacts before the window is full or when it is
//! refused, goes on from its summary and finishes its task. The server never sees a prompt that does not fit.

#![expect(clippy::unwrap_used, reason = "the steps of a test: what cannot be had fails it")]

use std::time::Duration;

use branchline_control::commands::connect;
use branchline_proxy::agent::LEAST_WINDOW;
use branchline_proxy::record::Record;
use branchline_sim::{Answer, Ask, Builder, Model, Script, Sim};
use branchline_tests::Stand;
use branchline_tests::claude::{ClaudeCli, ClaudeCode};
use branchline_tests::client::ready_or_skip;
use serde_json::json;
use tempfile::TempDir;

const CODER: &str = "some/coder";
const LONG: &str = "some/long-reader";
const LIMIT: Duration = Duration::from_secs(240);
/// What the client asks for when it compacts.
const SUMMARISE: &str = "create a detailed summary";

/// One server, one engine, one home of the client.
#[derive(Debug)]
struct Rig {
    sim: Sim,
    stand: Stand,
    cli: ClaudeCli,
    home: TempDir,
    told: bool,
}

impl Rig {
    /// A coder with this window, and a client that was told of it.
    async fn start(window: u64) -> Option<Self> {
        Self::start_with("lmstudio", Sim::lmstudio().model(coder(window)), "").await
    }

    async fn start_with(name: &str, server: Builder, more: &str) -> Option<Self> {
        let cli = ready_or_skip(ClaudeCli::find().await)?;
        let sim = server.start().await.unwrap();
        let at = format!("backends.{name}");
        let settings = format!(
            "roles.coder = \"{name}:{CODER}\"\n{at}.base_url = \"{}\"\n{at}.retry_attempts = 0\n{more}\n",
            sim.base_url()
        );
        let stand = Stand::start(&settings).await;
        Some(Self { sim, stand, cli, home: tempfile::tempdir().unwrap(), told: true })
    }

    /// The client gets address and token only, and takes the model for one of Anthropic's.
    fn untold(self) -> Self {
        Self { told: false, ..self }
    }

    async fn run(&self, prompt: &str, more: &[&str]) -> String {
        let run = ClaudeCode::new(&self.cli, &self.stand.url, &self.stand.token(), self.home.path()).prompt(prompt);
        let mut run = run.args(["--permission-mode", "acceptEdits", "--allowedTools", "Bash Read Write"]).args(more);
        if self.told {
            let told = connect::env(&self.stand.engine, connect::EnvReq::default()).await.unwrap();
            run = told.vars.into_iter().fold(run, |run, var| run.env(var.name, var.value));
        }
        let outcome = run.run(LIMIT).await.unwrap();
        assert!(outcome.status.success(), "{outcome:#?}");
        outcome.stdout.trim().to_owned()
    }

    /// The client does its work from beginning to end.
    async fn finishes(&self) {
        assert_eq!(self.run(TASK, &[]).await, DONE);
        assert_eq!(std::fs::read_to_string(self.home.path().join("work/result.txt")).unwrap(), "done\n");
    }

    async fn records(&self) -> Vec<Record> {
        self.stand.records().await
    }

    /// How many requests for a summary were answered.
    async fn compactions(&self) -> usize {
        self.records().await.iter().filter(|one| one.decision.kind == "compaction" && one.status == 200).count()
    }

    /// How many requests were refused because of their length.
    async fn refusals(&self) -> usize {
        let code = |record: &Record| record.error.as_ref().map(|error| error.code.clone());
        self.records().await.iter().filter(|record| code(record).as_deref() == Some("prompt_too_long")).count()
    }

    /// Every prompt fitted the window of the model it was for, and the servers were sent nothing wrong.
    fn everything_fitted(&self, model: &str, window: u64) {
        for call in self.sim.requests_for(model) {
            assert!(call.prompt_tokens < window, "{} tokens of {window}: request {}", call.prompt_tokens, call.index);
        }
        assert_eq!(self.sim.violations(), []);
    }
}

fn coder(window: u64) -> Model {
    Model::llm(CODER).loaded().tools().context(window)
}

const TASK: &str = "read all the parts, then write the result";
const DONE: &str = "The work is done.";

/// A model that reads part after part and writes a file at the end. It knows nothing but what stands in its prompt, so
/// it goes on where a summary says it was.
fn reader(parts: usize, bytes: usize) -> Script {
    Script::computed(move |ask: &Ask| {
        let was_read = |part: &usize| ask.conversation.contains(&format!("END OF PART {part};"));
        let read = (1..=parts).rev().find(was_read).unwrap_or(0);
        if ask.latest.contains(SUMMARISE) {
            return Answer::text(format!("<summary>What was read last: END OF PART {read};</summary>"));
        }
        if ask.conversation.contains("ALL IS WRITTEN") {
            return Answer::text(DONE);
        }
        let line = "the quick brown fox jumps over the lazy dog";
        let command = match read {
            // What is too long for the window is told by its beginning.
            read if read < parts => {
                let mark = format!("echo 'END OF PART '{}';'", read + 1);
                format!("{mark}; yes '{line}' | head -c {bytes}; echo; {mark}")
            }
            _ => "echo done > result.txt; echo ALL IS 'WRITTEN'".to_owned(),
        };
        Answer::call("Bash", json!({"command": command, "description": "A step"}))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_client_that_was_told_a_small_window_compacts_in_time_and_finishes_its_task() {
    for (window, bytes) in [(24_576, 4_000), (32_768, 8_000), (49_152, 16_000), (65_536, 24_000)] {
        let Some(rig) = Rig::start(window).await else { return };
        rig.sim.script(reader(16, bytes));
        rig.finishes().await;
        let compactions = rig.compactions().await;
        assert!((2..=6).contains(&compactions), "{window}: {compactions}");
        assert_eq!(rig.refusals().await, 0, "{window}: nothing had to be refused");
        rig.everything_fitted(CODER, window);
        for record in rig.records().await {
            assert_eq!((record.status, &record.error), (200, &None), "{window}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_what_a_command_prints_is_kept_short_in_a_small_window_however_long_it_is() {
    for (window, bytes) in [(24_576, 12_000), (24_576, 90_000), (32_768, 24_000), (32_768, 90_000), (49_152, 90_000)] {
        let Some(rig) = Rig::start(window).await else { return };
        rig.sim.script(reader(16, bytes));
        rig.finishes().await;
        assert_eq!(rig.refusals().await, 0, "{window}, {bytes}");
        rig.everything_fitted(CODER, window);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_file_that_is_too_long_for_a_small_window_is_read_in_parts() {
    let window = LEAST_WINDOW;
    let Some(rig) = Rig::start(window).await else { return };
    let folder = rig.home.path().join("work");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("big.txt");
    std::fs::write(&path, "the quick brown fox jumps over the lazy dog\n".repeat(1_900)).unwrap();
    let whole = Answer::call("Read", json!({"file_path": path}));
    let part = Answer::call("Read", json!({"file_path": path, "offset": 1_850, "limit": 50}));
    let was_shown = |ask: &Ask| ask.outcomes.last().is_some_and(|told| told.text.contains("lazy dog"));
    rig.sim.script(Script::when(was_shown, Answer::text(DONE)));
    rig.sim.script(Script::after_tool_result("Read", part));
    rig.sim.script(Script::when_text_contains("read the big file", whole));
    assert_eq!(rig.run("read the big file", &[]).await, DONE);
    assert_eq!(rig.compactions().await, 0, "nothing of it was too much");
    rig.everything_fitted(CODER, window);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_client_that_was_told_no_window_compacts_when_it_is_refused() {
    for (window, bytes) in [(32_768, 12_000), (65_536, 24_000)] {
        let Some(rig) = Rig::start(window).await.map(Rig::untold) else { return };
        rig.sim.script(reader(16, bytes));
        rig.finishes().await;
        assert!(rig.refusals().await > 0 && rig.compactions().await > 0, "{window}");
        rig.everything_fitted(CODER, window);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_every_local_server_is_compacted_for() {
    let window = 49_152;
    let ollama = format!("backends.ollama.context_length = {window}");
    for (name, server, more) in
        [("llamacpp", Sim::llamacpp(), ""), ("ollama", Sim::ollama(), ollama.as_str()), ("vllm", Sim::vllm(), "")]
    {
        let Some(rig) = Rig::start_with(name, server.model(coder(window)), more).await else { return };
        rig.sim.script(reader(8, 16_000));
        rig.finishes().await;
        assert!(rig.compactions().await > 0, "{name}");
        assert_eq!(rig.refusals().await, 0, "{name}");
        rig.everything_fitted(CODER, window);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_the_user_may_compact_and_go_on_and_so_may_a_session_that_is_resumed() {
    let window = 32_768;
    let Some(rig) = Rig::start(window).await else { return };
    rig.sim.script(reader(6, 8_000));
    rig.finishes().await;
    let before = rig.compactions().await;
    rig.run("/compact", &["--continue"]).await;
    assert_eq!(rig.compactions().await, before + 1);
    let next = Answer::text("It was the sixth.");
    rig.sim.script(
        Script::when_text_contains("which part came last", next).and(|ask| ask.conversation.contains("PART 6;")),
    );
    assert_eq!(rig.run("which part came last?", &["--continue"]).await, "It was the sixth.");
    rig.everything_fitted(CODER, window);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_tool_result_that_leaves_no_room_is_compacted_away() {
    let window = 65_536;
    let Some(rig) = Rig::start(window).await else { return };
    let folder = rig.home.path().join("work");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("big.txt");
    let half = "the quick brown fox jumps over the lazy dog\n".repeat(1_700);
    std::fs::write(&path, format!("{half}{half}READ TWICE\n")).unwrap();
    // Twice 20,000 tokens: the second does not fit beside the first and the client's own prompt.
    let read = |offset: u32| Answer::call("Read", json!({"file_path": path, "offset": offset, "limit": 1_701}));
    rig.sim.script(Script::when(
        |ask| ask.latest.contains(SUMMARISE),
        Answer::text("<summary>It was READ TWICE</summary>"),
    ));
    rig.sim.script(Script::when(|ask| ask.conversation.contains("READ TWICE"), Answer::text(DONE)));
    rig.sim.script(Script::after_tool_result("Read", read(1_701)));
    rig.sim.script(Script::when_text_contains("read it twice", read(1)));
    assert_eq!(rig.run("read it twice", &[]).await, DONE);
    assert!(rig.compactions().await > 0, "it had to");
    rig.everything_fitted(CODER, window);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_model_with_a_long_window_writes_the_summary_where_one_is_set() {
    let window = 32_768;
    let server = Sim::lmstudio().model(coder(window)).model(Model::llm(LONG).loaded().tools().context(131_072));
    let more = format!("roles.long_context = \"lmstudio:{LONG}\"");
    let Some(rig) = Rig::start_with("lmstudio", server, &more).await else { return };
    rig.sim.script(reader(10, 8_000));
    rig.finishes().await;
    let compactions = rig.compactions().await;
    assert!(compactions > 0);
    assert_eq!(rig.sim.requests_for(LONG).len(), compactions, "and nothing else");
    rig.everything_fitted(CODER, window);
}
