//! Counters since the start, and the requests that run now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::record::Record;

/// Counts requests.
#[derive(Debug, Default)]
pub struct Running {
    now: AtomicU64,
    totals: Mutex<Totals>,
}

#[derive(Debug, Default)]
struct Totals {
    requests: BTreeMap<(&'static str, &'static str), u64>,
    fallbacks: u64,
    input_tokens: u64,
    output_tokens: u64,
    duration_ms: u64,
}

impl Running {
    pub(crate) fn begin(&self) {
        self.now.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, record: &Record) {
        self.now.fetch_sub(1, Ordering::Relaxed);
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        *totals.requests.entry((record.place.as_str(), record.outcome.as_str())).or_default() += 1;
        totals.fallbacks += u64::from(record.fallback.is_some());
        totals.input_tokens += record.usage.input + record.usage.cache_read + record.usage.cache_write;
        totals.output_tokens += record.usage.output;
        totals.duration_ms += record.duration_ms;
    }

    /// Requests that run now.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The counters in the Prometheus text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::from("# TYPE branchline_requests_total counter\n");
        for ((place, outcome), count) in &totals.requests {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "branchline_requests_total{{place=\"{place}\",outcome=\"{outcome}\"}} {count}");
        }
        let mut counter = |name: &str, kind: &str, value: u64| {
            let _ = writeln!(out, "# TYPE branchline_{name} {kind}\nbranchline_{name} {value}");
        };
        counter("requests_running", "gauge", self.now());
        counter("fallbacks_total", "counter", totals.fallbacks);
        counter("input_tokens_total", "counter", totals.input_tokens);
        counter("output_tokens_total", "counter", totals.output_tokens);
        counter("request_duration_milliseconds_total", "counter", totals.duration_ms);
        out
    }
}
