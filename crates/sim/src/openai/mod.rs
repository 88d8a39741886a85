//! Chat Completions: what a request must obey, and how an answer is written.

pub(crate) mod check;
pub(crate) mod messages;
pub(crate) mod render;
