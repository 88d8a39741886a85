//! The thread that owns the database.
//!
//! Records and learned facts wait in a batch until it is large or old enough. Whatever else is asked commits the
//! batch first, so that everyone reads what was handed in before. The batch is filled by whoever
//! hands in; the thread is woken for the first record of a batch and for a full one, not for each.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};
use tracing::warn;

use super::{
    Error, Result,
    backing::{Backing, Batch},
    error::CauseChain,
};
use crate::record::{Bodies, Record};

/// How much may wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages in the channel, and records that wait; what is beyond that is dropped and counted.
    pub queue: usize,
    /// Records of one transaction.
    pub batch: usize,
    /// How long a record may wait for others.
    pub delay: Duration,
    /// Bytes of bodies that may wait; records beyond that are kept without theirs.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queue: 1024, batch: 64, delay: Duration::from_millis(200), body_bytes: 16 * 1024 * 1024 }
    }
}

/// What the handles and the thread both count.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) dropped_records: AtomicU64,
    pub(super) waiting_body_bytes: AtomicUsize,
}

impl Counts {
    /// Says so at the first, second, fourth, eighth… record, not at each: they come in floods.
    pub(super) fn drop_records(&self, records: usize, why: &'static str) {
        let more = u64::try_from(records).unwrap_or(u64::MAX);
        let before = self.dropped_records.fetch_add(more, Ordering::Relaxed);
        let total = before.saturating_add(more);
        if before.checked_ilog2() != total.checked_ilog2() {
            warn!(total, why, "records were dropped");
        }
    }
}

/// Answers its caller by itself; says whether it found the database damaged.
pub(super) type Job = Box<dyn FnOnce(&mut dyn Backing) -> bool + Send>;

pub(super) enum Message {
    /// The first record of a batch waits.
    Begun,
    /// As many wait as one transaction takes.
    Full,
    Call(Job),
    Flush(oneshot::Sender<Result<()>>),
    Close(oneshot::Sender<Result<()>>),
}

/// What was handed in and not yet taken by the thread.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Entrance>);

#[derive(Debug, Default)]
struct Entrance {
    batch: Batch,
    closed: bool,
}

impl Waiting {
    /// Lets `put` add to the batch; gives how many wait then, or why nothing was taken.
    pub(super) fn add(&self, room: usize, put: impl FnOnce(&mut Batch)) -> std::result::Result<usize, &'static str> {
        let mut entrance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entrance.closed {
            return Err("the store is closed");
        }
        if entrance.batch.len() >= room {
            return Err("too many waiting");
        }
        put(&mut entrance.batch);
        Ok(entrance.batch.len())
    }

    fn take(&self) -> Batch {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).batch)
    }

    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }
}

pub(super) struct Actor {
    pub(super) backing: Box<dyn Backing>,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) counts: Arc<Counts>,
    pub(super) limits: Limits,
    pub(super) state: State,
}

/// What has not yet reached the database, or its caller.
#[derive(Default)]
pub(super) struct State {
    /// When what waits must be written.
    due: Option<Instant>,
    /// The first failed write since the last flush.
    failed: Option<Error>,
    closers: Vec<oneshot::Sender<Result<()>>>,
}

impl Actor {
    /// Runs until it is closed or every handle is gone.
    pub(super) async fn run(mut self) {
        loop {
            match self.next().await {
                Some(message) => self.handle(message),
                None if self.is_due() => self.commit(),
                None => break,
            }
        }
        self.end();
    }

    /// The next message; none when the batch is due or nobody can send any more.
    async fn next(&mut self) -> Option<Message> {
        match self.state.due {
            Some(due) => timeout_at(due, self.inbox.recv()).await.ok().flatten(),
            None => self.inbox.recv().await,
        }
    }

    fn is_due(&self) -> bool {
        self.state.due.is_some()
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Begun => {
                self.state.due.get_or_insert_with(|| Instant::now() + self.limits.delay);
            }
            Message::Full => self.commit(),
            Message::Call(job) => {
                self.commit();
                if job(&mut *self.backing) {
                    self.replace_damaged();
                }
            }
            Message::Flush(done) => {
                self.commit();
                // The caller may have gone away, which is no failure of the flush.
                let _ = done.send(self.state.failed.take().map_or(Ok(()), Err));
            }
            Message::Close(done) => {
                // Refuses new messages; those already sent are still handled.
                self.inbox.close();
                self.state.closers.push(done);
            }
        }
    }

    fn commit(&mut self) {
        self.state.due = None;
        let batch = self.waiting.take();
        if batch.is_empty() {
            return;
        }
        if let Err(error) = self.write(&batch) {
            warn!(error = %CauseChain(&error), "a batch of records could not be written");
            self.counts.drop_records(batch.records.len(), "not written");
            self.state.failed.get_or_insert(error);
        }
        let bytes = batch.records.iter().map(|record| body_bytes(record)).sum();
        self.counts.waiting_body_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A damaged database is replaced, and the batch goes to the new one.
    fn write(&mut self, batch: &Batch) -> Result<()> {
        match self.backing.write(batch) {
            Err(error) if error.is_damage() => {
                self.replace_damaged();
                self.backing.write(batch)
            }
            other => other,
        }
    }

    fn replace_damaged(&mut self) {
        if let Err(error) = self.backing.replace_damaged() {
            warn!(
                error = %CauseChain(&error),
                "the damaged database could not be replaced: records stay in memory"
            );
        }
    }

    fn end(mut self) {
        self.waiting.close();
        self.commit();
        let mut outcome = self.state.failed.take().map_or(Ok(()), Err);
        if let Err(error) = self.backing.finish() {
            outcome = outcome.and(Err(error));
        }
        drop(self.backing);
        for closer in self.state.closers {
            // Only the first closer can be given the error; the others are told that it is closed.
            let _ = closer.send(std::mem::replace(&mut outcome, Ok(())));
        }
    }
}

pub(super) fn body_bytes(record: &Record) -> usize {
    record.bodies.as_ref().map_or(0, Bodies::len)
}
