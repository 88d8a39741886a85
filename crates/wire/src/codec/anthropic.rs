//! Anthropic Messages (`POST /v1/messages`): the protocol the hub is shaped after.

pub mod decode;
pub mod encode;
pub mod error;
pub mod patch;
pub mod stream;

/// Signature of thinking blocks that we made from a local model's reasoning. Anthropic would refuse it,
/// so blocks that carry it are left out when the conversation goes there.
pub const MINTED_SIGNATURE: &str = "branchline";
