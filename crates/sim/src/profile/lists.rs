//! Model lists, status pages and load/unload of each server, as their documentations show them.

use serde_json::{Value, json};

use super::{Endpoint, Profile, errors, router};
use crate::ask::text;
use crate::model::{Format, Model};
use crate::ollama;
use crate::reply::Reply;

/// 2025-01-01, so that lists never change between runs.
const CREATED: u64 = 1_735_689_600;

/// What is asked for beside the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) profile: Profile,
    pub(crate) endpoint: Endpoint,
    pub(crate) jit: bool,
    /// llama.cpp over many models.
    pub(crate) router: bool,
    pub(crate) query: &'a str,
}

/// The answer to everything that asks no model. `None` for endpoints that do.
pub(crate) fn reply(place: Place<'_>, models: &mut [Model], body: &Value) -> Option<Reply> {
    let Place { profile, endpoint, jit, router, query } = place;
    let answer = match endpoint {
        Endpoint::Models | Endpoint::Router if router => router::list(models),
        Endpoint::Props if router => return Some(router::props_of(models, query)),
        Endpoint::RouterLoad | Endpoint::RouterUnload if router => {
            return Some(router::set_loaded(models, body, endpoint == Endpoint::RouterLoad));
        }
        Endpoint::RouterLoad | Endpoint::RouterUnload => return Some(errors::no_such_route(profile)),
        Endpoint::Router => openai_or_anthropic(profile, jit, models),
        Endpoint::Generate => return Some(generate(models, body)),
        Endpoint::Models => openai_or_anthropic(profile, jit, models),
        Endpoint::NativeModels => json!({"models": models.iter().map(lm_studio_v1).collect::<Vec<_>>()}),
        Endpoint::OldNativeModels => {
            json!({"object": "list", "data": models.iter().map(lm_studio_v0).collect::<Vec<_>>()})
        }
        Endpoint::Load => return Some(load(models, body)),
        Endpoint::Unload => return Some(unload(models, body)),
        Endpoint::Health if profile == Profile::Vllm => return Some(Reply::whole(200, "text/plain", String::new())),
        Endpoint::Health => json!({"status": "ok"}),
        Endpoint::Props => props(models),
        Endpoint::Tokenize if body.get("messages").is_none() => tokenize(body),
        Endpoint::Tags => json!({"models": models.iter().map(tag).collect::<Vec<_>>()}),
        Endpoint::Show => return Some(show(models, body)),
        Endpoint::Running => {
            json!({"models": models.iter().filter(|model| model.loaded).map(running).collect::<Vec<_>>()})
        }
        Endpoint::Version => json!({"version": if profile == Profile::Ollama { "0.14.2" } else { "0.33.0" }}),
        Endpoint::Root => return Some(Reply::whole(200, "text/plain", "Ollama is running".into())),
        Endpoint::Chat
        | Endpoint::NativeChat
        | Endpoint::Messages
        | Endpoint::CountTokens
        | Endpoint::InputTokens
        | Endpoint::Tokenize
        | Endpoint::Unknown => return None,
    };
    Some(Reply::json(200, &answer))
}

fn openai_or_anthropic(profile: Profile, jit: bool, models: &[Model]) -> Value {
    match profile {
        Profile::Anthropic => anthropic(models),
        Profile::LlamaCpp => json!({"object": "list", "data": models.iter().map(llama_cpp).collect::<Vec<_>>()}),
        _ => {
            // Without JIT, LM Studio lists only what is loaded.
            let listed = models.iter().filter(|model| profile != Profile::LmStudio || jit || model.loaded);
            json!({"object": "list", "data": listed.map(|model| openai(profile, model)).collect::<Vec<_>>()})
        }
    }
}

