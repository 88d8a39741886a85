//! Tools on offer, and which of them must be called.

use super::lost;
use crate::Dialect;
use crate::hub::{Dropped, Request, Tool, ToolChoice, ToolChoiceMode};
use crate::protocol::ToolChoiceSupport;
use crate::schema;

/// Claude Code announces tools to be fetched later with a tool of this name; it must never be called.
const PLACEHOLDER: &str = "DeferredToolPlaceholder";

/// What a tool without a schema takes. DeepSeek refuses absent parameters (cc-switch 3.18).
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;

/// Writes `tools`, `tool_choice` and `parallel_tool_calls`, each with a leading comma.
pub(super) fn write(request: &Request<'_>, dialect: &Dialect, out: &mut String, dropped: &mut Vec<Dropped>) {
    let start = out.len();
    out.push_str(",\"tools\":");
    if !list(&request.tools, dialect, out, dropped) {
        out.truncate(start);
        if request.tool_choice.is_some() {
            lost(dropped, "tool_choice", "no tool is offered");
        }
        return;
    }
    if let Some(choice) = &request.tool_choice {
        write_choice(choice, dialect, out, dropped);
    }
}

/// Writes the array of tools; gives whether there is any in it.
pub(in super::super) fn list(
    tools: &[Tool<'_>],
    dialect: &Dialect,
    out: &mut String,
    dropped: &mut Vec<Dropped>,
) -> bool {
    out.push('[');
    let empty = out.len();
    for (nth, tool) in tools.iter().enumerate() {
        if let Some(reason) = not_offered(tool) {
            lost(dropped, format!("tools[{nth}]"), reason);
            continue;
        }
        if out.len() > empty {
            out.push(',');
        }
        write_tool(tool, nth, dialect, out, dropped);
    }
    let any = out.len() > empty;
    out.push(']');
    any
}

fn not_offered(tool: &Tool<'_>) -> Option<&'static str> {
    if tool.server_type.is_some() {
        return Some("this tool is run by its own provider only");
    }
    (tool.defer_loading && tool.name.is(PLACEHOLDER)).then_some("announces tools that are fetched later")
}

fn write_tool(tool: &Tool<'_>, nth: usize, dialect: &Dialect, out: &mut String, dropped: &mut Vec<Dropped>) {
    out.push_str("{\"type\":\"function\",\"function\":{\"name\":\"");
    out.push_str(tool.name.as_escaped());
    out.push('"');
    if let Some(description) = &tool.description {
        out.push_str(",\"description\":\"");
        out.push_str(description.as_escaped());
        out.push('"');
    }
    out.push_str(",\"parameters\":");
    match &tool.input_schema {
        Some(json) if json.as_str() != "null" => {
            let path = || format!("tools[{nth}].input_schema");
            schema::sanitise_into(json.as_str(), dialect.schema_level, &path, dropped, out);
        }
        _ => out.push_str(NO_ARGUMENTS),
    }
    out.push_str("}}");
}

fn write_choice(choice: &ToolChoice<'_>, dialect: &Dialect, out: &mut String, dropped: &mut Vec<Dropped>) {
    match (&choice.mode, dialect.tool_choice) {
        (ToolChoiceMode::Auto, ToolChoiceSupport::None) => {}
        (_, ToolChoiceSupport::None) => lost(dropped, "tool_choice", "the backend does not read it"),
        (ToolChoiceMode::Auto, _) => out.push_str(",\"tool_choice\":\"auto\""),
        (ToolChoiceMode::None, _) => out.push_str(",\"tool_choice\":\"none\""),
        (ToolChoiceMode::Any, _) => out.push_str(",\"tool_choice\":\"required\""),
        (ToolChoiceMode::Tool(_), ToolChoiceSupport::Strings) => {
            // LM Studio takes strings only: some tool must be called, which one the model decides.
            out.push_str(",\"tool_choice\":\"required\"");
            lost(dropped, "tool_choice.name", "the backend cannot be told which tool to call");
        }
        (ToolChoiceMode::Tool(name), ToolChoiceSupport::Full) => {
            out.push_str(",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"");
            out.push_str(name.as_escaped());
            out.push_str("\"}}");
        }
    }
    if !choice.disable_parallel {
        return;
    }
    if dialect.parallel_tool_calls {
        out.push_str(",\"parallel_tool_calls\":false");
    } else {
        lost(dropped, "tool_choice.disable_parallel_tool_use", "the backend does not read it");
    }
}
