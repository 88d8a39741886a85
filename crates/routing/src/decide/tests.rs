use super::*;
use crate::Handling;
use crate::signals::Structure;
use crate::struggle::Struggle;
use crate::{Load, Mode, ModelFacts, VisionMode, WhenSpent};

const EASY: &str = "rename this variable";
const HARD: &str = "Design and implement a lock-free queue in src/queue.rs and src/ring.rs, prove that it is linearizable, \
analyze the memory ordering trade-offs step by step, then benchmark it against the mutex version and refactor the callers.";

fn local() -> ModelRef {
    ModelRef::new("lmstudio", "coder")
}

fn cloud() -> ModelRef {
    ModelRef::new("anthropic", "claude")
}

fn vision() -> ModelRef {
    ModelRef::new("lmstudio", "eyes")
}

/// A policy with a coder that cannot see, a vision model and a cloud model.
fn policy() -> Policy {
    let roles = [(Role::Coder, local()), (Role::Cloud, cloud()), (Role::Vision, vision())];
    Policy { roles: roles.into_iter().map(|(role, model)| (role, vec![model])).collect(), ..Policy::default() }
}

fn catalog(window: u64) -> Catalog {
    let mut catalog = Catalog::default();
    catalog.backends.insert("lmstudio".into(), true);
    catalog.backends.insert("anthropic".into(), false);
    let coder = ModelFacts { local: true, context: Some(window), vision: Some(false), ..ModelFacts::default() };
    let eyes = ModelFacts { local: true, context: Some(window), vision: Some(true), ..ModelFacts::default() };
    let claude = ModelFacts { context: Some(1_000_000), vision: Some(true), ..ModelFacts::default() };
    catalog.models.extend([(local(), coder), (vision(), eyes), (cloud(), claude)]);
    catalog
}

fn turn(human: &str) -> Turn {
    let structure = Structure { prompt_tokens: 2_000, messages: 1, ..Structure::default() };
    Turn { human: human.into(), structure, max_tokens: Some(32_000), ..Turn::default() }
}

struct Case {
    turn: Turn,
    policy: Policy,
    health: Health,
    window: u64,
    asked: Target,
    forced: Option<Target>,
    earlier: Option<Earlier>,
    calibration: Calibration,
    conversation: Conversation,
    ruled: Option<Ruled>,
    private: Option<String>,
    answers: Answers,
    dispatched: Option<Dispatched>,
}

fn case(human: &str) -> Case {
    Case {
        turn: turn(human),
        policy: policy(),
        health: Health::default(),
        window: 65_536,
        asked: Target::Auto,
        forced: None,
        earlier: None,
        calibration: Calibration::default(),
        conversation: Conversation::default(),
        ruled: None,
        private: None,
        answers: Answers::default(),
        dispatched: None,
    }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn decide(&self) -> Decision {
        self.decide_with(&catalog(self.window))
    }

    fn decide_with(&self, catalog: &Catalog) -> Decision {
        let question = Question {
            turn: &self.turn,
            forced: self.forced.clone().map(|target| Forced { target, by: "header X-Force-Route".into() }),
            asked: self.asked.clone(),
            earlier: self.earlier,
            ruled: self.ruled.clone(),
            private: self.private.clone(),
            answers: self.answers,
            dispatched: self.dispatched.clone(),
            calibration: &self.calibration,
            conversation: self.conversation.clone(),
        };
        decide(&question, &self.policy, &self.health, catalog)
    }

    fn models(&self) -> Vec<String> {
        self.decide().candidates.iter().map(|candidate| candidate.model.to_string()).collect()
    }
}

