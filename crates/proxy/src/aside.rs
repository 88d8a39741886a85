//! Questions of our own to a model: the dispatcher's, the adviser's, about a picture. One try, a whole answer.
//!
//! Each is written down with the request it was asked for, however it ends: a call to a cloud costs money.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use branchline_routing::ModelRef;
use branchline_wire::codec::openai_chat::ollama;
use branchline_wire::codec::{decode_response, encode_request};
use branchline_wire::hub::{Content, Request, plain_text};

use crate::backend::Backend;
use crate::budget::Spent;
use crate::call::Call;
use crate::cost::{self, Bill};
use crate::engine::Engine;
use crate::inbound::Inbound;
use crate::journal::whole_millis;
use crate::lane::Who;
use crate::record::{AsidePurpose, AsideRecord, Outcome, Place};
use crate::send::{Outbound, as_text, send, whole};
use crate::window;

/// Whether a cloud may be asked something for this request: not while it is private or the day's budget is met.
pub(crate) fn may_leave(engine: &Engine, call: &Call, inbound: &Inbound<'_>) -> bool {
    inbound.situation.private.is_none() && engine.budget.spent(&call.world.settings.budget).is_none()
}

/// What was asked for one request of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asides(Arc<Mutex<Vec<AsideRecord>>>);

impl Asides {
    /// The calls that have ended.
    pub(crate) fn so_far(&self) -> Vec<AsideRecord> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<AsideRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody to ask, for a request of a client.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) call: &'a Call,
    pub(crate) purpose: AsidePurpose,
    pub(crate) who: Who,
}

impl Asking<'_> {
    /// Asks, in its turn at a busy backend, and gives the answer's text; why there is none, in words.
    pub(crate) async fn ask(&self, backend: &Backend, request: &Request<'_>) -> Result<String, String> {
        let model = ModelRef::new(backend.name(), request.model.decode());
        let mut entry = Entry::begin(*self, backend, model);
        let said = entry.carry(backend, request).await;
        entry.aside.outcome = if said.is_ok() { Outcome::Ok } else { Outcome::Error };
        entry.aside.error = said.as_ref().err().cloned();
        said
    }
}

/// One call while it runs. Written down when it goes: a call nobody waits for any more was cancelled.
struct Entry<'a> {
    asking: Asking<'a>,
    model: ModelRef,
    login: cost::Login,
    reported: Option<u64>,
    asked: Instant,
    /// When its turn at the backend came.
    turn: Option<Instant>,
    aside: AsideRecord,
}

impl<'a> Entry<'a> {
    fn begin(asking: Asking<'a>, backend: &Backend, model: ModelRef) -> Self {
        let aside = AsideRecord {
            purpose: asking.purpose,
            backend: model.backend.clone(),
            model: model.model.clone(),
            place: if backend.resolved.local { Place::Local } else { Place::Cloud },
            outcome: Outcome::Cancelled,
            ..AsideRecord::default()
        };
        let login = cost::login(&backend.resolved, asking.call.header("authorization"));
        Self { asking, model, login, reported: None, asked: Instant::now(), turn: None, aside }
    }

    async fn carry(&mut self, backend: &Backend, request: &Request<'_>) -> Result<String, String> {
        let call = self.asking.call;
        let protocol = call.world.protocol(backend);
        let body = encode_request(protocol, request, backend.dialect()).body;
        let headers = backend.headers(protocol, &call.headers).await.map_err(|fault| fault.to_string())?;
        // With another window than the coder's requests a model that does both would be loaded anew each time.
        let native = window::in_each_request(&self.model, &call.world);
        let body = match native {
            Some(window) => ollama::request(&as_text(&body), window).map_or(body, String::into_bytes),
            None => body,
        };
        let outbound = Outbound { protocol, headers, body: body.into(), query: None, native: native.is_some() };
        let _slot = backend.lane.place(self.asking.who).await;
        self.turn = Some(Instant::now());
        let answer = send(backend, &outbound).await.map_err(|miss| miss.fault.to_string())?;
        let body = whole(backend, answer).await.map_err(|miss| miss.fault.to_string())?;
        let body = match native {
            Some(_) => ollama::Reader::default().chunk(&as_text(&body)),
            None => as_text(&body).into_owned(),
        };
        let response = decode_response(protocol.into(), &body).map_err(|failure| failure.message)?;
        self.aside.usage = (&response.usage).into();
        self.reported = response.usage.cost_nano_usd;
        Ok(plain_text(&Content::Blocks(response.content)).trim().to_owned())
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut aside = std::mem::take(&mut self.aside);
        aside.queued_ms = whole_millis(self.turn.unwrap_or_else(Instant::now).duration_since(self.asked));
        aside.duration_ms = self.turn.map_or(0, |turn| whole_millis(turn.elapsed()));
        let Asking { engine, call, .. } = self.asking;
        let bill = Bill {
            model: &self.model,
            // What nobody was sent costs nothing.
            place: if self.turn.is_some() { aside.place } else { Place::Nowhere },
            outcome: aside.outcome,
            usage: aside.usage,
            reported: self.reported,
            login: self.login,
        };
        (aside.usd, aside.source) = bill.paid(&call.world);
        engine.spend(&Spent::aside(&aside));
        call.asides.lock().push(aside);
    }
}
