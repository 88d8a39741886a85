//! The errors of this crate, by cause. The message names what failed; `hint` names the next step.

use std::path::PathBuf;

use crate::load::Problem;

/// What can go wrong with settings, keys and tokens. No variant holds a key or a token.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A text is no base URL.
    #[error("\"{text}\" is no base URL: {reason}")]
    BaseUrl {
        /// What was written, without user name and password.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text is no path of a setting.
    #[error("\"{path}\" is not the path of a setting: {reason}")]
    KeyPath {
        /// What was asked for.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings do not check; nothing was written.
    #[error("{}", describe(.problems))]
    Invalid {
        /// Everything that is wrong, not the first only.
        problems: Vec<Problem>,
    },
    /// A value has no form in a settings file.
    #[error("the value of {path} cannot be written: {reason}")]
    Unwritable {
        /// Path of the setting.
        path: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The platform names no home for this user.
    #[error("this user has no home folder, so there is no place for settings and data")]
    NoHome,
    /// A token file does not hold a token.
    #[error("{} does not hold a token", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {reason}")]
    Random {
        /// What the system says.
        reason: String,
    },
    /// A backend name that cannot have a key.
    #[error("\"{name}\" is not the name of a backend")]
    BackendName {
        /// The name.
        name: String,
    },
    /// A key that cannot be sent in a header.
    #[error("this is not a key for {backend}: {reason}")]
    BadKey {
        /// The backend.
        backend: String,
        /// What is wrong with the key (never the key).
        reason: &'static str,
    },
    /// There is no keyring on this machine, or it does not answer.
    #[error("the system's keyring cannot be reached: {reason}")]
    KeyringUnavailable {
        /// What the platform says.
        reason: String,
    },
    /// The keyring is there but stays locked.
    #[error("the system's keyring is locked: {reason}")]
    KeyringLocked {
        /// What the platform says.
        reason: String,
    },
    /// The keyring refuses one entry.
    #[error("the keyring entry of {backend} cannot be used: {reason}")]
    KeyringEntry {
        /// The backend.
        backend: String,
        /// What the platform says; never the content.
        reason: String,
    },
}

impl SettingsError {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BaseUrl { .. } => "bad_base_url",
            Self::KeyPath { .. } => "unknown_setting",
            Self::Invalid { .. } => "invalid_settings",
            Self::Unwritable { .. } => "unwritable_value",
            Self::Read { .. } => "unreadable_file",
            Self::Write { .. } => "unwritable_file",
            Self::NoHome => "no_home",
            Self::TokenFile { .. } => "bad_token_file",
            Self::Random { .. } => "no_random_numbers",
            Self::BackendName { .. } => "bad_backend_name",
            Self::BadKey { .. } => "bad_key",
            Self::KeyringUnavailable { .. } => "keyring_unavailable",
            Self::KeyringLocked { .. } => "keyring_locked",
            Self::KeyringEntry { .. } => "keyring_entry",
        }
    }

    /// What the user can do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::BaseUrl { .. } => {
                "write http:// or https://, host and port, for example \"http://127.0.0.1:1234\"".to_owned()
            }
            Self::KeyPath { .. } => {
                "write the sections with dots, for example \"routing.threshold\"; names with dots go in quotes"
                    .to_owned()
            }
            Self::Invalid { problems } => problems.first().map_or_else(String::new, |problem| problem.hint.clone()),
            Self::Unwritable { .. } => "use texts, numbers, true or false, lists and tables of them".to_owned(),
            Self::Read { .. } | Self::Write { .. } => {
                "check that the file and its folder belong to this user".to_owned()
            }
            Self::NoHome => "set BRANCHLINE_CONFIG to a file and BRANCHLINE_DATA to a folder".to_owned(),
            Self::TokenFile { .. } => "delete the file; the next start writes a new token".to_owned(),
            Self::Random { .. } => "try again; the system's random source is missing".to_owned(),
            Self::BackendName { .. } => "use letters, digits, \"-\" and \"_\" as in [backends.NAME]".to_owned(),
            Self::BadKey { .. } => "paste the key alone, on one line".to_owned(),
            Self::KeyringUnavailable { .. } => keyring_hint(),
            Self::KeyringLocked { .. } => {
                "unlock the keyring (log in to the desktop session), or set BRANCHLINE_KEY_<BACKEND>".to_owned()
            }
            Self::KeyringEntry { .. } => {
                "remove the entry in the system's key manager and set the key again".to_owned()
            }
        }
    }
}

fn keyring_hint() -> String {
    if cfg!(any(target_os = "macos", target_os = "windows")) {
        "set the key in the environment as BRANCHLINE_KEY_<BACKEND>".to_owned()
    } else {
        "start a Secret Service (gnome-keyring, KWallet or KeePassXC) in this session, \
         or set BRANCHLINE_KEY_<BACKEND>"
            .to_owned()
    }
}

fn describe(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// What this crate returns.
pub type Result<T> = std::result::Result<T, SettingsError>;
