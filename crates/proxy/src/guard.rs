//! Who may call: loopback names only, no foreign web pages, the right token, JSON, no loops.

use std::net::SocketAddr;
use std::time::Instant;

use branchline_settings::{Secret, Settings};
use branchline_wire::hub::FailureKind;
use http::{HeaderMap, Method, Uri, header};
use subtle::ConstantTimeEq;

use crate::attempt::HOP;
use crate::engine::Engine;
use crate::fault::Fault;

/// A header for the client token, for clients whose own credentials are to reach Anthropic.
const TOKEN_HEADER: &str = "x-branchline-token";

/// What a path asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Anyone on this machine.
    Open,
    /// Clients with the client token.
    Client,
    /// The window and the command line.
    Control,
}

/// The door of a path.
pub(crate) fn door(path: &str) -> Door {
    if path.starts_with("/api/") && path != "/api/hello" && path != "/api/session" {
        Door::Control
    } else if path.starts_with("/v1") || path == "/classify" {
        Door::Client
    } else {
        Door::Open
    }
}

/// Paths that only the window and the command line call.
pub(crate) fn is_windows(path: &str) -> bool {
    (path.starts_with("/api/") && path != "/api/hello") || path == "/ui" || path.starts_with("/ui/")
}

/// Lets a request in or says why not.
///
/// # Errors
/// The first rule that is broken.
pub(crate) fn check(engine: &Engine, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Fault> {
    let settings = &engine.world().settings;
    check_host(settings, engine.address(), uri, headers)?;
    check_origin(headers)?;
    if headers.contains_key(HOP) {
        return Err(Fault::new(
            FailureKind::InvalidRequest,
            "self_reference",
            "this request has already been through Branchline",
        )
        .hint("a backend's base_url points back to Branchline: set it to the model server")
        .no_retry());
    }
    if method == Method::POST {
        check_content_type(headers)?;
    }
    match door(uri.path()) {
        Door::Open => Ok(()),
        Door::Client if !settings.server.require_token => Ok(()),
        Door::Client => check_token(headers, &engine.tokens.client, "branchline env"),
        Door::Control if given_tokens(headers).any(|token| engine.sessions.admit(token, Instant::now())) => Ok(()),
        Door::Control => check_token(headers, &engine.tokens.control, "the control token file"),
    }
}

/// A web page can make a browser call any address under a name of its own (DNS rebinding); the name betrays it.
fn check_host(settings: &Settings, own: Option<SocketAddr>, uri: &Uri, headers: &HeaderMap) -> Result<(), Fault> {
    let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = named.or_else(|| uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default();
    let name = host_name(host);
    let own_address = || own.is_some_and(|own| name == own.ip().to_string());
    let allowed = || settings.server.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    if is_loopback_name(name) || own_address() || allowed() {
        return Ok(());
    }
    let message = format!("the host name `{name}` is not one of this server's");
    Err(Fault::new(FailureKind::Permission, "foreign_host", message).hint("add it to server.allowed_hosts").no_retry())
}

fn check_origin(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).unwrap_or_default();
    if !from.is_empty() && from == host {
        return Ok(());
    }
    let message = format!("requests from the web page `{origin}` are refused");
    Err(Fault::new(FailureKind::Permission, "foreign_origin", message)
        .hint("call from a program, not a web page")
        .no_retry())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Fault> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("the content type is `{kind}`, not application/json");
    Err(Fault::new(FailureKind::InvalidRequest, "content_type", message)
        .hint("send Content-Type: application/json")
        .no_retry())
}

fn check_token(headers: &HeaderMap, token: &Secret, where_from: &str) -> Result<(), Fault> {
    let right = |given: &str| bool::from(given.as_bytes().ct_eq(token.expose().as_bytes()));
    if given_tokens(headers).any(right) {
        return Ok(());
    }
    let missing = given_tokens(headers).next().is_none();
    let message = if missing { "the token is missing" } else { "the token is wrong" };
    Err(Fault::new(FailureKind::Authentication, "wrong_token", message)
        .hint(format!("send the one from `{where_from}` as Authorization: Bearer or x-api-key"))
        .no_retry())
}

fn given_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer =
        text("authorization").and_then(|value| value.strip_prefix("Bearer ").or(value.strip_prefix("bearer ")));
    [text(TOKEN_HEADER), bearer, text("x-api-key")].into_iter().flatten().map(str::trim)
}

/// Whether a header value is our client token: such a credential is never passed on to anyone.
pub(crate) fn is_client_token(engine: &Engine, value: &str) -> bool {
    let bare = value.strip_prefix("Bearer ").unwrap_or(value).trim();
    bool::from(bare.as_bytes().ct_eq(engine.tokens.client.expose().as_bytes()))
}

/// The host without its port.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_loopback_name(name: &str) -> bool {
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_without_its_port() {
        for (host, name) in
            [("127.0.0.1:4117", "127.0.0.1"), ("[::1]:4117", "::1"), ("localhost", "localhost"), ("", "")]
        {
            assert_eq!(host_name(host), name);
        }
    }

    #[test]
    fn only_loopback_names_are_loopback() {
        for name in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1"] {
            assert!(is_loopback_name(name), "{name}");
        }
        for name in ["localhost.evil.example", "10.0.0.1", "evil.example", ""] {
            assert!(!is_loopback_name(name), "{name}");
        }
    }

    #[test]
    fn every_path_has_its_door() {
        assert_eq!(door("/v1/messages"), Door::Client);
        assert_eq!(door("/classify"), Door::Client);
        assert_eq!(door("/api/rpc"), Door::Control);
        assert_eq!(door("/api/events"), Door::Control);
        assert_eq!(door("/api/session"), Door::Open);
        assert_eq!(door("/api/session/"), Door::Control);
        assert_eq!(door("/api/hello"), Door::Open);
        assert_eq!(door("/health"), Door::Open);
    }
}
