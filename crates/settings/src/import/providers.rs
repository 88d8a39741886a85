//! claude-code-router with providers and a router.

use serde_json::{Map, Value as Json, json};

use super::{Draft, Imported, housekeeping, text};

/// Their name of a kind of request, and our role.
const ROLES: [(&str, &str); 5] = [
    ("background", "background"),
    ("think", "think"),
    ("longContext", "long_context"),
    ("webSearch", "web_search"),
    ("image", "vision"),
];

pub(super) fn read(file: &Map<String, Json>) -> Imported {
    let mut draft = Draft::new();
    let providers = file.get("Providers").or_else(|| file.get("providers")).and_then(Json::as_array);
    for (index, provider) in providers.into_iter().flatten().enumerate() {
        read_provider(provider, &format!("Providers[{index}]"), &mut draft);
    }
    let nothing = Json::Object(Map::new());
    let router = file.get("Router").unwrap_or(&nothing);
    let fallback = file.get("fallback").unwrap_or(&nothing);
    read_default(router, fallback, &mut draft);
    for (theirs, ours) in ROLES {
        let (models, _) = models(theirs, router, fallback, &mut draft);
        if !models.is_empty() {
            draft.set(&["roles", ours], Json::Array(models));
        }
    }
    if let Some(tokens) =
        router.get("longContextThreshold").and_then(Json::as_u64).filter(|_| router.get("longContext").is_some())
    {
        let rule =
            json!({ "name": "long context", "when": { "tokens_over": tokens }, "then": { "role": "long_context" } });
        draft.set(&["rules"], json!([rule]));
        draft.leave("Router.longContextThreshold", "it is a rule now; it replaces the rules you had");
    }
    let known = ["default", "longContextThreshold"];
    for key in router.as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
        if !known.contains(&key) && ROLES.iter().all(|(theirs, _)| *theirs != key) {
            draft.leave(format!("Router.{key}"), "it has no place here; write [[rules]]");
        }
    }
    housekeeping(file, &["Providers", "providers", "Router", "fallback"], &mut draft);
    draft.done("claude-code-router")
}

fn read_provider(provider: &Json, at: &str, draft: &mut Draft) {
    let (Some(name), Some(url)) =
        (text(provider, "name"), text(provider, "api_base_url").or_else(|| text(provider, "baseurl")))
    else {
        draft.leave(at, "it has no name or no api_base_url");
        return;
    };
    let taken = draft.server(name, url, at);
    if let Some(key) = text(provider, "api_key").or_else(|| text(provider, "apikey")).filter(|_| taken) {
        draft.key(name, key, &format!("{at}.api_key"));
    }
    if provider.get("transformer").is_some() {
        draft.leave(format!("{at}.transformer"), "Branchline adapts to each server by itself; see its dialect flags");
    }
    if provider.get("models").is_some() {
        draft.leave(format!("{at}.models"), "servers are asked which models they have");
    }
}

/// The default did all work that was no special case. Here easy work goes to the coder and hard work to the cloud.
fn read_default(router: &Json, fallback: &Json, draft: &mut Draft) {
    let (models, local) = models("default", router, fallback, draft);
    if models.is_empty() {
        return;
    }
    let role = if local { "coder" } else { "cloud" };
    draft.set(&["roles", role], Json::Array(models));
    let all = if local { "local" } else { "cloud" };
    draft.leave(
        "Router.default",
        format!("it is roles.{role} now; work goes by complexity (routing.mode = \"{all}\" sends all there)"),
    );
}

/// The model of a kind of request and those that stand in for it, and whether the first runs on the user's hardware.
fn models(kind: &str, router: &Json, fallback: &Json, draft: &mut Draft) -> (Vec<Json>, bool) {
    let first = text(router, kind).map(|route| (format!("Router.{kind}"), route));
    let more = fallback.get(kind).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let more = more.enumerate().map(|(index, route)| (format!("fallback.{kind}[{index}]"), route));
    let (mut found, mut local) = (Vec::new(), false);
    for (at, route) in first.into_iter().chain(more) {
        let split = route.split_once(',').or_else(|| route.split_once('/'));
        match split.and_then(|(server, model)| draft.model(server.trim(), model.trim())) {
            Some((model, is_local)) => {
                local = if found.is_empty() { is_local } else { local };
                if !found.contains(&json!(model)) {
                    found.push(json!(model));
                }
            }
            None => draft.leave(at, format!("\"{route}\" names no provider of this file")),
        }
    }
    (found, local)
}
