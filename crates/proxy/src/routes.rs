//! The routes that call no model.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{Html, IntoResponse, Json, Response};
use branchline_routing::{Decision, ModelRef, Question, Role, explain};
use branchline_wire::Protocol;
use branchline_wire::codec::{DecodeError, decode_request};
use branchline_wire::hub::FailureKind;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::call::Call;
use crate::counting;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::inbound::{self, Inbound};
use crate::metrics;
use crate::pages::{self, BackendView, CostToday, ModelEntry, RequestsToday, RoleView, State as Health, StatusView};
use crate::pipeline::decide_and;
use crate::server::{call, read_body, refuse};
use crate::situation;
use crate::world::World;

/// `POST /v1/messages/count_tokens`: system and tools included (router-for-me/CLIProxyAPI#679).
pub(crate) async fn count_tokens(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let counted = match read_body(&engine, body).await {
        Ok(body) => counting::count(&engine, &parts.headers, &body).await,
        Err(fault) => Err(fault),
    };
    match counted {
        Ok(count) => {
            let by = HeaderValue::from_str(&count.by).unwrap_or(HeaderValue::from_static("unknown"));
            ([("x-branchline-counted-by", by)], Json(json!({ "input_tokens": count.tokens }))).into_response()
        }
        Err(fault) => refuse(&engine, parts.uri.path(), &parts.headers, &fault),
    }
}

/// `POST /classify`: the decision without the call. Takes `{"text": …}` or a whole request of any protocol.
pub(crate) async fn classify(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match read_body(&engine, body).await {
        Ok(body) => body,
        Err(fault) => return refuse(&engine, parts.uri.path(), &parts.headers, &fault),
    };
    match classified(&engine, &parts.headers, body) {
        Ok(value) => Json(value).into_response(),
        Err(fault) => refuse(&engine, parts.uri.path(), &parts.headers, &fault),
    }
}

fn classified(engine: &Arc<Engine>, headers: &HeaderMap, body: Bytes) -> Result<Value, Fault> {
    let body = wrap_text(body)?;
    let protocol = any_protocol(&body);
    let mut call = call(engine, protocol, "/classify", None, headers.clone(), body);
    crate::tags::take(&mut call);
    explained(engine, &call)
}

/// The decision on a request with every step in words. `path` is the route it would come in by.
///
/// # Errors
/// As for the request itself, or a header that cannot be sent.
pub fn explain_value(
    engine: &Arc<Engine>,
    request: &Value,
    headers: &[(String, String)],
    path: Option<&str>,
) -> Result<Value, Fault> {
    let body = wrap_text(request.to_string().into())?;
    let protocol = path.map_or_else(|| any_protocol(&body), crate::server::protocol_of);
    let usual = match protocol {
        Protocol::Anthropic => "/v1/messages",
        Protocol::OpenaiChat => "/v1/chat/completions",
        Protocol::OpenaiResponses => "/v1/responses",
    };
    let mut call = call(engine, protocol, path.unwrap_or(usual), None, header_map(headers)?, body);
    crate::tags::take(&mut call);
    explained(engine, &call)
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, Fault> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let bad = || DecodeError::new("headers", "a name or a value that cannot be sent");
        let name = http::HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
        map.append(name, HeaderValue::try_from(value.as_str()).map_err(|_| bad())?);
    }
    Ok(map)
}

/// The same for a request that did not come over HTTP: `{"text": …}`, or a whole request of any protocol.
///
/// # Errors
/// As for the request itself.
pub fn classify_value(engine: &Arc<Engine>, request: &Value) -> Result<Value, Fault> {
    classified(engine, &HeaderMap::new(), request.to_string().into())
}

