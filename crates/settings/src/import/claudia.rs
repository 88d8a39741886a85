//! Claudia Router: backends, and aliases in a long and a short form.

use serde_json::{Map, Value as Json, json};

use super::{Draft, Imported, ImportedKey, KeyPlace, housekeeping, text};

pub(super) fn read(file: &Map<String, Json>) -> Imported {
    let mut draft = Draft::new();
    let section = |key: &str| file.get(key).and_then(Json::as_object).into_iter().flatten();
    for (name, backend) in section("backends") {
        let at = format!("backends.{name}");
        let Some(url) = text(backend, "baseUrl") else {
            draft.leave(at, "it has no baseUrl");
            continue;
        };
        let taken = draft.server(name, url, &at);
        let server = draft.servers.last().filter(|_| taken).cloned();
        if let (Some(variable), Some((_, backend, false))) = (text(backend, "apiKeyEnv"), server) {
            draft.keys.push(ImportedKey { backend, place: KeyPlace::Variable(variable.to_owned()) });
        }
    }
    default_model(file, &mut draft);
    for (name, profile) in section("modelProfiles") {
        alias(name, profile, &mut draft);
    }
    for (name, short) in section("modelMap") {
        // The long form wins, as there.
        if section("modelProfiles").any(|(long, _)| long == name) {
            continue;
        }
        match draft.model(text(short, "backend").unwrap_or_default(), text(short, "model").unwrap_or_default()) {
            Some((model, _)) => draft.set(&["model_map", name], json!(model)),
            None => draft.leave(format!("modelMap.{name}"), "its backend or its model is missing"),
        }
    }
    housekeeping(file, &["backends", "modelProfiles", "modelMap", "defaultBackend"], &mut draft);
    draft.done("Claudia Router")
}

/// Every name without an alias went to the default there. Here it goes by complexity, so the default becomes the
/// model of its side.
fn default_model(file: &Map<String, Json>, draft: &mut Draft) {
    let Some(name) = file.get("defaultBackend").and_then(Json::as_str) else { return };
    let backend = file.get("backends").and_then(|all| all.get(name));
    let model = backend.and_then(|backend| text(backend, "defaultModel")).unwrap_or_default();
    if let Some((model, local)) = draft.model(name, model) {
        let role = if local { "coder" } else { "cloud" };
        draft.set(&["roles", role], json!(model));
        let all = if local { "local" } else { "cloud" };
        let reason = format!(
            "{model} is roles.{role} now; names without an alias go by complexity (routing.mode = \"{all}\" sends all there)"
        );
        draft.leave("defaultBackend", reason);
    }
    for (other, backend) in file.get("backends").and_then(Json::as_object).into_iter().flatten() {
        if other != name && text(backend, "defaultModel").is_some() {
            draft.leave(format!("backends.{other}.defaultModel"), "only the default backend's is used, as there");
        }
    }
}

fn alias(name: &str, profile: &Json, draft: &mut Draft) {
    let at = format!("modelProfiles.{name}");
    let model =
        draft.model(text(profile, "backend").unwrap_or_default(), text(profile, "providerModel").unwrap_or_default());
    let Some((model, _)) = model else {
        draft.leave(at, "its backend or its model is missing");
        return;
    };
    let mut alias = Map::new();
    alias.insert("model".into(), json!(model));
    // Theirs counts the first try.
    if let Some(tries) = profile.get("retryAttempts").and_then(Json::as_u64) {
        alias.insert("retry_attempts".into(), json!(tries.saturating_sub(1).min(10)));
    }
    if let Some(delay) = profile.get("retryBaseDelayMs").and_then(Json::as_u64) {
        alias.insert("retry_base_delay_ms".into(), json!(delay));
    }
    if let Some(extra) = profile.get("extraBody").filter(|extra| extra.is_object()) {
        alias.insert("extra_body".into(), extra.clone());
    }
    let capabilities = profile.get("capabilities").and_then(Json::as_object);
    if let Some(tools) = capabilities.and_then(|all| all.get("toolCalls")).and_then(Json::as_bool) {
        alias.insert("capabilities".into(), json!({ "tools": tools }));
    }
    draft.set(&["aliases", name], Json::Object(alias));
    for key in capabilities.into_iter().flatten().map(|(key, _)| key).filter(|key| *key != "toolCalls") {
        draft.leave(format!("{at}.capabilities.{key}"), "it says nothing Branchline would act on");
    }
    if text(profile, "notes").is_some() {
        draft.leave(format!("{at}.notes"), "an alias has no place for a note; write a comment");
    }
}
