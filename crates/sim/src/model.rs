//! One model a simulated server has: what its lists say about it and what it can take.

/// File format of a local model; it decides LM Studio's overflow wording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// llama.cpp engine.
    Gguf,
    /// Apple MLX engine.
    Mlx,
}

/// A model of a simulated server. Build it with [`Model::llm`], [`Model::vlm`] or
/// [`Model::embedding`] and the chained setters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vision: bool,
    pub(crate) embedding: bool,
    pub(crate) tools: bool,
    pub(crate) reasoning: bool,
    pub(crate) loaded: bool,
    /// Told to go, and still listed as loaded when asked at once.
    pub(crate) leaving: bool,
    pub(crate) context: u64,
    pub(crate) max_context: u64,
    pub(crate) max_output: u64,
    pub(crate) parallel: u64,
    pub(crate) format: Format,
    pub(crate) alternating: bool,
    pub(crate) inline_system: bool,
    /// The window the server takes by itself; `context` is the one in force.
    pub(crate) own_context: u64,
    /// Tenths of bytes that make a token.
    pub(crate) token_tenths: usize,
}

impl Model {
    /// A text-only model, not loaded, 32768 tokens loaded window, 262144 at most.
    #[must_use]
    pub fn llm(id: impl Into<String>) -> Self {
        let id = id.into();
        let name = id.rsplit('/').next().unwrap_or(&id).to_owned();
        Self {
            id,
            name,
            vision: false,
            embedding: false,
            tools: false,
            reasoning: false,
            loaded: false,
            leaving: false,
            context: 32_768,
            max_context: 262_144,
            max_output: 64_000,
            parallel: 1,
            format: Format::Gguf,
            alternating: false,
            inline_system: true,
            own_context: 32_768,
            token_tenths: 40,
        }
    }

    /// A model that sees pictures.
    #[must_use]
    pub fn vlm(id: impl Into<String>) -> Self {
        Self { vision: true, ..Self::llm(id) }
    }

    /// An embedding model: listed, never answering chat requests.
    #[must_use]
    pub fn embedding(id: impl Into<String>) -> Self {
        Self { embedding: true, context: 2_048, max_context: 2_048, ..Self::llm(id) }
    }

    /// A cloud model: vision, tools, loaded, 200 000 tokens, at most 128 000 of output.
    #[must_use]
    pub fn cloud(id: impl Into<String>) -> Self {
        let model = Self::vlm(id).loaded().tools().context(200_000).max_context(200_000);
        Self { max_output: 128_000, ..model }
    }

    /// The window really loaded, in tokens (`config.context_length`, `n_ctx`, `max_model_len`).
    #[must_use]
    pub fn context(mut self, tokens: u64) -> Self {
        self.context = tokens;
        self.own_context = tokens;
        self.max_context = self.max_context.max(tokens);
        self
    }

    /// The ceiling the model was made for, in tokens.
    #[must_use]
    pub fn max_context(mut self, tokens: u64) -> Self {
        self.max_context = tokens;
        self
    }

    /// The most tokens one answer may have; Anthropic refuses a larger `max_tokens`.
    #[must_use]
    pub fn max_output(mut self, tokens: u64) -> Self {
        self.max_output = tokens;
        self
    }

    /// How its tokenizer cuts text: so many tenths of bytes are a token (40 without this).
    #[must_use]
    pub fn token_tenths(mut self, tenths: usize) -> Self {
        self.token_tenths = tenths.max(1);
        self
    }

    /// Tokens of so many bytes.
    pub(crate) fn tokens(&self, bytes: usize) -> u64 {
        u64::try_from((bytes * 10).div_ceil(self.token_tenths)).unwrap_or(u64::MAX)
    }

    /// The name lists show to people.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// In memory from the start; without it the first request loads the model (JIT).
    #[must_use]
    pub fn loaded(mut self) -> Self {
        self.loaded = true;
        self
    }

    /// Listed as trained for tool use.
    #[must_use]
    pub fn tools(mut self) -> Self {
        self.tools = true;
        self
    }

    /// Listed as able to reason.
    #[must_use]
    pub fn reasoning(mut self) -> Self {
        self.reasoning = true;
        self
    }

    /// Concurrent slots the server reports for it.
    #[must_use]
    pub fn parallel(mut self, slots: u64) -> Self {
        self.parallel = slots;
        self
    }

    /// An MLX model instead of GGUF.
    #[must_use]
    pub fn mlx(mut self) -> Self {
        self.format = Format::Mlx;
        self
    }

    /// Its chat template refuses anything but user/assistant in turns (Devstral and other Mistral
    /// templates; a user message right after tool results breaks it too).
    #[must_use]
    pub fn alternating(mut self) -> Self {
        self.alternating = true;
        self
    }

    /// An Anthropic model that knows no `role: "system"` inside `messages`.
    #[must_use]
    pub fn without_inline_system(mut self) -> Self {
        self.inline_system = false;
        self
    }

    /// The id clients ask for.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it sees pictures.
    #[must_use]
    pub fn sees(&self) -> bool {
        self.vision
    }
}
