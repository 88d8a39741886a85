//! Why a server refuses a request; each profile finds its own words and shape for it.

/// A refusal by cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The body is no JSON, or breaks a rule; the message says which.
    Invalid(String),
    /// A body that breaks the chat template; the message is the template's own.
    Template(String),
    /// No key, or a wrong one.
    Key { missing: bool },
    /// A model this server does not have.
    UnknownModel(String),
    /// LM Studio with just-in-time loading off and nothing loaded.
    NothingLoaded,
    /// The prompt is longer than the window, in tokens.
    Overflow { tokens: u64, window: u64 },
    /// Prompt and output together are longer than the window.
    OverflowWithOutput { tokens: u64, output: u64, window: u64 },
    /// A picture for a text-only model.
    NoImages,
    /// A schema the grammar compiler cannot take; the keyword.
    Grammar(String),
    /// Path or method this server does not have.
    NoRoute,
    /// A scripted failure.
    Scripted { status: u16, message: String },
}
