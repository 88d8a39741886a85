use super::*;
use crate::load::check;
use crate::save::edit;
use crate::schema::{Mode, Role};

fn settings(imported: &Imported) -> crate::Settings {
    let text = edit("", &imported.changes).unwrap_or_else(|error| panic!("{error}\n{:?}", imported.changes));
    for key in &imported.keys {
        if let KeyPlace::Here(secret) = &key.place {
            assert!(!text.contains(secret.expose()));
        }
    }
    check(&text).into_settings().unwrap()
}

fn left(imported: &Imported) -> Vec<&str> {
    imported.left_out.iter().map(|left| left.path.as_str()).collect()
}

const CLAUDIA: &str = r#"{
  "port": 8082,
  "defaultBackend": "nvidia",
  "backends": {
    "nvidia": {"baseUrl": "https://integrate.api.nvidia.com/v1", "apiKeyEnv": "NVIDIA_API_KEY", "defaultModel": "a/fast"},
    "mine": {"baseUrl": "https://models.example.org/v1", "apiKeyEnv": "MINE", "defaultModel": "m"},
    "local": {"baseUrl": "http://localhost:1234/v1", "apiKeyEnv": "LOCAL_API_KEY", "defaultModel": "local-model"}
  },
  "modelProfiles": {
    "claude-3-5-sonnet-latest": {"backend": "nvidia", "providerModel": "a/fast", "retryAttempts": 3, "retryBaseDelayMs": 500,
      "notes": "fast", "capabilities": {"toolCalls": true, "coding": true}},
    "claude-opus-4-1": {"backend": "local", "providerModel": "b:7b", "retryAttempts": 1,
      "extraBody": {"chat_template_kwargs": {"enable_thinking": true}}},
    "broken": {"backend": "nowhere", "providerModel": "x"}
  },
  "modelMap": {
    "legacy": {"backend": "mine", "model": "m"},
    "claude-opus-4-1": {"backend": "mine", "model": "m"}
  }
}"#;

#[test]
fn a_claudia_router_file_becomes_backends_aliases_and_roles() {
    let imported = foreign(CLAUDIA).unwrap();
    let settings = settings(&imported);
    assert_eq!(imported.from, "Claudia Router");
    let sonnet = settings.alias("claude-3-5-sonnet-latest").unwrap();
    assert_eq!(sonnet.models[0].to_string(), "nvidia:a/fast");
    let profile = sonnet.profile.unwrap();
    assert_eq!(
        (profile.retry_attempts, profile.retry_base_delay_ms),
        (Some(2), Some(500)),
        "theirs counts the first try"
    );
    assert_eq!(profile.capabilities.tools, Some(true));
    let opus = settings.alias("claude-opus-4-1").unwrap();
    assert_eq!(opus.models[0].to_string(), "lmstudio:b:7b", "the long form wins, and localhost:1234 is LM Studio");
    assert_eq!(opus.profile.unwrap().extra_body["chat_template_kwargs"]["enable_thinking"], true);
    assert_eq!(settings.alias("legacy").unwrap().models[0].to_string(), "mine:m");
    assert_eq!(settings.backends["mine"].base_url.as_deref(), Some("https://models.example.org/v1"));
    assert_eq!(settings.roles.get(Role::Cloud).0[0].to_string(), "nvidia:a/fast");
    let keys: Vec<_> = imported
        .keys
        .iter()
        .map(|key| match &key.place {
            KeyPlace::Variable(name) => format!("{}={name}", key.backend),
            KeyPlace::Here(_) => String::new(),
        })
        .collect();
    assert_eq!(keys, ["nvidia=NVIDIA_API_KEY", "mine=MINE"]);
    for path in [
        "port",
        "defaultBackend",
        "modelProfiles.broken",
        "modelProfiles.claude-3-5-sonnet-latest.notes",
        "backends.local",
    ] {
        assert!(left(&imported).contains(&path), "{path}: {:?}", left(&imported));
    }
}

const PROVIDERS: &str = r#"{
  // comments and commas at the end are taken there
  "PROXY_URL": "http://127.0.0.1:7890", "LOG": true, "APIKEY": "your-secret-key",
  "Providers": [
    {"name": "deepseek", "api_base_url": "https://api.deepseek.com/chat/completions", "api_key": "sk-0123456789abcdef",
     "models": ["deepseek-chat"], "transformer": {"use": ["deepseek"]},},
    {"name": "ollama", "api_base_url": "http://localhost:11434/v1/chat/completions", "api_key": "ollama", "models": []},
    {"name": "My Cloud", "api_base_url": "https://llm.example.org/api/v3/chat/completions", "api_key": "$MY_KEY"},
    {"name": "ds-anthropic", "api_base_url": "https://other.example.org/anthropic/v1/messages", "api_key": "sk-xxx"},
  ],
  "Router": {
    "default": "deepseek,deepseek-chat", "background": "ollama,qwen2.5-coder:latest", "think": "My Cloud,r1",
    "longContext": "My Cloud,big", "longContextThreshold": 60000, "image": "nowhere,eyes", "custom": 1,
  },
  "fallback": {"default": ["ds-anthropic,v4", "deepseek,deepseek-chat"]},
}"#;

