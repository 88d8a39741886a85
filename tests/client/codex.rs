//! The real Codex, through the whole engine, to a simulated LM Studio and a simulated cloud. Its settings are those of
//! docs/clients/codex.md.

#![expect(clippy::unwrap_used, reason = "the steps of a test: what cannot be had fails it")]

use std::path::PathBuf;
use std::time::Duration;

use branchline_proxy::record::{Place, Record};
use branchline_sim::{Answer, Ask, Model, Received, Script, Sim, Usage};
use branchline_tests::Stand;
use branchline_tests::client::{Outcome, ready_or_skip};
use branchline_tests::codex::{Codex, CodexCli};
use branchline_tests::session::png;
use serde_json::json;
use tempfile::TempDir;

const CODER: &str = "qwen/qwen3-coder-next";
const VISION: &str = "mistralai/devstral-small-2-2512";
const CLOUD: &str = "claude-sonnet-5-5";
const LIMIT: Duration = Duration::from_secs(180);

/// One LM Studio, one cloud, one engine, one home of the client.
struct Rig {
    lmstudio: Sim,
    cloud: Sim,
    stand: Stand,
    cli: CodexCli,
    home: TempDir,
}

impl Rig {
    /// `None` where the client cannot be had; the line that says so is out then.
    async fn start() -> Option<Self> {
        let cli = ready_or_skip(CodexCli::find().await)?;
        let lmstudio = Sim::lmstudio()
            .model(Model::llm(CODER).loaded().tools().reasoning().context(131_072))
            .model(Model::vlm(VISION).loaded().tools().context(65_536));
        let lmstudio = lmstudio.start().await.unwrap();
        let cloud = Sim::anthropic().model(Model::cloud(CLOUD).context(1_000_000)).start().await.unwrap();
        let settings = format!(
            "roles.coder = \"lmstudio:{CODER}\"\nroles.vision = \"lmstudio:{VISION}\"\nroles.cloud = \"anthropic:{CLOUD}\"\n\
             [backends.lmstudio]\nbase_url = \"{}\"\nconcurrency = 4\n[backends.anthropic]\nbase_url = \"{}\"\n",
            lmstudio.url(),
            cloud.url()
        );
        let stand = Stand::start(&settings).await;
        Some(Self { lmstudio, cloud, stand, cli, home: tempfile::tempdir().unwrap() })
    }

    fn client(&self, prompt: &str) -> Codex {
        Codex::new(&self.cli, &self.stand.url, &self.stand.token(), self.home.path()).prompt(prompt)
    }

    async fn say(&self, prompt: &str) -> String {
        answer(self.client(prompt).run(LIMIT).await.unwrap())
    }

