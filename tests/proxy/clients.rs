//! What clients may ask, in both protocols.

use branchline_sim::Answer;
use branchline_tests::Stand;
use serde_json::{Value, json};

use crate::rig::{
    CODER, anthropic, ask, ask_streamed, both, chat, chat_streamed, lmstudio, local, text_of, told, told_openai, used,
};

#[tokio::test]
async fn an_anthropic_client_gets_a_whole_answer() {
    let sim = lmstudio().await;
    sim.script(used(40, 30, 3));
    let stand = Stand::start(&local(&sim)).await;
    let reply = stand.post("/v1/messages", &ask("say hello")).await;
    assert_eq!(text_of(&reply), "Done.");
    let answer = reply.json();
    assert_eq!(
        (&answer["type"], &answer["role"], &answer["stop_reason"]),
        (&json!("message"), &json!("assistant"), &json!("end_turn"))
    );
    assert_eq!(answer["usage"]["input_tokens"], 10);
    assert_eq!(answer["usage"]["cache_read_input_tokens"], 30);
    assert_eq!(answer["usage"]["output_tokens"], 3);
    assert_eq!(reply.header("x-branchline-model"), format!("lmstudio:{CODER}"));
    assert!(reply.header("x-branchline-request-id").starts_with("req_"));
    let record = stand.record().await;
    assert_eq!(record.id, reply.header("x-branchline-request-id"));
    assert_eq!((record.usage.input, record.usage.cache_read, record.usage.output), (10, 30, 3));
    sim.verdict().unwrap();
}

