//! What a request is decided by besides itself: the working folder, the project's settings, the user's rules,
//! what must not leave. Read only when something of it is set.

use std::sync::Arc;

use branchline_routing::folder::working_folder;
use branchline_routing::rule::{self, Circumstances, Clock, Day, Heard};
use branchline_routing::{NeverCloud, Policy, Rule};
use branchline_wire::hub::Request;
use http::HeaderMap;
use jiff::{Timestamp, Zoned};

use crate::call::{self, Call};
use crate::engine::Engine;
use crate::inbound::Inbound;
use crate::projects::{self, Project};
use crate::world::World;

/// Names the client's working folder.
pub(crate) const FOLDER: &str = "x-branchline-folder";

/// What was read of it.
#[derive(Debug, Default)]
pub(crate) struct Situation {
    /// The project that governs the request.
    pub(crate) project: Option<Arc<Project>>,
    /// What rules looked at; empty when there are none.
    pub(crate) at: Circumstances,
    /// Which words that rules look for stand in the human's words.
    pub(crate) heard: Heard,
    /// The rule that fits.
    pub(crate) ruled: Option<branchline_routing::Ruled>,
    /// Why the request must stay on the user's own machines.
    pub(crate) private: Option<String>,
}

impl Situation {
    /// The policy the request is decided by.
    pub(crate) fn policy<'s>(&'s self, call: &'s Call) -> &'s Policy {
        self.project.as_ref().map_or(&call.world.policy, |project| &project.policy)
    }

    /// The rules it is decided by.
    pub(crate) fn rules<'s>(&'s self, call: &'s Call) -> &'s [Rule] {
        self.project.as_ref().map_or(&*call.world.rules, |project| &project.rules)
    }

    /// What the log says of it besides the decision's own reasons.
    pub(crate) fn notes(&self) -> Option<String> {
        let project = self.project.as_ref()?;
        Some(project.problem.clone().unwrap_or_else(|| format!("{} holds here", project.file.display())))
    }
}

/// Reads the situation of a request. Nothing is remembered of it here: it is also read to explain.
pub(crate) async fn read(engine: &Arc<Engine>, call: &Call, inbound: &Inbound<'_>) -> Situation {
    if is_plain(&call.world) {
        return plain(call);
    }
    let folder = folder(call, inbound);
    let project = match &folder {
        Some(folder) => projects::governing(engine, folder, &call.world).await,
        None => None,
    };
    within(engine, call, inbound, folder, project)
}

/// The same on this thread, for an explanation somebody waits for.
pub(crate) fn read_here(engine: &Engine, call: &Call, inbound: &Inbound<'_>) -> Situation {
    if is_plain(&call.world) {
        return plain(call);
    }
    let folder = folder(call, inbound);
    let project = folder.as_deref().and_then(|folder| engine.projects.governing(folder, &call.world));
    within(engine, call, inbound, folder, project)
}

/// Nothing is set that could matter.
fn is_plain(world: &World) -> bool {
    world.rules.is_empty() && world.never_cloud.is_empty() && world.settings.projects.trusted.is_empty()
}

fn plain(call: &Call) -> Situation {
    Situation { private: call.private.clone(), ..Situation::default() }
}

fn within(
    engine: &Engine,
    call: &Call,
    inbound: &Inbound<'_>,
    folder: Option<String>,
    project: Option<Arc<Project>>,
) -> Situation {
    let never_cloud: &NeverCloud = &call.world.never_cloud;
    let by_project = project.as_ref().and_then(|project| project.private.clone());
    let private =
        by_project.or_else(|| call.private.clone()).or_else(|| never_cloud.find(&inbound.request, folder.as_deref()));
    let private = engine.turns.private(inbound.session, private);
    let mut situation = Situation { project, private, ..Situation::default() };
    if !situation.rules(call).is_empty() {
        situation.at = circumstances(call, inbound, folder);
        situation.heard = rule::hear(situation.rules(call), &inbound.turn);
        situation.ruled = rule::first(situation.rules(call), &inbound.turn, &situation.at);
    }
    situation
}

/// Whether a request that is only to be counted must stay on the user's own machines.
pub(crate) async fn must_stay(
    engine: &Arc<Engine>,
    world: &Arc<World>,
    request: &Request<'_>,
    headers: &HeaderMap,
) -> bool {
    let trusts = !world.settings.projects.trusted.is_empty();
    if world.never_cloud.is_empty() && !trusts {
        return false;
    }
    let folder = folder_in(headers, request);
    let project = match &folder {
        Some(folder) => projects::governing(engine, folder, world).await,
        None => None,
    };
    project.is_some_and(|project| project.private.is_some())
        || world.never_cloud.find(request, folder.as_deref()).is_some()
        || engine.turns.private(call::session(headers), None).is_some()
}

/// The client's working folder: a header of ours where it is sent, else what stands in the instructions.
pub(crate) fn folder(call: &Call, inbound: &Inbound<'_>) -> Option<String> {
    folder_in(&call.headers, &inbound.request)
}

fn folder_in(headers: &HeaderMap, request: &Request<'_>) -> Option<String> {
    call::header(headers, FOLDER).map(Into::into).or_else(|| working_folder(request))
}

/// What rules may look at.
pub(crate) fn circumstances(call: &Call, inbound: &Inbound<'_>, folder: Option<String>) -> Circumstances {
    let headers = call.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    Circumstances {
        model: inbound.request.model.decode().into_owned(),
        path: call.path.clone(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        project: folder,
        tools: inbound.request.tools.iter().map(|tool| tool.name.decode().into_owned()).collect(),
        clock: Some(clock(call.at)),
    }
}

#[expect(clippy::cast_sign_loss, reason = "hours, minutes and the number of a weekday are not negative")]
pub(crate) fn clock(at: Timestamp) -> Clock {
    let here: Zoned = at.to_zoned(jiff::tz::TimeZone::system());
    let minute = u16::from(here.hour() as u8) * 60 + u16::from(here.minute() as u8);
    Clock { minute, day: Day::ALL[here.weekday().to_monday_zero_offset() as usize] }
}
