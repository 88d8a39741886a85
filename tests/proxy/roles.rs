//! The four-role mode, and turns that move because their model struggles.

use branchline_proxy::LiveEvent;
use branchline_sim::{Answer, Fault, Model, Script, Sim, Stop};
use branchline_tests::session::Session;
use branchline_tests::{Reply, Stand};
use serde_json::{Value, json};

use crate::rig::{CLOUD, CODER, EASY, HARD, anthropic, ask, both, lmstudio, local, send, told};

const TINY: &str = "qwen3-1.7b";
const HANDS: &str = "hands-8b";
const HEAD: &str = "deep-thinker-r1";

/// LM Studio with a model for each of the four roles; the one that thinks calls no tools.
async fn four_roles(word: Answer) -> Sim {
    let able = |id: &str| Model::llm(id).loaded().tools().context(131_072);
    let sim = Sim::lmstudio().model(able(CODER)).model(able(HANDS));
    let sim = sim.model(Model::llm(TINY).loaded().context(32_768)).model(Model::llm(HEAD).loaded().context(65_536));
    let sim = sim.start().await.unwrap();
    sim.script(Script::for_model(TINY, word));
    sim
}

fn settings(sim: &Sim) -> String {
    format!(
        "{}routing.mode = \"dispatcher\"\nrouting.dispatcher_band = 100\nroles.coder = \"lmstudio:{CODER}\"\n\
         roles.dispatcher = \"lmstudio:{TINY}\"\nroles.tool = \"lmstudio:{HANDS}\"\nroles.think = \"lmstudio:{HEAD}\"\n",
        local(sim)
    )
}

fn model(reply: &Reply) -> &str {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.header("x-branchline-model").trim_start_matches("lmstudio:")
}

fn asked(sim: &Sim, model: &str) -> usize {
    sim.calls().iter().filter(|call| call.model() == model).count()
}

#[tokio::test]
async fn the_dispatcher_names_the_role_once_per_turn() {
    let sim = four_roles(Answer::text("tool")).await;
    sim.script(Script::for_model(HANDS, Answer::call("Bash", json!({"command": "ls"}))));
    let stand = Stand::start(&settings(&sim)).await;
    let mut session = Session::new("dispatch");
    session.says("list the files");
    for _ in 0..3 {
        let reply = send(&stand, &session).await;
        assert_eq!(model(&reply), HANDS);
        assert!(reply.header("x-branchline-reason").contains("dispatcher says: tool"), "{:?}", reply.headers);
        session.answered(told(&reply).content);
        session.results(vec![(json!("a b"), false)]);
    }
    assert_eq!(asked(&sim, TINY), 1);
    session.says("and something else");
    send(&stand, &session).await;
    assert_eq!(asked(&sim, TINY), 2, "the next turn is sorted anew");
    assert!(!sim.calls()[0].contains("Primary"), "it sees the human's words only");
    sim.verdict().unwrap();
}

#[tokio::test]
async fn without_the_dispatchers_help_the_score_decides_and_is_not_kept_waiting_twice() {
    let sim = four_roles(Answer::text("I would rather not say")).await;
    let stand = Stand::start(&settings(&sim)).await;
    let mut session = Session::new("no-help");
    session.says(EASY);
    for _ in 0..2 {
        let reply = send(&stand, &session).await;
        assert_eq!(model(&reply), CODER);
        assert!(stand.record().await.decision.reasons.iter().any(|reason| reason.contains("of no help")));
    }
    assert_eq!(asked(&sim, TINY), 1);
    let slow = four_roles(Answer::text("tool").head_waits(&branchline_sim::Gate::default())).await;
    let stand = Stand::start(&format!("{}routing.dispatcher_timeout_ms = 20\n", settings(&slow))).await;
    let reply = stand.post("/v1/messages", &ask(EASY)).await;
    assert_eq!(model(&reply), CODER);
    assert!(stand.record().await.decision.reasons.iter().any(|reason| reason.contains("longer than 20 ms")));
}

