//! Settings of other routers, made into ours: a Claudia Router `config.json`, and claude-code-router's in its old form
//! (four agents) and its later ones (providers and a router).
//!
//! What has no place here is told, never lost in silence. Keys are handed out beside the settings, for the keyring.

mod claudia;
mod four_agents;
mod providers;

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use crate::base_url::BaseUrl;
use crate::presets::{self, PRESETS};
use crate::save::Change;
use crate::secrets::Secret;

/// What a foreign file comes to.
#[derive(Debug)]
pub struct Imported {
    /// Whose file it is.
    pub from: &'static str,
    /// Changes of the user's settings, in order.
    pub changes: Vec<Change>,
    /// Keys that belong into the keyring.
    pub keys: Vec<ImportedKey>,
    /// What could not be carried, or means something else here.
    pub left_out: Vec<LeftOut>,
}

/// A key of a foreign file.
#[derive(Debug)]
pub struct ImportedKey {
    /// The backend it is for.
    pub backend: String,
    /// Where it is.
    pub place: KeyPlace,
}

/// Where a foreign file keeps a key.
#[derive(Debug)]
pub enum KeyPlace {
    /// In itself.
    Here(Secret),
    /// In a variable of this name.
    Variable(String),
}

/// Something that was not carried.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Where it stands in the foreign file.
    pub path: String,
    /// Why, and what to do instead.
    pub reason: String,
}

/// Reads the text of another router's settings; `None` when it is none.
#[must_use]
pub fn foreign(text: &str) -> Option<Imported> {
    let Json::Object(file) = serde_json::from_str(&plain_json(text)).ok()? else { return None };
    if file.contains_key("Providers") || file.contains_key("providers") {
        Some(providers::read(&file))
    } else if file.contains_key("backends") && (file.contains_key("modelProfiles") || file.contains_key("modelMap")) {
        Some(claudia::read(&file))
    } else if file.keys().any(|key| key.ends_with("_AGENT_MODEL")) {
        Some(four_agents::read(&file))
    } else {
        None
    }
}

/// JSON without comments and without commas before a closing bracket; these routers take both.
fn plain_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut in_string = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if in_string => {
                plain.push(letter);
                plain.extend(letters.next());
                continue;
            }
            '"' => in_string = !in_string,
            '/' if !in_string && letters.peek() == Some(&'/') => {
                while letters.next_if(|next| *next != '\n').is_some() {}
                continue;
            }
            '/' if !in_string && letters.peek() == Some(&'*') => {
                let mut last = ' ';
                for next in letters.by_ref() {
                    if last == '*' && next == '/' {
                        break;
                    }
                    last = next;
                }
                continue;
            }
            '}' | ']' if !in_string => {
                let bare = plain.trim_end().trim_end_matches(',').len();
                plain.truncate(bare);
            }
            _ => {}
        }
        plain.push(letter);
    }
    plain
}

/// A foreign file on its way into ours.
#[derive(Debug)]
struct Draft {
    changes: Vec<Change>,
    keys: Vec<ImportedKey>,
    left_out: Vec<LeftOut>,
    /// Their name of a server, ours, and whether it is the user's own hardware.
    servers: Vec<(String, String, bool)>,
}

impl Draft {
    const fn new() -> Self {
        Self { changes: Vec::new(), keys: Vec::new(), left_out: Vec::new(), servers: Vec::new() }
    }

    fn done(self, from: &'static str) -> Imported {
        Imported { from, changes: self.changes, keys: self.keys, left_out: self.left_out }
    }

    fn set(&mut self, path: &[&str], value: Json) {
        self.changes.push(Change { path: path_of(path), value });
    }

    fn leave(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        self.left_out.push(LeftOut { path: path.into(), reason: reason.into() });
    }

    /// A server: one of those that are known by their address, or one of its own. Whether it was taken over.
    fn server(&mut self, theirs: &str, url: &str, at: &str) -> bool {
        let (base, anthropic) = base_of(url);
        let parsed = match base.parse::<BaseUrl>() {
            Ok(parsed) => parsed,
            // In these words a password in it does not stand.
            Err(error) => {
                self.leave(at, error.to_string());
                return false;
            }
        };
        let known = PRESETS.iter().find(|preset| {
            let preset = preset.base_url.and_then(|url| url.parse::<BaseUrl>().ok());
            preset.is_some_and(|preset| same_server(&preset, &parsed))
        });
        let local = known.and_then(|preset| preset.local).unwrap_or_else(|| parsed.is_near());
        let mut backend = Map::new();
        if known.is_none() {
            backend.insert("base_url".into(), json!(base));
        }
        if anthropic && known.is_none_or(|preset| preset.id != "anthropic") {
            backend.insert("base_url".into(), json!(base));
            backend.insert("protocol".into(), json!("anthropic"));
        }
        if backend.is_empty() {
            backend.insert("enabled".into(), json!(true));
        }
        let wanted = known.map_or_else(|| name_of(theirs), |preset| preset.id.to_owned());
        let ours = self.name_for(&wanted, known.is_some(), &backend);
        if ours != wanted && presets::find(&wanted).is_some() {
            // Its name no longer says what it is.
            backend.insert("preset".into(), json!(wanted));
            backend.insert("base_url".into(), json!(base));
        }
        self.set(&["backends", &ours], Json::Object(backend));
        if ours != theirs {
            self.leave(at, format!("the server is called {ours} here, and not {theirs}"));
        }
        self.servers.push((theirs.to_owned(), ours, local));
        true
    }

