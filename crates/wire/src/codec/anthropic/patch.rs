//! stub
use crate::{Dialect, codec::Encoded, hub::Request};
/// Writes a request.
#[must_use]
pub fn request(_request: &Request<'_>, _dialect: &Dialect) -> Encoded {
    Encoded::default()
}
