//! Asks a backend what it is and what it has.
//!
//! Bodies are believed, never the status alone: LM Studio answers unknown endpoints with 200, and any
//! web page does. A preset is only where the guessing begins: a "lmstudio" that turns out to be llama.cpp is reported
//! as what it is. Not here: when to probe, and what becomes of the answer.
//!
//! Read order: `card` (what is found), `ask` (one bounded question), then one file per server.

mod ask;
mod card;
mod error;
mod llamacpp;
mod lmstudio;
mod models;
mod ollama;
#[cfg(test)]
mod tests;

use std::time::Duration;

use branchline_settings::{Auth, ResolvedBackend, presets};
use serde_json::Value;

use ask::{Asker, Reply};
pub use card::{Flavour, Found, ModelCard, ModelKind};
pub use error::ProbeError;

/// Asks one backend once. Where the same backends are asked again and again, a [`Prober`] asks less.
///
/// # Errors
/// The backend is not there, refuses the key, or is no model server.
pub async fn probe(http: &reqwest::Client, backend: &ResolvedBackend, key: Option<&str>) -> Result<Found, ProbeError> {
    Prober::default().probe(http, backend, key).await
}

/// Asks backends and remembers what does not change between two probes.
#[derive(Debug, Default)]
pub struct Prober {
    shown: ollama::Shown,
}

impl Prober {
    /// Asks one backend. `http` is the client of that backend; each request is bounded here (2 s local, 5 s cloud).
    ///
    /// # Errors
    /// The backend is not there, refuses the key, or is no model server.
    pub async fn probe(
        &self,
        http: &reqwest::Client,
        backend: &ResolvedBackend,
        key: Option<&str>,
    ) -> Result<Found, ProbeError> {
        let asker = Asker::new(http, backend, key)?;
        let mut seen = Seen::default();
        let mut plain = None;
        for way in ways(backend) {
            match self.ask(*way, &asker, &mut seen).await? {
                Some(draft) if draft.is_certain() => return Ok(draft.found(backend)),
                Some(draft) => plain = Some(draft),
                None => {}
            }
        }
        match plain {
            Some(draft) => Ok(draft.named(&seen).found(backend)),
            None => seen.conclude(&asker),
        }
    }

    async fn ask(&self, way: Way, asker: &Asker<'_>, seen: &mut Seen) -> Result<Option<Draft>, ProbeError> {
        match way {
            Way::LmStudio => lmstudio::ask(asker, seen).await,
            Way::LlamaCpp => llamacpp::ask(asker, seen).await,
            Way::Ollama => ollama::ask(asker, seen, &self.shown).await,
            Way::Models => models::ask(asker, seen).await,
        }
    }
}

/// One way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    LmStudio,
    LlamaCpp,
    Ollama,
    Models,
}

/// The ways to try: the preset's own first. A provider whose protocol the preset knows is asked for its list only.
fn ways(backend: &ResolvedBackend) -> &'static [Way] {
    use Way::{LlamaCpp, LmStudio, Models, Ollama};
    let is_known = presets::find(backend.preset).is_some_and(|preset| preset.protocol.is_some());
    match backend.preset {
        _ if is_known => &[Models],
        "llamacpp" => &[LlamaCpp, LmStudio, Ollama, Models],
        "ollama" => &[Ollama, LmStudio, LlamaCpp, Models],
        "vllm" => &[Models, LmStudio, LlamaCpp, Ollama],
        _ => &[LmStudio, LlamaCpp, Ollama, Models],
    }
}

/// An answer of a model server.
#[derive(Debug)]
struct Draft {
    flavour: Flavour,
    version: Option<String>,
    models: Vec<ModelCard>,
    took: Duration,
}

impl Draft {
    /// A plain OpenAI list is what nearly every server has besides its own.
    const fn is_certain(&self) -> bool {
        !matches!(self.flavour, Flavour::OpenaiCompatible)
    }

    /// LM Studio before 0.3.6 has no list of its own, but says "Unexpected endpoint" as no other does.
    fn named(self, seen: &Seen) -> Self {
        if seen.lm_studio { Self { flavour: Flavour::LmStudio, ..self } } else { self }
    }

    fn found(self, backend: &ResolvedBackend) -> Found {
        Found {
            flavour: self.flavour,
            version: self.version,
            protocol: backend.protocol.unwrap_or(self.flavour.protocol()),
            models: self.models,
            latency_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// What the ways that led nowhere have shown.
#[derive(Debug, Default)]
struct Seen {
    /// The status a key was refused with.
    refused: Option<u16>,
    /// A server that loads its model answers everything with 503.
    loading: Option<String>,
    lm_studio: bool,
    /// The last word on `/v1/models`.
    list: Option<Reply>,
}

impl Seen {
    fn note(&mut self, reply: &Reply) {
        if reply.refuses_the_key() {
            self.refused = Some(reply.status);
        }
        if reply.status == 503 && reply.error_text().to_ascii_lowercase().contains("loading model") {
            self.loading = Some(reply.url.clone());
        }
        self.lm_studio |= lmstudio::is_unexpected_endpoint(&reply.body);
    }

    /// No list of models was found: is there a server at all?
    fn conclude(self, asker: &Asker<'_>) -> Result<Found, ProbeError> {
        let backend = asker.backend;
        if let Some(url) = self.loading {
            return Err(ProbeError::Loading { url });
        }
        if let Some(status) = self.refused {
            // The client's login is not ours to ask with; the refusal shows that the provider is there.
            let is_there = backend.auth == Auth::Passthrough;
            let refused = || ProbeError::unauthorized(backend, status, asker.with_key);
            return if is_there { Ok(without_list(backend, self.list.as_ref())) } else { Err(refused()) };
        }
        match self.list {
            Some(reply) if backend.protocol.is_some() && models::is_api_without_list(&reply) => {
                Ok(without_list(backend, Some(&reply)))
            }
            Some(Reply { url, status: status @ (429 | 500..), .. }) => Err(ProbeError::Failing { url, status }),
            Some(reply) => Err(ProbeError::NotAModelServer { detail: reply.in_words(), url: reply.url }),
            None => Err(ProbeError::NotAModelServer {
                url: backend.base_url.to_string(),
                detail: "it has no list of models".to_owned(),
            }),
        }
    }
}

/// A provider that is there but does not tell us its models.
fn without_list(backend: &ResolvedBackend, reply: Option<&Reply>) -> Found {
    let flavour = match backend.protocol {
        Some(branchline_wire::Upstream::Anthropic) => Flavour::Anthropic,
        _ => Flavour::OpenaiCompatible,
    };
    let took = reply.map_or(Duration::ZERO, |reply| reply.took);
    Draft { flavour, version: None, models: Vec::new(), took }.found(backend)
}

/// A text that is there and not empty.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

/// The entries of a list; none where there is no list.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
