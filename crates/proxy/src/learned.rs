//! What answers teach: how far the token estimate is off for a model, and how simple a server needs its tool schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use branchline_routing::{Calibration, ModelRef};

use crate::estimates::{EstimateCard, Estimates};
use crate::store::Store;

/// Prefix of the stored calibration facts.
const RATIO: &str = "token_ratio/";
/// Schemas cannot be made simpler than this.
const SIMPLEST: u8 = 3;

/// Something a model or its chat template always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// The template wants user and assistant in turns.
    StrictTurns,
    /// Answers begin with thoughts whose opening mark stands in the prompt.
    ThinkingFirst,
    /// A Claude that knows no system messages in the middle of a conversation.
    NoInlineSystem,
    /// It refuses pictures, and its server's list does not say so.
    Blind,
}

impl Habit {
    const fn prefix(self) -> &'static str {
        match self {
            Self::StrictTurns => "strict_turns/",
            Self::ThinkingFirst => "thinking_first/",
            Self::NoInlineSystem => "no_inline_system/",
            Self::Blind => "blind/",
        }
    }

    fn key(self, model: &ModelRef) -> String {
        format!("{}{model}", self.prefix())
    }
}

/// Facts learned from answers, kept in memory and in the store.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    estimates: Estimates,
    levels: Mutex<BTreeMap<String, u8>>,
    habits: Mutex<BTreeSet<String>>,
}

impl Learned {
    /// Takes over what earlier runs learned.
    pub(crate) async fn recall(&self, store: &Store) {
        match store.facts(RATIO).await {
            Ok(facts) => {
                let model = |key: &str| key.strip_prefix(RATIO)?.parse::<ModelRef>().ok();
                self.estimates.recall(facts.into_iter().filter_map(|(key, value)| Some((model(&key)?, value))));
            }
            Err(error) => tracing::warn!(%error, "learned facts cannot be read"),
        }
        for habit in [Habit::StrictTurns, Habit::ThinkingFirst, Habit::NoInlineSystem, Habit::Blind] {
            if let Ok(facts) = store.facts(habit.prefix()).await {
                self.habits.lock().unwrap_or_else(PoisonError::into_inner).extend(facts.into_keys());
            }
        }
        if let Ok(levels) = store.schema_levels().await {
            *self.levels.lock().unwrap_or_else(PoisonError::into_inner) = levels;
        }
    }

    /// Whether a model is known to have a habit.
    pub(crate) fn has(&self, habit: Habit, model: &ModelRef) -> bool {
        self.habits.lock().unwrap_or_else(PoisonError::into_inner).contains(&habit.key(model))
    }

    /// Remembers a habit, or that it was none; gives whether that is news.
    pub(crate) async fn note(&self, habit: Habit, model: &ModelRef, has: bool, store: &Store) -> bool {
        let key = habit.key(model);
        let news = {
            let mut habits = self.habits.lock().unwrap_or_else(PoisonError::into_inner);
            if has { habits.insert(key.clone()) } else { habits.remove(&key) }
        };
        if news {
            tracing::info!(%model, ?habit, has, "learned about a model");
            let kept = if has { store.set_fact(key, "yes").await } else { store.forget_fact(key).await };
            if let Err(error) = kept {
                tracing::warn!(%error, "what was learned could not be stored");
            }
        }
        news
    }

    pub(crate) fn calibration(&self) -> Arc<Calibration> {
        self.estimates.calibration()
    }

    /// How good the token estimate is for a model.
    pub(crate) fn estimate(&self, model: &ModelRef) -> Option<EstimateCard> {
        self.estimates.card(model)
    }

    /// An answer told how many tokens its prompt really had.
    pub(crate) fn counted(&self, model: &ModelRef, estimated: u64, counted: u64, store: &Store) {
        if let Some(figures) = self.estimates.counted(model, estimated, counted) {
            store.note_fact(Self::ratio_key(model), figures);
        }
    }

    /// Where a ratio is kept.
    pub(crate) fn ratio_key(model: &ModelRef) -> String {
        format!("{RATIO}{model}")
    }

    /// The schema level of a model: what its dialect says, or more.
    pub(crate) fn schema_level(&self, model: &ModelRef, dialect: u8) -> u8 {
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.get(&model.to_string()).copied().unwrap_or(0).max(dialect)
    }

    /// The server could not build a grammar from the schemas: one level simpler from now on. `None` when there is none.
    pub(crate) fn simpler_schemas(&self, model: &ModelRef, level: u8) -> Option<u8> {
        let next = (level < SIMPLEST).then_some(level + 1)?;
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.insert(model.to_string(), next);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_get_simpler_until_they_cannot() {
        let (learned, model) = (Learned::default(), ModelRef::new("a", "b"));
        assert_eq!(learned.schema_level(&model, 1), 1);
        assert_eq!(learned.simpler_schemas(&model, 1), Some(2));
        assert_eq!(learned.schema_level(&model, 1), 2);
        assert_eq!(learned.simpler_schemas(&model, 2), Some(3));
        assert_eq!(learned.simpler_schemas(&model, 3), None);
    }

    #[tokio::test]
    async fn a_habit_is_news_once_and_can_be_taken_back() {
        let store = Store::open_in_memory().unwrap();
        let (learned, model) = (Learned::default(), ModelRef::new("a", "b"));
        assert!(learned.note(Habit::ThinkingFirst, &model, true, &store).await);
        assert!(!learned.note(Habit::ThinkingFirst, &model, true, &store).await);
        let after_restart = Learned::default();
        after_restart.recall(&store).await;
        assert!(after_restart.has(Habit::ThinkingFirst, &model) && !after_restart.has(Habit::StrictTurns, &model));
        assert!(learned.note(Habit::ThinkingFirst, &model, false, &store).await);
        assert!(!learned.has(Habit::ThinkingFirst, &model));
    }

    #[tokio::test]
    async fn what_was_learned_is_known_after_a_restart() {
        let store = Store::open_in_memory().unwrap();
        let model = ModelRef::new("a", "b:c");
        store.set_fact(Learned::ratio_key(&model), "1.25").await.unwrap();
        store.set_schema_level("a:b:c", 2).await.unwrap();
        let learned = Learned::default();
        learned.recall(&store).await;
        assert_eq!(learned.calibration().tokens(&model, 100), 125);
        assert_eq!(learned.schema_level(&model, 0), 2);
    }
}
