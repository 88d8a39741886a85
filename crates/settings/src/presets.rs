//! Providers as data: one row each. To add one that speaks a known protocol, add a row.
//!
//! `base_url` is what `crate::BaseUrl` takes: the OpenAI codec calls `BaseUrl::openai("/chat/completions")`, the Anthropic
//! codec `BaseUrl::anthropic("/messages")`. Sources of the flags: the vendors' own documentation, and the issues named.

use branchline_wire::protocol::{MaxTokensField, ReasoningControl, ReasoningReplay, ToolChoiceSupport};
use branchline_wire::{Dialect, Upstream};

use crate::schema::AuthHeader;

/// The cloud model of an empty `roles.cloud`.
pub const DEFAULT_CLOUD_MODEL: &str = "anthropic:claude-sonnet-5-5";

/// The preset of a backend that is no known provider.
pub const FALLBACK_PRESET: &str = "openai_compatible";

/// What is known about a provider before anything is asked.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The value of `preset` in the settings.
    pub id: &'static str,
    /// The name people know it by.
    pub display: &'static str,
    /// Where it is; `None` where only the user can know.
    pub base_url: Option<&'static str>,
    /// What it speaks; `None` is found out by asking.
    pub protocol: Option<Upstream>,
    /// Header the key goes into.
    pub auth_header: AuthHeader,
    /// Nothing works without a key. Where it is false a stored key is sent and a missing one is no error.
    pub key_required: bool,
    /// Runs on the user's own hardware; `None` goes by the host of the base URL.
    pub local: Option<bool>,
    /// Requests it bears at the same time.
    pub concurrency: Option<u32>,
    /// What it cannot take or does differently.
    pub dialect: fn() -> Dialect,
    /// Environment variables its users keep the key in. For hints only: they are never read.
    pub key_env: &'static [&'static str],
    /// How to start it, or where its keys are made.
    pub docs_hint: &'static str,
}

/// The row of a preset.
#[must_use]
pub fn find(id: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.id == id)
}

/// The place of a preset in the order backends are asked in.
pub(crate) fn rank(id: &str) -> usize {
    PRESETS.iter().position(|preset| preset.id == id).unwrap_or(PRESETS.len())
}

/// A local server found by probing.
const LOCAL: Preset = Preset {
    id: "",
    display: "",
    base_url: None,
    protocol: None,
    auth_header: AuthHeader::Bearer,
    key_required: false,
    local: Some(true),
    concurrency: None,
    dialect: Dialect::default,
    key_env: &[],
    docs_hint: "",
};

/// A provider of the cloud with an OpenAI endpoint.
const CLOUD: Preset = Preset { protocol: Some(Upstream::OpenaiChat), key_required: true, local: Some(false), ..LOCAL };

