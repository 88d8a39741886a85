//! Every decision can be made again from its record.

use branchline_proxy::record::{DecisionRecord, Record};
use branchline_sim::{Answer, Script};
use branchline_tests::Stand;
use branchline_tests::session::{self, Session};
use serde_json::{Value, json};

use crate::rig::{
    CODER, EASY, HARD, anthropic, ask, backend, chat, go_on, lmstudio, local, respond, seeing, send, with_picture,
};

/// The decision made again, without the points: their words are gone.
async fn again(stand: &Stand, record: &Record) -> (DecisionRecord, DecisionRecord) {
    let id = record.decision.conditions.clone().expect("its conditions are named");
    let conditions = stand.engine.store.conditions(&id).await.unwrap().expect("its conditions are kept");
    let facts = record.decision.facts.clone().expect("its facts are kept");
    let made = DecisionRecord::of(&facts.decide(&conditions.policy, &conditions.catalog));
    let bare = |decision: DecisionRecord| DecisionRecord {
        points: Vec::new(),
        facts: None,
        conditions: None,
        surroundings: None,
        ..decision
    };
    (bare(made), bare(record.decision.clone()))
}

/// Traffic of every kind a decision tells apart.
async fn traffic(stand: &Stand) {
    for text in [EASY, HARD, "quota"] {
        for route in ["auto", "local", "cloud", "anthropic:claude-opus-5-5", &format!("lmstudio:{CODER}")] {
            stand.post_with("/v1/messages", &ask(text), &[("x-force-route", route)]).await;
        }
        stand.post("/v1/chat/completions", &chat(text)).await;
        stand.post("/v1/responses", &respond(text)).await;
    }
    stand.post("/v1/messages", &ask(&format!("{EASY} <branchline:cloud>"))).await;
    stand.post("/v1/messages", &with_picture("what is this?", 1)).await;
    let mut long = ask(EASY);
    long["system"] = "A rule of this house. ".repeat(60_000).into();
    stand.post("/v1/messages", &long).await;
    let mut thinking = ask(EASY);
    thinking["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    stand.post("/v1/messages", &thinking).await;
    let mut search = ask("look it up");
    search["tools"] = json!([{"type": "web_search_20250305", "name": "web_search"}]);
    stand.post("/v1/messages", &search).await;
    let quota = json!({"model": "x", "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]});
    stand.post("/v1/messages", &quota).await;
    let suggestion = ask("[SUGGESTION MODE: guess what comes next]");
    stand.post("/v1/messages", &suggestion).await;
}

#[tokio::test]
async fn every_decision_can_be_made_again_from_its_record() {
    let (home, cloud) = (seeing().await, anthropic().await);
    home.script(Script::when_text_contains("read the file", Answer::call("Read", json!({"file_path": "/a"}))).once());
    let settings = format!("{}{}", local(&home), backend("anthropic", &cloud));
    let stand = Stand::start(&settings).await;
    let mut session = Session::new("7a1");
    session.says("read the file");
    go_on(&stand, &mut session).await;
    session.results(vec![(json!("no such file"), true)]);
    send(&stand, &session).await;
    // A turn that went to the cloud stays there, whatever its later requests say by themselves.
    cloud.script(Script::when_text_contains("lock-free", Answer::call("Read", json!({"file_path": "/a"}))).once());
    let mut session = Session::new("7a2");
    session.says(HARD);
    go_on(&stand, &mut session).await;
    session.results(vec![(json!("text"), false)]);
    send(&stand, &session).await;
    let stays = stand.record().await.decision.reasons;
    assert!(stays.iter().any(|reason| reason.contains("stays there")), "{stays:?}");
    traffic(&stand).await;
    // The same under other settings, and with a backend gone: old records keep the conditions of their time.
    let file = stand.engine.paths.config_file.clone();
    branchline_settings::set(&file, "routing.threshold", json!(3)).unwrap();
    branchline_settings::set(&file, "vision.mode", json!("route")).unwrap();
    branchline_proxy::watch::reload(&stand.engine, &file).await;
    traffic(&stand).await;
    drop(cloud);
    traffic(&stand).await;

    let records = stand.wait_for("all records", async |stand| Some(stand.records().await)).await;
    assert!(records.len() > 70, "{}", records.len());
    let mut seen = std::collections::BTreeSet::new();
    for record in &records {
        let (made, kept) = again(&stand, record).await;
        assert_eq!(made, kept, "{record:#?}");
        seen.insert(record.decision.conditions.clone());
    }
    assert!(seen.len() >= 2, "{seen:?}");
}

/// Draws the same for the same number.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// One request of any kind that settings can tell apart.
fn any_request(dice: &mut Dice) -> (Value, Vec<(&'static str, &'static str)>) {
    let texts = [EASY, HARD, "ask about falcon", "review the change", "tell me <branchline:cloud> more"];
    let mut body = ask(dice.one(&texts));
    body["model"] = dice.one(&["auto", "local", "cloud", "claude-opus-5-5", "my-haiku", "short"]).into();
    match dice.below(8) {
        0 => body["messages"][0]["content"] = json!([session::image(&session::png(1)), {"type": "text", "text": EASY}]),
        1 => body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024}),
        2 => body["system"] = "A rule of this house. ".repeat(30_000).into(),
        3 | 4 => body["tools"] = session::tools(),
        _ => {}
    }
    let all = [
        ("x-team", "infra"),
        ("x-force-route", "local"),
        ("x-force-route", "think"),
        ("x-claude-code-agent-id", "a1"),
        ("x-claude-code-session-id", "s1"),
        ("x-claude-code-session-id", "s2"),
    ];
    let mut headers: Vec<(&str, &str)> = Vec::new();
    for _ in 0..dice.below(3) {
        let (name, value) = dice.one(&all);
        if headers.iter().all(|(known, _)| *known != name) {
            headers.push((name, value));
        }
    }
    (body, headers)
}

#[tokio::test]
async fn many_decisions_under_rules_privacy_a_dispatcher_pools_and_a_budget_can_be_made_again() {
    const TINY: &str = "qwen3-1.7b";
    let (one, two, cloud) = (seeing().await, lmstudio().await, anthropic().await);
    let tiny = branchline_sim::Sim::lmstudio().model(branchline_sim::Model::llm(TINY).loaded().context(32_768));
    let tiny = tiny.start().await.unwrap();
    let words = ["tool", "coder", "think", "no idea"];
    let nth = std::sync::atomic::AtomicUsize::new(0);
    tiny.script(Script::computed(move |_| {
        Answer::text(words[nth.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % words.len()])
    }));
    cloud.script(Script::always(
        Answer::text("Done.").usage(branchline_sim::Usage { output: 1_000, ..branchline_sim::Usage::default() }),
    ));
    let preset = |name: &str, sim: &branchline_sim::Sim| {
        format!("{}backends.{name}.preset = \"lmstudio\"\n", backend(name, sim))
    };
    let settings = format!(
        "{}{}{}{}routing.mode = \"dispatcher\"\nrouting.dispatcher_band = 60\nbudget.daily_usd = 0.4\n\
         pools.studios = [\"one:{CODER}\", \"two:{CODER}\"]\nroles.coder = \"pool:studios\"\nroles.dispatcher = \"tiny:{TINY}\"\n\
         model_map.short = \"two:{CODER}\"\naliases.\"*-haiku\".model = [\"anthropic:claude-opus-5-5\", \"one:{CODER}\"]\n\
         never_cloud.texts = [\"falcon\"]\n\
         [[rules]]\nname = \"reviews\"\nwhen = {{ text = \"review\" }}\nthen = {{ role = \"cloud\" }}\n\
         [[rules]]\nwhen = {{ header = {{ name = \"x-team\", value = \"inf*\" }} }}\nthen = {{ model = [\"two:{CODER}\", \"anthropic:claude-opus-5-5\"] }}\n\
         [[rules]]\nwhen = {{ subagent = true }}\nthen = {{ role = \"coder\" }}\n",
        preset("one", &one),
        preset("two", &two),
        preset("tiny", &tiny),
        backend("anthropic", &cloud),
    );
    let stand = Stand::start(&settings).await;
    let mut dice = Dice(20_261_121);
    for _ in 0..240 {
        let (body, headers) = any_request(&mut dice);
        stand.post_with("/v1/messages", &body, &headers).await;
    }
    drop(two);
    for _ in 0..60 {
        let (body, headers) = any_request(&mut dice);
        stand.post_with("/v1/messages", &body, &headers).await;
    }
    let all = branchline_proxy::store::RecordFilter { limit: Some(1_000), ..Default::default() };
    let whole = async |stand: &Stand| {
        let records = stand.engine.store.records(all.clone()).await.unwrap();
        (records.len() == 300).then_some(records)
    };
    let records = stand.wait_for("all records", whole).await;
    let mut steps = std::collections::BTreeSet::new();
    for record in &records {
        let (made, kept) = again(&stand, record).await;
        assert_eq!(made, kept, "{record:#?}");
        steps.extend(kept.reasons);
    }
    let told = steps.iter().cloned().collect::<Vec<_>>().join("; ");
    for step in [
        "rule \"reviews\" sends",
        "rules[1] sends",
        "the alias",
        "the dispatcher says",
        "private:",
        "budget is met",
        "tag in the prompt",
        "X-Force-Route",
        "under the threshold",
    ] {
        assert!(told.contains(step), "no request met the step \"{step}\": {told}");
    }
}
