//! Tools on offer. Functions stay what they are; free-form tools and functions of a namespace become functions, so
//! that every model can call them; tools that only OpenAI runs stay behind.

use super::wrong;
use crate::codec::DecodeError;
use crate::codec::openai_chat::read::{elements, get, inside, members, text};
use crate::hub::{CallShape, Dropped, Request, Spelling, Tool};
use crate::ids;
use crate::json::Json;
use crate::text::Text;

/// Longest name most servers take.
const LONGEST_NAME: usize = 64;
/// What a function without parameters takes.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;
/// What the function of a free-form tool takes.
const FREE_TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
/// The search Anthropic runs itself, in the release every model of theirs knows.
const WEB_SEARCH: &str = "web_search_20250305";

/// Reads a list of tools at `path` into the request.
pub(super) fn read<'a>(request: &mut Request<'a>, path: &str, value: &'a str) -> Result<(), DecodeError> {
    let mut offer = Offer { request, hosted: Vec::new() };
    let list = elements(value).map_err(|_| wrong(path, "a list"))?;
    for (nth, source) in list.into_iter().enumerate() {
        offer.tool(source, &format!("{path}[{nth}]"))?;
    }
    offer.hosted();
    Ok(())
}

/// What a tool is called in the hub: functions of a namespace by both names.
pub(super) fn name_in_hub<'a>(namespace: Option<Text<'a>>, name: Text<'a>) -> Text<'a> {
    let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else { return name };
    let gap = if namespace.as_escaped().ends_with("__") { "" } else { "__" };
    let both = format!("{}{gap}{}", namespace.as_escaped(), name.as_escaped());
    // An escape must not be cut; names with any are refused by every server anyway.
    Text::escaped_owned(if both.contains('\\') { both } else { ids::shortened(both, LONGEST_NAME) })
}

struct Offer<'r, 'a> {
    request: &'r mut Request<'a>,
    /// Tools the provider runs: kind and place.
    hosted: Vec<(Text<'a>, String)>,
}

impl<'a> Offer<'_, 'a> {
    fn tool(&mut self, source: &'a str, path: &str) -> Result<(), DecodeError> {
        let found = members(source).map_err(|_| wrong(path, "an object"))?;
        let kind = get(&found, "type").and_then(text);
        let kind = kind.ok_or_else(|| DecodeError::new(format!("{path}.type"), "this field is required"))?;
        match kind.as_escaped() {
            "function" => self.function(&found, path, None)?,
            "custom" => self.free(&found, path)?,
            "tool_search" if get(&found, "execution").and_then(inside) == Some("client") => self.search(&found),
            "namespace" => {
                let namespace = required(&found, "name", path)?;
                let inner = get(&found, "tools").and_then(|tools| elements(tools).ok()).unwrap_or_default();
                for (nth, source) in inner.into_iter().enumerate() {
                    let path = format!("{path}.tools[{nth}]");
                    let found = members(source).map_err(|_| wrong(&path, "an object"))?;
                    self.function(&found, &path, Some(&namespace))?;
                }
            }
            _ => self.hosted.push((kind, path.to_owned())),
        }
        Ok(())
    }

    fn function(
        &mut self,
        found: &[(&'a str, &'a str)],
        path: &str,
        namespace: Option<&Text<'a>>,
    ) -> Result<(), DecodeError> {
        let inner = required(found, "name", path)?;
        let name = name_in_hub(namespace.cloned(), inner.clone());
        let shape = namespace.map(|namespace| CallShape::Within { namespace: namespace.clone(), name: inner });
        let description = get(found, "description").and_then(text);
        self.push(tool(name, description, get(found, "parameters").unwrap_or(NO_ARGUMENTS)), shape);
        Ok(())
    }

    /// Offers a tool, once: a search may find it again.
    fn push(&mut self, tool: Tool<'a>, shape: Option<CallShape<'a>>) {
        if self.request.tools.iter().any(|known| known.name == tool.name) {
            return;
        }
        if let Some(shape) = shape {
            self.request.spellings.push(Spelling { name: tool.name.clone(), shape });
        }
        self.request.tools.push(tool);
    }

    /// The client's own search among tools it has not offered yet.
    fn search(&mut self, found: &[(&'a str, &'a str)]) {
        let description = get(found, "description").and_then(text);
        let schema = get(found, "parameters").unwrap_or(NO_ARGUMENTS);
        self.push(tool(Text::escaped("tool_search"), description, schema), Some(CallShape::ToolSearch));
    }

    /// A tool that takes free text. What that text must be like is part of its description.
    fn free(&mut self, found: &[(&'a str, &'a str)], path: &str) -> Result<(), DecodeError> {
        let name = required(found, "name", path)?;
        let description = get(found, "description").and_then(text);
        let format = get(found, "format").and_then(|format| members(format).ok()).unwrap_or_default();
        let description = match get(&format, "definition").and_then(text) {
            Some(definition) => Some(with_grammar(description, &format, &definition)),
            None => description,
        };
        self.push(tool(name, description, FREE_TEXT), Some(CallShape::Free));
        Ok(())
    }

    /// A search that is all there is on offer is the request of a client for a search, and Anthropic runs those, too.
    /// Beside other tools it is one more thing a model may use, and stays behind.
    fn hosted(&mut self) {
        let search = self.hosted.iter().position(|(kind, _)| kind.as_escaped().starts_with("web_search"));
        if let Some(search) = search.filter(|_| self.request.tools.is_empty()) {
            self.hosted.remove(search);
            let server_type = Some(Text::escaped(WEB_SEARCH));
            let name = Text::escaped("web_search");
            self.request.tools.push(Tool { server_type, input_schema: None, ..tool(name, None, NO_ARGUMENTS) });
        }
        let lost = self.hosted.drain(..).map(|(_, path)| Dropped::new(path, "only its own provider runs this tool"));
        self.request.lost.extend(lost);
    }
}

fn required<'a>(found: &[(&'a str, &'a str)], name: &str, path: &str) -> Result<Text<'a>, DecodeError> {
    let value = get(found, name).and_then(text);
    value.ok_or_else(|| DecodeError::new(format!("{path}.{name}"), "this field is required"))
}

fn tool<'a>(name: Text<'a>, description: Option<Text<'a>>, schema: &'a str) -> Tool<'a> {
    Tool { name, description, input_schema: Some(Json::trusted(schema)), ..Tool::default() }
}

fn with_grammar<'a>(description: Option<Text<'a>>, format: &[(&'a str, &'a str)], definition: &Text<'a>) -> Text<'a> {
    let syntax = get(format, "syntax").and_then(text).unwrap_or_default();
    let mut whole = description.unwrap_or_default();
    if !whole.is_empty() {
        whole.push(&Text::escaped("\\n\\n"));
    }
    whole.push(&Text::escaped("Here it is a function: its argument `input` is that text, of this grammar ("));
    whole.push(&syntax);
    whole.push(&Text::escaped("):\\n"));
    whole.push(definition);
    whole
}
