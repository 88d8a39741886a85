//! Reading a request: what the human asked in this turn, what kind of request it is, what it needs.

use branchline_wire::hub::{Block, BlockKind, Content, Message, Request, Role, Thinking, ToolChoiceMode};

use crate::human_text::strip_reminders;
use crate::signals::{Effort, Structure};
use crate::struggle::{self, Struggle};

/// Bytes of the shortest text that is not just a nod.
const LEAST_SAID: usize = 20;

/// What kind of request this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A step of the main conversation.
    #[default]
    Main,
    /// A step of a subagent.
    Subagent,
    /// Claude Code asks whether it may ask: `max_tokens` 1, the word "quota".
    QuotaProbe,
    /// A title for the session.
    Title,
    /// Whether a message begins a new topic (older clients).
    Topic,
    /// A guess at what the human types next.
    Suggestion,
    /// A few words for a human who was away.
    Recap,
    /// The prefix of a command, or the files it names (older clients).
    Command,
    /// A summary of the conversation, to go on with less history.
    Compaction,
    /// A web search that the server is to run.
    WebSearch,
}

/// What is known of a request before it is decided.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Turn {
    /// What kind of request it is.
    pub kind: Kind,
    /// What the human wrote in this turn, reminders removed. Never stored with the other facts.
    #[serde(skip)]
    pub human: String,
    /// The score, where the words it was taken from are gone: a decision made again from its record.
    #[serde(skip)]
    pub scored: Option<f32>,
    /// Counts around it.
    pub structure: Structure,
    /// All images of the request, tool results and history included.
    pub images: u32,
    /// Images nobody has described yet; the engine knows, and fills it in.
    pub undescribed: u32,
    /// Tools only the server can run.
    pub server_tools: bool,
    /// Tools the client runs.
    pub client_tools: bool,
    /// Thinking was asked for with a budget (adaptive thinking is sent for every unknown model and says nothing).
    pub thinking: bool,
    /// What goes wrong in it.
    pub struggle: Struggle,
    /// Output limit asked for, in tokens.
    pub max_tokens: Option<u64>,
    /// Stands for this turn of this conversation in the memory of turns: the same for every request of one tool loop.
    pub fingerprint: u64,
    /// Stands for the human's words alone: the same when they are said again later. 0 for a few words only
    /// ("continue"), which are said again for other reasons.
    pub said: u64,
}

impl Turn {
    /// Everything but the words.
    #[must_use]
    pub fn without_text(&self) -> Self {
        Self {
            kind: self.kind,
            human: String::new(),
            scored: self.scored,
            structure: self.structure,
            images: self.images,
            undescribed: self.undescribed,
            server_tools: self.server_tools,
            client_tools: self.client_tools,
            thinking: self.thinking,
            struggle: self.struggle,
            max_tokens: self.max_tokens,
            fingerprint: self.fingerprint,
            said: self.said,
        }
    }
}

/// Reads `request`. `prompt_tokens` is the estimate of its size; `subagent` whether its headers say so.
#[must_use]
pub fn read(request: &Request<'_>, prompt_tokens: u64, subagent: bool) -> Turn {
    let (start, human) = human_of_turn(&request.messages).map_or((None, String::new()), |(at, text)| (Some(at), text));
    let mut turn = Turn {
        structure: structure(request, start.unwrap_or(0), prompt_tokens),
        images: request.messages.iter().map(|message| count_images(&message.content)).sum(),
        undescribed: 0,
        server_tools: request.tools.iter().any(|tool| tool.server_type.is_some() && tool.input_schema.is_none()),
        client_tools: request.tools.iter().any(|tool| tool.input_schema.is_some()),
        thinking: matches!(request.thinking, Some(Thinking::Enabled { .. })),
        struggle: struggle::read(&request.messages[start.unwrap_or(0)..]),
        max_tokens: request.max_tokens,
        fingerprint: fingerprint(&human, start.unwrap_or(0)),
        said: if human.len() < LEAST_SAID { 0 } else { fingerprint(&human, 0) },
        human,
        scored: None,
        kind: Kind::Main,
    };
    turn.kind = kind(request, &turn, subagent || says_subagent(request));
    turn
}

