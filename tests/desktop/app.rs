//! The app in a session: its settings, its tray over D-Bus, what it answers.

use std::path::PathBuf;
use std::process::Child;

use branchline_tests::stand::settings_text;
use serde_json::Value;
use zbus::zvariant::{OwnedValue, Structure, Value as Variant};

use super::session::{Running, Session, app, wait_for};

/// A menu line: its number, its words, whether it is checked.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: i32,
    pub(crate) label: String,
    pub(crate) checked: bool,
}

/// A picture of the tray as it goes over the bus: width, height, ARGB in network order.
type Pixmap = (i32, i32, Vec<u8>);
/// A line and those below it.
type Layout = (i32, std::collections::HashMap<String, OwnedValue>, Vec<OwnedValue>);

pub(crate) struct App<'s> {
    pub(crate) session: &'s Session,
    pub(crate) port: u16,
    pub(crate) process: Running,
    /// The app's process, when somebody else has started it.
    pub(crate) id: Option<u32>,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    branchline_tests::port::free().unwrap()
}

/// Writes the settings a user would have.
pub(crate) fn write_settings(session: &Session, port: u16, settings: &str) {
    let file = settings_file(session);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    // The last of two equal keys would be an error; the usual text takes any port.
    let text = settings_text(settings).replace("server.port = 0", &format!("server.port = {port}"));
    assert!(text.contains(&format!("server.port = {port}")), "{text}");
    std::fs::write(file, text).unwrap();
}

pub(crate) fn settings_file(session: &Session) -> PathBuf {
    session.home.path().join(".config/branchline/settings.toml")
}

pub(crate) fn data_folder(session: &Session) -> PathBuf {
    session.home.path().join(".local/share/branchline")
}

impl<'s> App<'s> {
    /// Starts the app in the tray and waits for its icon.
    pub(crate) fn start(session: &'s Session, port: u16) -> Self {
        let app = Self { session, port, process: Running(launch(session, &["--hidden"])), id: None };
        app.item();
        app
    }

    fn id(&self) -> u32 {
        self.id.unwrap_or_else(|| self.process.0.id())
    }

    fn item(&self) -> String {
        let id = self.id();
        self.session.until("the icon in the tray", |session| {
            let items = property(
                session,
                "org.kde.StatusNotifierWatcher",
                "/StatusNotifierWatcher",
                "org.kde.StatusNotifierWatcher",
                "RegisteredStatusNotifierItems",
            )?;
            let items: Vec<String> = items.try_into().ok()?;
            let own = format!("StatusNotifierItem-{id}-");
            let found = items.into_iter().find(|item| item.contains(&own))?;
            Some(found.split('/').next().unwrap_or_default().to_owned())
        })
    }

    /// The picture in the tray.
    pub(crate) fn pixmap(&self) -> Pixmap {
        let item = self.item();
        let value = property(self.session, &item, "/StatusNotifierItem", "org.kde.StatusNotifierItem", "IconPixmap");
        let pixmaps: Vec<Structure<'static>> = value.unwrap().try_into().unwrap();
        pixmaps.into_iter().next().map(|pixmap| pixmap.try_into().unwrap()).unwrap()
    }

    /// Waits until the tray shows this picture of `icons/tray`.
    pub(crate) fn wait_for_icon(&self, name: &str) {
        let file = format!("{}/../icons/tray/{name}.png", env!("CARGO_MANIFEST_DIR"));
        let wanted = image::open(&file).unwrap().to_rgba8();
        let size = (i32::try_from(wanted.width()).unwrap(), i32::try_from(wanted.height()).unwrap());
        let argb: Vec<u8> = wanted.pixels().flat_map(|pixel| [pixel[3], pixel[0], pixel[1], pixel[2]]).collect();
        wait_for(&format!("the icon `{name}`"), || (self.pixmap() == (size.0, size.1, argb.clone())).then_some(()));
    }

    /// The menu, top to bottom, lines of submenus behind their heads.
    pub(crate) fn menu(&self) -> Vec<Line> {
        let item = self.item();
        let asked = (0i32, -1i32, Vec::<String>::new());
        let answer =
            self.session.bus.call_method(Some(&*item), "/MenuBar", Some("com.canonical.dbusmenu"), "GetLayout", &asked);
        let answer = answer.unwrap();
        let (_, root): (u32, Layout) = answer.body().deserialize().unwrap();
        let mut lines = Vec::new();
        flatten(root, &mut lines);
        lines
    }

