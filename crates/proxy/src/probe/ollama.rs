//! Ollama, by its own API: `/api/version` and `/api/tags` tell that it is one, `/api/ps` what is loaded and with
//! which window, `/api/show` what a model can do. The last one reads the model file, so its answers are kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::ask::Asker;
use super::card::{Flavour, ModelCard};
use super::error::ProbeError;
use super::{Draft, Seen, list, text};

/// `/api/show` requests at a time, and in one probe. What is left over is asked by the next probe.
const SHOW_AT_ONCE: usize = 4;
const SHOW_PER_PROBE: usize = 64;
/// Kept answers; more than any collection of models.
const MAX_SHOWN: usize = 1024;

/// What `/api/show` told, per model name and digest: a digest changes when the model does.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<HashMap<(String, String), Abilities>>);

#[derive(Clone, Debug, Default)]
struct Abilities {
    capabilities: Option<Vec<String>>,
    context_max: Option<u64>,
    /// The window the model file pins: the one it is loaded with, unless a request says another.
    pinned: Option<u64>,
}

impl Shown {
    fn get(&self, key: &(String, String)) -> Option<Abilities> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn put(&self, key: (String, String), abilities: Abilities) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_SHOWN {
            kept.clear();
        }
        kept.insert(key, abilities);
    }
}

pub(super) async fn ask(asker: &Asker<'_>, seen: &mut Seen, shown: &Shown) -> Result<Option<Draft>, ProbeError> {
    let base = &asker.backend.base_url;
    let reply = asker.get(base.native("/api/version")).await?;
    seen.note(&reply);
    let Some(version) = reply.good().and_then(|body| text(&body["version"])) else { return Ok(None) };
    let Some(tags) = asker.try_get(base.native("/api/tags")).await.filter(|body| body["models"].is_array()) else {
        return Ok(None);
    };
    let running = asker.try_get(base.native("/api/ps")).await;
    let tags = list(&tags["models"]);
    show_new(asker, tags, shown).await;
    let read = |tag: &Value| card(&asker.backend.name, tag, running.as_ref(), shown);
    let models = tags.iter().filter_map(read).collect();
    Ok(Some(Draft { flavour: Flavour::Ollama, version: Some(version), models, took: reply.took }))
}

/// Asks about the models not yet known; slow answers are left to the next probe.
async fn show_new(asker: &Asker<'_>, tags: &[Value], shown: &Shown) {
    let new = tags.iter().filter_map(key_of).filter(|key| shown.get(key).is_none()).take(SHOW_PER_PROBE);
    let asked = futures_util::stream::iter(new).for_each_concurrent(SHOW_AT_ONCE, async |key| {
        let url = asker.backend.base_url.native("/api/show");
        if let Some(body) = asker.try_post(url, &json!({"model": key.0})).await {
            shown.put(key, abilities(&body));
        }
    });
    let _ = tokio::time::timeout(asker.limit * 2, asked).await;
}

fn key_of(tag: &Value) -> Option<(String, String)> {
    let name = text(&tag["model"]).or_else(|| text(&tag["name"]))?;
    Some((name, text(&tag["digest"]).unwrap_or_default()))
}

fn abilities(body: &Value) -> Abilities {
    let capabilities = body["capabilities"].as_array();
    let capabilities = capabilities.map(|names| names.iter().filter_map(text).collect());
    let info = &body["model_info"];
    let architecture = info["general.architecture"].as_str().unwrap_or_default();
    let trained = info[format!("{architecture}.context_length")].as_u64();
    let pinned = pinned_window(body["parameters"].as_str().unwrap_or_default());
    Abilities { capabilities, context_max: trained, pinned }
}

fn pinned_window(parameters: &str) -> Option<u64> {
    parameters.lines().find_map(|line| line.trim().strip_prefix("num_ctx")?.trim().parse().ok())
}

