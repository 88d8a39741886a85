//! `[server]`: where Branchline listens and what it lets in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where Branchline listens and what it lets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServerSettings {
    /// IP address to listen on. Anything but a loopback address also needs `allow_remote = true` and `require_token = true`.
    pub host: String,
    /// TCP port to listen on; 0 takes any free port.
    pub port: u16,
    /// Clients must send the client token on `/v1/*` (it is part of `branchline env`).
    pub require_token: bool,
    /// Names that may stand in the `Host` header beside the loopback ones, such as "workstation.lan".
    pub allowed_hosts: Vec<String>,
    /// Allows a `host` other machines can reach.
    pub allow_remote: bool,
    /// Largest request body, in MiB (1 to 1024).
    pub body_limit_mib: u32,
    /// Silence after which a stream gets a `ping` event, in ms (10 to 15000). Claude Code gives up after 15 to 20 s without an event.
    pub ping_interval_ms: u64,
    /// Wait for the backend's first word before a streamed answer is started without it, in ms (0 to 15000).
    pub early_headers_ms: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 4117,
            require_token: true,
            allowed_hosts: Vec::new(),
            allow_remote: false,
            body_limit_mib: 64,
            ping_interval_ms: 10_000,
            early_headers_ms: 2_000,
        }
    }
}

impl ServerSettings {
    /// The address behind `host`; `localhost` is 127.0.0.1. `None` when it is no address.
    #[must_use]
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        if self.host.eq_ignore_ascii_case("localhost") {
            return Some(std::net::Ipv4Addr::LOCALHOST.into());
        }
        self.host.parse().ok()
    }
}
