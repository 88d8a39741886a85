//! What happens at the end of the window: before the answer, and in the middle of it.

use serde_json::Value;

use crate::ask::Ask;
use crate::fault::Fault;
use crate::model::Model;
use crate::ollama;
use crate::profile::Profile;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::script::{Answer, Part};
use crate::sim::Shared;

/// Whether the prompt fits the window; `Some` is an answer in its own right.
pub(crate) fn fit(
    shared: &Shared,
    body: &Value,
    ask: &Ask,
    model: &Model,
    tokens: u64,
) -> Result<Option<Reply>, Refusal> {
    let window = model.context;
    let output = ask.max_tokens().unwrap_or(0);
    // Ollama cuts the prompt and says nothing, unless it is told not to.
    if shared.profile == Profile::Ollama && !ollama::refuses_to_cut(body) {
        return Ok(None);
    }
    if tokens > window {
        // Some LM Studio versions end the stream without a word (lmstudio-ai/lmstudio-bug-tracker#2339).
        if shared.options.empty_on_overflow {
            return Ok(Some(Reply::events(Vec::new())));
        }
        return Err(Refusal::Overflow { tokens, window });
    }
    if shared.options.output_counts && tokens + output > window {
        return Err(Refusal::OverflowWithOutput { tokens, output, window });
    }
    Ok(None)
}

/// An answer that meets the end of the window on its way: LM Studio breaks off with an error, the
/// others stop as at the output limit.
pub(crate) fn filling(profile: Profile, model: &Model, input: u64, answer: Answer) -> Answer {
    let room = model.context.saturating_sub(input);
    let over = model.tokens(answer.size().0) > room;
    if !over || !profile.is_local() || !matches!(answer.parts.as_slice(), [Part::Text(_)]) {
        return answer;
    }
    let answer = answer.limited(Some(room.max(1)));
    if profile != Profile::LmStudio {
        return answer;
    }
    let message = format!(
        "Reached context length of {} tokens with model (arch: simulated) that does not currently support mid-generation \
         context overflow. Try reloading with a larger context length or shortening the prompt/chat.",
        model.context
    );
    answer.with_fault(Fault::ErrorAfter { deltas: usize::MAX, kind: "invalid_request_error".into(), message })
}
