//! The rules of an OpenAI conversation: roles, order, tool pairing, pictures.

use serde_json::{Value, json};

use super::check::{Finding, Rules, foreign};
use crate::ask::{list, text};
use crate::profile::Profile;
use crate::refusal::Refusal;

/// Checks `messages`.
pub(crate) fn check(rules: &Rules<'_>, body: &Value, found: &mut Vec<Finding>) {
    let messages = list(body, "messages");
    let mut walk = Walk { rules, pending: Vec::new(), seen: Vec::new(), found };
    for (index, message) in messages.iter().enumerate() {
        walk.message(index, message);
    }
    walk.close(messages.len());
    if rules.model.alternating {
        alternation(messages, found);
    }
    if rules.profile == Profile::Gemini && rules.thought_signatures {
        signatures(messages, found);
    }
}

struct Walk<'a, 'b> {
    rules: &'a Rules<'a>,
    /// Call ids of the last assistant message that have no result yet.
    pending: Vec<String>,
    seen: Vec<String>,
    found: &'b mut Vec<Finding>,
}

impl Walk<'_, '_> {
    fn message(&mut self, index: usize, message: &Value) {
        let at = format!("messages.{index}");
        let role = text(message, "role");
        if role != "tool" {
            self.close(index);
        }
        match role {
            "system" | "developer" => self.system(index, role, message),
            "user" => self.parts(&at, message),
            "assistant" => self.assistant(&at, message),
            "tool" => self.tool(&at, message),
            other => self.hard(&at, format!("Invalid value: '{other}'. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'.")),
        }
        let strict = self.rules.strict_fields;
        let mut known = vec!["role", "content", "name", "tool_calls", "tool_call_id", "refusal"];
        // Thinking goes back to those who gave it; a strict server knows no such field.
        if !strict {
            known.extend(["reasoning_content", "reasoning", "reasoning_details"]);
        }
        foreign(message, &known, &at, strict, self.found);
    }

    fn hard(&mut self, at: &str, message: impl Into<String>) {
        self.found.push(Finding::hard(at, message));
    }

    fn system(&mut self, index: usize, role: &str, message: &Value) {
        let at = format!("messages.{index}");
        if role == "developer" && self.rules.profile != Profile::OpenAi {
            self.hard(&at, "Unexpected message role 'developer'.");
        }
        if index > 0 && self.rules.profile.is_local() {
            let text = "System message must be at the beginning";
            self.found.push(Finding::refused(&at, Refusal::Template(format!("{text}.")), text));
        }
        if message.get("content").is_none_or(|content| content.is_null() || content == "") {
            self.found.push(Finding::soft(&at, "an empty system message"));
        }
        self.parts(&at, message);
    }

    /// Content parts of system and user messages.
    fn parts(&mut self, at: &str, message: &Value) {
        match message.get("content") {
            Some(Value::String(_)) => {}
            Some(Value::Array(parts)) => {
                for (index, part) in parts.iter().enumerate() {
                    self.part(&format!("{at}.content.{index}"), message, part);
                }
            }
            _ => self.hard(at, "Invalid type for content: expected a string or an array of objects"),
        }
    }

    fn part(&mut self, at: &str, message: &Value, part: &Value) {
        match text(part, "type") {
            "text" if part.get("text").is_some_and(Value::is_string) => {}
            "image_url" if text(message, "role") == "user" => self.picture(at, part),
            "file" | "input_audio" if self.rules.profile == Profile::OpenAi => {}
            other => self
                .hard(at, format!("Invalid content part '{other}' in a message of role '{}'", text(message, "role"))),
        }
        foreign(part, &["type", "text", "image_url", "file", "input_audio"], at, self.rules.strict_fields, self.found);
    }

    fn picture(&mut self, at: &str, part: &Value) {
        let url = part.pointer("/image_url/url").and_then(Value::as_str).unwrap_or_default();
        let inline = url.starts_with("data:image/") && url.contains(";base64,");
        if !inline && matches!(self.rules.profile, Profile::LmStudio | Profile::Ollama) {
            self.hard(at, "'url' field must be a base64 encoded image.");
        }
        if !self.rules.model.vision {
            let message = format!("a picture was sent to the text-only model {}", self.rules.model.id);
            self.found.push(Finding::refused(at, Refusal::NoImages, message));
        }
    }

    fn assistant(&mut self, at: &str, message: &Value) {
        let calls = list(message, "tool_calls");
        match message.get("content") {
            None | Some(Value::Null) if calls.is_empty() => {
                self.hard(at, "Invalid assistant message: 'content' or 'tool_calls' must be set");
            }
            None | Some(Value::Null | Value::String(_)) => {}
            Some(_) => self.parts(at, message),
        }
        for (index, call) in calls.iter().enumerate() {
            self.call(&format!("{at}.tool_calls.{index}"), call);
        }
        if message.get("tool_calls").is_some_and(|given| given == &json!([])) {
            self.hard(at, "Invalid 'tool_calls': empty array. Expected an array with minimum length 1");
        }
    }

