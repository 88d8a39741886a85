//! One codec per protocol, all of the same shape, dispatched by the closed [`Protocol`].
//!
//! Every codec has the same five files: `decode` (request and response to the hub), `encode` (hub to request and
//! response), `stream` (both directions), `error` (both directions), `patch` (a request changed in place).
//! OpenAI Responses is spoken to clients only, so it writes no requests: its `patch` and half of its `encode` and
//! `error` are not there, and what renders requests takes an [`Upstream`].

use crate::hub::{Dropped, Event, Failure, Request, Response, Spelling};
use crate::{Dialect, Protocol, Upstream, json};

pub mod anthropic;
pub mod openai_chat;
pub mod openai_responses;

/// A request that is not what its protocol says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct DecodeError {
    /// Where: `messages[2].content`, or `body` when it is no JSON at all.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do instead, where that is not plain from the message.
    pub hint: Option<&'static str>,
}

impl DecodeError {
    /// An error at `path`.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), hint: None }
    }

    /// The same with what to do instead.
    #[must_use]
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl From<json::Error> for DecodeError {
    fn from(error: json::Error) -> Self {
        Self::new("body", error.to_string())
    }
}

/// A rendered request and what could not go along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The JSON body.
    pub body: Vec<u8>,
    /// What was left out.
    pub dropped: Vec<Dropped>,
}

/// What an answer has to know of its request.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The client wants a usage chunk at the end of a stream (OpenAI chat).
    pub usage_wanted: bool,
    /// When the answer was made, in seconds since 1970 (OpenAI).
    pub created: u64,
    /// How calls of certain tools are written (OpenAI Responses).
    pub spellings: Vec<Spelling<'static>>,
    /// What the answer repeats of its request, as JSON members (OpenAI Responses).
    pub repeated: String,
}

impl Asked {
    /// What an answer to `request` has to know. `created`: when it was made, in seconds since 1970.
    #[must_use]
    pub fn by(request: &Request<'_>, created: u64) -> Self {
        let repeated = match request.protocol {
            Some(Protocol::OpenaiResponses) => openai_responses::encode::repeated(request),
            _ => String::new(),
        };
        let spellings = request.spellings.iter().cloned().map(Spelling::into_owned).collect();
        Self { usage_wanted: request.stream_usage, created, spellings, repeated }
    }
}

/// Reads a request body. The hub borrows from it.
///
/// # Errors
/// When the body is not JSON, or not a request of this protocol.
pub fn decode_request(protocol: Protocol, body: &str) -> Result<Request<'_>, DecodeError> {
    match protocol {
        Protocol::Anthropic => anthropic::decode::request(body),
        Protocol::OpenaiChat => openai_chat::decode::request(body),
        Protocol::OpenaiResponses => openai_responses::decode::request(body),
    }
}

/// Writes a request for a backend of this protocol from the hub alone.
#[must_use]
pub fn encode_request(protocol: Upstream, request: &Request<'_>, dialect: &Dialect) -> Encoded {
    let mut encoded = match protocol {
        Upstream::Anthropic => anthropic::encode::request(request, dialect),
        Upstream::OpenaiChat => openai_chat::encode::request(request, dialect),
    };
    encoded.dropped.extend_from_slice(&request.lost);
    encoded
}

/// Writes a request in the protocol it came in: members no edit touched keep their bytes and their order.
#[must_use]
pub fn patch_request(protocol: Upstream, request: &Request<'_>, dialect: &Dialect) -> Encoded {
    match protocol {
        Upstream::Anthropic => anthropic::patch::request(request, dialect),
        Upstream::OpenaiChat => openai_chat::patch::request(request, dialect),
    }
}

/// Reads a whole (not streamed) answer.
///
/// # Errors
/// When the body is not an answer of this protocol: an error object under status 200, HTML, nothing at all.
pub fn decode_response(protocol: Protocol, body: &str) -> Result<Response<'_>, Failure> {
    match protocol {
        Protocol::Anthropic => anthropic::decode::response(body),
        Protocol::OpenaiChat => openai_chat::decode::response(body),
        Protocol::OpenaiResponses => openai_responses::decode::response(body),
    }
}

