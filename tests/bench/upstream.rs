//! The model server of the benchmark: canned answers of both protocols, made beforehand where they can be.
//! It runs on a thread of its own and keeps the last request, so that the bench can see what arrived.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::json;
use tokio::sync::watch;

use crate::answers::{self, Speech};
use crate::bodies::MODEL;
use crate::error::{BenchError, Result};

/// How the next answers come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) streamed: bool,
    pub(crate) pieces: usize,
    /// Time between two pieces of a stream.
    pub(crate) every: Duration,
}

impl Manner {
    /// A short answer, all at once.
    pub(crate) const fn at_once(streamed: bool) -> Self {
        Self { streamed, pieces: 8, every: Duration::ZERO }
    }
}

/// The running server.
#[derive(Clone, Debug)]
pub(crate) struct Upstream(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    begun: Instant,
    manner: Mutex<Manner>,
    last: Mutex<Bytes>,
    asked: AtomicUsize,
    held: watch::Sender<bool>,
}

impl Upstream {
    /// Starts it.
    pub(crate) fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let upstream = Self(Arc::new(Shared {
            address: listener.local_addr()?,
            begun: Instant::now(),
            manner: Mutex::new(Manner::at_once(false)),
            last: Mutex::default(),
            asked: AtomicUsize::new(0),
            held: watch::Sender::new(false),
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let app = upstream.app();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), app).await
            })
        });
        Ok(upstream)
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The clock the stamps are read from.
    pub(crate) fn begun(&self) -> Instant {
        self.0.begun
    }

    pub(crate) fn answer(&self, manner: Manner) {
        *lock(&self.0.manner) = manner;
    }

    /// The body of the last request.
    pub(crate) fn last(&self) -> Bytes {
        lock(&self.0.last).clone()
    }

    /// Keeps all requests waiting for their answers, or lets them go.
    pub(crate) fn hold(&self, held: bool) {
        self.0.asked.store(0, Ordering::SeqCst);
        self.0.held.send_replace(held);
    }

    /// Requests since [`Self::hold`].
    pub(crate) fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    fn app(&self) -> Router {
        let messages = |State(upstream): State<Self>, body: Bytes| upstream.respond(Speech::Anthropic, body);
        let chat = |State(upstream): State<Self>, body: Bytes| upstream.respond(Speech::Openai, body);
        Router::new()
            .route("/v1/messages", post(messages))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/models", get(models))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }

    async fn respond(self, speech: Speech, body: Bytes) -> Response {
        *lock(&self.0.last) = body;
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let mut held = self.0.held.subscribe();
        // The sender lives as long as this server.
        let _ = held.wait_for(|held| !held).await;
        let manner = *lock(&self.0.manner);
        if manner.streamed {
            let head = [(header::CONTENT_TYPE, "text/event-stream")];
            return (head, Body::from_stream(self.stream(speech, manner))).into_response();
        }
        ([(header::CONTENT_TYPE, "application/json")], answers::whole(speech, manner.pieces)).into_response()
    }

    fn stream(self, speech: Speech, manner: Manner) -> impl futures_util::Stream<Item = Result<Bytes>> {
        let begun = tokio::time::Instant::now();
        futures_util::stream::unfold((self, 0), move |(upstream, number)| async move {
            if manner.every > Duration::ZERO {
                let steps = u32::try_from(number).unwrap_or(u32::MAX);
                tokio::time::sleep_until(begun + manner.every * steps).await;
            }
            let frame = answers::frame(speech, number, manner.pieces, upstream.0.begun.elapsed().as_nanos())?;
            Some((Ok::<_, BenchError>(frame), (upstream, number + 1)))
        })
    }
}

async fn models(headers: HeaderMap) -> Response {
    if headers.contains_key("anthropic-version") {
        let model =
            json!({ "type": "model", "id": MODEL, "display_name": "Bench", "created_at": "2026-01-01T00:00:00Z" });
        return Json(json!({ "data": [model], "has_more": false, "first_id": MODEL, "last_id": MODEL }))
            .into_response();
    }
    let model = json!({ "id": "bench/coder", "object": "model", "created": 1, "owned_by": "bench" });
    Json(json!({ "object": "list", "data": [model] })).into_response()
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
