//! An engine inside this process, and the file that tells other commands where it listens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use branchline_proxy::store::Store;
use branchline_proxy::{Engine, ListenError, Parts, server, watch};
use branchline_settings::{KeyStore, Paths, Settings, Tokens};

use crate::error::Result;

/// How long running requests may take to finish after the stop.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Makes an engine that neither listens nor asks anyone.
pub(crate) fn engine(paths: Paths, settings: Settings, keys: KeyStore) -> Result<Arc<Engine>> {
    let tokens = Tokens::load_or_create(&paths)?;
    let store = Store::open(&paths.database_file())?;
    Ok(Engine::new(Parts { paths, settings, keys: Arc::new(keys), tokens, store }))
}

/// An engine for one question: what is stored is there, what is not is not made.
pub(crate) fn passing_engine(paths: Paths, settings: Settings) -> Result<Arc<Engine>> {
    let file = paths.database_file();
    let store = if file.exists() { Store::open(&file)? } else { Store::open_in_memory()? };
    let tokens = Tokens::load_or_create(&paths)?;
    Ok(Engine::new(Parts { paths, settings, keys: Arc::new(KeyStore::system()), tokens, store }))
}

/// A listening engine.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) address: SocketAddr,
    address_file: PathBuf,
}

impl House {
    /// Opens the port, answers requests, then begins to ask the backends. With `any_port`, a taken port is no obstacle.
    pub(crate) async fn open(engine: Arc<Engine>, any_port: bool) -> Result<Self> {
        engine.answer_rpc(branchline_control::rpc());
        let listener = match server::listen(&engine).await {
            Err(error) if any_port && is_taken(&error) => {
                let mut settings = Settings::clone(&engine.world().settings);
                settings.server.port = 0;
                engine.apply(settings);
                server::listen(&engine).await?
            }
            listener => listener?,
        };
        let address = listener.local_addr().map_err(crate::error::Error::io("read the address"))?;
        server::serve(&engine, listener);
        watch::start(&engine);
        let address_file = address_file(&engine.paths);
        if let Err(error) = std::fs::write(&address_file, address.to_string()) {
            tracing::warn!(%error, "other commands will look for this engine at the port of the settings only");
        }
        Ok(Self { engine, address, address_file })
    }

    /// Ends it; how many requests were cut off.
    pub(crate) async fn close(self) -> u64 {
        // Another engine may have taken the file over; its address stays.
        if std::fs::read_to_string(&self.address_file).is_ok_and(|text| text == self.address.to_string()) {
            let _ = std::fs::remove_file(&self.address_file);
        }
        self.engine.stop(GRACE).await
    }
}

/// Where an engine with this data folder says where it listens: its port may be another than the settings'.
pub(crate) fn address_file(paths: &Paths) -> PathBuf {
    paths.data_dir.join("address")
}

fn is_taken(error: &ListenError) -> bool {
    matches!(error, ListenError::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse)
}
