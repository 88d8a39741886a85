//! The rules an Anthropic request must obey, apart from those of the conversation (`blocks`).
//! On Anthropic itself every rule refuses; local servers' own `/v1/messages` are lenient and get
//! the conversation rules only. Anthropic's wording where clients rely on it.

use serde_json::Value;

use super::blocks;
use crate::ask::{list, text};
use crate::model::Model;
use crate::openai::check::{Finding, uncompilable};
use crate::profile::Profile;

/// What the rules depend on.
pub(crate) struct Rules<'a> {
    pub(crate) profile: Profile,
    pub(crate) model: &'a Model,
    /// `anthropic-version` header.
    pub(crate) version: &'a str,
    /// `anthropic-beta` header.
    pub(crate) beta: &'a str,
    /// Token counting takes fewer fields and needs no `max_tokens`.
    pub(crate) counting: bool,
    /// Fields a test allows on top.
    pub(crate) allowed: &'a [String],
    /// Schema keywords the grammar compiler cannot take.
    pub(crate) refused_keywords: &'a [String],
    /// The largest length or count a grammar may be made of.
    pub(crate) most_repetitions: Option<u64>,
    /// Whether a thinking signature was minted here for this text.
    pub(crate) minted: &'a dyn Fn(&str, &str) -> bool,
}

impl Rules<'_> {
    pub(crate) fn strict(&self) -> bool {
        self.profile == Profile::Anthropic
    }
}

const FIELDS: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "max_tokens",
    "stream",
    "stop_sequences",
    "metadata",
    "service_tier",
    "speed",
    "container",
    "diagnostics",
    "inference_geo",
    "temperature",
    "top_p",
    "top_k",
];

const COUNT_FIELDS: &[&str] =
    &["model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"];

/// Fields that exist only under a beta header.
const BETA_FIELDS: &[(&str, &str)] = &[
    ("context_management", "context-management"),
    ("mcp_servers", "mcp-client"),
    ("output_format", "structured-outputs"),
    ("fallbacks", "fallback"),
    ("compaction", "compact"),
    ("safeguards", "claude-code"),
];

/// Fields that went with the dated version after 2023-06-01.
const SAMPLING: &[&str] = &["temperature", "top_p", "top_k"];

/// All findings on a request, in the order Anthropic would report them.
pub(crate) fn check(rules: &Rules<'_>, body: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    if rules.strict() {
        fields(rules, body, &mut found);
        limits(rules, body, &mut found);
        thinking(body, &mut found);
        tools(body, &mut found);
        cache_marks(body, &mut found);
    }
    for (at, tool) in list(body, "tools").iter().enumerate() {
        let (schema, at) = (&tool["input_schema"], format!("tools.{at}.input_schema"));
        found.extend(uncompilable(rules.refused_keywords, rules.most_repetitions, schema, &at));
    }
    if list(body, "messages").is_empty() {
        found.push(Finding::hard("messages", "messages: at least one message is required"));
    }
    blocks::check(rules, body, &mut found);
    found
}

fn fields(rules: &Rules<'_>, body: &Value, found: &mut Vec<Finding>) {
    if rules.version.is_empty() {
        found.push(Finding::hard("anthropic-version", "anthropic-version: header is required"));
    }
    let mut needed = vec!["model", "messages"];
    needed.extend((!rules.counting).then_some("max_tokens"));
    for key in needed.iter().filter(|key| body.get(**key).is_none_or(Value::is_null)) {
        found.push(Finding::hard(*key, format!("{key}: Field required")));
    }
    let known = if rules.counting { COUNT_FIELDS } else { FIELDS };
    for key in body.as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
        let beta = BETA_FIELDS.iter().any(|(field, beta)| *field == key && rules.beta.contains(beta));
        let gone = SAMPLING.contains(&key) && rules.version > "2023-06-01";
        let fine = known.contains(&key) || beta || rules.allowed.iter().any(|field| field == key);
        if gone || !fine {
            found.push(Finding::hard(key, format!("{key}: Extra inputs are not permitted")));
        }
    }
}

