//! Past requests decided again under changed settings: which turns would have gone elsewhere.
//!
//! Both sides of the comparison are simulated, the settings as they are and as they would be, on the models and keys of
//! now and the health of then. So what differs is what the change does, and nothing else.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use branchline_routing::rule::first_of_past;
use branchline_routing::{Candidate, Catalog, Circumstances, Decision, Earlier, Facts, Policy};
use branchline_settings::Settings;
use serde::{Deserialize, Serialize};

use crate::cost;
use crate::engine::Engine;
use crate::money::Usd;
use crate::projects::{Project, Projects};
use crate::record::Record;
use crate::situation;
use crate::store::{RecordFilter, Result};
use crate::tuning::{TurnId, conversation, turn_of};
use crate::turns::earlier_after;
use crate::world::World;

mod privacy;

use privacy::Words;

/// Changed turns that are listed; all of them are counted.
const LISTED: usize = 200;
const DAY_MS: f64 = 86_400_000.0;

/// What changed settings would have done to past requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct WhatIf {
    /// Requests decided again.
    pub requests: usize,
    /// Requests of the log that cannot be: written by an older version.
    pub skipped: usize,
    /// Requests of which too little is kept to try all of the changed rules on them: words nobody looked for at the
    /// time, headers that may hold keys. Those rules count as not fitting; of `never_cloud`, what was found then stands.
    pub untold: usize,
    /// Turns among them: a human message and the tool loop that follows.
    pub turns: usize,
    /// Requests whose first model would be another.
    pub changed_requests: usize,
    /// Turns with such a request.
    pub changed_turns: usize,
    /// Days from the first to the last of the requests, at least one.
    pub days: f64,
    /// Under the settings as they are.
    pub before: Sides,
    /// Under the changed settings.
    pub after: Sides,
    /// The changed turns, newest first, at most 200.
    pub changed: Vec<MovedTurn>,
}

/// How requests spread over the sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Sides {
    /// Turns that stay on the user's machine from beginning to end.
    pub local_turns: usize,
    /// Turns of which at least one request goes to the cloud.
    pub cloud_turns: usize,
    /// Turns nobody would take.
    pub refused_turns: usize,
    /// The part of the turns that goes to the cloud, 0–1.
    pub cloud_share: f64,
    /// Tokens a day that go to the cloud and come from it.
    pub cloud_tokens_per_day: f64,
    /// US dollars a day; `null` when the price of a model is not known.
    pub cost_per_day: Option<f64>,
}

/// A turn that would go elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct MovedTurn {
    /// Its first request that would.
    pub id: String,
    /// Milliseconds since 1970.
    pub at: i64,
    /// What sort of request it is.
    pub kind: String,
    /// Requests of the turn that would go elsewhere.
    pub requests: usize,
    /// Where it goes now.
    pub before: Course,
    /// Where it would go.
    pub after: Course,
}

/// Where a request goes and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Course {
    /// The first candidate; `null` when nobody would take it.
    pub model: Option<String>,
    /// It is on the user's own hardware.
    pub local: bool,
    /// The score.
    pub score: u8,
    /// Why, in words.
    pub reason: String,
    /// What the request would cost there, in US dollars, as far as the price is known.
    pub usd: Option<Usd>,
}

/// What a request costs at a candidate, as far as that is known.
type Prices<'p> = &'p dyn Fn(&Record, &Candidate) -> Option<Usd>;

impl Course {
    fn of(record: &Record, decision: &Decision, prices: Prices<'_>) -> Self {
        let first = decision.candidates.first();
        Self {
            model: first.map(|first| first.model.to_string()),
            local: first.is_some_and(|first| first.local),
            score: decision.score.value,
            reason: decision.reason().to_owned(),
            usd: first.map_or(Some(Usd::default()), |first| prices(record, first)),
        }
    }
}

