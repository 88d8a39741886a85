//! Scripted answers: what is said, to whom, and how often.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::ask::Ask;
use crate::fault::Fault;
use crate::pace::{Gate, Pace, Pieces};

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Visible text.
    Text(String),
    /// Thinking; in the Anthropic form with a signature this server minted.
    Thinking(String),
    /// A tool call.
    Call {
        /// Call id; `None` lets the server mint one in its own style.
        id: Option<String>,
        /// Tool name.
        name: String,
        /// Arguments, an object.
        input: Value,
    },
    /// A call whose arguments are sent as this text, valid JSON or not.
    RawCall {
        /// Tool name.
        name: String,
        /// Text of the arguments.
        arguments: String,
    },
    /// A content block that comes whole, as it is: a server tool and its result. In the Anthropic form only.
    Given(Value),
}

/// Why an answer ends, in Anthropic's words; rendered as the nearest OpenAI finish reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// `end_turn` / `stop`.
    EndTurn,
    /// `max_tokens` / `length`.
    MaxTokens,
    /// `tool_use` / `tool_calls`.
    ToolUse,
    /// `refusal` / `content_filter`.
    Refusal,
    /// `stop_sequence` with the sequence / `stop`.
    Sequence(String),
    /// `model_context_window_exceeded` / `length`.
    ContextFull,
    /// `pause_turn` / `stop`.
    Pause,
    /// Any other word, sent as it is in both forms.
    Other(String),
}

/// Token counts of an answer. `input` includes what was cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the whole prompt.
    pub input: u64,
    /// Tokens of it read from the cache.
    pub cached: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Tokens of the answer spent on thinking.
    pub thinking: u64,
    /// What the answer costs, in millionths of a dollar; told as OpenRouter does (`usage.cost`).
    pub cost_micro: Option<u64>,
}

/// One answer. Parts are sent in the order they are added.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub(crate) parts: Vec<Part>,
    pub(crate) stop: Option<Stop>,
    pub(crate) usage: Option<Usage>,
    pub(crate) pace: Option<Pace>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) model: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) before_head: Option<Gate>,
    pub(crate) before_body: Option<Gate>,
    pub(crate) after_delta: Option<(usize, Gate)>,
}

