//! What outlives the process: records, image descriptions, learned facts.
//!
//! `Store` is a cheap handle; the database belongs to one thread (`actor`) behind one trait
//! (`Backing`), which `Sqlite` implements. Handing in a record never waits and never fails: what
//! the request path cannot get rid of is counted and dropped. No key is ever given to this module.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    path::Path,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use tokio::sync::{mpsc, oneshot};

use crate::record::Record;

mod actor;
mod backing;
mod error;
mod image;
mod sqlite;
#[cfg(test)]
mod tests;

pub use actor::Limits;
pub use backing::{Backing, Batch, Cursor, PlaceStats, RecentScore, RecordFilter, Stats, Step};
pub use error::{Error, Result};
pub use image::{ImageFilter, ImageKey, ImageRow, ImageTotals, MAX_THUMBNAIL_BYTES, THUMBNAIL_PIXELS};
pub use sqlite::Sqlite;

use actor::{Actor, Counts, Message, State, Waiting, body_bytes};

/// Records deleted at a time, so that pruning never keeps a request waiting for long.
const PRUNE_STEP: usize = 500;

/// Where `schema_level` keeps what it learned.
const SCHEMA_LEVEL: &str = "schema_level/";

/// Where the conditions of decisions are kept.
pub(crate) const CONDITIONS: &str = "conditions/";

/// Where the surroundings of requests are kept.
pub(crate) const SURROUNDINGS: &str = "surroundings/";

/// Handle of the store; clones share one database.
#[derive(Clone)]
pub struct Store {
    actor: mpsc::Sender<Message>,
    waiting: Arc<Waiting>,
    counts: Arc<Counts>,
    limits: Limits,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("limits", &self.limits).field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the SQLite file, making it and its folder where missing; a damaged one is moved
    /// aside. Blocks for some milliseconds.
    ///
    /// # Errors
    /// When the folder cannot be written, or a newer version wrote the file.
    pub fn open(path: &Path) -> Result<Self> {
        Self::start(Sqlite::open(path)?, Limits::default())
    }

    /// A store that is gone with its last handle.
    ///
    /// # Errors
    /// When memory or threads are out.
    pub fn open_in_memory() -> Result<Self> {
        Self::start(Sqlite::open_in_memory()?, Limits::default())
    }

    /// A store on any backing.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(backing: impl Backing + 'static, limits: Limits) -> Result<Self> {
        let (sender, inbox) = mpsc::channel(limits.queue.max(1));
        let counts = Arc::new(Counts::default());
        let waiting = Arc::new(Waiting::default());
        let actor = Actor {
            backing: Box::new(backing),
            inbox,
            waiting: Arc::clone(&waiting),
            counts: Arc::clone(&counts),
            limits,
            state: State::default(),
        };
        // A runtime of its own, for the batch's timer; it has no threads and no I/O.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(Error::Thread)?;
        thread::Builder::new()
            .name("store".into())
            .spawn(move || runtime.block_on(actor.run()))
            .map_err(Error::Thread)?;
        Ok(Self { actor: sender, waiting, counts, limits })
    }

    /// Runs `job` on the database's thread, after everything handed in before.
    async fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Backing) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let message = Message::Call(Box::new(move |backing| {
            let result = job(backing);
            let damaged = result.as_ref().is_err_and(Error::is_damage);
            // A caller that has gone away needs no answer.
            let _ = answer.send(result);
            damaged
        }));
        self.actor.send(message).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    async fn ask(&self, message: impl FnOnce(oneshot::Sender<Result<()>>) -> Message) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        let sent = self.actor.send(message(answer)).await;
        sent.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Waits until everything handed in so far is written.
    ///
    /// # Errors
    /// The first failed write since the last flush.
    pub async fn flush(&self) -> Result<()> {
        self.ask(Message::Flush).await
    }

    /// Writes what waits and closes the database, for all handles. To be awaited before the
    /// process ends.
    ///
    /// # Errors
    /// A write that failed since the last flush.
    pub async fn close(&self) -> Result<()> {
        self.ask(Message::Close).await
    }
}

