//! What makes each server different: its routes, its key, its words. Lists are in `lists`,
//! errors in `errors`.

pub(crate) mod errors;
pub(crate) mod lists;
pub(crate) mod router;

use crate::ask::Spoken;

/// The kind of server a simulator plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// LM Studio.
    LmStudio,
    /// llama.cpp `llama-server`.
    LlamaCpp,
    /// Ollama.
    Ollama,
    /// vLLM.
    Vllm,
    /// OpenAI and servers just like it.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Gemini's OpenAI-compatible endpoint.
    Gemini,
}

/// How old a simulated LM Studio is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LmStudioAge {
    /// 0.4.x: `/api/v1`, `/api/v0`, `/v1/messages`.
    #[default]
    Current,
    /// 0.3.6 to 0.3.x: `/api/v0` and the OpenAI endpoints.
    V03,
    /// Before: the OpenAI endpoints only.
    V02,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Chat,
    Messages,
    CountTokens,
    Models,
    NativeModels,
    OldNativeModels,
    Load,
    Unload,
    Health,
    Props,
    Tokenize,
    /// llama.cpp's count of a chat request.
    InputTokens,
    /// llama.cpp's router: its models and their states.
    Router,
    RouterLoad,
    RouterUnload,
    /// Ollama's own chat.
    NativeChat,
    /// Ollama's load and unload.
    Generate,
    Tags,
    Show,
    Running,
    Version,
    Root,
    Unknown,
}

impl Endpoint {
    /// The protocol of requests that ask a model to answer.
    pub(crate) fn speaks(self) -> Option<Spoken> {
        match self {
            Self::Chat | Self::NativeChat => Some(Spoken::OpenAi),
            Self::Messages => Some(Spoken::Anthropic),
            _ => None,
        }
    }

    pub(crate) fn is_anthropic(self) -> bool {
        matches!(self, Self::Messages | Self::CountTokens)
    }
}

impl Profile {
    /// A server on the user's own machine.
    #[must_use]
    pub fn is_local(self) -> bool {
        matches!(self, Self::LmStudio | Self::LlamaCpp | Self::Ollama | Self::Vllm)
    }

    /// The path between the address and `chat/completions`.
    #[must_use]
    pub fn base_path(self) -> &'static str {
        match self {
            Self::Gemini => "/v1beta/openai",
            Self::Anthropic => "",
            _ => "/v1",
        }
    }

    /// The field thinking has in OpenAI answers; `None` where it stays hidden.
    pub(crate) fn reasoning_field(self) -> Option<&'static str> {
        match self {
            Self::LmStudio | Self::LlamaCpp => Some("reasoning_content"),
            Self::Ollama | Self::Vllm => Some("reasoning"),
            Self::OpenAi | Self::Anthropic | Self::Gemini => None,
        }
    }

    /// The start of call ids.
    pub(crate) fn id_start(self, spoken: Spoken) -> &'static str {
        match (spoken, self) {
            (Spoken::Anthropic, _) => "toolu_",
            (Spoken::OpenAi, Self::Vllm) => "chatcmpl-tool-",
            // LM Studio's ids are bare digits.
            (Spoken::OpenAi, Self::LmStudio) => "",
            (Spoken::OpenAi, _) => "call_",
        }
    }

    pub(crate) fn route(self, age: LmStudioAge, method: &str, path: &str) -> Endpoint {
        let own = match self {
            Self::LmStudio => lm_studio(age, method, path),
            Self::LlamaCpp => llama_cpp(method, path),
            Self::Ollama => ollama(method, path),
            Self::Vllm => vllm(method, path),
            Self::Anthropic => anthropic(method, path),
            Self::OpenAi | Self::Gemini => None,
        };
        let shared = || openai(method, path.strip_prefix(self.base_path()).unwrap_or_default());
        match (own, self) {
            (Some(endpoint), _) => endpoint,
            (None, Self::Anthropic) => Endpoint::Unknown,
            (None, _) => shared().unwrap_or(Endpoint::Unknown),
        }
    }
}

fn openai(method: &str, path: &str) -> Option<Endpoint> {
    match (method, path) {
        ("POST", "/chat/completions") => Some(Endpoint::Chat),
        ("GET", "/models") => Some(Endpoint::Models),
        _ => None,
    }
}

fn anthropic(method: &str, path: &str) -> Option<Endpoint> {
    match (method, path) {
        ("POST", "/v1/messages") => Some(Endpoint::Messages),
        ("POST", "/v1/messages/count_tokens") => Some(Endpoint::CountTokens),
        ("GET", "/v1/models") => Some(Endpoint::Models),
        _ => None,
    }
}

fn lm_studio(age: LmStudioAge, method: &str, path: &str) -> Option<Endpoint> {
    let endpoint = match (method, path) {
        ("GET", "/api/v1/models") => Endpoint::NativeModels,
        ("POST", "/api/v1/models/load") => Endpoint::Load,
        ("POST", "/api/v1/models/unload") => Endpoint::Unload,
        ("POST", "/v1/messages") => Endpoint::Messages,
        ("GET", "/api/v0/models") if age != LmStudioAge::V02 => return Some(Endpoint::OldNativeModels),
        _ => return None,
    };
    (age == LmStudioAge::Current).then_some(endpoint)
}

fn llama_cpp(method: &str, path: &str) -> Option<Endpoint> {
    match (method, path) {
        ("GET", "/health" | "/v1/health") => Some(Endpoint::Health),
        ("GET", "/props") => Some(Endpoint::Props),
        ("GET", "/models") => Some(Endpoint::Router),
        ("POST", "/models/load") => Some(Endpoint::RouterLoad),
        ("POST", "/models/unload") => Some(Endpoint::RouterUnload),
        ("POST", "/v1/chat/completions/input_tokens" | "/chat/completions/input_tokens") => Some(Endpoint::InputTokens),
        ("POST", "/tokenize") => Some(Endpoint::Tokenize),
        ("POST", "/chat/completions") => Some(Endpoint::Chat),
        ("POST", _) => anthropic(method, path),
        _ => None,
    }
}

fn ollama(method: &str, path: &str) -> Option<Endpoint> {
    match (method, path) {
        ("GET" | "HEAD", "/") => Some(Endpoint::Root),
        ("GET", "/api/tags") => Some(Endpoint::Tags),
        ("POST", "/api/show") => Some(Endpoint::Show),
        ("GET", "/api/ps") => Some(Endpoint::Running),
        ("GET", "/api/version") => Some(Endpoint::Version),
        ("POST", "/api/chat") => Some(Endpoint::NativeChat),
        ("POST", "/api/generate") => Some(Endpoint::Generate),
        ("POST", "/v1/messages") => Some(Endpoint::Messages),
        _ => None,
    }
}

fn vllm(method: &str, path: &str) -> Option<Endpoint> {
    match (method, path) {
        ("GET", "/health") => Some(Endpoint::Health),
        ("GET", "/version") => Some(Endpoint::Version),
        ("POST", "/tokenize") => Some(Endpoint::Tokenize),
        ("POST", _) => anthropic(method, path),
        _ => None,
    }
}
