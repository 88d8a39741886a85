//! What types cannot say: ranges, names that must exist, combinations that are not safe. Pure; `load` calls it.

mod limits;

use std::ops::RangeInclusive;

use crate::key_path::KeyPath;
use crate::load::Problem;
use crate::outline::{hint_for, nearest};
use crate::resolve::{Auth, ResolvedBackend, dialect_flags};
use branchline_routing::POOL;

use crate::schema::{BackendSettings, Diet, Handling, Mode, ModelRef, Role, ServerSettings, Settings, is_backend_name};

mod rules;

/// Headers that carry credentials: they would put a key into the settings file.
const CREDENTIAL_HEADERS: [&str; 6] =
    ["authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"];

const RETRIES: RangeInclusive<u64> = 0..=10;
const WINDOW: RangeInclusive<u64> = 512..=u64::MAX;
const AT_LEAST_ONE: RangeInclusive<u64> = 1..=u64::MAX;
const NEEDS_KEYRING: &str = "keys do not belong in the settings file: use `branchline key set NAME`";

/// What was found. Problems make a value unusable, warnings do not.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

impl Findings {
    fn problem(&mut self, path: &KeyPath, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::new(path, message.into(), hint.into()));
    }

    fn warning(&mut self, path: &KeyPath, message: impl Into<String>, hint: impl Into<String>) {
        self.warnings.push(Problem::new(path, message.into(), hint.into()));
    }

    fn range(&mut self, path: &KeyPath, value: u64, allowed: &RangeInclusive<u64>) {
        if allowed.contains(&value) {
            return;
        }
        let message = match (*allowed.start(), *allowed.end()) {
            (least, u64::MAX) => format!("{value} is less than {least}"),
            (least, most) => format!("{value} is not from {least} to {most}"),
        };
        self.problem(path, message, hint_for(path));
    }

    fn optional(&mut self, path: &KeyPath, value: Option<u64>, allowed: &RangeInclusive<u64>) {
        if let Some(value) = value {
            self.range(path, value, allowed);
        }
    }
}

/// Everything that is wrong with settings whose types are right.
pub(crate) fn findings(settings: &Settings) -> Findings {
    let mut found = Findings::default();
    check_server(&settings.server, &mut found);
    check_routing(settings, &mut found);
    check_vision(settings, &mut found);
    check_log(settings, &mut found);
    check_throwaway(settings, &mut found);
    for (name, backend) in &settings.backends {
        check_backend(name, backend, &settings.server, &mut found);
    }
    for role in Role::ALL {
        check_role(role, settings, &mut found);
    }
    limits::check_pools(settings, &mut found);
    limits::check_budget(&settings.budget, &mut found);
    limits::check_prices(settings, &mut found);
    rules::check(settings, &mut found);
    found
}

fn check_server(server: &ServerSettings, found: &mut Findings) {
    let path = |key| KeyPath::keys(["server", key]);
    match server.ip() {
        None => found.problem(
            &path("host"),
            format!("\"{}\" is not an IP address", server.host),
            "write \"127.0.0.1\" for this machine only, \"0.0.0.0\" for every network",
        ),
        Some(ip) if !ip.is_loopback() => check_remote(server, found),
        Some(_) => {}
    }
    for (index, host) in server.allowed_hosts.iter().enumerate() {
        if host.trim().is_empty() || host.contains(['/', ' ', '@', '*']) {
            found.problem(
                &path("allowed_hosts").at(index),
                format!("\"{host}\" is not a host name"),
                "write the name alone, such as \"workstation.lan\"",
            );
        }
    }
    found.range(&path("body_limit_mib"), server.body_limit_mib.into(), &(1..=1024));
    found.range(&path("ping_interval_ms"), server.ping_interval_ms, &(10..=15_000));
    found.range(&path("early_headers_ms"), server.early_headers_ms, &(0..=15_000));
}

/// Other machines may reach us: only on purpose, and never without the token.
fn check_remote(server: &ServerSettings, found: &mut Findings) {
    if !server.allow_remote {
        found.problem(
            &KeyPath::keys(["server", "host"]),
            format!("other machines could reach \"{}\"", server.host),
            "set server.allow_remote = true if that is wanted, else \"127.0.0.1\"",
        );
    }
    if !server.require_token {
        found.problem(
            &KeyPath::keys(["server", "require_token"]),
            format!("\"{}\" would be open to the network without a token", server.host),
            "set server.require_token = true, or listen on \"127.0.0.1\"",
        );
    }
}

