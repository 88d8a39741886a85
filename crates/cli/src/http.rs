//! HTTP to an engine on this machine: plain, one connection per request, no redirects, no proxies.

use std::net::SocketAddr;
use std::time::Duration;

use branchline_control::ControlError;
use branchline_settings::Secret;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{Error, Result};

/// Longest wait for a connection on this machine.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest wait for the answer of a command: asking every backend takes some seconds.
const ANSWER: Duration = Duration::from_secs(60);
/// Longest wait for a model: until it is loaded, or has answered.
const MODEL: Duration = Duration::from_secs(30 * 60);

/// A running engine.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    control: Secret,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, control: Secret) -> Self {
        Self { address, control }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks one command of the control interface.
    pub(crate) async fn rpc(&self, name: &str, request: &Value) -> Result<Value> {
        let body = json!({ "name": name, "request": request }).to_string();
        let limit = if matches!(name, "requests.replay" | "demo.play" | "models.load") { MODEL } else { ANSWER };
        let answer = timeout(limit, self.rpc_answer(body)).await;
        answer.unwrap_or_else(|_| Err(Error::BrokenOff(format!("no answer within {} s", limit.as_secs()))))
    }

    async fn rpc_answer(&self, body: String) -> Result<Value> {
        let response = self.send(Method::POST, "/api/rpc", &self.control, body).await?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(broken_off)?.to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(broken_off);
        }
        Err(refusal(status, &body))
    }

    /// Opens the stream of events.
    pub(crate) async fn events(&self) -> Result<Incoming> {
        let response = self.send(Method::GET, "/api/events", &self.control, String::new()).await?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            status => Err(refusal(status, b"")),
        }
    }

    /// Sends a request with the client token; the answer comes as it is.
    pub(crate) async fn post(&self, path: &str, token: &Secret, body: String) -> Result<Response<Incoming>> {
        self.send(Method::POST, path, token, body).await
    }

    async fn send(&self, method: Method, path: &str, token: &Secret, body: String) -> Result<Response<Incoming>> {
        let connected = timeout(CONNECT, TcpStream::connect(self.address)).await;
        let Ok(Ok(stream)) = connected else { return Err(Error::NoEngine) };
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken_off)?;
        // Ends with the answer's body; its errors are seen there.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()))
            .body(Full::new(Bytes::from(body)))
            .map_err(broken_off)?;
        sender.send_request(request).await.map_err(broken_off)
    }
}

fn broken_off(error: impl std::fmt::Display) -> Error {
    Error::BrokenOff(error.to_string())
}

/// A command's own error, or the guard's in the shape of the client protocol.
fn refusal(status: StatusCode, body: &[u8]) -> Error {
    if let Ok(error) = serde_json::from_slice::<ControlError>(body) {
        return error.into();
    }
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = said["error"]["message"].as_str().map_or_else(|| format!("status {status}"), ToOwned::to_owned);
    let code = if status == StatusCode::UNAUTHORIZED { "wrong_token" } else { "refused" };
    ControlError::new(code, message, "is another Branchline running there? Give its --data-dir").into()
}