fn down(backend: &str) -> Health {
    Health { down: [backend.to_owned()].into(), ..Health::default() }
}

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
fn a_quota_probe_is_answered_here() {
    let decision = case("quota").with(|c| c.turn.kind = Kind::QuotaProbe).decide();
    assert!(decision.answer_here && decision.candidates.is_empty());
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
fn a_prompt_over_the_real_window_goes_where_it_fits() {
    let long = case(EASY).with(|c| c.turn.structure.prompt_tokens = 60_000);
    assert_eq!(long.models()[0], "lmstudio:coder");
    assert_eq!(long.with(|c| c.window = 60_500).models(), ["anthropic:claude"]);
}

#[test]
fn what_a_model_really_counts_decides_whether_a_prompt_fits() {
    let near = case(EASY).with(|c| c.turn.structure.prompt_tokens = 55_000);
    assert_eq!(near.models()[0], "lmstudio:coder");
    let counted = near.with(|c| c.calibration.0.extend([(local(), 1.2)]));
    assert_eq!(counted.models(), ["anthropic:claude"]);
}

#[test]
fn a_prompt_that_fits_nowhere_is_refused_with_both_numbers() {
    let decision = case(EASY)
        .with(|c| {
            c.turn.structure.prompt_tokens = 90_000;
            c.policy.fallback_to_cloud = false;
        })
        .decide();
    // The client gives up as much of its history as the two differ.
    assert_eq!(decision.refusal, Some(Refusal::TooLong { tokens: 90_000, maximum: 65_536 - 4_096 }));
}

#[test]
fn max_local_tokens_sends_long_prompts_away() {
    let case = case(EASY).with(|c| c.policy.max_local_tokens = Some(1_999));
    assert_eq!(case.models()[0], "anthropic:claude");
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
fn images_are_described_for_a_model_that_cannot_see() {
    let decision = case(EASY).with(|c| c.turn.images = 1).decide();
    let blind: Vec<bool> = decision.candidates.iter().map(|candidate| candidate.describe_images).collect();
    assert_eq!(blind, [true, false]);
}

#[test]
fn in_route_mode_new_pictures_go_to_the_vision_model_and_known_ones_do_not() {
    let routed = |undescribed| {
        case(EASY).with(|c| {
            c.policy.vision = VisionMode::Route;
            c.turn.images = 1;
            c.turn.undescribed = undescribed;
        })
    };
    assert_eq!(routed(1).models()[0], "lmstudio:eyes");
    assert_eq!(routed(0).models()[0], "lmstudio:coder");
    assert!(routed(0).decide().candidates[0].describe_images);
}

#[test]
fn in_route_mode_the_vision_model_answers_only_where_others_might() {
    let routed = |change: fn(&mut Case)| {
        case(EASY)
            .with(|c| {
                c.policy.vision = VisionMode::Route;
                c.policy.roles.insert(Role::Vision, vec![cloud()]);
                (c.turn.images, c.turn.undescribed) = (1, 1);
            })
            .with(change)
    };
    assert_eq!(routed(|_| {}).models(), ["anthropic:claude", "lmstudio:coder"], "once each");
    assert_eq!(routed(|c| c.policy.fallback_to_cloud = false).models()[0], "anthropic:claude", "it was named for it");
    for stays in [
        (|c| c.policy.mode = Mode::Local) as fn(&mut Case),
        |c| c.forced = Some(Target::Local),
        |c| c.forced = Some(Target::Role(Role::Coder)),
        |c| c.forced = Some(Target::Model(local())),
        |c| c.asked = Target::Model(local()),
        |c| c.ruled = ruled(Then::Models(vec![local()])),
        |c| c.health.spent = Some("$5 of $5".into()),
        |c| c.private = Some("x".into()),
    ] {
        let decision = routed(stays).decide();
        let first = &decision.candidates[0];
        assert!(first.model == local() && first.describe_images, "{:?}", decision.reasons);
    }
    let long = routed(|c| {
        c.policy.roles.insert(Role::Vision, vec![vision(), cloud()]);
        c.turn.structure.prompt_tokens = 60_000;
        c.policy.threshold = 100;
        c.calibration.0.extend([(vision(), 2.0)]);
    });
    assert_eq!(
        long.models(),
        ["anthropic:claude", "lmstudio:coder"],
        "what is too long for its window it is not asked"
    );
}

#[test]
fn what_is_to_stay_says_so_for_its_pictures() {
    let stays = |change: fn(&mut Case)| case(EASY).with(change).decide().stays;
    assert!(!stays(|_| {}) && !stays(|c| c.policy.fallback_to_cloud = false));
    assert!(stays(|c| c.policy.mode = Mode::Local) && stays(|c| c.forced = Some(Target::Local)));
    assert!(stays(|c| c.private = Some("x".into())));
    let named = |model: fn() -> ModelRef| {
        case(EASY).with(|c| (c.policy.mode, c.forced) = (Mode::Local, Some(Target::Model(model())))).decide().stays
    };
    assert!(named(local) && !named(cloud));
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

#[test]
fn a_header_that_says_auto_insists_on_no_cloud_when_the_budget_is_met() {
    let spent = |forced, asked| {
        let spent = case(HARD).with(|c| {
            c.health.spent = Some("$5 of $5".into());
            c.policy.fallback_to_local = false;
            (c.forced, c.asked) = (forced, asked);
        });
        spent.models()
    };
    assert_eq!(spent(None, Target::Auto), ["lmstudio:coder"]);
    assert_eq!(spent(Some(Target::Auto), Target::Auto), ["lmstudio:coder"]);
    assert_eq!(spent(Some(Target::Auto), Target::Cloud), ["lmstudio:coder"], "the header beats the model id");
    assert!(spent(Some(Target::Cloud), Target::Auto).is_empty() && spent(None, Target::Cloud).is_empty());
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

#[test]
fn a_backend_that_rests_after_failures_goes_last() {
    let resting = Health { resting: ["lmstudio".to_owned()].into(), ..Health::default() };
    let decision = case(EASY).with(|c| c.health = resting).decide();
    assert_eq!(decision.candidates[0].model, cloud());
    assert!(decision.reasons.iter().any(|reason| reason.contains("rests after failures")), "{:?}", decision.reasons);
}

fn spent() -> Health {
    Health { spent: Some("$5.02 of $5.00".into()), ..Health::default() }
}

#[test]
fn once_the_budget_is_met_the_cloud_is_not_asked() {
    let over = |human| case(human).with(|c| c.health = spent());
    assert_eq!(over(EASY).models(), ["lmstudio:coder"]);
    let hard = over(HARD).decide();
    assert_eq!(hard.candidates.len(), 1);
    assert!(hard.candidates[0].local && hard.reason().contains("$5.02 of $5.00"), "{:?}", hard.reasons);
    assert_eq!(over(HARD).with(|c| c.policy.fallback_to_local = false).models(), ["lmstudio:coder"]);
    let refused = over(HARD).with(|c| c.policy.when_spent = WhenSpent::Refuse).decide();
    assert_eq!(refused.refusal, Some(Refusal::BudgetSpent { spent: "$5.02 of $5.00".into() }));
    assert_eq!(over(EASY).with(|c| c.policy.when_spent = WhenSpent::Refuse).models(), ["lmstudio:coder"]);
}

#[test]
fn who_insists_on_the_cloud_is_told_that_the_budget_is_met() {
    for change in [|c: &mut Case| c.forced = Some(Target::Cloud), |c: &mut Case| c.asked = Target::Model(cloud())] {
        let decision = case(EASY).with(|c| c.health = spent()).with(change).decide();
        assert!(matches!(decision.refusal, Some(Refusal::BudgetSpent { .. })), "{:?}", decision.refusal);
    }
}

/// Two servers for the coder, `a` and `b`, each with one place.
fn pool(running: [u32; 2]) -> Case {
    let members: Vec<_> = ["a", "b"].map(|backend| ModelRef::new(backend, "coder")).into();
    let load = |running| Load { running, waiting: 0, limit: 1 };
    case(EASY).with(|c| {
        c.policy.roles.insert(Role::Coder, members.clone());
        c.policy.pools.insert("studios".into(), members);
        c.health.load = [("a".to_owned(), load(running[0])), ("b".to_owned(), load(running[1]))].into();
    })
}

fn first(case: &Case) -> String {
    case.decide().candidates[0].model.backend.clone()
}

#[test]
fn a_new_conversation_goes_to_the_server_with_the_least_to_do() {
    assert_eq!((first(&pool([0, 1])), first(&pool([1, 0]))), ("a".into(), "b".into()));
    let told = pool([0, 1]).decide().reasons;
    assert!(told.iter().any(|reason| reason.contains("a of the pool studios: it has the least to do")), "{told:?}");
    let of = |key| first(&pool([0, 0]).with(|c| c.conversation.key = key));
    let on_a = (0..200).filter(|key| of(*key) == "a").count();
    assert!((60..140).contains(&on_a), "{on_a} of 200 went to a");
}

#[test]
fn a_conversation_stays_with_the_server_that_has_its_prompt() {
    let home = |running| pool(running).with(|c| c.conversation.home = Some("a".into()));
    assert_eq!(first(&home([1, 0])), "a");
    assert_eq!(first(&home([3, 0])), "b", "three before it take longer than reading the prompt again");
    let down = home([0, 0]).with(|c| c.health.down = ["a".to_owned()].into());
    assert_eq!(first(&down), "b");
}

fn small() -> ModelRef {
    ModelRef::new("lmstudio", "small")
}

fn ruled(then: Then) -> Option<Ruled> {
    Some(Ruled { rule: "rules[0]".into(), then })
}

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
fn in_route_mode_private_pictures_are_shown_to_no_eyes_elsewhere() {
    let private = case(EASY).with(|c| {
        c.policy.vision = VisionMode::Route;
        c.policy.roles.insert(Role::Vision, vec![cloud()]);
        (c.turn.images, c.turn.undescribed) = (1, 1);
        c.private = Some("x".into());
    });
    assert_eq!(private.models(), ["lmstudio:coder"]);
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
