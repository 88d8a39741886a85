//! The HTTP server: listening, the guard before every route, and the routes themselves.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use branchline_wire::Protocol;
use branchline_wire::codec::encode_failure;
use branchline_wire::hub::FailureKind;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::net::TcpListener;

use crate::aside::Asides;
use crate::call::{Call, new_id};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::{browser, control, guard, routes};

/// Why the engine cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// `server.host` is no address.
    #[error("server.host `{0}` is no IP address")]
    Host(String),
    /// Other machines could reach it, and nobody said they may.
    #[error("{0} can be reached from other machines")]
    Remote(SocketAddr),
    /// The port is taken, or not allowed.
    #[error("cannot listen on {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl ListenError {
    /// The next step.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Host(_) => "set server.host to 127.0.0.1".into(),
            Self::Remote(_) => {
                "set server.host to 127.0.0.1, or server.allow_remote = true with require_token = true".into()
            }
            Self::Bind { address, source } if source.kind() == std::io::ErrorKind::AddrInUse => {
                format!("another program listens there; try --port {}", address.port().wrapping_add(1))
            }
            Self::Bind { .. } => "choose another server.port".into(),
        }
    }
}

/// Opens the port the settings name.
///
/// # Errors
/// A bad address, one other machines can reach without leave, a taken port.
pub async fn listen(engine: &Engine) -> Result<TcpListener, ListenError> {
    engine.recall().await;
    let world = engine.world();
    engine.budget.recall(&engine.store, &world.settings.budget).await;
    let server = &world.settings.server;
    let ip = server.ip().ok_or_else(|| ListenError::Host(server.host.clone()))?;
    let address = SocketAddr::new(ip, server.port);
    let remote_wanted = server.allow_remote && server.require_token;
    if !ip.is_loopback() && !remote_wanted {
        return Err(ListenError::Remote(address));
    }
    let listener = TcpListener::bind(address).await.map_err(|source| ListenError::Bind { address, source })?;
    if let Ok(address) = listener.local_addr() {
        engine.listens_on(address);
    }
    Ok(listener)
}

/// Serves until the engine is stopped; running requests may finish.
pub fn serve(engine: &Arc<Engine>, listener: TcpListener) {
    // Two peers with Nagle's algorithm lose 40 ms on the first token to delayed acknowledgements.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let stopping = engine.stopping.clone().cancelled_owned();
    let app = app(engine);
    engine.tracker.spawn(async move {
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopping).await {
            tracing::error!(%error, "the server ended");
        }
    });
}

/// All routes behind the guard.
pub fn app(engine: &Arc<Engine>) -> Router {
    Router::new()
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(routes::count_tokens))
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/responses", post(responses))
        .route("/v1/models", get(routes::models))
        .route("/v1/models/{*id}", get(routes::model))
        .route("/classify", post(routes::classify))
        .route("/", get(routes::status_page))
        .route("/health", get(routes::health))
        .route("/metrics", get(routes::prometheus))
        .route("/docs", get(routes::docs))
        .route("/docs/openapi.json", get(routes::openapi))
        .route("/api/hello", get(routes::hello))
        .route("/api/rpc", post(control::rpc))
        .route("/api/events", get(control::events))
        .merge(browser::routes())
        .fallback(routes::not_found)
        .method_not_allowed_fallback(routes::wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(engine), guarded))
        .with_state(Arc::clone(engine))
}

async fn guarded(State(engine): State<Arc<Engine>>, request: Request, next: Next) -> Response {
    let checked = guard::check(&engine, request.method(), request.uri(), request.headers());
    match checked {
        Ok(()) => next.run(request).await,
        Err(fault) => refuse(&engine, request.uri().path(), request.headers(), &fault),
    }
}

/// Says a fault in the protocol of the path, and records it. Windows that are not signed in are no requests of clients.
pub(crate) fn refuse(engine: &Arc<Engine>, path: &str, headers: &HeaderMap, fault: &Fault) -> Response {
    if guard::is_windows(path) {
        return say_fault(protocol_of(path), &new_id(), fault).0;
    }
    let call = call(engine, protocol_of(path), path, None, headers.clone(), Bytes::new());
    let mut journal = Journal::begin(engine, &call);
    let (response, status) = say_fault(call.protocol, &call.id, fault);
    journal.failed(fault, status);
    response
}

