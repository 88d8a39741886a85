//! The tools of a request, as recovery needs them.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::hub;
use crate::json::Json;
use crate::schema;

/// Names and schemas.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools<'t>(Vec<Tool<'t>>);

/// One tool.
#[derive(Clone, Debug)]
pub(super) struct Tool<'t> {
    /// Name as the client gave it.
    pub(super) name: Cow<'t, str>,
    schema: Option<&'t str>,
}

impl Tool<'_> {
    /// Its schema; `Null` where it has none.
    pub(super) fn schema(&self) -> Arc<Value> {
        self.schema.map(schema::value).unwrap_or_default()
    }
}

impl<'t> Tools<'t> {
    pub(super) fn new(tools: &'t [hub::Tool<'_>]) -> Self {
        let tools = tools
            .iter()
            .filter(|tool| is_the_clients(tool))
            .map(|tool| Tool { name: tool.name.decode(), schema: tool.input_schema.as_ref().map(Json::as_str) });
        Self(tools.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tool that is meant: the exact name, else whatever the case, else without what models put around names.
    pub(super) fn find(&self, written: &str) -> Option<&Tool<'t>> {
        self.exactly(written).or_else(|| self.exactly(stripped(written)))
    }

    fn exactly(&self, name: &str) -> Option<&Tool<'t>> {
        let exact = self.0.iter().find(|tool| tool.name == name);
        exact.or_else(|| self.0.iter().find(|tool| tool.name.eq_ignore_ascii_case(name)))
    }

    /// Whether some name begins like this.
    pub(super) fn begins(&self, written: &str) -> bool {
        self.0.iter().any(|tool| tool.name.starts_with(written))
    }

    /// The tool whose name stands at the beginning of `text`; the longest where there are several.
    pub(super) fn leading(&self, text: &str) -> Option<&str> {
        let names = self.0.iter().map(|tool| &*tool.name);
        names.filter(|name| !name.is_empty() && text.starts_with(name)).max_by_key(|name| name.len())
    }
}

/// Tools the server runs are not for the client to call; those of Anthropic's client tools come without a schema.
fn is_the_clients(tool: &hub::Tool<'_>) -> bool {
    const CLIENT_RUN: [&str; 4] = ["bash_", "text_editor_", "computer_", "memory_"];
    match &tool.server_type {
        Some(kind) if tool.input_schema.is_none() => CLIENT_RUN.iter().any(|run| kind.as_escaped().starts_with(run)),
        _ => true,
    }
}

fn stripped(name: &str) -> &str {
    let name = ["functions.", "default_api:", "default_api."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    match name.rsplit_once(':') {
        Some((name, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    #[test]
    fn a_name_is_found_exactly_then_by_case_then_without_its_surroundings() {
        let tool = |name: &'static str| hub::Tool { name: Text::escaped(name), ..hub::Tool::default() };
        let mut search = tool("web_search");
        search.server_type = Some(Text::escaped("web_search_20250305"));
        let offered = [tool("Read"), tool("read"), search];
        let tools = Tools::new(&offered);
        let found = |name| tools.find(name).map(|tool| &*tool.name);
        for (written, meant) in [
            ("read", Some("read")),
            ("READ", Some("Read")),
            ("functions.Read:0", Some("Read")),
            ("default_api:read", Some("read")),
            ("default_api.READ", Some("Read")),
            ("Read:x", None),
            ("Rea", None),
            ("web_search", None),
        ] {
            assert_eq!(found(written), meant, "{written}");
        }
    }
}
