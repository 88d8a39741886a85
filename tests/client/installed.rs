//! The real clients can be had on this machine and go where they are pointed, with nothing of ours in
//! between. When these fail, the journeys through Branchline cannot tell anything.

use std::{io, time::Duration};

use branchline_tests::{
    claude::{ClaudeCli, ClaudeCode},
    client::{self, ready_or_skip},
    python::Python,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const LIMIT: Duration = Duration::from_secs(120);

const ANSWER: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello from the test."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}

event: message_stop
data: {"type":"message_stop"}

"#;

#[tokio::test]
async fn claude_code_sends_its_prompt_and_token_to_the_address_it_is_given() {
    let Some(cli) = ready_or_skip(ClaudeCli::find().await) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let home = tempfile::tempdir().unwrap();
    let answering = tokio::spawn(answer_the_first_message(listener));
    let run = ClaudeCode::new(&cli, &url, "dummy-token", home.path()).prompt("say hello").run(LIMIT);
    let outcome = run.await.unwrap();
    assert!(outcome.status.success(), "{outcome:?}");
    assert_eq!(outcome.stdout.trim(), "Hello from the test.");
    let request = answering.await.unwrap().unwrap();
    assert!(request.contains("Bearer dummy-token"));
    assert!(request.contains("say hello"));
}

/// Answers until a message has been asked for, and returns that request.
async fn answer_the_first_message(listener: TcpListener) -> io::Result<String> {
    loop {
        let (mut socket, _) = listener.accept().await?;
        let request = read_request(&mut socket).await?;
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n";
        socket.write_all(format!("{head}{ANSWER}").as_bytes()).await?;
        socket.shutdown().await?;
        if request.starts_with("POST /v1/messages") {
            return Ok(request);
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::new();
    loop {
        let read = socket.read_buf(&mut request).await?;
        let text = String::from_utf8_lossy(&request);
        let length = text
            .to_ascii_lowercase()
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| rest.split("\r\n").next().and_then(|number| number.parse().ok()).unwrap_or(0));
        let whole = text.find("\r\n\r\n").is_some_and(|head| request.len() >= head + 4 + length);
        if read == 0 || whole {
            return Ok(text.into_owned());
        }
    }
}

#[tokio::test]
async fn the_python_sdks_can_be_used() {
    let Some(python) = ready_or_skip(Python::find().await) else { return };
    let mut command = tokio::process::Command::new(python.program());
    command.args(["-c", "import anthropic, openai, pytest; print(anthropic.__version__, openai.__version__)"]);
    let outcome = client::run(command, LIMIT).await.unwrap();
    assert!(outcome.status.success(), "{outcome:?}");
}
