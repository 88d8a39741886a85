//! Where a request goes, and that it is always said.

use branchline_proxy::LiveEvent;
use branchline_proxy::record::Place;
use branchline_sim::{Answer, Fault, Model, Script, Sim};
use branchline_tests::session::{Session, png};
use branchline_tests::{Reply, Stand};
use serde_json::{Value, json};

use crate::rig::{CLOUD, CODER, EASY, HARD, anthropic, ask, backend, both, go_on, lmstudio, local, send, told};

/// LM Studio, Anthropic, and an engine between them.
async fn at_home(more: &str) -> (Sim, Sim, Stand) {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&format!("{}{more}", both(&home, &cloud))).await;
    (home, cloud, stand)
}

fn asking_for(model: &str, text: &str) -> Value {
    let mut body = ask(text);
    body["model"] = model.into();
    body
}

fn went_to(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.header("x-branchline-model").to_owned()
}

fn home_model() -> String {
    format!("lmstudio:{CODER}")
}

fn cloud_model() -> String {
    format!("anthropic:{CLOUD}")
}

#[tokio::test]
async fn an_easy_turn_stays_here_and_a_hard_one_goes_to_the_cloud() {
    let (home, cloud, stand) = at_home("").await;
    // Whatever model id the agent is set to: it does not know of us.
    for id in ["auto", "claude-sonnet-5-5", "claude-opus-5-5", "gpt-6-sol", "qwen-something"] {
        let easy = stand.post("/v1/messages", &asking_for(id, EASY)).await;
        assert_eq!(went_to(&easy), home_model(), "{id}");
        assert!(easy.header("x-branchline-reason").contains("under the threshold"), "{:?}", easy.headers);
        let hard = stand.post("/v1/messages", &asking_for(id, HARD)).await;
        assert_eq!(went_to(&hard), cloud_model(), "{id}");
        assert!(hard.header("x-branchline-reason").contains("reaches the threshold 50"), "{:?}", hard.headers);
        assert!(hard.header("x-branchline-score").parse::<u8>().unwrap() >= 50);
        let record = stand.record().await;
        assert_eq!((record.place, record.decision.role.as_str()), (Place::Cloud, "cloud"));
        assert!(!record.decision.points.is_empty());
    }
    assert_eq!((home.calls().len(), cloud.calls().len()), (5, 5));
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn the_header_beats_the_model_id_and_the_score() {
    let (home, cloud, stand) = at_home("").await;
    for (route, text, wanted) in [
        ("local", HARD, home_model()),
        ("cloud", EASY, cloud_model()),
        (home_model().as_str(), HARD, home_model()),
        ("anthropic:claude-opus-5-5", EASY, "anthropic:claude-opus-5-5".into()),
        ("auto", EASY, home_model()),
    ] {
        let reply = stand.post_with("/v1/messages", &asking_for("auto", text), &[("x-force-route", route)]).await;
        assert_eq!(went_to(&reply), wanted, "{route}");
        if route != "auto" {
            assert!(reply.header("x-branchline-reason").contains("X-Force-Route"), "{:?}", reply.headers);
        }
    }
    for garbage in ["loca", "nowhere:model", "", "cloud;drop"] {
        let reply = stand.post_with("/v1/messages", &ask(EASY), &[("x-force-route", garbage)]).await;
        assert_eq!(reply.status, 404, "{garbage}: {}", reply.text);
        let error = reply.json()["error"].clone();
        assert_eq!(error["type"], "not_found_error");
        assert!(error["message"].as_str().unwrap().contains("hint: "), "{error}");
        assert_eq!(reply.header("x-branchline-error"), "unknown_model");
        assert_eq!(stand.record().await.status, 404);
    }
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn model_ids_name_a_side_a_model_or_nothing() {
    let (home, cloud, stand) = at_home("").await;
    for (id, wanted) in [
        ("local", home_model()),
        ("anthropic/local", home_model()),
        ("cloud", cloud_model()),
        (home_model().as_str(), home_model()),
        (CODER, home_model()),
        (&format!("anthropic/{}", home_model()), home_model()),
        ("anthropic:claude-opus-5-5", "anthropic:claude-opus-5-5".into()),
    ] {
        assert_eq!(went_to(&stand.post("/v1/messages", &asking_for(id, "say hello")).await), wanted, "{id}");
    }
    let unknown = stand.post("/v1/messages", &asking_for("nowhere:model", EASY)).await;
    assert_eq!((unknown.status, unknown.header("x-branchline-error")), (404, "unknown_model"));
    assert!(unknown.text.contains("nowhere"), "{}", unknown.text);
    let openai = stand
        .post(
            "/v1/chat/completions",
            &json!({"model": "nowhere:model", "messages": [{"role": "user", "content": "x"}]}),
        )
        .await;
    assert_eq!((openai.status, openai.json()["error"]["code"].is_string()), (404, true), "{}", openai.text);
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn an_alias_stands_for_its_model_and_brings_its_fields() {
    let (home, cloud, stand) = at_home(&format!(
        "aliases.\"claude-opus-4-1\".model = \"lmstudio:{CODER}\"\naliases.\"claude-opus-4-1\".extra_body = {{ top_k = 7 }}\n"
    ))
    .await;
    assert_eq!(went_to(&stand.post("/v1/messages", &asking_for("claude-opus-4-1", HARD)).await), home_model());
    assert_eq!(home.calls()[0].body["top_k"], 7);
    assert!(cloud.calls().is_empty());
    home.verdict().unwrap();
}

#[tokio::test]
async fn a_tag_in_the_prompt_or_in_a_subagent_s_definition_decides() {
    let (home, cloud, stand) = at_home("").await;
    assert_eq!(
        went_to(&stand.post("/v1/messages", &asking_for("auto", "<branchline:cloud> say hello")).await),
        cloud_model()
    );
    assert_eq!(
        went_to(&stand.post("/v1/messages", &asking_for("auto", &format!("<branchline:local> {HARD}"))).await),
        home_model()
    );
    let mut body = asking_for("auto", EASY);
    body["system"] = "You review code. <branchline:cloud>".into();
    assert_eq!(went_to(&stand.post("/v1/messages", &body).await), cloud_model());
    // A tag that means nothing is text somebody pasted.
    assert_eq!(
        went_to(&stand.post("/v1/messages", &asking_for("auto", "<branchline:moon> say hello")).await),
        home_model()
    );
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn the_threshold_is_the_user_s() {
    let (_home, _cloud, stand) = at_home("routing.threshold = 100\n").await;
    assert_eq!(went_to(&stand.post("/v1/messages", &asking_for("auto", HARD)).await), home_model());
    let (_home, _cloud, stand) = at_home("routing.threshold = 0\n").await;
    assert_eq!(went_to(&stand.post("/v1/messages", &asking_for("auto", EASY)).await), cloud_model());
}

#[tokio::test]
async fn a_mode_sends_everything_one_way() {
    let (_home, cloud, stand) = at_home("routing.mode = \"local\"\n").await;
    assert_eq!(went_to(&stand.post("/v1/messages", &asking_for("auto", HARD)).await), home_model());
    assert!(cloud.calls().is_empty());
    let (home, _cloud, stand) = at_home("routing.mode = \"cloud\"\n").await;
    assert_eq!(went_to(&stand.post("/v1/messages", &asking_for("auto", EASY)).await), cloud_model());
    assert!(home.calls().is_empty());
}

#[tokio::test]
async fn a_prompt_longer_than_the_user_allows_goes_to_the_cloud() {
    let (_home, _cloud, stand) = at_home("routing.max_local_tokens = 500\n").await;
    assert_eq!(went_to(&stand.post("/v1/messages", &asking_for("auto", EASY)).await), home_model());
    let mut body = asking_for("auto", EASY);
    body["system"] = "Be brief and kind. ".repeat(400).into();
    let reply = stand.post("/v1/messages", &body).await;
    assert_eq!(went_to(&reply), cloud_model());
    assert!(reply.header("x-branchline-reason").contains("max_local_tokens 500"), "{:?}", reply.headers);
}

async fn small_window(more: &str) -> (Sim, Sim, Stand) {
    let home = Sim::lmstudio().model(Model::llm(CODER).loaded().tools().context(4096)).start().await.unwrap();
    let cloud = anthropic().await;
    let stand = Stand::start(&format!("{}{more}", both(&home, &cloud))).await;
    (home, cloud, stand)
}

fn long(model: &str) -> Value {
    let mut body = asking_for(model, EASY);
    body["system"] = "Be brief and kind, and mind the gap. ".repeat(800).into();
    body
}

#[tokio::test]
async fn a_prompt_too_long_for_the_loaded_window_goes_to_the_cloud_and_says_why() {
    let (home, _cloud, stand) = small_window("").await;
    let reply = stand.post("/v1/messages", &long("auto")).await;
    assert_eq!(went_to(&reply), cloud_model());
    assert!(reply.header("x-branchline-reason").contains("holds 4096 tokens"), "{:?}", reply.headers);
    assert!(reply.header("x-branchline-fallback").contains("holds 4096 tokens"), "{:?}", reply.headers);
    assert!(home.calls().is_empty());
    // Forced to stay, it gets the words that make Claude Code compact: the window without the room for the answer.
    let reply = stand.post("/v1/messages", &long("local")).await;
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(reply.status, 400);
    assert!(message.starts_with("prompt is too long: ") && message.ends_with(" tokens > 3840 maximum"), "{message}");
}

#[tokio::test]
async fn an_output_limit_beyond_the_window_is_lowered() {
    let (home, _cloud, stand) = small_window("").await;
    let mut body = asking_for("local", EASY);
    body["max_tokens"] = 32_000.into();
    went_to(&stand.post("/v1/messages", &body).await);
    let sent = home.calls()[0].body["max_tokens"].as_u64().unwrap();
    assert!((512..4096).contains(&sent), "{sent}");
    home.verdict().unwrap();
}

#[tokio::test]
async fn a_turn_that_went_to_the_cloud_stays_there_to_its_end_and_the_next_one_is_local_again() {
    let (home, cloud, stand) = at_home("").await;
    cloud.script(Script::computed(|ask| match ask.outcomes.len() {
        0 => Answer::call("Bash", json!({"command": "ls"})),
        _ if ask.messages < 9 => Answer::call("Bash", json!({"command": "pwd"})),
        _ => Answer::text("Done."),
    }));
    let mut session = Session::new("stays");
    session.says(HARD);
    for _ in 0..4 {
        let reply = send(&stand, &session).await;
        assert_eq!(went_to(&reply), cloud_model());
        let answer = told(&reply);
        session.answered(answer.content.clone());
        if answer.calls().is_empty() {
            break;
        }
        session.results(vec![(json!("a b c"), false)]);
    }
    assert!(cloud.calls().len() >= 3 && home.calls().is_empty());
    session.says("say thanks");
    let reply = send(&stand, &session).await;
    assert_eq!(went_to(&reply), home_model());
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn a_local_turn_that_struggles_escalates_once() {
    let (home, cloud, stand) = at_home("routing.threshold = 30\n").await;
    home.script(Script::always(Answer::call("Bash", json!({"command": "make"}))));
    cloud.script(Script::always(Answer::call("Bash", json!({"command": "make"}))));
    let mut session = Session::new("struggle");
    session.says("fix the build please");
    let mut places = Vec::new();
    for _ in 0..12 {
        let reply = send(&stand, &session).await;
        places.push(went_to(&reply));
        session.answered(told(&reply).content);
        session.results(vec![(json!("error: it does not compile"), true)]);
    }
    let first_cloud = places.iter().position(|place| *place == cloud_model()).expect("it escalates");
    assert!(first_cloud > 0 && places[first_cloud..].iter().all(|place| *place == cloud_model()), "{places:?}");
    let reasons: Vec<String> = stand.records().await.iter().map(|record| record.decision.reasons.join("; ")).collect();
    assert!(reasons.iter().any(|reason| reason.contains("escalated")), "{reasons:?}");
}

#[tokio::test]
async fn titles_and_probes_do_not_disturb_the_turn() {
    let (home, cloud, stand) = at_home("").await;
    let mut title = asking_for("claude-haiku-5-5", HARD);
    title["output_config"] = json!({"format": {"type": "json_schema", "schema":
        {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"], "additionalProperties": false}}});
    let reply = stand.post_with("/v1/messages", &title, &[("anthropic-beta", "structured-outputs")]).await;
    assert_eq!(went_to(&reply), "none");
    assert_eq!(stand.record().await.decision.role, "background");
    assert!(home.calls().is_empty() && cloud.calls().is_empty());
}

#[tokio::test]
async fn lm_studio_off_sends_the_work_to_the_cloud_and_says_so_everywhere() {
    let (home, cloud, stand) = at_home("backends.lmstudio.retry_attempts = 0\n").await;
    let mut ears = stand.ears();
    home.stop().await;
    let reply = stand.post("/v1/messages", &asking_for("auto", EASY)).await;
    assert_eq!(went_to(&reply), cloud_model());
    assert!(reply.header("x-branchline-fallback").contains("lmstudio"), "{:?}", reply.headers);
    let record = stand.record().await;
    assert!(record.fallback.as_deref().is_some_and(|why| why.contains("lmstudio cannot be reached")), "{record:?}");
    assert_eq!((record.place, record.attempts.len()), (Place::Cloud, 2));
    let down = ears.hear("the backend going down", |event| match event {
        LiveEvent::BackendDown { backend, .. } => Some(backend),
        _ => None,
    });
    assert_eq!(down.await, "lmstudio");
    let fallback = |event| match event {
        LiveEvent::Fallback { from, cloud, .. } => Some((from, cloud)),
        _ => None,
    };
    assert_eq!(ears.hear("the fallback", fallback).await, ("lmstudio".into(), true));
    // Known to be down: not even tried, and still said.
    let reply = stand.post("/v1/messages", &asking_for("auto", EASY)).await;
    assert!(reply.header("x-branchline-fallback").contains("lmstudio is offline"), "{:?}", reply.headers);
    assert!(reply.header("x-branchline-reason").contains("lmstudio is offline"), "{:?}", reply.headers);
    assert_eq!(ears.hear("the fallback", fallback).await, ("lmstudio".into(), true));
    assert_eq!(stand.record().await.attempts.len(), 1);
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn lm_studio_back_takes_the_work_again() {
    let (home, cloud, stand) = at_home("").await;
    home.stop().await;
    assert_eq!(went_to(&stand.post("/v1/messages", &asking_for("auto", EASY)).await), cloud_model());
    home.restart_on_same_port().await.unwrap();
    let mut ears = stand.ears();
    branchline_proxy::watch::ask_all(&stand.engine, false).await;
    let up = ears.hear("the backend coming back", |event| match event {
        LiveEvent::BackendUp { backend } => Some(backend),
        _ => None,
    });
    assert_eq!(up.await, "lmstudio");
    let reply = stand.post("/v1/messages", &asking_for("auto", EASY)).await;
    assert_eq!((went_to(&reply), reply.header("x-branchline-fallback")), (home_model(), ""));
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn lm_studio_stopped_in_the_middle_of_a_session_does_not_stop_the_session() {
    let (home, cloud, stand) = at_home("").await;
    home.script(Answer::thinking("hm").and_call("Bash", json!({"command": "ls"})));
    let mut session = Session::new("middle");
    session.says("list the files");
    go_on(&stand, &mut session).await;
    session.results(vec![(json!("a b"), false)]);
    home.stop().await;
    assert_eq!(go_on(&stand, &mut session).await.model, CLOUD);
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn the_cloud_off_leaves_hard_work_here_and_says_so() {
    let (home, cloud, stand) = at_home("backends.anthropic.retry_attempts = 0\n").await;
    cloud.stop().await;
    let reply = stand.post("/v1/messages", &asking_for("auto", HARD)).await;
    assert_eq!(went_to(&reply), home_model());
    assert!(reply.header("x-branchline-fallback").contains("anthropic"), "{:?}", reply.headers);
    home.verdict().unwrap();
}

#[tokio::test]
async fn an_overloaded_cloud_leaves_hard_work_here() {
    let (home, cloud, stand) = at_home("backends.anthropic.retry_attempts = 1\n").await;
    cloud.script(Script::always(Answer::fault(Fault::overloaded())));
    let reply = stand.post("/v1/messages", &asking_for("auto", HARD)).await;
    assert_eq!(went_to(&reply), home_model());
    assert!(reply.header("x-branchline-fallback").contains("Overloaded"), "{:?}", reply.headers);
    assert_eq!(cloud.calls().len(), 2);
    home.verdict().unwrap();
}

#[tokio::test]
async fn the_user_may_forbid_the_other_side() {
    let (home, cloud, stand) =
        at_home("routing.fallback_to_cloud = false\nrouting.fallback_to_local = false\nbackends.lmstudio.retry_attempts = 0\nbackends.anthropic.retry_attempts = 0\n").await;
    home.stop().await;
    let reply = stand.post("/v1/messages", &asking_for("auto", EASY)).await;
    assert_eq!(reply.status, 529, "{}", reply.text);
    assert!(cloud.calls().is_empty());
    cloud.stop().await;
    home.restart_on_same_port().await.unwrap();
    assert!(stand.post("/v1/messages", &asking_for("auto", HARD)).await.status >= 500);
    assert!(home.calls().is_empty());
}

#[tokio::test]
async fn with_both_sides_off_the_client_is_told_once_and_not_made_to_wait() {
    let (home, cloud, stand) = at_home("").await;
    home.stop().await;
    cloud.stop().await;
    for (path, body) in [
        ("/v1/messages", asking_for("auto", EASY)),
        ("/v1/messages", asking_for("auto", HARD)),
        ("/v1/chat/completions", asking_for("auto", EASY)),
    ] {
        let reply = stand.post(path, &body).await;
        assert!(matches!(reply.status, 503 | 529), "{path}: {} {}", reply.status, reply.text);
        assert_eq!(reply.header("x-should-retry"), "false", "{path}");
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("cannot be reached") && message.contains("hint: "), "{message}");
        let record = stand.record().await;
        assert_eq!(record.status, reply.status);
        assert!(record.error.is_some_and(|error| error.hint.is_some()));
    }
}

#[tokio::test]
async fn without_any_backend_the_client_is_told_what_to_do() {
    let stand = Stand::start("").await;
    let reply = stand.post("/v1/messages", &asking_for("auto", EASY)).await;
    assert!(matches!(reply.status, 503 | 529), "{}", reply.status);
    assert_eq!((reply.header("x-branchline-error"), reply.header("x-should-retry")), ("no_model", "false"));
    assert!(reply.text.contains("start LM Studio"), "{}", reply.text);
}

#[tokio::test]
async fn a_missing_key_keeps_hard_work_here_and_is_said_when_the_cloud_is_insisted_on() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand =
        Stand::start_with_keys(std::sync::Arc::new(tempfile::tempdir().unwrap()), &both(&home, &cloud), None).await;
    assert_eq!(went_to(&stand.post("/v1/messages", &asking_for("auto", HARD)).await), home_model());
    for model in ["cloud", "anthropic:claude-opus-5-5"] {
        let reply = stand.post("/v1/messages", &asking_for(model, EASY)).await;
        assert!(reply.status == 401 || reply.status >= 503, "{model}: {} {}", reply.status, reply.text);
        assert!(reply.text.contains("branchline key set anthropic"), "{}", reply.text);
        assert_eq!(reply.header("x-should-retry"), "false");
    }
    assert!(cloud.calls().is_empty());
}

#[tokio::test]
async fn a_wrong_key_is_told_with_the_way_to_set_it() {
    let cloud = Sim::anthropic().key("the-right-one").model(Model::cloud(CLOUD)).start().await.unwrap();
    let stand = Stand::start(&backend("anthropic", &cloud)).await;
    let reply = stand.post("/v1/messages", &asking_for("cloud", EASY)).await;
    assert_eq!(reply.status, 401, "{}", reply.text);
    assert!(!reply.text.contains("test-key"));
    let record = stand.record().await;
    assert!(record.error.unwrap().hint.unwrap().contains("branchline key set anthropic"));
}

#[tokio::test]
async fn a_client_s_own_login_is_passed_on_and_a_refused_list_does_not_make_the_cloud_offline() {
    let home = lmstudio().await;
    let cloud = Sim::anthropic().key("sk-ant-oat-clients-own").model(Model::cloud(CLOUD)).start().await.unwrap();
    let stand = Stand::start(&format!("{}backends.anthropic.auth = \"passthrough\"\n", both(&home, &cloud))).await;
    branchline_proxy::watch::ask_all(&stand.engine, true).await;
    let token = stand.token();
    let post = async |body: Value| {
        let request =
            stand.http().post(format!("{}/v1/messages", stand.url)).header("content-type", "application/json");
        let request =
            request.header("authorization", "Bearer sk-ant-oat-clients-own").header("x-branchline-token", &token);
        branchline_tests::Opened(
            request.header("anthropic-version", "2023-06-01").body(body.to_string()).send().await.unwrap(),
        )
        .into_reply()
        .await
    };
    let hard = post(asking_for("auto", HARD)).await;
    assert_eq!((went_to(&hard), hard.header("x-branchline-fallback")), (cloud_model(), ""));
    assert_eq!(went_to(&post(asking_for("auto", EASY)).await), home_model());
    assert!(!home.calls()[0].header("authorization").contains("sk-ant"), "the login went to another server");
    for call in cloud.calls() {
        assert!(!format!("{:?}", call.headers).contains(&token));
    }
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn a_cloud_whose_list_cannot_be_read_is_not_offline() {
    let home = lmstudio().await;
    // 404 on the list, as some providers have none.
    let cloud = anthropic().await;
    let stand = Stand::start(&format!("{}backends.odd.base_url = \"{}/elsewhere\"\nbackends.odd.local = false\nbackends.odd.protocol = \"openai_chat\"\nroles.cloud = \"odd:some-model\"\n", local(&home), cloud.url())).await;
    let reply = stand.post("/v1/messages", &asking_for("auto", HARD)).await;
    // It is tried first, whatever its list said; what it answered is what is told as the reason.
    assert_eq!(went_to(&reply), home_model());
    assert_eq!(stand.record().await.attempts.len(), 2);
    assert!(!reply.header("x-branchline-reason").contains("offline"), "{:?}", reply.headers);
}

#[tokio::test]
async fn the_reason_is_the_one_that_decided() {
    let (_home, cloud, stand) = at_home("").await;
    cloud.stop().await;
    branchline_proxy::watch::ask_all(&stand.engine, true).await;
    let reply = stand.post("/v1/messages", &asking_for("auto", EASY)).await;
    assert_eq!(went_to(&reply), home_model());
    let reason = reply.header("x-branchline-reason");
    assert!(reason.contains("under the threshold"), "a later candidate is not the reason: {reason}");
    assert_eq!(reply.header("x-branchline-fallback"), "");
}

#[tokio::test]
async fn pictures_do_not_keep_a_turn_from_the_cloud() {
    let (_home, cloud, stand) = at_home("").await;
    let mut session = Session::new("picture").model("cloud");
    session.shows("what is it?", &png(1));
    go_on(&stand, &mut session).await;
    assert!(cloud.calls()[0].contains("\"type\":\"image\""));
    cloud.verdict().unwrap();
}
