//! The official Python SDKs through the whole engine, to a simulated LM Studio and a simulated cloud.
//! What is asked and expected stands in the pytest scripts beside this file.

#![expect(clippy::unwrap_used, reason = "the steps of a test: what cannot be had fails it")]

use std::time::Duration;

use branchline_sim::{Model, Sim};
use branchline_tests::client::ready_or_skip;
use branchline_tests::python::{Python, Target};
use branchline_tests::{Stand, scripted};

const LIMIT: Duration = Duration::from_secs(180);
const CODER: &str = "qwen/qwen3-coder-next";
const VISION: &str = "mistralai/devstral-small-2-2512";
const CLOUD: &str = "claude-sonnet-5-5";

#[tokio::test(flavor = "multi_thread")]
async fn the_anthropic_sdk_is_content_with_the_local_model() {
    passes("sdk_anthropic.py", "auto").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_anthropic_sdk_is_content_with_the_cloud() {
    passes("sdk_anthropic.py", "cloud").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_sdk_is_content_with_the_local_model() {
    passes("sdk_openai.py", "auto").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_sdk_is_content_with_the_cloud() {
    passes("sdk_openai.py", "cloud").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_sdks_responses_are_content_with_the_local_model() {
    passes("sdk_responses.py", "auto").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_sdks_responses_are_content_with_the_cloud() {
    passes("sdk_responses.py", "cloud").await;
}

/// Runs one script with `model` as the model id it asks for.
async fn passes(script: &str, model: &str) {
    let Some(python) = ready_or_skip(Python::find().await) else { return };
    let (lmstudio, cloud) = (lmstudio().await, cloud().await);
    let stand = Stand::start(&format!(
        "roles.coder = \"lmstudio:{CODER}\"\nroles.vision = \"lmstudio:{VISION}\"\nroles.cloud = \"anthropic:{CLOUD}\"\n\
         [backends.lmstudio]\nbase_url = \"{}\"\nretry_attempts = 0\n\
         [backends.anthropic]\nbase_url = \"{}\"\nretry_attempts = 0\n",
        lmstudio.url(),
        cloud.url()
    ))
    .await;
    let token = stand.token();
    let target = Target { url: &stand.url, token: &token, model };
    let outcome = python.pytest(script, &target, LIMIT).await.unwrap();
    assert!(outcome.status.success(), "{}\n{}", outcome.stdout, outcome.stderr);
    for sim in [&lmstudio, &cloud] {
        assert_eq!(sim.violations(), []);
    }
    stand.stop().await;
}

async fn lmstudio() -> Sim {
    let sim = Sim::lmstudio()
        .model(Model::llm(CODER).loaded().tools().reasoning().context(131_072))
        .model(Model::vlm(VISION).loaded().tools().context(65_536));
    scripted::scripts().unwrap().into_iter().fold(sim, |sim, script| sim.script(script)).start().await.unwrap()
}

async fn cloud() -> Sim {
    let sim = Sim::anthropic().model(Model::cloud(CLOUD).context(1_000_000));
    scripted::scripts().unwrap().into_iter().fold(sim, |sim, script| sim.script(script)).start().await.unwrap()
}
