//! What the outcomes of turns teach: where local models struggle, or the user says or shows that a turn belonged on
//! the other side, every score shifts by some points, within bounds, for all to see and to reset.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use branchline_routing::{Facts, Offset, Target};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::memory::Memory;
use crate::record::{Outcome, Place, Record};
use crate::tuning::{conversation, turn_of};
use crate::world::World;

/// Where it is kept.
pub(crate) const KEY: &str = "learned_offset";
/// The most it may shift a score, in points.
pub const BOUND: f32 = 15.0;
/// Failing calls from which on a turn counts as a struggle.
const STRUGGLE: u32 = 3;
/// What a local turn without trouble takes from an offset above 0.
const CALM: f32 = 0.1;
/// Lessons shown.
const SHOWN: usize = 20;
/// Conversations whose last turn is remembered, and for how long.
const CONVERSATIONS: usize = 500;
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// What a turn taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum LessonKind {
    /// A local model's calls failed three times in one turn.
    Struggle,
    /// The user asked the same again after a local answer.
    AskedAgain,
    /// The user sent a turn to the cloud that would have stayed here.
    SentToCloud,
    /// The user kept a turn here that would have gone to the cloud.
    KeptLocal,
}

impl LessonKind {
    /// Points it shifts every score by, far from the bounds.
    const fn points(self) -> f32 {
        match self {
            Self::Struggle => 1.0,
            Self::AskedAgain | Self::SentToCloud => 1.5,
            Self::KeptLocal => -1.5,
        }
    }
}

/// One lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Lesson {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The request that taught it.
    pub request: String,
    /// What it was.
    pub kind: LessonKind,
    /// Points every score was shifted by.
    pub points: f32,
}

/// Everything learned so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct LearnedOffset {
    /// Points added to every score, from -15 to 15; whole ones are in force.
    pub points: f32,
    /// Turns in which a local model struggled.
    pub struggles: u32,
    /// Turns asked again after a local answer.
    pub asked_again: u32,
    /// Turns the user sent to the cloud.
    pub sent_to_cloud: u32,
    /// Turns the user kept here.
    pub kept_local: u32,
    /// Local turns without trouble.
    pub calm: u32,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// The last lessons, newest first.
    #[ts(as = "Vec<Lesson>")]
    pub lessons: VecDeque<Lesson>,
}

impl LearnedOffset {
    /// Nothing learned, from now on.
    fn begin() -> Self {
        Self { since: Timestamp::now().as_millisecond(), ..Self::default() }
    }

    /// The nearer the bound, the less a lesson shifts.
    fn learn(&mut self, kind: LessonKind, record: &Record) {
        let full = kind.points();
        let room = 1.0 - (self.points * full.signum() / BOUND).clamp(0.0, 1.0);
        let points = full * room;
        self.points = (self.points + points).clamp(-BOUND, BOUND);
        *match kind {
            LessonKind::Struggle => &mut self.struggles,
            LessonKind::AskedAgain => &mut self.asked_again,
            LessonKind::SentToCloud => &mut self.sent_to_cloud,
            LessonKind::KeptLocal => &mut self.kept_local,
        } += 1;
        self.lessons.push_front(Lesson { at: record.at.as_millisecond(), request: record.id.clone(), kind, points });
        self.lessons.truncate(SHOWN);
    }

    fn calm(&mut self) {
        self.calm += 1;
        if self.points > 0.0 {
            self.points = (self.points - CALM).max(0.0);
        }
    }

    /// What the policy gets: whole points, and why in words.
    #[must_use]
    pub fn offset(&self) -> Offset {
        let counts = [
            (self.struggles, "struggle", "struggles"),
            (self.asked_again, "turn asked again", "turns asked again"),
            (self.sent_to_cloud, "turn you sent to the cloud", "turns you sent to the cloud"),
            (self.kept_local, "turn you kept local", "turns you kept local"),
        ];
        let said = counts.iter().filter(|(count, ..)| *count > 0);
        let said: Vec<_> =
            said.map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many })).collect();
        let points = self.points.round();
        Offset { points, why: if points == 0.0 { String::new() } else { said.join(", ") } }
    }
}