impl Engine {
    /// Decides the last `last` requests of the log again, under the settings as they are and under `changed`.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub async fn what_if(&self, changed: Settings, last: usize) -> Result<WhatIf> {
        let filter = RecordFilter { limit: Some(last), ..RecordFilter::default() };
        let mut records = self.store.records(filter).await?;
        records.reverse();
        let past = self.store.surroundings().await?;
        let (now, then) = (self.world(), Arc::new(self.imagine(Arc::new(changed)).await));
        let new_rules = now.settings.rules != then.settings.rules;
        let found = match privacy::differs(&now.settings, &then.settings) {
            true => Some(privacy::search(&self.store, &records, [&now, &then]).await?),
            false => None,
        };
        let play_in = |nth: usize, world: &Arc<World>| {
            let words = found.as_ref().map(|found| Words::new(found, nth));
            let side =
                Side { world, projects: Projects::default(), past: &past, untold: Cell::new(0), new_rules, words };
            let prices = |record: &Record, at: &Candidate| cost::elsewhere(record, &at.model, at.local, world);
            let situate = |record: &Record, facts: &mut Facts| side.situate(record, facts);
            let played = play(&records, &world.policy, &world.catalog, &situate, &prices);
            (played, side.untold.get())
        };
        let ((before, _), (after, untold)) = (play_in(0, &now), play_in(1, &then));
        Ok(WhatIf { untold, ..compare(&records, &before, &after) })
    }
}

/// One side of the comparison.
struct Side<'s> {
    world: &'s Arc<World>,
    projects: Projects,
    /// What rules could look at in past requests.
    past: &'s BTreeMap<String, Circumstances>,
    /// Requests that not all rules could be tried on.
    untold: Cell<usize>,
    /// The two sides differ in their rules.
    new_rules: bool,
    /// They differ in what `never_cloud` looks for: what it finds on this side.
    words: Option<Words<'s>>,
}

impl Side<'_> {
    /// Puts in the rule that fits a past request and what keeps it here, under this side's settings; gives the project that
    /// governs it. What `never_cloud` found in its words stands where they are not kept, whatever is changed.
    fn situate(&self, record: &Record, facts: &mut Facts) -> Option<Arc<Project>> {
        let lacks_words = self.words.as_ref().is_some_and(|words| !words.judge(record, facts));
        let name = record.decision.surroundings.as_ref();
        let Some(at) = name.and_then(|name| self.past.get(name)) else {
            self.untold.set(self.untold.get() + usize::from(self.new_rules || lacks_words));
            return None;
        };
        let at = Circumstances { clock: Some(situation::clock(record.at)), ..at.clone() };
        let folder = at.project.as_deref();
        let project = folder.and_then(|folder| self.projects.governing(folder, self.world));
        let rules = project.as_ref().map_or(&*self.world.rules, |project| &project.rules);
        let (ruled, unsure) = first_of_past(rules, &facts.turn, &at, &facts.heard);
        facts.ruled = ruled;
        self.untold.set(self.untold.get() + usize::from((unsure && self.new_rules) || lacks_words));
        let private = || project.as_ref().and_then(|project| project.private.clone());
        let by_folder = || folder.and_then(|folder| self.world.never_cloud.covers(folder));
        facts.private = facts.private.take().or_else(private).or_else(by_folder);
        project
    }
}

/// What a past request is decided by besides itself: puts it into the facts, and gives the project that governs it.
type Situate<'s> = &'s dyn Fn(&Record, &mut Facts) -> Option<Arc<Project>>;

/// Decides the records again, oldest first, each knowing what its turn came to before. Nothing for those without facts.
fn play(
    records: &[Record],
    policy: &Policy,
    catalog: &Catalog,
    situate: Situate<'_>,
    prices: Prices<'_>,
) -> Vec<Option<Course>> {
    let mut turns: HashMap<(String, u64), Earlier> = HashMap::new();
    let decided = records.iter().map(|record| {
        let mut facts = record.decision.facts.as_deref()?.clone();
        let key = (conversation(record), facts.turn.fingerprint);
        // Where the turn began before the first record, what is known of its beginning stands.
        facts.earlier = facts.earlier.map(|known| turns.get(&key).copied().unwrap_or(known));
        let project = situate(record, &mut facts);
        let policy = project.as_ref().map_or(policy, |project| &project.policy);
        let decision = facts.decide(policy, catalog);
        let holds = decision.by_turn && !facts.turn.kind.is_aside();
        if holds && let Some(earlier) = earlier_after(&decision, facts.earlier) {
            turns.insert(key, earlier);
        }
        Some(Course::of(record, &decision, prices))
    });
    decided.collect()
}