    /// What the client says to this prompt in the conversation it had last.
    async fn say_next(&self, prompt: &str) -> String {
        answer(self.client(prompt).resume().run(LIMIT).await.unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("work").join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn coder_calls(&self) -> Vec<Received> {
        self.lmstudio.requests_for(CODER)
    }

    /// Records of the client's requests, oldest first.
    async fn records(&self) -> Vec<Record> {
        let mut records = self.stand.records().await;
        records.reverse();
        records
    }

    /// No server was sent anything wrong, and no request of the client failed.
    async fn ends_well(&self) {
        for sim in [&self.lmstudio, &self.cloud] {
            assert_eq!(sim.violations(), [], "requests: {:#?}", sim.calls().len());
        }
        for record in self.records().await {
            assert_eq!((record.path.as_str(), record.protocol_in.as_str()), ("/v1/responses", "openai_responses"));
            assert!(record.status == 200 && record.error.is_none(), "{record:#?}");
        }
    }
}

fn answer(outcome: Outcome) -> String {
    assert!(outcome.status.success(), "{outcome:#?}");
    outcome.stdout.trim().to_owned()
}

fn run(command: &str) -> Answer {
    Answer::call("exec_command", json!({"cmd": command}))
}

/// Whether each prompt for a model begins with the whole prompt before it.
fn prefix_holds(calls: &[Received]) -> bool {
    calls.windows(2).all(|pair| pair[1].shared_prefix_bytes == pair[0].prompt_bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_created_through_a_tool_loop() {
    let Some(rig) = Rig::start().await else { return };
    rig.lmstudio.script(Script::when_text_contains("create hello.txt", run("echo Hello > hello.txt")).once());
    rig.lmstudio.script(Script::after_tool_result("exec_command", Answer::text("The file is there.")));
    assert_eq!(rig.say("create hello.txt").await, "The file is there.");
    assert_eq!(std::fs::read_to_string(rig.file("hello.txt")).unwrap(), "Hello\n");
    assert_eq!(rig.coder_calls().len(), 2);
    for record in rig.records().await {
        assert_eq!((record.place, record.model.as_deref()), (Place::Local, Some(CODER)));
        assert!(record.session.is_some() && record.agent.is_none());
    }
    assert!(rig.cloud.calls().is_empty());
    rig.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prompt_prefix_stays_through_a_long_tool_loop_and_into_the_next_turn() {
    let Some(rig) = Rig::start().await else { return };
    rig.put("AGENTS.md", "# House rules\nAlways be brief.\n");
    rig.lmstudio.script(Script::computed(|ask: &Ask| match ask.outcomes.last() {
        Some(outcome) if outcome.text.contains("step 14") => Answer::text("All steps are done."),
        _ if ask.conversation.contains("one more thing") => Answer::text("Done as well."),
        _ => Answer::thinking("The next step.")
            .and_call("exec_command", json!({"cmd": format!("echo step {}", ask.messages)})),
    }));
    assert_eq!(rig.say("run the steps").await, "All steps are done.");
    let first_turn = rig.coder_calls().len();
    assert!(first_turn >= 5, "{first_turn}");
    assert_eq!(rig.say_next("one more thing").await, "Done as well.");
    let calls = rig.coder_calls();
    assert_eq!(calls.len(), first_turn + 1);
    let lengths: Vec<_> = calls.iter().map(|call| (call.shared_prefix_bytes, call.prompt_bytes)).collect();
    assert!(prefix_holds(&calls), "{lengths:?}");
    rig.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_is_a_call_of_free_text() {
    let Some(rig) = Rig::start().await else { return };
    let patch = "*** Begin Patch\n*** Add File: patched.txt\n+\"Hello\" from a patch\n*** End Patch";
    let call = Answer::call("apply_patch", json!({"input": patch}));
    rig.lmstudio.script(Script::when_text_contains("write patched.txt", call).once());
    let done = Script::after_tool_result("apply_patch", Answer::text("It is patched."));
    rig.lmstudio.script(done.and(|ask| ask.outcomes[0].text.contains("Success")));
    // The tool is offered to models Codex knows by name; here every name is answered by the model that is set up.
    let run = rig.client("write patched.txt").args(["-m", "gpt-5.5"]);
    assert_eq!(answer(run.run(LIMIT).await.unwrap()), "It is patched.");
    assert_eq!(std::fs::read_to_string(rig.file("patched.txt")).unwrap(), "\"Hello\" from a patch\n");
    rig.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_described_once_and_the_coder_reads_the_description() {
    let Some(rig) = Rig::start().await else { return };
    let shot = rig.put("shot.png", png(1));
    let other = rig.put("other.png", png(2));
    rig.lmstudio.script(Script::for_model(VISION, Answer::text("A plain red square.")));
    let look = Answer::call("view_image", json!({"path": other}));
    rig.lmstudio.script(Script::when_text_contains("what colour", look).once());
    let told = |ask: &Ask| ask.conversation.matches("A plain red square.").count() >= 2 && ask.all_pictures == 0;
    rig.lmstudio.script(Script::when(told, Answer::text("Both are red.")));
    let run = rig.client("what colour is it?").args(["-i".into(), shot.into_os_string()]);
    assert_eq!(answer(run.run(LIMIT).await.unwrap()), "Both are red.");
    assert_eq!(rig.lmstudio.requests_for(VISION).len(), 2);
    for call in rig.coder_calls() {
        assert!(!call.contains("data:image/"), "a picture reached a model that sees nothing");
    }
    assert!(prefix_holds(&rig.coder_calls()));
    rig.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_lm_studio_off_the_cloud_answers() {
    let Some(rig) = Rig::start().await else { return };
    rig.lmstudio.stop().await;
    let thinking =
        Answer::thinking("The cloud thinks.").and_call("exec_command", json!({"cmd": "echo Hello > hello.txt"}));
    rig.cloud.script(Script::when_text_contains("create hello.txt", thinking).once());
    rig.cloud.script(Script::after_tool_result("exec_command", Answer::text("The cloud made it.")));
    assert_eq!(rig.say("create hello.txt").await, "The cloud made it.");
    assert!(rig.file("hello.txt").exists());
    assert!(rig.cloud.calls()[1].contains(r#""signature":"Esim"#), "its own thoughts come back, as it signed them");
    for record in rig.records().await {
        assert!(record.place == Place::Cloud && record.fallback.is_some(), "it is said why: {record:#?}");
    }
    rig.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subagent_works_on_the_local_model_too() {
    let Some(rig) = Rig::start().await else { return };
    rig.lmstudio.script(Script::computed(|ask: &Ask| {
        let last = ask.outcomes.last();
        if ask.conversation.contains("CHILD: think of a word") && !ask.conversation.contains("have somebody") {
            return Answer::text("The word is plum.");
        }
        match last.map(|outcome| outcome.name.as_str()) {
            None => Answer::call("multi_agent_v1__spawn_agent", json!({"message": "CHILD: think of a word"})),
            Some("multi_agent_v1__spawn_agent") => {
                let told: serde_json::Value = serde_json::from_str(&last.unwrap().text).unwrap();
                Answer::call("multi_agent_v1__wait_agent", json!({"targets": [told["agent_id"]]}))
            }
            Some(_) if last.unwrap().text.contains("plum") => Answer::text("They say plum."),
            Some(_) => Answer::text("They said nothing."),
        }
    }));
    assert_eq!(rig.say("have somebody think of a word").await, "They say plum.");
    let records = rig.records().await;
    let (children, own): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.agent.is_some());
    assert_eq!((children.len(), own.len()), (1, 3));
    assert_eq!(children[0].decision.kind.as_str(), "subagent");
    assert_eq!(children[0].session, own[0].session, "it belongs to the session of who began it");
    rig.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_compacts_when_the_usage_it_is_told_says_so() {
    let Some(rig) = Rig::start().await else { return };
    let full = Usage { input: 130_000, output: 20, ..Usage::default() };
    rig.lmstudio.script(Script::when_text_contains("CONTEXT CHECKPOINT", Answer::text("SUMMARY: the word is plum.")));
    rig.lmstudio
        .script(Script::when_text_contains("remember the word plum", Answer::text("I will.").usage(full)).once());
    let knows = |ask: &Ask| ask.conversation.contains("SUMMARY: the word is plum.");
    rig.lmstudio.script(Script::when(knows, Answer::text("It was plum.")));
    assert_eq!(rig.say("remember the word plum").await, "I will.");
    assert_eq!(rig.say_next("what was it?").await, "It was plum.");
    let records = rig.records().await;
    let kinds: Vec<&str> = records.iter().map(|record| record.decision.kind.as_str()).collect();
    assert_eq!(kinds, ["main", "compaction", "main"]);
    rig.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_fits_nowhere_is_told_as_such() {
    let Some(rig) = Rig::start().await else { return };
    rig.lmstudio.set_model(Model::llm(CODER).loaded().tools().context(2_048).max_context(2_048));
    let rig =
        Rig { stand: Stand::start(&format!("backends.lmstudio.base_url = \"{}\"\n", rig.lmstudio.url())).await, ..rig };
    let outcome = rig.client("say hello").run(LIMIT).await.unwrap();
    assert!(!outcome.status.success());
    assert!(outcome.stderr.contains("ran out of room in the model's context window"), "{outcome:#?}");
}
