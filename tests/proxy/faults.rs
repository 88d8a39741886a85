//! Every way in which the simulated servers fail, on both protocols, streamed and whole: never a hang, never a panic,
//! never an ungrammatical stream, always a record.

use branchline_proxy::record::Outcome;
use branchline_sim::{Answer, Fault, FaultBody, Sim};
use branchline_tests::grammar::Told;
use branchline_tests::{Reply, Stand, grammar};
use serde_json::{Value, json};

use crate::rig::{anthropic, ask_streamed, backend, chat_streamed, lmstudio, respond, respond_streamed, told};

/// What goes wrong, and whether the answer still arrives.
fn bearable() -> Vec<Fault> {
    vec![
        Fault::NoDone,
        Fault::CrLf,
        Fault::Comments,
        Fault::UnknownEvents,
        Fault::HugeLine(300_000),
        Fault::NoUsage,
        Fault::UsageInFinish,
        Fault::EmptyChoicesFirst,
        Fault::ToolIndexZero,
        Fault::ToolIndexMissing,
        Fault::ToolIdMissing,
        Fault::ToolNameRepeated,
        Fault::ToolIdRepeated,
        Fault::ToolArgumentsObject,
        Fault::ToolWhole,
        Fault::FinishStop,
        Fault::ToolsInterleaved,
    ]
}

fn fatal() -> Vec<Fault> {
    let error = |deltas| Fault::ErrorAfter { deltas, kind: "overloaded_error".into(), message: "too busy".into() };
    let chunk = |deltas| Fault::ErrorChunkAfter { deltas, code: 502, message: "provider broke".into() };
    let status = |status, body| Fault::Status { status, body, retry_after: None };
    vec![
        Fault::CloseUnanswered { reset: false },
        Fault::CloseUnanswered { reset: true },
        Fault::NeverAnswer,
        Fault::rate_limited(0),
        Fault::overloaded(),
        Fault::unavailable(0),
        Fault::bad_gateway_page(),
        Fault::status(400, "something is wrong"),
        Fault::status(401, "no"),
        Fault::status(403, "no"),
        Fault::status(404, "no"),
        Fault::status(500, "broken"),
        status(503, FaultBody::Empty),
        status(400, FaultBody::Empty),
        status(418, FaultBody::Html("<html>tea</html>".into())),
        status(302, FaultBody::Empty),
        status(200, FaultBody::Html("<html>log in</html>".into())),
        status(200, FaultBody::Empty),
        status(200, FaultBody::Json(json!([]))),
        status(500, FaultBody::Json(json!({"detail": [{"msg": "x", "loc": []}]}))),
        Fault::ErrorUnder200("model crashed".into()),
        Fault::EmptyStream,
        Fault::DieAfter { bytes: 0, reset: false },
        Fault::DieAfter { bytes: 40, reset: true },
        Fault::DieAfter { bytes: 800, reset: false },
        Fault::EndAfter { bytes: 0 },
        Fault::EndAfter { bytes: 40 },
        Fault::EndAfter { bytes: 800 },
        Fault::SilentAfter { bytes: 0 },
        Fault::SilentAfter { bytes: 40 },
        Fault::SilentAfter { bytes: 800 },
        error(0),
        error(2),
        chunk(0),
        chunk(2),
        Fault::NoFinish,
    ]
}

fn answer() -> Answer {
    Answer::text("Some words before the calls, some more words, and a few more of them.")
        .and_call("Read", json!({"file_path": "/a"}))
        .and_call("Bash", json!({"command": "ls -l"}))
}

async fn stands() -> Vec<(Sim, Stand)> {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let settings = |name: &str, sim: &Sim| {
        format!(
            "{}backends.{name}.retry_attempts = 0\nbackends.{name}.first_byte_timeout_ms = 120\nbackends.{name}.idle_timeout_ms = 120\n",
            backend(name, sim)
        )
    };
    let at_home = Stand::start(&settings("lmstudio", &home)).await;
    let in_cloud = Stand::start(&settings("anthropic", &cloud)).await;
    vec![(home, at_home), (cloud, in_cloud)]
}

