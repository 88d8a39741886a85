//! The doors of the control interface: one call, one stream of events. What can be asked is not known here.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::engine::Engine;
use crate::server::read_body;

/// A call of the control interface.
#[derive(Debug, Deserialize)]
struct RpcCall {
    name: String,
    #[serde(default)]
    request: Value,
}

/// `POST /api/rpc`: `{name, request}` in, the answer or `{code, message, hint}` out.
pub(crate) async fn rpc(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    let body = match read_body(&engine, request.into_body()).await {
        Ok(body) => body,
        Err(fault) => return bad(&fault.to_string()),
    };
    let call: RpcCall = match serde_json::from_slice(&body) {
        Ok(call) => call,
        Err(error) => return bad(&format!("this is no call: {error}")),
    };
    let Some(rpc) = engine.rpc.get().cloned() else {
        return bad("this engine has no control interface");
    };
    match rpc(engine, call.name, call.request).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(error)).into_response(),
    }
}

fn bad(message: &str) -> Response {
    let body = json!({ "code": "bad_request", "message": message, "hint": null });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

/// `GET /api/events`: everything that happens from now on, one JSON object per event.
pub(crate) async fn events(State(engine): State<Arc<Engine>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let listener = engine.events.listen();
    let stopping = engine.stopping.clone();
    let stream = unfold((listener, stopping), |(mut listener, stopping)| async move {
        loop {
            let heard = tokio::select! {
                heard = listener.recv() => heard,
                () = stopping.cancelled() => return None,
            };
            match heard {
                Ok(event) => {
                    let event = Event::default().json_data(&event).unwrap_or_default();
                    return Some((Ok(event), (listener, stopping)));
                }
                Err(RecvError::Lagged(lost)) => tracing::debug!(lost, "a listener is too slow"),
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
