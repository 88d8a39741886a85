//! `count_tokens`: by the backend's own counter where it has one, else by our estimate, corrected by what it counted before.
//!
//! Claude Code asks some twenty-four times at once, the VS Code extension fifty (codex-proxy #612): counts are kept by what
//! was counted, only a few are asked for at a time, and nobody waits long. A model that is not loaded is never woken for it.

use std::sync::Arc;
use std::time::Duration;

use branchline_routing::{Candidate, ModelRef, Role, Target};
use branchline_wire::Upstream;
use branchline_wire::codec::{DecodeError, anthropic, encode_request, patch_request};
use branchline_wire::edit::{self, Edit};
use branchline_wire::hub::Request;
use branchline_wire::tokens;
use http::HeaderMap;
use moka::sync::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::backend::Backend;
use crate::diet;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::later::{Later, later};
use crate::plan;
use crate::probe::Flavour;
use crate::situation;
use crate::world::World;

/// Longest wait for a count: the client shows a table of them.
const LOCAL_LIMIT: Duration = Duration::from_millis(1_000);
const CLOUD_LIMIT: Duration = Duration::from_millis(2_500);
/// Counts asked for at a time.
const AT_ONCE: usize = 4;
/// Counts kept.
const KEPT: u64 = 4_096;
/// How long a server without a counter is believed to have none.
const NONE_FOR: Duration = Duration::from_secs(10 * 60);

/// Counts that are known, and servers that cannot count.
#[derive(Debug)]
pub(crate) struct Counting {
    known: Later<Cache<[u8; 32], u64>>,
    unable: Later<Cache<String, ()>>,
    places: Semaphore,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            known: later(|| Cache::builder().max_capacity(KEPT).build()),
            unable: later(|| Cache::builder().max_capacity(64).time_to_live(NONE_FOR).build()),
            places: Semaphore::new(AT_ONCE),
        }
    }
}

/// A count, and whose it is.
#[derive(Debug)]
pub(crate) struct Count {
    pub(crate) tokens: u64,
    /// The model ref of the model that counted, or "estimate".
    pub(crate) by: String,
}

/// Counts the prompt of a request for `count_tokens`.
///
/// # Errors
/// The body is no such request.
pub(crate) async fn count(engine: &Arc<Engine>, headers: &HeaderMap, body: &[u8]) -> Result<Count, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| DecodeError::new("body", "not UTF-8"))?;
    let request = anthropic::decode::count_request(text)?;
    let estimate = tokens::estimate(&request);
    let world = engine.world();
    let Some(model) = counted_for(&request, &world) else {
        return Ok(Count { tokens: estimate, by: "estimate".into() });
    };
    let lighter = estimate.saturating_sub(diet::saved(&model, &request, &world).unwrap_or(0));
    let may_be_sent =
        world.catalog.facts(&model).local || !situation::must_stay(engine, &world, &request, headers).await;
    if may_be_sent
        && let Some(counter) = Counter::of(&model, &request, &world)
        && let Some(tokens) = exact(engine, &counter, headers).await
    {
        if counter.pictures == 0 {
            engine.learned.counted(&model, lighter, tokens, &engine.store);
        }
        return Ok(Count { tokens, by: model.to_string() });
    }
    Ok(Count { tokens: engine.learned.calibration().tokens(&model, lighter), by: "estimate".into() })
}

/// The model the client means: the one it names, else the one that does everyday work.
fn counted_for(request: &Request<'_>, world: &World) -> Option<ModelRef> {
    let id = request.model.decode();
    let alias = world.settings.alias(&id).and_then(|alias| alias.models.first().cloned());
    let first = |roles: [Role; 2]| roles.iter().find_map(|role| world.policy.role(*role).first().cloned());
    match alias.map(Target::Model).or_else(|| Target::from_model_id(&id, &world.catalog).ok()) {
        Some(Target::Model(model)) => Some(model),
        Some(Target::Cloud) => first([Role::Cloud, Role::Coder]),
        _ => first([Role::Coder, Role::Cloud]),
    }
}

/// A counter of a backend.
struct Counter {
    backend: Arc<Backend>,
    model: ModelRef,
    url: String,
    protocol: Upstream,
    body: Vec<u8>,
    /// Where the answer holds the number.
    member: &'static str,
    pictures: usize,
}

