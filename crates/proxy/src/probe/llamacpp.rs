//! llama.cpp `llama-server`: `/props` tells that it is one, `/v1/models` what it has. In router mode
//! there are many models, each with a state, and facts only of those loaded.

use serde_json::Value;

use super::ask::Asker;
use super::card::{Flavour, ModelCard, params_text, quantization_in};
use super::error::ProbeError;
use super::{Draft, Seen, list, text};

/// Loaded models of a router whose facts are asked for.
const MAX_ROUTED: usize = 4;

pub(super) async fn ask(asker: &Asker<'_>, seen: &mut Seen) -> Result<Option<Draft>, ProbeError> {
    let base = &asker.backend.base_url;
    let reply = asker.get(base.native("/props")).await?;
    seen.note(&reply);
    let Some(props) = reply.good().filter(|body| is_props(body)) else { return Ok(None) };
    let models = if props["role"].as_str() == Some("router") {
        routed(asker).await
    } else {
        let list = asker.try_get(base.native("/v1/models")).await.unwrap_or_default();
        single(&asker.backend.name, &list, props)
    };
    let version = text(&props["build_info"]);
    Ok(Some(Draft { flavour: Flavour::LlamaCpp, version, models, took: reply.took }))
}

fn is_props(body: &Value) -> bool {
    body["default_generation_settings"].is_object() || body["role"].as_str() == Some("router")
}

/// One process, one model: `/props` speaks of it.
fn single(backend: &str, body: &Value, props: &Value) -> Vec<ModelCard> {
    let read = |model: &Value| {
        let mut card = listed(backend, model)?;
        add_props(&mut card, props);
        card.loaded = Some(props["is_sleeping"].as_bool() != Some(true));
        if card.loaded == Some(true) {
            card.instances.push(card.id.clone());
        }
        Some(card)
    };
    list(&body["data"]).iter().filter_map(read).collect()
}

async fn routed(asker: &Asker<'_>) -> Vec<ModelCard> {
    let base = &asker.backend.base_url;
    let body = asker.try_get(base.native("/models")).await.unwrap_or_default();
    let read = |model: &Value| routed_card(&asker.backend.name, model);
    let mut cards: Vec<_> = list(&body["data"]).iter().filter_map(read).collect();
    for card in cards.iter_mut().filter(|card| card.loaded == Some(true)).take(MAX_ROUTED) {
        // Without `autoload=false` a question about a model that was just unloaded loads it again.
        let query = format!("/props?model={}&autoload=false", percent_encoded(&card.id));
        if let Some(props) = asker.try_get(base.native(&query)).await {
            add_props(card, &props);
        }
    }
    cards
}

fn routed_card(backend: &str, model: &Value) -> Option<ModelCard> {
    let mut card = listed(backend, model)?;
    let status = &model["status"];
    let state = status["value"].as_str();
    card.loaded = state.map(|state| state == "loaded");
    card.state = match state {
        _ if status["failed"].as_bool() == Some(true) => Some("failed".to_owned()),
        Some("loaded" | "unloaded") | None => None,
        Some(other) => Some(other.to_owned()),
    };
    let inputs = model["architecture"]["input_modalities"].as_array();
    if let Some(inputs) = inputs {
        card.set_chat(Some(inputs.iter().any(|input| input == "image")));
    }
    match card.loaded {
        Some(true) => card.instances.push(card.id.clone()),
        // The arguments it will be started with say the window before there is one.
        _ => card.context_loaded = started_window(list(&status["args"])),
    }
    Some(card)
}

/// The window among the arguments of a model: `-c 8192`, `--ctx-size=8192`; 0 is the model's own.
fn started_window(args: &[Value]) -> Option<u64> {
    let args: Vec<&str> = args.iter().filter_map(Value::as_str).collect();
    let is_name = |arg: &str| matches!(arg, "-c" | "-ctx" | "--ctx-size");
    let behind = args.windows(2).find(|pair| is_name(pair[0])).map(|pair| pair[1]);
    let joined = || args.iter().find_map(|arg| arg.split_once('=').filter(|(name, _)| is_name(name)).map(|(_, v)| v));
    behind.or_else(joined)?.parse().ok().filter(|tokens| *tokens > 0)
}

