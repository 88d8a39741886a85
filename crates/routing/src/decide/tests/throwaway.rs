//! Requests that are no work: answered here, or by the background model.

use super::*;
use crate::Handling;

#[test]
fn a_quota_probe_is_answered_here() {
    let decision = case("quota").with(|c| c.turn.kind = Kind::QuotaProbe).decide();
    assert!(decision.answer_here && decision.candidates.is_empty());
}

#[test]
fn throwaway_requests_go_to_the_background_model() {
    let small = ModelRef::new("lmstudio", "small");
    let title = case("x").with(|c| c.turn.kind = Kind::Title);
    let here = title.decide();
    assert!(here.answer_here && here.reason().contains("no background model"), "{:?}", here.reasons);
    let with_role = title.with(|c| drop(c.policy.roles.insert(Role::Background, vec![small.clone()])));
    assert_eq!(with_role.models(), [small.to_string()], "no other model loses its place for a title");
    let as_work = with_role.with(|c| c.policy.throwaway.title = Handling::Coder);
    assert_eq!(as_work.models()[0], "lmstudio:coder");
}

#[test]
fn in_all_local_mode_nothing_goes_to_a_background_model_elsewhere() {
    let title = |kind| {
        case("x").with(|c| {
            c.turn.kind = kind;
            c.policy.mode = Mode::Local;
            c.policy.roles.insert(Role::Background, vec![cloud()]);
        })
    };
    assert!(title(Kind::Title).decide().answer_here, "{:?}", title(Kind::Title).decide());
    assert_eq!(title(Kind::Command).models(), ["lmstudio:coder"]);
    let forced = |kind| title(kind).with(|c| (c.policy.mode, c.forced) = (Mode::Auto, Some(Target::Local)));
    assert!(forced(Kind::Title).decide().answer_here);
    assert_eq!(forced(Kind::Command).models(), ["lmstudio:coder"]);
    assert_eq!(title(Kind::Title).with(|c| c.policy.mode = Mode::Auto).models(), ["anthropic:claude"]);
}
