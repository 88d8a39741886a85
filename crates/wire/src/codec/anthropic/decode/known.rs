//! Lists of tools that were read before. A client sends the same list with every request of a session, and it is half
//! of the request: a list that begins with the very bytes of a known one is that one, and where its parts stand is known.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::hub::Tool;
use crate::json::{Cursor, Json};
use crate::text::Text;

/// A session has one list, each kind of subagent one of its own.
const MOST: usize = 6;
/// Shorter lists are read as quickly as they are compared; longer ones are not worth the memory.
const WORTH: Range<usize> = 2 * 1024..512 * 1024;

static KNOWN: Mutex<VecDeque<Arc<Known>>> = Mutex::new(VecDeque::new());

#[derive(Debug)]
struct Known {
    source: Box<str>,
    tools: Box<[Spans]>,
}

/// Where the parts of a tool stand in the source of the list.
#[derive(Debug)]
struct Spans {
    raw: Option<Range<usize>>,
    name: Option<Range<usize>>,
    description: Option<Range<usize>>,
    input_schema: Option<Range<usize>>,
    server_type: Option<Range<usize>>,
    defer_loading: bool,
    tokens: u64,
}

impl Spans {
    fn new(source: &str, tool: &Tool<'_>) -> Self {
        let text = |text: &Text<'_>| span(source, text.as_escaped());
        Self {
            raw: tool.raw.and_then(|raw| span(source, raw)),
            name: text(&tool.name),
            description: tool.description.as_ref().and_then(text),
            input_schema: tool.input_schema.as_ref().and_then(|schema| span(source, schema.as_str())),
            server_type: tool.server_type.as_ref().and_then(text),
            defer_loading: tool.defer_loading,
            tokens: tool.tokens,
        }
    }

    fn tool<'a>(&self, source: &'a str) -> Tool<'a> {
        let part = |span: &Option<Range<usize>>| span.clone().map(|span| &source[span]);
        Tool {
            name: part(&self.name).map(Text::escaped).unwrap_or_default(),
            description: part(&self.description).map(Text::escaped),
            input_schema: part(&self.input_schema).map(Json::trusted),
            server_type: part(&self.server_type).map(Text::escaped),
            defer_loading: self.defer_loading,
            raw: part(&self.raw),
            tokens: self.tokens,
        }
    }
}

/// Where `part` stands in `source`, if it borrows from it.
fn span(source: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(source.as_ptr() as usize)?;
    let span = start..start + part.len();
    source.get(span.clone()).is_some().then_some(span)
}

/// The list at the cursor, if it was read before; else the cursor stays.
pub(super) fn recall<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<Tool<'a>>> {
    let known = {
        let lists = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lists.iter().find(|known| cursor.rest().starts_with(&*known.source))?)
    };
    let source = cursor.skip(known.source.len());
    Some(known.tools.iter().map(|spans| spans.tool(source)).collect())
}

/// Keeps a list that was read whole.
pub(super) fn remember(source: &str, tools: &[Tool<'_>]) {
    if !WORTH.contains(&source.len()) {
        return;
    }
    let tools = tools.iter().map(|tool| Spans::new(source, tool)).collect();
    let known = Arc::new(Known { source: source.into(), tools });
    let mut lists = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    lists.truncate(MOST - 1);
    lists.push_front(known);
}

#[cfg(test)]
mod tests {
    use crate::codec::anthropic::decode;

    fn body(tools: &str, messages: &str) -> String {
        format!(
            r#"{{"model":"m","max_tokens":1,"tools":{tools},"messages":[{{"role":"user","content":"{messages}"}}]}}"#
        )
    }

    fn tools(last: &str) -> String {
        let tool = |n: usize| {
            format!(
                r#"{{"name":"Known{n}","description":"says \"{}\"","input_schema":{{"type":"object","properties":{{}}}}}}"#,
                "x".repeat(200)
            )
        };
        let list: Vec<String> = (0..20).map(tool).collect();
        format!(r#"[ {},{{"type":"mcp_toolset","mcp_server_name":"a"}}, {last}]"#, list.join(" ,"))
    }

    #[test]
    fn a_list_of_tools_seen_before_is_read_the_same() {
        let list = tools(r#"{"name":"Last","input_schema":{"a":1},"defer_loading":true}"#);
        let (first, second) = (body(&list, "one"), body(&list, "another, longer one"));
        let (first, second) = (decode::request(&first).unwrap(), decode::request(&second).unwrap());
        assert_eq!(first.tools.len(), 22);
        assert_eq!(first.tools, second.tools);
        assert!(second.tools[21].defer_loading && second.tools[20].server_type.is_some());
    }

    #[test]
    fn a_list_that_differs_at_its_end_is_read_anew_and_what_is_broken_behind_a_known_list_is_refused() {
        let known = body(&tools(r#"{"name":"Last","input_schema":{}}"#), "one");
        decode::request(&known).unwrap();
        let other = body(&tools(r#"{"name":"Lust","input_schema":{}}"#), "one");
        assert_eq!(decode::request(&other).unwrap().tools[21].name.as_escaped(), "Lust");
        let broken = known.replace("],\"messages\"", "]],\"messages\"");
        assert!(decode::request(&broken).is_err());
    }
}
