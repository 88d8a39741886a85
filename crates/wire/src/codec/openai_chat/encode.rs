//! The hub to OpenAI Chat Completions.

use crate::Dialect;
use crate::codec::Encoded;
use crate::hub::{Request, Response};

/// Writes a request.
#[must_use]
pub fn request(_request: &Request<'_>, _dialect: &Dialect) -> Encoded {
    Encoded::default()
}

/// Writes a whole answer.
#[must_use]
pub fn response(_response: &Response<'_>) -> Vec<u8> {
    Vec::new()
}
