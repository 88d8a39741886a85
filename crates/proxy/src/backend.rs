//! One backend as the engine calls it: its settings, its key, its HTTP client.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use branchline_settings::schema::AuthHeader;
use branchline_settings::{Auth, KeyStore, ResolvedBackend, Secret, SettingsError};
use branchline_wire::{Dialect, Upstream};
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::OnceCell;

use crate::fault::Fault;
use crate::lane::{CircuitView, Lane, QueueView};
use branchline_wire::hub::FailureKind;

/// Idle connections are closed after this long: local servers close theirs after 5 s to 60 s, and a request
/// sent on a connection just closed is lost.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// One backend. Lives as long as the settings it was made from.
#[derive(Debug)]
pub struct Backend {
    /// Its settings over its preset.
    pub resolved: ResolvedBackend,
    keys: Arc<KeyStore>,
    key: OnceCell<Result<Option<Secret>, SettingsError>>,
    client: OnceLock<Result<reqwest::Client, String>>,
    pub(crate) lane: Arc<Lane>,
    messages_url: OnceLock<Option<reqwest::Url>>,
    chat_url: OnceLock<Option<reqwest::Url>>,
}

impl Backend {
    pub(crate) fn new(resolved: ResolvedBackend, keys: Arc<KeyStore>, lane: Arc<Lane>) -> Self {
        Self {
            resolved,
            keys,
            key: OnceCell::new(),
            client: OnceLock::new(),
            lane,
            messages_url: OnceLock::new(),
            chat_url: OnceLock::new(),
        }
    }

    /// Whether it is left alone after failures.
    #[must_use]
    pub fn circuit(&self) -> CircuitView {
        self.lane.circuit()
    }

    /// Who runs and who waits.
    #[must_use]
    pub fn queue(&self) -> QueueView {
        self.lane.queue()
    }

