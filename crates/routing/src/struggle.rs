//! Signs that a model does not get on with a turn, read from the turn's own tool loop.

use branchline_wire::hub::{BlockKind, Content, Message};
use branchline_wire::text::Text;
use serde::{Deserialize, Serialize};

use crate::score::counted;

/// What goes wrong in a turn. What the request itself tells; [`Answers`] is what only the engine saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Struggle {
    /// Most times one and the same call failed.
    pub same_failure: u32,
    /// Calls the client could not read, or of tools that do not exist.
    pub malformed: u32,
    /// Times the client asked to go on after an answer was cut off.
    pub cut_off: u32,
    /// Tool results since the human spoke.
    pub steps: u32,
}

/// What the engine saw of the answers of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    /// Answers without a word and without a call.
    pub empty: u32,
    /// Answers that ended at the output limit.
    pub truncated: u32,
    /// Calls written as text that could not be read.
    pub malformed: u32,
}

/// From which number on each sign counts; 0 switches it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The same call failing.
    pub same_failure: u32,
    /// Malformed calls.
    pub malformed: u32,
    /// Empty answers.
    pub empty: u32,
    /// Truncated answers.
    pub truncated: u32,
    /// Tool results in one turn.
    pub steps: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { same_failure: 3, malformed: 2, empty: 2, truncated: 2, steps: 80 }
    }
}

impl Limits {
    /// Why a turn should move to a stronger model, in words.
    #[must_use]
    pub fn reached(&self, struggle: Struggle, answers: Answers) -> Option<String> {
        let over = |count: u32, limit: u32| limit > 0 && count >= limit;
        let malformed = struggle.malformed + answers.malformed;
        let truncated = struggle.cut_off.max(answers.truncated);
        if over(struggle.same_failure, self.same_failure) {
            return Some(format!("the same call failed {} times", struggle.same_failure));
        }
        if over(malformed, self.malformed) {
            return Some(counted(malformed, ["call could not be read", "calls could not be read"]));
        }
        if over(answers.empty, self.empty) {
            return Some(counted(answers.empty, ["answer was empty", "answers were empty"]));
        }
        if over(truncated, self.truncated) {
            return Some(counted(truncated, ["answer was cut off", "answers were cut off"]));
        }
        over(struggle.steps, self.steps).then(|| format!("the turn has taken {} steps", struggle.steps))
    }
}

/// How Claude Code begins the message with which it asks for the rest of an answer that was cut off (observed in
/// 2.1.329). It stands where a human's words would.
const CUT_OFF: &str = "Output token limit hit.";

/// Whether a text asks for the rest of an answer that was cut off.
#[must_use]
pub(crate) fn asks_to_go_on(text: &str) -> bool {
    text.starts_with(CUT_OFF)
}

