//! What must stay here stays here: after a restart, beside other requests, whatever is only asked about.

use std::sync::Arc;

use branchline_sim::{Answer, Gate, Script};
use branchline_tests::session::Session;
use branchline_tests::{Reply, Stand};
use serde_json::{Map, Value, json};

use crate::rig::{CLOUD, EASY, HARD, anthropic, ask, both, lmstudio, send, with_picture};

const FALCON: &str = "never_cloud.texts = [\"project falcon\"]\n";

fn went_to(reply: &Reply) -> &str {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.header("x-branchline-model").split_once(':').map_or("", |(backend, _)| backend)
}

/// A session of this id in which the human says something.
fn saying(id: &str, text: &str) -> Session {
    let mut session = Session::new(id);
    session.says(text);
    session
}

#[tokio::test]
async fn a_private_session_is_private_after_a_restart() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let settings = format!("{}{FALCON}", both(&home, &cloud));
    let stand = Stand::start(&settings).await;
    assert_eq!(went_to(&send(&stand, &saying("leak", "about project falcon")).await), "lmstudio");
    let folder = stand.stop().await;
    for _ in 0..2 {
        // What is private for its session only keeps it private too.
        let stand = Stand::start_in(Arc::clone(&folder), &settings).await;
        let reply = send(&stand, &saying("leak", HARD)).await;
        assert_eq!(went_to(&reply), "lmstudio");
        let reason = reply.header("x-branchline-reason");
        assert_eq!(reason.matches("earlier in this session").count(), 1, "{reason}");
        assert_eq!(went_to(&send(&stand, &saying("other", HARD)).await), "anthropic");
        stand.stop().await;
    }
}

#[tokio::test]
async fn what_is_only_asked_about_makes_no_session_private() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&format!("{}{FALCON}", both(&home, &cloud))).await;
    let session = saying("wonder", HARD);
    let headers: Map<String, Value> =
        session.headers().iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let request = json!({"text": "about project falcon", "headers": headers});
    let explained = branchline_control::dispatch(Arc::clone(&stand.engine), "routing.explain", request).await.unwrap();
    assert!(explained["private"].as_str().unwrap().contains("never_cloud.texts[0]"), "{explained}");
    let classified = stand.post_with("/classify", &ask("about project falcon"), &session.headers()).await;
    assert_eq!(classified.json()["target"], "local");
    assert_eq!(went_to(&send(&stand, &session).await), "anthropic");
    // What is known of a session is told all the same.
    assert_eq!(went_to(&send(&stand, &saying("wonder", "project falcon, then")).await), "lmstudio");
    let classified = stand.post_with("/classify", &ask(EASY), &session.headers()).await;
    assert!(classified.json()["private"].as_str().unwrap().contains("earlier in this session"), "{}", classified.text);
}

#[tokio::test]
async fn a_picture_is_not_shown_to_the_cloud_where_everything_is_to_stay() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let eyes = format!("{}roles.vision = \"anthropic:{CLOUD}\"\n", both(&home, &cloud));
    for (at, more) in ["", "vision.mode = \"route\"\n"].into_iter().enumerate() {
        for (seed, mode, forced) in [(1, "local", "auto"), (2, "auto", "local")] {
            let stand = Stand::start(&format!("{eyes}routing.mode = \"{mode}\"\n{more}")).await;
            let body = with_picture("what is this?", seed + 10 * u8::try_from(at).unwrap());
            let reply = stand.post_with("/v1/messages", &body, &[("x-force-route", forced)]).await;
            assert_eq!(went_to(&reply), "lmstudio", "{mode} {forced} {more}");
            assert_eq!(stand.record().await.images.failed, 1);
        }
    }
    assert!(cloud.calls().is_empty());
    let stand = Stand::start(&format!("{eyes}routing.threshold = 100\n")).await;
    stand.post("/v1/messages", &with_picture("what is this?", 3)).await;
    assert_eq!(stand.record().await.images.described, 1, "else the eyes may look");
}

#[tokio::test]
async fn a_private_request_and_a_free_one_do_not_wait_for_each_others_eyes() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let gate = Gate::new();
    cloud.script(Script::always(Answer::text("A cat.").head_waits(&gate)));
    let eyes = format!("roles.vision = \"anthropic:{CLOUD}\"\nrouting.threshold = 100\n");
    let stand = Stand::start(&format!("{}{FALCON}{eyes}", both(&home, &cloud))).await;
    let free = with_picture("what is this?", 3);
    let private = with_picture("what of project falcon is this?", 3);
    let beside = async {
        cloud.wait_for_call(1).await.unwrap();
        let reply = stand.post("/v1/messages", &private).await;
        gate.open();
        reply
    };
    let (one, other) = tokio::join!(stand.post("/v1/messages", &free), beside);
    assert_eq!((went_to(&one), went_to(&other)), ("lmstudio", "lmstudio"));
    let read = home.calls();
    assert!(read[0].contains("not described: no vision model may be asked"), "{:?}", read[0].body);
    assert!(read[1].contains("A cat.>>"), "{:?}", read[1].body);
    assert_eq!(cloud.calls().len(), 1);
}
