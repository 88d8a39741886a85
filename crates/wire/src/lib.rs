//! Wire protocols without I/O: the hub model, codecs, SSE framing, token estimate.
//!
//! Nothing here opens a socket, reads a clock or logs. What could not be carried from one protocol
//! to another is said in `Dropped`.

pub mod codec;
pub mod collect;
pub mod edit;
pub mod failure;
pub mod hub;
pub mod ids;
pub mod json;
pub mod protocol;
pub mod recover;
pub mod repair;
mod scan;
pub mod schema;
pub mod sse;
pub mod text;
pub mod tokens;

pub use protocol::{Dialect, Protocol, Upstream};
