//! Every backend with its preset, over both endpoints, streamed and whole. The simulated servers judge what they get.

use branchline_sim::{Answer, Fault, LmStudioAge, Model, Script, Sim};
use branchline_tests::Stand;
use branchline_tests::session::Session;
use serde_json::json;

use crate::rig::{CODER, VISION, ask, ask_streamed, backend, chat, chat_streamed, go_on, text_of, told, told_openai};

/// Both endpoints both ways, then a tool loop with a failing tool and parallel calls.
async fn journey(stand: &Stand, sim: &Sim, model: &str) {
    sim.script(Script::when_text_contains("say hello", Answer::text("Hello.")));
    let mut body = ask("say hello");
    body["model"] = model.into();
    assert_eq!(text_of(&stand.post("/v1/messages", &body).await), "Hello.");
    let mut body = ask_streamed("say hello");
    body["model"] = model.into();
    assert_eq!(told(&stand.post("/v1/messages", &body).await).text(), "Hello.");
    let mut body = chat("say hello");
    body["model"] = model.into();
    let reply = stand.post("/v1/chat/completions", &body).await;
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "Hello.", "{}", reply.text);
    let mut body = chat_streamed("say hello");
    body["model"] = model.into();
    assert_eq!(told_openai(&stand.post("/v1/chat/completions", &body).await).text(), "Hello.");
    tool_loop(stand, sim, model).await;
    sim.verdict().unwrap_or_else(|error| panic!("{error}: {:#?}", sim.violations()));
    for record in stand.records().await {
        assert_eq!((record.status, &record.error), (200, &None), "{record:#?}");
    }
}

async fn tool_loop(stand: &Stand, sim: &Sim, model: &str) {
    let both = Answer::thinking("Two files.")
        .and_text("Reading.")
        .and_call("Read", json!({"file_path": "/a"}))
        .and_call("Bash", json!({"command": "ls"}));
    sim.script(Script::when_text_contains("look at both", both));
    sim.script(Script::after_tool_result(
        "no such file",
        Answer::call("Write", json!({"file_path": "/a", "content": "ü\n\"x\""})),
    ));
    sim.script(Script::after_tool_result("written", Answer::text("Done.")));
    let mut session = Session::new(&format!("{model}-loop")).model(model);
    session.max_tokens = 1024;
    session.says("look at both");
    let told = go_on(stand, &mut session).await;
    assert_eq!((told.calls().len(), &told.stop_reason), (2, &json!("tool_use")), "{told:?}");
    session.results(vec![(json!("no such file"), true), (json!([{"type": "text", "text": "b\nc"}]), false)]);
    session.system("Budget: 1000 tokens.");
    let told = go_on(stand, &mut session).await;
    assert_eq!(told.calls()[0]["input"], json!({"file_path": "/a", "content": "ü\n\"x\""}));
    session.results(vec![(json!("written"), false)]);
    let told = go_on(stand, &mut session).await;
    assert_eq!((told.text().as_str(), &told.stop_reason), ("Done.", &json!("end_turn")));
}

fn coder() -> Model {
    Model::llm(CODER).loaded().tools().context(131_072)
}

#[tokio::test]
async fn lm_studio_of_every_age_is_found_and_used() {
    for age in [LmStudioAge::Current, LmStudioAge::V03, LmStudioAge::V02] {
        let sim = Sim::lmstudio().age(age).model(coder()).model(Model::vlm(VISION)).start().await.unwrap();
        let stand = Stand::start(&backend("lmstudio", &sim)).await;
        let world = stand.engine.world();
        let found = &world.found["lmstudio"];
        assert_eq!(found.flavour.as_str(), "lm_studio", "{age:?}");
        let card = found.models.iter().find(|card| card.id == CODER).unwrap();
        if age == LmStudioAge::Current {
            assert_eq!((card.context_loaded, card.context_max, card.tools), (Some(131_072), Some(262_144), Some(true)));
        }
        if age != LmStudioAge::V02 {
            assert_eq!((card.vision, card.loaded), (Some(false), Some(true)), "{age:?}");
        }
        journey(&stand, &sim, &format!("lmstudio:{CODER}")).await;
    }
}

