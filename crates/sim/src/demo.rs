//! Two servers for `branchline serve --demo`: an LM Studio with three models and a cloud, both
//! answering at a believable pace about what was asked, calling tools where the question asks for
//! a file or a command.

use serde_json::{Map, Value, json};

use crate::able::able;
use crate::ask::{Ask, OfferedTool};
use crate::fault::Fault;
use crate::model::Model;
use crate::pace::{Pace, Pieces};
use crate::script::{Answer, Script, sample, unscripted};
use crate::sim::{Sim, SimError};

/// The servers of a demonstration.
#[derive(Debug)]
pub struct Demo {
    /// An LM Studio with a coder, a vision model and a small model.
    pub local: Sim,
    /// An Anthropic-like cloud; it wants no key.
    pub cloud: Sim,
}

impl Demo {
    /// Id of the local coder (text only).
    pub const CODER: &'static str = "qwen/qwen3-coder-next";
    /// Id of the local model that sees pictures.
    pub const VISION: &'static str = "mistralai/devstral-small-2-2512";
    /// Id of the small local model.
    pub const SMALL: &'static str = "qwen/qwen3-4b";
    /// Id of the cloud model.
    pub const CLOUD: &'static str = "claude-sonnet-5-5";
    /// To this the local coder answers with a tool call that it writes as text.
    pub const RUN_TESTS: &'static str = "Run the tests of the total module.";
    /// To this the local server breaks the connection instead of answering.
    pub const WHILE_OFFLINE: &'static str = "Say in a sentence what a sum of no numbers is.";

    /// Starts both on free loopback ports.
    ///
    /// # Errors
    /// [`SimError::Bind`] when loopback sockets cannot be opened.
    pub async fn start() -> Result<Self, SimError> {
        let local = Sim::lmstudio()
            .model(Model::llm(Self::CODER).named("Qwen3 Coder Next").context(131_072).loaded().tools())
            .model(Model::vlm(Self::VISION).named("Devstral Small 2").context(65_536).loaded().tools())
            .model(Model::llm(Self::SMALL).named("Qwen3 4B").context(32_768).tools())
            .script(Script::computed(|ask| staged(ask).unwrap_or_else(|| reply(ask, 28))))
            .jit_delay(1_200)
            .keep_bodies(32)
            .start()
            .await?;
        let cloud = Sim::anthropic()
            .model(Model::cloud(Self::CLOUD).named("Claude Sonnet 5.5").context(1_000_000))
            .model(Model::cloud("claude-haiku-5-5").named("Claude Haiku 5.5"))
            .model(Model::cloud("claude-opus-5-5").named("Claude Opus 5.5").context(1_000_000))
            .script(Script::computed(|ask| reply(ask, 17)))
            .without_key()
            .keep_bodies(32)
            .start()
            .await?;
        Ok(Self { local, cloud })
    }

    /// Unplugs both.
    pub async fn stop(&self) {
        self.local.stop().await;
        self.cloud.stop().await;
    }
}

/// What local models and servers are known to do wrong, at a word.
fn staged(ask: &Ask) -> Option<Answer> {
    let question = ask.question();
    let fresh = ask.model == Demo::CODER && ask.outcomes.is_empty();
    if fresh && question.contains(Demo::RUN_TESTS) && ask.tool("Bash").is_some() {
        let call = json!({ "name": "Bash", "arguments": { "command": "cargo test total" } });
        let text = format!("I run them.\n<tool_call>\n{call}\n</tool_call>");
        return Some(Answer::text(text).pace(Pace {
            first_ms: 200,
            between_ms: 28,
            pieces: Pieces::Words,
            ..Pace::default()
        }));
    }
    (fresh && question.contains(Demo::WHILE_OFFLINE)).then(|| Answer::fault(Fault::CloseUnanswered { reset: true }))
}

/// A paced answer to any request; `between_ms` is the time per word.
fn reply(ask: &Ask, between_ms: u64) -> Answer {
    // A longer prompt takes longer to read, within what a visitor waits for.
    let reading = u64::try_from(ask.conversation.len() / 400).unwrap_or(0).min(900);
    let pace = Pace { first_ms: 150 + reading, between_ms, pieces: Pieces::Words, ..Pace::default() };
    words(ask).pace(pace).limited(ask.max_tokens())
}

fn words(ask: &Ask) -> Answer {
    if let Some(schema) = ask.answer_schema() {
        return titled(schema, &ask.question());
    }
    if let Some(answer) = able(ask) {
        return answer;
    }
    if !ask.pictures.is_empty() {
        return unscripted(&ask.model, ask);
    }
    if let Some(outcome) = ask.outcomes.last() {
        return after_tool(&outcome.name, &outcome.text, outcome.is_error);
    }
    // A translating proxy may have folded long system text behind the question.
    let question: String = ask.question().chars().take(400).collect();
    let listing = || if ask.tools.is_empty() { whole_file(&question) } else { None };
    let done = tool_call(ask, &question).or_else(listing);
    done.unwrap_or_else(|| Answer::text(essay(&ask.model, &question)))
}

