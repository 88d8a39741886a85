//! What the tray shows, as data: icon, tooltip, menu. Pure, but for `follow`, which says when it changed.
//! Not here: drawing it, which is the desktop app's.

mod action;
mod follow;
#[cfg(test)]
mod tests;

use branchline_proxy::pages::{BackendView, State, StatusView};

pub use action::Action;
pub use follow::Follower;

use crate::desk::Phase;
use crate::desk::commands::ServerView;
use crate::words::{Spoken, TrayWords};

/// How many fallbacks the menu shows.
const FALLBACKS: usize = 3;
/// The longest line of the menu, in characters.
const LONGEST: usize = 72;

/// What the tray is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Whether requests are answered.
    pub server: ServerView,
    /// Backends, roles, requests of today.
    pub status: StatusView,
    /// Fallbacks, newest first.
    pub fallbacks: Vec<PastFallback>,
    /// The app starts at login; `None` where that cannot be known.
    pub autostart: Option<bool>,
    /// The language it is said in.
    pub spoken: Spoken,
}

/// A request that was answered by another side than the first choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastFallback {
    /// The request's id.
    pub request: String,
    /// When, as people write it: `14:03`.
    pub at: String,
    /// The backend that was meant to answer.
    pub from: String,
    /// Who answered.
    pub model: String,
}

/// The three icons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Icon {
    /// Requests are answered.
    Running,
    /// They are not.
    Stopped,
    /// They are, but a backend is missing.
    Degraded,
}

/// One line of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Text that cannot be clicked.
    Text(String),
    /// Does something.
    Entry(Action, String),
    /// Can be on or off.
    Check(Action, String, bool),
    /// More lines behind a line.
    Menu(String, Vec<Item>),
    /// A line between groups.
    Separator,
}

/// What the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tray {
    /// The picture.
    pub icon: Icon,
    /// What is said when the pointer rests on it.
    pub tooltip: String,
    /// The lines, from the top.
    pub items: Vec<Item>,
}

impl View {
    const fn words(&self) -> &'static TrayWords {
        &self.spoken.words().tray
    }
}

/// What the tray shows.
#[must_use]
pub fn tray(view: &View) -> Tray {
    let words = view.words();
    let mut items = vec![Item::Text(short(&status_line(view)))];
    items.extend(problem(view));
    items.push(switch(view));
    items.push(Item::Separator);
    items.push(route(&view.status.mode, words));
    items.push(Item::Separator);
    items.push(Item::Entry(Action::Window, words.open_window.into()));
    items.push(Item::Entry(Action::CopyEnv, words.copy_env.into()));
    items.extend(fallbacks(&view.fallbacks, words));
    items.push(Item::Separator);
    items.extend(view.autostart.map(|on| Item::Check(Action::Autostart, words.autostart.into(), on)));
    items.push(Item::Entry(Action::Quit, words.quit.into()));
    Tray { icon: icon(view), tooltip: format!("Branchline: {}", status_line(view)), items }
}

fn icon(view: &View) -> Icon {
    match (view.server.phase, view.status.state) {
        (Phase::Stopped | Phase::Stopping, _) => Icon::Stopped,
        (Phase::Running, State::Degraded) => Icon::Degraded,
        (Phase::Running, _) => Icon::Running,
    }
}

fn status_line(view: &View) -> String {
    let (server, words) = (&view.server, view.words());
    match server.phase {
        Phase::Stopping => (words.stopping)(server.requests_running),
        Phase::Stopped if server.problem.is_some() => words.not_running.into(),
        Phase::Stopped => (words.stopped)(server.cut_off),
        Phase::Running => running_line(view),
    }
}

fn running_line(view: &View) -> String {
    let words = view.words();
    let mut parts = vec![(words.running_on)(view.server.address.as_deref().unwrap_or("?"))];
    let missed = view.status.backends.iter().filter(|one| is_missed(one, view));
    let offline: Vec<_> = missed.map(|one| one.display.as_str()).collect();
    if !offline.is_empty() {
        parts.push((words.offline)(&offline.join(", ")));
    }
    parts.extend(coder(view).map(words.coder));
    let today = &view.status.requests_today;
    parts.push((words.requests_today)(today.local + today.cloud + today.here));
    parts.join(" · ")
}

/// A backend that is down and that somebody counts on: local servers nobody ever started are looked for all the same.
fn is_missed(backend: &BackendView, view: &View) -> bool {
    let prefix = format!("{}:", backend.name);
    let has_a_role = || view.status.roles.iter().flat_map(|role| &role.models).any(|model| model.starts_with(&prefix));
    backend.up == Some(false) && (backend.latency_ms.is_some() || has_a_role())
}

/// The coder's name without backend and publisher: `qwen3-coder-next`.
fn coder(view: &View) -> Option<&str> {
    let role = view.status.roles.iter().find(|role| role.role == "coder")?;
    let model = role.models.first()?;
    let id = model.split_once(':').map_or(model.as_str(), |(_, id)| id);
    Some(id.rsplit('/').next().unwrap_or(id))
}

fn problem(view: &View) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(problem) = &view.server.problem {
        let held = view.server.taken.as_ref();
        let said = held.map(|held| (view.spoken.words().port_taken)(held.port, held.holder.as_deref()));
        items.push(Item::Text(short(said.as_ref().unwrap_or(&problem.message))));
        let way_out = |port| Item::Entry(Action::Port(port), (view.words().use_port)(port));
        items.extend(view.server.next_port.map(way_out));
    }
    if view.status.held.is_some() {
        items.push(Item::Text(view.words().held.into()));
    } else if let Some(trouble) = view.server.troubles.first() {
        items.push(Item::Text(short(&trouble.message)));
    }
    items
}

fn switch(view: &View) -> Item {
    let words = view.words();
    match view.server.phase {
        Phase::Running => Item::Entry(Action::Stop, words.stop.into()),
        Phase::Stopped => Item::Entry(Action::Start, words.start.into()),
        Phase::Stopping => Item::Text(words.start.into()),
    }
}

fn route(mode: &str, words: &TrayWords) -> Item {
    let modes = [("auto", words.auto), ("local", words.local), ("cloud", words.cloud)];
    let mut lines: Vec<_> = modes.iter().map(|(name, label)| check(name, label, mode)).collect();
    if mode == "dispatcher" {
        lines.push(check("dispatcher", words.dispatcher, mode));
    }
    let now = modes.iter().find(|(name, _)| *name == mode).map_or(words.dispatcher, |(_, label)| label);
    Item::Menu((words.route)(now), lines)
}

fn check(name: &str, label: &str, mode: &str) -> Item {
    Item::Check(Action::Mode(name.to_owned()), label.to_owned(), name == mode)
}

fn fallbacks(past: &[PastFallback], words: &TrayWords) -> Vec<Item> {
    if past.is_empty() {
        return Vec::new();
    }
    let lines = past.iter().take(FALLBACKS).map(|one| {
        let from = if one.from.is_empty() { String::new() } else { format!("{} → ", one.from) };
        Item::Entry(Action::Request(one.request.clone()), short(&format!("{}  {from}{}", one.at, one.model)))
    });
    let head = [Item::Separator, Item::Text(words.fallbacks.into())];
    head.into_iter().chain(lines).collect()
}

/// Menus are as wide as their longest line.
fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}
