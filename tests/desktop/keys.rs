//! Keys of backends, and what becomes of them when the keyring fails.

use std::path::Path;
use std::time::Duration;

use branchline_sim::{Answer, Model, Script, Sim};

use super::app::{App, data_folder, free_port, http, settings_file, write_settings};
use super::page::Page;
use super::session::{Session, wait_for};
use super::{attached, cloud, keyring, lmstudio, local, session, wait_for_health, with_cloud};

const KEY: &str = "sk-desktop-journey-7c1f0a";

/// A provider that wants the key, and the settings that name it beside LM Studio.
async fn strict_cloud() -> Sim {
    let cloud = Sim::anthropic().model(Model::cloud("claude-sonnet-5-5")).key(KEY);
    cloud.script(Script::computed(|_| Answer::text("done by the cloud"))).start().await.unwrap()
}

fn both(sim: &Sim, cloud: &Sim) -> String {
    with_cloud(&local(sim), cloud).replace("backends.anthropic.auth = \"none\"\n", "")
}

/// Where a key must never stand. The keyring's own file is encrypted.
fn assert_not_on_disk(session: &Session, key: &str) {
    let settings = settings_file(session).parent().unwrap().to_owned();
    for folder in [data_folder(session), settings, session.home.path().join(".cache")] {
        assert_eq!(files_with(&folder, key), [""; 0]);
    }
}

