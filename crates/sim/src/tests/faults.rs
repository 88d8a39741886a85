use std::collections::HashSet;

use serde_json::{Value, json};

use super::{CODER, Got, ask, chat, client, cloud, messages, send, studio};
use crate::{Answer, Door, Fault, Pieces, Sim};

const CHAT: &str = "/v1/chat/completions";

async fn with(fault: Fault) -> Got {
    let sim = studio().await;
    sim.script(Answer::text("one two three").with_fault(fault));
    chat(&sim, &ask(CODER, "hi", true)).await
}

/// The `tool_calls` deltas of two parallel calls under a fault, and the finish reasons.
async fn calls_with(fault: Fault) -> (Vec<Value>, Vec<Value>) {
    let sim = studio().await;
    let answer = Answer::call("Read", json!({"a": 1})).and_call("Write", json!({"b": 2}));
    sim.script(answer.pieces(Pieces::Chars(3)).with_fault(fault));
    let events = chat(&sim, &ask(CODER, "hi", true)).await.events();
    let deltas = events.iter().filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0").cloned()).collect();
    let finish = events.iter().filter_map(|event| event.pointer("/choices/0/finish_reason").cloned());
    (deltas, finish.filter(|reason| !reason.is_null()).collect())
}

async fn unplugged(sim: &Sim) -> bool {
    send(sim, CHAT, &ask(CODER, "hi", false)).await.is_err()
}

#[tokio::test]
async fn an_unplugged_server_refuses_and_comes_back_on_its_port() {
    let sim = studio().await;
    let port = sim.port();
    sim.stop().await;
    assert!(unplugged(&sim).await);
    sim.restart_on_same_port().await.unwrap();
    assert_eq!((sim.port(), chat(&sim, &ask(CODER, "hi", false)).await.status), (port, 200));
}

#[tokio::test]
async fn unplugging_breaks_an_answer_that_is_under_way() {
    let sim = studio().await;
    sim.script(Answer::text("never").with_fault(Fault::SilentAfter { bytes: 10 }));
    let body = ask(CODER, "hi", true);
    let reading = send(&sim, CHAT, &body);
    let stopping = async {
        sim.wait_for_call(1).await.unwrap();
        sim.stop().await;
    };
    assert!(tokio::join!(reading, stopping).0.is_err());
    assert!(!sim.calls()[0].aborted);
}

