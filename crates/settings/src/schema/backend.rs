//! `[backends.NAME]`: one server that runs models. What is not set comes from the preset (`crate::presets`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Diet, FreeTable, ModelSettings};

/// One server that runs models. What is not set comes from its preset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BackendSettings {
    /// The backend is used. `false` keeps its settings and leaves it alone.
    pub enabled: bool,
    /// The known provider this is: "lmstudio", "llamacpp", "ollama", "vllm", "openai_compatible", "anthropic", "openai",
    /// "openrouter", "nvidia", "groq", "deepseek" or "gemini". Not set: the preset with the backend's own name, else "openai_compatible".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Where the server is: "http://host:port", or with the path the provider documents ("https://api.groq.com/openai/v1").
    /// A bare origin gets `/v1` by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// "anthropic", "openai_chat", or "auto" to find out by asking the server.
    /// OpenAI Responses is for clients only: who serves it serves "openai_chat" as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<ProtocolChoice>,
    /// "key" sends the key of the keyring, "none" sends nothing, "passthrough" forwards the client's own login (Anthropic only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthMode>,
    /// Header the key goes into: "bearer" (`Authorization: Bearer …`) or "x_api_key" (`x-api-key: …`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_header: Option<AuthHeader>,
    /// The server is the user's own hardware: no cost, long waits, no system proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<bool>,
    /// Longest wait for a connection, in ms (at least 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout_ms: Option<u64>,
    /// Longest wait for the first word of an answer, in ms (at least 1): loading and reading the prompt happen here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_timeout_ms: Option<u64>,
    /// Longest silence inside an answer, in ms (at least 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<u64>,
    /// Requests sent at the same time (at least 1); more wait in a queue. Not set: what the server tells, else a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Longest wait in that queue, in ms (at least 1); after it the next candidate is asked. Not set: as long as it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_timeout_ms: Option<u64>,
    /// Tries after the first one failed (0 to 10), before the next candidate is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_attempts: Option<u32>,
    /// Wait before the first retry, in ms; doubled each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_base_delay_ms: Option<u64>,
    /// Window models are loaded with, in tokens (at least 512), where the server lets a client say so: LM Studio, Ollama.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// What is left out of prompts for this backend's models. Not set: nothing.
    #[serde(skip_serializing_if = "Diet::is_empty")]
    pub diet: Diet,
    /// What is wanted of single models, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, ModelSettings>,
    /// Failures in a row after which the backend is left alone for a while (1 to 100).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_failures: Option<u32>,
    /// How long it is left alone before one request tries again, in ms (at least 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_open_ms: Option<u64>,
    /// Header the client's session id is sent in, for routers in front of several servers that keep a session on one of
    /// them, such as "x-claude-code-session-id". Not set: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_header: Option<String>,
    /// Headers added to every request. Keys do not belong here but in the keyring.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Fields added to every request body, over what the client sent.
    #[serde(skip_serializing_if = "FreeTable::is_empty")]
    pub extra_body: FreeTable,
    /// Flags of the preset's dialect to change, by name: `{ schema_level = 2, tool_choice = "strings" }`.
    #[serde(skip_serializing_if = "FreeTable::is_empty")]
    pub dialect: FreeTable,
}

impl Default for BackendSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            preset: None,
            base_url: None,
            protocol: None,
            auth: None,
            auth_header: None,
            local: None,
            connect_timeout_ms: None,
            first_byte_timeout_ms: None,
            idle_timeout_ms: None,
            concurrency: None,
            queue_timeout_ms: None,
            retry_attempts: None,
            retry_base_delay_ms: None,
            context_length: None,
            diet: Diet::default(),
            models: BTreeMap::new(),
            circuit_failures: None,
            circuit_open_ms: None,
            session_header: None,
            headers: BTreeMap::new(),
            extra_body: FreeTable::new(),
            dialect: FreeTable::new(),
        }
    }
}

/// The protocol of a backend, or `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolChoice {
    /// Found out by asking the server.
    Auto,
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions.
    OpenaiChat,
}

/// Whose credentials a backend gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// The key stored for this backend.
    Key,
    /// The client's own header, for Anthropic only.
    Passthrough,
    /// None.
    None,
}

/// The header a key goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthHeader {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`.
    XApiKey,
}
