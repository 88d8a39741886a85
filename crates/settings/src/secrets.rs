//! Keys of backends: in the system's keyring (Secret Service, macOS Keychain, Windows Credential Manager) and nowhere else.
//!
//! Every call here BLOCKS: on D-Bus, and on the user while a locked keyring asks for its password. In the engine call it
//! from `tokio::task::spawn_blocking`. How long at most, and who may have the user asked, is in `keyring`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Result, SettingsError};
use crate::keyring::{Asker, Keyring};
use crate::schema::is_backend_name;

/// A key or a token. It cannot be printed or serialised, and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text, for the one place that sends or compares it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// `BRANCHLINE_KEY_<BACKEND>`.
    Environment,
    /// The system's keyring.
    Keyring,
}

/// A key and where it comes from.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub secret: Secret,
    /// Where it comes from.
    pub source: KeySource,
}

/// Which backends have a key. The keyring cannot be asked for a list, so the configured names are looked up.
#[derive(Debug, Default)]
pub struct KeyList {
    /// Backends with a key, in the order asked for.
    pub keys: Vec<(String, KeySource)>,
    /// Why the keyring could not be asked for the others.
    pub keyring_error: Option<SettingsError>,
}

/// The keys of all backends. A variable `BRANCHLINE_KEY_<BACKEND>` wins over the stored key.
#[derive(Debug)]
pub struct KeyStore {
    place: Place,
    env: fn(&str) -> Option<String>,
}

#[derive(Debug)]
enum Place {
    System(Keyring),
    Memory(Mutex<BTreeMap<String, Secret>>),
}

impl KeyStore {
    /// The keyring of this system. It is first asked when a key is.
    #[must_use]
    pub fn system() -> Self {
        Self { place: Place::System(Keyring::default()), env: |name| std::env::var(name).ok() }
    }

    /// Keys in memory, blind to the environment: for tests and `--demo`.
    #[must_use]
    pub const fn memory() -> Self {
        Self { place: Place::Memory(Mutex::new(BTreeMap::new())), env: |_| None }
    }

    /// The key of a backend; `None` when it has none. Blocks for some seconds at most, and has the user asked for the
    /// password of a locked keyring only once. A key that was read before is found also where the keyring is gone.
    ///
    /// # Errors
    /// No keyring, a locked one, or an entry that is no text.
    pub fn get(&self, backend: &str) -> Result<Option<Key>> {
        self.key(backend, Asker::Engine)
    }

    /// The same for a user who waits for it: a locked keyring asks him for its password. Blocks.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn reveal(&self, backend: &str) -> Result<Option<Key>> {
        self.key(backend, Asker::User)
    }

    fn key(&self, backend: &str, asker: Asker) -> Result<Option<Key>> {
        check_name(backend)?;
        if let Some(secret) = self.env_key(backend) {
            let source = KeySource::Environment;
            return Ok(Some(Key { secret, source }));
        }
        let stored = match &self.place {
            Place::System(keyring) => keyring.get(backend, asker)?,
            Place::Memory(keys) => lock(keys).get(backend).cloned(),
        };
        let source = KeySource::Keyring;
        Ok(stored.map(|secret| Key { secret, source }))
    }

    /// Stores the key of a backend, over an older one. Blocks.
    ///
    /// # Errors
    /// A key that cannot be sent in a header, no keyring, or a locked one.
    pub fn set(&self, backend: &str, key: &Secret) -> Result<()> {
        check_name(backend)?;
        let key = sendable(backend, key)?;
        match &self.place {
            Place::System(keyring) => keyring.set(backend, key),
            Place::Memory(keys) => {
                lock(keys).insert(backend.to_owned(), Secret::new(key));
                Ok(())
            }
        }
    }

    /// Removes the stored key of a backend; `false` when there was none. A variable in the environment stays. Blocks.
    ///
    /// # Errors
    /// No keyring, or a locked one.
    pub fn remove(&self, backend: &str) -> Result<bool> {
        check_name(backend)?;
        match &self.place {
            Place::Memory(keys) => Ok(lock(keys).remove(backend).is_some()),
            Place::System(keyring) => keyring.remove(backend),
        }
    }

    /// Has a locked keyring ask the user for its password. Blocks until he has given it.
    ///
    /// # Errors
    /// No keyring, or one that stays locked.
    pub fn unlock(&self) -> Result<()> {
        match &self.place {
            Place::System(keyring) => keyring.unlock(),
            Place::Memory(_) => Ok(()),
        }
    }

    /// Whether a key could not be read, so that [`Self::recovered`] is worth asking.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        matches!(&self.place, Place::System(keyring) if keyring.is_missed())
    }

    /// Whether the keyring can be read again after it could not. Says so once, looks every few seconds however often
    /// it is asked, and never has the user asked. Blocks for some seconds at most.
    #[must_use]
    pub fn recovered(&self) -> bool {
        matches!(&self.place, Place::System(keyring) if keyring.recovered())
    }

    /// Which of these backends have a key. Blocks for some seconds at most; the user is not asked. Keys in the
    /// environment are listed also where there is no keyring.
    pub fn list<'a>(&self, backends: impl IntoIterator<Item = &'a str>) -> KeyList {
        let mut list = KeyList::default();
        let (mut names, mut asked) = (Vec::new(), Vec::new());
        for name in backends {
            match check_name(name) {
                Ok(()) if self.env_key(name).is_none() => asked.push(name.to_owned()),
                Ok(()) => {}
                Err(error) => {
                    list.keyring_error = Some(error);
                    continue;
                }
            }
            names.push(name.to_owned());
        }
        let (stored, error) = match &self.place {
            Place::System(keyring) => keyring.list(asked.clone()),
            Place::Memory(keys) => {
                (asked.iter().filter(|name| lock(keys).contains_key(*name)).cloned().collect(), None)
            }
        };
        list.keyring_error = error.or(list.keyring_error);
        for name in names {
            if !asked.contains(&name) {
                list.keys.push((name, KeySource::Environment));
            } else if stored.contains(&name) {
                list.keys.push((name, KeySource::Keyring));
            }
        }
        list
    }

    fn env_key(&self, backend: &str) -> Option<Secret> {
        let value = (self.env)(&key_env_name(backend))?;
        let value = value.trim();
        (!value.is_empty()).then(|| Secret::new(value))
    }
}

