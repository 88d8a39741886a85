//! What command line clients from npm's registry have in common: how they are found, and what they are run in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::client::{self, ClientError};

/// A command line client that npm installs.
#[derive(Debug)]
pub(crate) struct NpmClient {
    /// As people call it.
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// What the package's program is called.
    pub(crate) program: &'static str,
    /// The release the tests were written against.
    pub(crate) version: &'static str,
    /// Begins the variables with which somebody asks for a program of his own (`_BIN`) or another release (`_VERSION`).
    pub(crate) variable: &'static str,
}

impl NpmClient {
    /// The program somebody named, else the one in the cache, installed there when it is missing.
    pub(crate) async fn find(&'static self) -> Result<PathBuf, ClientError> {
        if let Some(program) = std::env::var_os(format!("{}_BIN", self.variable)) {
            return Ok(program.into());
        }
        let asked = std::env::var(format!("{}_VERSION", self.variable));
        let version = asked.unwrap_or_else(|_| self.version.to_owned());
        client::unhurried(move || self.install(&version)).await
    }

    fn install(&self, version: &str) -> Result<PathBuf, ClientError> {
        let package = format!("{}@{version}", self.package);
        let (_, stem) = self.package.rsplit_once('/').unwrap_or(("", self.package));
        let folder = client::install_once(self.name, &format!("{stem}-{version}"), &package, |folder| {
            client::install_step(self.name, Path::new("npm"), |npm| {
                // Some packages put their native program in place in an install step, so a user's `ignore-scripts`
                // must not apply; they run on older Node than `engines` says.
                npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts=false", "--engine-strict=false"])
                    .arg("--prefix")
                    .arg(folder)
                    .arg(&package);
            })
        })?;
        Ok(folder.join("node_modules/.bin").join(self.program))
    }
}

/// An environment with nothing of the developer's own but where programs are: everything a client writes is below
/// `home`, and the network ends at this machine. `own` is what the client wants besides.
pub(crate) fn clean_environment(home: &Path, own: &[(&str, OsString)]) -> Vec<(OsString, OsString)> {
    let inherited = ["PATH", "SYSTEMROOT"].into_iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
    let folders = [("HOME", home.to_owned()), ("TMPDIR", home.join("tmp"))];
    let fixed = [
        ("LANG", "C.UTF-8"),
        ("SHELL", "/bin/sh"),
        ("TERM", "dumb"),
        // Whatever a new release may want from outside ends at a closed port of this machine.
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("NO_PROXY", "127.0.0.1,localhost"),
    ];
    let own = own.iter().map(|(name, value)| (name.into(), value.clone()));
    let folders = folders.map(|(name, path)| (name.into(), path.into_os_string()));
    inherited.chain(folders).chain(fixed.map(|(name, value)| (name.into(), value.into()))).chain(own).collect()
}
