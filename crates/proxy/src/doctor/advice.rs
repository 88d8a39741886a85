//! The next step after a test that went wrong.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::ask::Said;
use super::exam::Exam;
use crate::agent::{LEAST_WINDOW, ROOMY_WINDOW};
use crate::engine::Engine;
use crate::images;
use crate::probe::{Flavour, ModelCard, ModelKind};
use crate::record::Record;

/// After a request that failed: what the engine says, else what the server's words mean.
pub(super) fn after(exam: &Exam<'_>, record: &Record) -> Option<String> {
    let error = record.error.as_ref()?;
    let said = error.message.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if names(&["support tools", "tool-call-parser", "auto-tool-choice", "jinja", "tool use is not supported"]) {
        return no_call(exam);
    }
    if error.code == "prompt_too_long" || names(&["prompt is too long", "context"]) {
        return window(exam);
    }
    error.hint.clone()
}

/// It does not call tools.
pub(super) fn no_call(exam: &Exam<'_>) -> Option<String> {
    let other = other(exam, |card| card.tools == Some(true));
    let such = |of: &str| other.as_ref().map_or_else(String::new, |other| format!("{of}{other}"));
    let flavour = exam.engine.world().flavour(&exam.model.backend);
    let untrained = exam.card().is_some_and(|card| card.tools == Some(false));
    Some(match (flavour, untrained) {
        (Some(Flavour::Vllm), _) => {
            "start vLLM with --enable-auto-tool-choice and the --tool-call-parser of the model".into()
        }
        (Some(Flavour::LlamaCpp), _) => {
            format!("start llama-server with --jinja and a chat template that knows tools{}", such(", or choose "))
        }
        (_, true) if other.is_some() => format!("the model has no tool template: choose {}", such("")),
        (_, true) => "the model has no tool template: choose one trained for tool use".into(),
        (_, false) => format!("choose a model trained for tool use{}", such(", such as ")),
    })
}

/// Another model of the same server that can do it; a loaded one before others.
fn other(exam: &Exam<'_>, can: impl Fn(&ModelCard) -> bool) -> Option<String> {
    let world = exam.engine.world();
    let cards = &world.found.get(&exam.model.backend)?.models;
    let fits = |card: &&ModelCard| can(card) && card.id != exam.model.model && card.kind != ModelKind::Embedding;
    let mut fitting: Vec<_> = cards.iter().filter(fits).collect();
    fitting.sort_by_key(|card| card.loaded != Some(true));
    fitting.first().map(|card| format!("{}:{}", card.backend, card.id))
}

/// Its window is too small, or not what its server says.
pub(super) fn window(exam: &Exam<'_>) -> Option<String> {
    let wanted = match longest(exam) {
        Some(most) if most < LEAST_WINDOW => {
            return Some(format!("its window cannot be longer than {most}: choose a model with a longer one"));
        }
        // All it can have is better than what it has.
        Some(most) => most.min(ROOMY_WINDOW),
        None => ROOMY_WINDOW,
    };
    let (model, name) = (exam.model, &exam.model.backend);
    Some(match exam.engine.world().flavour(name) {
        Some(Flavour::LmStudio) => {
            format!("load it with {wanted}: `branchline models load {model} --context {wanted}`")
        }
        Some(Flavour::Ollama) => format!("set context_length = {wanted} in [backends.{name}]"),
        Some(Flavour::LlamaCpp) => format!("start llama-server with -c {wanted}"),
        Some(Flavour::Vllm) => format!("start vLLM with --max-model-len {wanted}"),
        _ => format!("give it a window of {wanted} tokens"),
    })
}

/// The longest window it can have. vLLM tells none but the one it was started with.
fn longest(exam: &Exam<'_>) -> Option<u64> {
    let is_told = exam.engine.world().flavour(&exam.model.backend) != Some(Flavour::Vllm);
    exam.card().and_then(|card| card.context_max).filter(|_| is_told)
}

/// It is large enough to begin in. Where it cannot be made larger, it is made to do.
pub(super) fn small_window(exam: &Exam<'_>) -> Option<String> {
    let has = exam.engine.world().catalog.facts(exam.model).context;
    if longest(exam).is_some_and(|most| has.is_some_and(|has| has >= most)) {
        return Some(format!(
            "it cannot be longer: start the client with `branchline claude`, which keeps results short, or choose a model with {ROOMY_WINDOW}"
        ));
    }
    window(exam)
        .map(|step| format!("{step}; until then start the client with `branchline claude`, which keeps results short"))
}

/// It read the prompt and does not know what stands in it.
pub(super) fn forgets() -> Option<String> {
    Some("it loses what stands in a long prompt: choose another model, or a larger quantization".into())
}

/// Its answer was over before it began.
pub(super) fn thinks_too_long(exam: &Exam<'_>) -> Option<String> {
    let body = "extra_body = { chat_template_kwargs = { enable_thinking = false } }";
    Some(format!(
        "it thinks for long: switch thinking off, where its template can: {body} in [backends.{}]",
        exam.model.backend
    ))
}

/// Nothing was said.
pub(super) fn empty(said: &Said) -> Option<String> {
    let thought = said.answer.thinking.is_some();
    Some(
        if thought { "it only thought: give it more room or switch thinking off" } else { "see its server's own log" }
            .into(),
    )
}

/// It named other colours than there were.
pub(super) fn does_not_see(exam: &Exam<'_>, described: bool) -> Option<String> {
    if described {
        return Some("the description was not good enough: give the role vision to another model".into());
    }
    let other = other(exam, |card| card.vision == Some(true));
    Some(match other {
        Some(other) => format!("give the role vision to {other}"),
        None => "give the role vision to a model that sees, with its projector file (mmproj) loaded".into(),
    })
}

/// The doctor's pictures are no pictures of the user's: their descriptions are not kept.
pub(super) async fn forget_picture(engine: &Arc<Engine>, png: &[u8]) {
    if let Err(error) = engine.store.delete_image(images::hex(&Sha256::digest(png))).await {
        tracing::warn!(%error, "the description of the doctor's picture stays");
    }
}
