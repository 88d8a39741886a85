//! The demonstration: simulated servers in this process, settings that point at them, keys and data of their own.

mod folder;
mod play;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use branchline_proxy::Engine;
use branchline_settings::{Change, KeyStore, Paths, Secret, edit};
use branchline_sim::Demo as Servers;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::error::{ControlError, Result};
use folder::Folder;

pub use play::Played;

/// The demonstrations of this process by their settings files; a stage has room for one session.
type Stages = BTreeMap<PathBuf, Arc<Semaphore>>;
static STAGES: Mutex<Stages> = Mutex::new(BTreeMap::new());

fn stages<T>(work: impl FnOnce(&mut Stages) -> T) -> T {
    // A map of stages is whole whatever happened to another thread.
    work(&mut STAGES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether simulated servers stand behind this engine, and whether a session is being played on them.
#[must_use]
pub fn state(engine: &Engine) -> (bool, bool) {
    let stage = stages(|stages| stages.get(&engine.paths.config_file).cloned());
    stage.map_or((false, false), |stage| (true, stage.available_permits() == 0))
}

/// Plays a session of a coding agent against the engine, to its end; `quick` leaves out the pace one can watch.
///
/// # Errors
/// An engine that is no demonstration, a session that is being played already, an engine that does not answer.
pub async fn play(engine: &Engine, quick: bool) -> Result<Played> {
    let Some(stage) = stages(|stages| stages.get(&engine.paths.config_file).cloned()) else {
        let hint = "start one with `branchline serve --demo`: its models are simulated, nothing of it costs anything";
        return Err(ControlError::new("not_a_demo", "this Branchline is no demonstration", hint));
    };
    let Ok(_playing) = stage.try_acquire() else {
        return Err(ControlError::new("already_playing", "a session is being played", "watch it in the log"));
    };
    play::session(engine, quick).await
}

/// The simulated servers and the folder of their settings; both go when it is dropped.
#[derive(Debug)]
pub struct Demo {
    servers: Servers,
    /// Where its settings and data are.
    pub paths: Paths,
    _folder: Folder,
}

impl Demo {
    /// Starts the servers. A settings file that was named is read and not touched: the demonstration works on a copy.
    ///
    /// # Errors
    /// No loopback socket or no temporary folder to be had, or a settings file that cannot be read or is no TOML.
    pub async fn start(config: Option<&Path>, data: Option<&Path>) -> Result<Self> {
        let servers = Servers::start().await.map_err(|error| broken("start the simulated servers", &error))?;
        folder::sweep(&std::env::temp_dir());
        let folder = Folder::make(&std::env::temp_dir());
        let folder = folder.map_err(|error| broken("make a folder for the demonstration", &error))?;
        let mut paths = Paths::inside(folder.path());
        if let Some(data) = data {
            paths.data_dir = data.to_owned();
        }
        let own = config.map_or_else(|| Ok(String::new()), read)?;
        let text = edit(&own, &changes(&servers))?;
        let written = std::fs::write(&paths.config_file, text);
        written.map_err(|error| broken("write the settings of the demonstration", &error))?;
        stages(|stages| stages.insert(paths.config_file.clone(), Arc::new(Semaphore::new(1))));
        Ok(Self { servers, paths, _folder: folder })
    }

    /// Keys that open nothing but the simulated servers.
    ///
    /// # Errors
    /// None that these keys can cause.
    pub fn keys() -> Result<KeyStore> {
        let keys = KeyStore::memory();
        keys.set("anthropic", &Secret::new("demo"))?;
        Ok(keys)
    }

    /// Unplugs the servers.
    pub async fn stop(self) {
        self.servers.stop().await;
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        stages(|stages| stages.remove(&self.paths.config_file));
    }
}

/// As everywhere, no file is an empty one; one that cannot be read is not.
fn read(file: &Path) -> Result<String> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|error| {
            let message = format!("cannot read {}: {error}", file.display());
            ControlError::new("demo", message, "name a settings file that can be read, or leave --config out")
        }),
    }
}

fn broken(what: &str, error: &dyn std::error::Error) -> ControlError {
    ControlError::new(
        "demo",
        format!("cannot {what}: {error}"),
        "check the temporary folder and the loopback interface",
    )
}

fn changes(servers: &Servers) -> Vec<Change> {
    let set = |path: &str, value: Value| Change { path: path.to_owned(), value };
    let mut changes = vec![
        set("backends.lmstudio.enabled", json!(true)),
        set("backends.anthropic.enabled", json!(true)),
        set("backends.lmstudio.base_url", json!(servers.local.url())),
        set("backends.anthropic.base_url", json!(servers.cloud.url())),
        set("roles.coder", json!(format!("lmstudio:{}", Servers::CODER))),
        set("roles.vision", json!(format!("lmstudio:{}", Servers::VISION))),
        set("roles.background", json!(format!("lmstudio:{}", Servers::SMALL))),
        set("roles.cloud", json!(format!("anthropic:{}", Servers::CLOUD))),
        // Everything is set up already.
        set("window.guide", json!(false)),
    ];
    // A real server on this machine would mix real answers with simulated ones.
    changes.extend(["llamacpp", "ollama", "vllm"].map(|name| set(&format!("backends.{name}.enabled"), json!(false))));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn settings_that_cannot_be_read_are_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        // A folder is no file.
        let error = Demo::start(Some(folder.path()), None).await.unwrap_err();
        assert!(error.message.contains(&folder.path().display().to_string()), "{error}");
        let demo = Demo::start(Some(&folder.path().join("missing.toml")), None).await.unwrap();
        demo.stop().await;
    }
}
