//! The day's budget: once it is met, the cloud is not asked.

use super::wish::Wish;
use super::{Candidate, Decision, Question, Refusal};
use crate::{Health, Policy, Target, WhenSpent};

/// Work meant for the cloud may stay here when the budget is met, also where the user lets nothing cross otherwise.
/// Who insists on the cloud is refused instead.
pub(super) fn let_cross(wish: &mut Wish, question: &Question<'_>, policy: &Policy, health: &Health) {
    // A route that is forced counts in place of what the model id means, "auto" too.
    let target = question.forced.as_ref().map_or(&question.asked, |forced| &forced.target);
    let insists = *target != Target::Auto;
    if wish.cloud && health.spent.is_some() && policy.when_spent == WhenSpent::Local && !insists {
        wish.may_cross = true;
    }
}

/// The candidates that may still be asked.
pub(super) fn afford(
    candidates: Vec<Candidate>,
    policy: &Policy,
    health: &Health,
    decision: &mut Decision,
) -> Vec<Candidate> {
    let Some(spent) = &health.spent else { return candidates };
    let cloud_first = candidates.first().is_some_and(|first| !first.local);
    if candidates.iter().all(|candidate| candidate.local) {
        return candidates;
    }
    let mut local: Vec<_> = candidates.into_iter().filter(|candidate| candidate.local).collect();
    let refuse = cloud_first && policy.when_spent == WhenSpent::Refuse;
    if refuse || local.is_empty() {
        decision.reasons.push(format!("the day's budget is met ({spent}) and the cloud is refused"));
        decision.decides();
        decision.refusal = Some(Refusal::BudgetSpent { spent: spent.clone() });
        return Vec::new();
    }
    decision.reasons.push(format!("the day's budget is met ({spent}): the cloud is not asked"));
    if cloud_first {
        decision.decides();
        local.iter_mut().for_each(|candidate| candidate.fallback = Some(String::new()));
    }
    local
}
