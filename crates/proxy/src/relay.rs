//! Relaying an answer: the backend's bytes as they are where protocols are the same, events where they are not.
//!
//! Nothing is sent before the answer has really begun, so that another candidate may still take over.

use std::borrow::Cow;

use branchline_wire::codec::openai_chat::ollama;
use branchline_wire::codec::{decode_response, encode_response};
use branchline_wire::hub::{Block, BlockKind, Failure, FailureKind, Response, StopReason, Tool, Usage};
use branchline_wire::recover::{Recovery, Report, recover_response};
use branchline_wire::text::Text;
use branchline_wire::{Protocol, Upstream};
use bytes::Bytes;
use http::{StatusCode, header};

use crate::backend::Backend;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::line::{Line, Manner};
use crate::record::Outcome;
use crate::send::{Miss, as_text, next_piece, whole};

mod framer;
mod say;
mod stream;

pub(crate) use say::say_whole;
use stream::Stream;

/// Most text of an answer that is kept as the description of an image.
const KEPT_TEXT: usize = 16 * 1024;

/// An answer on its way to the client.
#[derive(Debug)]
pub(crate) struct Relay<'r> {
    pub(crate) line: &'r mut Line,
    pub(crate) journal: &'r mut Journal,
    pub(crate) backend: &'r Backend,
    /// Protocol of the backend.
    pub(crate) protocol: Upstream,
    /// Protocol of the client.
    pub(crate) client: Protocol,
    pub(crate) model: &'r str,
    /// It is on the user's own hardware.
    pub(crate) local: bool,
    pub(crate) manner: Manner,
    /// The text of the answer is wanted afterwards.
    pub(crate) keep_text: bool,
    /// We asked for the closing usage chunk, the client did not.
    pub(crate) hide_usage: bool,
    /// Makes calls and thoughts real that were written as text.
    pub(crate) recovery: Option<Recovery<'r>>,
    /// The tools the client offered.
    pub(crate) tools: &'r [Tool<'r>],
    /// The answer comes from Ollama's own endpoint.
    pub(crate) native: bool,
    /// When the window is full.
    pub(crate) full: Full,
}

/// What tells an answer that stopped because the window is full from one that met the limit the client set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Full {
    /// The window, in tokens.
    pub(crate) window: Option<u64>,
    /// The client's limit was lowered to what the window leaves.
    pub(crate) limited: bool,
}

impl Full {
    /// The reason as the client has to know it: after `max_tokens` it asks for more room, which there is not.
    pub(crate) fn reason(self, said: StopReason, usage: &Usage) -> StopReason {
        let used = usage.prompt().unwrap_or(0) + usage.output.unwrap_or(0);
        let at_end = self.window.is_some_and(|window| used >= window);
        if said == StopReason::MaxTokens && (self.limited || at_end) { StopReason::ContextWindow } else { said }
    }
}

/// What was learned from an answer.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) usage: Usage,
    pub(crate) model: String,
    pub(crate) text: String,
    /// Why it stopped, where it said so.
    pub(crate) stop: Option<StopReason>,
    /// It said something or called a tool.
    pub(crate) spoke: bool,
    /// It was said to its end.
    pub(crate) ended: bool,
    /// What recovery did.
    pub(crate) report: Report,
}

