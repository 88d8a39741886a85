//! What rules may look at besides the turn: kept once for all requests that share it, so that changed rules can be
//! tried on past requests. No header that may hold a key is kept, and no value that looks like one.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use branchline_routing::Circumstances;
use branchline_routing::rule::is_header_kept;
use foldhash::quality::FixedState;
use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::conditions;
use crate::engine::Engine;
use crate::inbound::Inbound;
use crate::situation;
use crate::store::{Result, SURROUNDINGS, Store};

/// Different ones kept since the start: a header that is another in every request must not fill the database.
const MOST: usize = 512;
/// Conversations whose surroundings are known by a hash, at the same time.
const CONVERSATIONS: usize = 4_096;
/// After so long they are stored again: what was stored may have been deleted with its last record.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest value of a header that is kept.
const LONGEST: usize = 256;
/// Letters and digits in a row that look like a key.
const KEY: usize = 24;

/// Those that are stored.
#[derive(Debug, Default)]
pub(crate) struct Surroundings(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Their names, by a hash of what they were made from and of the conversation: many conversations share one.
    names: HashMap<u64, String>,
    /// When each was stored, by its name.
    stored: HashMap<String, Instant>,
}

impl Known {
    fn is_fresh(&self, id: &str) -> bool {
        self.stored.get(id).is_some_and(|stored| stored.elapsed() < AGAIN)
    }

    /// Remembers a name where `store` has taken it; `false` where it has not, or when there are too many to store one
    /// more.
    fn takes(&mut self, id: &str, store: impl FnOnce() -> bool) -> bool {
        let room = self.stored.len() < MOST || self.stored.contains_key(id);
        let taken = room && store();
        if taken {
            self.stored.insert(id.to_owned(), Instant::now());
        }
        taken
    }

    fn name(&mut self, hash: u64, id: &str) {
        if self.names.len() >= CONVERSATIONS {
            self.names.clear();
        }
        self.names.insert(hash, id.to_owned());
    }
}

/// As they lie in the store.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// When they were stored, in milliseconds since 1970; old ones nobody refers to are deleted.
    at: i64,
    #[serde(flatten)]
    circumstances: Circumstances,
}

impl Engine {
    /// What the record of a request calls its surroundings; the first one that has them stores them.
    pub(crate) fn surroundings_id(&self, call: &Call, inbound: &Inbound<'_>) -> Option<String> {
        // The folder stands somewhere in the instructions. A conversation that has a name stays in its folder.
        let named = inbound.key.conversation.len() > 1;
        let folder = if named { None } else { situation::folder(call, inbound) };
        let hash = hash(call, inbound, folder.as_deref());
        let mut known = self.surroundings.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.names.get(&hash).filter(|id| known.is_fresh(id)) {
            return Some(id.clone());
        }
        let folder = if named { situation::folder(call, inbound) } else { folder };
        let mut circumstances = situation::circumstances(call, inbound, folder);
        circumstances.headers = kept(&call.headers).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let id = conditions::id_of(&circumstances)?;
        if !known.is_fresh(&id) {
            let stored = Stored { at: Timestamp::now().as_millisecond(), circumstances };
            let text = serde_json::to_string(&stored).ok()?;
            // A record names only what is there to be read.
            if !known.takes(&id, || self.store.note_fact(format!("{SURROUNDINGS}{id}"), text)) {
                return None;
            }
        }
        known.name(hash, &id);
        Some(id)
    }
}

/// Costs a microsecond, for every request asks.
fn hash(call: &Call, inbound: &Inbound<'_>, folder: Option<&str>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    (&inbound.key.conversation, folder, &call.path, inbound.request.model.as_escaped()).hash(&mut hasher);
    kept(&call.headers).for_each(|header| header.hash(&mut hasher));
    inbound.request.tools.iter().for_each(|tool| tool.name.as_escaped().hash(&mut hasher));
    hasher.finish()
}

/// The headers that are kept; a value that looks like a key is left out of its header.
fn kept(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let readable = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    readable.filter(|(name, _)| is_header_kept(name)).map(|(name, value)| {
        let fit = value.len() <= LONGEST && !looks_like_a_key(value);
        (name, if fit { value } else { "" })
    })
}

fn looks_like_a_key(value: &str) -> bool {
    value.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| {
        let has = |test: fn(&u8) -> bool| part.as_bytes().iter().any(test);
        part.len() >= KEY && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
    })
}

impl Store {
    /// Everything that records call their [`surroundings`](crate::record::DecisionRecord::surroundings), by that name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn surroundings(&self) -> Result<BTreeMap<String, Circumstances>> {
        let facts = self.facts(SURROUNDINGS).await?;
        let read = |(key, text): (String, String)| {
            let stored: Stored = serde_json::from_str(&text).ok()?;
            Some((key.strip_prefix(SURROUNDINGS)?.to_owned(), stored.circumstances))
        };
        Ok(facts.into_iter().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_may_be_many_where_what_is_stored_may_not() {
        let mut known = Known::default();
        (0..=CONVERSATIONS as u64).for_each(|hash| known.name(hash, "same"));
        assert!(known.names.len() <= CONVERSATIONS);
        assert!(!known.takes("0", || false) && !known.is_fresh("0"), "the store was too busy");
        assert!((0..MOST).all(|nth| known.takes(&nth.to_string(), || true)));
        assert!(!known.takes("one more", || true) && known.takes("0", || true) && known.is_fresh("0"));
    }

    #[test]
    fn headers_are_kept_without_keys_and_without_what_changes_with_every_request() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer sk-ant-api03-x"),
            ("x-api-key", "secret"),
            ("cookie", "a=b"),
            ("x-request-id", "1"),
            ("content-length", "12"),
            ("x-claude-code-session-id", "one"),
            ("x-team", "infra"),
            ("x-note", "0123456789abcdef0123456789abcdef"),
            ("anthropic-beta", "interleaved-thinking-2025-05-14,context-management-2025-06-27"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let mut kept: Vec<_> = kept(&headers).collect();
        kept.sort_unstable();
        let beta = ("anthropic-beta", "interleaved-thinking-2025-05-14,context-management-2025-06-27");
        assert_eq!(kept, [beta, ("x-note", ""), ("x-team", "infra")]);
    }
}
