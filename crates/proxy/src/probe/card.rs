//! What a probe finds: the server's flavour and a card per model.

use branchline_routing::ModelFacts;
use branchline_wire::Upstream;
use serde::{Deserialize, Serialize};

use crate::estimates::EstimateCard;

/// A backend that answered as a model server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What it is, whatever the settings call it.
    pub flavour: Flavour,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// What to speak with it: the settings' choice, else Anthropic for Anthropic and OpenAI chat for the rest.
    pub protocol: Upstream,
    /// What it has. Empty also where the list cannot be read, e.g. with a passed-through login.
    pub models: Vec<ModelCard>,
    /// Time of the request that told what it is.
    pub latency_ms: u64,
}

impl Found {
    /// Whether nothing but the latency is different.
    #[must_use]
    pub fn same_models(&self, other: &Self) -> bool {
        let what = |found: &Self| (found.flavour, found.protocol, found.version.clone());
        what(self) == what(other) && self.models == other.models
    }
}

/// The make of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    LmStudio,
    LlamaCpp,
    Ollama,
    Vllm,
    Anthropic,
    /// Any other server with an OpenAI model list.
    OpenaiCompatible,
}

impl Flavour {
    /// The word of its JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LmStudio => "lm_studio",
            Self::LlamaCpp => "llama_cpp",
            Self::Ollama => "ollama",
            Self::Vllm => "vllm",
            Self::Anthropic => "anthropic",
            Self::OpenaiCompatible => "openai_compatible",
        }
    }

    /// The protocol that works best with it. The local servers' own `/v1/messages` lose more than our
    /// translation does.
    #[must_use]
    pub const fn protocol(self) -> Upstream {
        match self {
            Self::Anthropic => Upstream::Anthropic,
            _ => Upstream::OpenaiChat,
        }
    }
}

/// What a model is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Text in, text out.
    Llm,
    /// Text and pictures in, text out.
    Vision,
    /// Not for chat.
    Embedding,
    /// The server does not tell.
    #[default]
    Unknown,
}

/// One model of one backend. `None` is "the server does not tell", never "no".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct ModelCard {
    /// Name of the backend in the settings.
    pub backend: String,
    /// The id requests ask for.
    pub id: String,
    /// The name people read.
    pub display: String,
    pub kind: ModelKind,
    /// Takes pictures.
    pub vision: Option<bool>,
    /// Was trained to call tools.
    pub tools: Option<bool>,
    /// Can think before it answers.
    pub reasoning: Option<bool>,
    /// Is in memory.
    pub loaded: Option<bool>,
    /// What it is doing where that is neither loaded nor unloaded, in the server's word: `loading`, `sleeping`,
    /// `downloading`, `failed`.
    pub state: Option<String>,
    /// Tokens of the window that is really there now.
    pub context_loaded: Option<u64>,
    /// Tokens of the largest window it can have.
    pub context_max: Option<u64>,
    /// E.g. `Q4_K_M`.
    pub quantization: Option<String>,
    pub size_bytes: Option<u64>,
    /// Number of parameters as people write it, e.g. `26B-A4B`.
    pub params: Option<String>,
    /// File format: `gguf`, `mlx`…
    pub format: Option<String>,
    /// Ids of the loaded copies.
    pub instances: Vec<String>,
    /// Requests it answers at the same time.
    pub parallel: Option<u64>,
    /// How good the token estimate is for it; none before its first answer.
    pub estimate: Option<EstimateCard>,
}

impl ModelCard {
    /// A card that knows nothing but the names.
    #[must_use]
    pub(super) fn new(backend: &str, id: &str) -> Self {
        Self { backend: backend.to_owned(), id: id.to_owned(), display: id.to_owned(), ..Self::default() }
    }

    /// What routing wants to know; `local` says whether the backend is the user's own hardware.
    #[must_use]
    pub fn facts(&self, local: bool) -> ModelFacts {
        ModelFacts {
            local,
            context: self.context_loaded.or(self.context_max),
            vision: self.vision,
            tools: self.tools,
            loaded: self.loaded,
            ..ModelFacts::default()
        }
    }

    /// An embedding model neither sees nor calls tools, whatever its server leaves out.
    pub(super) fn set_embedding(&mut self) {
        self.kind = ModelKind::Embedding;
        self.vision = Some(false);
        self.tools = Some(false);
    }

    /// A chat model; `vision` as far as known.
    pub(super) fn set_chat(&mut self, vision: Option<bool>) {
        self.kind = if vision == Some(true) { ModelKind::Vision } else { ModelKind::Llm };
        self.vision = vision;
    }
}

/// The quantization a model's name or file name tells: `…-Q4_K_M.gguf`, `…-MXFP4`, `…_IQ3_XXS`.
pub(super) fn quantization_in(name: &str) -> Option<String> {
    let name = name.strip_suffix(".gguf").unwrap_or(name);
    let part = name.rsplit(['-', '.', '/', ':', '\\']).next()?.to_ascii_uppercase();
    let digits = part.strip_prefix("IQ").or_else(|| part.strip_prefix('Q'));
    let is_quantized = digits.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    (is_quantized || matches!(part.as_str(), "F16" | "BF16" | "F32" | "FP8" | "MXFP4" | "NVFP4")).then_some(part)
}

/// A number of parameters as people write it.
pub(super) fn params_text(count: u64) -> String {
    let (unit, size) = if count >= 1_000_000_000 { ("B", 1_000_000_000) } else { ("M", 1_000_000) };
    let tenths = count / (size / 10);
    match (tenths / 10, tenths % 10) {
        (whole, tenth) if tenth == 0 || whole >= 20 => format!("{whole}{unit}"),
        (whole, tenth) => format!("{whole}.{tenth}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaded_window_counts_before_the_largest_one() {
        let mut card = ModelCard { context_max: Some(262_144), ..ModelCard::new("lmstudio", "qwen") };
        assert_eq!(card.facts(true).context, Some(262_144));
        card.context_loaded = Some(8_192);
        card.tools = Some(false);
        let facts = card.facts(true);
        assert_eq!((facts.local, facts.context, facts.tools, facts.vision), (true, Some(8_192), Some(false), None));
    }

    #[test]
    fn a_quantization_is_read_from_a_name() {
        for (name, expected) in [
            ("models/Qwen3-Coder-30B-Q4_K_M.gguf", Some("Q4_K_M")),
            ("ggml-org/gemma-3-4b-it-GGUF:IQ3_XXS", Some("IQ3_XXS")),
            ("gpt-oss-20b-mxfp4.gguf", Some("MXFP4")),
            ("qwen/qwen3-coder-next", None),
            ("Qwen", None),
            ("", None),
        ] {
            assert_eq!(quantization_in(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn parameters_are_counted_as_people_do() {
        for (count, text) in
            [(7_615_616_512, "7.6B"), (32_763_876_352, "32B"), (494_032_768, "494M"), (1_000_000_000, "1B")]
        {
            assert_eq!(params_text(count), text);
        }
    }

    #[test]
    fn the_words_of_a_flavour_are_the_words_of_its_json() {
        use Flavour::{Anthropic, LlamaCpp, LmStudio, Ollama, OpenaiCompatible, Vllm};
        for flavour in [LmStudio, LlamaCpp, Ollama, Vllm, Anthropic, OpenaiCompatible] {
            assert_eq!(serde_json::to_value(flavour).unwrap(), flavour.as_str());
        }
    }
}
