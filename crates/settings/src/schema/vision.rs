//! `[vision]`: images for models that cannot see.

use branchline_routing::VisionMode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Images for models that cannot see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VisionSettings {
    /// "describe" puts a description in the image's place; "route" lets the vision model answer the turn itself.
    pub mode: VisionMode,
    /// What the vision model is asked instead of the built-in question. A new text means new descriptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Images described at the same time (1 to 32).
    pub max_parallel: u32,
    /// Longest wait for one description, in ms; after it the turn goes on without (at least 1).
    pub timeout_ms: u64,
    /// Longest description, in tokens (at least 16).
    pub max_tokens: u32,
}

impl Default for VisionSettings {
    fn default() -> Self {
        Self { mode: VisionMode::Describe, prompt: None, max_parallel: 3, timeout_ms: 120_000, max_tokens: 2_048 }
    }
}
