//! `branchline service`: what is written for systemd, and what systemd is asked to do.

use std::path::PathBuf;

use crate::support::{Home, Said};

/// Does what systemd would with this one unit, and writes down what it was asked. `no-bus` is a machine without it.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >>"$HOME/asked"
unit="$HOME/.config/systemd/user/branchline.service"
stop() { [ ! -e "$HOME/pid" ] || kill "$(cat "$HOME/pid")"; rm -f "$HOME/pid"; }
case "$2" in
show-environment) [ ! -e "$HOME/no-bus" ] || { echo "Failed to connect to bus" >&2; exit 1; } ;;
is-active) [ -e "$HOME/pid" ] && kill -0 "$(cat "$HOME/pid")" ;;
enable) [ -e "$unit" ] && touch "$HOME/enabled" ;;
restart) stop; eval "$(sed -n 's/^ExecStart=//p' "$unit") >/dev/null 2>&1 &"; echo $! >"$HOME/pid" ;;
disable) stop; rm "$HOME/enabled" ;;
esac
"#;

struct User {
    home: Home,
}

impl User {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let user = Self { home: Home::new() };
        let program = user.file("bin/systemctl");
        std::fs::create_dir(program.parent().unwrap()).unwrap();
        std::fs::write(&program, SYSTEMCTL).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        user
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn unit(&self) -> PathBuf {
        self.file(".config/systemd/user/branchline.service")
    }

    fn run(&self, args: &[&str]) -> Said {
        let mut command = self.home.command(args);
        let path = format!("{}:{}", self.file("bin").display(), std::env::var("PATH").unwrap());
        Said::of(command.env("PATH", path).output().unwrap())
    }

    fn asked(&self) -> String {
        std::fs::read_to_string(self.file("asked")).unwrap_or_default()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // Where a test fails in between, nobody else ends what was started.
        self.run(&["service", "uninstall"]);
    }
}

#[test]
fn it_is_started_at_once_answers_and_is_gone_after_uninstall() {
    let user = User::new();
    let said = user.run(&["service", "install"]).good();
    assert!(said.out.contains("the engine answers on http://127.0.0.1:"), "{said:?}");
    let text = std::fs::read_to_string(user.unit()).unwrap();
    let start = format!("ExecStart=\"{}\" \"serve\" \"--config\" ", env!("CARGO_BIN_EXE_branchline"));
    assert!(text.contains(&start) && text.contains("Restart=on-failure"), "{text}");
    assert!(user.file("enabled").exists(), "also after the next login");
    let status = user.run(&["service", "status", "--json"]).json();
    assert_eq!((&status["written"], &status["started"]), (&true.into(), &true.into()), "{status}");
    assert!(status["address"].is_string(), "{status}");
    // Once more is a restart with what is written now.
    user.run(&["service", "install"]).good();
    assert_eq!(user.asked().matches("--user restart branchline.service").count(), 2);
    user.run(&["service", "uninstall"]).good();
    assert!(!user.unit().exists() && !user.file("enabled").exists());
    assert!(user.asked().ends_with("--user daemon-reload\n"), "{}", user.asked());
    while user.run(&["service", "status"]).code != 3 {}
    assert!(user.run(&["service", "uninstall"]).good().out.contains("is not there"));
}

#[test]
fn without_systemd_it_says_what_was_written_and_what_starts_it() {
    let user = User::new();
    std::fs::write(user.file("no-bus"), "").unwrap();
    let said = user.run(&["service", "install"]).good();
    assert!(said.out.contains(user.unit().to_str().unwrap()), "{said:?}");
    assert!(said.err.contains("systemctl --user enable --now branchline.service"), "{said:?}");
    assert!(said.err.contains(" serve --config "), "without systemd: {said:?}");
    assert!(user.unit().exists());
    assert_eq!(user.asked().lines().filter(|line| !line.contains("show-environment")).count(), 0, "{}", user.asked());
    assert_eq!(user.run(&["service", "status"]).code, 3);
    user.run(&["service", "uninstall"]).good();
    assert!(!user.unit().exists());
}

#[test]
fn a_unit_it_did_not_write_is_neither_overwritten_nor_removed() {
    let user = User::new();
    std::fs::create_dir_all(user.unit().parent().unwrap()).unwrap();
    std::fs::write(user.unit(), "[Service]\nExecStart=/bin/true\n").unwrap();
    for command in ["install", "uninstall"] {
        let said = user.run(&["service", command]);
        assert!(said.code == 2 && said.err.contains("is not Branchline's"), "{said:?}");
    }
    assert!(std::fs::read_to_string(user.unit()).unwrap().contains("/bin/true"));
    assert_eq!(user.asked(), "");
    assert_eq!(user.run(&["service", "status", "--json"]).out.matches("\"foreign\": true").count(), 1);
    std::fs::remove_file(user.unit()).unwrap();
}

#[test]
fn beside_an_engine_that_runs_already_it_starts_no_second_one() {
    let user = User::new();
    let _served = user.home.serve(&[]);
    let said = user.run(&["service", "install"]).good();
    assert!(
        said.err.contains("an engine runs already") && said.err.contains("systemctl --user enable --now"),
        "{said:?}"
    );
    assert!(user.file("enabled").exists() && !user.file("pid").exists());
}

#[test]
fn settings_that_do_not_check_are_told_before_anything_is_written() {
    let user = User::new();
    std::fs::write(user.home.config(), "routing.threshold = 400\n").unwrap();
    assert_eq!(user.run(&["service", "install"]).code, 2);
    assert!(!user.unit().exists());
}
