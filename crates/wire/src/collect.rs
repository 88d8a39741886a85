//! Folds the events of a stream into a whole answer, for clients that did not ask for a stream.

use serde_json::Value;

use crate::hub::{Block, BlockKind, BlockStart, Delta, Event, Failure, FailureKind, Response};
use crate::json::Json;
use crate::text::Text;

/// An answer in the making.
#[derive(Debug, Default)]
pub struct Collector {
    response: Response<'static>,
    open: Option<Open>,
    ended: bool,
    failure: Option<Failure>,
}

#[derive(Debug)]
enum Open {
    Text(Text<'static>),
    Thinking { thinking: Text<'static>, signature: Text<'static> },
    ToolUse { id: Text<'static>, name: Text<'static>, arguments: Text<'static> },
    Other { json: Json<'static>, arguments: Text<'static> },
}

impl Collector {
    /// Takes one event.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { id, model, usage } => {
                self.response.id = id.clone().into_owned();
                self.response.model = model.clone().into_owned();
                self.response.usage.update(*usage);
            }
            Event::BlockStart(start) => {
                self.close();
                self.open = Some(Open::new(start));
            }
            Event::Delta(delta) => self.delta(delta),
            Event::BlockStop => self.close(),
            Event::Stop { reason, stop_sequence, usage } => {
                self.response.stop_reason = Some(*reason);
                self.response.stop_sequence = stop_sequence.clone().map(Text::into_owned);
                self.response.usage.update(*usage);
            }
            Event::End => {
                self.close();
                self.ended = true;
            }
            Event::Error(failure) => {
                self.failure.get_or_insert_with(|| failure.clone());
            }
            Event::Ping => {}
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    /// The failure of the stream, or that it had no end.
    pub fn finish(self) -> Result<Response<'static>, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None if self.ended => Ok(self.response),
            None => Err(Failure::new(FailureKind::Api, "the answer ended before it was complete")),
        }
    }

    fn delta(&mut self, delta: &Delta<'_>) {
        match (self.open.get_or_insert_with(|| Open::fitting(delta)), delta) {
            (Open::Text(text), Delta::Text(more)) => text.push(more),
            (Open::Thinking { thinking, .. }, Delta::Thinking(more)) => thinking.push(more),
            (Open::Thinking { signature, .. }, Delta::Signature(more)) => signature.push(more),
            (Open::ToolUse { arguments, .. } | Open::Other { arguments, .. }, Delta::Arguments(more)) => {
                arguments.push(more);
            }
            // Citations have no place in a collected answer.
            (_, Delta::Other(_)) => {}
            _ => {
                self.close();
                self.delta(delta);
            }
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.response.content.push(open.block());
        }
    }
}

impl Open {
    fn new(start: &BlockStart<'_>) -> Self {
        match start {
            BlockStart::Text => Self::Text(Text::default()),
            BlockStart::Thinking => Self::Thinking { thinking: Text::default(), signature: Text::default() },
            BlockStart::ToolUse { id, name } => Self::ToolUse {
                id: id.clone().into_owned(),
                name: name.clone().into_owned(),
                arguments: Text::default(),
            },
            BlockStart::Other(json) => Self::Other { json: json.clone().into_owned(), arguments: Text::default() },
        }
    }

    fn fitting(delta: &Delta<'_>) -> Self {
        Self::new(&match delta {
            Delta::Thinking(_) | Delta::Signature(_) => BlockStart::Thinking,
            Delta::Arguments(_) => BlockStart::ToolUse { id: Text::default(), name: Text::default() },
            Delta::Text(_) | Delta::Other(_) => BlockStart::Text,
        })
    }

    fn block(self) -> Block<'static> {
        Block::from(match self {
            Self::Text(text) => BlockKind::Text { text },
            Self::Thinking { thinking, signature } => BlockKind::Thinking { thinking, signature },
            Self::ToolUse { id, name, arguments } => BlockKind::ToolUse { id, name, input: input(&arguments) },
            Self::Other { json, arguments } => other(json, &arguments),
        })
    }
}

