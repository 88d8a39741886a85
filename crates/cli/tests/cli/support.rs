//! A user with a home of his own, and an engine he started.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Nothing here takes longer than this, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// No real server of this machine is asked.
const QUIET: &str = "[server]\nport = 0\n[backends.lmstudio]\nenabled = false\n[backends.llamacpp]\nenabled = false\n\
[backends.ollama]\nenabled = false\n[backends.vllm]\nenabled = false\n";

/// A user's folder.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self::with(QUIET)
    }

    pub(crate) fn with(settings: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::write(home.config(), settings).unwrap();
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("settings.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn client_token(&self) -> String {
        std::fs::read_to_string(self.data().join("client-token")).unwrap().trim().to_owned()
    }

    /// The command with this user's flags, without the tester's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        command.arg("--config").arg(self.config()).arg("--data-dir").arg(self.data());
        command
    }

    /// Without the flags.
    pub(crate) fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_branchline"));
        command.args(args).env_clear().env("HOME", self.path());
        let kept = ["PATH", "SystemRoot", "LLVM_PROFILE_FILE", "TMPDIR"];
        command.envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Said {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Said::of(child.wait_with_output().unwrap())
    }

    pub(crate) fn serve(&self, args: &[&str]) -> Served {
        let mut all = vec!["serve"];
        all.extend(args);
        Served::start(&mut self.command(&all))
    }
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let said = self.good();
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    }
}

/// A running `branchline serve`.
pub(crate) struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
    /// What it said before it was ready.
    pub(crate) greeting: String,
}

impl Served {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        // The line about the log is the last of the greeting.
        while !greeting.contains("  log ") {
            if stdout.read_line(&mut greeting).unwrap() == 0 {
                let mut err = String::new();
                child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
                panic!("the engine did not start: {greeting} {err}");
            }
        }
        let address = greeting.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let served = Self { child, stdout, address, greeting };
        served.wait_until("healthy", |served| served.get("/health").0 == 200);
        served
    }

    /// Polls until `done`, within bounds.
    pub(crate) fn wait_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < PATIENCE, "not {what} within {PATIENCE:?}");
            std::thread::yield_now();
        }
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address))
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &str) -> (u16, String) {
        self.post_in("no-session", path, token, body)
    }

    /// As a client that names its session.
    pub(crate) fn post_in(&self, session: &str, path: &str, token: &str, body: &str) -> (u16, String) {
        let (host, length) = (&self.address, body.len());
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {token}\r\nX-Claude-Code-Session-Id: {session}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    fn send(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        // Compressed bodies are no text, and nobody here reads them.
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    /// Ends it as the system does that has no memory left: nothing of it runs any more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[cfg(unix)]
    fn ask_to_end(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        // It may have ended by itself.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }

    /// Ends it as a service manager does.
    #[cfg(unix)]
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        self.ask_to_end();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Asked, it takes its folders with it.
        #[cfg(unix)]
        if matches!(self.child.try_wait(), Ok(None)) {
            self.ask_to_end();
            let start = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
        }
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
