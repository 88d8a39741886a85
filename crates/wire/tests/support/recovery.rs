//! What both kinds of recovery are tried with: of calls written as text, and of calls the backend made itself.

use branchline_wire::hub::StopReason;
use proptest::prelude::*;
use proptest::sample::select;

/// How long the pieces are that a text comes in.
pub(crate) fn steps() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..9, 1..6)
}

/// Why the model ended.
pub(crate) fn reason() -> impl Strategy<Value = StopReason> {
    select(vec![StopReason::EndTurn, StopReason::MaxTokens, StopReason::ToolUse])
}
