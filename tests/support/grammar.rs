//! Strict readers of streamed answers: what is not allowed in the grammar of a protocol fails the test.
//! Written from the protocol's description and not from our own encoder, so that a shared mistake shows.

use serde_json::{Map, Value, json};

mod responses;

pub use responses::responses;

/// A streamed answer that obeyed the grammar of its protocol.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The content blocks as a client would keep them (Anthropic's shape in both protocols).
    pub content: Vec<Value>,
    /// `stop_reason` (`finish_reason`), null when none came.
    pub stop_reason: Value,
    /// The last usage.
    pub usage: Value,
    /// The model that says it answered.
    pub model: String,
    /// The error the stream ended with.
    pub error: Option<Value>,
    /// `ping` events (comment lines).
    pub pings: usize,
    /// Pings before anything else of the answer.
    pub pings_before_content: usize,
    /// The answer came to its regular end.
    pub complete: bool,
}

impl Told {
    /// All text of the answer.
    #[must_use]
    pub fn text(&self) -> String {
        self.content.iter().filter_map(|block| block["text"].as_str()).collect()
    }

    /// The tool calls: id, name, arguments.
    #[must_use]
    pub fn calls(&self) -> Vec<&Value> {
        self.content.iter().filter(|block| block["type"] == "tool_use").collect()
    }
}

/// One SSE frame.
#[derive(Debug, Default)]
struct Frame {
    event: String,
    data: Vec<String>,
    comments: usize,
}

/// Frames of a whole stream; the last one may lack its blank line only when nothing stands in it.
fn frames(text: &str) -> Result<Vec<Frame>, String> {
    let text = text.replace("\r\n", "\n");
    let Some(body) = text.strip_suffix("\n\n").or(text.is_empty().then_some("")) else {
        let tail: String = text.chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect();
        return Err(format!("the stream ends inside a frame: …{tail:?}"));
    };
    body.split("\n\n").filter(|frame| !frame.is_empty()).map(frame).collect()
}

fn frame(lines: &str) -> Result<Frame, String> {
    let mut frame = Frame::default();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some(("", _)) => frame.comments += 1,
            Some(("event", name)) => name.trim().clone_into(&mut frame.event),
            Some(("data", data)) => frame.data.push(data.strip_prefix(' ').unwrap_or(data).to_owned()),
            _ => return Err(format!("a line that is none of SSE: {line:?}")),
        }
    }
    Ok(frame)
}

/// Reads frames that say of what kind they are twice, in `event:` and in their data. Gives the number of comments.
fn events(text: &str, mut each: impl FnMut(&Value) -> Result<(), String>) -> Result<usize, String> {
    let mut comments = 0;
    for frame in frames(text)? {
        comments += frame.comments;
        if frame.data.is_empty() {
            continue;
        }
        let data: Value =
            serde_json::from_str(&frame.data.join("\n")).map_err(|error| format!("{error} in {:?}", frame.data))?;
        if data["type"] != frame.event.as_str() {
            return Err(format!("event {:?} carries type {}", frame.event, data["type"]));
        }
        each(&data)?;
    }
    Ok(comments)
}

/// Reads an Anthropic stream.
///
/// # Errors
/// The first thing that breaks the grammar.
pub fn anthropic(text: &str) -> Result<Told, String> {
    let mut reader = Anthropic::default();
    let comments = events(text, |data| reader.event(data))?;
    reader.told.pings += comments;
    reader.end()
}

/// The events there are.
const KINDS: [&str; 8] = [
    "ping",
    "error",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
];

#[derive(Debug, Default)]
struct Anthropic {
    told: Told,
    started: bool,
    /// The open block and the text of its arguments.
    open: Option<(Value, String)>,
    stopped: bool,
}

