//! The four-role mode: a small model names the role of a turn. Asked once per turn, for `dispatcher_timeout_ms` at most.

use std::time::Duration;

use branchline_routing::{Dispatched, Role};
use branchline_wire::hub::{Content, Message, Request};
use branchline_wire::text::Text;

use crate::aside::{self, Asking};
use crate::call::Call;
use crate::engine::Engine;
use crate::inbound::Inbound;
use crate::record::AsidePurpose;

/// Bytes of the human's words the dispatcher sees, at each end of a longer text.
const SHOWN: usize = 2_000;
/// Room for one word and what a small model puts around it.
const ANSWER: u64 = 256;

const TASK: &str = "You sort requests to a coding assistant. Answer with one word and nothing else.\n\
tool: only commands, files or searches are to be run, and little is to be decided.\n\
coder: code is to be written, changed or explained.\n\
think: it needs careful reasoning, a design, a plan, or the cause of a hard fault.";

/// Asks for a turn that nobody has sorted yet, and remembers what came of it.
pub(crate) async fn ask(engine: &Engine, call: &Call, inbound: &Inbound<'_>) -> Dispatched {
    let limit = Duration::from_millis(call.world.settings.routing.dispatcher_timeout_ms);
    let said = match tokio::time::timeout(limit, ask_someone(engine, call, inbound)).await {
        Ok(Ok(role)) => Dispatched::Role(role),
        Ok(Err(why)) => Dispatched::Failed(why),
        Err(_) => Dispatched::Failed(format!("it took longer than {} ms", limit.as_millis())),
    };
    if let Dispatched::Failed(why) = &said {
        tracing::warn!(why, "the dispatcher was of no help");
    }
    engine.turns.dispatch(inbound.key.clone(), said.clone());
    said
}

async fn ask_someone(engine: &Engine, call: &Call, inbound: &Inbound<'_>) -> Result<Role, String> {
    let may_leave = aside::may_leave(engine, call, inbound);
    let mut why = "no dispatcher model may be asked".to_owned();
    for model in inbound.situation.policy(call).role(Role::Dispatcher) {
        let Some(backend) = call.world.backends.get(&model.backend) else { continue };
        let may_be_asked = may_leave || backend.resolved.local;
        if !may_be_asked || !call.world.health.is_up(&model.backend) {
            continue;
        }
        let shown = shown(&inbound.turn.human);
        let request = question(&model.model, &shown);
        let asking = Asking { engine, call, purpose: AsidePurpose::Dispatcher, who: inbound.who() };
        match asking.ask(backend, &request).await.and_then(|said| role_of(&said)) {
            Ok(role) => return Ok(role),
            Err(error) => why = format!("{model}: {error}"),
        }
    }
    Err(why)
}

fn question<'q>(model: &'q str, shown: &'q str) -> Request<'q> {
    let said = Content::Text(Text::plain(shown));
    Request {
        model: Text::plain(model),
        max_tokens: Some(ANSWER),
        system: Content::Text(Text::plain(TASK)),
        messages: vec![Message { content: said, ..Message::default() }].into(),
        ..Request::default()
    }
}

/// Both ends of a long text: a request stands at the beginning or at the end of what is pasted with it.
fn shown(human: &str) -> String {
    if human.len() <= 2 * SHOWN {
        return human.to_owned();
    }
    let (head, tail) = (human.floor_char_boundary(SHOWN), human.ceil_char_boundary(human.len() - SHOWN));
    format!("{}\n[…]\n{}", &human[..head], &human[tail..])
}

/// The last of the three words counts: what a small model thinks aloud stands before its answer.
fn role_of(said: &str) -> Result<Role, String> {
    let words = said.rsplit(|c: char| !c.is_alphanumeric());
    let roles = words.filter_map(|word| match word.to_ascii_lowercase().as_str() {
        "tool" => Some(Role::Tool),
        "coder" => Some(Role::Coder),
        "think" => Some(Role::Think),
        _ => None,
    });
    // What it said instead may be the human's words, which are written down nowhere.
    { roles }.next().ok_or_else(|| "its answer names none of tool, coder and think".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_models_word_is_found_in_what_it_puts_around_it() {
        for (said, role) in [
            ("tool", Some(Role::Tool)),
            ("**Coder**.", Some(Role::Coder)),
            ("<think>is it a tool? or coder?</think>\nthink", Some(Role::Think)),
            ("I cannot say", None),
            ("", None),
        ] {
            assert_eq!(role_of(said).ok(), role, "{said}");
        }
    }

    #[test]
    fn of_a_long_text_both_ends_are_shown() {
        let shown = shown(&format!("begin {} end", "ü".repeat(5_000)));
        assert!(shown.starts_with("begin") && shown.ends_with("end") && shown.len() < 4_100);
    }
}
