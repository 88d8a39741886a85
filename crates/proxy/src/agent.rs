//! What a coding agent needs of a model's window. Pure; everything that says a window is too small, or makes one do, asks here.
//!
//! Source of the figures: the real Claude Code 2.1.329 on windows from 16,384 to 65,536 tokens (`docs/clients/claude-code.md`,
//! "Small windows").

/// From this window on Claude Code works with results of tools of any usual size: below, 6,000 tokens each make it give up.
pub const ROOMY_WINDOW: u64 = 49_152;
/// The smallest window it finishes a task in, its tools' results being kept short. Below, it compacts, finds the window full
/// again and gives up.
pub const LEAST_WINDOW: u64 = 24_576;
/// Its own prompt: instructions and tools, before the first word of the user.
pub const OWN_PROMPT: u64 = 12_000;

/// From here on its own limits for results fit.
const UNLIMITED: u64 = 65_536;
/// It gives up when the window is full again within three steps of a compaction, three times in a row.
const STEPS: u64 = 4;
/// What stays of a conversation that was compacted, and what a step adds besides its result.
const AROUND: u64 = 500;
const LEAST_RESULT: u64 = 500;

/// The tokens a result of a tool may have in a window, so that some steps fit between two compactions; none where it need
/// not be limited. It compacts when three quarters are used (`client_env::told_window`).
#[must_use]
pub fn longest_result(window: u64) -> Option<u64> {
    let free = (window - window / 4).saturating_sub(OWN_PROMPT + AROUND);
    (window < UNLIMITED).then_some((free / STEPS).max(LEAST_RESULT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_as_long_as_four_steps_between_two_compactions_allow() {
        for (window, longest) in
            [(4_096, Some(500)), (LEAST_WINDOW, Some(1_483)), (32_768, Some(3_019)), (ROOMY_WINDOW, Some(6_091))]
        {
            assert_eq!(longest_result(window), longest);
        }
        assert_eq!(longest_result(65_536), None);
    }
}