fn check_routing(settings: &Settings, found: &mut Findings) {
    let routing = &settings.routing;
    found.range(&KeyPath::keys(["routing", "threshold"]), routing.threshold.into(), &(0..=100));
    found.optional(&KeyPath::keys(["routing", "cloud_share"]), routing.cloud_share.map(u64::from), &(1..=99));
    found.range(&KeyPath::keys(["routing", "dispatcher_band"]), routing.dispatcher_band.into(), &(0..=100));
    found.range(&KeyPath::keys(["routing", "dispatcher_timeout_ms"]), routing.dispatcher_timeout_ms, &AT_LEAST_ONE);
    if routing.mode == Mode::Dispatcher && settings.roles.dispatcher.is_empty() {
        found.warning(
            &KeyPath::keys(["routing", "mode"]),
            "there is no dispatcher model, so the score decides alone",
            "set roles.dispatcher to a small local model",
        );
    }
}

fn check_vision(settings: &Settings, found: &mut Findings) {
    let vision = &settings.vision;
    let path = |key| KeyPath::keys(["vision", key]);
    found.range(&path("max_parallel"), vision.max_parallel.into(), &(1..=32));
    found.range(&path("timeout_ms"), vision.timeout_ms, &AT_LEAST_ONE);
    found.range(&path("max_tokens"), vision.max_tokens.into(), &(16..=u64::MAX));
    if vision.prompt.as_deref().is_some_and(|text| text.trim().is_empty()) {
        found.problem(&path("prompt"), "the question is empty", "leave it out for the built-in question");
    }
}

fn check_log(settings: &Settings, found: &mut Findings) {
    found.range(&KeyPath::keys(["log", "keep_days"]), settings.log.keep_days.into(), &(1..=3650));
}

fn check_throwaway(settings: &Settings, found: &mut Findings) {
    for (key, wrong) in settings.throwaway.wrongly_answered() {
        if wrong {
            let path = KeyPath::keys(["throwaway", key]);
            found.problem(&path, "\"answer\" is not possible here: only a model can do it", hint_for(&path));
        }
    }
    if settings.throwaway.quota_probe == Handling::Background {
        let path = KeyPath::keys(["throwaway", "quota_probe"]);
        found.problem(
            &path,
            "\"background\" is not possible here: it is answered, or sent on as asked",
            hint_for(&path),
        );
    }
}

fn check_backend(name: &str, backend: &BackendSettings, server: &ServerSettings, found: &mut Findings) {
    let path = KeyPath::keys(["backends", name]);
    if name == POOL {
        found.problem(&path, "\"pool\" is the word for pools of models", "give the backend another name");
    }
    if !is_backend_name(name) {
        found.problem(&path, format!("\"{name}\" cannot stand in a model ref"), "use letters, digits, \"-\" and \"_\"");
    }
    check_numbers(backend, &path, found);
    check_headers(backend, &path, found);
    check_dialect_flags(backend, &path, found);
    match ResolvedBackend::resolve(name, backend) {
        Err(problems) => found.problems.extend(problems),
        Ok(resolved) => {
            check_address(&resolved, backend.base_url.is_some(), server, found);
            check_passthrough(&resolved, &path, found);
            check_place(&resolved, backend, &path, found);
        }
    }
}

fn check_numbers(backend: &BackendSettings, path: &KeyPath, found: &mut Findings) {
    for (key, value) in [
        ("connect_timeout_ms", backend.connect_timeout_ms),
        ("first_byte_timeout_ms", backend.first_byte_timeout_ms),
        ("idle_timeout_ms", backend.idle_timeout_ms),
        ("concurrency", backend.concurrency.map(u64::from)),
        ("queue_timeout_ms", backend.queue_timeout_ms),
        ("circuit_open_ms", backend.circuit_open_ms),
    ] {
        found.optional(&path.join(key), value, &AT_LEAST_ONE);
    }
    found.optional(&path.join("retry_attempts"), backend.retry_attempts.map(u64::from), &RETRIES);
    found.optional(&path.join("circuit_failures"), backend.circuit_failures.map(u64::from), &(1..=100));
    if backend.session_header.as_deref().is_some_and(|name| name.parse::<http::HeaderName>().is_err()) {
        found.problem(&path.join("session_header"), "this is not a header name", "use letters, digits and \"-\"");
    }
    found.optional(&path.join("context_length"), backend.context_length, &WINDOW);
    check_diet(&backend.diet, &path.join("diet"), found);
    for (id, model) in &backend.models {
        let path = path.join("models").join(id);
        found.optional(&path.join("context_length"), model.context_length, &WINDOW);
        if let Some(diet) = &model.diet {
            check_diet(diet, &path.join("diet"), found);
        }
    }
}