#[tokio::test]
async fn a_model_that_thinks_without_tools_hands_its_conclusion_to_one_that_has_them() {
    let sim = four_roles(Answer::text("think")).await;
    sim.script(Script::for_model(HEAD, Answer::thinking("hm").and_text("Conclusion: change line 7.")));
    sim.script(Script::for_model(HANDS, Answer::call("Bash", json!({"command": "sed"}))).times(2));
    let stand = Stand::start(&settings(&sim)).await;
    let mut session = Session::new("think");
    session.says("why does it hang?");
    let mut bodies: Vec<std::sync::Arc<Value>> = Vec::new();
    for _ in 0..2 {
        let reply = send(&stand, &session).await;
        assert_eq!(model(&reply), HANDS);
        bodies.push(sim.calls().last().unwrap().body.clone());
        session.answered(told(&reply).content);
        session.results(vec![(json!("changed"), false)]);
    }
    session.says("thanks, and why there?");
    send(&stand, &session).await;
    bodies.push(sim.calls().last().unwrap().body.clone());
    assert_eq!(asked(&sim, HEAD), 2, "once per turn");
    let head = sim.calls().into_iter().find(|call| call.model() == HEAD).unwrap();
    assert!(head.body["tools"].as_array().is_none_or(Vec::is_empty), "{:?}", head.body);
    let first = bodies[0]["messages"].as_array().unwrap();
    assert!(first[..].iter().any(|message| message.to_string().contains("Conclusion: change line 7.")), "{first:?}");
    for later in &bodies[1..] {
        assert_eq!(later["messages"].as_array().unwrap()[..first.len()], first[..], "the prefix holds");
    }
    sim.verdict().unwrap();
}

#[tokio::test]
async fn no_conclusion_of_one_conversation_gets_into_another_that_says_the_same() {
    let sim = four_roles(Answer::text("think")).await;
    sim.script(Script::for_model(HEAD, Answer::text("Conclusion: change line 7.")));
    let stand = Stand::start(&settings(&sim)).await;
    // A client that names no session.
    let asking = |system: &str, past: &[Value], words: &str| {
        let mut body = ask(words);
        body["system"] = system.into();
        body["tools"] = json!([{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}]);
        body["messages"] = json!([past, &[json!({"role": "user", "content": words})][..]].concat());
        body
    };
    let answered =
        |words: &str| [json!({"role": "user", "content": words}), json!({"role": "assistant", "content": "done"})];
    let why = "why does it hang?";
    for (body, heads) in [
        (asking("of one", &[], why), 1),
        (asking("of one", &[], why), 1),
        (asking("of another", &[], why), 2),
        (asking("of one", &answered("something else"), why), 3),
        (asking("of one", &answered(why), "thanks, and why there?"), 4),
    ] {
        assert_eq!(model(&stand.post("/v1/messages", &body).await), HANDS);
        assert_eq!(asked(&sim, HEAD), heads, "{body}");
    }
    let calls = sim.calls();
    let last = calls.iter().rev().find(|call| call.model() == HANDS).unwrap();
    assert_eq!(
        last.body.to_string().matches("Conclusion: change line 7.").count(),
        2,
        "those of its own stay: {:?}",
        last.body
    );
}

#[tokio::test]
async fn a_thinker_that_is_away_costs_the_turn_nothing_but_its_advice() {
    let sim = four_roles(Answer::text("think")).await;
    sim.script(Script::for_model(HEAD, Answer::fault(Fault::status(500, "out of memory"))));
    let stand = Stand::start(&settings(&sim)).await;
    let mut session = Session::new("no-advice");
    session.says("why does it hang?");
    assert_eq!(model(&send(&stand, &session).await), HANDS);
    let reasons = stand.record().await.decision.reasons.join("; ");
    assert!(reasons.contains("gave no conclusion"), "{reasons}");
}

/// A local model that answers like this, and a cloud.
async fn struggling(answer: Answer, more: &str) -> (Sim, Sim, Stand) {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    home.script(Script::always(answer));
    cloud.script(Script::always(Answer::call("Bash", json!({"command": "make"}))));
    let stand = Stand::start(&format!("{}{more}", both(&home, &cloud))).await;
    (home, cloud, stand)
}

async fn loop_on(stand: &Stand, session: &mut Session, rounds: usize, result: &Value) -> Vec<bool> {
    let mut in_cloud = Vec::new();
    for _ in 0..rounds {
        let reply = send(stand, session).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        in_cloud.push(reply.header("x-branchline-model").starts_with("anthropic:"));
        session.answered(told(&reply).content);
        session.results(vec![(result.clone(), true)]);
    }
    in_cloud
}

