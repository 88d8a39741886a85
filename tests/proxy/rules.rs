//! Aliases, rules, tags, privacy, trusted folders: what the user says beats what the score says.

use std::sync::Arc;

use branchline_sim::{Answer, Fault, Model, Received, Script, Sim};
use branchline_tests::session::Session;
use branchline_tests::{Reply, Stand};
use serde_json::{Value, json};

use crate::rig::{CLOUD, CODER, EASY, HARD, VISION, anthropic, ask, both, chat, lmstudio, seeing, send, with_picture};

async fn at_home(more: &str) -> (Sim, Sim, Stand) {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&format!("{}{more}", both(&home, &cloud))).await;
    (home, cloud, stand)
}

fn went_to(reply: &Reply) -> &str {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.header("x-branchline-model").split_once(':').map_or("", |(backend, _)| backend)
}

fn working_in(folder: &str, text: &str) -> Value {
    let mut body = ask(text);
    body["system"] = json!([{"type": "text", "text": format!("# Environment\n - Primary working directory: {folder}\n - Platform: linux")}]);
    body
}

#[tokio::test]
async fn an_alias_is_a_pattern_a_list_and_a_profile() {
    let (home, cloud, stand) = at_home(&format!(
        "aliases.\"claude-*-haiku*\".model = [\"anthropic:claude-opus-5-5\", \"lmstudio:{CODER}\"]\n\
         aliases.\"claude-*-haiku*\".retry_attempts = 2\naliases.\"claude-*-haiku*\".retry_base_delay_ms = 1\n\
         aliases.\"claude-*-haiku*\".extra_body = {{ top_k = 7 }}\n\
         aliases.\"claude-*-haiku*\".capabilities.max_output_tokens = 100\n\
         model_map.\"short\" = \"lmstudio:{CODER}\"\n"
    ))
    .await;
    cloud.script(Script::always(Answer::fault(Fault::overloaded())));
    let mut body = ask(HARD);
    body["model"] = "claude-3-5-haiku-latest".into();
    let reply = stand.post("/v1/messages", &body).await;
    assert_eq!(went_to(&reply), "lmstudio");
    assert_eq!(cloud.calls().len(), 3, "one try and two more, as the alias says");
    assert_eq!((&cloud.calls()[0].body["top_k"], &cloud.calls()[0].body["max_tokens"]), (&json!(7), &json!(100)));
    assert!(reply.header("x-branchline-reason").contains("alias claude-*-haiku*"), "{:?}", reply.headers);
    body["model"] = "short".into();
    assert_eq!(went_to(&stand.post("/v1/messages", &body).await), "lmstudio");
    home.verdict().unwrap();
}

#[tokio::test]
async fn all_local_beats_the_names_agents_send_by_themselves() {
    let (_home, cloud, stand) =
        at_home("routing.mode = \"local\"\nmodel_map.\"claude-*\" = \"anthropic:claude-opus-5-5\"\n").await;
    assert_eq!(went_to(&stand.post("/v1/messages", &ask(HARD)).await), "lmstudio");
    assert!(cloud.calls().is_empty());
}

#[tokio::test]
async fn rules_are_asked_in_order_and_say_their_name() {
    let (_home, _cloud, stand) = at_home(
        "[[rules]]\nname = \"infra stays\"\nwhen = { header = { name = \"x-team\", value = \"infra*\" } }\nthen = { role = \"coder\" }\n\
         [[rules]]\nwhen = { text = \"deploy\", has_tools = false }\nthen = { model = \"anthropic:claude-opus-5-5\" }\n\
         [[rules]]\nwhen = { path = \"/v1/chat/*\" }\nthen = { role = \"cloud\" }\n\
         [[rules]]\nwhen = { tool = \"Bash\", project = \"acme\" }\nthen = { role = \"cloud\" }\n",
    )
    .await;
    let infra = stand.post_with("/v1/messages", &ask(&format!("deploy: {HARD}")), &[("x-team", "infra-eu")]).await;
    assert_eq!(went_to(&infra), "lmstudio");
    assert!(infra.header("x-branchline-reason").contains("\"infra stays\""), "{:?}", infra.headers);
    let deploy = stand.post("/v1/messages", &ask("deploy it")).await;
    assert_eq!(deploy.header("x-branchline-model"), "anthropic:claude-opus-5-5");
    assert!(deploy.header("x-branchline-reason").contains("rules[1]"), "{:?}", deploy.headers);
    let chat = stand.post("/v1/chat/completions", &chat(EASY)).await;
    assert_eq!(went_to(&chat), "anthropic");
    let mut session = Session::new("rules");
    session.says(EASY);
    let mut body = session.body();
    assert_eq!(went_to(&stand.post_with("/v1/messages", &body, &session.headers()).await), "lmstudio");
    body["system"] = json!("Primary working directory: /srv/acme/api");
    assert_eq!(went_to(&stand.post_with("/v1/messages", &body, &session.headers()).await), "anthropic");
}

