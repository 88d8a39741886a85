//! `[roles]`: which model does what.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ModelRef, Role};

/// Which model does what: one model ref, or a list that is tried in order.
/// An empty role is filled by the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Roles {
    /// Everyday work. Not set: the first loaded local model that can use tools.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub coder: Candidates,
    /// Describes images. Not set: the first local model that can see.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub vision: Candidates,
    /// Hard work. Not set: "anthropic:claude-sonnet-5-5".
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub cloud: Candidates,
    /// Titles, topics, suggestions. Not set: the coder.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub background: Candidates,
    /// Turns that only run tools. Not set: the coder.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub tool: Candidates,
    /// Turns that ask for thinking. Not set: decided by the score.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub think: Candidates,
    /// Prompts longer than the coder's context. Not set: the cloud.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub long_context: Candidates,
    /// Requests with the web search server tool. Not set: the cloud.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub web_search: Candidates,
    /// Names the role of a turn in the grey band, with `routing.mode = "dispatcher"`.
    #[serde(skip_serializing_if = "Candidates::is_empty")]
    pub dispatcher: Candidates,
}

impl Roles {
    /// The candidates of a role; empty when it is not set.
    #[must_use]
    pub const fn get(&self, role: Role) -> &Candidates {
        match role {
            Role::Coder => &self.coder,
            Role::Vision => &self.vision,
            Role::Cloud => &self.cloud,
            Role::Background => &self.background,
            Role::Tool => &self.tool,
            Role::Think => &self.think,
            Role::LongContext => &self.long_context,
            Role::WebSearch => &self.web_search,
            Role::Dispatcher => &self.dispatcher,
        }
    }
}

/// Model refs in the order they are tried. One string or an array in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates(pub Vec<ModelRef>);

impl Candidates {
    /// The role is not set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The model refs, first choice first.
    pub fn iter(&self) -> std::slice::Iter<'_, ModelRef> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Candidates {
    type Item = &'a ModelRef;
    type IntoIter = std::slice::Iter<'a, ModelRef>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Serialize for Candidates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [only] = self.0.as_slice() {
            return only.serialize(serializer);
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for model in self {
            list.serialize_element(model)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Candidates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CandidatesVisitor)
    }
}

struct CandidatesVisitor;

impl<'de> Visitor<'de> for CandidatesVisitor {
    type Value = Candidates;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a model ref \"backend:model\", or an array of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Candidates, E> {
        let model = text.parse().map_err(E::custom)?;
        Ok(Candidates(vec![model]))
    }

    /// Every bad entry is named, not the first only: the whole list is one value to the checker.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Candidates, A::Error> {
        let (mut models, mut refusals) = (Vec::new(), Vec::new());
        while let Some(text) = list.next_element::<String>()? {
            match text.parse::<ModelRef>() {
                Ok(model) => models.push(model),
                Err(error) => refusals.push(error.to_string()),
            }
        }
        match refusals.is_empty() {
            true => Ok(Candidates(models)),
            false => Err(de::Error::custom(refusals.join("; "))),
        }
    }
}

impl JsonSchema for Candidates {
    fn schema_name() -> Cow<'static, str> {
        "Candidates".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let model = generator.subschema_for::<ModelRef>();
        json_schema!({
            "description": "One model ref, or a list that is tried in order.",
            "anyOf": [model, { "type": "array", "items": model }]
        })
    }
}
