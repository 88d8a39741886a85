//! Why a probe found no model server.

use branchline_settings::ResolvedBackend;

/// Why a backend could not be asked. No variant holds a key or a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// No connection.
    #[error("no connection to {url}: {detail}")]
    Unreachable {
        url: String,
        /// The last cause, e.g. `Connection refused (os error 111)`.
        detail: String,
        /// How this provider is started.
        start: &'static str,
    },
    /// A connection, but no answer in time.
    #[error("{url} did not answer within {limit_ms} ms")]
    Timeout { url: String, limit_ms: u64 },
    /// The key was refused, or there was none and one is needed.
    #[error("{backend} refused the {} (status {status})", if *.with_key { "key" } else { "request: it wants a key" })]
    Unauthorized { backend: String, status: u16, with_key: bool, key_from: &'static str },
    /// This provider does nothing without a key, so it was not asked.
    #[error("there is no key for the backend {backend}")]
    MissingKey { backend: String, key_from: &'static str },
    /// The stored key holds characters no HTTP header can.
    #[error("the key of {backend} holds characters that cannot be sent")]
    UnusableKey { backend: String },
    /// It answers, but not as a model server does.
    #[error("{url} is not a model server: {detail}")]
    NotAModelServer { url: String, detail: String },
    /// It is there and reads its model from disk.
    #[error("{url} is still loading its model")]
    Loading { url: String },
    /// It is a model server, and it cannot serve now.
    #[error("{url} answered with status {status}")]
    Failing { url: String, status: u16 },
}

impl ProbeError {
    /// A short word for its cause, for records and the UI.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Unauthorized { .. } => "unauthorized",
            Self::MissingKey { .. } => "missing_key",
            Self::UnusableKey { .. } => "unusable_key",
            Self::NotAModelServer { .. } => "not_a_model_server",
            Self::Loading { .. } => "loading",
            Self::Failing { .. } => "failing",
        }
    }

    /// The next step.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreachable { start, .. } => (*start).to_owned(),
            Self::Timeout { .. } => "the server is busy or hangs: look at its log, or restart it".to_owned(),
            Self::Unauthorized { backend, key_from, .. } | Self::MissingKey { backend, key_from } => {
                format!("store a valid key with `branchline key set {backend}`; {key_from}")
            }
            Self::UnusableKey { backend } => {
                format!("store it again with `branchline key set {backend}`, without line breaks")
            }
            Self::NotAModelServer { .. } => {
                "check base_url and its port: another program may be listening there".to_owned()
            }
            Self::Loading { .. } => "wait until the model is loaded, then try again".to_owned(),
            Self::Failing { status: 429, .. } => "the provider limits requests: try again in a minute".to_owned(),
            Self::Failing { .. } => "try again later, or look at the server's log".to_owned(),
        }
    }

    pub(super) fn unauthorized(backend: &ResolvedBackend, status: u16, with_key: bool) -> Self {
        Self::Unauthorized { backend: backend.name.clone(), status, with_key, key_from: key_from(backend) }
    }

    pub(super) fn missing_key(backend: &ResolvedBackend) -> Self {
        Self::MissingKey { backend: backend.name.clone(), key_from: key_from(backend) }
    }
}

/// The hint of a cloud provider tells where its keys are made; that of a local server how to start it.
const fn key_from(backend: &ResolvedBackend) -> &'static str {
    if backend.local { "the server's own settings tell which key it wants" } else { backend.docs_hint }
}
