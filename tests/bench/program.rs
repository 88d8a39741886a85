//! The programs that are measured, as child processes, and what `/proc` says of them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use branchline_tests::port;
use tempfile::TempDir;

use crate::error::{BenchError, Result};

/// Clock ticks of `/proc/PID/stat` in a second: fixed in Linux's interface to programs.
const TICKS: f64 = 100.0;

/// A running program; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    port: u16,
    /// Its folder, which goes with it.
    home: Option<Home>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.ask_to_end();
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// As a user ends it: whoever counts what it does (`./dev profile`) gets the sum only at a good end.
    #[cfg(unix)]
    fn ask_to_end(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        let asked = kill_process(Pid::from_child(&self.child), Signal::INT).is_ok();
        let since = Instant::now();
        while asked && since.elapsed() < Duration::from_secs(5) && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[cfg(not(unix))]
    const fn ask_to_end(&mut self) {}

    /// Starts one of the pipes.
    pub(crate) fn pipe(kind: &str, upstream: &str) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["pipe", kind, upstream])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port = line.trim().parse().map_err(|_| BenchError::Program(format!("the {kind} pipe did not start")))?;
        Ok(Self { child, port, home: None })
    }

    /// Keeps the program's folder as long as the program.
    pub(crate) fn in_home(self, home: Home) -> Self {
        let mut program = self;
        program.home = Some(home);
        program
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Processor time so far, user and system, in ms.
    pub(crate) fn cpu_ms(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in parentheses, may hold spaces; behind it utime and stime are the 12th and 13th.
        let behind = stat.rsplit(") ").next().unwrap_or_default();
        let ticks: f64 = behind.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks / TICKS * 1000.0)
    }

    /// Memory in use, in MB.
    pub(crate) fn rss_mb(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or_default();
        Ok(kib * 1024.0 / 1e6)
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/task", self.child.id()))?.count())
    }
}

/// Settings and data of one Branchline.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
    binary: PathBuf,
}

impl Home {
    /// A new folder with these settings.
    pub(crate) fn new(binary: &Path, settings: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("settings.toml"), settings)?;
        Ok(Self { folder, binary: binary.to_owned() })
    }

    /// Starts `branchline serve` and waits until it answers. Also gives how long that took.
    pub(crate) fn serve(&self) -> Result<(Program, Duration)> {
        let port = port::free()?;
        let log = fs::File::create(self.folder.path().join("output"))?;
        let mut command = Command::new(&self.binary);
        command
            .arg("serve")
            .arg("--config")
            .arg(self.folder.path().join("settings.toml"))
            .arg("--data-dir")
            .arg(self.folder.path().join("data"))
            .args(["--port", &port.to_string()])
            .env("BRANCHLINE_KEY_ANTHROPIC", "bench")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let started = Instant::now();
        let child =
            command.spawn().map_err(|error| BenchError::Program(format!("{}: {error}", self.binary.display())))?;
        let mut program = Program { child, port, home: None };
        while !is_healthy(port) {
            if started.elapsed() > Duration::from_secs(20) || program.child.try_wait()?.is_some() {
                let said = fs::read_to_string(self.folder.path().join("output"))?;
                return Err(BenchError::Program(format!("branchline serve does not answer: {said}")));
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok((program, started.elapsed()))
    }

    /// The token clients send.
    pub(crate) fn token(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("data/client-token"))?.trim().to_owned())
    }
}

fn is_healthy(port: u16) -> bool {
    health(port).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// The answer of `/health`, head and body.
pub(crate) fn health(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
