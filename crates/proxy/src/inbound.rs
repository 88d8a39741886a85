//! Parsing a request: bytes to the hub and to what a decision needs, once.

use branchline_routing::queue::Urgency;
use branchline_routing::turn;
use branchline_routing::{Conversation, Dispatched, Forced, Kind, Target, Turn};
use branchline_wire::Protocol;
use branchline_wire::codec::{DecodeError, decode_request};
use branchline_wire::hub::{FailureKind, Request};
use branchline_wire::tokens;

use crate::advise::Advice;
use crate::call::Call;
use crate::fault::Fault;
use crate::lane::Who;
use crate::past;
use crate::situation::Situation;
use crate::turns::TurnKey;

/// Longest key that is taken for the name of a session.
const LONGEST_KEY: usize = 200;

/// A request that was understood.
#[derive(Debug)]
pub(crate) struct Inbound<'a> {
    pub(crate) request: Request<'a>,
    /// The session it belongs to, as far as the client names one.
    pub(crate) session: Option<&'a str>,
    pub(crate) turn: Turn,
    pub(crate) forced: Option<Forced>,
    pub(crate) asked: Target,
    pub(crate) tokens: u64,
    pub(crate) key: TurnKey,
    /// What it is decided by besides itself.
    pub(crate) situation: Situation,
    /// What the dispatcher model said about its turn.
    pub(crate) dispatched: Option<Dispatched>,
    /// Conclusions that belong into it.
    pub(crate) advice: Vec<Advice>,
}

/// Reads the body of `call`.
///
/// # Errors
/// No UTF-8, no JSON, no request of its protocol, a model or route that does not exist.
pub(crate) fn parse(call: &Call) -> Result<Inbound<'_>, Fault> {
    let text = simdutf8::compat::from_utf8(&call.body).map_err(|error| {
        let message = format!("body: not UTF-8 at byte {}", error.valid_up_to());
        Fault::new(FailureKind::InvalidRequest, "bad_request", message)
    })?;
    let request = decode_request(call.protocol, text)?;
    if says_nothing(call.protocol, &request) {
        let member = if call.protocol == Protocol::OpenaiResponses { "input" } else { "messages" };
        return Err(DecodeError::new(member, "at least one message is required").into());
    }
    let tokens = tokens::estimate(&request);
    let turn = turn::read(&request, tokens, call.subagent().is_some());
    let asked = asked(call, &request)?;
    let forced = forced(call)?;
    let session = call.session().or_else(|| cache_key(&request));
    let conversation = format!("{}/{}", session.unwrap_or_default(), call.subagent().unwrap_or_default());
    let key = TurnKey { conversation, before: 0, fingerprint: turn.fingerprint };
    let mut inbound = Inbound {
        request,
        session,
        turn,
        forced,
        asked,
        tokens,
        key,
        situation: Situation::default(),
        dispatched: None,
        advice: Vec::new(),
    };
    if !inbound.is_named() {
        inbound.key.before = inbound.before(turn::turn_start(&inbound.request.messages).unwrap_or(0));
    }
    Ok(inbound)
}

/// Clients of OpenAI Responses name a session by the key under which OpenAI would cache its prompts.
fn cache_key<'a>(request: &Request<'a>) -> Option<&'a str> {
    if request.protocol != Some(Protocol::OpenaiResponses) {
        return None;
    }
    let (_, key) = request.fields.iter().find(|(name, _)| *name == "prompt_cache_key")?;
    let key = key.strip_prefix('"')?.strip_suffix('"')?;
    (!key.is_empty() && key.len() <= LONGEST_KEY).then_some(key)
}

/// OpenAI's system prompt is a message too, and some clients send nothing else.
fn says_nothing(protocol: Protocol, request: &Request<'_>) -> bool {
    let system_counts = protocol != Protocol::Anthropic && !request.system.is_empty();
    request.messages.is_empty() && !system_counts
}

/// What the model id means: an alias of the settings first.
fn asked(call: &Call, request: &Request<'_>) -> Result<Target, Fault> {
    let id = request.model.decode();
    match named(call, &id) {
        Some(alias) => Ok(alias),
        None => Ok(Target::from_model_id(&id, &call.world.catalog)?),
    }
}

fn named(call: &Call, id: &str) -> Option<Target> {
    // Those three have a meaning of their own, whatever pattern they fit.
    let alias = call.world.settings.alias(id).filter(|_| !matches!(id, "" | "auto" | "local" | "cloud"))?;
    Some(Target::Named { name: alias.name.to_owned(), models: alias.models.to_vec() })
}

fn forced(call: &Call) -> Result<Option<Forced>, Fault> {
    let catalog = &call.world.catalog;
    if let Some(route) = call.header("x-force-route") {
        // A pattern is for the names agents send by themselves; who forces a route names the alias.
        let alias = named(call, route).filter(|alias| matches!(alias, Target::Named { name, .. } if name == route));
        let target = match alias {
            Some(alias) => alias,
            None => Target::from_route(route, catalog)?,
        };
        return Ok(Some(Forced { target, by: "header X-Force-Route".into() }));
    }
    Ok(call.tag.clone().map(|target| Forced { target, by: "tag in the prompt".into() }))
}

impl Inbound<'_> {
    /// Whose turn it is at a busy backend.
    pub(crate) fn who(&self) -> Who {
        let urgency = match self.turn.kind {
            Kind::Title | Kind::Topic | Kind::Suggestion | Kind::Recap | Kind::Command => Urgency::Background,
            Kind::Subagent => Urgency::Subagent,
            _ => Urgency::Main,
        };
        Who { urgency, flow: self.conversation(), last: true }
    }

    /// The same number for all requests of one session and agent; a client that names none has one for each turn.
    pub(crate) fn conversation(&self) -> u64 {
        if self.is_named() { Conversation::key_of(&self.key.conversation) } else { self.key.fingerprint }
    }

    /// The client names its session or its agent.
    fn is_named(&self) -> bool {
        self.key.conversation.len() > 1
    }

    /// What tells this conversation, up to that message, from others of clients that name none; 0 where it has a name.
    pub(crate) fn before(&self, message: usize) -> u64 {
        if self.is_named() { 0 } else { past::before(&self.request, message) }
    }

    /// A later request of its turn. The same words said again begin a turn of their own.
    pub(crate) fn goes_on(&self) -> bool {
        self.turn.structure.tool_results_in_turn > 0 || self.turn.struggle.cut_off > 0
    }

    /// A request whose turn shall not be remembered: it says nothing about the work at hand.
    pub(crate) fn is_aside(&self) -> bool {
        self.turn.kind.is_aside()
    }
}
