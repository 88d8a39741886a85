//! What a decision depends on besides the request: the user's policy, the health of the backends, the models there are.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::struggle::Limits;
use crate::{ModelRef, Throwaway, Weights};

/// Where requests go when nothing else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By complexity.
    #[default]
    Auto,
    /// Everything stays on this machine.
    Local,
    /// Everything goes to the cloud.
    Cloud,
    /// By complexity, and a small model decides in the grey band.
    Dispatcher,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everyday work on this machine.
    #[default]
    Coder,
    /// Looks at images.
    Vision,
    /// Hard work.
    Cloud,
    /// Titles, topics, suggestions.
    Background,
    /// Turns that only run tools.
    Tool,
    /// Turns that ask for thinking.
    Think,
    /// Prompts too long for the coder.
    LongContext,
    /// Requests with the web search server tool.
    WebSearch,
    /// Names the role of a turn in the grey band.
    Dispatcher,
}

impl Role {
    /// Every role, in the order of the settings file.
    pub const ALL: [Self; 9] = [
        Self::Coder,
        Self::Vision,
        Self::Cloud,
        Self::Background,
        Self::Tool,
        Self::Think,
        Self::LongContext,
        Self::WebSearch,
        Self::Dispatcher,
    ];

    /// The role of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The key in `[roles]`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coder => "coder",
            Self::Vision => "vision",
            Self::Cloud => "cloud",
            Self::Background => "background",
            Self::Tool => "tool",
            Self::Think => "think",
            Self::LongContext => "long_context",
            Self::WebSearch => "web_search",
            Self::Dispatcher => "dispatcher",
        }
    }
}

/// How a picture reaches a model that cannot see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisionMode {
    /// A vision model describes it, the description takes its place.
    #[default]
    Describe,
    /// The vision model answers the turn, its answer becomes the description.
    Route,
}

/// What happens to requests for the cloud once the day's budget is met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenSpent {
    /// A model of the user's own answers.
    #[default]
    Local,
    /// They are refused.
    Refuse,
}

/// The user's wishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Where requests go.
    pub mode: Mode,
    /// Why that is not what the user has written, in words: it could not be read, and everything is local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode_unread: Option<String>,
    /// Scores at or above it go to the cloud, 0..=100.
    pub threshold: u8,
    /// Prompts above so many tokens never stay local; `None` leaves it to the real window.
    pub max_local_tokens: Option<u64>,
    /// The cloud may take over when this machine cannot.
    pub fallback_to_cloud: bool,
    /// This machine may take over when the cloud cannot.
    pub fallback_to_local: bool,
    /// Pictures.
    pub vision: VisionMode,
    /// Models for each role, best first.
    pub roles: BTreeMap<Role, Vec<ModelRef>>,
    /// Requests the client makes for itself.
    pub throwaway: Throwaway,
    /// Models that do the same work on several servers, by name. Roles hold the members, not the name.
    pub pools: BTreeMap<String, Vec<ModelRef>>,
    /// What happens once the day's budget is met.
    pub when_spent: WhenSpent,
    /// Points for the score.
    pub weights: Weights,
    /// What outcomes have taught.
    pub learned: Offset,
    /// When a turn moves to the cloud because its model struggles; `None` is never.
    pub escalation: Option<Limits>,
    /// With `Mode::Dispatcher`: the dispatcher is asked where the score is so near to the threshold.
    pub dispatcher_band: u8,
}

/// Points every score gets because of how earlier turns went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Offset {
    /// Above 0 sends more to the cloud; bounded by who learns it.
    pub points: f32,
    /// What it was learned from, in words: "3 struggles, 1 turn asked again".
    pub why: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            mode_unread: None,
            threshold: 50,
            max_local_tokens: None,
            fallback_to_cloud: true,
            fallback_to_local: true,
            vision: VisionMode::Describe,
            roles: BTreeMap::new(),
            throwaway: Throwaway::default(),
            pools: BTreeMap::new(),
            when_spent: WhenSpent::Local,
            weights: Weights::default(),
            learned: Offset::default(),
            escalation: Some(Limits::default()),
            dispatcher_band: 100,
        }
    }
}

