//! What a turn follows on, as one number: it tells the conversations of clients that name none from each other.

use branchline_wire::hub::{Block, BlockKind, Content, ImageSource, Message, Request};

/// Any odd number with many bits set.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Stands for the system prompt and the messages before the one with this index. Marks for caches and the like do not
/// count, for they move from request to request. Only within one run of the program the same.
pub(crate) fn before(request: &Request<'_>, message: usize) -> u64 {
    let past = request.messages.get(..message).unwrap_or(&request.messages[..]);
    past.iter().fold(of_content(FACTOR, &request.system), of_message)
}

fn of_message(hash: u64, message: &Message<'_>) -> u64 {
    of_content(step(hash, message.role as u64), &message.content)
}

fn of_content(hash: u64, content: &Content<'_>) -> u64 {
    match content {
        Content::Text(text) => of_text(hash, text.as_escaped()),
        Content::Blocks(blocks) => blocks.iter().fold(hash, of_block),
    }
}

fn of_block(hash: u64, block: &Block<'_>) -> u64 {
    match &block.kind {
        BlockKind::Text { text } => of_text(hash, text.as_escaped()),
        BlockKind::ToolUse { name, input, .. } => of_text(of_text(hash, name.as_escaped()), input.as_str()),
        BlockKind::ToolResult { content, .. } => of_content(hash, content),
        BlockKind::Document { source, .. } => of_text(hash, source.as_str()),
        BlockKind::Image { source } => match source {
            ImageSource::Base64 { data, .. } => of_text(hash, data.as_escaped()),
            ImageSource::Url(url) => of_text(hash, url.as_escaped()),
            ImageSource::Other(json) => of_text(hash, json.as_str()),
        },
        // Clients drop thoughts of former turns.
        BlockKind::Thinking { .. } | BlockKind::RedactedThinking { .. } | BlockKind::Other { .. } => hash,
    }
}

/// Eight bytes at a time: a long history is read for every request.
fn of_text(hash: u64, text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| step(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |last, byte| (last << 8) | u64::from(*byte));
    step(step(hash, last), text.len() as u64)
}

const fn step(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR)
}

#[cfg(test)]
mod tests {
    use branchline_wire::Protocol;
    use branchline_wire::codec::decode_request;
    use serde_json::{Value, json};

    use super::*;

    fn past(system: &str, messages: &Value, at: usize) -> u64 {
        let body = json!({"model": "m", "max_tokens": 9, "system": system, "messages": messages}).to_string();
        before(&decode_request(Protocol::Anthropic, &body).unwrap(), at)
    }

    #[test]
    fn the_same_words_after_something_else_are_told_apart() {
        let said = |first: &str, answer: &str, then: &str| {
            json!([
                {"role": "user", "content": first},
                {"role": "assistant", "content": answer},
                {"role": "user", "content": then},
            ])
        };
        let one = past("You help.", &said("a plan of twelve letters", "yes", "go"), 2);
        assert_ne!(one, past("You help!", &said("a plan of twelve letters", "yes", "go"), 2));
        assert_ne!(one, past("You help.", &said("a plan of twelve letterz", "yes", "go"), 2));
        assert_ne!(one, past("You help.", &said("a plan of twelve letters", "no", "go"), 2));
        assert_ne!(one, past("You help.", &said("a plan of twelve letters", "yes", "go"), 0));
        assert_eq!(one, past("You help.", &said("a plan of twelve letters", "yes", "something else"), 2));
    }

    #[test]
    fn marks_for_caches_make_no_difference() {
        let plain = json!([{"role": "user", "content": "hello"}, {"role": "user", "content": "go"}]);
        let block = json!({"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}});
        let marked = json!([{"role": "user", "content": [block]}, {"role": "user", "content": "go"}]);
        assert_eq!(past("s", &plain, 1), past("s", &marked, 1));
    }
}
