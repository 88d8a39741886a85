//! What the user's own log makes of the policy: the threshold that sends a wanted share of turns to the cloud, and the
//! points that outcomes taught.

use std::collections::HashMap;

use branchline_routing::{Kind, Offset, Sample};

use crate::engine::Engine;
use crate::record::Record;
use crate::store::{RecordFilter, Result};

/// Records looked at for a threshold: about the last days.
const LOOKED_AT: usize = 2_000;
/// A threshold that moves by less stays where it is.
const WORTH: u8 = 2;

/// What is added to the settings to make the policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tuning {
    /// The threshold for `routing.cloud_share`, once it was computed.
    pub(crate) threshold: Option<u8>,
    /// What outcomes taught.
    pub(crate) offset: Offset,
}

/// Which turn a record belongs to: conversation and fingerprint.
pub(crate) type TurnId = (String, u64);

/// The turn of a record; none for requests that are no work of the user's: titles, probes, summaries.
pub(crate) fn turn_of(record: &Record) -> Option<TurnId> {
    let facts = record.decision.facts.as_ref()?;
    let work = matches!(facts.turn.kind, Kind::Main | Kind::Subagent) && record.replay_of.is_none() && !record.doctor;
    work.then(|| (conversation(record), facts.turn.fingerprint))
}

/// The session and the agent, as the client names them.
pub(crate) fn conversation(record: &Record) -> String {
    format!("{}/{}", record.session.as_deref().unwrap_or_default(), record.agent.as_deref().unwrap_or_default())
}

impl Engine {
    /// The scores of the turns in the log, each at its highest.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub async fn sample(&self) -> Result<Sample> {
        let filter = RecordFilter { limit: Some(LOOKED_AT), ..RecordFilter::default() };
        let mut turns: HashMap<TurnId, u8> = HashMap::new();
        for record in self.store.records(filter).await? {
            if let (Some(turn), Some(score)) = (turn_of(&record), record.decision.score) {
                let highest = turns.entry(turn).or_default();
                *highest = score.max(*highest);
            }
        }
        Ok(Sample::of(turns.into_values()))
    }

    /// Computes the threshold anew where the settings name a share, and puts it in force.
    pub async fn retune(&self) {
        let wanted = self.world().settings.routing.cloud_share;
        let threshold = match wanted {
            None => None,
            Some(percent) => match self.sample().await {
                Ok(sample) => Some(sample.threshold_for(percent)),
                Err(error) => {
                    tracing::warn!(%error, "the threshold for routing.cloud_share cannot be computed");
                    return;
                }
            },
        };
        let same = |old: Option<u8>| match (old, threshold) {
            (Some(old), Some(new)) => old.abs_diff(new) < WORTH,
            (old, new) => old == new,
        };
        self.tune(|tuning| (!same(tuning.threshold)).then_some(Tuning { threshold, ..tuning.clone() }));
    }
}
