//! What every reader and every writer of streams is tried with.

use branchline_wire::Protocol;
use branchline_wire::codec::{StreamDecoder, decode_request, decode_response};
use branchline_wire::hub::{BlockStart, Delta, Event, Failure, FailureKind, StopReason, Usage};
use branchline_wire::json::Json;
use branchline_wire::sse::Parser;
use branchline_wire::text::Text;
use proptest::prelude::*;

/// Reads a stream in chunks whose sizes go round.
pub(crate) fn read(protocol: Protocol, bytes: &[u8], sizes: &[usize], mut hear: impl FnMut(Event<'_>)) {
    let mut parser = Parser::default();
    let mut decoder = StreamDecoder::new(protocol);
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).min(rest.len());
        parser.push(&rest[..size], |event, data| decoder.frame(event, data, &mut hear)).unwrap();
        rest = &rest[size..];
    }
    decoder.finish(&mut hear);
}

/// The events of a stream that comes in such chunks, to be compared.
pub(crate) fn events_of(protocol: Protocol, bytes: &[u8], sizes: &[usize]) -> Vec<String> {
    let mut events = Vec::new();
    read(protocol, bytes, sizes, |event| events.push(format!("{event:?}")));
    events
}

/// Whether what is heard is a failure, and one block after the other, each of them closed.
pub(crate) fn fails_closed(tell: impl FnOnce(&mut dyn FnMut(Event<'_>))) -> bool {
    let (mut open, mut failed) = (0i32, false);
    tell(&mut |event: Event<'_>| {
        open += match event {
            Event::BlockStart(_) => 1,
            Event::BlockStop => -1,
            _ => 0,
        };
        failed |= matches!(event, Event::Error(_));
        assert!((0..=1).contains(&open));
    });
    open == 0 && failed
}

/// Events as they come from nowhere: in any order, of known and unknown tools.
pub(crate) fn any_event() -> impl Strategy<Value = Event<'static>> {
    let text = || "[a-z]{0,3}".prop_map(Text::escaped_owned);
    let known = || prop::sample::select(vec!["plain", "free", "ns__in", "tool_search"]).prop_map(Text::escaped);
    let tool = || prop_oneof![known(), text()];
    let reason = prop::sample::select(vec![StopReason::EndTurn, StopReason::MaxTokens]);
    prop_oneof![
        (text(), text()).prop_map(|(id, model)| Event::Start { id, model, usage: Usage::default() }),
        Just(Event::BlockStart(BlockStart::Text)),
        Just(Event::BlockStart(BlockStart::Thinking)),
        Just(Event::BlockStart(BlockStart::Other(Json::trusted(r#"{"type":"server_tool_use"}"#)))),
        (text(), tool()).prop_map(|(id, name)| Event::BlockStart(BlockStart::ToolUse { id, name })),
        text().prop_map(|t| Event::Delta(Delta::Text(t))),
        text().prop_map(|t| Event::Delta(Delta::Thinking(t))),
        text().prop_map(|t| Event::Delta(Delta::Arguments(t))),
        text().prop_map(|t| Event::Delta(Delta::Signature(t))),
        Just(Event::BlockStop),
        Just(Event::Ping),
        reason.prop_map(|reason| Event::Stop { reason, stop_sequence: None, usage: Usage::default() }),
        prop::bool::weighted(0.2).prop_map(|end| if end { Event::End } else { Event::Ping }),
        prop::bool::weighted(0.2).prop_map(|fail| match fail {
            true => Event::Error(Failure::new(FailureKind::Api, "no")),
            false => Event::BlockStop,
        }),
    ]
}

/// Gives a text to everything that reads this protocol.
pub(crate) fn read_as_anything(protocol: Protocol, data: &str) {
    let mut decoder = StreamDecoder::new(protocol);
    decoder.frame("", data, &mut |_| ());
    decoder.finish(&mut |_| ());
    _ = decode_request(protocol, data);
    _ = decode_response(protocol, data);
}
