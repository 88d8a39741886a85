//! What must never leave the user's own machines: folders, files, words. Asked of every request while such rules
//! are set, and of none while they are not.

use branchline_wire::hub::{Block, BlockKind, Content, Request, Tool};
use branchline_wire::json::{Cursor, Error, Json};
use branchline_wire::text::Text;

use crate::pattern::{Finder, PathGlob};

/// Members of a schema whose texts a model reads as they stand.
const TOLD: [&str; 6] = ["description", "title", "enum", "const", "default", "examples"];

/// The user's privacy rules, compiled.
#[derive(Clone, Debug, Default)]
pub struct NeverCloud {
    /// Why the rules are not known, in words: then nothing at all may leave.
    pub unread: Option<String>,
    /// Working folders whose requests stay here, each with its name for the log.
    pub projects: Vec<(String, PathGlob)>,
    /// Words, and paths where they are named.
    pub finder: Finder,
}

impl NeverCloud {
    /// Rules that could not be read: everything is kept back.
    #[must_use]
    pub fn unread(why: impl Into<String>) -> Self {
        Self { unread: Some(why.into()), ..Self::default() }
    }

    /// Nothing is kept back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unread.is_none() && self.projects.is_empty() && self.finder.is_empty()
    }

    /// Why requests of a working folder must stay.
    #[must_use]
    pub fn covers(&self, folder: &str) -> Option<String> {
        if self.unread.is_some() {
            return self.unread.clone();
        }
        let (name, _) = self.projects.iter().find(|(_, kept)| kept.covers(folder))?;
        Some(format!("the working folder is under {name}"))
    }

    /// Why a request must stay, in words that do not repeat what was found. `project` is the client's working folder.
    ///
    /// Everything a model would read is searched: the human's words, the history with what was thought and called in
    /// it, results of tools, attached texts, the system prompt and what is said of the tools. What stands in pictures
    /// and PDF files is not. Of tools only words count: clients name files there for an example, Claude Code `secrets/`
    /// too, and a path that was only described has given nothing away.
    #[must_use]
    pub fn find(&self, request: &Request<'_>, project: Option<&str>) -> Option<String> {
        if let Some(why) = self.unread.clone().or_else(|| project.and_then(|folder| self.covers(folder))) {
            return Some(why);
        }
        if self.finder.is_empty() {
            return None;
        }
        let newest_first = request.messages.iter().enumerate().rev();
        let in_messages = newest_first.filter_map(|(at, message)| {
            self.in_content(&message.content).map(|name| format!("{name} is found in messages[{at}]"))
        });
        let in_system = || self.in_content(&request.system).map(|name| format!("{name} is found in the system prompt"));
        let in_tools = || {
            let found = request.tools.iter().find_map(|tool| self.in_tool(tool));
            found.map(|(name, place)| format!("{name} is found in a tool's {place}"))
        };
        let in_answer = || {
            let found = request.output_schema.as_ref().and_then(|schema| self.word_in_schema(schema));
            found.map(|name| format!("{name} is found in the schema of the answer"))
        };
        { in_messages }.next().or_else(in_system).or_else(in_tools).or_else(in_answer)
    }

    /// What is found in what is said of a tool, and where.
    fn in_tool(&self, tool: &Tool<'_>) -> Option<(&str, &'static str)> {
        let description = || tool.description.as_ref().and_then(|text| self.word_in(text));
        let schema = || tool.input_schema.as_ref().and_then(|schema| self.word_in_schema(schema));
        self.word_in_name(&tool.name)
            .map(|found| (found, "name"))
            .or_else(|| description().map(|found| (found, "description")))
            .or_else(|| schema().map(|found| (found, "schema")))
    }

    /// The words of a name such as `mcp__project_falcon__search`.
    fn word_in_name(&self, name: &Text<'_>) -> Option<&str> {
        if !self.finder.may_be_in_escaped(name.as_escaped()) {
            return None;
        }
        let name = name.decode();
        self.finder.find_word(&name).or_else(|| self.finder.find_word(&name.replace('_', " ")))
    }

    fn word_in_schema(&self, schema: &Json<'_>) -> Option<&str> {
        let mut found = None;
        if self.finder.may_be_in_escaped(schema.as_str()) {
            // What is no JSON was refused when the request was read.
            let _ = self.words_told(&mut Cursor::new(schema.as_str()), false, &mut found);
        }
        found
    }

    /// Looks through a part of a schema; `told` where its strings are for the model to read.
    fn words_told<'s>(&'s self, at: &mut Cursor<'_>, told: bool, found: &mut Option<&'s str>) -> Result<(), Error> {
        match at.peek() {
            b'{' => at.object(|key, inner| self.words_told(inner, TOLD.contains(&key), found)),
            b'[' => at.array(|inner| self.words_told(inner, told, found)),
            b'"' if told && found.is_none() => {
                let text = at.string()?;
                *found = self.word_in(&text);
                Ok(())
            }
            _ => at.value().map(drop),
        }
    }

    fn in_content(&self, content: &Content<'_>) -> Option<&str> {
        match content {
            Content::Text(text) => self.in_text(text),
            Content::Blocks(blocks) => blocks.iter().find_map(|block| self.in_block(block)),
        }
    }

    fn in_block(&self, block: &Block<'_>) -> Option<&str> {
        match &block.kind {
            BlockKind::Text { text } => self.in_text(text),
            BlockKind::Thinking { thinking, .. } => self.in_text(thinking),
            BlockKind::ToolUse { name, input, .. } => {
                self.in_text(name).or_else(|| self.word_in_name(name)).or_else(|| self.in_source(input.as_str()))
            }
            BlockKind::ToolResult { content, .. } => self.in_content(content),
            BlockKind::Document { source, title } => match block.raw {
                // With its context, and whatever else is said of it.
                Some(raw) => self.in_value(raw),
                None => {
                    let in_title = title.as_ref().and_then(|title| self.in_text(title));
                    in_title.or_else(|| self.in_value(source.as_str()))
                }
            },
            BlockKind::Other { json, .. } => self.in_source(json.as_str()),
            BlockKind::Image { .. } | BlockKind::RedactedThinking { .. } => None,
        }
    }

    /// Read as a person reads it: `\u0066alcon` is "falcon".
    fn in_text(&self, text: &Text<'_>) -> Option<&str> {
        let written = text.as_escaped();
        if self.finder.may_be_in_escaped(written) { self.finder.find(&text.decode()) } else { None }
    }

    fn word_in(&self, text: &Text<'_>) -> Option<&str> {
        let written = text.as_escaped();
        if self.finder.may_be_in_escaped(written) { self.finder.find_word(&text.decode()) } else { None }
    }

    /// The strings of a JSON value, but not the data of what is no text: letters that only stand for bytes spell
    /// something by chance.
    fn in_value(&self, source: &str) -> Option<&str> {
        let mut found = None;
        let mut at = Cursor::new(source);
        // What is no JSON was refused when the request was read.
        let _ = match at.peek() {
            b'{' => {
                let mut members = Vec::new();
                let read = at.object(|key, inner| inner.value().map(|value| members.push((key, value))));
                let sealed = is_sealed(&members);
                let mut texts = members.iter().filter(|(key, _)| !sealed || *key != "data");
                found = texts.find_map(|(_, value)| self.in_value(value));
                read
            }
            b'[' => at.array(|inner| {
                let value = inner.value()?;
                found = found.or_else(|| self.in_value(value));
                Ok(())
            }),
            _ => at.string().map(|text| found = self.in_text(&text)),
        };
        found
    }

    /// The source of a JSON value is searched as one text, its strings decoded.
    fn in_source(&self, source: &str) -> Option<&str> {
        self.in_text(&Text::escaped(source))
    }
}

