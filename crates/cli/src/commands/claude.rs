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
            let (started, _told) = command(&context, &env, args.args)?;
            replace_by(started)
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
        Ok((started, _told)) => child(started, signals).await,
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

/// What is to be started, and the file made for it, where one is needed.
fn command(context: &Context, env: &EnvRes, args: Vec<OsString>) -> Result<(Command, Option<Told>)> {
    let mut command = Command::new(program());
    let told = louder_settings(context, env, &args)?;
    if let Some(Told(file)) = &told {
        command.arg("--settings").arg(file);
    }
    command.args(args).envs(env.vars.iter().map(|var| (&var.name, &var.value)));
    Ok((command, told))
}

/// A file for one session; it holds the token, and goes with the session. Where Claude Code takes the place of this
/// process, the next one sweeps it.
struct Told(PathBuf);

impl Drop for Told {
    fn drop(&mut self) {
        // One that stays is swept by the next.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What a settings file of Claude Code sets beats the environment, so where one names another address or
/// model, ours are told in a file too: that of `--settings` beats the user's and the project's. Theirs are only read.
fn louder_settings(context: &Context, env: &EnvRes, args: &[OsString]) -> Result<Option<Told>> {
    let project = |name: &str| PathBuf::from(".claude").join(name);
    let files = [client_file::usual().ok(), Some(project("settings.json")), Some(project("settings.local.json"))];
    let set: Vec<_> = files.into_iter().flatten().map(|file| client_file::variables(&file)).collect();
    let there = |var: &EnvVar| set.iter().filter_map(|set| set.get(&var.name)).cloned().collect::<Vec<_>>();
    // A limit of the user's own for results stays.
    let stays = |var: &EnvVar| client_env::RESULT_LIMITS.contains(&var.name.as_str()) && !there(var).is_empty();
    let vars: Vec<_> = env.vars.iter().filter(|var| !stays(var)).cloned().collect();
    let differs = |var: &EnvVar| there(var).iter().any(|there| *there != json!(var.value));
    if !vars.iter().any(differs) {
        return Ok(None);
    }
    if args.iter().any(|arg| arg.to_string_lossy().starts_with("--settings")) {
        note!("{WARN}a settings file of Claude Code sets some of the same variables, and wins over these{WARN:#}");
        return Ok(None);
    }
    let text = client_env::render(&vars, Shell::Settings);
    // Sessions side by side may have different routes: each has its own, as long as this process lives, or Claude Code
    // in its place.
    let name = format!("claude-{}.json", std::process::id());
    let file = client_file::write_private(&context.paths.data_dir, &name, &text, is_left)?;
    Ok(Some(Told(std::path::absolute(&file).unwrap_or(file))))
}

/// Whether a file, or what was to become one, was made for a session that has ended.
fn is_left(name: &str) -> bool {
    let made_for = name.trim_start_matches('.').strip_prefix("claude-").and_then(|rest| rest.split_once(".json"));
    made_for.is_some_and(|(process, _)| !process.parse().is_ok_and(is_alive))
}

/// One of another user's is alive, too.
#[cfg(unix)]
fn is_alive(process: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let id = i32::try_from(process).ok().and_then(Pid::from_raw);
    id.is_some_and(|id| test_kill_process(id) != Err(rustix::io::Errno::SRCH))
}

/// Not known here: what a killed session left is kept.
#[cfg(not(unix))]
const fn is_alive(_: u32) -> bool {
    true
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

#[cfg(test)]
mod tests {
    use super::is_left;

    #[test]
    fn only_files_of_sessions_that_have_ended_are_swept() {
        let own = format!("claude-{}.json", std::process::id());
        for name in [own.as_str(), "lock", "0123456789abcdef.json", "0123456789abcdef.aa.before"] {
            assert!(!is_left(name), "{name}");
        }
        for name in ["claude-0123456789abcdef.json", ".claude-0123456789abcdef.json.branchline-new"] {
            assert!(is_left(name), "{name}");
        }
        assert_eq!(is_left("claude-2147483646.json"), cfg!(unix));
    }
}
