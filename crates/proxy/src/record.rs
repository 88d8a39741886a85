//! What is kept of one request.
//!
//! Plain types of their own, tied to no wire or routing type (but for [`DecisionRecord::facts`], which is there to be
//! decided from again and may be missing): a record written today must still be
//! readable when those have moved on. So every field has a default, unknown fields are ignored,
//! and an enum value this version does not know reads as `Unknown`. Nothing here holds a key:
//! request and response headers are not part of a record; what rules may look at of them is kept beside it, without
//! what may be a key ([`DecisionRecord::surroundings`]).

use branchline_routing::{Decision, Facts};
use branchline_wire::hub::Usage;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::money::Usd;

/// One request as the log, the window and the database know it. Times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(rename = "RequestRecord")] // TypeScript has a Record of its own
pub struct Record {
    /// `req_…`, the same id as in the `x-branchline-request-id` response header.
    pub id: String,
    /// When the request arrived; kept and written as whole milliseconds since 1970.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    #[ts(type = "number")]
    pub at: Timestamp,
    /// From the request's arrival to the last byte of the answer.
    pub duration_ms: u64,
    /// From the request's arrival to the first token of the answer; none when none came.
    pub ttft_ms: Option<u64>,
    /// The protocol the client spoke, as `wire::Protocol` names it.
    pub protocol_in: String,
    pub path: String,
    /// The client's user agent.
    pub client: Option<String>,
    /// The client's session id.
    pub session: Option<String>,
    /// The subagent's id, when a subagent asked.
    pub agent: Option<String>,
    pub stream: bool,
    /// The model id the client asked for.
    pub requested_model: String,
    pub decision: DecisionRecord,
    /// Every backend that was tried, in order; the last one is the one that answered, if any did.
    pub attempts: Vec<AttemptRecord>,
    /// The backend that answered.
    pub backend: Option<String>,
    /// The model that answered, without its backend.
    pub model: Option<String>,
    pub upstream_protocol: Option<String>,
    /// Whose machine answered.
    pub place: Place,
    /// HTTP status the client saw.
    pub status: u16,
    pub outcome: Outcome,
    /// The request this one tried again with another model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub replay_of: Option<String>,
    /// A question of the doctor's, not of a client: it says nothing about the user's work.
    pub doctor: bool,
    /// The name the server answered under, where that is another model than the one that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub answered_as: Option<String>,
    /// Why the answer came from another candidate than the first, in words.
    pub fallback: Option<String>,
    pub usage: UsageRecord,
    pub cost: CostRecord,
    /// Time spent waiting for a turn at busy backends, within `duration_ms`.
    pub queued_ms: u64,
    pub estimated_input_tokens: u64,
    /// What a conversion could not carry.
    pub dropped: Vec<DroppedRecord>,
    /// Changes made to the request on its way, in words.
    pub edits: Vec<String>,
    /// What was repaired in the answer, in words.
    pub repairs: Vec<String>,
    /// What the prompt diet of the model left out; none where it has none.
    pub diet: Option<DietRecord>,
    /// Tokens the model that answered was expected to count: our estimate, corrected by what it counted before.
    pub expected_input_tokens: u64,
    pub images: ImageCounts,
    /// Calls of our own to models, made for this request on the way to its answer, in the order in which they ended.
    /// They are no requests of the client; what they cost is not in `cost`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<AsideRecord>>")]
    pub asides: Vec<AsideRecord>,
    pub error: Option<ErrorRecord>,
    /// Size of the client's request body.
    pub bytes_in: u64,
    /// Size of the answer's body.
    pub bytes_out: u64,
    /// Only when `log.bodies` asks for them. Lists of records come without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bodies: Option<Bodies>,
}

impl Record {
    /// The same record with no bodies in it.
    #[must_use]
    pub fn without_bodies(&self) -> Self {
        Self { bodies: None, ..self.clone() }
    }
}

/// Where the request went and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct DecisionRecord {
    /// What sort of request it was, in a word: a main turn, a title, a subagent's…
    pub kind: String,
    /// The role it was given to: `coder`, `cloud`, `background`…
    pub role: String,
    /// 0–100; none when nothing was scored, as for a request answered here.
    pub score: Option<u8>,
    pub points: Vec<PointRecord>,
    /// In words, in the order the steps added them.
    pub reasons: Vec<String>,
    /// Model refs (`backend:model`), the first choice first.
    pub candidates: Vec<String>,
    /// The turn moved to a stronger model with this request: why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub escalated: Option<String>,
    /// It had to stay on the user's own machines: why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub private: Option<String>,
    /// What it was made from, so that it can be made again.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "if_readable")]
    #[ts(skip)]
    pub facts: Option<Box<Facts>>,
    /// Stands for the policy and the models it was made under: `Store::conditions` has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(skip)]
    pub conditions: Option<String>,
    /// Stands for what rules could look at besides the request's turn: `Store::surroundings` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(skip)]
    pub surroundings: Option<String>,
}

