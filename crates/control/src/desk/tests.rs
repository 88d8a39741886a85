use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use branchline_settings::schema::Mode;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;

#[derive(Default)]
struct Pretend(AtomicBool, std::sync::Mutex<String>);

impl Desktop for Pretend {
    fn autostart(&self) -> std::result::Result<bool, String> {
        Ok(self.0.load(Ordering::Relaxed))
    }

    fn set_autostart(&self, on: bool) -> std::result::Result<(), String> {
        self.0.store(on, Ordering::Relaxed);
        Ok(())
    }

    fn copy(&self, text: String) -> std::result::Result<(), String> {
        *self.1.lock().unwrap() = text;
        Ok(())
    }

    fn downloads(&self) -> std::result::Result<PathBuf, String> {
        Ok(PathBuf::from(self.1.lock().unwrap().as_str()))
    }
}

/// A desk in a folder of its own, without any backend.
struct Rig {
    desk: Desk,
    work: JoinHandle<()>,
    folder: TempDir,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = ["lmstudio", "llamacpp", "ollama", "vllm", "anthropic"];
        let off: String = names.map(|name| format!("backends.{name}.enabled = false\n")).concat();
        std::fs::write(
            folder.path().join("settings.toml"),
            format!("server.port = 0\nwindow.language = \"en\"\n{off}"),
        )
        .unwrap();
        Self::inside(folder)
    }

    fn inside(folder: TempDir) -> Self {
        let keys = Arc::new(KeyStore::memory());
        let (desk, work) = Desk::open(Paths::inside(folder.path()), keys, Arc::new(Pretend::default())).unwrap();
        Self { desk, work: tokio::spawn(work), folder }
    }

    async fn set(&self, path: &str, value: Value) {
        let changes = json!({ "changes": [{ "path": path, "value": value }] });
        self.desk.dispatch("settings.set", changes).await.unwrap();
    }

    fn address(&self) -> String {
        self.desk.view().address.unwrap()
    }

    fn answers(address: &str) -> bool {
        std::net::TcpStream::connect(address).is_ok()
    }

    /// Waits until the view is so.
    async fn until(&self, what: &str, is_so: impl Fn(&commands::ServerView) -> bool) -> commands::ServerView {
        let mut ears = self.desk.ears();
        let waiting = async {
            loop {
                let view = self.desk.view();
                if is_so(&view) {
                    return view;
                }
                ears.hear().await.unwrap();
            }
        };
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, waiting).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_started_and_stopped_again_and_again() {
    let rig = Rig::new();
    assert_eq!(rig.desk.view().phase, Phase::Stopped);
    for _ in 0..3 {
        rig.desk.start().await.unwrap();
        let address = rig.address();
        assert!(Rig::answers(&address));
        assert_eq!(rig.desk.stop().await.unwrap(), 0);
        assert!(!Rig::answers(&address));
        assert_eq!(rig.desk.view().phase, Phase::Stopped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_shown_and_changed_while_nothing_is_served() {
    let rig = Rig::new();
    rig.set("routing.threshold", json!(70)).await;
    rig.desk.start().await.unwrap();
    rig.desk.stop().await.unwrap();
    let settings = rig.desk.dispatch("settings.get", Value::Null).await.unwrap();
    assert_eq!(settings["settings"]["routing"]["threshold"], 70);
    assert_eq!(rig.desk.engine().world().policy.threshold, 70);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told_with_who_has_it_and_a_free_one() {
    let rig = Rig::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().port();
    rig.set("server.port", json!(taken)).await;
    let error = rig.desk.start().await.unwrap_err();
    assert_eq!(error.code, "port_taken");
    assert!(error.message.contains(&format!("(process {})", std::process::id())), "{}", error.message);
    let view = rig.desk.view();
    assert_eq!((view.phase, view.problem), (Phase::Stopped, Some(error)));
    let held = view.taken.unwrap();
    assert_eq!(held.port, taken);
    assert!(held.holder.unwrap().contains(&std::process::id().to_string()));
    let next = rig.desk.dispatch("server.next_port", Value::Null).await.unwrap();
    assert_eq!((next["wanted"].clone(), next["port"].clone()), (json!(taken), json!(view.next_port)));
    drop(other);
    rig.desk.start().await.unwrap();
    assert_eq!(rig.desk.view().problem, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_port_is_gone_to() {
    let rig = Rig::new();
    rig.desk.start().await.unwrap();
    let old = rig.address();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    rig.set("server.port", json!(free.port())).await;
    rig.until("the new address", |view| view.address.as_deref() == Some(&*free.to_string())).await;
    assert!(Rig::answers(&free.to_string()));
    let told = std::fs::read_to_string(crate::house::address_file(&rig.desk.engine().paths)).unwrap();
    assert_eq!(told, free.to_string(), "other commands find it");
    rig.desk.stop().await.unwrap();
    assert!(!Rig::answers(&old));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_port_that_is_taken_costs_nothing() {
    let rig = Rig::new();
    rig.desk.start().await.unwrap();
    let old = rig.address();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    rig.set("server.port", json!(other.local_addr().unwrap().port())).await;
    let view = rig.until("the problem", |view| view.problem.is_some()).await;
    assert_eq!((view.phase, view.address.as_deref()), (Phase::Running, Some(&*old)));
    assert!(Rig::answers(&old));
    let own: u16 = old.rsplit(':').next().unwrap().parse().unwrap();
    rig.set("server.port", json!(own)).await;
    rig.until("the problem to be over", |view| view.problem.is_none()).await;
    assert!(Rig::answers(&old));
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_settings_and_a_broken_database_do_not_keep_it_from_opening() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.toml"), "[server]\nport = 0\n[routing]\nthreshold = \"high\"\n")
        .unwrap();
    // A folder where the database should be.
    std::fs::create_dir_all(folder.path().join("data/branchline.sqlite3")).unwrap();
    let rig = Rig::inside(folder);
    let codes: Vec<_> = rig.desk.view().troubles.into_iter().map(|trouble| trouble.code).collect();
    assert_eq!(codes.len(), 2, "{codes:?}");
    assert_eq!(codes[0], "invalid_settings");
    let problems = rig.desk.dispatch("settings.problems", Value::Null).await.unwrap();
    assert_eq!(problems["problems"][0]["path"], "routing.threshold");
    rig.desk.start().await.unwrap();
    assert!(Rig::answers(&rig.address()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_while_the_privacy_rules_cannot_be_read() {
    let none = "backends.anthropic.enabled = false\nbackends.lmstudio.enabled = false\nbackends.llamacpp.enabled = false\n\
                backends.ollama.enabled = false\nbackends.vllm.enabled = false\nserver.port = 0\n";
    for bad in ["never_cloud.texts = \"falcon\"\n", "never_cloud.texts = [\"falcon\"\n"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("settings.toml"), format!("{none}{bad}")).unwrap();
        let rig = Rig::inside(folder);
        let explained = rig.desk.dispatch("routing.explain", json!({ "text": "hello" })).await.unwrap();
        assert!(explained["private"].as_str().unwrap().contains("cannot be read"), "{explained}");
        assert_ne!(explained["target"], "cloud");
        std::fs::write(rig.folder.path().join("settings.toml"), format!("{none}never_cloud.texts = [\"falcon\"]\n"))
            .unwrap();
        let file = rig.folder.path().join("settings.toml");
        branchline_proxy::watch::reload(&rig.desk.engine(), &file).await;
        let explained = rig.desk.dispatch("routing.explain", json!({ "text": "hello" })).await.unwrap();
        assert!(explained["private"].is_null(), "{explained}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_local_while_the_mode_cannot_be_read_and_it_is_said_until_it_is_mended() {
    let none = "backends.anthropic.enabled = false\nbackends.lmstudio.enabled = false\nbackends.llamacpp.enabled = false\n\
                backends.ollama.enabled = false\nbackends.vllm.enabled = false\nserver.port = 0\nrouting.threshold = 0\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, format!("{none}routing.mode = \"all_locall\"\n")).unwrap();
    let rig = Rig::inside(folder);
    let trouble = rig.desk.view().troubles.remove(0);
    assert!(trouble.message.contains("routing.mode") && trouble.message.contains("everything stays"), "{trouble:?}");
    let mode = || rig.desk.engine().world().policy.mode;
    assert_eq!(mode(), Mode::Local);
    let explained = rig.desk.dispatch("routing.explain", json!({ "text": "hello" })).await.unwrap();
    assert!(explained["steps"].to_string().contains("so everything stays on your machines"), "{explained}");
    let status = rig.desk.dispatch("status", Value::Null).await.unwrap();
    assert!(status["held"].as_str().unwrap().contains("(line 8)"), "{status}");
    std::fs::write(&file, none).unwrap();
    branchline_proxy::watch::reload(&rig.desk.engine(), &file).await;
    assert_eq!(mode(), Mode::Auto);
    assert!(
        rig.desk.view().troubles.is_empty()
            && rig.desk.dispatch("status", Value::Null).await.unwrap()["held"].is_null()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_that_cannot_be_made_does_not_keep_it_from_opening() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file where the folder should be").unwrap();
    std::fs::write(folder.path().join("settings.toml"), "[server]\nport = 0\n").unwrap();
    let rig = Rig::inside(folder);
    assert!(!rig.desk.view().troubles.is_empty());
    rig.desk.start().await.unwrap();
    assert!(Rig::answers(&rig.address()));
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_at_login_is_asked_of_the_desktop() {
    let rig = Rig::new();
    let get = || rig.desk.dispatch("desktop.autostart.get", Value::Null);
    assert_eq!(get().await.unwrap()["enabled"], false);
    rig.desk.dispatch("desktop.autostart.set", json!({ "enabled": true })).await.unwrap();
    assert_eq!(get().await.unwrap()["enabled"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_saved_beside_those_of_the_same_name() {
    let rig = Rig::new();
    let folder = rig.folder.path().join("Downloads");
    rig.desk.dispatch("desktop.copy", json!({ "text": folder })).await.unwrap();
    let save =
        async |name: &str, text: &str| rig.desk.dispatch("desktop.save", json!({ "name": name, "text": text })).await;
    let paths = [save("a.toml", "one").await.unwrap(), save("a.toml", "two").await.unwrap()];
    let expected = ["a.toml", "a (2).toml"].map(|name| folder.join(name));
    assert_eq!(paths.map(|answer| PathBuf::from(answer["path"].as_str().unwrap())), expected);
    assert_eq!(expected.map(|path| std::fs::read_to_string(path).unwrap()), ["one", "two"]);
    for name in ["../a.toml", "/etc/a.toml", "", ".."] {
        assert_eq!(save(name, "").await.unwrap_err().code, "bad_request", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desks_commands_are_refused_where_there_is_none() {
    let rig = Rig::new();
    let error = crate::dispatch(rig.desk.engine(), "server.stop", Value::Null).await.unwrap_err();
    assert_eq!(error.code, "not_here");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tray_follows_starts_settings_and_stops() {
    let rig = Rig::new();
    let desk = Arc::new(rig.desk);
    let mut follower = crate::tray::Follower::new(Arc::clone(&desk)).await;
    assert_eq!(follower.next().await.unwrap().icon, crate::tray::Icon::Stopped);
    let next = async |follower: &mut crate::tray::Follower| {
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, follower.next()).await.expect("the tray changes").unwrap()
    };
    desk.start().await.unwrap();
    assert!(next(&mut follower).await.tooltip.contains("Running on 127.0.0.1:"));
    crate::tray::Action::Mode("local".into()).run(&desk).await.unwrap();
    let labels = format!("{:?}", next(&mut follower).await.items);
    assert!(labels.contains("Route: All local"), "{labels}");
    let german = json!({ "changes": [{ "path": "window.language", "value": "de" }] });
    desk.dispatch("settings.set", german).await.unwrap();
    let labels = format!("{:?}", next(&mut follower).await.items);
    assert!(labels.contains("Betriebsart: Alles lokal"), "{labels}");
    for wanted in [true, false] {
        crate::tray::Action::Autostart.run(&desk).await.unwrap();
        assert_eq!(desk.dispatch("desktop.autostart.get", Value::Null).await.unwrap()["enabled"], wanted);
    }
    desk.stop().await.unwrap();
    while next(&mut follower).await.icon != crate::tray::Icon::Stopped {}
}

/// A desktop that changes without a word, when it is asked for the third time.
#[derive(Default)]
struct Silent(std::sync::atomic::AtomicUsize);

impl Desktop for Silent {
    fn autostart(&self) -> std::result::Result<bool, String> {
        Ok(self.0.fetch_add(1, Ordering::Relaxed) >= 2)
    }

    fn set_autostart(&self, _: bool) -> std::result::Result<(), String> {
        Ok(())
    }

    fn copy(&self, _: String) -> std::result::Result<(), String> {
        Ok(())
    }

    fn downloads(&self) -> std::result::Result<PathBuf, String> {
        Err("there are none".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tray_looks_again_when_a_backend_has_rested() {
    let mut rig = Rig::new();
    rig.desk.desktop = Arc::new(Silent::default());
    let desk = Arc::new(rig.desk);
    let mut follower = crate::tray::Follower::new(Arc::clone(&desk)).await;
    follower.next().await.unwrap();
    let until = jiff::Timestamp::now().as_millisecond() + 500;
    let rests = branchline_proxy::LiveEvent::CircuitOpened { backend: "lmstudio".into(), reason: String::new(), until };
    desk.engine().events.tell(rests);
    // It looks at the event, then when the rest is over; by itself it would a minute later.
    let limit = std::time::Duration::from_secs(20);
    let tray = tokio::time::timeout(limit, follower.next()).await.expect("it looks again").unwrap();
    let on =
        |item: &crate::tray::Item| matches!(item, crate::tray::Item::Check(crate::tray::Action::Autostart, _, true));
    assert!(tray.items.iter().any(on), "{:?}", tray.items);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_in_another_process_asks_and_hears_the_same() {
    let rig = Rig::new();
    let desk = Arc::new(rig.desk);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let ((our_read, our_write), (their_read, their_write)) = (tokio::io::split(ours), tokio::io::split(theirs));
    let (tell, more) = mpsc::channel(4);
    let serving = tokio::spawn(crate::pipe::serve(Arc::clone(&desk), our_read, our_write, more));
    let (client, work, mut told) = crate::pipe::Client::new(their_read, their_write);
    let working = tokio::spawn(work);
    let state = client.call("server.state".into(), Value::Null).await.unwrap();
    assert_eq!(state["phase"], "stopped");
    assert_eq!(client.call("fly".into(), Value::Null).await.unwrap_err().code, "unknown_command");
    tell.send(crate::pipe::Tell::Show(Some("log".into()))).await.unwrap();
    let first = told.recv().await.unwrap();
    assert!(matches!(first, crate::pipe::Tell::Show(Some(page)) if page == "log"));
    client.call("server.start".into(), Value::Null).await.unwrap();
    let event = told.recv().await.unwrap();
    assert!(matches!(event, crate::pipe::Tell::Event(event)
        if matches!(*event, branchline_proxy::LiveEvent::ServerChanged { running: true, .. })));
    drop(tell);
    serving.await.unwrap();
    working.await.unwrap();
    assert_eq!(client.call("status".into(), Value::Null).await.unwrap_err().code, "ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_ends_everything() {
    let rig = Rig::new();
    rig.desk.start().await.unwrap();
    let address = rig.address();
    assert_eq!(rig.desk.leave().await.unwrap(), 0);
    rig.work.await.unwrap();
    assert!(!Rig::answers(&address));
    assert_eq!(rig.desk.start().await.unwrap_err().code, "ended");
    drop(rig.folder);
}
