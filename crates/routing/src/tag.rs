//! `<branchline:cloud>` in a prompt or in a subagent's definition: a named route in the text itself.
//!
//! What a tag says is for us. It is cut out of the body before anything else reads it, out of the whole history each
//! time, so that no model sees it and every request of a conversation begins with the same bytes.

use std::ops::Range;
use std::sync::LazyLock;

use branchline_wire::hub::{Block, Content, Request, Role};
use branchline_wire::text::Text;
use memchr::memmem;

use crate::turn::human_of_turn;
use crate::{Catalog, Target};

const WORD: &[u8] = b"branchline:";
/// Every body is searched.
static FINDER: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new(WORD));
/// Longest route a tag may name.
const LONGEST: usize = 200;

/// Tags of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// The route of the human's words in this turn, else that of the system prompt.
    pub route: Option<Target>,
    /// What to cut out of the body, in order, in bytes.
    pub cuts: Vec<Range<usize>>,
}

/// Whether a body may hold a tag at all. Nearly none does, and no other step is needed then.
#[must_use]
pub fn may_hold(body: &[u8]) -> bool {
    FINDER.find(body).is_some()
}

/// Finds the tags of a request that was decoded from `body`. A tag that names no route is text somebody pasted.
#[must_use]
pub fn find(request: &Request<'_>, body: &str, catalog: &Catalog) -> Tags {
    let routes = |text: &str| {
        let found = tags(text).into_iter().map(|(_, route)| route);
        found.filter_map(|route| Target::from_route(&route, catalog).ok()).next()
    };
    let human = human_of_turn(&request.messages).map(|(_, human)| human).unwrap_or_default();
    let system = || texts(&request.system).find_map(|text| routes(text.as_escaped()));
    let route = routes(&human).or_else(system);
    let instructed = request.messages.iter().filter(|message| message.role != Role::Assistant);
    let all = texts(&request.system).chain(instructed.flat_map(|message| texts(&message.content)));
    let mut cuts: Vec<Range<usize>> = all.flat_map(|text| cuts(text.as_escaped(), body, catalog)).collect();
    cuts.sort_by_key(|cut| cut.start);
    Tags { route, cuts }
}

fn texts<'r, 'a>(content: &'r Content<'a>) -> Box<dyn Iterator<Item = &'r Text<'a>> + 'r> {
    match content {
        Content::Text(text) => Box::new(std::iter::once(text)),
        Content::Blocks(blocks) => Box::new(blocks.iter().filter_map(Block::text)),
    }
}

/// The places of a text's tags in the body it was read from.
fn cuts(text: &str, body: &str, catalog: &Catalog) -> Vec<Range<usize>> {
    let Some(offset) = (text.as_ptr() as usize).checked_sub(body.as_ptr() as usize) else { return Vec::new() };
    if offset + text.len() > body.len() {
        return Vec::new();
    }
    let found = tags(text).into_iter().filter(|(_, route)| Target::from_route(route, catalog).is_ok());
    let cuts: Vec<Range<usize>> = found.map(|(place, _)| place).collect();
    if cuts.is_empty() {
        return cuts;
    }
    // A text of nothing else would be blank without it, and a blank text is refused by servers.
    let (mut left, mut from) = (String::new(), 0);
    for cut in &cuts {
        left.push_str(&text[from..cut.start]);
        from = cut.end;
    }
    left.push_str(&text[from..]);
    if Text::escaped(&left).is_blank() {
        return Vec::new();
    }
    cuts.into_iter().map(|cut| cut.start + offset..cut.end + offset).collect()
}