impl DecisionRecord {
    /// What is kept of a decision.
    #[must_use]
    pub fn of(decision: &Decision) -> Self {
        let points = decision.score.points.iter().map(|point| PointRecord {
            signal: point.signal.label().into(),
            points: point.points,
            why: point.why.clone(),
        });
        let kind = serde_json::to_value(decision.kind).ok();
        Self {
            kind: kind.and_then(|word| word.as_str().map(Into::into)).unwrap_or_default(),
            role: decision.role.as_str().into(),
            score: (!decision.answer_here).then_some(decision.score.value),
            points: points.collect(),
            reasons: decision.reasons.clone(),
            candidates: decision.candidates.iter().map(|candidate| candidate.model.to_string()).collect(),
            escalated: decision.escalated.clone(),
            private: decision.private.clone(),
            facts: None,
            conditions: None,
            surroundings: None,
        }
    }
}

/// Facts of another version that do not read any more must not take their record along.
fn if_readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<Facts>>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

/// One signal's part of the score.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct PointRecord {
    pub signal: String,
    pub points: f32,
    pub why: String,
}

/// One try at one backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct AttemptRecord {
    pub backend: String,
    pub model: String,
    /// HTTP status of the backend; none when it gave none.
    pub status: Option<u16>,
    pub error: Option<String>,
    /// Without the waiting before it.
    pub duration_ms: u64,
    /// Wait for a turn at this backend before the try.
    pub queued_ms: u64,
    /// Requests that were before it in the queue.
    pub ahead: u32,
    /// Wait before the try because the one before had failed.
    pub backoff_ms: u64,
    /// The backend was not called: it is left alone for a while after failures, or the queue was too long.
    pub skipped: bool,
}

/// How the request ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    Error,
    /// The client went away.
    Cancelled,
    /// No model was called.
    AnsweredHere,
    /// Written by another version of this program.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Outcome {
    /// The word it is stored and filtered by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::AnsweredHere => "answered_here",
            Self::Unknown => "unknown",
        }
    }
}

/// Whose machine did the work. Kept beside the role, because a forced model or a fallback can send
/// a request of any role to either side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Local,
    Cloud,
    /// Answered here, or never sent; also what a value of another version reads as.
    #[default]
    #[serde(other)]
    Nowhere,
}

impl Place {
    /// The word it is stored by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cloud => "cloud",
            Self::Nowhere => "nowhere",
        }
    }
}

/// Tokens as the backend reported them; zero where it said nothing. As in Anthropic's usage,
/// `input` does not hold the cached ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct UsageRecord {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// The part of `cache_write` that is kept for an hour.
    pub cache_write_hour: u64,
    /// The part of `output` spent on thinking.
    pub reasoning: u64,
}

impl From<&Usage> for UsageRecord {
    fn from(usage: &Usage) -> Self {
        Self {
            input: usage.input.unwrap_or(0),
            output: usage.output.unwrap_or(0),
            cache_read: usage.cache_read.unwrap_or(0),
            cache_write: usage.cache_write.unwrap_or(0),
            cache_write_hour: usage.cache_write_hour.unwrap_or(0),
            reasoning: usage.reasoning.unwrap_or(0),
        }
    }
}

/// One call of our own to a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct AsideRecord {
    pub purpose: AsidePurpose,
    pub backend: String,
    /// The model, without its backend.
    pub model: String,
    pub place: Place,
    /// `cancelled` when nobody waited for the answer any more: the client left, or its time was up.
    pub outcome: Outcome,
    /// Why there was no answer, in words.
    pub error: Option<String>,
    pub usage: UsageRecord,
    /// US dollars; none when nobody knows the price.
    pub usd: Option<Usd>,
    pub source: CostSource,
    /// Without the waiting before it.
    pub duration_ms: u64,
    /// Wait for a turn at this backend.
    pub queued_ms: u64,
}

