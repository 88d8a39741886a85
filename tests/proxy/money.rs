//! What requests cost, what was saved, and the day's budget.

use branchline_control::dispatch;
use branchline_proxy::LiveEvent;
use branchline_proxy::budget::{BudgetState, BudgetView};
use branchline_proxy::money::Usd;
use branchline_proxy::record::{CostRecord, CostSource};
use branchline_sim::{Answer, Model, Script, Sim, Usage};
use branchline_tests::Stand;
use serde_json::{Value, json};

use crate::rig::{CLOUD, CODER, EASY, HARD, anthropic, ask, ask_streamed, backend, both, lmstudio, used};

async fn cost_of(stand: &Stand, body: &Value) -> CostRecord {
    let reply = stand.post("/v1/messages", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let id = reply.header("x-branchline-request-id").to_owned();
    let found = async |s: &Stand| s.records().await.into_iter().find(|record| record.id == id);
    stand.wait_for("the record", found).await.cost
}

fn to(model: &str, text: &str) -> Value {
    let mut body = ask_streamed(text);
    body["model"] = model.into();
    body
}

#[tokio::test]
async fn the_cloud_costs_what_the_table_says_and_the_own_machine_nothing() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&both(&home, &cloud)).await;
    // 20,000 anew at $2 a million, 100,000 from the cache at $0.10, 1000 written at $10.
    let paid = Usd::from_dollars(0.04 + 0.01 + 0.01);
    cloud.script(Script::always(used(120_000, 100_000, 1_000)));
    let hard = cost_of(&stand, &ask_streamed(HARD)).await;
    assert_eq!((hard.usd, hard.source), (Some(paid), CostSource::Table));
    assert_eq!((hard.all_cloud_usd, hard.saved_usd), (Some(paid), Some(Usd::default())));

    home.script(Script::always(used(120_000, 100_000, 1_000)));
    let easy = cost_of(&stand, &ask_streamed(EASY)).await;
    assert_eq!((easy.usd, easy.source), (Some(Usd::default()), CostSource::Local));
    assert_eq!((easy.saved_usd, easy.all_cloud_model.as_deref()), (Some(paid), Some("anthropic:claude-sonnet-5-5")));

    let opus = cost_of(&stand, &to("anthropic:claude-opus-5-5", "x")).await;
    assert_eq!(opus.usd, Some(Usd::from_dollars(0.08 + 0.02 + 0.02)));
    assert_eq!(
        opus.saved_usd,
        Some(Usd::from_dollars(-0.06)),
        "a dearer model than the cloud's saves less than nothing"
    );

    let stats = dispatch(stand.engine.clone(), "requests.stats", Value::Null).await.unwrap()["stats"].clone();
    let dollars = |value: &Value| (value.as_f64().unwrap() * 1e6).round() as i64;
    assert_eq!((dollars(&stats["cloud"]["cost_usd"]), dollars(&stats["local"]["cost_usd"])), (180_000, 0));
    assert_eq!((dollars(&stats["all_cloud_usd"]), dollars(&stats["saved_usd"])), (180_000, 0));
    let metrics = stand.get("/metrics", &[]).await.text;
    assert!(metrics.contains("branchline_cost_usd_total 0.18\n"), "{metrics}");
}

#[tokio::test]
async fn a_local_server_without_a_cache_does_not_make_the_cloud_look_dearer_than_it_is() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&both(&home, &cloud)).await;
    home.script(Script::always(used(100_000, 0, 0)));
    let saved = async |session: &str| {
        let reply = stand.post_with("/v1/messages", &ask(EASY), &[("x-claude-code-session-id", session)]).await;
        let id = reply.header("x-branchline-request-id").to_owned();
        let found = async |s: &Stand| s.records().await.into_iter().find(|record| record.id == id);
        stand.wait_for("the record", found).await.cost.saved_usd.unwrap().dollars()
    };
    assert_eq!(saved("a").await, 0.2);
    assert_eq!(saved("a").await, 0.01, "the cloud would have had the prompt in its cache");
    assert_eq!(saved("b").await, 0.2, "another conversation");
}

#[tokio::test]
async fn what_the_provider_reports_is_believed_and_what_nobody_knows_is_not_free() {
    let models = ["z-ai/glm-5.3", "meta/llama", "qwen/free", "qwen/paid"].map(Model::cloud);
    let router = models.into_iter().fold(Sim::openai(), branchline_sim::Builder::model).start().await.unwrap();
    let prices = "[prices.\"openrouter:qwen/*\"]\ninput = 1.0\noutput = 10.0\n[prices.\"openrouter:qwen/paid\"]\ninput = 2.0\noutput = 10.0\n";
    let stand = Stand::start(&format!("{}{prices}", backend("openrouter", &router))).await;
    let usage = Usage { input: 1_000, output: 100, cost_micro: Some(4_321), ..Usage::default() };
    router.script(Script::for_model("z-ai/glm-5.3", Answer::text("Done.").usage(usage)));
    let reported = cost_of(&stand, &to("openrouter:z-ai/glm-5.3", "x")).await;
    assert_eq!((reported.usd, reported.source), (Some(Usd::from_dollars(0.004_321)), CostSource::Reported));
    router.script(Script::always(used(1_000, 0, 100)));
    let unknown = cost_of(&stand, &to("openrouter:meta/llama", "x")).await;
    assert_eq!((unknown.usd, unknown.source, unknown.saved_usd), (None, CostSource::Unknown, None));
    let starred = cost_of(&stand, &to("openrouter:qwen/free", "x")).await;
    assert_eq!((starred.usd, starred.source), (Some(Usd::from_dollars(0.002)), CostSource::Settings));
    let named = cost_of(&stand, &to("openrouter:qwen/paid", "x")).await;
    assert_eq!(named.usd, Some(Usd::from_dollars(0.003)));
    let status = dispatch(stand.engine.clone(), "status", Value::Null).await.unwrap();
    assert_eq!(status["cost_today"]["unpriced"], 1);
}

