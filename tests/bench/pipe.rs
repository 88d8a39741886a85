//! The two pipes everything is compared with: the least a proxy of this kind can do, and the least a proxy can do
//! that reads JSON. They run as processes of their own, built from the same libraries as Branchline.

use std::io::Write;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{StatusCode, header};
use serde_json::Value;

use crate::error::{BenchError, Result};

/// What a pipe does with what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes in, the same bytes out.
    Bytes,
    /// Reads all JSON into a value and writes it again.
    Value,
}

#[derive(Clone, Debug)]
struct Pipe {
    kind: Kind,
    upstream: String,
    client: reqwest::Client,
}

/// Serves until standard input ends; says its port on standard output.
pub(crate) fn run(kind: &str, upstream: &str) -> Result<()> {
    let kind = match kind {
        "bytes" => Kind::Bytes,
        "value" => Kind::Value,
        other => return Err(BenchError::Usage(format!("no pipe is called {other}"))),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(kind, upstream.to_owned()))
}

async fn serve(kind: Kind, upstream: String) -> Result<()> {
    crate::install_crypto();
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "{}", address.port())?;
    let pipe = Pipe { kind, upstream, client };
    let app = Router::new().fallback(carry).layer(DefaultBodyLimit::disable()).with_state(pipe);
    let parent_is_gone = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    let serving = axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), app);
    tokio::select! {
        served = serving => Ok(served?),
        _ = parent_is_gone => Ok(()),
    }
}

async fn carry(State(pipe): State<Pipe>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let url = format!("{}{}", pipe.upstream, parts.uri);
    let carried = async {
        let body =
            axum::body::to_bytes(body, usize::MAX).await.map_err(|error| BenchError::Program(error.to_string()))?;
        let body = if pipe.kind == Kind::Value { rewritten(&body)? } else { body };
        let sent = pipe.client.request(parts.method, url).header(header::CONTENT_TYPE, "application/json").body(body);
        answer(pipe.kind, sent.send().await?).await
    };
    carried.await.unwrap_or_else(|error: BenchError| (StatusCode::BAD_GATEWAY, error.to_string()).into_response())
}

async fn answer(kind: Kind, response: reqwest::Response) -> Result<Response> {
    let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
    let streamed = content_type.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let status = response.status();
    let body = match (kind, streamed) {
        (Kind::Bytes, _) => Body::from_stream(response.bytes_stream()),
        (Kind::Value, true) => Body::from_stream(rewritten_frames(response.bytes_stream())),
        (Kind::Value, false) => Body::from(rewritten(&response.bytes().await?)?),
    };
    let mut answer = (status, body).into_response();
    if let Some(kind) = content_type {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(answer)
}

fn rewritten(json: &[u8]) -> Result<Bytes> {
    let value: Value = serde_json::from_slice(json)?;
    Ok(serde_json::to_vec(&value)?.into())
}

fn rewritten_frames(pieces: impl Stream<Item = reqwest::Result<Bytes>>) -> impl Stream<Item = Result<Bytes>> {
    let mut held = BytesMut::new();
    pieces.map(move |piece| {
        held.extend_from_slice(&piece?);
        let mut out = Vec::new();
        while let Some(end) = held.windows(2).position(|two| two == b"\n\n") {
            for line in held.split_to(end + 2)[..end].split(|byte| *byte == b'\n') {
                match line.strip_prefix(b"data: ") {
                    Some(json) => {
                        out.extend_from_slice(b"data: ");
                        out.extend_from_slice(&rewritten(json)?);
                    }
                    None => out.extend_from_slice(line),
                }
                out.push(b'\n');
            }
            out.push(b'\n');
        }
        Ok(out.into())
    })
}
