//! The demonstration: simulated servers in this process, settings that point at them, keys and data of their own.

use branchline_settings::{Change, KeyStore, Paths, Secret, edit};
use branchline_sim::Demo as Servers;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::args::Global;
use crate::error::{Error, Result};

/// The simulated servers and the folder of their settings; both go when it is dropped.
#[derive(Debug)]
pub(crate) struct Demo {
    servers: Servers,
    pub(crate) paths: Paths,
    _folder: TempDir,
}

impl Demo {
    /// Starts the servers. A settings file that was named is read and not touched: the demonstration works on a copy.
    pub(crate) async fn start(global: &Global) -> Result<Self> {
        let servers = Servers::start().await?;
        let folder = tempfile::Builder::new().prefix("branchline-demo-").tempdir();
        let folder = folder.map_err(Error::io("make a folder for the demonstration"))?;
        let mut paths = Paths::inside(folder.path());
        if let Some(data) = &global.data_dir {
            paths.data_dir.clone_from(data);
        }
        let own = global.config.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let text = edit(&own, &changes(&servers))?;
        std::fs::write(&paths.config_file, text).map_err(Error::io("write the settings of the demonstration"))?;
        Ok(Self { servers, paths, _folder: folder })
    }

    /// Keys that open nothing but the simulated servers.
    pub(crate) fn keys() -> Result<KeyStore> {
        let keys = KeyStore::memory();
        keys.set("anthropic", &Secret::new("demo"))?;
        Ok(keys)
    }

    pub(crate) async fn stop(self) {
        self.servers.stop().await;
    }
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
    ];
    // A real server on this machine would mix real answers with simulated ones.
    changes.extend(["llamacpp", "ollama", "vllm"].map(|name| set(&format!("backends.{name}.enabled"), json!(false))));
    changes
}
