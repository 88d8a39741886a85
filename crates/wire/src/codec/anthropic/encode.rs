//! stub
use crate::{
    Dialect,
    codec::Encoded,
    hub::{Request, Response},
};
/// Writes a request.
#[must_use]
pub fn request(_request: &Request<'_>, _dialect: &Dialect) -> Encoded {
    Encoded::default()
}
/// Writes a response.
#[must_use]
pub fn response(_response: &Response<'_>) -> Vec<u8> {
    Vec::new()
}
