//! The keyring of a session: a real gnome-keyring that can be filled, locked, opened, killed and started again.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::Mutex;

use zbus::blocking::Connection;
use zbus::interface;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use super::session::{Running, quiet};

const NAME: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";
const PASSWORD: &[u8] = b"password";

/// A secret as it goes over the bus: session, parameters, value, type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

pub(crate) struct Keyring {
    daemon: Mutex<Option<Running>>,
    env: Vec<(String, String)>,
}

impl Keyring {
    /// Starts it, with its collection open.
    pub(crate) fn start(env: &[(String, String)]) -> Self {
        let keyring = Self { daemon: Mutex::default(), env: env.to_vec() };
        keyring.restart();
        keyring
    }

    pub(crate) fn restart(&self) {
        let mut daemon = quiet("gnome-keyring-daemon", &self.env);
        daemon.args(["--foreground", "--unlock", "--components=secrets"]);
        let mut child = daemon.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD).unwrap();
        // It prints its settings when it is ready.
        let _ = child.stdout.as_mut().unwrap().read(&mut [0; 64]);
        *self.daemon.lock().unwrap() = Some(Running(child));
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&self) {
        self.daemon.lock().unwrap().take();
    }
}

/// Stores the key of a backend past our own code.
pub(crate) fn store(bus: &Connection, backend: &str, key: &str) {
    let plain = plain_session(bus);
    let attributes = HashMap::from([("service", "branchline"), ("username", backend)]);
    let properties = HashMap::from([
        ("org.freedesktop.Secret.Item.Label", Value::from("a key of the tests")),
        ("org.freedesktop.Secret.Item.Attributes", Value::from(attributes)),
    ]);
    let secret: Secret = (plain, Vec::new(), key.as_bytes().to_vec(), "text/plain".to_owned());
    let collection = Some("org.freedesktop.Secret.Collection");
    bus.call_method(Some(NAME), LOGIN, collection, "CreateItem", &(properties, secret, true)).unwrap();
}

/// Every secret that can be read.
pub(crate) fn secrets(bus: &Connection) -> Vec<String> {
    let plain = plain_session(bus);
    let all = HashMap::<String, String>::new();
    let searched = bus.call_method(Some(NAME), ROOT, Some(SERVICE), "SearchItems", &all).unwrap();
    let (open, _): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = searched.body().deserialize().unwrap();
    let got = bus.call_method(Some(NAME), ROOT, Some(SERVICE), "GetSecrets", &(open, plain)).unwrap();
    let got: HashMap<OwnedObjectPath, Secret> = got.body().deserialize().unwrap();
    got.into_values().map(|(_, _, secret, _)| String::from_utf8_lossy(&secret).into_owned()).collect()
}

/// Locks the collection of the user.
pub(crate) fn lock(bus: &Connection) {
    let collections = vec![ObjectPath::try_from(LOGIN).unwrap()];
    let locked = bus.call_method(Some(NAME), ROOT, Some(SERVICE), "Lock", &collections).unwrap();
    let (locked, _): (Vec<OwnedObjectPath>, OwnedObjectPath) = locked.body().deserialize().unwrap();
    assert_eq!(locked.len(), 1, "it is locked without a question");
}

/// Opens it, as a login does.
pub(crate) fn unlock(bus: &Connection) {
    let secret: Secret = (plain_session(bus), Vec::new(), PASSWORD.to_vec(), "text/plain".to_owned());
    let asked = (ObjectPath::try_from(LOGIN).unwrap(), secret);
    let internal = Some("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface");
    bus.call_method(Some(NAME), ROOT, internal, "UnlockWithMasterPassword", &asked).unwrap();
}

fn plain_session(bus: &Connection) -> OwnedObjectPath {
    let opened = bus.call_method(Some(NAME), ROOT, Some(SERVICE), "OpenSession", &("plain", Value::from(""))).unwrap();
    let (_, plain): (OwnedValue, OwnedObjectPath) = opened.body().deserialize().unwrap();
    plain
}

/// Takes the place of the dialog that asks for the password. Nobody ever answers it; it counts how often it was asked.
pub(crate) fn silent_dialog(bus: &Connection) -> std::sync::Arc<Mutex<usize>> {
    let asked = std::sync::Arc::default();
    let dialog = Dialog(std::sync::Arc::clone(&asked));
    assert!(bus.object_server().at("/org/gnome/keyring/Prompter", dialog).unwrap());
    bus.request_name("org.gnome.keyring.SystemPrompter").unwrap();
    asked
}

struct Dialog(std::sync::Arc<Mutex<usize>>);

#[interface(name = "org.gnome.keyring.internal.Prompter")]
impl Dialog {
    fn begin_prompting(&self, _callback: ObjectPath<'_>) {
        *self.0.lock().unwrap() += 1;
    }

    fn stop_prompting(&self, _callback: ObjectPath<'_>) {}
}
