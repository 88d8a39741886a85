//! The memory of turns: what was decided and learned for the requests of one tool loop, so that a task moves at most
//! once, upward; and what must be remembered of a whole conversation.

use std::sync::Arc;
use std::time::Duration;

use branchline_routing::{Answers, Decision, Dispatched, Earlier};

use crate::advise::Advice;
use crate::memory::Memory;
use crate::store::Store;

/// Turns remembered at the same time.
const TURNS: usize = 2_000;
/// A turn nobody has gone on with for so long is over.
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// A conversation nobody has gone on with for so long is over.
const CONVERSATION_IDLE: Duration = Duration::from_secs(24 * 60 * 60);
/// Private sessions remembered at the same time.
const PRIVATE: usize = TURNS * 4;
/// Before the reason why a session is private.
pub(crate) const EARLIER: &str = "earlier in this session ";
/// Conclusions kept of one conversation.
const ADVICE: usize = 64;

/// The backend of a pool that answered each conversation last: it has the prompt in its cache.
#[derive(Clone, Debug)]
pub(crate) struct Homes(Memory<u64, String>);

impl Default for Homes {
    fn default() -> Self {
        Self(Memory::idle(TURNS, IDLE))
    }
}

impl Homes {
    pub(crate) fn of(&self, conversation: u64) -> Option<String> {
        self.0.get(&conversation)
    }

    pub(crate) fn keep(&self, conversation: u64, backend: &str) {
        if self.of(conversation).as_deref() != Some(backend) {
            self.0.insert(conversation, backend.to_owned());
        }
    }
}

/// Which turn of which conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TurnKey {
    /// Session and agent as the client names them; empty for clients that do not.
    pub(crate) conversation: String,
    /// What those have said before the turn, as a number; 0 for those that do.
    pub(crate) before: u64,
    /// `Turn::fingerprint`.
    pub(crate) fingerprint: u64,
}

/// Remembers.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    decided: Memory<TurnKey, Earlier>,
    answers: Memory<TurnKey, Answers>,
    dispatched: Memory<TurnKey, Dispatched>,
    advice: Memory<String, Arc<Vec<Advice>>>,
    private: Memory<String, Arc<str>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            decided: Memory::idle(TURNS, IDLE),
            answers: Memory::idle(TURNS, IDLE),
            dispatched: Memory::idle(TURNS, IDLE),
            advice: Memory::idle(TURNS / 4, CONVERSATION_IDLE),
            private: Memory::idle(PRIVATE, CONVERSATION_IDLE),
        }
    }
}

impl Turns {
    pub(crate) fn earlier(&self, key: &TurnKey) -> Option<Earlier> {
        self.decided.get(key)
    }

    /// Keeps what was decided for a turn by itself. A forced request says nothing about its turn.
    pub(crate) fn keep(&self, key: TurnKey, decision: &Decision) {
        let before = self.earlier(&key);
        if let Some(earlier) = earlier_after(decision, before) {
            self.decided.insert(key, earlier);
        }
    }

    /// What the answers of a turn were like.
    pub(crate) fn answers(&self, key: &TurnKey) -> Answers {
        self.answers.get(key).unwrap_or_default()
    }

    /// Adds what was wrong with one answer.
    pub(crate) fn note_answer(&self, key: &TurnKey, one: Answers) {
        if one == Answers::default() {
            return;
        }
        let before = self.answers(key);
        let sum = Answers {
            empty: before.empty + one.empty,
            truncated: before.truncated + one.truncated,
            malformed: before.malformed + one.malformed,
        };
        self.answers.insert(key.clone(), sum);
    }

    /// What the dispatcher said about a turn, if it was asked.
    pub(crate) fn dispatched(&self, key: &TurnKey) -> Option<Dispatched> {
        self.dispatched.get(key)
    }

    /// Keeps what the dispatcher said; also that it was of no help, so that it is not waited for again.
    pub(crate) fn dispatch(&self, key: TurnKey, said: Dispatched) {
        self.dispatched.insert(key, said);
    }

    /// The conclusions of a conversation.
    pub(crate) fn advice(&self, conversation: &str) -> Arc<Vec<Advice>> {
        self.advice.get(conversation).unwrap_or_default()
    }

    /// Keeps one more.
    pub(crate) fn advised(&self, conversation: &str, advice: Advice) {
        let mut all = self.advice(conversation).as_ref().clone();
        all.push(advice);
        let surplus = all.len().saturating_sub(ADVICE);
        all.drain(..surplus);
        self.advice.insert(conversation.to_owned(), Arc::new(all));
    }

    /// Why a request is private: what was found in it, else what was found earlier in its session. A summary of the
    /// conversation no longer holds the words, but tells what they said.
    pub(crate) fn private(&self, session: Option<&str>, found: Option<String>) -> Option<String> {
        found.or_else(|| self.private.get(session?).map(|why| format!("{EARLIER}{why}")))
    }

    /// From now on its session is private. Only for requests that are carried out: asking what would become of one
    /// changes nothing.
    pub(crate) fn keep_private(&self, session: Option<&str>, why: Option<&str>) {
        if let (Some(session), Some(why)) = (session, why)
            && self.private.get(session).is_none()
        {
            self.private.insert(session.to_owned(), why.strip_prefix(EARLIER).unwrap_or(why).into());
        }
    }

    /// Takes over which sessions were private before a restart, as far as they may still go on.
    pub(crate) async fn recall(&self, store: &Store) {
        match store.private_sessions(CONVERSATION_IDLE, PRIVATE as u64).await {
            Ok(sessions) => {
                for (session, why) in &sessions {
                    self.keep_private(Some(session), Some(why));
                }
            }
            Err(error) => tracing::warn!(%error, "which sessions are private cannot be read"),
        }
    }
}

/// What later requests of the turn have to know of a decision, and of what they knew `before` it.
pub(crate) fn earlier_after(decision: &Decision, before: Option<Earlier>) -> Option<Earlier> {
    let first = decision.candidates.first()?;
    let escalated = decision.escalated.is_some() || before.is_some_and(|earlier| earlier.escalated);
    Some(Earlier { score: decision.score.raw, cloud: !first.local && first.fallback.is_none(), escalated })
}
