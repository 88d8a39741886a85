//! One request from socket to answer:
//! receive -> route -> list | (key -> model -> check -> fit -> choose -> render) -> play.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::anthropic;
use crate::ask::{Ask, Spoken, text};
use crate::builder::KeyRule;
use crate::fault::{Fault, FaultBody};
use crate::frames;
use crate::journal::Received;
use crate::lock;
use crate::model::{Format, Model};
use crate::net::{Wire, WireInfo};
use crate::ollama;
use crate::openai;
use crate::pace::Pace;
use crate::profile::{Endpoint, Profile, errors, lists, router};
use crate::refusal::Refusal;
use crate::reply::{Reply, Step};
use crate::script::{Answer, Part, Usage, unscripted};
use crate::sim::Shared;
use crate::window;

/// Requests of the largest real clients stay under this.
const BODY_LIMIT: usize = 256 << 20;

/// Watches one request: whoever drops it before the answer is complete has left.
#[derive(Debug)]
pub(crate) struct Visit {
    shared: Arc<Shared>,
    wire: Arc<Wire>,
    index: usize,
    open: bool,
}

impl Visit {
    pub(crate) fn head_is_out(&self, status: u16) {
        self.shared.journal.update(self.index, |request| request.status = Some(status));
    }

    /// The answer is complete, or ends here on purpose.
    pub(crate) fn finish(&mut self) {
        self.open = false;
        self.shared.journal.update(self.index, |request| request.done = true);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // An unplugged server drops its requests too; that is not the client's doing.
        if self.open && !self.wire.is_cut() {
            self.shared.journal.update(self.index, |request| request.aborted = true);
        }
    }
}

/// Everything a handler needs to know about one request.
struct Incoming {
    endpoint: Endpoint,
    method: String,
    path_and_query: String,
    headers: HeaderMap,
    body: Arc<Value>,
    valid: bool,
    index: usize,
}

/// Answers any request.
pub(crate) async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<WireInfo>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let raw = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let incoming = receive(&shared, parts, raw);
    let visit = Visit { shared: Arc::clone(&shared), wire: Arc::clone(&wire.0), index: incoming.index, open: true };
    let mut reply = answer(&shared, &incoming);
    if shared.profile == Profile::Anthropic {
        reply = reply.header("request-id", format!("req_{}_{}", shared.port(), incoming.index));
    }
    reply.play(wire.0, visit).await
}

fn receive(shared: &Shared, parts: http::request::Parts, raw: Bytes) -> Incoming {
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    let endpoint = shared.profile.route(shared.options.age, &method, &path);
    let parsed = serde_json::from_slice::<Value>(&raw);
    let valid = parsed.is_ok();
    let body = Arc::new(parsed.unwrap_or(Value::Null));
    let path_and_query = parts.uri.path_and_query().map_or_else(|| path.clone(), ToString::to_string);
    let index = shared.journal.add(Received {
        index: 0,
        method: method.clone(),
        path,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body: Arc::clone(&body),
        raw,
        at_ms: shared.elapsed_ms(),
        is_call: endpoint.speaks().is_some(),
        status: None,
        aborted: false,
        done: false,
        prompt_tokens: 0,
        cached_tokens: 0,
        prompt_bytes: 0,
        shared_prefix_bytes: 0,
    });
    Incoming { endpoint, method, path_and_query, headers: parts.headers, body, valid, index }
}

fn answer(shared: &Shared, incoming: &Incoming) -> Reply {
    let result = if incoming.endpoint == Endpoint::Unknown { Err(Refusal::NoRoute) } else { serve(shared, incoming) };
    result.unwrap_or_else(|refusal| refuse(shared, incoming, Format::Gguf, &refusal))
}

fn refuse(shared: &Shared, incoming: &Incoming, format: Format, refusal: &Refusal) -> Reply {
    let place = errors::Place {
        profile: shared.profile,
        endpoint: incoming.endpoint,
        format,
        method: &incoming.method,
        path_and_query: &incoming.path_and_query,
    };
    errors::reply(&place, refusal)
}

