//! Caches that are made when they are first used. An empty one of moka's takes 40 KB, mostly for its two channels, and
//! there are twelve: a program that nobody asks anything should not have them.

use std::sync::{Arc, LazyLock};

/// Something that is made when it is first used; clones share it.
pub(crate) type Later<T> = Arc<LazyLock<T>>;

/// What `make` makes later.
pub(crate) fn later<T>(make: fn() -> T) -> Later<T> {
    Arc::new(LazyLock::new(make))
}
