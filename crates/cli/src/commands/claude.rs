//! `branchline claude`: Claude Code pointed here, for this one run. The user's `settings.json` is not touched.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

use branchline_control::commands::connect::EnvRes;
use branchline_control::{EnvVar, Shell, client_env, client_file};
use branchline_proxy::watch;
use branchline_settings::KeyStore;
use serde_json::json;

use crate::args::ClaudeArgs;
use crate::context::Context;
use crate::door::{self, Door};
use crate::error::{Error, Result};
use crate::house::{self, House};
use crate::logging;
use crate::out::{BOLD, WARN, note, while_waiting};
use crate::signals::Signals;

/// Names another program than `claude`.
const PROGRAM_VARIABLE: &str = "BRANCHLINE_CLAUDE";

pub(crate) async fn run(context: Context, args: ClaudeArgs) -> Result<ExitCode> {
    match door::running(&context).await {
        Some(client) => {
            let env = Door::Running(client).ask("connect.env", json!({ "route": args.route })).await?;
            replace_by(command(&context, &env, args.args)?)
        }
        None => on_an_engine_of_its_own(context, args).await,
    }
}

async fn on_an_engine_of_its_own(context: Context, args: ClaudeArgs) -> Result<ExitCode> {
    let signals = Signals::listen()?;
    let settings = context.settings()?;
    let level = settings.log.level;
    let engine = house::engine(context.paths.clone(), settings, KeyStore::system())?;
    let _log = logging::engine(&context.paths.log_dir(), level, false);
    // This engine serves one client only, which is told its port.
    let house = House::open(engine, true).await?;
    while_waiting("looking for models", watch::ask_all(&house.engine, true)).await;
    say_what_is_missing(&house);
    let env = Door::Inside(house.engine.clone()).ask("connect.env", json!({ "route": args.route })).await;
    let ended = match env.and_then(|env| command(&context, &env, args.args)) {
        Ok(command) => child(command, signals).await,
        Err(error) => Err(error),
    };
    match house.close().await {
        0 => {}
        cut_off => note!("{cut_off} requests were cut off"),
    }
    ended
}

/// Without any model Claude Code would only show an error for the first prompt.
fn say_what_is_missing(house: &House) {
    let world = house.engine.world();
    if world.policy.roles.values().all(Vec::is_empty) {
        note!("{WARN}no model was found:{WARN:#} start LM Studio, llama.cpp, Ollama or vLLM, or store a cloud key");
        note!("{BOLD}branchline doctor{BOLD:#} says what is missing");
    }
}

fn program() -> PathBuf {
    std::env::var_os(PROGRAM_VARIABLE).filter(|name| !name.is_empty()).map_or_else(|| "claude".into(), PathBuf::from)
}

fn command(context: &Context, env: &EnvRes, args: Vec<OsString>) -> Result<Command> {
    let mut command = Command::new(program());
    if let Some(file) = louder_settings(context, env, &args)? {
        command.arg("--settings").arg(file);
    }
    command.args(args).envs(env.vars.iter().map(|var| (&var.name, &var.value)));
    Ok(command)
}

/// What a settings file of Claude Code sets beats the environment, so where one names another address or
/// model, ours are told in a file too: that of `--settings` beats the user's and the project's. Theirs are only read.
fn louder_settings(context: &Context, env: &EnvRes, args: &[OsString]) -> Result<Option<PathBuf>> {
    let project = |name: &str| PathBuf::from(".claude").join(name);
    let files = [client_file::usual().ok(), Some(project("settings.json")), Some(project("settings.local.json"))];
    let set: Vec<_> = files.into_iter().flatten().map(|file| client_file::variables(&file)).collect();
    let differs =
        |var: &EnvVar| set.iter().filter_map(|set| set.get(&var.name)).any(|there| *there != json!(var.value));
    if !env.vars.iter().any(differs) {
        return Ok(None);
    }
    if args.iter().any(|arg| arg.to_string_lossy().starts_with("--settings")) {
        note!("{WARN}a settings file of Claude Code sets some of the same variables, and wins over these{WARN:#}");
        return Ok(None);
    }
    let text = client_env::render(&env.vars, Shell::Settings);
    // Sessions side by side may have different routes; the same ones share a file.
    let name = format!("claude-{:016x}.json", fingerprint(&text));
    let file = client_file::write_private(&context.paths.data_dir, &name, &text)?;
    Ok(Some(std::path::absolute(&file).unwrap_or(file)))
}

fn fingerprint(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Nothing of ours is needed any more: terminal, signals and exit code are Claude Code's own.
#[cfg(unix)]
fn replace_by(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let source = command.exec();
    Err(Error::Start { program: program(), source })
}

#[cfg(not(unix))]
fn replace_by(mut command: Command) -> Result<ExitCode> {
    let status = command.status().map_err(|source| Error::Start { program: program(), source })?;
    Ok(exit_code(status))
}

/// Runs it beside the engine. A signal for us is one for it: it decides when to end.
async fn child(command: Command, mut signals: Signals) -> Result<ExitCode> {
    let started = tokio::process::Command::from(command).spawn();
    let mut child = started.map_err(|source| Error::Start { program: program(), source })?;
    loop {
        tokio::select! {
            ended = child.wait() => return ended.map(exit_code).map_err(Error::io("wait for Claude Code")),
            signal = signals.next() => pass_on(&child, signal),
        }
    }
}

/// Ctrl-C reaches the child by itself: it stands in the same terminal.
#[cfg(unix)]
fn pass_on(child: &tokio::process::Child, signal: rustix::process::Signal) {
    use rustix::process::{Pid, Signal, kill_process};
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let (Some(id), true) = (id, signal != Signal::INT) {
        // A child that is gone already needs no signal.
        let _ = kill_process(id, signal);
    }
}

#[cfg(not(unix))]
fn pass_on(_: &tokio::process::Child, (): ()) {}

/// As a shell says it: 128 and the signal for a program that was killed.
fn exit_code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    let killed_by = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let killed_by: Option<i32> = None;
    let code = status.code().or(killed_by.map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}
