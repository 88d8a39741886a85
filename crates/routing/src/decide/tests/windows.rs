//! Which models a long prompt fits into.

use super::*;

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
