//! Long sessions through the translation, and the bytes that must not change.

use branchline_sim::{Answer, Ask, Model, Script, Sim};
use branchline_tests::Stand;
use branchline_tests::session::{self, Session};
use serde_json::{Value, json};

use crate::rig::{CLOUD, CODER, VISION, anthropic, backend, go_on, told};

/// Calls one or two tools for every human message, thinks now and then, and answers with text behind the results.
fn busy_model() -> Script {
    Script::computed(|ask: &Ask| {
        if !ask.outcomes.is_empty() {
            return Answer::text(format!("Seen {} results: ä € \u{1f600} \"quoted\".", ask.outcomes.len()));
        }
        let n = ask.messages;
        let start = if n.is_multiple_of(3) { Answer::thinking("What next?") } else { Answer::text("Looking.") };
        let one = start.and_call("Read", json!({"file_path": format!("/src/{n}.rs"), "limit": n}));
        if n.is_multiple_of(2) { one.and_call("Bash", json!({"command": format!("echo '{n}'\n")})) } else { one }
    })
}

/// What the client has to say in turn `n`, with everything a conversation may hold.
async fn turn(stand: &Stand, session: &mut Session, n: u8) {
    match n % 5 {
        2 if n > 0 => session.shows(&format!("question {n}, with a picture"), &session::png(n)),
        _ => session.says(&format!("question {n}")),
    }
    let calls = go_on(stand, session).await.calls().len();
    let result = |nth: usize| match (usize::from(n) + nth) % 4 {
        0 => (json!(format!("line one of {n}\nline two")), false),
        1 => (json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), false),
        2 => (json!([{"type": "text", "text": "a picture"}, session::image(&session::png(100 + n))]), false),
        _ => (json!("exit status 1"), true),
    };
    session.results((0..calls).map(result).collect());
    if n % 4 == 1 {
        session.system(&format!("Budget: {} tokens are left.", 9000 - u32::from(n)));
    }
    assert_eq!(go_on(stand, session).await.calls().len(), 0);
}

async fn twenty_turns(sim: Sim, name: &str, coder: &str, more: &str) {
    let eyes = Sim::lmstudio().model(Model::vlm(VISION).loaded()).start().await.unwrap();
    sim.script(busy_model());
    let settings = format!(
        "roles.coder = \"{name}:{coder}\"\nroles.vision = \"eyes:{VISION}\"\nbackends.eyes.preset = \"lmstudio\"\n{}{}\
         aliases.text-only.model = \"{name}:{coder}\"\naliases.text-only.capabilities.vision = false\n{more}",
        backend(name, &sim),
        backend("eyes", &eyes),
    );
    let stand = Stand::start(&settings).await;
    let mut session = Session::new(&format!("{name}-twenty")).model(&format!("{name}:{coder}"));
    session.max_tokens = 4096;
    for n in 0..20 {
        turn(&stand, &mut session, n).await;
    }
    sim.verdict().unwrap_or_else(|error| panic!("{name}: {error}: {:#?}", sim.violations()));
    eyes.verdict().unwrap();
    let calls = sim.calls();
    assert_eq!(calls.len(), 40);
    for pair in calls.windows(2) {
        assert_eq!(
            pair[1].shared_prefix_bytes,
            pair[0].prompt_bytes,
            "{name}: request {} does not begin with request {}:\n{}\n{}",
            pair[1].index,
            pair[0].index,
            String::from_utf8_lossy(&pair[0].raw),
            String::from_utf8_lossy(&pair[1].raw)
        );
    }
    assert!(calls.iter().all(|call| !call.contains("x-anthropic-billing-header")));
    assert!(calls[39].contains("IMAGE DESCRIPTION"), "the pictures were lost");
    for record in stand.records().await {
        assert_eq!((record.status, &record.error), (200, &None));
    }
}

fn coder() -> Model {
    Model::llm(CODER).loaded().tools().context(131_072)
}

#[tokio::test]
async fn lm_studio_reads_each_prompt_of_twenty_turns_only_once() {
    twenty_turns(Sim::lmstudio().model(coder()).start().await.unwrap(), "lmstudio", CODER, "").await;
}

#[tokio::test]
async fn llama_cpp_reads_each_prompt_of_twenty_turns_only_once() {
    twenty_turns(Sim::llamacpp().model(coder()).start().await.unwrap(), "llamacpp", CODER, "").await;
}

#[tokio::test]
async fn ollama_reads_each_prompt_of_twenty_turns_only_once() {
    twenty_turns(Sim::ollama().model(coder()).start().await.unwrap(), "ollama", CODER, "").await;
}

#[tokio::test]
async fn vllm_reads_each_prompt_of_twenty_turns_only_once() {
    twenty_turns(Sim::vllm().model(coder()).start().await.unwrap(), "vllm", CODER, "").await;
}

#[tokio::test]
async fn a_strict_openai_server_takes_twenty_turns() {
    let sim = Sim::openai().model(Model::cloud("gpt-6-sol").context(400_000)).start().await.unwrap();
    twenty_turns(sim, "openai", "gpt-6-sol", "").await;
}

#[tokio::test]
async fn gemini_takes_twenty_turns() {
    let sim = Sim::gemini().without_thought_signatures().model(Model::cloud("gemini-4-argon")).start().await.unwrap();
    twenty_turns(sim, "gemini", "gemini-4-argon", "").await;
}

