//! The Keychain of macOS and the Credential Manager of Windows. Both ask the user by themselves where they must.

use keyring::{Entry, Error as KeyringError};

use super::{Listed, Question, SERVICE};
use crate::error::{Result, SettingsError};
use crate::secrets::Secret;

pub(super) fn get(backend: &str, _: Option<&Question>) -> Result<Option<Secret>> {
    match entry(backend)?.get_password() {
        Ok(key) => Ok(Some(Secret::new(key))),
        Err(KeyringError::NoEntry) => Ok(None),
        Err(error) => Err(failed(backend, error)),
    }
}

pub(super) fn set(backend: &str, key: &str, _: &Question) -> Result<()> {
    entry(backend)?.set_password(key).map_err(|error| failed(backend, error))
}

pub(super) fn remove(backend: &str, _: &Question) -> Result<bool> {
    match entry(backend)?.delete_credential() {
        Ok(()) => Ok(true),
        Err(KeyringError::NoEntry) => Ok(false),
        Err(error) => Err(failed(backend, error)),
    }
}

/// Reading is the only way to know; the first failure ends it, so that nobody is asked once per backend.
pub(super) fn list(backends: Vec<String>) -> Result<Listed> {
    let mut listed = Listed { there: Vec::new(), is_locked: false };
    for backend in backends {
        if get(&backend, None)?.is_some() {
            listed.there.push(backend);
        }
    }
    Ok(listed)
}

/// Unknown: reading an entry might have the user asked.
pub(super) fn is_open() -> Result<bool> {
    Ok(false)
}

/// Reading the next key asks.
pub(super) fn unlock(_: &Question) -> Result<()> {
    Ok(())
}

fn entry(backend: &str) -> Result<Entry> {
    if let Err(error) = Entry::store_status() {
        return Err(SettingsError::KeyringUnavailable { reason: error.to_string() });
    }
    Entry::new(SERVICE, backend).map_err(|error| failed(backend, error))
}

/// The library's error is not kept as a source: two of its variants hold the bytes of the key.
fn failed(backend: &str, error: KeyringError) -> SettingsError {
    let backend = backend.to_owned();
    match error {
        KeyringError::NoStorageAccess(_) => SettingsError::KeyringLocked { reason: error.to_string() },
        KeyringError::PlatformFailure(_) | KeyringError::NoDefaultStore => {
            SettingsError::KeyringUnavailable { reason: error.to_string() }
        }
        KeyringError::BadEncoding(_) | KeyringError::BadDataFormat(..) => {
            SettingsError::KeyringEntry { backend, reason: "its content is not a text".to_owned() }
        }
        KeyringError::Ambiguous(_) => {
            SettingsError::KeyringEntry { backend, reason: "there is more than one".to_owned() }
        }
        other => SettingsError::KeyringEntry { backend, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_do_not_carry_the_content_of_an_entry() {
        let error = failed("openai", KeyringError::BadEncoding(b"geheim".to_vec()));
        assert!(!format!("{error} {error:?}").contains("geheim"));
        assert!(!format!("{error:?}").contains("103"), "bytes of the key");
    }
}
