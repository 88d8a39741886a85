//! The complexity score of a turn: named points with their reasons, summed and clamped.
//!
//! Pure arithmetic over what `signals` measures; no model, no regex, microseconds. The score is
//! taken from what the human wrote and from counts of the request's structure, never from the
//! text of tool results. Curves saturate instead of stopping at their cap, so that two
//! different turns rarely get the very same number and the threshold can be set by percentage.

use serde::{Deserialize, Serialize};

use crate::lexicon::{Hits, find_opener, find_words};
use crate::signals::{Effort, Shape, Signal, Structure, count_files, distinct_words, rough_tokens};

/// Everything the score is taken from.
#[derive(Debug, Clone, Copy)]
pub struct TurnText<'a> {
    /// What the human wrote in this turn, without reminders
    /// (see [`strip_reminders`](crate::strip_reminders)).
    pub human: &'a str,
    /// Counts of the request around it.
    pub structure: Structure,
}

/// Most points each signal may give (for `simple_words`: take). A weight of 0 switches a signal off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// Length of the human text.
    pub tokens: f32,
    /// Different words in the human text; counted with its length.
    pub variety: f32,
    /// Words that ask for demanding work.
    pub complex_words: f32,
    /// What one of them counts that names a thing ("the industrial design"), of 1.
    pub named: f32,
    /// Words that ask for simple work; a positive number that is taken away.
    pub simple_words: f32,
    /// Code, tables, JSON, lists, several questions.
    pub structure: f32,
    /// Steps, conditions, comparisons.
    pub reasoning_cues: f32,
    /// Files named.
    pub files: f32,
    /// A pasted stack trace.
    pub stack_trace: f32,
    /// Plan mode.
    pub plan_mode: f32,
    /// The highest effort; lower ones give a share, the lowest takes half of it away.
    pub effort: f32,
    /// Failing tool results in this turn.
    pub failures: f32,
    /// Tool loop of this turn.
    pub tool_loop: f32,
    /// Tool results of earlier turns.
    pub history: f32,
    /// Size of the whole request.
    pub context: f32,
    /// Images in the turn.
    pub images: f32,
}

impl Weights {
    /// The plain heuristic other routers use: length, words for hard and for simple work, structure, reasoning cues.
    /// Nothing of the request around the text. What every change of the scorer is measured against.
    #[must_use]
    pub fn five_signals() -> Self {
        Self {
            tokens: 25.0,
            variety: 0.0,
            named: 1.0,
            files: 0.0,
            stack_trace: 0.0,
            plan_mode: 0.0,
            effort: 0.0,
            failures: 0.0,
            tool_loop: 0.0,
            history: 0.0,
            context: 0.0,
            images: 0.0,
            ..Self::default()
        }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            tokens: 12.5,
            variety: 12.5,
            complex_words: 50.0,
            named: 0.4,
            simple_words: 15.0,
            structure: 25.0,
            reasoning_cues: 20.0,
            files: 10.0,
            stack_trace: 12.0,
            plan_mode: 15.0,
            effort: 8.0,
            failures: 25.0,
            tool_loop: 25.0,
            history: 4.0,
            context: 4.0,
            images: 3.0,
        }
    }
}

/// Points of one signal and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// What gave the points.
    pub signal: Signal,
    /// Points given; negative for simple words and low effort.
    pub points: f32,
    /// The reason in words: "design, implement, lock-free".
    pub why: String,
}

/// The complexity of a turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 (any model) to 100 (the strongest): `raw` clamped and rounded down, so that
    /// `value >= threshold` and `raw >= threshold` agree for whole thresholds.
    pub value: u8,
    /// The sum of the points, not clamped: ranks turns that share a `value`.
    pub raw: f32,
    /// The signals that fired, in a fixed order.
    pub points: Vec<Point>,
}

impl Score {
    /// A score whose points are not known any more.
    #[must_use]
    pub fn of(raw: f32) -> Self {
        Self { value: value(raw), raw, points: Vec::new() }
    }

    /// The same turn with points for how earlier turns went.
    pub(crate) fn learned(&mut self, offset: &crate::Offset) {
        self.add(Signal::Learned, offset.points, || offset.why.clone());
        self.value = value(self.raw);
    }

    /// Within a turn the score may only rise.
    pub(crate) fn at_least(&mut self, earlier: f32) {
        self.raw = self.raw.max(earlier);
        self.value = value(self.raw);
    }

    fn add(&mut self, signal: Signal, points: f32, why: impl FnOnce() -> String) {
        if points != 0.0 && points.is_finite() {
            self.raw += points;
            self.points.push(Point { signal, points, why: why() });
        }
    }
}

/// `as` saturates, and turns a NaN made by absurd weights into 0.
fn value(raw: f32) -> u8 {
    raw.clamp(0.0, 100.0) as u8
}

/// Scores a turn. Never fails, for any text and any counts.
#[must_use]
pub fn score(turn: &TurnText<'_>, weights: &Weights) -> Score {
    let text = turn.human.trim();
    let structure = &turn.structure;
    let tokens = match structure.human_tokens {
        0 => rough_tokens(text),
        given => given as f32,
    };
    let mut score = Score::default();
    add_words(&mut score, text, tokens, weights);
    add_shape(&mut score, &Shape::of(text), weights);
    add_files(&mut score, text, structure, weights);
    add_request(&mut score, structure, weights);
    score.value = value(score.raw);
    score
}

/// Rises from 0 towards 1; reaches 63 % at `scale`.
fn saturate(amount: f32, scale: f32) -> f32 {
    1.0 - (-amount / scale).exp()
}

