//! What is wished for a request: what is forced, asked, ruled, scored. Whether a model can take it is not asked here.

use super::{Decision, Dispatched, Question};
use crate::rule::Then;
use crate::turn::{Kind, Turn};
use crate::{Catalog, Mode, ModelRef, Policy, Role, Target};

/// Which side, which roles or models, and whether others may step in.
#[derive(Debug)]
pub(super) struct Wish {
    /// Models to look at first, in order.
    pub(super) pinned: Vec<ModelRef>,
    /// Nobody but those named here and in `first`.
    pub(super) alone: bool,
    /// Roles to look at next, in order.
    pub(super) first: Vec<Role>,
    /// The cloud side is meant.
    pub(super) cloud: bool,
    /// The other side may step in.
    pub(super) may_cross: bool,
    /// Only the user's own machines.
    pub(super) at_home: bool,
    /// Somebody insists on the side: nobody of the other one looks at the pictures either.
    pub(super) keeps_side: bool,
}

impl Wish {
    fn side(cloud: bool, policy: &Policy) -> Self {
        let may_cross = if cloud { policy.fallback_to_local } else { policy.fallback_to_cloud };
        Self { may_cross, ..Self::strict(cloud) }
    }

    const fn strict(cloud: bool) -> Self {
        Self {
            pinned: Vec::new(),
            alone: false,
            first: Vec::new(),
            cloud,
            may_cross: false,
            at_home: false,
            keeps_side: false,
        }
    }

    /// Everything on the user's own machines.
    fn home() -> Self {
        Self { at_home: true, ..Self::strict(false) }
    }

    fn only(models: Vec<ModelRef>, catalog: &Catalog) -> Self {
        let cloud = models.first().is_some_and(|model| !catalog.facts(model).local);
        Self { pinned: models, alone: true, ..Self::strict(cloud) }
    }

    /// A request that is no work, for these roles.
    pub(super) fn aside(roles: Vec<Role>, alone: bool, at_home: bool, policy: &Policy) -> Self {
        let may_cross = policy.fallback_to_cloud && !at_home;
        Self { first: roles, alone, may_cross, at_home, ..Self::strict(false) }
    }

    /// The models of a role, then those of its side.
    fn of_role(role: Role, policy: &Policy, catalog: &Catalog) -> Self {
        Self { first: vec![role], ..Self::side(is_cloud_role(role, policy, catalog), policy) }
    }

    pub(super) const fn side_role(&self) -> Role {
        if self.cloud { Role::Cloud } else { Role::Coder }
    }

    pub(super) fn leading_role(&self) -> Role {
        self.first.first().copied().filter(|_| self.pinned.is_empty()).unwrap_or(self.side_role())
    }

    /// Whether a model that sees may answer in place of one that does not: nobody's place who was named, on no side that
    /// somebody insists to be kept from.
    pub(super) fn lets_look(&self, is_local: bool) -> bool {
        let kept_here = self.at_home && !is_local;
        let kept_there = self.keeps_side && is_local == self.cloud;
        self.pinned.is_empty() && !kept_here && !kept_there
    }

    /// Privacy wins over whatever was wished: the request stays, or is refused.
    pub(super) fn stay(&mut self, why: &str, policy: &Policy, catalog: &Catalog, decision: &mut Decision) {
        let all = self.pinned.iter().flat_map(|model| policy.members(model));
        self.pinned = all.filter(|model| catalog.facts(model).local).cloned().collect();
        let meant_to_leave = self.cloud;
        self.alone &= !self.pinned.is_empty();
        (self.cloud, self.may_cross, self.at_home) = (false, false, true);
        decision.say(format!("private: {why}; it stays on your machines"));
        if meant_to_leave {
            decision.decides();
            decision.escalated = None;
        }
    }
}

