//! Models that are not in memory: loaded by a request or by hand, with the window that is wanted, and said to be.

use branchline_proxy::LiveEvent;
use branchline_routing::ModelRef;
use branchline_sim::{Answer, Gate, LmStudioAge, Model, Script, Sim};
use branchline_tests::Stand;
use serde_json::json;

use crate::rig::{CODER, ask, ask_streamed, backend, local, told};

const SMALL: &str = "qwen3:8b";

fn cold() -> Model {
    Model::llm(CODER).tools().context(4_096).max_context(131_072)
}

fn coder() -> ModelRef {
    ModelRef::new("lmstudio", CODER)
}

fn loads(sim: &Sim) -> Vec<serde_json::Value> {
    let all = sim.requests();
    all.iter().filter(|request| request.path.ends_with("/load")).map(|request| (*request.body).clone()).collect()
}

#[tokio::test]
async fn a_request_that_has_its_model_loaded_is_told_with_pings_and_events() {
    let sim = Sim::lmstudio().model(cold()).start().await.unwrap();
    let gate = Gate::new();
    sim.script(Answer::text("here I am").head_waits(&gate));
    let stand =
        Stand::start(&format!("{}server.early_headers_ms = 20\nserver.ping_interval_ms = 100\n", local(&sim))).await;
    let mut ears = stand.ears();
    let opened = stand.open("/v1/messages", &ask_streamed("hello"), &[("x-force-route", "local")]).await;
    let loading = ears.hear("loading", |event| match event {
        LiveEvent::ModelLoading { model, request } => Some((model, request)),
        _ => None,
    });
    let (model, request) = loading.await;
    assert_eq!(model, format!("lmstudio:{CODER}"));
    gate.open();
    let loaded = ears.hear("loaded", |event| match event {
        LiveEvent::ModelLoaded { request, error, .. } => Some((request, error)),
        _ => None,
    });
    assert_eq!(loaded.await, (request.clone(), None));
    let reply = opened.into_reply().await;
    assert!(told(&reply).text().contains("here I am") && reply.text.contains("event: ping"), "{}", reply.text);
    assert_eq!(stand.record().await.id, request.unwrap());
    // What is loaded is not said to be loading.
    stand
        .wait_for("the new card", async |stand| stand.engine.world().card(&coder())?.loaded.filter(|loaded| *loaded))
        .await;
    let mut ears = stand.ears();
    assert_eq!(stand.post("/v1/messages", &ask("again")).await.status, 200);
    let quiet = ears.hear("the end", |event| match event {
        LiveEvent::ModelLoading { .. } => Some(false),
        LiveEvent::RequestFinished { .. } => Some(true),
        _ => None,
    });
    assert!(quiet.await);
}

#[tokio::test]
async fn the_window_of_the_settings_is_what_a_request_has_its_model_loaded_with() {
    let sim = Sim::lmstudio().model(cold()).start().await.unwrap();
    let wanted = format!("{}backends.lmstudio.models.\"{CODER}\".context_length = 65536\n", local(&sim));
    let stand = Stand::start(&wanted).await;
    // Two at the same time have it loaded once: LM Studio would load a second copy.
    let (hello, hi) = (ask("hello"), ask("hi"));
    let (one, other) = tokio::join!(stand.post("/v1/messages", &hello), stand.post("/v1/messages", &hi));
    assert_eq!((one.status, other.status), (200, 200), "{} {}", one.text, other.text);
    assert_eq!(loads(&sim), [json!({"model": CODER, "context_length": 65_536})]);
    assert_eq!(stand.engine.world().card(&coder()).unwrap().context_loaded, Some(65_536));
    assert_eq!(sim.loads(), 0, "no request had to load it");
}

