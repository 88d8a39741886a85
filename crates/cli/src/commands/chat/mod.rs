//! `branchline chat`: the way of a request, tried out in a terminal.

mod answer;
mod prompt;

use std::process::ExitCode;

use branchline_control::commands::models::ModelsRes;
use branchline_settings::{Secret, Tokens};
use serde_json::{Value, json};

use crate::args::ChatArgs;
use crate::context::Context;
use crate::door;
use crate::error::{Error, Result};
use crate::http::Client;
use crate::out::{BOLD, DIM, GOOD, line, note};

use answer::Answer;
use prompt::{Prompt, Typed};

const HELP: &str = "/info         who gave the last answer, why, how fast, and what it took
/route [ROUTE] where to go from now on: auto, local, cloud
/model [NAME] the models there are, or the one to ask from now on: its number, or a part of its name
/clear        forget the conversation
/exit         end (also Ctrl-D)
A line that ends with \\ goes on. Ctrl-C stops an answer. Tab completes, the arrows bring back what was typed.";
const ROUTES: [&str; 3] = ["auto", "local", "cloud"];
const MOST_OUTPUT: u32 = 8_192;

/// One conversation.
struct Chat {
    client: Client,
    token: Secret,
    /// Model refs of all models there are.
    models: Vec<String>,
    /// A route, or a model ref.
    model: String,
    messages: Vec<Value>,
    info: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: ChatArgs) -> Result<ExitCode> {
    let client = door::must_run(context).await?;
    let token = Tokens::load(&context.paths)?.ok_or(Error::NoEngine)?.client;
    let model = match (args.local, args.cloud, args.model) {
        (true, ..) => "local".to_owned(),
        (_, true, _) => "cloud".to_owned(),
        (.., model) => model.unwrap_or_else(|| "auto".to_owned()),
    };
    let models = models(&client).await?;
    let mut prompt = Prompt::new(&context.paths.data_dir.join("chat-history"), &models)?;
    let mut chat = Chat { client, token, models, model, messages: Vec::new(), info: Vec::new() };
    if prompt.is_terminal() {
        note!("{DIM}{HELP}{DIM:#}");
    }
    loop {
        prompt.know(&chat.models);
        match prompt.read(&chat.model)? {
            Typed::Nothing => {}
            Typed::Text(text) => {
                if !chat.typed(text.trim()).await? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            Typed::End => return Ok(ExitCode::SUCCESS),
        }
    }
}

async fn models(client: &Client) -> Result<Vec<String>> {
    let answer = client.rpc("models.list", &json!({})).await?;
    let found: ModelsRes = serde_json::from_value(answer).map_err(|error| Error::BrokenOff(error.to_string()))?;
    Ok(found.models.iter().map(|card| format!("{}:{}", card.backend, card.id)).collect())
}

impl Chat {
    /// Does what was typed; `false` ends.
    async fn typed(&mut self, text: &str) -> Result<bool> {
        match text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim())) {
            ("/exit" | "/quit", _) => return Ok(false),
            ("/clear", _) => {
                self.messages.clear();
                self.info.clear();
                note!("{DIM}the conversation is forgotten{DIM:#}");
            }
            ("/info", _) if self.info.is_empty() => note!("{DIM}nothing was answered yet{DIM:#}"),
            ("/info", _) => self.info.iter().for_each(|said| line!("{DIM}{said}{DIM:#}")),
            ("/route", "") => line!("{}  {DIM}one of {}, or a model with /model{DIM:#}", self.model, ROUTES.join(", ")),
            ("/route", route) => self.go(route),
            ("/model", "") => self.list().await?,
            ("/model", name) => self.go(name),
            (word, _) if word.starts_with('/') => note!("{HELP}"),
            _ => self.ask(text).await?,
        }
        Ok(true)
    }

    /// What was loaded meanwhile is in the list too.
    async fn list(&mut self) -> Result<()> {
        self.models = models(&self.client).await?;
        for (number, model) in (1..).zip(&self.models) {
            let mark = if *model == self.model { "*" } else { " " };
            line!("{GOOD}{mark}{GOOD:#} {number:>3}  {model}");
        }
        Ok(())
    }

    fn go(&mut self, name: &str) {
        match chosen(name, &self.models) {
            Ok(model) => {
                self.model = model;
                note!("{DIM}from now on: {}{DIM:#}", self.model);
            }
            Err(why) => note!("{why}"),
        }
    }

    async fn ask(&mut self, text: &str) -> Result<()> {
        self.messages.push(json!({ "role": "user", "content": text }));
        let body = json!({
            "model": self.model, "max_tokens": MOST_OUTPUT, "stream": true, "messages": self.messages,
        });
        let answer = Answer::of(&self.client, &self.token, body.to_string()).await?;
        match answer.text.is_empty() {
            // Without an answer the question must not stand there twice.
            true => drop(self.messages.pop()),
            false => self.messages.push(json!({ "role": "assistant", "content": answer.text })),
        }
        if let Some(short) = answer.short() {
            note!("{DIM}{short}{DIM:#}");
        }
        self.info = answer.info;
        Ok(())
    }
}

/// A route, a number of the list, or the one model whose name has this in it.
fn chosen(name: &str, models: &[String]) -> std::result::Result<String, String> {
    if ROUTES.contains(&name) || models.iter().any(|model| model == name) {
        return Ok(name.to_owned());
    }
    if let Some(model) = name.parse::<usize>().ok().and_then(|number| models.get(number.checked_sub(1)?)) {
        return Ok(model.clone());
    }
    let lower = name.to_lowercase();
    let found: Vec<&String> = models.iter().filter(|model| model.to_lowercase().contains(&lower)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        // A server may have models that it does not list.
        [] if name.contains(':') => Ok(name.to_owned()),
        [] => Err(format!("no model has {BOLD}{name}{BOLD:#} in its name; /model lists them")),
        many => Err(format!("{BOLD}{name}{BOLD:#} fits {} models; /model lists them", many.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_chosen_by_number_name_or_a_part_of_it() {
        let models = ["lmstudio:qwen/qwen3-coder", "lmstudio:qwen/qwen3-4b", "anthropic:claude"].map(String::from);
        for (name, model) in [
            ("auto", "auto"),
            ("2", "lmstudio:qwen/qwen3-4b"),
            ("Coder", "lmstudio:qwen/qwen3-coder"),
            ("anthropic:claude", "anthropic:claude"),
            ("ollama:hidden", "ollama:hidden"),
        ] {
            assert_eq!(chosen(name, &models).as_deref(), Ok(model), "{name}");
        }
        assert!(chosen("qwen", &models).unwrap_err().contains("fits 2 models"));
        for unknown in ["0", "9", "gpt"] {
            assert!(chosen(unknown, &models).is_err(), "{unknown}");
        }
    }
}
