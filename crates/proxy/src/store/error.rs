//! What can go wrong in the store, by cause.

use std::{fmt, io, path::PathBuf};

/// Errors of the store. No variant carries a row's content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the database {} could not be opened", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("the database's folder or file {} could not be prepared", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the damaged database {} could not be moved aside", path.display())]
    MoveAside {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the database file is damaged")]
    Damaged,
    #[error("the database has schema {found}, this version knows schemas up to {known}")]
    NewerSchema { found: i64, known: i64 },
    #[error("the database's tables could not be brought up to date")]
    Migrate(#[source] rusqlite_migration::Error),
    #[error("the database failed to {action}")]
    Query {
        /// Completes "failed to …".
        action: &'static str,
        #[source]
        source: rusqlite::Error,
    },
    #[error("record {id} could not be turned to or from JSON")]
    Json {
        id: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the store's thread could not be started")]
    Thread(#[source] io::Error),
    #[error("the store is closed")]
    Closed,
}

/// Shorthand for results of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Stable word for clients.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "store_open",
            Self::Folder { .. } => "store_folder",
            Self::MoveAside { .. } => "store_move_aside",
            Self::Damaged => "store_damaged",
            Self::NewerSchema { .. } => "store_newer_schema",
            Self::Migrate(_) => "store_migrate",
            Self::Query { .. } => "store_query",
            Self::Json { .. } => "store_json",
            Self::Thread(_) => "store_thread",
            Self::Closed => "store_closed",
        }
    }

    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Open { .. } | Self::Folder { .. } => {
                "check that the data folder exists and can be written, or pass another with --data-dir"
            }
            Self::MoveAside { .. } => "move the file away by hand, or pass another --data-dir",
            Self::Damaged => "the damaged file lies beside the new one, named *.corrupt-<time>",
            Self::NewerSchema { .. } => "a newer Branchline wrote it: update this one, or pass another --data-dir",
            Self::Migrate(_) => "pass another --data-dir to start with an empty database",
            Self::Query { .. } => "check the free space of the disk and the log for the cause",
            Self::Json { .. } => "the other records are not affected",
            Self::Thread(_) => "the system is out of threads or memory",
            Self::Closed => "the engine is shutting down",
        }
    }

    /// Whether the database file itself is damaged, so that only a new one helps.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged => true,
            Self::Open { source, .. } | Self::Query { source, .. } => is_damage(source),
            Self::Migrate(rusqlite_migration::Error::RusqliteError { err, .. }) => is_damage(err),
            // Only a damaged header gives a negative version: nobody writes one.
            Self::Migrate(rusqlite_migration::Error::InvalidUserVersion) => true,
            _ => false,
        }
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// An error with its sources, in one line of the log.
pub(super) struct CauseChain<'a>(pub(super) &'a dyn std::error::Error);

impl fmt::Display for CauseChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
