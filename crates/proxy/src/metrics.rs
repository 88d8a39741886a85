//! Counters since the start, and the requests that run now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::Engine;
use crate::lane::{CircuitState, CircuitView, QueueView};
use crate::money::Usd;
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
    queued_ms: u64,
    cost: Usd,
    saved: Usd,
    unpriced: u64,
}

impl Running {
    pub(crate) fn begin(&self) {
        self.now.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, record: &Record) {
        self.now.fetch_sub(1, Ordering::Relaxed);
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if !record.doctor {
            *totals.requests.entry((record.place.as_str(), record.outcome.as_str())).or_default() += 1;
            totals.fallbacks += u64::from(record.fallback.is_some());
            totals.duration_ms += record.duration_ms;
            totals.queued_ms += record.queued_ms;
        }
        totals.input_tokens += record.usage.input + record.usage.cache_read + record.usage.cache_write;
        totals.output_tokens += record.usage.output;
        totals.cost += record.cost.usd.unwrap_or_default();
        for aside in &record.asides {
            totals.input_tokens += aside.usage.input + aside.usage.cache_read + aside.usage.cache_write;
            totals.output_tokens += aside.usage.output;
            totals.cost += aside.usd.unwrap_or_default();
            totals.saved = totals.saved - aside.usd.unwrap_or_default();
        }
        totals.saved += record.cost.saved_usd.unwrap_or_default();
        totals.unpriced += u64::from(record.cost.usd.is_none());
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
        counter("request_queued_milliseconds_total", "counter", totals.queued_ms);
        counter("requests_without_price_total", "counter", totals.unpriced);
        for (name, kind, value) in [("cost_usd_total", "counter", totals.cost), ("saved_usd", "gauge", totals.saved)] {
            let _ = writeln!(out, "# TYPE branchline_{name} {kind}\nbranchline_{name} {}", value.dollars());
        }
        out
    }
}

/// The state of each backend, and of the day's budget.
pub(crate) fn backends(engine: &Engine, out: &mut String) {
    let world = engine.world();
    let states: Vec<_> = world.backends.values().map(|one| (one.name(), one.queue(), one.circuit())).collect();
    let mut gauge = |name: &str, value: &dyn Fn(&(&str, QueueView, CircuitView)) -> u32| {
        let _ = writeln!(out, "# TYPE branchline_backend_{name} gauge");
        for state in &states {
            let _ = writeln!(out, "branchline_backend_{name}{{backend=\"{}\"}} {}", state.0, value(state));
        }
    };
    gauge("running", &|(_, queue, _)| queue.running);
    gauge("waiting", &|(_, queue, _)| queue.waiting);
    gauge("places", &|(_, queue, _)| queue.limit);
    gauge("circuit_open", &|(_, _, circuit)| u32::from(circuit.state != CircuitState::Closed));
    if let Some(percent) = engine.budget().percent {
        let _ = writeln!(out, "# TYPE branchline_budget_percent gauge\nbranchline_budget_percent {percent}");
    }
}
