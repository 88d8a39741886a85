//! LM Studio, by its REST API: `/api/v1/models` since 0.4, `/api/v0/models` since 0.3.6. Older ones are known by
//! the words they answer unknown endpoints with, and their models are read from the plain list.

use serde_json::Value;

use super::ask::Asker;
use super::card::{Flavour, ModelCard};
use super::error::ProbeError;
use super::{Draft, Seen, list, text};

pub(super) async fn ask(asker: &Asker<'_>, seen: &mut Seen) -> Result<Option<Draft>, ProbeError> {
    for (endpoint, read) in [("/api/v1/models", models_v1 as Read), ("/api/v0/models", models_v0)] {
        let reply = asker.get(asker.backend.base_url.native(endpoint)).await?;
        seen.note(&reply);
        if let Some(models) = reply.good().and_then(|body| read(&asker.backend.name, body)) {
            return Ok(Some(Draft { flavour: Flavour::LmStudio, version: None, models, took: reply.took }));
        }
    }
    Ok(None)
}

type Read = fn(&str, &Value) -> Option<Vec<ModelCard>>;

/// The body LM Studio answers an unknown endpoint with, with status 200.
pub(super) fn is_unexpected_endpoint(body: &Value) -> bool {
    body["error"].as_str().is_some_and(|text| text.starts_with("Unexpected endpoint"))
}

fn models_v1(backend: &str, body: &Value) -> Option<Vec<ModelCard>> {
    let models = body["models"].as_array()?;
    models.iter().map(|model| card_v1(backend, model)).collect()
}

fn card_v1(backend: &str, model: &Value) -> Option<ModelCard> {
    let mut card = ModelCard::new(backend, model["key"].as_str()?);
    if let Some(display) = text(&model["display_name"]) {
        card.display = display;
    }
    let instances = list(&model["loaded_instances"]);
    card.instances = instances.iter().filter_map(|instance| text(&instance["id"])).collect();
    card.loaded = model["loaded_instances"].is_array().then_some(!instances.is_empty());
    card.context_loaded = loaded_window(&card.id, instances);
    card.parallel = instances.iter().filter_map(|instance| instance["config"]["parallel"].as_u64()).max();
    card.context_max = model["max_context_length"].as_u64();
    card.quantization = text(&model["quantization"]["name"]);
    card.size_bytes = model["size_bytes"].as_u64();
    card.params = text(&model["params_string"]);
    card.format = text(&model["format"]);
    let capabilities = &model["capabilities"];
    match model["type"].as_str() {
        Some("embedding" | "embeddings") => card.set_embedding(),
        _ => {
            card.set_chat(capabilities["vision"].as_bool());
            card.tools = capabilities["trained_for_tool_use"].as_bool();
            card.reasoning = reasoning(&capabilities["reasoning"]);
        }
    }
    Some(card)
}

/// The copy with the model's own name answers requests for it; where none is named so, any copy may.
fn loaded_window(id: &str, instances: &[Value]) -> Option<u64> {
    let window = |instance: &Value| instance["config"]["context_length"].as_u64();
    let own = instances.iter().find(|instance| instance["id"].as_str() == Some(id)).and_then(window);
    own.or_else(|| instances.iter().filter_map(window).min())
}

fn reasoning(told: &Value) -> Option<bool> {
    let options = told["allowed_options"].as_array()?;
    Some(options.iter().any(|option| option.as_str() != Some("off")))
}

fn models_v0(backend: &str, body: &Value) -> Option<Vec<ModelCard>> {
    let models = body["data"].as_array()?;
    models.iter().map(|model| card_v0(backend, model)).collect()
}