fn openai(profile: Profile, model: &Model) -> Value {
    match profile {
        Profile::LmStudio => json!({"id": model.id, "object": "model", "owned_by": "organization_owner"}),
        Profile::Vllm => json!({"id": model.id, "object": "model", "created": CREATED, "owned_by": "vllm",
            "root": model.id, "parent": null, "max_model_len": model.context}),
        Profile::Ollama => json!({"id": model.id, "object": "model", "created": CREATED, "owned_by": "library"}),
        Profile::Gemini => json!({"id": format!("models/{}", model.id), "object": "model", "owned_by": "google"}),
        _ => json!({"id": model.id, "object": "model", "created": CREATED, "owned_by": "system"}),
    }
}

pub(super) fn llama_cpp(model: &Model) -> Value {
    json!({"id": model.id, "aliases": [model.id], "object": "model", "created": CREATED, "owned_by": "llamacpp",
        "meta": {"n_vocab": 151_936, "n_ctx": model.context, "n_ctx_train": model.max_context, "n_embd": 5120,
            "n_params": 32_000_000_000_u64, "size": 19_000_000_000_u64}})
}

fn anthropic(models: &[Model]) -> Value {
    let data: Vec<Value> = models.iter().map(anthropic_model).collect();
    let id = |model: Option<&Model>| model.map_or(Value::Null, |model| json!(model.id));
    json!({"data": data, "has_more": false, "first_id": id(models.first()), "last_id": id(models.last())})
}

fn anthropic_model(model: &Model) -> Value {
    json!({"type": "model", "id": model.id, "display_name": model.name, "created_at": "2025-01-01T00:00:00Z",
        "max_input_tokens": model.context, "max_tokens": model.max_output, "lifecycle": "active",
        "capabilities": {"image_input": {"supported": model.vision}, "pdf_input": {"supported": model.vision},
            "thinking": {"supported": true}}})
}

fn publisher(model: &Model) -> &str {
    model.id.split_once('/').map_or("local", |(publisher, _)| publisher)
}

fn format_name(model: &Model) -> &'static str {
    match model.format {
        Format::Gguf => "gguf",
        Format::Mlx => "mlx",
    }
}

fn lm_studio_v1(model: &Model) -> Value {
    let config = json!({"context_length": model.context, "eval_batch_size": 512, "parallel": model.parallel,
        "flash_attention": true, "offload_kv_cache_to_gpu": true});
    let instances = if model.loaded { json!([{"id": model.id, "config": config}]) } else { json!([]) };
    let mut entry = json!({"type": if model.embedding { "embedding" } else { "llm" }, "publisher": publisher(model),
        "key": model.id, "display_name": model.name, "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
        "size_bytes": 17_990_911_801_u64, "params_string": "30B", "loaded_instances": instances,
        "max_context_length": model.max_context, "format": format_name(model)});
    if !model.embedding {
        entry["architecture"] = json!("simulated");
        entry["description"] = Value::Null;
        entry["capabilities"] = json!({"vision": model.vision, "trained_for_tool_use": model.tools});
        if model.reasoning {
            entry["capabilities"]["reasoning"] = json!({"allowed_options": ["off", "on"], "default": "on"});
        }
    }
    entry
}

fn lm_studio_v0(model: &Model) -> Value {
    let kind = match (model.embedding, model.vision) {
        (true, _) => "embeddings",
        (false, true) => "vlm",
        (false, false) => "llm",
    };
    let state = if model.loaded { "loaded" } else { "not-loaded" };
    let mut entry = json!({"id": model.id, "object": "model", "type": kind, "publisher": publisher(model),
        "arch": "simulated", "compatibility_type": format_name(model), "quantization": "Q4_K_M", "state": state,
        "max_context_length": model.max_context});
    if model.loaded {
        entry["loaded_context_length"] = json!(model.context);
    }
    if model.tools {
        entry["capabilities"] = json!(["tool_use"]);
    }
    entry
}