#[tokio::test]
async fn llama_cpp_is_found_and_used() {
    let sim = Sim::llamacpp().model(coder()).start().await.unwrap();
    let stand = Stand::start(&backend("llamacpp", &sim)).await;
    assert_eq!(stand.engine.world().found["llamacpp"].flavour.as_str(), "llama_cpp");
    journey(&stand, &sim, "local").await;
}

#[tokio::test]
async fn ollama_is_found_and_used() {
    let sim = Sim::ollama().model(coder()).start().await.unwrap();
    let stand = Stand::start(&backend("ollama", &sim)).await;
    assert_eq!(stand.engine.world().found["ollama"].flavour.as_str(), "ollama");
    journey(&stand, &sim, "local").await;
}

#[tokio::test]
async fn vllm_is_found_and_used() {
    let sim = Sim::vllm().model(coder()).start().await.unwrap();
    let stand = Stand::start(&backend("vllm", &sim)).await;
    assert_eq!(stand.engine.world().found["vllm"].flavour.as_str(), "vllm");
    journey(&stand, &sim, "local").await;
}

#[tokio::test]
async fn openai_takes_what_it_is_sent() {
    let sim = Sim::openai().model(Model::cloud("gpt-6-sol")).start().await.unwrap();
    let stand = Stand::start(&backend("openai", &sim)).await;
    journey(&stand, &sim, "openai:gpt-6-sol").await;
    assert!(sim.calls().iter().all(|call| call.header("authorization") == "Bearer test-key"));
}

#[tokio::test]
async fn anthropic_takes_what_it_is_sent() {
    let sim = Sim::anthropic().model(Model::cloud("claude-sonnet-5-5")).start().await.unwrap();
    let stand = Stand::start(&backend("anthropic", &sim)).await;
    journey(&stand, &sim, "anthropic:claude-sonnet-5-5").await;
    assert!(sim.calls().iter().all(|call| call.header("x-api-key") == "test-key"));
}

#[tokio::test]
async fn gemini_takes_what_it_is_sent() {
    let sim = Sim::gemini().model(Model::cloud("gemini-4-argon")).start().await.unwrap();
    let stand = Stand::start(&backend("gemini", &sim)).await;
    journey(&stand, &sim, "gemini:gemini-4-argon").await;
}

#[tokio::test]
async fn a_strict_template_sees_strictly_alternating_roles() {
    let sim = Sim::lmstudio().model(coder().alternating()).start().await.unwrap();
    let stand = Stand::start(&backend("lmstudio", &sim)).await;
    sim.script(Script::when_text_contains("look", Answer::call("Bash", json!({"command": "ls"}))));
    let mut session = Session::new("alternate").model("local");
    session.says("look");
    go_on(&stand, &mut session).await;
    session.results(vec![(json!("a b"), false)]);
    session.user(vec![json!({"type": "text", "text": "and then?"})]);
    go_on(&stand, &mut session).await;
    // The server said so once; from then on it is known, also for pictures and in other conversations.
    assert_eq!(sim.violations().len(), 1, "{:#?}", sim.violations());
    sim.forget();
    session.answered(vec![json!({"type": "tool_use", "id": "call_9", "name": "Read", "input": {}})]);
    session.results(vec![(json!("c d"), false)]);
    session.user(vec![json!({"type": "text", "text": "and now?"})]);
    go_on(&stand, &mut session).await;
    assert!(sim.calls()[0].contains("c d\\n\\nand now?"), "{}", String::from_utf8_lossy(&sim.calls()[0].raw));
    sim.verdict().unwrap_or_else(|error| panic!("{error}: {:#?}", sim.violations()));
}

