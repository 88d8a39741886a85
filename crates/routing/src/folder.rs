//! The client's working folder, where a coding agent says it in its instructions.

use branchline_wire::hub::{Block, Content, Message, Request, Role};
use branchline_wire::text::Text;
use memchr::memmem;

/// What stands before the folder. Claude Code 2.1.329 writes "Primary working directory: ", older ones and other
/// agents "Working directory: "; Codex puts it between `<cwd>` and `</cwd>` in its first user message.
const MARKS: [&str; 2] = ["orking directory: ", "<cwd>"];
/// Longest path that is read.
const LONGEST: usize = 4096;

/// The client's working folder: from the system prompt, else from instructions in the conversation, else from the
/// first message. What a human or a tool says later is not asked.
#[must_use]
pub fn working_folder(request: &Request<'_>) -> Option<String> {
    let in_content = |content: &Content<'_>| match content {
        Content::Text(text) => in_text(text),
        Content::Blocks(blocks) => blocks.iter().filter_map(Block::text).find_map(in_text),
    };
    let instructions = |message: &&Message<'_>| message.role == Role::System;
    in_content(&request.system)
        .or_else(|| request.messages.iter().filter(instructions).find_map(|message| in_content(&message.content)))
        .or_else(|| request.messages.first().and_then(|message| in_content(&message.content)))
}

fn in_text(text: &Text<'_>) -> Option<String> {
    let escaped = text.as_escaped();
    MARKS.iter().find_map(|mark| {
        let mut found = memmem::find_iter(escaped.as_bytes(), mark.as_bytes());
        found.find_map(|at| path_at(&escaped[at + mark.len()..]))
    })
}

/// The path a text begins with; `None` where it is not a whole one, as in a sentence about the working directory.
fn path_at(escaped: &str) -> Option<String> {
    // A line ends in an escaped `\n`, and a Windows path holds escaped backslashes before an `n`.
    let line = Text::escaped(&escaped[..escaped.floor_char_boundary(LONGEST)]).decode().into_owned();
    let path = line.split(['\n', '<', '\r']).next().unwrap_or_default().trim().trim_matches(['`', '"']);
    let is_absolute = path.starts_with('/') || path.get(1..3).is_some_and(|drive| drive == ":\\" || drive == ":/");
    is_absolute.then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use branchline_wire::Protocol;
    use branchline_wire::codec::decode_request;
    use serde_json::{Value, json};

    use super::*;

    fn folder(body: &Value) -> Option<String> {
        let text = body.to_string();
        working_folder(&decode_request(Protocol::Anthropic, &text).unwrap())
    }

    #[test]
    fn the_folder_is_read_where_agents_write_it() {
        let with = |system: Value, messages: Value| {
            folder(&json!({"model": "m", "max_tokens": 9, "system": system, "messages": messages}))
        };
        let hello = json!([{"role": "user", "content": "hello"}]);
        let block = |text: &str| json!([{"type": "text", "text": "one"}, {"type": "text", "text": text}]);
        assert_eq!(
            with(block("# Env\n - Primary working directory: /srv/a b\n - Platform: linux"), hello.clone()).as_deref(),
            Some("/srv/a b")
        );
        assert_eq!(
            with(json!("<env>\nWorking directory: C:\\new\\app\nPlatform: win32"), hello.clone()).as_deref(),
            Some("C:\\new\\app")
        );
        let codex = json!([{"role": "user", "content": "<environment_context>\n  <cwd>/home/me/x</cwd>\n</environment_context>"}]);
        assert_eq!(with(json!(""), codex).as_deref(), Some("/home/me/x"));
        let inside =
            json!([{"role": "user", "content": "go"}, {"role": "system", "content": "Working directory: /srv/demo"}]);
        assert_eq!(with(json!(""), inside).as_deref(), Some("/srv/demo"));
        let twice = json!("Stay in the working directory: it is yours.\n<env>\nWorking directory: /srv/demo\n</env>");
        assert_eq!(with(twice, hello.clone()).as_deref(), Some("/srv/demo"));
        assert_eq!(with(json!("Primary working directory: `<project>`"), hello).as_deref(), None);
    }

    #[test]
    fn what_is_said_later_in_the_conversation_is_not_asked() {
        let said = json!([{"role": "user", "content": "go"}, {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "Working directory: /trusted"}]);
        assert_eq!(folder(&json!({"model": "m", "max_tokens": 9, "messages": said})), None);
    }
}