/// An object of the wanted shape; a title is made of the question's first words.
fn titled(schema: &Value, question: &str) -> Answer {
    let mut object = sample(schema);
    if let Some(title) = object.get_mut("title") {
        *title = json!(question.split_whitespace().take(6).collect::<Vec<_>>().join(" "));
    }
    Answer::json(&object)
}

fn after_tool(name: &str, result: &str, failed: bool) -> Answer {
    let start: Vec<&str> = result.lines().take(6).collect();
    let verdict = if failed { "did not work" } else { "is done" };
    let tool = if name.is_empty() { "The tool" } else { name };
    Answer::text(format!(
        "**{tool}** {verdict}. It said:\n\n```\n{}\n```\n\nTell me what to do next.",
        start.join("\n")
    ))
}

/// What a question asks to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Write,
    Read,
    Run,
}

fn wish(question: &str) -> Option<Wish> {
    let lower = question.to_lowercase();
    let asks = |words: &[&str]| lower.split(|sign: char| !sign.is_alphanumeric()).any(|word| words.contains(&word));
    let names_file = file_name(question).is_some();
    match () {
        () if asks(&["create", "write", "make", "add", "save"]) && (names_file || asks(&["file"])) => Some(Wish::Write),
        () if asks(&["read", "open", "show", "look", "cat"]) && names_file => Some(Wish::Read),
        () if asks(&["run", "execute", "list"]) => Some(Wish::Run),
        () => None,
    }
}

/// The first word that looks like a file, without quotes and full stops around it.
fn file_name(question: &str) -> Option<&str> {
    let trimmed = question
        .split_whitespace()
        .map(|word| word.trim_matches(|sign: char| "`'\",;:()!?".contains(sign)).trim_end_matches('.'));
    trimmed.into_iter().find(|word| {
        let ending = word.rsplit_once('.').map(|(stem, ending)| (!stem.is_empty(), ending));
        ending.is_some_and(|(stem, ending)| {
            stem && (1..=5).contains(&ending.len()) && ending.chars().all(|c| c.is_ascii_alphanumeric())
        })
    })
}

fn tool_call(ask: &Ask, question: &str) -> Option<Answer> {
    let (wish, file) = (wish(question)?, file_name(question).unwrap_or("notes.md"));
    let path = absolute(ask, file);
    let (name, given, saying) = match wish {
        Wish::Write => (
            "Write",
            json!({"file_path": path, "content": file_content(file, question)}),
            format!("I will create `{file}`."),
        ),
        Wish::Read => ("Read", json!({"file_path": path}), format!("Let me look at `{file}`.")),
        Wish::Run => ("Bash", json!({"command": "ls", "description": "List files"}), "Let me run that.".to_owned()),
    };
    // opencode has the same tools in small letters.
    let tool = ask.tools.iter().find(|tool| tool.name.eq_ignore_ascii_case(name))?;
    Some(Answer::text(saying).and_call(tool.name.clone(), fitted(tool, &given)))
}

/// A file as clients want it that offer no tools and read edits out of the text (Aider).
fn whole_file(question: &str) -> Option<Answer> {
    let file = file_name(question).filter(|_| wish(question) == Some(Wish::Write))?;
    let content = file_content(file, question);
    Some(Answer::text(format!("Here it is.\n\n{file}\n```\n{}\n```\n", content.trim_end())))
}

/// The path in the client's working directory, where the client names one.
fn absolute(ask: &Ask, file: &str) -> String {
    let texts = [&ask.system, &ask.conversation, &ask.latest];
    let lines = texts.iter().flat_map(|text| text.lines());
    let folder = lines.filter_map(|line| line.split_once("orking directory: ")).map(|(_, folder)| folder.trim()).next();
    match folder {
        Some(folder) if !file.starts_with('/') => format!("{}/{file}", folder.trim_end_matches('/')),
        _ => file.to_owned(),
    }
}

fn file_content(file: &str, question: &str) -> String {
    let hello = "Hello from the Branchline demo";
    match file.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "py" => format!("print(\"{hello}\")\n"),
        "rs" => format!("fn main() {{\n    println!(\"{hello}\");\n}}\n"),
        "js" | "ts" => format!("console.log(\"{hello}\");\n"),
        "sh" => format!("#!/bin/sh\necho \"{hello}\"\n"),
        _ => format!("{hello}\n\nYou asked: {question}\n"),
    }
}

/// The given arguments under the names the tool's schema has; required ones it lacks get a sample.
fn fitted(tool: &OfferedTool, given: &Value) -> Value {
    let Some(known) = tool.schema.get("properties").and_then(Value::as_object) else { return given.clone() };
    let mut out = Map::new();
    for (key, value) in given.as_object().into_iter().flatten() {
        let names: &[&str] = if key == "file_path" { &["file_path", "filePath", "path"] } else { &[key] };
        if let Some(name) = names.iter().find(|name| known.contains_key(**name)) {
            out.insert((*name).to_owned(), value.clone());
        }
    }
    let required = tool.schema.get("required").and_then(Value::as_array);
    for key in required.into_iter().flatten().filter_map(Value::as_str) {
        if let (false, Some(schema)) = (out.contains_key(key), known.get(key)) {
            out.insert(key.to_owned(), sample(schema));
        }
    }
    Value::Object(out)
}

