//! Claude Code in a terminal: what its status line and its picker of models show.

use crate::rig::{CODER, Rig};
use crate::terminal::Terminal;

#[tokio::test(flavor = "multi_thread")]
async fn the_status_line_names_who_answered_and_the_picker_who_may() {
    let Some(rig) = Rig::start().await else { return };
    rig.has_used_claude_code_before();
    let _served = rig.serve();
    rig.run(&["connect", "claude", "--write", "--statusline"]);
    // Only the settings file says where to ask, and who draws the line.
    let mut terminal = Terminal::start(&rig, &["claude", "--permission-mode", "acceptEdits"]);
    terminal.shows("Branchline: no request of this session yet").await;
    terminal.say("why does Rust borrow?").await;
    terminal.shows("Said on this machine.").await;
    let line = terminal.shows(&format!("● lmstudio:{CODER} · local · score ")).await;
    assert!(line.contains(" of 131k context left"), "the client knows the real window:\n{line}");
    terminal.choose("/model").await;
    let picker = terminal.shows("Select model").await;
    for words in [
        "Use the default model (currently auto)",
        "Auto: qwen3-coder-next here, claude-sonnet-5-5 in the cloud",
        "each turn goes to the model that fits it",
        "Auto, where Haiku is asked for",
        "Branchline: this machine",
        "Branchline: cloud",
    ] {
        assert!(picker.contains(words), "{words} is missing in\n{picker}");
    }
    assert!(!picker.contains("Custom"), "a row that says nothing:\n{picker}");
    terminal.press("\x1b").await;
    terminal.shows("Kept model as auto").await;
    terminal.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_picked_in_a_session_answers_from_then_on() {
    let Some(rig) = Rig::start().await else { return };
    rig.has_used_claude_code_before();
    let mut terminal = Terminal::start_branchline(&rig, &["claude", "--", "--permission-mode", "acceptEdits"]);
    terminal.shows("auto").await;
    terminal.say("/model cloud").await;
    terminal.shows("Set model to cloud").await;
    terminal.say("why does Rust borrow?").await;
    terminal.shows("Said in the cloud.").await;
    // The client decides what Ctrl-C does: once it warns, twice it ends, and its engine with it.
    terminal.leave().await;
    assert!(!rig.home.data().join("address").exists(), "its engine ended with it");
    assert!(rig.lmstudio.calls().is_empty());
}
