//! Relaying an answer: the backend's bytes as they are where protocols are the same, events where they are not.
//!
//! Nothing is sent before the answer has really begun, so that another candidate may still take over.

use branchline_wire::Protocol;
use branchline_wire::codec::{StreamDecoder, decode_response, encode_response};
use branchline_wire::hub::{BlockKind, BlockStart, Delta, Event, Failure, FailureKind, Response, Usage};
use branchline_wire::sse;
use branchline_wire::text::Text;
use bytes::{Bytes, BytesMut};
use http::{StatusCode, header};

use crate::backend::Backend;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::line::{Line, Manner};
use crate::record::Outcome;
use crate::send::{Miss, next_piece, whole};

/// Most text of an answer that is kept as the description of an image.
const KEPT_TEXT: usize = 16 * 1024;

/// An answer on its way to the client.
#[derive(Debug)]
pub(crate) struct Relay<'r> {
    pub(crate) line: &'r mut Line,
    pub(crate) journal: &'r mut Journal,
    pub(crate) backend: &'r Backend,
    /// Protocol of the backend.
    pub(crate) protocol: Protocol,
    /// Protocol of the client.
    pub(crate) client: Protocol,
    pub(crate) model: &'r str,
    pub(crate) manner: Manner,
    /// The text of the answer is wanted afterwards.
    pub(crate) keep_text: bool,
    /// We asked for the closing usage chunk, the client did not.
    pub(crate) hide_usage: bool,
}

/// What was learned from an answer.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) usage: Usage,
    pub(crate) model: String,
    pub(crate) text: String,
}

