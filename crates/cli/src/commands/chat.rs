//! `branchline chat`: the way of a request, tried out in a terminal.

use std::process::ExitCode;

use branchline_settings::{Secret, Tokens};
use branchline_wire::sse::Parser;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use serde_json::{Value, json};

use crate::args::ChatArgs;
use crate::context::Context;
use crate::door;
use crate::error::{Error, Result};
use crate::http::Client;
use crate::out::{self, BAD, BOLD, DIM, line, note};

const HELP: &str =
    "/info  what the last answer cost and who gave it   /route auto|local|cloud|REF  where to go from now on
/clear forget the conversation                    /exit  end (also Ctrl-D)";
const MOST_OUTPUT: u32 = 8_192;

/// One conversation.
struct Chat {
    client: Client,
    token: Secret,
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
    let mut chat = Chat { client, token, model, messages: Vec::new(), info: Vec::new() };
    let mut editor = DefaultEditor::new().map_err(unreadable)?;
    note!("{DIM}{HELP}{DIM:#}");
    loop {
        match editor.readline(&format!("{}> ", chat.model)) {
            Ok(typed) if typed.trim().is_empty() => {}
            Ok(typed) => {
                // A line too many in the history harms nobody.
                let _ = editor.add_history_entry(&typed);
                if !chat.typed(typed.trim()).await? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Ok(ExitCode::SUCCESS),
            Err(error) => return Err(unreadable(error)),
        }
    }
}

fn unreadable(error: ReadlineError) -> Error {
    Error::io("read from the terminal")(std::io::Error::other(error))
}

impl Chat {
    /// Does what was typed; `false` ends.
    async fn typed(&mut self, text: &str) -> Result<bool> {
        match text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim())) {
            ("/exit" | "/quit", _) => return Ok(false),
            ("/clear", _) => {
                self.messages.clear();
                note!("{DIM}the conversation is forgotten{DIM:#}");
            }
            ("/info", _) => self.info.iter().for_each(|said| line!("{DIM}{said}{DIM:#}")),
            ("/route" | "/model", "") => line!("{}", self.model),
            ("/route" | "/model", route) => route.clone_into(&mut self.model),
            (word, _) if word.starts_with('/') => note!("{HELP}"),
            _ => self.ask(text).await?,
        }
        Ok(true)
    }

    async fn ask(&mut self, text: &str) -> Result<()> {
        self.messages.push(json!({ "role": "user", "content": text }));
        let body = json!({
            "model": self.model, "max_tokens": MOST_OUTPUT, "stream": true, "messages": self.messages,
        });
        let response = self.client.post("/v1/messages", &self.token, body.to_string()).await?;
        self.info = info(&response);
        let mut answer = Answer::default();
        if response.status().is_success() {
            answer.read(response.into_body()).await?;
        } else {
            let body = response.into_body().collect().await.map_err(|error| Error::BrokenOff(error.to_string()))?;
            answer.fail(&serde_json::from_slice(&body.to_bytes()).unwrap_or_default());
        }
        match answer.text.is_empty() {
            // Without an answer the question must not stand there twice.
            true => drop(self.messages.pop()),
            false => self.messages.push(json!({ "role": "assistant", "content": answer.text })),
        }
        self.info.extend(answer.usage);
        Ok(())
    }
}

/// What our headers say of the way this answer took.
fn info(response: &Response<Incoming>) -> Vec<String> {
    let ours = response.headers().iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-branchline-")?;
        Some(format!("{name}: {}", value.to_str().ok()?))
    });
    ours.collect()
}

/// An answer as it comes in.
#[derive(Default)]
struct Answer {
    text: String,
    usage: Option<String>,
}

impl Answer {
    async fn read(&mut self, mut body: Incoming) -> Result<()> {
        let mut parser = Parser::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Error::BrokenOff(error.to_string()))?;
            let Some(bytes) = frame.data_ref() else { continue };
            let pushed = parser.push(bytes, |_, data| self.event(&serde_json::from_str(data).unwrap_or_default()));
            pushed.map_err(|error| Error::BrokenOff(error.to_string()))?;
        }
        line!("");
        Ok(())
    }

    fn event(&mut self, event: &Value) {
        match event["type"].as_str() {
            Some("content_block_delta") => {
                if let Some(text) = event["delta"]["text"].as_str() {
                    self.text += text;
                    out::text(text);
                } else if let Some(thought) = event["delta"]["thinking"].as_str() {
                    out::text(&format!("{DIM}{thought}{DIM:#}"));
                }
            }
            Some("message_delta") => {
                let usage = &event["usage"];
                self.usage = Some(format!("tokens: {} in, {} out", usage["input_tokens"], usage["output_tokens"]));
            }
            Some("error") => self.fail(event),
            _ => {}
        }
    }

    fn fail(&mut self, event: &Value) {
        let message = event["error"]["message"].as_str().unwrap_or("no answer");
        note!("{BAD}error:{BAD:#} {BOLD}{message}{BOLD:#}");
    }
}
