//! Why a benchmark cannot go on.

/// Why a benchmark cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// An answer, or a request as the upstream got it, is not what it should be.
    #[error("wrong: {0}")]
    Wrong(String),
    /// A program that is measured does not run.
    #[error("{0}")]
    Program(String),
    /// The command line.
    #[error("{0}")]
    Usage(String),
    /// Files, processes, sockets.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A call failed.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// Something is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

pub(crate) type Result<T> = std::result::Result<T, BenchError>;

/// An answer that is not right.
pub(crate) fn wrong<T>(what: impl Into<String>) -> Result<T> {
    Err(BenchError::Wrong(what.into()))
}
