//! The line to the client: everything an answer says goes through here, in the client's own protocol.
//!
//! A streamed answer begins when its backend has begun, or, when that takes long, by itself with pings,
//! so that no client gives up on a model that is reading its prompt.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use branchline_settings::schema::Bodies;
use branchline_wire::Protocol;
use branchline_wire::codec::{Asked, StreamEncoder, encode_failure};
use branchline_wire::hub::{Event, Request, Usage};
use branchline_wire::text::Text;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use crate::call::Call;
use crate::fault::Fault;
use crate::outlet::Outlet;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// The backend's bytes as they are.
    Raw,
    /// Events, encoded by us.
    Encoded,
}

/// The line to one client.
#[derive(Debug)]
pub(crate) struct Line {
    outlet: Outlet,
    protocol: Protocol,
    streamed: bool,
    encoder: StreamEncoder,
    /// What the answer has to know of its request.
    asked: Asked,
    /// Headers of the answer, ours and the backend's.
    pub(crate) headers: HeaderMap,
    id: String,
    /// Status and headers are out.
    committed: bool,
    /// Our own beginning of the answer is out.
    started: bool,
    buffer: Vec<u8>,
    ping_at: Instant,
    interval: Duration,
    /// Bytes of the answer so far.
    pub(crate) bytes_out: u64,
    /// Our own words for raw bytes that are about to be sent.
    unsaid: Vec<u8>,
    /// The answer itself, where the settings want it written down.
    kept: Option<Vec<u8>>,
}

impl Line {
    pub(crate) fn new(call: &Call, outlet: Outlet) -> Self {
        let created = u64::try_from(call.at.as_second()).unwrap_or_default();
        let asked = Asked { created, ..Asked::default() };
        Self {
            outlet,
            protocol: call.protocol,
            streamed: false,
            encoder: StreamEncoder::new(call.protocol, &asked),
            asked,
            headers: HeaderMap::new(),
            id: call.id.clone(),
            committed: false,
            started: false,
            buffer: Vec::new(),
            ping_at: Instant::now() + call.early_headers(),
            interval: call.ping_interval(),
            bytes_out: 0,
            unsaid: Vec::new(),
            kept: (crate::bodies::wanted(call) != Bodies::Off).then(Vec::new),
        }
    }

    /// The request that is answered is known.
    pub(crate) fn answers(&mut self, request: &Request<'_>) {
        self.streamed = request.stream;
        self.asked = Asked::by(request, self.asked.created);
        if self.streamed {
            self.encoder = StreamEncoder::new(self.protocol, &self.asked);
        }
    }

    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What the answer has to know of its request.
    pub(crate) const fn asked(&self) -> &Asked {
        &self.asked
    }

    pub(crate) const fn committed(&self) -> bool {
        self.committed
    }

    /// Whether the backend's bytes may still be passed on as they are.
    pub(crate) const fn may_be_raw(&self) -> bool {
        !self.started
    }

    /// Sets a header of ours; a value no header can hold is left out.
    pub(crate) fn say(&mut self, name: &'static str, value: &str) {
        let printable: String = value.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
        if let Ok(value) = HeaderValue::from_str(&printable) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    /// Waits for `work`, saying that we are alive. `model` begins the answer should it have to begin before the backend has.
    pub(crate) async fn wait<T>(&mut self, manner: Manner, model: &str, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if !self.streamed {
            return work.await;
        }
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep_until(self.ping_at) => self.ping(manner, model).await,
            }
        }
    }

    async fn ping(&mut self, manner: Manner, model: &str) {
        self.commit_stream();
        match (manner, self.protocol) {
            (Manner::Raw, Protocol::Anthropic) if !self.started => {
                self.buffer.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
            }
            (Manner::Raw, Protocol::OpenaiChat) if !self.started => self.buffer.extend_from_slice(b": ping\n\n"),
            _ => {
                self.start(model);
                self.encoder.event(&Event::Ping, &mut self.buffer);
            }
        }
        self.flush().await;
    }

    /// Begins the answer in our own words, once.
    fn start(&mut self, model: &str) {
        if self.started {
            return;
        }
        self.started = true;
        let id = format!("msg_{}", self.id.trim_start_matches("req_"));
        let usage = Usage { input: Some(0), output: Some(0), ..Usage::default() };
        let event = Event::Start { id: Text::plain(&id), model: Text::plain(model), usage };
        self.encoder.event(&event, &mut self.buffer);
    }

    fn commit_stream(&mut self) {
        if self.committed {
            return;
        }
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
        self.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        self.commit(StatusCode::OK);
    }

    fn commit(&mut self, status: StatusCode) {
        self.committed = true;
        let mut headers = std::mem::take(&mut self.headers);
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            headers.insert("x-branchline-request-id", id.clone());
            headers.entry("request-id").or_insert(id);
        }
        self.outlet.head(status, headers);
    }

    /// Writes one event; it goes out with the next [`Self::flush`].
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        if matches!(event, Event::Start { .. }) && std::mem::replace(&mut self.started, true) {
            return;
        }
        self.started = true;
        self.encoder.event(event, &mut self.buffer);
    }

    /// Follows what raw bytes said, so that a stream that dies can be ended grammatically.
    pub(crate) fn shadow(&mut self, event: &Event<'_>) {
        self.encoder.event(event, &mut self.unsaid);
    }

    /// The raw bytes said what the shadow says.
    pub(crate) fn forget_shadow(&mut self) {
        self.unsaid.clear();
    }

    /// The raw bytes cannot be passed on: our own words for them go out with the next [`Self::flush`].
    pub(crate) fn say_shadow(&mut self) {
        self.buffer.append(&mut self.unsaid);
    }

    fn keep(&mut self, piece: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(piece);
        }
    }

    /// What was sent, where it is to be written down.
    pub(crate) fn kept(&mut self) -> Option<Vec<u8>> {
        self.kept.take()
    }

    /// Sends what was written.
    pub(crate) async fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.raw(piece).await;
    }

    /// Sends the backend's bytes as they are.
    pub(crate) async fn raw(&mut self, piece: Bytes) {
        self.commit_stream();
        self.bytes_out += piece.len() as u64;
        self.keep(&piece);
        self.ping_at = Instant::now() + self.interval;
        self.outlet.send(piece).await;
    }

    /// Sends a whole answer.
    pub(crate) fn whole(&mut self, status: StatusCode, body: Bytes) {
        self.bytes_out += body.len() as u64;
        self.keep(&body);
        self.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        self.commit(status);
        self.outlet.put(body);
    }

    /// Tells the client what failed: as an HTTP error, or inside the stream when that has begun. Gives the status.
    pub(crate) async fn fail(&mut self, fault: &Fault) -> u16 {
        let spoken = fault.spoken();
        if self.committed {
            self.encoder.event(&Event::Error(spoken.clone()), &mut self.buffer);
            self.flush().await;
            return encode_failure(self.protocol, &spoken, &self.id).0;
        }
        let (status, body) = encode_failure(self.protocol, &spoken, &self.id);
        if let Some(retry) = fault.retry {
            self.headers.insert("x-should-retry", HeaderValue::from_static(if retry { "true" } else { "false" }));
        }
        if let Some(seconds) = fault.retry_after {
            self.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        self.say("x-branchline-error", fault.code);
        self.headers.remove(header::CONTENT_TYPE);
        self.whole(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Bytes::from(body));
        status
    }
}
