//! The doctor: what it finds out about models, through the engine itself.

use branchline_proxy::LiveEvent;
use branchline_proxy::doctor::{Checkup, DoctorView, Progress, TestName, TestResult, Verdict, Wanted};
use branchline_sim::{Answer, Ask, Gate, Model, Script, Sim, Usage, able};
use branchline_tests::Stand;
use serde_json::json;

use crate::rig::{CLOUD, CODER, VISION, anthropic, backend, both, local};

/// A model that can do everything it is asked.
fn clever(ask: &Ask) -> Answer {
    let told = ask.outcomes.last().map(|outcome| Answer::text(format!("The tool says {}", outcome.text)));
    let words = "A railway is a road of rails. ".repeat(12);
    told.or_else(|| able(ask)).unwrap_or_else(|| Answer::text(words))
}

/// The same, with its calls written as Qwen3-Coder writes them where no parser fits.
fn as_text(ask: &Ask) -> Answer {
    let asked = ask.question();
    let Some((_, order)) = asked.rsplit_once("Call ").filter(|_| ask.outcomes.is_empty() && !ask.tools.is_empty())
    else {
        return clever(ask);
    };
    let sentence = order.split(['.', ',']).next().unwrap_or_default();
    let cities = sentence.split(" and ").filter_map(|part| part.rsplit_once("for ")).map(|(_, city)| city);
    let call = |city: &str| {
        format!(
            "<tool_call>\n<function=get_weather>\n<parameter=city>\n{city}\n</parameter>\n</function>\n</tool_call>"
        )
    };
    Answer::text(cities.map(call).collect::<Vec<_>>().join("\n"))
}

async fn coder(model: Model, script: impl Fn(&Ask) -> Answer + Send + Sync + 'static) -> Sim {
    Sim::lmstudio().model(model).script(Script::computed(script)).start().await.unwrap()
}

fn able_coder() -> Model {
    Model::llm(CODER).loaded().tools().context(65_536)
}

/// Runs the doctor to its end.
async fn run(stand: &Stand, wanted: Wanted) -> DoctorView {
    let mut ears = stand.ears();
    stand.engine.doctor_run(&wanted).await.unwrap();
    let done = |event| match event {
        LiveEvent::Doctor { doctor } if !doctor.running => Some(*doctor),
        _ => None,
    };
    ears.hear("the end of the run", done).await
}

async fn one(stand: &Stand) -> Checkup {
    let view = run(stand, Wanted::default()).await;
    assert_eq!(view.checkups.len(), 1, "{view:?}");
    view.checkups.into_iter().next().unwrap()
}

fn result(checkup: &Checkup, test: TestName) -> &TestResult {
    checkup.results.iter().find(|result| result.test == test).unwrap()
}

fn verdicts(checkup: &Checkup) -> Vec<Verdict> {
    checkup.results.iter().map(|result| result.verdict).collect()
}

#[tokio::test]
async fn a_model_that_can_do_everything_passes_and_its_figures_are_told() {
    let sim = coder(able_coder(), |ask| clever(ask).delays(0, 2)).await;
    let stand = Stand::start(&local(&sim)).await;
    let checkup = one(&stand).await;
    use Verdict::{Pass, Skipped};
    assert_eq!(verdicts(&checkup), [Pass, Pass, Pass, Pass, Pass, Skipped, Pass, Pass], "{checkup:#?}");
    assert_eq!((checkup.model, checkup.progress), (format!("lmstudio:{CODER}"), Progress::Done));
    assert!(checkup.ttft_ms.is_some() && checkup.tokens_per_second.is_some_and(|rate| rate > 1.0));
    assert!(sim.violations().is_empty(), "{:?}", sim.violations());
    // It reads as much as the budget allows of a window that is larger.
    let longest = sim.requests().iter().map(|request| request.prompt_tokens).max().unwrap();
    assert!((20_000..32_768).contains(&longest), "{longest}");
}

#[tokio::test]
async fn calls_written_as_text_are_repaired_and_said_to_be() {
    let sim = coder(able_coder(), as_text).await;
    let stand = Stand::start(&local(&sim)).await;
    let checkup = one(&stand).await;
    for test in [TestName::Call, TestName::Parallel, TestName::Stream] {
        let found = result(&checkup, test);
        assert_eq!(found.verdict, Verdict::Repaired, "{found:?}");
        assert!(found.reason.contains("written as text") && found.reason.contains("recovered"), "{found:?}");
    }
    assert_eq!(result(&checkup, TestName::RoundTrip).verdict, Verdict::Pass);
    let request = result(&checkup, TestName::Call).request.clone().unwrap();
    let record = stand.engine.store.record(request).await.unwrap().unwrap();
    assert!(record.doctor && !record.repairs.is_empty());
}

