//! What a strict client or server would refuse: automata over conversations and streams.

use serde_json::Value;

use super::json::{assert_json, value};

// Conversations --------------------------------------------------------------------------------------------------

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    let word = value[key].as_str();
    assert!(word.is_some(), "no {key} in {value}");
    word.unwrap_or_default()
}

/// Roles alternate from `user` on; results stand first and answer exactly the calls of the message before. Calls of a
/// user and results of a model are none: they are passed on for the backend to refuse.
pub fn anthropic_conversation(body: &Value) {
    let mut open: Vec<&str> = Vec::new();
    let mut before = "assistant";
    for message in list(body, "messages") {
        let role = word(message, "role");
        assert_ne!(role, before, "{body}");
        before = role;
        let is_result = |block: &&Value| role == "user" && block["type"] == "tool_result";
        let results: Vec<_> = list(message, "content").filter(is_result).collect();
        let leading = list(message, "content").take_while(is_result).count();
        assert_eq!(leading, results.len(), "results stand first: {body}");
        let mut answered: Vec<_> = results.iter().map(|block| word(block, "tool_use_id")).collect();
        answered.sort_unstable();
        open.sort_unstable();
        assert_eq!(open, answered, "{body}");
        let calls = list(message, "content").filter(|block| role == "assistant" && block["type"] == "tool_use");
        open = calls.map(|block| word(block, "id")).collect();
    }
    assert!(open.is_empty(), "calls without results: {body}");
}

/// `tool` messages answer the calls before them in their order; other roles alternate; only the first is `system`.
pub fn openai_conversation(body: &Value) {
    let mut waiting = std::collections::VecDeque::new();
    let mut before = "";
    for (nth, message) in list(body, "messages").enumerate() {
        let role = word(message, "role");
        if role == "tool" {
            assert_eq!(waiting.pop_front(), Some(word(message, "tool_call_id")), "{body}");
        } else {
            assert!(waiting.is_empty(), "calls without results: {body}");
            assert_ne!(role, before, "{body}");
            assert!(role != "system" || nth == 0, "{body}");
        }
        for call in list(message, "tool_calls") {
            waiting.push_back(word(call, "id"));
            word(&call["function"], "name");
            assert_json(word(&call["function"], "arguments").as_bytes());
        }
        before = role;
    }
    assert!(waiting.is_empty(), "calls without results: {body}");
}

// Streams --------------------------------------------------------------------------------------------------------

/// Blocks come one after the other, deltas stand in one, one end or error comes last. Whether a delta fits its block
/// is left to the encoders, which open another one.
pub fn hub_events(events: &[&str]) {
    let mut open: Option<&str> = None;
    for (nth, event) in events.iter().enumerate() {
        let last = nth + 1 == events.len();
        match *event {
            "end" | "error" => assert!(last && open.is_none(), "{events:?}"),
            "ping" => {}
            "start" | "stop" => assert!(open.is_none(), "{events:?}"),
            "close" => assert!(open.take().is_some(), "{events:?}"),
            "text" | "thinking" | "arguments" | "other" => assert!(open.is_some(), "{events:?}"),
            start => {
                assert!(open.is_none(), "{events:?}");
                open = start.strip_prefix("open ");
            }
        }
    }
    assert!(matches!(events.last(), Some(&("end" | "error"))), "{events:?}");
}

/// The order of events that Anthropic's documentation of streaming gives, to the letter.
pub fn anthropic_stream(frames: &[(String, String)]) {
    let mut state = Anthropic::default();
    for (event, data) in frames {
        assert!(!state.ended, "something follows the end");
        let data = value(assert_json(data.as_bytes()));
        assert_eq!(word(&data, "type"), event);
        state.frame(event, &data);
    }
    assert!(state.ended, "the stream has no end");
}

#[derive(Debug, Default)]
struct Anthropic {
    started: bool,
    stopped: bool,
    ended: bool,
    open: Option<String>,
    index: u64,
}

