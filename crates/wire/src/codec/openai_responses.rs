//! OpenAI Responses (`POST /v1/responses`), as clients speak it: Codex, and the official SDKs.
//!
//! Backends are not asked in it ([`crate::Upstream`]), so there is no `patch`, and nothing here writes a request.
//! What is read of answers is what is written here: a kept answer shall be told again. Answers are not stored, so
//! what refers to one (`previous_response_id`, `conversation`, `item_reference`) is refused.

pub mod decode;
pub mod encode;
pub mod error;
pub mod stream;
