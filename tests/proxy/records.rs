//! What is kept of requests, and what never is.

use branchline_proxy::record::Record;
use branchline_sim::{Answer, Sim};
use branchline_tests::Stand;
use branchline_tests::session::{image, png};
use serde_json::{Value, json};

use crate::rig::{anthropic, ask, ask_streamed, both, lmstudio, local};

const SECRET: &str = "the-human-wrote-this-secret";

/// Everything the engine wrote into its folder, but for the token files.
fn everything_written(stand: &Stand) -> Vec<u8> {
    let mut all = Vec::new();
    let mut folders = vec![stand.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.contains("token") {
                all.extend(std::fs::read(path).unwrap());
            }
        }
    }
    all
}

fn holds(all: &[u8], needle: &str) -> bool {
    all.windows(needle.len()).any(|window| window == needle.as_bytes())
}

async fn whole_record(stand: &Stand) -> Record {
    let id = stand.record().await.id;
    stand.engine.store.flush().await.unwrap();
    stand.engine.store.record(&id).await.unwrap().expect("the record is there")
}

#[tokio::test]
async fn no_token_no_key_and_no_text_is_kept_by_default() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    home.script(Answer::text("the-answer-of-the-model"));
    let stand = Stand::start(&both(&home, &cloud)).await;
    assert_eq!(stand.post("/v1/messages", &ask(SECRET)).await.status, 200);
    let mut hard = ask(SECRET);
    hard["model"] = "cloud".into();
    assert_eq!(stand.post("/v1/messages", &hard).await.status, 200);
    assert_eq!(stand.post("/v1/messages", &json!({"broken": SECRET})).await.status, 400);
    assert_eq!(stand.records().await.len(), 3);
    let all = everything_written(&stand);
    for secret in
        [stand.token().as_str(), "test-key", SECRET, "the-answer-of-the-model", stand.engine.tokens.control.expose()]
    {
        assert!(!holds(&all, secret), "{secret} was written down");
    }
    assert!(whole_record(&stand).await.bodies.is_none());
}

async fn with_bodies(how: &str) -> (Sim, Stand) {
    let sim = lmstudio().await;
    sim.script(branchline_sim::Script::always(
        Answer::text("the-answer-of-the-model").and_call("Bash", json!({"command": "ls"})),
    ));
    let stand = Stand::start(&format!("{}log.bodies = \"{how}\"\n", local(&sim))).await;
    (sim, stand)
}

#[tokio::test]
async fn full_bodies_are_kept_as_they_were() {
    let (_sim, stand) = with_bodies("full").await;
    for streamed in [false, true] {
        let body = if streamed { ask_streamed(SECRET) } else { ask(SECRET) };
        let reply = stand.post("/v1/messages", &body).await;
        let bodies = whole_record(&stand).await.bodies.expect("bodies are kept");
        assert_eq!(bodies.request.as_deref(), Some(body.to_string().as_str()));
        assert_eq!(bodies.response.as_deref(), Some(reply.text.as_str()));
    }
    assert!(stand.records().await.iter().all(|record| record.bodies.is_none()), "lists come without");
}

#[tokio::test]
async fn redacted_bodies_keep_the_structure_and_no_text() {
    let (_sim, stand) = with_bodies("redacted").await;
    for streamed in [false, true] {
        let mut body = if streamed { ask_streamed(SECRET) } else { ask(SECRET) };
        body["system"] = "sk-ant-api03-a-key-somebody-pasted".into();
        body["messages"][0]["content"] = json!([image(&png(1)), {"type": "text", "text": SECRET}]);
        assert_eq!(stand.post("/v1/messages", &body).await.status, 200);
        let bodies = whole_record(&stand).await.bodies.expect("bodies are kept");
        let request: Value = serde_json::from_str(bodies.request.as_deref().unwrap()).unwrap();
        assert_eq!(request["messages"][0]["role"], "user");
        assert_eq!(request["messages"][0]["content"][1]["type"], "text");
        assert_eq!(request["max_tokens"], 256);
        let response = bodies.response.unwrap();
        assert!(response.contains("tool_use") && response.contains("Bash"), "{response}");
        let data = image(&png(1))["source"]["data"].as_str().unwrap()[..40].to_owned();
        for secret in [SECRET, "sk-ant-api03", data.as_str(), "the-answer", "of-the-model"] {
            assert!(
                !bodies.request.as_ref().unwrap().contains(secret) && !response.contains(secret),
                "{secret}: {response}"
            );
        }
    }
    assert!(!holds(&everything_written(&stand), SECRET));
}

#[tokio::test]
async fn old_records_are_deleted() {
    let sim = lmstudio().await;
    let stand = Stand::start(&format!("{}log.keep_days = 1\n", local(&sim))).await;
    stand.post("/v1/messages", &ask("say hello")).await;
    let old = Record { id: "req_old".into(), at: "2020-01-01T00:00:00Z".parse().unwrap(), ..stand.record().await };
    stand.engine.store.insert_record(old);
    assert_eq!(stand.records().await.len(), 2);
    stand.engine.store.prune(1).await.unwrap();
    let left = stand.records().await;
    assert!(left.len() == 1 && left[0].id != "req_old");
}

#[tokio::test]
async fn records_survive_a_restart() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    stand.post("/v1/messages", &ask("say hello")).await;
    let before = stand.record().await;
    let folder = stand.stop().await;
    let stand = Stand::start_in(folder, &local(&sim)).await;
    assert_eq!(stand.records().await, vec![before]);
}

#[tokio::test]
async fn a_record_says_what_happened() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    let session = branchline_tests::session::Session::new("record");
    let mut session = session.model("local");
    session.says("say hello");
    crate::rig::go_on(&stand, &mut session).await;
    let record = stand.record().await;
    assert_eq!((record.protocol_in.as_str(), record.path.as_str(), record.stream), ("anthropic", "/v1/messages", true));
    assert_eq!((record.session.as_deref(), record.requested_model.as_str()), (Some("record"), "local"));
    assert_eq!(
        (record.backend.as_deref(), record.upstream_protocol.as_deref()),
        (Some("lmstudio"), Some("openai_chat"))
    );
    assert!(
        record.bytes_in > 1000
            && record.bytes_out > 100
            && record.ttft_ms.is_some()
            && record.ttft_ms <= Some(record.duration_ms)
    );
    assert!(record.estimated_input_tokens > 100 && record.usage.output > 0);
    assert!(record.edits.iter().any(|edit| edit.contains("billing")), "{:?}", record.edits);
    assert_eq!((record.attempts.len(), record.attempts[0].status), (1, Some(200)));
    let whole = stand.post("/v1/messages", &ask("say hello")).await;
    assert_eq!(stand.record().await.bytes_out, whole.text.len() as u64);
}
