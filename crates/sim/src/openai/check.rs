//! The rules a Chat Completions request must obey, apart from those of the conversation
//! (`messages`). Sources: OpenAI's API reference and the local servers' own pages.

use serde_json::Value;

use crate::ask::{list, text};
use crate::journal::Violation;
use crate::model::Model;
use crate::openai::messages;
use crate::profile::Profile;
use crate::refusal::Refusal;

/// What a check found.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) at: String,
    pub(crate) message: String,
    /// Set when the server refuses the request for it.
    pub(crate) refusal: Option<Refusal>,
}

impl Finding {
    /// Refused with this message.
    pub(crate) fn hard(at: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { at: at.into(), refusal: Some(Refusal::Invalid(message.clone())), message }
    }

    /// A mistake the server lets pass.
    pub(crate) fn soft(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into(), refusal: None }
    }

    pub(crate) fn refused(at: impl Into<String>, refusal: Refusal, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into(), refusal: Some(refusal) }
    }

    pub(crate) fn into_violation(self, request: usize) -> Violation {
        Violation { request, at: self.at, message: self.message, refused: self.refusal.is_some() }
    }
}

/// What the rules depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) profile: Profile,
    pub(crate) model: &'a Model,
    /// Unknown fields are refused, not ignored.
    pub(crate) strict_fields: bool,
    /// Fields a test allows on top.
    pub(crate) allowed: &'a [String],
    /// Schema keywords the grammar compiler cannot take.
    pub(crate) refused_keywords: &'a [String],
    /// The largest length or count a grammar may be made of.
    pub(crate) most_repetitions: Option<u64>,
    /// Gemini's thought signatures are wanted back.
    pub(crate) thought_signatures: bool,
}

const FIELDS: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "modalities",
    "prediction",
    "metadata",
    "store",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "service_tier",
    "web_search_options",
];

/// Fields local servers know on top.
const LOCAL_FIELDS: &[&str] = &[
    "top_k",
    "min_p",
    "repeat_penalty",
    "repetition_penalty",
    "chat_template_kwargs",
    "ttl",
    "cache_prompt",
    "id_slot",
    "reasoning",
    "reasoning_format",
    "reasoning_budget",
    "thinking_budget_tokens",
    "parse_tool_calls",
    "keep_alive",
    "timings_per_token",
    "return_progress",
];

/// All findings on a request, in the order of the body.
pub(crate) fn check(rules: &Rules<'_>, body: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    fields(rules, body, &mut found);
    limits(rules, body, &mut found);
    tools(rules, body, &mut found);
    messages::check(rules, body, &mut found);
    let mut at = Vec::new();
    leftovers(body, &mut at, &mut found);
    found
}

fn fields(rules: &Rules<'_>, body: &Value, found: &mut Vec<Finding>) {
    let local = rules.profile.is_local();
    for key in body.as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
        let known = FIELDS.contains(&key) || (local && LOCAL_FIELDS.contains(&key));
        if known || rules.allowed.iter().any(|field| field == key) {
            continue;
        }
        let message = format!("Unrecognized request argument supplied: {key}");
        found.push(if rules.strict_fields { Finding::hard(key, message) } else { Finding::soft(key, message) });
    }
    if text(body, "model").is_empty() && rules.profile != Profile::LlamaCpp {
        found.push(Finding::hard("model", "you must provide a model parameter"));
    }
    if list(body, "messages").is_empty() {
        found.push(Finding::hard(
            "messages",
            "Invalid 'messages': empty array. Expected an array with minimum length 1",
        ));
    }
    let streams = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    if body.get("stream_options").is_some_and(|options| !options.is_null()) && !streams {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        let openai = rules.profile == Profile::OpenAi;
        found.push(if openai {
            Finding::hard("stream_options", message)
        } else {
            Finding::soft("stream_options", message)
        });
    }
}

/// OpenAI's reasoning models take `max_completion_tokens` only.
fn wants_completion_tokens(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let mut chars = name.chars();
    let o_series = chars.next() == Some('o') && chars.next().is_some_and(|digit| digit.is_ascii_digit());
    let generation =
        name.strip_prefix("gpt-").and_then(|rest| rest.chars().next()).and_then(|digit| digit.to_digit(10));
    o_series || generation.is_some_and(|number| number >= 5)
}

fn limits(rules: &Rules<'_>, body: &Value, found: &mut Vec<Finding>) {
    let given = |key: &str| body.get(key).filter(|value| !value.is_null());
    for key in ["max_tokens", "max_completion_tokens"] {
        if given(key).is_some_and(|value| value.as_u64().is_none_or(|tokens| tokens == 0)) {
            found.push(Finding::hard(
                key,
                format!("Invalid '{key}': integer below minimum value. Expected a value >= 1"),
            ));
        }
    }
    if rules.profile == Profile::OpenAi && wants_completion_tokens(text(body, "model")) && given("max_tokens").is_some()
    {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        found.push(Finding::hard("max_tokens", message));
    }
    if list(body, "stop").len() > 4 {
        found.push(Finding::hard("stop", "Invalid 'stop': array too long. Expected an array with maximum length 4"));
    }
}

