//! `[[rules]]`: the user's own routing, asked before the score. Schema only; matching is the router's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ModelRef, Role};

/// One rule: when every condition holds, the request goes where `then` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Rule {
    /// What the log calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The conditions; all that are set must hold.
    pub when: RuleWhen,
    /// Where the request goes: exactly one of `role` and `model`.
    pub then: RuleThen,
}

/// Conditions of a rule. In texts `*` stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RuleWhen {
    /// A request header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderMatch>,
    /// The model the client asked for, such as "claude-haiku-*".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The request path, such as "/v1/chat/completions".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The prompt is longer than this many tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_over: Option<u64>,
    /// The prompt is shorter than this many tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_under: Option<u64>,
    /// The request holds images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_images: Option<bool>,
    /// The request offers tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_tools: Option<bool>,
    /// The request asks for thinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<bool>,
    /// The request comes from a subagent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subagent: Option<bool>,
}

/// A header and what it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HeaderMatch {
    /// Name of the header; upper and lower case are the same.
    pub name: String,
    /// Its value, `*` for anything. Not set: any value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Where a rule sends a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RuleThen {
    /// To the models of this role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// To this model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
}