fn card_v0(backend: &str, model: &Value) -> Option<ModelCard> {
    let mut card = ModelCard::new(backend, model["id"].as_str()?);
    // A plain OpenAI list has no `state`: another server that answers any path is not taken for LM Studio.
    let state = model["state"].as_str()?;
    card.loaded = Some(state == "loaded");
    card.context_loaded = model["loaded_context_length"].as_u64();
    card.context_max = model["max_context_length"].as_u64();
    card.quantization = text(&model["quantization"]);
    card.format = text(&model["compatibility_type"]);
    match model["type"].as_str() {
        Some("embeddings" | "embedding") => card.set_embedding(),
        kind => {
            card.set_chat(kind.map(|kind| kind == "vlm"));
            let capabilities = model["capabilities"].as_array();
            card.tools = capabilities.map(|names| names.iter().any(|name| name.as_str() == Some("tool_use")));
        }
    }
    if card.loaded == Some(true) {
        card.instances.push(card.id.clone());
    }
    Some(card)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::card::ModelKind;
    use super::*;

    fn documented() -> Value {
        json!({"type": "llm", "key": "google/gemma-4-26b-a4b", "display_name": "Gemma 4 26B A4B",
            "quantization": {"name": "Q4_K_M", "bits_per_weight": 4}, "size_bytes": 17_990_911_801_u64,
            "params_string": "26B-A4B", "loaded_instances": [
                {"id": "google/gemma-4-26b-a4b:2", "config": {"context_length": 4096}},
                {"id": "google/gemma-4-26b-a4b", "config": {"context_length": 40_000}}],
            "max_context_length": 262_144, "format": "gguf", "capabilities": {"vision": true,
            "trained_for_tool_use": true, "reasoning": {"allowed_options": ["off", "on"], "default": "on"}}})
    }

    #[test]
    fn the_documented_entry_is_read_whole() {
        let card = card_v1("lmstudio", &documented()).unwrap();
        assert_eq!((card.id.as_str(), card.display.as_str()), ("google/gemma-4-26b-a4b", "Gemma 4 26B A4B"));
        assert_eq!((card.kind, card.tools, card.reasoning), (ModelKind::Vision, Some(true), Some(true)));
        assert_eq!((card.context_loaded, card.context_max), (Some(40_000), Some(262_144)));
        assert_eq!((card.params.as_deref(), card.format.as_deref()), (Some("26B-A4B"), Some("gguf")));
        assert_eq!(card.instances.len(), 2);
    }

    #[test]
    fn of_renamed_copies_the_smallest_window_counts() {
        let mut model = documented();
        model["loaded_instances"] = json!([{"id": "a", "config": {"context_length": 9000}},
            {"id": "b", "config": {"context_length": 4096}}]);
        assert_eq!(card_v1("lmstudio", &model).unwrap().context_loaded, Some(4096));
    }

    #[test]
    fn an_unexpected_endpoint_is_no_list() {
        let body = json!({"error": "Unexpected endpoint or method. (GET /api/v1/models). Returning 200 anyway"});
        assert!(is_unexpected_endpoint(&body));
        assert_eq!(models_v1("lmstudio", &body), None);
        assert_eq!(models_v0("lmstudio", &body), None);
    }

    #[test]
    fn a_plain_openai_list_is_not_taken_for_an_old_lm_studio() {
        assert_eq!(models_v0("x", &json!({"object": "list", "data": [{"id": "gpt", "object": "model"}]})), None);
    }

    #[test]
    fn the_older_list_tells_vision_by_type_and_leaves_tools_unknown() {
        let body = json!({"object": "list", "data": [
            {"id": "qwen2-vl-7b-instruct", "type": "vlm", "state": "not-loaded", "max_context_length": 32768},
            {"id": "qwen", "type": "llm", "state": "loaded", "loaded_context_length": 8192, "capabilities": ["tool_use"]},
            {"id": "nomic", "type": "embeddings", "state": "not-loaded"}]});
        let cards = models_v0("lmstudio", &body).unwrap();
        assert_eq!((cards[0].vision, cards[0].tools, cards[0].loaded), (Some(true), None, Some(false)));
        assert_eq!((cards[1].vision, cards[1].tools, cards[1].context_loaded), (Some(false), Some(true), Some(8192)));
        assert_eq!((cards[2].kind, cards[2].tools), (ModelKind::Embedding, Some(false)));
    }
}