    fn call(&mut self, at: &str, call: &Value) {
        let id = text(call, "id").to_owned();
        if id.is_empty() || text(call, "type") != "function" {
            self.hard(at, "A tool call needs an 'id' and 'type': 'function'");
        }
        if self.seen.contains(&id) {
            self.found.push(Finding::soft(at, format!("tool call id '{id}' is used twice")));
        }
        match call.pointer("/function/arguments") {
            Some(Value::String(arguments))
                if serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object()) => {}
            Some(Value::String(arguments)) => {
                let start: String = arguments.chars().take(40).collect();
                self.hard(at, format!("'arguments' must be the text of a JSON object, got: {start}"));
            }
            _ => self.hard(at, "Invalid type for 'arguments': expected a string"),
        }
        if call.pointer("/function/name").and_then(Value::as_str).is_none_or(str::is_empty) {
            self.hard(at, "A tool call needs a function name");
        }
        let known = ["id", "type", "function", "extra_content"];
        foreign(call, &known, at, self.rules.strict_fields, self.found);
        self.seen.push(id.clone());
        self.pending.push(id);
    }

    fn tool(&mut self, at: &str, message: &Value) {
        let id = text(message, "tool_call_id");
        match self.pending.iter().position(|open| open == id) {
            Some(open) => {
                self.pending.remove(open);
            }
            None => self.hard(
                at,
                format!(
                    "Messages with role 'tool' must be a response to a preceding message with 'tool_calls' ('{id}')."
                ),
            ),
        }
        match message.get("content") {
            Some(Value::String(_)) => {}
            Some(Value::Array(parts)) => self.tool_parts(at, parts),
            _ => self.hard(at, "Invalid type for content of a tool message: expected a string or text parts"),
        }
    }

    fn tool_parts(&mut self, at: &str, parts: &[Value]) {
        // llama.cpp alone takes pictures here.
        let pictures = self.rules.profile == Profile::LlamaCpp && self.rules.model.vision;
        for part in parts {
            match text(part, "type") {
                "text" => {}
                "image_url" if pictures => {}
                "image_url" => {
                    let message = match self.rules.profile {
                        Profile::LmStudio => "Invalid 'messages' in payload: tool messages may only contain text.",
                        _ => {
                            "Image URLs are only allowed for messages with role 'user', but this message with role 'tool' contains an image URL."
                        }
                    };
                    self.hard(at, message);
                }
                other => self.hard(at, format!("Invalid content part '{other}' in a message of role 'tool'")),
            }
        }
    }

    /// The turn of tool results is over: nothing may be left open.
    fn close(&mut self, index: usize) {
        if self.pending.is_empty() {
            return;
        }
        let missing = std::mem::take(&mut self.pending).join(", ");
        let message = format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
             The following tool_call_ids did not have response messages: {missing}"
        );
        self.hard(&format!("messages.{index}"), message);
    }
}

/// Mistral's rule: user and plain assistant messages take turns; calls and results do not count,
/// so a user message right after results is two users in a row.
fn alternation(messages: &[Value], found: &mut Vec<Finding>) {
    let mut user_next = true;
    for (index, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        let counts = role == "user" || (role == "assistant" && list(message, "tool_calls").is_empty());
        if !counts {
            continue;
        }
        if (role == "user") != user_next {
            let text = "After the optional system message, conversation roles must alternate user/assistant/user/assistant/...";
            found.push(Finding::refused(format!("messages.{index}"), Refusal::Template(text.to_owned()), text));
            return;
        }
        user_next = !user_next;
    }
}

/// Calls of the current turn carry the signature they came with, or the sentinel;
/// of parallel calls only the first does.
fn signatures(messages: &[Value], found: &mut Vec<Finding>) {
    let turn = messages.iter().rposition(|message| text(message, "role") == "user").unwrap_or(0);
    for (index, message) in messages.iter().enumerate().skip(turn) {
        let Some(call) = list(message, "tool_calls").first() else { continue };
        let signature =
            call.pointer("/extra_content/google/thought_signature").and_then(Value::as_str).unwrap_or_default();
        if signature == "skip_thought_signature_validator" || signature.starts_with("sim-thought-") {
            continue;
        }
        let message = if signature.is_empty() {
            "Function call is missing a thought_signature in functionCall parts."
        } else {
            "Corrupted thought signature."
        };
        found.push(Finding::hard(format!("messages.{index}.tool_calls.0"), message));
    }
}