impl Relay<'_> {
    /// Relays a whole answer.
    pub(crate) async fn whole(&mut self, response: reqwest::Response) -> Result<Learned, Miss> {
        let body = whole(self.backend, response).await?;
        let text = String::from_utf8_lossy(&body);
        let answer = decode_response(self.protocol, &text).map_err(wrong_answer)?;
        let learned = learn(&answer, self.keep_text);
        let sent = match self.manner {
            Manner::Raw => body.clone(),
            Manner::Encoded => Bytes::from(encode_response(self.client, &answer, self.line.created())),
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
        let mut stream = Stream::new(self.protocol, self.keep_text);
        stream.framer.hide_usage = self.hide_usage;
        loop {
            let next = self.line.wait(self.manner, self.model, next_piece(self.backend, &mut response)).await;
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

    async fn pass_on(&mut self, stream: &mut Stream, piece: Bytes) {
        if self.manner == Manner::Raw {
            stream.framer.push(piece);
        }
        if !stream.begun {
            return;
        }
        self.journal.first_token();
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
    }

    async fn end(&mut self, mut stream: Stream) -> Result<Learned, Miss> {
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
    async fn failed(&mut self, stream: Stream, failure: Failure) -> Result<Learned, Miss> {
        self.broken(stream, wrong_answer(failure)).await
    }

    /// Before the answer began another candidate may try; after that the client is told in the stream.
    async fn broken(&mut self, stream: Stream, miss: Miss) -> Result<Learned, Miss> {
        if !stream.begun {
            return Err(miss);
        }
        let status = self.line.fail(&miss.fault).await;
        self.journal.failed(&miss.fault, status);
        Ok(stream.learned)
    }

    /// Some servers answer a streaming request with one JSON object.
    async fn whole_as_stream(&mut self, response: reqwest::Response) -> Result<Learned, Miss> {
        let reading = whole(self.backend, response);
        let body = self.line.wait(Manner::Encoded, self.model, reading).await?;
        let text = String::from_utf8_lossy(&body);
        let answer = decode_response(self.protocol, &text).map_err(wrong_answer)?;
        self.journal.first_token();
        say_whole(self.line, &answer);
        self.line.flush().await;
        self.journal.done(Outcome::Ok, 200);
        Ok(learn(&answer, self.keep_text))
    }
}

fn is_json(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

fn wrong_answer(failure: Failure) -> Miss {
    Miss::of(Fault::upstream(failure))
}

/// Says a whole answer as a stream of events.
pub(crate) fn say_whole(line: &mut Line, answer: &Response<'_>) {
    line.event(&Event::Start {
        id: answer.id.borrowed(),
        model: answer.model.borrowed(),
        usage: Usage { output: Some(0), ..answer.usage },
    });
    for block in &answer.content {
        for event in block_events(&block.kind) {
            line.event(&event);
        }
    }
    let reason = answer.stop_reason.unwrap_or(branchline_wire::hub::StopReason::EndTurn);
    let stop_sequence = answer.stop_sequence.as_ref().map(Text::borrowed);
    line.event(&Event::Stop { reason, stop_sequence, usage: answer.usage });
    line.event(&Event::End);
}

fn block_events<'b>(kind: &'b BlockKind<'_>) -> Vec<Event<'b>> {
    let (start, deltas) = match kind {
        BlockKind::Text { text } => (BlockStart::Text, vec![Delta::Text(text.borrowed())]),
        BlockKind::Thinking { thinking, signature } => {
            (BlockStart::Thinking, vec![Delta::Thinking(thinking.borrowed()), Delta::Signature(signature.borrowed())])
        }
        BlockKind::ToolUse { id, name, input } => {
            let arguments = Text::plain(input.as_str());
            (BlockStart::ToolUse { id: id.borrowed(), name: name.borrowed() }, vec![Delta::Arguments(arguments)])
        }
        _ => return Vec::new(),
    };
    let mut events = vec![Event::BlockStart(start)];
    events.extend(deltas.into_iter().map(Event::Delta));
    events.push(Event::BlockStop);
    events
}

fn learn(answer: &Response<'_>, keep_text: bool) -> Learned {
    let mut learned = Learned { usage: answer.usage, model: answer.model.decode().into_owned(), ..Learned::default() };
    if keep_text {
        let texts = answer.content.iter().filter_map(branchline_wire::hub::Block::text);
        learned.text = texts.map(Text::decode).collect::<Vec<_>>().join("\n\n");
    }
    learned
}

/// The reading side of a streamed answer.
struct Stream {
    parser: sse::Parser,
    decoder: StreamDecoder,
    framer: Framer,
    /// The answer has really begun: something other than a greeting came.
    begun: bool,
    start: Option<(Text<'static>, Text<'static>, Usage)>,
    failure: Option<Failure>,
    /// The answer came without its beginning (CLIProxyAPI #3697): its bytes cannot be passed on.
    headless: bool,
    /// `[DONE]` came.
    done: bool,
    keep_text: bool,
    learned: Learned,
}

impl Stream {
    /// What is said of this piece has to be in our own words.
    const fn is_ours(&self) -> bool {
        self.headless || self.failure.is_some()
    }

    fn new(protocol: Protocol, keep_text: bool) -> Self {
        Self {
            parser: sse::Parser::default(),
            decoder: StreamDecoder::new(protocol),
            framer: Framer::default(),
            begun: false,
            start: None,
            failure: None,
            headless: false,
            done: false,
            keep_text,
            learned: Learned::default(),
        }
    }

    fn read(&mut self, piece: &[u8], manner: Manner, line: &mut Line) {
        let Self { parser, decoder, begun, start, failure, headless, done, keep_text, learned, .. } = self;
        let mut hearer = Hearer { begun, start, failure, headless, keep_text: *keep_text, learned, manner, line };
        let read = parser.push(piece, |name, data| {
            *done |= data == "[DONE]";
            decoder.frame(name, data, &mut |event| hearer.hear(event));
        });
        if let Err(error) = read {
            failure.get_or_insert(Failure::new(FailureKind::Api, error.to_string()));
        }
    }

    fn finish(&mut self, manner: Manner, line: &mut Line) {
        let Self { parser, decoder, begun, start, failure, headless, done, keep_text, learned, .. } = self;
        let mut hearer = Hearer { begun, start, failure, headless, keep_text: *keep_text, learned, manner, line };
        parser.finish(|name, data| {
            *done |= data == "[DONE]";
            decoder.frame(name, data, &mut |event| hearer.hear(event));
        });
        decoder.finish(&mut |event| hearer.hear(event));
    }
}

/// Takes the events of a stream in.
struct Hearer<'h> {
    begun: &'h mut bool,
    start: &'h mut Option<(Text<'static>, Text<'static>, Usage)>,
    failure: &'h mut Option<Failure>,
    headless: &'h mut bool,
    keep_text: bool,
    learned: &'h mut Learned,
    manner: Manner,
    line: &'h mut Line,
}

impl Hearer<'_> {
    fn hear(&mut self, event: Event<'_>) {
        if self.failure.is_some() {
            return;
        }
        match event {
            Event::Ping => {}
            Event::Error(failure) => *self.failure = Some(failure),
            Event::Start { id, model, usage } => {
                self.learned.usage.update(usage);
                self.learned.model = model.decode().into_owned();
                *self.start = Some((id.into_owned(), model.into_owned(), usage));
            }
            Event::Stop { reason, stop_sequence, usage } => {
                self.learned.usage.update(usage);
                self.say(&Event::Stop { reason, stop_sequence, usage: self.learned.usage });
            }
            other => {
                if let Event::Delta(Delta::Text(text)) = &other
                    && self.keep_text
                    && self.learned.text.len() < KEPT_TEXT
                {
                    self.learned.text.push_str(&text.decode());
                }
                self.say(&other);
            }
        }
    }

    fn say(&mut self, event: &Event<'_>) {
        *self.headless |= !*self.begun && self.start.is_none();
        *self.begun = true;
        if let Some((id, model, usage)) = self.start.take() {
            self.tell(&Event::Start { id, model, usage });
        }
        self.tell(event);
    }

    fn tell(&mut self, event: &Event<'_>) {
        match self.manner {
            Manner::Raw => self.line.shadow(event),
            Manner::Encoded => self.line.event(event),
        }
    }
}

/// Lets only complete SSE frames through, so that a stream that dies in the middle of one can still be
/// ended grammatically.
#[derive(Debug, Default)]
struct Framer {
    held: BytesMut,
    ready: Option<Bytes>,
    hide_usage: bool,
}

impl Framer {
    fn push(&mut self, piece: Bytes) {
        if self.held.is_empty() && self.ready.is_none() && ends_frame(&piece) {
            self.ready = Some(piece);
            return;
        }
        if let Some(ready) = self.ready.take() {
            self.held.extend_from_slice(&ready);
        }
        self.held.extend_from_slice(&piece);
    }

    /// All complete frames.
    fn complete(&mut self) -> Bytes {
        let complete = match self.ready.take() {
            Some(ready) => ready,
            None => {
                let end = last_frame_end(&self.held);
                self.held.split_to(end).freeze()
            }
        };
        if self.hide_usage { without_usage_chunk(complete) } else { complete }
    }

    /// Everything, complete or not.
    fn rest(&mut self) -> Bytes {
        if let Some(ready) = self.ready.take() {
            return ready;
        }
        self.held.split().freeze()
    }
}

/// Leaves out the chunk that holds the usage and nothing else (protocols C.3).
fn without_usage_chunk(frames: Bytes) -> Bytes {
    const MARK: &[u8] = b"\"choices\":[]";
    if memchr::memmem::find(&frames, MARK).is_none() {
        return frames;
    }
    let mut kept = BytesMut::with_capacity(frames.len());
    let mut rest = &frames[..];
    while !rest.is_empty() {
        let end = memchr::memmem::find(rest, b"\n\n").map_or(rest.len(), |at| at + 2);
        let (frame, behind) = rest.split_at(end);
        if memchr::memmem::find(frame, MARK).is_none() || memchr::memmem::find(frame, b"\"usage\"").is_none() {
            kept.extend_from_slice(frame);
        }
        rest = behind;
    }
    kept.freeze()
}

fn ends_frame(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n") || bytes.ends_with(b"\r\r")
}

/// Offset behind the last blank line.
fn last_frame_end(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while let Some(at) = memchr::memrchr2(b'\n', b'\r', &bytes[..end]) {
        if ends_frame(&bytes[..=at]) {
            return at + 1;
        }
        end = at;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_chunk_nobody_asked_for_is_left_out() {
        let frames = b"data: {\"choices\":[{}]}\n\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
        let kept = without_usage_chunk(Bytes::from_static(frames));
        assert_eq!(kept, "data: {\"choices\":[{}]}\n\ndata: [DONE]\n\n");
    }

    #[test]
    fn only_complete_frames_go_through() {
        let mut framer = Framer::default();
        framer.push(Bytes::from_static(b"data: 1\n\ndata: 2"));
        assert_eq!(framer.complete(), "data: 1\n\n");
        framer.push(Bytes::from_static(b"\n\n"));
        assert_eq!(framer.complete(), "data: 2\n\n");
        framer.push(Bytes::from_static(b"data: 3\r\n\r\n"));
        assert_eq!(framer.complete(), "data: 3\r\n\r\n");
        framer.push(Bytes::from_static(b"data: 4\n"));
        assert_eq!(framer.complete(), "");
        assert_eq!(framer.rest(), "data: 4\n");
    }
}