impl Relay<'_> {
    /// Relays a whole answer.
    pub(crate) async fn whole(&mut self, response: reqwest::Response) -> Result<Learned, Miss> {
        let body = whole(self.backend, response).await?;
        let text = self.text(&body);
        let mut answer = decode_response(self.protocol.into(), &text).map_err(wrong_answer)?;
        let learned = self.learn(&mut answer);
        self.say_other(&learned.model);
        let sent = match self.manner {
            Manner::Raw => body.clone(),
            Manner::Encoded => Bytes::from(encode_response(self.client, &answer, self.line.asked())),
        };
        self.journal.first_token();
        self.line.whole(StatusCode::OK, sent);
        self.journal.done(Outcome::Ok, 200);
        Ok(learned)
    }

    /// Relays a streamed answer.
    pub(crate) async fn stream(&mut self, mut response: reqwest::Response) -> Result<Learned, Miss> {
        if is_json(&response) {
            return self.whole_as_stream(response).await;
        }
        let mut stream = Stream::new(self.protocol, self.keep_text, self.recovery.take(), self.full);
        if self.native {
            stream.reads_lines();
        }
        stream.framer.hide_usage = self.hide_usage;
        loop {
            let piece = next_piece(self.backend, &mut response, stream.begun);
            let next = self.line.wait(self.manner, self.model, piece).await;
            let piece = match next {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(miss) => return self.broken(stream, miss).await,
            };
            stream.read(&piece, self.manner, self.line);
            self.pass_on(&mut stream, piece).await;
            if let Some(failure) = stream.failure.take() {
                return self.failed(stream, failure).await;
            }
        }
        stream.finish(self.manner, self.line);
        self.end(stream).await
    }

    async fn pass_on(&mut self, stream: &mut Stream<'_>, piece: Bytes) {
        if self.manner == Manner::Raw {
            stream.framer.push(piece);
        }
        if !stream.begun {
            return;
        }
        if self.journal.first_token() {
            // Should the client leave in the middle, the prompt was paid for all the same.
            self.journal.usage(&stream.learned.usage);
            self.say_other(&stream.learned.model);
        }
        if self.manner == Manner::Raw {
            let complete = stream.framer.complete();
            if stream.is_ours() {
                self.line.say_shadow();
            } else if !complete.is_empty() {
                self.line.forget_shadow();
                self.line.raw(complete).await;
            }
        }
        self.line.flush().await;
        if stream.learned.ended {
            // Clients hang up at the last word, not at the end of the connection: theirs was a whole answer.
            self.journal.usage(&stream.learned.usage);
            self.journal.done(Outcome::Ok, 200);
        }
    }

    async fn end(&mut self, mut stream: Stream<'_>) -> Result<Learned, Miss> {
        if stream.is_ours() && stream.begun {
            self.line.say_shadow();
        }
        if let Some(failure) = stream.failure.take() {
            return self.failed(stream, failure).await;
        }
        if self.manner == Manner::Raw && !stream.is_ours() {
            self.line.raw(stream.framer.rest()).await;
            if self.client == Protocol::OpenaiChat && !stream.done {
                self.line.raw(Bytes::from_static(b"data: [DONE]\n\n")).await;
            }
        }
        self.line.flush().await;
        self.journal.done(Outcome::Ok, 200);
        Ok(stream.learned)
    }

    /// The backend said inside its stream that it failed, or ended it too early.
    async fn failed(&mut self, stream: Stream<'_>, failure: Failure) -> Result<Learned, Miss> {
        self.broken(stream, wrong_answer(failure)).await
    }

    /// Before the answer began another candidate may try; after that the client is told in the stream. An answer that met
    /// the end of the window ends as such: an error would make the client ask for the rest, which fits as little.
    async fn broken(&mut self, mut stream: Stream<'_>, miss: Miss) -> Result<Learned, Miss> {
        if !stream.begun {
            return Err(miss);
        }
        if let FailureKind::PromptTooLong { maximum, .. } = miss.fault.failure.kind {
            stream.end_full(maximum.or(self.full.window), self.line);
            self.line.flush().await;
            self.journal.record.repairs.push("the window was full in the middle of the answer".into());
            self.journal.done(Outcome::Ok, 200);
            return Ok(stream.learned);
        }
        let status = self.line.fail(&miss.fault).await;
        self.journal.failed(&miss.fault, status);
        Ok(stream.learned)
    }

    /// Some servers answer a streaming request with one JSON object.
    async fn whole_as_stream(&mut self, response: reqwest::Response) -> Result<Learned, Miss> {
        let reading = whole(self.backend, response);
        let body = self.line.wait(Manner::Encoded, self.model, reading).await?;
        let text = self.text(&body);
        let mut answer = decode_response(self.protocol.into(), &text).map_err(wrong_answer)?;
        let learned = self.learn(&mut answer);
        self.say_other(&learned.model);
        self.journal.first_token();
        say_whole(self.line, &answer);
        self.line.flush().await;
        self.journal.done(Outcome::Ok, 200);
        Ok(learned)
    }

    /// A whole answer in the protocol it is read as.
    fn text<'b>(&self, body: &'b [u8]) -> Cow<'b, str> {
        let text = as_text(body);
        if self.native { Cow::Owned(ollama::Reader::default().chunk(&text)) } else { text }
    }

    /// Another model answers than the one that was asked: the head of the answer says so, where it is not out yet.
    fn say_other(&mut self, answered: &str) {
        let other = self.local && !answered.is_empty() && !same_model(answered, self.model);
        if other && !self.line.committed() {
            self.line.say("x-branchline-answered-as", answered);
        }
    }

    /// Repairs a whole answer and keeps what is to be known of it.
    fn learn(&self, answer: &mut Response<'_>) -> Learned {
        answer.stop_reason = answer.stop_reason.map(|reason| self.full.reason(reason, &answer.usage));
        let mut learned = learn(answer, self.keep_text);
        if self.recovery.is_some() {
            learned.report = recover_response(answer, self.tools);
        }
        learned.stop = answer.stop_reason;
        learned.spoke = answer.content.iter().any(speaks);
        learned
    }
}

/// LM Studio answers a wrong model id with whatever is loaded (lmstudio-ai/lmstudio-bug-tracker#619); servers that load
/// one file name it by its path.
pub(crate) fn same_model(answered: &str, asked: &str) -> bool {
    let base = |id: &str| id.rsplit('/').next().unwrap_or(id).trim_end_matches(".gguf").to_ascii_lowercase();
    answered == asked || base(answered).contains(&base(asked)) || base(asked).contains(&base(answered))
}

/// Whether a client sees something of a block; of thoughts it does not.
fn speaks(block: &Block<'_>) -> bool {
    match &block.kind {
        BlockKind::Text { text } => !text.is_blank(),
        BlockKind::Thinking { .. } | BlockKind::RedactedThinking { .. } => false,
        _ => true,
    }
}

fn is_json(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

fn wrong_answer(failure: Failure) -> Miss {
    Miss::of(Fault::upstream(failure))
}

fn learn(answer: &Response<'_>, keep_text: bool) -> Learned {
    let mut learned = Learned { usage: answer.usage, model: answer.model.decode().into_owned(), ..Learned::default() };
    if keep_text {
        let texts = answer.content.iter().filter_map(branchline_wire::hub::Block::text);
        learned.text = texts.map(Text::decode).collect::<Vec<_>>().join("\n\n");
    }
    learned
}
