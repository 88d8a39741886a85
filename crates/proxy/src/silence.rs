//! Backends that gave no answer when they were asked how they are: how often in a row.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// By the name of the backend.
#[derive(Debug, Default)]
pub(crate) struct Silences(Mutex<BTreeMap<String, u32>>);

impl Silences {
    /// One more; how many it are now.
    pub(crate) fn another(&self, name: &str) -> u32 {
        let mut all = self.lock();
        let times = all.entry(name.to_owned()).or_default();
        *times = times.saturating_add(1);
        *times
    }

    /// It has answered.
    pub(crate) fn over(&self, name: &str) {
        self.lock().remove(name);
    }

    /// How often in a row it has not.
    pub(crate) fn of(&self, name: &str) -> u32 {
        self.lock().get(name).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
