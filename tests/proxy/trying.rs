//! Settings tried on past requests, past requests sent again, and what outcomes teach.

use branchline_proxy::outcomes::LessonKind;
use branchline_proxy::record::Record;
use branchline_proxy::store::RecordFilter;
use branchline_settings::{Change, imagine};
use branchline_sim::{Answer, Script, Sim};
use branchline_tests::Stand;
use branchline_tests::session::Session;
use serde_json::{Value, json};

use crate::rig::{
    CLOUD, CODER, EASY, HARD, anthropic, ask, ask_streamed, both, chat, go_on, lmstudio, respond, respond_streamed,
    send,
};

async fn at_home(more: &str) -> (Sim, Sim, Stand) {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&format!("{}{more}", both(&home, &cloud))).await;
    (home, cloud, stand)
}

async fn logged(stand: &Stand, count: usize) -> Vec<Record> {
    let all = RecordFilter { limit: Some(1000), ..RecordFilter::default() };
    stand
        .wait_for("the log", async |stand| {
            let records = stand.engine.store.records(all.clone()).await.unwrap();
            (records.len() >= count).then_some(records)
        })
        .await
}

async fn what_if(stand: &Stand, path: &str, value: Value) -> branchline_proxy::whatif::WhatIf {
    let change = Change { path: path.into(), value };
    let settings = imagine(&stand.engine.paths.config_file, &[change]).unwrap();
    stand.engine.what_if(settings, 500).await.unwrap()
}

#[tokio::test]
async fn a_changed_setting_is_tried_on_the_log_and_nothing_is_sent_or_saved() {
    let (home, cloud, stand) = at_home("").await;
    for text in [EASY, HARD, EASY, HARD, "fix the bug in src/a.rs"] {
        stand.post("/v1/messages", &ask(text)).await;
    }
    logged(&stand, 5).await;
    let before = (home.calls().len(), cloud.calls().len());
    let everything = what_if(&stand, "routing.threshold", json!(0)).await;
    assert_eq!((everything.requests, everything.skipped), (5, 0));
    assert_eq!(everything.turns, 3, "the same words at the same place of no session are one turn");
    assert_eq!((everything.changed_turns, everything.after.cloud_turns), (2, 3));
    assert!(everything.changed.iter().all(|turn| turn.before.local && !turn.after.local), "{everything:#?}");
    let none = what_if(&stand, "routing.mode", json!("local")).await;
    assert_eq!((none.changed_turns, none.after.cloud_turns, none.before.cloud_turns), (1, 0, 1));
    let other = what_if(&stand, "roles.cloud", json!("anthropic:claude-opus-5-5")).await;
    assert_eq!(other.changed[0].after.model.as_deref(), Some("anthropic:claude-opus-5-5"));
    assert_eq!(before, (home.calls().len(), cloud.calls().len()));
    assert_eq!(stand.engine.world().policy.threshold, 50);
}

#[tokio::test]
async fn changed_privacy_rules_are_tried_on_the_requests_whose_words_are_kept() {
    let (_home, cloud, stand) =
        at_home("log.bodies = \"full\"\nrouting.mode = \"cloud\"\nnever_cloud.texts = [\"falcon\"]\n").await;
    let session = [("x-claude-code-session-id", "s1")];
    stand.post_with("/v1/messages", &ask("ask about the falcon"), &session).await;
    stand.post_with("/v1/messages", &ask("say it in other words"), &session).await;
    stand.post("/v1/messages", &ask("ask about the heron")).await;
    stand.post("/v1/messages", &ask(EASY)).await;
    logged(&stand, 4).await;
    assert_eq!(cloud.calls().len(), 2);
    let moved = async |texts: Value| {
        let result = what_if(&stand, "never_cloud.texts", texts).await;
        (result.before.cloud_turns, result.after.cloud_turns, result.changed_requests, result.untold)
    };
    assert_eq!(moved(json!(["falcon", "heron"])).await, (2, 1, 1, 0));
    assert_eq!(moved(json!([])).await, (2, 4, 2, 0), "with the rule goes what it did to the rest of the session");
    let path = what_if(&stand, "never_cloud.paths", json!(["heron"])).await;
    assert_eq!((path.after.cloud_turns, path.untold), (1, 0));

    let mut settings = stand.engine.world().settings.as_ref().clone();
    settings.log.bodies = branchline_settings::schema::Bodies::Off;
    stand.engine.apply(settings);
    branchline_proxy::watch::ask_all(&stand.engine, true).await;
    stand.post("/v1/messages", &ask("see the heron again")).await;
    logged(&stand, 5).await;
    assert_eq!(moved(json!(["falcon", "heron"])).await, (3, 2, 1, 1), "the last one's words are not kept");
    assert_eq!(what_if(&stand, "routing.threshold", json!(9)).await.untold, 0);
    assert_eq!(cloud.calls().len(), 3, "nothing was sent");
}

