//! One bounded question to a backend: time and size are limited, and only JSON counts as an answer.

use std::error::Error as _;
use std::time::{Duration, Instant};

use branchline_settings::schema::AuthHeader;
use branchline_settings::{Auth, ResolvedBackend};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use super::error::ProbeError;

/// Connection and answer of one question. A local server that is up answers in milliseconds.
const LOCAL_LIMIT: Duration = Duration::from_secs(2);
const CLOUD_LIMIT: Duration = Duration::from_secs(5);

/// The longest model lists of the clouds are below 1 MiB.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Asks one backend, with its credentials.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    http: &'a reqwest::Client,
    pub(super) backend: &'a ResolvedBackend,
    headers: HeaderMap,
    pub(super) limit: Duration,
    pub(super) with_key: bool,
}

/// What came back. A body that is no JSON is `Null`.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) media_type: String,
    pub(super) body: Value,
    pub(super) took: Duration,
}

impl<'a> Asker<'a> {
    pub(super) fn new(
        http: &'a reqwest::Client,
        backend: &'a ResolvedBackend,
        key: Option<&str>,
    ) -> Result<Self, ProbeError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &backend.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        let with_key = put_key(backend, key, &mut headers)?;
        let limit = if backend.local { LOCAL_LIMIT } else { CLOUD_LIMIT };
        Ok(Self { http, backend, headers, limit, with_key })
    }

    pub(super) async fn get(&self, url: String) -> Result<Reply, ProbeError> {
        self.send(self.http.get(&url), url).await
    }

    /// As Anthropic wants it; servers that speak both protocols answer in its shape then.
    pub(super) async fn get_anthropic(&self, url: String) -> Result<Reply, ProbeError> {
        self.send(self.http.get(&url).header("anthropic-version", "2023-06-01"), url).await
    }

    /// An answer that would be nice to have; nothing depends on it.
    pub(super) async fn try_get(&self, url: String) -> Option<Value> {
        self.get(url).await.ok()?.into_good()
    }

    /// The same, for endpoints that want a body.
    pub(super) async fn try_post(&self, url: String, body: &Value) -> Option<Value> {
        let request = self.http.post(&url).header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        self.send(request, url).await.ok()?.into_good()
    }

    async fn send(&self, request: reqwest::RequestBuilder, url: String) -> Result<Reply, ProbeError> {
        let began = Instant::now();
        let sent = request.headers(self.headers.clone()).timeout(self.limit).send().await;
        let response = sent.map_err(|error| self.failure(&url, &error))?;
        let status = response.status().as_u16();
        let media_type = media_type(&response);
        let bytes = self.read(response, &url).await?;
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Reply { url, status, media_type, body, took: began.elapsed() })
    }

    async fn read(&self, mut response: reqwest::Response, url: &str) -> Result<Vec<u8>, ProbeError> {
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.failure(url, &error))? {
            if bytes.len() + piece.len() > MAX_BODY {
                let detail = format!("its answer is larger than {} MiB", MAX_BODY / (1024 * 1024));
                return Err(ProbeError::NotAModelServer { url: url.to_owned(), detail });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    fn failure(&self, url: &str, error: &reqwest::Error) -> ProbeError {
        let url = url.to_owned();
        if error.is_timeout() {
            let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
            return ProbeError::Timeout { url, limit_ms };
        }
        let detail = last_cause(error);
        match error.is_connect() {
            true => ProbeError::Unreachable { url, detail, start: self.backend.docs_hint },
            false => ProbeError::NotAModelServer { url, detail },
        }
    }
}

impl Reply {
    /// The body of a success; the caller still has to look whether it is the body it wants.
    pub(super) fn good(&self) -> Option<&Value> {
        ((200..300).contains(&self.status) && !self.body.is_null()).then_some(&self.body)
    }

    fn into_good(self) -> Option<Value> {
        self.good()?;
        Some(self.body)
    }

    /// The message of an error, in any of the shapes servers use; Gemini wraps its own in an array.
    pub(super) fn error_text(&self) -> &str {
        let body = self.body.get(0).unwrap_or(&self.body);
        let error = &body["error"];
        error["message"].as_str().or(error.as_str()).unwrap_or_default()
    }

    /// The key was refused. Gemini says so with status 400.
    pub(super) fn refuses_the_key(&self) -> bool {
        match self.status {
            401 => true,
            403 => !self.body.is_null(),
            400 => {
                let text = self.error_text().to_ascii_lowercase();
                text.contains("api key") || text.contains("authorization header")
            }
            _ => false,
        }
    }

    /// In words, for an error.
    pub(super) fn in_words(&self) -> String {
        let what = match (self.body.is_null(), self.media_type.as_str()) {
            (false, _) => "JSON without a list of models".to_owned(),
            (true, "text/html") => "a web page".to_owned(),
            (true, "") => "no JSON".to_owned(),
            (true, media_type) => media_type.to_owned(),
        };
        format!("it answered with status {} and {what}", self.status)
    }
}

/// Puts the key where the backend wants it; tells whether there was one.
fn put_key(backend: &ResolvedBackend, key: Option<&str>, headers: &mut HeaderMap) -> Result<bool, ProbeError> {
    let Auth::Key { header: place, required } = backend.auth else { return Ok(false) };
    let Some(key) = key else {
        return if required { Err(ProbeError::missing_key(backend)) } else { Ok(false) };
    };
    let (name, text) = match place {
        AuthHeader::Bearer => (header::AUTHORIZATION, format!("Bearer {key}")),
        AuthHeader::XApiKey => (HeaderName::from_static("x-api-key"), key.to_owned()),
    };
    let unusable = |_| ProbeError::UnusableKey { backend: backend.name.clone() };
    let mut value = HeaderValue::try_from(text).map_err(unusable)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(true)
}

fn media_type(response: &reqwest::Response) -> String {
    let text = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let text = text.and_then(|text| text.split(';').next()).unwrap_or_default();
    text.trim().to_ascii_lowercase()
}

/// The cause people understand stands last: reqwest's own words repeat the URL.
fn last_cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(|cause| cause.source()) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