/// The ways a client may ask: path, body, streamed.
fn ways() -> Vec<(&'static str, Value, bool)> {
    let tools = json!([{"name": "Read", "input_schema": {"type": "object"}}, {"name": "Bash", "input_schema": {"type": "object"}}]);
    let openai_tools = json!([{"type": "function", "function": {"name": "Read", "parameters": {"type": "object"}}},
        {"type": "function", "function": {"name": "Bash", "parameters": {"type": "object"}}}]);
    let mut all = Vec::new();
    for streamed in [true, false] {
        let mut anthropic = ask_streamed("say hello");
        anthropic["tools"] = tools.clone();
        let mut openai = chat_streamed("say hello");
        openai["tools"] = openai_tools.clone();
        if !streamed {
            anthropic["stream"] = false.into();
            openai.as_object_mut().unwrap().retain(|key, _| !key.starts_with("stream"));
        }
        let mut responses = if streamed { respond_streamed("say hello") } else { respond("say hello") };
        responses["tools"] = json!([{"type": "function", "name": "Read", "parameters": {"type": "object"}},
            {"type": "function", "name": "Bash", "parameters": {"type": "object"}}]);
        all.push(("/v1/messages", anthropic, streamed));
        all.push(("/v1/responses", responses, streamed));
        all.push(("/v1/chat/completions", openai, streamed));
    }
    all
}

fn read(path: &str, reply: &Reply, what: &str) -> Told {
    assert!(!reply.cut, "{what}: the answer broke off: {}", reply.text);
    let read = match path {
        "/v1/messages" => grammar::anthropic(&reply.text),
        "/v1/responses" => grammar::responses(&reply.text),
        _ => grammar::openai(&reply.text),
    };
    read.unwrap_or_else(|error| panic!("{what}: {error}\n{}", reply.text))
}

/// An error answer in the client's protocol.
fn check_error(path: &str, reply: &Reply, what: &str) {
    let body = reply.json();
    let message =
        body["error"]["message"].as_str().unwrap_or_else(|| panic!("{what}: {} {}", reply.status, reply.text));
    assert!(!message.is_empty() && reply.status >= 400, "{what}: {}", reply.text);
    if path == "/v1/messages" {
        assert_eq!(body["type"], "error", "{what}: {body}");
    } else {
        assert!(body.get("type").is_none(), "{what}: {body}");
    }
}

#[tokio::test]
async fn no_fault_makes_a_hang_a_panic_or_an_ungrammatical_stream() {
    for (sim, stand) in stands().await {
        for fault in fatal() {
            for (path, body, streamed) in ways() {
                let what = format!("{} {path} streamed {streamed}: {fault:?}", sim.base_url());
                sim.clear_scripts();
                sim.script(answer().with_fault(fault.clone()));
                let reply = stand.post(path, &body).await;
                // Faults inside a stream mean nothing to a whole answer.
                let only_streams = matches!(
                    fault,
                    Fault::EmptyStream | Fault::ErrorAfter { .. } | Fault::ErrorChunkAfter { .. } | Fault::NoFinish
                    // A whole answer may be over before that.
                    | Fault::DieAfter { bytes: 800, .. } | Fault::EndAfter { bytes: 800 } | Fault::SilentAfter { bytes: 800 }
                );
                if reply.status != 200 {
                    check_error(path, &reply, &what);
                } else if streamed {
                    assert!(read(path, &reply, &what).error.is_some(), "{what}: no error told: {}", reply.text);
                } else {
                    assert!(only_streams, "{what}: {}", reply.text);
                }
                let record = stand.record().await;
                assert_eq!(record.id, reply.header("x-branchline-request-id"), "{what}");
                let good = reply.status == 200 && !streamed;
                assert_eq!(record.outcome, if good { Outcome::Ok } else { Outcome::Error }, "{what} {record:?}");
                assert!(good || record.error.is_some(), "{what}");
            }
        }
        assert_eq!(stand.engine.running.now(), 0);
    }
}