/// What the list itself says.
pub(super) fn listed(backend: &str, model: &Value) -> Option<ModelCard> {
    let mut card = ModelCard::new(backend, model["id"].as_str()?);
    let meta = &model["meta"];
    card.context_loaded = window(&meta["n_ctx"]);
    card.context_max = window(&meta["n_ctx_train"]);
    card.size_bytes = meta["size"].as_u64();
    card.params = meta["n_params"].as_u64().map(params_text);
    card.quantization = quantization_in(&card.id);
    card.format = Some("gguf".to_owned());
    Some(card)
}

fn add_props(card: &mut ModelCard, props: &Value) {
    card.context_loaded = card.context_loaded.or(window(&props["default_generation_settings"]["n_ctx"]));
    card.parallel = props["total_slots"].as_u64().filter(|slots| *slots > 0);
    card.set_chat(props["modalities"]["vision"].as_bool());
    let caps = &props["chat_template_caps"];
    card.tools = caps["supports_tools"].as_bool().or(caps["supports_tool_calls"].as_bool());
    let file = props["model_path"].as_str().unwrap_or_default();
    card.quantization = card.quantization.take().or_else(|| quantization_in(file));
}

/// A router without a loaded model answers with a window of 0.
fn window(value: &Value) -> Option<u64> {
    value.as_u64().filter(|tokens| *tokens > 0)
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn window_size_and_file_come_from_the_list_and_the_props() {
        let body = json!({"data": [{"id": "coder", "meta": {"n_ctx": 32_768, "n_ctx_train": 262_144,
            "n_params": 30_532_122_624_u64, "size": 18_000_000_000_u64}}]});
        let props = json!({"default_generation_settings": {"n_ctx": 4096}, "modalities": {"vision": false},
            "total_slots": 4,
            "chat_template_caps": {"supports_tools": true}, "model_path": "/models/coder-30B-Q4_K_M.gguf"});
        let cards = single("llamacpp", &body, &props);
        assert_eq!((cards[0].context_loaded, cards[0].context_max), (Some(32_768), Some(262_144)));
        assert_eq!((cards[0].tools, cards[0].vision, cards[0].loaded), (Some(true), Some(false), Some(true)));
        assert_eq!(cards[0].parallel, Some(4));
        assert_eq!((cards[0].params.as_deref(), cards[0].quantization.as_deref()), (Some("30B"), Some("Q4_K_M")));
    }

    #[test]
    fn a_routed_model_that_is_not_loaded_has_no_window_yet() {
        let model =
            json!({"id": "ggml-org/gemma-3-4b-it-GGUF:Q8_0", "status": {"value": "unloaded"}, "meta": {"n_ctx": 0}});
        let card = routed_card("llamacpp", &model).unwrap();
        assert_eq!((card.loaded, card.context_loaded), (Some(false), None));
        assert_eq!(card.quantization.as_deref(), Some("Q8_0"));
    }

    #[test]
    fn a_router_tells_state_window_and_eyes_before_a_model_is_loaded() {
        let model = json!({"id": "g", "status": {"value": "loading", "args": ["llama-server", "-ctx", "16384"]},
            "architecture": {"input_modalities": ["text", "image"]}});
        let card = routed_card("llamacpp", &model).unwrap();
        assert_eq!((card.loaded, card.state.as_deref()), (Some(false), Some("loading")));
        assert_eq!((card.context_loaded, card.vision), (Some(16_384), Some(true)));
        let failed = json!({"id": "g", "status": {"value": "unloaded", "failed": true, "exit_code": 1}});
        assert_eq!(routed_card("llamacpp", &failed).unwrap().state.as_deref(), Some("failed"));
        assert_eq!(started_window(&[json!("--ctx-size=4096")]), Some(4096));
        assert_eq!(started_window(&[json!("-c"), json!("0")]), None);
    }

    #[test]
    fn a_model_id_survives_a_query() {
        assert_eq!(percent_encoded("org/a b:Q4"), "org%2Fa%20b%3AQ4");
    }
}