/// Tags in a text, escaped or not, with their places. The white space behind one goes with it.
fn tags(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    for at in FINDER.find_iter(text.as_bytes()) {
        let (before, after) = (&text[..at], &text[at + WORD.len()..]);
        let Some(open) = ["<", r"\u003c", r"\u003C"].into_iter().find(|open| before.ends_with(open)) else { continue };
        let ends = [">", r"\u003e", r"\u003E"].into_iter().filter_map(|close| Some((after.find(close)?, close)));
        let Some((length, close)) = ends.min_by_key(|(length, _)| *length) else { continue };
        let route = after[..length].trim_end_matches('/');
        if length > LONGEST || route.is_empty() || route.contains(|c: char| c.is_whitespace() || "<\\\"".contains(c)) {
            continue;
        }
        let end = at + WORD.len() + length + close.len();
        let space = [" ", "\n", "\\n"].into_iter().find(|space| text[end..].starts_with(space)).map_or(0, str::len);
        found.push((at - open.len()..end + space, route.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use branchline_wire::Protocol;
    use branchline_wire::codec::decode_request;
    use serde_json::{Value, json};

    use super::*;
    use crate::ModelRef;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        catalog.backends.insert("lmstudio".into(), true);
        catalog
    }

    fn cleaned(body: &str) -> (Option<Target>, String) {
        let tags = find(&decode_request(Protocol::Anthropic, body).unwrap(), body, &catalog());
        let mut clean = body.to_owned();
        tags.cuts.iter().rev().for_each(|cut| clean.replace_range(cut.clone(), ""));
        (tags.route, clean)
    }

    fn body(messages: &Value) -> String {
        json!({"model": "auto", "max_tokens": 9, "messages": messages}).to_string()
    }

    #[test]
    fn the_tag_of_the_turn_decides_and_every_tag_goes() {
        let said = body(&json!([
            {"role": "user", "content": "<branchline:cloud> first"},
            {"role": "assistant", "content": "you wrote <branchline:cloud>"},
            {"role": "user", "content": [{"type": "text", "text": "then <branchline:lmstudio:a/b>\nthis", "cache_control": {"type": "ephemeral"}}]},
        ]));
        let (route, clean) = cleaned(&said);
        assert_eq!(route, Some(Target::Model(ModelRef::new("lmstudio", "a/b"))));
        let wanted = body(&json!([
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "you wrote <branchline:cloud>"},
            {"role": "user", "content": [{"type": "text", "text": "then this", "cache_control": {"type": "ephemeral"}}]},
        ]));
        assert_eq!(clean, wanted);
    }

    #[test]
    fn a_subagents_definition_may_hold_one_and_the_humans_own_is_stronger() {
        let with = |text: &str| {
            json!({"model": "auto", "max_tokens": 9, "system": [{"type": "text", "text": "You review. <branchline:think/>"}],
                "messages": [{"role": "user", "content": text}]}).to_string()
        };
        assert_eq!(cleaned(&with("go")).0, Some(Target::Role(crate::Role::Think)));
        assert_eq!(cleaned(&with("<branchline:local> go")).0, Some(Target::Local));
        assert!(!cleaned(&with("go")).1.contains("branchline"));
    }

    #[test]
    fn what_names_no_route_or_stands_alone_or_comes_from_a_tool_stays() {
        for content in [
            json!("<branchline:moon> say hello"),
            json!("see branchline:cloud and <branchline:>"),
            json!([{"type": "tool_result", "tool_use_id": "t", "content": "<branchline:cloud>"}]),
        ] {
            let said = body(&json!([{"role": "user", "content": content}]));
            assert_eq!(cleaned(&said), (None, said.clone()));
        }
        for alone in ["<branchline:cloud>", " <branchline:cloud>\n\n", "<branchline:cloud> <branchline:cloud>"] {
            let said = body(&json!([{"role": "user", "content": alone}]));
            assert_eq!(cleaned(&said), (Some(Target::Cloud), said.clone()), "{alone}");
        }
    }

    #[test]
    fn a_client_that_escapes_angle_brackets_means_the_same() {
        let said = r#"{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"\u003cbranchline:cloud\u003e go"}]}"#;
        let (route, clean) = cleaned(said);
        assert_eq!(route, Some(Target::Cloud));
        assert!(clean.ends_with(r#""content":"go"}]}"#), "{clean}");
    }
}
