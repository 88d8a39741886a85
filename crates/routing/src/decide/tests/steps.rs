//! What beats what: the order of docs/rules.md, what is private, and turns that move because they struggle.

use super::*;
use crate::struggle::Struggle;

fn struggling() -> Struggle {
    Struggle { same_failure: 3, ..Struggle::default() }
}

/// The order of docs/rules.md, step by step: each line beats every line below it.
#[test]
fn the_steps_have_an_order_and_each_says_why() {
    let everything = || {
        case(HARD).with(|c| {
            c.private = Some("never_cloud.texts[0] is found in messages[0]".into());
            c.forced = Some(Target::Cloud);
            c.policy.mode = Mode::Cloud;
            c.asked = Target::Named { name: "claude-*".into(), models: vec![small()] };
            c.ruled = ruled(Then::Models(vec![vision()]));
            c.turn.kind = Kind::WebSearch;
            c.turn.struggle = struggling();
        })
    };
    type Step = (&'static str, &'static str, fn(&mut Case));
    let steps: [Step; 8] = [
        ("private: never_cloud", "lmstudio:coder", |_| {}),
        ("header X-Force-Route asks for cloud", "anthropic:claude", |c| c.private = None),
        ("mode is all cloud", "anthropic:claude", |c| c.forced = None),
        ("means the alias claude-*", "lmstudio:small", |c| c.policy.mode = Mode::Auto),
        ("rules[0] sends it to lmstudio:eyes", "lmstudio:eyes", |c| c.asked = Target::Auto),
        ("web search runs on the server", "anthropic:claude", |c| c.ruled = None),
        ("the same call failed 3 times", "anthropic:claude", |c| c.turn.kind = Kind::Main),
        ("reaches the threshold", "anthropic:claude", |c| c.turn.struggle = Struggle::default()),
    ];
    let mut case = everything();
    for (reason, model, take_away) in steps {
        take_away(&mut case);
        let decision = case.decide();
        assert!(decision.reason().contains(reason), "{reason}: {:?}", decision.reasons);
        assert_eq!(decision.candidates[0].model.to_string(), model, "{reason}");
    }
}

#[test]
fn what_is_private_stays_whatever_is_forced_or_is_refused() {
    let private = |change: fn(&mut Case)| {
        case(HARD).with(|c| c.private = Some("the working folder is under never_cloud.projects[0]".into())).with(change)
    };
    for change in [
        (|c| c.forced = Some(Target::Cloud)) as fn(&mut Case),
        |c| c.forced = Some(Target::Model(cloud())),
        |c| c.asked = Target::Named { name: "a".into(), models: vec![cloud()] },
        |c| c.ruled = ruled(Then::Role(Role::Cloud)),
        |c| c.policy.mode = Mode::Cloud,
        |c| c.earlier = Some(Earlier { cloud: true, escalated: true, ..Earlier::default() }),
        |c| c.turn.struggle = struggling(),
        |c| c.health = down("lmstudio"),
        |c| c.turn.kind = Kind::WebSearch,
        |c| drop(c.policy.roles.insert(Role::Coder, vec![cloud(), local()])),
        |c| {
            c.turn.kind = Kind::Title;
            c.policy.roles.insert(Role::Background, vec![cloud()]);
        },
        |c| {
            c.policy.mode = Mode::Dispatcher;
            c.policy.roles.insert(Role::Think, vec![cloud()]);
            c.dispatched = Some(Dispatched::Role(Role::Think));
        },
    ] {
        let decision = private(change).decide();
        assert!(!decision.candidates.is_empty() && decision.candidates.iter().all(|one| one.local), "{decision:?}");
        assert!(decision.advisor.is_none_or(|one| one.local));
        assert_eq!(decision.escalated, None, "it did not move");
    }
    let nobody = private(|c| drop(c.policy.roles.remove(&Role::Coder))).decide();
    let why = "the working folder is under never_cloud.projects[0]".to_owned();
    assert_eq!(nobody.refusal, Some(Refusal::Private { why }));
    let too_long = private(|c| c.turn.structure.prompt_tokens = 90_000).decide();
    assert!(matches!(too_long.refusal, Some(Refusal::TooLong { .. })), "{too_long:?}");
}

#[test]
fn a_turn_moves_on_struggle_only_and_once() {
    let later = |cloud, escalated| Some(Earlier { score: 10.0, cloud, escalated });
    // The score of a long loop rises; that alone moves nothing.
    let risen = case(HARD).with(|c| c.earlier = later(false, false)).decide();
    assert_eq!(risen.candidates[0].model, local());
    assert!(risen.reason().contains("moves only when it struggles"), "{:?}", risen.reasons);
    let moved = case(EASY).with(|c| {
        c.earlier = later(false, false);
        c.answers = Answers { empty: 2, ..Answers::default() };
    });
    assert_eq!(moved.decide().escalated.as_deref(), Some("2 answers were empty"));
    assert_eq!(moved.models(), ["anthropic:claude", "lmstudio:coder"]);
    let stays = moved.with(|c| c.earlier = later(true, true)).decide();
    assert_eq!((stays.escalated.as_deref(), stays.candidates[0].model.clone()), (None, cloud()));
    assert!(stays.reason().contains("has escalated"), "{:?}", stays.reasons);
}

#[test]
fn escalation_respects_the_switch_the_mode_and_what_was_insisted_on() {
    for change in [
        (|c| c.policy.escalation = None) as fn(&mut Case),
        |c| c.policy.mode = Mode::Local,
        |c| c.forced = Some(Target::Local),
        |c| c.ruled = ruled(Then::Role(Role::Coder)),
        |c| drop(c.policy.roles.remove(&Role::Cloud)),
        |c| c.turn.kind = Kind::Compaction,
    ] {
        let decision = case(EASY).with(|c| c.turn.struggle = struggling()).with(change).decide();
        assert_eq!((decision.escalated, decision.candidates[0].model.clone()), (None, local()));
    }
}