/// Whether a role is served by the cloud: by its name, or by its first model.
fn is_cloud_role(role: Role, policy: &Policy, catalog: &Catalog) -> bool {
    match (role, policy.role(role).first()) {
        (Role::Cloud | Role::WebSearch, _) | (Role::Think | Role::LongContext, None) => true,
        (_, Some(model)) => !catalog.facts(model).local,
        (_, None) => false,
    }
}

pub(super) fn wish(question: &Question<'_>, policy: &Policy, catalog: &Catalog, decision: &mut Decision) -> Wish {
    insisted(question, policy, catalog, decision)
        .or_else(|| one_way(policy, decision))
        .or_else(|| alias(question, catalog, decision))
        .or_else(|| rule(question, policy, catalog, decision))
        .or_else(|| kind(question.turn, policy, decision))
        .unwrap_or_else(|| turn(question, policy, catalog, decision))
}

/// A header, a tag, or a model id that names a side, a role or a model.
fn insisted(question: &Question<'_>, policy: &Policy, catalog: &Catalog, decision: &mut Decision) -> Option<Wish> {
    let (target, by) = match &question.forced {
        Some(forced) => (&forced.target, forced.by.as_ref()),
        None if matches!(question.asked, Target::Named { .. }) => return None,
        None => (&question.asked, "model id"),
    };
    let (wish, said) = match target {
        Target::Auto => return None,
        Target::Local => (Wish::home(), format!("{by} asks for local")),
        Target::Cloud => (Wish { keeps_side: true, ..Wish::strict(true) }, format!("{by} asks for cloud")),
        Target::Role(role) => {
            let wish = Wish { may_cross: false, keeps_side: true, ..Wish::of_role(*role, policy, catalog) };
            (wish, format!("{by} asks for the role {}", role.as_str()))
        }
        Target::Model(model) => (Wish::only(vec![model.clone()], catalog), format!("{by} names {model}")),
        Target::Named { name, models } => (Wish::only(models.clone(), catalog), format!("{by} names the alias {name}")),
    };
    decision.say(said);
    Some(wish)
}

/// The user sends everything one way. That beats the model ids agents send by themselves, aliases of them included.
fn one_way(policy: &Policy, decision: &mut Decision) -> Option<Wish> {
    match policy.mode {
        Mode::Local => {
            match &policy.mode_unread {
                Some(why) => decision.say(format!("{why}: all is local until it is mended")),
                None => decision.say("mode is all local"),
            }
            Some(Wish::home())
        }
        Mode::Cloud => {
            decision.say("mode is all cloud");
            Some(Wish::side(true, policy))
        }
        Mode::Auto | Mode::Dispatcher => None,
    }
}

fn alias(question: &Question<'_>, catalog: &Catalog, decision: &mut Decision) -> Option<Wish> {
    let Target::Named { name, models } = &question.asked else { return None };
    // A route named beside it was "auto": the score decides.
    if question.forced.is_some() {
        return None;
    }
    decision.say(format!("the model id means the alias {name}"));
    Some(Wish::only(models.clone(), catalog))
}

fn rule(question: &Question<'_>, policy: &Policy, catalog: &Catalog, decision: &mut Decision) -> Option<Wish> {
    let ruled = question.ruled.as_ref()?;
    decision.say(format!("{} sends it to {}", ruled.rule, ruled.then));
    Some(match &ruled.then {
        Then::Role(role) => Wish::of_role(*role, policy, catalog),
        Then::Models(models) => {
            let cloud = models.first().is_some_and(|model| !catalog.facts(model).local);
            Wish { pinned: models.clone(), ..Wish::side(cloud, policy) }
        }
    })
}

fn kind(turn: &Turn, policy: &Policy, decision: &mut Decision) -> Option<Wish> {
    match turn.kind {
        Kind::WebSearch => {
            decision.say("web search runs on the server: cloud");
            Some(Wish { first: vec![Role::WebSearch], ..Wish::side(true, policy) })
        }
        _ if turn.server_tools && !turn.client_tools => {
            decision.say("the request brings server tools only the cloud can run");
            Some(Wish::side(true, policy))
        }
        _ => None,
    }
}

