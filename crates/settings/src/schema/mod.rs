//! The schema of the settings: one file per noun, every field documented, every field with a default.
//!
//! The doc comments here are the reference: `crate::outline` turns them into the hints of error messages
//! and into the reference page. What a value means for a request is decided in `branchline-proxy`.

mod alias;
mod backend;
mod budget;
mod escalation;
mod log;
mod model;
mod notifications;
mod privacy;
mod roles;
mod routing;
mod rule;
mod server;
mod vision;
mod window;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

pub use alias::{Alias, Capabilities};
pub use backend::{AuthHeader, AuthMode, BackendSettings, ProtocolChoice};
pub(crate) use branchline_routing::is_backend_name;
pub use branchline_routing::{Handling, Mode, ModelRef, Role, Throwaway, VisionMode, WhenSpent};
pub use budget::{BudgetSettings, PriceSettings};
pub use escalation::EscalationSettings;
pub use log::{Bodies, Level, LogSettings};
pub use model::{Diet, ModelSettings};
pub use notifications::NotificationSettings;
pub use privacy::{NeverCloudSettings, ProjectsSettings};
pub use roles::{Candidates, Roles};
pub use routing::{RoutingSettings, TokenLimit};
pub use rule::{HeaderMatch, Rule, RuleThen, RuleWhen};
pub use server::ServerSettings;
pub use vision::VisionSettings;
pub use window::{Language, Theme, WindowSettings};

/// A free table, passed on as it is written.
pub type FreeTable = serde_json::Map<String, serde_json::Value>;

/// Backends that are there without any file: four local servers found by probing, and Anthropic.
const DEFAULT_BACKENDS: [&str; 5] = ["lmstudio", "llamacpp", "ollama", "vllm", "anthropic"];

/// Everything a user may set. `Default` is what runs with no file at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// Where Branchline listens and what it lets in.
    pub server: ServerSettings,
    /// When work goes to the cloud.
    pub routing: RoutingSettings,
    /// Which model does what. Empty roles are filled by the engine from what it finds running.
    pub roles: Roles,
    /// Models that do the same work on several servers, by name. A role names a pool as "pool:NAME".
    pub pools: BTreeMap<String, Vec<ModelRef>>,
    /// Images for models that cannot see.
    pub vision: VisionSettings,
    /// Requests a client makes for itself: titles, suggestions and the like.
    pub throwaway: Throwaway,
    /// Servers that run models, by name. The names of the defaults are always there; `enabled = false` switches one off.
    #[serde(deserialize_with = "backends_over_the_defaults")]
    pub backends: BTreeMap<String, BackendSettings>,
    /// Model names a client may ask for, and what stands behind each.
    pub aliases: BTreeMap<String, Alias>,
    /// The short form of an alias: `"claude-3-5-haiku-*" = "ollama:qwen3:8b"`. An alias of the same name is stronger.
    pub model_map: BTreeMap<String, Candidates>,
    /// Rules asked before the score, in order; the first that fits decides.
    pub rules: Vec<Rule>,
    /// How much of the cloud may be used in a day.
    pub budget: BudgetSettings,
    /// What models cost, by model ref; "*" stands for anything. What is not named here is looked up in a built-in table.
    pub prices: BTreeMap<String, PriceSettings>,
    /// What never leaves the user's own machines.
    pub never_cloud: NeverCloudSettings,
    /// When a turn moves to the cloud because its model does not get on.
    pub escalation: EscalationSettings,
    /// Folders with settings of their own.
    pub projects: ProjectsSettings,
    /// What is written down, and for how long.
    pub log: LogSettings,
    /// What the desktop app tells with a notification.
    pub notifications: NotificationSettings,
    /// How the window looks.
    pub window: WindowSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: ServerSettings::default(),
            routing: RoutingSettings::default(),
            roles: Roles::default(),
            pools: BTreeMap::new(),
            vision: VisionSettings::default(),
            throwaway: Throwaway::default(),
            backends: default_backends(),
            aliases: BTreeMap::new(),
            model_map: BTreeMap::new(),
            rules: Vec::new(),
            budget: BudgetSettings::default(),
            prices: BTreeMap::new(),
            never_cloud: NeverCloudSettings::default(),
            escalation: EscalationSettings::default(),
            projects: ProjectsSettings::default(),
            log: LogSettings::default(),
            notifications: NotificationSettings::default(),
            window: WindowSettings::default(),
        }
    }
}

/// An entry without a preset takes the preset of its own name, so plain defaults are enough here.
fn default_backends() -> BTreeMap<String, BackendSettings> {
    DEFAULT_BACKENDS.iter().map(|name| ((*name).to_owned(), BackendSettings::default())).collect()
}

/// The file holds differences only: naming one backend must not switch the others off.
fn backends_over_the_defaults<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, BackendSettings>, D::Error> {
    let mut backends = default_backends();
    backends.extend(BTreeMap::<String, BackendSettings>::deserialize(deserializer)?);
    Ok(backends)
}
