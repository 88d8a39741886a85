//! What a backend's error answer means, whatever shape and wording it has. Shared by all codecs.
//!
//! Wordings are matched here and nowhere else: backends say "too long" in twenty ways,
//! and the client recovers only from one of them.

use serde_json::Value;

use crate::hub::{Failure, FailureKind};

/// Longest message that is kept, in characters.
const MAX_MESSAGE: usize = 1000;

/// Wordings of a prompt that does not fit, in lower case.
const OVERFLOW: &[&str] = &[
    "prompt is too long",
    "prompt_too_long",
    "context_length_exceeded",
    "maximum context length",
    "model's maximum context limit",
    "exceed context limit",
    "requested token count exceeds",
    "is longer than the model's context length",
    "input tokens exceed the configured limit",
    "exceeds the available context size",
    "exceed_context_size",
    "exceeds the maximum number of tokens allowed",
    "maximum input length is",
    "input too long",
    "input is too long",
    "trying to keep the first",
    "reached context length of",
    "context size has been exceeded",
    "model_max_prompt_tokens_exceeded",
    // Ollama's own words.
    "longer than the context length currently available",
    "input length exceeds the context length",
    "exceeds maximum context length",
];

/// Wordings that only together mean that a prompt does not fit.
const OVERFLOW_PAIRS: &[(&str, &str)] =
    &[("current length is", "while limit is"), ("prompt token count of", "exceeds the limit of")];

/// Wordings of a grammar builder that refuses a tool schema (lmstudio-ai/lmstudio-bug-tracker#2220,
/// anthropics/claude-code#82495).
const GRAMMAR: &[&str] = &[
    "failed to parse grammar",
    "failed to initialize grammar",
    "failed to initialize samplers",
    "error parsing grammar",
    "invalid grammar",
    "number of repetitions exceeds sane defaults",
    "json schema conversion failed",
    "unable to generate parser for this template",
];

/// Wordings of a model that cannot see.
const NO_VISION: &[&str] = &[
    "does not support image",
    "do not support image",
    "doesn't support image",
    "does not support vision",
    "image input is not supported",
    "images are not supported",
    "is not a multimodal model",
    "support image input",
    "missing the mmproj",
];

/// Finds the cause behind an answer. `code` is `error.code`, `kind` is `error.type` or Google's `error.status`.
#[must_use]
pub fn classify(status: u16, message: &str, code: Option<&str>, kind: Option<&str>) -> FailureKind {
    let words = [message, code.unwrap_or_default(), kind.unwrap_or_default()].join("\n").to_lowercase();
    let says = |list: &[&str]| list.iter().any(|wording| words.contains(wording));
    if says(OVERFLOW) || OVERFLOW_PAIRS.iter().any(|(a, b)| words.contains(a) && words.contains(b)) {
        let (tokens, maximum) = overflow_numbers(message);
        return FailureKind::PromptTooLong { tokens, maximum };
    }
    if says(GRAMMAR) {
        return FailureKind::Grammar;
    }
    if says(NO_VISION) {
        return FailureKind::NoVision;
    }
    // LM Studio answers what it does not know with status 200.
    if words.contains("unexpected endpoint or method") {
        return FailureKind::NotFound;
    }
    code.and_then(by_code).or_else(|| kind.and_then(by_code)).unwrap_or_else(|| by_status(status, kind))
}

/// Causes that a machine-readable code says more exactly than the status.
fn by_code(code: &str) -> Option<FailureKind> {
    Some(match code {
        "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => FailureKind::Authentication,
        "billing_error" | "insufficient_quota" | "billing_hard_limit_reached" => FailureKind::Billing,
        "permission_error" | "permission_denied" | "PERMISSION_DENIED" => FailureKind::Permission,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => FailureKind::NotFound,
        "request_too_large" => FailureKind::TooLarge,
        "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => FailureKind::RateLimit,
        "timeout_error" | "timeout" | "DEADLINE_EXCEEDED" => FailureKind::Timeout,
        "overloaded_error" | "overloaded" | "unavailable_error" | "UNAVAILABLE" => FailureKind::Overloaded,
        "invalid_tool_schema" => FailureKind::Grammar,
        "unsupported_image" => FailureKind::NoVision,
        "INVALID_ARGUMENT" => FailureKind::InvalidRequest,
        _ => return None,
    })
}

fn by_status(status: u16, kind: Option<&str>) -> FailureKind {
    match status {
        401 => FailureKind::Authentication,
        402 => FailureKind::Billing,
        403 => FailureKind::Permission,
        404 => FailureKind::NotFound,
        408 | 504 => FailureKind::Timeout,
        413 => FailureKind::TooLarge,
        429 => FailureKind::RateLimit,
        503 | 529 => FailureKind::Overloaded,
        // "It is the server's fault" says less than a status for a cause, and more than 400.
        400..=499 if matches!(kind, Some("api_error" | "server_error" | "INTERNAL")) => FailureKind::Api,
        400..=499 => FailureKind::InvalidRequest,
        _ if kind == Some("invalid_request_error") => FailureKind::InvalidRequest,
        _ => FailureKind::Api,
    }
}

/// Prompt and window of an overflow that is the answer's alone: the prompt fits, the limit asked for does not fit behind it.
/// vLLM says it in two ways, by version.
#[must_use]
pub fn answer_too_long(message: &str) -> Option<(u64, u64)> {
    let window = number_behind(message, "maximum context length is ")?;
    let prompt = number_before(message, " in the messages").or_else(|| number_behind(message, "your request has "))?;
    (prompt < window).then_some((prompt, window))
}

