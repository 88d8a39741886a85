//! Anthropic Messages: what a request must obey, and how an answer is written.

pub(crate) mod blocks;
pub(crate) mod check;
pub(crate) mod render;
