//! Requests of clients, rendered for every kind of OpenAI-type backend. The snapshots are the specification.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use branchline_wire::codec::{decode_request, encode_request};
use branchline_wire::protocol::{MaxTokensField, ReasoningControl, ReasoningReplay, ToolChoiceSupport};
use branchline_wire::{Dialect, Protocol, Upstream};
use serde_json::Value;

/// Backends whose dialects differ in something that is visible here.
fn dialects() -> [(&'static str, Dialect); 6] {
    let plain = Dialect::default;
    [
        ("unknown", plain()),
        ("lmstudio", Dialect { tool_choice: ToolChoiceSupport::Strings, ..plain() }),
        (
            "llamacpp",
            Dialect {
                tool_result_images: true,
                parallel_tool_calls: true,
                reasoning_control: ReasoningControl::TemplateKwargs,
                ..plain()
            },
        ),
        (
            "openai",
            Dialect {
                max_tokens_field: MaxTokensField::MaxCompletionTokens,
                parallel_tool_calls: true,
                null_content: true,
                text_content_as_string: false,
                reasoning_control: ReasoningControl::Effort,
                schema_level: 0,
                ..plain()
            },
        ),
        (
            "deepseek",
            Dialect {
                max_output_tokens: Some(8192),
                json_schema_output: false,
                reasoning_replay: ReasoningReplay::ReasoningContent,
                reasoning_control: ReasoningControl::ThinkingType,
                ..plain()
            },
        ),
        (
            "simplest",
            Dialect {
                tool_choice: ToolChoiceSupport::None,
                stream_usage: false,
                json_schema_output: false,
                schema_level: 3,
                ..plain()
            },
        ),
    ]
}

fn check(name: &str, protocol: Protocol, source: &str) {
    let hub = decode_request(protocol, source).unwrap();
    for (dialect_name, dialect) in dialects() {
        let encoded = encode_request(Upstream::OpenaiChat, &hub, &dialect);
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let mut told = serde_json::to_string_pretty(&body).unwrap();
        told.push_str("\n\ndropped:\n");
        for lost in encoded.dropped {
            told.push_str(&format!("{}: {}\n", lost.path, lost.reason));
        }
        insta::assert_snapshot!(format!("{name}_{dialect_name}"), told);
    }
}

#[test]
fn an_agent_turn_for_every_dialect() {
    check("agent_turn", Protocol::Anthropic, include_str!("fixtures/agent_turn.json"));
}

#[test]
fn an_interrupted_turn_for_every_dialect() {
    check("interrupted", Protocol::Anthropic, include_str!("fixtures/interrupted.json"));
}

#[test]
fn a_turn_of_codex_for_every_dialect() {
    check("responses_turn", Protocol::OpenaiResponses, include_str!("fixtures/responses_turn.json"));
}
