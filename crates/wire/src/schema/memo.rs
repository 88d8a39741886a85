//! What simplified schemas came out as: a client sends the same tools with every request of a session.
//!
//! Simplifying depends on the schema and the level alone, so remembering cannot be seen but in the time it takes:
//! without it the schemas cost as much as the rest of the translation.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use foldhash::fast::RandomState;
use serde_json::Value;

use crate::hub::Dropped;

/// Bytes of schemas that are remembered; when more come, all are forgotten. A session's tools take some 50 KB.
const MOST_BYTES: usize = 1 << 20;

/// Schemas that are kept as values, which take some ten times their bytes: those of the tools a model calls.
const MOST_VALUES: usize = 32;
/// Bytes of the longest one of them.
const LONGEST_VALUE: usize = 16 * 1024;

static MEMO: LazyLock<Mutex<Memo>> = LazyLock::new(Mutex::default);
static VALUES: LazyLock<Mutex<Values>> = LazyLock::new(Mutex::default);

type Values = HashMap<Box<str>, Arc<Value>, RandomState>;

/// A schema to look things up in: `Null` where it is no JSON.
pub(crate) fn value(raw: &str) -> Arc<Value> {
    if let Some(known) = VALUES.lock().unwrap_or_else(PoisonError::into_inner).get(raw) {
        return Arc::clone(known);
    }
    let value: Arc<Value> = Arc::new(serde_json::from_str(raw).unwrap_or_default());
    if raw.len() <= LONGEST_VALUE {
        let mut values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() >= MOST_VALUES {
            values.clear();
        }
        values.insert(raw.into(), Arc::clone(&value));
    }
    value
}

#[derive(Debug, Default)]
struct Memo {
    levels: [HashMap<Box<str>, Simplified, RandomState>; 3],
    bytes: usize,
}

#[derive(Debug)]
struct Simplified {
    schema: Box<str>,
    /// Paths below the schema's own.
    dropped: Box<[Dropped]>,
}

/// Writes behind `out` what `simplify` makes of `raw` at `level` (1 to 3), from memory where it can.
pub(super) fn remembered(
    raw: &str,
    level: u8,
    path: &dyn Fn() -> String,
    dropped: &mut Vec<Dropped>,
    out: &mut String,
    simplify: impl FnOnce(&mut Vec<Dropped>, &mut String),
) {
    let slot = usize::from(level.clamp(1, 3)) - 1;
    if recall(slot, raw, path, dropped, out) {
        return;
    }
    let (mut lost, start) = (Vec::new(), out.len());
    simplify(&mut lost, out);
    dropped.extend(lost.iter().map(|loss| below(path, loss)));
    keep(slot, raw, Simplified { schema: out[start..].into(), dropped: lost.into() });
}

fn recall(slot: usize, raw: &str, path: &dyn Fn() -> String, dropped: &mut Vec<Dropped>, out: &mut String) -> bool {
    let memo = MEMO.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(known) = memo.levels[slot].get(raw) else { return false };
    out.push_str(&known.schema);
    dropped.extend(known.dropped.iter().map(|loss| below(path, loss)));
    true
}

fn keep(slot: usize, raw: &str, simplified: Simplified) {
    let size = raw.len() + simplified.schema.len();
    let mut memo = MEMO.lock().unwrap_or_else(PoisonError::into_inner);
    if memo.bytes + size > MOST_BYTES {
        *memo = Memo::default();
    }
    if size <= MOST_BYTES && memo.levels[slot].insert(raw.into(), simplified).is_none() {
        memo.bytes += size;
    }
}

fn below(path: &dyn Fn() -> String, loss: &Dropped) -> Dropped {
    Dropped::new(path() + &loss.path, loss.reason)
}