/// Arguments that are no JSON (cut off, or never were) are kept under the name by which Claude Code itself
/// marks such a call, so that its tool refuses them. They never become an empty call.
fn input(arguments: &Text<'_>) -> Json<'static> {
    if arguments.is_blank() {
        return Json::trusted("{}");
    }
    let plain = arguments.decode().into_owned();
    if plain.trim_start().starts_with('{') && Json::check(&plain).is_ok() {
        return Json::trusted_owned(plain);
    }
    unparsed(arguments)
}

const UNPARSED: [&str; 2] = [r#"{"__unparsedToolInput":{"raw":""#, r#""}}"#];

/// An input that holds arguments that are no JSON.
pub(crate) fn unparsed(arguments: &Text<'_>) -> Json<'static> {
    Json::trusted_owned([UNPARSED[0], arguments.as_escaped(), UNPARSED[1]].concat())
}

/// The arguments as they were written, where [`unparsed`] keeps them.
pub(crate) fn as_written<'j>(input: &'j Json<'_>) -> Option<Text<'j>> {
    input.as_str().strip_prefix(UNPARSED[0])?.strip_suffix(UNPARSED[1]).map(Text::escaped)
}

/// A block that came whole; `server_tool_use` gets its arguments afterwards.
fn other(json: Json<'static>, arguments: &Text<'_>) -> BlockKind<'static> {
    let mut value = json.value();
    let word = |key| Text::plain(value.get(key).and_then(Value::as_str).unwrap_or_default()).into_owned();
    let kind = word("type");
    if kind.is("redacted_thinking") {
        return BlockKind::RedactedThinking { data: word("data") };
    }
    match value.as_object_mut().filter(|_| !arguments.is_empty()) {
        Some(members) => {
            members.insert("input".to_owned(), input(arguments).value());
            BlockKind::Other { kind, json: Json::from_value(&value) }
        }
        None => BlockKind::Other { kind, json },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::StopReason;

    fn collect(events: &[Event<'_>]) -> Result<Response<'static>, Failure> {
        let mut collector = Collector::default();
        events.iter().for_each(|event| collector.event(event));
        collector.finish()
    }

    fn call(fragments: &[&'static str]) -> Vec<Event<'static>> {
        let mut events =
            vec![Event::BlockStart(BlockStart::ToolUse { id: Text::escaped("toolu_1"), name: Text::escaped("Read") })];
        events.extend(fragments.iter().map(|text| Event::Delta(Delta::Arguments(Text::escaped(text)))));
        events.extend([Event::BlockStop, Event::End]);
        events
    }

    fn input_of(response: &Response<'_>) -> String {
        match &response.content[0].kind {
            BlockKind::ToolUse { input, .. } => input.as_str().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fragments_of_arguments_become_one_object() {
        let response = collect(&call(&[r#"{\"path\":"#, r#"\"a\\\\b\"}"#])).unwrap();
        assert_eq!(input_of(&response), r#"{"path":"a\\b"}"#);
        assert_eq!(input_of(&collect(&call(&[])).unwrap()), "{}");
    }

    #[test]
    fn truncated_arguments_never_become_an_empty_call() {
        let response = collect(&call(&[r#"{\"path\":\"a"#])).unwrap();
        assert_eq!(input_of(&response), r#"{"__unparsedToolInput":{"raw":"{\"path\":\"a"}}"#);
    }

    #[test]
    fn a_stream_that_failed_or_broke_off_is_no_answer() {
        let failure = Failure::new(FailureKind::Overloaded, "busy");
        assert_eq!(collect(&[Event::Error(failure.clone())]), Err(failure));
        let text = Event::Delta(Delta::Text(Text::escaped("hi")));
        assert!(collect(&[text]).is_err());
    }

    #[test]
    fn arguments_of_a_server_tool_are_put_into_its_block() {
        let start =
            BlockStart::Other(Json::trusted(r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#));
        let events =
            [Event::BlockStart(start), Event::Delta(Delta::Arguments(Text::escaped(r#"{\"q\":1}"#))), Event::End];
        let response = collect(&events).unwrap();
        let BlockKind::Other { json, .. } = &response.content[0].kind else { panic!() };
        assert_eq!(json.value()["input"]["q"], 1);
    }

    #[test]
    fn later_usage_and_stop_replace_earlier_ones() {
        let stop = |output| Event::Stop {
            reason: StopReason::EndTurn,
            stop_sequence: None,
            usage: crate::hub::Usage { output: Some(output), ..Default::default() },
        };
        let response = collect(&[stop(1), stop(9), Event::End]).unwrap();
        assert_eq!((response.usage.output, response.stop_reason), (Some(9), Some(StopReason::EndTurn)));
    }
}