/// Records.
impl Store {
    /// Hands a record in and returns at once. When too much waits already, the record goes without
    /// its bodies or is dropped: a log may never slow a request down.
    pub fn insert_record(&self, record: impl Into<Arc<Record>>) {
        let record = self.within_body_limit(record.into());
        let bytes = body_bytes(&record);
        if let Err(why) = self.hand_in(|batch| batch.records.push(record)) {
            self.counts.waiting_body_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.counts.drop_records(1, why);
        }
    }

    /// Puts something into the batch that waits, and wakes the thread where there is a reason to.
    fn hand_in(&self, put: impl FnOnce(&mut Batch)) -> std::result::Result<(), &'static str> {
        let waiting = self.waiting.add(self.limits.queue, put)?;
        // A channel that is full holds questions, and each of them commits the batch.
        if waiting == 1 {
            let _ = self.actor.try_send(Message::Begun);
        }
        if waiting == self.limits.batch {
            let _ = self.actor.try_send(Message::Full);
        }
        Ok(())
    }

    fn within_body_limit(&self, record: Arc<Record>) -> Arc<Record> {
        let bytes = body_bytes(&record);
        let waiting = &self.counts.waiting_body_bytes;
        if waiting.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limits.body_bytes {
            return record;
        }
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        tracing::warn!(id = %record.id, bytes, "a record is kept without its bodies: too many wait");
        Arc::new(record.without_bodies())
    }

    /// Records lost since the start: the channel was full, or the disk refused them.
    #[must_use]
    pub fn dropped_records(&self) -> u64 {
        self.counts.dropped_records.load(Ordering::Relaxed)
    }

    /// Newest first, without bodies.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn records(&self, filter: RecordFilter) -> Result<Vec<Record>> {
        self.call(move |db| db.records(&filter)).await
    }

    /// One record with its bodies, where they were kept.
    ///
    /// # Errors
    /// When the database or this record cannot be read.
    pub async fn record(&self, id: impl Into<String>) -> Result<Option<Record>> {
        let id = id.into();
        self.call(move |db| db.record(&id)).await
    }

    /// Sessions with a request that had to stay on the user's machines, and why, of so long before now; the newest
    /// ones where there are more than `most`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn private_sessions(&self, within: Duration, most: u64) -> Result<Vec<(String, String)>> {
        let since = SignedDuration::try_from(within).ok().and_then(|within| Timestamp::now().checked_sub(within).ok());
        let since = since.unwrap_or(Timestamp::MIN);
        self.call(move |db| db.private_sessions(since, most)).await
    }

    /// The last `limit` scored requests, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn recent_scores(&self, limit: usize) -> Result<Vec<RecentScore>> {
        self.call(move |db| db.recent_scores(limit)).await
    }

    /// Deletes records older than so many days of 24 hours; how many.
    ///
    /// # Errors
    /// When the database cannot be written; what was deleted stays deleted.
    pub async fn prune(&self, keep_days: u32) -> Result<usize> {
        let kept = SignedDuration::from_hours(24 * i64::from(keep_days));
        match Timestamp::now().checked_sub(kept) {
            Ok(before) => self.prune_before(before).await,
            // Longer than the calendar reaches back: everything is kept.
            Err(_) => Ok(0),
        }
    }

    /// Deletes records older than `before`; how many.
    ///
    /// # Errors
    /// As for `prune`.
    pub async fn prune_before(&self, before: Timestamp) -> Result<usize> {
        let mut total = 0;
        loop {
            let gone = self.call(move |db| db.prune(before, PRUNE_STEP)).await?;
            total += gone;
            if gone < PRUNE_STEP {
                self.call(move |db| db.prune_facts(CONDITIONS, before)).await?;
                self.call(move |db| db.prune_facts(SURROUNDINGS, before)).await?;
                return Ok(total);
            }
        }
    }

    /// Sums over `span`, its end excluded.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stats_between(&self, span: Range<Timestamp>) -> Result<Stats> {
        self.call(move |db| db.stats(span)).await
    }

    /// Counts per step of so many milliseconds; steps without a request are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn timeline(&self, span: Range<Timestamp>, step_ms: i64) -> Result<Vec<Step>> {
        self.call(move |db| db.timeline(span, step_ms)).await
    }

    /// Sums over one day as the clock on the user's wall counts it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stats(&self, day: Date, zone: &TimeZone) -> Result<Stats> {
        self.stats_between(span_of(day, zone)).await
    }
}