    /// Waits for a menu line with these words.
    pub(crate) fn line(&self, words: &str) -> Line {
        wait_for(&format!("the menu line `{words}`"), || {
            self.menu().into_iter().find(|line| line.label.contains(words))
        })
    }

    /// Clicks the menu line with these words.
    pub(crate) fn click(&self, words: &str) {
        let line = self.line(words);
        let item = self.item();
        let event = (line.id, "clicked", Variant::from(""), 0u32);
        self.session
            .bus
            .call_method(Some(&*item), "/MenuBar", Some("com.canonical.dbusmenu"), "Event", &event)
            .unwrap();
    }

    /// Left click on the icon.
    pub(crate) fn click_icon(&self) {
        let item = self.item();
        let at = (0i32, 0i32);
        let called = self.session.bus.call_method(
            Some(&*item),
            "/StatusNotifierItem",
            Some("org.kde.StatusNotifierItem"),
            "Activate",
            &at,
        );
        called.unwrap();
    }

    pub(crate) async fn health(&self) -> Option<Value> {
        let http = http();
        let answer = http.get(format!("http://127.0.0.1:{}/health", self.port)).send().await.ok()?;
        serde_json::from_str(&answer.text().await.ok()?).ok()
    }

    /// Sends one prompt; who answered.
    pub(crate) async fn prompt(&self, text: &str) -> String {
        let token = std::fs::read_to_string(data_folder(self.session).join("client-token")).unwrap();
        let body = serde_json::json!({ "model": "auto", "max_tokens": 100, "messages": [{ "role": "user", "content": text }] });
        let request = http().post(format!("http://127.0.0.1:{}/v1/messages", self.port)).bearer_auth(token.trim());
        let request = request.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status();
        let model = answer.headers().get("x-branchline-model").and_then(|model| model.to_str().ok().map(str::to_owned));
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{text}");
        model.unwrap_or_default()
    }

    /// Its windows: the processes that show a page, with the page each was opened at.
    pub(crate) fn windows(&self) -> Vec<String> {
        children(self.id()).into_iter().filter_map(window_page).collect()
    }

    pub(crate) fn wait_for_windows(&self, wanted: &[&str]) {
        wait_for(&format!("the windows {wanted:?}"), || (self.windows() == wanted).then_some(()));
    }

    /// Waits until the process is gone; whether it ended well.
    pub(crate) fn ended(mut self) -> bool {
        wait_for("the end of the app", || self.process.0.try_wait().unwrap()).success()
    }
}

pub(crate) fn launch(session: &Session, args: &[&str]) -> Child {
    session.command(app()).args(args).spawn().unwrap()
}

pub(crate) fn http() -> reqwest::Client {
    branchline_tests::stand::install_crypto();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Processes a process has started.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let told = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let mut ids: Vec<u32> = told.split_whitespace().filter_map(|id| id.parse().ok()).collect();
    // A thread that starts a process is its parent.
    for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let told = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        ids.extend(told.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn window_page(id: u32) -> Option<String> {
    let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
    let mut parts = line.split('\0').skip_while(|part| *part != "--window").skip(1);
    parts.next().map(str::to_owned)
}

fn property(session: &Session, name: &str, path: &str, interface: &str, property: &str) -> Option<OwnedValue> {
    let properties = Some("org.freedesktop.DBus.Properties");
    let answer = session.bus.call_method(Some(name), path, properties, "Get", &(interface, property)).ok()?;
    answer.body().deserialize().ok()
}

fn flatten((id, properties, below): Layout, lines: &mut Vec<Line>) {
    let label =
        properties.get("label").and_then(|label| label.downcast_ref::<&str>().ok()).unwrap_or_default().to_owned();
    let checked = properties.get("toggle-state").and_then(|state| state.downcast_ref::<i32>().ok()) == Some(1);
    lines.push(Line { id, label, checked });
    for child in below {
        if let Ok(child) = Layout::try_from(child) {
            flatten(child, lines);
        }
    }
}