/// The turn a conversation had last.
#[derive(Clone, Debug, Default)]
struct Last {
    fingerprint: u64,
    said: u64,
    /// It was left to us.
    auto: bool,
    local: bool,
    /// Its newest request was answered.
    answered: bool,
    /// It taught something already.
    taught: bool,
}

/// Learns from records.
#[derive(Debug)]
pub(crate) struct Outcomes {
    learned: Mutex<LearnedOffset>,
    last: Memory<String, Last>,
}

impl Default for Outcomes {
    fn default() -> Self {
        Self { learned: Mutex::new(LearnedOffset::begin()), last: Memory::idle(CONVERSATIONS, IDLE) }
    }
}

impl Outcomes {
    /// What was learned so far.
    pub(crate) fn learned(&self) -> LearnedOffset {
        self.lock().clone()
    }

    /// Takes over what an earlier run learned, or begins anew.
    pub(crate) fn replace(&self, learned: Option<LearnedOffset>) {
        *self.lock() = learned.unwrap_or_else(LearnedOffset::begin);
    }

    /// Takes in a finished request; gives what is known now where that changed.
    pub(crate) fn hear(&self, record: &Record, world: &World) -> Option<LearnedOffset> {
        // Clients that name no session cannot be told apart.
        record.session.as_ref()?;
        let (_, fingerprint) = turn_of(record)?;
        let facts = record.decision.facts.as_deref()?;
        let talk = conversation(record);
        let before = self.last.get(&talk);
        let mut now = Last {
            fingerprint,
            said: facts.turn.said,
            auto: facts.forced.is_none() && facts.asked == Target::Auto && facts.ruled.is_none(),
            local: record.place == Place::Local,
            answered: record.outcome == Outcome::Ok,
            taught: false,
        };
        let goes_on = before.as_ref().filter(|last| last.fingerprint == fingerprint);
        now.taught = goes_on.is_some_and(|last| last.taught);
        // Gone back to and said again: the same words at the same place, after an answer.
        let structure = &facts.turn.structure;
        let begins = structure.tool_results_in_turn == 0 && facts.turn.struggle.cut_off == 0;
        let repeated = goes_on.filter(|last| begins && last.answered);
        let ended = before.as_ref().filter(|last| last.fingerprint != fingerprint).or(repeated);
        let moved = record.decision.escalated.is_some();
        let lesson = if now.taught { None } else { lesson(&now, moved, ended, facts, world) };
        let calm =
            lesson != Some(LessonKind::AskedAgain) && ended.is_some_and(|last| last.auto && last.local && !last.taught);
        now.taught |= lesson.is_some();
        // A turn the user forced says nothing about the next one that is left to us.
        now.auto |= goes_on.is_some_and(|last| last.auto);
        self.last.insert(talk, now);
        if lesson.is_none() && !calm {
            return None;
        }
        let mut learned = self.lock();
        if calm {
            learned.calm();
        }
        if let Some(kind) = lesson {
            learned.learn(kind, record);
        }
        Some(learned.clone())
    }

    fn lock(&self) -> MutexGuard<'_, LearnedOffset> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request teaches. `moved`: its turn has just moved to the cloud because its model struggled. `ended`: the turn
/// its conversation had before this one.
fn lesson(now: &Last, moved: bool, ended: Option<&Last>, facts: &Facts, world: &World) -> Option<LessonKind> {
    let again = ended.is_some_and(|last| last.said != 0 && last.said == now.said && last.auto && last.local);
    if again {
        return Some(LessonKind::AskedAgain);
    }
    if now.auto {
        let struggles = now.local && facts.turn.structure.failures_in_turn >= STRUGGLE;
        return (struggles || moved).then_some(LessonKind::Struggle);
    }
    // A client that names a model with every request wants that model; one that leaves its other turns to us objects.
    let left_to_us = ended.is_some_and(|last| last.auto);
    let free = Facts { forced: None, asked: Target::Auto, ..facts.clone() };
    let would_stay = free.decide(&world.policy, &world.catalog).candidates.first().map(|first| first.local);
    match (left_to_us, would_stay, now.local) {
        (true, Some(true), false) => Some(LessonKind::SentToCloud),
        (true, Some(false), true) => Some(LessonKind::KeptLocal),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
