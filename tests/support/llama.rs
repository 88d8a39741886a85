//! A real inference server on this machine's processor: llama.cpp's `llama-server`, with a tiny model of our own making.
//!
//! llama.cpp has no package of its own on PyPI, but its whole source is in the source package of `llama-cpp-python`. It is
//! built from there once (ten to twenty minutes), beside a virtual environment with what builds it and writes the model.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::{self, ClientError};
use crate::port;

const NAME: &str = "llama-server";
/// The source package that holds llama.cpp.
const SOURCE: &str = "llama-cpp-python==0.3.36";
/// What builds it and writes models, release by release.
const REQUIREMENTS: &str = include_str!("../client/llama-server.txt");
/// No HTTPS, no page, nothing fetched while it is built, no more optimisation than a tiny model needs.
const OPTIONS: [&str; 15] = [
    "-DCMAKE_BUILD_TYPE=None",
    "-DCMAKE_C_FLAGS=-O1",
    "-DCMAKE_CXX_FLAGS=-O1",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_BUILD_COMMON=ON",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=OFF",
    "-DGGML_LLAMAFILE=OFF",
];
/// The longest a tiny model takes to be loaded on a busy machine.
const LOADING: Duration = Duration::from_secs(60);

/// The program and what writes its model.
#[derive(Debug, Clone)]
pub struct LlamaServer {
    folder: PathBuf,
}

impl LlamaServer {
    /// The one in the cache, built there when it is missing.
    ///
    /// # Errors
    /// [`ClientError`] says whether the test may be skipped.
    pub async fn find() -> Result<Self, ClientError> {
        client::unhurried(install).await
    }

    /// Starts it with a new tiny model, called `tiny`, of this window. An `eager` one begins tool calls by itself.
    ///
    /// # Errors
    /// When the model cannot be written or the server does not come up.
    pub async fn start(&self, window: u32, eager: bool) -> Result<Running, ClientError> {
        let folder = tempfile::tempdir().map_err(ClientError::io("a folder for the model"))?;
        let model = folder.path().join("tiny.gguf");
        let mut writing = Command::new(in_environment(&self.folder, "python"));
        writing.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("client/tiny_model.py"));
        writing.arg(&model).arg(window.to_string()).args(eager.then_some("eager"));
        let written = client::run(writing, LOADING).await?;
        if !written.status.success() {
            return Err(ClientError::Install { client: "a tiny model", detail: written.stderr });
        }
        let port = port::free().map_err(ClientError::io("a free port"))?;
        let log = folder.path().join("log");
        let output = std::fs::File::create(&log).map_err(ClientError::io("the server's log"))?;
        let mut command = Command::new(self.folder.join("build/bin").join(program(NAME)));
        command.arg("-m").arg(&model).args(["--alias", "tiny", "--host", "127.0.0.1", "--offline", "-np", "1"]);
        command.arg("--port").arg(port.to_string()).arg("-c").arg(window.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).kill_on_drop(true);
        let process = command.spawn().map_err(ClientError::io("starting llama-server"))?;
        let running = Running { url: format!("http://127.0.0.1:{port}"), log, _process: process, _folder: folder };
        running.ready().await
    }
}

/// A server that answers. It ends with this value.
#[derive(Debug)]
pub struct Running {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    log: PathBuf,
    _process: Child,
    _folder: TempDir,
}

impl Running {
    /// What it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the model is loaded.
    async fn ready(self) -> Result<Self, ClientError> {
        crate::stand::install_crypto();
        let http = reqwest::Client::builder().no_proxy().build();
        let http = http.map_err(|error| ClientError::io("a client")(std::io::Error::other(error)))?;
        let health = format!("{}/health", self.url);
        let answers = async {
            while !http.get(&health).send().await.is_ok_and(|reply| reply.status().is_success()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(LOADING, answers).await;
        let dead = |_| ClientError::TimedOut {
            program: NAME.into(),
            limit: LOADING,
            stdout: String::new(),
            stderr: self.log(),
        };
        waited.map_err(dead)?;
        Ok(self)
    }
}

fn install() -> Result<LlamaServer, ClientError> {
    let wanted = format!("{SOURCE}\n{REQUIREMENTS}{}", OPTIONS.join("\n"));
    let folder = client::install_once(NAME, NAME, &wanted, |folder| {
        client::install_step(NAME, Path::new("python3"), |python| {
            python.args(["-m", "venv", "--clear"]).arg(folder.join("venv"));
        })?;
        let python = in_environment(folder, "python");
        client::install_step(NAME, &python, |python| {
            python.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(REQUIREMENTS.lines());
        })?;
        client::install_step(NAME, &python, |python| {
            python.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            python.args(["--no-build-isolation", "--no-binary", "llama-cpp-python", "--dest"]);
            python.arg(folder.join("sdist")).arg(SOURCE).env("PATH", path_with(folder));
        })?;
        build(folder, &python)
    })?;
    Ok(LlamaServer { folder })
}

fn build(folder: &Path, python: &Path) -> Result<(), ClientError> {
    let archive = format!("{}.tar.gz", SOURCE.replace('-', "_").replace("==", "-"));
    client::install_step(NAME, python, |python| {
        python.args(["-m", "tarfile", "-e"]).arg(folder.join("sdist").join(&archive)).arg(folder.join("src"));
    })?;
    let source = folder.join("src").join(archive.trim_end_matches(".tar.gz")).join("vendor/llama.cpp");
    let cmake = in_environment(folder, "cmake");
    client::install_step(NAME, &cmake, |cmake| {
        cmake.arg("-S").arg(&source).arg("-B").arg(folder.join("build")).args(["-G", "Ninja"]).args(OPTIONS);
        cmake.env("PATH", path_with(folder));
    })?;
    client::install_step(NAME, &cmake, |cmake| {
        cmake.arg("--build").arg(folder.join("build")).args(["--target", NAME]);
        cmake.env("PATH", path_with(folder));
    })
}

/// What is in the environment goes before what is on the machine.
fn path_with(folder: &Path) -> std::ffi::OsString {
    let mut path = in_environment(folder, "").into_os_string();
    path.push(if cfg!(windows) { ";" } else { ":" });
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}

fn in_environment(folder: &Path, name: &str) -> PathBuf {
    let programs = folder.join(if cfg!(windows) { "venv/Scripts" } else { "venv/bin" });
    if name.is_empty() { programs } else { programs.join(program(name)) }
}

fn program(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}