/// A fault as an HTTP answer.
pub(crate) fn say_fault(protocol: Protocol, id: &str, fault: &Fault) -> (Response, u16) {
    let (status, body) = encode_failure(protocol, &fault.spoken(), id);
    let status = match fault.code {
        "content_type" => 415,
        "wrong_method" => 405,
        _ => status,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-branchline-error", HeaderValue::from_static(fault.code));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-branchline-request-id", id.clone());
        headers.insert("request-id", id);
    }
    if fault.retry == Some(false) {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
    (response, status)
}

/// The protocol errors of a path are told in.
pub(crate) fn protocol_of(path: &str) -> Protocol {
    if path.starts_with("/v1/chat/") {
        Protocol::OpenaiChat
    } else if path == "/v1/responses" || path.starts_with("/v1/responses/") {
        Protocol::OpenaiResponses
    } else {
        Protocol::Anthropic
    }
}

pub(crate) fn call(
    engine: &Arc<Engine>,
    protocol: Protocol,
    path: &str,
    query: Option<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Call {
    Call {
        id: new_id(),
        protocol,
        path: path.to_owned(),
        query,
        headers,
        body,
        tag: None,
        world: engine.world(),
        at: jiff::Timestamp::now(),
        started: std::time::Instant::now(),
        private: None,
        replay_of: None,
        doctor: false,
        asides: Asides::default(),
    }
}

async fn messages(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    carry(engine, Protocol::Anthropic, request).await
}

async fn chat_completions(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    carry(engine, Protocol::OpenaiChat, request).await
}

async fn responses(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    carry(engine, Protocol::OpenaiResponses, request).await
}

async fn carry(engine: Arc<Engine>, protocol: Protocol, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let body = match read_body(&engine, body).await {
        Ok(body) => body,
        Err(fault) => return refuse(&engine, path, &parts.headers, &fault),
    };
    let query = parts.uri.query().map(Into::into);
    let mut call = call(&engine, protocol, path, query, parts.headers, body);
    forget_our_token(&engine, &mut call.headers);
    crate::outlet::respond(|outlet| crate::pipeline::run(engine, call, outlet)).await
}

/// Our own token is nobody else's business, not even where the client's credentials are passed on.
fn forget_our_token(engine: &Engine, headers: &mut HeaderMap) {
    for name in ["authorization", "x-api-key", "x-branchline-token"] {
        let ours = headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| guard::is_client_token(engine, v));
        if ours {
            headers.remove(name);
        }
    }
}

/// Reads a body up to the limit of the settings.
pub(crate) async fn read_body(engine: &Engine, body: Body) -> Result<Bytes, Fault> {
    let mib = engine.world().settings.server.body_limit_mib as usize;
    gather(body, mib * 1024 * 1024).await.map_err(|unread| match unread {
        Unread::TooLarge => {
            Fault::new(FailureKind::TooLarge, "too_large", format!("the body is larger than {mib} MiB"))
                .hint("raise server.body_limit_mib")
                .no_retry()
        }
        Unread::Broken => {
            Fault::new(FailureKind::InvalidRequest, "bad_request", "the body could not be read to its end")
        }
    })
}

/// Why a body was not read.
enum Unread {
    TooLarge,
    Broken,
}

/// The whole body in one piece. Its announced length is asked for at once, so that nothing is copied twice.
async fn gather(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Unread::TooLarge);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        if whole.is_empty() && piece.len() >= announced && body.is_end_stream() {
            return if piece.len() > limit { Err(Unread::TooLarge) } else { Ok(piece) };
        }
        if whole.len() + piece.len() > limit {
            return Err(Unread::TooLarge);
        }
        whole.reserve(announced.saturating_sub(whole.len()).max(piece.len()));
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
