//! The stream of OpenAI Responses, as the official SDKs and Codex read it.

use serde_json::{Value, json};

use super::{Told, events};

/// Reads a streamed answer of `POST /v1/responses`.
///
/// # Errors
/// The first thing that breaks the grammar.
pub fn responses(text: &str) -> Result<Told, String> {
    let mut reader = Reader::default();
    let comments = events(text, |data| reader.event(data).map_err(|error| format!("{error} in {data}")))?;
    reader.told.pings += comments;
    if reader.told.complete || reader.told.error.is_some() { Ok(reader.told) } else { Err("no end".into()) }
}

#[derive(Debug, Default)]
struct Reader {
    told: Told,
    number: u64,
    created: Option<Value>,
    /// The open item, and its text, arguments or input as the deltas said it.
    open: Option<(Value, String)>,
    /// The open part of a message or a summary.
    part: bool,
    done: Vec<Value>,
}

fn check(rule: bool, broken: &str) -> Result<(), String> {
    if rule { Ok(()) } else { Err(broken.to_owned()) }
}

impl Reader {
    fn event(&mut self, data: &Value) -> Result<(), String> {
        check(data["sequence_number"] == self.number, "a number is missing")?;
        self.number += 1;
        check(!self.told.complete && self.told.error.is_none(), "something follows the end")?;
        let kind = data["type"].as_str().and_then(|kind| kind.strip_prefix("response."));
        let kind = kind.ok_or("not an event of a response")?;
        if kind != "created" {
            check(self.created.is_some(), "nothing was created")?;
        }
        match kind {
            "created" => self.created(&data["response"]),
            "in_progress" => self.in_progress(&data["response"]),
            "output_item.added" => self.added(data),
            "output_item.done" => self.item_done(data),
            "completed" | "incomplete" | "failed" => self.end(kind, &data["response"]),
            _ => self.on_item(kind, data),
        }
    }

    fn created(&mut self, response: &Value) -> Result<(), String> {
        check(self.created.is_none(), "created twice")?;
        check(response["object"] == "response" && response["created_at"].is_u64(), "no response")?;
        check(response["id"].as_str().is_some_and(|id| id.starts_with("resp_")), "no id")?;
        response["model"].as_str().unwrap_or_default().clone_into(&mut self.told.model);
        self.created = Some(response["id"].clone());
        Ok(())
    }

    /// Comes once behind the creation; whatever comes more says that somebody is there.
    fn in_progress(&mut self, response: &Value) -> Result<(), String> {
        check(self.created.as_ref() == Some(&response["id"]), "another response")?;
        if self.number > 2 {
            self.told.pings += 1;
            self.told.pings_before_content += usize::from(self.open.is_none() && self.done.is_empty());
        }
        Ok(())
    }

    fn added(&mut self, data: &Value) -> Result<(), String> {
        check(self.open.is_none(), "an item is still open")?;
        check(data["output_index"] == self.done.len(), "the wrong place")?;
        check(data["item"]["id"].is_string() && data["item"]["type"].is_string(), "an item without id or type")?;
        self.open = Some((data["item"].clone(), String::new()));
        Ok(())
    }

    fn on_item(&mut self, kind: &str, data: &Value) -> Result<(), String> {
        let (item, said) = self.open.as_mut().ok_or("no item is open")?;
        check(data["item_id"] == item["id"] && data["output_index"] == self.done.len(), "another item")?;
        let delta = data["delta"].as_str();
        let whole = |member: &str| data[member] == said.as_str();
        let fits = match (item["type"].as_str().unwrap_or_default(), kind) {
            ("message", "content_part.added") | ("reasoning", "reasoning_summary_part.added") => {
                !std::mem::replace(&mut self.part, true)
            }
            ("message", "content_part.done") | ("reasoning", "reasoning_summary_part.done") => {
                data["part"]["text"] == said.as_str() && std::mem::take(&mut self.part)
            }
            ("message", "output_text.delta") => self.part && data["logprobs"].is_array() && delta.is_some(),
            ("reasoning", "reasoning_summary_text.delta") => self.part && delta.is_some(),
            ("function_call", "function_call_arguments.delta")
            | ("custom_tool_call", "custom_tool_call_input.delta") => delta.is_some(),
            ("message", "output_text.done") | ("reasoning", "reasoning_summary_text.done") => whole("text"),
            ("function_call", "function_call_arguments.done") => whole("arguments"),
            ("custom_tool_call", "custom_tool_call_input.done") => whole("input"),
            _ => false,
        };
        check(fits, "out of place")?;
        said.push_str(delta.unwrap_or_default());
        Ok(())
    }

    fn item_done(&mut self, data: &Value) -> Result<(), String> {
        let (added, said) = self.open.take().ok_or("no item is open")?;
        let item = &data["item"];
        check(item["id"] == added["id"] && item["type"] == added["type"] && !self.part, "another item")?;
        check(data["output_index"] == self.done.len(), "the wrong place")?;
        let (block, told) = kept(item)?;
        check(told == said, "its deltas said something else")?;
        self.told.content.push(block);
        self.done.push(item.clone());
        Ok(())
    }

    fn end(&mut self, kind: &str, response: &Value) -> Result<(), String> {
        check(self.open.is_none() || kind == "failed", "an item is open")?;
        check(response["status"] == kind && self.created.as_ref() == Some(&response["id"]), "another response")?;
        check(response["output"] == json!(self.done), "the output is not what was said")?;
        self.told.usage = response["usage"].clone();
        self.told.stop_reason = match kind {
            "incomplete" => response["incomplete_details"]["reason"].clone(),
            _ => json!(kind),
        };
        if kind == "failed" {
            check(response["error"]["code"].is_string() && response["error"]["message"].is_string(), "no error")?;
            self.told.error = Some(response["error"].clone());
        }
        self.told.complete = kind != "failed";
        Ok(())
    }
}

/// An item as a client keeps it, and the text its deltas must have said.
fn kept(item: &Value) -> Result<(Value, String), String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(match item["type"].as_str().unwrap_or_default() {
        "message" => {
            check(item["role"] == "assistant" && item["content"][0]["annotations"].is_array(), "no message")?;
            let said = text(&item["content"][0]["text"]);
            (json!({"type": "text", "text": said}), said)
        }
        "reasoning" => {
            let said = text(&item["summary"][0]["text"]);
            (json!({"type": "thinking", "thinking": said, "sealed": item["encrypted_content"]}), said)
        }
        "function_call" => {
            let said = text(&item["arguments"]);
            let input: Value = serde_json::from_str(&said).unwrap_or_default();
            (tool_use(item, input)?, said)
        }
        "custom_tool_call" => (tool_use(item, item["input"].clone())?, text(&item["input"])),
        other => return Err(format!("an item of kind {other:?}")),
    })
}

fn tool_use(item: &Value, input: Value) -> Result<Value, String> {
    check(item["call_id"].is_string() && item["name"].is_string(), "a call without id or name")?;
    Ok(json!({"type": "tool_use", "id": item["call_id"], "name": item["name"], "namespace": item["namespace"],
        "kind": item["type"], "input": input}))
}