fn serve(shared: &Shared, incoming: &Incoming) -> Result<Reply, Refusal> {
    // llama.cpp's health check is the one thing that never needs the key.
    if incoming.endpoint != Endpoint::Health {
        key(&shared.options.key, &incoming.headers)?;
    }
    let (_, query) = incoming.path_and_query.split_once('?').unwrap_or_default();
    let place = lists::Place {
        profile: shared.profile,
        endpoint: incoming.endpoint,
        jit: shared.options.jit,
        router: shared.options.router,
        query,
    };
    if let Some(reply) = lists::reply(place, &mut lock(&shared.models), &incoming.body) {
        return Ok(reply);
    }
    if !incoming.valid {
        return Err(Refusal::Invalid("The request body is not valid JSON.".to_owned()));
    }
    let ask = read(incoming)?;
    if shared.options.router && router::parameter(query, "autoload").as_deref() == Some("false") {
        let loaded = lock(&shared.models).iter().any(|model| model.id == ask.model && model.loaded);
        if !loaded {
            return Ok(router::not_loaded());
        }
    }
    let (model, cold) = choose_model(shared, incoming, &ask.model)?;
    let mut reply = ask_model(shared, incoming, &ask, &model)
        .unwrap_or_else(|refusal| refuse(shared, incoming, model.format, &refusal));
    if cold {
        reply.before.insert(0, Step::Sleep(shared.options.jit_ms));
    }
    Ok(reply)
}

/// The request as a script sees it.
fn read(incoming: &Incoming) -> Result<Ask, Refusal> {
    let spoken = match incoming.endpoint {
        Endpoint::Messages | Endpoint::CountTokens => Spoken::Anthropic,
        _ => Spoken::OpenAi,
    };
    if incoming.endpoint != Endpoint::NativeChat {
        return Ok(Ask::read(spoken, &incoming.body));
    }
    if let Some(problem) = ollama::problem(&incoming.body) {
        return Err(Refusal::Invalid(problem.to_owned()));
    }
    Ok(Ask::read(spoken, &Arc::new(ollama::as_openai(&incoming.body))))
}

fn key(rule: &KeyRule, headers: &HeaderMap) -> Result<(), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bearer = header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    let given = if bearer.is_empty() { header("x-api-key") } else { bearer };
    match rule {
        KeyRule::None => Ok(()),
        _ if given.is_empty() => Err(Refusal::Key { missing: true }),
        KeyRule::Exactly(wanted) if wanted != given => Err(Refusal::Key { missing: false }),
        KeyRule::Any | KeyRule::Exactly(_) => Ok(()),
    }
}

/// The model that answers and whether it had to be loaded for it.
fn choose_model(shared: &Shared, incoming: &Incoming, wanted: &str) -> Result<(Model, bool), Refusal> {
    let mut models = lock(&shared.models);
    let named = models.iter().position(|model| model.id == wanted && !model.embedding);
    let loaded: Vec<usize> = (0..models.len()).filter(|at| models[*at].loaded && !models[*at].embedding).collect();
    let chosen = match (shared.profile, named) {
        // Without router mode the name does not matter.
        (Profile::LlamaCpp, _) if !shared.options.router => {
            loaded.first().copied().or(named).or((!models.is_empty()).then_some(0))
        }
        (Profile::LmStudio, None) if loaded.is_empty() => return Err(Refusal::NothingLoaded),
        // The one loaded model answers to any name (lmstudio-ai/lmstudio-bug-tracker#619).
        (Profile::LmStudio, None) if loaded.len() == 1 => loaded.first().copied(),
        (Profile::LmStudio, Some(at)) if !models[at].loaded && !shared.options.jit => {
            if loaded.len() == 1 {
                loaded.first().copied()
            } else {
                return Err(Refusal::NothingLoaded);
            }
        }
        _ => named,
    };
    let at = chosen.ok_or_else(|| Refusal::UnknownModel(wanted.to_owned()))?;
    let mut cold = !models[at].loaded && shared.profile.is_local();
    models[at].loaded = true;
    if shared.profile == Profile::Ollama {
        // Every request brings its window, said or not; another one than the loaded means another load.
        let model = &mut models[at];
        let window = ollama::window(&incoming.body).unwrap_or(model.own_context).min(model.max_context);
        cold |= window != model.context;
        model.context = window;
    }
    if cold {
        shared.loads.fetch_add(1, Ordering::SeqCst);
    }
    Ok((models[at].clone(), cold))
}

fn ask_model(shared: &Shared, incoming: &Incoming, ask: &Ask, model: &Model) -> Result<Reply, Refusal> {
    let mut prompt = measure(shared, incoming, ask, model);
    check(shared, incoming, ask, model)?;
    match incoming.endpoint {
        Endpoint::CountTokens | Endpoint::InputTokens => {
            return Ok(Reply::json(200, &json!({"input_tokens": prompt.input})));
        }
        Endpoint::Tokenize => {
            let body = json!({"count": prompt.input, "max_model_len": model.context, "tokens": []});
            return Ok(Reply::json(200, &body));
        }
        _ => {}
    }
    if let Some(reply) = window::fit(shared, &incoming.body, ask, model, prompt.input)? {
        return Ok(reply);
    }
    // What Ollama cut away was not read.
    prompt.input = prompt.input.min(model.context);
    prompt.cached = prompt.cached.min(prompt.input.saturating_sub(1));
    // Taken in a statement of its own: the script may use the simulator, so the lock must be free.
    let scripted = lock(&shared.scripts).take(ask);
    let answer = scripted.map_or_else(|| unscripted(&model.id, ask), |respond| respond(ask));
    let answer = window::filling(shared.profile, model, prompt.input, answer);
    let pace = answer.pace.clone().unwrap_or_else(|| shared.options.pace.clone());
    let mut reply = match early_fault(shared, incoming, &answer) {
        Some(reply) => reply,
        None => render(shared, incoming, ask, model, &answer, &pace, prompt),
    };
    if pace.head_ms > 0 {
        reply.before.push(Step::Sleep(pace.head_ms));
    }
    if let Some(gate) = &answer.before_head {
        reply.before.insert(0, Step::Wait(gate.clone()));
    }
    reply.headers.extend(answer.headers.iter().cloned());
    Ok(reply)
}