#[tokio::test]
async fn a_model_that_only_talks_fails_with_the_model_to_choose_instead() {
    let sim = Sim::lmstudio()
        .model(Model::llm("chatty").loaded().context(40_000))
        .model(Model::llm("handy").tools())
        .script(Script::always(Answer::text("The weather is fine, I am sure of it.")))
        .start()
        .await
        .unwrap();
    let stand = Stand::start(&format!("{}roles.coder = \"lmstudio:chatty\"\n", local(&sim))).await;
    let checkup = one(&stand).await;
    let call = result(&checkup, TestName::Call);
    assert_eq!(
        (call.verdict, call.reason.as_str()),
        (Verdict::Fail, "it answered in words instead of calling the tool")
    );
    assert_eq!(call.hint.as_deref(), Some("the model has no tool template: choose lmstudio:handy"));
    assert_eq!(result(&checkup, TestName::RoundTrip).verdict, Verdict::Fail);
    assert_eq!(result(&checkup, TestName::Context).verdict, Verdict::Fail);
    assert_eq!(checkup.verdict, Verdict::Fail);
    // A model nobody asked for is not loaded.
    assert!(sim.requests().iter().all(|request| request.body["model"] != json!("handy")));
}

#[tokio::test]
async fn one_call_at_a_time_is_limited_and_no_failure() {
    let sim = coder(able_coder(), |ask| match ask.question().contains("Lima") {
        true => Answer::call("get_weather", json!({"city": "Oslo"})),
        false => clever(ask),
    })
    .await;
    let stand = Stand::start(&local(&sim)).await;
    let checkup = one(&stand).await;
    assert_eq!(result(&checkup, TestName::Parallel).verdict, Verdict::Limited);
    assert_eq!(checkup.verdict, Verdict::Limited);
}

#[tokio::test]
async fn a_window_too_small_for_an_agent_fails_with_the_command_that_loads_a_larger_one() {
    let sim = coder(Model::llm(CODER).loaded().tools().context(4_096), clever).await;
    let stand = Stand::start(&local(&sim)).await;
    let found = result(&one(&stand).await, TestName::Context).clone();
    assert_eq!(found.verdict, Verdict::Fail);
    assert!(found.reason.starts_with("context 4096: a word in "), "{}", found.reason);
    let hint = found.hint.unwrap();
    assert!(hint.contains(&format!("branchline models load lmstudio:{CODER} --context 49152")), "{hint}");
}

#[tokio::test]
async fn a_window_an_agent_has_to_be_careful_in_is_told_with_its_figures_and_no_failure() {
    let sim = coder(Model::llm(CODER).loaded().tools().context(32_768), clever).await;
    let stand = Stand::start(&local(&sim)).await;
    let checkup = one(&stand).await;
    let found = result(&checkup, TestName::Context);
    assert_eq!((found.verdict, checkup.verdict), (Verdict::Limited, Verdict::Limited), "{found:?}");
    assert!(found.reason.starts_with("context 32768: a word in "), "{found:?}");
    let figures = "Claude Code takes 12000 of it for itself, and works while no result of a tool is longer than 3019";
    assert!(found.reason.ends_with(figures), "{found:?}");
    let hint = found.hint.as_deref().unwrap();
    assert!(hint.contains("--context 49152`; until then start the client with `branchline claude`"), "{hint}");
}

#[tokio::test]
async fn a_small_window_that_cannot_be_larger_is_not_asked_to_be() {
    let sim = Sim::llamacpp().model(Model::llm(CODER).loaded().tools().context(40_960).max_context(40_960));
    let sim = sim.script(Script::computed(clever)).start().await.unwrap();
    let stand = Stand::start(&backend("llamacpp", &sim)).await;
    let found = result(&one(&stand).await, TestName::Context).clone();
    assert_eq!(found.verdict, Verdict::Limited, "{found:?}");
    let hint = found.hint.unwrap();
    assert!(hint.starts_with("it cannot be longer: ") && hint.ends_with("choose a model with 49152"), "{hint}");
}

