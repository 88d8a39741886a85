//! Anthropic Messages (`POST /v1/messages`): the protocol the hub is shaped after.

use crate::text::Text;

pub mod decode;
pub mod encode;
pub mod error;
pub mod patch;
pub mod stream;

/// Signature of thinking blocks that we made from a local model's reasoning. Anthropic would refuse it,
/// so blocks that carry it are left out when the conversation goes there.
pub const MINTED_SIGNATURE: &str = "branchline";

/// Whether a signature cannot be Anthropic's: none at all, ours, or a UUID as vLLM makes them.
/// Anthropic's are base64, which has no hyphen.
#[must_use]
pub fn is_foreign_signature(signature: &Text<'_>) -> bool {
    let signature = signature.as_escaped();
    signature.is_empty()
        || signature.starts_with(MINTED_SIGNATURE)
        || (signature.len() == 36 && signature.contains('-'))
}