/// Reads the messages of a turn, from the human's words on.
#[must_use]
pub(crate) fn read(turn: &[Message<'_>]) -> Struggle {
    let mut found = Struggle::default();
    let mut failed: Vec<&Text<'_>> = Vec::new();
    for message in turn.iter().skip(1) {
        if let Content::Text(text) = &message.content {
            found.cut_off += u32::from(asks_to_go_on(text.as_escaped()));
        }
        for block in message.content.blocks() {
            match &block.kind {
                BlockKind::ToolResult { tool_use_id, content, is_error } => {
                    found.steps += 1;
                    if has_failed(*is_error, content) {
                        failed.push(tool_use_id);
                        found.malformed += u32::from(is_refused_by_client(content));
                    }
                }
                BlockKind::Text { text } => found.cut_off += u32::from(asks_to_go_on(text.as_escaped())),
                _ => {}
            }
        }
    }
    if !failed.is_empty() {
        found.same_failure = most_alike(turn, &failed);
    }
    found
}

/// Whether a call failed. The Responses API has no mark for it: Codex (observed in 0.169.0) says it in the first lines.
#[must_use]
pub(crate) fn has_failed(is_error: bool, content: &Content<'_>) -> bool {
    is_error || first_text(content).is_some_and(|text| failed_in_codex(text) || is_refused_by_codex(text))
}

/// Claude Code says of a call whose arguments are no JSON or do not fit the schema, and of an unknown tool, what was
/// wrong in a mark of its own (observed in 2.1.329).
fn is_refused_by_client(content: &Content<'_>) -> bool {
    let Some(text) = first_text(content) else { return false };
    let by_claude = text
        .strip_prefix("<tool_use_error>")
        .is_some_and(|said| said.starts_with("InputValidationError") || said.starts_with("Error: No such tool"));
    by_claude || is_refused_by_codex(text)
}

fn is_refused_by_codex(text: &str) -> bool {
    ["unsupported call: ", "unsupported custom tool call: ", "failed to parse function arguments: "]
        .iter()
        .any(|words| text.starts_with(words))
}

/// A command that ended with another code than 0.
fn failed_in_codex(text: &str) -> bool {
    const HEAD: usize = 200;
    let Some(said) = text.strip_prefix("Chunk ID: ") else { return false };
    let head = &said[..said.floor_char_boundary(HEAD)];
    head.split_once("Process exited with code ").is_some_and(|(_, code)| !code.starts_with("0\\n"))
}

/// The first text of a result, as it was written.
fn first_text<'c>(content: &'c Content<'_>) -> Option<&'c str> {
    let text = match content {
        Content::Text(text) => Some(text),
        Content::Blocks(blocks) => blocks.iter().find_map(branchline_wire::hub::Block::text),
    };
    text.map(Text::as_escaped)
}

/// How often the most frequent of the failed calls was made, name and arguments being the same.
fn most_alike(turn: &[Message<'_>], failed: &[&Text<'_>]) -> u32 {
    let mut calls: Vec<(&Text<'_>, &str, u32)> = Vec::new();
    for block in turn.iter().flat_map(|message| message.content.blocks()) {
        let BlockKind::ToolUse { id, name, input } = &block.kind else { continue };
        if !failed.contains(&id) {
            continue;
        }
        match calls.iter_mut().find(|(known, args, _)| *known == name && *args == input.as_str()) {
            Some((_, _, times)) => *times += 1,
            None => calls.push((name, input.as_str(), 1)),
        }
    }
    calls.iter().map(|(_, _, times)| *times).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use branchline_wire::Protocol;
    use branchline_wire::codec::decode_request;
    use serde_json::{Value, json};

    use super::*;

    fn of(steps: &[(&str, Value, Value, bool)]) -> Struggle {
        let mut messages = vec![json!({"role": "user", "content": "fix it"})];
        for (at, (name, input, result, failed)) in steps.iter().enumerate() {
            let id = format!("t{at}");
            messages.push(
                json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": name, "input": input}]}),
            );
            messages.push(json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id, "content": result, "is_error": failed}]}));
        }
        let body = json!({"model": "auto", "max_tokens": 9, "messages": messages}).to_string();
        read(&decode_request(Protocol::Anthropic, &body).unwrap().messages)
    }

    #[test]
    fn only_the_very_same_failing_call_counts() {
        let make = || json!({"command": "make"});
        let bad = |input: Value| ("Bash", input, json!("error"), true);
        assert_eq!(of(&[bad(make()), bad(json!({"command": "ls"})), bad(make())]).same_failure, 2);
        assert_eq!(
            of(&[bad(make()), ("Bash", make(), json!("fine"), false), bad(make()), bad(make())]).same_failure,
            3
        );
        assert_eq!(of(&[("Bash", make(), json!("fine"), false)]), Struggle { steps: 1, ..Struggle::default() });
    }

    #[test]
    fn calls_the_client_could_not_read_are_malformed() {
        let refused = |said: &str| ("Bash", json!({}), json!(format!("<tool_use_error>{said}</tool_use_error>")), true);
        let found = of(&[
            refused("InputValidationError: Bash failed"),
            refused("Error: No such tool available: Nope"),
            refused("File has not been read yet"),
        ]);
        assert_eq!(found.malformed, 2);
    }

    #[test]
    fn what_codex_says_of_a_failed_call_counts() {
        let ended = |code: u8| {
            json!(format!("Chunk ID: a1\nWall time: 0.1 seconds\nProcess exited with code {code}\nOutput:\n"))
        };
        let make = |said: Value| ("exec_command", json!({"cmd": "make"}), said, false);
        assert_eq!(of(&[make(ended(2)), make(ended(0)), make(ended(2))]).same_failure, 2);
        let refused =
            of(&[make(json!("unsupported call: shell")), make(json!("failed to parse function arguments: x"))]);
        assert_eq!((refused.malformed, refused.same_failure), (2, 2));
        assert_eq!(of(&[make(json!("Process exited with code 2"))]).same_failure, 0, "a text of somebody else's");
    }

    #[test]
    fn a_request_for_the_rest_counts_as_a_string_and_as_a_block() {
        let go_on = "Output token limit hit. Resume directly.";
        let body = json!({"model": "auto", "max_tokens": 9, "messages": [
            {"role": "user", "content": "fix it"},
            {"role": "assistant", "content": "first"},
            {"role": "user", "content": go_on},
            {"role": "assistant", "content": "second"},
            {"role": "user", "content": [{"type": "text", "text": go_on}]},
        ]});
        let text = body.to_string();
        assert_eq!(read(&decode_request(Protocol::Anthropic, &text).unwrap().messages).cut_off, 2);
    }

    #[test]
    fn each_limit_says_why_and_zero_switches_it_off() {
        let calm = (Struggle::default(), Answers::default());
        let limits = Limits::default();
        assert_eq!(limits.reached(calm.0, calm.1), None);
        for (struggle, answers, said) in [
            (Struggle { same_failure: 3, ..calm.0 }, calm.1, "same call failed 3 times"),
            (Struggle { malformed: 1, ..calm.0 }, Answers { malformed: 1, ..calm.1 }, "2 calls could not be read"),
            (calm.0, Answers { empty: 2, ..calm.1 }, "2 answers were empty"),
            (Struggle { cut_off: 2, ..calm.0 }, calm.1, "2 answers were cut off"),
            (calm.0, Answers { truncated: 2, ..calm.1 }, "2 answers were cut off"),
            (Struggle { steps: 80, ..calm.0 }, calm.1, "80 steps"),
        ] {
            assert!(limits.reached(struggle, answers).unwrap().contains(said), "{said}");
            let off = Limits { same_failure: 0, malformed: 0, empty: 0, truncated: 0, steps: 0 };
            assert_eq!(off.reached(struggle, answers), None);
        }
    }
}
