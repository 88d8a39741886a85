//! How far the token estimate is off for each model, learned from the usage its answers report.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use branchline_routing::{Calibration, ModelRef};
use serde::{Deserialize, Serialize};

/// Prompts shorter than this say little: the chat template weighs more than the text.
const LEAST_TOKENS: u64 = 200;
/// Weight of the newest answer: the next request of a session is mostly the same prompt again.
const NEWEST: f32 = 0.5;

/// Smallest change of a ratio worth writing down at once.
const WORTH: f32 = 0.005;
/// Smallest change of a ratio that is put in force: a thousandth is nothing beside how far estimates are off.
const FELT: f32 = 0.001;

/// What is known of the estimate for one model. As texts, because it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct EstimateCard {
    /// Answers it was learned from.
    pub answers: u64,
    /// Tokens the model counts for a hundred we estimate by ourselves.
    pub ratio_percent: u32,
    /// How far the corrected estimate was off of late, in tenths of a percent.
    pub error_permille: u32,
}

/// One model's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figures {
    ratio: f32,
    answers: u64,
    /// Share the corrected estimate was off by, newest answers weighing most.
    error: f32,
}

/// The estimates of all models.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    calibration: ArcSwap<Calibration>,
    figures: Mutex<BTreeMap<ModelRef, Figures>>,
}

impl Estimates {
    /// Takes over what earlier runs learned: text of [`Self::counted`] by model.
    pub(crate) fn recall(&self, kept: impl IntoIterator<Item = (ModelRef, String)>) {
        let known: BTreeMap<_, _> =
            kept.into_iter().filter_map(|(model, text)| Some((model, Figures::read(&text)?))).collect();
        let ratios = known.iter().map(|(model, figures)| (model.clone(), figures.ratio)).collect();
        self.calibration.store(Arc::new(Calibration(ratios)));
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    pub(crate) fn calibration(&self) -> Arc<Calibration> {
        self.calibration.load_full()
    }

    /// An answer told how many tokens its prompt really had. Gives what is to be kept, as text.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^24 times a ratio's precision")]
    pub(crate) fn counted(&self, model: &ModelRef, estimated: u64, counted: u64) -> Option<String> {
        if estimated < LEAST_TOKENS || counted == 0 {
            return None;
        }
        let seen = (counted as f32 / estimated as f32).clamp(0.25, 4.0);
        let mut all = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match all.get(model) {
            None => Figures { ratio: seen, answers: 1, error: (1.0 / seen - 1.0).abs() },
            Some(known) => known.after(seen),
        };
        let in_force = self.calibration.load();
        let moved_by = |from: Option<f32>, least: f32| from.is_none_or(|ratio| (ratio - next.ratio).abs() > least);
        let moved = moved_by(all.get(model).map(|known| known.ratio), WORTH);
        all.insert(model.clone(), next);
        if moved_by(in_force.0.get(model).copied(), FELT) {
            let ratios = all.iter().map(|(model, figures)| (model.clone(), figures.ratio)).collect();
            self.calibration.store(Arc::new(Calibration(ratios)));
        }
        (moved || next.answers <= 10 || next.answers.is_multiple_of(10)).then(|| next.text())
    }

    /// What is shown of a model.
    pub(crate) fn card(&self, model: &ModelRef) -> Option<EstimateCard> {
        let all = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(model).map(|figures| EstimateCard {
            answers: figures.answers,
            ratio_percent: whole(figures.ratio * 100.0),
            error_permille: whole(figures.error * 1000.0),
        })
    }
}

impl Figures {
    /// The first answers weigh as much as each other, later ones replace what was long ago.
    #[expect(clippy::cast_precision_loss, reason = "only small counts matter")]
    fn after(self, seen: f32) -> Self {
        let weight = NEWEST.max(1.0 / (self.answers as f32 + 1.0));
        let off = (self.ratio / seen - 1.0).abs();
        // The very first estimate was made without knowing anything: it says nothing of the corrected one.
        let error = if self.answers == 1 { off } else { self.error + (off - self.error) * weight };
        Self { ratio: self.ratio + (seen - self.ratio) * weight, answers: self.answers + 1, error }
    }

    fn text(self) -> String {
        format!("{} {} {}", self.ratio, self.answers, self.error)
    }

    /// Earlier versions kept the ratio alone.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let ratio = words.next()?.parse().ok()?;
        let answers = words.next().and_then(|word| word.parse().ok()).unwrap_or(1);
        let error = words.next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
        Some(Self { ratio, answers, error })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and never negative")]
fn whole(value: f32) -> u32 {
    value.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_answers_bring_the_estimate_within_five_percent() {
        let model = ModelRef::new("a", "b");
        for (first, then) in [(800, 1300), (1300, 1300), (2600, 700)] {
            let estimates = Estimates::default();
            estimates.counted(&model, 1000, first);
            for _ in 0..9 {
                estimates.counted(&model, 1000, then);
            }
            let tokens = estimates.calibration().tokens(&model, 10_000);
            assert!(tokens.abs_diff(then * 10) * 20 < then * 10, "{first} then {then}: {tokens}");
        }
    }

    #[test]
    fn the_error_shown_is_that_of_the_corrected_estimate() {
        let (estimates, model) = (Estimates::default(), ModelRef::new("a", "b"));
        for _ in 0..5 {
            estimates.counted(&model, 1000, 1500);
        }
        let card = estimates.card(&model).unwrap();
        assert_eq!((card.answers, card.ratio_percent, card.error_permille), (5, 150, 0));
        estimates.counted(&model, 1000, 1200);
        assert!((100..140).contains(&estimates.card(&model).unwrap().error_permille));
    }

    #[test]
    fn short_prompts_teach_nothing() {
        assert_eq!(Estimates::default().counted(&ModelRef::new("a", "b"), 20, 90), None);
    }

    #[test]
    fn what_was_kept_is_read_again_whole_or_as_the_ratio_alone() {
        let (model, old) = (ModelRef::new("a", "b:c"), ModelRef::new("a", "old"));
        let estimates = Estimates::default();
        estimates.counted(&model, 1000, 1500);
        let text = estimates.counted(&model, 1000, 1400).unwrap();
        let after = Estimates::default();
        after.recall([(model.clone(), text), (old.clone(), "1.25".into()), (ModelRef::new("a", "x"), "bad".into())]);
        assert_eq!(after.card(&model), estimates.card(&model));
        assert_eq!(after.calibration().tokens(&old, 100), 125);
    }
}