/// The variable that overrides the stored key: `my-server` is `BRANCHLINE_KEY_MY_SERVER`.
#[must_use]
pub fn key_env_name(backend: &str) -> String {
    let name: String = backend
        .chars()
        .map(|letter| match letter.is_ascii_alphanumeric() {
            true => letter.to_ascii_uppercase(),
            false => '_',
        })
        .collect();
    format!("BRANCHLINE_KEY_{name}")
}

fn check_name(backend: &str) -> Result<()> {
    match is_backend_name(backend) {
        true => Ok(()),
        false => Err(SettingsError::BackendName { name: backend.to_owned() }),
    }
}

/// A pasted key often brings a line break along; one inside it is a mistake.
fn sendable<'a>(backend: &str, key: &'a Secret) -> Result<&'a str> {
    let key = key.expose().trim();
    let reason = if key.is_empty() {
        "it is empty"
    } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        "it holds blanks or characters that cannot stand in a header"
    } else {
        return Ok(key);
    };
    Err(SettingsError::BadKey { backend: backend.to_owned(), reason })
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_env() -> KeyStore {
        KeyStore {
            env: |name| (name == "BRANCHLINE_KEY_MY_SERVER").then(|| " from-env\n".to_owned()),
            ..KeyStore::memory()
        }
    }

    #[test]
    fn a_key_is_stored_read_and_removed() {
        let store = KeyStore::memory();
        store.set("openai", &Secret::new(" sk-1\n")).unwrap();
        let key = store.get("openai").unwrap().unwrap();
        assert_eq!((key.secret.expose(), key.source), ("sk-1", KeySource::Keyring));
        assert!(store.remove("openai").unwrap());
        assert!(!store.remove("openai").unwrap());
        assert!(store.get("openai").unwrap().is_none());
    }

    #[test]
    fn the_environment_wins_over_the_stored_key() {
        let store = with_env();
        store.set("my-server", &Secret::new("stored")).unwrap();
        let key = store.get("my-server").unwrap().unwrap();
        assert_eq!((key.secret.expose(), key.source), ("from-env", KeySource::Environment));
        let list = store.list(["openai", "my-server"]);
        assert_eq!(list.keys, [("my-server".to_owned(), KeySource::Environment)]);
    }

    #[test]
    fn a_secret_cannot_be_printed() {
        let key = Key { secret: Secret::new("geheim"), source: KeySource::Keyring };
        assert_eq!(format!("{:?}", key.secret), "***");
        assert!(!format!("{key:?}").contains("geheim"));
        let store = KeyStore::memory();
        store.set("openai", &key.secret).unwrap();
        assert!(!format!("{store:?}").contains("geheim"));
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_refused_and_not_shown() {
        for bad in ["", "  ", "two words-geheim", "gehe\nim", "schlüssel"] {
            let error = KeyStore::memory().set("openai", &Secret::new(bad)).unwrap_err();
            assert!(matches!(error, SettingsError::BadKey { .. }), "{bad:?}");
            assert!(!format!("{error} {error:?}").contains("geheim"));
        }
    }

    #[test]
    fn a_name_that_is_no_backend_is_refused() {
        let error = KeyStore::memory().get("a b").unwrap_err();
        assert!(matches!(error, SettingsError::BackendName { .. }));
    }
}
