//! Streamed answers, both directions.
//!
//! The decoder is one machine over parts that appear in any order and mix; the hub's blocks are sequential.
//! So the first unfinished part streams, what comes for later ones waits behind it.

mod chunk;
mod decoder;
mod encoder;
mod scan;

pub(super) use chunk::{CallDelta, Delta, read_delta, read_usage, stop_reason};
pub use decoder::Decoder;
pub(super) use decoder::{call_id, tool_reason};
pub use encoder::Encoder;
pub(super) use scan::Scan;

#[cfg(test)]
mod tests;
