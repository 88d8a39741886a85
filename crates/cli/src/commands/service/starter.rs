//! Who starts programs from login on: systemd's or launchd's instance of this user, asked through its own program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::file;
use crate::error::{Error, Result};
use crate::typed;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starter {
    Systemd,
    Launchd,
}

impl Starter {
    /// That of this system.
    pub(super) fn here() -> Result<Self> {
        match std::env::consts::OS {
            "macos" => Ok(Self::Launchd),
            "windows" => Err(Error::usage(
                "Windows starts no programs of this kind for a user",
                format!(
                    "the app in the tray starts with Windows when its settings say so; without a window: schtasks \
                     /Create /TN Branchline /SC ONLOGON /TR \"{} serve\"",
                    typed::whole_program().replace('"', "\\\"")
                ),
            )),
            _ => Ok(Self::Systemd),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
        }
    }

    /// Where it looks for what a user wants started.
    pub(super) fn file(self) -> Result<PathBuf> {
        let home = || std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let moved = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let file = match self {
            Self::Systemd => moved
                .or_else(|| Some(home()?.join(".config")))
                .map(|folder| folder.join("systemd/user").join(file::UNIT)),
            Self::Launchd => home().map(|home| home.join(format!("Library/LaunchAgents/{}.plist", file::LABEL))),
        };
        file.ok_or_else(|| Error::usage("this user has no home folder", "set HOME"))
    }

    pub(super) fn text(self, words: &[OsString]) -> String {
        match self {
            Self::Systemd => file::unit(words),
            Self::Launchd => file::plist(words),
        }
    }

    /// Whether it can be asked at all: containers and many servers have none.
    pub(super) fn runs(self) -> bool {
        match self {
            Self::Systemd => self.ask(&["show-environment"]).is_some_and(|output| output.status.success()),
            Self::Launchd => self.ask(&["print", &domain()]).is_some_and(|output| output.status.success()),
        }
    }

    /// Whether it has started our service, or is about to start it again.
    pub(super) fn is_started(self) -> bool {
        let target = target();
        let question: &[&str] = match self {
            Self::Systemd => &["is-active", file::UNIT],
            Self::Launchd => &["print", &target],
        };
        let answer = self.ask(question);
        answer.is_some_and(|output| {
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            output.status.success() || said == "activating"
        })
    }

    /// From the next login on.
    pub(super) fn enable(self) -> Result<()> {
        match self {
            Self::Systemd => {
                self.must(&["daemon-reload"])?;
                self.must(&["enable", file::UNIT])
            }
            // launchd reads the folder at login by itself.
            Self::Launchd => Ok(()),
        }
    }

    /// From now on, with what is written now.
    pub(super) fn start(self, plist: &Path) -> Result<()> {
        self.enable()?;
        match self {
            Self::Systemd => self.must(&["restart", file::UNIT]),
            Self::Launchd => {
                // One that was loaded before would stay as it was; where none was this fails, and that is as good.
                self.ask(&["bootout", &target()]);
                self.must(&["bootstrap", &domain(), &plist.to_string_lossy()])
            }
        }
    }

    /// Now, and no more at login.
    pub(super) fn stop(self) -> Result<()> {
        match self {
            Self::Systemd => self.must(&["disable", "--now", file::UNIT]),
            Self::Launchd if self.is_started() => self.must(&["bootout", &target()]),
            Self::Launchd => Ok(()),
        }
    }

    /// The file is gone.
    pub(super) fn forget(self) -> Result<()> {
        match self {
            Self::Systemd => self.must(&["daemon-reload"]),
            Self::Launchd => Ok(()),
        }
    }

    pub(super) fn start_by_hand(self, plist: &Path) -> String {
        match self {
            Self::Systemd => format!("systemctl --user enable --now {}", file::UNIT),
            Self::Launchd => format!("launchctl bootstrap {} '{}'", domain(), plist.display()),
        }
    }

    pub(super) fn where_it_says_why(self, log: &Path) -> String {
        match self {
            Self::Systemd => format!("journalctl --user -u {} and {}", file::UNIT, log.display()),
            Self::Launchd => format!("launchctl print {} and {}", target(), log.display()),
        }
    }

    pub(super) const fn also_without_login(self) -> Option<&'static str> {
        match self {
            Self::Systemd => Some("loginctl enable-linger"),
            Self::Launchd => None,
        }
    }

    fn command(self, args: &[&str]) -> Command {
        let mut command = match self {
            Self::Systemd => {
                let mut command = Command::new("systemctl");
                command.arg("--user");
                command
            }
            Self::Launchd => Command::new("launchctl"),
        };
        command.args(args).stdin(Stdio::null());
        command
    }

    /// What it answers; nothing where its program is missing.
    fn ask(self, args: &[&str]) -> Option<Output> {
        self.command(args).output().ok()
    }

    fn must(self, args: &[&str]) -> Result<()> {
        let what = format!("have {} do `{}`", self.name(), args.join(" "));
        let output = self.command(args).output().map_err(Error::io(what.clone()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::io(what)(std::io::Error::other(said)))
    }
}

/// The session of this user, as launchd names it.
fn domain() -> String {
    #[cfg(unix)]
    let user = rustix::process::getuid().as_raw();
    #[cfg(not(unix))]
    let user = 0;
    format!("gui/{user}")
}

fn target() -> String {
    format!("{}/{}", domain(), file::LABEL)
}
