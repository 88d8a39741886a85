//! The decision: a pure function of the request, the policy, the health of the backends and the models there are.
//! The steps and their order are those of docs/rules.md; each adds a reason in words. What is wished for is `wish`,
//! which models can answer it is `line`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::rule::Then;
use crate::score::{Score, TurnText, score};
use crate::struggle::Answers;
use crate::throwaway::{self, Way};
use crate::turn::{Kind, Turn};
use crate::{Calibration, Catalog, Health, Mode, ModelRef, Policy, Role, Target};

mod afford;
mod line;
mod pools;
mod wish;

use wish::Wish;

/// What is decided from.
#[derive(Debug)]
pub struct Question<'a> {
    /// The request as read.
    pub turn: &'a Turn,
    /// Forced by header or tag; beats the model id.
    pub forced: Option<Forced>,
    /// What the model id means.
    pub asked: Target,
    /// The user's rule that fits, if any does.
    pub ruled: Option<Ruled>,
    /// Why the request must not leave the user's own machines, if it must not. Beats everything.
    pub private: Option<String>,
    /// What was decided earlier in this turn, if anything.
    pub earlier: Option<Earlier>,
    /// What the answers of this turn were like.
    pub answers: Answers,
    /// What the dispatcher model said about this turn, if it was asked.
    pub dispatched: Option<Dispatched>,
    /// How far the token estimate is off, per model.
    pub calibration: &'a Calibration,
    /// Whose request it is.
    pub conversation: Conversation,
}

/// What ties the requests of one conversation together, for servers that keep its prompt in their cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    /// The same number for all requests of one session and agent.
    pub key: u64,
    /// The backend that answered the last one.
    pub home: Option<String>,
}

/// A rule of the user's that fits a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruled {
    /// What the log calls it.
    pub rule: String,
    /// Where it sends the request.
    pub then: Then,
}

/// A route somebody insisted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced {
    /// Where to.
    pub target: Target,
    /// By what: "header X-Force-Route".
    pub by: Cow<'static, str>,
}

/// What an earlier request of the same turn came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Earlier {
    /// Its score: within a turn the score may only rise.
    pub score: f32,
    /// Whether it went to the cloud: a turn does not come back.
    pub cloud: bool,
    /// The turn has moved to a stronger model already; it does so once.
    pub escalated: bool,
}

/// What came of asking the dispatcher model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dispatched {
    /// It named a role: `tool`, `coder` or `think`.
    Role(Role),
    /// It did not answer, or with something else; why, in words.
    Failed(String),
}

/// One model that may answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The model.
    pub model: ModelRef,
    /// The role it was taken from.
    pub role: Role,
    /// Whether it runs on this machine.
    pub local: bool,
    /// Set when it stands in for something else: why, in words.
    pub fallback: Option<String>,
    /// It cannot see: images must be described before it is asked.
    pub describe_images: bool,
    /// Its usable window in tokens.
    pub context: Option<u64>,
    /// Longest answer it gives, in tokens.
    #[serde(default)]
    pub max_output: Option<u64>,
    /// It cannot think before it answers.
    #[serde(default)]
    pub thoughtless: bool,
}

/// What is to be done with a request.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What kind of request it is.
    pub kind: Kind,
    /// The role first asked.
    pub role: Role,
    /// Models to try, in order. Empty with [`Decision::refusal`] or when answered here.
    pub candidates: Vec<Candidate>,
    /// A model that thinks but calls no tools: its conclusion goes to the first candidate that can be asked.
    pub advisor: Option<Candidate>,
    /// The score with its points.
    pub score: Score,
    /// The score of this request by itself: without what was learned, and without what its turn had before.
    pub own_score: f32,
    /// Why, step by step.
    pub reasons: Vec<String>,
    /// Which of the reasons chose the first candidate; the others are notes about it and about the later ones.
    pub decisive: usize,
    /// No model is to be called.
    pub answer_here: bool,
    /// The dispatcher model would be asked; decide again with what it says.
    pub ask_dispatcher: bool,
    /// The turn moves to a stronger model with this request: why, in words.
    pub escalated: Option<String>,
    /// The request must not leave the user's own machines: why, in words.
    pub private: Option<String>,
    /// Nothing of it is to leave the user's own machines, its pictures included: it is private, everything is to stay, or
    /// it was asked for.
    pub stays: bool,
    /// Nothing but the turn itself chose: what is decided holds for the rest of the turn.
    pub by_turn: bool,
    /// Why there is no candidate.
    pub refusal: Option<Refusal>,
}

