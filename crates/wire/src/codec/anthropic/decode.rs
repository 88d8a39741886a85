//! stub
use crate::{
    codec::DecodeError,
    hub::{Failure, FailureKind, Request, Response},
};
/// Reads a request.
/// # Errors
/// Always, for now.
pub fn request(_body: &str) -> Result<Request<'_>, DecodeError> {
    Err(DecodeError::new("body", "not yet"))
}
/// Reads a response.
/// # Errors
/// Always, for now.
pub fn response(_body: &str) -> Result<Response<'_>, Failure> {
    Err(Failure::new(FailureKind::Api, "not yet"))
}