impl Policy {
    /// The models a model ref stands for: those of a pool, or itself.
    #[must_use]
    pub fn members<'p>(&'p self, model: &'p ModelRef) -> &'p [ModelRef] {
        model.pool().and_then(|pool| self.pools.get(pool)).map_or(std::slice::from_ref(model), Vec::as_slice)
    }

    /// The models of a role, best first.
    #[must_use]
    pub fn role(&self, role: Role) -> &[ModelRef] {
        self.roles.get(&role).map_or(&[], Vec::as_slice)
    }
}

/// How the backends are at this moment. A backend never asked counts as up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Names of the backends that do not answer.
    pub down: BTreeSet<String>,
    /// Names of the backends that are left alone for a while after failures.
    pub resting: BTreeSet<String>,
    /// How busy the backends are; those of pools at least.
    pub load: BTreeMap<String, Load>,
    /// The day's budget for the cloud is met: with what, in words.
    pub spent: Option<String>,
}

impl Health {
    /// Whether the backend is not known to be down or to rest.
    #[must_use]
    pub fn is_up(&self, backend: &str) -> bool {
        !self.down.contains(backend) && !self.resting.contains(backend)
    }
}

/// How busy a backend is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Requests it works on.
    pub running: u32,
    /// Requests that wait for it.
    pub waiting: u32,
    /// Requests it works on at the same time.
    pub limit: u32,
}

impl Load {
    /// Requests for each place, in hundredths: above 100 somebody waits.
    #[must_use]
    pub const fn percent(self) -> u32 {
        let limit = if self.limit == 0 { 1 } else { self.limit };
        self.running.saturating_add(self.waiting).saturating_mul(100) / limit
    }
}

/// What is known of one model. `None` means unknown and is taken for yes where a yes lets a request through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelFacts {
    /// Runs on this machine or in this house.
    pub local: bool,
    /// Window in tokens that is really usable now (loaded context), or the model's ceiling.
    pub context: Option<u64>,
    /// Can see pictures.
    pub vision: Option<bool>,
    /// Was trained to call tools.
    pub tools: Option<bool>,
    /// Can think before it answers.
    pub thinking: Option<bool>,
    /// Longest answer in tokens.
    pub max_output: Option<u64>,
    /// Is in memory now.
    pub loaded: Option<bool>,
}

/// How far the token estimate is off for a model, learned from the usage it reported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration(pub BTreeMap<ModelRef, f32>);

impl Calibration {
    /// Tokens this model will count where we estimate `tokens`.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a token count, rounded"
    )]
    pub fn tokens(&self, model: &ModelRef, tokens: u64) -> u64 {
        self.0.get(model).map_or(tokens, |ratio| (tokens as f64 * f64::from(*ratio)).round() as u64)
    }
}

/// The models there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Catalog {
    /// Facts per model.
    pub models: BTreeMap<ModelRef, ModelFacts>,
    /// Backends of the settings, and whether they are local.
    pub backends: BTreeMap<String, bool>,
}

impl Catalog {
    /// What is known of a model; for one not listed, only where it runs.
    #[must_use]
    pub fn facts(&self, model: &ModelRef) -> ModelFacts {
        self.models.get(model).cloned().unwrap_or_else(|| ModelFacts {
            local: self.backends.get(&model.backend).copied().unwrap_or(false),
            ..ModelFacts::default()
        })
    }

    /// A model by its bare id, on whichever backend has it, local ones first.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&ModelRef> {
        let mut found: Vec<_> = self.models.iter().filter(|(model, _)| model.model == id).collect();
        found.sort_by_key(|(_, facts)| !facts.local);
        found.first().map(|(model, _)| *model)
    }
}
