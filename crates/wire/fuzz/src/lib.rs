//! What the fuzz targets check: one function per target, from any bytes to a panic where a law of the wire crate
//! is broken. `fuzz_targets/` feeds them with libFuzzer, `tests/fuzz_smoke.rs` with fixtures and simple mutations.

pub mod choices;
pub mod edits;
pub mod failures;
pub mod grammar;
pub mod json;
pub mod recoveries;
pub mod requests;
pub mod responses;
pub mod schemas;
pub mod streams;
pub mod texts;

/// A check: panics when a law is broken, and does nothing about input that is not for it.
pub type Check = fn(&[u8]);

/// All checks, by the names of their fuzz targets.
pub const TARGETS: [(&str, Check); 15] = [
    ("json", json::check),
    ("text", texts::check),
    ("anthropic_request", requests::anthropic),
    ("openai_request", requests::openai),
    ("responses_request", requests::responses),
    ("anthropic_response", responses::anthropic),
    ("openai_response", responses::openai),
    ("responses_response", responses::responses),
    ("anthropic_stream", streams::anthropic),
    ("openai_stream", streams::openai),
    ("responses_stream", streams::responses),
    ("failure", failures::check),
    ("schema", schemas::check),
    ("edit", edits::check),
    ("recover", recoveries::check),
];
