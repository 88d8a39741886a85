//! `branchline claude` and the commands that `install-launcher` makes.

use branchline_sim::{Answer, Gate, Script};
use rustix::process::{Pid, Signal, kill_process};

use crate::rig::{CLOUD, CODER, HERE, LIMIT, Rig, THERE, run, said};
use crate::support::Said;

/// Points elsewhere, in the way that beats the environment.
const ELSEWHERE: &str =
    "{\n  \"env\": { \"ANTHROPIC_BASE_URL\": \"http://127.0.0.1:9\", \"ANTHROPIC_MODEL\": \"opus\" }\n}\n";

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_it_brings_one_and_leaves_nothing_but_the_log() {
    let Some(rig) = Rig::start().await else { return };
    std::fs::write(rig.settings(), ELSEWHERE).unwrap();
    let prompt = ["claude", "--", "-p", "say hello", "--append-system-prompt", "The word is plum."];
    assert_eq!(said(&run(rig.branchline(&prompt)).await), HERE);
    let calls = rig.lmstudio.calls();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].contains("say hello") && calls[0].contains("The word is plum."), "arguments are the client's");
    assert_eq!(std::fs::read_to_string(rig.settings()).unwrap(), ELSEWHERE);
    assert!(!rig.home.data().join("address").exists(), "its engine ended with it");
    let log = rig.run(&["log", "--json"]).out;
    assert!(log.contains(CODER), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_engine_it_uses_that_one() {
    let Some(rig) = Rig::start().await else { return };
    let served = rig.serve();
    std::fs::write(rig.settings(), ELSEWHERE).unwrap();
    assert_eq!(said(&run(rig.branchline(&["claude", "-p", "say hello"])).await), HERE);
    let cloud = ["claude", "--route", "cloud", "--", "-p", "say hello"];
    assert_eq!(said(&run(rig.branchline(&cloud)).await), THERE);
    assert_eq!((rig.lmstudio.requests_for(CODER).len(), rig.cloud.requests_for(CLOUD).len()), (1, 1));
    assert_eq!(served.get("/health").0, 200);
    assert_eq!(std::fs::read_to_string(rig.settings()).unwrap(), ELSEWHERE);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_exit_code_is_the_clients() {
    let Some(rig) = Rig::start().await else { return };
    let own = run({
        let mut claude = rig.program("claude");
        claude.arg("--no-such-option");
        claude
    })
    .await;
    assert!(!own.status.success(), "{own:#?}");
    let alone = run(rig.branchline(&["claude", "--", "--no-such-option"])).await;
    let _served = rig.serve();
    let beside = run(rig.branchline(&["claude", "--", "--no-such-option"])).await;
    assert_eq!((alone.status.code(), beside.status.code()), (own.status.code(), own.status.code()));
    assert_eq!(alone.stderr.trim(), own.stderr.trim(), "what it says is the client's, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_client_and_then_the_engine_it_had() {
    let Some(rig) = Rig::start().await else { return };
    rig.lmstudio.script(Script::when_text_contains("take your time", Answer::text("Never.").body_waits(&Gate::new())));
    let mut command = tokio::process::Command::from(rig.branchline(&["claude", "--", "-p", "take your time"]));
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    rig.lmstudio.wait_for_call(1).await.unwrap();
    let id = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    let status = tokio::time::timeout(LIMIT, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(128 + 15), "as the client ends by itself: {status}");
    rig.lmstudio.wait_for_abort().await.unwrap();
    assert!(!rig.home.data().join("address").exists(), "its engine ended with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installed_commands_start_the_client_from_anywhere() {
    let Some(rig) = Rig::start().await else { return };
    let bin = rig.bin();
    rig.run(&["install-launcher", "--dir", bin.to_str().unwrap()]);
    for (name, answer) in [("claude-local", HERE), ("claude-cloud", THERE)] {
        // By its name, as it is typed.
        let mut command = rig.program("sh");
        command.args(["-c", &format!("{name} -p \"say \\\"hello\\\"\" --append-system-prompt 'it'\\''s plum'")]);
        assert_eq!(said(&run(command).await), answer, "{name}");
    }
    let calls = [rig.lmstudio.calls(), rig.cloud.calls()].concat();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.contains("say \\\"hello\\\"") && call.contains("it's plum")));
    rig.run(&["install-launcher", "--dir", bin.to_str().unwrap(), "--remove"]);
    assert_eq!(Said::of(rig.program("sh").args(["-c", "claude-local -p hello"]).output().unwrap()).code, 127);
}
