//! The system's keyring, asked so that nobody waits for it longer than he would want to.
//!
//! A locked keyring asks the user for its password and is silent until he answers; one that hangs is silent for good.
//! So each call runs on a thread of its own, and whoever called goes on without it after a while. The engine has the
//! user asked once in its life, the user's own deeds as often as he does them. Keys that were read are remembered: a
//! keyring that goes away later takes none of them along. Not here: what a key is for.

#[cfg(any(target_os = "macos", windows))]
#[path = "native.rs"]
mod place;
#[cfg(not(any(target_os = "macos", windows)))]
#[path = "secret_service.rs"]
mod place;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::error::{Result, SettingsError};
use crate::secrets::{Secret, lock};

/// The service under which the keyring lists our entries; the user name of an entry is the backend.
const SERVICE: &str = "branchline";
/// What the engine waits. It looks again later.
const PATIENCE: Duration = Duration::from_secs(3);
/// What somebody waits who may have to type a password first.
const USERS_PATIENCE: Duration = Duration::from_secs(60);
/// A question nobody has answered for so long may have died with whoever asked it.
const STALE: Duration = Duration::from_secs(120);
/// Threads that wait at the same time. More would only wait for the same silence.
const MOST: usize = 16;
/// How soon a locked keyring is looked at again: somebody may be typing the password.
const LOCKED_AGAIN: Duration = Duration::from_secs(5);
/// How soon one that was not there is.
const MISSING_AGAIN: Duration = Duration::from_secs(15);

/// Who wants a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The engine, at any time.
    Engine,
    /// The user, who waits for it.
    User,
}

/// What the keyring says without asking the user.
#[derive(Debug)]
struct Listed {
    /// Which have an entry.
    there: Vec<String>,
    /// One of them cannot be read.
    is_locked: bool,
}

/// The keyring of this system.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    question: Arc<Question>,
    running: Arc<AtomicUsize>,
    known: Mutex<BTreeMap<String, Secret>>,
    /// When to look again after a key could not be read.
    look_at: Mutex<Option<Instant>>,
}

impl Keyring {
    /// The key of a backend, or what was read earlier where it cannot be read now.
    pub(crate) fn get(&self, backend: &str, asker: Asker) -> Result<Option<Secret>> {
        let may_ask = asker == Asker::User || !self.question.was_asked();
        let name = backend.to_owned();
        let read = self.call(patience(asker), move |question| place::get(&name, may_ask.then_some(question)));
        let known = || lock(&self.known).get(backend).cloned();
        match read {
            Ok(key) => {
                self.remember(backend, key.as_ref());
                Ok(key)
            }
            Err(error) => known().map(Some).ok_or_else(|| self.failed(error)),
        }
    }

    pub(crate) fn set(&self, backend: &str, key: &str) -> Result<()> {
        let (name, secret) = (backend.to_owned(), Secret::new(key));
        let kept = secret.clone();
        self.call(USERS_PATIENCE, move |question| place::set(&name, secret.expose(), question))?;
        self.remember(backend, Some(&kept));
        Ok(())
    }

    /// `false` when there was none.
    pub(crate) fn remove(&self, backend: &str) -> Result<bool> {
        let name = backend.to_owned();
        let removed = self.call(USERS_PATIENCE, move |question| place::remove(&name, question))?;
        self.remember(backend, None);
        Ok(removed)
    }

    /// Which backends have an entry; the user is not asked. Where the keyring cannot say, those whose key was read.
    pub(crate) fn list(&self, backends: Vec<String>) -> (Vec<String>, Option<SettingsError>) {
        let asked = backends.clone();
        match self.call(PATIENCE, move |_| place::list(asked)) {
            Ok(Listed { there, is_locked }) => {
                if !is_locked && self.is_missed() {
                    // Whoever could not read it may try again.
                    self.look_in(Duration::ZERO);
                }
                (there, is_locked.then(|| self.locked()))
            }
            Err(error) => {
                let known = lock(&self.known);
                (backends.into_iter().filter(|name| known.contains_key(name)).collect(), Some(error))
            }
        }
    }

    /// Has the user asked for the password.
    pub(crate) fn unlock(&self) -> Result<()> {
        self.call(USERS_PATIENCE, place::unlock)
    }

    /// Whether a key could not be read and can be now. The user is not asked.
    pub(crate) fn recovered(&self) -> bool {
        let is_due = lock(&self.look_at).is_some_and(|at| at <= Instant::now());
        if !is_due {
            return false;
        }
        match self.call(PATIENCE, |_| place::is_open()) {
            Ok(true) => lock(&self.look_at).take().is_some(),
            Ok(false) => self.look_in(LOCKED_AGAIN),
            Err(_) => self.look_in(MISSING_AGAIN),
        }
    }

    /// Whether [`Self::recovered`] has something to look for.
    pub(crate) fn is_missed(&self) -> bool {
        lock(&self.look_at).is_some()
    }

