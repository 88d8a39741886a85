//! A request seen neutrally: what a script or a default answer needs to know of it, read from
//! either protocol's JSON. Lenient on purpose; `openai::check` and `anthropic::check` are strict.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The protocol a request is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// OpenAI Chat Completions.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
}

/// A tool the client offers.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedTool {
    /// Its name.
    pub name: String,
    /// Its JSON schema (`input_schema` or `parameters`).
    pub schema: Value,
}

/// A tool result since the last answer of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutcome {
    /// The call it answers.
    pub id: String,
    /// The called tool, empty when the call is not in the conversation.
    pub name: String,
    /// Its text, pictures left out.
    pub text: String,
    /// Whether the client marked it as failed (Anthropic only).
    pub is_error: bool,
}

/// A picture by content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Size of the decoded file in bytes; 0 when it was a plain URL or no valid base64.
    pub bytes: usize,
    /// SHA-256 of the decoded bytes in hex (of the URL text when it was a plain URL).
    pub sha256: String,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The protocol.
    pub spoken: Spoken,
    /// The model asked for.
    pub model: String,
    /// Whether a stream is wanted.
    pub streamed: bool,
    /// All system text: the top block and system messages, joined by blank lines.
    pub system: String,
    /// Text of the user since the model's last answer, tool results not included.
    pub latest: String,
    /// All text of the conversation, tool results and calls included.
    pub conversation: String,
    /// Tool results since the model's last answer.
    pub outcomes: Vec<ToolOutcome>,
    /// The tools offered.
    pub tools: Vec<OfferedTool>,
    /// Pictures since the model's last answer, in order.
    pub pictures: Vec<Picture>,
    /// Pictures in the whole conversation.
    pub all_pictures: usize,
    /// Number of messages.
    pub messages: usize,
    /// The body.
    pub body: Arc<Value>,
}

impl Ask {
    pub(crate) fn read(spoken: Spoken, body: &Arc<Value>) -> Self {
        let mut reader = Reader::new(spoken, body);
        reader.read();
        reader.ask
    }

    /// The human's question: the latest text without `<system-reminder>` blocks, trimmed.
    #[must_use]
    pub fn question(&self) -> String {
        without_reminders(&self.latest)
    }

    /// The JSON schema the answer must follow, where one is given.
    #[must_use]
    pub fn answer_schema(&self) -> Option<&Value> {
        let format = match self.spoken {
            Spoken::Anthropic => self.body.pointer("/output_config/format/schema"),
            Spoken::OpenAi => self.body.pointer("/response_format/json_schema/schema"),
        };
        format.or_else(|| self.body.pointer("/output_format/schema"))
    }

    /// An offered tool by name.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&OfferedTool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// The output limit, where one is given.
    #[must_use]
    pub fn max_tokens(&self) -> Option<u64> {
        ["max_tokens", "max_completion_tokens"].iter().find_map(|key| self.body.get(*key)?.as_u64())
    }

    /// The prompt as a server would feed it to its model: tools, system, messages. Pictures stand
    /// in it by hash; `cache_control` and the string/array form of a content make no difference.
    pub(crate) fn prompt(&self) -> String {
        let mut prompt = String::new();
        for key in ["tools", "system"] {
            if let Some(value) = self.body.get(key) {
                push_line(&mut prompt, &canonical(value, key == "system"));
            }
        }
        for message in list(&self.body, "messages") {
            push_line(&mut prompt, &canonical(message, false));
        }
        prompt
    }
}

fn push_line(prompt: &mut String, value: &Value) {
    let _ = writeln!(prompt, "{value}");
}

