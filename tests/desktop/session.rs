//! A desktop of its own for each test: display, window manager, message bus, keyring, a panel with a tray, and who
//! shows notifications. Nothing of the desktop of the person who runs the tests is touched.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;

use super::keyring::Keyring;
use super::notifications::{Daemon, Shown};

/// What a session needs; `./dev test` installs them.
const PROGRAMS: [&str; 6] = ["Xvfb", "dbus-daemon", "openbox", "xfce4-panel", "gnome-keyring-daemon", "import"];

/// A session bus that starts nothing by itself but what the panel needs.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <servicedir>SERVICES</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Ends with the value.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A desktop.
pub(crate) struct Session {
    pub(crate) home: TempDir,
    pub(crate) bus: Connection,
    shown: Arc<Mutex<Vec<Shown>>>,
    pub(crate) keyring: Keyring,
    env: Vec<(String, String)>,
    _running: Vec<Running>,
}

/// Why there can be no session here; `None` when there can.
pub(crate) fn missing() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let program = PROGRAMS.iter().find(|name| !is_there(name)).map(|name| format!("{name} is not installed"));
    program.or_else(|| (!app().is_file()).then(|| format!("{} is not built", app().display())))
}

/// The desktop app beside the tests, or the one that is named.
pub(crate) fn app() -> PathBuf {
    if let Some(named) = std::env::var_os("BRANCHLINE_DESKTOP_BIN") {
        return named.into();
    }
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap();
    folder.join("branchline-desktop")
}

impl Session {
    pub(crate) fn start() -> Self {
        let home = tempfile::Builder::new().prefix("branchline-desktop-").tempdir().unwrap();
        let mut env = folders(home.path());
        let mut running = Vec::new();
        let (display, child) = display();
        running.push(child);
        env.push(("DISPLAY".into(), display));
        let (address, child) = bus(home.path(), &env);
        running.push(child);
        env.push(("DBUS_SESSION_BUS_ADDRESS".into(), address.clone()));
        let shown = Arc::default();
        let bus = notifications(&address, Arc::clone(&shown));
        let keyring = Keyring::start(&env);
        for (program, args) in [("openbox", &[][..]), ("xfce4-panel", &["--disable-wm-check"][..])] {
            running.push(Running(quiet(program, &env).args(args).spawn().unwrap()));
        }
        let session = Self { home, bus, shown, keyring, env, _running: running };
        session.until("a panel with a tray", |session| session.tray_host().then_some(()));
        session
    }

    /// A program in this session.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        quiet(program, &self.env)
    }

    fn tray_host(&self) -> bool {
        let watcher = "org.kde.StatusNotifierWatcher";
        let asked = self.bus.call_method(
            Some(watcher),
            "/StatusNotifierWatcher",
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &(watcher, "IsStatusNotifierHostRegistered"),
        );
        let Ok(answer) = asked else { return false };
        let value: zbus::zvariant::OwnedValue = answer.body().deserialize().unwrap();
        bool::try_from(value).unwrap_or(false)
    }

    /// Notifications so far.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        self.shown.lock().unwrap().clone()
    }

    /// The first notification whose title has these words.
    pub(crate) fn notification(&self, words: &str) -> Shown {
        let found = || self.shown().into_iter().find(|shown| shown.title.contains(words));
        try_for(found).unwrap_or_else(|| panic!("waited in vain for `{words}`; shown were {:#?}", self.shown()))
    }

    /// Clicks a notification.
    pub(crate) fn click(&self, notification: &Shown) {
        assert!(notification.actions.iter().any(|action| action == "default"), "{notification:?}");
        let nobody = None::<&str>;
        let path = "/org/freedesktop/Notifications";
        let signal = (notification.id, "default");
        self.bus.emit_signal(nobody, path, "org.freedesktop.Notifications", "ActionInvoked", &signal).unwrap();
    }

    /// A picture of the screen, for whoever wants to look: in the folder `BRANCHLINE_PICTURES` names.
    pub(crate) fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("BRANCHLINE_PICTURES") {
            let file = Path::new(&folder).join(format!("{name}.png"));
            let taken = self.command("import").args(["-window", "root"]).arg(&file).status();
            assert!(taken.is_ok_and(|status| status.success()), "{}", file.display());
        }
    }

    /// Asks again and again until `look` finds something.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut(&Self) -> Option<T>) -> T {
        let mut look = look;
        wait_for(what, || look(self))
    }
}

/// Asks again and again until `look` finds something: a desktop does not say when it is done.
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    try_for(look).unwrap_or_else(|| panic!("waited in vain for {what}"))
}

fn try_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let limit = Instant::now() + Duration::from_secs(25);
    loop {
        let found = look();
        if found.is_some() || Instant::now() > limit {
            return found;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn folders(home: &Path) -> Vec<(String, String)> {
    let names = [
        ("HOME", ""),
        ("XDG_RUNTIME_DIR", "run"),
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_CACHE_HOME", ".cache"),
        ("TMPDIR", "tmp"),
    ];
    let mut env = vec![("PATH".to_owned(), std::env::var("PATH").unwrap())];
    for (name, folder) in names {
        let folder = home.join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        env.push((name.into(), folder.display().to_string()));
    }
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(home.join("run"), private).unwrap();
    env
}

pub(crate) fn quiet(program: impl AsRef<std::ffi::OsStr>, env: &[(String, String)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(env.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A display that nobody uses; the server picks the number and says it.
fn display() -> (String, Running) {
    let mut server = Command::new("Xvfb");
    server.args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]);
    let mut child = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut number = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut number).unwrap();
    (format!(":{}", number.trim()), Running(child))
}

fn bus(home: &Path, env: &[(String, String)]) -> (String, Running) {
    let services = home.join("services");
    std::fs::create_dir_all(&services).unwrap();
    // The panel keeps its layout there. A second keyring, or the machine's own notification daemon, is not wanted.
    let _ = std::fs::copy("/usr/share/dbus-1/services/org.xfce.Xfconf.service", services.join("xfconf.service"));
    let settings = home.join("bus.conf");
    std::fs::write(&settings, BUS.replace("SERVICES", &services.display().to_string())).unwrap();
    let mut daemon = quiet("dbus-daemon", env);
    daemon.arg(format!("--config-file={}", settings.display())).args(["--nofork", "--print-address"]);
    let mut child = daemon.stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    (address.trim().to_owned(), Running(child))
}

fn notifications(address: &str, shown: Arc<Mutex<Vec<Shown>>>) -> Connection {
    let builder = Builder::address(address).unwrap().name("org.freedesktop.Notifications").unwrap();
    builder.serve_at("/org/freedesktop/Notifications", Daemon(shown)).unwrap().build().unwrap()
}
