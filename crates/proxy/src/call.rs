//! One request of a client, as the server hands it to the pipeline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use branchline_routing::Target;
use branchline_wire::Protocol;
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use crate::aside::Asides;
use crate::world::World;

/// One request with everything it needs to the end: settings that change meanwhile do not touch it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) protocol: Protocol,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    /// Without the route tags that stood in it.
    pub(crate) body: Bytes,
    /// The route they named.
    pub(crate) tag: Option<Target>,
    pub(crate) world: Arc<World>,
    pub(crate) at: Timestamp,
    pub(crate) started: Instant,
    /// Why it must stay on the user's own machines, where that is known beforehand.
    pub(crate) private: Option<String>,
    /// The request of the log this one repeats.
    pub(crate) replay_of: Option<String>,
    /// A question of the doctor's, not of a client.
    pub(crate) doctor: bool,
    /// Calls of our own that were made for it.
    pub(crate) asides: Asides,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Subagents name themselves, older ones in the attribution line only. Those of Codex have a thread of
    /// their own in the session of the agent that began them.
    pub(crate) fn subagent(&self) -> Option<&str> {
        let thread = || self.header("x-openai-subagent").and_then(|_| self.header("thread-id"));
        self.header("x-claude-code-agent-id").or_else(thread)
    }

    /// The session as its headers name it; [`crate::inbound::Inbound::session`] looks into the body, too.
    pub(crate) fn session(&self) -> Option<&str> {
        session(&self.headers)
    }

    pub(crate) fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.world.settings.server.ping_interval_ms.max(100))
    }

    pub(crate) fn early_headers(&self) -> Duration {
        Duration::from_millis(self.world.settings.server.early_headers_ms)
    }
}

/// A header that can be read as text.
pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The session a client names.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    header(headers, "x-claude-code-session-id").or_else(|| header(headers, "session-id"))
}

/// `req_` and 20 characters.
pub(crate) fn new_id() -> String {
    let letters = std::iter::repeat_with(fastrand::alphanumeric).take(20);
    "req_".chars().chain(letters).collect()
}
