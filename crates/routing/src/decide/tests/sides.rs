//! Which side a turn goes to: by its score, by what was asked for, by which servers are there.

use super::*;

#[test]
fn easy_work_stays_and_hard_work_goes() {
    assert_eq!(case(EASY).models(), ["lmstudio:coder", "anthropic:claude"]);
    assert_eq!(case(HARD).models(), ["anthropic:claude", "lmstudio:coder"]);
}

#[test]
fn the_threshold_decides() {
    assert_eq!(case(EASY).with(|c| c.policy.threshold = 0).models()[0], "anthropic:claude");
    let score = case(HARD).decide().score.value;
    assert_eq!(case(HARD).with(|c| c.policy.threshold = score).models()[0], "anthropic:claude");
    assert_eq!(case(HARD).with(|c| c.policy.threshold = score + 1).models()[0], "lmstudio:coder");
}

#[test]
fn a_forced_route_is_strict_and_beats_the_model_id() {
    let forced = |target| case(HARD).with(|c| c.forced = Some(target));
    assert_eq!(forced(Target::Local).models(), ["lmstudio:coder"]);
    assert_eq!(forced(Target::Cloud).models(), ["anthropic:claude"]);
    assert_eq!(forced(Target::Local).with(|c| c.asked = Target::Cloud).models(), ["lmstudio:coder"]);
    assert_eq!(forced(Target::Model(vision())).models(), ["lmstudio:eyes"]);
}

#[test]
fn a_header_that_says_auto_beats_a_model_id_that_says_cloud() {
    let case = case(EASY).with(|c| {
        c.forced = Some(Target::Auto);
        c.asked = Target::Cloud;
    });
    assert_eq!(case.models()[0], "lmstudio:coder");
}

#[test]
fn a_model_id_may_name_a_side_or_a_model() {
    assert_eq!(case(EASY).with(|c| c.asked = Target::Cloud).models(), ["anthropic:claude"]);
    assert_eq!(case(EASY).with(|c| c.asked = Target::Model(cloud())).models(), ["anthropic:claude"]);
}

#[test]
fn the_modes_send_everything_one_way() {
    assert_eq!(case(HARD).with(|c| c.policy.mode = Mode::Local).models(), ["lmstudio:coder"]);
    assert_eq!(case(EASY).with(|c| c.policy.mode = Mode::Cloud).models()[0], "anthropic:claude");
}

#[test]
fn a_server_that_is_down_goes_last() {
    let decision = case(EASY).with(|c| c.health = down("lmstudio")).decide();
    assert_eq!(decision.candidates[0].model, cloud());
    assert!(decision.candidates[0].fallback.is_some());
    assert!(decision.reasons.iter().any(|reason| reason.contains("lmstudio is offline")), "{:?}", decision.reasons);
    let back = case(HARD).with(|c| c.health = down("anthropic")).decide();
    assert_eq!(back.candidates[0].model, local());
}

#[test]
fn a_backend_that_rests_after_failures_goes_last() {
    let resting = Health { resting: ["lmstudio".to_owned()].into(), ..Health::default() };
    let decision = case(EASY).with(|c| c.health = resting).decide();
    assert_eq!(decision.candidates[0].model, cloud());
    assert!(decision.reasons.iter().any(|reason| reason.contains("rests after failures")), "{:?}", decision.reasons);
}

#[test]
fn nothing_crosses_where_the_user_forbids_it() {
    let stay = case(EASY).with(|c| {
        c.policy.fallback_to_cloud = false;
        c.health = down("lmstudio");
    });
    assert_eq!(stay.models(), ["lmstudio:coder"]);
    let away = case(HARD).with(|c| c.policy.fallback_to_local = false);
    assert_eq!(away.models(), ["anthropic:claude"]);
}

#[test]
fn a_turn_that_went_to_the_cloud_stays_there() {
    let case = case(EASY).with(|c| c.earlier = Some(Earlier { score: 10.0, cloud: true, ..Earlier::default() }));
    assert_eq!(case.models()[0], "anthropic:claude");
}

#[test]
fn within_a_turn_the_score_never_falls() {
    let decision = case(EASY).with(|c| c.earlier = Some(Earlier { score: 44.0, ..Earlier::default() })).decide();
    assert_eq!(decision.score.value, 44);
}

#[test]
fn a_compaction_stays_with_the_model_that_has_read_the_conversation() {
    let compaction = case(HARD).with(|c| c.turn.kind = Kind::Compaction);
    assert_eq!(compaction.models(), ["lmstudio:coder", "anthropic:claude"]);
    assert_eq!(compaction.with(|c| c.policy.mode = Mode::Local).models(), ["lmstudio:coder"]);
}

#[test]
fn a_web_search_goes_to_the_cloud_however_easy() {
    assert_eq!(case(EASY).with(|c| c.turn.kind = Kind::WebSearch).models()[0], "anthropic:claude");
}

#[test]
fn without_any_model_the_missing_role_is_named() {
    let decision = case(EASY).with(|c| c.policy.roles.clear()).decide();
    assert_eq!(decision.refusal, Some(Refusal::NoModel { wanted: "coder" }));
}

#[test]
fn a_missing_side_is_named_as_the_reason() {
    let decision = case(HARD).with(|c| drop(c.policy.roles.remove(&Role::Cloud))).decide();
    assert_eq!((decision.candidates[0].model.clone(), decision.reason()), (local(), "no cloud model is set up"));
}

#[test]
fn every_decision_gives_a_reason() {
    for case in [case(EASY), case(HARD), case(EASY).with(|c| c.asked = Target::Cloud)] {
        assert!(!case.decide().reasons.is_empty());
    }
}
