//! Streams while they run: pings, leaving clients, silent backends.

use branchline_proxy::record::Outcome;
use branchline_sim::{Answer, Fault, Gate, Pieces, Script, Sim};
use branchline_tests::{Opened, Reply, Stand};
use serde_json::{Value, json};

use crate::rig::{anthropic, ask_streamed, backend, chat_streamed, lmstudio, local, told, told_openai};

const PINGS: &str = "server.early_headers_ms = 10\nserver.ping_interval_ms = 100\n";

/// A local server behind a translation, and Anthropic whose bytes are passed on.
async fn both_ways(more: &str) -> Vec<(Sim, Stand)> {
    let home = lmstudio().await;
    let cloud = anthropic().await;
    let at_home = Stand::start(&format!("{PINGS}{}{}", local(&home), more.replace("NAME", "lmstudio"))).await;
    let in_cloud =
        Stand::start(&format!("{PINGS}{}{}", backend("anthropic", &cloud), more.replace("NAME", "anthropic"))).await;
    vec![(home, at_home), (cloud, in_cloud)]
}

/// Reads until `enough`, and gives what was read.
async fn read_until(opened: &mut Opened, enough: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    while !enough(&text) {
        let piece = opened.0.chunk().await.expect("the stream goes on").expect("the stream has not ended");
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    text
}

async fn rest(opened: Opened, before: String) -> Reply {
    let reply = opened.into_reply().await;
    Reply { text: before + &reply.text, ..reply }
}

#[tokio::test]
async fn pings_come_before_the_first_token() {
    for (sim, stand) in both_ways("").await {
        for gate_at_head in [true, false] {
            let gate = Gate::new();
            let answer = Answer::text("At last.");
            sim.script(if gate_at_head { answer.head_waits(&gate) } else { answer.body_waits(&gate) });
            let mut opened = stand.open("/v1/messages", &ask_streamed("say hello"), &[]).await;
            let text = read_until(&mut opened, |text| text.matches("event: ping").count() >= 3).await;
            gate.open();
            let told = told(&rest(opened, text).await);
            assert!(told.pings_before_content >= 3 && told.complete, "{told:?}");
            assert_eq!(told.text(), "At last.");
        }
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn an_openai_client_gets_comments_instead_of_pings() {
    for (sim, stand) in both_ways("").await {
        let gate = Gate::new();
        sim.script(Answer::text("At last.").head_waits(&gate));
        let mut opened = stand.open("/v1/chat/completions", &chat_streamed("say hello"), &[]).await;
        let text = read_until(&mut opened, |text| text.matches(": ping\n\n").count() >= 2).await;
        gate.open();
        let told = told_openai(&rest(opened, text).await);
        assert_eq!((told.text().as_str(), told.complete), ("At last.", true));
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn pings_come_in_mid_stream_and_only_between_events() {
    for (sim, stand) in both_ways("").await {
        let gate = Gate::new();
        // Network writes of seven bytes: the silence begins inside an event.
        sim.script(Answer::text("One two three four.").writes([7]).waits_after(2, &gate));
        let mut opened = stand.open("/v1/messages", &ask_streamed("say hello"), &[]).await;
        let text = read_until(&mut opened, |text| text.contains("two") && text.ends_with("\"ping\"}\n\n")).await;
        gate.open();
        let told = told(&rest(opened, text).await);
        assert_eq!((told.text().as_str(), told.complete), ("One two three four.", true));
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn tokens_are_passed_on_as_they_come() {
    for (sim, stand) in both_ways("").await {
        let gate = Gate::new();
        sim.script(Answer::text("One two three.").pieces(Pieces::Words).waits_after(1, &gate));
        let mut opened = stand.open("/v1/messages", &ask_streamed("say hello"), &[]).await;
        let text = read_until(&mut opened, |text| text.contains("One ")).await;
        assert!(!text.contains("two"));
        gate.open();
        assert_eq!(told(&rest(opened, text).await).text(), "One two three.");
    }
}

#[tokio::test]
async fn a_stream_cut_into_single_bytes_arrives_whole() {
    for (sim, stand) in both_ways("").await {
        sim.script(
            Answer::thinking("Hm, ü.")
                .and_text("Grüße \u{1f600}")
                .and_call("Bash", json!({"command": "ls ä"}))
                .writes([1]),
        );
        let told = told(&stand.post("/v1/messages", &ask_streamed("say hello")).await);
        assert_eq!((told.content.len(), told.text().as_str()), (3, "Grüße \u{1f600}"));
        assert_eq!(told.calls()[0]["input"], json!({"command": "ls ä"}));
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_backend() {
    for (sim, stand) in both_ways("").await {
        for streamed in [true, false] {
            for in_mid_stream in [false, true] {
                sim.forget();
                let gate = Gate::new();
                let answer = Answer::text("One two three four.");
                // A whole answer comes in one piece.
                let in_mid_stream = in_mid_stream && streamed;
                sim.script(if in_mid_stream { answer.waits_after(1, &gate) } else { answer.head_waits(&gate) });
                let mut body = ask_streamed("say hello");
                body["stream"] = streamed.into();
                let request = stand.http().post(format!("{}/v1/messages", stand.url)).bearer_auth(stand.token());
                let request = request.header("content-type", "application/json").body(body.to_string()).send();
                let mut leaving = tokio::spawn(request);
                sim.wait_for_call(1).await.unwrap();
                if streamed && in_mid_stream {
                    let mut opened = Opened((&mut leaving).await.unwrap().unwrap());
                    read_until(&mut opened, |text| text.contains("One")).await;
                    drop(opened);
                } else {
                    leaving.abort();
                }
                sim.wait_for_abort().await.unwrap();
                stand.wait_for("the end", async |stand| (stand.engine.running.now() == 0).then_some(())).await;
                let record = stand.record().await;
                assert_eq!(record.outcome, Outcome::Cancelled, "{streamed} {in_mid_stream} {record:?}");
                let [attempt] = record.attempts.as_slice() else { panic!("{record:?}") };
                assert_eq!((attempt.status, attempt.error.as_deref()), (None, Some("the client left")));
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_after_the_last_word_had_its_answer() {
    for (sim, stand) in both_ways("").await {
        let answer = Answer::text("One two three four.");
        sim.script(answer.clone());
        stand.post("/v1/messages", &ask_streamed("say hello")).await;
        // The same answer, after which the server keeps the connection open.
        let call = sim.calls().pop().unwrap();
        sim.script(answer.clone());
        let alone = stand.http().post(format!("{}{}", sim.url(), call.path)).body(call.raw);
        let alone = alone.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
        let bytes = alone.header("x-api-key", "sim").send().await.unwrap().bytes().await.unwrap().len();
        sim.script(answer.with_fault(Fault::SilentAfter { bytes }));
        let mut opened = stand.open("/v1/messages", &ask_streamed("say hello"), &[]).await;
        read_until(&mut opened, |text| text.contains("message_stop")).await;
        drop(opened);
        stand.wait_for("the end", async |stand| (stand.engine.running.now() == 0).then_some(())).await;
        let record = stand.record().await;
        assert_eq!((record.outcome, record.status), (Outcome::Ok, 200), "{record:?}");
        assert!(record.usage.input > 0 && record.usage.output > 0, "{record:?}");
        let [attempt] = record.attempts.as_slice() else { panic!("{record:?}") };
        assert_eq!((attempt.status, attempt.error.as_deref()), (Some(200), None));
    }
}

#[tokio::test]
async fn a_backend_that_dies_in_mid_word_ends_in_an_error_event() {
    for (sim, stand) in both_ways("").await {
        for bytes in [700, 901, 1000] {
            for fault in [
                Fault::DieAfter { bytes, reset: false },
                Fault::DieAfter { bytes, reset: true },
                Fault::EndAfter { bytes },
            ] {
                sim.script(
                    Answer::text("A rather long answer of many words that is cut in the middle. ".repeat(4))
                        .with_fault(fault.clone()),
                );
                let reply = stand.post("/v1/messages", &ask_streamed("say hello")).await;
                let told = told(&reply);
                assert!(told.error.is_some(), "{fault:?} {told:?}");
                let record = stand.record().await;
                assert_eq!(record.outcome, Outcome::Error, "{fault:?}");
                assert!(record.error.is_some());
            }
        }
    }
}

#[tokio::test]
async fn silence_is_ended_by_the_timeouts_of_the_settings() {
    let limits = "backends.NAME.first_byte_timeout_ms = 150\nbackends.NAME.idle_timeout_ms = 150\nbackends.NAME.retry_attempts = 0\n";
    for (sim, stand) in both_ways(limits).await {
        for fault in [Fault::NeverAnswer, Fault::SilentAfter { bytes: 0 }, Fault::SilentAfter { bytes: 900 }] {
            for streamed in [true, false] {
                sim.script(Answer::text("A rather long answer of many words. ".repeat(8)).with_fault(fault.clone()));
                let mut body = ask_streamed("say hello");
                body["stream"] = streamed.into();
                let reply = stand.post("/v1/messages", &body).await;
                if streamed && reply.status == 200 {
                    assert!(told(&reply).error.is_some(), "{fault:?}");
                } else {
                    assert_eq!(reply.status, 504, "{fault:?} {}", reply.text);
                    assert!(reply.text.contains("timeout_ms"), "{}", reply.text);
                }
                let error = stand.record().await.error.unwrap();
                assert!(
                    error.code == "backend_timeout" && error.message.contains("said nothing"),
                    "{fault:?} {error:?}"
                );
                assert!(!error.message.contains("for 0 s"), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_began_with_pings_can_still_be_taken_over_by_the_cloud() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let gate = Gate::new();
    home.script(Answer::fault(Fault::status(500, "out of memory")).head_waits(&gate));
    home.script(Script::always(Answer::fault(Fault::status(500, "out of memory"))));
    cloud.script(Answer::text("Taken over."));
    let stand = Stand::start(&format!("{PINGS}{}{}", local(&home), backend("anthropic", &cloud))).await;
    let mut opened = stand.open("/v1/messages", &ask_streamed("say hello"), &[]).await;
    let text = read_until(&mut opened, |text| text.contains("event: ping")).await;
    gate.open();
    let told = told(&rest(opened, text).await);
    assert_eq!((told.text().as_str(), told.complete), ("Taken over.", true));
    let record = stand.record().await;
    assert_eq!((record.backend.as_deref(), record.fallback.is_some()), (Some("anthropic"), true));
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn a_whole_answer_to_a_streaming_request_becomes_a_stream() {
    for (sim, stand) in both_ways("").await {
        let whole: Value = if sim.base_url().ends_with("/v1") {
            json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Whole."}}], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}})
        } else {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "Whole."}],
                "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 1}})
        };
        let fault = Fault::Status { status: 200, body: branchline_sim::FaultBody::Json(whole), retry_after: None };
        sim.script(Answer::fault(fault));
        let told = told(&stand.post("/v1/messages", &ask_streamed("say hello")).await);
        assert_eq!((told.text().as_str(), told.complete), ("Whole.", true));
    }
}
