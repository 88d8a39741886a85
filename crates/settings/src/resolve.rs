//! A backend as the engine uses it: the user's settings laid over the preset, parsed into types that cannot be wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use branchline_routing::circuit::CircuitRule;
use branchline_wire::{Dialect, Upstream};
use serde_json::Value;

use crate::base_url::BaseUrl;
use crate::key_path::KeyPath;
use crate::load::Problem;
use crate::outline::nearest;
use crate::presets::{self, FALLBACK_PRESET, PRESETS, Preset};
use crate::schema::{
    AuthHeader, AuthMode, BackendSettings, Diet, FreeTable, ModelSettings, ProtocolChoice, ServerSettings, Settings,
};

const CONNECT: (u64, u64) = (2_000, 10_000);
/// Ten minutes: a local server loads the model and reads the whole prompt before its first byte.
const FIRST_BYTE: (u64, u64) = (600_000, 90_000);
const IDLE: (u64, u64) = (600_000, 180_000);
const RETRY_ATTEMPTS: (u32, u32) = (1, 2);
const RETRY_BASE_DELAY: (u64, u64) = (500, 1_000);
/// One dead local server is quickly found dead; a cloud has many machines behind one name.
const CIRCUIT_FAILURES: (u32, u32) = (2, 8);
const CIRCUIT_OPEN: (u64, u64) = (15_000, 60_000);

/// A backend as the engine uses it.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedBackend {
    /// Its name in the settings and in model refs.
    pub name: String,
    /// The provider's name for people.
    pub display: &'static str,
    /// Id of the preset it is built on.
    pub preset: &'static str,
    /// Where it is.
    pub base_url: BaseUrl,
    /// What it speaks; `None` must be found out by asking.
    pub protocol: Option<Upstream>,
    /// It is the user's own hardware: as the settings say, else by its address; a cloud's preset never is.
    pub local: bool,
    /// It is used at all.
    pub enabled: bool,
    /// Whose credentials it gets.
    pub auth: Auth,
    /// What it cannot take or does differently.
    pub dialect: Dialect,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Fields added to every request body.
    pub extra_body: FreeTable,
    /// Headers added to every request.
    pub headers: BTreeMap<String, String>,
    /// Requests at the same time; `None` leaves it to what the server tells.
    pub concurrency: Option<u32>,
    /// Longest wait for one's turn; `None` is as long as it takes.
    pub queue_timeout: Option<Duration>,
    /// How often to try again.
    pub retry: Retry,
    /// Window models are loaded with, where nothing else is said of one.
    pub context_length: Option<u64>,
    /// What is left out of prompts, where nothing else is said of a model.
    pub diet: Diet,
    /// What is wanted of single models, by id.
    pub models: BTreeMap<String, ModelSettings>,
    /// When it is left alone.
    pub circuit: CircuitRule,
    /// Header the client's session id is sent in.
    pub session_header: Option<String>,
    /// How to start it, or where its keys are made.
    pub docs_hint: &'static str,
    /// Environment variables its users keep the key in; for hints, never read.
    pub key_env: &'static [&'static str],
}

/// Whose credentials a backend gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// None.
    None,
    /// The stored key.
    Key {
        /// The header it goes into.
        header: AuthHeader,
        /// Nothing works without it; else a missing key is no error.
        required: bool,
    },
    /// The client's own header, as it came.
    Passthrough,
}

/// How long a backend may stay silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until the first word of the answer; its head does not count, a prompt is read behind it.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub idle: Duration,
}

/// How often a failed request is tried again on the same backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first.
    pub attempts: u32,
    /// Wait before the first of them; doubled each time.
    pub base_delay: Duration,
}

