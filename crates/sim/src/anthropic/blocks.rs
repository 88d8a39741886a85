//! The rules of an Anthropic conversation: roles, blocks, tool pairing, signatures.

use std::collections::HashSet;

use serde_json::Value;

use super::check::Rules;
use crate::ask::{list, text};
use crate::openai::check::Finding;
use crate::profile::Profile;
use crate::refusal::Refusal;

/// `^[a-zA-Z0-9_-]+$`
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Checks `messages` (and the form of `system`).
pub(crate) fn check(rules: &Rules<'_>, body: &Value, found: &mut Vec<Finding>) {
    let messages = list(body, "messages");
    let mut walk = Walk { rules, used: HashSet::new(), found };
    walk.system(body);
    for (index, message) in messages.iter().enumerate() {
        walk.message(index, messages);
        walk.pairing(index, messages);
        walk.content(index, message, index + 1 == messages.len());
    }
}

struct Walk<'a, 'b> {
    rules: &'a Rules<'a>,
    /// Call ids seen so far.
    used: HashSet<String>,
    found: &'b mut Vec<Finding>,
}

fn blocks_of<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    list(message, "content").iter().filter(move |block| text(block, "type") == kind)
}

fn calls(message: &Value) -> Vec<&str> {
    if text(message, "role") != "assistant" {
        return Vec::new();
    }
    blocks_of(message, "tool_use").map(|block| text(block, "id")).collect()
}

impl Walk<'_, '_> {
    fn hard(&mut self, at: &str, message: impl Into<String>) {
        self.found.push(Finding::hard(at, message));
    }

    fn system(&mut self, body: &Value) {
        match body.get("system") {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(Value::Array(blocks)) => {
                for (index, block) in blocks.iter().enumerate() {
                    if text(block, "type") != "text" || text(block, "text").is_empty() {
                        self.hard("system", format!("system.{index}: text content blocks must be non-empty"));
                    }
                    let billing = text(block, "text").starts_with("x-anthropic-billing-header");
                    if billing && self.rules.profile.is_local() {
                        let message = "the billing line changes per conversation and breaks the prefix cache";
                        self.found.push(Finding::soft(format!("system.{index}"), message));
                    }
                }
            }
            Some(_) => self.hard("system", "system: Input should be a valid string or list"),
        }
    }

