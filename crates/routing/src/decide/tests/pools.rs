//! Which server of a pool answers.

use super::*;
use crate::Load;

/// Two servers for the coder, `a` and `b`, each with one place.
fn pool(running: [u32; 2]) -> Case {
    let members: Vec<_> = ["a", "b"].map(|backend| ModelRef::new(backend, "coder")).into();
    let load = |running| Load { running, waiting: 0, limit: 1 };
    case(EASY).with(|c| {
        c.policy.roles.insert(Role::Coder, members.clone());
        c.policy.pools.insert("studios".into(), members);
        c.health.load = [("a".to_owned(), load(running[0])), ("b".to_owned(), load(running[1]))].into();
    })
}

fn first(case: &Case) -> String {
    case.decide().candidates[0].model.backend.clone()
}

#[test]
fn a_new_conversation_goes_to_the_server_with_the_least_to_do() {
    assert_eq!((first(&pool([0, 1])), first(&pool([1, 0]))), ("a".into(), "b".into()));
    let told = pool([0, 1]).decide().reasons;
    assert!(told.iter().any(|reason| reason.contains("a of the pool studios: it has the least to do")), "{told:?}");
    let of = |key| first(&pool([0, 0]).with(|c| c.conversation.key = key));
    let on_a = (0..200).filter(|key| of(*key) == "a").count();
    assert!((60..140).contains(&on_a), "{on_a} of 200 went to a");
}

#[test]
fn a_conversation_stays_with_the_server_that_has_its_prompt() {
    let home = |running| pool(running).with(|c| c.conversation.home = Some("a".into()));
    assert_eq!(first(&home([1, 0])), "a");
    assert_eq!(first(&home([3, 0])), "b", "three before it take longer than reading the prompt again");
    let down = home([0, 0]).with(|c| c.health.down = ["a".to_owned()].into());
    assert_eq!(first(&down), "b");
}