/// What the human says in the turn a request belongs to, and where; `None` where no human says anything.
pub(crate) fn human_of_turn(messages: &[Message<'_>]) -> Option<(usize, String)> {
    let (at, own) = last_said(messages)?;
    Some((at, with_words_before(messages, at, own)))
}

/// The fingerprint of the turn that begins with this message, whether it is the last one or an older one.
/// `None` where no human says anything in it.
#[must_use]
pub fn fingerprint_at(messages: &[Message<'_>], at: usize) -> Option<u64> {
    let message = messages.get(at).filter(|message| message.role == Role::User)?;
    let own = Some(human_text(&message.content)).filter(|own| !own.is_empty())?;
    Some(fingerprint(&with_words_before(messages, at, own), at))
}

/// Index of the message the turn begins with: the last one in which the human says something.
#[must_use]
pub fn turn_start(messages: &[Message<'_>]) -> Option<usize> {
    last_said(messages).map(|(at, _)| at)
}

/// The last message in which the human says something, and what.
fn last_said(messages: &[Message<'_>]) -> Option<(usize, String)> {
    let of_user = messages.iter().enumerate().rev().filter(|(_, message)| message.role == Role::User);
    let mut texts = of_user.map(|(at, message)| (at, human_text(&message.content)));
    texts.find(|(_, text)| !text.is_empty())
}

/// Two user messages in a row are one word of the human (an attached picture, a compaction): `own` is that of the last.
fn with_words_before(messages: &[Message<'_>], at: usize, own: String) -> String {
    let before = messages[..at].iter().rev().take_while(|message| message.role == Role::User);
    let texts = before.map(|message| human_text(&message.content)).filter(|text| !text.is_empty());
    texts.fold(own, |behind, text| text + "\n\n" + &behind)
}

/// The human's own words in one message.
fn human_text(content: &Content<'_>) -> String {
    let own = |text: &str| {
        if struggle::asks_to_go_on(text) { String::new() } else { strip_reminders(text).trim().to_owned() }
    };
    match content {
        Content::Text(text) => own(&text.decode()),
        Content::Blocks(blocks) => {
            let texts: Vec<String> =
                blocks.iter().filter_map(Block::text).map(|t| own(&t.decode())).filter(|t| !t.is_empty()).collect();
            texts.join("\n\n")
        }
    }
}

fn structure(request: &Request<'_>, turn_start: usize, prompt_tokens: u64) -> Structure {
    let results = |messages: &[Message<'_>]| -> (u32, u32) {
        let blocks = messages.iter().flat_map(|message| message.content.blocks());
        blocks.fold((0, 0), |(all, failed), block| match &block.kind {
            BlockKind::ToolResult { is_error, content, .. } => {
                (all + 1, failed + u32::from(struggle::has_failed(*is_error, content)))
            }
            _ => (all, failed),
        })
    };
    let in_turn = &request.messages[turn_start..];
    let (tool_results_in_turn, failures_in_turn) = results(in_turn.get(1..).unwrap_or_default());
    Structure {
        prompt_tokens,
        tool_results_in_turn,
        failures_in_turn,
        tool_results_total: results(&request.messages).0,
        messages: u32::try_from(request.messages.len()).unwrap_or(u32::MAX),
        tools: u32::try_from(request.tools.len()).unwrap_or(u32::MAX),
        plan_mode: in_turn.iter().any(|message| says_plan_mode(&message.content)),
        effort: request.effort.as_ref().and_then(|effort| Effort::from_word(effort.as_escaped())),
        images: in_turn.iter().map(|message| count_images(&message.content)).sum(),
        ..Structure::default()
    }
}

fn count_images(content: &Content<'_>) -> u32 {
    let one = |block: &Block<'_>| match &block.kind {
        BlockKind::Image { .. } => 1,
        BlockKind::ToolResult { content, .. } => count_images(content),
        _ => 0,
    };
    content.blocks().iter().map(one).sum()
}

/// Claude Code says so in a reminder beside the human's words.
fn says_plan_mode(content: &Content<'_>) -> bool {
    content.blocks().iter().filter_map(Block::text).any(|text| holds(text.as_escaped(), "Plan mode is active"))
}

/// Older clients say it in the attribution line only.
fn says_subagent(request: &Request<'_>) -> bool {
    let first = request.system.blocks().first().and_then(Block::text);
    first.is_some_and(|line| line.as_escaped().contains("cc_is_subagent=true"))
}

fn kind(request: &Request<'_>, turn: &Turn, subagent: bool) -> Kind {
    let probe =
        request.max_tokens == Some(1) && request.messages.len() == 1 && turn.human.eq_ignore_ascii_case("quota");
    let last_text = request.messages.last().and_then(|message| last_text(&message.content)).unwrap_or_default();
    if probe {
        Kind::QuotaProbe
    } else if last_text.starts_with("[SUGGESTION MODE:") {
        Kind::Suggestion
    } else if asks_to_compact(last_text) {
        Kind::Compaction
    } else if last_text.starts_with("The user stepped away") {
        Kind::Recap
    } else if let Some(kind) = small_kind(request, last_text) {
        kind
    } else if turn.server_tools && !turn.client_tools && forced_tool(request).is_none() {
        Kind::WebSearch
    } else if subagent {
        Kind::Subagent
    } else {
        Kind::Main
    }
}

/// How clients ask for a summary of the conversation. Before Claude Code's words newer versions put a few lines that forbid
/// all tools.
fn asks_to_compact(last_text: &str) -> bool {
    const CLAUDE_CODE: &str = "Your task is to create a detailed summary of the conversation";
    const CODEX: &str = "You are performing a CONTEXT CHECKPOINT COMPACTION";
    const PREFACE: usize = 1024;
    let head = &last_text[..last_text.floor_char_boundary(PREFACE)];
    let begins = [CLAUDE_CODE, CODEX].iter().any(|words| head.starts_with(words));
    begins || (head.starts_with("CRITICAL: Respond with TEXT ONLY") && holds(head, CLAUDE_CODE))
}

/// The last text of a message as it was written; the beginnings looked for hold nothing that is ever escaped.
fn last_text<'r>(content: &'r Content<'_>) -> Option<&'r str> {
    let text = match content {
        Content::Text(text) => Some(text),
        Content::Blocks(blocks) => blocks.iter().rev().find_map(Block::text),
    };
    text.map(branchline_wire::text::Text::as_escaped)
}

/// Longest schema that asks for a title and little else.
const SMALL_SCHEMA: usize = 600;
/// Longest system prompt of a request for a title or the like; no agent's is as short.
const SMALL_SYSTEM: usize = 8 * 1024;

/// Helper calls: no tools, one message. Newer clients ask for a title with the schema `{title: string}`, older ones in
/// words; older ones also ask for the topic and for the prefix of a command.
fn small_kind(request: &Request<'_>, last_text: &str) -> Option<Kind> {
    if !request.tools.is_empty() || request.messages.len() != 1 {
        return None;
    }
    let schema = request.output_schema.as_ref().map(branchline_wire::json::Json::as_str).unwrap_or_default();
    let system = |words: &str| small_system(request).any(|text| holds(text, words));
    if system("isNewTopic") || schema.contains("isNewTopic") {
        Some(Kind::Topic)
    } else if (schema.len() < SMALL_SCHEMA && schema.contains("\"title\"")) || last_text.starts_with(OLD_TITLE) {
        Some(Kind::Title)
    } else if holds(last_text, "<policy_spec>") || (last_text.starts_with("Command:") && holds(last_text, "Output:")) {
        Some(Kind::Command)
    } else {
        None
    }
}

/// How clients asked for a title before they sent a schema.
const OLD_TITLE: &str = "Please write a 5-10 word title for the following conversation";

/// The texts of a system prompt that is short, as they were written.
fn small_system<'r>(request: &'r Request<'_>) -> impl Iterator<Item = &'r str> {
    let (one, blocks) = match &request.system {
        Content::Text(text) => (Some(text), &[][..]),
        Content::Blocks(blocks) => (None, blocks.as_slice()),
    };
    let texts = one.into_iter().chain(blocks.iter().filter_map(Block::text));
    texts.map(branchline_wire::text::Text::as_escaped).filter(|text| text.len() < SMALL_SYSTEM)
}

fn forced_tool<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    match &request.tool_choice.as_ref()?.mode {
        ToolChoiceMode::Tool(name) => Some(name.as_escaped()),
        _ => None,
    }
}

/// `str::contains` for long texts: several times as fast, and every request is searched.
fn holds(text: &str, words: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), words.as_bytes()).is_some()
}

/// FNV-1a over the human's words and where they stand.
fn fingerprint(human: &str, at: usize) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let seed = 0xcbf2_9ce4_8422_2325 ^ (at as u64);
    human.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests;