/// Rises from 0 towards 1 far more slowly than [`saturate`], so that long texts still differ.
fn saturate_slowly(amount: f32, scale: f32) -> f32 {
    1.0 - (1.0 + amount / scale).powf(-0.5)
}

/// `easy` (0 to 1): how sure a simple request is. What it is to be done with is long then, not
/// the request: "translate this" with ten pages behind it.
///
/// A part of the points is for different words: a paste that says the same again and again is long and not rich.
fn add_length(score: &mut Score, tokens: f32, words: f32, easy: f32, weights: &Weights) {
    let size = weights.tokens * saturate_slowly(tokens, 40.0) + weights.variety * saturate_slowly(words, 24.0);
    let points = size * (1.0 - 0.6 * easy);
    score.add(Signal::Tokens, points, || format!("about {tokens:.0} tokens, {words:.0} different words"));
}

fn add_words(score: &mut Score, text: &str, tokens: f32, weights: &Weights) {
    let found = find_words(text, weights.named);
    let keywords = |hits: &Hits| format!("keywords: {}", hits.in_words());
    let complex = weights.complex_words * saturate(found.complex.sum(), 28.0);
    score.add(Signal::ComplexWords, complex, || keywords(&found.complex));
    // A long text that begins with "What" is not a simple question.
    let opener = find_opener(text).map(|(points, term)| (points * (1.0 - tokens / 30.0).max(0.0), term));
    let easy = found.simple.sum() + opener.map_or(0.0, |(points, _)| points);
    let simple = -weights.simple_words * saturate(-easy, 10.0);
    score.add(Signal::SimpleWords, simple, || match opener {
        Some((_, term)) if found.simple.sum() == 0.0 => format!("begins with: {term}"),
        _ => keywords(&found.simple),
    });
    add_length(score, tokens, distinct_words(text), saturate(-found.simple.sum(), 10.0), weights);
    let reasoning = weights.reasoning_cues * saturate(found.reasoning.sum(), 16.0);
    score.add(Signal::ReasoningCues, reasoning, || keywords(&found.reasoning));
    if let Some(origin) = found.trace {
        score.add(Signal::StackTrace, weights.stack_trace, || format!("stack trace or error of {origin}"));
    }
}

fn add_shape(score: &mut Score, shape: &Shape, weights: &Weights) {
    let parts = [
        (shape.fences.div_ceil(2), 4.0, 8.0, ["code block", "code blocks"]),
        (shape.table_rows, 1.0, 5.0, ["table row", "table rows"]),
        (shape.json_lines, 0.5, 5.0, ["JSON line", "JSON lines"]),
        (shape.list_items, 1.0, 8.0, ["list item", "list items"]),
        (shape.code_lines, 1.0, 2.0, ["line of code", "lines of code"]),
        (shape.questions.saturating_sub(1), 1.0, 4.0, ["further question", "further questions"]),
    ];
    let sum: f32 = parts.iter().map(|&(count, each, most, _)| (count as f32 * each).min(most)).sum();
    let points = weights.structure * saturate(sum, 20.0);
    score.add(Signal::Structure, points, || {
        let seen: Vec<_> =
            parts.iter().filter(|part| part.0 > 0).map(|&(count, _, _, names)| counted(count, names)).collect();
        seen.join(", ")
    });
}

fn add_files(score: &mut Score, text: &str, structure: &Structure, weights: &Weights) {
    let files = count_files(text).saturating_add(structure.files_named);
    let points = weights.files * saturate(files as f32, 4.0);
    score.add(Signal::Files, points, || counted(files, ["file named", "files named"]));
}

fn add_request(score: &mut Score, structure: &Structure, weights: &Weights) {
    if structure.plan_mode {
        score.add(Signal::PlanMode, weights.plan_mode, || "plan mode".to_owned());
    }
    if let Some(effort) = structure.effort {
        let share = match effort {
            Effort::Low => -0.5,
            Effort::Medium => 0.0,
            Effort::High => 0.25,
            Effort::Max => 1.0,
        };
        score.add(Signal::Effort, weights.effort * share, || format!("effort asked: {effort:?}").to_lowercase());
    }
    let failures = structure.failures_in_turn;
    let points = weights.failures * saturate(failures as f32, 3.0);
    score.add(Signal::Failures, points, || {
        counted(failures, ["failed tool call in this turn", "failed tool calls in this turn"])
    });
    let results = structure.tool_results_in_turn;
    let points = weights.tool_loop * saturate_slowly(results as f32, 4.0);
    score.add(Signal::ToolLoop, points, || counted(results, ["tool result in this turn", "tool results in this turn"]));
    // Logarithmic and small: a session grows without its work getting harder. See "Decisions" in docs/ARCHITECTURE.md.
    let earlier = structure.tool_results_total.saturating_sub(results);
    let points = weights.history * ((earlier as f32).ln_1p() / 101_f32.ln()).min(1.0);
    score.add(Signal::History, points, || {
        counted(earlier, ["tool result in earlier turns", "tool results in earlier turns"])
    });
    // Up to here every coding agent's tools and instructions fill the prompt on their own.
    let beyond = structure.prompt_tokens.saturating_sub(40_000);
    let points = weights.context * saturate(beyond as f32, 60_000.0);
    score.add(Signal::Context, points, || format!("request of about {} tokens", structure.prompt_tokens));
    let images = structure.images;
    let points = weights.images * saturate(images as f32, 2.0);
    score.add(Signal::Images, points, || counted(images, ["image", "images"]));
}

/// How many, in words; `names` for one, then for more.
pub(crate) fn counted(count: u32, [one, more]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests;
