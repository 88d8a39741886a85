//! Errors at the rim of the engine: what failed, a stable code, and the next step.

use branchline_routing::{ModelRefError, Refusal, TargetError};
use branchline_wire::codec::DecodeError;
use branchline_wire::hub::{Failure, FailureKind};

/// What a client is told. The message names what failed and the value, the hint the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", failure.message)]
pub struct Fault {
    /// The failure, without protocol.
    pub failure: Box<Failure>,
    /// Stable, for programs: `no_model`, `bad_request`, `backend_offline`…
    pub code: &'static str,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the client should try again by itself; `None` leaves it to the client.
    pub retry: Option<bool>,
    /// What the backend said about when, in seconds.
    pub retry_after: Option<u64>,
}

impl Fault {
    /// A fault of our own.
    #[must_use]
    pub fn new(kind: FailureKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { failure: Box::new(Failure::new(kind, message)), code, hint: None, retry: None, retry_after: None }
    }

    /// With the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Trying again cannot help: the client shall not go through its ten back-offs.
    #[must_use]
    pub const fn no_retry(mut self) -> Self {
        self.retry = Some(false);
        self
    }

    /// A failure of a backend, as it said it.
    #[must_use]
    pub fn upstream(failure: Failure) -> Self {
        Self { failure: Box::new(failure), code: "backend_error", hint: None, retry: None, retry_after: None }
    }

    /// The failure as the client shall read it: message and hint in one text, but for the wording
    /// of an overflow, which clients match.
    #[must_use]
    pub fn spoken(&self) -> Failure {
        let mut failure = (*self.failure).clone();
        if let Some(hint) = &self.hint
            && !matches!(failure.kind, FailureKind::PromptTooLong { .. })
        {
            failure.message = format!("{} (hint: {hint})", failure.message);
        }
        if failure.code.is_none() {
            failure.code = Some(self.code.to_owned());
        }
        failure
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        let fault = Self::new(FailureKind::InvalidRequest, "bad_request", error.to_string());
        Self { hint: error.hint.map(Into::into), ..fault }
    }
}

impl From<TargetError> for Fault {
    fn from(error: TargetError) -> Self {
        let hint = match &error {
            TargetError::UnknownBackend { .. } => "GET /v1/models lists the model refs; backends are set in [backends]",
            TargetError::UnknownRoute(_) => {
                "use local, cloud, auto, a role such as think, or a model ref such as lmstudio:qwen/qwen3-coder-next"
            }
        };
        Self::new(FailureKind::NotFound, "unknown_model", error.to_string()).hint(hint).no_retry()
    }
}

impl From<ModelRefError> for Fault {
    fn from(error: ModelRefError) -> Self {
        let hint = error.hint();
        Self::new(FailureKind::NotFound, "unknown_model", error.to_string()).hint(hint).no_retry()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoModel { wanted } => Self::new(
                FailureKind::Overloaded,
                "no_model",
                format!("no model is set up for the role {wanted}"),
            )
            .hint("start LM Studio, llama.cpp, Ollama or vLLM, or set a cloud key with `branchline key set anthropic`")
            .no_retry(),
            Refusal::BudgetSpent { spent } => Self::new(
                FailureKind::Billing,
                "budget_spent",
                format!("the day's budget for the cloud is met: {spent}"),
            )
            .hint("raise [budget] in the settings, ask for a local model, or wait for midnight")
            .no_retry(),
            Refusal::Private { why } => {
                let message =
                    format!("{why}: this request must not leave your machines, and no model there can take it");
                Self::new(FailureKind::Permission, "private", message)
                    .hint("start a local model, or see [never_cloud] in the settings and `branchline route --explain`")
                    .no_retry()
            }
            Refusal::TooLong { tokens, maximum } => {
                let kind = FailureKind::PromptTooLong { tokens: Some(tokens), maximum: Some(maximum) };
                Self::new(kind, "prompt_too_long", format!("prompt is too long: {tokens} tokens > {maximum} maximum"))
            }
        }
    }
}
