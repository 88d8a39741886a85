//! Pictures for models that cannot see.

use branchline_proxy::LiveEvent;
use branchline_sim::{Answer, Fault, Gate, Script, Sim};
use branchline_tests::Stand;
use branchline_tests::session::{Session, image, png};
use serde_json::{Value, json};

use crate::rig::{CODER, VISION, ask, go_on, lmstudio, local, seeing, text_of, told, with_picture};

const ROUTE: &str = "vision.mode = \"route\"\n";

/// What the coder was asked, as text; there is never a picture in it.
fn coder_read(sim: &Sim) -> Vec<String> {
    let read = |call: &branchline_sim::Received| {
        assert!(!call.contains("image_url"), "the coder got a picture");
        String::from_utf8_lossy(&call.raw).into_owned()
    };
    sim.requests_for(CODER).iter().map(read).collect()
}

fn describing(text: &str) -> Script {
    Script::for_model(VISION, Answer::text(text))
}

#[tokio::test]
async fn a_picture_is_described_once_and_never_again() {
    let sim = seeing().await;
    sim.script(describing("A red button that says Save."));
    let stand = Stand::start(&local(&sim)).await;
    let mut ears = stand.ears();
    for n in 0..3 {
        let reply = stand.post("/v1/messages", &with_picture("what is it?", 1)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let record = stand.record().await;
        let counts = (record.images.total, record.images.described, record.images.cached, record.images.failed);
        assert_eq!(counts, if n == 0 { (1, 1, 0, 0) } else { (1, 0, 1, 0) });
    }
    assert_eq!(sim.requests_for(VISION).len(), 1);
    let read = coder_read(&sim);
    assert!(
        read.iter()
            .all(|text| text.contains("<<IMAGE DESCRIPTION (") && text.contains("A red button that says Save.>>")),
        "{read:?}"
    );
    assert_eq!(read[0], read[2], "the same request must be rendered the same way");
    let described = ears.hear("a description", |event| match event {
        LiveEvent::ImageDescribed { model, .. } => Some(model),
        _ => None,
    });
    assert_eq!(described.await, format!("lmstudio:{VISION}"));
    sim.verdict().unwrap();
}

#[tokio::test]
async fn pictures_in_messages_results_and_history_are_all_described() {
    let sim = seeing().await;
    sim.script(
        Script::when_text_contains("look at the file", Answer::call("Read", json!({"file_path": "/a.png"})))
            .and(|ask| ask.model == CODER),
    );
    let stand = Stand::start(&local(&sim)).await;
    let mut session = Session::new("pictures").model("local");
    session.says("hello");
    go_on(&stand, &mut session).await;
    session.shows("look at the file and at this", &png(7));
    go_on(&stand, &mut session).await;
    session.results(vec![(json!([{"type": "text", "text": "read"}, image(&png(8)), image(&png(9))]), false)]);
    go_on(&stand, &mut session).await;
    session.says("thanks");
    go_on(&stand, &mut session).await;
    assert_eq!(sim.requests_for(VISION).len(), 3);
    let read = coder_read(&sim);
    assert_eq!(read.last().unwrap().matches("IMAGE DESCRIPTION").count(), 3);
    sim.verdict().unwrap();
}

#[tokio::test]
async fn two_requests_with_the_same_picture_ask_the_vision_model_once() {
    let sim = seeing().await;
    let gate = Gate::new();
    sim.script(Script::for_model(VISION, Answer::text("A cat.").head_waits(&gate)));
    let stand = Stand::start(&local(&sim)).await;
    let bodies = (with_picture("one", 3), with_picture("two", 3));
    let both = async { tokio::join!(stand.post("/v1/messages", &bodies.0), stand.post("/v1/messages", &bodies.1)) };
    let open = async {
        sim.wait_for_call(1).await.unwrap();
        stand.wait_for("both requests", async |stand| (stand.engine.running.now() == 2).then_some(())).await;
        gate.open();
    };
    let ((one, two), ()) = tokio::join!(both, open);
    assert_eq!((one.status, two.status), (200, 200));
    assert_eq!(sim.requests_for(VISION).len(), 1);
    assert_eq!(coder_read(&sim).iter().filter(|text| text.contains("A cat.>>")).count(), 2);
    sim.verdict().unwrap();
}

#[tokio::test]
async fn pictures_are_described_side_by_side_but_not_too_many() {
    let sim = seeing().await;
    let gate = Gate::new();
    sim.script(Script::for_model(VISION, Answer::text("Something.").head_waits(&gate)));
    let stand = Stand::start(&format!("{}vision.max_parallel = 2\n", local(&sim))).await;
    let mut body = ask("what are they?");
    body["messages"][0]["content"] =
        (0..5).map(|seed| image(&png(seed))).chain([json!({"type": "text", "text": "what?"})]).collect::<Value>();
    let open = async {
        sim.wait_for_call(2).await.unwrap();
        let waiting = sim.requests_for(VISION).len();
        gate.open();
        waiting
    };
    let (reply, waiting) = tokio::join!(stand.post("/v1/messages", &body), open);
    assert_eq!((reply.status, waiting), (200, 2));
    assert_eq!(sim.requests_for(VISION).len(), 5);
    assert_eq!(stand.record().await.images.described, 5);
    sim.verdict().unwrap();
}

#[tokio::test]
async fn the_same_picture_twice_in_one_request_is_asked_about_once() {
    let sim = seeing().await;
    let stand = Stand::start(&local(&sim)).await;
    let mut body = ask("same?");
    body["messages"][0]["content"] = json!([image(&png(1)), image(&png(1)), {"type": "text", "text": "same?"}]);
    assert_eq!(stand.post("/v1/messages", &body).await.status, 200);
    assert_eq!(sim.requests_for(VISION).len(), 1);
    assert_eq!(coder_read(&sim)[0].matches("IMAGE DESCRIPTION").count(), 2);
}

#[tokio::test]
async fn descriptions_survive_a_restart() {
    let sim = seeing().await;
    let settings = local(&sim);
    let stand = Stand::start(&settings).await;
    assert_eq!(stand.post("/v1/messages", &with_picture("what?", 4)).await.status, 200);
    let folder = stand.stop().await;
    let stand = Stand::start_in(folder, &settings).await;
    assert_eq!(stand.post("/v1/messages", &with_picture("what?", 4)).await.status, 200);
    assert_eq!(sim.requests_for(VISION).len(), 1);
    let read = coder_read(&sim);
    assert_eq!(read[0], read[1]);
    sim.verdict().unwrap();
}

#[tokio::test]
async fn a_vision_model_that_fails_costs_the_picture_and_not_the_turn() {
    for (answer, reason) in [
        (Answer::fault(Fault::status(500, "out of memory")), "out of memory"),
        (Answer::text(""), "no description"),
        (Answer::fault(Fault::NeverAnswer), "longer than"),
        (Answer::fault(Fault::CloseUnanswered { reset: true }), "ended the connection"),
        (Answer::fault(Fault::bad_gateway_page()), "502"),
    ] {
        let sim = seeing().await;
        sim.script(Script::for_model(VISION, answer).times(3));
        let stand = Stand::start(&format!("{}vision.timeout_ms = 400\n", local(&sim))).await;
        let reply = stand.post("/v1/messages", &with_picture("what?", 5)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let read = coder_read(&sim).remove(0);
        let said = read.split("<<IMAGE: not described: ").nth(1).unwrap_or_else(|| panic!("{read}"));
        assert!(said.contains(reason), "{reason} in {said}");
        assert_eq!(stand.record().await.images.failed, 1);
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn a_picture_that_was_not_described_is_tried_again_next_time() {
    let sim = seeing().await;
    sim.script(Script::for_model(VISION, Answer::text("")).once());
    let stand = Stand::start(&local(&sim)).await;
    for _ in 0..2 {
        assert_eq!(stand.post("/v1/messages", &with_picture("what?", 5)).await.status, 200);
    }
    let read = coder_read(&sim);
    assert!(read[0].contains("not described") && read[1].contains("IMAGE DESCRIPTION"));
}

#[tokio::test]
async fn without_a_vision_model_the_turn_goes_on_and_says_so() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    let reply = stand.post("/v1/messages", &with_picture("what?", 6)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(coder_read(&sim)[0].contains("<<IMAGE: not described: no vision model is set up>>"));
    sim.verdict().unwrap();
}

#[tokio::test]
async fn damaged_and_foreign_pictures_are_said_and_fetched_from_nowhere() {
    let sim = seeing().await;
    let stand = Stand::start(&local(&sim)).await;
    let mut body = ask("what?");
    body["messages"][0]["content"] = json!([
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "%%%"}},
        {"type": "image", "source": {"type": "url", "url": "http://127.0.0.1:1/a.png"}},
        {"type": "text", "text": "what?"}]);
    assert_eq!(stand.post("/v1/messages", &body).await.status, 200);
    let read = coder_read(&sim).remove(0);
    assert!(read.contains("damaged") && read.contains("not in the request"), "{read}");
    assert!(sim.requests_for(VISION).is_empty());
    sim.verdict().unwrap();
}

#[tokio::test]
async fn an_openai_client_s_pictures_are_described_too() {
    let sim = seeing().await;
    let stand = Stand::start(&local(&sim)).await;
    let data = image(&png(2))["source"]["data"].as_str().unwrap().to_owned();
    let body = json!({"model": "local", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}}]}]});
    assert_eq!(stand.post("/v1/chat/completions", &body).await.status, 200);
    assert!(coder_read(&sim)[0].contains("IMAGE DESCRIPTION"));
    sim.verdict().unwrap();
}