fn load(models: &mut [Model], body: &Value) -> Reply {
    let id = text(body, "model");
    let Some(model) = models.iter_mut().find(|model| model.id == id) else {
        return Reply::json(
            404,
            &json!({"error": {"type": "model_not_found", "message": format!("Model {id} not found")}}),
        );
    };
    model.loaded = true;
    if let Some(context) = body.get("context_length").and_then(Value::as_u64) {
        model.context = context;
    }
    let mut answer = json!({"type": "llm", "instance_id": id, "load_time_seconds": 0.1, "status": "loaded"});
    if body.get("echo_load_config") == Some(&json!(true)) {
        answer["load_config"] = json!({"context_length": model.context});
    }
    Reply::json(200, &answer)
}

fn unload(models: &mut [Model], body: &Value) -> Reply {
    let id = text(body, "instance_id");
    match models.iter_mut().find(|model| model.id == id && model.loaded) {
        Some(model) => {
            model.loaded = false;
            Reply::json(200, &json!({"instance_id": id}))
        }
        None => Reply::json(
            404,
            &json!({"error": {"type": "model_not_found", "message": format!("Instance {id} not found")}}),
        ),
    }
}

pub(super) fn props(models: &[Model]) -> Value {
    let model = models.iter().find(|model| model.loaded).or(models.first());
    let context = model.map_or(0, |model| model.context);
    json!({"default_generation_settings": {"n_ctx": context}, "total_slots": model.map_or(1, |model| model.parallel),
        "model_path": model.map_or_else(String::new, |model| format!("models/{}.gguf", model.id)),
        "modalities": {"vision": model.is_some_and(|model| model.vision), "audio": false},
        "chat_template": "{{ messages }}", "is_sleeping": false, "build_info": "b7000-simulated"})
}

fn tokenize(body: &Value) -> Value {
    let given = if text(body, "content").is_empty() { text(body, "prompt") } else { text(body, "content") };
    let tokens: Vec<usize> = (0..given.len().div_ceil(4)).collect();
    json!({"count": tokens.len(), "tokens": tokens})
}

/// `/api/generate` without a prompt: loads a model, or with `keep_alive: 0` unloads it.
fn generate(models: &mut [Model], body: &Value) -> Reply {
    let id = text(body, "model");
    let Some(model) = models.iter_mut().find(|model| model.id == id) else {
        return Reply::json(404, &json!({"error": format!("model '{id}' not found")}));
    };
    let answer = ollama::loaded(body);
    model.loaded = answer["done_reason"] == "load";
    model.context = ollama::window(body).unwrap_or(model.own_context).min(model.max_context);
    Reply::json(200, &answer)
}

fn details(model: &Model) -> Value {
    json!({"format": format_name(model), "family": "simulated", "families": ["simulated"], "parameter_size": "30B",
        "quantization_level": "Q4_K_M"})
}

fn tag(model: &Model) -> Value {
    json!({"name": model.id, "model": model.id, "modified_at": "2025-01-01T00:00:00Z", "size": 17_990_911_801_u64,
        "digest": "0".repeat(64), "details": details(model)})
}

fn running(model: &Model) -> Value {
    json!({"name": model.id, "model": model.id, "size": 17_990_911_801_u64, "size_vram": 17_990_911_801_u64,
        "digest": "0".repeat(64), "details": details(model), "expires_at": "2099-01-01T00:00:00Z",
        "context_length": model.context})
}

fn show(models: &[Model], body: &Value) -> Reply {
    let id = text(body, "model");
    let Some(model) = models.iter().find(|model| model.id == id) else {
        return Reply::json(404, &json!({"error": format!("model '{id}' not found")}));
    };
    let named = [("completion", true), ("tools", model.tools), ("vision", model.vision), ("thinking", model.reasoning)];
    let capabilities: Vec<&str> = named.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
    Reply::json(
        200,
        &json!({"details": details(model), "capabilities": capabilities, "template": "", "parameters": "",
        "model_info": {"general.architecture": "simulated", "simulated.context_length": model.max_context}}),
    )
}
