//! The Secret Service of a Linux or BSD desktop: gnome-keyring, KWallet, KeePassXC.
//!
//! Each call has a connection of its own: it is rare, and one that is kept knows a session that a restarted daemon does
//! not. Entries have the attributes `service` and `username`, as those of other programs do.

use std::collections::HashMap;

use secret_service::blocking::{Collection, Item, SecretService};
use secret_service::{EncryptionType, Error as ServiceError};

use super::{Listed, Question, SERVICE};
use crate::error::{Result, SettingsError};
use crate::secrets::Secret;

/// Without a question nobody is asked for a password.
pub(super) fn get(backend: &str, question: Option<&Question>) -> Result<Option<Secret>> {
    let service = connect()?;
    let found = search(&service, backend)?;
    match only(backend, &found)? {
        None => Ok(None),
        Some((item, is_locked)) => {
            if is_locked {
                let question = question.ok_or_else(|| failed(ServiceError::Locked))?;
                question.ask(|| item.unlock().map_err(failed))?;
            }
            read(backend, item).map(Some)
        }
    }
}

pub(super) fn set(backend: &str, key: &str, question: &Question) -> Result<()> {
    let service = connect()?;
    let found = search(&service, backend)?;
    if let Some((item, is_locked)) = only(backend, &found)? {
        open(item, is_locked, question)?;
        return item.set_secret(key.as_bytes(), "text/plain").map_err(failed);
    }
    let collection = default_collection(&service, question)?;
    if collection.is_locked().map_err(failed)? {
        question.ask(|| collection.unlock().map_err(failed))?;
    }
    let label = format!("Branchline: key of {backend}");
    let made = collection.create_item(&label, attributes(backend), key.as_bytes(), true, "text/plain");
    made.map(drop).map_err(failed)
}

pub(super) fn remove(backend: &str, question: &Question) -> Result<bool> {
    let service = connect()?;
    let found = search(&service, backend)?;
    let Some((item, is_locked)) = only(backend, &found)? else { return Ok(false) };
    open(item, is_locked, question)?;
    item.delete().map(|()| true).map_err(failed)
}

pub(super) fn list(backends: Vec<String>) -> Result<Listed> {
    let service = connect()?;
    let mut listed = Listed { there: Vec::new(), is_locked: false };
    for backend in backends {
        let found = search(&service, &backend)?;
        let (open, locked) = (!found.unlocked.is_empty(), !found.locked.is_empty());
        listed.is_locked |= locked && !open;
        if open || locked {
            listed.there.push(backend);
        }
    }
    Ok(listed)
}

/// Whether nothing of ours is locked.
pub(super) fn is_open() -> Result<bool> {
    let service = connect()?;
    let found = service.search_items(HashMap::from([("service", SERVICE)])).map_err(failed)?;
    Ok(found.locked.is_empty())
}

/// Opens the collections of our entries.
pub(super) fn unlock(question: &Question) -> Result<()> {
    let service = connect()?;
    let found = service.search_items(HashMap::from([("service", SERVICE)])).map_err(failed)?;
    if found.locked.is_empty() {
        return Ok(());
    }
    question.ask(|| service.unlock_all(&found.locked.iter().collect::<Vec<_>>()).map_err(failed))
}

type Found<'a> = secret_service::SearchItemsResult<Item<'a>>;

fn connect() -> Result<SecretService<'static>> {
    SecretService::connect(EncryptionType::Dh).map_err(failed)
}

fn attributes(backend: &str) -> HashMap<&str, &str> {
    HashMap::from([("service", SERVICE), ("username", backend)])
}

fn search<'a>(service: &'a SecretService<'_>, backend: &str) -> Result<Found<'a>> {
    service.search_items(attributes(backend)).map_err(failed)
}

/// The entry, and whether it is locked.
fn only<'a, 's>(backend: &str, found: &'a Found<'s>) -> Result<Option<(&'a Item<'s>, bool)>> {
    let open = found.unlocked.iter().map(|item| (item, false));
    let mut all = open.chain(found.locked.iter().map(|item| (item, true)));
    match (all.next(), all.next()) {
        (one, None) => Ok(one),
        _ => Err(broken_entry(backend, "there is more than one")),
    }
}

fn open(item: &Item<'_>, is_locked: bool, question: &Question) -> Result<()> {
    if is_locked { question.ask(|| item.unlock().map_err(failed)) } else { Ok(()) }
}

fn read(backend: &str, item: &Item<'_>) -> Result<Secret> {
    let bytes = item.get_secret().map_err(failed)?;
    // The error of `from_utf8` would hold the bytes.
    String::from_utf8(bytes).map(Secret::new).map_err(|_| broken_entry(backend, "its content is not a text"))
}

/// A fresh system has none yet; making it asks for a new password.
fn default_collection<'a>(service: &'a SecretService<'_>, question: &Question) -> Result<Collection<'a>> {
    match service.get_default_collection() {
        Err(ServiceError::NoResult) => {
            question.ask(|| service.create_collection("Default keyring", "default").map_err(failed))
        }
        found => found.map_err(failed),
    }
}

fn broken_entry(backend: &str, reason: &str) -> SettingsError {
    SettingsError::KeyringEntry { backend: backend.to_owned(), reason: reason.to_owned() }
}

fn failed(error: ServiceError) -> SettingsError {
    let reason = match &error {
        ServiceError::Locked | ServiceError::Prompt => {
            return SettingsError::KeyringLocked { reason: "its password was not given".to_owned() };
        }
        ServiceError::Unavailable => "there is no D-Bus session".to_owned(),
        ServiceError::Zbus(zbus::Error::FDO(fault)) if is_unknown(fault) => NOBODY.to_owned(),
        ServiceError::ZbusFdo(fault) if is_unknown(fault) => NOBODY.to_owned(),
        ServiceError::Zbus(zbus::Error::MethodError(name, ..))
            if name.as_str() == "org.freedesktop.DBus.Error.ServiceUnknown" =>
        {
            NOBODY.to_owned()
        }
        other => other.to_string(),
    };
    SettingsError::KeyringUnavailable { reason }
}

const NOBODY: &str = "no program keeps secrets in this session";

const fn is_unknown(fault: &zbus::fdo::Error) -> bool {
    matches!(fault, zbus::fdo::Error::ServiceUnknown(_) | zbus::fdo::Error::NameHasNoOwner(_))
}