#[tokio::test]
async fn a_line_that_is_no_json_is_passed_over_or_told() {
    for (sim, stand) in stands().await {
        for (path, body, streamed) in ways().into_iter().filter(|way| way.2) {
            sim.clear_scripts();
            sim.script(answer().with_fault(Fault::InvalidJsonLine));
            let reply = stand.post(path, &body).await;
            let what = format!("{} {path} {streamed}", sim.base_url());
            if path != "/v1/chat/completions" {
                let told = read(path, &reply, &what);
                assert!(told.complete || told.error.is_some(), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn bearable_faults_are_borne() {
    for (sim, stand) in stands().await {
        for fault in bearable() {
            for (path, body, streamed) in ways() {
                let what = format!("{} {path} streamed {streamed}: {fault:?}", sim.base_url());
                sim.clear_scripts();
                sim.script(answer().with_fault(fault.clone()));
                let reply = stand.post(path, &body).await;
                assert_eq!(reply.status, 200, "{what}: {}", reply.text);
                // The bytes of a server of the client's own protocol are passed on as they are, its mistakes with them.
                let passed_on = path == "/v1/chat/completions" && sim.base_url().ends_with("/v1");
                if !streamed || (passed_on && format!("{fault:?}").starts_with("Tool")) {
                    continue;
                }
                let told = read(path, &reply, &what);
                assert!(told.error.is_none(), "{what}: {told:?}");
                let calls: Vec<_> =
                    told.calls().iter().map(|call| (call["name"].clone(), call["input"].clone())).collect();
                let wanted =
                    [(json!("Read"), json!({"file_path": "/a"})), (json!("Bash"), json!({"command": "ls -l"}))];
                assert_eq!(calls, wanted, "{what}\n{}", reply.text);
                let record = stand.record().await;
                assert_eq!(record.outcome, Outcome::Ok, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_without_its_beginning_is_given_one() {
    let (_, (sim, stand)) = {
        let mut all = stands().await;
        let last = all.pop().unwrap();
        (all, last)
    };
    sim.script(Answer::text("Hello.").with_fault(Fault::NoMessageStart));
    let told = told(&stand.post("/v1/messages", &ask_streamed("say hello")).await);
    assert_eq!(told.text(), "Hello.");
}

#[tokio::test]
async fn cut_arguments_never_become_an_empty_call() {
    for (sim, stand) in stands().await {
        for (path, body, streamed) in ways() {
            sim.clear_scripts();
            sim.script(Answer::call("Bash", json!({"command": "rm -rf /tmp/x"})).with_fault(Fault::ToolArgumentsCut));
            let reply = stand.post(path, &body).await;
            let what = format!("{} {path} {streamed}", sim.base_url());
            assert_eq!(reply.status, 200, "{what}");
            assert!(!reply.text.contains("\"input\":{},\"name\":\"Bash\"") || streamed, "{what} {}", reply.text);
            if streamed {
                let told = read(path, &reply, &what);
                let stop = told.stop_reason.as_str().unwrap_or_default();
                assert!(
                    matches!(stop, "max_tokens" | "length" | "max_output_tokens") || told.error.is_some(),
                    "{what} {told:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn statuses_reach_the_client_with_their_meaning() {
    for (sim, stand) in stands().await {
        for (fault, status, kind) in [
            (Fault::rate_limited(7), 429, "rate_limit_error"),
            (Fault::overloaded(), 529, "overloaded_error"),
            (Fault::status(401, "no"), 401, "authentication_error"),
            (Fault::status(403, "no"), 403, "permission_error"),
            (Fault::status(404, "no"), 404, "not_found_error"),
            (Fault::status(400, "bad"), 400, "invalid_request_error"),
            (Fault::status(500, "broken"), 500, "api_error"),
        ] {
            sim.clear_scripts();
            sim.script(Answer::fault(fault.clone()));
            let reply = stand.post("/v1/messages", &ask_streamed("say hello")).await;
            assert_eq!(
                (reply.status, reply.json()["error"]["type"].as_str()),
                (status, Some(kind)),
                "{fault:?} {}",
                reply.text
            );
            if status == 429 {
                assert_eq!(reply.header("retry-after"), "7", "{:?}", reply.headers);
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_fails_once_is_asked_again() {
    for (name, sim) in [("lmstudio", lmstudio().await), ("anthropic", anthropic().await)] {
        let stand = Stand::start(&format!("{}backends.{name}.retry_attempts = 1\n", backend(name, &sim))).await;
        for fault in [
            Fault::unavailable(0),
            Fault::overloaded(),
            Fault::status(500, "x"),
            Fault::CloseUnanswered { reset: false },
        ] {
            sim.clear_scripts();
            sim.script(Answer::fault(fault.clone()));
            sim.script(Answer::text("Now."));
            let reply = stand.post("/v1/messages", &ask_streamed("say hello")).await;
            assert_eq!(reply.status, 200, "{name} {fault:?}: {}", reply.text);
            assert_eq!(told(&reply).text(), "Now.");
            assert_eq!(stand.record().await.attempts.len(), 2, "{name} {fault:?}");
        }
    }
}

#[tokio::test]
async fn an_overflow_is_told_in_the_words_that_make_the_client_compact() {
    for sim in [Sim::lmstudio(), Sim::llamacpp(), Sim::vllm()] {
        let model = branchline_sim::Model::llm(crate::rig::CODER).loaded().tools().context(2_000);
        let sim = sim.model(model).start().await.unwrap();
        // A window the server does not tell: the prompt is sent, and refused there.
        let stand = Stand::start(&format!(
            "{}backends.box.local = true\nbackends.box.protocol = \"openai_chat\"\naliases.big.model = \"box:{}\"\naliases.big.capabilities.context_tokens = 900000\n",
            backend("box", &sim),
            crate::rig::CODER
        ))
        .await;
        let mut body = ask_streamed(&"words and more words ".repeat(2_000));
        body["model"] = "big".into();
        let reply = stand.post("/v1/messages", &body).await;
        let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(reply.status == 400 && message.starts_with("prompt is too long"), "{} {message}", reply.status);
    }
}