#[tokio::test]
async fn a_model_that_sees_gets_the_picture_itself() {
    let sim = seeing().await;
    let stand = Stand::start(&format!("{}roles.coder = \"lmstudio:{VISION}\"\n", local(&sim))).await;
    let mut session = Session::new("sees").model("local");
    session.shows("read it", &png(1));
    sim.script(Script::when_text_contains("read it", Answer::call("Read", json!({"file_path": "/a.png"}))));
    go_on(&stand, &mut session).await;
    // LM Studio refuses pictures in tool results: they are lifted into a user message.
    session.results(vec![(json!([image(&png(2))]), false)]);
    go_on(&stand, &mut session).await;
    assert_eq!(
        sim.calls()
            .iter()
            .map(|call| String::from_utf8_lossy(&call.raw).matches("image_url\":{").count())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    sim.verdict().unwrap_or_else(|error| panic!("{error}: {:#?}", sim.violations()));
}

#[tokio::test]
async fn in_route_mode_the_vision_model_answers_and_its_answer_is_the_description() {
    let sim = seeing().await;
    sim.script(describing("The picture shows a stack trace in parser.rs."));
    let stand = Stand::start(&format!("{}{ROUTE}", local(&sim))).await;
    let mut session = Session::new("route");
    session.model = "auto".into();
    session.shows("what is wrong here?", &png(9));
    let told = go_on(&stand, &mut session).await;
    assert!(told.text().contains("stack trace"));
    assert_eq!((sim.requests_for(VISION).len(), sim.requests_for(CODER).len()), (1, 0));
    session.user(vec![json!({"type": "text", "text": "say thanks"})]);
    go_on(&stand, &mut session).await;
    assert_eq!((sim.requests_for(VISION).len(), sim.requests_for(CODER).len()), (1, 1));
    assert!(coder_read(&sim)[0].contains("a stack trace in parser.rs.>>"));
    sim.verdict().unwrap();
}

#[tokio::test]
async fn in_route_mode_a_known_picture_stays_with_the_coder() {
    let sim = seeing().await;
    let stand = Stand::start(&format!("{}{ROUTE}", local(&sim))).await;
    text_of(&stand.post("/v1/messages", &with_picture("what?", 1)).await);
    text_of(&stand.post("/v1/messages", &with_picture("what?", 1)).await);
    assert_eq!((sim.requests_for(VISION).len(), sim.requests_for(CODER).len()), (1, 1));
    sim.verdict().unwrap();
}

#[tokio::test]
async fn while_pictures_are_described_the_client_hears_pings() {
    let sim = seeing().await;
    let gate = Gate::new();
    sim.script(Script::for_model(VISION, Answer::text("A cat.").head_waits(&gate)));
    let stand =
        Stand::start(&format!("{}server.early_headers_ms = 10\nserver.ping_interval_ms = 10\n", local(&sim))).await;
    let mut body = with_picture("what?", 1);
    body["stream"] = true.into();
    let mut opened = stand.open("/v1/messages", &body, &[]).await;
    let first = opened.0.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("event: "), "{first:?}");
    assert!(sim.requests_for(CODER).is_empty());
    gate.open();
    let rest = opened.into_reply().await;
    let whole = branchline_tests::Reply { text: String::from_utf8_lossy(&first).into_owned() + &rest.text, ..rest };
    let told = told(&whole);
    assert!(told.complete && told.pings >= 1, "{told:?}");
    sim.verdict().unwrap();
}