#[tokio::test]
async fn an_anthropic_client_gets_a_stream_whatever_the_query_string() {
    for path in ["/v1/messages", "/v1/messages?beta=true", "/v1/messages?beta=true&x=%20y", "/v1/messages?"] {
        let sim = lmstudio().await;
        sim.script(Answer::text("One two three."));
        let stand = Stand::start(&local(&sim)).await;
        let told = told(&stand.post(path, &ask_streamed("say hello")).await);
        assert_eq!((told.text().as_str(), &told.stop_reason), ("One two three.", &json!("end_turn")), "{path}");
        assert!(told.usage["output_tokens"].as_u64() > Some(0));
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn an_openai_client_gets_a_whole_answer() {
    let sim = lmstudio().await;
    sim.script(Answer::text("Hello."));
    let stand = Stand::start(&local(&sim)).await;
    let reply = stand.post("/v1/chat/completions", &chat("say hello")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "Hello.");
    assert_eq!(reply.json()["choices"][0]["finish_reason"], "stop");
    sim.verdict().unwrap();
}

#[tokio::test]
async fn an_openai_client_gets_a_stream_with_usage_and_done() {
    let sim = lmstudio().await;
    sim.script(Answer::text("One two three."));
    let stand = Stand::start(&local(&sim)).await;
    let told = told_openai(&stand.post("/v1/chat/completions?x=1", &chat_streamed("say hello")).await);
    assert_eq!((told.text().as_str(), &told.stop_reason, told.complete), ("One two three.", &json!("stop"), true));
    assert!(told.usage["completion_tokens"].as_u64() > Some(0), "{told:?}");
    sim.verdict().unwrap();
}

#[tokio::test]
async fn an_openai_client_reaches_an_anthropic_backend_in_both_ways() {
    let cloud = anthropic().await;
    let stand = Stand::start(&crate::rig::backend("anthropic", &cloud)).await;
    let tools =
        json!([{"type": "function", "function": {"name": "Bash", "parameters": {"type": "object", "properties": {}}}}]);
    for stream in [false, true] {
        cloud.script(Answer::text("Looking.").and_call("Bash", json!({"command": "ls"})));
        let mut body = if stream { chat_streamed("list files") } else { chat("list files") };
        body["model"] = "cloud".into();
        body["tools"] = tools.clone();
        let reply = stand.post("/v1/chat/completions", &body).await;
        if stream {
            let told = told_openai(&reply);
            assert_eq!(
                (told.calls()[0]["input"]["command"].as_str(), &told.stop_reason),
                (Some("ls"), &json!("tool_calls"))
            );
        } else {
            let choice = &reply.json()["choices"][0];
            assert_eq!(choice["message"]["tool_calls"][0]["function"]["name"], "Bash", "{}", reply.text);
            assert_eq!(choice["finish_reason"], "tool_calls");
        }
    }
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn the_token_is_taken_from_every_header_a_client_may_use() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    let token = stand.token();
    for (name, value) in [
        ("authorization", format!("Bearer {token}")),
        ("x-api-key", token.clone()),
        ("x-branchline-token", token.clone()),
    ] {
        let request = stand
            .http()
            .post(format!("{}/v1/messages", stand.url))
            .header(name, &value)
            .header("content-type", "application/json");
        let reply = request.body(ask("say hello").to_string()).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{name}");
    }
    for call in sim.calls() {
        let sent = format!("{:?}{}", call.headers, String::from_utf8_lossy(&call.raw));
        assert!(!sent.contains(&token), "the client token reached the backend: {sent}");
    }
    sim.verdict().unwrap();
}

#[tokio::test]
async fn both_versions_of_the_anthropic_api_are_taken() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&both(&home, &cloud)).await;
    for version in ["2023-06-01", "2026-10-21"] {
        for model in ["local", "cloud"] {
            let mut body = ask("say hello");
            body["model"] = model.into();
            let request = stand.http().post(format!("{}/v1/messages", stand.url)).bearer_auth(stand.token());
            let request = request.header("content-type", "application/json").header("anthropic-version", version);
            let reply = request.body(body.to_string()).send().await.unwrap();
            assert_eq!(reply.status(), 200, "{version} {model}");
        }
    }
    let versions: Vec<_> = cloud.calls().iter().map(|call| call.header("anthropic-version").to_owned()).collect();
    assert_eq!(versions, ["2023-06-01", "2026-10-21"]);
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn tokens_are_counted_with_system_and_tools_and_no_model_is_asked() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    let count = async |body: Value| {
        let reply = stand.post("/v1/messages/count_tokens?beta=true", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["input_tokens"].as_u64().unwrap()
    };
    let plain = json!({"model": "m", "messages": [{"role": "user", "content": "foo"}]});
    let mut tooled = plain.clone();
    tooled["tools"] = branchline_tests::session::tools();
    let mut told = tooled.clone();
    told["system"] = "Be brief. ".repeat(100).into();
    let (plain, tooled, told) = (count(plain).await, count(tooled).await, count(told).await);
    assert!(0 < plain && plain < tooled && tooled + 200 < told, "{plain} {tooled} {told}");
    assert!(sim.calls().is_empty());
}

#[tokio::test]
async fn the_models_are_listed_in_both_shapes() {
    let sim = lmstudio().await;
    let stand =
        Stand::start(&format!("{}aliases.\"claude-opus-4-1\".model = \"lmstudio:{CODER}\"\n", local(&sim))).await;
    let openai = stand.get("/v1/models", &[]).await.json();
    assert_eq!(openai["object"], "list");
    let ids = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    };
    for id in ["auto", "local", "cloud", &format!("lmstudio:{CODER}"), "claude-opus-4-1"] {
        assert!(ids(&openai).contains(&id.to_owned()), "{id} of {openai}");
    }
    let anthropic = stand.get("/v1/models?limit=1000", &[("anthropic-version", "2023-06-01")]).await.json();
    assert_eq!(anthropic["has_more"], false);
    for model in anthropic["data"].as_array().unwrap() {
        let id = model["id"].as_str().unwrap();
        assert!(id.starts_with("claude") || id.starts_with("anthropic"), "Claude Code would hide {id}");
        assert_eq!(model["type"], "model");
        assert!(model["display_name"].is_string() && model["created_at"].is_string());
    }
    let coder =
        anthropic["data"].as_array().unwrap().iter().find(|model| model["id"] == format!("anthropic/lmstudio:{CODER}"));
    assert_eq!(coder.unwrap()["max_input_tokens"], 131_072);
}

