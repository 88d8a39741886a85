//! A whole engine on a real socket, with settings written as a user would write them.

use std::sync::Arc;
use std::time::Duration;

use branchline_proxy::record::Record;
use branchline_proxy::store::{RecordFilter, Store};
use branchline_proxy::{Engine, Parts, server, watch};
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
        install_crypto();
        let paths = Paths::inside(folder.path());
        let text = format!("server.port = 0\n{settings}");
        std::fs::write(&paths.config_file, text).expect("settings are written");
        let report = load(&paths.config_file).expect("settings are read");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        let keys = Arc::new(KeyStore::memory());
        for name in report.settings.backends.keys() {
            keys.set(name, &Secret::new("test-key")).expect("a key is kept");
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
        Self { engine, url, folder, http: reqwest::Client::builder().no_proxy().build().expect("a client") }
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

/// An answer that has begun.
#[derive(Debug)]
pub struct Opened(pub reqwest::Response);

impl Opened {
    /// Reads to the end. A broken end is kept as far as it went.
    pub async fn into_reply(mut self) -> Reply {
        let (status, headers) = (self.0.status().as_u16(), self.0.headers().clone());
        let mut body = Vec::new();
        while let Ok(Some(piece)) = self.0.chunk().await {
            body.extend_from_slice(&piece);
        }
        Reply { status, headers, text: String::from_utf8_lossy(&body).into_owned() }
    }
}
