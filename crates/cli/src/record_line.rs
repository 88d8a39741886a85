//! One request in one line.

use anstyle::Style;
use branchline_proxy::money::Usd;
use branchline_proxy::record::{AsideRecord, CostSource, Outcome, Place, Record, UsageRecord};
use jiff::tz::TimeZone;

use crate::out::{BAD, CLOUD, DIM, GOOD, WARN};
use crate::table;

/// Time, score, where it went, tokens, how long, and why.
pub(crate) fn of(record: &Record) -> String {
    let time = record.at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
    let score = record.decision.score.map_or_else(|| "–".to_owned(), |score| score.to_string());
    let (style, place) = place(record.outcome, record.place);
    let why = why(record);
    let quiet = if record.error.is_some() || record.fallback.is_some() { WARN } else { DIM };
    let diet = record.diet.map(|diet| table::tokens(diet.tokens_before.saturating_sub(diet.tokens_after)));
    let diet = diet.map_or_else(String::new, |saved| format!(" (diet saved {saved})"));
    let (took, tokens) = (took(record), tokens(&record.usage, &diet));
    let cost = cost(record.place, record.cost.source, record.cost.usd);
    format!(
        "{DIM}{time}{DIM:#} {score:>3} {style}{place:<6}{style:#} {}{tokens}{cost} {took}  {quiet}{why}{quiet:#}",
        who(record)
    )
}

/// The calls of our own that were made for it, a line each.
pub(crate) fn asides(record: &Record) -> impl Iterator<Item = String> + '_ {
    record.asides.iter().map(|aside| {
        let AsideRecord { backend, model, duration_ms, .. } = aside;
        let purpose = aside.purpose.as_str();
        let (style, place) = place(aside.outcome, aside.place);
        let (tokens, cost) = (tokens(&aside.usage, ""), cost(aside.place, aside.source, aside.usd));
        let why = aside.error.as_deref().unwrap_or_default();
        format!(
            "{DIM}     + {purpose:<10}{DIM:#} {style}{place:<6}{style:#} {backend}:{model}{tokens}{cost} {duration_ms} ms  {WARN}{why}{WARN:#}"
        )
    })
}

/// A price nobody knows is not left out: it may be the dearest of all.
fn cost(place: Place, source: CostSource, usd: Option<Usd>) -> String {
    match (source, usd) {
        (CostSource::Local | CostSource::Nothing, _) => String::new(),
        (CostSource::Subscription, _) => " subscription,".into(),
        (_, Some(usd)) => format!(" {usd},"),
        (_, None) if place == Place::Cloud => " price unknown,".into(),
        _ => String::new(),
    }
}

fn place(outcome: Outcome, place: Place) -> (Style, &'static str) {
    match (outcome, place) {
        (Outcome::Error, _) => (BAD, "failed"),
        (Outcome::Cancelled, _) => (WARN, "left"),
        (_, Place::Local) => (GOOD, "local"),
        (_, Place::Cloud) => (CLOUD, "cloud"),
        (_, Place::Nowhere) => (DIM, "here"),
    }
}

fn who(record: &Record) -> String {
    match (&record.backend, &record.model) {
        (Some(backend), Some(model)) => format!("{backend}:{model}"),
        _ if record.requested_model.is_empty() => record.path.clone(),
        _ => record.requested_model.clone(),
    }
}

fn tokens(usage: &UsageRecord, diet: &str) -> String {
    let read = usage.input + usage.cache_read + usage.cache_write;
    if read + usage.output == 0 {
        return String::new();
    }
    format!("  {} in{diet}, {} out,", table::tokens(read), table::tokens(usage.output))
}

/// What the prompt was expected to count, and what it did.
pub(crate) fn estimate(record: &Record) -> Option<String> {
    let usage = &record.usage;
    let (expected, counted) = (record.expected_input_tokens, usage.input + usage.cache_read + usage.cache_write);
    if expected == 0 || counted == 0 {
        return None;
    }
    let off = expected.abs_diff(counted) * 1000 / counted;
    Some(format!("prompt: {expected} tokens expected, {counted} counted ({}.{} % off)", off / 10, off % 10))
}

fn took(record: &Record) -> String {
    let queued = match record.queued_ms {
        0 => String::new(),
        ms => format!(" ({ms} queued)"),
    };
    match record.ttft_ms {
        Some(first) => format!("{} ms (first token {first}){queued}", record.duration_ms),
        None => format!("{} ms{queued}", record.duration_ms),
    }
}

fn why(record: &Record) -> String {
    if let Some(error) = &record.error {
        return format!("{}: {}", error.code, error.message);
    }
    match &record.fallback {
        Some(reason) => format!("instead: {reason}"),
        // That it was sent to this very model needs no saying.
        None if record.doctor => "asked by the doctor".to_owned(),
        None => record.decision.reasons.last().cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_proxy::record::{AsidePurpose, DecisionRecord, ErrorRecord};

    fn plain(record: &Record) -> String {
        anstream::adapter::strip_str(&of(record)).to_string()
    }

    #[test]
    fn a_request_says_where_it_went_and_why() {
        let decision =
            DecisionRecord { score: Some(12), reasons: vec!["score 12 below 50".into()], ..DecisionRecord::default() };
        let record = Record {
            backend: Some("lmstudio".into()),
            model: Some("qwen".into()),
            place: Place::Local,
            outcome: Outcome::Ok,
            duration_ms: 900,
            ttft_ms: Some(80),
            decision,
            ..Record::default()
        };
        let line = plain(&record);
        assert!(line.contains(" 12 local  lmstudio:qwen 900 ms (first token 80)  score 12 below 50"), "{line}");
    }

    #[test]
    fn calls_of_our_own_have_a_line_each_with_their_price() {
        let aside = AsideRecord {
            purpose: AsidePurpose::Dispatcher,
            backend: "anthropic".into(),
            model: "small".into(),
            place: Place::Cloud,
            outcome: Outcome::Ok,
            usage: UsageRecord { input: 900, output: 2, ..UsageRecord::default() },
            usd: Some(Usd::from_dollars(0.25)),
            source: CostSource::Table,
            duration_ms: 310,
            ..AsideRecord::default()
        };
        let record = Record { asides: vec![aside], ..Record::default() };
        let lines: Vec<_> = asides(&record).map(|line| anstream::adapter::strip_str(&line).to_string()).collect();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("+ dispatcher cloud  anthropic:small  900 in, 2 out, $0.250, 310 ms"), "{lines:?}");
    }

    #[test]
    fn a_failed_request_says_its_error() {
        let error = ErrorRecord { code: "no_model".into(), message: "no model is set up".into(), hint: None };
        let record = Record { error: Some(error), outcome: Outcome::Error, ..Record::default() };
        assert!(plain(&record).contains("no_model: no model is set up"));
    }
}