fn card(backend: &str, tag: &Value, running: Option<&Value>, shown: &Shown) -> Option<ModelCard> {
    let key = key_of(tag)?;
    let mut card = ModelCard::new(backend, &key.0);
    let details = &tag["details"];
    card.size_bytes = tag["size"].as_u64();
    card.params = text(&details["parameter_size"]);
    card.quantization = text(&details["quantization_level"]);
    card.format = text(&details["format"]);
    if let Some(running) = running {
        add_running(&mut card, list(&running["models"]));
    }
    if let Some(abilities) = shown.get(&key) {
        add_abilities(&mut card, &abilities);
    }
    Some(card)
}

fn add_running(card: &mut ModelCard, running: &[Value]) {
    let is_it = |entry: &&Value| [&entry["model"], &entry["name"]].contains(&&Value::from(card.id.as_str()));
    let entry = running.iter().find(is_it);
    card.loaded = Some(entry.is_some());
    card.context_loaded = entry.and_then(|entry| entry["context_length"].as_u64());
    card.instances = entry.map(|_| card.id.clone()).into_iter().collect();
}

fn add_abilities(card: &mut ModelCard, abilities: &Abilities) {
    card.context_max = abilities.context_max;
    card.context_loaded = card.context_loaded.or(abilities.pinned);
    let Some(names) = &abilities.capabilities else { return };
    let has = |name: &str| names.iter().any(|known| known == name);
    if has("embedding") && !has("completion") {
        return card.set_embedding();
    }
    card.set_chat(Some(has("vision")));
    card.tools = Some(has("tools"));
    card.reasoning = Some(has("thinking"));
}

#[cfg(test)]
mod tests {
    use super::super::card::ModelKind;
    use super::*;

    fn tag(name: &str, digest: &str) -> Value {
        json!({"name": name, "model": name, "size": 5, "digest": digest,
            "details": {"format": "gguf", "parameter_size": "30.5B", "quantization_level": "Q4_K_M"}})
    }

    #[test]
    fn a_running_model_has_the_window_of_ps_and_the_abilities_of_show() {
        let shown = Shown::default();
        let show = json!({"capabilities": ["completion", "tools", "vision", "thinking"],
            "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 262_144}});
        shown.put(("qwen3:30b".into(), "d1".into()), abilities(&show));
        let running = json!({"models": [{"model": "qwen3:30b", "context_length": 32_768}]});
        let card = card("ollama", &tag("qwen3:30b", "d1"), Some(&running), &shown).unwrap();
        assert_eq!((card.context_loaded, card.context_max), (Some(32_768), Some(262_144)));
        assert_eq!((card.kind, card.tools, card.reasoning), (ModelKind::Vision, Some(true), Some(true)));
        assert_eq!((card.params.as_deref(), card.quantization.as_deref()), (Some("30.5B"), Some("Q4_K_M")));
    }

    #[test]
    fn a_model_with_a_new_digest_is_not_known_by_its_old_answer() {
        let shown = Shown::default();
        shown.put(
            ("m".into(), "old".into()),
            Abilities { capabilities: Some(vec!["tools".into()]), context_max: Some(1), pinned: None },
        );
        let card = card("ollama", &tag("m", "new"), None, &shown).unwrap();
        assert_eq!((card.tools, card.context_max, card.loaded), (None, None, None));
    }

    #[test]
    fn a_window_pinned_in_the_model_file_is_the_one_it_is_loaded_with() {
        let body = json!({"parameters": "stop  \"<|im_end|>\"\nnum_ctx                        16384",
            "model_info": {"general.architecture": "llama", "llama.context_length": 131_072}});
        let mut card = ModelCard::new("ollama", "m");
        add_abilities(&mut card, &abilities(&body));
        assert_eq!((card.context_loaded, card.context_max), (Some(16_384), Some(131_072)));
    }

    #[test]
    fn an_embedding_model_is_not_offered_for_chat() {
        let mut card = ModelCard::new("ollama", "nomic-embed-text");
        add_abilities(
            &mut card,
            &Abilities { capabilities: Some(vec!["embedding".into()]), context_max: Some(2048), pinned: None },
        );
        assert_eq!((card.kind, card.tools), (ModelKind::Embedding, Some(false)));
    }
}
