//! `[routing]`: when work goes to the cloud.

use std::borrow::Cow;
use std::fmt;

use branchline_routing::Mode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// When work goes to the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RoutingSettings {
    /// "auto" goes by the score, "local" and "cloud" send everything one way, "dispatcher" also asks a small model where the score is near the threshold.
    pub mode: Mode,
    /// Score from which a turn is hard work for the cloud (0 to 100). Higher keeps more on this machine.
    pub threshold: u8,
    /// Share of turns that shall go to the cloud, in percent (1 to 99); the threshold is then computed from the log.
    pub cloud_share: Option<u8>,
    /// How turns went shifts the score by up to 15 points: struggles, turns asked again, turns sent the other way.
    pub learn: bool,
    /// Longest prompt a local model gets, in tokens; "auto" takes the context window it is loaded with.
    pub max_local_tokens: TokenLimit,
    /// A turn meant for a local model may go to the cloud when no local model answers.
    pub fallback_to_cloud: bool,
    /// A turn meant for the cloud may go to a local model when the cloud does not answer.
    pub fallback_to_local: bool,
    /// With mode "dispatcher": the small model is asked where the score is so near to the threshold; 100 is always.
    pub dispatcher_band: u8,
    /// Longest wait for the dispatcher's word, in ms; then the score decides (at least 1).
    pub dispatcher_timeout_ms: u64,
    /// Why the mode could not be read, in words: then it is "local". Never written to a file.
    #[serde(skip)]
    pub unread: Option<String>,
}

impl Default for RoutingSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            threshold: 50,
            cloud_share: None,
            learn: true,
            max_local_tokens: TokenLimit::Auto,
            fallback_to_cloud: true,
            fallback_to_local: true,
            dispatcher_band: 20,
            dispatcher_timeout_ms: 2_000,
            unread: None,
        }
    }
}

/// A number of tokens, or `"auto"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenLimit {
    /// The real window of the loaded model.
    #[default]
    Auto,
    /// At most this many tokens.
    Tokens(u64),
}

impl Serialize for TokenLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Tokens(count) => serializer.serialize_u64(*count),
        }
    }
}

impl<'de> Deserialize<'de> for TokenLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TokenLimitVisitor)
    }
}

struct TokenLimitVisitor;

impl Visitor<'_> for TokenLimitVisitor {
    type Value = TokenLimit;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"auto\" or a number of tokens above 0")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TokenLimit, E> {
        match text {
            "auto" => Ok(TokenLimit::Auto),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<TokenLimit, E> {
        match count {
            0 => Err(E::invalid_value(de::Unexpected::Unsigned(0), &self)),
            _ => Ok(TokenLimit::Tokens(count)),
        }
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<TokenLimit, E> {
        let unsigned = u64::try_from(count).map_err(|_| E::invalid_value(de::Unexpected::Signed(count), &self))?;
        self.visit_u64(unsigned)
    }
}

impl JsonSchema for TokenLimit {
    fn schema_name() -> Cow<'static, str> {
        "TokenLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of tokens, or \"auto\".",
            "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1 }]
        })
    }
}
