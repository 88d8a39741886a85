//! Which models can answer what is wished for, and in which order they are tried.

use super::wish::Wish;
use super::{Candidate, Decision, Question, Refusal, afford, pools};
use crate::turn::Turn;
use crate::{Catalog, Health, ModelFacts, ModelRef, Policy, Role, VisionMode};

/// Room kept for the answer when a prompt is fitted into a window, in tokens, if the window is large enough.
const ANSWER_ROOM: u64 = 4096;

/// Puts the models in line.
pub(super) fn choose(
    wish: &Wish,
    question: &Question<'_>,
    policy: &Policy,
    health: &Health,
    catalog: &Catalog,
    decision: &mut Decision,
) {
    let candidates = line_up(wish, policy, catalog);
    if candidates.first().is_some_and(|first| first.fallback.is_some()) {
        decision.say(format!("no {} model is set up", if wish.cloud { "cloud" } else { "local" }));
        decision.decides();
    }
    let affordable = afford::afford(candidates, policy, health, decision);
    let mut fitting = fit(affordable, question, catalog, decision);
    look(&mut fitting, wish, question, (policy, health, catalog), decision);
    let mut line = by_health(fitting, health, wish, decision);
    pools::spread(&mut line, &question.conversation, policy, health, &mut decision.reasons);
    decision.advisor = advisor(&mut line, question.turn, catalog, decision);
    decision.candidates = line;
}

/// A model for thinking that cannot call tools does not answer a turn with tools: it is asked for a conclusion, and
/// the next in line goes on from there.
fn advisor(line: &mut Vec<Candidate>, turn: &Turn, catalog: &Catalog, decision: &mut Decision) -> Option<Candidate> {
    let first = line.first().filter(|first| first.role == Role::Think && turn.client_tools)?;
    if line.len() < 2 || catalog.facts(&first.model).tools != Some(false) {
        return None;
    }
    let thinker = line.remove(0);
    decision.say(format!("{} calls no tools: its conclusion goes to {}", thinker.model, line[0].model));
    Some(thinker)
}

/// All models that may be asked, in the order of wishes; the ones of the other side are marked.
fn line_up(wish: &Wish, policy: &Policy, catalog: &Catalog) -> Vec<Candidate> {
    let mut line: Vec<Candidate> = Vec::new();
    for model in wish.pinned.iter().flat_map(|model| policy.members(model)) {
        let role = if catalog.facts(model).local { Role::Coder } else { Role::Cloud };
        push(&mut line, candidate(model, role, catalog));
    }
    for role in &wish.first {
        policy.role(*role).iter().for_each(|model| push(&mut line, candidate(model, *role, catalog)));
    }
    if !wish.alone {
        let named = line.len();
        let own: &[Role] = if wish.cloud { &[Role::Cloud] } else { &[Role::Coder, Role::LongContext] };
        let other = if wish.cloud { Role::Coder } else { Role::Cloud };
        for role in own {
            policy.role(*role).iter().for_each(|model| push(&mut line, candidate(model, *role, catalog)));
        }
        if wish.may_cross {
            for model in policy.role(other) {
                push(&mut line, Candidate { fallback: Some(String::new()), ..candidate(model, other, catalog) });
            }
        }
        // Who was named for the work may run anywhere; who stands in keeps to the side.
        let mut at = 0;
        line.retain(|c| {
            at += 1;
            at <= named || wish.may_cross || wish.cloud != c.local
        });
    }
    line.retain(|c| c.local || !wish.at_home);
    line
}

fn push(line: &mut Vec<Candidate>, next: Candidate) {
    if line.iter().all(|seen| seen.model != next.model) {
        line.push(next);
    }
}

fn candidate(model: &ModelRef, role: Role, catalog: &Catalog) -> Candidate {
    let facts = catalog.facts(model);
    Candidate {
        model: model.clone(),
        role,
        local: facts.local,
        fallback: None,
        describe_images: false,
        context: facts.context,
        max_output: facts.max_output,
        thoughtless: facts.thinking == Some(false),
    }
}

