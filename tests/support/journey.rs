//! A long conversation with everything in it that may break a prompt prefix: tool loops, pictures in messages and results,
//! system messages in between, a subagent beside it, a compaction. And how much of each prompt a server can reuse.

use std::collections::HashMap;

use branchline_sim::{Answer, Ask, Received, Script, Sim};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::grammar;
use crate::session::{Session, image, png};
use crate::stand::Stand;

/// The word every request of the main conversation holds in its first message.
const MAIN: &str = "MAIN";
/// The same for the subagent.
const CHILD: &str = "CHILD";

/// How much of the prompts of one server stayed an unchanged prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Share {
    /// Requests that went on with a conversation.
    pub requests: usize,
    /// Bytes of the prompt before, that could stay.
    pub possible: usize,
    /// Bytes that did.
    pub kept: usize,
    /// Requests after which the client itself had written its history anew.
    pub rewritten: usize,
}

impl Share {
    /// In percent.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "bytes of prompts")]
    pub fn percent(&self) -> f64 {
        self.kept as f64 / self.possible.max(1) as f64 * 100.0
    }
}

/// Answers for the journey: calls for whatever is asked, a text after results.
#[must_use]
pub fn script() -> Script {
    Script::computed(|ask: &Ask| {
        if !ask.pictures.is_empty() && ask.tools.is_empty() {
            return Answer::text(format!("A picture of {} bytes.", ask.pictures[0].bytes));
        }
        if ask.outcomes.is_empty() && ask.latest.contains("step") {
            let path = json!({"file_path": format!("/srv/demo/part-{}.rs", ask.messages), "limit": 20});
            let answer = Answer::thinking("Which files are there?").and_text("I look at both.").and_call("Read", path);
            // A model calls what it is offered.
            return match ask.tool("Bash") {
                Some(_) => answer.and_call("Bash", json!({"command": "ls -l \"src\"\n", "timeout": 1000})),
                None => answer.and_call("Read", json!({"file_path": "/srv/demo/\"b\".rs"})),
            };
        }
        Answer::text("That is done. \"Quoted\" words, a line\nbreak and ünïcode stay as they are.")
    })
}

/// Runs the conversation over so many turns.
///
/// # Panics
/// When an answer is none.
pub async fn run(stand: &Stand, turns: usize, seed: u8) {
    let mut main = Session::new("journey");
    main.says(&format!("{MAIN}: work in steps"));
    for turn in 0..turns {
        turn_of(stand, &mut main, turn, seed).await;
        if turn % 5 == 4 {
            subagent(stand, turn).await;
        }
        if turn == turns * 2 / 3 {
            main.says("CRITICAL: Respond with TEXT ONLY.\n\nYour task is to create a detailed summary of the conversation so far.");
            answer(stand, &mut main, &[]).await;
            main = Session::new("journey");
            main.says(&format!("{MAIN}: This session goes on from an earlier one. Summary: {turn} steps are done."));
            answer(stand, &mut main, &[]).await;
        }
    }
}

async fn turn_of(stand: &Stand, main: &mut Session, turn: usize, seed: u8) {
    let number = u8::try_from(turn % 200).unwrap_or_default();
    if turn % 4 == 3 {
        main.shows(&format!("step {turn}: what does this show?"), &png(number.wrapping_add(seed)));
    } else {
        main.says(&format!("step {turn}: go on"));
    }
    answer(stand, main, &[]).await;
    let picture = image(&png(number.wrapping_add(seed).wrapping_add(100)));
    let first =
        if turn % 3 == 2 { json!([{"type": "text", "text": "a picture"}, picture]) } else { json!("fn main() {}\n") };
    main.results(vec![(first, false), (json!("total 4\n"), turn % 7 == 6)]);
    if turn % 4 == 1 {
        main.system(&format!("{} tokens are left. The list of agents has changed.", 90_000 - turn));
    }
    answer(stand, main, &[]).await;
}

/// A conversation of its own, between two requests of the main one.
async fn subagent(stand: &Stand, turn: usize) {
    let mut child = Session::new("journey");
    child.says(&format!("{CHILD} {turn}: one step"));
    let id = format!("{turn:017x}");
    let headers = [("x-claude-code-agent-id", id.as_str())];
    answer(stand, &mut child, &headers).await;
    child.results(vec![(json!("ok"), false), (json!("ok"), false)]);
    answer(stand, &mut child, &headers).await;
}

async fn answer(stand: &Stand, session: &mut Session, more: &[(&str, &str)]) {
    let mut headers = session.headers();
    headers.extend_from_slice(more);
    let reply = stand.post_with("/v1/messages?beta=true", &session.body(), &headers).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let told = grammar::anthropic(&reply.text);
    assert!(told.as_ref().is_ok_and(|told| told.error.is_none()), "{told:?}\n{}", reply.text);
    session.answered(told.map(|told| told.content).unwrap_or_default());
}

/// How much of the prompts stayed, over all conversations a model had.
#[must_use]
pub fn share(sim: &Sim, model: &str) -> Share {
    let mut share = Share::default();
    let mut last: HashMap<String, Prompt> = HashMap::new();
    for call in sim.calls().iter().filter(|call| call.body["model"] == model) {
        let Some(prompt) = Prompt::of(call) else { continue };
        let before = last.insert(prompt.conversation.clone(), prompt.clone());
        let Some(before) = before else { continue };
        if !prompt.goes_on_from(&before) {
            share.rewritten += 1;
            continue;
        }
        let possible = before.messages.len() - 1;
        let same = before.messages.bytes().zip(prompt.messages.bytes()).take_while(|(a, b)| a == b).count();
        share.requests += 1;
        share.possible += possible;
        // Tools stand in the prompt before everything else.
        share.kept += if before.tools == prompt.tools { same.min(possible) } else { 0 };
    }
    share
}

/// What a server reads of a request.
#[derive(Clone)]
struct Prompt {
    conversation: String,
    messages: String,
    tools: String,
    count: usize,
}

impl Prompt {
    fn of(call: &Received) -> Option<Self> {
        let members: HashMap<String, &RawValue> = serde_json::from_slice(&call.raw).ok()?;
        let raw = |name: &str| members.get(name).map(|value| value.get().to_owned()).unwrap_or_default();
        let messages = raw("messages");
        let list: Vec<Value> = serde_json::from_str(&messages).ok()?;
        let opening = list.iter().find(|message| message["role"] == "user")?.to_string();
        // The subagents are told apart by their number, the main conversation keeps its name through a compaction.
        let conversation = match opening.find(CHILD) {
            Some(at) => opening[at..].split(':').next()?.to_owned(),
            None => opening.find(MAIN).map(|_| MAIN.to_owned())?,
        };
        Some(Self { conversation, messages, tools: raw("tools"), count: list.len() })
    }

    /// A compaction throws the history away: what comes then is a new prompt with an old name.
    const fn goes_on_from(&self, before: &Self) -> bool {
        self.count > before.count
    }
}