/// Every known provider, in the order backends are asked in.
pub const PRESETS: &[Preset] = &[
    Preset {
        id: "lmstudio",
        display: "LM Studio",
        base_url: Some("http://127.0.0.1:1234"),
        dialect: lmstudio,
        docs_hint: "start the server in LM Studio under Developer, or run `lms server start`",
        ..LOCAL
    },
    Preset {
        id: "llamacpp",
        display: "llama.cpp",
        base_url: Some("http://127.0.0.1:8080"),
        dialect: llamacpp,
        docs_hint: "run `llama-server -m MODEL.gguf`; images need `--mmproj`",
        ..LOCAL
    },
    Preset {
        id: "ollama",
        display: "Ollama",
        base_url: Some("http://127.0.0.1:11434"),
        dialect: ollama,
        docs_hint: "run `ollama serve`; set OLLAMA_CONTEXT_LENGTH=65536, its default is too short for agents",
        ..LOCAL
    },
    Preset {
        id: "vllm",
        display: "vLLM",
        base_url: Some("http://127.0.0.1:8000"),
        dialect: vllm,
        docs_hint: "start with `--enable-auto-tool-choice --tool-call-parser PARSER`",
        ..LOCAL
    },
    Preset {
        id: FALLBACK_PRESET,
        display: "OpenAI-compatible server",
        local: None,
        docs_hint: "set base_url to the address of the server",
        ..LOCAL
    },
    Preset {
        id: "anthropic",
        display: "Anthropic",
        base_url: Some("https://api.anthropic.com"),
        protocol: Some(Upstream::Anthropic),
        auth_header: AuthHeader::XApiKey,
        dialect: anthropic,
        key_env: &["ANTHROPIC_API_KEY"],
        docs_hint: "keys are made at https://platform.claude.com/settings/keys",
        ..CLOUD
    },
    Preset {
        id: "openai",
        display: "OpenAI",
        base_url: Some("https://api.openai.com/v1"),
        dialect: openai,
        key_env: &["OPENAI_API_KEY"],
        docs_hint: "keys are made at https://platform.openai.com/api-keys",
        ..CLOUD
    },
    Preset {
        id: "openrouter",
        display: "OpenRouter",
        base_url: Some("https://openrouter.ai/api/v1"),
        dialect: openrouter,
        key_env: &["OPENROUTER_API_KEY"],
        docs_hint: "keys are made at https://openrouter.ai/settings/keys",
        ..CLOUD
    },
    Preset {
        id: "nvidia",
        display: "NVIDIA NIM",
        base_url: Some("https://integrate.api.nvidia.com/v1"),
        // About 40 requests a minute; parallel agents meet 429 and 529 (free-claude-code#319, #1229).
        concurrency: Some(4),
        dialect: nvidia,
        key_env: &["NVIDIA_API_KEY", "NIM_API_KEY"],
        docs_hint: "keys are made at https://build.nvidia.com",
        ..CLOUD
    },
    Preset {
        id: "groq",
        display: "Groq",
        base_url: Some("https://api.groq.com/openai/v1"),
        dialect: groq,
        key_env: &["GROQ_API_KEY"],
        docs_hint: "keys are made at https://console.groq.com/keys",
        ..CLOUD
    },
    Preset {
        id: "deepseek",
        display: "DeepSeek",
        base_url: Some("https://api.deepseek.com/v1"),
        dialect: deepseek,
        key_env: &["DEEPSEEK_API_KEY"],
        docs_hint: "keys are made at https://platform.deepseek.com/api_keys",
        ..CLOUD
    },
    Preset {
        id: "gemini",
        display: "Google Gemini",
        base_url: Some("https://generativelanguage.googleapis.com/v1beta/openai"),
        dialect: gemini,
        key_env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        docs_hint: "keys are made at https://aistudio.google.com/apikey",
        ..CLOUD
    },
];

fn lmstudio() -> Dialect {
    Dialect {
        // A named function in `tool_choice` is refused, and so are images in tool messages.
        tool_choice: ToolChoiceSupport::Strings,
        reasoning_control: ReasoningControl::Effort,
        ..Dialect::default()
    }
}

fn llamacpp() -> Dialect {
    Dialect {
        tool_choice: ToolChoiceSupport::Strings,
        parallel_tool_calls: true,
        tool_result_images: true,
        reasoning_replay: ReasoningReplay::ReasoningContent,
        reasoning_control: ReasoningControl::TemplateKwargs,
        ..Dialect::default()
    }
}

fn ollama() -> Dialect {
    Dialect { tool_choice: ToolChoiceSupport::None, reasoning_control: ReasoningControl::Effort, ..Dialect::default() }
}

fn vllm() -> Dialect {
    Dialect { parallel_tool_calls: true, reasoning_control: ReasoningControl::TemplateKwargs, ..Dialect::default() }
}

fn anthropic() -> Dialect {
    Dialect {
        parallel_tool_calls: true,
        tool_result_images: true,
        text_content_as_string: false,
        schema_level: 0,
        genuine_anthropic: true,
        cache_control: true,
        ..Dialect::default()
    }
}

