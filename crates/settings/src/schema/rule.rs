//! `[[rules]]`: the user's own routing, asked before the score. Schema only; `crate::compile` makes the router's rules of it.

use branchline_routing::Day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Candidates, Role};

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
    /// The client's working folder or one above it, such as "~/clients/acme" or "acme". Known of Claude Code and Codex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// A tool on offer, such as "mcp__jira__*".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Words of the human in this turn, or a regular expression between slashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
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
    /// Time of day on this machine's clock, such as "09:00-17:30"; "22:00-07:00" goes over midnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
    /// Days of the week: "mon", "tue", "wed", "thu", "fri", "sat", "sun".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
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
    /// To this model, or a list that is tried in order.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub model: Candidates,
}
