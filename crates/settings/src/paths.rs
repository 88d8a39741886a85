//! Where settings and data live.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use crate::error::{Result, SettingsError};

/// Where settings and data live. Nothing is created by asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The user's settings file.
    pub config_file: PathBuf,
    /// Folder of the database, the tokens and the log.
    pub data_dir: PathBuf,
}

impl Paths {
    /// The folders of this platform, over them `BRANCHLINE_CONFIG` (a file) and `BRANCHLINE_DATA` (a folder),
    /// over those what was asked for (`--config`, `--data-dir`).
    ///
    /// # Errors
    /// The platform names no home and not both paths are given.
    pub fn find(config_file: Option<PathBuf>, data_dir: Option<PathBuf>) -> Result<Self> {
        Self::find_in(config_file, data_dir, |name| std::env::var_os(name))
    }

    fn find_in(
        config_file: Option<PathBuf>,
        data_dir: Option<PathBuf>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self> {
        let from_env = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config_file = config_file.or_else(|| from_env("BRANCHLINE_CONFIG"));
        let data_dir = data_dir.or_else(|| from_env("BRANCHLINE_DATA"));
        let platform = || ProjectDirs::from("", "", "branchline").ok_or(SettingsError::NoHome);
        Ok(Self {
            config_file: match config_file {
                Some(file) => file,
                None => platform()?.config_dir().join("settings.toml"),
            },
            data_dir: match data_dir {
                Some(folder) => folder,
                None => platform()?.data_local_dir().to_owned(),
            },
        })
    }

    /// Everything in one folder, for tests and `--demo`.
    #[must_use]
    pub fn inside(folder: &Path) -> Self {
        Self { config_file: folder.join("settings.toml"), data_dir: folder.join("data") }
    }

    /// Token of the control interface, mode 0600.
    #[must_use]
    pub fn control_token_file(&self) -> PathBuf {
        self.data_dir.join("control-token")
    }

    /// Token of the clients, mode 0600.
    #[must_use]
    pub fn client_token_file(&self) -> PathBuf {
        self.data_dir.join("client-token")
    }

    /// Records and image descriptions.
    #[must_use]
    pub fn database_file(&self) -> PathBuf {
        self.data_dir.join("branchline.sqlite3")
    }

    /// Folder of the log files.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.data_dir.join("log")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_platform() {
        let env = |name: &str| (name == "BRANCHLINE_CONFIG").then(|| OsString::from("from-env.toml"));
        let data = || Some(PathBuf::from("data"));
        let paths = Paths::find_in(Some("from-flag.toml".into()), data(), env).unwrap();
        assert_eq!(paths.config_file, PathBuf::from("from-flag.toml"));
        let paths = Paths::find_in(None, data(), env).unwrap();
        assert_eq!(paths.config_file, PathBuf::from("from-env.toml"));
        assert_eq!(paths.control_token_file(), PathBuf::from("data/control-token"));
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let with_empty = Paths::find_in(None, Some("d".into()), |_| Some(OsString::new()));
        let without = Paths::find_in(None, Some("d".into()), |_| None);
        assert_eq!(with_empty.ok(), without.ok());
    }
}
