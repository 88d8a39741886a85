//! The model lists in both shapes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Claude Code keeps only listed ids that begin with `claude` or `anthropic`. What reads model ids
/// from clients takes it off again.
pub const ANTHROPIC_PREFIX: &str = "anthropic/";

/// Backends do not tell when a model was made, and clients want the field. A constant keeps the list's bytes the same.
const CREATED_AT: &str = "2025-01-01T00:00:00Z";
const CREATED: u64 = 1_735_689_600;

/// A model as clients are told of it. `None` is unknown and left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelEntry {
    /// Model ref or alias.
    pub id: String,
    /// Name for people.
    pub display: String,
    /// Usable window in tokens.
    pub context: Option<u64>,
    /// Longest answer in tokens.
    pub max_output: Option<u64>,
    pub vision: Option<bool>,
    pub tools: Option<bool>,
    /// The backend.
    pub owned_by: String,
}

/// The list as Anthropic clients read it.
#[must_use]
pub fn models_anthropic(entries: &[ModelEntry]) -> Value {
    let data: Vec<_> = entries.iter().map(model_anthropic).collect();
    let id = |model: Option<&Value>| model.map_or(Value::Null, |model| model["id"].clone());
    json!({ "first_id": id(data.first()), "last_id": id(data.last()), "data": data, "has_more": false })
}

/// One model as Anthropic clients read it.
#[must_use]
pub fn model_anthropic(entry: &ModelEntry) -> Value {
    let mut model = json!({
        "type": "model",
        "id": anthropic_id(&entry.id),
        "display_name": entry.display,
        "created_at": CREATED_AT,
    });
    put(&mut model, "max_input_tokens", entry.context);
    put(&mut model, "max_tokens", entry.max_output);
    let mut capabilities = Map::new();
    for (name, known) in [("image_input", entry.vision), ("tool_use", entry.tools)] {
        if let Some(supported) = known {
            capabilities.insert(name.to_owned(), json!({ "supported": supported }));
        }
    }
    put(&mut model, "capabilities", (!capabilities.is_empty()).then_some(capabilities));
    model
}

/// An alias such as `claude-opus-4-1` is kept by clients as it is.
fn anthropic_id(id: &str) -> String {
    let is_kept = id.starts_with("claude") || id.starts_with(ANTHROPIC_PREFIX);
    if is_kept { id.to_owned() } else { format!("{ANTHROPIC_PREFIX}{id}") }
}

/// The list as OpenAI clients read it.
#[must_use]
pub fn models_openai(entries: &[ModelEntry]) -> Value {
    json!({ "object": "list", "data": entries.iter().map(model_openai).collect::<Vec<_>>() })
}

/// One model as OpenAI clients read it. The fields after `owned_by` are not OpenAI's; clients that look for them use
/// these names (OpenRouter, Mistral).
#[must_use]
pub fn model_openai(entry: &ModelEntry) -> Value {
    let mut model = json!({
        "id": entry.id,
        "object": "model",
        "created": CREATED,
        "owned_by": entry.owned_by,
        "display_name": entry.display,
    });
    put(&mut model, "context_length", entry.context);
    put(&mut model, "max_output_tokens", entry.max_output);
    let mut capabilities = Map::new();
    for (name, known) in [("vision", entry.vision), ("function_calling", entry.tools)] {
        if let Some(supported) = known {
            capabilities.insert(name.to_owned(), supported.into());
        }
    }
    put(&mut model, "capabilities", (!capabilities.is_empty()).then_some(capabilities));
    model
}

fn put(model: &mut Value, name: &str, known: Option<impl Into<Value>>) {
    if let Some(value) = known {
        model[name] = value.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<ModelEntry> {
        let qwen = ModelEntry {
            id: "lmstudio:qwen/qwen3-coder-next".into(),
            display: "Qwen3 Coder Next".into(),
            context: Some(131_072),
            tools: Some(true),
            vision: Some(false),
            owned_by: "lmstudio".into(),
            ..ModelEntry::default()
        };
        let alias = ModelEntry { id: "claude-opus-4-1".into(), ..ModelEntry::default() };
        vec![qwen, alias]
    }

    #[test]
    fn claude_code_keeps_every_id_of_the_anthropic_list() {
        let list = models_anthropic(&entries());
        assert_eq!(list["data"][0]["id"], "anthropic/lmstudio:qwen/qwen3-coder-next");
        assert_eq!(list["data"][0]["max_input_tokens"], 131_072);
        assert_eq!(
            list["data"][0]["capabilities"],
            json!({"image_input": {"supported": false}, "tool_use": {"supported": true}})
        );
        assert_eq!(list["data"][1]["id"], "claude-opus-4-1");
        assert_eq!(list["data"][1].get("max_input_tokens"), None);
        assert_eq!((&list["first_id"], &list["last_id"]), (&list["data"][0]["id"], &list["data"][1]["id"]));
        assert_eq!(list["has_more"], false);
    }

    #[test]
    fn a_model_ref_of_the_backend_anthropic_gets_the_prefix_too() {
        assert_eq!(anthropic_id("anthropic:claude-sonnet-5-5"), "anthropic/anthropic:claude-sonnet-5-5");
    }

    #[test]
    fn the_openai_list_has_plain_ids() {
        let list = models_openai(&entries());
        assert_eq!(
            (&list["object"], &list["data"][0]["id"]),
            (&json!("list"), &json!("lmstudio:qwen/qwen3-coder-next"))
        );
        assert_eq!(list["data"][0]["context_length"], 131_072);
        assert_eq!(list["data"][1].get("capabilities"), None);
    }

    #[test]
    fn an_empty_list_has_no_first_and_no_last() {
        assert_eq!(models_anthropic(&[]), json!({"first_id": null, "last_id": null, "data": [], "has_more": false}));
    }

    #[test]
    fn both_constants_are_the_same_moment() {
        let moment: jiff::Timestamp = CREATED_AT.parse().unwrap();
        assert_eq!(u64::try_from(moment.as_second()).unwrap(), CREATED);
    }
}