impl ResolvedBackend {
    /// Lays the settings over the preset.
    ///
    /// # Errors
    /// Every bad value, with its path below `backends.NAME`. Settings from `check` have none.
    pub fn resolve(name: &str, settings: &BackendSettings) -> Result<Self, Vec<Problem>> {
        let path = KeyPath::keys(["backends", name]);
        let preset = preset_of(name, settings, &path).map_err(|problem| vec![problem])?;
        let (base_url, dialect) = match (base_url_of(settings, preset, &path), dialect_of(settings, preset, &path)) {
            (Ok(base_url), Ok(dialect)) => (base_url, dialect),
            (base_url, dialect) => {
                let mut problems = dialect.err().unwrap_or_default();
                problems.extend(base_url.err());
                return Err(problems);
            }
        };
        // A preset names a program, not a place: vLLM runs on rented machines too.
        let local = settings.local.unwrap_or_else(|| preset.local != Some(false) && base_url.is_near());
        Ok(Self {
            name: name.to_owned(),
            display: preset.display,
            preset: preset.id,
            protocol: protocol_of(settings, preset),
            local,
            enabled: settings.enabled,
            auth: auth_of(settings, preset),
            dialect,
            timeouts: timeouts_of(settings, local),
            extra_body: settings.extra_body.clone(),
            headers: settings.headers.clone(),
            concurrency: settings.concurrency.or(preset.concurrency),
            queue_timeout: settings.queue_timeout_ms.map(Duration::from_millis),
            retry: retry_of(settings, local),
            context_length: settings.context_length,
            diet: settings.diet.clone(),
            models: settings.models.clone(),
            circuit: circuit_of(settings, local),
            session_header: settings.session_header.clone(),
            docs_hint: preset.docs_hint,
            key_env: preset.key_env,
            base_url,
        })
    }
}

impl ResolvedBackend {
    /// The window a model is to be loaded with, in tokens; `None` leaves it to the server.
    #[must_use]
    pub fn context_length_of(&self, model: &str) -> Option<u64> {
        self.models.get(model).and_then(|model| model.context_length).or(self.context_length)
    }

    /// What is left out of prompts for a model; `None` where nothing is.
    #[must_use]
    pub fn diet_of(&self, model: &str) -> Option<&Diet> {
        let own = self.models.get(model).and_then(|model| model.diet.as_ref());
        Some(own.unwrap_or(&self.diet)).filter(|diet| !diet.is_empty())
    }

    /// What it runs is usually the user's own, and it does not count as that because of where it is.
    pub(crate) fn is_own_elsewhere(&self, settings: &BackendSettings) -> bool {
        let usually = presets::find(self.preset).and_then(|preset| preset.local) == Some(true);
        settings.local.is_none() && usually && !self.local
    }

    /// It is Branchline itself: calling it would go in circles.
    pub(crate) fn is_own_address(&self, server: &ServerSettings) -> bool {
        let url = &self.base_url;
        let is_own_host = url.is_loopback() || url.host().eq_ignore_ascii_case(&server.host);
        server.port != 0 && url.port() == server.port && is_own_host
    }
}

impl Settings {
    /// The enabled backends, in the order they are asked: local before cloud, then as in `presets`, then by name.
    /// One that stands on our own port is left out.
    #[must_use]
    pub fn resolved_backends(&self) -> Vec<ResolvedBackend> {
        let mut backends: Vec<_> = self
            .backends
            .iter()
            .filter(|(_, settings)| settings.enabled)
            .filter_map(|(name, settings)| ResolvedBackend::resolve(name, settings).ok())
            .filter(|backend| !backend.is_own_address(&self.server))
            .collect();
        backends.sort_by_key(|backend| (!backend.local, presets::rank(backend.preset)));
        backends
    }
}

fn preset_of(name: &str, settings: &BackendSettings, path: &KeyPath) -> Result<&'static Preset, Problem> {
    let wanted = settings.preset.as_deref();
    let found = match wanted {
        Some(id) => presets::find(id),
        None => presets::find(name).or_else(|| presets::find(FALLBACK_PRESET)),
    };
    found.ok_or_else(|| {
        let id = wanted.unwrap_or(FALLBACK_PRESET);
        let ids = PRESETS.iter().map(|preset| preset.id);
        let hint = nearest(id, ids.clone()).map_or_else(
            || format!("known presets: {}", ids.collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean \"{near}\"?"),
        );
        Problem::new(&path.join("preset"), format!("there is no preset \"{id}\""), hint)
    })
}