#[tokio::test]
async fn a_strict_template_that_sees_gets_the_pictures_of_results_in_a_turn_of_their_own() {
    let sim = Sim::lmstudio().model(Model::vlm(VISION).loaded().tools().alternating()).start().await.unwrap();
    let settings = format!("{}roles.coder = \"lmstudio:{VISION}\"\n", backend("lmstudio", &sim));
    let stand = Stand::start(&settings).await;
    sim.script(Script::when_text_contains("look", Answer::call("Read", json!({"file_path": "/a.png"}))));
    let mut session = Session::new("strict-sight").model("local");
    session.says("look");
    go_on(&stand, &mut session).await;
    let picture = branchline_tests::session::image(&branchline_tests::session::png(1));
    session.results(vec![(json!([picture]), false)]);
    go_on(&stand, &mut session).await;
    assert_eq!(sim.violations().len(), 1, "refused once, then known: {:#?}", sim.violations());
    sim.forget();
    session.says("thanks");
    go_on(&stand, &mut session).await;
    sim.verdict().unwrap();
}

#[tokio::test]
async fn an_unknown_server_is_found_out_by_asking() {
    for (sim, flavour, protocol) in [
        (Sim::lmstudio(), "lm_studio", "openai_chat"),
        (Sim::llamacpp(), "llama_cpp", "openai_chat"),
        (Sim::ollama(), "ollama", "openai_chat"),
        (Sim::vllm(), "vllm", "openai_chat"),
        (Sim::openai(), "openai_compatible", "openai_chat"),
        (Sim::anthropic(), "anthropic", "anthropic"),
    ] {
        let sim = sim.model(coder()).start().await.unwrap();
        let stand = Stand::start(&format!(
            "{}backends.box.protocol = \"auto\"\nbackends.box.local = true\n",
            backend("box", &sim)
        ))
        .await;
        let world = stand.engine.world();
        let found = world.found.get("box").unwrap_or_else(|| panic!("{flavour}: {:?}", world.down));
        assert_eq!((found.flavour.as_str(), found.protocol.as_str()), (flavour, protocol));
        let mut body = ask("say hello");
        body["model"] = format!("box:{CODER}").into();
        let reply = stand.post("/v1/messages", &body).await;
        assert_eq!(reply.status, 200, "{flavour}: {}", reply.text);
        sim.verdict().unwrap_or_else(|error| panic!("{flavour} {error}"));
    }
}

#[tokio::test]
async fn a_schema_the_grammar_compiler_refuses_is_cut_down_and_tried_again() {
    let sim = Sim::lmstudio().model(coder()).refuse_schema_keyword("pattern").start().await.unwrap();
    let stand = Stand::start(&backend("lmstudio", &sim)).await;
    let mut session = Session::new("grammar").model("local");
    session.says("say hello");
    let told = go_on(&stand, &mut session).await;
    assert!(told.complete);
    sim.verdict().unwrap();
}

#[tokio::test]
async fn another_model_than_the_one_asked_for_is_said() {
    let sim = crate::rig::lmstudio().await;
    let stand = Stand::start(&backend("lmstudio", &sim)).await;
    let mut body = ask("say hello");
    body["model"] = "lmstudio:no/such-model".into();
    let reply = stand.post("/v1/messages", &body).await;
    assert_eq!(reply.status, 200);
    let reasons = stand.record().await.decision.reasons.join("\n");
    assert!(reasons.contains(&format!("answered with {CODER} instead of no/such-model")), "{reasons}");
}

#[tokio::test]
async fn an_error_in_llama_cpps_own_envelope_is_told_in_the_clients() {
    let sim = Sim::llamacpp().model(coder()).start().await.unwrap();
    sim.script(Script::always(Answer::fault(Fault::status(400, "that is not how it works"))));
    let settings = format!("{}backends.llamacpp.protocol = \"anthropic\"\n", backend("llamacpp", &sim));
    let stand = Stand::start(&settings).await;
    let reply = stand.post("/v1/messages", &ask("say hello")).await;
    let body = reply.json();
    assert_eq!((reply.status, &body["type"]), (400, &json!("error")), "{}", reply.text);
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert!(body["error"]["message"].as_str().unwrap().contains("that is not how it works"));
}