/// Counts the prompt and what of it the model has read before, and writes both down.
fn measure(shared: &Shared, incoming: &Incoming, ask: &Ask, model: &Model) -> Usage {
    // Counting reads nothing into the cache.
    let is_call = incoming.endpoint.speaks().is_some();
    let prompt = ask.prompt();
    let mut prompts = lock(&shared.prompts);
    let before = prompts.get(&model.id).map_or("", String::as_str);
    let common = prompt.bytes().zip(before.bytes()).take_while(|(new, old)| new == old).count();
    let input = model.tokens(prompt.len()) + 768 * u64::try_from(ask.all_pictures).unwrap_or(u64::MAX);
    let cached = model.tokens(common).min(input.saturating_sub(1));
    let prompt_bytes = prompt.len();
    if is_call {
        prompts.insert(model.id.clone(), prompt);
    }
    drop(prompts);
    shared.journal.update(incoming.index, |request| {
        request.prompt_tokens = input;
        request.cached_tokens = cached;
        request.prompt_bytes = prompt_bytes;
        request.shared_prefix_bytes = common;
    });
    Usage { input, cached, ..Usage::default() }
}

/// Writes all findings down and refuses for the first that calls for it.
fn check(shared: &Shared, incoming: &Incoming, ask: &Ask, model: &Model) -> Result<(), Refusal> {
    let options = &shared.options;
    let header = |name: &str| incoming.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let findings = match ask.spoken {
        Spoken::OpenAi => openai::check::check(
            &openai::check::Rules {
                profile: shared.profile,
                model,
                strict_fields: options.strict_fields,
                allowed: &options.allowed_fields,
                refused_keywords: &options.refused_keywords,
                most_repetitions: options.most_repetitions,
                thought_signatures: options.thought_signatures,
            },
            &ask.body,
        ),
        Spoken::Anthropic => anthropic::check::check(
            &anthropic::check::Rules {
                profile: shared.profile,
                model,
                version: header("anthropic-version"),
                beta: header("anthropic-beta"),
                counting: incoming.endpoint == Endpoint::CountTokens,
                allowed: &options.allowed_fields,
                refused_keywords: &options.refused_keywords,
                most_repetitions: options.most_repetitions,
                minted: &|signature, text| shared.minted(signature, text),
            },
            &ask.body,
        ),
    };
    let refusal = findings.iter().find_map(|finding| finding.refusal.clone());
    for finding in findings {
        // A schema this grammar compiler cannot take is found out by trying, not a mistake.
        if !matches!(finding.refusal, Some(Refusal::Grammar(_))) {
            shared.journal.blame(finding.into_violation(incoming.index));
        }
    }
    refusal.map_or(Ok(()), Err)
}

/// The fault that stands in place of an answer, if there is one.
fn early_fault(shared: &Shared, incoming: &Incoming, answer: &Answer) -> Option<Reply> {
    for fault in &answer.faults {
        let reply = match fault {
            Fault::CloseUnanswered { reset } => Reply::never(Step::Cut(*reset)),
            Fault::NeverAnswer => Reply::never(Step::Hang),
            Fault::EmptyStream => Reply::events(Vec::new()),
            Fault::ErrorUnder200(message) => Reply::json(200, &json!({"error": message})),
            Fault::Status { status, body, retry_after } => failing(shared, incoming, *status, body, *retry_after),
            _ => continue,
        };
        return Some(reply);
    }
    None
}

fn failing(shared: &Shared, incoming: &Incoming, status: u16, body: &FaultBody, retry_after: Option<u64>) -> Reply {
    let mut reply = match body {
        FaultBody::Own(message) => {
            refuse(shared, incoming, Format::Gguf, &Refusal::Scripted { status, message: message.clone() })
        }
        FaultBody::Json(value) => Reply::json(status, value),
        FaultBody::Html(page) => Reply::whole(status, "text/html", page.clone()),
        FaultBody::Empty => Reply::whole(status, "text/plain", String::new()),
    };
    if let Some(seconds) = retry_after {
        reply = reply.header("retry-after", seconds.to_string());
    }
    reply
}

