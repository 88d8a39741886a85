//! The address of a backend, and what each protocol makes of it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::Uri;

use crate::error::{Result, SettingsError};

/// Scheme, host, port and path prefix of a backend; no user, query or fragment, no slash at the end.
///
/// People write both `http://127.0.0.1:1234` and `http://127.0.0.1:1234/v1`, and providers document both forms.
/// Both are taken:
///
/// | written | `openai("/chat/completions")` | `anthropic("/messages")` | `native("/api/v1/models")` |
/// |---|---|---|---|
/// | `http://h:1234` | `http://h:1234/v1/chat/completions` | `http://h:1234/v1/messages` | `http://h:1234/api/v1/models` |
/// | `http://h:1234/v1` | `http://h:1234/v1/chat/completions` | `http://h:1234/v1/messages` | `http://h:1234/api/v1/models` |
/// | `https://h/v1beta/openai` | `https://h/v1beta/openai/chat/completions` | `https://h/v1beta/openai/v1/messages` | – |
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    host: String,
    port: u16,
}

impl BaseUrl {
    /// The URL as written, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own where none is written.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Address of an OpenAI endpoint, such as `/chat/completions` or `/models`: a bare origin gets `/v1`.
    #[must_use]
    pub fn openai(&self, endpoint: &str) -> String {
        let version = if self.is_bare() { "/v1" } else { "" };
        format!("{}{version}{endpoint}", self.text)
    }

    /// Address of an Anthropic endpoint, such as `/messages` or `/messages/count_tokens`: always under one `/v1`.
    #[must_use]
    pub fn anthropic(&self, endpoint: &str) -> String {
        format!("{}/v1{endpoint}", self.root())
    }

    /// Address of a server's own endpoint, such as `/api/v1/models`, `/props` or `/api/ps`: beside `/v1`, not under it.
    #[must_use]
    pub fn native(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.root())
    }

    /// The server runs on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || address.is_unspecified(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost") || self.host.ends_with(".localhost"),
        }
    }

    /// The server runs on this machine or in the user's own network: private addresses, `.local` names,
    /// names without a dot. The default of `local`, but for clouds.
    #[must_use]
    pub fn is_near(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => self.is_loopback() || v4.is_private() || v4.is_link_local(),
            Ok(IpAddr::V6(v6)) => self.is_loopback() || is_private_v6(v6),
            Err(_) => {
                self.is_loopback()
                    || (!self.host.contains('.') && !is_number(&self.host))
                    || [".local", ".lan", ".internal", ".home.arpa"].iter().any(|end| self.host.ends_with(end))
            }
        }
    }

    fn root(&self) -> &str {
        self.text.strip_suffix("/v1").unwrap_or(&self.text)
    }

    fn is_bare(&self) -> bool {
        self.text.matches('/').count() == 2
    }
}

/// An address written as one number, which clients take for that address: `134744072` is 8.8.8.8.
fn is_number(host: &str) -> bool {
    host.starts_with("0x") || host.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local() || address.is_unicast_link_local()
}

impl FromStr for BaseUrl {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim().trim_end_matches('/');
        let refuse = |reason| SettingsError::BaseUrl { text: without_user(text), reason };
        if text.contains(['#', '?']) {
            return Err(refuse("it may not hold a query or a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| refuse("it is not a URL"))?;
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(refuse("it must begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("the host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("it may not hold a user name or password; keys go to the keyring"));
        }
        let host = authority.host().trim_matches(['[', ']']);
        if host.is_empty() {
            return Err(refuse("the host is missing"));
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            // `h:99999` and `h:` leave no port behind but are not meant as the default.
            None if authority.as_str().len() > authority.host().len() => {
                return Err(refuse("the port must be a number from 1 to 65535"));
            }
            None => default_port,
        };
        Ok(Self { text: text.to_owned(), host: host.to_ascii_lowercase(), port })
    }
}

/// A password in a URL must not reach a log through our own error.
fn without_user(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
        (None, Some((_, host))) => format!("***@{host}"),
        _ => text.to_owned(),
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> BaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn both_ways_of_writing_a_base_url_mean_the_same_endpoints() {
        for text in ["http://127.0.0.1:1234", "http://127.0.0.1:1234/", "http://127.0.0.1:1234/v1/"] {
            let base = url(text);
            assert_eq!(base.openai("/chat/completions"), "http://127.0.0.1:1234/v1/chat/completions");
            assert_eq!(base.anthropic("/messages"), "http://127.0.0.1:1234/v1/messages");
            assert_eq!(base.native("/api/v1/models"), "http://127.0.0.1:1234/api/v1/models");
        }
    }

    #[test]
    fn a_prefix_the_provider_documents_is_kept() {
        assert_eq!(
            url("https://generativelanguage.googleapis.com/v1beta/openai").openai("/models"),
            "https://generativelanguage.googleapis.com/v1beta/openai/models"
        );
        let openrouter = url("https://openrouter.ai/api/v1");
        assert_eq!(openrouter.openai("/models"), "https://openrouter.ai/api/v1/models");
        assert_eq!(openrouter.anthropic("/messages"), "https://openrouter.ai/api/v1/messages");
    }

    #[test]
    fn host_and_port_are_known() {
        assert_eq!((url("http://[::1]:8080").host(), url("http://[::1]:8080").port()), ("::1", 8080));
        assert_eq!(url("https://API.openai.com/v1").port(), 443);
        assert_eq!(url("https://API.openai.com/v1").host(), "api.openai.com");
    }

    #[test]
    fn near_and_far_hosts_are_told_apart() {
        for near in [
            "http://localhost:1",
            "http://10.0.0.7:8000",
            "http://studio.local:1234",
            "http://box:80",
            "http://[fd00::1]:80",
        ] {
            assert!(url(near).is_near(), "{near}");
        }
        for far in [
            "https://api.groq.com/openai/v1",
            "http://8.8.8.8:80",
            "http://134744072:80",
            "http://0x08080808",
            "http://[::ffff:8.8.8.8]:80",
        ] {
            assert!(!url(far).is_near(), "{far}");
        }
    }

    #[test]
    fn a_bad_base_url_says_why_and_hides_the_password() {
        for (text, part) in [
            ("127.0.0.1:1234", "begin with http"),
            ("ftp://host", "begin with http"),
            ("http://user:geheim@host", "keyring"),
            ("http://host/?key=1", "query"),
            ("http://host:99999", "port"),
            ("", "not a URL"),
        ] {
            let error = text.parse::<BaseUrl>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
