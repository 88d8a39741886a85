//! A settings file of another program, as text: what is not ours stays as it was written, comments, order and white
//! space too. Pure.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use serde_json::Value;

/// Windows' editors put it before the text; it is none of the parser's business.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why a text is none that we change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    Broken(String),
    NotText,
    NoObject,
    SectionIsNoObject(String),
    Twice(String),
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broken(why) => write!(formatter, "it is not valid JSON: {why}"),
            Self::NotText => formatter.write_str("it is not text in UTF-8"),
            Self::NoObject => formatter.write_str("it holds no object"),
            Self::SectionIsNoObject(name) => write!(formatter, "`{name}` is no object"),
            Self::Twice(name) => write!(formatter, "`{name}` stands there twice"),
        }
    }
}

/// Where a value stands: `env.NAME`, or a member of the file itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place<'p> {
    section: Option<&'p str>,
    key: &'p str,
}

impl<'p> Place<'p> {
    fn of(path: &'p str) -> Self {
        match path.split_once('.') {
            Some((section, key)) => Self { section: Some(section), key },
            None => Self { section: None, key: path },
        }
    }
}

/// A parsed file.
pub(super) struct Text {
    root: CstRootNode,
    object: CstObject,
    marked: bool,
}

impl Text {
    /// An empty text counts as an empty object: that is how Claude Code takes it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Flaw> {
        let text = std::str::from_utf8(bytes).map_err(|_| Flaw::NotText)?;
        let marked = text.starts_with(BYTE_ORDER_MARK);
        let text = text.trim_start_matches(BYTE_ORDER_MARK);
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        let root = CstRootNode::parse(text, &options()).map_err(|error| Flaw::Broken(error.to_string()))?;
        let object = root.object_value().ok_or(Flaw::NoObject)?;
        only_once(&object, None)?;
        Ok(Self { root, object, marked })
    }

    /// The value at a path.
    pub(super) fn get(&self, path: &str) -> Result<Option<Value>, Flaw> {
        let place = Place::of(path);
        let Some(object) = self.section(place.section)? else { return Ok(None) };
        Ok(object.get(place.key).and_then(|member| member.value()?.to_serde_value()))
    }

    /// Whether there is a member of this name in the file itself.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some()
    }

    /// Puts a value in: at its place where there is one, else at the end.
    pub(super) fn put(&self, path: &str, value: &Value) -> Result<(), Flaw> {
        let place = Place::of(path);
        let object = match (self.section(place.section)?, place.section) {
            (Some(object), _) => object,
            (None, Some(name)) => self.object.object_value_or_set(name),
            (None, None) => self.object.clone(),
        };
        match object.get(place.key) {
            Some(member) => member.set_value(input(value)),
            None => {
                // Nothing is there yet that shows how it is to be written.
                if object.properties().is_empty() {
                    object.ensure_multiline();
                }
                object.append(place.key, input(value));
            }
        }
        Ok(())
    }

    /// Takes a member out.
    pub(super) fn take(&self, path: &str) -> Result<(), Flaw> {
        let place = Place::of(path);
        let member = self.section(place.section)?.and_then(|object| object.get(place.key));
        member.into_iter().for_each(CstObjectProp::remove);
        Ok(())
    }

    /// Takes a section out that holds nothing any more, not even a comment.
    pub(super) fn take_if_empty(&self, section: &str) {
        let Some(member) = self.object.get(section) else { return };
        let bare = member.value().is_some_and(|value| is_bare(&value.to_string()));
        if bare {
            member.remove();
        }
    }

    /// Nothing is in it, not even a comment.
    pub(super) fn is_empty(&self) -> bool {
        is_bare(&self.root.to_string())
    }

    /// The whole as a value, for comparing.
    pub(super) fn value(&self) -> Value {
        self.root.to_serde_value().unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let text = self.root.to_string();
        if self.marked { format!("{BYTE_ORDER_MARK}{text}").into_bytes() } else { text.into_bytes() }
    }

    fn section(&self, name: Option<&str>) -> Result<Option<CstObject>, Flaw> {
        let Some(name) = name else { return Ok(Some(self.object.clone())) };
        let Some(member) = self.object.get(name) else { return Ok(None) };
        let object = member.object_value().ok_or_else(|| Flaw::SectionIsNoObject(name.to_owned()))?;
        only_once(&object, Some(name))?;
        Ok(Some(object))
    }
}

fn is_bare(text: &str) -> bool {
    text.split_whitespace().collect::<String>() == "{}"
}

