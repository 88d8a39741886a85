//! One question of the doctor's, through the whole engine: what is mended for a client is mended for the doctor.

use std::sync::Arc;
use std::time::Duration;

use branchline_routing::ModelRef;
use branchline_wire::Protocol;
use branchline_wire::hub::FailureKind;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::engine::Engine;
use crate::fault::Fault;
use crate::outlet;
use crate::record::Record;
use crate::replay::{Answered, answered, read_into};

/// What came of a question.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) record: Record,
    pub(super) answer: Answered,
    /// Pieces the answer came in.
    pub(super) pieces: usize,
    /// Tools were offered.
    pub(super) with_tools: bool,
}

impl Said {
    /// The text, as far as there is one.
    pub(super) fn text(&self) -> &str {
        self.answer.text.as_deref().unwrap_or_default()
    }

    /// Tokens of the prompt as the server counted them.
    pub(super) fn prompt(&self) -> u64 {
        let usage = &self.record.usage;
        usage.input + usage.cache_read + usage.cache_write
    }
}

/// Asks `model` in Anthropic's protocol and waits for all of the answer.
///
/// # Errors
/// No answer within `limit`, or a model no header can name.
pub(super) async fn ask(engine: &Arc<Engine>, model: &ModelRef, body: &Value, limit: Duration) -> Result<Said, Fault> {
    let mut headers = HeaderMap::new();
    let route = HeaderValue::from_str(&model.to_string()).map_err(|_| {
        Fault::new(FailureKind::InvalidRequest, "bad_request", format!("`{model}` fits into no header"))
    })?;
    headers.insert(HeaderName::from_static("x-force-route"), route);
    headers.insert(header::USER_AGENT, HeaderValue::from_static("branchline-doctor"));
    let with_tools = body["tools"].is_array();
    let body = Bytes::from(body.to_string());
    let mut call = crate::server::call(engine, Protocol::Anthropic, "/v1/messages", None, headers, body);
    call.doctor = true;
    let id = call.id.clone();
    let late = || {
        let message = format!("no whole answer within {} s", limit.as_secs());
        Fault::new(FailureKind::Timeout, "doctor_timeout", message)
    };
    let (text, pieces) = tokio::time::timeout(limit, carry(engine, call)).await.map_err(|_| late())?;
    let record = engine.kept_record(&id).await?;
    let mut answer = answered(&record, Protocol::Anthropic);
    read_into(&mut answer, Protocol::Anthropic, &text);
    Ok(Said { record, answer, pieces, with_tools })
}

/// The work of a request goes on inside its body.
async fn carry(engine: &Arc<Engine>, call: crate::call::Call) -> (String, usize) {
    let work = Arc::clone(engine);
    let response = outlet::respond(|outlet| crate::pipeline::run(work, call, outlet)).await;
    let mut body = response.into_body();
    let (mut whole, mut pieces) = (Vec::new(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            whole.extend_from_slice(data);
            pieces += 1;
        }
    }
    (String::from_utf8_lossy(&whole).into_owned(), pieces)
}
