//! `[never_cloud]` and `[projects]`: what stays on the user's own machines, and whose settings are trusted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Requests that must never leave the user's own machines. Wins over everything else, forced routes included;
/// what no local model can take is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NeverCloudSettings {
    /// Words, `*` for any letters, or regular expressions between slashes; looked for in everything a model would read.
    pub texts: Vec<String>,
    /// Files and folders, such as "secrets", "*.pem", "~/clients/acme"; a request counts when it names one anywhere.
    pub paths: Vec<String>,
    /// Working folders: every request of a client that works there or below.
    pub projects: Vec<String>,
    /// Why not all of this could be read, in words: then every request stays. Never written to a file.
    #[serde(skip)]
    pub unread: Option<String>,
}

impl NeverCloudSettings {
    /// Rules that could not be read: nothing leaves before they can be.
    #[must_use]
    pub fn unread(why: impl Into<String>) -> Self {
        Self { unread: Some(why.into()), ..Self::default() }
    }
}

/// Folders with settings of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProjectsSettings {
    /// Folders whose `.branchline.toml` is honoured, for themselves and what lies below. `branchline trust DIR` adds one.
    pub trusted: Vec<String>,
}
