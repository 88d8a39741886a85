//! Calls of our own on the way to an answer: they are written down with their request, they cost, and they are no
//! requests of the client.

use branchline_control::dispatch;
use branchline_proxy::money::Usd;
use branchline_proxy::record::{AsidePurpose, AsideRecord, CostSource, Outcome, Place, Record};
use branchline_sim::{Answer, Gate, Model, Script, Sim, Usage};
use branchline_tests::{Reply, Stand};
use serde_json::{Value, json};

use crate::rig::{CODER, EASY, HARD, anthropic, ask, both, lmstudio, with_picture};

/// The cloud model that is asked aside; the other one answers turns.
const SMALL: &str = "claude-opus-5-5";

/// An answer for a cent: a million tokens cost $20 to write.
fn a_cent(text: &str) -> Answer {
    Answer::text(text).usage(Usage { output: 500, ..Usage::default() })
}

async fn record_of(stand: &Stand, reply: &Reply) -> Record {
    let id = reply.header("x-branchline-request-id").to_owned();
    let found = async |stand: &Stand| stand.records().await.into_iter().find(|record| record.id == id);
    stand.wait_for("the record", found).await
}

async fn stats(stand: &Stand) -> Value {
    dispatch(stand.engine.clone(), "requests.stats", Value::Null).await.unwrap()["stats"].clone()
}

fn cents(value: &Value) -> i64 {
    (value.as_f64().unwrap() * 100.0).round() as i64
}

/// Dispatcher in the cloud, everything else at home.
fn sorted_by(cloud: &Sim, home: &Sim) -> String {
    format!(
        "{}routing.mode = \"dispatcher\"\nrouting.dispatcher_band = 100\nroles.coder = \"lmstudio:{CODER}\"\n\
         roles.dispatcher = \"anthropic:{SMALL}\"\n",
        both(home, cloud)
    )
}

async fn sorted_by_the_cloud(word: Answer, more: &str) -> (Sim, Sim, Stand) {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    cloud.script(Script::for_model(SMALL, word));
    let stand = Stand::start(&format!("{}{more}", sorted_by(&cloud, &home))).await;
    (home, cloud, stand)
}