#[test]
fn a_claude_code_router_file_becomes_backends_roles_and_a_rule() {
    let imported = foreign(PROVIDERS).unwrap();
    let settings = settings(&imported);
    let role = |role| settings.roles.get(role).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(role(Role::Cloud), ["deepseek:deepseek-chat", "ds-anthropic:v4"]);
    assert_eq!(role(Role::Background), ["ollama:qwen2.5-coder:latest"]);
    assert_eq!((role(Role::Think), role(Role::LongContext)), (vec!["my-cloud:r1".into()], vec!["my-cloud:big".into()]));
    assert_eq!(settings.rules[0].when.tokens_over, Some(60_000));
    assert_eq!(settings.backends["my-cloud"].base_url.as_deref(), Some("https://llm.example.org/api/v3"));
    let anthropic = &settings.backends["ds-anthropic"];
    assert_eq!(anthropic.base_url.as_deref(), Some("https://other.example.org/anthropic/v1"));
    assert_eq!(anthropic.protocol, Some(crate::schema::ProtocolChoice::Anthropic));
    assert_eq!(settings.backends["deepseek"].base_url, None, "its address is known");
    assert_eq!(imported.keys.len(), 2);
    assert!(matches!(&imported.keys[0].place, KeyPlace::Here(key) if key.expose() == "sk-0123456789abcdef"));
    assert!(matches!(&imported.keys[1].place, KeyPlace::Variable(name) if name == "MY_KEY"));
    assert!(!format!("{imported:?}").contains("0123456789abcdef"));
    for path in [
        "PROXY_URL",
        "APIKEY",
        "Providers[0].transformer",
        "Providers[1].api_key",
        "Providers[3].api_key",
        "Router.image",
        "Router.custom",
    ] {
        assert!(left(&imported).contains(&path), "{path}: {:?}", left(&imported));
    }
}

#[test]
fn the_first_claude_code_router_becomes_the_four_role_mode() {
    let imported = foreign(
        r#"{"ENABLE_ROUTER": true, "OPENAI_API_KEY": "sk-shared-0123456789", "OPENAI_BASE_URL": "https://models.example.org/v1",
            "OPENAI_MODEL": "x", "ROUTER_AGENT_MODEL": "qwen2.5-coder-3b", "ROUTER_AGENT_BASE_URL": "http://127.0.0.1:11434/v1",
            "TOOL_AGENT_MODEL": "qwen-max", "CODER_AGENT_MODEL": "deepseek-chat", "CODER_AGENT_BASE_URL": "https://api.deepseek.com",
            "THINK_AGENT_MODEL": "deepseek-reasoner", "THINK_AGENT_BASE_URL": "https://api.deepseek.com"}"#,
    )
    .unwrap();
    let settings = settings(&imported);
    assert_eq!(settings.routing.mode, Mode::Dispatcher);
    assert_eq!(settings.roles.get(Role::Dispatcher).0[0].to_string(), "ollama:qwen2.5-coder-3b");
    assert_eq!(settings.roles.get(Role::Tool).0[0].to_string(), "tool-agent:qwen-max");
    assert_eq!(settings.roles.get(Role::Think).0[0].to_string(), "deepseek:deepseek-reasoner");
}

#[test]
fn servers_of_one_name_are_numbered_and_each_keeps_its_address_and_key() {
    let imported = foreign(
        r#"{"Providers": [
            {"name": "my llm", "api_base_url": "https://one.example.org/v1", "api_key": "sk-one-0123456789"},
            {"name": "My-LLM", "api_base_url": "https://two.example.org/v1", "api_key": "sk-two-0123456789"},
            {"name": "my llm", "api_base_url": "https://three.example.org/v1", "api_key": "sk-three-0123456789"},
            {"name": "my llm", "api_base_url": "https://me:x@four.example.org/v1", "api_key": "sk-four-0123456789"},
            {"name": "ds", "api_base_url": "https://api.deepseek.com/chat/completions"},
            {"name": "ds-again", "api_base_url": "https://api.deepseek.com/chat/completions"},
            {"name": "ds-other", "api_base_url": "https://api.deepseek.com/anthropic/v1/messages"}],
            "Router": {"default": "My-LLM,m", "think": "my llm,t", "background": "ds-again,b", "longContext": "ds-other,l"}}"#,
    )
    .unwrap();
    let settings = settings(&imported);
    let base = |name: &str| settings.backends[name].base_url.clone().unwrap_or_default();
    assert_eq!(base("my-llm"), "https://one.example.org/v1");
    assert_eq!(base("my-llm-2"), "https://two.example.org/v1");
    assert_eq!(base("my-llm-3"), "https://three.example.org/v1");
    assert_eq!((base("deepseek").as_str(), base("deepseek-2").as_str()), ("", "https://api.deepseek.com/anthropic/v1"));
    assert_eq!(settings.backends["deepseek-2"].preset.as_deref(), Some("deepseek"));
    let role = |role| settings.roles.get(role).0[0].to_string();
    assert_eq!((role(Role::Cloud), role(Role::Think)), ("my-llm-2:m".into(), "my-llm:t".into()));
    assert_eq!((role(Role::Background), role(Role::LongContext)), ("deepseek:b".into(), "deepseek-2:l".into()));
    let keys: Vec<_> = imported.keys.iter().map(|key| key.backend.as_str()).collect();
    assert_eq!(keys, ["my-llm", "my-llm-2", "my-llm-3"], "no key goes to another server");
    let told = |part: &str| imported.left_out.iter().any(|left| left.reason.contains(part));
    assert!(told("my-llm-2 here") && told("my-llm-3 here") && told("deepseek-2 here"), "{:?}", imported.left_out);
}

#[test]
fn a_password_in_an_address_is_not_told() {
    let file = r#"{"Providers": [{"name": "a", "api_base_url": "https://me:geheim@llm.example.org/v1"}]}"#;
    let imported = foreign(file).unwrap();
    assert_eq!(left(&imported), ["Providers[0]"]);
    assert!(!format!("{imported:?}").contains("geheim"), "{imported:?}");
}

#[test]
fn other_files_are_none_of_theirs() {
    for text in ["", "{}", "[routing]\nthreshold = 60\n", "{\"backends\": {}}", "nonsense"] {
        assert!(foreign(text).is_none(), "{text}");
    }
}