fn number_behind(message: &str, words: &str) -> Option<u64> {
    let (_, rest) = message.split_once(words)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn number_before(message: &str, words: &str) -> Option<u64> {
    let (rest, _) = message.split_once(words)?;
    let start = rest.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    rest.get(start..)?.parse().ok()
}

/// Tokens and limit from an overflow message. An overflow has more tokens than its limit, so of the
/// two numbers the larger one is the prompt, in whatever order they stand.
fn overflow_numbers(message: &str) -> (Option<u64>, Option<u64>) {
    let numbers = numbers(message);
    // "input length and `max_tokens` exceed context limit: A + B > C"
    if message.contains(" + ") && message.contains(" > ") && numbers.len() >= 3 {
        return (numbers[0].checked_add(numbers[1]), Some(numbers[2]));
    }
    match numbers[..] {
        [] => (None, None),
        [only] => (None, Some(only)),
        [one, two, ..] => (Some(one.max(two)), Some(one.min(two))),
    }
}

/// Numbers that stand alone: no parts of model names, no HTTP status.
fn numbers(message: &str) -> Vec<u64> {
    let bytes = message.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && is_number_part(bytes, at) {
            at += 1;
        }
        let joined = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let before = start.checked_sub(1).and_then(|n| bytes.get(n));
        if joined(before) || before == Some(&b'.') || joined(bytes.get(at)) {
            continue;
        }
        let digits: String = message[start..at].chars().filter(char::is_ascii_digit).collect();
        let is_status = digits.len() == 3 && !message[at..].trim_start().starts_with("token");
        if let Ok(number) = digits.parse::<u64>()
            && !(is_status && (400..600).contains(&number))
        {
            found.push(number);
        }
    }
    found
}

/// A digit, or a thousands separator between digits.
fn is_number_part(bytes: &[u8], at: usize) -> bool {
    bytes[at].is_ascii_digit()
        || (bytes[at] == b',' && bytes.get(at + 1..at + 4).is_some_and(|next| next.iter().all(u8::is_ascii_digit)))
}

/// Reads an error body of any shape: Anthropic's and OpenAI's envelope, llama.cpp's bare one, `{"error":"text"}`,
/// `{"detail":…}`, a list of envelopes (Gemini), HTML, plain text, nothing.
#[must_use]
pub fn read(status: u16, body: &str) -> Failure {
    let text = body.trim_start_matches('\u{feff}').trim();
    match serde_json::from_str::<Value>(text) {
        Ok(value) => from_value(status, &value),
        Err(_) if text.is_empty() => plain(status, "an empty answer"),
        Err(_) if is_html(text) => plain(status, &html_words(text)),
        Err(_) => plain(status, text),
    }
}

/// Reads a parsed error body, or the data of an error event in a stream.
#[must_use]
pub fn from_value(status: u16, value: &Value) -> Failure {
    let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
    let error = value.get("error").unwrap_or(value);
    let word = |key: &str| error.get(key).and_then(Value::as_str).or_else(|| value.get(key).and_then(Value::as_str));
    let words = [error.as_str(), word("message"), word("detail")].into_iter().flatten();
    let message =
        words.map(str::trim).find(|words| !words.is_empty()).map_or_else(|| detail_words(value), str::to_owned);
    let code = word("code");
    let kind = error.get("status").and_then(Value::as_str).or_else(|| error.get("type").and_then(Value::as_str));
    // OpenRouter sends the status as `code` under HTTP 200.
    let inner = error.get("code").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
    let effective = if status < 400 { inner.filter(|n| (400..600).contains(n)).unwrap_or(status) } else { status };
    let mut cause = classify(effective, &message, code, kind);
    if let FailureKind::PromptTooLong { tokens, maximum } = &mut cause {
        *tokens = error.get("n_prompt_tokens").and_then(Value::as_u64).or(*tokens);
        *maximum = error.get("n_ctx").and_then(Value::as_u64).or(*maximum);
    }
    Failure {
        kind: cause,
        message: shorten(&message),
        status: known(effective),
        code: code.or(kind).map(str::to_owned),
    }
}

/// Words from FastAPI's `{"detail":[{"loc":…,"msg":…}]}`, or a notice that there are none.
fn detail_words(value: &Value) -> String {
    let first = value.get("detail").and_then(|detail| detail.get(0));
    match first.and_then(|entry| entry.get("msg")).and_then(Value::as_str) {
        Some(words) => words.to_owned(),
        None => "an error without a message".to_owned(),
    }
}

fn plain(status: u16, message: &str) -> Failure {
    Failure {
        kind: classify(status, message, None, None),
        message: shorten(message),
        status: known(status),
        code: None,
    }
}

fn known(status: u16) -> Option<u16> {
    (status != 0).then_some(status)
}

fn is_html(text: &str) -> bool {
    let start: String = text.chars().take(200).collect::<String>().to_lowercase();
    start.starts_with('<') && (start.contains("<html") || start.contains("<!doctype") || start.contains("<head"))
}

/// The title of a page, as far as there is one: all that a proxy's error page is worth.
fn html_words(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + 7).and_then(|from| {
        let to = lower[from..].find("</title>")? + from;
        text.get(from..to).map(str::trim).filter(|title| !title.is_empty())
    });
    title.map_or_else(|| "an HTML page".to_owned(), |title| format!("an HTML page: {title}"))
}

fn shorten(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
