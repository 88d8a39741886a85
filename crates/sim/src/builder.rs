//! How a simulator is set up before it starts.

use crate::model::Model;
use crate::pace::Pace;
use crate::profile::{LmStudioAge, Profile};
use crate::script::{Script, ScriptBook};
use crate::sim::{Shared, Sim, SimError};

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyRule {
    None,
    Any,
    Exactly(String),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) key: KeyRule,
    pub(crate) jit: bool,
    pub(crate) jit_ms: u64,
    pub(crate) age: LmStudioAge,
    pub(crate) empty_on_overflow: bool,
    pub(crate) output_counts: bool,
    pub(crate) strict_fields: bool,
    pub(crate) allowed_fields: Vec<String>,
    pub(crate) refused_keywords: Vec<String>,
    pub(crate) most_repetitions: Option<u64>,
    pub(crate) thought_signatures: bool,
    pub(crate) router: bool,
    pub(crate) reasoning_field: Option<&'static str>,
    pub(crate) pace: Pace,
}

impl Options {
    fn of(profile: Profile) -> Self {
        let cloud = !profile.is_local();
        Self {
            key: if cloud { KeyRule::Any } else { KeyRule::None },
            jit: true,
            jit_ms: 0,
            age: LmStudioAge::Current,
            empty_on_overflow: false,
            output_counts: profile == Profile::Vllm,
            strict_fields: profile == Profile::OpenAi,
            allowed_fields: Vec::new(),
            refused_keywords: Vec::new(),
            most_repetitions: None,
            thought_signatures: profile == Profile::Gemini,
            router: false,
            reasoning_field: profile.reasoning_field(),
            pace: Pace::default(),
        }
    }
}

/// A simulator that is not started yet.
#[derive(Debug)]
pub struct Builder {
    profile: Profile,
    options: Options,
    models: Vec<Model>,
    scripts: ScriptBook,
    keep_bodies: usize,
    port: u16,
}

impl Builder {
    pub(crate) fn new(profile: Profile) -> Self {
        let options = Options::of(profile);
        Self { profile, options, models: Vec::new(), scripts: ScriptBook::default(), keep_bodies: 4096, port: 0 }
    }

    /// One more model.
    #[must_use]
    pub fn model(mut self, model: Model) -> Self {
        self.models.push(model);
        self
    }

    /// One more script, in force from the first request.
    #[must_use]
    pub fn script(mut self, script: impl Into<Script>) -> Self {
        self.scripts.add(script.into());
        self
    }

    /// A fixed port instead of any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Exactly this key is accepted, as bearer or `x-api-key`. Cloud profiles want any key without
    /// this, local ones none.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.options.key = KeyRule::Exactly(key.into());
        self
    }

    /// No key is wanted.
    #[must_use]
    pub fn without_key(mut self) -> Self {
        self.options.key = KeyRule::None;
        self
    }

    /// An older LM Studio.
    #[must_use]
    pub fn age(mut self, age: LmStudioAge) -> Self {
        self.options.age = age;
        self
    }

    /// No just-in-time loading (LM Studio).
    #[must_use]
    pub fn without_jit(mut self) -> Self {
        self.options.jit = false;
        self
    }

    /// Milliseconds just-in-time loading takes.
    #[must_use]
    pub fn jit_delay(mut self, ms: u64) -> Self {
        self.options.jit_ms = ms;
        self
    }

    /// A prompt over the window gets a 200 with an empty stream (lmstudio-ai/lmstudio-bug-tracker#2339).
    #[must_use]
    pub fn empty_stream_on_overflow(mut self) -> Self {
        self.options.empty_on_overflow = true;
        self
    }

    /// Prompt plus `max_tokens` must fit the window (always so on vLLM).
    #[must_use]
    pub fn output_counts(mut self) -> Self {
        self.options.output_counts = true;
        self
    }

    /// Unknown fields are refused (always so on OpenAI; NVIDIA NIM does it too).
    #[must_use]
    pub fn strict_fields(mut self) -> Self {
        self.options.strict_fields = true;
        self
    }

    /// A top-level field that is fine although this profile does not know it.
    #[must_use]
    pub fn allow_field(mut self, field: impl Into<String>) -> Self {
        self.options.allowed_fields.push(field.into());
        self
    }

    /// A JSON Schema keyword that makes the grammar compiler fail (lmstudio-ai/lmstudio-bug-tracker#2220); not a
    /// violation, since a client can only find out by trying.
    #[must_use]
    pub fn refuse_schema_keyword(mut self, keyword: impl Into<String>) -> Self {
        self.options.refused_keywords.push(keyword.into());
        self
    }

    /// A length or count in a tool schema above this makes the grammar compiler fail ("number of repetitions exceeds sane
    /// defaults", anthropics/claude-code#82495); not a violation, for the same reason.
    #[must_use]
    pub fn refuse_repetitions_over(mut self, most: u64) -> Self {
        self.options.most_repetitions = Some(most);
        self
    }

    /// llama.cpp started without a model: a router over many, which loads the one that is asked for.
    #[must_use]
    pub fn router(mut self) -> Self {
        self.options.router = true;
        self
    }

    /// Gemini models before 3: no thought signatures.
    #[must_use]
    pub fn without_thought_signatures(mut self) -> Self {
        self.options.thought_signatures = false;
        self
    }

    /// The field thinking has in OpenAI answers, `None` to hide it.
    #[must_use]
    pub fn reasoning_field(mut self, field: Option<&'static str>) -> Self {
        self.options.reasoning_field = field;
        self
    }

    /// The timing of answers that bring none of their own.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.options.pace = pace;
        self
    }

    /// How many of the newest requests keep their bodies (4096 without this).
    #[must_use]
    pub fn keep_bodies(mut self, requests: usize) -> Self {
        self.keep_bodies = requests.max(1);
        self
    }

    /// Listens on loopback.
    ///
    /// # Errors
    /// [`SimError::Bind`] when the port is taken.
    pub async fn start(self) -> Result<Sim, SimError> {
        let Self { profile, options, models, scripts, keep_bodies, port } = self;
        Sim::plug_in(Shared::new(profile, options, models, scripts, keep_bodies), port).await
    }
}
