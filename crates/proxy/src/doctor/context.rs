//! The window: a word in a text of three quarters of what the server says it can take, as far as the budget goes. How the model
//! counts such a text is not known before; the result tells the tokens it counted.

use std::fmt::Write as _;
use std::time::Duration;

use branchline_wire::tokens::estimate_text;
use serde_json::json;

use super::exam::{Exam, Found};
use super::{Verdict, advice};
use crate::agent::{LEAST_WINDOW, OWN_PROMPT, ROOMY_WINDOW, longest_result};
use crate::watch;

/// Longest prompt that is tried unless more is wanted, in tokens.
const BUDGET: u64 = 32_768;
/// Tried where nobody tells how large the window is.
const UNTOLD: u64 = 16_384;
/// Reading a long prompt takes a local server minutes.
const LIMIT: Duration = Duration::from_secs(600);

/// Reads a prompt that fills the window, and finds a word a third into it.
pub(super) async fn read(exam: &Exam<'_>) -> Found {
    if let Some(skipped) = left_out(exam) {
        return skipped;
    }
    // It was loaded by the tests before: now its window is known.
    if let Some(backend) = exam.engine.world().backends.get(&exam.model.backend) {
        watch::ask_one(exam.engine, backend).await;
    }
    let window = exam.engine.world().catalog.facts(exam.model).context;
    let room = window.unwrap_or(UNTOLD).min(exam.wanted.context_tokens.unwrap_or(BUDGET));
    let answer = if room > 8_192 { 1_024 } else { 256 };
    // How the model counts such a text nobody knows yet.
    let aim = room.saturating_sub(room / 4 + answer);
    if aim < 256 {
        return Found::fail(format!("a window of {room} tokens has no room for a prompt")).hint(advice::window(exam));
    }
    let (text, secret) = haystack(estimate_for(exam, aim));
    let body = json!({"max_tokens": answer, "messages": [{"role": "user", "content": text}]});
    let said = match exam.put(body, LIMIT).await {
        Ok(said) => said,
        Err(found) => return found,
    };
    let tokens = match said.prompt() {
        // A server that does not count is taken at what was aimed at.
        0 => aim,
        counted => counted,
    };
    if !said.text().contains(&secret) {
        let cut = tokens * 10 < aim * 6;
        let reason = match cut {
            true => format!("its server read {tokens} of about {aim} tokens: it cuts prompts without a word"),
            false => format!("a word a third into {tokens} tokens was not found"),
        };
        let roomy = !cut && window.is_some_and(|window| window >= ROOMY_WINDOW);
        let hint = if roomy { advice::forgets() } else { advice::window(exam) };
        return Found::fail(reason).hint(hint).of(&said);
    }
    judge(exam, window, tokens).unwrap_or_else(|| exam.good(&said, seen(window, tokens))).of(&said)
}

fn left_out(exam: &Exam<'_>) -> Option<Found> {
    match (exam.wanted.context_tokens, exam.is_local()) {
        (Some(0), _) => Some(Found::skipped("not wanted")),
        (None, false) => Some(Found::skipped("reading a long prompt in the cloud costs money")),
        _ => None,
    }
}

/// The window may be as large as it says, and still be too small for the work.
fn judge(exam: &Exam<'_>, window: Option<u64>, tokens: u64) -> Option<Found> {
    let window = window.filter(|window| exam.is_agent() && *window < ROOMY_WINDOW)?;
    let seen = seen(Some(window), tokens);
    Some(match longest_result(window).filter(|_| window >= LEAST_WINDOW) {
        Some(longest) => {
            let why = format!(
                "{seen}: Claude Code takes {OWN_PROMPT} of it for itself, and works while no result of a tool is longer than {longest}"
            );
            Found::new(Verdict::Limited, why).hint(advice::small_window(exam))
        }
        None => {
            let why = format!("{seen}: Claude Code needs {LEAST_WINDOW} at least, {OWN_PROMPT} of them for itself");
            Found::fail(why).hint(advice::window(exam))
        }
    })
}

fn seen(window: Option<u64>, tokens: u64) -> String {
    match window {
        Some(window) => format!("context {window}: a word in {tokens} tokens was found"),
        None => format!("a word in {tokens} tokens was found; how large the window is nobody tells"),
    }
}

/// Our estimate of a text the model counts `tokens` of.
fn estimate_for(exam: &Exam<'_>, tokens: u64) -> u64 {
    let thousand = exam.engine.learned.calibration().tokens(exam.model, 10_000).max(1);
    tokens * 10_000 / thousand
}

/// A text of about so many tokens, the question behind it, and the word that is asked for.
fn haystack(tokens: u64) -> (String, String) {
    let secret = format!("copper-{}", fastrand::u32(1_000..10_000));
    // Later lines have longer numbers: the first guess is corrected once.
    let scaled = |lines: u64| lines * tokens / estimate_text(&(0..lines).map(line).collect::<String>()).max(1);
    let lines = scaled(scaled(512).max(3)).max(3);
    let mut text = String::from("Here is a logbook. Read it; a question follows.\n\n");
    for nth in 0..lines {
        if nth == lines / 3 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "The password of the lighthouse is \"{secret}\".");
        }
        text.push_str(&line(nth));
    }
    text.push_str("\nWhat is the password of the lighthouse? Answer with the password alone.");
    (text, secret)
}

/// Lines that differ, as those of a real text do.
fn line(nth: u64) -> String {
    const WHO: [&str; 7] =
        ["the grey heron", "a ferryman", "the baker", "an old tram", "the clerk", "a fox", "the choir"];
    const DID: [&str; 6] =
        ["counted lanterns", "crossed the bridge", "mended a net", "waited", "sang twice", "lost a key"];
    const PLACE: [&str; 5] =
        ["by the mill", "near the harbour", "behind the school", "under the arches", "at the weir"];
    let pick = |from: &[&'static str], step: u64| from[usize::try_from(nth * step % from.len() as u64).unwrap_or(0)];
    format!("Entry {nth}: {} {} {}.\n", pick(&WHO, 3), pick(&DID, 5), pick(&PLACE, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_as_long_as_wanted_and_holds_the_word_once() {
        for tokens in [300, 4_000, 28_000] {
            let (text, secret) = haystack(tokens);
            let estimated = estimate_text(&text);
            assert!(estimated.abs_diff(tokens) * 10 < tokens * 2, "{estimated} of {tokens}");
            assert_eq!(text.matches(&secret).count(), 1);
        }
    }
}