fn openai() -> Dialect {
    Dialect {
        max_tokens_field: MaxTokensField::MaxCompletionTokens,
        parallel_tool_calls: true,
        null_content: true,
        text_content_as_string: false,
        reasoning_control: ReasoningControl::Effort,
        schema_level: 0,
        ..Dialect::default()
    }
}

fn openrouter() -> Dialect {
    Dialect {
        parallel_tool_calls: true,
        reasoning_control: ReasoningControl::ReasoningObject,
        schema_level: 0,
        // 404 "No endpoints found that support cache control" (musistudio/claude-code-router#122, #251).
        cache_control: false,
        ..Dialect::default()
    }
}

fn nvidia() -> Dialect {
    // Fields it does not know are refused, `thinking` among them (cc-switch 3.20), and some models want string content.
    Dialect::default()
}

fn groq() -> Dialect {
    Dialect {
        max_tokens_field: MaxTokensField::MaxCompletionTokens,
        // Some models refuse more (musistudio/claude-code-router#196).
        max_output_tokens: Some(16_384),
        parallel_tool_calls: true,
        // `reasoning_effort` is refused by the compound models (OmniRoute #12134).
        reasoning_control: ReasoningControl::Omit,
        ..Dialect::default()
    }
}

fn deepseek() -> Dialect {
    Dialect {
        reasoning_replay: ReasoningReplay::ReasoningContent,
        reasoning_control: ReasoningControl::ThinkingType,
        schema_level: 0,
        // `response_format` knows `json_object` only.
        json_schema_output: false,
        ..Dialect::default()
    }
}

fn gemini() -> Dialect {
    Dialect {
        reasoning_control: ReasoningControl::Effort,
        // Unions, `$schema` and `additionalProperties` are refused.
        schema_level: 2,
        thought_signatures: true,
        ..Dialect::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base_url::BaseUrl;

    #[test]
    fn every_preset_is_named_once_and_says_where_it_is() {
        for preset in PRESETS {
            let same = PRESETS.iter().filter(|other| other.id == preset.id);
            assert_eq!(same.count(), 1, "{}", preset.id);
            assert!(!preset.display.is_empty() && !preset.docs_hint.is_empty());
            if let Some(text) = preset.base_url {
                let url: BaseUrl = text.parse().unwrap();
                assert_eq!(preset.local, Some(url.is_near()), "{}", preset.id);
            }
        }
    }

    #[test]
    fn every_preset_calls_the_endpoint_its_provider_documents() {
        let endpoint = |id: &str| {
            let preset = find(id).unwrap();
            let url: BaseUrl = preset.base_url.unwrap().parse().unwrap();
            match preset.protocol {
                Some(Upstream::Anthropic) => url.anthropic("/messages"),
                _ => url.openai("/chat/completions"),
            }
        };
        for (id, expected) in [
            ("lmstudio", "http://127.0.0.1:1234/v1/chat/completions"),
            ("ollama", "http://127.0.0.1:11434/v1/chat/completions"),
            ("anthropic", "https://api.anthropic.com/v1/messages"),
            ("openai", "https://api.openai.com/v1/chat/completions"),
            ("openrouter", "https://openrouter.ai/api/v1/chat/completions"),
            ("nvidia", "https://integrate.api.nvidia.com/v1/chat/completions"),
            ("groq", "https://api.groq.com/openai/v1/chat/completions"),
            ("deepseek", "https://api.deepseek.com/v1/chat/completions"),
            ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        ] {
            assert_eq!(endpoint(id), expected);
        }
    }

    #[test]
    fn the_schema_names_every_preset() {
        let described = crate::outline::hint_for(&crate::key_path::KeyPath::keys(["backends", "any", "preset"]));
        for preset in PRESETS {
            assert!(described.contains(&format!("\"{}\"", preset.id)), "{}", preset.id);
        }
    }
}
