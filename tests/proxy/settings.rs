//! Settings that change while the engine runs.

use branchline_proxy::{LiveEvent, watch};
use branchline_sim::{Answer, Gate};
use branchline_tests::Stand;
use branchline_tests::stand::settings_text;

use crate::rig::{CLOUD, CODER, EASY, anthropic, ask, ask_streamed, both, lmstudio, local, text_of, told};

fn write(stand: &Stand, text: &str) {
    std::fs::write(&stand.engine.paths.config_file, settings_text(text)).unwrap();
}

/// Problems of the next reading.
async fn next_reading(ears: &mut branchline_tests::stand::Ears) -> Vec<String> {
    ears.hear("the settings being read", |event| match event {
        LiveEvent::SettingsChanged { problems } => Some(problems),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_changed_file_is_in_force_at_once_and_a_running_request_keeps_what_it_began_with() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let gate = Gate::new();
    home.script(Answer::text("From the old settings.").waits_after(1, &gate));
    let stand = Stand::start(&both(&home, &cloud)).await.watching();
    let mut ears = stand.ears();
    let running = stand.open("/v1/messages", &ask_streamed(EASY), &[]).await;
    write(&stand, &format!("{}routing.mode = \"cloud\"\n", both(&home, &cloud)));
    assert!(next_reading(&mut ears).await.is_empty());
    let reply = stand.post("/v1/messages", &ask("say something else")).await;
    assert_eq!(reply.header("x-branchline-model"), format!("anthropic:{CLOUD}"));
    gate.open();
    assert_eq!(told(&running.into_reply().await).text(), "From the old settings.");
}

#[tokio::test]
async fn a_wrong_file_changes_nothing_and_says_what_is_wrong() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await.watching();
    let mut ears = stand.ears();
    for (wrong, said) in [
        ("routing.threshold = 400\n", "routing.threshold"),
        ("routing.mode = \"sideways\"\n", "routing.mode"),
        ("this is no toml", ""),
    ] {
        write(&stand, &format!("{}{wrong}", local(&sim)));
        let problems = next_reading(&mut ears).await;
        assert!(!problems.is_empty() && problems[0].contains(said), "{problems:?}");
        let reply = stand.post("/v1/messages", &ask(EASY)).await;
        assert_eq!((reply.status, reply.header("x-branchline-model")), (200, format!("lmstudio:{CODER}").as_str()));
    }
    write(&stand, &format!("{}routing.threshold = 77\n", local(&sim)));
    assert!(next_reading(&mut ears).await.is_empty());
    assert_eq!(stand.engine.world().settings.routing.threshold, 77);
}

/// The backend that answers an easy request, one forced to the cloud, and what the status says of it all.
async fn who_answers(stand: &Stand) -> (String, String, bool) {
    let model = |reply: &branchline_tests::stand::Reply| {
        reply.header("x-branchline-model").split(':').next().unwrap_or_default().to_owned()
    };
    let plain = stand.post("/v1/messages", &ask(EASY)).await;
    let forced = stand.post_with("/v1/messages", &ask(EASY), &[("x-force-route", "cloud")]).await;
    let status = branchline_control::dispatch(std::sync::Arc::clone(&stand.engine), "status", serde_json::Value::Null);
    (model(&plain), model(&forced), status.await.unwrap()["held"].is_string())
}

fn answered(plain: &str, forced: &str, held: bool) -> (String, String, bool) {
    (plain.to_owned(), forced.to_owned(), held)
}

#[tokio::test]
async fn a_mistyped_privacy_rule_keeps_everything_here_until_it_is_mended() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let base = format!("{}routing.mode = \"cloud\"\n", both(&home, &cloud));
    let stand = Stand::start(&base).await.watching();
    assert_eq!(who_answers(&stand).await, answered("anthropic", "anthropic", false));
    let mut ears = stand.ears();
    write(&stand, &format!("{base}never_cloud.path = [\"secrets\"]\n"));
    let problems = next_reading(&mut ears).await;
    assert!(problems[0].contains("never_cloud.path") && problems[1].contains("everything stays"), "{problems:?}");
    let asked = cloud.calls().len();
    assert_eq!(who_answers(&stand).await, answered("lmstudio", "lmstudio", true));
    let reply = stand.post("/v1/messages", &ask(EASY)).await;
    let reason = reply.header("x-branchline-reason");
    assert!(reason.contains("did you mean") && reason.contains("paths"), "{reason}");
    assert_eq!(cloud.calls().len(), asked);
    write(&stand, &format!("{base}never_cloud.paths = [\"secrets\"]\n"));
    assert!(next_reading(&mut ears).await.is_empty());
    assert_eq!(who_answers(&stand).await, answered("anthropic", "anthropic", false));
}

#[tokio::test]
async fn a_mistyped_mode_keeps_everything_local_until_it_is_mended() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let base = format!("{}routing.threshold = 0\n", both(&home, &cloud));
    let stand = Stand::start(&base).await.watching();
    assert_eq!(who_answers(&stand).await, answered("anthropic", "anthropic", false));
    let mut ears = stand.ears();
    write(&stand, &format!("{base}routing.mode = \"all_locall\"\n"));
    assert!(next_reading(&mut ears).await[0].contains("routing.mode"));
    // As with "local": who insists on the cloud for one request gets it.
    assert_eq!(who_answers(&stand).await, answered("lmstudio", "anthropic", true));
    let reply = stand.post("/v1/messages", &ask(EASY)).await;
    assert!(reply.header("x-branchline-reason").contains("until it is mended"), "{:?}", reply.headers);
    write(&stand, &base);
    assert!(next_reading(&mut ears).await.is_empty());
    assert_eq!(who_answers(&stand).await, answered("anthropic", "anthropic", false));
}

#[tokio::test]
async fn a_backend_added_later_is_found_and_used() {
    let sim = lmstudio().await;
    let stand = Stand::start("").await;
    assert_eq!(stand.post("/v1/messages", &ask(EASY)).await.header("x-branchline-error"), "no_model");
    write(&stand, &local(&sim));
    watch::reload(&stand.engine, &stand.engine.paths.config_file).await;
    assert_eq!(stand.post("/v1/messages", &ask(EASY)).await.status, 200);
    write(&stand, "");
    watch::reload(&stand.engine, &stand.engine.paths.config_file).await;
    assert_eq!(stand.post("/v1/messages", &ask(EASY)).await.header("x-branchline-error"), "no_model");
}

#[tokio::test]
async fn a_key_that_is_set_later_is_used_without_a_restart() {
    let cloud = anthropic().await;
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let stand = Stand::start_with_keys(folder, &crate::rig::backend("anthropic", &cloud), None).await;
    let mut body = ask(EASY);
    body["model"] = "cloud".into();
    assert!(stand.post("/v1/messages", &body).await.status >= 400);
    stand.engine.keys.set("anthropic", &branchline_settings::Secret::new("a-new-key")).unwrap();
    stand.engine.keys_changed();
    text_of(&stand.post("/v1/messages", &body).await);
    assert_eq!(cloud.calls()[0].header("x-api-key"), "a-new-key");
    cloud.verdict().unwrap();
}
