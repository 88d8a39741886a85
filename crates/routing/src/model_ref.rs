//! `backend:model`, the name of one model on one backend.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One model on one backend. Written `backend:model`, split at the FIRST colon: model ids hold `/` and `:` themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    /// Name of the backend in the settings.
    pub backend: String,
    /// Model id as the backend knows it.
    pub model: String,
}

/// A text that is no model ref.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelRefError {
    /// There is no colon.
    #[error("`{0}` names no backend")]
    NoBackend(String),
    /// One side of the colon is empty, or the backend name has other characters than `a-z A-Z 0-9 _ -`.
    #[error("`{0}` is not of the form backend:model")]
    Malformed(String),
}

impl ModelRefError {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoBackend(id) => format!("write the backend first, as in lmstudio:{id}"),
            Self::Malformed(_) => "write it as backend:model, as in lmstudio:qwen/qwen3-coder-next".into(),
        }
    }
}

impl ModelRef {
    /// Puts the two halves together.
    #[must_use]
    pub fn new(backend: impl Into<String>, model: impl Into<String>) -> Self {
        Self { backend: backend.into(), model: model.into() }
    }
}

impl FromStr for ModelRef {
    type Err = ModelRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (backend, model) = text.split_once(':').ok_or_else(|| ModelRefError::NoBackend(text.into()))?;
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if backend.is_empty() || model.is_empty() || !backend.chars().all(name) || model.trim() != model {
            return Err(ModelRefError::Malformed(text.into()));
        }
        Ok(Self::new(backend, model))
    }
}

impl TryFrom<String> for ModelRef {
    type Error = ModelRefError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> Self {
        model.to_string()
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.backend, self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_colon_splits() {
        let parsed: ModelRef = "ollama:qwen2.5-coder:7b".parse().unwrap();
        assert_eq!((parsed.backend.as_str(), parsed.model.as_str()), ("ollama", "qwen2.5-coder:7b"));
        assert_eq!(parsed.to_string(), "ollama:qwen2.5-coder:7b");
    }

    #[test]
    fn what_is_no_model_ref_is_refused_with_a_hint() {
        for bad in ["qwen/qwen3", ":x", "lmstudio:", "lm studio:x", "a/b:c", ""] {
            let error = bad.parse::<ModelRef>().unwrap_err();
            assert!(error.hint().contains("lmstudio:"), "{bad}");
        }
    }
}