fn limits(rules: &Rules<'_>, body: &Value, found: &mut Vec<Finding>) {
    let Some(limit) = body.get("max_tokens").filter(|limit| !limit.is_null()) else { return };
    match limit.as_u64() {
        None => found.push(Finding::hard("max_tokens", "max_tokens: Input should be a valid integer")),
        Some(wanted) if wanted > rules.model.max_output => {
            let Model { id, max_output, .. } = rules.model;
            let message = format!(
                "max_tokens: {wanted} > {max_output}, which is the maximum allowed number of output tokens for {id}"
            );
            found.push(Finding::hard("max_tokens", message));
        }
        Some(_) => {}
    }
}

fn thinking(body: &Value, found: &mut Vec<Finding>) {
    let Some(thinking) = body.get("thinking").filter(|thinking| !thinking.is_null()) else { return };
    let kind = text(thinking, "type");
    if !["enabled", "adaptive", "disabled", "between_tools"].contains(&kind) {
        found.push(Finding::hard(
            "thinking",
            format!("thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags"),
        ));
    }
    if kind != "enabled" {
        return;
    }
    let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
    match budget {
        None => found.push(Finding::hard("thinking", "thinking.enabled.budget_tokens: Field required")),
        Some(budget) if budget < 1024 => {
            found.push(Finding::hard(
                "thinking",
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
            ));
        }
        Some(budget) if body.get("max_tokens").and_then(Value::as_u64).is_some_and(|limit| limit <= budget) => {
            found.push(Finding::hard("thinking", "`max_tokens` must be greater than `thinking.budget_tokens`"));
        }
        Some(_) => {}
    }
    if body.pointer("/tool_choice/type").is_some_and(|choice| choice == "any" || choice == "tool") {
        found.push(Finding::hard("thinking", "Thinking may not be enabled when tool_choice forces tool use."));
    }
}

fn tools(body: &Value, found: &mut Vec<Finding>) {
    let mut names = Vec::new();
    for (index, tool) in list(body, "tools").iter().enumerate() {
        let at = format!("tools.{index}");
        let name = text(tool, "name");
        if names.contains(&name) {
            found.push(Finding::hard("tools", "tools: Tool names must be unique."));
        }
        names.push(name);
        // Anthropic's own tools are known by a dated type and have no schema.
        if tool.get("type").is_some_and(|kind| !kind.is_null() && kind != "custom") {
            continue;
        }
        custom_tool(&at, name, tool, found);
    }
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    if text(choice, "type") == "tool" && !names.contains(&text(choice, "name")) {
        found
            .push(Finding::hard("tool_choice", format!("Tool '{}' not found in provided tools", text(choice, "name"))));
    }
}

fn custom_tool(at: &str, name: &str, tool: &Value, found: &mut Vec<Finding>) {
    let fits = (1..=128).contains(&name.len()) && blocks::is_id(name);
    if !fits {
        found.push(Finding::hard(
            at,
            format!("{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"),
        ));
    }
    match tool.get("input_schema") {
        None => found.push(Finding::hard(at, format!("{at}.custom.input_schema: Field required"))),
        Some(schema) if text(schema, "type") != "object" => {
            found.push(Finding::hard(at, format!("{at}.custom.input_schema.type: Input should be 'object'")));
        }
        Some(_) => {}
    }
    const KNOWN: &[&str] = &[
        "name",
        "description",
        "input_schema",
        "type",
        "strict",
        "defer_loading",
        "eager_input_streaming",
        "input_examples",
        "allowed_callers",
        "cache_control",
    ];
    for key in tool.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| !KNOWN.contains(key)) {
        found.push(Finding::hard(at, format!("{at}.custom.{key}: Extra inputs are not permitted")));
    }
}

fn count_marks(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            let own = usize::from(fields.get("cache_control").is_some_and(Value::is_object));
            // A tool's schema may have a property of this name.
            own + fields
                .iter()
                .filter(|(key, _)| *key != "properties" && *key != "input")
                .map(|(_, field)| count_marks(field))
                .sum::<usize>()
        }
        Value::Array(items) => items.iter().map(count_marks).sum(),
        _ => 0,
    }
}

fn cache_marks(body: &Value, found: &mut Vec<Finding>) {
    let marks = count_marks(body);
    if marks > 4 {
        let message = format!("A maximum of 4 blocks with cache_control may be provided. Found {marks}.");
        found.push(Finding::hard("cache_control", message));
    }
}
