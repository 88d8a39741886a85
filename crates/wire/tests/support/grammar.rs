//! The grammar of Anthropic streams as a strict automaton, for every test that makes one.

use branchline_wire::sse;
use proptest::prelude::*;
use serde_json::Value;

/// The frames of a stream.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(String, Value)> {
    let mut frames = Vec::new();
    let mut parser = sse::Parser::default();
    parser.push(bytes, |event, data| frames.push((event.to_owned(), serde_json::from_str(data).unwrap()))).unwrap();
    frames
}

fn fits(open: &str, delta: &str) -> bool {
    match delta {
        "text_delta" => open == "text",
        "thinking_delta" | "signature_delta" => open == "thinking",
        "input_json_delta" => !matches!(open, "text" | "thinking"),
        _ => true,
    }
}

/// The order of events of Anthropic's streams. Gives whether the stream is complete.
pub(crate) fn check_grammar(frames: &[(String, Value)]) -> Result<bool, TestCaseError> {
    let (mut started, mut stopped, mut ended) = (false, false, false);
    let (mut open, mut next): (Option<String>, u64) = (None, 0);
    for (event, data) in frames {
        prop_assert!(!ended, "nothing follows the end");
        prop_assert_eq!(&data["type"], event);
        let in_order = |open: bool| started && !stopped && open && data["index"] == next;
        match event.as_str() {
            "ping" => {}
            "message_start" => {
                prop_assert!(!started);
                prop_assert!(!data["message"]["id"].as_str().unwrap().is_empty());
                started = true;
            }
            "content_block_start" => {
                prop_assert!(in_order(open.is_none()));
                let id = data["content_block"]["id"].as_str().unwrap_or("x");
                prop_assert!(!id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
                open = data["content_block"]["type"].as_str().map(str::to_owned);
            }
            "content_block_delta" => {
                prop_assert!(in_order(open.is_some()));
                prop_assert!(fits(open.as_deref().unwrap(), data["delta"]["type"].as_str().unwrap()), "{}", data);
            }
            "content_block_stop" => {
                prop_assert!(in_order(open.take().is_some()));
                next += 1;
            }
            "message_delta" => {
                prop_assert!(started && !stopped && open.is_none());
                prop_assert!(data["delta"]["stop_reason"].is_string() && data["usage"]["output_tokens"].is_u64());
                stopped = true;
            }
            "message_stop" => {
                prop_assert!(stopped);
                ended = true;
            }
            "error" => {
                prop_assert!(open.is_none() && data["error"]["message"].is_string());
                ended = true;
            }
            other => prop_assert!(false, "no such event: {}", other),
        }
    }
    Ok(ended)
}
