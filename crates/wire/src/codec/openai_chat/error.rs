//! OpenAI error envelopes.

use crate::hub::{Failure, FailureKind};

/// Reads an error answer.
#[must_use]
pub fn decode(_status: u16, _body: &str) -> Failure {
    Failure::new(FailureKind::Api, "")
}

/// Writes an error answer.
#[must_use]
pub fn encode(_failure: &Failure, _request_id: &str) -> (u16, Vec<u8>) {
    (500, Vec::new())
}
