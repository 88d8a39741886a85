//! What the codecs cost, each beside `serde_json::Value` reading and writing the same bytes.

use std::hint::black_box;

use branchline_wire::codec::{Asked, StreamDecoder, StreamEncoder, decode_request, encode_request, patch_request};
use branchline_wire::edit::{self, Edit};
use branchline_wire::{Dialect, Protocol, Upstream, sse, tokens};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};

/// A request of an agent: system prompt, tools with schemas, and a tool loop as long as it takes.
fn request(bytes: usize) -> String {
    let prose = "The parser reads a line, keeps its \"place\" and goes on until the value is known.\n\n";
    let code = "    12\tlet line = read(&input[12..], \"text\")?; // the \\ is kept\n";
    let tool = |number: usize| {
        json!({ "name": format!("Tool{number}"), "description": prose.repeat(22), "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "file_path": { "type": "string", "description": prose, "minLength": 1 },
                "limit": { "type": "integer", "exclusiveMinimum": 0, "description": prose },
                "mode": { "type": "string", "enum": ["content", "files"], "default": "files" } },
            "required": ["file_path"], "additionalProperties": false } })
    };
    let mut messages = vec![
        json!({ "role": "user", "content": [{ "type": "text", "text": prose.repeat(20) }] }),
        json!({ "role": "system", "content": prose.repeat(100) }),
    ];
    let mut size = 45_000;
    for number in 0.. {
        if size >= bytes {
            break;
        }
        let id = format!("toolu_{number}");
        messages.push(json!({ "role": "assistant", "content": [{ "type": "text", "text": prose },
            { "type": "tool_use", "id": id, "name": "Tool1", "input": { "file_path": "src/parse.rs", "limit": 9 } }] }));
        messages.push(json!({ "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": id, "content": code.repeat(50) }] }));
        size += messages.iter().rev().take(2).map(|message| message.to_string().len()).sum::<usize>();
    }
    let request = json!({ "model": "claude-sonnet-5-5", "messages": messages,
        "system": [{ "type": "text", "text": prose.repeat(80), "cache_control": { "type": "ephemeral" } }],
        "tools": (0..12).map(tool).collect::<Vec<_>>(), "max_tokens": 32_000, "stream": true });
    request.to_string()
}

/// An OpenAI stream of so many pieces.
fn stream(pieces: usize) -> Vec<u8> {
    let chunk = |delta: Value, finish: Option<&str>| {
        let chunk = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        format!("data: {chunk}\n\n")
    };
    let mut stream: String =
        (0..pieces).map(|n| chunk(json!({ "content": format!(" word{n} \"so\"\n") }), None)).collect();
    stream += &chunk(json!({}), Some("stop"));
    stream += "data: [DONE]\n\n";
    stream.into_bytes()
}

fn requests(criterion: &mut Criterion) {
    for (name, bytes) in [("100 KB", 100_000), ("400 KB", 400_000)] {
        let body = request(bytes);
        let Ok(hub) = decode_request(Protocol::Anthropic, &body) else { continue };
        let dialect = Dialect::default();
        let mut edited = hub.clone();
        edit::apply(&mut edited, &[Edit::Model("other".to_owned()), Edit::FoldSystem]);
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("decode", |b| b.iter(|| decode_request(Protocol::Anthropic, black_box(&body))));
        group.bench_function("decode, as a value", |b| b.iter(|| serde_json::from_str::<Value>(black_box(&body))));
        group.bench_function("encode to OpenAI", |b| {
            b.iter(|| encode_request(Upstream::OpenaiChat, black_box(&edited), &dialect));
        });
        group.bench_function("encode, as a value", |b| b.iter(|| serde_json::to_vec(black_box(&value))));
        group.bench_function("patch", |b| b.iter(|| patch_request(Upstream::Anthropic, black_box(&edited), &dialect)));
        group.bench_function("token estimate", |b| b.iter(|| tokens::estimate(black_box(&hub))));
        group.finish();
    }
}

fn translate(source: &[u8]) -> Vec<u8> {
    let mut parser = sse::Parser::default();
    let mut decoder = StreamDecoder::new(Protocol::OpenaiChat);
    let mut encoder = StreamEncoder::new(Protocol::Anthropic, &Asked::default());
    let mut out = Vec::new();
    // As it comes from a socket: one frame at a time.
    for piece in source.split_inclusive(|byte| *byte == b'\n') {
        let read =
            parser.push(piece, |name, data| decoder.frame(name, data, &mut |event| encoder.event(&event, &mut out)));
        if read.is_err() {
            break;
        }
    }
    decoder.finish(&mut |event| encoder.event(&event, &mut out));
    out
}

fn values_of(source: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for data in source.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data: ")) {
        if let Ok(value) = serde_json::from_slice::<Value>(data) {
            out.extend_from_slice(b"data: ");
            out.extend(serde_json::to_vec(&value).unwrap_or_default());
            out.extend_from_slice(b"\n\n");
        }
    }
    out
}

fn streams(criterion: &mut Criterion) {
    let source = stream(200);
    let mut group = criterion.benchmark_group("200 pieces of a stream");
    group.throughput(Throughput::Bytes(source.len() as u64));
    group.bench_function("OpenAI to Anthropic", |b| b.iter(|| translate(black_box(&source))));
    group.bench_function("as values", |b| b.iter(|| values_of(black_box(&source))));
    group.finish();
}

criterion_group!(benches, requests, streams);
criterion_main!(benches);
