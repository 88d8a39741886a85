//! Who is let in, and how the others are told. Every refusal has a code, a message, a hint and a record.

use branchline_proxy::record::Outcome;
use branchline_tests::{Opened, Reply, Stand};
use serde_json::{Value, json};

use crate::rig::{ask, backend, lmstudio, local};

/// What a request is made of.
struct Try<'t> {
    path: &'t str,
    headers: Vec<(&'t str, String)>,
    body: String,
}

impl<'t> Try<'t> {
    fn new(stand: &Stand, path: &'t str) -> Self {
        let headers =
            vec![("authorization", format!("Bearer {}", stand.token())), ("content-type", "application/json".into())];
        Self { path, headers, body: ask("say hello").to_string() }
    }

    fn with(mut self, name: &'t str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    async fn send(self, stand: &Stand) -> Reply {
        let mut request = stand.http().post(format!("{}{}", stand.url, self.path)).body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        Opened(request.send().await.unwrap()).into_reply().await
    }
}

/// Checks a refusal in the protocol of its path.
async fn refused(stand: &Stand, path: &str, reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.header("x-branchline-error")), (status, code), "{path}: {}", reply.text);
    let body = reply.json();
    let message = body["error"]["message"].as_str().unwrap_or_else(|| panic!("{}", reply.text));
    assert!(!message.is_empty());
    if path.starts_with("/v1/chat") || path.starts_with("/v1/responses") {
        assert!(
            body["error"].get("type").is_some() && body["error"]["code"].is_string() && body.get("type").is_none(),
            "{body}"
        );
    } else {
        assert_eq!(body["type"], "error", "{body}");
        assert!(
            body["error"]["type"].as_str().is_some_and(|kind| kind.ends_with("_error") || kind == "request_too_large")
        );
        assert_eq!(body["request_id"], reply.header("x-branchline-request-id"));
    }
    let record = stand.record().await;
    assert_eq!(
        (record.id.as_str(), record.status, record.outcome),
        (reply.header("x-branchline-request-id"), status, Outcome::Error)
    );
    let error = record.error.unwrap();
    assert_eq!(error.code, code);
    let token = stand.token();
    assert!(!reply.text.contains(&token) && !error.message.contains(&token));
}

const PATHS: [&str; 5] =
    ["/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions", "/v1/responses", "/classify"];

async fn stand() -> (branchline_sim::Sim, Stand) {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    (sim, stand)
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_refused_in_the_client_s_own_protocol() {
    let (sim, stand) = stand().await;
    let control = stand.engine.tokens.control.expose().to_owned();
    for path in PATHS {
        let reply = Try::new(&stand, path).without("authorization").send(&stand).await;
        refused(&stand, path, &reply, 401, "wrong_token").await;
        assert!(reply.text.contains("missing") && reply.text.contains("branchline env"), "{}", reply.text);
        for wrong in [
            "Bearer nonsense",
            "Bearer ",
            "Basic abc",
            &format!("Bearer {control}"),
            &format!("Bearer {}x", stand.token()),
        ] {
            let reply = Try::new(&stand, path).with("authorization", wrong).send(&stand).await;
            refused(&stand, path, &reply, 401, "wrong_token").await;
        }
        let reply = Try::new(&stand, path).without("authorization").with("x-api-key", "sk-ant-mine").send(&stand).await;
        refused(&stand, path, &reply, 401, "wrong_token").await;
        assert!(!reply.text.contains("sk-ant-mine"));
    }
    let models = stand.http().get(format!("{}/v1/models", stand.url)).send().await.unwrap();
    assert_eq!(models.status(), 401);
    assert!(sim.calls().is_empty());
}

#[tokio::test]
async fn without_require_token_anyone_on_this_machine_may_call() {
    let sim = lmstudio().await;
    let stand = Stand::start(&format!("{}server.require_token = false\n", local(&sim))).await;
    assert_eq!(Try::new(&stand, "/v1/messages").without("authorization").send(&stand).await.status, 200);
    let control = Try::new(&stand, "/api/rpc").without("authorization").send(&stand).await;
    assert_eq!(control.status, 401, "the control door has its own lock");
}

#[tokio::test]
async fn foreign_hosts_and_foreign_pages_are_refused() {
    let (sim, stand) = stand().await;
    for path in PATHS {
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1", "evil.example:80"] {
            let reply = Try::new(&stand, path).with("host", host).send(&stand).await;
            refused(&stand, path, &reply, 403, "foreign_host").await;
        }
        for origin in ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1"] {
            let reply = Try::new(&stand, path).with("origin", origin).send(&stand).await;
            refused(&stand, path, &reply, 403, "foreign_origin").await;
        }
    }
    let own = stand.url.clone();
    assert_eq!(Try::new(&stand, "/v1/messages").with("origin", &own).send(&stand).await.status, 200);
    let page = stand.http().get(format!("{}/", stand.url)).header("host", "evil.example").send().await.unwrap();
    assert_eq!(page.status(), 403, "open pages too");
    assert_eq!(sim.calls().len(), 1);
}

