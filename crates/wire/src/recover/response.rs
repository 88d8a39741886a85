//! Answers that came whole, by the machine that reads streams.

use super::{Recovery, Report, is_done};
use crate::collect::{Collector, as_written};
use crate::hub::{Block, BlockKind, BlockStart, Delta, Event, Response, StopReason, Tool};
use crate::text::Text;

pub(super) fn recover(response: &mut Response<'_>, tools: &[Tool<'_>]) -> Report {
    let (mut read, mut report) = run(response, Recovery::new(tools));
    if report.prefilled {
        // The whole answer is here: what came before the end of its thoughts is thoughts.
        (read, report) = run(response, Recovery::new(tools).thinking_first());
    }
    if let Some(read) = read.filter(|_| report.changed() || report.truncated()) {
        response.content = read.content;
        response.stop_reason = read.stop_reason;
        response.stop_sequence = response.stop_sequence.take().filter(|_| read.stop_sequence.is_some());
    }
    report
}

fn run(response: &Response<'_>, mut recovery: Recovery<'_>) -> (Option<Response<'static>>, Report) {
    let native = response.content.iter().any(|block| matches!(block.kind, BlockKind::ToolUse { .. }));
    if native {
        recovery.native = true;
        recovery.filter.calls = false;
    }
    let mut collector = Collector::default();
    let mut out = |event: Event<'_>| collector.event(&event);
    let reason = response.stop_reason.unwrap_or(StopReason::EndTurn);
    for (at, block) in response.content.iter().enumerate() {
        let cut = !is_done(reason) && at + 1 == response.content.len();
        feed(block, cut, &mut recovery, &mut out);
    }
    let stop_sequence = response.stop_sequence.clone();
    recovery.event(Event::Stop { reason, stop_sequence, usage: response.usage }, &mut out);
    recovery.event(Event::End, &mut out);
    (collector.finish().ok(), recovery.report())
}

/// `cut`: it is the last block and a limit was met.
fn feed(block: &Block<'_>, cut: bool, recovery: &mut Recovery<'_>, out: &mut dyn FnMut(Event<'_>)) {
    let (start, deltas) = match &block.kind {
        BlockKind::Text { text } => (BlockStart::Text, vec![Delta::Text(text.borrowed())]),
        BlockKind::Thinking { thinking, signature } => {
            let signature = Some(signature).filter(|text| !text.is_empty()).map(Text::borrowed);
            let deltas = [Delta::Thinking(thinking.borrowed())].into_iter().chain(signature.map(Delta::Signature));
            (BlockStart::Thinking, deltas.collect())
        }
        BlockKind::ToolUse { id, name, input } => {
            let start = BlockStart::ToolUse { id: id.borrowed(), name: name.borrowed() };
            let written = as_written(input).unwrap_or_else(|| Text::plain(input.as_str()));
            // Where arguments should have come and none did, the decoder has put an empty object.
            let none = cut && input.as_str() == "{}";
            (start, (!none).then_some(Delta::Arguments(written)).into_iter().collect())
        }
        BlockKind::Other { json, .. } => (BlockStart::Other(json.clone()), Vec::new()),
        BlockKind::RedactedThinking { data } => {
            let json = format!(r#"{{"type":"redacted_thinking","data":"{}"}}"#, data.as_escaped());
            (BlockStart::Other(crate::json::Json::trusted_owned(json)), Vec::new())
        }
        // Only requests have these.
        BlockKind::Image { .. } | BlockKind::Document { .. } | BlockKind::ToolResult { .. } => return,
    };
    recovery.event(Event::BlockStart(start), out);
    deltas.into_iter().for_each(|delta| recovery.event(Event::Delta(delta), out));
    recovery.event(Event::BlockStop, out);
}