/// Decides on a request without calling a model.
///
/// # Errors
/// As for the request itself.
pub(crate) fn explained(engine: &Arc<Engine>, call: &Call) -> Result<Value, Fault> {
    let mut inbound = inbound::parse(call)?;
    inbound.turn.undescribed = inbound.turn.structure.images;
    inbound.situation = situation::read_here(engine, call, &inbound);
    inbound.dispatched = engine.turns.dispatched(&inbound.key);
    let (mut decision, _, steps) =
        decide_and(engine, call, &inbound, |question, decision| steps(call, &inbound, question, decision));
    let threshold = inbound.situation.policy(call).threshold;
    decision.reasons.extend(inbound.situation.notes());
    let mut told = explanation(&decision, threshold, inbound.tokens, inbound.turn.images);
    told["steps"] = json!(steps);
    told["folder"] = json!(situation::folder(call, &inbound));
    Ok(told)
}

/// Every step in words.
fn steps(call: &Call, inbound: &Inbound<'_>, question: &Question<'_>, decision: &Decision) -> Vec<String> {
    let at = situation::circumstances(call, inbound, situation::folder(call, inbound));
    let rules = (inbound.situation.rules(call), &call.world.never_cloud);
    let mut steps = explain::steps(question, inbound.situation.policy(call), rules, &at, decision);
    steps.extend(inbound.situation.notes().map(|note| format!("project: {note}")));
    steps
}

fn explanation(decision: &Decision, threshold: u8, tokens: u64, images: u32) -> Value {
    let first = decision.candidates.first();
    let target = first.map(|candidate| if candidate.local { "local" } else { "cloud" });
    let points = decision
        .score
        .points
        .iter()
        .map(|point| json!({ "signal": point.signal, "points": point.points, "why": point.why }));
    let points: Vec<Value> = points.collect();
    json!({
        "score": decision.score.value,
        "threshold": threshold,
        "target": target,
        "role": decision.role,
        "kind": decision.kind,
        "model": first.map(|candidate| candidate.model.to_string()),
        "candidates": decision.candidates,
        "points": points,
        "reasons": decision.reasons,
        "advisor": decision.advisor.as_ref().map(|one| one.model.to_string()),
        "private": decision.private,
        "escalated": decision.escalated,
        "refusal": decision.refusal.clone().map(|refusal| Fault::from(refusal).to_string()),
        "estimated_tokens": tokens,
        "images": images,
    })
}

/// `{"text": "…"}` as a request of one message.
fn wrap_text(body: Bytes) -> Result<Bytes, Fault> {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(&body) else {
        return Err(DecodeError::new("body", "a JSON object is expected").into());
    };
    match (fields.get("text"), fields.contains_key("messages") || fields.contains_key("input")) {
        (Some(Value::String(text)), false) => {
            let model = fields.get("model").cloned().unwrap_or_else(|| json!("auto"));
            let wrapped =
                json!({ "model": model, "max_tokens": 1024, "messages": [{ "role": "user", "content": text }] });
            Ok(wrapped.to_string().into())
        }
        (_, true) => Ok(body),
        _ => {
            let fault: Fault = DecodeError::new("text", "Field required").into();
            Err(fault.hint("send {\"text\": \"…\"}, or a whole request with messages or input"))
        }
    }
}

/// A body that reads as an Anthropic request is one; of the rest, those with `input` are read as OpenAI's Responses.
fn any_protocol(body: &Bytes) -> Protocol {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let reads = |protocol: &Protocol| decode_request(*protocol, text).is_ok();
    [Protocol::Anthropic, Protocol::OpenaiResponses].into_iter().find(reads).unwrap_or(Protocol::OpenaiChat)
}

