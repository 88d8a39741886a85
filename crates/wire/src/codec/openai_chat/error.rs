//! OpenAI error envelopes. What comes in may have any shape: `failure` reads them all.

use crate::failure;
use crate::hub::{Failure, FailureKind};
use crate::text::escape_into;

/// Reads an error answer of a backend.
#[must_use]
pub fn decode(status: u16, body: &str) -> Failure {
    failure::read(status, body)
}

/// Writes an error answer. Status and code are those for which the official SDKs have a class.
#[must_use]
pub fn encode(failure: &Failure, request_id: &str) -> (u16, Vec<u8>) {
    let mut out = String::with_capacity(256);
    out.push('{');
    write_error(failure, &mut out);
    if !request_id.is_empty() {
        out.push_str(",\"request_id\":\"");
        escape_into(request_id, &mut out);
        out.push('"');
    }
    out.push('}');
    (shape(&failure.kind).0, out.into_bytes())
}

/// Writes `"error":{…}`.
pub(super) fn write_error(failure: &Failure, out: &mut String) {
    let (_, kind, code) = shape(&failure.kind);
    out.push_str("\"error\":{\"message\":\"");
    escape_into(&words(failure), out);
    out.push_str("\",\"type\":\"");
    out.push_str(kind);
    out.push_str("\",\"param\":");
    out.push_str(if matches!(failure.kind, FailureKind::NotFound) { "\"model\"" } else { "null" });
    out.push_str(",\"code\":");
    match code.or(failure.code.as_deref()) {
        Some(code) => {
            out.push('"');
            escape_into(code, out);
            out.push('"');
        }
        None => out.push_str("null"),
    }
    out.push('}');
}

/// The message; an overflow gets OpenAI's own wording where both numbers are known, since clients read them from it.
pub(in crate::codec) fn words(failure: &Failure) -> String {
    match failure.kind {
        FailureKind::PromptTooLong { tokens: Some(tokens), maximum: Some(maximum) } => format!(
            "This model's maximum context length is {maximum} tokens. However, your messages resulted in {tokens} tokens."
        ),
        _ => failure.message.clone(),
    }
}

/// HTTP status, `type`, and the code that goes with the cause.
const fn shape(kind: &FailureKind) -> (u16, &'static str, Option<&'static str>) {
    const INVALID: &str = "invalid_request_error";
    match kind {
        FailureKind::InvalidRequest => (400, INVALID, None),
        FailureKind::PromptTooLong { .. } => (400, INVALID, Some("context_length_exceeded")),
        FailureKind::Authentication => (401, INVALID, Some("invalid_api_key")),
        // OpenAI itself says 429 for an empty purse; clients look at the code.
        FailureKind::Billing => (429, "insufficient_quota", Some("insufficient_quota")),
        FailureKind::Permission => (403, INVALID, Some("permission_denied")),
        FailureKind::NotFound => (404, INVALID, Some("model_not_found")),
        FailureKind::TooLarge => (413, INVALID, Some("request_too_large")),
        FailureKind::RateLimit => (429, "rate_limit_error", Some("rate_limit_exceeded")),
        FailureKind::Api => (500, "server_error", None),
        FailureKind::Timeout => (504, "server_error", Some("timeout")),
        FailureKind::Overloaded => (503, "server_error", Some("overloaded")),
        FailureKind::Grammar => (400, INVALID, Some("invalid_tool_schema")),
        FailureKind::NoVision => (400, INVALID, Some("unsupported_image")),
    }
}

/// Whether a chat template refused the conversation for its order: "roles must alternate" (Mistral's templates).
#[must_use]
pub fn wants_strict_turns(failure: &Failure) -> bool {
    failure.message.contains("roles must alternate")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(kind: FailureKind) -> (u16, Value) {
        let (status, body) = encode(&Failure::new(kind, "it \"broke\""), "req_1");
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn every_cause_has_the_status_and_code_an_sdk_has_a_class_for() {
        for (kind, status, code) in [
            (FailureKind::InvalidRequest, 400, Value::Null),
            (FailureKind::PromptTooLong { tokens: None, maximum: None }, 400, json!("context_length_exceeded")),
            (FailureKind::Authentication, 401, json!("invalid_api_key")),
            (FailureKind::NotFound, 404, json!("model_not_found")),
            (FailureKind::RateLimit, 429, json!("rate_limit_exceeded")),
            (FailureKind::Api, 500, Value::Null),
            (FailureKind::Overloaded, 503, json!("overloaded")),
        ] {
            let (got, body) = written(kind);
            assert_eq!((got, &body["error"]["code"]), (status, &code));
            assert_eq!(body["error"]["message"], "it \"broke\"");
            assert_eq!(body["request_id"], "req_1");
        }
    }

    #[test]
    fn an_overflow_with_numbers_uses_the_wording_clients_read() {
        let (_, body) = written(FailureKind::PromptTooLong { tokens: Some(9000), maximum: Some(8192) });
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("maximum context length is 8192") && message.contains("9000"));
    }

    #[test]
    fn an_error_we_write_is_read_back_as_the_same_cause() {
        for kind in [FailureKind::Authentication, FailureKind::RateLimit, FailureKind::NotFound, FailureKind::Api] {
            let (status, body) = encode(&Failure::new(kind.clone(), "no"), "");
            assert_eq!(decode(status, std::str::from_utf8(&body).unwrap()).kind, kind);
        }
    }
}