    /// A name nobody else has: wanted, or wanted with a number. A known server that is set up the same way twice is one.
    fn name_for(&self, wanted: &str, is_known: bool, backend: &Map<String, Json>) -> String {
        let same = |name: &str| {
            let path = path_of(&["backends", name]);
            is_known && self.changes.iter().any(|one| one.path == path && one.value.as_object() == Some(backend))
        };
        let is_free = |name: &String| same(name) || self.servers.iter().all(|(_, ours, _)| ours != name);
        let numbered = (2u32..).map(|number| format!("{wanted}-{number}"));
        std::iter::once(wanted.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
    }

    /// Our model ref of a model on one of their servers, and whether it runs on the user's own hardware.
    fn model(&self, server: &str, model: &str) -> Option<(String, bool)> {
        let exact = self.servers.iter().find(|(theirs, ..)| theirs == server);
        let alike = || self.servers.iter().find(|(theirs, ..)| theirs.eq_ignore_ascii_case(server));
        let (_, ours, local) = exact.or_else(alike)?;
        (!model.is_empty()).then(|| (format!("{ours}:{model}"), *local))
    }

    /// The key of the server that was taken over last, as it stands in a file: itself, or `$NAME` or `${NAME}` of
    /// a variable. Examples' placeholders are none.
    fn key(&mut self, server: &str, text: &str, at: &str) {
        let Some((_, ours, local)) = self.servers.last().filter(|(theirs, ..)| theirs == server).cloned() else {
            return;
        };
        let variable = text.strip_prefix('$').map(|name| name.trim_matches(['{', '}']));
        if let Some(name) = variable {
            self.keys.push(ImportedKey { backend: ours, place: KeyPlace::Variable(name.to_owned()) });
        } else if local && text.len() < 16 {
            self.leave(at, "a server of your own usually wants no key");
        } else if text.len() < 12 || text.contains("xxx") || text.to_ascii_lowercase().contains("your") {
            self.leave(at, format!("it looks like an example's: store the real one with `branchline key set {ours}`"));
        } else {
            self.keys.push(ImportedKey { backend: ours, place: KeyPlace::Here(Secret::new(text)) });
        }
    }
}

fn path_of(keys: &[&str]) -> String {
    let mut path = String::new();
    for key in keys {
        let dot = if path.is_empty() { "" } else { "." };
        // A String takes whatever is written.
        let _ = write!(path, "{dot}{}", Json::from(*key));
    }
    path
}

/// The base of an endpoint, and whether it is Anthropic's protocol.
fn base_of(url: &str) -> (String, bool) {
    let url = url.trim().trim_end_matches('/');
    match url.strip_suffix("/messages") {
        Some(base) => (base.to_owned(), true),
        None => (url.trim_end_matches("/chat/completions").to_owned(), false),
    }
}

fn same_server(preset: &BaseUrl, url: &BaseUrl) -> bool {
    let here = preset.is_loopback() && url.is_loopback();
    preset.port() == url.port() && (here || preset.host().eq_ignore_ascii_case(url.host()))
}

fn name_of(theirs: &str) -> String {
    let letters = theirs.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' });
    letters.collect::<String>().to_ascii_lowercase()
}

fn text<'j>(value: &'j Json, key: &str) -> Option<&'j str> {
    value.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// What these files set about themselves and not about models.
const HOUSEKEEPING: [(&str, &str); 14] = [
    ("port", "clients are pointed here with `branchline env`; server.port is set by itself"),
    ("PORT", "clients are pointed here with `branchline env`; server.port is set by itself"),
    ("HOST", "Branchline listens on this machine only; see server.host"),
    ("APIKEY", "Branchline makes a token of its own, `branchline env` shows it"),
    ("LOG", "see [log]"),
    ("LOG_LEVEL", "see log.level"),
    ("PROXY_URL", "HTTPS_PROXY and NO_PROXY of the environment are used"),
    ("API_TIMEOUT_MS", "see first_byte_timeout_ms and idle_timeout_ms of each backend"),
    ("CLAUDE_PATH", "`branchline claude` finds it by itself"),
    ("NON_INTERACTIVE_MODE", "nothing of the kind is needed"),
    ("CUSTOM_ROUTER_PATH", "programs are not run; write [[rules]]"),
    ("transformers", "Branchline adapts requests by itself"),
    ("StatusLine", "Branchline's own is set with `branchline connect claude --statusline`"),
    ("REWRITE_SYSTEM_PROMPT", "prompts are not rewritten"),
];

fn housekeeping(file: &Map<String, Json>, known: &[&str], draft: &mut Draft) {
    for key in file.keys().filter(|key| !known.contains(&key.as_str())) {
        let reason = HOUSEKEEPING.iter().find(|(name, _)| name == key).map(|(_, reason)| *reason);
        draft.leave(key.as_str(), reason.unwrap_or("it has no place here"));
    }
}

#[cfg(test)]
mod tests;