impl Answer {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().and_text(text)
    }

    /// Thinking; add text or calls after it.
    #[must_use]
    pub fn thinking(text: impl Into<String>) -> Self {
        let mut answer = Self::default();
        answer.parts.push(Part::Thinking(text.into()));
        answer
    }

    /// One tool call with an id of the server's own.
    #[must_use]
    pub fn call(name: impl Into<String>, input: Value) -> Self {
        Self::default().and_call(name, input)
    }

    /// An answer that is only a fault.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self::text("This answer was meant to fail.").with_fault(fault)
    }

    /// A refusal: this text, then stop reason `refusal`.
    #[must_use]
    pub fn refusal(text: impl Into<String>) -> Self {
        Self::text(text).stop(Stop::Refusal)
    }

    /// JSON as text, for requests that ask for a schema.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::text(value.to_string())
    }

    /// More text.
    #[must_use]
    pub fn and_text(mut self, text: impl Into<String>) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }

    /// One more tool call; several make a parallel answer.
    #[must_use]
    pub fn and_call(mut self, name: impl Into<String>, input: Value) -> Self {
        self.parts.push(Part::Call { id: None, name: name.into(), input });
        self
    }

    /// One more tool call with a given id.
    #[must_use]
    pub fn and_call_as(mut self, id: impl Into<String>, name: impl Into<String>, input: Value) -> Self {
        self.parts.push(Part::Call { id: Some(id.into()), name: name.into(), input });
        self
    }

    /// One more tool call whose arguments are this text, broken or not.
    #[must_use]
    pub fn and_raw_call(mut self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.parts.push(Part::RawCall { name: name.into(), arguments: arguments.into() });
        self
    }

    /// A web search the server made by itself, with what it found. In the Anthropic form only.
    #[must_use]
    pub fn and_search(mut self, query: &str, url: &str, title: &str) -> Self {
        let id = format!("srvtoolu_{}", self.parts.len());
        self.parts.push(Part::Given(json!({"type": "server_tool_use", "id": id, "name": "web_search",
            "input": {"query": query}})));
        self.parts.push(Part::Given(json!({"type": "web_search_tool_result", "tool_use_id": id, "content":
            [{"type": "web_search_result", "url": url, "title": title, "encrypted_content": "c2lt", "page_age": null}]})));
        self
    }

    /// The stop reason; without it `ToolUse` when there are calls, else `EndTurn`.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = Some(stop);
        self
    }

    /// The usage reported; without it counted from the request and the answer.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// The whole timing; without it the server's.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

    /// How text becomes deltas.
    #[must_use]
    pub fn pieces(self, pieces: Pieces) -> Self {
        self.paced(|pace| pace.pieces = pieces)
    }

    /// Network write sizes in bytes, used in turn.
    #[must_use]
    pub fn writes(self, sizes: impl Into<Vec<usize>>) -> Self {
        self.paced(|pace| pace.writes = sizes.into())
    }

    /// Milliseconds before the response head and between deltas.
    #[must_use]
    pub fn delays(self, head_ms: u64, between_ms: u64) -> Self {
        self.paced(|pace| {
            pace.head_ms = head_ms;
            pace.between_ms = between_ms;
        })
    }

    /// Milliseconds between the response head and the first byte of the body.
    #[must_use]
    pub fn first_byte_after(self, ms: u64) -> Self {
        self.paced(|pace| pace.first_ms = ms)
    }

    /// Something that goes wrong; may be called several times.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The model name reported; without it the model that answers.
    #[must_use]
    pub fn as_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// A response header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The response head waits for this gate.
    #[must_use]
    pub fn head_waits(mut self, gate: &Gate) -> Self {
        self.before_head = Some(gate.clone());
        self
    }

    /// The first byte of the body waits for this gate.
    #[must_use]
    pub fn body_waits(mut self, gate: &Gate) -> Self {
        self.before_body = Some(gate.clone());
        self
    }

    /// After so many deltas the stream waits for this gate.
    #[must_use]
    pub fn waits_after(mut self, deltas: usize, gate: &Gate) -> Self {
        self.after_delta = Some((deltas, gate.clone()));
        self
    }

    /// Text cut to a token limit (4 characters each), with the stop reason that belongs to it.
    pub(crate) fn limited(mut self, max_tokens: Option<u64>) -> Self {
        let limit =
            max_tokens.map_or(usize::MAX, |tokens| usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX));
        if let [Part::Text(text)] = self.parts.as_mut_slice()
            && text.chars().count() > limit
        {
            *text = text.chars().take(limit).collect();
            self.stop = Some(Stop::MaxTokens);
        }
        self
    }

    pub(crate) fn has(&self, fault: &Fault) -> bool {
        self.faults.contains(fault)
    }

    pub(crate) fn has_calls(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Call { .. } | Part::RawCall { .. }))
    }

    /// The stop reason after faults had their say.
    pub(crate) fn ending(&self) -> Stop {
        if self.has_calls() && self.has(&Fault::ToolArgumentsCut) {
            return Stop::MaxTokens;
        }
        if self.has(&Fault::FinishStop) {
            return Stop::EndTurn;
        }
        let natural = if self.has_calls() { Stop::ToolUse } else { Stop::EndTurn };
        self.stop.clone().unwrap_or(natural)
    }

    /// Characters of the answer and of its thinking.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.parts.iter().fold((0, 0), |(all, thinking), part| match part {
            Part::Text(text) => (all + text.len(), thinking),
            Part::Thinking(text) => (all + text.len(), thinking + text.len()),
            Part::Call { name, input, .. } => (all + name.len() + input.to_string().len(), thinking),
            Part::RawCall { name, arguments } => (all + name.len() + arguments.len(), thinking),
            Part::Given(_) => (all, thinking),
        })
    }

    fn paced(mut self, change: impl FnOnce(&mut Pace)) -> Self {
        change(self.pace.get_or_insert_default());
        self
    }
}

type Test = Arc<dyn Fn(&Ask) -> bool + Send + Sync>;
pub(crate) type Respond = Arc<dyn Fn(&Ask) -> Answer + Send + Sync>;

/// An answer and the requests it is for.
///
/// Scripts with a condition are tried first, in the order they were added, and stay until used up
/// (for ever, unless [`Script::times`] says otherwise). Scripts without one form a queue: each
/// answers one request.
#[derive(Clone)]
pub struct Script {
    tests: Vec<Test>,
    respond: Respond,
    left: Option<usize>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("conditions", &self.tests.len())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        Self::computed(move |_| answer.clone()).once()
    }
}

impl Script {
    /// The same answer to every request, for ever (after all scripts with a condition).
    pub fn always(answer: Answer) -> Self {
        Self::computed(move |_| answer.clone())
    }

