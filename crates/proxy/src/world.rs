//! The state a request is decided from, as one immutable value: settings, policy, backends, models, health.
//! Whatever changes makes a new world; a running request keeps the one it began with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use branchline_routing::{Catalog, Health, ModelFacts, ModelRef, NeverCloud, Offset, POOL, Policy, Role, Rule};
use branchline_settings::Settings;
use branchline_settings::presets::DEFAULT_CLOUD_MODEL;
use branchline_settings::schema::TokenLimit;
use branchline_wire::Upstream;

use crate::backend::Backend;
use crate::probe::{Flavour, Found, ModelCard, ModelKind};
use crate::tuning::Tuning;

/// What requests are decided from.
#[derive(Debug)]
pub struct World {
    /// The settings in force.
    pub settings: Arc<Settings>,
    /// What they mean for a decision.
    pub policy: Policy,
    /// The user's rules.
    pub(crate) rules: Arc<[Rule]>,
    /// What must not leave the user's own machines.
    pub(crate) never_cloud: NeverCloud,
    /// Backends by name.
    pub backends: BTreeMap<String, Arc<Backend>>,
    /// What each backend said of itself when it was last asked.
    pub found: BTreeMap<String, Found>,
    /// Models as a decision sees them.
    pub catalog: Catalog,
    /// Backends that do not answer.
    pub health: Health,
    /// Why each of them does not.
    pub down: BTreeMap<String, String>,
    /// What the records of this world's requests call their conditions; made with the first of them.
    pub(crate) conditions: OnceLock<Option<String>>,
}

impl World {
    /// Puts a world together.
    #[must_use]
    pub fn new(
        settings: Arc<Settings>,
        backends: BTreeMap<String, Arc<Backend>>,
        found: BTreeMap<String, Found>,
        down: BTreeMap<String, String>,
    ) -> Self {
        let catalog = catalog(&settings, &backends, &found);
        let policy = policy(&settings, &backends, &found);
        let rules = settings.compiled_rules().into();
        // Checked settings compile; of others it is not known what must stay.
        let never_cloud = settings.never_cloud.compile().unwrap_or_else(|error| {
            tracing::error!(%error, "never_cloud cannot be read: nothing leaves");
            NeverCloud::unread("never_cloud in the settings cannot be read")
        });
        let health = Health { down: down.keys().cloned().collect(), ..Health::default() };
        Self {
            settings,
            policy,
            rules,
            never_cloud,
            backends,
            found,
            catalog,
            health,
            down,
            conditions: OnceLock::new(),
        }
    }

    /// The policy with what the user's own log adds to it.
    pub(crate) fn tune(&mut self, tuning: &Tuning) {
        let routing = &self.settings.routing;
        let computed = routing.cloud_share.and(tuning.threshold);
        self.policy.threshold = computed.unwrap_or(routing.threshold);
        self.policy.learned = if routing.learn { tuning.offset.clone() } else { Offset::default() };
    }

    /// The protocol a backend is called with; what its probe said, or the plainest guess before it was asked.
    #[must_use]
    pub fn protocol(&self, backend: &Backend) -> Upstream {
        let probed = || self.found.get(backend.name()).map(|found| found.protocol);
        backend.resolved.protocol.or_else(probed).unwrap_or(Upstream::OpenaiChat)
    }

    /// What a server turned out to be.
    #[must_use]
    pub fn flavour(&self, backend: &str) -> Option<Flavour> {
        self.found.get(backend).map(|found| found.flavour)
    }

    /// Everything that is known of the models, in the order of the backends.
    pub fn cards(&self) -> impl Iterator<Item = &ModelCard> {
        self.found.values().flat_map(|found| found.models.iter())
    }

    /// What is known of a model.
    #[must_use]
    pub fn card(&self, model: &ModelRef) -> Option<&ModelCard> {
        self.found.get(&model.backend)?.models.iter().find(|card| card.id == model.model)
    }

    /// Whether a backend's address is our own: it would call itself without end (farion1231/cc-switch#4254).
    #[must_use]
    pub fn is_ourselves(backend: &Backend, own: SocketAddr) -> bool {
        let url = &backend.resolved.base_url;
        let same_host = url.is_loopback() || url.host().parse() == Ok(own.ip());
        url.port() == own.port() && same_host
    }
}

