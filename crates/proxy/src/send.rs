//! Calling a backend: one try, with its time limits, and what its failure means.

use std::borrow::Cow;
use std::time::Duration;

use branchline_wire::Upstream;
use branchline_wire::codec::decode_failure;
use branchline_wire::hub::{Failure, FailureKind};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::backend::Backend;
use crate::fault::Fault;

/// Largest error body that is read.
const ERROR_BODY: usize = 256 * 1024;

/// Code of an answer that broke off, or never began on a connection that was there: the server may do better in a moment.
const BROKE_OFF: &str = "backend_broke_off";

/// A rendered request on its way.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) protocol: Upstream,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The client's query, where the backend understands it.
    pub(crate) query: Option<String>,
    /// It is for the server's own endpoint: Ollama's `/api/chat`.
    pub(crate) native: bool,
}

/// Why a try failed, and what follows from it.
#[derive(Debug)]
pub(crate) struct Miss {
    pub(crate) fault: Fault,
    /// Status of the backend, if it gave one.
    pub(crate) status: Option<u16>,
    /// The backend cannot be reached at all.
    pub(crate) offline: bool,
    /// The backend was not called.
    pub(crate) skipped: bool,
    /// The answer as the backend gave it, to be passed on where protocols are the same.
    pub(crate) raw: Option<Box<(StatusCode, HeaderMap, Bytes)>>,
}

impl Miss {
    pub(crate) const fn of(fault: Fault) -> Self {
        Self { fault, status: None, offline: false, skipped: false, raw: None }
    }

    /// Another model may do better. A wrong request stays wrong everywhere.
    pub(crate) fn may_go_on(&self) -> bool {
        !matches!(self.fault.failure.kind, FailureKind::InvalidRequest | FailureKind::TooLarge)
    }

    /// A connection that was there ended too early.
    pub(crate) fn broke_off(&self) -> bool {
        self.fault.code == BROKE_OFF
    }

    /// It failed here, before anything was sent.
    pub(crate) fn is_ours(&self) -> bool {
        self.status.is_none() && matches!(self.fault.code, "http_client" | "bad_address" | "self_reference")
    }

    /// The backend asked for time: the client may come back later. Whatever else failed was tried as often as it helps.
    pub(crate) fn asks_for_time(&self) -> bool {
        matches!(self.status, Some(429 | 503 | 529))
    }
}

/// Sends and waits for the head of the answer.
pub(crate) async fn send(backend: &Backend, outbound: &Outbound) -> Result<reqwest::Response, Miss> {
    let client = backend.client().map_err(Miss::of)?;
    let mut url = backend.url(outbound.protocol).map_err(Miss::of)?;
    if outbound.native
        && let Ok(own) = backend.resolved.base_url.native("/api/chat").parse()
    {
        url = own;
    }
    if outbound.query.is_some() {
        url.set_query(outbound.query.as_deref());
    }
    let request = client.post(url).headers(outbound.headers.clone()).body(outbound.body.clone());
    let limit = backend.resolved.timeouts.first_byte;
    let answered = tokio::time::timeout(limit, request.send()).await.map_err(|_| silent(backend, limit))?;
    let response = answered.map_err(|error| unreachable(backend, &error))?;
    if response.status().is_success() { Ok(response) } else { Err(refused(backend, outbound.protocol, response).await) }
}

/// The next piece of an answer; `None` at its end. Until it has `begun` the prompt is being read: servers send the head of a
/// stream, some its first chunk too, before they do (commandcode-proxy #19).
pub(crate) async fn next_piece(
    backend: &Backend,
    response: &mut reqwest::Response,
    begun: bool,
) -> Result<Option<Bytes>, Miss> {
    let timeouts = &backend.resolved.timeouts;
    let limit = if begun { timeouts.idle } else { timeouts.first_byte.max(timeouts.idle) };
    let piece = tokio::time::timeout(limit, response.chunk()).await.map_err(|_| silent(backend, limit))?;
    piece.map_err(|error| {
        let message = format!("{} broke off its answer: {}", backend.name(), cause(&error));
        Miss::of(Fault::new(FailureKind::Api, BROKE_OFF, message))
    })
}

/// A whole answer.
pub(crate) async fn whole(backend: &Backend, mut response: reqwest::Response) -> Result<Bytes, Miss> {
    let mut body = Vec::new();
    while let Some(piece) = next_piece(backend, &mut response, !body.is_empty()).await? {
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

/// Bytes as text; what is no UTF-8 becomes U+FFFD. The check alone is several times as fast as the replacement.
pub(crate) fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

pub(crate) fn silent(backend: &Backend, limit: Duration) -> Miss {
    let message = format!("{} said nothing for {} s", backend.name(), limit.as_secs_f32());
    let hint = format!("raise first_byte_timeout_ms or idle_timeout_ms in [backends.{}]", backend.name());
    Miss::of(Fault::new(FailureKind::Timeout, "backend_timeout", message).hint(hint))
}

pub(crate) fn unreachable(backend: &Backend, error: &reqwest::Error) -> Miss {
    if !error.is_connect() {
        let message = format!("{} ended the connection without an answer: {}", backend.name(), cause(error));
        return Miss::of(Fault::new(FailureKind::Api, BROKE_OFF, message));
    }
    let at = backend.resolved.base_url.as_str();
    let message = format!("{} cannot be reached at {at}: {}", backend.name(), cause(error));
    let fault = Fault::new(FailureKind::Overloaded, "backend_offline", message).hint(backend.resolved.docs_hint);
    Miss { offline: true, ..Miss::of(fault) }
}

/// The innermost cause: "connection refused" rather than "error sending request".
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

async fn refused(backend: &Backend, protocol: Upstream, mut response: reqwest::Response) -> Miss {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Ok(Some(piece)) = next_piece(backend, &mut response, true).await {
        body.extend_from_slice(&piece);
        if body.len() > ERROR_BODY {
            break;
        }
    }
    let failure = decode_failure(protocol, status.as_u16(), &as_text(&body));
    let mut fault = Fault::upstream(named(backend, failure));
    fault.retry_after = retry_after(&headers);
    fault.hint = hint_for(backend, &fault.failure);
    Miss { status: Some(status.as_u16()), raw: Some(Box::new((status, headers, body.into()))), ..Miss::of(fault) }
}

/// Says who failed, but for wordings a client matches.
fn named(backend: &Backend, mut failure: Failure) -> Failure {
    if !matches!(failure.kind, FailureKind::PromptTooLong { .. }) {
        failure.message = format!("{}: {}", backend.name(), failure.message);
    }
    failure
}

fn hint_for(backend: &Backend, failure: &Failure) -> Option<String> {
    let name = backend.name();
    match failure.kind {
        FailureKind::Authentication => Some(format!("check the key with `branchline key set {name}`")),
        FailureKind::NotFound => Some(format!("`branchline models` lists what {name} has")),
        FailureKind::NoVision => Some("pick a model that can see for the role vision".into()),
        _ => None,
    }
}

/// Seconds from `retry-after`; dates are read too.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let from_date = || {
        let until = httpdate::parse_http_date(text).ok()?;
        until.duration_since(std::time::SystemTime::now()).ok().map(|wait| wait.as_secs())
    };
    text.trim().parse().ok().or_else(from_date)
}