    /// An answer worked out from the request, for ever.
    pub fn computed(respond: impl Fn(&Ask) -> Answer + Send + Sync + 'static) -> Self {
        Self { tests: Vec::new(), respond: Arc::new(respond), left: None }
    }

    /// For requests that pass a test.
    pub fn when(test: impl Fn(&Ask) -> bool + Send + Sync + 'static, answer: Answer) -> Self {
        Self::always(answer).and(test)
    }

    /// When the user's text since the model's last answer holds `needle` (so it does not match
    /// again after the tool results of the same turn).
    pub fn when_text_contains(needle: impl Into<String>, answer: Answer) -> Self {
        let needle = needle.into();
        Self::when(move |ask| ask.latest.contains(&needle), answer)
    }

    /// When system, conversation or tool results hold `needle` anywhere.
    pub fn when_anything_contains(needle: impl Into<String>, answer: Answer) -> Self {
        let needle = needle.into();
        Self::when(move |ask| ask.conversation.contains(&needle) || ask.system.contains(&needle), answer)
    }

    /// When a tool result has come since the model's last answer whose call id or tool name is
    /// `needle`, or whose text holds it.
    pub fn after_tool_result(needle: impl Into<String>, answer: Answer) -> Self {
        let needle = needle.into();
        let test = move |ask: &Ask| {
            ask.outcomes
                .iter()
                .any(|result| result.id == needle || result.name == needle || result.text.contains(&needle))
        };
        Self::when(test, answer)
    }

    /// When this model is asked for.
    pub fn for_model(model: impl Into<String>, answer: Answer) -> Self {
        let model = model.into();
        Self::when(move |ask| ask.model == model, answer)
    }

    /// One more condition.
    #[must_use]
    pub fn and(mut self, test: impl Fn(&Ask) -> bool + Send + Sync + 'static) -> Self {
        self.tests.push(Arc::new(test));
        self
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.left = Some(times);
        self
    }

    /// Only once.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    fn fits(&self, ask: &Ask) -> bool {
        self.left != Some(0) && self.tests.iter().all(|test| test(ask))
    }
}

/// The scripts of one server.
#[derive(Debug, Default)]
pub(crate) struct ScriptBook {
    scripts: Vec<Script>,
}

impl ScriptBook {
    pub(crate) fn add(&mut self, script: Script) {
        self.scripts.push(script);
    }

    pub(crate) fn clear(&mut self) {
        self.scripts.clear();
    }

    /// Takes what answers a request off the book.
    pub(crate) fn take(&mut self, ask: &Ask) -> Option<Respond> {
        let conditional = |script: &Script| !script.tests.is_empty() && script.fits(ask);
        let once = |script: &Script| script.left.is_some() && script.fits(ask);
        let found = self.scripts.iter().position(conditional);
        let found = found.or_else(|| self.scripts.iter().position(once));
        let found = found.or_else(|| self.scripts.iter().position(|script| script.fits(ask)))?;
        let script = &mut self.scripts[found];
        let respond = Arc::clone(&script.respond);
        if let Some(left) = script.left.as_mut() {
            *left -= 1;
            if *left == 0 {
                self.scripts.remove(found);
            }
        }
        Some(respond)
    }
}

/// What a server says when nothing is scripted: a description for pictures, an object for a JSON
/// schema, else one sentence about the request.
pub(crate) fn unscripted(model: &str, ask: &Ask) -> Answer {
    if !ask.pictures.is_empty() {
        let lines: Vec<String> = ask.pictures.iter().map(describe).collect();
        return Answer::text(lines.join("\n")).limited(ask.max_tokens());
    }
    if let Some(schema) = ask.answer_schema() {
        return Answer::json(&sample(schema));
    }
    let count = ask.messages;
    let plural = if count == 1 { "message" } else { "messages" };
    Answer::text(format!("This is {model} (simulated), answering {count} {plural}.")).limited(ask.max_tokens())
}

fn describe(picture: &crate::ask::Picture) -> String {
    let prefix: String = picture.sha256.chars().take(8).collect();
    format!("A picture of {} bytes, sha256 prefix {prefix}", picture.bytes)
}

/// The smallest value a JSON schema allows, more or less.
pub(crate) fn sample(schema: &Value) -> Value {
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => json!("Simulated"),
        Some("number" | "integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("null") => Value::Null,
        _ => {
            let fields = schema.get("properties").and_then(Value::as_object);
            fields
                .into_iter()
                .flatten()
                .map(|(key, field)| (key.clone(), sample(field)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
    }
}
