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
        self.get_at(Instant::now(), key)
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        self.insert_at(Instant::now(), key, value);
    }

    fn get_at<Q: Hash + Eq + ?Sized>(&self, now: Instant, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut kept = self.kept();
        let (since, value) = kept.get_mut(key)?;
        if now.duration_since(*since) > self.0.span {
            kept.remove(key);
            return None;
        }
        if self.0.renewed {
            *since = now;
        }
        Some(value.clone())
    }

    fn insert_at(&self, now: Instant, key: K, value: V) {
        let mut kept = self.kept();
        // Those at the end are the oldest. Two for one, so that what is over does not stay until there are too many.
        for _ in 0..2 {
            if kept.iter().next().is_some_and(|(_, (since, _))| now.duration_since(*since) > self.0.span) {
                kept.remove_lru();
            }
        }
        kept.insert(key, (now, value));
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<K, (Instant, V)>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);
    const MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn the_least_recently_used_goes_first() {
        let memory = Memory::idle(2, SPAN);
        memory.insert("a", 1);
        memory.insert("b", 2);
        assert_eq!(memory.get("a"), Some(1));
        memory.insert("c", 3);
        assert_eq!((memory.get("a"), memory.get("b"), memory.get("c")), (Some(1), None, Some(3)));
    }

    #[test]
    fn what_is_over_is_forgotten_and_makes_room() {
        let (memory, begun) = (Memory::aged(100, SPAN), Instant::now());
        for key in ["a", "b", "c"] {
            memory.insert_at(begun, key, ());
        }
        assert!(memory.get_at(begun + SPAN, "a").is_some());
        assert!(memory.get_at(begun + SPAN + MOMENT, "a").is_none());
        assert_eq!(memory.clone().kept().len(), 2);
        memory.insert_at(begun + SPAN + MOMENT, "d", ());
        assert_eq!(memory.kept().len(), 1);
    }

    #[test]
    fn asking_begins_the_time_anew_where_it_shall() {
        let (idle, aged, begun) = (Memory::idle(9, SPAN), Memory::aged(9, SPAN), Instant::now());
        for memory in [&idle, &aged] {
            memory.insert_at(begun, "a", ());
            assert!(memory.get_at(begun + SPAN, "a").is_some());
        }
        assert!(idle.get_at(begun + SPAN * 2, "a").is_some());
        assert!(aged.get_at(begun + SPAN * 2, "a").is_none());
    }
}
