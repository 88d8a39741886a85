//! OpenAI Chat Completions, and the servers that speak it in their own ways.

pub mod decode;
pub mod encode;
pub mod error;
pub mod ollama;
pub mod patch;
pub(super) mod read;
pub mod stream;
