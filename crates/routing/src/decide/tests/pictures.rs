//! Who sees pictures, and who gets them described.

use super::*;
use crate::VisionMode;

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