/// What a call of our own was for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum AsidePurpose {
    /// Naming the role of a turn.
    Dispatcher,
    /// The conclusion of a model that thinks but calls no tools.
    Adviser,
    /// Describing a picture.
    Vision,
    /// Written by another version of this program.
    #[default]
    #[serde(other)]
    Unknown,
}

impl AsidePurpose {
    /// The word it is stored and shown by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dispatcher => "dispatcher",
            Self::Adviser => "adviser",
            Self::Vision => "vision",
            Self::Unknown => "unknown",
        }
    }
}

/// What the request cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct CostRecord {
    /// US dollars; none when nobody knows the price, which is not the same as nothing.
    pub usd: Option<Usd>,
    pub source: CostSource,
    /// What the first model of the role `cloud` would have taken for the same tokens.
    pub all_cloud_usd: Option<Usd>,
    /// That model, as a model ref.
    pub all_cloud_model: Option<String>,
    /// `all_cloud_usd` less `usd`; below zero when a dearer model answered.
    pub saved_usd: Option<Usd>,
}

/// Who says what a request cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum CostSource {
    /// The user's own hardware.
    Local,
    /// No model worked: answered here, or refused.
    Nothing,
    /// The provider, with its answer.
    Reported,
    /// The prices of the settings.
    Settings,
    /// The built-in table.
    Table,
    /// The client's login is a subscription.
    Subscription,
    /// Nobody.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One thing a conversion could not carry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct DroppedRecord {
    /// Where it stood in the request, e.g. `messages[3].content[1]`.
    pub path: String,
    pub reason: String,
}

/// What became of the images of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct ImageCounts {
    pub total: u32,
    /// Described by the vision model for this request.
    pub described: u32,
    /// Description known already.
    pub cached: u32,
    pub failed: u32,
}

/// What a prompt diet did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct DietRecord {
    /// Tools left out.
    pub tools: u32,
    /// Tokens of the tools before, as estimated.
    pub tokens_before: u64,
    /// And after.
    pub tokens_after: u64,
}

/// The error the client was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct ErrorRecord {
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
}

/// Bodies of the request and its answer, already redacted where the settings say so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct Bodies {
    pub request: Option<String>,
    pub response: Option<String>,
}

impl Bodies {
    /// Bytes of text held.
    #[must_use]
    pub fn len(&self) -> usize {
        let length = |body: &Option<String>| body.as_ref().map_or(0, String::len);
        length(&self.request) + length(&self.response)
    }

    /// Whether no byte of either body is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_record_with_few_fields_still_reads() {
        let record: Record = serde_json::from_str(r#"{"id":"req_1","at":1700000000123,"status":200}"#).unwrap();
        assert_eq!(record.id, "req_1");
        assert_eq!(record.at.as_millisecond(), 1_700_000_000_123);
        assert_eq!(record.outcome, Outcome::Unknown);
        assert_eq!(record.bodies, None);
    }

    #[test]
    fn a_newer_record_with_unknown_fields_and_words_still_reads() {
        let record: Record = serde_json::from_str(
            r#"{"id":"req_2","at":0,"outcome":"teleported","place":"moon","price":{"usd":1},
                "decision":{"role":"coder","mood":"good"}}"#,
        )
        .unwrap();
        assert_eq!(record.outcome, Outcome::Unknown);
        assert_eq!(record.place, Place::Nowhere);
        assert_eq!(record.decision.role, "coder");
    }

    #[test]
    fn the_words_of_the_enums_are_the_words_of_their_json() {
        use Outcome::{AnsweredHere, Cancelled, Error, Ok, Unknown};
        for outcome in [Ok, Error, Cancelled, AnsweredHere, Unknown] {
            let json = serde_json::to_value(outcome).unwrap();
            assert_eq!(json, outcome.as_str());
        }
        for place in [Place::Local, Place::Cloud, Place::Nowhere] {
            assert_eq!(serde_json::to_value(place).unwrap(), place.as_str());
        }
    }

    #[test]
    fn a_record_comes_back_from_its_json_as_it_was() {
        let record = Record {
            id: "req_3".into(),
            at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
            outcome: Outcome::AnsweredHere,
            decision: DecisionRecord {
                score: Some(40),
                points: vec![PointRecord { signal: "tokens".into(), points: 12.5, why: "9,000 tokens".into() }],
                ..DecisionRecord::default()
            },
            bodies: Some(Bodies { request: Some("{}".into()), response: None }),
            ..Record::default()
        };
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        assert!(!serde_json::to_string(&record.without_bodies()).unwrap().contains("bodies"));
    }
}