#[tokio::test]
async fn every_listed_model_can_be_looked_up_and_asked() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&both(&home, &cloud)).await;
    let headers = [("anthropic-version", "2023-06-01")];
    let list = stand.get("/v1/models", &headers).await.json();
    for model in list["data"].as_array().unwrap() {
        let id = model["id"].as_str().unwrap();
        let found = stand.get(&format!("/v1/models/{id}"), &headers).await;
        assert_eq!((found.status, &found.json()), (200, model), "{id}");
        let mut body = ask("say hello");
        body["model"] = id.into();
        let reply = stand.post("/v1/messages", &body).await;
        assert_eq!(reply.status, 200, "{id}: {}", reply.text);
    }
    let missing = stand.get("/v1/models/nothing", &headers).await;
    assert_eq!((missing.status, &missing.json()["error"]["type"]), (404, &json!("not_found_error")));
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn classify_explains_a_text_and_requests_of_every_protocol_without_asking_a_model() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&both(&home, &cloud)).await;
    let openai = json!({"model": "auto", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": crate::rig::HARD}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]});
    let responses = json!({"model": "auto", "instructions": "s", "input": crate::rig::HARD,
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]});
    for body in [json!({"text": crate::rig::HARD}), ask(crate::rig::HARD), openai, responses] {
        let explained = stand.post("/classify", &body).await;
        assert_eq!(explained.status, 200, "{}", explained.text);
        let explained = explained.json();
        assert_eq!((&explained["target"], &explained["threshold"]), (&json!("cloud"), &json!(50)), "{explained}");
        assert!(
            explained["score"].as_u64() >= Some(50) && explained["points"].as_array().is_some_and(|p| !p.is_empty())
        );
        assert!(explained["reasons"][0].is_string());
    }
    let easy = stand.post("/classify", &json!({"text": "say hello"})).await.json();
    assert_eq!((&easy["target"], &easy["model"]), (&json!("local"), &json!(format!("lmstudio:{CODER}"))));
    for wrong in [json!({}), json!([1]), json!({"text": 5})] {
        let reply = stand.post("/classify", &wrong).await;
        assert_eq!(reply.status, 400, "{wrong}: {}", reply.text);
    }
    assert!(home.calls().is_empty() && cloud.calls().is_empty());
}

#[tokio::test]
async fn the_open_pages_need_no_token() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    let get = async |path: &str| stand.http().get(format!("{}{path}", stand.url)).send().await.unwrap();
    for (path, kind) in [
        ("/", "text/html"),
        ("/docs", "text/html"),
        ("/docs/openapi.json", "application/json"),
        ("/health", "application/json"),
        ("/metrics", "text/plain"),
    ] {
        let reply = get(path).await;
        assert_eq!(reply.status(), 200, "{path}");
        assert!(reply.headers()["content-type"].to_str().unwrap().starts_with(kind), "{path}");
    }
    let health: Value = serde_json::from_str(&get("/health").await.text().await.unwrap()).unwrap();
    assert_eq!(health["status"], "ok", "{health}");
    let hello = stand.http().head(format!("{}/api/hello", stand.url)).send().await.unwrap();
    assert_eq!(hello.status(), 200);
    let page = get("/").await.text().await.unwrap();
    assert!(page.contains("LM Studio") && !page.contains(&stand.token()), "{page}");
}

#[tokio::test]
async fn the_api_document_names_every_route_and_every_route_it_names_exists() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    let document = stand.get("/docs/openapi.json", &[]).await.json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let source = include_str!("../../crates/proxy/src/server.rs");
    let routes = source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")?.split('"').next());
    let public: Vec<_> = routes.filter(|path| !path.starts_with("/api/")).map(|path| path.replace("{*", "{")).collect();
    assert!(public.len() >= 10);
    for path in &public {
        assert!(document["paths"].get(path).is_some(), "{path} is not in the document");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(public.contains(path), "{path} is documented and not there");
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["responses"].is_object() && operation["operationId"].is_string(), "{method} {path}");
        }
    }
    for reference in document.to_string().split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}

#[tokio::test]
async fn a_quota_probe_is_answered_here() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    let mut body = ask("quota");
    body["max_tokens"] = 1.into();
    let reply = stand.post("/v1/messages", &body).await;
    assert_eq!((reply.status, &reply.json()["stop_reason"]), (200, &json!("max_tokens")));
    body["stream"] = true.into();
    assert!(told(&stand.post("/v1/messages", &body).await).complete);
    assert!(sim.calls().is_empty());
    assert_eq!(stand.record().await.outcome, branchline_proxy::record::Outcome::AnsweredHere);
}
