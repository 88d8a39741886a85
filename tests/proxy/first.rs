//! The way of a request, end to end, over real sockets.

use branchline_sim::{Answer, Model, Sim};
use branchline_tests::Stand;
use serde_json::json;

#[tokio::test]
async fn an_easy_turn_is_answered_by_the_local_model() {
    let sim = Sim::lmstudio()
        .model(Model::llm("qwen/qwen3-coder-next").loaded().tools().context(131_072))
        .start()
        .await
        .unwrap();
    sim.script(Answer::text("Hello from the simulator."));
    let stand = Stand::start(&format!("backends.lmstudio.base_url = \"{}\"", sim.url())).await;
    let body = json!({"model": "claude-sonnet-5-5", "max_tokens": 100, "stream": true,
        "messages": [{"role": "user", "content": "say hello"}]});
    let reply = stand.post("/v1/messages?beta=true", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    println!("{:?}\n{}", reply.headers, reply.text);
    sim.verdict().unwrap();
    println!("{:#?}", stand.record().await);
}
