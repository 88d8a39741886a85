//! The day's budget: what the cloud has cost since midnight, counted in memory, begun from the store.

use std::sync::{Mutex, PoisonError};

use branchline_settings::schema::BudgetSettings;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::events::LiveEvent;
use crate::money::Usd;
use crate::record::{AsideRecord, Place, Record, UsageRecord};
use crate::store::{Stats, Store};

/// How far the day's budget is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum BudgetState {
    /// No limit is set.
    #[default]
    Unlimited,
    Ok,
    /// Past `budget.warn_percent`.
    Warning,
    /// The limit is met: the cloud is not asked until midnight.
    Spent,
}

/// The day's budget for the cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct BudgetView {
    pub state: BudgetState,
    pub spent_usd: Usd,
    pub limit_usd: Option<Usd>,
    /// Tokens the cloud read and wrote.
    pub spent_tokens: u64,
    pub limit_tokens: Option<u64>,
    /// The part of the nearer limit that is used, in percent; none without a limit.
    pub percent: Option<u32>,
    /// Requests of the day whose price nobody knows: they are not in `spent_usd`.
    pub unpriced: u64,
    /// `local` or `refuse`: what happens to requests for the cloud once the limit is met.
    pub when_spent: String,
    /// Next midnight, in milliseconds since 1970.
    pub resets_at: i64,
}

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<Day>);

#[derive(Clone, Copy, Debug, Default)]
struct Day {
    ends: Timestamp,
    usd: Usd,
    tokens: u64,
    unpriced: u64,
    /// The worst that was told today.
    told: BudgetState,
}

impl Day {
    fn beginning_at(now: &Zoned) -> Self {
        let ends = now.tomorrow().and_then(|tomorrow| tomorrow.start_of_day()).map(|midnight| midnight.timestamp());
        // Without a calendar the day ends when the program does.
        Self { ends: ends.unwrap_or(Timestamp::MAX), ..Self::default() }
    }

    fn state(&self, budget: &BudgetSettings) -> BudgetState {
        match self.percent(budget) {
            None => BudgetState::Unlimited,
            Some(percent) if percent >= 100 => BudgetState::Spent,
            Some(percent) if percent >= u32::from(budget.warn_percent) => BudgetState::Warning,
            Some(_) => BudgetState::Ok,
        }
    }

    fn percent(&self, budget: &BudgetSettings) -> Option<u32> {
        let of = |spent: u128, limit: u128| {
            u32::try_from((spent * 100).checked_div(limit).unwrap_or(100)).unwrap_or(u32::MAX)
        };
        let nano = |usd: Usd| u128::try_from(usd.nano()).unwrap_or(0);
        let money = budget.daily_usd.map(|limit| of(nano(self.usd), nano(Usd::from_dollars(limit))));
        let tokens = budget.daily_tokens.map(|limit| of(self.tokens.into(), limit.into()));
        money.max(tokens)
    }

    fn add(&mut self, spent: &Spent) {
        let usage = spent.usage;
        self.tokens += usage.input + usage.output + usage.cache_read + usage.cache_write;
        match spent.usd {
            Some(usd) => self.usd += usd,
            None => self.unpriced += 1,
        }
    }
}

/// What one call to a model took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    place: Place,
    at: Timestamp,
    usage: UsageRecord,
    usd: Option<Usd>,
}

impl Spent {
    /// By the answer to a client's request.
    pub(crate) fn of(record: &Record) -> Self {
        Self { place: record.place, at: record.at, usage: record.usage, usd: record.cost.usd }
    }

    /// By a call of our own.
    pub(crate) fn aside(aside: &AsideRecord) -> Self {
        Self { place: aside.place, at: Timestamp::now(), usage: aside.usage, usd: aside.usd }
    }
}

impl Engine {
    /// Counts into the day what was spent, and tells when a line of the budget is crossed.
    pub(crate) fn spend(&self, spent: &Spent) {
        if let Some(budget) = self.budget.add(spent, &self.world().settings.budget) {
            tracing::warn!(percent = budget.percent, "the day's budget for the cloud");
            self.events.tell(LiveEvent::Budget { budget });
        }
    }
}