#[tokio::test]
async fn a_host_the_settings_name_is_let_in() {
    let sim = lmstudio().await;
    let stand = Stand::start(&format!("{}server.allowed_hosts = [\"workstation.lan\"]\n", local(&sim))).await;
    assert_eq!(Try::new(&stand, "/v1/messages").with("host", "WORKSTATION.lan:4117").send(&stand).await.status, 200);
}

#[tokio::test]
async fn only_json_is_taken() {
    let (_sim, stand) = stand().await;
    for path in PATHS {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let reply = Try::new(&stand, path).with("content-type", kind).send(&stand).await;
            refused(&stand, path, &reply, 415, "content_type").await;
        }
        let reply = Try::new(&stand, path).without("content-type").send(&stand).await;
        refused(&stand, path, &reply, 415, "content_type").await;
    }
    let fine =
        Try::new(&stand, "/v1/messages").with("content-type", "application/json; charset=utf-8").send(&stand).await;
    assert_eq!(fine.status, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let sim = lmstudio().await;
    let stand = Stand::start(&format!("{}server.body_limit_mib = 1\n", local(&sim))).await;
    for path in PATHS {
        let large = ask(&"x".repeat(1_100_000)).to_string();
        let reply = Try::new(&stand, path).body(large).send(&stand).await;
        refused(&stand, path, &reply, 413, "too_large").await;
        assert!(reply.text.contains("body_limit_mib"), "{}", reply.text);
    }
    assert!(sim.calls().is_empty());
}

#[tokio::test]
async fn broken_requests_are_400_and_say_where() {
    let (sim, stand) = stand().await;
    for path in PATHS {
        for body in ["", "{", "[]", "null", "{\"messages\":5}", "{\"model\":\"auto\"}", "\u{feff}nonsense"] {
            let reply = Try::new(&stand, path).body(body).send(&stand).await;
            refused(&stand, path, &reply, 400, "bad_request").await;
        }
    }
    for (body, at) in [
        (json!({"model": "auto", "max_tokens": 5, "messages": [{"role": "robot", "content": "x"}]}), "messages"),
        (json!({"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": 7}]}), "messages"),
        (json!({"model": 5, "max_tokens": 5, "messages": []}), "model"),
    ] {
        let reply = Try::new(&stand, "/v1/messages").body(body.to_string()).send(&stand).await;
        refused(&stand, "/v1/messages", &reply, 400, "bad_request").await;
        assert!(reply.text.contains(at), "{at}: {}", reply.text);
    }
    let bytes = stand
        .http()
        .post(format!("{}/v1/messages", stand.url))
        .bearer_auth(stand.token())
        .header("content-type", "application/json");
    let reply = Opened(bytes.body(vec![b'{', b'"', 0xff, 0xfe, b'"']).send().await.unwrap()).into_reply().await;
    refused(&stand, "/v1/messages", &reply, 400, "bad_request").await;
    assert!(sim.calls().is_empty());
}