#[tokio::test]
async fn a_local_server_that_speaks_anthropic_takes_twenty_turns() {
    let sim = Sim::lmstudio().model(coder()).start().await.unwrap();
    twenty_turns(sim, "lmstudio", CODER, "backends.lmstudio.protocol = \"anthropic\"\n").await;
}

/// One request of a session as text in an order and spacing of its own.
fn odd_text(model: &str) -> String {
    format!(
        "{{ \"stream\" : true,\n \"max_tokens\":1024, \"messages\":[ {{\"content\":[{{\"text\":\"h\\u0069 \\/\",\"type\":\"text\"}}] , \
         \"role\":\"user\"}}],\t\"metadata\":{{\"user_id\":\"u\"}}, \"model\":\"{model}\", \"temperature\":1.0e0 }}"
    )
}

async fn post_text(stand: &Stand, path: &str, text: &str, headers: &[(&str, &str)]) -> branchline_tests::Reply {
    let mut request = stand.http().post(format!("{}{path}", stand.url)).bearer_auth(stand.token());
    request = request.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    branchline_tests::Opened(request.body(text.to_owned()).send().await.unwrap()).into_reply().await
}

#[tokio::test]
async fn anthropic_receives_the_very_bytes_when_nothing_had_to_be_edited() {
    let cloud = anthropic().await;
    let stand = Stand::start(&backend("anthropic", &cloud)).await;
    let text = odd_text(CLOUD);
    let beta = "claude-code-20250219,context-management-2025-06-27";
    let headers =
        [("x-force-route", "cloud"), ("anthropic-beta", beta), ("user-agent", "claude-cli/2.1.329 (external, cli)")];
    let reply = post_text(&stand, "/v1/messages?beta=true", &text, &headers).await;
    assert!(told(&reply).complete);
    let call = &cloud.calls()[0];
    assert_eq!(String::from_utf8_lossy(&call.raw), text);
    assert_eq!((call.query.as_str(), call.header("anthropic-beta")), ("beta=true", beta));
    assert!(call.header("user-agent").starts_with("claude-cli/"));
    assert!(stand.record().await.edits.is_empty());
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn anthropic_answers_come_back_byte_for_byte() {
    let cloud = anthropic().await;
    cloud.script(Answer::thinking("hm").and_text("Wörter, viele Wörter.").and_call("Bash", json!({"command": "ls"})));
    let stand = Stand::start(&backend("anthropic", &cloud)).await;
    let reply = post_text(&stand, "/v1/messages", &odd_text(CLOUD), &[]).await;
    let told = told(&reply);
    assert_eq!((told.content.len(), told.model.as_str()), (3, CLOUD));
    // Members only Anthropic sends show that nothing was written anew.
    assert!(reply.text.contains("\"cache_creation\"") && reply.text.contains("\"stop_details\""), "{}", reply.text);
    assert!(!reply.header("request-id").is_empty());
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn only_the_model_changes_when_only_the_model_has_to() {
    let cloud = anthropic().await;
    let stand = Stand::start(&backend("anthropic", &cloud)).await;
    let mut session = Session::new("order").model("cloud");
    session.says("hello");
    let text = session.body().to_string();
    let headers = session.headers();
    assert_eq!(post_text(&stand, "/v1/messages", &text, &headers).await.status, 200);
    let wanted = text.replacen("\"model\":\"cloud\"", &format!("\"model\":\"{CLOUD}\""), 1);
    assert_eq!(String::from_utf8_lossy(&cloud.calls()[0].raw), wanted);
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn a_conversation_moves_from_a_local_model_to_anthropic_and_back() {
    let home = crate::rig::lmstudio().await;
    let cloud = anthropic().await;
    home.script(busy_model());
    cloud.script(busy_model());
    let stand = Stand::start(&crate::rig::both(&home, &cloud)).await;
    let mut session = Session::new("moves");
    for (n, model) in ["local", "cloud", "local", "cloud", "cloud", "local"].into_iter().enumerate() {
        session.model = model.into();
        turn(&stand, &mut session, u8::try_from(n).unwrap() * 5).await;
    }
    assert_eq!((home.calls().len(), cloud.calls().len()), (6, 6));
    home.verdict().unwrap_or_else(|error| panic!("{error}: {:#?}", home.violations()));
    cloud.verdict().unwrap_or_else(|error| panic!("{error}: {:#?}", cloud.violations()));
}

#[tokio::test]
async fn what_only_claude_understands_stays_away_from_other_servers() {
    let home = crate::rig::lmstudio().await;
    let stand = Stand::start(&crate::rig::local(&home)).await;
    let mut session = Session::new("strip").model("local");
    session.says("say hello");
    go_on(&stand, &mut session).await;
    let body: Value = (*home.calls()[0].body).clone();
    for field in ["thinking", "context_management", "output_config", "metadata", "system"] {
        assert!(body.get(field).is_none(), "{field} in {body}");
    }
    let tools = body["tools"].to_string();
    assert!(!tools.contains("DeferredToolPlaceholder"), "a placeholder was offered: {tools}");
    assert!(tools.contains("\"Read\"") && !tools.contains("defer_loading"));
    let roles: Vec<_> =
        body["messages"].as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user"]);
    home.verdict().unwrap();
}
