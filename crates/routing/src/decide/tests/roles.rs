//! Which role and which of its models: by the dispatcher's word, an alias, a rule, or a role that is forced.

use super::*;

fn four_roles(human: &str) -> Case {
    case(human).with(|c| {
        c.policy.mode = Mode::Dispatcher;
        let model = |id: &str| vec![ModelRef::new("lmstudio", id)];
        c.policy.roles.extend([
            (Role::Dispatcher, model("tiny")),
            (Role::Tool, model("hands")),
            (Role::Think, model("head")),
        ]);
    })
}

#[test]
fn the_dispatcher_is_asked_near_the_threshold_and_once_per_turn() {
    let asks = |change: fn(&mut Case)| four_roles(EASY).with(change).decide().ask_dispatcher;
    assert!(asks(|_| {}));
    assert!(!asks(|c| c.policy.dispatcher_band = 5), "far from the threshold");
    assert!(!asks(|c| c.policy.mode = Mode::Auto));
    assert!(!asks(|c| drop(c.policy.roles.remove(&Role::Dispatcher))));
    assert!(!asks(|c| c.turn.kind = Kind::Title));
    assert!(!asks(|c| c.ruled = ruled(Then::Role(Role::Coder))));
    assert!(!asks(|c| c.earlier = Some(Earlier::default())), "the turn goes on");
    assert!(!asks(|c| c.dispatched = Some(Dispatched::Failed("x".into()))));
}

#[test]
fn the_dispatchers_word_stands_and_without_one_the_score_decides() {
    let said = |role| four_roles(HARD).with(|c| c.dispatched = Some(Dispatched::Role(role))).models();
    assert_eq!(said(Role::Tool)[..2], ["lmstudio:hands", "lmstudio:coder"]);
    assert_eq!(said(Role::Coder)[0], "lmstudio:coder");
    assert_eq!(said(Role::Think)[..2], ["lmstudio:head", "lmstudio:hands"]);
    let failed = four_roles(HARD).with(|c| c.dispatched = Some(Dispatched::Failed("it took too long".into()))).decide();
    assert_eq!(failed.candidates[0].model, cloud());
    assert!(failed.reasons[0].contains("it took too long"), "{:?}", failed.reasons);
}

#[test]
fn who_thinks_without_tools_gives_advice_to_who_has_them() {
    let head = ModelRef::new("lmstudio", "head");
    let case = four_roles(HARD).with(|c| {
        c.dispatched = Some(Dispatched::Role(Role::Think));
        c.turn.client_tools = true;
    });
    let question = |tools| {
        let mut catalog = catalog(65_536);
        catalog.models.insert(head.clone(), ModelFacts { local: true, tools: Some(tools), ..ModelFacts::default() });
        case.decide_with(&catalog)
    };
    let advised = question(false);
    assert_eq!(advised.advisor.map(|one| one.model), Some(head.clone()));
    assert_eq!(advised.candidates[0].model, ModelRef::new("lmstudio", "hands"));
    let able = question(true);
    assert_eq!((able.advisor, able.candidates[0].model.clone()), (None, head.clone()));
}

#[test]
fn an_alias_is_its_list_and_no_other_model() {
    let named = case(EASY).with(|c| c.asked = Target::Named { name: "a".into(), models: vec![cloud(), small()] });
    assert_eq!(named.models(), ["anthropic:claude", "lmstudio:small"]);
    assert_eq!(named.with(|c| c.forced = Some(Target::Auto)).models()[0], "lmstudio:coder");
}

#[test]
fn a_rules_model_leads_and_others_stand_in_where_they_may() {
    let to = |then| case(EASY).with(|c| c.ruled = ruled(then));
    assert_eq!(to(Then::Models(vec![small()])).models(), ["lmstudio:small", "lmstudio:coder", "anthropic:claude"]);
    assert_eq!(to(Then::Role(Role::Cloud)).models(), ["anthropic:claude", "lmstudio:coder"]);
    let strict = to(Then::Models(vec![small()])).with(|c| c.policy.fallback_to_cloud = false);
    assert_eq!(strict.models(), ["lmstudio:small", "lmstudio:coder"]);
    let role = to(Then::Role(Role::Vision)).decide();
    assert_eq!((role.role, role.candidates[0].model.clone()), (Role::Vision, vision()));
}

#[test]
fn a_role_may_be_forced_and_its_list_is_tried_in_order() {
    let forced = case(HARD).with(|c| {
        c.policy.roles.insert(Role::Background, vec![small(), vision()]);
        c.forced = Some(Target::Role(Role::Background));
    });
    assert_eq!(forced.models(), ["lmstudio:small", "lmstudio:eyes", "lmstudio:coder"]);
}

#[test]
fn a_model_named_for_a_role_may_run_anywhere() {
    let think = case(EASY).with(|c| {
        c.policy.roles.insert(Role::Think, vec![cloud()]);
        c.policy.fallback_to_cloud = false;
        c.turn.thinking = true;
    });
    assert_eq!(think.models(), ["anthropic:claude", "lmstudio:coder"]);
}