impl Anthropic {
    fn frame(&mut self, event: &str, data: &Value) {
        let running = self.started && !self.stopped;
        let here = data["index"] == self.index;
        match event {
            "ping" => {}
            "message_start" => {
                assert!(!self.started);
                assert!(!word(&data["message"], "id").is_empty());
                self.started = true;
            }
            "content_block_start" => {
                assert!(running && here && self.open.is_none(), "{data}");
                self.block(&data["content_block"]);
            }
            "content_block_delta" => {
                assert!(running && here, "{data}");
                self.delta(word(&data["delta"], "type"));
            }
            "content_block_stop" => {
                assert!(running && here && self.open.take().is_some(), "{data}");
                self.index += 1;
            }
            "message_delta" => {
                assert!(running && self.open.is_none(), "{data}");
                assert!(data["delta"]["stop_reason"].is_string() && data["usage"]["output_tokens"].is_u64(), "{data}");
                self.stopped = true;
            }
            "message_stop" => {
                assert!(self.stopped);
                self.ended = true;
            }
            "error" => {
                assert!(self.open.is_none() && !word(&data["error"], "type").is_empty(), "{data}");
                word(&data["error"], "message");
                self.ended = true;
            }
            _ => assert!(event.is_empty(), "no such event: {event}"),
        }
    }

    fn block(&mut self, block: &Value) {
        let kind = word(block, "type");
        if kind == "tool_use" {
            let id = word(block, "id");
            assert!(!id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)), "{id}");
            assert_eq!(block["input"], serde_json::json!({}));
            word(block, "name");
        }
        self.open = Some(kind.to_owned());
    }

    fn delta(&self, delta: &str) {
        let open = self.open.as_deref();
        assert!(
            match delta {
                "text_delta" => open == Some("text"),
                "thinking_delta" | "signature_delta" => open == Some("thinking"),
                "input_json_delta" => !matches!(open, None | Some("text" | "thinking")),
                _ => open.is_some(),
            },
            "{delta} in {open:?}"
        );
    }
}

/// Role first, calls counted from 0 and opened before they go on, one finish, `[DONE]` or an error last.
pub fn openai_stream(stream: &str) {
    let mut state = Openai::default();
    for frame in stream.split_terminator("\n\n").filter(|frame| *frame != ": ping") {
        assert!(!state.over, "something follows the end");
        let data = frame.strip_prefix("data: ");
        assert!(data.is_some_and(|data| !data.contains(['\n', '\r'])), "{frame:?}");
        state.frame(data.unwrap_or_default());
    }
    assert!(state.over, "the stream has no end: {stream}");
}

#[derive(Debug, Default)]
struct Openai {
    started: bool,
    calls: u64,
    finished: bool,
    over: bool,
}

impl Openai {
    fn frame(&mut self, data: &str) {
        if data == "[DONE]" {
            assert!(self.finished);
            self.over = true;
            return;
        }
        let chunk = value(assert_json(data.as_bytes()));
        if chunk.get("error").is_some() {
            word(&chunk["error"], "message");
            self.over = true;
            return;
        }
        assert_eq!(word(&chunk, "object"), "chat.completion.chunk");
        word(&chunk, "model");
        assert!(!word(&chunk, "id").is_empty());
        if let Some(choice) = list(&chunk, "choices").next() {
            self.choice(choice);
        }
    }

    fn choice(&mut self, choice: &Value) {
        assert_eq!(choice["delta"].get("role").is_some(), !self.started, "{choice}");
        assert!(!self.finished, "{choice}");
        self.started = true;
        self.finished = choice["finish_reason"].is_string();
        for call in list(&choice["delta"], "tool_calls") {
            self.calls += u64::from(call.get("id").is_some());
            assert_eq!(call["index"].as_u64(), self.calls.checked_sub(1), "{choice}");
        }
    }
}
