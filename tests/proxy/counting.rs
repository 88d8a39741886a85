//! `count_tokens`: by the backend's own counter, or by the corrected estimate.

use branchline_sim::{Model, Sim};
use branchline_tests::session::{Session, tools};
use branchline_tests::{Reply, Stand};
use serde_json::{Value, json};

use crate::rig::{CLOUD, anthropic, ask, backend, both, go_on, lmstudio};

const MODEL: &str = "qwen3:8b";

fn counted(reply: &Reply) -> (u64, String) {
    assert_eq!(reply.status, 200, "{}", reply.text);
    (reply.json()["input_tokens"].as_u64().unwrap(), reply.header("x-branchline-counted-by").to_owned())
}

fn body(model: &str) -> Value {
    let text = "count these words, which are not many but enough to weigh something. ".repeat(20);
    json!({"model": model, "messages": [{"role": "user", "content": text}], "tools": tools()})
}

const COUNT: &str = "/v1/messages/count_tokens?beta=true";

#[tokio::test]
async fn llama_cpp_and_vllm_count_by_themselves_and_the_same_as_they_count_an_answer() {
    for (name, protocol) in
        ["llamacpp", "vllm"].into_iter().flat_map(|name| ["openai_chat", "anthropic"].map(|protocol| (name, protocol)))
    {
        let start = if name == "vllm" { Sim::vllm() } else { Sim::llamacpp() };
        let sim = start.model(Model::llm(MODEL).loaded().tools().token_tenths(27)).start().await.unwrap();
        let settings = format!("{}backends.{name}.protocol = \"{protocol}\"\n", backend(name, &sim));
        let stand = Stand::start(&settings).await;
        let mut session = Session::new("n1");
        session.says("say hello");
        let mut asked = session.body();
        for field in ["stream", "metadata", "context_management", "max_tokens"] {
            asked.as_object_mut().unwrap().remove(field);
        }
        let (tokens, by) = counted(&stand.post(COUNT, &asked).await);
        assert_eq!(by, format!("{name}:{MODEL}"));
        go_on(&stand, &mut session).await;
        assert_eq!(tokens, sim.calls()[0].prompt_tokens, "{name}");
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn the_same_question_is_asked_once() {
    let sim = Sim::llamacpp().model(Model::llm(MODEL).loaded().tools()).start().await.unwrap();
    let stand = Stand::start(&backend("llamacpp", &sim)).await;
    let asked = || async { counted(&stand.post(COUNT, &body("auto")).await) };
    let first = asked().await;
    let again = futures_util::future::join_all((0..12).map(|_| asked())).await;
    assert!(again.iter().all(|one| *one == first));
    let questions = sim.requests().iter().filter(|request| request.path.ends_with("input_tokens")).count();
    assert_eq!(questions, 1);
}

#[tokio::test]
async fn a_model_that_is_not_loaded_is_not_woken() {
    let sim = Sim::llamacpp().router().model(Model::llm(MODEL).tools()).start().await.unwrap();
    let stand = Stand::start(&backend("llamacpp", &sim)).await;
    let (tokens, by) = counted(&stand.post(COUNT, &body("auto")).await);
    assert_eq!((by.as_str(), sim.loads()), ("estimate", 0));
    assert!(tokens > 400);
}

#[tokio::test]
async fn servers_without_a_counter_and_servers_that_are_gone_are_estimated() {
    let sim = Sim::lmstudio().model(Model::llm(MODEL).loaded().tools()).start().await.unwrap();
    let stand = Stand::start(&backend("lmstudio", &sim)).await;
    assert_eq!(counted(&stand.post(COUNT, &body("auto")).await).1, "estimate");
    let sim = Sim::vllm().model(Model::llm(MODEL).loaded().tools()).start().await.unwrap();
    let stand = Stand::start(&backend("vllm", &sim)).await;
    sim.stop().await;
    assert_eq!(counted(&stand.post(COUNT, &body("auto")).await).1, "estimate");
}

#[tokio::test]
async fn the_cloud_counts_what_is_meant_for_it() {
    let cloud = anthropic().await;
    let stand = Stand::start(&backend("anthropic", &cloud)).await;
    let (tokens, by) = counted(&stand.post(COUNT, &body(CLOUD)).await);
    assert_eq!(by, format!("anthropic:{CLOUD}"));
    assert_eq!(tokens, cloud.requests().last().unwrap().prompt_tokens);
    cloud.verdict().unwrap();
}

/// Who counts a prompt meant for the cloud.
async fn counter(stand: &Stand, text: &str, headers: &[(&str, &str)]) -> String {
    let mut body = body("cloud");
    body["messages"][0]["content"] = text.into();
    counted(&stand.post_with(COUNT, &body, headers).await).1
}

#[tokio::test]
async fn what_is_private_or_of_a_private_session_is_not_sent_away_to_be_counted() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&format!("{}never_cloud.texts = [\"falcon\"]\n", both(&home, &cloud))).await;
    assert_eq!(counter(&stand, "about the falcon", &[]).await, "estimate");
    for name in ["x-claude-code-session-id", "session-id"] {
        let session = [(name, name)];
        assert_eq!(counter(&stand, "hello there", &session).await, format!("anthropic:{CLOUD}"));
        assert_eq!(stand.post_with("/v1/messages", &ask("about the falcon"), &session).await.status, 200);
        assert_eq!(counter(&stand, "hello again", &session).await, "estimate", "{name}");
    }
    assert!(cloud.requests().iter().all(|request| !request.contains("falcon")));
}