impl Anthropic {
    fn event(&mut self, data: &Value) -> Result<(), String> {
        let kind = data["type"].as_str().unwrap_or_default();
        if self.told.complete || self.told.error.is_some() {
            return Err(format!("{kind} behind the end"));
        }
        match kind {
            "ping" => self.ping(),
            "error" if data["error"]["type"].is_string() && data["error"]["message"].is_string() => {
                if self.open.is_some() {
                    return Err("an error while a block is open".into());
                }
                self.told.error = Some(data["error"].clone());
            }
            "message_start" if !self.started => return self.start(&data["message"]),
            // Clients must pass over event types they do not know.
            _ if !KINDS.contains(&kind) => {}
            _ if !self.started => return Err(format!("{kind} before message_start")),
            "content_block_start" => return self.block_start(data),
            "content_block_delta" => return self.delta(data),
            "content_block_stop" => return self.block_stop(data),
            "message_delta" if self.open.is_none() && !self.stopped => {
                self.stopped = true;
                self.told.stop_reason = data["delta"]["stop_reason"].clone();
                merge(&mut self.told.usage, &data["usage"]);
            }
            "message_stop" if self.stopped => self.told.complete = true,
            "error" | "message_start" | "message_delta" | "message_stop" => {
                return Err(format!("{kind} out of place: {data}"));
            }
            _ => return Err(format!("{kind} is malformed: {data}")),
        }
        Ok(())
    }

    fn ping(&mut self) {
        self.told.pings += 1;
        let silent = self.told.content.is_empty() && self.open.is_none();
        self.told.pings_before_content += usize::from(silent);
    }

    fn start(&mut self, message: &Value) -> Result<(), String> {
        let whole = message["id"].is_string()
            && message["role"] == "assistant"
            && message["type"] == "message"
            && message["content"] == json!([])
            && message["usage"]["input_tokens"].is_u64();
        if !whole {
            return Err(format!("message_start lacks something: {message}"));
        }
        self.started = true;
        self.told.usage = message["usage"].clone();
        message["model"].as_str().unwrap_or_default().clone_into(&mut self.told.model);
        Ok(())
    }

    fn expect_index(&self, data: &Value) -> Result<(), String> {
        let wanted = self.told.content.len();
        if data["index"] == wanted { Ok(()) } else { Err(format!("index {} where {wanted} is due", data["index"])) }
    }

    fn block_start(&mut self, data: &Value) -> Result<(), String> {
        self.expect_index(data)?;
        if self.open.is_some() || self.stopped {
            return Err("a block begins where none may".into());
        }
        let block = &data["content_block"];
        let named = block["type"] != "tool_use" || (nonempty(&block["id"]) && nonempty(&block["name"]));
        if !named {
            return Err(format!("a call without id or name: {block}"));
        }
        self.open = Some((block.clone(), String::new()));
        Ok(())
    }

    fn delta(&mut self, data: &Value) -> Result<(), String> {
        self.expect_index(data)?;
        let Some((block, arguments)) = &mut self.open else { return Err("a delta outside a block".into()) };
        let delta = &data["delta"];
        let (key, kind) = match delta["type"].as_str().unwrap_or_default() {
            "text_delta" => ("text", "text"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("signature", "thinking"),
            "input_json_delta" => ("partial_json", "tool_use"),
            _ => return Ok(()),
        };
        let Some(text) = delta[key].as_str() else { return Err(format!("an empty delta: {delta}")) };
        if block["type"] != kind {
            return Err(format!("{} in a block of type {}", delta["type"], block["type"]));
        }
        if kind == "tool_use" {
            arguments.push_str(text);
        } else {
            let grown = format!("{}{text}", block[key].as_str().unwrap_or_default());
            block[key] = grown.into();
        }
        Ok(())
    }

    fn block_stop(&mut self, data: &Value) -> Result<(), String> {
        self.expect_index(data)?;
        let Some((mut block, arguments)) = self.open.take() else {
            return Err("a block ends that was not open".into());
        };
        if block["type"] == "tool_use" {
            // Claude Code keeps what it cannot read under this name.
            let text = if arguments.is_empty() { "{}" } else { &arguments };
            let raw = || json!({ "__unparsedToolInput": { "raw": arguments } });
            block["input"] = serde_json::from_str(text).unwrap_or_else(|_| raw());
        }
        self.told.content.push(block);
        Ok(())
    }

    fn end(self) -> Result<Told, String> {
        if self.told.complete || self.told.error.is_some() {
            return Ok(self.told);
        }
        Err(format!("the stream has no end: {:?}", self.told))
    }
}

fn nonempty(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn merge(usage: &mut Value, later: &Value) {
    let mut merged = usage.as_object().cloned().unwrap_or_default();
    merged.extend(later.as_object().cloned().unwrap_or_default());
    *usage = Value::Object(merged);
}

/// Reads a stream of Chat Completions chunks.
///
/// # Errors
/// The first thing that breaks the grammar.
pub fn openai(text: &str) -> Result<Told, String> {
    let mut reader = OpenAi::default();
    for frame in frames(text)? {
        reader.told.pings += frame.comments;
        if reader.text.is_empty() && reader.calls.is_empty() {
            reader.told.pings_before_content += frame.comments;
        }
        for data in &frame.data {
            reader.line(data)?;
        }
    }
    reader.end()
}

#[derive(Debug, Default)]
struct OpenAi {
    told: Told,
    text: String,
    thinking: String,
    /// Id, name, arguments, by index.
    calls: Vec<(String, String, String)>,
}

impl OpenAi {
    fn line(&mut self, data: &str) -> Result<(), String> {
        if self.told.complete || self.told.error.is_some() && data != "[DONE]" {
            return Err(format!("a line behind the end: {data}"));
        }
        if data == "[DONE]" {
            self.told.complete = self.told.error.is_none();
            return Ok(());
        }
        let chunk: Value = serde_json::from_str(data).map_err(|error| format!("{error} in {data:?}"))?;
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            self.told.error = Some(chunk["error"].clone());
            return Ok(());
        }
        if let Some(model) = chunk["model"].as_str().filter(|model| !model.is_empty()) {
            model.clone_into(&mut self.told.model);
        }
        if chunk["usage"].is_object() {
            self.told.usage = chunk["usage"].clone();
        }
        if let Some(choice) = chunk["choices"].get(0) {
            self.choice(choice)?;
        }
        Ok(())
    }

    fn choice(&mut self, choice: &Value) -> Result<(), String> {
        let delta = &choice["delta"];
        if !self.told.stop_reason.is_null() && (nonempty(&delta["content"]) || delta.get("tool_calls").is_some()) {
            return Err(format!("content behind the finish reason: {choice}"));
        }
        self.text.push_str(delta["content"].as_str().unwrap_or_default());
        self.thinking.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(call)?;
        }
        if choice["finish_reason"].is_string() {
            self.told.stop_reason = choice["finish_reason"].clone();
        }
        Ok(())
    }