/// One turn as both sides saw it.
#[derive(Default)]
struct Seen {
    sides: [Option<bool>; 2],
    moved: Option<MovedTurn>,
}

fn compare(records: &[Record], before: &[Option<Course>], after: &[Option<Course>]) -> WhatIf {
    let free = || Sides { cost_per_day: Some(0.0), ..Sides::default() };
    let mut result = WhatIf { days: days(records), before: free(), after: free(), ..WhatIf::default() };
    let mut turns: BTreeMap<TurnId, Seen> = BTreeMap::new();
    for (record, (was, would)) in records.iter().zip(before.iter().zip(after)) {
        let (Some(was), Some(would)) = (was, would) else {
            result.skipped += 1;
            continue;
        };
        result.requests += 1;
        let moved = was.model != would.model;
        result.changed_requests += usize::from(moved);
        for (sides, course) in [(&mut result.before, was), (&mut result.after, would)] {
            let to_cloud = course.model.is_some() && !course.local;
            sides.cloud_tokens_per_day += if to_cloud { tokens(record) / result.days } else { 0.0 };
            let cost = sides.cost_per_day.zip(course.usd);
            sides.cost_per_day = cost.map(|(sum, usd)| sum + usd.dollars() / result.days);
        }
        if let Some(turn) = turn_of(record) {
            see(turns.entry(turn).or_default(), record, was, would);
        }
    }
    add_turns(&mut result, turns);
    result
}

fn see(turn: &mut Seen, record: &Record, was: &Course, would: &Course) {
    for (cloud, course) in turn.sides.iter_mut().zip([was, would]) {
        if course.model.is_some() {
            *cloud = Some(cloud.unwrap_or(false) || !course.local);
        }
    }
    if was.model == would.model {
        return;
    }
    let moved = turn.moved.get_or_insert_with(|| MovedTurn {
        id: record.id.clone(),
        at: record.at.as_millisecond(),
        kind: record.decision.kind.clone(),
        requests: 0,
        before: was.clone(),
        after: would.clone(),
    });
    moved.requests += 1;
}

fn add_turns(result: &mut WhatIf, turns: BTreeMap<TurnId, Seen>) {
    result.turns = turns.len();
    for seen in turns.into_values() {
        for (sides, cloud) in [&mut result.before, &mut result.after].into_iter().zip(seen.sides) {
            match cloud {
                Some(true) => sides.cloud_turns += 1,
                Some(false) => sides.local_turns += 1,
                None => sides.refused_turns += 1,
            }
        }
        result.changed.extend(seen.moved);
    }
    for sides in [&mut result.before, &mut result.after] {
        sides.cloud_share = sides.cloud_turns as f64 / result.turns.max(1) as f64;
    }
    result.changed_turns = result.changed.len();
    result.changed.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    result.changed.truncate(LISTED);
}

/// What a request moves: as reported, or as estimated where nothing was.
fn tokens(record: &Record) -> f64 {
    let usage = &record.usage;
    let prompt = usage.input + usage.cache_read + usage.cache_write;
    let prompt = if prompt == 0 { record.estimated_input_tokens } else { prompt };
    (prompt + usage.output) as f64
}

fn days(records: &[Record]) -> f64 {
    let span = records.first().zip(records.last()).map(|(first, last)| last.at.duration_since(first.at));
    span.map_or(1.0, |span| (span.as_millis() as f64 / DAY_MS).max(1.0))
}

#[cfg(test)]
mod tests;
