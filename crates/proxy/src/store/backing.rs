//! What the store asks of a database, and the types it asks with.
//!
//! One implementation exists (`sqlite`). The trait is blocking and owned by one thread, so that a
//! server's database client can stand in its place.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Result,
    image::{ImageFilter, ImageKey, ImageRow, ImageTotals},
};
use crate::money::Usd;
use crate::record::{Outcome, Place, Record};

/// Writes that wait for their transaction.
#[derive(Debug, Default)]
pub struct Batch {
    pub records: Vec<Arc<Record>>,
    /// Images that were used once more, and when.
    pub touched: Vec<(ImageKey, Timestamp)>,
    /// Learned facts, text by key.
    pub facts: Vec<(String, String)>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.touched.len() + self.facts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One database, used by one thread.
pub trait Backing: Send {
    /// Writes all of the batch or nothing of it. A record of a known id replaces the old one.
    fn write(&mut self, batch: &Batch) -> Result<()>;
    /// Newest first, without bodies. Rows that cannot be read are left out.
    fn records(&mut self, filter: &RecordFilter) -> Result<Vec<Record>>;
    /// With bodies, where they were kept.
    fn record(&mut self, id: &str) -> Result<Option<Record>>;
    /// Sessions with a request since then that had to stay on the user's machines, and why; at most so many, the newest.
    fn private_sessions(&mut self, since: Timestamp, most: u64) -> Result<Vec<(String, String)>>;
    /// The newest scored requests, newest first.
    fn recent_scores(&mut self, limit: usize) -> Result<Vec<RecentScore>>;
    /// Deletes at most `limit` of the records older than `before`, the oldest first; how many.
    fn prune(&mut self, before: Timestamp, limit: usize) -> Result<usize>;
    fn stats(&mut self, span: Range<Timestamp>) -> Result<Stats>;
    /// Counts per step of so many milliseconds, from the start of the span on; steps without a request are left out.
    fn timeline(&mut self, span: Range<Timestamp>, step_ms: i64) -> Result<Vec<Step>>;

    /// With `model`, only that model's description or one the user wrote.
    fn image(&mut self, key: &ImageKey, model: Option<&str>) -> Result<Option<ImageRow>>;
    /// Replaces a row of the same key, hits excepted.
    fn put_image(&mut self, row: &ImageRow) -> Result<()>;
    /// Most recently used first.
    fn images(&mut self, filter: &ImageFilter) -> Result<Vec<ImageRow>>;
    fn image_totals(&mut self) -> Result<ImageTotals>;
    /// Whether there was such a row.
    fn update_image(&mut self, key: &ImageKey, description: &str) -> Result<bool>;
    /// All descriptions of one image, or of all; how many rows went.
    fn delete_images(&mut self, sha256: Option<&str>) -> Result<usize>;

    fn fact(&mut self, key: &str) -> Result<Option<String>>;
    /// `None` forgets the key.
    fn set_fact(&mut self, key: &str, value: Option<&str>) -> Result<()>;
    /// All facts whose key starts with `prefix`.
    fn facts(&mut self, prefix: &str) -> Result<BTreeMap<String, String>>;
    /// Deletes facts of this prefix (`conditions/`, `surroundings/`) whose `at` is before that time, and whose rest of the
    /// key stands in no record as the member of its decision that has the prefix's name.
    fn prune_facts(&mut self, prefix: &str, before: Timestamp) -> Result<usize>;

    /// Called when an error says that the database is damaged: go on with a new one.
    fn replace_damaged(&mut self) -> Result<()>;
    /// Called once, after the last write.
    fn finish(&mut self) -> Result<()>;
}

/// Which records are wanted; empty means the newest of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(optional_fields)]
pub struct RecordFilter {
    /// At most so many; 100 when not given.
    pub limit: Option<usize>,
    /// Only what is older than this one, to turn pages.
    pub before: Option<Cursor>,
    pub backend: Option<String>,
    pub role: Option<String>,
    /// What sort of request: `main`, `subagent`, `title`…
    pub kind: Option<String>,
    /// Nothing older, in milliseconds since 1970.
    pub after_ms: Option<i64>,
    pub outcome: Option<Outcome>,
    /// Only the doctor's questions, or only what is none of them.
    pub doctor: Option<bool>,
    /// Words that must all occur, in any case, in the record's ids, models, reasons or error.
    pub text: Option<String>,
}

/// A place in the list of records. Holds the id too: several records can share a millisecond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Cursor {
    /// Milliseconds since 1970.
    pub at: i64,
    pub id: String,
}

impl From<&Record> for Cursor {
    fn from(record: &Record) -> Self {
        Self { at: record.at.as_millisecond(), id: record.id.clone() }
    }
}

/// What the threshold's what-if needs of one past request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct RecentScore {
    pub id: String,
    /// 0–100.
    pub score: u8,
    pub kind: String,
    pub role: String,
    pub place: Place,
    pub estimated_input_tokens: u64,
}

/// Sums over a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct Stats {
    pub requests: u64,
    pub ok: u64,
    pub errors: u64,
    pub cancelled: u64,
    pub answered_here: u64,
    /// Requests that went to another candidate than the first.
    pub fallbacks: u64,
    pub local: PlaceStats,
    pub cloud: PlaceStats,
    /// What the cloud's first model would have taken for everything, as far as prices are known.
    pub all_cloud_usd: Usd,
    /// That, less what was paid, over the requests where both are known.
    pub saved_usd: Usd,
}

impl Stats {
    /// The part of model calls that stayed on the user's machine, 0–1; none when there were none.
    #[must_use]
    pub fn local_share(&self) -> Option<f64> {
        let calls = self.local.requests + self.cloud.requests;
        (calls > 0).then(|| self.local.requests as f64 / calls as f64)
    }
}

/// The requests of one step of a timeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct Step {
    /// Which step, from 0.
    pub step: u32,
    pub local: u64,
    pub cloud: u64,
    /// Answered without a model.
    pub here: u64,
    /// Of all these, those that failed.
    pub failed: u64,
}

/// One side's part of `Stats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct PlaceStats {
    pub requests: u64,
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub reasoning: u64,
    /// As far as prices are known.
    pub cost_usd: Usd,
    /// Requests, and calls of our own, whose price nobody knows.
    pub unpriced: u64,
    /// Calls of our own: dispatcher, adviser, descriptions of pictures, questions of the doctor's. Their tokens and their
    /// cost are in the sums, they are not in `requests`.
    pub asides: u64,
}
