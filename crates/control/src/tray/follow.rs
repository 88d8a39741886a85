//! Says what the tray shows whenever that changed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use branchline_proxy::record::Record;
use branchline_proxy::store::RecordFilter;
use branchline_proxy::{Engine, LiveEvent, routes};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;
use tokio::time::Instant;

use super::{FALLBACKS, PastFallback, Tray, View, tray};
use crate::desk::{Desk, Ears};
use crate::words::Spoken;

/// Requests come in bursts; the tray need not be drawn for each.
const SETTLE: Duration = Duration::from_millis(150);
/// "Today" ends without anybody telling.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);
/// Past requests that are looked through for fallbacks at the start.
const LOOKED_THROUGH: usize = 200;

/// A fallback, until it is known in which words and on which day it is shown.
#[derive(Debug)]
struct Past {
    at: Timestamp,
    request: String,
    from: String,
    model: String,
}

/// Follows what happens.
#[derive(Debug)]
pub struct Follower {
    desk: Arc<Desk>,
    ears: Ears,
    fallbacks: VecDeque<Past>,
    shown: Option<Tray>,
    /// When a backend has been left alone long enough, which nobody tells.
    rested: Option<Instant>,
}

impl Follower {
    /// Begins to listen.
    pub async fn new(desk: Arc<Desk>) -> Self {
        let fallbacks = past_fallbacks(&desk.engine()).await;
        Self { ears: desk.ears(), desk, fallbacks, shown: None, rested: None }
    }

    /// What the tray shows: at once the first time, later when it changed. `None` when the program is ending.
    pub async fn next(&mut self) -> Option<Tray> {
        loop {
            if self.shown.is_some() {
                self.news().await?;
            }
            let now = tray(&self.view().await);
            if self.shown.as_ref() != Some(&now) {
                self.shown = Some(now.clone());
                return Some(now);
            }
        }
    }

    /// Waits for something that may change the tray, and a moment longer for what comes with it.
    async fn news(&mut self) -> Option<()> {
        let now = Instant::now();
        self.rested = self.rested.filter(|at| *at > now);
        let mut until = self.rested.map_or(now + AT_LEAST_EVERY, |at| at.min(now + AT_LEAST_EVERY));
        loop {
            let Ok(event) = tokio::time::timeout_at(until, self.ears.hear()).await else { return Some(()) };
            match event? {
                LiveEvent::ImageDescribed { .. } | LiveEvent::Navigate { .. } | LiveEvent::Doctor { .. } => continue,
                LiveEvent::CircuitOpened { until, .. } => self.rested = Some(at(until)),
                LiveEvent::Fallback { request, from, model, .. } => self.fell_back(request, from, model),
                _ => {}
            }
            until = until.min(Instant::now() + SETTLE);
        }
    }

    fn fell_back(&mut self, request: String, from: String, model: String) {
        self.fallbacks.push_front(Past { at: Timestamp::now(), request, from, model });
        self.fallbacks.truncate(FALLBACKS);
    }

    async fn view(&self) -> View {
        let answer = self.desk.dispatch("desktop.autostart.get", Value::Null).await;
        let engine = self.desk.engine();
        let spoken = Spoken::wanted(engine.world().settings.window.language);
        View {
            spoken,
            status: routes::view(&engine).await,
            server: self.desk.view(),
            fallbacks: self.fallbacks.iter().map(|past| past.shown(spoken)).collect(),
            autostart: answer.ok().and_then(|answer| answer["enabled"].as_bool()),
        }
    }
}

/// A time of the clock, in milliseconds since 1970, and a moment more.
fn at(millis: i64) -> Instant {
    let ahead = u64::try_from(millis - Timestamp::now().as_millisecond()).unwrap_or_default();
    Instant::now() + Duration::from_millis(ahead) + SETTLE
}

impl Past {
    fn shown(&self, spoken: Spoken) -> PastFallback {
        let Self { at, request, from, model } = self;
        let at = clock(*at, spoken);
        PastFallback { request: request.clone(), at, from: from.clone(), model: model.clone() }
    }
}

async fn past_fallbacks(engine: &Engine) -> VecDeque<Past> {
    let filter = RecordFilter { limit: Some(LOOKED_THROUGH), ..RecordFilter::default() };
    let records = engine.store.records(filter).await.unwrap_or_default();
    records.into_iter().filter(|record| record.fallback.is_some()).take(FALLBACKS).map(past).collect()
}

fn past(record: Record) -> Past {
    let backend = record.backend.unwrap_or_default();
    // A backend known to be offline was not even tried, and nobody wrote down which it was.
    let first = record.attempts.into_iter().next().map(|first| first.backend);
    Past {
        at: record.at,
        from: first.filter(|first| *first != backend).unwrap_or_default(),
        model: format!("{backend}:{}", record.model.unwrap_or_default()),
        request: record.id,
    }
}

/// The time of today, the date of other days.
fn clock(at: Timestamp, spoken: Spoken) -> String {
    let at = at.to_zoned(TimeZone::system());
    let form = if at.date() == Zoned::now().date() { "%H:%M" } else { spoken.words().tray.day };
    at.strftime(form).to_string()
}
