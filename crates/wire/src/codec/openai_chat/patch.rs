//! An OpenAI chat request changed in place.

use crate::Dialect;
use crate::codec::Encoded;
use crate::hub::Request;

/// Writes the request again, touched members anew.
#[must_use]
pub fn request(_request: &Request<'_>, _dialect: &Dialect) -> Encoded {
    Encoded::default()
}