/// Step 3: images and the real window.
fn fit(
    candidates: Vec<Candidate>,
    question: &Question<'_>,
    catalog: &Catalog,
    decision: &mut Decision,
) -> Vec<Candidate> {
    let turn = question.turn;
    let blind = |facts: &ModelFacts| turn.images > 0 && facts.vision == Some(false);
    let mut fitting = Vec::with_capacity(candidates.len());
    let mut largest = (0, 0);
    let estimate = turn.structure.prompt_tokens;
    let any = !candidates.is_empty();
    for mut next in candidates {
        let facts = catalog.facts(&next.model);
        let prompt = question.calibration.tokens(&next.model, estimate);
        if let Some(window) = facts.context
            && let room = answer_room(turn, window)
            && let tokens = prompt + room
            && tokens > window
        {
            decision.say(format!("{} holds {window} tokens, about {tokens} are needed", next.model));
            if fitting.is_empty() {
                decision.decides();
            }
            // The client gives up as much of its history as the two differ: the answer needs its room, too.
            largest = largest.max((window - room, prompt));
            continue;
        }
        next.describe_images = blind(&facts);
        fitting.push(next);
    }
    if any && fitting.is_empty() {
        decision.refusal = Some(Refusal::TooLong { tokens: largest.1, maximum: largest.0 });
    }
    fitting
}

/// What becomes of pictures: a model that sees answers the turn that brings them (`vision.mode = "route"`), or they are
/// described for one that does not.
fn look(
    line: &mut Vec<Candidate>,
    wish: &Wish,
    question: &Question<'_>,
    around: (&Policy, &Health, &Catalog),
    decision: &mut Decision,
) {
    let turn = question.turn;
    if line.first().is_none_or(|first| !first.describe_images) {
        return;
    }
    let routed = around.0.vision == VisionMode::Route && turn.undescribed > 0;
    let mut seeing = if routed { seeing(wish, question, around) } else { Vec::new() };
    if seeing.is_empty() {
        decision.say(match turn.images {
            1 => "the image will be described for a model that cannot see".into(),
            images => format!("{images} images will be described for a model that cannot see"),
        });
        return;
    }
    decision.say("the turn brings pictures: the vision model answers");
    decision.decides();
    line.retain(|one| seeing.iter().all(|eyes| eyes.model != one.model));
    seeing.append(line);
    *line = seeing;
}

/// The models of the role `vision` that may answer: what keeps the others from it keeps them too.
fn seeing(
    wish: &Wish,
    question: &Question<'_>,
    (policy, health, catalog): (&Policy, &Health, &Catalog),
) -> Vec<Candidate> {
    let mut line = Vec::new();
    policy.role(Role::Vision).iter().for_each(|model| push(&mut line, candidate(model, Role::Vision, catalog)));
    let tokens = |model: &ModelRef| question.calibration.tokens(model, question.turn.structure.prompt_tokens);
    line.retain(|one| {
        let sees = catalog.facts(&one.model).vision != Some(false);
        let is_paid = one.local || health.spent.is_none();
        let holds = one.context.is_none_or(|window| tokens(&one.model) + answer_room(question.turn, window) <= window);
        wish.lets_look(one.local) && sees && is_paid && holds
    });
    line
}

/// What an answer takes of a window at least, in tokens.
fn answer_room(turn: &Turn, window: u64) -> u64 {
    turn.max_tokens.unwrap_or(ANSWER_ROOM).min(ANSWER_ROOM).min(window / 8)
}

/// Step 7: backends that are down go last, and who stands in says for whom.
fn by_health(candidates: Vec<Candidate>, health: &Health, wish: &Wish, decision: &mut Decision) -> Vec<Candidate> {
    let ahead = candidates.iter().take_while(|c| !health.is_up(&c.model.backend)).count();
    let (up, down): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|c| health.is_up(&c.model.backend));
    for (nth, one) in down.iter().enumerate() {
        let how = if health.down.contains(&one.model.backend) { "is offline" } else { "rests after failures" };
        decision.say(format!("{} {how}: {} is tried last", one.model.backend, one.model));
        if nth < ahead && !up.is_empty() {
            decision.decides();
        }
    }
    let mut line: Vec<Candidate> = up.into_iter().chain(down).collect();
    let own_side = if wish.cloud { "the cloud" } else { "the local model" };
    for one in &mut line {
        if one.fallback.is_some() {
            one.fallback = Some(format!("{own_side} could not take it"));
        }
    }
    line
}
