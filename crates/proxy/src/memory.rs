//! What is remembered for a while: the least recently used goes first when too much is, and what nobody asked for so
//! long is forgotten. Every request asks several of these, one after the other: a lock held for a look-up costs less
//! than a cache that many threads can change at once (moka), and an empty one takes no memory.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LruCache;

/// Values by key; clones share them.
#[derive(Debug)]
pub(crate) struct Memory<K, V>(Arc<Shelf<K, V>>);

#[derive(Debug)]
struct Shelf<K, V> {
    span: Duration,
    /// Asking for a value begins its time anew.
    renewed: bool,
    kept: Mutex<LruCache<K, (Instant, V)>>,
}

impl<K, V> Clone for Memory<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq, V: Clone> Memory<K, V> {
    /// Forgets what nobody asked for in `span`.
    pub(crate) fn idle(most: usize, span: Duration) -> Self {
        Self::new(most, span, true)
    }

    /// Forgets what was put in `span` ago.
    pub(crate) fn aged(most: usize, span: Duration) -> Self {
        Self::new(most, span, false)
    }

    fn new(most: usize, span: Duration, renewed: bool) -> Self {
        Self(Arc::new(Shelf { span, renewed, kept: Mutex::new(LruCache::new(most)) }))
    }

    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut kept = self.kept();
        let (since, value) = kept.get_mut(key)?;
        if since.elapsed() > self.0.span {
            kept.remove(key);
            return None;
        }
        if self.0.renewed {
            *since = Instant::now();
        }
        Some(value.clone())
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        let mut kept = self.kept();
        // Those at the end are the oldest. Two for one, so that what is over does not stay until there are too many.
        for _ in 0..2 {
            if kept.iter().next().is_some_and(|(_, (since, _))| since.elapsed() > self.0.span) {
                kept.remove_lru();
            }
        }
        kept.insert(key, (Instant::now(), value));
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<K, (Instant, V)>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn the_least_recently_used_goes_first() {
        let memory = Memory::idle(2, LONG);
        memory.insert("a", 1);
        memory.insert("b", 2);
        assert_eq!(memory.get("a"), Some(1));
        memory.insert("c", 3);
        assert_eq!((memory.get("a"), memory.get("b"), memory.get("c")), (Some(1), None, Some(3)));
    }

    #[test]
    fn what_is_over_is_forgotten_and_makes_room() {
        let memory = Memory::aged(100, SHORT);
        memory.insert("a".to_owned(), 1);
        memory.insert("b".to_owned(), 2);
        assert_eq!(memory.clone().get("a"), Some(1));
        std::thread::sleep(SHORT + SHORT);
        assert_eq!(memory.get("a"), None);
        memory.insert("c".to_owned(), 3);
        assert_eq!(memory.kept().len(), 1);
    }

    #[test]
    fn asking_begins_the_time_anew_where_it_shall() {
        let (idle, aged) = (Memory::idle(9, SHORT * 4), Memory::aged(9, SHORT * 4));
        idle.insert(1, ());
        aged.insert(1, ());
        let begun = Instant::now();
        while begun.elapsed() < SHORT * 5 {
            // A machine that sleeps longer than the span proves nothing.
            let asked = Instant::now();
            std::thread::sleep(SHORT / 5);
            if asked.elapsed() > SHORT * 3 {
                return;
            }
            assert!(idle.get(&1).is_some());
            aged.get(&1);
        }
        assert!(aged.get(&1).is_none());
    }
}
