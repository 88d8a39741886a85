//! The answer half of the hub: a whole response, a stream of events, a failure.

use super::Block;
use crate::json::Json;
use crate::text::Text;

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response<'a> {
    /// Message id.
    pub id: Text<'a>,
    /// Model that answered, as the backend names it.
    pub model: Text<'a>,
    /// What it said.
    pub content: Vec<Block<'a>>,
    /// Why it stopped; `None` when the stream broke off.
    pub stop_reason: Option<StopReason>,
    /// The stop sequence met.
    pub stop_sequence: Option<Text<'a>>,
    /// Tokens used.
    pub usage: Usage,
}

/// Tokens used, in the Anthropic sense: `input` without what the cache gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens that were read anew.
    pub input: Option<u64>,
    /// Answer tokens, thinking included.
    pub output: Option<u64>,
    /// Prompt tokens taken from the cache.
    pub cache_read: Option<u64>,
    /// Prompt tokens written to the cache.
    pub cache_write: Option<u64>,
    /// The part of `cache_write` that is kept for an hour, which costs more (Anthropic's `ephemeral_1h_input_tokens`).
    pub cache_write_hour: Option<u64>,
    /// Thinking tokens among `output`.
    pub reasoning: Option<u64>,
    /// What the provider says the answer cost, in billionths of a US dollar (OpenRouter's `usage.cost`).
    pub cost_nano_usd: Option<u64>,
}

impl Usage {
    /// Takes over the counters that `later` knows; counters are cumulative, not increments.
    pub fn update(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.output = later.output.or(self.output);
        self.cache_read = later.cache_read.or(self.cache_read);
        self.cache_write = later.cache_write.or(self.cache_write);
        self.cache_write_hour = later.cache_write_hour.or(self.cache_write_hour);
        self.reasoning = later.reasoning.or(self.reasoning);
        self.cost_nano_usd = later.cost_nano_usd.or(self.cost_nano_usd);
    }

    /// Dollars as a provider writes them, in billionths; `None` for what is no amount.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be small and positive")]
    pub fn nano_usd(dollars: &str) -> Option<u64> {
        let dollars: f64 = dollars.parse().ok()?;
        (0.0..1e6).contains(&dollars).then(|| (dollars * 1e9).round() as u64)
    }

    /// The whole prompt: read anew, from the cache and written to it.
    #[must_use]
    pub fn prompt(&self) -> Option<u64> {
        self.input.map(|input| input + self.cache_read.unwrap_or(0) + self.cache_write.unwrap_or(0))
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Done.
    EndTurn,
    /// The output limit was met.
    MaxTokens,
    /// A stop sequence was met.
    StopSequence,
    /// Tools are to be called.
    ToolUse,
    /// A server tool loop paused.
    PauseTurn,
    /// The model or a filter refused.
    Refusal,
    /// The context window is full.
    ContextWindow,
}

/// One step of a streamed answer. Blocks are sequential: start, deltas, stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The answer begins.
    Start {
        /// Message id.
        id: Text<'a>,
        /// Model as the backend names it.
        model: Text<'a>,
        /// What is known so far.
        usage: Usage,
    },
    /// A block begins.
    BlockStart(BlockStart<'a>),
    /// The open block goes on.
    Delta(Delta<'a>),
    /// The open block is done.
    BlockStop,
    /// The answer is done; more counters may be known now. May come once more with later usage.
    Stop {
        /// Why.
        reason: StopReason,
        /// The stop sequence met.
        stop_sequence: Option<Text<'a>>,
        /// Cumulative counters.
        usage: Usage,
    },
    /// The stream is complete.
    End,
    /// Still alive.
    Ping,
    /// The stream failed; nothing follows.
    Error(Failure),
}

/// What kind of block begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockStart<'a> {
    /// Text follows.
    Text,
    /// Thoughts follow.
    Thinking,
    /// Arguments follow.
    ToolUse {
        /// Call id.
        id: Text<'a>,
        /// Tool name.
        name: Text<'a>,
    },
    /// A block that arrives whole (`redacted_thinking`, server tool results) or that the hub does not know.
    Other(Json<'a>),
}

/// A piece of the open block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta<'a> {
    /// More text.
    Text(Text<'a>),
    /// More thoughts.
    Thinking(Text<'a>),
    /// The signature of the thoughts.
    Signature(Text<'a>),
    /// More of the JSON text of the arguments. The fragment is itself escaped: it stands inside a JSON string.
    Arguments(Text<'a>),
    /// A delta the hub does not know (`citations_delta`), as written.
    Other(Json<'a>),
}

/// A failure of a backend or of ours, without protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// What happened, in words; never a key, never a body.
    pub message: String,
    /// HTTP status of the backend, when it gave one.
    pub status: Option<u16>,
    /// Machine-readable code of the backend (`context_length_exceeded`, `tool_use_failed`…).
    pub code: Option<String>,
}

impl Failure {
    /// A failure without status and code.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None, code: None }
    }
}

/// The causes a client can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The request is wrong (400).
    InvalidRequest,
    /// The prompt does not fit (400); tokens and limit where known.
    PromptTooLong {
        /// Tokens of the prompt.
        tokens: Option<u64>,
        /// Window of the model.
        maximum: Option<u64>,
    },
    /// No or a wrong key (401).
    Authentication,
    /// No money left (402).
    Billing,
    /// Not allowed (403).
    Permission,
    /// No such model or route (404).
    NotFound,
    /// Body too large (413).
    TooLarge,
    /// Too many requests (429).
    RateLimit,
    /// The backend failed (500, 502).
    Api,
    /// The backend took too long (504).
    Timeout,
    /// The backend is overloaded (503, 529).
    Overloaded,
    /// The backend's grammar builder refused a tool schema (llama.cpp, lmstudio-ai/lmstudio-bug-tracker#2220).
    Grammar,
    /// The model cannot see images.
    NoVision,
}
