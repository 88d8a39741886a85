//! The plain model list `/v1/models`: vLLM, Anthropic and every other server tell themselves apart by its shape.

use branchline_wire::Upstream;
use serde_json::Value;

use super::ask::{Asker, Reply};
use super::card::{Flavour, ModelCard, ModelKind};
use super::error::ProbeError;
use super::{Draft, Seen, llamacpp, text};

pub(super) async fn ask(asker: &Asker<'_>, seen: &mut Seen) -> Result<Option<Draft>, ProbeError> {
    let base = &asker.backend.base_url;
    let anthropic = || asker.get_anthropic(base.anthropic("/models?limit=1000"));
    let mut reply = match asker.backend.protocol {
        Some(Upstream::Anthropic) => anthropic().await?,
        _ => asker.get(base.openai("/models")).await?,
    };
    if asker.backend.protocol.is_none() && is_anthropic_error(&reply.body) {
        reply = anthropic().await?;
    }
    seen.note(&reply);
    let Some((flavour, models)) = reply.good().and_then(|body| read(&asker.backend.name, body)) else {
        seen.list = Some(reply);
        return Ok(None);
    };
    let version = if flavour == Flavour::Vllm { vllm_version(asker).await } else { None };
    Ok(Some(Draft { flavour, version, models, took: reply.took }))
}

fn is_anthropic_error(body: &Value) -> bool {
    body["type"].as_str() == Some("error") && body["error"]["type"].is_string()
}

async fn vllm_version(asker: &Asker<'_>) -> Option<String> {
    let body = asker.try_get(asker.backend.base_url.native("/version")).await?;
    text(&body["version"])
}

fn read(backend: &str, body: &Value) -> Option<(Flavour, Vec<ModelCard>)> {
    // Some clouds send the bare array.
    let models = body["data"].as_array().or(body.as_array())?;
    let flavour = flavour(body, models);
    let card = |model: &Value| match flavour {
        Flavour::Anthropic => anthropic(backend, model),
        Flavour::LlamaCpp => llamacpp::listed(backend, model),
        Flavour::Vllm => vllm(backend, model),
        _ => generic(backend, model),
    };
    let cards: Option<Vec<_>> = models.iter().map(card).collect();
    Some((flavour, cards?))
}

fn flavour(body: &Value, models: &[Value]) -> Flavour {
    let first = models.first().unwrap_or(&Value::Null);
    if body["has_more"].is_boolean() && (models.is_empty() || first["type"].as_str() == Some("model")) {
        return Flavour::Anthropic;
    }
    match first["owned_by"].as_str() {
        Some("llamacpp") => Flavour::LlamaCpp,
        Some("sglang") => Flavour::OpenaiCompatible,
        _ if first["max_model_len"].is_u64() => Flavour::Vllm,
        _ => Flavour::OpenaiCompatible,
    }
}

fn anthropic(backend: &str, model: &Value) -> Option<ModelCard> {
    let mut card = ModelCard::new(backend, model["id"].as_str()?);
    if let Some(display) = text(&model["display_name"]) {
        card.display = display;
    }
    let capabilities = &model["capabilities"];
    card.set_chat(capabilities["image_input"]["supported"].as_bool());
    card.reasoning = capabilities["thinking"]["supported"].as_bool();
    card.context_max = model["max_input_tokens"].as_u64();
    Some(card)
}

fn vllm(backend: &str, model: &Value) -> Option<ModelCard> {
    let mut card = generic(backend, model)?;
    card.loaded = Some(true);
    card.context_loaded = card.context_max;
    card.instances.push(card.id.clone());
    Some(card)
}

/// What the clouds add to the plain list: Groq `context_window`, OpenRouter `context_length` and its lists,
/// Mistral `capabilities`.
fn generic(backend: &str, model: &Value) -> Option<ModelCard> {
    let mut card = ModelCard::new(backend, model["id"].as_str()?);
    if let Some(display) = text(&model["name"]) {
        card.display = display;
    }
    let windows = ["max_model_len", "context_window", "context_length", "max_context_length"];
    card.context_max = windows.iter().find_map(|name| model[*name].as_u64());
    let names = |value: &Value, wanted: &str| value.as_array().map(|all| all.contains(&Value::from(wanted)));
    let capabilities = &model["capabilities"];
    card.vision = names(&model["architecture"]["input_modalities"], "image").or(capabilities["vision"].as_bool());
    let parameters = &model["supported_parameters"];
    card.tools = names(parameters, "tools").or(capabilities["function_calling"].as_bool());
    card.reasoning = names(parameters, "reasoning");
    if card.vision == Some(true) {
        card.kind = ModelKind::Vision;
    } else if card.id.to_ascii_lowercase().contains("embed") {
        card.set_embedding();
    }
    Some(card)
}

/// A server the settings name the protocol of, which has no list of models: it is there, and that is all to know.
pub(super) fn is_api_without_list(reply: &Reply) -> bool {
    matches!(reply.status, 404 | 405) && reply.media_type != "text/html"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_list_tells_whose_it_is() {
        for (body, expected) in [
            (json!({"data": [{"type": "model", "id": "claude"}], "has_more": false}), Flavour::Anthropic),
            (json!({"data": [], "has_more": false}), Flavour::Anthropic),
            (json!({"data": [{"id": "m", "max_model_len": 4096, "owned_by": "vllm"}]}), Flavour::Vllm),
            (json!({"data": [{"id": "m", "max_model_len": 4096, "owned_by": "sglang"}]}), Flavour::OpenaiCompatible),
            (json!({"data": [{"id": "m", "owned_by": "llamacpp"}]}), Flavour::LlamaCpp),
            (json!({"object": "list", "data": [{"id": "m", "owned_by": "system"}]}), Flavour::OpenaiCompatible),
            (json!([{"id": "m"}]), Flavour::OpenaiCompatible),
        ] {
            assert_eq!(read("b", &body).map(|(flavour, _)| flavour), Some(expected), "{body}");
        }
    }

    #[test]
    fn json_without_a_list_of_ids_is_no_list() {
        for body in
            [json!({"error": "Unexpected endpoint"}), json!({"data": [{"name": "x"}]}), json!("hello"), json!([1])]
        {
            assert_eq!(read("b", &body), None, "{body}");
        }
    }

    #[test]
    fn what_the_clouds_add_to_the_list_is_read() {
        let openrouter = json!({"id": "a/b", "name": "A: B", "context_length": 131_072,
            "architecture": {"input_modalities": ["text", "image"]}, "supported_parameters": ["tools"]});
        let card = generic("openrouter", &openrouter).unwrap();
        assert_eq!((card.display.as_str(), card.context_max), ("A: B", Some(131_072)));
        assert_eq!((card.vision, card.tools, card.reasoning), (Some(true), Some(true), Some(false)));
        let groq = generic("groq", &json!({"id": "llama", "context_window": 8192})).unwrap();
        assert_eq!((groq.context_max, groq.tools, groq.kind), (Some(8192), None, ModelKind::Unknown));
    }
}