#[tokio::test]
async fn a_dispatcher_in_the_cloud_is_paid_for_and_counts_as_no_request() {
    let (home, cloud, stand) = sorted_by_the_cloud(a_cent("coder"), "").await;
    let record = record_of(&stand, &stand.post("/v1/messages", &ask(EASY)).await).await;
    let [aside] = &record.asides[..] else { panic!("{:?}", record.asides) };
    assert_eq!((aside.purpose, aside.place, aside.outcome), (AsidePurpose::Dispatcher, Place::Cloud, Outcome::Ok));
    assert_eq!((aside.backend.as_str(), aside.model.as_str()), ("anthropic", SMALL));
    assert_eq!((aside.usd, aside.source), (Some(Usd::from_dollars(0.01)), CostSource::Table));
    assert_eq!(aside.usage.output, 500);
    assert_eq!((record.place, record.cost.usd), (Place::Local, Some(Usd::default())), "the answer itself was free");
    assert_eq!((home.calls().len(), cloud.calls().len()), (1, 1));

    let stats = stats(&stand).await;
    assert_eq!(
        (&stats["requests"], &stats["cloud"]["requests"], &stats["cloud"]["asides"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert_eq!((cents(&stats["cloud"]["cost_usd"]), &stats["cloud"]["output"]), (1, &json!(500)));
    let paid = stats["all_cloud_usd"].as_f64().unwrap() - stats["saved_usd"].as_f64().unwrap();
    assert!((paid - 0.01).abs() < 1e-9, "what was paid aside was not saved: {stats}");
    let status = dispatch(stand.engine.clone(), "status", Value::Null).await.unwrap();
    assert_eq!((cents(&status["budget"]["spent_usd"]), &status["requests_today"]["cloud"]), (1, &json!(0)));
    assert!(stand.get("/metrics", &[]).await.text.contains("branchline_cost_usd_total 0.01\n"));
    let found = dispatch(stand.engine.clone(), "requests.list", json!({"filter": {"text": SMALL}})).await.unwrap();
    assert_eq!(found["records"].as_array().map(Vec::len), Some(1), "the log is searched by it");
}

#[tokio::test]
async fn what_is_asked_aside_can_spend_the_days_budget_and_a_restart_remembers_it() {
    const BUDGET: &str = "budget.daily_usd = 0.01\n";
    let (home, cloud, stand) = sorted_by_the_cloud(a_cent("coder"), BUDGET).await;
    let first = record_of(&stand, &stand.post("/v1/messages", &ask(EASY)).await).await;
    assert_eq!(first.asides.len(), 1);
    let settings = format!("{}{BUDGET}", sorted_by(&cloud, &home));
    let stand = Stand::start_in(stand.stop().await, &settings).await;
    let reply = stand.post("/v1/messages", &ask(HARD)).await;
    assert!(reply.header("x-branchline-reason").contains("budget is met"), "{:?}", reply.headers);
    assert_eq!(record_of(&stand, &reply).await.asides, [], "nobody in the cloud is asked any more");
    assert_eq!(cloud.calls().len(), 1);
}

#[tokio::test]
async fn a_dispatcher_that_takes_too_long_is_written_down_as_cancelled_at_a_price_nobody_knows() {
    let never = a_cent("coder").head_waits(&Gate::default());
    let (_home, _cloud, stand) = sorted_by_the_cloud(never, "routing.dispatcher_timeout_ms = 20\n").await;
    let record = record_of(&stand, &stand.post("/v1/messages", &ask(EASY)).await).await;
    let aside: &AsideRecord = &record.asides[0];
    assert_eq!((aside.outcome, aside.usd, aside.source), (Outcome::Cancelled, None, CostSource::Unknown));
    assert!(aside.duration_ms >= 20, "{aside:?}");
    assert_eq!(stats(&stand).await["cloud"]["unpriced"], 1);
}

#[tokio::test]
async fn a_picture_described_in_the_cloud_is_paid_for_once() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    cloud.script(Script::for_model(SMALL, a_cent("A red square.")));
    let settings = format!("{}roles.vision = \"anthropic:{SMALL}\"\nrouting.threshold = 100\n", both(&home, &cloud));
    let stand = Stand::start(&settings).await;
    let first = record_of(&stand, &stand.post("/v1/messages", &with_picture("what is this?", 1)).await).await;
    let [aside] = &first.asides[..] else { panic!("{first:#?}") };
    assert_eq!((aside.purpose, aside.usd), (AsidePurpose::Vision, Some(Usd::from_dollars(0.01))));
    let again = record_of(&stand, &stand.post("/v1/messages", &with_picture("and its colour?", 1)).await).await;
    assert_eq!((again.asides.len(), again.images.cached), (0, 1));
    assert_eq!(cents(&stats(&stand).await["cloud"]["cost_usd"]), 1);
}

#[tokio::test]
async fn no_picture_is_described_in_the_cloud_once_the_days_budget_is_met() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    cloud.script(Script::for_model(SMALL, a_cent("A red square.")));
    let settings = format!(
        "{}roles.vision = \"anthropic:{SMALL}\"\nrouting.threshold = 100\nbudget.daily_usd = 0.01\n",
        both(&home, &cloud)
    );
    let stand = Stand::start(&settings).await;
    let first = record_of(&stand, &stand.post("/v1/messages", &with_picture("what is this?", 1)).await).await;
    assert_eq!((first.asides.len(), first.images.described), (1, 1));
    let second = record_of(&stand, &stand.post("/v1/messages", &with_picture("and this?", 2)).await).await;
    assert_eq!((second.asides.len(), second.images.failed), (0, 1));
    assert_eq!(cloud.calls().len(), 1);
}

#[tokio::test]
async fn an_adviser_and_a_dispatcher_at_home_are_written_down_in_order_and_cost_nothing() {
    const TINY: &str = "qwen3-1.7b";
    const HEAD: &str = "deep-thinker-r1";
    let able = Model::llm(CODER).loaded().tools().context(131_072);
    let tiny = Model::llm(TINY).loaded().context(32_768);
    let home = Sim::lmstudio().model(able).model(tiny).model(Model::llm(HEAD).loaded().context(65_536));
    let home = home.start().await.unwrap();
    home.script(Script::for_model(TINY, Answer::text("think")));
    home.script(Script::for_model(HEAD, Answer::text("Change line 7.")));
    let settings = format!(
        "{}routing.mode = \"dispatcher\"\nrouting.dispatcher_band = 100\nroles.coder = \"lmstudio:{CODER}\"\n\
         roles.dispatcher = \"lmstudio:{TINY}\"\nroles.think = \"lmstudio:{HEAD}\"\n",
        crate::rig::local(&home)
    );
    let stand = Stand::start(&settings).await;
    let mut body = ask("why does it hang?");
    body["tools"] = json!([{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}]);
    let reply = stand.post("/v1/messages", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let record = record_of(&stand, &reply).await;
    let seen: Vec<_> = record.asides.iter().map(|aside| (aside.purpose, aside.model.as_str(), aside.usd)).collect();
    let free = Some(Usd::default());
    assert_eq!(seen, [(AsidePurpose::Dispatcher, TINY, free), (AsidePurpose::Adviser, HEAD, free)]);
    assert_eq!(stats(&stand).await["local"]["asides"], 2);
}
