//! Changed `never_cloud` words and paths, tried on the requests whose bodies were kept in full. Of the others nobody can say
//! what would have been found.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use branchline_routing::Facts;
use branchline_settings::Settings;
use branchline_wire::codec::decode_request;

use crate::record::Record;
use crate::replay::request_of;
use crate::store::{Result, Store};
use crate::turns::EARLIER;
use crate::world::World;

/// What each side finds in a request, by the request's id.
pub(super) type Found = HashMap<String, [Option<String>; 2]>;

/// Whether other words or paths are looked for. Working folders are tried without the words of a request.
pub(super) fn differs(now: &Settings, then: &Settings) -> bool {
    let [now, then] = [now, then].map(|settings| (&settings.never_cloud.texts, &settings.never_cloud.paths));
    now != then
}

/// Looks through all requests that were kept, with the rules of both sides.
pub(super) async fn search(store: &Store, records: &[Record], sides: [&Arc<World>; 2]) -> Result<Found> {
    let mut found = Found::new();
    for record in records {
        // Lists come without bodies: all of them at a time may be a gigabyte.
        let Some(whole) = store.record(record.id.as_str()).await? else { continue };
        found.extend(search_one(&whole, sides).map(|both| (whole.id.clone(), both)));
    }
    Ok(found)
}

fn search_one(record: &Record, sides: [&Arc<World>; 2]) -> Option<[Option<String>; 2]> {
    let (protocol, body) = request_of(record).ok()?;
    let request = decode_request(protocol, std::str::from_utf8(&body).ok()?).ok()?;
    Some(sides.map(|world| world.never_cloud.find(&request, None)))
}

/// What one side finds, request by request, oldest first.
pub(super) struct Words<'f> {
    found: &'f Found,
    nth: usize,
    /// Sessions something was found in, and those nothing was found in yet.
    private: RefCell<HashSet<String>>,
    known: RefCell<HashSet<String>>,
}

impl<'f> Words<'f> {
    pub(super) fn new(found: &'f Found, nth: usize) -> Self {
        Self { found, nth, private: RefCell::default(), known: RefCell::default() }
    }

    /// Puts into the facts what is found; says whether the words were there to look.
    pub(super) fn judge(&self, record: &Record, facts: &mut Facts) -> bool {
        let found = self.found.get(&record.id);
        let session = record.session.as_deref();
        let is_known = session.is_some_and(|session| self.known.borrow().contains(session));
        if let Some(both) = found {
            // What was not found in these words stands: the folder, and a session that began before the first of the requests.
            let from_words = |why: &str| why.starts_with("never_cloud.") || (why.starts_with(EARLIER) && is_known);
            let stands = facts.private.take().filter(|why| !from_words(why));
            facts.private = both[self.nth].clone().or(stands);
        }
        let Some(session) = session else { return found.is_some() };
        self.known.borrow_mut().insert(session.to_owned());
        if facts.private.is_some() {
            self.private.borrow_mut().insert(session.to_owned());
        } else if self.private.borrow().contains(session) {
            facts.private = Some(format!("{EARLIER}something of never_cloud was found"));
        }
        found.is_some()
    }
}
