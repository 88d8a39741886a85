//! Ways in which real servers fail, each with where it was seen.

use serde_json::Value;

/// The body of a failing answer.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultBody {
    /// The error shape of this server, with this message.
    Own(String),
    /// Any JSON.
    Json(Value),
    /// An HTML page, as reverse proxies send (protocols C.5).
    Html(String),
    /// Nothing at all.
    Empty,
}

/// One thing that goes wrong with an answer. Several may be put on one answer; each is ignored
/// where it means nothing (a tool-call fault on an answer without calls). Faults named `Tool…`,
/// [`Fault::NoDone`], [`Fault::UsageInFinish`] and [`Fault::EmptyChoicesFirst`] concern the
/// OpenAI form only, unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The connection ends before any byte of a response; `reset` sends a TCP RST (server killed).
    CloseUnanswered {
        /// RST instead of FIN.
        reset: bool,
    },
    /// No response head, ever (client notes section 9: 361 s of patience).
    NeverAnswer,
    /// An HTTP error (protocols A.8, C.5). `retry_after` is in seconds.
    Status {
        /// HTTP status.
        status: u16,
        /// What the body holds.
        body: FaultBody,
        /// `retry-after` header in seconds.
        retry_after: Option<u64>,
    },
    /// HTTP 200 whose body is an error object (LM Studio, protocols C.5).
    ErrorUnder200(String),
    /// 200, event-stream, no event (LM Studio #2339: prompt over the context in some versions).
    EmptyStream,
    /// The connection breaks after so many body bytes; with `reset` as a TCP RST.
    DieAfter {
        /// Body bytes sent before.
        bytes: usize,
        /// RST instead of a close in mid-chunk.
        reset: bool,
    },
    /// The body ends cleanly after so many bytes, in the middle of the stream (client notes
    /// section 8, "clean EOF").
    EndAfter {
        /// Body bytes sent before.
        bytes: usize,
    },
    /// Nothing more after so many bytes, the connection stays open (client notes section 9).
    SilentAfter {
        /// Body bytes sent before; 0 means head only.
        bytes: usize,
    },
    /// An error in the stream after so many deltas: `event: error` in the Anthropic form
    /// (protocols A.7), a `data: {"error":…}` line under 200 in the OpenAI form (C.3).
    ErrorAfter {
        /// Deltas sent before.
        deltas: usize,
        /// `error.type`, for instance `overloaded_error`.
        kind: String,
        /// `error.message`.
        message: String,
    },
    /// OpenRouter's form of it: a chunk with top-level `error` and finish_reason `error` (C.6).
    ErrorChunkAfter {
        /// Deltas sent before.
        deltas: usize,
        /// `error.code`.
        code: u16,
        /// `error.message`.
        message: String,
    },
    /// No `data: [DONE]` (C.3).
    NoDone,
    /// No finish chunk, no `message_delta`, no end event: the stream just ends after the text.
    NoFinish,
    /// An Anthropic stream without `message_start` (CLIProxyAPI #3697).
    NoMessageStart,
    /// Lines end in CR LF (C.3).
    CrLf,
    /// `: OPENROUTER PROCESSING` comments between events (C.6).
    Comments,
    /// A data line that is no JSON, in mid-stream.
    InvalidJsonLine,
    /// Event types nobody knows, in mid-stream (A.7: must be tolerated).
    UnknownEvents,
    /// One unknown event whose data line has so many bytes.
    HugeLine(usize),
    /// No usage anywhere (several OpenAI-type servers, C.3).
    NoUsage,
    /// Usage in the chunk of the finish reason instead of its own (C.3).
    UsageInFinish,
    /// The first chunk has `choices: []` (C.3, Azure).
    EmptyChoicesFirst,
    /// Every call says `index: 0` (C.3).
    ToolIndexZero,
    /// No call has an `index` (C.3).
    ToolIndexMissing,
    /// No call has an `id` (C.3).
    ToolIdMissing,
    /// The name comes again with every fragment (C.3).
    ToolNameRepeated,
    /// The id comes again with every fragment (vLLM qwen3_xml, nanoclaw #1241).
    ToolIdRepeated,
    /// `arguments` is an object (C.3; Ollama's native form).
    ToolArgumentsObject,
    /// The whole call in one chunk (C.3).
    ToolWhole,
    /// The arguments of the last call stop half way, finish reason `length`; both forms.
    ToolArgumentsCut,
    /// finish_reason `stop` (`end_turn`) although there are calls (C.3); both forms.
    FinishStop,
    /// Calls of one answer share their fragments in turn: 0, 1, 0, 1 (allowed by the `index` rule).
    ToolsInterleaved,
}

impl Fault {
    /// 429 with `retry-after`, in this server's error shape.
    #[must_use]
    pub fn rate_limited(retry_after: u64) -> Self {
        Self::status(429, "Rate limit reached, please slow down").retry_after(retry_after)
    }

    /// 529 (Anthropic's "Overloaded").
    #[must_use]
    pub fn overloaded() -> Self {
        Self::status(529, "Overloaded")
    }

    /// 503 with `retry-after`, in this server's error shape.
    #[must_use]
    pub fn unavailable(retry_after: u64) -> Self {
        Self::status(503, "Service temporarily unavailable").retry_after(retry_after)
    }

    /// Any status with a message in this server's error shape.
    #[must_use]
    pub fn status(status: u16, message: impl Into<String>) -> Self {
        Self::Status { status, body: FaultBody::Own(message.into()), retry_after: None }
    }

    /// A 502 page of a reverse proxy.
    #[must_use]
    pub fn bad_gateway_page() -> Self {
        let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
        Self::Status { status: 502, body: FaultBody::Html(page.into()), retry_after: None }
    }

    fn retry_after(self, seconds: u64) -> Self {
        match self {
            Self::Status { status, body, .. } => Self::Status { status, body, retry_after: Some(seconds) },
            other => other,
        }
    }
}
