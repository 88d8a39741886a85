//! The desktop app in a real session: display, window manager, message bus, keyring, panel, real web page.
//!
//! `session` is the desktop, `app` the app in it as a user meets it (tray, windows, requests), `page` the page in its
//! window. `./dev test` builds the app and installs what is needed; without either a test says why it was skipped.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "everything here runs for tests only")]

mod app;
mod keyring;
mod notifications;
mod page;
mod session;

use std::process::Command;
use std::time::{Duration, Instant};

use branchline_sim::{Answer, Model, Script, Sim};

use app::{App, free_port, launch, settings_file, write_settings};
use page::Page;
use session::{Session, wait_for};

/// Skips a test where there can be no session; where `./dev test` runs, there must be one.
macro_rules! session_or_skip {
    () => {{
        if let Some(why) = session::missing() {
            assert!(std::env::var_os("BRANCHLINE_DESKTOP_BIN").is_none(), "{why}");
            println!("skipped: {why}");
            return;
        }
        Session::start()
    }};
}

// Below the macro, which it uses.
mod keys;

async fn lmstudio() -> Sim {
    let models =
        Sim::lmstudio().model(Model::llm("qwen/one").loaded().tools()).model(Model::llm("qwen/two").loaded().tools());
    models.script(Script::computed(|_| Answer::text("done"))).start().await.unwrap()
}

async fn cloud() -> Sim {
    let cloud = Sim::anthropic().model(Model::cloud("claude-sonnet-5-5")).without_key();
    cloud.script(Script::computed(|_| Answer::text("done by the cloud"))).start().await.unwrap()
}

/// LM Studio alone, with the first model as the coder.
fn local(sim: &Sim) -> String {
    format!("backends.lmstudio.base_url = \"{}\"\nroles.coder = \"lmstudio:qwen/one\"\n", sim.url())
}