/// `GET /v1/models`, in the shape of the protocol that asks.
pub(crate) async fn models(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Json<Value> {
    let entries = entries(&engine);
    Json(if asks_as_anthropic(&headers) { pages::models_anthropic(&entries) } else { pages::models_openai(&entries) })
}

/// `GET /v1/models/{id}`.
pub(crate) async fn model(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let bare = id.strip_prefix("anthropic/").unwrap_or(&id);
    let Some(entry) = entries(&engine).into_iter().find(|entry| entry.id == bare) else {
        let fault = Fault::new(FailureKind::NotFound, "unknown_model", format!("there is no model `{id}`"))
            .hint("GET /v1/models lists them")
            .no_retry();
        return refuse(&engine, uri.path(), &headers, &fault);
    };
    let list =
        if asks_as_anthropic(&headers) { pages::models_anthropic(&[entry]) } else { pages::models_openai(&[entry]) };
    Json(list["data"][0].clone()).into_response()
}

fn asks_as_anthropic(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

/// The routes by name, then every model of every backend.
fn entries(engine: &Engine) -> Vec<ModelEntry> {
    let world = engine.world();
    let route = |id: &str, display: &str, role: Role| {
        let facts = world.policy.role(role).first().map(|model| world.catalog.facts(model)).unwrap_or_default();
        ModelEntry {
            id: id.into(),
            display: display.into(),
            context: facts.context,
            max_output: None,
            vision: Some(true),
            tools: Some(true),
            owned_by: "branchline".into(),
        }
    };
    let mut entries = vec![
        route("auto", "Branchline: by complexity", Role::Coder),
        route("local", "Branchline: this machine", Role::Coder),
        route("cloud", "Branchline: cloud", Role::Cloud),
    ];
    entries.extend(world.cards().map(|card| ModelEntry {
        id: ModelRef::new(&card.backend, &card.id).to_string(),
        display: format!("{} ({})", card.display, card.backend),
        context: card.context_loaded.or(card.context_max),
        max_output: None,
        vision: card.vision,
        tools: card.tools,
        owned_by: card.backend.clone(),
    }));
    // A pattern is no model a client could ask for.
    let aliases = world.settings.aliases.keys().chain(world.settings.model_map.keys());
    entries.extend(aliases.filter(|alias| !alias.contains(['*', '?'])).map(|alias| ModelEntry {
        id: alias.clone(),
        display: alias.clone(),
        context: None,
        max_output: None,
        vision: None,
        tools: None,
        owned_by: "alias".into(),
    }));
    entries
}

/// `GET /health`.
pub(crate) async fn health(State(engine): State<Arc<Engine>>) -> Json<Value> {
    let view = view(&engine).await;
    Json(json!({
        "status": view.state,
        "version": view.version,
        "requests_running": view.requests_running,
        "backends": view.backends,
    }))
}

/// `GET /`.
pub(crate) async fn status_page(State(engine): State<Arc<Engine>>) -> Html<String> {
    Html(pages::status_html(&view(&engine).await))
}

/// `GET /docs`.
pub(crate) async fn docs() -> Html<String> {
    Html(pages::docs_html())
}

/// `GET /docs/openapi.json`.
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], pages::openapi())
}

/// `GET /metrics`.
pub(crate) async fn prometheus(State(engine): State<Arc<Engine>>) -> impl IntoResponse {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");
    let mut text = engine.running.prometheus();
    metrics::backends(&engine, &mut text);
    ([(header::CONTENT_TYPE, kind)], text)
}

/// `HEAD /api/hello`: Claude Code warms its connection up with it.
pub(crate) async fn hello() -> &'static str {
    "branchline"
}

fn no_key(backend: &Backend) -> Option<String> {
    let why = || backend.key_error().map_or_else(|| "no key is stored".to_owned(), |error| format!("no key: {error}"));
    backend.lacks_key().then(why)
}

