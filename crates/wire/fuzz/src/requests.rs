//! Requests of every protocol: read, patched, and rendered for the other side.

use branchline_wire::codec::{Asked, DecodeError, anthropic, decode_request, encode_request, patch_request};
use branchline_wire::hub::{BlockKind, Content, Request, Tool, Touched};
use branchline_wire::protocol::{MaxTokensField, ReasoningControl, ReasoningReplay, ToolChoiceSupport};
use branchline_wire::{Dialect, Protocol, Upstream, edit, tokens};

use super::grammar;
use super::json::{assert_json, value};

/// Anthropic requests.
pub fn anthropic(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    let Some(request) = read(Protocol::Anthropic, body) else { return };
    assert!(anthropic::decode::count_request(body).is_ok());
    patched(Upstream::Anthropic, body, &request);
    written_anew(body, &request);
    rendered(&request);
}

/// OpenAI chat requests.
pub fn openai(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    let Some(request) = read(Protocol::OpenaiChat, body) else { return };
    patched(Upstream::OpenaiChat, body, &request);
    rendered(&request);
}

/// OpenAI Responses requests; they are rendered for backends only.
pub fn responses(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    let Some(request) = read(Protocol::OpenaiResponses, body) else { return };
    assert_json(format!("{{{}}}", Asked::by(&request, 0).repeated.trim_start_matches(',')).as_bytes());
    assert!(request.lost.iter().all(|lost| !lost.path.is_empty() && !lost.reason.is_empty()));
    rendered(&request);
}

/// Reads a body; an error has a place and words.
fn read(protocol: Protocol, body: &str) -> Option<Request<'_>> {
    match decode_request(protocol, body) {
        Ok(request) => Some(request),
        Err(DecodeError { path, message, .. }) => {
            assert!(!path.is_empty() && !message.is_empty());
            None
        }
    }
}

/// Nothing touched: every member as it was. Everything touched but nothing changed: the same request.
fn patched(protocol: Upstream, body: &str, request: &Request<'_>) {
    let untouched = patch_request(protocol, request, &dialects()[0]);
    assert_eq!(untouched.dropped, []);
    let again = reread(protocol, &untouched.body);
    assert_eq!(again.fields, request.fields);
    assert_same(&again, request);

    let mut touched = decode_request(protocol.into(), body).expect("read before");
    touched.touched = Touched { model: true, max_tokens: true, messages: true, ..Touched::default() };
    if protocol == Upstream::Anthropic {
        (touched.touched.system, touched.touched.tools) = (true, true);
    }
    assert_same(&reread(protocol, &patch_request(protocol, &touched, &dialects()[0]).body), request);
}

/// Messages written from the hub instead of copied say the same.
fn written_anew(body: &str, request: &Request<'_>) {
    let mut anew = anthropic::decode::request(body).expect("read before");
    anew.touched.messages = true;
    for message in anew.messages.iter_mut() {
        message.raw = None;
        forget(&mut message.content);
    }
    let again = patch_request(Upstream::Anthropic, &anew, &dialects()[0]);
    assert_same(&reread(Upstream::Anthropic, &again.body), request);
}

fn forget(content: &mut Content<'_>) {
    let Content::Blocks(blocks) = content else { return };
    for block in blocks {
        block.raw = None;
        if let BlockKind::ToolResult { content, .. } = &mut block.kind {
            forget(content);
        }
    }
}

/// The same for every protocol and dialect: JSON which that protocol reads, and which a strict server takes.
pub fn rendered(request: &Request<'_>) {
    let _ = tokens::estimate(request);
    assert!(edit::images(request).all(|(at, _)| !at.to_string().is_empty()));
    for dialect in dialects() {
        let encoded = encode_request(Upstream::Anthropic, request, &dialect);
        let body = assert_json(&encoded.body);
        reread(Upstream::Anthropic, &encoded.body);
        grammar::anthropic_conversation(&value(body));

        let encoded = encode_request(Upstream::OpenaiChat, request, &dialect);
        let body = assert_json(&encoded.body);
        reread(Upstream::OpenaiChat, &encoded.body);
        grammar::openai_conversation(&value(body));
        assert!(encoded.dropped.iter().all(|lost| !lost.reason.is_empty()));
        assert_eq!(encoded, encode_request(Upstream::OpenaiChat, request, &dialect), "not deterministic");
    }
}

/// Reads what was rendered.
pub fn reread(protocol: Upstream, body: &[u8]) -> Request<'_> {
    let body = assert_json(body);
    let read = decode_request(protocol.into(), body);
    assert!(read.is_ok(), "{protocol:?} refuses what was rendered for it: {:?}\n{body}", read.err());
    read.unwrap_or_default()
}

/// The careful default, Anthropic itself, and a server that can everything.
pub fn dialects() -> [Dialect; 3] {
    [
        Dialect::default(),
        Dialect { genuine_anthropic: true, schema_level: 0, cache_control: true, ..Dialect::default() },
        Dialect {
            max_tokens_field: MaxTokensField::MaxCompletionTokens,
            max_output_tokens: Some(4096),
            tool_choice: ToolChoiceSupport::Strings,
            parallel_tool_calls: true,
            tool_result_images: true,
            null_content: true,
            text_content_as_string: false,
            reasoning_replay: ReasoningReplay::ReasoningContent,
            reasoning_control: ReasoningControl::ThinkingType,
            schema_level: 3,
            ..Dialect::default()
        },
    ]
}

/// Two requests that mean the same, whatever they look like.
pub fn assert_same(one: &Request<'_>, other: &Request<'_>) {
    assert_eq!((&one.model, one.max_tokens, one.stream), (&other.model, other.max_tokens, other.stream));
    assert_eq!(one.system, other.system);
    assert_eq!(one.messages.len(), other.messages.len());
    for (one, other) in one.messages.iter().zip(&other.messages) {
        assert_eq!((one.role, &one.content, &one.extra), (other.role, &other.content, &other.extra));
    }
    assert_eq!(one.tools.len(), other.tools.len());
    for (one, other) in one.tools.iter().zip(&other.tools) {
        // A changed tool has no source text any more.
        let raw = one.raw.filter(|_| other.raw.is_some());
        // And one that is written anew has a schema in any case.
        let bare = other.raw.is_none() && other.server_type.is_none() && other.input_schema.is_none();
        let input_schema = one.input_schema.clone().filter(|_| !bare);
        assert_eq!(Tool { raw, input_schema, tokens: other.tokens, ..one.clone() }, *other);
    }
    assert_eq!((&one.tool_choice, &one.stop_sequences), (&other.tool_choice, &other.stop_sequences));
    assert_eq!((one.thinking, &one.effort, &one.output_schema), (other.thinking, &other.effort, &other.output_schema));
    assert_eq!((&one.temperature, &one.top_p, &one.top_k), (&other.temperature, &other.top_p, &other.top_k));
    assert_eq!((&one.user_id, &one.extra), (&other.user_id, &other.extra));
}
