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