#[tokio::test]
async fn a_tag_never_reaches_a_model_and_breaks_no_prefix() {
    let (home, cloud, stand) = at_home("").await;
    let mut session = Session::new("tags");
    session.says("<branchline:local> list the files");
    for _ in 0..2 {
        let reply = send(&stand, &session).await;
        assert_eq!(went_to(&reply), "lmstudio");
        session.answered(vec![json!({"type": "text", "text": "done"})]);
        session.says("<branchline:local>\nand again");
    }
    send(&stand, &session).await;
    session.answered(vec![json!({"type": "text", "text": "done"})]);
    session.says("<branchline:cloud> now you");
    assert_eq!(went_to(&send(&stand, &session).await), "anthropic");
    for call in home.calls().iter().chain(&cloud.calls()) {
        assert!(!call.contains("branchline:"), "{:?}", call.body);
    }
    let messages = |at: usize| home.calls()[at].body["messages"].as_array().unwrap().clone();
    assert_eq!(messages(1)[..2], messages(0)[..2], "the second request begins with the first");
    assert_eq!(cloud.calls()[0].body["system"][2]["cache_control"]["type"], "ephemeral", "marks stay");
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

const PRIVATE: &str = "never_cloud.texts = [\"project falcon\"]\nnever_cloud.paths = [\"secrets\"]\nnever_cloud.projects = [\"/srv/acme\"]\n";

#[tokio::test]
async fn what_is_private_stays_whatever_is_asked_for() {
    let (home, cloud, stand) = at_home(PRIVATE).await;
    let texts = [format!("Project Falcon: {HARD}"), format!("read secrets/key.txt, then {HARD}")];
    let bodies = texts.iter().map(|text| ask(text)).chain([working_in("/srv/acme/src", HARD)]);
    for body in bodies {
        for forced in ["cloud", "anthropic:claude-opus-5-5", "auto"] {
            let reply = stand.post_with("/v1/messages", &body, &[("x-force-route", forced)]).await;
            assert_eq!(went_to(&reply), "lmstudio", "{forced}: {body}");
            assert!(reply.header("x-branchline-reason").contains("private"), "{:?}", reply.headers);
            assert!(!reply.header("x-branchline-reason").to_lowercase().contains("falcon"));
        }
    }
    assert!(stand.record().await.decision.private.is_some());
    assert_eq!(went_to(&stand.post("/v1/messages", &ask(HARD)).await), "anthropic", "others are free to go");
    assert_eq!(cloud.calls().len(), 1);
    home.verdict().unwrap();
}

#[tokio::test]
async fn what_is_private_and_has_no_model_here_is_refused_and_not_tried_again() {
    let (home, cloud, stand) = at_home(&format!("{PRIVATE}backends.lmstudio.retry_attempts = 0\n")).await;
    home.stop().await;
    let reply = stand.post("/v1/messages", &ask("about project falcon")).await;
    assert_eq!(reply.header("x-should-retry"), "false");
    assert!(reply.status >= 400 && reply.text.contains("lmstudio"), "{}", reply.text);
    let stand = Stand::start(&format!("{}{PRIVATE}", crate::rig::backend("anthropic", &cloud))).await;
    let reply = stand.post_with("/v1/messages", &ask("about project falcon"), &[("x-force-route", "cloud")]).await;
    assert_eq!((reply.status, reply.header("x-branchline-error")), (403, "private"), "{}", reply.text);
    assert!(reply.text.contains("must not leave your machines") && reply.text.contains("hint: "), "{}", reply.text);
    assert!(cloud.calls().is_empty());
}

#[tokio::test]
async fn a_secret_that_a_tool_brings_keeps_the_turn_and_the_session_here() {
    let (home, cloud, stand) = at_home(PRIVATE).await;
    cloud.script(Script::always(Answer::call("Bash", json!({"command": "cat notes"}))));
    let mut session = Session::new("leak");
    session.says(HARD);
    let first = send(&stand, &session).await;
    assert_eq!(went_to(&first), "anthropic");
    session.answered(crate::rig::told(&first).content);
    session.results(vec![(json!("this is about project falcon"), false)]);
    assert_eq!(went_to(&send(&stand, &session).await), "lmstudio");
    // The words are gone from the history, as after a compaction; what they told is not.
    let mut compacted = Session::new("leak");
    compacted.says(HARD);
    let reply = send(&stand, &compacted).await;
    assert_eq!(went_to(&reply), "lmstudio");
    assert!(reply.header("x-branchline-reason").contains("earlier in this session"), "{:?}", reply.headers);
    let mut other = Session::new("other");
    other.says(HARD);
    assert_eq!(went_to(&send(&stand, &other).await), "anthropic");
    assert_eq!(cloud.calls().len(), 2);
    home.verdict().unwrap();
}

#[tokio::test]
async fn private_pictures_titles_and_dispatching_stay_here_too() {
    let (home, cloud) = (seeing().await, anthropic().await);
    let stand = Stand::start(&format!(
        "{}{PRIVATE}roles.vision = [\"anthropic:{CLOUD}\", \"lmstudio:{VISION}\"]\nroles.background = \"anthropic:{CLOUD}\"\n\
         roles.dispatcher = [\"anthropic:{CLOUD}\", \"lmstudio:{CODER}\"]\nrouting.mode = \"dispatcher\"\nrouting.dispatcher_band = 100\n",
        both(&home, &cloud)
    ))
    .await;
    let reply = stand.post("/v1/messages", &with_picture("what of project falcon is this?", 3)).await;
    assert_eq!(went_to(&reply), "lmstudio");
    assert!(home.calls().iter().any(|call| call.model() == VISION), "the local eyes looked");
    assert_eq!(went_to(&stand.post("/v1/messages", &ask("what is project falcon?")).await), "lmstudio");
    let sorts = |call: &Received| call.model() == CODER && call.body.to_string().contains("You sort requests");
    assert!(home.calls().iter().any(sorts), "the dispatcher at home was asked");
    let mut title = ask("project falcon");
    title["output_config"] = json!({"format": {"type": "json_schema", "schema":
        {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"], "additionalProperties": false}}});
    let reply = stand.post_with("/v1/messages", &title, &[("anthropic-beta", "structured-outputs")]).await;
    assert!(reply.status == 403 || went_to(&reply) == "lmstudio", "{}", reply.text);
    assert!(cloud.calls().is_empty(), "{:?}", cloud.calls());
}

#[tokio::test]
async fn a_project_file_holds_where_the_user_trusts_the_folder() {
    let (_home, cloud, stand) = at_home("").await;
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("api/src");
    std::fs::create_dir_all(&deep).unwrap();
    let file = folder.path().join(".branchline.toml");
    std::fs::write(
        &file,
        "[[rules]]\nname = \"the project's own\"\nwhen = { has_tools = false }\nthen = { role = \"cloud\" }\n",
    )
    .unwrap();
    let body = working_in(deep.to_str().unwrap(), EASY);
    assert_eq!(went_to(&stand.post("/v1/messages", &body).await), "lmstudio", "nobody trusts it yet");
    let trusted = |stand: &Stand| {
        let mut settings = stand.engine.world().settings.as_ref().clone();
        settings.projects.trusted = vec![folder.path().to_str().unwrap().to_owned()];
        stand.engine.apply(settings);
    };
    trusted(&stand);
    branchline_proxy::watch::ask_all(&stand.engine, true).await;
    let reply = stand.post("/v1/messages", &body).await;
    assert_eq!(went_to(&reply), "anthropic");
    assert!(reply.header("x-branchline-reason").contains("the project's own"), "{:?}", reply.headers);
    assert!(stand.record().await.decision.reasons.iter().any(|reason| reason.contains(".branchline.toml holds here")));
    let elsewhere = tempfile::tempdir().unwrap();
    let other = working_in(elsewhere.path().to_str().unwrap(), EASY);
    assert_eq!(went_to(&stand.post("/v1/messages", &other).await), "lmstudio");
    // A file that cannot be read may have wanted to keep something back.
    for (bad, said) in [
        ("never_cloud = maybe\n", "is not used: line 1"),
        ("never_clod = true\n", "did you mean \"never_cloud\"?"),
        ("[routing]\nmode = \"locall\"\n", "is not used: line 2"),
    ] {
        std::fs::write(&file, bad).unwrap();
        trusted(&stand);
        let reply = stand.post_with("/v1/messages", &body, &[("x-force-route", "cloud")]).await;
        assert_eq!(went_to(&reply), "lmstudio", "{bad}");
        assert!(reply.header("x-branchline-reason").contains(said), "{bad}: {:?}", reply.headers);
    }
    assert_eq!(cloud.calls().len(), 1);
}

#[tokio::test]
async fn every_step_of_a_decision_can_be_asked_for() {
    let (home, cloud, stand) =
        at_home(&format!("{PRIVATE}[[rules]]\nwhen = {{ model = \"gpt-*\" }}\nthen = {{ role = \"cloud\" }}\n")).await;
    let ask = async |request: Value| {
        let answer = branchline_control::dispatch(Arc::clone(&stand.engine), "routing.explain", request).await.unwrap();
        let steps: Vec<String> = serde_json::from_value(answer["steps"].clone()).unwrap();
        (answer, steps.join("\n"))
    };
    let (answer, steps) = ask(json!({"text": EASY, "folder": "/srv/other"})).await;
    assert_eq!(answer["target"], "local");
    for part in [
        "nothing of never_cloud",
        "no header, no tag",
        "mode: auto",
        "alias: none",
        "rules[0]: does not fit, the model asked for is \"auto\", not gpt-*",
        "a step of the main conversation",
        "shows no struggle",
        "against the threshold 50",
        &format!("models: lmstudio:{CODER}, then anthropic:{CLOUD}"),
    ] {
        assert!(steps.contains(part), "{part} in\n{steps}");
    }
    let (answer, steps) =
        ask(json!({"text": HARD, "folder": "/srv/acme/x", "headers": {"X-Force-Route": "cloud"}})).await;
    assert_eq!((answer["target"].as_str(), answer["folder"].as_str()), (Some("local"), Some("/srv/acme/x")));
    assert!(steps.contains("working folder is under never_cloud.projects[0]"), "{steps}");
    let request = json!({"request": {"model": "gpt-6", "messages": [{"role": "user", "content": "hi"}]}, "path": "/v1/chat/completions"});
    let (answer, steps) = ask(request).await;
    assert_eq!(answer["target"], "cloud");
    assert!(steps.contains("rules[0]: fits, to cloud"), "{steps}");
    assert!(home.calls().is_empty() && cloud.calls().is_empty(), "no model is asked");
}

#[tokio::test]
async fn nothing_is_searched_for_where_no_rule_is_set() {
    let (_home, _cloud, stand) = at_home("").await;
    let reply = stand.post("/v1/messages", &working_in("/srv/acme", "about project falcon in secrets/key")).await;
    assert_eq!(went_to(&reply), "lmstudio");
    assert_eq!(stand.record().await.decision.private, None);
    let hard = stand.post("/v1/messages", &working_in("/srv/acme", HARD)).await;
    assert_eq!(went_to(&hard), "anthropic");
}

#[tokio::test]
async fn an_alias_of_a_model_that_sees_is_believed() {
    let home = Sim::lmstudio().model(Model::vlm(VISION).loaded().tools().context(65_536)).start().await.unwrap();
    let stand = Stand::start(&format!(
        "{}aliases.eyes.model = \"lmstudio:{VISION}\"\naliases.eyes.capabilities.vision = true\n",
        crate::rig::local(&home)
    ))
    .await;
    let mut body = with_picture("what is it?", 4);
    body["model"] = "eyes".into();
    assert_eq!(went_to(&stand.post("/v1/messages", &body).await), "lmstudio");
    assert_eq!(home.calls().len(), 1, "nothing was described");
}
