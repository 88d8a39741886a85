//! A whole answer, said as a stream.

use branchline_wire::hub::{BlockKind, BlockStart, Delta, Event, Response, Usage};
use branchline_wire::text::Text;

use crate::line::Line;

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
