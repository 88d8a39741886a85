//! What a simulated server received, and what was wrong with it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;

use crate::lock;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Position in the journal, from 0.
    pub index: usize,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query without `?`; empty when there is none.
    pub query: String,
    /// All request headers.
    pub headers: HeaderMap,
    /// The body as JSON; `Null` when there is none or it is no JSON.
    pub body: Arc<Value>,
    /// The body as it came over the wire.
    pub raw: Bytes,
    /// Milliseconds since the simulator was started.
    pub at_ms: u64,
    /// Whether a model was asked to answer (chat or messages, not lists and counts).
    pub is_call: bool,
    /// Status of the answer, once its head is out.
    pub status: Option<u16>,
    /// The client left before the answer was complete.
    pub aborted: bool,
    /// The answer is complete (or was broken off by a fault).
    pub done: bool,
    /// Tokens of the prompt, counted as characters / 4 plus 768 per picture.
    pub prompt_tokens: u64,
    /// Tokens of the prompt this server would have found in its prefix cache.
    pub cached_tokens: u64,
    /// Bytes of the rendered prompt.
    pub prompt_bytes: usize,
    /// Bytes of it shared with the previous prompt for the same model, from the front. The prefix
    /// law holds when this equals the previous request's `prompt_bytes`.
    pub shared_prefix_bytes: usize,
}

impl Received {
    /// The model the client asked for, empty when it named none.
    #[must_use]
    pub fn model(&self) -> &str {
        self.body.get("model").and_then(Value::as_str).unwrap_or_default()
    }

    /// A request header as text, empty when absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether the body's text holds `needle` anywhere.
    #[must_use]
    pub fn contains(&self, needle: &str) -> bool {
        String::from_utf8_lossy(&self.raw).contains(needle)
    }
}

/// Something a request did that the server's protocol forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which request, by [`Received::index`].
    pub request: usize,
    /// Where in the body, for instance `messages.3.tool_call_id`.
    pub at: String,
    /// What is wrong.
    pub message: String,
    /// Whether the server refused the request for it. `false`: real servers let it pass or ignore
    /// it, and it is still a mistake (a foreign field, a lost prefix).
    pub refused: bool,
}

#[derive(Debug, Default)]
struct Pages {
    received: Vec<Received>,
    violations: Vec<Violation>,
}

/// All requests in order of arrival; wakes those who wait for one.
#[derive(Debug)]
pub(crate) struct Journal {
    pages: Mutex<Pages>,
    changed: watch::Sender<u64>,
    keep_bodies: usize,
}

impl Journal {
    pub(crate) fn new(keep_bodies: usize) -> Self {
        Self { pages: Mutex::default(), changed: watch::Sender::new(0), keep_bodies }
    }

    /// Writes a request down and returns its index.
    pub(crate) fn add(&self, mut request: Received) -> usize {
        let mut pages = lock(&self.pages);
        let index = pages.received.len();
        request.index = index;
        pages.received.push(request);
        if let Some(old) = index.checked_sub(self.keep_bodies) {
            pages.received[old].body = Arc::default();
            pages.received[old].raw = Bytes::new();
        }
        drop(pages);
        self.wake();
        index
    }

    pub(crate) fn update(&self, index: usize, change: impl FnOnce(&mut Received)) {
        if let Some(request) = lock(&self.pages).received.get_mut(index) {
            change(request);
        }
        self.wake();
    }

    pub(crate) fn blame(&self, violation: Violation) {
        lock(&self.pages).violations.push(violation);
        self.wake();
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        lock(&self.pages).received.clone()
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        lock(&self.pages).violations.clone()
    }

    pub(crate) fn forget(&self) {
        *lock(&self.pages) = Pages::default();
        self.wake();
    }

    /// The first answer `find` gives, now or after a change.
    pub(crate) async fn wait_for<T>(&self, find: impl Fn(&[Received]) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = find(&lock(&self.pages).received) {
                return found;
            }
            // The sender lives in `self`, so this only returns on a change.
            let _ = changes.changed().await;
        }
    }

    fn wake(&self) {
        self.changed.send_modify(|version| *version += 1);
    }
}