#[tokio::test]
async fn the_same_failing_call_three_times_moves_the_turn_once_and_is_announced_once() {
    let (home, cloud, stand) = struggling(Answer::call("Bash", json!({"command": "make"})), "").await;
    let mut ears = stand.ears();
    let mut session = Session::new("same");
    session.says("fix the build please");
    let places = loop_on(&stand, &mut session, 6, &json!("error: it does not compile")).await;
    assert_eq!(places, [false, false, false, true, true, true]);
    let said = ears.hear("the escalation", |event| match event {
        LiveEvent::Escalated { model, reason, .. } => Some((model, reason)),
        _ => None,
    });
    assert_eq!(said.await, (format!("anthropic:{CLOUD}"), "the same call failed 3 times".to_owned()));
    let records = stand.records().await;
    assert_eq!(records.iter().filter(|record| record.decision.escalated.is_some()).count(), 1);
    session.says("say thanks");
    assert!(
        send(&stand, &session).await.header("x-branchline-model").starts_with("lmstudio:"),
        "the next turn is its own"
    );
    assert_eq!(home.calls().len(), 4);
    assert_eq!(cloud.calls().len(), 3);
}

#[tokio::test]
async fn malformed_calls_move_the_turn() {
    let (_home, _cloud, stand) = struggling(Answer::call("Bash", json!({"cmd": "make"})), "").await;
    let mut session = Session::new("malformed");
    session.says("fix the build please");
    let refused = json!("<tool_use_error>InputValidationError: Bash failed: `command` is missing</tool_use_error>");
    assert_eq!(loop_on(&stand, &mut session, 3, &refused).await, [false, false, true]);
}

#[tokio::test]
async fn empty_and_truncated_answers_move_the_turn() {
    let (_home, _cloud, stand) = struggling(Answer::text(""), "").await;
    let mut session = Session::new("empty");
    session.says(EASY);
    let mut places = Vec::new();
    for _ in 0..3 {
        // The client asks again with the very same request.
        places.push(send(&stand, &session).await.header("x-branchline-model").starts_with("anthropic:"));
    }
    assert_eq!(places, [false, false, true]);
    let (_home, _cloud, stand) = struggling(Answer::text("part").stop(Stop::MaxTokens), "").await;
    let mut session = Session::new("cut");
    session.says(EASY);
    let mut places = Vec::new();
    for _ in 0..3 {
        places.push(send(&stand, &session).await.header("x-branchline-model").starts_with("anthropic:"));
        session.answered(vec![json!({"type": "text", "text": "part"})]);
        session.user(vec![json!({"type": "text", "text": "Output token limit hit. Go on."})]);
    }
    assert_eq!(places, [false, false, true]);
}

#[tokio::test]
async fn a_very_long_loop_moves_the_turn_and_rising_points_alone_do_not() {
    let (_home, _cloud, stand) = struggling(
        Answer::call("Bash", json!({"command": "ls"})),
        "escalation.steps = 5\nescalation.same_failure = 0\nrouting.threshold = 30\n",
    )
    .await;
    let mut session = Session::new("long");
    session.says("tidy up");
    let places = loop_on(&stand, &mut session, 7, &json!("no")).await;
    assert_eq!(places, [false, false, false, false, false, true, true]);
}

#[tokio::test]
async fn escalation_can_be_switched_off_and_privacy_wins_over_it() {
    for more in ["escalation.enabled = false\n", "never_cloud.texts = [\"falcon\"]\n"] {
        let (_home, cloud, stand) = struggling(Answer::call("Bash", json!({"command": "make"})), more).await;
        let mut session = Session::new("stays");
        session.says("fix the falcon build please");
        let places = loop_on(&stand, &mut session, 5, &json!("error")).await;
        assert_eq!(places, [false; 5], "{more}");
        assert!(cloud.calls().is_empty());
        assert!(stand.records().await.iter().all(|record| record.decision.escalated.is_none()));
    }
}

#[tokio::test]
async fn a_hard_turn_far_from_the_threshold_asks_no_dispatcher() {
    let sim = four_roles(Answer::text("tool")).await;
    let cloud = anthropic().await;
    let text = settings(&sim).replace("dispatcher_band = 100", "dispatcher_band = 5");
    let stand = Stand::start(&format!("{text}{}", crate::rig::backend("anthropic", &cloud))).await;
    let reply = stand.post("/v1/messages", &ask(HARD)).await;
    assert!(reply.header("x-branchline-model").starts_with("anthropic:"), "{:?}", reply.headers);
    assert_eq!(asked(&sim, TINY), 0);
}
