//! Probes against simulated servers on loopback sockets.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use branchline_settings::ResolvedBackend;
use branchline_settings::schema::{AuthMode, BackendSettings, ProtocolChoice};
use branchline_sim::{Builder, Door, LmStudioAge, Model, Sim};
use branchline_wire::Upstream;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "sk-very-secret";

fn client() -> reqwest::Client {
    let tls = crate::tls::without_roots();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

fn settings(preset: &str, url: &str) -> BackendSettings {
    BackendSettings { preset: Some(preset.into()), base_url: Some(url.into()), ..BackendSettings::default() }
}

fn resolve(settings: &BackendSettings) -> ResolvedBackend {
    ResolvedBackend::resolve("mine", settings).unwrap()
}

async fn ask(preset: &str, url: &str, key: Option<&str>) -> Result<Found, ProbeError> {
    probe(&client(), &resolve(&settings(preset, url)), key).await
}

fn coder() -> Model {
    Model::llm("qwen/qwen3-coder-next").context(131_072).loaded().tools()
}

async fn local(builder: Builder) -> Sim {
    builder.model(coder()).model(Model::vlm("mistralai/devstral-small-2-2512")).start().await.unwrap()
}

/// A server that answers every request in the same way.
async fn server(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(move || async move { answer() });
    tokio::spawn(async { axum::serve(listener, app).await });
    url
}

fn json_reply(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

#[tokio::test]
async fn lm_studio_tells_windows_vision_tools_and_what_is_loaded() {
    let sim = local(Sim::lmstudio().model(Model::embedding("nomic"))).await;
    let found = ask("lmstudio", &sim.url(), None).await.unwrap();
    assert_eq!((found.flavour, found.protocol), (Flavour::LmStudio, Upstream::OpenaiChat));
    let [nomic, coder, devstral] = &found.models[..] else { panic!("{:?}", found.models) };
    assert_eq!(nomic.kind, ModelKind::Embedding);
    assert_eq!((coder.backend.as_str(), coder.kind, coder.tools), ("mine", ModelKind::Llm, Some(true)));
    assert_eq!((coder.context_loaded, coder.loaded), (Some(131_072), Some(true)));
    assert_eq!((devstral.kind, devstral.loaded, devstral.context_loaded), (ModelKind::Vision, Some(false), None));
    assert_eq!(sim.requests().len(), 1, "a current LM Studio is known by one request");
}

#[tokio::test]
async fn lm_studio_0_3_is_known_by_its_older_list() {
    let sim = local(Sim::lmstudio().age(LmStudioAge::V03)).await;
    let found = ask("lmstudio", &sim.url(), None).await.unwrap();
    assert_eq!(found.flavour, Flavour::LmStudio);
    assert_eq!(found.models[0].context_loaded, Some(131_072));
    assert_eq!(found.models[1].vision, Some(true));
}

#[tokio::test]
async fn lm_studio_0_2_is_known_by_its_words_and_has_bare_models() {
    let sim = local(Sim::lmstudio().age(LmStudioAge::V02)).await;
    let found = ask("openai_compatible", &sim.url(), None).await.unwrap();
    assert_eq!(found.flavour, Flavour::LmStudio);
    assert_eq!(found.models[0].id, "qwen/qwen3-coder-next");
    assert_eq!((found.models[0].vision, found.models[0].context_loaded), (None, None));
}

#[tokio::test]
async fn llama_cpp_tells_its_real_window_and_version() {
    let sim = Sim::llamacpp().model(coder()).start().await.unwrap();
    let found = ask("llamacpp", &sim.url(), None).await.unwrap();
    assert_eq!((found.flavour, found.version.as_deref()), (Flavour::LlamaCpp, Some("b7000-simulated")));
    let card = &found.models[0];
    assert_eq!((card.context_loaded, card.context_max), (Some(131_072), Some(262_144)));
    assert_eq!((card.vision, card.loaded, card.params.as_deref()), (Some(false), Some(true), Some("32B")));
}

#[tokio::test]
async fn a_llama_cpp_router_says_which_models_are_loaded() {
    let list = json!({"data": [{"id": "a/b:Q4_K_M", "status": {"value": "loaded"}},
        {"id": "c", "status": {"value": "unloaded"}}]});
    let answer = move |request: axum::extract::Request| {
        let list = list.clone();
        async move {
            match (request.uri().path(), request.uri().query()) {
                ("/props", None) => json_reply(
                    200,
                    &json!({"role": "router", "build_info": "b1",
                    "default_generation_settings": {"n_ctx": 0}}),
                ),
                ("/props", Some("model=a%2Fb%3AQ4_K_M&autoload=false")) => {
                    json_reply(200, &json!({"default_generation_settings": {"n_ctx": 32_768}}))
                }
                ("/models", None) => json_reply(200, &list),
                _ => json_reply(404, &json!({"error": {"code": 404, "message": "File Not Found"}})),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, Router::new().fallback(answer)).await });
    let found = ask("llamacpp", &url, None).await.unwrap();
    assert_eq!((found.models[0].loaded, found.models[0].context_loaded), (Some(true), Some(32_768)));
    assert_eq!((found.models[1].loaded, found.models[1].context_loaded), (Some(false), None));
}

#[tokio::test]
async fn ollama_tells_abilities_and_they_are_asked_for_once() {
    let sim = local(Sim::ollama()).await;
    let backend = resolve(&settings("ollama", &sim.url()));
    let prober = Prober::default();
    let found = prober.probe(&client(), &backend, None).await.unwrap();
    assert_eq!((found.flavour, found.version.as_deref()), (Flavour::Ollama, Some("0.14.2")));
    let [coder, devstral] = &found.models[..] else { panic!("{:?}", found.models) };
    assert_eq!((coder.context_loaded, coder.tools, coder.loaded), (Some(131_072), Some(true), Some(true)));
    assert_eq!((devstral.kind, devstral.loaded, devstral.context_max), (ModelKind::Vision, Some(false), Some(262_144)));
    let again = prober.probe(&client(), &backend, None).await.unwrap();
    assert!(again.same_models(&found));
    let shown = sim.requests().iter().filter(|request| request.path == "/api/show").count();
    assert_eq!(shown, 2, "one for each model");
}

#[tokio::test]
async fn vllm_is_known_by_its_window_and_every_model_of_it_is_loaded() {
    let sim = Sim::vllm().model(coder()).start().await.unwrap();
    let found = ask("vllm", &format!("{}/v1", sim.url()), None).await.unwrap();
    assert_eq!((found.flavour, found.version.as_deref()), (Flavour::Vllm, Some("0.33.0")));
    assert_eq!((found.models[0].context_loaded, found.models[0].loaded), (Some(131_072), Some(true)));
}

#[tokio::test]
async fn every_local_server_is_known_whatever_the_preset_says() {
    for (builder, flavour) in [
        (Sim::lmstudio(), Flavour::LmStudio),
        (Sim::llamacpp(), Flavour::LlamaCpp),
        (Sim::ollama(), Flavour::Ollama),
        (Sim::vllm(), Flavour::Vllm),
    ] {
        let sim = builder.model(coder()).start().await.unwrap();
        for preset in ["lmstudio", "llamacpp", "ollama", "vllm", "openai_compatible"] {
            let found = ask(preset, &sim.url(), None).await.unwrap();
            assert_eq!(found.flavour, flavour, "preset {preset}");
            assert_eq!(found.models[0].id, "qwen/qwen3-coder-next");
        }
    }
}

#[tokio::test]
async fn the_clouds_are_asked_for_their_list_only() {
    let anthropic = Sim::anthropic().key(KEY).model(Model::cloud("claude-sonnet-5-5")).start().await.unwrap();
    let found = ask("anthropic", &anthropic.url(), Some(KEY)).await.unwrap();
    assert_eq!((found.flavour, found.protocol), (Flavour::Anthropic, Upstream::Anthropic));
    assert_eq!((found.models[0].context_max, found.models[0].vision), (Some(200_000), Some(true)));
    let request = &anthropic.requests()[0];
    assert_eq!((request.header("x-api-key"), request.header("anthropic-version")), (KEY, "2023-06-01"));
    for (preset, builder) in [("openai", Sim::openai()), ("gemini", Sim::gemini())] {
        let sim = builder.key(KEY).model(Model::cloud("gpt-5")).start().await.unwrap();
        let found = ask(preset, &sim.base_url(), Some(KEY)).await.unwrap();
        assert_eq!((found.flavour, found.models.len()), (Flavour::OpenaiCompatible, 1), "{preset}");
        assert_eq!(sim.requests().len(), 1, "{preset}");
    }
}

#[tokio::test]
async fn an_unnamed_anthropic_server_is_known_by_its_list() {
    let sim = Sim::anthropic().without_key().model(Model::cloud("claude")).start().await.unwrap();
    let found = ask("openai_compatible", &sim.url(), None).await.unwrap();
    assert_eq!((found.flavour, found.protocol), (Flavour::Anthropic, Upstream::Anthropic));
}

#[tokio::test]
async fn the_protocol_of_the_settings_stands() {
    let sim = local(Sim::lmstudio()).await;
    let own = BackendSettings { protocol: Some(ProtocolChoice::Anthropic), ..settings("lmstudio", &sim.url()) };
    let found = probe(&client(), &resolve(&own), None).await.unwrap();
    assert_eq!((found.flavour, found.protocol), (Flavour::LmStudio, Upstream::Anthropic));
}

#[tokio::test]
async fn a_closed_port_says_how_the_server_is_started() {
    let sim = local(Sim::lmstudio()).await;
    sim.stop().await;
    let error = ask("lmstudio", &sim.url(), None).await.unwrap_err();
    assert!(matches!(&error, ProbeError::Unreachable { detail, .. } if detail.contains("refused")), "{error}");
    assert!(error.hint().contains("lms server start"), "{}", error.hint());
}

#[tokio::test]
async fn a_wrong_key_is_unauthorized_and_never_shown() {
    for (preset, builder) in [
        ("lmstudio", Sim::lmstudio()),
        ("llamacpp", Sim::llamacpp()),
        ("vllm", Sim::vllm()),
        ("anthropic", Sim::anthropic()),
        ("openai", Sim::openai()),
        ("gemini", Sim::gemini()),
    ] {
        let sim = builder.key("another").model(coder()).start().await.unwrap();
        let error = ask(preset, &sim.base_url(), Some(KEY)).await.unwrap_err();
        assert!(matches!(error, ProbeError::Unauthorized { with_key: true, .. }), "{preset}: {error}");
        assert!(error.hint().contains("branchline key set mine"));
        assert!(!format!("{error:?} {error} {}", error.hint()).contains(KEY));
    }
}

#[tokio::test]
async fn a_local_server_that_wants_a_key_says_so() {
    let sim = local(Sim::lmstudio().key(KEY)).await;
    let error = ask("lmstudio", &sim.url(), None).await.unwrap_err();
    assert!(error.to_string().contains("wants a key"), "{error}");
    assert!(ask("lmstudio", &sim.url(), Some(KEY)).await.is_ok());
}

#[tokio::test]
async fn a_cloud_without_a_key_is_not_asked() {
    let sim = Sim::openai().start().await.unwrap();
    let error = ask("openai", &sim.base_url(), None).await.unwrap_err();
    assert_eq!(error.code(), "missing_key");
    assert!(error.hint().contains("platform.openai.com"));
    assert!(sim.requests().is_empty());
}

#[tokio::test]
async fn a_key_with_a_line_break_is_unusable() {
    let error = ask("openai", "http://127.0.0.1:9", Some("sk\nnext")).await.unwrap_err();
    assert_eq!(error, ProbeError::UnusableKey { backend: "mine".into() });
}

#[tokio::test]
async fn a_login_passed_through_cannot_list_models_and_is_no_error() {
    let sim = Sim::anthropic().key(KEY).start().await.unwrap();
    let own = BackendSettings { auth: Some(AuthMode::Passthrough), ..settings("anthropic", &sim.url()) };
    let found = probe(&client(), &resolve(&own), None).await.unwrap();
    assert_eq!((found.flavour, found.models.len()), (Flavour::Anthropic, 0));
}

#[tokio::test]
async fn a_web_page_is_no_model_server() {
    let url = server(|| Html("<!doctype html><h1>It works</h1>").into_response()).await;
    let error = ask("lmstudio", &url, None).await.unwrap_err();
    assert!(matches!(&error, ProbeError::NotAModelServer { detail, .. } if detail.contains("a web page")), "{error}");
    assert!(error.hint().contains("base_url"));
}

#[tokio::test]
async fn json_of_another_program_is_no_model_server() {
    for body in [json!({"ok": true}), json!([1, 2]), json!({"models": [{"title": "x"}]}), json!("hello")] {
        let answer = body.clone();
        let url = server(move || json_reply(200, &answer)).await;
        let error = ask("openai_compatible", &url, None).await.unwrap_err();
        assert_eq!(error.code(), "not_a_model_server", "{body}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let url = server(|| json_reply(200, &json!({"models": "x".repeat(9 * 1024 * 1024)}))).await;
    let error = ask("lmstudio", &url, None).await.unwrap_err();
    assert!(error.to_string().contains("larger than 8 MiB"), "{error}");
}

#[tokio::test]
async fn a_server_that_reads_its_model_from_disk_is_loading() {
    let body = json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}});
    let url = server(move || json_reply(503, &body)).await;
    let error = ask("llamacpp", &url, None).await.unwrap_err();
    assert_eq!(error.code(), "loading");
}

#[tokio::test]
async fn a_cloud_in_trouble_is_failing() {
    for status in [429, 500, 529] {
        let url = server(move || json_reply(status, &json!({"error": {"message": "later"}}))).await;
        let error = ask("openai", &url, Some(KEY)).await.unwrap_err();
        assert!(matches!(error, ProbeError::Failing { status: said, .. } if said == status), "{error}");
    }
}

#[tokio::test]
async fn a_provider_of_known_protocol_without_a_list_is_there() {
    let url = server(|| json_reply(404, &json!({"error": "no such path"}))).await;
    let own = BackendSettings { protocol: Some(ProtocolChoice::Anthropic), ..settings("openai_compatible", &url) };
    let found = probe(&client(), &resolve(&own), None).await.unwrap();
    assert_eq!((found.flavour, found.protocol, found.models.len()), (Flavour::Anthropic, Upstream::Anthropic, 0));
}

#[tokio::test]
async fn a_server_that_never_answers_costs_one_limit_and_no_more() {
    let sim = local(Sim::lmstudio()).await;
    sim.set_door(Door::Deaf);
    let began = std::time::Instant::now();
    let error = ask("lmstudio", &sim.url(), None).await.unwrap_err();
    assert!(matches!(error, ProbeError::Timeout { limit_ms: 2_000, .. }), "{error}");
    assert!(began.elapsed() < std::time::Duration::from_secs(4));
}

#[tokio::test]
async fn a_server_that_slams_the_door_is_no_model_server_or_unreachable() {
    let sim = local(Sim::lmstudio()).await;
    sim.set_door(Door::Slammed);
    let error = ask("lmstudio", &sim.url(), None).await.unwrap_err();
    assert!(["unreachable", "not_a_model_server"].contains(&error.code()), "{error}");
}
