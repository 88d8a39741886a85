//! Requests a client makes for itself, beside the work: what becomes of each kind.
//!
//! A local server keeps what it has read of one or a few prompts. A title that is made by the coder costs the session its
//! place there, and the next step of the work begins with reading the whole conversation again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Kind, Mode, Policy, Role};

/// Who deals with a request of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// It is answered here, without a model.
    Answer,
    /// The model of `roles.background`, as long as that is not the coder; else it is answered here, where that can be done.
    Background,
    /// As any other request.
    Coder,
}

/// Requests a client makes for itself, beside the work: what becomes of each kind. "answer" answers here without a model;
/// "background" asks roles.background, and answers here where that is not set or is the coder itself; "coder" treats it
/// as work. They are told apart in modes "auto" and "local" where there is a local coder whose cache is worth keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Throwaway {
    /// Whether there is quota left (one token, "quota"): "answer" says yes, "coder" asks a model.
    pub quota_probe: Handling,
    /// A title for the session: "answer" takes it from the first words, "background", or "coder".
    pub title: Handling,
    /// Whether a message begins a new topic (older clients): "answer" says no, "background", or "coder".
    pub topic: Handling,
    /// What the human may type next: "answer" suggests nothing, "background" (which reads the whole conversation for it), or "coder".
    pub suggestion: Handling,
    /// A recap for a human who was away: "answer" says nothing, "background", or "coder", who has read the conversation.
    pub recap: Handling,
    /// The prefix of a command or the files it names (older clients): "background" or "coder". The client's permissions
    /// hang on it, so it is never answered here.
    pub command: Handling,
    /// A summary of the conversation to go on with: "coder", who has read it, or "background". roles.long_context comes first.
    pub compaction: Handling,
}

impl Default for Throwaway {
    fn default() -> Self {
        Self {
            quota_probe: Handling::Answer,
            title: Handling::Background,
            topic: Handling::Background,
            suggestion: Handling::Answer,
            recap: Handling::Coder,
            command: Handling::Background,
            compaction: Handling::Coder,
        }
    }
}

impl Throwaway {
    /// What becomes of a kind; `None` for work.
    #[must_use]
    pub const fn handling(&self, kind: Kind) -> Option<Handling> {
        match kind {
            Kind::QuotaProbe => Some(self.quota_probe),
            Kind::Title => Some(self.title),
            Kind::Topic => Some(self.topic),
            Kind::Suggestion => Some(self.suggestion),
            Kind::Recap => Some(self.recap),
            Kind::Command => Some(self.command),
            Kind::Compaction => Some(self.compaction),
            Kind::Main | Kind::Subagent | Kind::WebSearch => None,
        }
    }

    /// Kinds nobody but a model can answer, and where the setting for each stands: for checking settings.
    #[must_use]
    pub const fn wrongly_answered(&self) -> [(&'static str, bool); 2] {
        [
            ("command", matches!(self.command, Handling::Answer)),
            ("compaction", matches!(self.compaction, Handling::Answer)),
        ]
    }
}

impl Kind {
    /// Says nothing about the work at hand: a turn is not remembered by it.
    #[must_use]
    pub const fn is_aside(self) -> bool {
        !matches!(self, Self::Main | Self::Subagent | Self::WebSearch)
    }

    /// There is an answer that needs no model and does no harm.
    #[must_use]
    pub const fn can_be_answered_here(self) -> bool {
        matches!(self, Self::QuotaProbe | Self::Title | Self::Topic | Self::Suggestion | Self::Recap)
    }

    /// What it is, in words.
    const fn words(self) -> &'static str {
        match self {
            Self::QuotaProbe => "quota probe",
            Self::Title => "a title for the session",
            Self::Topic => "the question whether a new topic begins",
            Self::Suggestion => "a suggestion of what to type next",
            Self::Recap => "a recap after a pause",
            Self::Command => "the prefix of a command",
            Self::Compaction => "a compaction",
            Self::Main | Self::Subagent | Self::WebSearch => "work",
        }
    }
}

/// What is to be done with a request that is no work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is answered here, for this reason.
    Here(String),
    /// These roles are asked, in order, for this reason; `alone` where no other model shall step in.
    Ask { roles: Vec<Role>, alone: bool, reason: String },
}