impl Counter {
    /// The counter for a model; `None` where its server has none, or would have to load it.
    fn of(model: &ModelRef, request: &Request<'_>, world: &World) -> Option<Self> {
        let backend = Arc::clone(world.backends.get(&model.backend)?);
        let base = &backend.resolved.base_url;
        let pictures = edit::images(request).count();
        let protocol = world.protocol(&backend);
        let anthropic = protocol == Upstream::Anthropic;
        let (url, member) = match world.flavour(&model.backend) {
            _ if backend.dialect().genuine_anthropic => (base.anthropic("/messages/count_tokens"), "input_tokens"),
            // Pictures are described for a model that cannot see: what is counted is not what came.
            _ if pictures > 0 => return None,
            Some(Flavour::LlamaCpp) if anthropic && is_loaded(model, world) => {
                (base.native("/v1/messages/count_tokens?autoload=false"), "input_tokens")
            }
            Some(Flavour::Vllm) if anthropic => (base.native("/v1/messages/count_tokens"), "input_tokens"),
            Some(Flavour::LlamaCpp) if is_loaded(model, world) => {
                // A router loads what it is asked about, unless it is told not to.
                (base.native("/v1/chat/completions/input_tokens?autoload=false"), "input_tokens")
            }
            Some(Flavour::Vllm) => (base.native("/tokenize"), "count"),
            _ => return None,
        };
        let body = rendered(request, model, &backend, protocol);
        Some(Self { backend, model: model.clone(), url, protocol, body, member, pictures })
    }

    /// What the count depends on.
    fn fingerprint(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.model.to_string()).chain_update([0]).chain_update(&self.body).finalize().into()
    }

    async fn ask(&self, client: &HeaderMap) -> Option<Answer> {
        let headers = self.backend.headers(self.protocol, client).await.ok()?;
        let request = self.backend.client().ok()?.post(&self.url).headers(headers).body(self.body.clone());
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(&response.bytes().await.ok()?).unwrap_or_default();
        // LM Studio answers what it does not know with status 200: the number counts, not the status.
        match body[self.member].as_u64().filter(|_| status == 200) {
            Some(tokens) => Some(Answer::Tokens(tokens)),
            None if matches!(status, 404 | 405 | 501) => Some(Answer::Unable),
            None => None,
        }
    }
}

enum Answer {
    Tokens(u64),
    /// The server has no such endpoint.
    Unable,
}

fn is_loaded(model: &ModelRef, world: &World) -> bool {
    world.card(model).is_some_and(|card| card.loaded == Some(true))
}

/// The request as the backend would get it.
fn rendered(request: &Request<'_>, model: &ModelRef, backend: &Backend, protocol: Upstream) -> Vec<u8> {
    let candidate = Candidate {
        model: model.clone(),
        role: Role::Coder,
        local: backend.resolved.local,
        fallback: None,
        describe_images: false,
        context: None,
        max_output: None,
        thoughtless: false,
    };
    let dialect = backend.dialect();
    let mut edits: Vec<Edit> = plan::plan(request, 0, &candidate, dialect, protocol, plan::Descriptions::new());
    let diet = backend.resolved.diet_of(&model.model).and_then(|diet| diet::plan(request, diet));
    edits.extend(diet.into_iter().flat_map(|(edits, _)| edits));
    let mut counted = request.clone();
    edits.extend(plan::simpler_schemas(request, dialect, protocol));
    edit::apply(&mut counted, &edits);
    if protocol == Upstream::Anthropic {
        patch_request(protocol, &counted, dialect).body
    } else {
        encode_request(protocol, &counted, dialect).body
    }
}

/// The backend's own count, as far as it comes in time.
async fn exact(engine: &Arc<Engine>, counter: &Counter, headers: &HeaderMap) -> Option<u64> {
    let counting = &engine.counting;
    let key = counter.fingerprint();
    if let Some(tokens) = counting.known.get(&key) {
        return Some(tokens);
    }
    let name = counter.backend.name();
    if counting.unable.contains_key(name) {
        return None;
    }
    let limit = if counter.backend.resolved.local { LOCAL_LIMIT } else { CLOUD_LIMIT };
    let asked = async {
        // The semaphore is never closed.
        let _place = counting.places.acquire().await.ok()?;
        match counting.known.get(&key) {
            Some(tokens) => Some(Answer::Tokens(tokens)),
            None => counter.ask(headers).await,
        }
    };
    match tokio::time::timeout(limit, asked).await.ok()?? {
        Answer::Tokens(tokens) => {
            counting.known.insert(key, tokens);
            Some(tokens)
        }
        Answer::Unable => {
            tracing::debug!(backend = name, "has no counter of its own");
            counting.unable.insert(name.to_owned(), ());
            None
        }
    }
}