fn check_diet(diet: &Diet, path: &KeyPath, found: &mut Findings) {
    for (index, pattern) in diet.drop_tools.iter().enumerate() {
        let path = path.join("drop_tools").at(index);
        if pattern.trim().is_empty() {
            found.problem(&path, "the name is empty", "name a tool, such as \"WebSearch\" or \"mcp__github__*\"");
        } else if pattern == "*" {
            found.warning(&path, "no tool at all is offered", "an agent can do nothing without tools");
        }
    }
}

fn check_headers(backend: &BackendSettings, path: &KeyPath, found: &mut Findings) {
    for (name, value) in &backend.headers {
        let path = path.join("headers").join(name);
        if CREDENTIAL_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            found.problem(&path, format!("the header \"{name}\" carries a key"), NEEDS_KEYRING);
        } else if name.parse::<http::HeaderName>().is_err() {
            found.problem(&path, format!("\"{name}\" is not a header name"), "use letters, digits and \"-\"");
        } else if value.parse::<http::HeaderValue>().is_err() {
            found.problem(
                &path,
                format!("the value of the header \"{name}\" cannot be sent"),
                "use visible ASCII characters on one line",
            );
        }
    }
}

fn check_dialect_flags(backend: &BackendSettings, path: &KeyPath, found: &mut Findings) {
    let flags = dialect_flags();
    for flag in backend.dialect.keys().filter(|flag| !flags.contains(flag)) {
        let near = nearest(flag, flags.iter().map(String::as_str));
        let hint = near
            .map_or_else(|| format!("known flags: {}", flags.join(", ")), |near| format!("did you mean \"{near}\"?"));
        let path = path.join("dialect").join(flag);
        found.warning(&path, format!("there is no dialect flag \"{flag}\""), hint);
    }
}

fn check_address(backend: &ResolvedBackend, is_written: bool, server: &ServerSettings, found: &mut Findings) {
    let url = &backend.base_url;
    if !backend.is_own_address(server) {
        return;
    }
    if is_written {
        found.problem(
            &KeyPath::keys(["backends", &backend.name, "base_url"]),
            format!("\"{url}\" is Branchline's own address: requests would go in circles"),
            "set the address of the model server, or another server.port",
        );
    } else if backend.enabled {
        found.warning(
            &KeyPath::keys(["server", "port"]),
            format!("{} uses this port too, so it is not looked for", backend.display),
            format!("choose another port, or set backends.{}.base_url", backend.name),
        );
    }
}

/// A client's login goes to Anthropic and nowhere else; loopback is for test servers.
fn check_passthrough(backend: &ResolvedBackend, path: &KeyPath, found: &mut Findings) {
    let url = &backend.base_url;
    let is_anthropic = url.host() == "anthropic.com" || url.host().ends_with(".anthropic.com");
    if backend.auth == Auth::Passthrough && (backend.preset != "anthropic" || !(is_anthropic || url.is_loopback())) {
        found.problem(
            &path.join("auth"),
            format!("the client's own login would be sent to {}", url.host()),
            "use auth = \"key\"; \"passthrough\" is for Anthropic only",
        );
    }
}

/// A server like those people run at home, at an address that says nothing of the kind.
fn check_place(resolved: &ResolvedBackend, backend: &BackendSettings, path: &KeyPath, found: &mut Findings) {
    if resolved.enabled && resolved.is_own_elsewhere(backend) {
        let (display, host) = (resolved.display, resolved.base_url.host());
        found.warning(
            &path.join("base_url"),
            format!("{display} at {host} counts as a cloud: nothing of never_cloud goes there"),
            format!("set {} = true if it is your own machine, false to say that it is not", path.join("local")),
        );
    }
}

fn check_role(role: Role, settings: &Settings, found: &mut Findings) {
    let path = KeyPath::keys(["roles", role.as_str()]);
    let candidates = settings.roles.get(role);
    for (index, model) in candidates.iter().enumerate() {
        let path = match candidates.0.len() {
            1 => path.clone(),
            _ => path.at(index),
        };
        check_model(&path, model, settings, found);
    }
}

fn check_model(path: &KeyPath, model: &ModelRef, settings: &Settings, found: &mut Findings) {
    let name = model.backend.as_str();
    if let Some(pool) = model.pool() {
        return limits::check_pool_name(path, pool, settings, found);
    }
    match settings.backends.get(name) {
        None => {
            let near = nearest(name, settings.backends.keys().map(String::as_str));
            let hint = near.map_or_else(
                || format!("add [backends.{name}] with a preset or a base_url"),
                |near| format!("did you mean \"{near}:{}\"?", model.model),
            );
            found.problem(path, format!("there is no backend \"{name}\" for \"{model}\""), hint);
        }
        Some(backend) if !backend.enabled => found.warning(
            path,
            format!("the backend of \"{model}\" is switched off"),
            format!("set backends.{name}.enabled = true"),
        ),
        Some(_) => {}
    }
}