#[tokio::test]
async fn changed_rules_are_tried_on_the_log_as_far_as_it_tells() {
    let watched = "[[rules]]\nname = \"reviews\"\nwhen = { text = \"review\" }\nthen = { role = \"cloud\" }\n";
    let (_home, cloud, stand) = at_home(watched).await;
    let key = "sk-ant-api03-a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4";
    let headers = [("x-team", "infra-eu"), ("x-upstream-key", key), ("x-note", key)];
    stand.post_with("/v1/messages", &ask(EASY), &headers).await;
    let mut folder = ask("say hello there");
    folder["system"] = "Working directory: /srv/acme/src\n".into();
    folder["tools"] = branchline_tests::session::tools();
    stand.post("/v1/messages", &folder).await;
    stand.post("/v1/messages", &ask("say hello, then review it")).await;
    stand.post("/v1/chat/completions", &chat("say hello to both")).await;
    logged(&stand, 4).await;
    let sent = cloud.calls().len();
    assert_eq!(sent, 1, "the review");

    let rule = |when: Value| json!([{"when": when, "then": {"role": "cloud"}}]);
    let moved = async |when: Value| {
        let result = what_if(&stand, "rules", rule(when)).await;
        // The review goes home again: its own rule is gone.
        let away = result
            .changed
            .iter()
            .filter(|turn| turn.after.model.as_deref().is_some_and(|m| m.starts_with("anthropic")));
        (away.count(), result.untold)
    };
    assert_eq!(moved(json!({"header": {"name": "X-Team", "value": "infra*"}})).await, (1, 0));
    assert_eq!(moved(json!({"header": {"name": "x-team", "value": "web"}})).await, (0, 0));
    assert_eq!(moved(json!({"header": {"name": "x-upstream-key"}})).await, (0, 4), "what may be a key is not kept");
    assert_eq!(moved(json!({"project": "/srv/acme"})).await, (1, 0));
    assert_eq!(moved(json!({"tool": "Read"})).await, (1, 0));
    assert_eq!(moved(json!({"path": "/v1/chat/*"})).await, (1, 0));
    assert_eq!(moved(json!({"subagent": true})).await, (0, 0));
    assert_eq!(moved(json!({"tokens_under": 1_000_000, "has_tools": false})).await, (2, 0), "the review went already");
    assert_eq!(moved(json!({"text": "hello"})).await, (0, 4), "nobody looked for that word");
    // The same words, sent elsewhere: it is known where they stood.
    let home = json!([{"when": {"text": "review"}, "then": {"role": "coder"}}]);
    let result = what_if(&stand, "rules", home).await;
    assert_eq!((result.changed_turns, result.untold), (1, 0), "{result:#?}");
    assert_eq!(
        what_if(&stand, "routing.threshold", json!(50)).await.changed_turns,
        0,
        "nothing changed, nothing moves"
    );
    assert_eq!(cloud.calls().len(), sent);

    let kept = stand.engine.store.facts("surroundings/").await.unwrap();
    assert!(kept.len() == 4 && kept.values().any(|text| text.contains("infra-eu")), "{kept:?}");
    assert!(kept.values().all(|text| !text.contains("a1b2c3")), "{kept:?}");
}

#[tokio::test]
async fn a_wanted_share_becomes_a_threshold_from_the_log() {
    let (_home, _cloud, stand) = at_home("routing.cloud_share = 10\n").await;
    // No log yet: the built-in sample answers.
    assert_eq!(stand.engine.world().policy.threshold, 58);
    for turn in 0..60 {
        let text = if turn % 3 == 0 { HARD.to_owned() } else { format!("{EASY} number {turn}") };
        stand.post_with("/v1/messages", &ask(&format!("{text} {turn}")), &[]).await;
    }
    logged(&stand, 60).await;
    stand.engine.retune().await;
    let sample = stand.engine.sample().await.unwrap();
    assert_eq!((sample.own(), sample.assumed()), (60, 0));
    // A third of the turns is hard: with so few kinds of turns, 10 % is nearest to none.
    let threshold = stand.engine.world().policy.threshold;
    assert!(sample.share_at(threshold) < 0.11, "{threshold}");
    let file = stand.engine.paths.config_file.clone();
    branchline_settings::set(&file, "routing.cloud_share", json!(33)).unwrap();
    branchline_proxy::watch::reload(&stand.engine, &file).await;
    let threshold = stand.engine.world().policy.threshold;
    assert!((sample.share_at(threshold) - 1.0 / 3.0).abs() < 0.01, "{threshold}");
    branchline_settings::set(&file, "routing.cloud_share", Value::Null).unwrap();
    branchline_proxy::watch::reload(&stand.engine, &file).await;
    assert_eq!(stand.engine.world().policy.threshold, 50);
}

