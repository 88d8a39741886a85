//! Ways in which real servers fail, each with where it was seen.

use serde_json::Value;

/// The body of a failing answer.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultBody {
    /// The error shape of this server, with this message.
    Own(String),
    /// Any JSON.
    Json(Value),
    /// An HTML page, as reverse proxies send.
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
    /// No response head, ever (Claude Code waits 361 s for one).
    NeverAnswer,
    /// An HTTP error. `retry_after` is in seconds.
    Status {
        /// HTTP status.
        status: u16,
        /// What the body holds.
        body: FaultBody,
        /// `retry-after` header in seconds.
        retry_after: Option<u64>,
    },
    /// HTTP 200 whose body is an error object (LM Studio).
    ErrorUnder200(String),
    /// 200, event-stream, no event (lmstudio-ai/lmstudio-bug-tracker#2339: prompt over the context in some versions).
    EmptyStream,
    /// The connection breaks after so many body bytes; with `reset` as a TCP RST.
    DieAfter {
        /// Body bytes sent before.
        bytes: usize,
        /// RST instead of a close in mid-chunk.
        reset: bool,
    },
    /// The body ends cleanly after so many bytes, in the middle of the stream.
    EndAfter {
        /// Body bytes sent before.
        bytes: usize,
    },
    /// Nothing more after so many bytes, the connection stays open.
    SilentAfter {
        /// Body bytes sent before; 0 means head only.
        bytes: usize,
    },
    /// An error in the stream after so many deltas: `event: error` in the Anthropic form,
    /// a `data: {"error":…}` line under 200 in the OpenAI form.
    ErrorAfter {
        /// Deltas sent before.
        deltas: usize,
        /// `error.type`, for instance `overloaded_error`.
        kind: String,
        /// `error.message`.
        message: String,
    },
    /// OpenRouter's form of it: a chunk with top-level `error` and finish_reason `error`.
    ErrorChunkAfter {
        /// Deltas sent before.
        deltas: usize,
        /// `error.code`.
        code: u16,
        /// `error.message`.
        message: String,
    },
    /// No `data: [DONE]`.
    NoDone,
    /// No finish chunk, no `message_delta`, no end event: the stream just ends after the text.
    NoFinish,
    /// An Anthropic stream without `message_start` (router-for-me/CLIProxyAPI#3697).
    NoMessageStart,
    /// Lines end in CR LF.
    CrLf,
    /// `: OPENROUTER PROCESSING` comments between events.
    Comments,
    /// A data line that is no JSON, in mid-stream.
    InvalidJsonLine,
    /// Event types nobody knows, in mid-stream (Anthropic: clients must pass over them).
    UnknownEvents,
    /// One unknown event whose data line has so many bytes.
    HugeLine(usize),
    /// No usage anywhere (several OpenAI-type servers).
    NoUsage,
    /// Usage in the chunk of the finish reason instead of its own.
    UsageInFinish,
    /// The first chunk has `choices: []` (Azure).
    EmptyChoicesFirst,
    /// Every call says `index: 0`.
    ToolIndexZero,
    /// No call has an `index`.
    ToolIndexMissing,
    /// No call has an `id`.
    ToolIdMissing,
    /// The name comes again with every fragment.
    ToolNameRepeated,
    /// The id comes again with every fragment (vLLM qwen3_xml, nanoclaw #1241).
    ToolIdRepeated,
    /// `arguments` is an object (Ollama's native form).
    ToolArgumentsObject,
    /// The whole call in one chunk.
    ToolWhole,
    /// The arguments of the last call stop half way, finish reason `length`; both forms.
    ToolArgumentsCut,
    /// finish_reason `stop` (`end_turn`) although there are calls; both forms.
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