/// A day at the calendar's end has no tomorrow; it is given none.
fn span_of(day: Date, zone: &TimeZone) -> Range<Timestamp> {
    let midnight = |day: Date| day.to_zoned(zone.clone()).map(|start| start.timestamp());
    let start = midnight(day).unwrap_or(Timestamp::MAX);
    let end = day.tomorrow().and_then(midnight).unwrap_or(Timestamp::MAX);
    start..end
}

/// Image descriptions.
impl Store {
    /// The stored description, if there is one; with `model`, only that model's or the user's own.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn image(&self, key: ImageKey, model: Option<String>) -> Result<Option<ImageRow>> {
        self.call(move |db| db.image(&key, model.as_deref())).await
    }

    /// Keeps a description, in place of an older one of the same key.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_image(&self, row: ImageRow) -> Result<()> {
        self.call(move |db| db.put_image(&row)).await
    }

    /// Counts one more use of a stored description. Returns at once; may be lost under load.
    pub fn touch_image(&self, key: ImageKey) {
        // A lost count of uses harms nobody.
        let _ = self.hand_in(|batch| batch.touched.push((key, Timestamp::now())));
    }

    /// Most recently used first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn images(&self, filter: ImageFilter) -> Result<Vec<ImageRow>> {
        self.call(move |db| db.images(&filter)).await
    }

    /// # Errors
    /// When the database cannot be read.
    pub async fn image_totals(&self) -> Result<ImageTotals> {
        self.call(|db| db.image_totals()).await
    }

    /// Puts the user's words in place of a description; whether there was one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn update_image(&self, key: ImageKey, description: String) -> Result<bool> {
        self.call(move |db| db.update_image(&key, &description)).await
    }

    /// Forgets all descriptions of one image (its whole hash); how many there were.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_image(&self, sha256: impl Into<String>) -> Result<usize> {
        let sha256 = sha256.into();
        self.call(move |db| db.delete_images(Some(&sha256))).await
    }

    /// Forgets all descriptions of all images; how many there were.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn clear_images(&self) -> Result<usize> {
        self.call(|db| db.delete_images(None)).await
    }
}

/// Facts learned about backends and models. Never a key or a token.
impl Store {
    /// # Errors
    /// When the database cannot be read.
    pub async fn fact(&self, key: impl Into<String>) -> Result<Option<String>> {
        let key = key.into();
        self.call(move |db| db.fact(&key)).await
    }

    /// # Errors
    /// When the database cannot be written.
    pub async fn set_fact(&self, key: impl Into<String>, value: impl Into<String>) -> Result<()> {
        let (key, value) = (key.into(), value.into());
        self.call(move |db| db.set_fact(&key, Some(&value))).await
    }

    /// Hands a fact in and returns at once; `false` when too much waits already and it is lost.
    pub fn note_fact(&self, key: impl Into<String>, value: impl Into<String>) -> bool {
        let fact = (key.into(), value.into());
        let taken = self.hand_in(|batch| batch.facts.push(fact));
        taken.inspect_err(|why| tracing::warn!(why, "a fact was not kept")).is_ok()
    }

    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_fact(&self, key: impl Into<String>) -> Result<()> {
        let key = key.into();
        self.call(move |db| db.set_fact(&key, None)).await
    }

    /// All facts whose key starts with `prefix`, by their whole key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn facts(&self, prefix: impl Into<String>) -> Result<BTreeMap<String, String>> {
        let prefix = prefix.into();
        self.call(move |db| db.facts(&prefix)).await
    }

    /// How far tool schemas must be simplified, by model ref or backend name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn schema_levels(&self) -> Result<BTreeMap<String, u8>> {
        let facts = self.facts(SCHEMA_LEVEL).await?;
        let level = |(key, value): (String, String)| {
            let name = key.strip_prefix(SCHEMA_LEVEL)?.to_owned();
            Some((name, value.parse().ok()?))
        };
        Ok(facts.into_iter().filter_map(level).collect())
    }

    /// Remembers a level for a model ref or backend name.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_schema_level(&self, name: &str, level: u8) -> Result<()> {
        self.set_fact(format!("{SCHEMA_LEVEL}{name}"), level.to_string()).await
    }
}
