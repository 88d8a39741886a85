//! `branchline service` under a real systemd: an instance for this user with a home and a runtime folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Home, Said};

const SYSTEMD: &str = "/lib/systemd/systemd";
/// What tells programs that this system runs under systemd; in a container it does not, and a folder of its own has to.
const BOOTED: &str = "/run/systemd/system";
const PLACE: &str = "mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/system";
const PATIENCE: Duration = Duration::from_secs(60);

struct User {
    home: Home,
    systemd: Child,
}

impl User {
    /// `None`, said in a line, where there is no systemd, or no right to a place where one could run.
    fn new() -> Option<Self> {
        let home = Home::new();
        let booted = Path::new(BOOTED).exists();
        let may = || in_a_place("true").status().is_ok_and(|status| status.success());
        if !Path::new(SYSTEMD).exists() || !(booted || may()) {
            println!("skipped: no systemd here that could run for a test");
            return None;
        }
        let mut command = if booted { Command::new(SYSTEMD) } else { in_a_place(SYSTEMD) };
        command.args(["--user", "--log-target=console"]);
        let runtime = home.path().join("run");
        std::fs::create_dir(&runtime).unwrap();
        command.env_clear().env("HOME", home.path()).env("XDG_RUNTIME_DIR", &runtime);
        command.env("PATH", std::env::var_os("PATH").unwrap()).stdin(Stdio::null());
        let log = std::fs::File::create(home.path().join("systemd.log")).unwrap();
        let systemd = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut user = Self { home, systemd };
        user.until("systemd answers", |user| user.has_ended() || user.systemctl(&["show-environment"]).code == 0);
        if user.has_ended() {
            assert!(!may(), "systemd ended: {}", user.log());
            println!("skipped: systemd may not run here: {}", user.log());
            return None;
        }
        Some(user)
    }

    fn at_home(&self, mut command: Command) -> Said {
        Said::of(command.env("XDG_RUNTIME_DIR", self.home.path().join("run")).output().unwrap())
    }

    fn run(&self, args: &[&str]) -> Said {
        self.at_home(self.home.command(args))
    }

    fn systemctl(&self, args: &[&str]) -> Said {
        let mut command = Command::new("systemctl");
        command.arg("--user").args(args).env("HOME", self.home.path());
        self.at_home(command)
    }

    /// The process systemd runs; "0" while there is none.
    fn process(&self) -> String {
        self.systemctl(&["show", "--property", "MainPID", "--value", "branchline"]).out.trim().to_owned()
    }

    fn answers(&self) -> bool {
        let said = self.run(&["service", "status", "--json"]);
        said.code == 0 && said.json()["address"].is_string()
    }

    fn has_ended(&mut self) -> bool {
        self.systemd.try_wait().unwrap().is_some()
    }

    /// Asks again and again; each question starts a program, which is pause enough.
    fn until(&mut self, what: &str, is_true: impl Fn(&mut Self) -> bool) {
        let start = Instant::now();
        while !is_true(self) {
            assert!(start.elapsed() < PATIENCE, "never: {what}\n{}", self.log());
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("systemd.log")).unwrap_or_default()
    }

    fn unit(&self) -> PathBuf {
        self.home.path().join(".config/systemd/user/branchline.service")
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // Everything it runs goes with it.
        let _ = Command::new("kill").arg(self.systemd.id().to_string()).status();
        let _ = self.systemd.wait();
    }
}

/// A program where `BOOTED` is a folder of its own, which only root may have, and not in every container.
fn in_a_place(program: &str) -> Command {
    let mut command = Command::new("unshare");
    let line = format!("{PLACE} && exec \"$0\" \"$@\"");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &line, program]).stderr(Stdio::null());
    command
}

#[test]
fn a_real_systemd_starts_it_brings_it_back_after_a_crash_and_lets_it_go() {
    let Some(mut user) = User::new() else { return };
    let said = user.run(&["service", "install"]).good();
    assert!(said.out.contains("the engine answers on http://127.0.0.1:"), "{said:?}");
    assert_eq!(user.systemctl(&["is-enabled", "branchline"]).out.trim(), "enabled");
    let first = user.process();
    assert!(first != "0" && user.answers());
    assert!(Command::new("kill").args(["-KILL", &first]).status().unwrap().success());
    user.until("it is there again", |user| !["0", first.as_str()].contains(&user.process().as_str()) && user.answers());
    // Once more is a restart with what is written now; the unit is one systemd has nothing to say against.
    let second = user.process();
    user.run(&["service", "install"]).good();
    assert_ne!(user.process(), second);
    let mut verify = Command::new("systemd-analyze");
    verify.args(["--user", "verify"]).arg(user.unit()).env("HOME", user.home.path());
    let verified = user.at_home(verify).good();
    assert_eq!(verified.err.trim(), "");
    user.run(&["service", "uninstall"]).good();
    assert_eq!((user.process().as_str(), user.unit().exists()), ("0", false));
    assert_eq!(user.run(&["service", "status"]).code, 3);
}