fn with_cloud(local: &str, cloud: &Sim) -> String {
    let cloud = format!("backends.anthropic.base_url = \"{}\"\nbackends.anthropic.auth = \"none\"\n", cloud.url());
    format!("{local}{cloud}roles.cloud = \"anthropic:claude-sonnet-5-5\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tray_starts_and_stops_the_proxy() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &local(&sim));
    let app = App::start(&session, port);
    app.wait_for_icon("running");
    app.line(&format!("Running on 127.0.0.1:{port} · coder one · 0 requests today"));
    // The first look at the servers may still be on its way.
    wait_for_health(&app, "ok").await;
    assert_eq!(app.windows(), [""; 0], "it was started in the tray");
    session.picture("tray-running");
    app.click("Stop");
    app.wait_for_icon("stopped");
    assert_eq!(app.health().await, None);
    session.picture("tray-stopped");
    app.click("Start");
    app.wait_for_icon("running");
    assert!(app.health().await.is_some());
    app.click("Quit");
    assert!(app.ended());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_in_the_window_starts_and_stops_the_proxy() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &format!("{}window.guide = false\n", local(&sim)));
    let page = Page::open(&session).await;
    let app = attached(&session, &page, port);
    wait_for_health(&app, "ok").await;
    page.click("//main//button[normalize-space()='Stop']").await;
    page.wait_for("//main//p[text()='Stopped']").await;
    app.wait_for_icon("stopped");
    app.line("Start");
    assert_eq!(app.health().await, None);
    session.picture("window-stopped");
    page.click("//main//button[normalize-space()='Start']").await;
    page.wait_for("//main//p[text()='Running']").await;
    app.wait_for_icon("running");
    wait_for_health(&app, "ok").await;
    // Stopped in the tray, the window says so as well.
    app.click("Stop");
    page.wait_for("//main//p[text()='Stopped']").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_demonstration_brings_up_the_window_of_the_first() {
    let session = session_or_skip!();
    let (sim, port, other_port) = (lmstudio().await, free_port(), free_port());
    // Whoever has the app can look at the demonstration beside it.
    write_settings(&session, other_port, &local(&sim));
    let usual = App::start(&session, other_port);
    let port_only = session.home.path().join("demo.toml");
    std::fs::write(&port_only, format!("[server]\nport = {port}\n")).unwrap();
    let demo = ["--demo", "--config", port_only.to_str().unwrap()];
    let process = session::Running(launch(&session, &[&demo[..], &["--hidden"]].concat()));
    let app = App { session: &session, port, process, id: None };
    app.line("Running on");
    let mut second = session::Running(launch(&session, &demo));
    let ended = wait_for("the second launch to give way", || second.0.try_wait().unwrap());
    assert!(ended.success());
    app.wait_for_windows(&[""]);
    assert_eq!(usual.windows(), [""; 0]);
    let folders = || {
        let entries = std::fs::read_dir(session.home.path().join("tmp")).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("branchline-demo-")).count()
    };
    assert_eq!(folders(), 1);
    // And it ends alone, without a trace.
    app.click("Quit");
    assert!(app.ended());
    assert_eq!(folders(), 0);
    assert!(usual.health().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_is_told_and_so_is_who_answers_instead() {
    let session = session_or_skip!();
    let (sim, cloud, port) = (lmstudio().await, cloud().await, free_port());
    write_settings(&session, port, &with_cloud(&local(&sim), &cloud));
    let app = App::start(&session, port);
    app.line("coder one");
    assert_eq!(app.prompt("rename this").await, "lmstudio:qwen/one");
    app.line("1 request today");
    sim.stop().await;
    let offline = session.notification("lmstudio is offline");
    assert!(!offline.body.is_empty());
    app.wait_for_icon("degraded");
    session.picture("tray-degraded");
    assert_eq!(app.prompt("rename this").await, "anthropic:claude-sonnet-5-5");
    session.notification("Answered by the cloud instead of lmstudio");
    app.line("lmstudio → anthropic:claude-sonnet-5-5");
    for _ in 0..3 {
        app.prompt("rename this").await;
    }
    let told = session.shown().into_iter().filter(|shown| shown.title.contains("Answered by the cloud")).count();
    assert_eq!(told, 1, "at most one a minute");
    sim.restart_on_same_port().await.unwrap();
    session.notification("lmstudio is back");
    app.wait_for_icon("running");
    // A click opens the page that has more.
    session.click(&offline);
    app.wait_for_windows(&["backends"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_comes_and_goes_and_leaves_nothing_behind() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &local(&sim));
    let app = App::start(&session, port);
    // Where the panel says so, a left click opens the window.
    app.click_icon();
    app.wait_for_windows(&[""]);
    let engines = || processes("WebKitWebProces", &session);
    wait_for("the web page", || (engines() > 0).then_some(()));
    close_window(&app);
    wait_for("the end of the web page", || (engines() == 0).then_some(()));
    assert!(app.health().await.is_some(), "the proxy goes on");
    let mut second = launch(&session, &[]);
    assert!(second.wait().unwrap().success(), "the second launch gives way");
    app.wait_for_windows(&[""]);
    let mut third = launch(&session, &["--hidden"]);
    assert!(third.wait().unwrap().success());
    assert_eq!(app.windows().len(), 1);
    app.click("Quit");
    assert!(app.ended());
    wait_for("the end of the web page", || (engines() == 0).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_at_login_writes_and_removes_its_entry() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &local(&sim));
    let app = App::start(&session, port);
    let folder = session.home.path().join(".config/autostart");
    let entries =
        || std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    assert!(!app.line("Start at login").checked);
    app.click("Start at login");
    let entry = wait_for("the entry", || entries().pop());
    let text = std::fs::read_to_string(entry).unwrap();
    assert!(text.contains("--hidden"), "{text}");
    wait_for("the check mark", || app.line("Start at login").checked.then_some(()));
    app.click("Start at login");
    wait_for("the entry to go", || entries().is_empty().then_some(()));
    wait_for("the check mark to go", || (!app.line("Start at login").checked).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_in_the_tray_is_there_after_a_restart() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &local(&sim));
    let app = App::start(&session, port);
    app.line("Route: Auto");
    app.click("All local");
    app.line("Route: All local");
    assert!(app.menu().iter().any(|line| line.label == "All local" && line.checked));
    terminate(app.process.0.id());
    assert!(app.ended(), "a signal ends it in order");
    let app = App::start(&session, port);
    app.line("Route: All local");
    assert!(std::fs::read_to_string(settings_file(&session)).unwrap().contains("local"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_told_with_who_has_it_and_a_way_out() {
    let session = session_or_skip!();
    let (sim, other) = (lmstudio().await, std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let port = other.local_addr().unwrap().port();
    write_settings(&session, port, &local(&sim));
    let mut app = App::start(&session, port);
    let told = session.notification("could not start");
    assert!(told.body.contains(&format!("Port {port} is taken by desktop")), "{told:?}");
    app.wait_for_icon("stopped");
    let way_out = app.line("Use port ").label;
    app.port = way_out.split(' ').nth(2).and_then(|port| port.parse().ok()).unwrap();
    app.click(&way_out);
    app.wait_for_icon("running");
    assert!(app.health().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_settings_do_not_keep_the_app_from_opening() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &format!("{}routing.threshold = \"high\"\n", local(&sim)));
    let app = App::start(&session, port);
    app.line("routing.threshold");
    assert!(app.health().await.is_some());
    app.click("Open window");
    app.wait_for_windows(&[""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_picked_in_the_window_answers_the_next_request() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &local(&sim));
    // The session has no locale, which is more than some pages can bear.
    let page = Page::open(&session).await;
    page.wait_for("//nav").await;
    let app = attached(&session, &page, port);
    assert_eq!(app.prompt("rename this").await, "lmstudio:qwen/one");
    page.go("models").await;
    page.pick("//select[@aria-label='Use qwen/two as' or contains(@aria-label, 'two')]", "coder").await;
    let file = settings_file(&session);
    wait_for("the role in the settings", || {
        std::fs::read_to_string(&file).unwrap().contains("lmstudio:qwen/two").then_some(())
    });
    app.line("coder two");
    assert_eq!(app.prompt("rename this").await, "lmstudio:qwen/two");
    session.picture("window-models");
}

#[tokio::test(flavor = "multi_thread")]
async fn tray_notifications_and_window_speak_the_language_of_the_settings() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &format!("{}[window]\nlanguage = \"de\"\nguide = false\n", local(&sim)));
    let page = Page::open(&session).await;
    page.wait_for("//h1[text()='Übersicht']").await;
    let app = attached(&session, &page, port);
    app.line("Läuft auf 127.0.0.1");
    app.line("Fenster öffnen");
    sim.stop().await;
    session.notification("lmstudio ist nicht erreichbar");
    page.go("settings").await;
    page.pick("//select[@id=//label[text()='Sprache']/@for]", "zh").await;
    page.wait_for("//h1[text()='设置']").await;
    app.line("打开窗口");
    session.picture("window-chinese");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_in_the_window_is_a_file() {
    let session = session_or_skip!();
    let (sim, port) = (lmstudio().await, free_port());
    write_settings(&session, port, &local(&sim));
    let page = Page::open(&session).await;
    page.go("settings").await;
    // The last of what is asked for; nothing moves any more.
    page.wait_for("//*[contains(text(), 'Branchline 0.1.0')]").await;
    page.click("//button[contains(., 'Export settings')]").await;
    page.click("//button[contains(., 'Save as a file')]").await;
    page.wait_for("//*[contains(text(), 'branchline-settings.toml')]").await;
    // Where no folder for downloads is set up, it is the home folder.
    let folders = [session.home.path().join("Downloads"), session.home.path().to_owned()];
    let saved = folders.iter().find_map(|folder| std::fs::read_to_string(folder.join("branchline-settings.toml")).ok());
    assert!(saved.unwrap().contains("qwen/one"));
}

async fn wait_for_health(app: &App<'_>, status: &str) {
    let limit = Instant::now() + Duration::from_secs(25);
    loop {
        let health = app.health().await.unwrap_or_default();
        if health["status"] == status {
            return;
        }
        assert!(Instant::now() < limit, "{health}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The app that WebDriver has started.
fn attached<'s>(session: &'s Session, page: &Page, port: u16) -> App<'s> {
    let id = wait_for("the app", || app::children(page.driver()).into_iter().next());
    // A stand-in to hold: the app itself ends with its driver.
    let process = session::Running(session.command("sleep").arg("600").spawn().unwrap());
    App { session, port, process, id: Some(id) }
}

/// How many processes of this name live in the session.
fn processes(name: &str, session: &Session) -> usize {
    let mark = format!("XDG_RUNTIME_DIR={}", session.home.path().join("run").display());
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let of_the_name =
        all.filter(|entry| std::fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
    of_the_name
        .filter(|entry| {
            let env = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            env.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        })
        .count()
}

/// Closes the window as a user does; a key that comes before the window listens is pressed again.
fn close_window(app: &App) {
    let press = |args: &[&str]| app.session.command("timeout").args(["2", "xdotool"]).args(args).status();
    wait_for("the window to close", || {
        // Two commands: behind a search the key would go to the window itself, past the window manager.
        let _ = press(&["search", "--onlyvisible", "--name", "^Branchline", "windowactivate", "--sync"]);
        let _ = press(&["key", "alt+F4"]);
        std::thread::sleep(Duration::from_millis(300));
        app.windows().is_empty().then_some(())
    });
}

fn terminate(id: u32) {
    assert!(Command::new("kill").arg(id.to_string()).status().unwrap().success());
}
