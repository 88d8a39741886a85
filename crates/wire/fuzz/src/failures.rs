//! Error answers, whatever they look like.

use branchline_wire::codec::{decode_failure, encode_failure};
use branchline_wire::{Protocol, Upstream};

use super::choices::Choices;
use super::json::{assert_json, value};

/// A longer message may lose the words that told the cause.
const SHORT: usize = 900;

/// Any body under any status becomes an error of every protocol.
pub fn check(data: &[u8]) {
    let (text, mut choices) = Choices::behind(data);
    let body = String::from_utf8_lossy(text);
    let status = 200 + choices.below(400) as u16;
    for from in [Upstream::Anthropic, Upstream::OpenaiChat] {
        let failure = decode_failure(from, status, &body);
        assert!(!failure.message.trim().is_empty(), "an error without words: {failure:?}");
        for to in Protocol::ALL {
            let (status, body) = encode_failure(to, &failure, "req_1");
            assert!((400..600).contains(&status), "{status}");
            let answer = value(assert_json(&body));
            assert!(answer["error"]["type"].is_string() && answer["error"]["message"].is_string(), "{answer}");
            if failure.message.len() > SHORT {
                continue;
            }
            let again = decode_failure(reader(to), status, assert_json(&body));
            assert_eq!(encode_failure(to, &again, "req_1").0, status, "{failure:?} is read back as {again:?}");
        }
    }
}

/// Who reads the errors written for clients of a protocol; those of Responses look like Chat Completions'.
fn reader(protocol: Protocol) -> Upstream {
    if protocol == Protocol::Anthropic { Upstream::Anthropic } else { Upstream::OpenaiChat }
}
