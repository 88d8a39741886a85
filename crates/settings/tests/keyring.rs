//! Keys in a real Secret Service. The test starts itself again inside a D-Bus session and a home folder of its own,
//! where gnome-keyring runs with a keyring it unlocks; the keyring of the person who runs the tests is never touched.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what stands outside the test functions runs for them only")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use branchline_settings::{KeySource, KeyStore, Secret, SettingsError};

/// Says to the inner run which part it plays.
const PART: &str = "BRANCHLINE_TEST_KEYRING_PART";

/// A session bus that starts nothing by itself: the machine's own service files would bring a second, locked keyring.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn missing_program() -> Option<&'static str> {
    ["dbus-run-session", "dbus-daemon", "gdbus", "gnome-keyring-daemon"]
        .into_iter()
        .find(|name| find_program(name).is_none())
}

/// Runs one test of this file again, in a session and a home of its own.
fn run_inside(test: &str, part: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let runtime = home.path().join("run");
    std::fs::create_dir(&runtime).unwrap();
    std::fs::set_permissions(&runtime, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let bus = home.path().join("bus.conf");
    std::fs::write(&bus, BUS).unwrap();
    let mut command = Command::new(find_program("dbus-run-session").unwrap());
    command
        .arg("--config-file")
        .arg(&bus)
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env(PART, part)
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", &runtime);
    for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache")] {
        command.env(name, home.path().join(folder));
    }
    command.output().unwrap()
}

fn assert_passed(output: &Output) {
    let told = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}\n{failed}");
}

/// Runs while the value lives; the daemon stays in the foreground and is the child of the test.
struct Keyring(Child);

impl Keyring {
    fn unlocked() -> Self {
        let mut child = Command::new(find_program("gnome-keyring-daemon").unwrap())
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The password ends with the end of the stream, so it is closed at once.
        child.stdin.take().unwrap().write_all(b"only for this test").unwrap();
        wait_until_named();
        Self(child)
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Blocks on the bus until the Secret Service has its name; no polling.
fn wait_until_named() {
    let waited = Command::new("gdbus")
        .args(["wait", "--session", "--timeout", "20", "org.freedesktop.secrets"])
        .status()
        .unwrap();
    assert!(waited.success(), "gnome-keyring did not come up");
}

#[test]
fn a_key_is_really_kept_in_the_secret_service() {
    if std::env::var(PART).is_ok() {
        return with_a_keyring();
    }
    if let Some(program) = missing_program() {
        println!("skipped: {program} is not installed, so there is no Secret Service to test against");
        return;
    }
    assert_passed(&run_inside("a_key_is_really_kept_in_the_secret_service", "keyring"));
}

fn with_a_keyring() {
    let _keyring = Keyring::unlocked();
    let store = KeyStore::system();
    assert!(store.get("openai").unwrap().is_none());
    assert!(!store.remove("openai").unwrap());
    store.set("openai", &Secret::new("sk-first")).unwrap();
    store.set("openai", &Secret::new("sk-second")).unwrap();
    store.set("my-server", &Secret::new("sk-third")).unwrap();
    let key = store.get("openai").unwrap().unwrap();
    assert_eq!((key.secret.expose(), key.source), ("sk-second", KeySource::Keyring));
    assert_eq!(in_secret_service("openai"), ["sk-second"]);
    let list = store.list(["anthropic", "my-server", "openai"]);
    let names: Vec<_> = list.keys.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["my-server", "openai"]);
    assert!(list.keyring_error.is_none());
    assert!(store.remove("openai").unwrap());
    assert_eq!(in_secret_service("openai"), Vec::<String>::new());
    assert!(store.get("openai").unwrap().is_none());
    assert_no_plain_text(Path::new(&std::env::var_os("HOME").unwrap()));
}

/// What the Secret Service itself holds, asked past our own code.
fn in_secret_service(backend: &str) -> Vec<String> {
    let service = secret_service::blocking::SecretService::connect(secret_service::EncryptionType::Dh).unwrap();
    let wanted = [("service", "branchline"), ("username", backend)];
    let found = service.search_items(wanted.into_iter().collect()).unwrap();
    assert!(found.locked.is_empty());
    found.unlocked.iter().map(|item| String::from_utf8(item.get_secret().unwrap()).unwrap()).collect()
}

/// The keyring's files are encrypted, and we write none of our own.
fn assert_no_plain_text(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_plain_text(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let shown = bytes.windows(8).any(|window| window == b"sk-third");
            assert!(!shown || path.components().any(|part| part.as_os_str() == "run"), "{}", path.display());
        }
    }
}

#[test]
fn without_a_secret_service_the_error_says_what_to_do() {
    if std::env::var(PART).is_ok() {
        return without_a_keyring();
    }
    if let Some(program) = missing_program() {
        println!("skipped: {program} is not installed, so there is no D-Bus session to test in");
        return;
    }
    assert_passed(&run_inside("without_a_secret_service_the_error_says_what_to_do", "none"));
}

/// The bus is there, but nobody on it keeps secrets.
fn without_a_keyring() {
    let store = KeyStore::system();
    let error = store.get("openai").unwrap_err();
    assert!(matches!(error, SettingsError::KeyringUnavailable { .. }), "{error:?}");
    assert!(error.hint().contains("BRANCHLINE_KEY_"), "{}", error.hint());
    let list = store.list(["openai", "groq"]);
    assert!(list.keys.is_empty() && list.keyring_error.is_some());
}
