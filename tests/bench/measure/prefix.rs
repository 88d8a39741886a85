//! How much of a prompt a local server can reuse: bytes of the last request's rendered messages that stand
//! unchanged at the beginning of the next one's.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::bodies::session;
use crate::error::Result;
use crate::lane::Lane;
use crate::upstream::{Manner, Upstream};

/// Over a whole session.
#[derive(Debug, Serialize)]
pub(crate) struct Prefix {
    pub(crate) turns: usize,
    /// Bytes of messages that could be reused.
    pub(crate) possible: usize,
    /// Bytes that were.
    pub(crate) reused: usize,
}

impl Prefix {
    pub(crate) fn percent(&self) -> f64 {
        self.reused as f64 / self.possible.max(1) as f64 * 100.0
    }
}

/// What stands before and in the messages of a rendered request.
struct Prompt {
    messages: String,
    /// The other members: a changed tool or option moves everything behind it.
    rest: Vec<(String, String)>,
}

/// Runs a session of so many turns.
pub(crate) async fn measure(lane: &Lane, upstream: &Upstream, turns: usize) -> Result<Prefix> {
    let manner = Manner::at_once(false);
    upstream.answer(manner);
    let mut prompts = Vec::new();
    for request in session(turns) {
        lane.exchange(upstream, manner, &request).await?;
        prompts.push(prompt(&upstream.last())?);
    }
    let mut measured = Prefix { turns, possible: 0, reused: 0 };
    for pair in prompts.windows(2) {
        let [before, after] = pair else { continue };
        // The closing bracket is no part of the prompt.
        let possible = before.messages.len() - 1;
        let same = before.messages.bytes().zip(after.messages.bytes()).take_while(|(a, b)| a == b).count();
        measured.possible += possible;
        measured.reused += if before.rest == after.rest { same.min(possible) } else { 0 };
    }
    Ok(measured)
}

fn prompt(body: &[u8]) -> Result<Prompt> {
    let members: HashMap<String, &RawValue> = serde_json::from_slice(body)?;
    let mut members: Vec<_> = members.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
    members.sort();
    let (messages, rest): (Vec<_>, Vec<_>) = members.into_iter().partition(|(name, _)| name == "messages");
    Ok(Prompt { messages: messages.into_iter().map(|(_, value)| value).collect(), rest })
}
