//! Requests of the shape Claude Code sends, as seen on the wire, with texts of our own: attribution line,
//! marked system blocks, tools, a system-role message, tool loops whose cache mark moves to the last block.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// One conversation of a client.
#[derive(Debug, Clone)]
pub struct Session {
    /// The model id asked for.
    pub model: String,
    /// The output limit asked for, in tokens.
    pub max_tokens: u64,
    /// Whether answers are streamed.
    pub stream: bool,
    id: String,
    messages: Vec<Value>,
}

impl Session {
    /// A new conversation for any model, streamed.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            model: "claude-sonnet-5-5".into(),
            max_tokens: 32_000,
            stream: true,
            id: id.into(),
            messages: Vec::new(),
        }
    }

    /// Asks for this model.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.model = model.into();
        self
    }

    /// The human says something. The first time a reminder stands before it and a system-role message follows.
    pub fn says(&mut self, text: &str) {
        if !self.messages.is_empty() {
            return self.user(vec![json!({"type": "text", "text": text})]);
        }
        let reminder =
            "<system-reminder>\nDesign, architecture and security notes of this project: none.\n</system-reminder>";
        self.user(vec![json!({"type": "text", "text": reminder}), json!({"type": "text", "text": text})]);
        self.system("Environment: Linux. Working folder: /srv/demo. More tools can be fetched when they are needed.");
    }

    /// The human says something with a picture.
    pub fn shows(&mut self, text: &str, picture: &[u8]) {
        self.user(vec![image(picture), json!({"type": "text", "text": text})]);
    }

    /// A user message of these blocks.
    pub fn user(&mut self, blocks: Vec<Value>) {
        self.messages.push(json!({"role": "user", "content": blocks}));
    }

    /// A system-role message, a string until it is the last one.
    pub fn system(&mut self, text: &str) {
        self.messages.push(json!({"role": "system", "content": text}));
    }

    /// What the model answered.
    pub fn answered(&mut self, content: Vec<Value>) {
        self.messages.push(json!({"role": "assistant", "content": content}));
    }

    /// Results of the calls of the last answer, in order: content and whether the tool failed.
    pub fn results(&mut self, results: Vec<(Value, bool)>) {
        let blocks = results.into_iter().zip(self.open_calls()).map(|((content, failed), id)| {
            let mut block = json!({"tool_use_id": id, "type": "tool_result", "content": content});
            if failed {
                block["is_error"] = true.into();
            }
            block
        });
        let blocks = blocks.collect();
        self.user(blocks);
    }

    fn open_calls(&self) -> Vec<String> {
        let last = self.messages.last().map(|message| &message["content"]);
        let blocks = last.and_then(Value::as_array).into_iter().flatten();
        blocks
            .filter(|block| block["type"] == "tool_use")
            .filter_map(|block| block["id"].as_str().map(Into::into))
            .collect()
    }

    /// The request as it would be sent now.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut messages = self.messages.clone();
        if let Some(last) = messages.last_mut() {
            mark(last);
        }
        let user = json!({"device_id": "0".repeat(64), "account_uuid": "", "session_id": self.id}).to_string();
        json!({
            "model": self.model,
            "messages": messages,
            "system": system_blocks(&self.id),
            "tools": tools(),
            "metadata": {"user_id": user},
            "max_tokens": self.max_tokens,
            "thinking": {"type": "adaptive", "display": "omitted"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "medium"},
            "stream": self.stream,
        })
    }

    /// The headers that go with it.
    #[must_use]
    pub fn headers(&self) -> Vec<(&str, &str)> {
        vec![
            ("anthropic-beta", BETAS),
            ("user-agent", "claude-cli/2.1.329 (external, sdk-cli)"),
            ("x-app", "cli"),
            ("x-claude-code-session-id", &self.id),
            ("accept", "application/json"),
            ("anthropic-dangerous-direct-browser-access", "true"),
            ("x-stainless-retry-count", "0"),
        ]
    }
}

const BETAS: &str =
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,effort-2025-11-24";

/// The cache mark moves to the last block of the last message, which is an array for as long as it is the last.
fn mark(message: &mut Value) {
    if let Some(text) = message["content"].as_str() {
        message["content"] = json!([{"type": "text", "text": text}]);
    }
    if let Some(block) = message["content"].as_array_mut().and_then(|blocks| blocks.last_mut()) {
        block["cache_control"] = json!({"type": "ephemeral"});
    }
}

fn system_blocks(id: &str) -> Value {
    let mark = json!({"type": "ephemeral"});
    // The three letters differ between conversations.
    let check: String = id.chars().take(3).collect();
    json!([
        {"type": "text", "text": format!("x-anthropic-billing-header: cc_version=2.1.329.{check}; cc_entrypoint=sdk-cli;")},
        {"type": "text", "text": "You are a program that helps with work on source code.", "cache_control": mark},
        {"type": "text", "text": "Work in small steps. Use the tools. Say what you did.\n".repeat(20), "cache_control": mark},
    ])
}

/// Tools with what real ones have in their schemas.
#[must_use]
pub fn tools() -> Value {
    let schema = |properties: Value, required: Value| {
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties,
            "required": required, "additionalProperties": false})
    };
    json!([
        {"name": "Bash", "description": "Runs a command.", "input_schema": schema(
            json!({"command": {"type": "string", "minLength": 1}, "timeout": {"type": "number", "maximum": 600_000, "exclusiveMinimum": 0}}),
            json!(["command"]))},
        {"name": "DeferredToolPlaceholder", "description": "Stands for tools to be fetched.", "defer_loading": true,
            "input_schema": schema(json!({}), json!([]))},
        {"name": "Read", "description": "Reads a file.", "input_schema": schema(
            json!({"file_path": {"type": "string", "pattern": "^/"}, "limit": {"type": "integer", "minimum": 1, "default": 2000}}),
            json!(["file_path"]))},
        {"name": "Write", "description": "Writes a file.", "input_schema": schema(
            json!({"file_path": {"type": "string"}, "content": {"type": "string"}, "args": {"description": "anything"}}),
            json!(["file_path", "content"]))},
    ])
}

/// An image block.
#[must_use]
pub fn image(picture: &[u8]) -> Value {
    json!({"type": "image", "source": {"type": "base64", "data": STANDARD.encode(picture), "media_type": "image/png"}})
}

/// A small PNG whose bytes differ with `seed`.
#[must_use]
pub fn png(seed: u8) -> Vec<u8> {
    // One grey pixel; the number stands in a text chunk, whose check sum no reader of pixels looks at.
    const HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55";
    const TAIL: &[u8] = b"\0\0\0\nIDATx\x9cch\0\0\0\x82\0\x81\x77\xcd\x72\xb6\0\0\0\0IEND\xaeB\x60\x82";
    let mut png = HEAD.to_vec();
    png.extend_from_slice(b"\0\0\0\x06tEXtseed\0");
    png.push(seed);
    png.extend_from_slice(&[0, 0, 0, 0]);
    png.extend_from_slice(TAIL);
    png
}

/// The hash by which a picture is known to the simulator and to us.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
