//! How clients are pointed at the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use branchline_proxy::Engine;
use branchline_proxy::world::World;
use branchline_routing::{Mode, ModelRef, Role};
use branchline_settings::{Auth, Tokens};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::blocking;
use crate::client_env::{ClientView, EnvVar, Names, Shell, Windows, client_env, render, short_name};
use crate::client_file::{self, Wanted};
use crate::error::{ControlError, Result};

pub use crate::client_file::{ClientFileUndone, ClientFileView};

/// Which way the client's requests go.
#[derive(Debug, Default, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields)]
pub struct EnvReq {
    /// `auto`, `local`, `cloud` or a model ref; `auto` when not given.
    pub route: Option<String>,
}

/// The variables for Claude Code. The client token is in here.
#[derive(Serialize, Deserialize, TS)]
pub struct EnvRes {
    /// Where clients send their requests.
    pub base_url: String,
    /// The variables in the order they are shown.
    pub vars: Vec<EnvVar>,
    /// The same as text to paste, by the name of the shell.
    pub snippets: BTreeMap<String, String>,
    /// Tokens the smallest window holds that may answer; for clients that keep less free than Claude Code.
    pub window: Option<u64>,
}

impl std::fmt::Debug for EnvRes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EnvRes").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// The variables for Claude Code.
///
/// # Errors
/// None.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn env(engine: &Arc<Engine>, request: EnvReq) -> Result<EnvRes> {
    let view = view(engine, request.route);
    let vars = client_env(&view);
    let snippets = Shell::ALL.iter().map(|shell| (shell.as_str().to_owned(), render(&vars, *shell))).collect();
    Ok(EnvRes { window: view.windows.smaller(), base_url: view.base_url, vars, snippets })
}

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct ClaudeFileReq {}

/// What to put into Claude Code's settings file.
#[derive(Debug, Deserialize, TS)]
pub struct ClaudeWriteReq {
    /// The file as `connect.claude` named it: whoever asks has seen which one is written to.
    pub file: String,
    /// Overwrite values that are not ours; they come back when it is undone.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub replace: bool,
}

/// Where to take it out.
#[derive(Debug, Deserialize, TS)]
pub struct ClaudeUndoReq {
    /// The file as `connect.claude` named it.
    pub file: String,
}

/// How Claude Code's settings file stands. Nothing is written.
///
/// # Errors
/// A file that is broken or cannot be read.
pub async fn claude(engine: &Arc<Engine>, _: ClaudeFileReq) -> Result<ClientFileView> {
    let (wanted, data) = (wanted(engine), engine.paths.data_dir.clone());
    blocking(move || client_file::look(&client_file::usual()?, &data, &wanted)).await?
}

/// Merges the variables into Claude Code's settings file.
///
/// # Errors
/// Another file than the user's, one that is broken, holds other values at their places, or cannot be written.
pub async fn claude_write(engine: &Arc<Engine>, request: ClaudeWriteReq) -> Result<ClientFileView> {
    let (wanted, data) = (wanted(engine), engine.paths.data_dir.clone());
    blocking(move || {
        let file = the_users(&request.file)?;
        client_file::connect(&file, &data, &wanted, request.replace)
    })
    .await?
}

/// Takes them out again.
///
/// # Errors
/// Another file than the user's, one nothing was written to, or one that is broken or cannot be written.
pub async fn claude_undo(engine: &Arc<Engine>, request: ClaudeUndoReq) -> Result<ClientFileUndone> {
    let data = engine.paths.data_dir.clone();
    blocking(move || client_file::disconnect(&the_users(&request.file)?, &data)).await?
}

/// The settings file, as long as it is the one that was shown. The window writes to no other.
fn the_users(named: &str) -> Result<PathBuf> {
    let file = client_file::usual()?;
    if client_file::named(&file)? == named {
        return Ok(file);
    }
    let message = format!("{named} is not the settings file of Claude Code");
    Err(ControlError::new("bad_request", message, "`connect.claude` says which one it is"))
}

fn wanted(engine: &Engine) -> Vec<Wanted> {
    client_file::wanted(&client_env(&view(engine, None)), None)
}

fn view(engine: &Engine, route: Option<String>) -> ClientView {
    let world = engine.world();
    let route = route.filter(|route| !route.is_empty() && route != "auto");
    let (local, cloud) = answering(&world, route.as_deref());
    let context = |model: &Option<ModelRef>| model.as_ref().and_then(|model| world.catalog.facts(model).context);
    let name = |model: &Option<ModelRef>| model.as_ref().map(|model| short_name(&model.model));
    ClientView {
        base_url: base_url(engine),
        token: token(&engine.tokens, world.settings.server.require_token),
        own_login: logs_in_itself(&world),
        windows: Windows { local: context(&local), cloud: context(&cloud) },
        names: Names { local: name(&local), cloud: name(&cloud) },
        route,
    }
}

/// Where programs on this machine find the engine.
#[must_use]
pub fn base_url(engine: &Engine) -> String {
    let world = engine.world();
    let server = &world.settings.server;
    let configured = || format!("http://{}:{}", reachable(&server.host), server.port);
    engine.address().map_or_else(configured, |address| {
        format!("http://{}:{}", reachable(&address.ip().to_string()), address.port())
    })
}

/// "Any address" is nothing a client can call.
fn reachable(host: &str) -> String {
    match host {
        "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    }
}

fn token(tokens: &Tokens, required: bool) -> Option<String> {
    required.then(|| tokens.client.expose().to_owned())
}

/// The cloud gets the client's own login: then the client must keep it.
fn logs_in_itself(world: &World) -> bool {
    let models = world.policy.role(Role::Cloud);
    let backends = models.iter().filter_map(|model| world.backends.get(&model.backend));
    backends.take(1).any(|backend| backend.resolved.auth == Auth::Passthrough)
}

/// The models that may answer, here and in the cloud. One that was named is the only one.
fn answering(world: &World, route: Option<&str>) -> (Option<ModelRef>, Option<ModelRef>) {
    let first = |role| world.policy.role(role).first().cloned();
    match (route, world.policy.mode) {
        (Some("local"), _) | (None, Mode::Local) => (first(Role::Coder), None),
        (Some("cloud"), _) | (None, Mode::Cloud) => (None, first(Role::Cloud)),
        (Some(named), _) => (named.parse().ok(), None),
        (None, Mode::Auto | Mode::Dispatcher) => (first(Role::Coder), first(Role::Cloud)),
    }
}