fn base_url_of(settings: &BackendSettings, preset: &Preset, path: &KeyPath) -> Result<BaseUrl, Problem> {
    let text = settings.base_url.as_deref().or(preset.base_url);
    let path = path.join("base_url");
    let Some(text) = text else {
        return Err(Problem::new(
            &path,
            format!("the address of this backend is missing ({})", preset.display),
            "set base_url, for example \"http://127.0.0.1:1234\", or a preset that knows it".to_owned(),
        ));
    };
    text.parse::<BaseUrl>().map_err(|error| Problem::new(&path, error.to_string(), error.hint()))
}

/// Each override is tried by itself, so that every bad one is named.
fn dialect_of(settings: &BackendSettings, preset: &Preset, path: &KeyPath) -> Result<Dialect, Vec<Problem>> {
    let mut dialect = (preset.dialect)();
    let mut problems = Vec::new();
    for (flag, value) in &settings.dialect {
        match with_flag(&dialect, flag, value) {
            Ok(changed) => dialect = changed,
            Err(error) => problems.push(Problem::new(
                &path.join("dialect").join(flag),
                error.to_string(),
                "leave it out to keep what the preset says".to_owned(),
            )),
        }
    }
    match problems.is_empty() {
        true => Ok(dialect),
        false => Err(problems),
    }
}

fn with_flag(dialect: &Dialect, flag: &str, value: &Value) -> serde_json::Result<Dialect> {
    let mut flags = serde_json::to_value(dialect)?;
    if let Some(slot) = flags.get_mut(flag) {
        slot.clone_from(value);
    }
    serde_json::from_value(flags)
}

/// The names of the flags a dialect has.
pub(crate) fn dialect_flags() -> Vec<String> {
    let flags = serde_json::to_value(Dialect::default()).unwrap_or_default();
    let names = flags.as_object().map(|flags| flags.keys().cloned());
    names.map_or_else(Vec::new, Iterator::collect)
}

fn protocol_of(settings: &BackendSettings, preset: &Preset) -> Option<Upstream> {
    match settings.protocol {
        None => preset.protocol,
        Some(ProtocolChoice::Auto) => None,
        Some(ProtocolChoice::Anthropic) => Some(Upstream::Anthropic),
        Some(ProtocolChoice::OpenaiChat) => Some(Upstream::OpenaiChat),
    }
}

fn auth_of(settings: &BackendSettings, preset: &Preset) -> Auth {
    match settings.auth {
        Some(AuthMode::None) => Auth::None,
        Some(AuthMode::Passthrough) => Auth::Passthrough,
        chosen => Auth::Key {
            header: settings.auth_header.unwrap_or(preset.auth_header),
            required: preset.key_required || chosen == Some(AuthMode::Key),
        },
    }
}

fn timeouts_of(settings: &BackendSettings, local: bool) -> Timeouts {
    let millis = |own: Option<u64>, default| Duration::from_millis(own.unwrap_or(pick(default, local)));
    Timeouts {
        connect: millis(settings.connect_timeout_ms, CONNECT),
        first_byte: millis(settings.first_byte_timeout_ms, FIRST_BYTE),
        idle: millis(settings.idle_timeout_ms, IDLE),
    }
}

fn retry_of(settings: &BackendSettings, local: bool) -> Retry {
    let delay = settings.retry_base_delay_ms;
    Retry {
        attempts: settings.retry_attempts.unwrap_or(pick(RETRY_ATTEMPTS, local)),
        base_delay: Duration::from_millis(delay.unwrap_or(pick(RETRY_BASE_DELAY, local))),
    }
}

fn circuit_of(settings: &BackendSettings, local: bool) -> CircuitRule {
    let open = settings.circuit_open_ms.unwrap_or(pick(CIRCUIT_OPEN, local));
    CircuitRule {
        failures: settings.circuit_failures.unwrap_or(pick(CIRCUIT_FAILURES, local)),
        open: Duration::from_millis(open),
    }
}

fn pick<T>((local, cloud): (T, T), is_local: bool) -> T {
    if is_local { local } else { cloud }
}