impl Budget {
    /// Takes over what was spent before this start.
    pub(crate) async fn recall(&self, store: &Store, budget: &BudgetSettings) {
        let now = Zoned::now();
        let stats = store.stats(now.date(), now.time_zone()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what was spent today cannot be read");
            Stats::default()
        });
        let cloud = stats.cloud;
        let mut day = Day::beginning_at(&now);
        day.usd = cloud.cost_usd;
        day.tokens = cloud.input + cloud.output + cloud.cache_read + cloud.cache_write;
        day.unpriced = cloud.unpriced;
        // Whoever starts the program anew was told already.
        day.told = day.state(budget);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = day;
    }

    /// Counts a finished call; gives what is to be told, once a day each.
    pub(crate) fn add(&self, spent: &Spent, budget: &BudgetSettings) -> Option<BudgetView> {
        if spent.place != Place::Cloud {
            return None;
        }
        let mut day = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.at >= day.ends || Timestamp::now() >= day.ends {
            *day = Day::beginning_at(&Zoned::now());
        }
        day.add(spent);
        let state = day.state(budget);
        let is_news = state >= BudgetState::Warning && state > day.told;
        day.told = day.told.max(state);
        is_news.then(|| view(&day, budget))
    }

    /// What was spent of what, when the limit is met; in words.
    pub(crate) fn spent(&self, budget: &BudgetSettings) -> Option<String> {
        if budget.daily_usd.is_none() && budget.daily_tokens.is_none() {
            return None;
        }
        let day = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if day.state(budget) != BudgetState::Spent || Timestamp::now() >= day.ends {
            return None;
        }
        let money = budget.daily_usd.map(Usd::from_dollars).filter(|limit| day.usd >= *limit);
        Some(match (money, budget.daily_tokens) {
            (Some(limit), _) => format!("{} of {limit}", day.usd),
            (None, limit) => format!("{} of {} tokens", day.tokens, limit.unwrap_or_default()),
        })
    }

    /// How it stands.
    pub(crate) fn view(&self, budget: &BudgetSettings) -> BudgetView {
        let mut day = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if Timestamp::now() >= day.ends {
            day = Day::beginning_at(&Zoned::now());
        }
        view(&day, budget)
    }
}

fn view(day: &Day, budget: &BudgetSettings) -> BudgetView {
    let word = serde_json::to_value(budget.when_spent).ok();
    BudgetView {
        state: day.state(budget),
        spent_usd: day.usd,
        limit_usd: budget.daily_usd.map(Usd::from_dollars),
        spent_tokens: day.tokens,
        limit_tokens: budget.daily_tokens,
        percent: day.percent(budget),
        unpriced: day.unpriced,
        when_spent: word.and_then(|word| word.as_str().map(Into::into)).unwrap_or_default(),
        resets_at: day.ends.as_millisecond(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CostRecord;

    fn spent(place: Place, dollars: Option<f64>, tokens: u64) -> Spent {
        Spent::of(&Record {
            at: Timestamp::now(),
            place,
            usage: UsageRecord { input: tokens, ..UsageRecord::default() },
            cost: CostRecord { usd: dollars.map(Usd::from_dollars), ..CostRecord::default() },
            ..Record::default()
        })
    }

    fn dollars(limit: f64) -> BudgetSettings {
        BudgetSettings { daily_usd: Some(limit), ..BudgetSettings::default() }
    }

    #[test]
    fn each_line_is_told_once_and_the_limit_stops_the_cloud() {
        let (budget, rule) = (Budget::default(), dollars(1.0));
        assert_eq!(budget.add(&spent(Place::Cloud, Some(0.7), 10), &rule), None);
        let warned = budget.add(&spent(Place::Cloud, Some(0.1), 10), &rule).unwrap();
        assert_eq!((warned.state, warned.percent), (BudgetState::Warning, Some(80)));
        assert_eq!(budget.add(&spent(Place::Cloud, Some(0.1), 10), &rule), None);
        assert_eq!(budget.spent(&rule), None);
        let spent = budget.add(&spent(Place::Cloud, Some(0.2), 10), &rule).unwrap();
        assert_eq!((spent.state, spent.spent_tokens), (BudgetState::Spent, 40));
        assert_eq!(budget.spent(&rule).as_deref(), Some("$1.10 of $1.00"));
        assert_eq!(budget.spent(&BudgetSettings::default()), None, "without a limit nothing is stopped");
    }

    #[test]
    fn local_work_and_unknown_prices_cost_no_money_but_tokens_count() {
        let rule = BudgetSettings { daily_tokens: Some(100), ..dollars(1.0) };
        let budget = Budget::default();
        budget.add(&spent(Place::Local, Some(5.0), 500), &rule);
        budget.add(&spent(Place::Cloud, None, 90), &rule);
        let view = budget.view(&rule);
        assert_eq!((view.spent_usd, view.spent_tokens, view.unpriced), (Usd::default(), 90, 1));
        assert_eq!(view.state, BudgetState::Warning);
        budget.add(&spent(Place::Cloud, None, 10), &rule);
        assert_eq!(budget.spent(&rule).as_deref(), Some("100 of 100 tokens"));
    }

    #[test]
    fn a_budget_of_nothing_is_always_met() {
        let budget = Budget::default();
        *budget.0.lock().unwrap() = Day::beginning_at(&Zoned::now());
        assert!(budget.spent(&dollars(0.0)).is_some());
    }
}
