//! Requests of the shape an agent sends: a long system prompt, a dozen tools with schemas, a tool loop that grows.
//! The texts are our own and the same in every run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::Result;

/// The model the requests name; the anthropic backend is asked for it by this very name.
pub(crate) const MODEL: &str = "claude-sonnet-5-5";

/// How large a request is, and what it is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    bytes: usize,
    images: usize,
}

/// What is measured.
pub(crate) const SHAPES: [Shape; 3] = [
    Shape { name: "100 KB", bytes: 100_000, images: 0 },
    Shape { name: "400 KB", bytes: 400_000, images: 0 },
    Shape { name: "2 MB", bytes: 2_000_000, images: 6 },
];

impl Shape {
    /// The request.
    pub(crate) fn request(self, stream: bool) -> Result<Bytes> {
        let picture = 300_000;
        let mut texts = Texts(1);
        let mut messages = opening(&mut texts);
        for number in 0..self.images {
            messages.push(call(&mut texts, number, "Read"));
            messages.push(json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": id(number),
                "content": [{ "type": "image", "source": image(&mut texts, picture) }] }] }));
        }
        let frame = body(&[], stream).len() + texts_size(&messages);
        let mut size = frame;
        let mut number = self.images;
        while size < self.bytes {
            let step = [call(&mut texts, number, "Read"), result(&mut texts, number)];
            size += texts_size(&step);
            messages.extend(step);
            number += 1;
        }
        Ok(body(&marked(&messages), stream))
    }
}

/// The requests of one session: each one has the last one's conversation and one more round of the tool loop.
pub(crate) fn session(turns: usize) -> Vec<Bytes> {
    let mut texts = Texts(7);
    let mut messages = opening(&mut texts);
    let mut requests = Vec::new();
    for number in 0..turns {
        requests.push(body(&marked(&messages), false));
        messages.push(call(&mut texts, number, if number % 3 == 0 { "Bash" } else { "Read" }));
        messages.push(result(&mut texts, number));
        if number % 5 == 4 {
            messages.push(json!({ "role": "system", "content": "Token budget: plenty is left." }));
        }
    }
    requests
}

fn texts_size(messages: &[Value]) -> usize {
    messages.iter().map(|message| message.to_string().len() + 1).sum()
}

/// The client marks the last message for its cache; with the mark a plain string becomes a list of blocks.
fn marked(messages: &[Value]) -> Vec<Value> {
    let mut messages = messages.to_vec();
    let Some(last) = messages.last_mut() else { return messages };
    if let Some(text) = last["content"].as_str() {
        last["content"] = json!([{ "type": "text", "text": text }]);
    }
    if let Some(block) = last["content"].as_array_mut().and_then(|blocks| blocks.last_mut()) {
        block["cache_control"] = json!({ "type": "ephemeral" });
    }
    messages
}

fn body(messages: &[Value], stream: bool) -> Bytes {
    let mut texts = Texts(3);
    let user = json!({ "device_id": "0".repeat(64), "account_uuid": "", "session_id": "bench" }).to_string();
    let body = json!({
        "model": MODEL,
        "messages": messages,
        "system": [
            { "type": "text", "text": "x-anthropic-billing-header: cc_version=0.0.0.abc; cc_entrypoint=cli;" },
            { "type": "text", "text": "You are an agent that works on source code.", "cache_control": { "type": "ephemeral" } },
            { "type": "text", "text": texts.prose(7_000), "cache_control": { "type": "ephemeral" } },
        ],
        "tools": tools(&mut texts),
        "metadata": { "user_id": user },
        "max_tokens": 32_000,
        "thinking": { "type": "adaptive" },
        "context_management": { "edits": [{ "type": "clear_thinking_20251015", "keep": "all" }] },
        "output_config": { "effort": "medium" },
        "stream": stream,
    });
    body.to_string().into()
}

