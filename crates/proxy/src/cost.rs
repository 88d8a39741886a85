//! What a request cost, and what it would have cost had the cloud's model answered everything.
//!
//! What a provider reports is believed; else the user's own prices count, then the built-in table. A price nobody knows
//! stays unknown: it is never taken for nothing.

use std::time::Duration;

use branchline_routing::{ModelRef, Role};
use branchline_settings::prices::{self, Price, Tokens};
use branchline_settings::{Auth, ResolvedBackend};

use crate::memory::Memory;
use crate::money::Usd;
use crate::record::{CostRecord, CostSource, Outcome, Place, Record, UsageRecord};
use crate::world::World;

/// Conversations whose last prompt is remembered.
const CONVERSATIONS: usize = 2_000;
/// How long a cloud keeps a prompt in its cache, by Anthropic's documentation of prompt caching.
const CACHED_FOR: Duration = Duration::from_secs(5 * 60);

/// The length of each conversation's last prompt. A local server that reads a prompt anew costs nothing, but the
/// cloud would have had most of it in its cache: without this, savings would look ten times as large as they are.
#[derive(Clone, Debug)]
pub(crate) struct Prompts(Memory<String, u64>);

impl Default for Prompts {
    fn default() -> Self {
        Self(Memory::aged(CONVERSATIONS, CACHED_FOR))
    }
}

impl Prompts {
    /// How much of this prompt the cloud would have had, and remembers the prompt for the next one.
    fn shared_with_last(&self, record: &Record, prompt: u64) -> u64 {
        let Some(session) = &record.session else { return 0 };
        let key = format!("{session}/{}", record.agent.as_deref().unwrap_or_default());
        let last = self.0.get(&key).unwrap_or(0);
        self.0.insert(key, prompt);
        last.min(prompt)
    }
}

/// What the client's own login means for the bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Login {
    /// Tokens are paid for.
    #[default]
    Metered,
    /// A subscription: the answer costs nothing more.
    Subscription,
}

/// The cost of a finished request. `reported` is what the provider said, in billionths of a dollar.
pub(crate) fn of(record: &Record, reported: Option<u64>, login: Login, world: &World, prompts: &Prompts) -> CostRecord {
    let (Some(backend), Some(model)) = (&record.backend, &record.model) else {
        return CostRecord { usd: Some(Usd::default()), source: CostSource::Nothing, ..CostRecord::default() };
    };
    let model = ModelRef::new(backend, model);
    let bill =
        Bill { model: &model, place: record.place, outcome: record.outcome, usage: record.usage, reported, login };
    let (usd, source) = bill.paid(world);
    let (all_cloud, all_cloud_model) = match record.doctor {
        // Nobody would have asked the cloud what the doctor asks.
        true => (None, None),
        false => all_cloud(record, &model, usd, source, world, prompts),
    };
    let saved = usd.zip(all_cloud).map(|(usd, all)| all - usd);
    CostRecord { usd, source, all_cloud_usd: all_cloud, all_cloud_model, saved_usd: saved }
}

/// One call to a model, as it is paid for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bill<'b> {
    pub(crate) model: &'b ModelRef,
    pub(crate) place: Place,
    pub(crate) outcome: Outcome,
    pub(crate) usage: UsageRecord,
    /// What the provider says it cost, in billionths of a dollar.
    pub(crate) reported: Option<u64>,
    pub(crate) login: Login,
}

impl Bill<'_> {
    /// What it comes to, and who says so.
    pub(crate) fn paid(&self, world: &World) -> (Option<Usd>, CostSource) {
        let usage = self.usage;
        let nothing = usage.input + usage.output + usage.cache_read + usage.cache_write == 0;
        if self.place == Place::Local {
            return (Some(Usd::default()), CostSource::Local);
        }
        if let Some(nano) = self.reported {
            return (Some(nano_usd(nano)), CostSource::Reported);
        }
        if nothing && (self.outcome == Outcome::Error || self.place == Place::Nowhere) {
            // A provider bills nothing for a request it refused.
            return (Some(Usd::default()), CostSource::Nothing);
        }
        if self.login == Login::Subscription {
            return (Some(Usd::default()), CostSource::Subscription);
        }
        match price(self.model, world).filter(|_| !nothing) {
            Some((price, source)) => (Some(nano_usd(price.nano_usd(&tokens(&usage)))), source),
            None => (None, CostSource::Unknown),
        }
    }
}

/// The price of a model: the user's own before the table's.
pub(crate) fn price(model: &ModelRef, world: &World) -> Option<(Price, CostSource)> {
    let text = model.to_string();
    let own = &world.settings.prices;
    // A name written out beats one with a star.
    let exact =
        own.get(&text).or_else(|| own.iter().find(|(pattern, _)| prices::matches(pattern, &text)).map(|(_, p)| p));
    if let Some(own) = exact {
        return Some((Price::from(*own), CostSource::Settings));
    }
    let backend = world.backends.get(&model.backend)?;
    prices::listed(&backend.resolved, &model.model).map(|price| (price, CostSource::Table))
}

/// What a request would take at another model, as far as its price is known. Nothing on the user's own hardware.
pub(crate) fn elsewhere(record: &Record, model: &ModelRef, local: bool, world: &World) -> Option<Usd> {
    if local {
        return Some(Usd::default());
    }
    if record.cost.all_cloud_model.as_deref() == Some(model.to_string().as_str()) {
        return record.cost.all_cloud_usd;
    }
    price(model, world).map(|(price, _)| nano_usd(price.nano_usd(&tokens(&record.usage))))
}

/// What the cloud's first model would have taken for the same tokens.
fn all_cloud(
    record: &Record,
    model: &ModelRef,
    usd: Option<Usd>,
    source: CostSource,
    world: &World,
    prompts: &Prompts,
) -> (Option<Usd>, Option<String>) {
    let mut tokens = tokens(&record.usage);
    let shared = prompts.shared_with_last(record, tokens.input + tokens.cache_read + tokens.cache_write);
    let Some(cloud) = world.policy.role(Role::Cloud).first() else { return (None, None) };
    let name = Some(cloud.to_string());
    if cloud == model && source != CostSource::Subscription {
        return (usd, name);
    }
    if record.place == Place::Local && tokens.cache_read < shared {
        let cached = (shared - tokens.cache_read).min(tokens.input);
        tokens.input -= cached;
        tokens.cache_read += cached;
    }
    (price(cloud, world).map(|(price, _)| nano_usd(price.nano_usd(&tokens))), name)
}

fn tokens(usage: &UsageRecord) -> Tokens {
    Tokens {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
        cache_write_hour: usage.cache_write_hour,
    }
}

fn nano_usd(nano: u64) -> Usd {
    Usd::from_nano(i64::try_from(nano).unwrap_or(i64::MAX))
}

/// A login of Claude's subscriptions is a bearer token of its own make; everything else pays per token.
pub(crate) fn login(backend: &ResolvedBackend, authorization: Option<&str>) -> Login {
    let subscribed = authorization.is_some_and(|value| value.contains("sk-ant-oat"));
    if backend.auth == Auth::Passthrough && subscribed { Login::Subscription } else { Login::Metered }
}