/// Its data is that of a picture, a PDF file or the like.
fn is_sealed(members: &[(&str, &str)]) -> bool {
    let member = |name: &str| members.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let is_text = |value: &str| Text::escaped(value.trim_matches('"')).decode().starts_with("text/");
    member("type") == Some("\"base64\"") && !member("media_type").is_some_and(is_text)
}

#[cfg(test)]
mod tests {
    use branchline_wire::Protocol;
    use branchline_wire::codec::decode_request;
    use serde_json::{Value, json};

    use super::*;

    fn rules() -> NeverCloud {
        let paths = [("never_cloud.paths[0]".to_owned(), PathGlob::new("secrets"))];
        let words = Finder::words(&["falcon".to_owned()], |at| format!("never_cloud.texts[{at}]")).unwrap();
        let projects = vec![("never_cloud.projects[0]".to_owned(), PathGlob::new("/home/me/acme"))];
        NeverCloud { projects, finder: words.and_paths(&paths).unwrap(), unread: None }
    }

    fn found(body: &Value) -> Option<String> {
        let text = body.to_string();
        rules().find(&decode_request(Protocol::Anthropic, &text).unwrap(), None)
    }

    fn with(content: Value) -> Value {
        json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": content}]})
    }

    #[test]
    fn a_secret_is_found_wherever_a_model_would_read_it() {
        let result = |content: Value| json!([{"type": "tool_result", "tool_use_id": "t", "content": content}]);
        for content in [
            json!("about Falcon"),
            json!([{"type": "text", "text": "falcon"}]),
            result(json!("cat: the falcon file")),
            result(json!([{"type": "text", "text": "FALCON"}])),
            json!([{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "grep -r falcon ."}}]),
            json!([{"type": "tool_use", "id": "t", "name": "Read", "input": {"file_path": "/srv/secrets/key"}}]),
            json!([{"type": "thinking", "thinking": "so falcon it is", "signature": ""}]),
            json!([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "falcon"}}]),
            json!([{"type": "something_new", "inside": {"deep": "falcon"}}]),
        ] {
            let why = found(&with(content.clone())).unwrap_or_else(|| panic!("{content}"));
            assert!(why.contains("messages[1]") && !why.to_lowercase().contains("falcon"), "{why}");
        }
        let mut system = with(json!("hello"));
        system["system"] = json!([{"type": "text", "text": "Notes: falcon"}]);
        assert!(found(&system).unwrap().contains("system prompt"));
        let mut tool = with(json!("hello"));
        tool["tools"] = json!([{"name": "t", "description": "asks falcon", "input_schema": {"type": "object"}}]);
        assert!(found(&tool).unwrap().contains("tool's description"));
        tool["tools"][0]["description"] = json!("reads a file, like secrets/key or /srv/secrets/key");
        assert_eq!(found(&tool), None);
        tool["messages"][0]["content"] = json!("read secrets/key");
        assert!(found(&tool).unwrap().contains("messages[0]"));
    }

    #[test]
    fn what_is_said_of_tools_is_searched_for_words() {
        let tool = |name: &str, schema: Value| {
            let mut body = with(json!("hello"));
            body["tools"] = json!([{"name": "ok", "input_schema": {"type": "object"}},
                {"name": name, "description": "asks", "input_schema": schema}]);
            found(&body)
        };
        let property = |property: Value| json!({"type": "object", "properties": {"p": property}});
        for schema in [
            property(json!({"type": "string", "description": "a file of falcon"})),
            property(json!({"type": "string", "enum": ["eagle", "Falcon"]})),
            property(json!({"anyOf": [{"title": "The falcon team"}]})),
            json!({"type": "object", "title": "falcon", "properties": {}}),
        ] {
            assert!(tool("t", schema.clone()).unwrap().contains("tool's schema"), "{schema}");
        }
        for name in ["falcon", "mcp__falcon__search", "ask_falcon"] {
            assert!(tool(name, json!({"type": "object"})).unwrap().contains("tool's name"), "{name}");
        }
        let described = property(json!({"type": "string", "description": "a path such as secrets/key"}));
        assert_eq!(tool("t", described), None, "paths of descriptions are examples");
        assert_eq!(tool("t", json!({"type": "object", "properties": {"falcons": {"pattern": "falcon"}}})), None);
        let mut answer = with(json!("hello"));
        let schema = property(json!({"type": "string", "description": "of the falcon"}));
        answer["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
        assert!(found(&answer).unwrap().contains("schema of the answer"));
    }

    #[test]
    fn of_a_document_everything_that_is_text_is_searched() {
        let document = |source: Value, more: (&str, &str)| {
            let mut block = json!({"type": "document", "source": source});
            block[more.0] = more.1.into();
            found(&with(json!([block])))
        };
        let pdf = |data: &str| json!({"type": "base64", "media_type": "application/pdf", "data": data});
        for more in [("context", "about the falcon"), ("title", "Falcon"), ("context", "from /srv/secrets/key")] {
            assert!(document(pdf("JVBERi0"), more).unwrap().contains("messages[1]"), "{more:?}");
        }
        assert_eq!(document(pdf("falcon/falcon"), ("title", "a plan")), None, "letters of a file spell it by chance");
        let picture =
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "falcon"}});
        let inside = |block: Value| json!({"type": "content", "content": [block]});
        assert_eq!(document(inside(picture), ("title", "a plan")), None);
        let text = json!({"type": "text", "text": "the falcon"});
        assert!(document(inside(text), ("title", "a plan")).is_some());
        let plain = json!({"type": "base64", "media_type": "text/plain", "data": "falcon"});
        assert!(document(plain, ("title", "a plan")).is_some());
    }

    #[test]
    fn an_escape_hides_nothing() {
        let body = r#"{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"the \u0066alcon\nfile"}]}"#;
        let request = decode_request(Protocol::Anthropic, body).unwrap();
        assert!(rules().find(&request, None).is_some());
    }

    #[test]
    fn what_is_written_with_escapes_around_it_is_found() {
        for content in [r"a\nfalcon\tb", r#"\"falcon\""#, r"see \/srv\/secrets\/key", "f\\u0061lcon", r"\u00e4 falcon"]
        {
            let body =
                format!(r#"{{"model":"auto","max_tokens":9,"messages":[{{"role":"user","content":"{content}"}}]}}"#);
            let request = decode_request(Protocol::Anthropic, &body).unwrap();
            assert!(rules().find(&request, None).is_some(), "{content}");
        }
    }

    #[test]
    fn the_data_of_a_picture_is_no_text() {
        let picture = json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "falcon/falcon"}}]);
        assert_eq!(found(&with(picture)), None);
        assert_eq!(found(&with(json!("nothing of the kind"))), None);
    }

    #[test]
    fn rules_that_could_not_be_read_keep_everything_back() {
        let unread = NeverCloud::unread("line 3 of the settings cannot be read");
        let text = with(json!("hello")).to_string();
        let request = decode_request(Protocol::Anthropic, &text).unwrap();
        assert!(!unread.is_empty());
        for why in [unread.find(&request, None), unread.find(&request, Some("/x")), unread.covers("/x")] {
            assert_eq!(why.as_deref(), Some("line 3 of the settings cannot be read"));
        }
    }

    #[test]
    fn the_working_folder_counts_by_itself() {
        let text = with(json!("hello")).to_string();
        let request = decode_request(Protocol::Anthropic, &text).unwrap();
        assert!(rules().find(&request, Some("/home/me/acme/src")).unwrap().contains("projects[0]"));
        assert_eq!(rules().find(&request, Some("/home/me/other")), None);
    }
}