/// What the status page and `/health` show.
pub async fn view(engine: &Engine) -> StatusView {
    let world = engine.world();
    let backends = world.backends.iter().map(|(name, backend)| {
        let found = world.found.get(name);
        let down = world.down.get(name);
        BackendView {
            name: name.clone(),
            display: backend.resolved.display.into(),
            local: backend.resolved.local,
            up: if down.is_some() { Some(false) } else { found.map(|_| true) },
            latency_ms: found.map(|found| found.latency_ms),
            models: found.map_or(0, |found| found.models.len()),
            detail: down.cloned().or_else(|| no_key(backend)),
            circuit: backend.circuit(),
            queue: backend.queue(),
        }
    });
    let roles = [Role::Coder, Role::Vision, Role::Cloud, Role::Background, Role::LongContext];
    let chosen = roles.iter().filter_map(|role| {
        let models = world.policy.role(*role).iter().map(ToString::to_string).collect::<Vec<_>>();
        (!models.is_empty()).then(|| RoleView { role: role.as_str().into(), models })
    });
    let (requests_today, cost_today) = today(engine).await;
    let waiting = world.backends.values().map(|backend| u64::from(backend.queue().waiting));
    StatusView {
        state: state(&world),
        version: env!("CARGO_PKG_VERSION").into(),
        address: engine.address().map(|address| format!("http://{address}")).unwrap_or_default(),
        mode: serde_json::to_value(world.policy.mode).ok().and_then(|m| m.as_str().map(Into::into)).unwrap_or_default(),
        held: held(&world).cloned(),
        threshold: world.policy.threshold,
        backends: backends.collect(),
        roles: chosen.collect(),
        requests_today,
        requests_running: engine.running.now(),
        requests_waiting: waiting.sum(),
        cost_today,
        budget: engine.budget(),
    }
}

/// Why everything stays until the settings are mended.
fn held(world: &World) -> Option<&String> {
    world.never_cloud.unread.as_ref().or(world.policy.mode_unread.as_ref())
}

/// Degraded is when a backend that was there has gone, when none was found, or when what must stay cannot be read. Local
/// servers nobody ever started are no fault: four are looked for, most people have one.
fn state(world: &World) -> Health {
    let up = |name: &String| world.found.contains_key(name) && !world.down.contains_key(name);
    let resting = world.backends.values().any(|backend| backend.lane.rests());
    if resting || held(world).is_some() || world.down.keys().any(|name| world.found.contains_key(name)) {
        Health::Degraded
    } else if world.backends.keys().any(up) {
        Health::Ok
    } else if world.down.is_empty() {
        Health::Starting
    } else {
        Health::Degraded
    }
}

async fn today(engine: &Engine) -> (RequestsToday, CostToday) {
    let stats = engine.store.stats(jiff::Zoned::now().date(), &jiff::tz::TimeZone::system()).await.unwrap_or_default();
    let requests = RequestsToday {
        local: stats.local.requests,
        cloud: stats.cloud.requests,
        here: stats.answered_here,
        failed: stats.errors,
        fallbacks: stats.fallbacks,
    };
    let cost = CostToday {
        usd: stats.local.cost_usd + stats.cloud.cost_usd,
        unpriced: stats.local.unpriced + stats.cloud.unpriced,
        all_cloud_usd: stats.all_cloud_usd,
        saved_usd: stats.saved_usd,
    };
    (requests, cost)
}

/// Anything else. Doubled prefixes are the common mistake: the base URL is given without `/v1`.
pub(crate) async fn not_found(State(engine): State<Arc<Engine>>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let fault = Fault::new(FailureKind::NotFound, "no_such_route", format!("there is no {path} here")).no_retry();
    let fault = if path.starts_with("/v1/v1") {
        fault.hint("ANTHROPIC_BASE_URL is given without /v1; an OpenAI base URL ends in one /v1")
    } else {
        fault.hint("GET /docs lists the routes")
    };
    refuse(&engine, path, &headers, &fault)
}

/// The right path with the wrong method.
pub(crate) async fn wrong_method(
    State(engine): State<Arc<Engine>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let message = format!("{} does not take {method}", uri.path());
    let fault =
        Fault::new(FailureKind::NotFound, "wrong_method", message).hint("GET /docs lists the routes").no_retry();
    refuse(&engine, uri.path(), &headers, &fault)
}
