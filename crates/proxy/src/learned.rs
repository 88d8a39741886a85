//! What answers teach: how far the token estimate is off for a model, and how simple a server needs its tool schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use branchline_routing::{Calibration, ModelRef};

use crate::store::Store;

/// Prefix of the stored calibration facts.
const RATIO: &str = "token_ratio/";
/// Prompts shorter than this say little: the chat template weighs more than the text.
const LEAST_TOKENS: u64 = 200;
/// Weight of the newest answer.
const NEWEST: f32 = 0.3;
/// Smallest change worth telling.
const WORTH: f32 = 0.005;
/// Schemas cannot be made simpler than this.
const SIMPLEST: u8 = 3;

/// Something a model or its chat template always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// The template wants user and assistant in turns.
    StrictTurns,
    /// Answers begin with thoughts whose opening mark stands in the prompt.
    ThinkingFirst,
}

impl Habit {
    const fn prefix(self) -> &'static str {
        match self {
            Self::StrictTurns => "strict_turns/",
            Self::ThinkingFirst => "thinking_first/",
        }
    }

    fn key(self, model: &ModelRef) -> String {
        format!("{}{model}", self.prefix())
    }
}

/// Facts learned from answers, kept in memory and in the store.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    calibration: ArcSwap<Calibration>,
    levels: Mutex<BTreeMap<String, u8>>,
    habits: Mutex<BTreeSet<String>>,
}

impl Learned {
    /// Takes over what earlier runs learned.
    pub(crate) async fn recall(&self, store: &Store) {
        match store.facts(RATIO).await {
            Ok(facts) => {
                let ratios = facts.into_iter().filter_map(|(key, value)| {
                    Some((key.strip_prefix(RATIO)?.parse::<ModelRef>().ok()?, value.parse().ok()?))
                });
                self.calibration.store(Arc::new(Calibration(ratios.collect())));
            }
            Err(error) => tracing::warn!(%error, "learned facts cannot be read"),
        }
        for habit in [Habit::StrictTurns, Habit::ThinkingFirst] {
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
        self.calibration.load_full()
    }

    /// An answer told how many tokens its prompt really had. Gives the new ratio where it changed.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^24 times a ratio's precision")]
    pub(crate) fn counted(&self, model: &ModelRef, estimated: u64, counted: u64) -> Option<f32> {
        if estimated < LEAST_TOKENS || counted == 0 {
            return None;
        }
        let now = (counted as f32 / estimated as f32).clamp(0.25, 4.0);
        let old = self.calibration.load();
        let known = old.0.get(model).copied();
        let next = known.map_or(now, |known| known + (now - known) * NEWEST);
        if known.is_some_and(|known| (next - known).abs() < WORTH) {
            return None;
        }
        let mut ratios = old.0.clone();
        ratios.insert(model.clone(), next);
        self.calibration.store(Arc::new(Calibration(ratios)));
        Some(next)
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
    fn ten_equal_answers_bring_the_estimate_within_five_percent() {
        let (learned, model) = (Learned::default(), ModelRef::new("a", "b"));
        learned.counted(&model, 1000, 800);
        for _ in 0..10 {
            learned.counted(&model, 1000, 1300);
        }
        let tokens = learned.calibration().tokens(&model, 10_000);
        assert!(tokens.abs_diff(13_000) < 650, "{tokens}");
    }

    #[test]
    fn short_prompts_teach_nothing() {
        let learned = Learned::default();
        assert_eq!(learned.counted(&ModelRef::new("a", "b"), 20, 90), None);
    }

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