/// Writes a whole answer to the request that `asked`.
#[must_use]
pub fn encode_response(protocol: Protocol, response: &Response<'_>, asked: &Asked) -> Vec<u8> {
    match protocol {
        Protocol::Anthropic => anthropic::encode::response(response),
        Protocol::OpenaiChat => openai_chat::encode::response(response, asked.created),
        Protocol::OpenaiResponses => openai_responses::encode::response(response, asked),
    }
}

/// Reads an error answer of a backend, whatever shape it has.
#[must_use]
pub fn decode_failure(protocol: Upstream, status: u16, body: &str) -> Failure {
    match protocol {
        Upstream::Anthropic => anthropic::error::decode(status, body),
        Upstream::OpenaiChat => openai_chat::error::decode(status, body),
    }
}

/// Writes an error answer: HTTP status and body.
#[must_use]
pub fn encode_failure(protocol: Protocol, failure: &Failure, request_id: &str) -> (u16, Vec<u8>) {
    match protocol {
        Protocol::Anthropic => anthropic::error::encode(failure, request_id),
        Protocol::OpenaiChat => openai_chat::error::encode(failure, request_id),
        Protocol::OpenaiResponses => openai_responses::error::encode(failure, request_id),
    }
}

/// Reads the frames of a streamed answer.
#[derive(Debug)]
pub enum StreamDecoder {
    /// Anthropic Messages.
    Anthropic(anthropic::stream::Decoder),
    /// OpenAI Chat Completions.
    OpenaiChat(openai_chat::stream::Decoder),
    /// OpenAI Responses.
    OpenaiResponses(openai_responses::stream::Decoder),
}

impl StreamDecoder {
    /// Starts before the first frame.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Anthropic => Self::Anthropic(anthropic::stream::Decoder::default()),
            Protocol::OpenaiChat => Self::OpenaiChat(openai_chat::stream::Decoder::default()),
            Protocol::OpenaiResponses => Self::OpenaiResponses(openai_responses::stream::Decoder::default()),
        }
    }

    /// Reads one SSE frame: its `event:` name (empty when none) and its `data:`.
    pub fn frame(&mut self, event: &str, data: &str, out: &mut dyn FnMut(Event<'_>)) {
        match self {
            Self::Anthropic(decoder) => decoder.frame(event, data, out),
            Self::OpenaiChat(decoder) => decoder.frame(event, data, out),
            Self::OpenaiResponses(decoder) => decoder.frame(event, data, out),
        }
    }

    /// The stream is over: closes what is open, and says so when it ended too early.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        match self {
            Self::Anthropic(decoder) => decoder.finish(out),
            Self::OpenaiChat(decoder) => decoder.finish(out),
            Self::OpenaiResponses(decoder) => decoder.finish(out),
        }
    }
}

/// Writes a streamed answer. Whatever events come in whatever order, what it writes is grammatical.
#[derive(Debug)]
pub enum StreamEncoder {
    /// Anthropic Messages.
    Anthropic(anthropic::stream::Encoder),
    /// OpenAI Chat Completions.
    OpenaiChat(openai_chat::stream::Encoder),
    /// OpenAI Responses.
    OpenaiResponses(Box<openai_responses::stream::Encoder>),
}

impl StreamEncoder {
    /// Starts before the first event of the answer to the request that `asked`.
    #[must_use]
    pub fn new(protocol: Protocol, asked: &Asked) -> Self {
        match protocol {
            Protocol::Anthropic => Self::Anthropic(anthropic::stream::Encoder::default()),
            Protocol::OpenaiChat => {
                Self::OpenaiChat(openai_chat::stream::Encoder::new(asked.usage_wanted, asked.created))
            }
            Protocol::OpenaiResponses => Self::OpenaiResponses(Box::new(openai_responses::stream::Encoder::new(asked))),
        }
    }

    /// Writes one event as SSE bytes.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(encoder) => encoder.event(event, out),
            Self::OpenaiChat(encoder) => encoder.event(event, out),
            Self::OpenaiResponses(encoder) => encoder.event(event, out),
        }
    }
}