fn tools(rules: &Rules<'_>, body: &Value, found: &mut Vec<Finding>) {
    let mut names = Vec::new();
    for (index, tool) in list(body, "tools").iter().enumerate() {
        let at = format!("tools.{index}");
        let function = tool.get("function").unwrap_or(&Value::Null);
        let name = text(function, "name");
        if text(tool, "type") != "function" || !is_name(name) {
            found.push(Finding::hard(
                &at,
                format!("Invalid '{at}': expected a function with a name like ^[a-zA-Z0-9_-]{{1,64}}$, got '{name}'"),
            ));
        }
        if names.contains(&name) {
            found.push(Finding::hard(&at, format!("Tool names must be unique: '{name}'")));
        }
        names.push(name);
        foreign(tool, &["type", "function"], &at, rules.strict_fields, found);
        foreign(function, &["name", "description", "parameters", "strict"], &at, rules.strict_fields, found);
        if let Some(schema) = function.get("parameters") {
            self::schema(rules, schema, &at, found);
        }
    }
    choice(rules, body, &names, found);
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Reports keys outside `known`.
pub(crate) fn foreign(value: &Value, known: &[&str], at: &str, strict: bool, found: &mut Vec<Finding>) {
    for key in value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
        // `cache_control` is reported once, by `leftovers`, where it is not refused.
        if known.contains(&key) || (!strict && key == "cache_control") {
            continue;
        }
        let message = format!("Unknown parameter: '{at}.{key}'.");
        let at = format!("{at}.{key}");
        found.push(if strict { Finding::hard(at, message) } else { Finding::soft(at, message) });
    }
}

fn schema(rules: &Rules<'_>, schema: &Value, at: &str, found: &mut Vec<Finding>) {
    if text(schema, "type") != "object" {
        found.push(Finding::hard(
            format!("{at}.parameters"),
            "Invalid schema for function: schema must be of 'type: \"object\"'",
        ));
    }
    found.extend(uncompilable(rules.refused_keywords, rules.most_repetitions, schema, &format!("{at}.parameters")));
}

/// What keeps a schema from becoming a grammar, in either protocol.
pub(crate) fn uncompilable(keywords: &[String], most: Option<u64>, schema: &Value, at: &str) -> Option<Finding> {
    if let Some(keyword) = keywords.iter().find(|keyword| has_keyword(schema, keyword)) {
        let message = format!("schema keyword '{keyword}' cannot be compiled to a grammar");
        return Some(Finding::refused(at, Refusal::Grammar(keyword.clone()), message));
    }
    let message = "number of repetitions exceeds sane defaults, please reduce the number of repetitions";
    let over = most.is_some_and(|most| repeats_over(schema, most));
    over.then(|| Finding::refused(at, Refusal::Grammar(message.to_owned()), message))
}

/// Whether a length or count anywhere in a schema is larger than the grammar compiler bears.
fn repeats_over(schema: &Value, most: u64) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(key, field)| {
            let counts = matches!(key.as_str(), "minLength" | "maxLength" | "minItems" | "maxItems");
            (counts && field.as_u64().is_some_and(|count| count > most)) || repeats_over(field, most)
        }),
        Value::Array(items) => items.iter().any(|item| repeats_over(item, most)),
        _ => false,
    }
}

/// Whether `keyword` is used in a schema, as opposed to being the name of a property.
fn has_keyword(schema: &Value, keyword: &str) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(key, field)| match key.as_str() {
            "properties" | "$defs" | "definitions" => {
                field.as_object().into_iter().flatten().any(|(_, inner)| has_keyword(inner, keyword))
            }
            "enum" | "const" | "default" | "examples" => key == keyword,
            _ => key == keyword || has_keyword(field, keyword),
        }),
        Value::Array(items) => items.iter().any(|item| has_keyword(item, keyword)),
        _ => false,
    }
}

fn choice(rules: &Rules<'_>, body: &Value, names: &[&str], found: &mut Vec<Finding>) {
    let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) else { return };
    if rules.profile == Profile::LmStudio && !choice.is_string() {
        let message = "Invalid tool_choice type: 'object'. Supported string values: none, auto, required";
        found.push(Finding::hard("tool_choice", message));
    }
    if names.is_empty() && choice != "none" {
        found.push(Finding::hard("tool_choice", "'tool_choice' is only allowed when 'tools' are specified."));
    }
    let wanted = choice.pointer("/function/name").and_then(Value::as_str);
    if let Some(wanted) = wanted.filter(|wanted| !names.contains(wanted)) {
        found.push(Finding::hard("tool_choice", format!("Tool choice '{wanted}' not found in 'tools'.")));
    }
}

/// Anthropic's and Claude Code's own things, anywhere in the body: only Anthropic may see them.
fn leftovers(value: &Value, at: &mut Vec<String>, found: &mut Vec<Finding>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                at.push(key.clone());
                // A tool's schema may well have properties of these names.
                if matches!(key.as_str(), "cache_control" | "defer_loading")
                    && !at.iter().any(|part| part == "properties")
                {
                    found.push(Finding::soft(
                        at.join("."),
                        format!("'{key}' is Anthropic's and must not leave for this server"),
                    ));
                }
                leftovers(field, at, found);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(index.to_string());
                leftovers(item, at, found);
                at.pop();
            }
        }
        Value::String(line) if line.starts_with("x-anthropic-billing-header") => {
            found.push(Finding::soft(
                at.join("."),
                "the billing line changes per conversation and breaks the prefix cache",
            ));
        }
        _ => {}
    }
}