impl Decision {
    /// The reason that chose the first candidate, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reasons.get(self.decisive).map_or("", String::as_str)
    }

    /// The last reason is, up to now, the one that chooses the first candidate.
    fn decides(&mut self) {
        self.decisive = self.reasons.len().saturating_sub(1);
    }

    fn say(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }
}

/// Why nobody can take a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No model is known for it.
    NoModel {
        /// What was looked for.
        wanted: &'static str,
    },
    /// It must stay on the user's own machines, and no model there can take it.
    Private {
        /// Why it must stay, in words.
        why: String,
    },
    /// The day's budget for the cloud is met, and nobody else may answer.
    BudgetSpent {
        /// What was spent of what, in words.
        spent: String,
    },
    /// It fits into no window that may be used.
    TooLong {
        /// Tokens of the prompt.
        tokens: u64,
        /// The largest window.
        maximum: u64,
    },
}

/// Decides. See the module text for the order of the steps.
#[must_use]
pub fn decide(question: &Question<'_>, policy: &Policy, health: &Health, catalog: &Catalog) -> Decision {
    let (score, own_score) = turn_score(question, policy);
    let mut decision = Decision {
        kind: question.turn.kind,
        role: Role::Coder,
        candidates: Vec::new(),
        advisor: None,
        score,
        own_score,
        reasons: Vec::new(),
        decisive: 0,
        answer_here: false,
        ask_dispatcher: false,
        escalated: None,
        private: question.private.clone(),
        stays: false,
        by_turn: false,
        refusal: None,
    };
    let mut wish = match throwaway::way(decision.kind, names_a_model(question), policy) {
        Some(Way::Here(reason)) => {
            decision.answer_here = true;
            decision.role = Role::Background;
            decision.say(reason);
            return decision;
        }
        Some(Way::Ask { roles, alone, reason }) => {
            decision.say(reason);
            Wish::aside(roles, alone, policy.mode == Mode::Local || asks_for_local(question), policy)
        }
        None => wish::wish(question, policy, catalog, &mut decision),
    };
    afford::let_cross(&mut wish, question, policy, health);
    decision.role = wish.leading_role();
    decision.decides();
    if let Some(why) = &question.private {
        wish.stay(why, policy, catalog, &mut decision);
    }
    line::choose(&wish, question, policy, health, catalog, &mut decision);
    // In all-local mode somebody may have insisted on a model, and then it depends on where that is.
    let at_home = decision.candidates.iter().all(|one| one.local);
    decision.stays = wish.at_home || (policy.mode == Mode::Local && at_home);
    if let Some(first) = decision.candidates.first() {
        decision.role = first.role;
    } else if decision.refusal.is_none() && wish.alone && wish.at_home && decision.kind.can_be_answered_here() {
        decision.answer_here = true;
        decision.say("answered here: nothing is to leave your machines, and no model for it is on them");
        decision.decides();
    } else if decision.refusal.is_none() {
        decision.refusal = Some(match &question.private {
            Some(why) => Refusal::Private { why: why.clone() },
            None => Refusal::NoModel { wanted: wish.side_role().as_str() },
        });
    }
    decision
}

/// Whatever the request is, it is to stay.
fn asks_for_local(question: &Question<'_>) -> bool {
    let target = question.forced.as_ref().map_or(&question.asked, |forced| &forced.target);
    matches!(target, Target::Local)
}

/// The client wants one model, or the cloud, whatever the request is.
fn names_a_model(question: &Question<'_>) -> bool {
    let forced = question.forced.as_ref().map(|forced| &forced.target);
    forced.into_iter().chain([&question.asked]).any(|target| matches!(target, Target::Model(_) | Target::Cloud))
}

/// The score as it counts for this turn, and that of the request by itself.
fn turn_score(question: &Question<'_>, policy: &Policy) -> (Score, f32) {
    let turn = question.turn;
    let text = TurnText { human: &turn.human, structure: turn.structure };
    let mut found = turn.scored.map_or_else(|| score(&text, &policy.weights), Score::of);
    let own = found.raw;
    found.learned(&policy.learned);
    if let Some(earlier) = question.earlier {
        found.at_least(earlier.score);
    }
    (found, own)
}

#[cfg(test)]
mod tests;
