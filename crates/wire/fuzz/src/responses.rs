//! Whole answers of every protocol.

use branchline_wire::Protocol;
use branchline_wire::codec::{Asked, decode_response, encode_failure, encode_response};
use branchline_wire::hub::{Block, BlockKind, Response};
use branchline_wire::ids;

use super::json::assert_json;

/// When answers are written, in seconds since 1970.
const CREATED: u64 = 1_790_000_000;

/// Anthropic answers.
pub fn anthropic(data: &[u8]) {
    check(Protocol::Anthropic, data);
}

/// OpenAI chat answers.
pub fn openai(data: &[u8]) {
    check(Protocol::OpenaiChat, data);
}

/// OpenAI Responses answers.
pub fn responses(data: &[u8]) {
    check(Protocol::OpenaiResponses, data);
}

/// An answer is written in every protocol, where it can be read; what is none becomes an error of each.
fn check(protocol: Protocol, data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    match decode_response(protocol, body) {
        Ok(response) => {
            let _ = response.usage.prompt();
            Protocol::ALL.iter().for_each(|to| written(*to, &response));
        }
        Err(failure) => {
            assert!(!failure.message.is_empty());
            for to in Protocol::ALL {
                let (status, body) = encode_failure(to, &failure, "req_1");
                assert!((400..600).contains(&status));
                assert_json(&body);
            }
        }
    }
}

fn written(to: Protocol, response: &Response<'_>) {
    let once = encode_response(to, response, &Asked { created: CREATED, ..Asked::default() });
    let read = decode_response(to, assert_json(&once));
    assert!(
        read.is_ok(),
        "{to:?} refuses the answer written for it: {:?}\n{}",
        read.err(),
        String::from_utf8_lossy(&once)
    );
    let read = read.unwrap_or_default();
    if to == Protocol::Anthropic {
        assert_eq!(read.content.len(), response.content.len());
        read.content.iter().zip(&response.content).for_each(|(read, sent)| assert_arrived(read, sent));
        assert_eq!(read.usage.output.unwrap_or(0), response.usage.output.unwrap_or(0));
    }
}

/// Thoughts and calls that had none get a signature and an id; the rest is the same.
fn assert_arrived(read: &Block<'_>, sent: &Block<'_>) {
    match (&read.kind, &sent.kind) {
        (BlockKind::Thinking { thinking, .. }, BlockKind::Thinking { thinking: sent, signature })
            if signature.is_empty() =>
        {
            assert_eq!(thinking, sent);
        }
        (
            BlockKind::ToolUse { name, input, id },
            BlockKind::ToolUse { name: sent_name, input: sent_input, id: sent_id },
        ) if !ids::is_clean(sent_id) => {
            assert_eq!((name, input), (sent_name, sent_input));
            assert!(!id.is_empty() || sent.raw.is_some());
        }
        (read, sent) => assert_eq!(read, sent),
    }
}
