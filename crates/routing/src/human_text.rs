//! What a human wrote in a message, told from what the client put around it.
//!
//! Coding agents wrap their own notes and the output of local commands in tags inside user
//! messages. Only the tags named here are touched; every other markup is the human's.

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// Tags whose whole content comes from the client, not from the human.
const DROPPED: &[&str] = &[
    "system-reminder",
    "command-name",
    "command-message",
    "command-contents",
    "local-command-stdout",
    "local-command-stderr",
    "local-command-caveat",
    "bash-stdout",
    "bash-stderr",
    // Codex 0.169: what it tells of the machine and the project, and what happened beside the conversation.
    "environment_context",
    "INSTRUCTIONS",
    "user_instructions",
    "user_shell_command",
    "turn_aborted",
    "subagent_notification",
];

/// Codex puts this above a project's AGENTS.md.
const PROJECT_HEADING: &str = "# AGENTS.md instructions";

/// Whether a text is nothing but what Codex puts around an attached picture.
fn is_picture_mark(text: &str) -> bool {
    text == "</image>" || (text.starts_with("<image name=") && text.ends_with("\">"))
}

/// Tags around words of the human: the tag goes, the words stay.
const UNWRAPPED: &[&str] = &["command-args", "bash-input"];

/// Removes `<system-reminder>…</system-reminder>` blocks and the wrappers of local commands.
///
/// A block takes the line break behind it along, so that a block on lines of its own leaves no
/// trace. An opening tag without its end is kept: the human is writing about the tag. Borrowed
/// when there was nothing to remove. Linear in the length of the text.
#[must_use]
pub fn strip_reminders(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept_to = 0;
    let mut at = 0;
    let mut unclosed = Unclosed::default();
    while let Some(found) = text.get(at..).and_then(|rest| memchr(b'<', rest.as_bytes())) {
        let start = at + found;
        let Some(block) = block_at(text, start, &mut unclosed) else {
            at = start + 1;
            continue;
        };
        out.push_str(&text[kept_to..start]);
        out.push_str(block.inner);
        kept_to = block.end;
        at = block.end;
    }
    if kept_to == 0 {
        return if is_picture_mark(text) { Cow::Borrowed("") } else { Cow::Borrowed(text) };
    }
    out.push_str(&text[kept_to..]);
    let left = out.trim();
    let is_heading = left.starts_with(PROJECT_HEADING) && !left.contains('\n');
    Cow::Owned(if is_heading { String::new() } else { left.to_owned() })
}

/// One wrapped block: the words to keep and where the text goes on.
struct Block<'a> {
    inner: &'a str,
    end: usize,
}

/// Tags known to have no end tag from here on. Without it a text of opening tags only would cost
/// quadratic time.
#[derive(Default)]
struct Unclosed(Vec<&'static str>);

fn block_at<'a>(text: &'a str, start: usize, unclosed: &mut Unclosed) -> Option<Block<'a>> {
    let after = text.get(start + 1..)?;
    let named = |tags: &'static [&'static str]| {
        tags.iter().copied().find(|tag| after.strip_prefix(tag).is_some_and(|rest| rest.starts_with('>')))
    };
    let dropped = named(DROPPED);
    let tag = dropped.or_else(|| named(UNWRAPPED))?;
    if unclosed.0.contains(&tag) {
        return None;
    }
    let body = &after[tag.len() + 1..];
    let close = format!("</{tag}>");
    let Some(length) = memmem::find(body.as_bytes(), close.as_bytes()) else {
        unclosed.0.push(tag);
        return None;
    };
    let mut end = start + 1 + tag.len() + 1 + length + close.len();
    if dropped.is_some() && text[end..].starts_with('\n') {
        end += 1;
    }
    let inner = if dropped.is_some() { "" } else { &body[..length] };
    Some(Block { inner, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_wrappers_is_borrowed() {
        let text = "if a < b then <b>bold</b> & <pr_description>x</pr_description>";
        assert!(matches!(strip_reminders(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn reminders_go_wherever_they_stand() {
        for text in [
            "<system-reminder>\nbe brief\n</system-reminder>\nfix it\nnow",
            "fix it\n<system-reminder>a</system-reminder>\nnow",
            "fix it\nnow\n<system-reminder>a</system-reminder><system-reminder>b</system-reminder>",
        ] {
            assert_eq!(strip_reminders(text), "fix it\nnow", "{text}");
        }
    }

    #[test]
    fn a_slash_command_keeps_its_arguments_only() {
        let text = "<command-message>review is running</command-message>\n\
                    <command-name>/review</command-name>\n\
                    <command-args>the parser, with care</command-args>";
        assert_eq!(strip_reminders(text), "the parser, with care");
    }

    #[test]
    fn output_of_a_local_command_is_not_the_humans() {
        let text = "<bash-input>ls</bash-input><bash-stdout>a\nb</bash-stdout><bash-stderr></bash-stderr>";
        assert_eq!(strip_reminders(text), "ls");
    }

    #[test]
    fn what_codex_puts_before_the_humans_words_is_not_theirs() {
        let project = "# AGENTS.md instructions for /srv/app\n\n<INSTRUCTIONS>\nBe brief.\n</INSTRUCTIONS>";
        let machine = "<environment_context>\n  <cwd>/srv/app</cwd>\n</environment_context>";
        for text in [project, machine, "<image name=[Image #1] path=\"/tmp/a.png\">", "</image>"] {
            assert_eq!(strip_reminders(text), "", "{text}");
        }
        let written = "# AGENTS.md instructions are what I ask about";
        assert_eq!(strip_reminders(written), written);
    }

    #[test]
    fn a_tag_that_never_closes_is_the_humans_own_word() {
        let text = "why does <system-reminder> appear in my log?";
        assert_eq!(strip_reminders(text), text);
    }

    #[test]
    fn a_text_of_opening_tags_only_costs_linear_time() {
        let text = "<system-reminder>".repeat(100_000);
        assert_eq!(strip_reminders(&text), text);
    }
}