/// What becomes of a request of this kind. `named` is whether the client insists on a model or on the cloud.
pub(crate) fn way(kind: Kind, named: bool, policy: &Policy) -> Option<Way> {
    let handling = policy.throwaway.handling(kind)?;
    let what = kind.words();
    let here = |why: &str| Some(Way::Here(format!("{what}: answered here, {why}")));
    if kind == Kind::QuotaProbe {
        return (handling != Handling::Coder).then_some(()).and_then(|()| here("no model is asked"));
    }
    if named || policy.mode == Mode::Cloud || policy.role(Role::Coder).is_empty() {
        return None;
    }
    match (kind, handling) {
        (Kind::Compaction, _) if !policy.role(Role::LongContext).is_empty() => Some(Way::Ask {
            roles: vec![Role::LongContext],
            alone: false,
            reason: "a compaction: goes to the long-context model".into(),
        }),
        (Kind::Compaction, Handling::Coder) => Some(Way::Ask {
            roles: vec![Role::Coder],
            alone: false,
            reason: "a compaction: stays with the coder, who has read the conversation".into(),
        }),
        (_, Handling::Coder) => None,
        (_, Handling::Answer) if kind.can_be_answered_here() => here("no model is asked"),
        _ if is_apart(policy) => Some(Way::Ask {
            roles: vec![Role::Background],
            alone: kind.can_be_answered_here(),
            reason: format!("{what}: background work"),
        }),
        _ if kind.can_be_answered_here() => here("there is no background model, and the coder keeps its place"),
        _ => None,
    }
}

/// The background model is set, and none of the coder's.
fn is_apart(policy: &Policy) -> bool {
    let (background, coders) = (policy.role(Role::Background), policy.role(Role::Coder));
    !background.is_empty() && !background.iter().any(|model| coders.contains(model))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelRef;

    fn policy(background: Option<&str>) -> Policy {
        let mut policy = Policy::default();
        policy.roles.insert(Role::Coder, vec![ModelRef::new("lmstudio", "coder")]);
        policy.roles.insert(Role::Background, background.into_iter().map(|id| ModelRef::new("lmstudio", id)).collect());
        policy
    }

    fn short(way: Option<Way>) -> &'static str {
        match way {
            None => "work",
            Some(Way::Here(_)) => "here",
            Some(Way::Ask { roles, .. }) => roles[0].as_str(),
        }
    }

    #[test]
    fn by_default_the_coder_keeps_its_place() {
        let (without, with) = (policy(None), policy(Some("small")));
        for (kind, alone, aside) in [
            (Kind::QuotaProbe, "here", "here"),
            (Kind::Title, "here", "background"),
            (Kind::Topic, "here", "background"),
            (Kind::Suggestion, "here", "here"),
            (Kind::Recap, "work", "work"),
            (Kind::Command, "work", "background"),
            (Kind::Compaction, "coder", "coder"),
            (Kind::Main, "work", "work"),
        ] {
            assert_eq!(short(way(kind, false, &without)), alone, "{kind:?}");
            assert_eq!(short(way(kind, false, &with)), aside, "{kind:?}");
        }
    }

    #[test]
    fn a_background_model_that_is_the_coder_would_lose_the_same_place() {
        assert_eq!(short(way(Kind::Title, false, &policy(Some("coder")))), "here");
    }

    #[test]
    fn each_kind_can_be_switched_off() {
        let mut policy = policy(Some("small"));
        policy.throwaway = Throwaway {
            quota_probe: Handling::Coder,
            title: Handling::Coder,
            topic: Handling::Coder,
            suggestion: Handling::Coder,
            recap: Handling::Coder,
            command: Handling::Coder,
            compaction: Handling::Coder,
        };
        for kind in [Kind::QuotaProbe, Kind::Title, Kind::Topic, Kind::Suggestion, Kind::Recap, Kind::Command] {
            assert_eq!(way(kind, false, &policy), None, "{kind:?}");
        }
    }

    #[test]
    fn only_the_quota_probe_is_answered_here_where_there_is_no_place_to_keep() {
        let mut policy = policy(None);
        assert_eq!(way(Kind::Title, true, &policy), None, "the client names a model");
        policy.mode = Mode::Cloud;
        assert_eq!(way(Kind::Title, false, &policy), None);
        assert_eq!(short(way(Kind::QuotaProbe, true, &policy)), "here");
        let nobody_local = Policy::default();
        assert_eq!(way(Kind::Title, false, &nobody_local), None);
    }

    #[test]
    fn a_long_context_model_takes_compactions() {
        let mut policy = policy(None);
        policy.roles.insert(Role::LongContext, vec![ModelRef::new("x", "long")]);
        assert_eq!(short(way(Kind::Compaction, false, &policy)), "long_context");
    }
}
