//! What becomes of a turn once the budget of the day is met.

use super::*;
use crate::WhenSpent;

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
