//! The one shape of an error at this door: `{code, message, hint}`.

use branchline_proxy::{Fault, store};
use branchline_settings::SettingsError;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why a command did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ControlError {
    /// Stable, for programs: `unknown_command`, `invalid_settings`, `not_found`…
    pub code: String,
    /// What failed, with the value.
    pub message: String,
    /// The next step, where there is one.
    pub hint: Option<String>,
}

/// What a command returns.
pub type Result<T> = std::result::Result<T, ControlError>;

impl std::fmt::Display for ControlError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for ControlError {}

impl ControlError {
    /// An error with its next step.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: Some(hint.into()) }
    }

    /// There is nothing of this name.
    pub(crate) fn not_found(what: &str, name: &str, hint: &str) -> Self {
        Self::new("not_found", format!("there is no {what} `{name}`"), hint)
    }

    /// Work on another thread that did not come to its end.
    pub(crate) fn broken_off() -> Self {
        Self::new("internal", "the work was broken off", "try again; the log names the cause")
    }
}

impl From<SettingsError> for ControlError {
    fn from(error: SettingsError) -> Self {
        let hint = error.hint();
        Self::new(error.code(), in_full(&error), hint)
    }
}

impl From<store::Error> for ControlError {
    fn from(error: store::Error) -> Self {
        Self::new(error.code(), in_full(&error), error.hint())
    }
}

impl From<Fault> for ControlError {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code.to_owned(), message: fault.to_string(), hint: fault.hint }
    }
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
