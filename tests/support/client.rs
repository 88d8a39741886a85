//! What every real client has in common: where it is kept, how it is installed once per machine, how it
//! is run with a time limit, and when a test may be skipped.
//!
//! A test is skipped only where the registry that holds the client cannot be reached, or its package
//! program is missing. An install that fails in any other way fails the test.

use std::{
    fs,
    io::{self, Read as _, Seek as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

/// Registries may be slow, so an install is tried this often.
const TRIES: usize = 3;

/// An installer takes a minute to give up on a registry. The next tests do not ask again for this long.
const UNREACHABLE_FOR: Duration = Duration::from_secs(15 * 60);

/// How `npm` and `pip` say that there is no way to their registry, in their own error output.
const NO_WAY_TO_THE_REGISTRY: &[&str] = &[
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ERR_SOCKET_TIMEOUT",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
];

/// Why a real client could not be had or did not finish.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The program that would install the client is not on this machine.
    #[error("{client}: `{program}`, which installs it, is not on this machine\nhint: `./dev test` brings it")]
    Missing {
        /// The client asked for.
        client: &'static str,
        /// The program looked for in `PATH`.
        program: String,
    },
    /// The registry could not be reached in any of the tries.
    #[error("{client}: not installed here, and its registry cannot be reached: {detail}")]
    Unreachable {
        /// The client asked for.
        client: &'static str,
        /// The line of the installer's error output that says so.
        detail: String,
    },
    /// The registry answered and the install failed all the same.
    #[error("{client}: installing it failed: {detail}")]
    Install {
        /// The client asked for.
        client: &'static str,
        /// Last lines of the installer's error output.
        detail: String,
    },
    /// The client did not end in time and was killed.
    #[error("{program} did not end within {limit:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")]
    TimedOut {
        /// The program that was running.
        program: String,
        /// The limit it was given.
        limit: Duration,
        /// What it had written by then.
        stdout: String,
        /// What it had written by then.
        stderr: String,
    },
    /// A file or a process could not be handled.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path or program.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl ClientError {
    /// Whether the machine, not our code, is the reason: the one case in which a test may be skipped.
    pub fn excuses_the_test(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Unreachable { .. })
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// How a client program ended, with all it wrote.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Its standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

/// The client, or `None` after a line that says why the test is skipped.
///
/// # Panics
/// On every error that does not excuse the test, see [`ClientError::excuses_the_test`].
#[expect(clippy::panic, clippy::print_stderr, reason = "called from tests: the skip must be seen, a failure must fail")]
pub fn ready_or_skip<T>(client: Result<T, ClientError>) -> Option<T> {
    match client {
        Ok(client) => Some(client),
        Err(error) if error.excuses_the_test() => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs `command` to its end, without standard input, and kills it after `limit`.
///
/// # Errors
/// [`ClientError::TimedOut`] with what was written by then; [`ClientError::Io`] when it cannot be started.
pub async fn run(mut command: tokio::process::Command, limit: Duration) -> Result<Outcome, ClientError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    // Files, not pipes: what was written before a time-out can still be read, and a grandchild that
    // holds the other end open cannot keep us waiting.
    let capture = || tempfile::tempfile().map_err(ClientError::io("a temporary file for output"));
    let (mut stdout, mut stderr) = (capture()?, capture()?);
    let handle = |file: &fs::File| file.try_clone().map_err(ClientError::io("output file"));
    command.stdin(Stdio::null()).stdout(handle(&stdout)?).stderr(handle(&stderr)?).kill_on_drop(true);
    let mut child = command.spawn().map_err(ClientError::io(format!("starting {program}")))?;
    let ended = tokio::time::timeout(limit, child.wait()).await;
    if ended.is_err() {
        child.kill().await.map_err(ClientError::io(format!("killing {program}")))?;
    }
    let (stdout, stderr) = (written(&mut stdout)?, written(&mut stderr)?);
    match ended {
        Ok(status) => {
            let status = status.map_err(ClientError::io(format!("waiting for {program}")))?;
            Ok(Outcome { status, stdout, stderr })
        }
        Err(_) => Err(ClientError::TimedOut { program, limit, stdout, stderr }),
    }
}

fn written(file: &mut fs::File) -> Result<String, ClientError> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(ClientError::io("reading output"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The folder in the user's cache in which clients are kept between runs.
///
/// # Errors
/// [`ClientError::Io`] when there is neither `XDG_CACHE_HOME` nor a home folder.
pub fn cache_folder() -> Result<PathBuf, ClientError> {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    let none = || io::Error::new(io::ErrorKind::NotFound, "neither XDG_CACHE_HOME nor a home folder");
    cache.map(|cache| cache.join("branchline/clients")).ok_or_else(|| ClientError::io("the cache folder")(none()))
}

/// Installs into the cache folder's `name` unless what `wanted` describes is there already.
///
/// Several test processes may ask at once: the first installs, the others wait at a lock file. A stamp
/// written last tells a finished install from one that was interrupted.
pub(crate) fn install_once(
    client: &'static str,
    name: &str,
    wanted: &str,
    install: impl FnOnce(&Path) -> Result<(), ClientError>,
) -> Result<PathBuf, ClientError> {
    let cache = cache_folder()?;
    let (folder, stamp) = (cache.join(name), cache.join(name).join(".installed"));
    fs::create_dir_all(&cache).map_err(ClientError::io(format!("creating {}", cache.display())))?;
    let lock = fs::File::create(cache.join(format!("{name}.lock"))).map_err(ClientError::io("the install lock"))?;
    lock.lock().map_err(ClientError::io("the install lock"))?;
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    let unreachable = cache.join(format!("{name}.unreachable"));
    if let Some(detail) = lately_written(&unreachable) {
        return Err(ClientError::Unreachable { client, detail });
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(ClientError::io(format!("emptying {}", folder.display())))?;
    }
    fs::create_dir_all(&folder).map_err(ClientError::io(format!("creating {}", folder.display())))?;
    let installed = install(&folder);
    if let Err(ClientError::Unreachable { detail, .. }) = &installed {
        fs::write(&unreachable, detail).map_err(ClientError::io("the note of an unreachable registry"))?;
    }
    installed?;
    fs::write(&stamp, wanted).map_err(ClientError::io("the install stamp"))?;
    Ok(folder)
}

fn lately_written(file: &Path) -> Option<String> {
    let age = fs::metadata(file).and_then(|file| file.modified()).ok()?.elapsed().unwrap_or_default();
    if age < UNREACHABLE_FOR { fs::read_to_string(file).ok() } else { None }
}

/// Runs one installer command, again while it fails, up to three times.
pub(crate) fn install_step(
    client: &'static str,
    program: &Path,
    arrange: impl Fn(&mut std::process::Command),
) -> Result<(), ClientError> {
    let mut said = String::new();
    for _ in 0..TRIES {
        let mut command = std::process::Command::new(program);
        arrange(command.stdin(Stdio::null()));
        let output = command.output().map_err(|source| not_started(client, program, source))?;
        if output.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    Err(install_failure(client, &said))
}

fn not_started(client: &'static str, program: &Path, source: io::Error) -> ClientError {
    let program = program.display().to_string();
    match source.kind() {
        io::ErrorKind::NotFound => ClientError::Missing { client, program },
        _ => ClientError::io(format!("starting {program}"))(source),
    }
}

fn install_failure(client: &'static str, said: &str) -> ClientError {
    let no_way = |line: &&str| NO_WAY_TO_THE_REGISTRY.iter().any(|sign| line.contains(sign));
    if let Some(line) = said.lines().find(no_way) {
        return ClientError::Unreachable { client, detail: line.to_owned() };
    }
    let lines: Vec<&str> = said.trim().lines().collect();
    ClientError::Install { client, detail: lines[lines.len().saturating_sub(8)..].join("\n") }
}

/// Runs blocking `work` where it does not hold up the test's runtime.
pub(crate) async fn unhurried<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, ClientError> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|error| ClientError::io("the installing thread")(io::Error::other(error)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_out_of_reach_excuses_the_test() {
        let npm = install_failure("x", "npm error code EAI_AGAIN\nnpm error syscall getaddrinfo");
        let pip = install_failure("x", "Retrying after connection broken by 'NewConnectionError(…)'");
        assert!(npm.excuses_the_test() && pip.excuses_the_test());
    }

    #[test]
    fn a_package_that_does_not_build_fails_the_test() {
        let error = install_failure("x", "npm error code ELIFECYCLE\nnpm error errno 1");
        assert!(!error.excuses_the_test());
        assert!(error.to_string().contains("ELIFECYCLE"));
    }

    #[test]
    fn a_missing_package_program_is_named() {
        let error = install_step("x", Path::new("no-such-program-here"), |_| {}).unwrap_err();
        assert!(error.excuses_the_test());
        assert!(error.to_string().contains("no-such-program-here"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_hangs_is_killed_and_what_it_said_is_kept() {
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", "echo started; exec sleep 600"]);
        // Long enough for a shell to start on a busy machine.
        let error = run(command, Duration::from_secs(2)).await.unwrap_err();
        assert!(matches!(error, ClientError::TimedOut { stdout, .. } if stdout == "started\n"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn both_outputs_and_the_exit_code_come_back() {
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let outcome = run(command, Duration::from_secs(60)).await.unwrap();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(outcome.status.code(), Some(3));
    }
}
