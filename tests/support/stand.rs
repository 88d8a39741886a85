//! A whole engine on a real socket, with settings written as a user would write them.

#![expect(clippy::expect_used, clippy::panic, reason = "a stand that cannot be built fails the test that wants it")]

use std::sync::Arc;
use std::time::Duration;

use branchline_proxy::record::Record;
use branchline_proxy::store::{RecordFilter, Store};
use branchline_proxy::{Engine, LiveEvent, Parts, server, watch};
use branchline_settings::{KeyStore, Paths, Secret, Tokens, load};
use http::HeaderMap;
use serde_json::Value;
use tempfile::TempDir;

/// A running engine and the folder it lives in.
#[derive(Debug)]
pub struct Stand {
    /// The engine.
    pub engine: Arc<Engine>,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Settings and data.
    pub folder: Arc<TempDir>,
    http: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub text: String,
    /// The connection broke, or nothing came for long, before the body was complete.
    pub cut: bool,
}

impl Reply {
    /// The body as JSON; `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header as text, empty when missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The data of the SSE events, each as JSON; `[DONE]` is left out.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.filter_map(|data| serde_json::from_str(data).ok()).collect()
    }
}

/// Nothing in these tests takes so long, so whatever does hangs.
const PATIENCE: Duration = Duration::from_secs(25);

/// The settings file of a test: any free port, and no backend but those the test names. The usual ones would be
/// looked for at their usual addresses, where the developer's own servers may be.
#[must_use]
pub fn settings_text(settings: &str) -> String {
    let usual = ["lmstudio", "llamacpp", "ollama", "vllm", "anthropic"];
    let unnamed = usual.iter().filter(|name| !settings.contains(&format!("backends.{name}")));
    let off: String = unnamed.map(|name| format!("backends.{name}.enabled = false\n")).collect();
    format!("server.port = 0\n{off}{settings}")
}

/// Installs the crypto provider that `reqwest` needs in this workspace. Calling it again does nothing.
pub fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Stand {
    /// Starts an engine with these settings in a new folder. The key of every cloud backend is `test-key`.
    pub async fn start(settings: &str) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().expect("a folder")), settings).await
    }

    /// Starts an engine in a folder that may hold the data of an earlier one.
    pub async fn start_in(folder: Arc<TempDir>, settings: &str) -> Self {
        Self::start_with_keys(folder, settings, Some("test-key")).await
    }

    /// Starts an engine that has this key for every backend, or none at all.
    pub async fn start_with_keys(folder: Arc<TempDir>, settings: &str, key: Option<&str>) -> Self {
        install_crypto();
        let paths = Paths::inside(folder.path());
        std::fs::write(&paths.config_file, settings_text(settings)).expect("settings are written");
        let report = load(&paths.config_file).expect("settings are read");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        let keys = Arc::new(KeyStore::memory());
        for name in report.settings.backends.keys().filter(|_| key.is_some()) {
            keys.set(name, &Secret::new(key.unwrap_or_default())).expect("a key is kept");
        }
        let parts = Parts {
            tokens: Tokens::load_or_create(&paths).expect("tokens"),
            store: Store::open(&paths.database_file()).expect("a database"),
            settings: report.settings,
            paths,
            keys,
        };
        let engine = Engine::new(parts);
        // engine.answer_rpc(branchline_control::rpc());
        let listener = server::listen(&engine).await.expect("a port");
        server::serve(&engine, listener);
        watch::ask_all(&engine, true).await;
        let url = format!("http://{}", engine.address().expect("an address"));
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { engine, url, folder, http }
    }

    /// Also asks the backends how they are, now and then, and watches the settings file.
    pub fn watching(self) -> Self {
        watch::start(&self.engine);
        self
    }

    /// The client token.
    #[must_use]
    pub fn token(&self) -> String {
        self.engine.tokens.client.expose().to_owned()
    }

    /// Posts JSON with the client token.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, body, &[]).await
    }

    /// Posts JSON with the client token and more headers.
    pub async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
        self.open(path, body, headers).await.into_reply().await
    }

    /// Posts JSON and gives the answer as it begins.
    pub async fn open(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Opened {
        let mut request = self.http.post(format!("{}{path}", self.url)).bearer_auth(self.token());
        request = request.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Opened(request.body(body.to_string()).send().await.expect("the engine answers"))
    }

    /// Gets a path with the client token.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.http.get(format!("{}{path}", self.url)).bearer_auth(self.token());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Opened(request.send().await.expect("the engine answers")).into_reply().await
    }

    /// A client without any header of its own.
    #[must_use]
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Listens to what happens from now on.
    #[must_use]
    pub fn ears(&self) -> Ears {
        Ears(self.engine.events.listen())
    }

    /// All records, newest first.
    pub async fn records(&self) -> Vec<Record> {
        self.engine.store.flush().await.expect("records are written");
        self.engine.store.records(RecordFilter::default()).await.expect("records are read")
    }

    /// The newest record. Waits for it: a record is written when the last byte of the answer was taken.
    pub async fn record(&self) -> Record {
        self.wait_for("a record", async |stand| stand.records().await.into_iter().next()).await
    }

    /// Asks again and again until `look` finds something.
    ///
    /// # Panics
    /// After ten seconds.
    pub async fn wait_for<T>(&self, what: &str, look: impl AsyncFn(&Self) -> Option<T>) -> T {
        let limit = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(found) = look(self).await {
                return found;
            }
            assert!(tokio::time::Instant::now() < limit, "waited ten seconds for {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the engine; its folder stays.
    pub async fn stop(self) -> Arc<TempDir> {
        self.engine.stop(Duration::from_secs(5)).await;
        self.folder
    }
}

/// Hears what happens in an engine.
#[derive(Debug)]
pub struct Ears(tokio::sync::broadcast::Receiver<LiveEvent>);

impl Ears {
    /// The first event `look` finds something in.
    ///
    /// # Panics
    /// When none came for long.
    pub async fn hear<T>(&mut self, what: &str, look: impl Fn(LiveEvent) -> Option<T>) -> T {
        let hearing = async {
            loop {
                if let Some(found) = look(self.0.recv().await.expect("the engine lives")) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, hearing).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }
}

/// An answer that has begun.
#[derive(Debug)]
pub struct Opened(pub reqwest::Response);

impl Opened {
    /// Reads to the end. A broken end is kept as far as it went.
    pub async fn into_reply(mut self) -> Reply {
        let (status, headers) = (self.0.status().as_u16(), self.0.headers().clone());
        let mut body = Vec::new();
        let cut = loop {
            match self.0.chunk().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        Reply { status, headers, text: String::from_utf8_lossy(&body).into_owned(), cut }
    }
}