#[tokio::test]
async fn a_prompt_that_was_cut_without_a_word_is_told() {
    let read = Usage { input: 4_096, output: 8, ..Usage::default() };
    let sim = Sim::ollama()
        .model(Model::llm("qwen3:8b").loaded().tools().context(40_000).max_context(65_536))
        .script(Script::computed(move |ask| match ask.conversation.len() > 20_000 {
            true => Answer::text("I do not know of any lighthouse.").usage(read),
            false => clever(ask),
        }))
        .start()
        .await
        .unwrap();
    let stand = Stand::start(&backend("ollama", &sim)).await;
    let found = result(&one(&stand).await, TestName::Context).clone();
    assert_eq!(found.verdict, Verdict::Fail, "{found:?}");
    // Its window would be large enough: what fails it is what it has read.
    assert!(found.reason.starts_with("its server read 4096 of about "), "{}", found.reason);
    assert!(found.reason.ends_with("it cuts prompts without a word"), "{}", found.reason);
    assert!(found.hint.unwrap().contains("context_length = 49152 in [backends.ollama]"));
}

#[tokio::test]
async fn a_model_that_sees_names_the_squares_and_a_blind_one_has_them_described() {
    let sim = Sim::lmstudio()
        .model(able_coder())
        .model(Model::vlm(VISION).loaded().tools().context(16_384))
        .script(Script::computed(clever))
        .start()
        .await
        .unwrap();
    let stand = Stand::start(&format!("{}roles.coder = \"lmstudio:{CODER}\"\n", local(&sim))).await;
    let view = run(&stand, Wanted { context_tokens: Some(0), ..Wanted::default() }).await;
    let of = |id: &str| view.checkups.iter().find(|checkup| checkup.model.ends_with(id)).unwrap();
    let (blind, seeing) = (result(of(CODER), TestName::Vision), result(of(VISION), TestName::Vision));
    assert_eq!(blind.verdict, Verdict::Repaired, "{blind:?}");
    assert!(blind.reason.contains(&format!("described to it by lmstudio:{VISION}")), "{blind:?}");
    assert_eq!(seeing.verdict, Verdict::Pass, "{seeing:?}");
    // What a model is not for is not asked of it, and the user's pictures are left alone.
    assert_eq!(result(of(VISION), TestName::Call).verdict, Verdict::Skipped);
    assert!(stand.engine.store.images(branchline_proxy::store::ImageFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_model_that_sees_nothing_is_told_apart_from_one_that_does() {
    let sim = Sim::lmstudio()
        .model(Model::vlm(VISION).loaded().tools().context(40_000))
        .script(Script::when(|ask| !ask.pictures.is_empty(), Answer::text("white, pink, pink, grey")))
        .script(Script::computed(clever))
        .start()
        .await
        .unwrap();
    let stand = Stand::start(&local(&sim)).await;
    let found = result(&one(&stand).await, TestName::Vision).clone();
    assert_eq!(found.verdict, Verdict::Fail);
    assert!(found.reason.contains("it said: white, pink, pink, grey") && found.hint.is_some(), "{found:?}");
}

#[tokio::test]
async fn another_model_that_answers_in_its_place_is_named() {
    let sim = coder(able_coder(), |ask| clever(ask).as_model("org/other")).await;
    let stand = Stand::start(&local(&sim)).await;
    let checkup = one(&stand).await;
    let found = result(&checkup, TestName::Answer);
    assert_eq!((found.verdict, found.reason.as_str()), (Verdict::Fail, "org/other answered instead"));
    assert!(checkup.results[1..].iter().all(|result| result.verdict == Verdict::Skipped), "{checkup:#?}");
}

#[tokio::test]
async fn a_server_that_is_gone_fails_once_and_is_asked_nothing_more() {
    let sim = coder(able_coder(), clever).await;
    let stand = Stand::start(&local(&sim)).await;
    sim.stop().await;
    let checkup = one(&stand).await;
    let found = result(&checkup, TestName::Answer);
    assert!(found.reason.contains("cannot be reached") && found.hint.is_some(), "{found:?}");
    assert_eq!(checkup.results.iter().filter(|result| result.verdict == Verdict::Fail).count(), 1);
}

#[tokio::test]
async fn the_cloud_is_tested_for_little_money_and_without_a_long_prompt() {
    let (home, cloud) = (coder(able_coder(), clever).await, anthropic().await);
    cloud.script(Script::computed(clever));
    let stand = Stand::start(&both(&home, &cloud)).await;
    let view = run(&stand, Wanted::default()).await;
    let checkup = view.checkups.iter().find(|checkup| checkup.model == format!("anthropic:{CLOUD}")).unwrap();
    assert_eq!(result(checkup, TestName::Context).verdict, Verdict::Skipped);
    assert_eq!(result(checkup, TestName::Vision).verdict, Verdict::Pass, "{checkup:#?}");
    assert_eq!(view.models.last(), Some(&checkup.model), "the user's own models come first");
    let longest = cloud.requests().iter().map(|request| request.prompt_tokens).max().unwrap();
    assert!(longest < 3_000, "{longest}");
    assert!(cloud.violations().is_empty(), "{:?}", cloud.violations());
    // What the doctor asks saves nothing and teaches nothing.
    let records = stand.records().await;
    assert!(records.iter().all(|record| record.doctor && record.cost.saved_usd.is_none()), "{records:?}");
    assert_eq!(stand.engine.sample().await.unwrap().own(), 0);
    let stats = stand.engine.store.stats(jiff::Zoned::now().date(), &jiff::tz::TimeZone::system()).await.unwrap();
    assert_eq!((stats.requests, stats.ok, stats.local.requests, stats.cloud.requests), (0, 0, 0, 0), "no user asked");
    assert_eq!(stats.local.asides + stats.cloud.asides, records.len() as u64, "they are calls of our own");
    assert!(stats.cloud.cost_usd > branchline_proxy::money::Usd::default(), "what they cost was spent all the same");
    assert_eq!(stats.saved_usd, branchline_proxy::money::Usd::default());
    let metrics = stand.get("/metrics", &[]).await.text;
    assert!(!metrics.contains("branchline_requests_total{"), "{metrics}");
}

#[tokio::test]
async fn a_run_can_be_stopped_and_only_one_goes_on_at_a_time() {
    let gate = Gate::new();
    let held = gate.clone();
    let sim = coder(able_coder(), move |ask| clever(ask).head_waits(&held)).await;
    let stand = Stand::start(&local(&sim)).await;
    let mut ears = stand.ears();
    stand.engine.doctor_run(&Wanted::default()).await.unwrap();
    sim.wait_for_call(1).await.unwrap();
    assert_eq!(stand.engine.doctor_run(&Wanted::default()).await.unwrap_err().code, "doctor_runs");
    stand.engine.doctor_stop();
    let ended = |event| match event {
        LiveEvent::Doctor { doctor } if !doctor.running => Some(*doctor),
        _ => None,
    };
    let view = ears.hear("the end", ended).await;
    assert_eq!(view.checkups[0].progress, Progress::Stopped);
    sim.wait_for_abort().await.unwrap();
    gate.open();
    assert_eq!(one(&stand).await.progress, Progress::Done);
}

#[tokio::test]
async fn the_last_checkup_is_known_after_a_restart() {
    let sim = coder(able_coder(), clever).await;
    let stand = Stand::start(&local(&sim)).await;
    let before = one(&stand).await;
    let folder = stand.stop().await;
    let stand = Stand::start_in(folder, &local(&sim)).await;
    assert_eq!(stand.engine.doctor_view().checkups, [before]);
    assert!(!stand.engine.doctor_view().running);
}

#[tokio::test]
async fn a_model_named_twice_is_tested_once() {
    let sim = coder(able_coder(), clever).await;
    let stand = Stand::start(&local(&sim)).await;
    let model = format!("lmstudio:{CODER}");
    let models = vec![model.clone(), model.clone()];
    let view = run(&stand, Wanted { models, context_tokens: Some(0), ..Wanted::default() }).await;
    assert_eq!(view.models, [model]);
    assert_eq!(view.checkups[0].results.len(), TestName::ALL.len());
}

#[tokio::test]
async fn what_cannot_be_tested_is_refused_with_a_hint() {
    let sim = coder(able_coder(), clever).await;
    let stand = Stand::start(&local(&sim)).await;
    for (model, code) in [("nobody:x", "unknown_model"), ("no ref", "unknown_model")] {
        let wanted = Wanted { models: vec![model.into()], ..Wanted::default() };
        let fault = stand.engine.doctor_run(&wanted).await.unwrap_err();
        assert_eq!(fault.code, code);
        assert!(fault.hint.is_some());
    }
    let empty = Stand::start("").await;
    assert_eq!(empty.engine.doctor_run(&Wanted::default()).await.unwrap_err().code, "no_model");
}
