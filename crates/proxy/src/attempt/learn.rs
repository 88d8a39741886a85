//! What is learned from an answer: habits of the model, how good the estimate was, and who really answered.

use branchline_routing::Answers;
use branchline_wire::hub::StopReason;
use branchline_wire::recover::Report;

use super::{Attempt, Tried};
use crate::events::LiveEvent;
use crate::journal::Journal;
use crate::learned::Habit;
use crate::relay::{Learned, same_model};
use crate::window;

/// An answer that may not be this long, in tokens, is not cut off by accident.
const LEAST_ANSWER: u64 = 256;

impl Attempt<'_> {
    async fn learn_habits(&self, report: &Report) {
        let (learned, model, store) = (&self.engine.learned, &self.candidate.model, &self.engine.store);
        if report.prefilled || report.unclosed {
            learned.note(Habit::ThinkingFirst, model, report.prefilled, store).await;
        }
    }

    pub(super) async fn learned(&self, learned: Learned, journal: &mut Journal) -> Tried {
        journal.usage(&learned.usage);
        if !learned.report.is_empty() {
            journal.record.repairs.push(learned.report.to_string());
            self.learn_habits(&learned.report).await;
        }
        self.note_struggle(&learned);
        self.calibrate(&learned, journal).await;
        let asked = &self.candidate.model.model;
        if self.candidate.local && !learned.model.is_empty() && !same_model(&learned.model, asked) {
            let said = format!("{} answered with {} instead of {asked}", self.backend.name(), learned.model);
            tracing::warn!(backend = self.backend.name(), asked, answered = learned.model, "another model answered");
            journal.record.decision.reasons.push(said);
            let (request, asked) = (self.call.id.clone(), self.candidate.model.to_string());
            self.engine.events.tell(LiveEvent::OtherModel { request, asked, answered: learned.model.clone() });
            journal.record.answered_as = Some(learned.model);
        }
        Tried { text: learned.text }
    }

    /// Remembers what was wrong with an answer: a turn whose model struggles moves on. An output limit of a few words
    /// is meant to cut.
    fn note_struggle(&self, learned: &Learned) {
        let cut = learned.stop == Some(StopReason::MaxTokens);
        let meant = self.inbound.request.max_tokens.is_some_and(|limit| limit < LEAST_ANSWER);
        let one = Answers {
            empty: u32::from(!learned.spoke && !cut),
            truncated: u32::from(cut && !meant),
            malformed: u32::try_from(learned.report.left_as_text()).unwrap_or(u32::MAX),
        };
        if !self.inbound.is_aside() {
            self.engine.turns.note_answer(&self.inbound.key, one);
        }
    }

    /// Pictures are counted by rules of their own and would spoil the ratio of text, and so would a prompt that was cut.
    async fn calibrate(&self, learned: &Learned, journal: &mut Journal) {
        let Some(counted) = learned.usage.prompt() else { return };
        if self.inbound.turn.images > 0 {
            return;
        }
        let (model, tokens) = (&self.candidate.model, self.tokens);
        let cut = window::was_cut(self.engine, self.backend, model, tokens, counted);
        if let Some(window) = Box::pin(cut).await {
            tracing::warn!(%model, window, tokens, counted, "the server cut the prompt and said nothing");
            let words = format!(
                "{} cut the prompt to {counted} of about {tokens} tokens without a word: its window is {window}",
                self.backend.name()
            );
            journal.record.decision.reasons.push(words);
            return;
        }
        self.engine.learned.counted(model, self.estimated, counted, &self.engine.store);
    }
}
