//! OpenAI Chat Completions to the hub.

use crate::codec::DecodeError;
use crate::hub::{Failure, Request, Response};

/// Reads a request.
///
/// # Errors
/// When the body is no chat request.
pub fn request(body: &str) -> Result<Request<'_>, DecodeError> {
    crate::json::Json::check(body)?;
    Ok(Request::default())
}

/// Reads a whole answer.
///
/// # Errors
/// When the body is no chat answer.
pub fn response(_body: &str) -> Result<Response<'_>, Failure> {
    Ok(Response::default())
}
