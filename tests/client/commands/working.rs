//! Claude Code in a terminal at work: asked, allowed, interrupted, compacted.

use branchline_sim::{Answer, Ask, Gate, Script};
use serde_json::json;

use crate::rig::{CODER, Rig};
use crate::terminal::Terminal;

/// What the client asks for when it compacts.
const SUMMARISE: &str = "create a detailed summary";
const SUMMARY: &str = "A plum stands in the file.";

/// A model that writes a file when it is told to, and tells a story whose end waits.
fn coder(gate: &Gate) -> Script {
    let gate = gate.clone();
    Script::computed(move |ask: &Ask| {
        let asked = |words: &str| ask.latest.contains(words);
        match () {
            () if asked(SUMMARISE) => Answer::text(format!("<summary>{SUMMARY}</summary>")),
            () if asked("where were we") => Answer::text("After the story."),
            () if asked("tell a story") => Answer::text("Once upon a time.\n\n".repeat(40)).waits_after(40, &gate),
            () if !ask.outcomes.is_empty() => Answer::text("It stands there."),
            () if asked("note a plum") => Answer::call("Write", json!({"file_path": "note.txt", "content": "plum\n"})),
            () => Answer::text("Nothing."),
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_asked_allowed_interrupted_and_compacted_and_goes_on() {
    let Some(rig) = Rig::start().await else { return };
    rig.has_used_claude_code_before();
    let gate = Gate::new();
    rig.lmstudio.clear_scripts();
    rig.lmstudio.script(coder(&gate));
    let mut terminal = Terminal::start_branchline(&rig, &["claude", "--", "--permission-mode", "default"]);
    terminal.shows("auto").await;

    // Nothing is written before the user has said yes.
    let note = rig.home.path().join("work/note.txt");
    terminal.say("note a plum").await;
    terminal.shows("Do you want to create note.txt?").await;
    assert!(!note.exists());
    terminal.accept("Do you want to create note.txt?").await;
    terminal.shows("It stands there.").await;
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "plum\n");

    // Whoever has heard enough stops it, and the server stops writing.
    terminal.say("tell a story").await;
    terminal.shows("Once upon a time.").await;
    terminal.press("\x1b").await;
    terminal.shows("Interrupted").await;
    rig.lmstudio.wait_for_abort().await.unwrap();
    gate.open();

    terminal.choose("/compact").await;
    terminal.shows("Compacted").await;
    terminal.say("where were we").await;
    terminal.shows("After the story.").await;
    let last = rig.lmstudio.requests_for(CODER).pop().unwrap();
    assert!(last.contains(SUMMARY) && !last.contains("tell a story"), "it goes on from the summary");
    terminal.leave().await;
    assert_eq!(rig.lmstudio.violations(), []);
}