fn essay(model: &str, question: &str) -> String {
    let topic = question.lines().next().unwrap_or_default().trim();
    if topic.is_empty() {
        return format!("Hello! This is `{model}` in the Branchline demo. Ask me anything.");
    }
    let lower = question.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let body = match () {
        () if has(&["rust", "cargo", "borrow"]) => RUST,
        () if has(&["python", "pip", "pandas"]) => PYTHON,
        () if has(&["test", "bug", "fix", "fail", "error"]) => BUGS,
        () if has(&["architect", "design", "refactor", "migrate"]) => DESIGN,
        () => GENERAL,
    };
    format!("You asked: *{topic}*\n\n{body}\n\n_Answered by `{model}`, simulated._")
}

const RUST: &str = "In Rust the owner decides when a value goes away, and everyone else borrows:\n\n```rust\nfn longest<'a>(a: &'a str, b: &'a str) -> &'a str {\n    if a.len() >= b.len() { a } else { b }\n}\n```\n\n- The lifetime says that the result lives no longer than both inputs.\n- No copy is made, and the compiler checks it.";

const PYTHON: &str = "In Python this is a few lines:\n\n```python\nfrom collections import Counter\n\ndef most_common(words):\n    return Counter(words).most_common(3)\n```\n\n- `Counter` does the counting.\n- `most_common(3)` sorts by frequency.";

const BUGS: &str = "A way to the cause:\n\n1. **Reproduce** it with the smallest input that still fails.\n2. **Read** the first line of the error, not the last.\n3. **Bisect**: does it fail on the previous commit?\n4. Write the test that fails, then the fix.";

const DESIGN: &str = "Three ways to cut this, from small to large:\n\n| option | effort | risk |\n|---|---|---|\n| keep the modules, narrow their interfaces | days | low |\n| split the write path from the read path | weeks | medium |\n| start a new service behind the old one | months | high |\n\nI would begin with the first: it makes the other two cheaper.";

const GENERAL: &str = "Here is the short answer, in three points:\n\n- **What it is.** Begin with the plainest description that is still true.\n- **Why it matters.** It decides what you do next.\n- **What to try.** Take the smallest step that shows whether it works.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Spoken;

    fn asked(text: &str) -> Ask {
        let schema = json!({"type": "object", "required": ["file_path", "content"],
            "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}}});
        let body = json!({"model": "m", "tools": [{"name": "Write", "input_schema": schema}],
            "system": "Primary working directory: /home/me/app",
            "messages": [{"role": "user", "content": text}]});
        Ask::read(Spoken::Anthropic, &std::sync::Arc::new(body))
    }

    #[test]
    fn a_question_for_a_file_becomes_a_call_of_the_offered_tool() {
        let answer = words(&asked("Please create a file hello.py."));
        let call = answer.parts.iter().find_map(|part| match part {
            crate::script::Part::Call { name, input, .. } => Some((name.as_str(), input.clone())),
            _ => None,
        });
        let (name, input) = call.expect("a call");
        assert_eq!((name, &input["file_path"]), ("Write", &json!("/home/me/app/hello.py")));
    }

    #[test]
    fn a_tool_is_known_by_its_name_in_any_letters() {
        let schema =
            json!({"type": "object", "required": ["filePath"], "properties": {"filePath": {"type": "string"}}});
        let body = json!({"model": "m", "tools": [{"type": "function", "function": {"name": "write", "parameters": schema}}],
            "messages": [{"role": "system", "content": "Working directory: /home/me/app"},
                {"role": "user", "content": "create hello.txt"}]});
        let answer = words(&Ask::read(Spoken::OpenAi, &std::sync::Arc::new(body)));
        let call = answer.parts.iter().find(|part| matches!(part, crate::script::Part::Call { .. }));
        let said = format!("{call:?}");
        assert!(said.contains("\"write\"") && said.contains("/home/me/app/hello.txt"), "{said}");
    }

    #[test]
    fn where_no_tool_is_offered_a_file_is_written_out() {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "create hello.py"}]});
        let answer = words(&Ask::read(Spoken::OpenAi, &std::sync::Arc::new(body)));
        assert!(format!("{:?}", answer.parts).contains("\\n\\nhello.py\\n```\\nprint("), "{answer:?}");
    }

    #[test]
    fn a_question_without_a_tool_is_answered_in_words_about_it() {
        let answer = words(&asked("Why does Rust borrow?"));
        assert!(!answer.has_calls());
        assert!(format!("{:?}", answer.parts).contains("Why does Rust borrow?"));
    }
}