/// Of two members of one name other readers take the last, the parser the first: nobody could say what a change means.
fn only_once(object: &CstObject, section: Option<&str>) -> Result<(), Flaw> {
    let mut names: Vec<String> = object.properties().iter().filter_map(CstObjectProp::decoded_name).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    twice.map_or(Ok(()), |pair| {
        Err(Flaw::Twice(section.map_or_else(|| pair[0].clone(), |section| format!("{section}.{}", pair[0]))))
    })
}

/// JSON with comments and trailing commas, nothing looser.
fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(members) => {
            CstInputValue::Object(members.iter().map(|(name, value)| (name.clone(), input(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(before: &str, changes: &[(&str, Value)]) -> String {
        let text = Text::parse(before.as_bytes()).unwrap();
        for (path, value) in changes {
            text.put(path, value).unwrap();
        }
        String::from_utf8(text.bytes()).unwrap()
    }

    fn two() -> [(&'static str, Value); 2] {
        [("env.A", json!("1")), ("env.B", json!("2"))]
    }

    #[test]
    fn an_empty_file_becomes_a_plain_object() {
        let expected = "{\n  \"env\": {\n    \"A\": \"1\",\n    \"B\": \"2\"\n  }\n}\n";
        for before in ["", "  \n", "{}\n"] {
            assert_eq!(with(before, &two()), expected);
        }
    }

    #[test]
    fn comments_order_and_indentation_of_others_stay() {
        let before = "// mine\n{\n\t\"model\": \"opus\", // why\n\t/* a */ \"env\": {\n\t\t\"FOO\": \"bar\", // last\n\t},\n\t\"hooks\": {}\n}\n";
        let after = with(before, &two());
        let expected = "// mine\n{\n\t\"model\": \"opus\", // why\n\t/* a */ \"env\": {\n\t\t\"FOO\": \"bar\", // last\n\t\t\"A\": \"1\",\n\t\t\"B\": \"2\",\n\t},\n\t\"hooks\": {}\n}\n";
        assert_eq!(after, expected);
    }

    #[test]
    fn line_ends_and_the_mark_of_windows_stay() {
        let before = "\u{feff}{\r\n    \"model\": \"opus\"\r\n}\r\n";
        let expected = "\u{feff}{\r\n    \"model\": \"opus\",\r\n    \"env\": {\r\n        \"A\": \"1\",\r\n        \"B\": \"2\"\r\n    }\r\n}\r\n";
        assert_eq!(with(before, &two()), expected);
    }

    #[test]
    fn what_was_put_in_can_be_taken_out_again() {
        // What stands in one line is written in several, and stays so.
        for (before, to_the_byte) in [
            ("{\n  \"model\": \"opus\"\n}\n", true),
            ("{\n  \"env\": {\n    \"FOO\": \"bar\" // last\n  },\n  \"b\": [1, 2]\n}", true),
            ("{ \"a\": 1 }", false),
            ("{\"a\":1,\"env\":{\"X\":\"y\"}}\n", false),
        ] {
            let text = Text::parse(before.as_bytes()).unwrap();
            let had_env = text.has("env");
            for (path, value) in two() {
                text.put(path, &value).unwrap();
            }
            let text = Text::parse(&text.bytes()).unwrap();
            for (path, _) in two() {
                text.take(path).unwrap();
            }
            if !had_env {
                text.take_if_empty("env");
            }
            let value: Value = Text::parse(before.as_bytes()).unwrap().value();
            assert_eq!(text.value(), value, "{}", text.root);
            if to_the_byte {
                assert_eq!(text.root.to_string(), before);
            }
        }
    }

    #[test]
    fn what_is_broken_or_unclear_is_refused() {
        let flaw = |text: &str| Text::parse(text.as_bytes()).and_then(|text| text.get("env.A").map(drop)).unwrap_err();
        assert!(matches!(flaw("{\"env\": {\"A\": "), Flaw::Broken(_)));
        assert!(matches!(flaw("{\"a\": 1"), Flaw::Broken(_)));
        assert!(matches!(flaw("{\"a\": 1} {"), Flaw::Broken(_)));
        assert_eq!(flaw("[]"), Flaw::NoObject);
        assert_eq!(flaw("{\"env\": []}"), Flaw::SectionIsNoObject("env".into()));
        assert_eq!(flaw("{\"env\": {}, \"env\": {}}"), Flaw::Twice("env".into()));
        assert_eq!(flaw("{\"env\": {\"A\": \"1\", \"\\u0041\": \"2\"}}"), Flaw::Twice("env.A".into()));
        assert_eq!(Text::parse(&[b'{', 0xff, b'}']).err(), Some(Flaw::NotText));
    }
}
