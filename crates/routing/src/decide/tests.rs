//! The decision, subject by subject. Here: the models, the policy and the turn that every test begins with.

use super::*;
use crate::ModelFacts;
use crate::signals::Structure;

mod budget;
mod pictures;
mod pools;
mod roles;
mod sides;
mod steps;
mod throwaway;
mod windows;

const EASY: &str = "rename this variable";
const HARD: &str = "Design and implement a lock-free queue in src/queue.rs and src/ring.rs, prove that it is linearizable, \
analyze the memory ordering trade-offs step by step, then benchmark it against the mutex version and refactor the callers.";

fn local() -> ModelRef {
    ModelRef::new("lmstudio", "coder")
}

fn cloud() -> ModelRef {
    ModelRef::new("anthropic", "claude")
}

fn vision() -> ModelRef {
    ModelRef::new("lmstudio", "eyes")
}

fn small() -> ModelRef {
    ModelRef::new("lmstudio", "small")
}

/// A policy with a coder that cannot see, a vision model and a cloud model.
fn policy() -> Policy {
    let roles = [(Role::Coder, local()), (Role::Cloud, cloud()), (Role::Vision, vision())];
    Policy { roles: roles.into_iter().map(|(role, model)| (role, vec![model])).collect(), ..Policy::default() }
}

fn catalog(window: u64) -> Catalog {
    let mut catalog = Catalog::default();
    catalog.backends.insert("lmstudio".into(), true);
    catalog.backends.insert("anthropic".into(), false);
    let coder = ModelFacts { local: true, context: Some(window), vision: Some(false), ..ModelFacts::default() };
    let eyes = ModelFacts { local: true, context: Some(window), vision: Some(true), ..ModelFacts::default() };
    let claude = ModelFacts { context: Some(1_000_000), vision: Some(true), ..ModelFacts::default() };
    catalog.models.extend([(local(), coder), (vision(), eyes), (cloud(), claude)]);
    catalog
}

fn turn(human: &str) -> Turn {
    let structure = Structure { prompt_tokens: 2_000, messages: 1, ..Structure::default() };
    Turn { human: human.into(), structure, max_tokens: Some(32_000), ..Turn::default() }
}

struct Case {
    turn: Turn,
    policy: Policy,
    health: Health,
    window: u64,
    asked: Target,
    forced: Option<Target>,
    earlier: Option<Earlier>,
    calibration: Calibration,
    conversation: Conversation,
    ruled: Option<Ruled>,
    private: Option<String>,
    answers: Answers,
    dispatched: Option<Dispatched>,
}

fn case(human: &str) -> Case {
    Case {
        turn: turn(human),
        policy: policy(),
        health: Health::default(),
        window: 65_536,
        asked: Target::Auto,
        forced: None,
        earlier: None,
        calibration: Calibration::default(),
        conversation: Conversation::default(),
        ruled: None,
        private: None,
        answers: Answers::default(),
        dispatched: None,
    }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn decide(&self) -> Decision {
        self.decide_with(&catalog(self.window))
    }

    fn decide_with(&self, catalog: &Catalog) -> Decision {
        let question = Question {
            turn: &self.turn,
            forced: self.forced.clone().map(|target| Forced { target, by: "header X-Force-Route".into() }),
            asked: self.asked.clone(),
            earlier: self.earlier,
            ruled: self.ruled.clone(),
            private: self.private.clone(),
            answers: self.answers,
            dispatched: self.dispatched.clone(),
            calibration: &self.calibration,
            conversation: self.conversation.clone(),
        };
        decide(&question, &self.policy, &self.health, catalog)
    }

    fn models(&self) -> Vec<String> {
        self.decide().candidates.iter().map(|candidate| candidate.model.to_string()).collect()
    }
}

fn down(backend: &str) -> Health {
    Health { down: [backend.to_owned()].into(), ..Health::default() }
}

fn ruled(then: Then) -> Option<Ruled> {
    Some(Ruled { rule: "rules[0]".into(), then })
}
