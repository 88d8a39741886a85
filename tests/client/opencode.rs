//! The real opencode, through the whole engine, to a simulated LM Studio: asked for with `BRANCHLINE_TEST_OPENCODE=1`.

use std::time::Duration;

use branchline_proxy::record::Place;
use branchline_sim::{Answer, Model, Script, Sim};
use branchline_tests::Stand;
use branchline_tests::client::ready_or_skip;
use branchline_tests::opencode::OpenCode;
use serde_json::json;

const CODER: &str = "qwen/qwen3-coder-next";

#[tokio::test(flavor = "multi_thread")]
async fn opencode_writes_a_file_with_a_call_that_came_as_text() {
    let Some(found) = OpenCode::find().await else {
        eprintln!("SKIPPED: opencode is not asked for: BRANCHLINE_TEST_OPENCODE=1");
        return;
    };
    let Some(opencode) = ready_or_skip(found) else { return };
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("work/hello.txt");
    // As a local model does it that has forgotten how calls are made.
    let call = json!({ "name": "write", "arguments": { "filePath": file, "content": "Hello\n" } });
    let written = Answer::text(format!("I create it.\n<tool_call>\n{call}\n</tool_call>"));
    let sim = Sim::lmstudio().model(Model::llm(CODER).loaded().tools().context(65_536)).start().await.unwrap();
    sim.script(Script::when_text_contains("create hello.txt", written).and(|ask| ask.tool("write").is_some()).once());
    sim.script(Script::after_tool_result("", Answer::text("The file is there.")));
    sim.script(Script::always(Answer::text("A file is created")));
    let stand = Stand::start(&format!("[backends.lmstudio]\nbase_url = \"{}\"\n", sim.url())).await;
    let token = stand.token();
    let ran = opencode.run((&stand.url, &token), home.path(), "create hello.txt", Duration::from_secs(120)).await;
    let outcome = ran.unwrap();
    assert!(outcome.status.success() && outcome.stdout.contains("The file is there."), "{outcome:#?}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "Hello\n");
    assert_eq!(sim.violations(), []);
    let records = stand.records().await;
    assert!(records.iter().all(|record| record.status == 200 && record.place == Place::Local), "{records:#?}");
    assert!(records.iter().any(|record| !record.repairs.is_empty()), "the call was mended");
}
