//! llama.cpp started without a model: a router over many, each with a state (tools/server/README of llama.cpp).

use serde_json::{Value, json};

use crate::ask::text;
use crate::model::Model;
use crate::reply::Reply;

use super::lists::{llama_cpp, props};

/// The value of a query parameter, percent-decoded as far as model ids need it.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex: String = rest.by_ref().take(2).map(char::from).collect();
            bytes.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// `GET /models`. A process takes a moment to end: the first list after an unload has the model still.
pub(super) fn list(models: &mut [Model]) -> Value {
    let entry = |model: &mut Model| {
        let mut entry = llama_cpp(model);
        let state = if model.loaded { "loaded" } else { "unloaded" };
        entry["status"] = json!({"value": state, "args": ["llama-server", "-c", model.context.to_string()]});
        let modalities = if model.vision { json!(["text", "image"]) } else { json!(["text"]) };
        entry["architecture"] = json!({"input_modalities": modalities, "output_modalities": ["text"]});
        if !model.loaded {
            entry["meta"] = Value::Null;
        }
        if std::mem::take(&mut model.leaving) {
            model.loaded = false;
        }
        entry
    };
    json!({"object": "list", "data": models.iter_mut().map(entry).collect::<Vec<_>>()})
}

/// `GET /props`: of the router itself, or of one model.
pub(super) fn props_of(models: &mut [Model], query: &str) -> Reply {
    let Some(id) = parameter(query, "model") else {
        let body = json!({"role": "router", "model_alias": "llama-server", "model_path": "none",
            "default_generation_settings": {"params": null, "n_ctx": 0}, "build_info": "b7000-simulated"});
        return Reply::json(200, &body);
    };
    let Some(model) = models.iter_mut().find(|model| model.id == id) else { return not_found(&id) };
    if !model.loaded && parameter(query, "autoload").as_deref() == Some("false") {
        return not_loaded();
    }
    model.loaded = true;
    Reply::json(200, &props(std::slice::from_ref(model)))
}

/// `POST /models/load` and `/models/unload`.
pub(super) fn set_loaded(models: &mut [Model], body: &Value, loaded: bool) -> Reply {
    let id = text(body, "model");
    match models.iter_mut().find(|model| model.id == id) {
        Some(model) => {
            model.leaving = !loaded && model.loaded;
            model.loaded |= loaded;
            Reply::json(200, &json!({"success": true}))
        }
        None => not_found(id),
    }
}

fn not_found(id: &str) -> Reply {
    let message = format!("model '{id}' not found");
    Reply::json(400, &json!({"error": {"code": 400, "message": message, "type": "invalid_request_error"}}))
}

pub(crate) fn not_loaded() -> Reply {
    Reply::json(
        400,
        &json!({"error": {"code": 400, "message": "model is not loaded", "type": "invalid_request_error"}}),
    )
}