    /// Its name in the settings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.resolved.name
    }

    /// Its key, read once from the environment or the OS keyring.
    pub(crate) async fn key(&self) -> Option<&Secret> {
        if !matches!(self.resolved.auth, Auth::Key { .. }) {
            return None;
        }
        let read = || async {
            let (keys, name) = (Arc::clone(&self.keys), self.resolved.name.clone());
            let found = tokio::task::spawn_blocking(move || keys.get(&name)).await;
            let Ok(found) = found else { return Ok(None) };
            if let Err(error) = &found
                && self.needs_key()
            {
                // Most local servers want no key; a machine without a keyring needs no warning for each of them.
                tracing::warn!(backend = self.name(), %error, "the key cannot be read");
            }
            found.map(|key| key.map(|key| key.secret))
        };
        self.key.get_or_init(read).await.as_ref().ok()?.as_ref()
    }

    const fn needs_key(&self) -> bool {
        matches!(self.resolved.auth, Auth::Key { required: true, .. })
    }

    /// Whether a key is needed and known to be missing, or out of reach. Unknown as long as nobody has looked.
    #[must_use]
    pub fn lacks_key(&self) -> bool {
        self.needs_key() && matches!(self.key.get(), Some(Ok(None) | Err(_)))
    }

    /// Why the key that is needed cannot be read.
    #[must_use]
    pub fn key_error(&self) -> Option<&SettingsError> {
        self.key.get()?.as_ref().err().filter(|_| self.needs_key())
    }

    /// The client for this backend, made at the first call.
    ///
    /// # Errors
    /// When no TLS set-up can be made.
    pub(crate) fn client(&self) -> Result<&reqwest::Client, Fault> {
        let made = self.client.get_or_init(|| self.make_client().map_err(|error| error.to_string()));
        made.as_ref().map_err(|error| {
            Fault::new(FailureKind::Api, "http_client", format!("no HTTP client for {}: {error}", self.name()))
        })
    }

    fn make_client(&self) -> reqwest::Result<reqwest::Client> {
        crate::tls::install_provider();
        let builder = reqwest::Client::builder()
            .connect_timeout(self.resolved.timeouts.connect)
            .pool_idle_timeout(POOL_IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .user_agent(concat!("branchline/", env!("CARGO_PKG_VERSION")));
        if self.resolved.base_url.as_str().starts_with("https:") {
            return builder.build();
        }
        // The system's certificates take memory and milliseconds that plain HTTP has no use for.
        let plain = builder.tls_backend_preconfigured(crate::tls::without_roots());
        if self.resolved.base_url.is_loopback() { plain.no_proxy().build() } else { plain.build() }
    }

    /// Where a request of this protocol goes. Parsed once.
    ///
    /// # Errors
    /// When the base URL cannot be called.
    pub(crate) fn url(&self, protocol: Upstream) -> Result<reqwest::Url, Fault> {
        let place = match protocol {
            Upstream::Anthropic => &self.messages_url,
            Upstream::OpenaiChat => &self.chat_url,
        };
        let parsed = place.get_or_init(|| {
            let text = match protocol {
                Upstream::Anthropic => self.resolved.base_url.anthropic("/messages"),
                Upstream::OpenaiChat => self.resolved.base_url.openai("/chat/completions"),
            };
            text.parse().ok()
        });
        parsed.clone().ok_or_else(|| {
            let message =
                format!("the address of {} cannot be called: {}", self.name(), self.resolved.base_url.as_str());
            Fault::new(FailureKind::Api, "bad_address", message)
                .hint(format!("set base_url in [backends.{}]", self.name()))
                .no_retry()
        })
    }

    /// What this backend cannot take.
    #[must_use]
    pub const fn dialect(&self) -> &Dialect {
        &self.resolved.dialect
    }

    /// Our own headers for a call: credentials, version, the settings' extra ones.
    ///
    /// # Errors
    /// When a key is needed and there is none.
    pub(crate) async fn headers(&self, protocol: Upstream, client: &HeaderMap) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if protocol == Upstream::Anthropic {
            headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        }
        if self.dialect().genuine_anthropic {
            carry_anthropic_headers(client, &mut headers);
        }
        self.authorise(client, &mut headers).await?;
        add_extra(&self.resolved.headers, &mut headers);
        Ok(headers)
    }

    async fn authorise(&self, client: &HeaderMap, headers: &mut HeaderMap) -> Result<(), Fault> {
        match self.resolved.auth {
            Auth::None => Ok(()),
            Auth::Passthrough => {
                carry(client, headers, &[header::AUTHORIZATION.as_str(), "x-api-key"]);
                Ok(())
            }
            Auth::Key { header: place, required } => match self.key().await {
                Some(key) => put_key(key, place, headers, self.name()),
                None if required => Err(self.missing_key()),
                None => Ok(()),
            },
        }
    }

    /// Why it cannot be called: there is no key, or it cannot be read.
    pub(crate) fn missing_key(&self) -> Fault {
        let name = self.name();
        if let Some(error) = self.key_error() {
            let message = format!("the key of {name} cannot be read: {error}");
            return Fault::new(FailureKind::Authentication, error.code(), message).hint(error.hint()).no_retry();
        }
        Fault::new(FailureKind::Authentication, "missing_key", format!("there is no key for the backend {name}"))
            .hint(format!(
                "store it with `branchline key set {name}`, or set {}",
                branchline_settings::key_env_name(name)
            ))
            .no_retry()
    }
}

fn put_key(key: &Secret, place: AuthHeader, headers: &mut HeaderMap, backend: &str) -> Result<(), Fault> {
    let (name, text) = match place {
        AuthHeader::Bearer => (header::AUTHORIZATION.as_str(), format!("Bearer {}", key.expose())),
        AuthHeader::XApiKey => ("x-api-key", key.expose().to_owned()),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        Fault::new(
            FailureKind::Authentication,
            "bad_key",
            format!("the key of {backend} holds characters no header can"),
        )
        .hint(format!("store it again with `branchline key set {backend}`"))
    })?;
    value.set_sensitive(true);
    headers.insert(http::HeaderName::from_static(name_of(name)), value);
    Ok(())
}

fn name_of(name: &str) -> &'static str {
    if name == "x-api-key" { "x-api-key" } else { "authorization" }
}

/// Anthropic wants its own headers as the client sent them; they are an open list.
fn carry_anthropic_headers(client: &HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in client {
        let known = name.as_str();
        if known.starts_with("anthropic-") || known.starts_with("x-claude-code-") || known == "x-app" {
            headers.insert(name.clone(), value.clone());
        }
    }
    carry(client, headers, &[header::USER_AGENT.as_str()]);
}

fn carry(client: &HeaderMap, headers: &mut HeaderMap, names: &[&'static str]) {
    for name in names {
        if let Some(value) = client.get(*name) {
            headers.insert(*name, value.clone());
        }
    }
}

fn add_extra(extra: &BTreeMap<String, String>, headers: &mut HeaderMap) {
    for (name, value) in extra {
        match (http::HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(headers.insert(name, value)),
            _ => tracing::warn!(header = name, "a header of the settings cannot be sent"),
        }
    }
}