    fn look_in(&self, pause: Duration) -> bool {
        *lock(&self.look_at) = Some(Instant::now() + pause);
        false
    }

    fn failed(&self, error: SettingsError) -> SettingsError {
        match &error {
            SettingsError::KeyringLocked { .. } => self.look_in(LOCKED_AGAIN),
            SettingsError::KeyringUnavailable { .. } => self.look_in(MISSING_AGAIN),
            _ => false,
        };
        error
    }

    fn remember(&self, backend: &str, key: Option<&Secret>) {
        let mut known = lock(&self.known);
        match key {
            Some(key) => drop(known.insert(backend.to_owned(), key.clone())),
            None => drop(known.remove(backend)),
        }
    }

    /// Runs `work` beside the caller, who waits no longer than he has patience.
    fn call<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Question) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.running.load(Ordering::Relaxed) >= MOST {
            return Err(self.silent());
        }
        let (tell, told) = mpsc::channel();
        let (question, running) = (Arc::clone(&self.question), Arc::clone(&self.running));
        running.fetch_add(1, Ordering::Relaxed);
        let started = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || {
            let done = work(&question);
            running.fetch_sub(1, Ordering::Relaxed);
            // Whoever asked may have gone on.
            let _ = tell.send(done);
        });
        if let Err(error) = started {
            self.running.fetch_sub(1, Ordering::Relaxed);
            return Err(SettingsError::KeyringUnavailable { reason: error.to_string() });
        }
        told.recv_timeout(patience).unwrap_or_else(|_| Err(self.silent()))
    }

    fn silent(&self) -> SettingsError {
        match self.question.is_open() {
            true => SettingsError::KeyringLocked { reason: BEING_ASKED.to_owned() },
            false => SettingsError::KeyringUnavailable { reason: "it does not answer".to_owned() },
        }
    }

    fn locked(&self) -> SettingsError {
        let reason = if self.question.is_open() { BEING_ASKED } else { "its password was not given" };
        SettingsError::KeyringLocked { reason: reason.to_owned() }
    }
}

const BEING_ASKED: &str = "it is asking for its password";

const fn patience(asker: Asker) -> Duration {
    match asker {
        Asker::Engine => PATIENCE,
        Asker::User => USERS_PATIENCE,
    }
}

/// The question for the password. One at a time: a second one would lie on top of the first.
#[derive(Debug, Default)]
pub(crate) struct Question(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    open_since: Option<Instant>,
    ever: bool,
}

/// macOS and Windows ask by themselves.
#[cfg(any(test, not(any(target_os = "macos", windows))))]
impl Question {
    /// Runs what asks the user, unless he is being asked already.
    fn ask<T>(&self, ask: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.is_open() {
            return Err(SettingsError::KeyringLocked { reason: BEING_ASKED.to_owned() });
        }
        *lock(&self.0) = Asked { open_since: Some(Instant::now()), ever: true };
        let answered = ask();
        lock(&self.0).open_since = None;
        answered
    }
}

impl Question {
    fn is_open(&self) -> bool {
        lock(&self.0).open_since.is_some_and(|since| since.elapsed() < STALE)
    }

    fn was_asked(&self) -> bool {
        lock(&self.0).ever
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_a_silent_keyring_goes_on_after_a_while() {
        let keyring = Keyring::default();
        let (_never, silence) = mpsc::channel::<()>();
        let waited = keyring.call(Duration::from_millis(1), move |_| Ok(silence.recv().is_err()));
        assert!(matches!(waited, Err(SettingsError::KeyringUnavailable { .. })), "{waited:?}");
    }

    #[test]
    fn a_silence_while_the_user_is_asked_is_said_to_be_that() {
        let keyring = Keyring::default();
        let (_never, silence) = mpsc::channel::<()>();
        let (tell, asked) = mpsc::channel();
        let waited = keyring.call(Duration::from_millis(200), move |question| {
            question.ask(|| Ok(tell.send(()).is_err() || silence.recv().is_err()))
        });
        asked.recv().unwrap();
        assert!(matches!(waited, Err(SettingsError::KeyringLocked { .. })), "{waited:?}");
        let second = keyring.call(PATIENCE, |question| question.ask(|| Ok(())));
        assert!(matches!(second, Err(SettingsError::KeyringLocked { .. })), "one question at a time");
        assert!(keyring.question.was_asked());
    }

    #[test]
    fn silent_threads_do_not_pile_up() {
        let keyring = Keyring::default();
        let mut never = Vec::new();
        for _ in 0..MOST {
            let (hold, silence) = mpsc::channel::<()>();
            never.push(hold);
            let _ = keyring.call(Duration::ZERO, move |_| Ok(silence.recv().is_err()));
        }
        let refused = keyring.call(PATIENCE, |_| Ok(()));
        assert!(matches!(refused, Err(SettingsError::KeyringUnavailable { .. })), "{refused:?}");
    }
}
