use std::collections::BTreeMap;
use std::sync::Arc;

use branchline_routing::{Forced, Kind, ModelFacts, ModelRef, Role, Turn};
use branchline_settings::Settings;

use super::*;
use crate::record::{DecisionRecord, Outcome};

fn world() -> World {
    let mut world = World::new(Arc::new(Settings::default()), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let (coder, claude) = (ModelRef::new("lmstudio", "coder"), ModelRef::new("anthropic", "claude"));
    world.catalog.models.insert(coder.clone(), ModelFacts { local: true, ..ModelFacts::default() });
    world.policy.roles.insert(Role::Coder, vec![coder]);
    world.policy.roles.insert(Role::Cloud, vec![claude]);
    world
}

/// A request of a conversation as it ended.
struct Step {
    turn: u64,
    said: u64,
    score: f32,
    failures: u32,
    forced: bool,
    place: Place,
    /// Tool results before it in its turn.
    results: u32,
    answered: bool,
}

fn step(turn: u64) -> Step {
    Step { turn, said: turn, score: 10.0, failures: 0, forced: false, place: Place::Local, results: 0, answered: false }
}

impl Step {
    fn record(&self) -> Record {
        let mut turn = Turn { kind: Kind::Main, fingerprint: self.turn, said: self.said, ..Turn::default() };
        turn.structure.failures_in_turn = self.failures;
        turn.structure.tool_results_in_turn = self.results;
        let target = if self.place == Place::Local { Target::Local } else { Target::Cloud };
        let forced = self.forced.then(|| Forced { target, by: "header".into() });
        let facts = Facts { turn, own_score: self.score, forced, ..Facts::default() };
        Record {
            session: Some("s".into()),
            place: self.place,
            outcome: if self.answered { Outcome::Ok } else { Outcome::Cancelled },
            decision: DecisionRecord { facts: Some(Box::new(facts)), ..DecisionRecord::default() },
            ..Record::default()
        }
    }
}

fn learned(steps: &[Step]) -> LearnedOffset {
    let (outcomes, world) = (Outcomes::default(), world());
    for step in steps {
        outcomes.hear(&step.record(), &world);
    }
    outcomes.learned()
}

fn kinds(steps: &[Step]) -> Vec<LessonKind> {
    learned(steps).lessons.iter().map(|lesson| lesson.kind).collect()
}

#[test]
fn each_lesson_is_learned_from_what_it_is_named_for() {
    let cloud = |turn| Step { place: Place::Cloud, forced: true, ..step(turn) };
    for (steps, lessons) in [
        (vec![step(1), step(2)], vec![]),
        (vec![Step { failures: 3, ..step(1) }], vec![LessonKind::Struggle]),
        // Once for each turn, however long it goes on failing.
        (vec![Step { failures: 3, ..step(1) }, Step { failures: 4, ..step(1) }], vec![LessonKind::Struggle]),
        // The cloud may struggle: that says nothing about this machine.
        (vec![Step { failures: 3, place: Place::Cloud, score: 90.0, ..step(1) }], vec![]),
        (vec![step(1), Step { said: 1, ..step(2) }], vec![LessonKind::AskedAgain]),
        // Gone back to and said again, at the same place of the conversation.
        (vec![Step { answered: true, ..step(1) }, step(1)], vec![LessonKind::AskedAgain]),
        (vec![Step { answered: true, ..step(1) }, cloud(1)], vec![LessonKind::AskedAgain]),
        // A client that tries again after a failure says nothing, nor does a turn that goes on.
        (vec![step(1), step(1)], vec![]),
        (vec![Step { answered: true, ..step(1) }, Step { results: 1, ..step(1) }], vec![]),
        // A nod ("continue") is said again for other reasons.
        (vec![Step { said: 0, ..step(1) }, Step { said: 0, ..step(2) }], vec![]),
        (vec![step(1), cloud(2)], vec![LessonKind::SentToCloud]),
        (vec![step(1), Step { forced: true, score: 90.0, ..step(2) }], vec![LessonKind::KeptLocal]),
        // It would have gone there anyway.
        (vec![step(1), Step { score: 90.0, ..cloud(2) }], vec![]),
        // A client that always names where to go does not object to anything.
        (vec![cloud(1), cloud(2), cloud(3)], vec![]),
    ] {
        assert_eq!(kinds(&steps), lessons);
    }
}

#[test]
fn however_much_goes_wrong_the_offset_stays_within_its_bounds() {
    let steps: Vec<_> = (1..500).map(|turn| Step { failures: 9, ..step(turn) }).collect();
    let offset = learned(&steps);
    assert!(offset.points > 10.0 && offset.points <= BOUND, "{}", offset.points);
    let steps: Vec<_> = (1..1000).map(|turn| Step { forced: turn % 2 == 0, score: 90.0, ..step(turn) }).collect();
    let offset = learned(&steps);
    assert!(offset.points < -10.0 && offset.points >= -BOUND, "{}", offset.points);
    assert_eq!(offset.lessons.len(), SHOWN);
}

#[test]
fn calm_turns_take_an_offset_back_and_none_below_zero() {
    let mut steps = vec![Step { failures: 3, ..step(1) }];
    steps.extend((2..40).map(step));
    let offset = learned(&steps);
    assert!(offset.points.abs() < 1e-6 && offset.calm > 30, "{offset:?}");
}

#[test]
fn the_offset_says_what_it_was_learned_from() {
    let mut learned = learned(&[Step { failures: 3, ..step(1) }, Step { failures: 3, ..step(2) }]);
    learned.asked_again = 1;
    assert_eq!(learned.offset(), Offset { points: 2.0, why: "2 struggles, 1 turn asked again".into() });
    assert_eq!(LearnedOffset::default().offset(), Offset::default());
}