async fn open_anthropic(page: &Page) {
    page.go("backends").await;
    page.click("//button[@aria-expanded='false'][contains(., 'anthropic')]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_typed_in_the_window_is_in_the_keyring_and_nowhere_on_disk() {
    let session = session_or_skip!();
    let (cloud, port) = (cloud().await, free_port());
    write_settings(&session, port, &format!("backends.anthropic.base_url = \"{}\"\n", cloud.url()));
    let page = Page::open(&session).await;
    open_anthropic(&page).await;
    page.type_into("//input[@placeholder='Paste the key']", &format!("{KEY}\n")).await;
    page.wait_for("//*[contains(text(), 'In the keyring')]").await;
    session.picture("window-key");
    assert!(keyring::secrets(&session.bus).contains(&KEY.to_owned()), "it is in the keyring");
    for folder in [
        data_folder(&session),
        settings_file(&session).parent().unwrap().to_owned(),
        session.home.path().join(".cache"),
    ] {
        assert_eq!(files_with(&folder, KEY), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_read_stay_when_the_keyring_dies() {
    let session = session_or_skip!();
    let (sim, cloud, port) = (lmstudio().await, strict_cloud().await, free_port());
    write_settings(&session, port, &both(&sim, &cloud));
    keyring::store(&session.bus, "anthropic", KEY);
    let page = Page::open(&session).await;
    let app = attached(&session, &page, port);
    wait_for_health(&app, "ok").await;
    assert_eq!(forced(&app, "cloud").await, Ok("anthropic:claude-sonnet-5-5".to_owned()));
    session.keyring.kill();
    assert!(forced(&app, "cloud").await.is_ok(), "it was read");
    // A restart makes everything anew but what was read.
    app.click("Stop");
    app.wait_for_icon("stopped");
    app.click("Start");
    wait_for_health(&app, "ok").await;
    assert!(forced(&app, "cloud").await.is_ok(), "and is remembered");
    page.go("backends").await;
    page.wait_for("//*[@role='alert'][contains(., 'Keys cannot be stored')][contains(., 'gnome-keyring')]").await;
    session.picture("keyring-gone");
    // A key that is typed in now goes nowhere.
    page.click("//button[@aria-expanded='false'][contains(., 'anthropic')]").await;
    page.click("//button[normalize-space()='Replace']").await;
    let typed = "sk-typed-without-a-keyring";
    page.type_into("//input[@placeholder='Paste the key']", &format!("{typed}\n")).await;
    page.wait_for("//form//p[contains(., 'cannot be reached')][contains(., 'BRANCHLINE_KEY_')]").await;
    assert_not_on_disk(&session, typed);
    assert!(forced(&app, "cloud").await.is_ok(), "the old key stays in force");
    session.keyring.restart();
    page.type_into("//input[@placeholder='Paste the key']", "\n").await;
    page.wait_for("//*[contains(text(), 'In the keyring')]").await;
    assert!(keyring::secrets(&session.bus).contains(&typed.to_owned()), "a new daemon is found at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keyring_holds_up_nobody_and_is_opened_later() {
    let session = session_or_skip!();
    let (sim, cloud, port) = (lmstudio().await, strict_cloud().await, free_port());
    write_settings(&session, port, &both(&sim, &cloud));
    keyring::store(&session.bus, "anthropic", KEY);
    let asked = keyring::silent_dialog(&session.bus);
    keyring::lock(&session.bus);
    let page = Page::open(&session).await;
    let app = attached(&session, &page, port);
    // The dialog is open and stays so; what needs no key works.
    wait_for("the question for the password", || (*asked.lock().unwrap() == 1).then_some(()));
    assert_eq!(app.prompt("rename this").await, "lmstudio:qwen/one");
    let refused = forced(&app, "anthropic:claude-sonnet-5-5").await.unwrap_err();
    assert!(refused.contains("keyring is locked"), "{refused}");
    page.go("backends").await;
    page.wait_for("//*[@role='alert'][contains(., 'keyring is locked')]").await;
    page.wait_for("//button[contains(., 'anthropic')][contains(., 'Key unreadable')]").await;
    session.picture("keyring-locked");
    assert_eq!(*asked.lock().unwrap(), 1, "the user is asked once");
    keyring::unlock(&session.bus);
    // Without a click: it is noticed.
    page.wait_for("//button[contains(., 'anthropic')][contains(., 'Answers')]").await;
    assert_eq!(forced(&app, "cloud").await, Ok("anthropic:claude-sonnet-5-5".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keyring_at_the_start_everything_else_works_and_one_that_comes_is_used() {
    let session = session_or_skip!();
    let (sim, cloud, port) = (lmstudio().await, strict_cloud().await, free_port());
    write_settings(&session, port, &both(&sim, &cloud));
    keyring::store(&session.bus, "anthropic", KEY);
    session.keyring.kill();
    let page = Page::open(&session).await;
    let app = attached(&session, &page, port);
    wait_for_health(&app, "ok").await;
    assert_eq!(app.prompt("rename this").await, "lmstudio:qwen/one");
    let refused = forced(&app, "anthropic:claude-sonnet-5-5").await.unwrap_err();
    assert!(refused.contains("no program keeps secrets") && refused.contains("BRANCHLINE_KEY_"), "{refused}");
    open_anthropic(&page).await;
    page.wait_for("//*[@role='alert'][contains(., 'Keys cannot be stored')][contains(., 'gnome-keyring')]").await;
    let typed = "sk-typed-without-a-keyring";
    page.type_into("//input[@placeholder='Paste the key']", &format!("{typed}\n")).await;
    page.wait_for("//form//p[contains(., 'cannot be reached')][contains(., 'BRANCHLINE_KEY_')]").await;
    session.picture("keyring-missing");
    assert_not_on_disk(&session, typed);
    session.keyring.restart();
    page.wait_for("//button[contains(., 'anthropic')][contains(., 'Answers')]").await;
    assert_eq!(forced(&app, "cloud").await, Ok("anthropic:claude-sonnet-5-5".to_owned()));
}

/// Sends one prompt by force somewhere: who answered, or what was said instead.
async fn forced(app: &App<'_>, route: &str) -> Result<String, String> {
    let token = std::fs::read_to_string(data_folder(app.session).join("client-token")).unwrap();
    let body =
        serde_json::json!({ "model": "auto", "max_tokens": 100, "messages": [{ "role": "user", "content": "Hi" }] });
    let request = http().post(format!("http://127.0.0.1:{}/v1/messages", app.port)).bearer_auth(token.trim());
    let request = request.header("content-type", "application/json").header("x-force-route", route);
    let answer = request.body(body.to_string()).timeout(Duration::from_secs(20));
    let answer = answer.send().await.unwrap();
    let model = answer.headers().get("x-branchline-model").and_then(|model| model.to_str().ok().map(str::to_owned));
    if answer.status().is_success() { Ok(model.unwrap_or_default()) } else { Err(answer.text().await.unwrap()) }
}

/// Files below a folder that hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
        {
            found.push(path.display().to_string());
        }
    }
    found
}
