//! Error answers in both directions.

use crate::failure;
use crate::hub::{Failure, FailureKind};
use crate::text::Text;

/// Reads an error answer, also one that is not Anthropic's shape: llama.cpp's bare envelope, a list, HTML, nothing.
#[must_use]
pub fn decode(status: u16, body: &str) -> Failure {
    failure::read(status, body)
}

/// Writes an error answer: HTTP status and body.
#[must_use]
pub fn encode(failure: &Failure, request_id: &str) -> (u16, Vec<u8>) {
    let mut body = Vec::with_capacity(160 + failure.message.len());
    body.extend_from_slice(b"{\"type\":\"error\",\"error\":");
    body.extend_from_slice(object(failure).as_bytes());
    body.extend_from_slice(b",\"request_id\":\"");
    body.extend_from_slice(Text::plain(request_id).as_escaped().as_bytes());
    body.extend_from_slice(b"\"}");
    (status(&failure.kind), body)
}

/// Whether a model refused system messages in the middle of the conversation: Sonnet 5 and older know none.
#[must_use]
pub fn refuses_inline_system(failure: &Failure) -> bool {
    let message = &failure.message;
    failure.kind == FailureKind::InvalidRequest
        && (message.contains("role: Input should be 'user' or 'assistant'")
            || (message.contains("system") && message.contains("role") && message.contains("not supported")))
}

/// The inner `{"type":…,"message":…}`, also used by error events in a stream.
pub(super) fn object(failure: &Failure) -> String {
    let message = message(failure);
    format!(r#"{{"type":"{}","message":"{}"}}"#, kind(&failure.kind), Text::plain(&message).as_escaped())
}

const fn status(kind: &FailureKind) -> u16 {
    match kind {
        FailureKind::InvalidRequest
        | FailureKind::PromptTooLong { .. }
        | FailureKind::Grammar
        | FailureKind::NoVision => 400,
        FailureKind::Authentication => 401,
        FailureKind::Billing => 402,
        FailureKind::Permission => 403,
        FailureKind::NotFound => 404,
        FailureKind::TooLarge => 413,
        FailureKind::RateLimit => 429,
        FailureKind::Api => 500,
        FailureKind::Timeout => 504,
        FailureKind::Overloaded => 529,
    }
}

const fn kind(kind: &FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidRequest
        | FailureKind::PromptTooLong { .. }
        | FailureKind::Grammar
        | FailureKind::NoVision => "invalid_request_error",
        FailureKind::Authentication => "authentication_error",
        FailureKind::Billing => "billing_error",
        FailureKind::Permission => "permission_error",
        FailureKind::NotFound => "not_found_error",
        FailureKind::TooLarge => "request_too_large",
        FailureKind::RateLimit => "rate_limit_error",
        FailureKind::Api => "api_error",
        FailureKind::Timeout => "timeout_error",
        FailureKind::Overloaded => "overloaded_error",
    }
}

/// Claude Code compacts only when it reads this wording, and lowers `max_tokens` only on the other one.
fn message(failure: &Failure) -> String {
    let FailureKind::PromptTooLong { tokens, maximum } = failure.kind else { return failure.message.clone() };
    let words = &failure.message;
    if words.contains("input length and") && words.contains("exceed context limit") {
        return words.clone();
    }
    match (tokens, maximum) {
        (Some(tokens), Some(maximum)) => format!("prompt is too long: {tokens} tokens > {maximum} maximum"),
        (None, Some(maximum)) => {
            format!("prompt is too long: unknown tokens > {maximum} maximum (capability_rejected: prompt_too_long)")
        }
        (Some(tokens), None) => {
            format!("prompt is too long: {tokens} tokens > unknown maximum (capability_rejected: prompt_too_long)")
        }
        (None, None) => format!("prompt is too long (capability_rejected: prompt_too_long): {words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(kind: FailureKind) -> (u16, serde_json::Value) {
        let (status, body) = encode(&Failure::new(kind, "it \"broke\""), "req_1");
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn every_kind_has_its_status_and_type() {
        for (kind, status, name) in [
            (FailureKind::InvalidRequest, 400, "invalid_request_error"),
            (FailureKind::Grammar, 400, "invalid_request_error"),
            (FailureKind::NoVision, 400, "invalid_request_error"),
            (FailureKind::Authentication, 401, "authentication_error"),
            (FailureKind::Billing, 402, "billing_error"),
            (FailureKind::Permission, 403, "permission_error"),
            (FailureKind::NotFound, 404, "not_found_error"),
            (FailureKind::TooLarge, 413, "request_too_large"),
            (FailureKind::RateLimit, 429, "rate_limit_error"),
            (FailureKind::Api, 500, "api_error"),
            (FailureKind::Timeout, 504, "timeout_error"),
            (FailureKind::Overloaded, 529, "overloaded_error"),
        ] {
            let (got, body) = encoded(kind.clone());
            assert_eq!(got, status);
            let wanted = serde_json::json!({
                "type": "error", "error": {"type": name, "message": "it \"broke\""}, "request_id": "req_1"
            });
            assert_eq!(body, wanted);
            assert_eq!(
                decode(status, &body.to_string()).kind,
                if status == 400 { FailureKind::InvalidRequest } else { kind }
            );
        }
    }

    #[test]
    fn an_overflow_has_the_wording_that_makes_the_client_compact() {
        let say = |tokens, maximum| {
            let (status, body) = encoded(FailureKind::PromptTooLong { tokens, maximum });
            assert_eq!(status, 400);
            body["error"]["message"].as_str().unwrap().to_owned()
        };
        assert_eq!(say(Some(9000), Some(8192)), "prompt is too long: 9000 tokens > 8192 maximum");
        for message in [say(None, Some(8192)), say(Some(9000), None), say(None, None)] {
            assert!(message.starts_with("prompt is too long"), "{message}");
            assert!(message.contains("capability_rejected: prompt_too_long"), "{message}");
        }
    }

    #[test]
    fn the_wording_that_lowers_max_tokens_is_kept() {
        let words = "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000";
        let failure = decode(
            400,
            &serde_json::json!({"type":"error","error":{"type":"invalid_request_error","message":words}}).to_string(),
        );
        assert_eq!(failure.kind, FailureKind::PromptTooLong { tokens: Some(210_000), maximum: Some(200_000) });
        let (_, body) = encode(&failure, "req_1");
        assert!(String::from_utf8(body).unwrap().contains(words));
    }
}