fn render(
    shared: &Shared,
    incoming: &Incoming,
    ask: &Ask,
    model: &Model,
    answer: &Answer,
    pace: &Pace,
    prompt: Usage,
) -> Reply {
    let usage = answer.usage.unwrap_or_else(|| counted(answer, prompt));
    if incoming.endpoint == Endpoint::NativeChat {
        let pen = openai_pen(shared, ask, model, answer, pace, usage);
        if ask.streamed {
            return Reply::lines(frames::steps(&ollama::stream(answer, &pen), answer, pace));
        }
        let whole = ollama::whole(answer, &pen).to_string();
        return Reply { body: frames::whole(whole, answer, pace), ..Reply::json(200, &Value::Null) };
    }
    let frames = match ask.spoken {
        Spoken::OpenAi => {
            let pen = openai_pen(shared, ask, model, answer, pace, usage);
            if ask.streamed {
                Ok(openai::render::stream(answer, &pen))
            } else {
                Err(openai::render::whole(answer, &pen))
            }
        }
        Spoken::Anthropic => {
            let pen = anthropic_pen(shared, ask, model, answer, pace, usage);
            if ask.streamed {
                Ok(anthropic::render::stream(answer, &pen))
            } else {
                Err(anthropic::render::whole(answer, &pen))
            }
        }
    };
    match frames {
        Ok(frames) => Reply::events(frames::steps(&frames, answer, pace)),
        Err(whole) => Reply { body: frames::whole(whole.to_string(), answer, pace), ..Reply::json(200, &Value::Null) },
    }
}

fn counted(answer: &Answer, prompt: Usage) -> Usage {
    let (all, thinking) = answer.size();
    let tokens = |chars: usize| u64::try_from(chars.div_ceil(4)).unwrap_or(u64::MAX);
    Usage { output: tokens(all).max(1), thinking: tokens(thinking), ..prompt }
}

fn call_ids(shared: &Shared, spoken: Spoken, answer: &Answer) -> Vec<String> {
    let ids = answer.parts.iter().filter_map(|part| match part {
        Part::Call { id, .. } => Some(id.clone().unwrap_or_else(|| shared.mint_id(shared.profile.id_start(spoken)))),
        Part::RawCall { .. } => Some(shared.mint_id(shared.profile.id_start(spoken))),
        Part::Text(_) | Part::Thinking(_) | Part::Given(_) => None,
    });
    ids.collect()
}

fn named(model: &Model, answer: &Answer) -> String {
    answer.model.clone().unwrap_or_else(|| model.id.clone())
}

fn openai_pen(
    shared: &Shared,
    ask: &Ask,
    model: &Model,
    answer: &Answer,
    pace: &Pace,
    usage: Usage,
) -> openai::render::Pen {
    let asked = ask.body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false);
    let signs = shared.profile == Profile::Gemini && shared.options.thought_signatures;
    openai::render::Pen {
        id: shared.mint_id("chatcmpl-"),
        model: named(model, answer),
        usage,
        include_usage: asked,
        reasoning: shared.options.reasoning_field,
        call_ids: call_ids(shared, Spoken::OpenAi, answer),
        thought_signature: signs.then(|| shared.mint_id("sim-thought-")),
        pieces: pace.pieces,
        timings: shared.profile == Profile::LlamaCpp,
    }
}

fn anthropic_pen(
    shared: &Shared,
    ask: &Ask,
    model: &Model,
    answer: &Answer,
    pace: &Pace,
    usage: Usage,
) -> anthropic::render::Pen {
    let display = ask.body.get("thinking").map(|thinking| text(thinking, "display")).unwrap_or_default();
    let thoughts = answer.parts.iter().filter_map(|part| match part {
        Part::Thinking(thought) => Some(shared.mint_signature(thought)),
        _ => None,
    });
    anthropic::render::Pen {
        id: shared.mint_id("msg_"),
        model: named(model, answer),
        usage,
        call_ids: call_ids(shared, Spoken::Anthropic, answer),
        signatures: thoughts.collect(),
        hide_thinking: shared.profile == Profile::Anthropic && display == "omitted",
        pieces: pace.pieces,
        pings: !matches!(shared.profile, Profile::LlamaCpp | Profile::Ollama),
    }
}

/// All paths lead to [`handle`]: what a path means depends on the profile.
pub(crate) fn app(shared: Arc<Shared>) -> axum::Router {
    axum::Router::new().fallback(handle).with_state(shared)
}
