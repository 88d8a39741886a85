//! The decision without the call.

use std::sync::Arc;

use branchline_proxy::record::PointRecord;
use branchline_proxy::{Engine, routes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ts_rs::TS;

use crate::error::{ControlError, Result};

/// What would be asked: exactly one of the two.
#[derive(Debug, Default, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields)]
pub struct ClassifyReq {
    /// A question as a human would type it.
    pub text: Option<String>,
    /// A whole request of either protocol.
    #[ts(type = "unknown", optional)]
    pub request: Option<Value>,
}

/// Where a request would go, and why.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct Classification {
    /// 0–100.
    pub score: u8,
    /// Scores at or above it go to the cloud.
    pub threshold: u8,
    /// `local` or `cloud`; `null` when no model would take it.
    pub target: Option<String>,
    /// The role it is given to.
    pub role: String,
    /// What sort of request it is.
    pub kind: String,
    /// The first candidate.
    pub model: Option<String>,
    /// What the score is made of.
    pub points: Vec<PointRecord>,
    /// In words, in the order the steps added them.
    pub reasons: Vec<String>,
    /// Why no model would take it.
    pub refusal: Option<String>,
    /// Our estimate of the prompt, in tokens.
    pub estimated_tokens: u64,
    /// Images in the request.
    pub images: u32,
}

/// Decides on a text or a request without calling a model.
///
/// # Errors
/// Neither or both are given, or the request is none.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn classify(engine: &Arc<Engine>, request: ClassifyReq) -> Result<Classification> {
    let body = match (request.text, request.request) {
        (Some(text), None) => json!({ "text": text }),
        (None, Some(body)) => body,
        _ => {
            return Err(ControlError::new("bad_request", "either text or request is needed", "send {\"text\": \"…\"}"));
        }
    };
    let answer = routes::classify_value(engine, &body)?;
    serde_json::from_value(answer)
        .map_err(|error| ControlError::new("internal", format!("the decision cannot be read: {error}"), "report this"))
}