#[tokio::test]
async fn deep_nesting_does_not_bring_the_engine_down() {
    let (_sim, stand) = stand().await;
    let deep = format!(
        "{{\"model\":\"auto\",\"max_tokens\":5,\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}}],\"metadata\":{}{}}}",
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    for path in PATHS {
        let reply = Try::new(&stand, path).body(deep.clone()).send(&stand).await;
        assert!(matches!(reply.status, 200 | 400), "{path}: {}", reply.status);
    }
    assert_eq!(stand.get("/health", &[]).await.status, 200);
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_told() {
    let (_sim, stand) = stand().await;
    for (path, hint) in [
        ("/v1/v1/messages", "without /v1"),
        ("/v1/responses/x", "/docs"),
        ("/v1/chat/nothing", "/docs"),
        ("/nothing", "/docs"),
    ] {
        let reply = Try::new(&stand, path).send(&stand).await;
        refused(&stand, path, &reply, 404, "no_such_route").await;
        assert!(reply.text.contains(hint), "{}", reply.text);
    }
    for path in PATHS {
        let reply = stand.get(path, &[]).await;
        assert_eq!((reply.status, reply.header("x-branchline-error")), (405, "wrong_method"), "{path}: {}", reply.text);
        assert_eq!(stand.record().await.status, reply.status);
    }
}

#[tokio::test]
async fn the_control_door_opens_with_the_control_token_only() {
    let (_sim, stand) = stand().await;
    let call = json!({"name": "status", "request": {}}).to_string();
    for token in [stand.token(), String::new(), "nonsense".into()] {
        let reply = Try::new(&stand, "/api/rpc")
            .with("authorization", &format!("Bearer {token}"))
            .body(call.clone())
            .send(&stand)
            .await;
        assert_eq!((reply.status, reply.header("x-branchline-error")), (401, "wrong_token"), "{}", reply.text);
        assert_eq!(stand.get("/api/events", &[]).await.status, 401);
    }
    let control = stand.engine.tokens.control.expose().to_owned();
    let reply =
        Try::new(&stand, "/api/rpc").with("authorization", &format!("Bearer {control}")).body(call).send(&stand).await;
    assert_ne!(reply.status, 401, "{}", reply.text);
    let file = std::fs::metadata(stand.engine.paths.control_token_file()).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
}

#[tokio::test]
async fn a_request_that_comes_back_is_refused() {
    let (sim, stand) = stand().await;
    let reply = Try::new(&stand, "/v1/messages").with("x-branchline-hop", "1").send(&stand).await;
    refused(&stand, "/v1/messages", &reply, 400, "self_reference").await;
    assert!(sim.calls().is_empty());
}

#[tokio::test]
async fn our_own_address_as_a_backend_is_refused_and_not_called() {
    // With port 0 nobody can tell from the file alone.
    let stand = Stand::start("").await;
    let itself = format!("backends.loop.base_url = \"{}\"\nbackends.loop.local = true\n", stand.url);
    std::fs::write(&stand.engine.paths.config_file, branchline_tests::stand::settings_text(&itself)).unwrap();
    branchline_proxy::watch::reload(&stand.engine, &stand.engine.paths.config_file).await;
    let mut body = ask("say hello");
    body["model"] = "loop:any".into();
    let reply = stand.post("/v1/messages", &body).await;
    refused(&stand, "/v1/messages", &reply, 400, "self_reference").await;
    assert!(reply.text.contains("base_url"), "{}", reply.text);
}

#[tokio::test]
async fn every_call_of_a_backend_says_that_it_has_been_through_here() {
    let (sim, stand) = stand().await;
    stand.post("/v1/messages", &ask("say hello")).await;
    assert_eq!(sim.calls()[0].header("x-branchline-hop"), "1");
}

#[tokio::test]
async fn neither_our_token_nor_foreign_logins_reach_a_backend() {
    let sim = lmstudio().await;
    let cloud = crate::rig::anthropic().await;
    let stand = Stand::start(&format!("{}{}", local(&sim), backend("anthropic", &cloud))).await;
    let mut secret = Vec::new();
    for model in ["local", "cloud"] {
        let mut body = ask("say hello");
        body["model"] = model.into();
        let request = Try::new(&stand, "/v1/messages")
            .with("x-api-key", "sk-ant-clients-own")
            .with("cookie", "a=b")
            .body(body.to_string());
        assert_eq!(request.send(&stand).await.status, 200);
        secret = vec![stand.token(), "sk-ant-clients-own".to_owned(), "a=b".to_owned()];
    }
    for request in sim.requests().iter().chain(&cloud.requests()) {
        let sent = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.raw));
        assert!(secret.iter().all(|one| !sent.contains(one)), "{sent}");
    }
}

#[tokio::test]
async fn a_thousand_refusals_leave_a_thousand_records() {
    let (_sim, stand) = stand().await;
    for _ in 0..50 {
        let replies = (0..20).map(|_| Try::new(&stand, "/v1/messages").body("{").send(&stand));
        let replies = futures_util::future::join_all(replies).await;
        assert!(replies.iter().all(|reply| reply.status == 400));
    }
    stand.engine.store.flush().await.unwrap();
    let all = branchline_proxy::store::RecordFilter { limit: Some(2000), ..Default::default() };
    assert_eq!(stand.engine.store.records(all).await.unwrap().len(), 1000);
    let _: Value = stand.get("/health", &[]).await.json();
}