#[tokio::test]
async fn outcomes_shift_the_score_visibly_survive_a_restart_and_can_be_reset() {
    let (home, cloud, stand) = at_home("").await;
    home.script(Script::always(Answer::call("Bash", json!({"command": "make"}))));
    for turn in 0..3 {
        let mut session = Session::new(&format!("{turn}a1"));
        session.says("run make");
        go_on(&stand, &mut session).await;
        for _ in 0..3 {
            session.results(vec![(json!("error"), true)]);
            go_on(&stand, &mut session).await;
        }
    }
    let learned = stand
        .wait_for("three lessons", async |stand| {
            let learned = stand.engine.learned_offset();
            (learned.struggles == 3).then_some(learned)
        })
        .await;
    assert!(learned.points > 2.0 && learned.lessons.iter().all(|lesson| lesson.kind == LessonKind::Struggle));
    home.script(Script::always(Answer::text("done")));
    let settings = both(&home, &cloud);
    let folder = stand.stop().await;
    let stand = Stand::start_in(folder, &settings).await;
    let mut session = Session::new("fa1");
    session.says("say hello");
    send(&stand, &session).await;
    let record = stand.record().await;
    let point = record.decision.points.iter().find(|point| point.signal == "learned").cloned().unwrap();
    assert_eq!((point.points, point.why.as_str()), (3.0, "3 struggles"));
    let said = &record.decision.reasons;
    assert!(said.iter().any(|reason| reason == "+3 points learned from 3 struggles"), "{said:?}");
    stand.engine.reset_learned_offset();
    assert_eq!(stand.engine.world().policy.learned.points, 0.0);
}

#[tokio::test]
async fn a_request_is_sent_again_to_another_model_and_compared() {
    let (home, cloud, stand) = at_home("log.bodies = \"full\"\n").await;
    home.script(Script::always(Answer::text("local words")));
    cloud.script(Script::always(Answer::text("cloud words").and_call("Bash", json!({"command": "ls"}))));
    let mut streamed = ask_streamed(EASY);
    streamed["tools"] = branchline_tests::session::tools();
    for (path, body) in [
        ("/v1/messages", ask(EASY)),
        ("/v1/messages", streamed),
        ("/v1/chat/completions", chat(EASY)),
        ("/v1/responses", respond(EASY)),
        ("/v1/responses", respond_streamed(EASY)),
    ] {
        let id = stand.post(path, &body).await.header("x-branchline-request-id").to_owned();
        let model = format!("anthropic:{CLOUD}");
        let asked = cloud.calls().len();
        let first = stand.engine.replay(&id, &model, false).await.unwrap();
        assert!(first.needs_confirmation && first.replay.is_none() && first.expected.input_tokens > 0, "{first:?}");
        assert_eq!(cloud.calls().len(), asked, "the cloud is not asked before somebody says so");
        let done = stand.engine.replay(&id, &model, true).await.unwrap();
        assert_eq!(done.original.text.as_deref(), Some("local words"));
        let now = done.replay.unwrap();
        assert_eq!((now.text.as_deref(), now.model.as_deref()), (Some("cloud words"), Some(model.as_str())));
        assert_eq!((now.tools.len(), now.tools[0].name.as_str()), (1, "Bash"), "{now:?}");
        assert_eq!(now.tools[0].input, json!({"command": "ls"}));
        assert_eq!(now.stop_reason.as_deref(), Some("tool_use"));
        assert!(now.usage.output > 0 && now.error.is_none(), "{now:?}");
        let record = stand.engine.store.record(&now.request).await.unwrap().unwrap();
        assert_eq!(record.replay_of.as_deref(), Some(id.as_str()));
        // The same machine needs no confirmation.
        let local = stand.engine.replay(&id, &format!("lmstudio:{CODER}"), false).await.unwrap();
        assert_eq!(local.replay.unwrap().text.as_deref(), Some("local words"));
        // A role the cloud stands in for does.
        let search = stand.engine.replay(&id, "web_search", false).await.unwrap();
        assert!(search.needs_confirmation && search.replay.is_none(), "{search:?}");
    }
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn what_was_not_kept_cannot_be_sent_again_and_says_why() {
    for (bodies, why) in [("off", "its body was not kept"), ("redacted", "without its texts")] {
        let (_home, _cloud, stand) = at_home(&format!("log.bodies = \"{bodies}\"\n")).await;
        for (path, body) in [("/v1/messages", ask(EASY)), ("/v1/responses", respond(EASY))] {
            let id = stand.post(path, &body).await.header("x-branchline-request-id").to_owned();
            stand.wait_for("the record", async |stand| stand.engine.store.record(&id).await.ok()?).await;
            let fault = stand.engine.replay(&id, "local", false).await.unwrap_err();
            assert_eq!(fault.code, "body_not_kept");
            assert!(fault.to_string().contains(why), "{path}: {fault}");
            assert!(fault.hint.unwrap().contains("log.bodies = \"full\""));
        }
    }
    let (_home, _cloud, stand) = at_home("").await;
    assert_eq!(stand.engine.replay("req_none", "local", false).await.unwrap_err().code, "not_found");
}
