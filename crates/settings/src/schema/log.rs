//! `[log]`: what is written down, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is written down, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogSettings {
    /// Bodies of requests and answers: "off", "redacted" (structure without texts) or "full".
    pub bodies: Bodies,
    /// Days a record is kept (1 to 3650).
    pub keep_days: u32,
    /// Detail of the log file: "error", "warn", "info", "debug" or "trace".
    pub level: Level,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { bodies: Bodies::Off, keep_days: 14, level: Level::Info }
    }
}

/// How much of a body is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bodies {
    /// Nothing.
    #[default]
    Off,
    /// Structure and lengths, no texts.
    Redacted,
    /// Everything.
    Full,
}

/// Detail of the log file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Failures only.
    Error,
    /// And what looks wrong.
    Warn,
    /// And what happens.
    #[default]
    Info,
    /// And why.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// The name a log filter takes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