    fn call(&mut self, call: &Value) -> Result<(), String> {
        let at = call["index"]
            .as_u64()
            .and_then(|at| usize::try_from(at).ok())
            .ok_or(format!("a call without index: {call}"))?;
        if at > self.calls.len() {
            return Err(format!("call {at} where {} is due", self.calls.len()));
        }
        if at == self.calls.len() {
            let (id, name) = (&call["id"], &call["function"]["name"]);
            if !nonempty(id) || !nonempty(name) {
                return Err(format!("a call begins without id or name: {call}"));
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            self.calls.push((text(id), text(name), String::new()));
        }
        self.calls[at].2.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        Ok(())
    }

    fn end(mut self) -> Result<Told, String> {
        if !self.thinking.is_empty() {
            self.told.content.push(json!({"type": "thinking", "thinking": self.thinking}));
        }
        if !self.text.is_empty() {
            self.told.content.push(json!({"type": "text", "text": self.text}));
        }
        for (id, name, arguments) in &self.calls {
            let input = serde_json::from_str(arguments).unwrap_or_else(|_| Value::Object(Map::new()));
            self.told.content.push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
        }
        match self.told.error.is_some() || (self.told.complete && !self.told.stop_reason.is_null()) {
            true => Ok(self.told),
            false => Err(format!("the stream has no end: {:?}", self.told)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\
        \"role\":\"assistant\",\"model\":\"x\",\"content\":[],\"usage\":{\"input_tokens\":1}}}\n\n";
    const BLOCK: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    const ERROR: &str =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}\n\n";

    #[test]
    fn a_stream_that_just_ends_is_refused() {
        assert!(anthropic(START).is_err());
        assert!(anthropic("").is_err());
        assert!(anthropic(&format!("{START}{ERROR}")).is_ok());
    }

    #[test]
    fn an_error_in_an_open_block_and_a_half_frame_are_refused() {
        assert!(anthropic(&format!("{START}{BLOCK}{ERROR}")).is_err());
        assert!(anthropic(&format!("{START}event: pi")).is_err());
        assert!(anthropic(&format!("{BLOCK}{ERROR}")).is_err());
    }

    #[test]
    fn chunks_without_an_end_are_refused() {
        let chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
        assert!(openai(chunk).is_err());
        assert!(openai(&format!("{chunk}data: [DONE]\n\n")).is_err());
        assert!(openai(&format!("{chunk}data: {{\"error\":{{\"message\":\"m\"}}}}\n\n")).is_ok());
    }
}