#[tokio::test]
async fn a_subscription_costs_nothing_more() {
    let cloud = anthropic().await;
    let settings = format!(
        "{}backends.anthropic.auth = \"passthrough\"\nserver.require_token = false\n",
        backend("anthropic", &cloud)
    );
    let stand = Stand::start(&settings).await;
    cloud.script(Script::always(used(1_000, 0, 100)));
    let paid = async |authorization: &str| {
        let url = format!("{}/v1/messages", stand.url);
        let request =
            stand.http().post(url).header("authorization", authorization).header("content-type", "application/json");
        let reply = request.body(ask(HARD).to_string()).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let id = reply.headers()["x-branchline-request-id"].to_str().unwrap().to_owned();
        let found = async |s: &Stand| s.records().await.into_iter().find(|record| record.id == id);
        stand.wait_for("the record", found).await.cost
    };
    let subscription = paid("Bearer sk-ant-oat01-test").await;
    assert_eq!((subscription.usd, subscription.source), (Some(Usd::default()), CostSource::Subscription));
    assert_eq!(subscription.saved_usd, subscription.all_cloud_usd);
    assert_eq!(paid("Bearer sk-ant-api03-test").await.source, CostSource::Table);
}

/// Each answer of the cloud costs a cent.
fn a_cent() -> Script {
    Script::always(used(0, 0, 1_000))
}

async fn budget(stand: &Stand) -> BudgetView {
    let status = dispatch(stand.engine.clone(), "status", Value::Null).await.unwrap();
    serde_json::from_value(status["budget"].clone()).unwrap()
}

#[tokio::test]
async fn a_budget_warns_then_keeps_everything_here_and_survives_a_restart() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    home.script(Script::always(Answer::text("From home.")));
    cloud.script(a_cent());
    let settings = format!("{}budget.daily_usd = 0.02\nbudget.warn_percent = 50\n", both(&home, &cloud));
    let stand = Stand::start(&settings).await;
    let mut ears = stand.ears();
    let told = |event| match event {
        LiveEvent::Budget { budget } => Some((budget.state, budget.percent)),
        _ => None,
    };
    assert_eq!(budget(&stand).await.state, BudgetState::Ok);
    assert_eq!(cost_of(&stand, &ask_streamed(HARD)).await.usd, Some(Usd::from_dollars(0.01)));
    assert_eq!(ears.hear("the warning", told).await, (BudgetState::Warning, Some(50)));
    cost_of(&stand, &ask_streamed(HARD)).await;
    assert_eq!(ears.hear("the end", told).await, (BudgetState::Spent, Some(100)));

    let folder = stand.stop().await;
    let stand = Stand::start_in(folder, &settings).await;
    let view = budget(&stand).await;
    assert_eq!((view.state, view.spent_usd), (BudgetState::Spent, Usd::from_dollars(0.02)));
    assert!(view.resets_at > jiff::Timestamp::now().as_millisecond());
    let reply = stand.post("/v1/messages", &ask(HARD)).await;
    assert_eq!(crate::rig::text_of(&reply), "From home.");
    assert!(reply.header("x-branchline-reason").contains("budget is met ($0.020 of $0.020)"), "{:?}", reply.headers);
    assert_eq!(cloud.calls().len(), 2);

    let refused = stand.post_with("/v1/messages", &ask(EASY), &[("x-force-route", "cloud")]).await;
    assert_eq!((refused.status, refused.header("x-should-retry")), (402, "false"), "{}", refused.text);
    assert_eq!(refused.json()["error"]["type"], "billing_error");
    assert_eq!(cloud.calls().len(), 2);
}

#[tokio::test]
async fn a_budget_of_tokens_may_refuse_instead() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    cloud.script(a_cent());
    let settings = format!("{}budget.daily_tokens = 1500\nbudget.when_spent = \"refuse\"\n", both(&home, &cloud));
    let stand = Stand::start(&settings).await;
    for _ in 0..2 {
        cost_of(&stand, &ask_streamed(HARD)).await;
    }
    let refused = stand.post("/v1/messages", &ask(HARD)).await;
    assert_eq!(refused.status, 402);
    let message = refused.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("2000 of 1500 tokens"), "{message}");
    assert_eq!(stand.post("/v1/messages", &ask(EASY)).await.status, 200, "local work goes on");
    assert_eq!((home.calls().len(), cloud.calls().len()), (1, 2));
    let shown = json!(budget(&stand).await);
    assert_eq!(
        (&shown["state"], &shown["percent"], &shown["when_spent"]),
        (&json!("spent"), &json!(133), &json!("refuse"))
    );
    assert!(!CLOUD.is_empty() && !CODER.is_empty());
}
