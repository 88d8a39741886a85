//! Says what to tell, when it is time to.

use std::sync::Arc;
use std::time::Instant;

use branchline_proxy::LiveEvent;

use super::{Notice, Notices, stopped};
use crate::desk::{Desk, Ears, Phase, Problem};
use crate::words::Spoken;

/// Follows what happens.
#[derive(Debug)]
pub struct Teller {
    desk: Arc<Desk>,
    ears: Ears,
    notices: Notices,
    phase: Phase,
}

impl Teller {
    /// Begins to listen.
    #[must_use]
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { ears: desk.ears(), phase: desk.now().phase, desk, notices: Notices::default() }
    }

    /// What to tell next; `None` when the program is ending.
    pub async fn next(&mut self) -> Option<Vec<Notice>> {
        loop {
            let due = self.notices.next_due().map(tokio::time::Instant::from_std);
            let notices: Vec<_> = tokio::select! {
                event = self.ears.hear() => self.hear(event?).into_iter().collect(),
                () = sleep_until(due) => self.notices.due(self.spoken(), Instant::now()),
            };
            if !notices.is_empty() {
                return Some(notices);
            }
        }
    }

    fn spoken(&self) -> Spoken {
        Spoken::wanted(self.desk.engine().world().settings.window.language)
    }

    fn hear(&mut self, event: LiveEvent) -> Option<Notice> {
        let moment = self.desk.now();
        let settings = moment.engine.world().settings.notifications;
        let before = std::mem::replace(&mut self.phase, moment.phase);
        let spoken = self.spoken();
        let event = in_words(event, moment.problem.as_ref(), spoken);
        let is_about_us = matches!(event, LiveEvent::ServerChanged { .. });
        if before == Phase::Stopping && moment.phase == Phase::Stopped {
            return stopped(moment.cut_off, settings, spoken);
        }
        // While nothing is served nobody misses a backend.
        let matters = is_about_us || moment.phase == Phase::Running;
        matters.then(|| self.notices.hear(&event, settings, spoken, Instant::now())).flatten()
    }
}

/// A taken port is told in the user's language; other reasons are the engine's.
fn in_words(event: LiveEvent, problem: Option<&Problem>, spoken: Spoken) -> LiveEvent {
    let held = problem.and_then(|problem| problem.taken.as_ref());
    match (event, held) {
        (LiveEvent::ServerChanged { running, problem: Some(_) }, Some(held)) => {
            let said = (spoken.words().port_taken)(held.port, held.holder.as_deref());
            LiveEvent::ServerChanged { running, problem: Some(said) }
        }
        (event, _) => event,
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
