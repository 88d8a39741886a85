use branchline_routing::{Facts, Kind, ModelFacts, ModelRef, Role, Turn};
use jiff::Timestamp;

use super::*;
use crate::record::{DecisionRecord, UsageRecord};

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    catalog.models.insert(ModelRef::new("lmstudio", "coder"), ModelFacts { local: true, ..ModelFacts::default() });
    catalog.models.insert(ModelRef::new("anthropic", "claude"), ModelFacts::default());
    catalog
}

fn policy(threshold: u8) -> Policy {
    let roles = [
        (Role::Coder, vec![ModelRef::new("lmstudio", "coder")]),
        (Role::Cloud, vec![ModelRef::new("anthropic", "claude")]),
    ];
    Policy { threshold, roles: roles.into(), ..Policy::default() }
}

/// A request of a turn, at this second, with this score.
fn record(turn: u64, second: i64, score: f32) -> Record {
    let facts = Facts {
        turn: Turn { kind: Kind::Main, fingerprint: turn, ..Turn::default() },
        own_score: score,
        ..Facts::default()
    };
    Record {
        id: format!("req_{second}"),
        at: Timestamp::from_second(second).unwrap(),
        session: Some("s".into()),
        decision: DecisionRecord { facts: Some(Box::new(facts)), ..DecisionRecord::default() },
        usage: UsageRecord { input: 100, output: 10, ..UsageRecord::default() },
        ..Record::default()
    }
}

fn going_on(turn: u64, second: i64, score: f32, earlier: Earlier) -> Record {
    let mut record = record(turn, second, score);
    record.decision.facts.as_mut().unwrap().earlier = Some(earlier);
    record
}

/// A cent for each request in the cloud.
#[expect(clippy::unnecessary_wraps, reason = "the shape of the prices")]
fn dear(_: &Record, at: &Candidate) -> Option<Usd> {
    Some(if at.local { Usd::default() } else { Usd::from_dollars(0.01) })
}

fn try_out(records: &[Record], from: u8, to: u8) -> WhatIf {
    let [before, after] =
        [from, to].map(|threshold| play(records, &policy(threshold), &catalog(), &|_, _| None, &dear));
    compare(records, &before, &after)
}

#[test]
fn a_lower_threshold_moves_the_turns_between() {
    let records = [record(1, 1, 20.0), record(2, 2, 45.0), record(3, 3, 80.0), Record::default()];
    let result = try_out(&records, 50, 40);
    assert_eq!((result.requests, result.turns, result.skipped), (3, 3, 1));
    assert_eq!((result.changed_requests, result.changed_turns), (1, 1));
    assert_eq!((result.before.cloud_turns, result.after.cloud_turns), (1, 2));
    let moved = &result.changed[0];
    assert_eq!((moved.id.as_str(), moved.before.local, moved.after.local), ("req_2", true, false));
    assert_eq!(moved.after.reason, "score 45 reaches the threshold 40: cloud");
    assert!((result.before.cloud_tokens_per_day - 110.0).abs() < 1e-6, "{result:?}");
    assert!((result.after.cloud_tokens_per_day - 220.0).abs() < 1e-6, "{result:?}");
    assert!((result.before.cost_per_day.unwrap() - 0.01).abs() < 1e-9, "{result:?}");
    assert!((result.after.cost_per_day.unwrap() - 0.02).abs() < 1e-9, "{result:?}");
}

#[test]
fn a_turn_that_begins_elsewhere_goes_on_elsewhere() {
    // Locally decided then; under the lower threshold the whole turn would have been the cloud's.
    let stayed = Earlier { score: 45.0, ..Earlier::default() };
    let records = [record(1, 1, 45.0), going_on(1, 2, 10.0, stayed), going_on(1, 3, 10.0, stayed)];
    let result = try_out(&records, 50, 40);
    assert_eq!((result.turns, result.changed_turns, result.changed_requests), (1, 1, 3));
    assert_eq!(result.changed[0].requests, 3);
    // And the other way: what went to the cloud then does not pull its turn there when it would have stayed.
    let went = Earlier { score: 60.0, cloud: true, ..Earlier::default() };
    let records = [record(1, 1, 60.0), going_on(1, 2, 10.0, went)];
    let result = try_out(&records, 50, 70);
    assert_eq!((result.before.cloud_turns, result.after.cloud_turns), (1, 0));
}

#[test]
fn the_same_settings_change_nothing() {
    let records: Vec<_> = (0..100).map(|n| record(n, n as i64, n as f32)).collect();
    let result = try_out(&records, 50, 50);
    assert_eq!((result.changed_requests, result.changed_turns), (0, 0));
    assert_eq!(result.before, result.after);
    assert!((result.before.cloud_share - 0.5).abs() < 1e-6);
}