fn opening(texts: &mut Texts) -> Vec<Value> {
    vec![
        json!({ "role": "user", "content": [
            { "type": "text", "text": format!("<system-reminder>\n{}\n</system-reminder>", texts.prose(1_500)) },
            { "type": "text", "text": "Rename the field `line` in src/parse.rs and mend what breaks." },
        ] }),
        json!({ "role": "system", "content": texts.prose(9_000) }),
    ]
}

const TOOLS: [&str; 12] =
    ["Agent", "Bash", "Edit", "Glob", "Grep", "List", "Notebook", "Plan", "Read", "Search", "Todo", "Write"];

fn tools(texts: &mut Texts) -> Vec<Value> {
    let tool = |name: &&str| {
        json!({ "name": name, "description": texts.prose(1_900), "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "file_path": { "type": "string", "description": texts.prose(120), "minLength": 1 },
                "pattern": { "type": "string", "description": texts.prose(120) },
                "limit": { "type": "integer", "exclusiveMinimum": 0, "maximum": 9_000, "description": texts.prose(90) },
                "mode": { "type": "string", "enum": ["content", "files", "count"], "default": "files" },
                "edits": { "type": "array", "items": { "type": "object", "properties": {
                    "old": { "type": "string" }, "new": { "type": "string", "description": texts.prose(60) } },
                    "required": ["old", "new"], "additionalProperties": false } },
            },
            "required": ["file_path"],
            "additionalProperties": false,
        } })
    };
    TOOLS.iter().map(tool).collect()
}

fn id(number: usize) -> String {
    format!("toolu_{number:06}")
}

fn call(texts: &mut Texts, number: usize, tool: &str) -> Value {
    let input = json!({ "file_path": format!("/home/dev/project/src/part_{number}.rs"), "limit": 200 });
    json!({ "role": "assistant", "content": [
        { "type": "text", "text": texts.prose(160) },
        { "type": "tool_use", "id": id(number), "name": tool, "input": input },
    ] })
}

fn result(texts: &mut Texts, number: usize) -> Value {
    json!({ "role": "user", "content": [
        { "tool_use_id": id(number), "type": "tool_result", "content": texts.code(3_600) },
    ] })
}

fn image(texts: &mut Texts, base64_bytes: usize) -> Value {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x05\0\0\0\x03\0\x08\x06\0\0\0".to_vec();
    bytes.extend(std::iter::repeat_with(|| texts.next().to_le_bytes()).take(base64_bytes / 4 * 3 / 4).flatten());
    json!({ "type": "base64", "media_type": "image/png", "data": STANDARD.encode(bytes) })
}

/// Texts that look like work and are the same every time.
struct Texts(u32);

const WORDS: [&str; 24] = [
    "the", "parser", "reads", "a", "line", "and", "keeps", "its", "place", "until", "value", "is", "known", "when",
    "file", "changes", "before", "test", "runs", "again", "without", "copy", "of", "text",
];

impl Texts {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }

    fn word(&mut self) -> &'static str {
        WORDS[(self.next() >> 16) as usize % WORDS.len()]
    }

    fn prose(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            text.push_str(self.word());
            text.push_str(match (self.next() >> 20) % 24 {
                0 => ".\n\n",
                1 => ". ",
                2 => ", \"so\" ",
                3 => " `fn` ",
                _ => " ",
            });
        }
        text
    }

    fn code(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 80);
        let mut line = 1;
        while text.len() < bytes {
            let (a, b, c) = (self.word(), self.word(), self.word());
            text.push_str(&format!("{line:>6}\t    let {a}_{line} = {b}(&input[{line}..], \"{c}\")?; // {a} {b}\n"));
            line += 1;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_size_they_name_and_are_the_same_every_time() {
        for shape in SHAPES {
            let request = shape.request(true).unwrap();
            assert!(request.len().abs_diff(shape.bytes) < shape.bytes / 10, "{} is {}", shape.name, request.len());
            assert_eq!(request, shape.request(true).unwrap());
        }
    }
}
