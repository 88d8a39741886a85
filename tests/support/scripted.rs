//! What the simulated model says to the SDK scripts of `tests/client`: `scripted.json` as scripts for a
//! simulated server. The Python side reads the same file, see `tests/client/scripted.py`.

use branchline_sim::{Answer, Ask, Fault, Script, Stop};
use serde_json::Value;

const CONVERSATIONS: &str = include_str!("../client/scripted.json");

/// Scripts for the server that answers, one that has a coder and a vision model. Give them to every
/// server the request may end at, so that the answer does not depend on the route.
///
/// # Errors
/// When `scripted.json` is not JSON.
pub fn scripts() -> Result<Vec<Script>, serde_json::Error> {
    let conversations: serde_json::Map<String, Value> = serde_json::from_str(CONVERSATIONS)?;
    Ok(conversations.into_values().flat_map(conversation).collect())
}

fn conversation(entry: Value) -> Vec<Script> {
    let prompt = words(&entry["prompt"]);
    if entry.get("fault").is_some() {
        return vec![Script::when_anything_contains(prompt, Answer::fault(Fault::overloaded()))];
    }
    let first = answer(&entry["answer"]);
    if let Some(description) = entry.get("description") {
        return picture(prompt, words(description), first);
    }
    let (system, tool) = (words(&entry["system"]), words(&entry["answer"]["calls"][0]["name"]));
    let mut scripts = vec![
        Script::when_text_contains(prompt.clone(), first)
            .and(move |ask| ask.system.contains(&system))
            .and(move |ask| tool.is_empty() || ask.tool(&tool).is_some()),
    ];
    if let Some(after) = entry.get("after_result") {
        let results = entry["answer"]["calls"].as_array().map_or(0, Vec::len);
        let script = Script::when_anything_contains(prompt, answer(after));
        scripts.push(script.and(move |ask| ask.outcomes.len() == results));
    }
    scripts
}

/// Whoever sees the picture without the question describes it; the question is answered by whoever has
/// the picture or its description, wherever in the conversation that stands.
fn picture(prompt: String, description: String, answer: Answer) -> Vec<Script> {
    let (asked, described) = (prompt.clone(), Answer::text(description.clone()));
    let informed = move |ask: &Ask| ask.all_pictures > 0 || ask.conversation.contains(&description);
    vec![
        Script::when_anything_contains(prompt, answer).and(informed),
        Script::when(move |ask| !ask.pictures.is_empty() && !ask.conversation.contains(&asked), described),
    ]
}

fn answer(said: &Value) -> Answer {
    let mut answer = match said.get("thinking") {
        Some(thinking) => Answer::thinking(words(thinking)),
        None => Answer::default(),
    };
    if let Some(text) = said.get("text") {
        answer = answer.and_text(words(text));
    }
    for call in said["calls"].as_array().into_iter().flatten() {
        answer = answer.and_call(words(&call["name"]), call["arguments"].clone());
    }
    if said.get("cut_at_max_tokens").is_some() { answer.stop(Stop::MaxTokens) } else { answer }
}

/// The text of a value, empty when it is not there.
fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_conversation_has_a_prompt_that_no_other_prompt_contains() {
        let conversations: Value = serde_json::from_str(CONVERSATIONS).unwrap();
        let prompts: Vec<String> = conversations.as_object().unwrap().values().map(|c| words(&c["prompt"])).collect();
        for (place, prompt) in prompts.iter().enumerate() {
            assert!(!prompt.is_empty());
            let others = prompts.iter().enumerate().filter(|(other, _)| *other != place);
            assert!(others.into_iter().all(|(_, other)| !other.contains(prompt.as_str())), "{prompt}");
        }
    }

    #[test]
    fn every_conversation_becomes_scripts() {
        assert!(scripts().unwrap().len() >= 8);
    }
}
