//! What a decision was made from, in a form that can be kept: the same decision can be made again from it, or another
//! one under other settings. The human's words are not part of it, only the score they got.

use serde::{Deserialize, Serialize};

use crate::rule::Heard;
use crate::{
    Answers, Calibration, Catalog, Conversation, Decision, Dispatched, Earlier, Forced, Health, Policy, Question,
    Ruled, Target, Turn, decide,
};

/// What belongs to one request. Kept with its record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The request as read, without the human's words.
    pub turn: Turn,
    /// Its score by itself: [`Decision::own_score`].
    pub own_score: f32,
    /// The route somebody insisted on.
    pub forced: Option<Forced>,
    /// What the model id meant.
    pub asked: Target,
    /// The user's rule that fitted.
    pub ruled: Option<Ruled>,
    /// Which words the rules of then looked for stood in the human's words; the engine adds it.
    #[serde(skip_serializing_if = "Heard::is_empty")]
    pub heard: Heard,
    /// Why it had to stay on the user's own machines.
    pub private: Option<String>,
    /// What its turn had come to before.
    pub earlier: Option<Earlier>,
    /// What the answers of its turn were like.
    pub answers: Answers,
    /// What the dispatcher model said.
    pub dispatched: Option<Dispatched>,
    /// How far the token estimate was off, per model.
    pub calibration: Calibration,
    /// The backends as they were.
    pub health: Health,
    /// Whose request it was.
    pub conversation: Conversation,
}

/// What many requests were decided under. Kept once for all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// The user's wishes.
    pub policy: Policy,
    /// The models there were.
    pub catalog: Catalog,
}

impl Facts {
    /// What `decision` was made from.
    #[must_use]
    pub fn of(question: &Question<'_>, health: &Health, decision: &Decision) -> Self {
        Self {
            turn: question.turn.without_text(),
            own_score: decision.own_score,
            forced: question.forced.clone(),
            asked: question.asked.clone(),
            ruled: question.ruled.clone(),
            heard: Heard::default(),
            private: question.private.clone(),
            earlier: question.earlier,
            answers: question.answers,
            dispatched: question.dispatched.clone(),
            calibration: question.calibration.clone(),
            health: health.clone(),
            conversation: question.conversation.clone(),
        }
    }

    /// Decides again, under the same conditions or under others. The points of the score are gone, its sum is not.
    #[must_use]
    pub fn decide(&self, policy: &Policy, catalog: &Catalog) -> Decision {
        let turn = Turn { scored: Some(self.own_score), ..self.turn.clone() };
        let question = Question {
            turn: &turn,
            forced: self.forced.clone(),
            asked: self.asked.clone(),
            ruled: self.ruled.clone(),
            private: self.private.clone(),
            earlier: self.earlier,
            answers: self.answers,
            dispatched: self.dispatched.clone(),
            calibration: &self.calibration,
            conversation: self.conversation.clone(),
        };
        decide(&question, policy, &self.health, catalog)
    }
}