#[tokio::test]
async fn a_prompt_longer_than_lm_studios_own_window_fits_the_one_of_the_settings() {
    let sim = Sim::lmstudio().model(cold()).start().await.unwrap();
    let stand = Stand::start(&format!("{}backends.lmstudio.context_length = 200000\n", local(&sim))).await;
    let reply = stand.post("/v1/messages", &ask(&"the quick brown fox. ".repeat(4_000))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(loads(&sim), [json!({"model": CODER, "context_length": 131_072})], "no more than the model can have");
}

#[tokio::test]
async fn an_lm_studio_without_that_interface_loads_as_ever() {
    let sim = Sim::lmstudio().age(LmStudioAge::V03).model(cold()).start().await.unwrap();
    let stand = Stand::start(&format!("{}backends.lmstudio.context_length = 65536\n", local(&sim))).await;
    assert_eq!(stand.post("/v1/messages", &ask("hello")).await.status, 200);
    let fault = stand.engine.load_model(&coder(), Some(8_192)).await.unwrap_err();
    assert_eq!(fault.code, "cannot_load");
    assert!(fault.hint.unwrap().contains("lms load"));
}

#[tokio::test]
async fn a_model_is_loaded_by_hand_anew_with_another_window_and_unloaded() {
    let sim = Sim::lmstudio().model(cold()).start().await.unwrap();
    let stand = Stand::start(&local(&sim)).await;
    let (engine, model) = (&stand.engine, coder());
    assert_eq!(engine.load_model(&model, Some(8_192)).await.unwrap().context_loaded, Some(8_192));
    assert_eq!(engine.load_model(&model, None).await.unwrap().context_loaded, Some(8_192), "it is there already");
    assert_eq!(engine.load_model(&model, Some(32_768)).await.unwrap().context_loaded, Some(32_768));
    let ways: Vec<_> = sim.requests().iter().filter(|one| one.method == "POST").map(|one| one.path.clone()).collect();
    assert_eq!(ways, ["/api/v1/models/load", "/api/v1/models/unload", "/api/v1/models/load"]);
    assert_eq!(engine.unload_model(&model).await.unwrap().loaded, Some(false));
    assert_eq!(engine.unload_model(&model).await.unwrap().loaded, Some(false));
    let fault = engine.load_model(&model, Some(1_000_000)).await.unwrap_err();
    assert!(fault.to_string().contains("at most 131072"), "{fault}");
    let unknown = ModelRef::new("lmstudio", "no/such");
    assert_eq!(engine.load_model(&unknown, None).await.unwrap_err().code, "load_refused");
    assert_eq!(engine.unload_model(&unknown).await.unwrap_err().code, "unknown_model");
}

#[tokio::test]
async fn ollama_loads_and_unloads_and_says_where_its_window_is_set() {
    let sim = Sim::ollama().model(Model::llm(SMALL).tools().context(4_096).max_context(65_536)).start().await.unwrap();
    let stand = Stand::start(&backend("ollama", &sim)).await;
    let model = ModelRef::new("ollama", SMALL);
    assert_eq!(stand.engine.load_model(&model, None).await.unwrap().loaded, Some(true));
    assert_eq!(stand.engine.unload_model(&model).await.unwrap().loaded, Some(false));
    let fault = stand.engine.load_model(&model, Some(32_768)).await.unwrap_err();
    assert_eq!(fault.code, "window_is_a_setting");
    let hint = fault.hint.unwrap();
    assert!(hint.contains("backends.ollama.models.\"qwen3:8b\".context_length' 32768"), "{hint}");
    let wanted = format!("{}backends.ollama.context_length = 32768\n", backend("ollama", &sim));
    let stand = Stand::start(&wanted).await;
    assert_eq!(stand.engine.load_model(&model, None).await.unwrap().context_loaded, Some(32_768));
}

#[tokio::test]
async fn a_router_of_llama_cpp_loads_and_a_server_with_one_model_says_that_it_cannot() {
    let model = ModelRef::new("llamacpp", SMALL);
    let sim = Sim::llamacpp().router().model(Model::llm(SMALL).tools()).start().await.unwrap();
    let stand = Stand::start(&backend("llamacpp", &sim)).await;
    assert_eq!(stand.engine.load_model(&model, None).await.unwrap().loaded, Some(true));
    assert_eq!(stand.engine.load_model(&model, Some(8_192)).await.unwrap_err().code, "window_is_fixed");
    assert_eq!(stand.engine.unload_model(&model).await.unwrap().loaded, Some(false));
    let single = Sim::llamacpp().model(Model::llm(SMALL).loaded().tools()).start().await.unwrap();
    let stand = Stand::start(&backend("llamacpp", &single)).await;
    assert_eq!(stand.engine.unload_model(&model).await.unwrap_err().code, "cannot_load");
    let vllm = Sim::vllm().model(Model::llm(SMALL).loaded().tools()).start().await.unwrap();
    let stand = Stand::start(&backend("vllm", &vllm)).await;
    let model = ModelRef::new("vllm", SMALL);
    assert_eq!(stand.engine.load_model(&model, None).await.unwrap().loaded, Some(true), "it is there already");
    for fault in [stand.engine.load_model(&model, Some(8_192)).await, stand.engine.unload_model(&model).await] {
        let fault = fault.unwrap_err();
        assert_eq!((fault.code, fault.hint.is_some()), ("cannot_load", true));
    }
}

#[tokio::test]
async fn another_model_that_answers_is_told_in_the_head_and_as_an_event() {
    let sim = Sim::lmstudio().model(cold().loaded()).start().await.unwrap();
    sim.script(Script::always(Answer::text("hello").as_model("org/other")));
    let stand = Stand::start(&local(&sim)).await;
    let mut ears = stand.ears();
    for body in [ask("hello"), ask_streamed("hello")] {
        let reply = stand.post("/v1/messages", &body).await;
        assert_eq!(reply.header("x-branchline-answered-as"), "org/other", "{:?}", reply.headers);
        let (asked, answered) = ears
            .hear("the other model", |event| match event {
                LiveEvent::OtherModel { asked, answered, .. } => Some((asked, answered)),
                _ => None,
            })
            .await;
        assert_eq!((asked, answered.as_str()), (format!("lmstudio:{CODER}"), "org/other"));
    }
    assert_eq!(stand.record().await.answered_as.as_deref(), Some("org/other"));
}