fn catalog(settings: &Settings, backends: &BTreeMap<String, Arc<Backend>>, found: &BTreeMap<String, Found>) -> Catalog {
    let mut catalog = Catalog::default();
    for (name, backend) in backends {
        let local = backend.resolved.local;
        catalog.backends.insert(name.clone(), local);
        for card in found.get(name).map_or(&[][..], |found| &found.models) {
            let mut facts = card.facts(local);
            let takes_wanted = match found.get(name).map(|found| found.flavour) {
                // Said in each request (`window::in_each_request`), whatever it was loaded with before.
                Some(Flavour::Ollama) => true,
                // Loaded with it before the request (`loading`); what is loaded already stays as it is.
                Some(Flavour::LmStudio) => card.loaded == Some(false),
                _ => false,
            };
            if let Some(wanted) = backend.resolved.context_length_of(&card.id).filter(|_| takes_wanted) {
                facts.context = Some(card.context_max.map_or(wanted, |most| wanted.min(most)));
            }
            catalog.models.insert(ModelRef::new(name, &card.id), facts);
        }
    }
    for (name, members) in &settings.pools {
        let local = members.iter().all(|model| catalog.facts(model).local);
        catalog.backends.insert(POOL.into(), local);
        catalog.models.insert(ModelRef::new(POOL, name), ModelFacts { local, ..ModelFacts::default() });
    }
    for alias in settings.aliases.values() {
        for model in &alias.model {
            let mut facts = catalog.facts(model);
            let said = &alias.capabilities;
            facts.vision = said.vision.or(facts.vision);
            facts.tools = said.tools.or(facts.tools);
            facts.thinking = said.thinking.or(facts.thinking);
            facts.context = said.context_tokens.or(facts.context);
            facts.max_output = said.max_output_tokens.or(facts.max_output);
            catalog.models.insert(model.clone(), facts);
        }
    }
    catalog
}

fn policy(settings: &Settings, backends: &BTreeMap<String, Arc<Backend>>, found: &BTreeMap<String, Found>) -> Policy {
    let routing = &settings.routing;
    let usable = |model: &ModelRef| backends.get(&model.backend).is_some_and(|backend| !backend.lacks_key());
    let mut roles = BTreeMap::new();
    for role in Role::ALL {
        let named = settings.roles.get(role).iter().flat_map(|model| members(model, settings));
        let chosen: Vec<_> = named.filter(|model| usable(model)).cloned().collect();
        roles.insert(role, chosen);
    }
    let cards = || backends.iter().filter(|(_, b)| b.resolved.local).filter_map(|(name, _)| found.get(name));
    if settings.roles.coder.is_empty() {
        roles.insert(Role::Coder, pick_coder(cards()).into_iter().collect());
    }
    if settings.roles.vision.is_empty() {
        roles.insert(Role::Vision, pick_vision(cards()).into_iter().collect());
    }
    if settings.roles.cloud.is_empty()
        && let Ok(default) = DEFAULT_CLOUD_MODEL.parse::<ModelRef>()
    {
        roles.insert(Role::Cloud, Some(default).filter(usable).into_iter().collect());
    }
    Policy {
        mode: routing.mode,
        mode_unread: routing.unread.clone(),
        threshold: routing.threshold,
        max_local_tokens: match routing.max_local_tokens {
            TokenLimit::Auto => None,
            TokenLimit::Tokens(most) => Some(most),
        },
        fallback_to_cloud: routing.fallback_to_cloud,
        fallback_to_local: routing.fallback_to_local,
        vision: settings.vision.mode,
        throwaway: settings.throwaway,
        escalation: settings.escalation.limits(),
        dispatcher_band: routing.dispatcher_band,
        roles,
        pools: settings.pools.clone(),
        when_spent: settings.budget.when_spent,
        ..Policy::default()
    }
}

/// The models a model ref stands for: those of its pool, or itself.
fn members<'s>(model: &'s ModelRef, settings: &'s Settings) -> &'s [ModelRef] {
    let pool = model.pool().and_then(|pool| settings.pools.get(pool));
    pool.map_or(std::slice::from_ref(model), Vec::as_slice)
}

/// A loaded model that calls tools, else one that could be loaded; one made for code before others.
fn pick_coder<'a>(found: impl Iterator<Item = &'a Found>) -> Option<ModelRef> {
    let able = |card: &&ModelCard| card.kind != ModelKind::Embedding && card.tools != Some(false);
    let rank = |card: &ModelCard| {
        let for_code = card.id.to_ascii_lowercase().contains("cod");
        (card.loaded == Some(true), for_code, card.tools == Some(true), card.vision != Some(true))
    };
    best(found.flat_map(|f| &f.models).filter(able), rank)
}

fn pick_vision<'a>(found: impl Iterator<Item = &'a Found>) -> Option<ModelRef> {
    let sees = |card: &&ModelCard| card.vision == Some(true);
    best(found.flat_map(|f| &f.models).filter(sees), |card| card.loaded == Some(true))
}

/// The highest rank; among equals the first.
fn best<'a, R: Ord>(cards: impl Iterator<Item = &'a ModelCard>, rank: impl Fn(&ModelCard) -> R) -> Option<ModelRef> {
    let mut best: Option<&ModelCard> = None;
    for card in cards {
        if best.is_none_or(|chosen| rank(card) > rank(chosen)) {
            best = Some(card);
        }
    }
    best.map(|card| ModelRef::new(&card.backend, &card.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privacy_rules_that_cannot_be_read_keep_everything_here() {
        let mut settings = Settings::default();
        settings.never_cloud.texts = vec!["/(/".into()];
        assert!(settings.never_cloud.compile().is_err());
        let world = World::new(Arc::new(settings), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let request = branchline_wire::hub::Request::default();
        assert!(world.never_cloud.find(&request, None).unwrap().contains("never_cloud"));
    }
}