    fn message(&mut self, index: usize, messages: &[Value]) {
        let at = format!("messages.{index}");
        match text(&messages[index], "role") {
            "user" => {}
            "assistant" if index == 0 => self.hard(&at, "messages: first message must use the \"user\" role"),
            "assistant" => {}
            "system" if self.rules.model.inline_system => self.inline_system(index, messages),
            _ => self.hard(&at, format!("{at}.role: Input should be 'user' or 'assistant'")),
        }
        if !self.rules.strict() {
            return;
        }
        for key in messages[index].as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
            // Claude Code puts an effort on inline system messages.
            if !["role", "content", "output_config"].contains(&key) {
                self.hard(&at, format!("{at}.{key}: Extra inputs are not permitted"));
            }
        }
    }

    /// Where Anthropic lets a system message stand: after a user turn, last or before an assistant turn.
    fn inline_system(&mut self, index: usize, messages: &[Value]) {
        let at = format!("messages.{index}");
        let local = self.rules.profile.is_local();
        if local && self.rules.profile != Profile::LmStudio {
            let message = "System message must be at the beginning";
            let refusal = (self.rules.profile == Profile::LlamaCpp).then(|| Refusal::Template(format!("{message}.")));
            self.found.push(Finding { at, message: message.to_owned(), refusal });
            return;
        }
        let before = index.checked_sub(1).map(|before| text(&messages[before], "role"));
        let after = messages.get(index + 1).map(|message| text(message, "role"));
        let good_before = before == Some("user") || before == Some("system");
        let good_after = after.is_none_or(|role| role == "assistant" || role == "system");
        if self.rules.strict() && !(good_before && good_after) {
            self.hard(
                &at,
                format!("{at}: `system` messages must follow a user turn and be last or precede an assistant turn"),
            );
        }
    }

    /// Calls and results of neighbouring messages belong together.
    fn pairing(&mut self, index: usize, messages: &[Value]) {
        let message = &messages[index];
        let at = format!("messages.{index}");
        let open = index.checked_sub(1).map(|before| calls(&messages[before])).unwrap_or_default();
        let leading: Vec<&str> = list(message, "content")
            .iter()
            .take_while(|block| text(block, "type") == "tool_result")
            .map(|block| text(block, "tool_use_id"))
            .collect();
        let missing: Vec<&str> = open.iter().copied().filter(|id| !leading.contains(id)).collect();
        if !missing.is_empty() {
            self.unanswered(index - 1, &missing);
        }
        if index + 1 == messages.len() {
            let own = calls(message);
            if !own.is_empty() {
                self.unanswered(index, &own);
            }
        }
        for (number, block) in list(message, "content").iter().enumerate() {
            let id = text(block, "tool_use_id");
            if text(block, "type") == "tool_result" && !open.contains(&id) {
                self.hard(&at, format!(
                    "{at}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` \
                     block must have a corresponding `tool_use` block in the previous message."
                ));
            }
        }
        let unique: HashSet<&&str> = leading.iter().collect();
        if unique.len() < leading.len() {
            self.hard(&at, format!("{at}: each tool_use must have a single result. Found multiple `tool_result` blocks with the same id."));
        }
    }

    fn unanswered(&mut self, index: usize, ids: &[&str]) {
        let message = format!(
            "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` \
             block must have a corresponding `tool_result` block in the next message.",
            ids.join(", ")
        );
        self.hard(&format!("messages.{index}"), message);
    }

    fn content(&mut self, index: usize, message: &Value, last: bool) {
        let at = format!("messages.{index}");
        let assistant = text(message, "role") == "assistant";
        match message.get("content") {
            Some(Value::String(line)) if line.is_empty() && !(assistant && last) => {
                self.hard(
                    &at,
                    format!(
                        "{at}: all messages must have non-empty content except for the optional final assistant message"
                    ),
                );
            }
            Some(Value::String(_)) => {}
            Some(Value::Array(blocks)) if blocks.is_empty() && !(assistant && last) => {
                self.hard(
                    &at,
                    format!(
                        "{at}: all messages must have non-empty content except for the optional final assistant message"
                    ),
                );
            }
            Some(Value::Array(blocks)) => {
                for (number, block) in blocks.iter().enumerate() {
                    self.block(&format!("{at}.content.{number}"), text(message, "role"), block);
                }
            }
            _ => self.hard(&at, format!("{at}.content: Input should be a valid string or list")),
        }
    }

    fn block(&mut self, at: &str, role: &str, block: &Value) {
        let assistant = role == "assistant";
        match text(block, "type") {
            "text" if text(block, "text").is_empty() => {
                self.hard(at, "messages: text content blocks must be non-empty");
            }
            "text" => {}
            "image" if role == "user" => self.picture(at, block),
            "document" | "search_result" | "container_upload" if role == "user" => {}
            "tool_result" if role == "user" => self.result(at, block),
            "tool_use" if assistant => self.call(at, block),
            "thinking" if assistant => self.thinking(at, block),
            "redacted_thinking" if assistant => self.redacted(at, block),
            kind if assistant && (kind == "server_tool_use" || kind.ends_with("_tool_result") || kind.starts_with("mcp_")) => {}
            "compaction" | "fallback" if assistant => {}
            "tool_addition" | "tool_removal" if role == "system" => {}
            kind => self.hard(at, format!("{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags for role '{role}'")),
        }
    }

    fn picture(&mut self, at: &str, block: &Value) {
        let source = block.get("source").unwrap_or(&Value::Null);
        let media = ["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&text(source, "media_type"));
        let valid = match text(source, "type") {
            "base64" => media && !text(source, "data").is_empty(),
            "url" => !text(source, "url").is_empty(),
            "file" => !text(source, "file_id").is_empty(),
            _ => false,
        };
        if !valid {
            self.hard(at, format!("{at}.image.source: Input should be a valid image source"));
        }
        if !self.rules.model.vision {
            let message = format!("a picture was sent to the text-only model {}", self.rules.model.id);
            self.found.push(Finding::refused(at, Refusal::NoImages, message));
        }
    }

    fn result(&mut self, at: &str, block: &Value) {
        if let Some(content) =
            block.get("content").filter(|content| !content.is_string() && !content.is_array() && !content.is_null())
        {
            self.hard(at, format!("{at}.tool_result.content: Input should be a valid string or list, got {content}"));
        }
        for (number, inner) in list(block, "content").iter().enumerate() {
            let at = format!("{at}.content.{number}");
            match text(inner, "type") {
                // LM Studio's own /v1/messages refuses them (lmstudio-ai/localization#425).
                "image" if self.rules.profile == Profile::LmStudio => {
                    self.hard(&at, "Invalid 'content' in tool_result: images are not supported.")
                }
                "image" => self.picture(&at, inner),
                "text" | "document" | "search_result" | "tool_reference" | "browser_state" => {}
                kind => self.hard(
                    &at,
                    format!("{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags"),
                ),
            }
        }
    }

    fn call(&mut self, at: &str, block: &Value) {
        let id = text(block, "id");
        if !is_id(id) {
            self.hard(at, format!("{at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"));
        }
        if !self.used.insert(id.to_owned()) {
            self.hard(at, "messages: `tool_use` ids must be unique");
        }
        if text(block, "name").is_empty() {
            self.hard(at, format!("{at}.tool_use.name: Field required"));
        }
        if !block.get("input").is_some_and(Value::is_object) {
            self.hard(at, format!("{at}.tool_use.input: Input should be a valid dictionary"));
        }
    }

    fn thinking(&mut self, at: &str, block: &Value) {
        if !self.rules.strict() {
            return;
        }
        if block.get("cache_control").is_some() {
            self.hard(at, format!("{at}.thinking.cache_control: Extra inputs are not permitted"));
        }
        match block.get("signature").and_then(Value::as_str) {
            None => self.hard(at, format!("{at}.thinking.signature: Field required")),
            Some(signature) if !(self.rules.minted)(signature, text(block, "thinking")) => {
                self.hard(at, format!("{at}: Invalid `signature` in `thinking` block"));
            }
            Some(_) => {}
        }
    }

    fn redacted(&mut self, at: &str, block: &Value) {
        if self.rules.strict() && text(block, "data").is_empty() {
            self.hard(at, format!("{at}.redacted_thinking.data: Field required"));
        }
    }
}
