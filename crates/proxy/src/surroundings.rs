//! What rules may look at besides the turn: kept once for all requests that share it, so that changed rules can be
//! tried on past requests. No header that may hold a key is kept, and no value that looks like one.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use branchline_routing::Circumstances;
use branchline_routing::rule::is_header_kept;
use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::engine::Engine;
use crate::inbound::Inbound;
use crate::situation;
use crate::store::{Result, SURROUNDINGS, Store};

/// Different ones kept since the start: a header that is another in every request must not fill the database.
const MOST: usize = 512;
/// After so long they are stored again: what was stored may have been deleted with its last record.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest value of a header that is kept.
const LONGEST: usize = 256;
/// Letters and digits in a row that look like a key.
const KEY: usize = 24;

/// Those that are stored, by a hash of what they were made from.
#[derive(Debug, Default)]
pub(crate) struct Surroundings(Mutex<HashMap<u64, Known>>);

#[derive(Debug)]
struct Known {
    id: String,
    stored: Instant,
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
        if let Some(known) = known.get(&hash).filter(|known| known.stored.elapsed() < AGAIN) {
            return Some(known.id.clone());
        }
        if known.len() >= MOST && !known.contains_key(&hash) {
            return None;
        }
        let folder = if named { situation::folder(call, inbound) } else { folder };
        let mut circumstances = situation::circumstances(call, inbound, folder);
        circumstances.headers = kept(&call.headers).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let id = id_of(&circumstances)?;
        let stored = Stored { at: Timestamp::now().as_millisecond(), circumstances };
        self.store.note_fact(format!("{SURROUNDINGS}{id}"), serde_json::to_string(&stored).ok()?);
        known.insert(hash, Known { id: id.clone(), stored: Instant::now() });
        Some(id)
    }
}

/// Costs a microsecond, for every request asks.
fn hash(call: &Call, inbound: &Inbound<'_>, folder: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
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

/// The same surroundings have the same name, also after a restart.
fn id_of(circumstances: &Circumstances) -> Option<String> {
    let digest = Sha256::digest(serde_json::to_vec(circumstances).ok()?);
    Some(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
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
