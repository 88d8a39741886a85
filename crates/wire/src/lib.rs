//! Wire protocols without I/O: the hub model, codecs, SSE framing, token estimate.
//!
//! Nothing here opens a socket, reads a clock or logs. What could not be carried from one protocol
//! to another is said in `Dropped`.

pub mod protocol;
pub use protocol::{Dialect, Protocol};