/// Removes what no model sees.
fn canonical(value: &Value, text: bool) -> Value {
    match value {
        Value::String(line) if text => serde_json::json!([{"type": "text", "text": line}]),
        Value::String(data) if data.len() > 512 && looks_like_data(data) => Value::String(hex(&Sha256::digest(data))),
        Value::Array(items) => items.iter().map(|item| canonical(item, false)).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| *key != "cache_control")
            .map(|(key, field)| (key.clone(), canonical(field, key == "content")))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn looks_like_data(text: &str) -> bool {
    text.starts_with("data:") || text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// `text` without `<system-reminder>…</system-reminder>` spans.
fn without_reminders(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once("<system-reminder>") {
        kept.push_str(before);
        rest = after.split_once("</system-reminder>").map_or("", |(_, tail)| tail);
    }
    kept.push_str(rest);
    kept.trim().to_owned()
}

struct Reader<'a> {
    ask: Ask,
    source: &'a Arc<Value>,
    /// Called tools by call id.
    names: HashMap<String, String>,
}

impl<'a> Reader<'a> {
    fn new(spoken: Spoken, source: &'a Arc<Value>) -> Self {
        let ask = Ask {
            spoken,
            model: text(source, "model").to_owned(),
            streamed: source.get("stream").and_then(Value::as_bool).unwrap_or(false),
            system: String::new(),
            latest: String::new(),
            conversation: String::new(),
            outcomes: Vec::new(),
            tools: list(source, "tools").iter().map(offered).collect(),
            pictures: Vec::new(),
            all_pictures: 0,
            messages: list(source, "messages").len(),
            body: Arc::clone(source),
        };
        Self { ask, source, names: HashMap::new() }
    }

    fn read(&mut self) {
        if let Some(system) = self.source.get("system") {
            append(&mut self.ask.system, &flat(system));
        }
        for message in list(self.source, "messages") {
            match text(message, "role") {
                "assistant" => self.assistant(message),
                "system" | "developer" => append(&mut self.ask.system, &flat(content(message))),
                "tool" => self.outcome(text(message, "tool_call_id"), message),
                _ => self.user(content(message)),
            }
        }
    }

    fn assistant(&mut self, message: &Value) {
        self.ask.latest.clear();
        self.ask.outcomes.clear();
        self.ask.pictures.clear();
        append(&mut self.ask.conversation, &flat(content(message)));
        for call in list(message, "tool_calls") {
            let function = call.get("function").unwrap_or(&Value::Null);
            self.called(text(call, "id"), text(function, "name"), text(function, "arguments"));
        }
        for block in list(message, "content").iter().filter(|block| text(block, "type") == "tool_use") {
            let input = block.get("input").map(Value::to_string).unwrap_or_default();
            self.called(text(block, "id"), text(block, "name"), &input);
        }
    }

    fn called(&mut self, id: &str, name: &str, arguments: &str) {
        self.names.insert(id.to_owned(), name.to_owned());
        append(&mut self.ask.conversation, &format!("{name} {arguments}"));
    }

    fn user(&mut self, content: &Value) {
        if let Value::String(line) = content {
            return self.said(line);
        }
        for block in content.as_array().into_iter().flatten() {
            match text(block, "type") {
                "tool_result" => self.outcome(text(block, "tool_use_id"), block),
                "image" | "image_url" => self.picture(block),
                _ => self.said(text(block, "text")),
            }
        }
    }

    fn said(&mut self, line: &str) {
        append(&mut self.ask.latest, line);
        append(&mut self.ask.conversation, line);
    }

    fn outcome(&mut self, id: &str, holder: &Value) {
        let inner = content(holder);
        for block in inner.as_array().into_iter().flatten() {
            if matches!(text(block, "type"), "image" | "image_url") {
                self.picture(block);
            }
        }
        let result = flat(inner);
        append(&mut self.ask.conversation, &result);
        self.ask.outcomes.push(ToolOutcome {
            id: id.to_owned(),
            name: self.names.get(id).cloned().unwrap_or_default(),
            text: result,
            is_error: holder.get("is_error").and_then(Value::as_bool).unwrap_or(false),
        });
    }

    fn picture(&mut self, block: &Value) {
        self.ask.all_pictures += 1;
        self.ask.pictures.push(picture(block));
    }
}

fn offered(tool: &Value) -> OfferedTool {
    let function = tool.get("function").unwrap_or(tool);
    let schema = function.get("parameters").or_else(|| function.get("input_schema"));
    OfferedTool { name: text(function, "name").to_owned(), schema: schema.cloned().unwrap_or(Value::Null) }
}

fn content(message: &Value) -> &Value {
    message.get("content").unwrap_or(&Value::Null)
}

/// The text of a content that is a string or an array of blocks.
pub(crate) fn flat(content: &Value) -> String {
    match content {
        Value::String(line) => line.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> =
                blocks.iter().map(|block| text(block, "text")).filter(|line| !line.is_empty()).collect();
            texts.join("\n\n")
        }
        _ => String::new(),
    }
}

fn append(target: &mut String, line: &str) {
    if line.is_empty() {
        return;
    }
    if !target.is_empty() {
        target.push_str("\n\n");
    }
    target.push_str(line);
}

/// The picture of an `image` (Anthropic) or `image_url` (OpenAI) block.
fn picture(block: &Value) -> Picture {
    let url = block.pointer("/image_url/url").or_else(|| block.pointer("/source/url"));
    let url = url.and_then(Value::as_str).unwrap_or_default();
    let inline = block.pointer("/source/data").and_then(Value::as_str);
    let data = inline.or_else(|| url.split_once(";base64,").map(|(_, data)| data));
    match data.and_then(|data| STANDARD.decode(data).ok()) {
        Some(bytes) => Picture { bytes: bytes.len(), sha256: hex(&Sha256::digest(&bytes)) },
        None => Picture { bytes: 0, sha256: hex(&Sha256::digest(url)) },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_protocols_give_the_same_view() {
        let anthropic = json!({"model": "m", "system": "S", "messages": [
            {"role": "user", "content": "do"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "Read", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "hello"}]}]});
        let openai = json!({"model": "m", "messages": [
            {"role": "system", "content": "S"}, {"role": "user", "content": "do"},
            {"role": "assistant", "content": "", "tool_calls":
                [{"id": "a", "type": "function", "function": {"name": "Read", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "hello"}]});
        let left = Ask::read(Spoken::Anthropic, &Arc::new(anthropic));
        let right = Ask::read(Spoken::OpenAi, &Arc::new(openai));
        assert_eq!(left.outcomes, right.outcomes);
        assert_eq!((left.system, left.latest), (right.system, right.latest));
    }

    #[test]
    fn a_moving_cache_mark_does_not_change_the_prompt() {
        let marked = json!({"messages": [{"role": "user", "content":
            [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}]});
        let plain = json!({"messages": [{"role": "user", "content": "hi"}]});
        let read = |body| Ask::read(Spoken::Anthropic, &Arc::new(body)).prompt();
        assert_eq!(read(marked), read(plain));
    }

    #[test]
    fn reminders_are_not_the_question() {
        assert_eq!(without_reminders("<system-reminder>be\nnice</system-reminder>\n\nWhy?"), "Why?");
    }
}
