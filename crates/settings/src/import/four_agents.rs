//! The first claude-code-router: a dispatcher and three agents, each a model behind an OpenAI endpoint.

use serde_json::{Map, Value as Json, json};

use super::{Draft, Imported, housekeeping};

const AGENTS: [(&str, &str); 4] = [("ROUTER", "dispatcher"), ("TOOL", "tool"), ("CODER", "coder"), ("THINK", "think")];

pub(super) fn read(file: &Map<String, Json>) -> Imported {
    let mut draft = Draft::new();
    let text = |key: &str| file.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    let mut known = vec!["ENABLE_ROUTER".to_owned()];
    for (agent, role) in AGENTS {
        let [model, url, key] = ["MODEL", "BASE_URL", "API_KEY"].map(|what| format!("{agent}_AGENT_{what}"));
        known.extend([model.clone(), url.clone(), key.clone()]);
        let Some(name) = text(&model) else { continue };
        let Some(address) = text(&url).or_else(|| text("OPENAI_BASE_URL")) else {
            draft.leave(&model, "its address is missing");
            continue;
        };
        let server = format!("{role}-agent");
        let taken = draft.server(&server, address, &url);
        if let Some(secret) = text(&key).or_else(|| text("OPENAI_API_KEY")).filter(|_| taken) {
            draft.key(&server, secret, &key);
        }
        if let Some((model, _)) = draft.model(&server, name) {
            draft.set(&["roles", role], json!(model));
        }
    }
    if file.get("ENABLE_ROUTER").is_some_and(|on| *on == json!(true) || *on == json!("true")) {
        draft.set(&["routing", "mode"], json!("dispatcher"));
        draft.set(&["routing", "dispatcher_band"], json!(100));
    }
    known.extend(["OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL"].map(Into::into));
    if text("OPENAI_MODEL").is_some() {
        draft.leave("OPENAI_MODEL", "the model of its normal mode is not used; set roles.coder or roles.cloud");
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    housekeeping(file, &known, &mut draft);
    draft.done("claude-code-router (four agents)")
}
