//! Errors to clients of OpenAI Responses: over HTTP they look like those of Chat Completions, inside an answer they have
//! codes of their own.

use crate::codec::openai_chat::error::words;
use crate::hub::{Failure, FailureKind};
use crate::text::escape_into;

pub use crate::codec::openai_chat::error::encode;

/// Writes the `error` of a response.
pub(super) fn write_error(failure: &Failure, out: &mut String) {
    out.push_str("{\"code\":\"");
    out.push_str(code(&failure.kind));
    out.push_str("\",\"message\":\"");
    escape_into(&words(failure), out);
    out.push_str("\"}");
}

/// Codex compacts on `context_length_exceeded`, gives up on `insufficient_quota` and `invalid_prompt`, and asks again
/// up to five times on the others (seen with 0.169.0).
const fn code(kind: &FailureKind) -> &'static str {
    match kind {
        FailureKind::PromptTooLong { .. } => "context_length_exceeded",
        FailureKind::Billing => "insufficient_quota",
        FailureKind::RateLimit => "rate_limit_exceeded",
        FailureKind::InvalidRequest
        | FailureKind::Authentication
        | FailureKind::Permission
        | FailureKind::NotFound
        | FailureKind::TooLarge
        | FailureKind::Grammar
        | FailureKind::NoVision => "invalid_prompt",
        FailureKind::Api | FailureKind::Timeout | FailureKind::Overloaded => "server_error",
    }
}
