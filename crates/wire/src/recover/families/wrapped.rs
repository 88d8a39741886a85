//! A JSON object, or a list of them, between tags. Its end is the end of the JSON: strings may hold the tag.

use super::{At, BASE, Family};
use crate::recover::drafts::{self, Shape};
use crate::recover::step::{Found, Read, Reader};

pub(super) const ROWS: &[Family] = &[
    object("hermes", &["<tool_call>"], "</tool_call>"),
    object("longcat", &["<longcat_tool_call>"], "</longcat_tool_call>"),
    list("tool-calls", &["<tool_calls>"], "</tool_calls>"),
    list("nemotron", &["<TOOLCALL>"], "</TOOLCALL>"),
    Family { render: Some(render_command), ..list("command-a", &["<|START_ACTION|>"], "<|END_ACTION|>") },
    list("granite-3", &["<|tool_call|>"], ""),
    object("granite-20b", &["<function_call>"], "</function_call>"),
    Family {
        read: read_keyed,
        render: Some(render_keyed),
        ..list("apertus", &["<|tools_prefix|>"], "<|tools_suffix|>")
    },
    parameters("internlm", &["<|action_start|><|plugin|>", "<|action_start|> <|plugin|>"], "<|action_end|>"),
    object("gigachat", &["<|message_sep|>\n\nfunction call<|role_sep|>"], ""),
    object("lmstudio", &["[TOOL_REQUEST]"], "[END_TOOL_REQUEST]"),
    list("mistral", &["[TOOL_CALLS]"], ""),
    Family { at: At::Line, ..list("functools", &["functools"], "") },
    parameters("llama", &["<|python_tag|>"], ""),
    Family { render: Some(render_tool_use), ..object("tool-use", &["<tool-use>"], "</tool-use>") },
];

const fn object(name: &'static str, open: &'static [&'static str], close: &'static str) -> Family {
    Family { name, open, close, read, render: Some(render_object), ..BASE }
}

const fn list(name: &'static str, open: &'static [&'static str], close: &'static str) -> Family {
    Family { render: Some(render_list), ..object(name, open, close) }
}

const fn parameters(name: &'static str, open: &'static [&'static str], close: &'static str) -> Family {
    Family { render: Some(render_parameters), ..object(name, open, close) }
}

fn read(family: &Family, r: &mut Reader<'_>) -> Read<Found> {
    drafts::calls(r, family.close, Shape::Tagged).map(Found::Calls)
}

fn read_keyed(family: &Family, r: &mut Reader<'_>) -> Read<Found> {
    drafts::calls(r, family.close, Shape::Keyed).map(Found::Calls)
}

/// `{"name": …, "arguments": …}`, with the words the family has for the two.
pub(super) fn call(name: &str, arguments: &str, words: [&str; 2]) -> String {
    let name = crate::text::Text::plain(name);
    format!(r#"{{"{}": "{}", "{}": {arguments}}}"#, words[0], name.as_escaped(), words[1])
}

fn render_object(family: &Family, name: &str, arguments: &str) -> String {
    format!("{}\n{}\n{}", family.open[0], call(name, arguments, ["name", "arguments"]), family.close)
}

fn render_list(family: &Family, name: &str, arguments: &str) -> String {
    format!("{}[{}]{}", family.open[0], call(name, arguments, ["name", "arguments"]), family.close)
}

fn render_parameters(family: &Family, name: &str, arguments: &str) -> String {
    format!("{}{}{}", family.open[0], call(name, arguments, ["name", "parameters"]), family.close)
}

fn render_command(family: &Family, name: &str, arguments: &str) -> String {
    let call = call(name, arguments, ["tool_name", "parameters"]);
    format!("{}[{{\"tool_call_id\": \"0\", {}]{}", family.open[0], &call[1..], family.close)
}

fn render_keyed(family: &Family, name: &str, arguments: &str) -> String {
    let name = crate::text::Text::plain(name);
    format!("{}[{{\"{}\": {arguments}}}]{}", family.open[0], name.as_escaped(), family.close)
}

fn render_tool_use(family: &Family, name: &str, arguments: &str) -> String {
    let call = call(name, arguments, ["name", "arguments"]);
    format!("{}{{\"tool_calls\": [{call}]}}{}", family.open[0], family.close)
}
