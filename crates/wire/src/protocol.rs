//! The closed lists of wire protocols, and the dialect flags that say what one backend does differently.

use serde::{Deserialize, Serialize};

/// A wire protocol a client or a backend speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Anthropic Messages (`POST /v1/messages`).
    Anthropic,
    /// OpenAI Chat Completions (`POST /v1/chat/completions`).
    OpenaiChat,
    /// OpenAI Responses (`POST /v1/responses`): of clients only, see [`Upstream`].
    OpenaiResponses,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Anthropic, Self::OpenaiChat, Self::OpenaiResponses];

    /// The name used in settings, records and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiResponses => "openai_responses",
        }
    }
}

/// A protocol backends are asked in. Whoever serves OpenAI Responses serves Chat Completions as well, so nothing is
/// out of reach without it, and a request for a backend cannot be written in a protocol that only clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upstream {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions.
    OpenaiChat,
}

impl Upstream {
    /// The name used in settings, records and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => Protocol::Anthropic.as_str(),
            Self::OpenaiChat => Protocol::OpenaiChat.as_str(),
        }
    }
}

impl From<Upstream> for Protocol {
    fn from(upstream: Upstream) -> Self {
        match upstream {
            Upstream::Anthropic => Self::Anthropic,
            Upstream::OpenaiChat => Self::OpenaiChat,
        }
    }
}

/// Which field carries the output limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// `max_tokens`: every local server, NVIDIA NIM, DeepSeek.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: OpenAI reasoning models refuse the old name (ericc-ch/copilot-api#222).
    MaxCompletionTokens,
}

/// How much of `tool_choice` a backend understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoiceSupport {
    /// Strings and a named function.
    #[default]
    Full,
    /// `none`, `auto`, `required` only: LM Studio.
    Strings,
    /// The field is not read: Ollama. It is left out.
    None,
}

/// How an assistant turn's reasoning goes back to the backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningReplay {
    /// Left out, reported in `dropped`.
    #[default]
    Omit,
    /// As `reasoning_content` on turns with tool calls: DeepSeek answers 400 without it
    /// (musistudio/claude-code-router#1378).
    ReasoningContent,
}

/// How wanted reasoning effort is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningControl {
    /// Nothing is sent.
    #[default]
    Omit,
    /// `reasoning_effort: low|medium|high`.
    Effort,
    /// `reasoning: {effort}`: OpenRouter.
    ReasoningObject,
    /// `thinking: {type}`: DeepSeek.
    ThinkingType,
    /// `chat_template_kwargs: {enable_thinking}`: llama.cpp, vLLM.
    TemplateKwargs,
}

/// What one backend cannot take or does differently. `Default` is a plain OpenAI-compatible server
/// of unknown make: the most careful choices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialect {
    /// Name of the output limit.
    pub max_tokens_field: MaxTokensField,
    /// Highest output limit the backend takes, in tokens; higher wishes are lowered.
    pub max_output_tokens: Option<u64>,
    /// What `tool_choice` may be.
    pub tool_choice: ToolChoiceSupport,
    /// `parallel_tool_calls` may be sent.
    pub parallel_tool_calls: bool,
    /// Image parts may stand in `tool` messages (llama.cpp); else they follow in a user message.
    pub tool_result_images: bool,
    /// Assistant turns with tool calls only may have `content: null`; else `""` is sent.
    pub null_content: bool,
    /// User content must be one string when it holds text only.
    pub text_content_as_string: bool,
    /// `stream_options.include_usage` is understood.
    pub stream_usage: bool,
    /// `response_format: {type: "json_schema"}` is understood.
    pub json_schema_output: bool,
    /// Reasoning in history.
    pub reasoning_replay: ReasoningReplay,
    /// Reasoning asked for.
    pub reasoning_control: ReasoningControl,
    /// Most tool schema keywords must be removed: 0 none, 1 those grammar builders refuse
    /// (`pattern`, `format`, `$schema`…), 2 also unions and defaults, 3 only type, properties, required, enum, items.
    pub schema_level: u8,
    /// This is Anthropic itself: nothing is stripped, system blocks keep their places.
    pub genuine_anthropic: bool,
    /// `cache_control` is understood.
    pub cache_control: bool,
    /// The chat template wants user and assistant in turns, and no user's message behind results (Mistral's).
    pub strict_turns: bool,
    /// Calls in history need a thought signature: Gemini 3 and later.
    pub thought_signatures: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            max_tokens_field: MaxTokensField::default(),
            max_output_tokens: None,
            tool_choice: ToolChoiceSupport::default(),
            parallel_tool_calls: false,
            tool_result_images: false,
            null_content: false,
            text_content_as_string: true,
            stream_usage: true,
            json_schema_output: true,
            reasoning_replay: ReasoningReplay::default(),
            reasoning_control: ReasoningControl::default(),
            schema_level: 1,
            genuine_anthropic: false,
            cache_control: false,
            strict_turns: false,
            thought_signatures: false,
        }
    }
}