#[tokio::test]
async fn closed_doors_and_closed_connections_give_no_answer() {
    let sim = studio().await;
    sim.set_door(Door::Slammed);
    assert!(unplugged(&sim).await);
    sim.set_door(Door::Open);
    for reset in [false, true] {
        sim.script(Answer::fault(Fault::CloseUnanswered { reset }));
        assert!(unplugged(&sim).await);
    }
    assert!(!unplugged(&sim).await);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_before_and_within_the_stream() {
    for fault in [Fault::NeverAnswer, Fault::SilentAfter { bytes: 30 }] {
        let sim = studio().await;
        sim.script(Answer::text("one two").with_fault(fault));
        let request = client().post(format!("{}{CHAT}", sim.url())).body(ask(CODER, "hi", true).to_string());
        let task = tokio::spawn(async move {
            let response = request.send().await.unwrap();
            response.bytes().await.unwrap()
        });
        sim.wait_for_call(1).await.unwrap();
        task.abort();
        assert!(sim.wait_for_abort().await.unwrap().aborted);
    }
}

#[tokio::test]
async fn streams_die_end_or_break_in_mid_word() {
    for reset in [false, true] {
        let sim = studio().await;
        sim.script(Answer::text("one two").with_fault(Fault::DieAfter { bytes: 40, reset }));
        assert!(send(&sim, CHAT, &ask(CODER, "hi", true)).await.is_err());
    }
    assert_eq!(with(Fault::EndAfter { bytes: 40 }).await.text.len(), 40);
    assert_eq!(with(Fault::EmptyStream).await.text, "");
}

#[tokio::test]
async fn errors_come_with_status_body_and_retry_after() {
    let got = with(Fault::rate_limited(7)).await;
    assert_eq!((got.status, got.headers["retry-after"].to_str().unwrap()), (429, "7"));
    assert!(got.json()["error"]["message"].is_string());
    assert_eq!(with(Fault::unavailable(1)).await.status, 503);
    assert!(with(Fault::bad_gateway_page()).await.text.starts_with("<html>"));
    let got = with(Fault::ErrorUnder200("The model has crashed".into())).await;
    assert_eq!((got.status, got.json()), (200, json!({"error": "The model has crashed"})));
    let sim = cloud().await;
    sim.script(Answer::fault(Fault::overloaded()));
    let got = messages(&sim, &ask("claude-sonnet-5-5", "hi", true)).await;
    assert_eq!((got.status, got.json()["error"]["type"].clone()), (529, json!("overloaded_error")));
}

#[tokio::test]
async fn an_error_in_mid_stream_has_each_protocols_form() {
    let fault = || Fault::ErrorAfter { deltas: 1, kind: "overloaded_error".into(), message: "Overloaded".into() };
    let got = with(fault()).await;
    assert_eq!(got.said(), "one ");
    assert_eq!(got.events().last().unwrap()["error"]["message"], "Overloaded");
    let sim = cloud().await;
    sim.script(Answer::text("one two").with_fault(fault()));
    let got = messages(&sim, &ask("claude-sonnet-5-5", "hi", true)).await;
    assert!(got.text.contains("event: error\ndata: {\"type\":\"error\""));
    assert!(!got.text.contains("message_stop"));
    let got = with(Fault::ErrorChunkAfter { deltas: 1, code: 502, message: "gone".into() }).await;
    assert_eq!(got.events().last().unwrap()["choices"][0]["finish_reason"], "error");
}

#[tokio::test]
async fn framing_faults_change_the_frame_and_not_the_words() {
    assert!(!with(Fault::NoDone).await.text.contains("[DONE]"));
    let crlf = with(Fault::CrLf).await;
    assert!(crlf.text.contains("[DONE]\r\n\r\n") && !crlf.text.replace("\r\n", "").contains('\n'));
    assert!(with(Fault::Comments).await.text.contains(": OPENROUTER PROCESSING\n"));
    assert!(with(Fault::HugeLine(300_000)).await.text.len() > 300_000);
    assert_eq!(with(Fault::EmptyChoicesFirst).await.events()[0]["choices"], json!([]));
    for fault in [
        Fault::CrLf,
        Fault::Comments,
        Fault::UnknownEvents,
        Fault::InvalidJsonLine,
        Fault::HugeLine(9),
        Fault::NoFinish,
    ] {
        assert_eq!(with(fault).await.said(), "one two three");
    }
}

#[tokio::test]
async fn tool_call_faults_bend_the_fragments() {
    let values = |calls: &[Value], pointer: &str| -> HashSet<String> {
        calls.iter().filter_map(|call| call.pointer(pointer)).map(Value::to_string).collect()
    };
    let (whole, finish) = calls_with(Fault::ToolWhole).await;
    assert_eq!((whole.len(), &finish[0]), (2, &json!("tool_calls")));
    let (zero, _) = calls_with(Fault::ToolIndexZero).await;
    assert_eq!(values(&zero, "/index"), HashSet::from(["0".to_owned()]));
    let (bare, _) = calls_with(Fault::ToolIndexMissing).await;
    assert!(values(&bare, "/index").is_empty());
    let (nameless, _) = calls_with(Fault::ToolIdMissing).await;
    assert!(values(&nameless, "/id").is_empty());
    let (named, _) = calls_with(Fault::ToolNameRepeated).await;
    assert!(named.iter().all(|call| call.pointer("/function/name").is_some()));
    let (object, _) = calls_with(Fault::ToolArgumentsObject).await;
    assert_eq!(object[0]["function"]["arguments"], json!({"a": 1}));
    let (_, stop) = calls_with(Fault::FinishStop).await;
    assert_eq!(stop, [json!("stop")]);
    let (cut, length) = calls_with(Fault::ToolArgumentsCut).await;
    let second: String = cut
        .iter()
        .filter(|call| call["index"] == 1)
        .filter_map(|call| call.pointer("/function/arguments")?.as_str())
        .collect();
    assert_eq!((second.as_str(), &length[0]), ("{\"b", &json!("length")));
    let (turns, _) = calls_with(Fault::ToolsInterleaved).await;
    assert_eq!((&turns[0]["index"], &turns[1]["index"], &turns[2]["index"]), (&json!(0), &json!(1), &json!(0)));
}

#[tokio::test]
async fn usage_may_ride_with_the_finish_reason_or_be_missing() {
    let sim = studio().await;
    let mut body = ask(CODER, "hi", true);
    body["stream_options"] = json!({"include_usage": true});
    let plain = chat(&sim, &body).await.events();
    assert_eq!(plain.last().unwrap()["choices"], json!([]));
    sim.script(Answer::text("x").with_fault(Fault::UsageInFinish));
    let riding = chat(&sim, &body).await.events();
    assert!(riding.last().unwrap()["usage"].is_object() && riding.last().unwrap()["choices"][0].is_object());
    sim.script(Answer::text("x").with_fault(Fault::NoUsage));
    assert!(!chat(&sim, &body).await.text.contains("usage"));
}

/// Sends a request over a bare socket and reads until the connection ends.
async fn raw_exchange(sim: &Sim) -> (Vec<u8>, std::io::Result<usize>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", sim.port())).await.unwrap();
    let body = ask(CODER, "hi", true).to_string();
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: sim\r\ncontent-length: {}\r\n\r\n", body.len());
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let end = socket.read_to_end(&mut seen).await;
    (seen, end)
}

#[tokio::test]
async fn a_reset_is_a_tcp_reset_and_a_close_is_not() {
    let sim = studio().await;
    sim.script(Answer::fault(Fault::CloseUnanswered { reset: true }));
    sim.script(Answer::fault(Fault::CloseUnanswered { reset: false }));
    let (_, reset) = raw_exchange(&sim).await;
    assert_eq!(reset.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let (seen, closed) = raw_exchange(&sim).await;
    assert_eq!((seen.len(), closed.unwrap()), (0, 0));
}

#[tokio::test]
async fn a_dying_stream_ends_without_its_last_chunk() {
    let sim = studio().await;
    sim.script(Answer::text("one two").with_fault(Fault::DieAfter { bytes: 40, reset: false }));
    let (seen, end) = raw_exchange(&sim).await;
    let text = String::from_utf8(seen).unwrap();
    assert!(end.is_ok() && text.contains("data: {\"id\"") && !text.ends_with("0\r\n\r\n"), "{text}");
}
