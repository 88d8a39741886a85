//! One codec per protocol, all of the same shape, dispatched by the closed [`Protocol`].
//!
//! Every codec has the same five files: `decode` (request and response to the hub), `encode` (hub to request and
//! response), `stream` (both directions), `error` (both directions), `patch` (a request changed in place).

use crate::hub::{Dropped, Event, Failure, Request, Response};
use crate::{Dialect, Protocol, json};

pub mod anthropic;
pub mod openai_chat;

/// A request that is not what its protocol says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct DecodeError {
    /// Where: `messages[2].content`, or `body` when it is no JSON at all.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl DecodeError {
    /// An error at `path`.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
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

/// Reads a request body. The hub borrows from it.
///
/// # Errors
/// When the body is not JSON, or not a request of this protocol.
pub fn decode_request(protocol: Protocol, body: &str) -> Result<Request<'_>, DecodeError> {
    match protocol {
        Protocol::Anthropic => anthropic::decode::request(body),
        Protocol::OpenaiChat => openai_chat::decode::request(body),
    }
}

/// Writes a request for a backend of this protocol from the hub alone.
#[must_use]
pub fn encode_request(protocol: Protocol, request: &Request<'_>, dialect: &Dialect) -> Encoded {
    match protocol {
        Protocol::Anthropic => anthropic::encode::request(request, dialect),
        Protocol::OpenaiChat => openai_chat::encode::request(request, dialect),
    }
}

/// Writes a request in the protocol it came in: members no edit touched keep their bytes and their order.
#[must_use]
pub fn patch_request(protocol: Protocol, request: &Request<'_>, dialect: &Dialect) -> Encoded {
    match protocol {
        Protocol::Anthropic => anthropic::patch::request(request, dialect),
        Protocol::OpenaiChat => openai_chat::patch::request(request, dialect),
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
    }
}

/// Writes a whole answer. `created`: when it was made, in seconds since 1970 (OpenAI).
#[must_use]
pub fn encode_response(protocol: Protocol, response: &Response<'_>, created: u64) -> Vec<u8> {
    match protocol {
        Protocol::Anthropic => anthropic::encode::response(response),
        Protocol::OpenaiChat => openai_chat::encode::response(response, created),
    }
}

/// Reads an error answer of a backend, whatever shape it has.
#[must_use]
pub fn decode_failure(protocol: Protocol, status: u16, body: &str) -> Failure {
    match protocol {
        Protocol::Anthropic => anthropic::error::decode(status, body),
        Protocol::OpenaiChat => openai_chat::error::decode(status, body),
    }
}

/// Writes an error answer: HTTP status and body.
#[must_use]
pub fn encode_failure(protocol: Protocol, failure: &Failure, request_id: &str) -> (u16, Vec<u8>) {
    match protocol {
        Protocol::Anthropic => anthropic::error::encode(failure, request_id),
        Protocol::OpenaiChat => openai_chat::error::encode(failure, request_id),
    }
}

/// Reads the frames of a streamed answer.
#[derive(Debug)]
pub enum StreamDecoder {
    /// Anthropic Messages.
    Anthropic(anthropic::stream::Decoder),
    /// OpenAI Chat Completions.
    OpenaiChat(openai_chat::stream::Decoder),
}

impl StreamDecoder {
    /// Starts before the first frame.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Anthropic => Self::Anthropic(anthropic::stream::Decoder::default()),
            Protocol::OpenaiChat => Self::OpenaiChat(openai_chat::stream::Decoder::default()),
        }
    }

    /// Reads one SSE frame: its `event:` name (empty when none) and its `data:`.
    pub fn frame(&mut self, event: &str, data: &str, out: &mut dyn FnMut(Event<'_>)) {
        match self {
            Self::Anthropic(decoder) => decoder.frame(event, data, out),
            Self::OpenaiChat(decoder) => decoder.frame(event, data, out),
        }
    }

    /// The stream is over: closes what is open, and says so when it ended too early.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        match self {
            Self::Anthropic(decoder) => decoder.finish(out),
            Self::OpenaiChat(decoder) => decoder.finish(out),
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
}

impl StreamEncoder {
    /// Starts before the first event. `usage_wanted`: the client asked for a closing usage chunk, and
    /// `created`: when the answer was made, in seconds since 1970 (both OpenAI).
    #[must_use]
    pub fn new(protocol: Protocol, usage_wanted: bool, created: u64) -> Self {
        match protocol {
            Protocol::Anthropic => Self::Anthropic(anthropic::stream::Encoder::default()),
            Protocol::OpenaiChat => Self::OpenaiChat(openai_chat::stream::Encoder::new(usage_wanted, created)),
        }
    }

    /// Writes one event as SSE bytes.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(encoder) => encoder.event(event, out),
            Self::OpenaiChat(encoder) => encoder.event(event, out),
        }
    }
}