/// The turn itself: what was decided before, what goes wrong, what the dispatcher says, the score.
fn turn(question: &Question<'_>, policy: &Policy, catalog: &Catalog, decision: &mut Decision) -> Wish {
    decision.by_turn = true;
    if policy.learned.points != 0.0 {
        decision.say(format!("{:+} points learned from {}", policy.learned.points, policy.learned.why));
    }
    let earlier = question.earlier.unwrap_or_default();
    if earlier.escalated {
        decision.say("this turn has escalated to the cloud and stays there to its end");
        return Wish::side(true, policy);
    }
    if !earlier.cloud
        && let Some(wish) = escalation(question, policy, decision)
    {
        return wish;
    }
    if let Some(wish) = dispatched(question, policy, catalog, decision) {
        return wish;
    }
    if earlier.cloud {
        decision.say("this turn already went to the cloud and stays there");
        return Wish::side(true, policy);
    }
    let tokens = question.turn.structure.prompt_tokens;
    if let Some(most) = policy.max_local_tokens
        && tokens > most
    {
        decision.say(format!("about {tokens} tokens are above max_local_tokens {most}"));
        return Wish::side(true, policy);
    }
    by_score(question, policy, decision)
}

/// A turn moves to the cloud when its model struggles, or when it goes on and on.
fn escalation(question: &Question<'_>, policy: &Policy, decision: &mut Decision) -> Option<Wish> {
    let works = matches!(question.turn.kind, Kind::Main | Kind::Subagent);
    let limits = policy.escalation.filter(|_| works && !policy.role(Role::Cloud).is_empty())?;
    let why = limits.reached(question.turn.struggle, question.answers)?;
    decision.say(format!("{why}: the turn goes on in the cloud (escalated)"));
    decision.escalated = Some(why);
    Some(Wish::side(true, policy))
}

/// The four-role mode: a small model has named the role, or is to be asked.
fn dispatched(question: &Question<'_>, policy: &Policy, catalog: &Catalog, decision: &mut Decision) -> Option<Wish> {
    let works = matches!(question.turn.kind, Kind::Main | Kind::Subagent);
    if policy.mode != Mode::Dispatcher || !works || policy.role(Role::Dispatcher).is_empty() {
        return None;
    }
    match &question.dispatched {
        None => {
            let near = decision.score.value.abs_diff(policy.threshold) <= policy.dispatcher_band;
            decision.ask_dispatcher = near && question.earlier.is_none();
            None
        }
        Some(Dispatched::Failed(why)) => {
            decision.say(format!("the dispatcher was of no help ({why}): the score decides"));
            None
        }
        Some(Dispatched::Role(role)) => {
            decision.say(format!("the dispatcher says: {}", role.as_str()));
            let wish = Wish::of_role(*role, policy, catalog);
            // Who thinks may not call tools; the conclusion goes to who does.
            let then = if *role == Role::Think { vec![Role::Think, Role::Tool] } else { vec![*role] };
            Some(Wish { first: then, ..wish })
        }
    }
}

fn by_score(question: &Question<'_>, policy: &Policy, decision: &mut Decision) -> Wish {
    let (score, threshold) = (decision.score.value, policy.threshold);
    let goes_on = question.earlier.is_some();
    if score >= threshold && !goes_on {
        decision.say(format!("score {score} reaches the threshold {threshold}: cloud"));
        return Wish::side(true, policy);
    }
    decision.say(if score < threshold {
        format!("score {score} is under the threshold {threshold}: local")
    } else {
        format!("this turn began on your machine and moves only when it struggles (score {score})")
    });
    let think = question.turn.thinking && !policy.role(Role::Think).is_empty();
    if think {
        decision.say("thinking was asked for");
    }
    Wish { first: if think { vec![Role::Think] } else { Vec::new() }, ..Wish::side(false, policy) }
}
