//! Arguments as the client's tool expects them: one JSON object, its types mended only where nothing is lost.

use std::borrow::Cow;

use serde_json::Value as Schema;

use super::step::{Arguments, Value};
use crate::json::{Cursor, Error, Json};
use crate::repair::{self, repair_json};
use crate::text::{Text, escape_into};

/// The arguments as a JSON object, and whether a type was changed.
pub(super) fn settle(arguments: &Arguments, schema: &Schema) -> (String, bool) {
    let object = match arguments {
        Arguments::Json(json) => json.clone(),
        Arguments::Pairs(pairs) => join(pairs, schema),
    };
    match fit(&object, schema) {
        Cow::Borrowed(_) => (paired(object), false),
        Cow::Owned(fitted) => (paired(fitted), true),
    }
}

/// Half of a surrogate pair is no character. Our cursor lets it through, the parsers of many servers refuse the whole
/// history it comes back in: it becomes U+FFFD.
pub(super) fn paired(json: String) -> String {
    let is_half = |at: usize| json[at + 2..].starts_with(['d', 'D']);
    if !json.match_indices("\\u").any(|(at, _)| is_half(at)) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (kept, used) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => (true, 12),
            (Some(0xd800..0xe000), _) => (false, 6),
            (Some(_), _) => (true, 6),
            (None, _) => (true, 2),
        };
        rest = escape;
        let Some((one, behind)) = escape.split_at_checked(used) else { break };
        out.push_str(if kept { one } else { "\u{fffd}" });
        rest = behind;
    }
    out + rest
}

/// The number of a `\uXXXX` at the beginning.
fn unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

fn join(pairs: &[(String, Value)], schema: &Schema) -> String {
    let mut out = String::from("{");
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        quote(key, &mut out);
        out.push(':');
        match value {
            Value::Text(text) => quote(text, &mut out),
            Value::Json(json) => out.push_str(json),
            Value::Raw(raw) => out.push_str(&read_raw(raw, &schema["properties"][key])),
        }
    }
    out.push('}');
    out
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    escape_into(text, out);
    out.push('"');
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(text, &mut out);
    out
}

/// A value written without quotes, as the schema says: strings stay as they are, others are read as
/// JSON, then as Python; what is neither is a string.
fn read_raw(raw: &str, schema: &Schema) -> String {
    let text = raw.strip_prefix("\r\n").or_else(|| raw.strip_prefix('\n')).unwrap_or(raw);
    let text = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text);
    let types = Types::of(schema);
    if types.has(Types::STRING) {
        return quoted(text);
    }
    if let Ok(json) = Json::check(text) {
        return json.as_str().to_owned();
    }
    let python = if types.is_known() { repair_json(&format!("{} ", text.trim())) } else { None };
    python.or_else(|| whole(text).filter(|_| types.is_known())).unwrap_or_else(|| quoted(text))
}

/// A word such as `True`, which needs something behind it to be read.
fn whole(text: &str) -> Option<String> {
    match repair::read(&format!("{text} ")) {
        repair::Lax::Done { json, used, .. } if used >= text.trim_end().len() => Some(json),
        _ => None,
    }
}

/// Which types a schema allows; none known: all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Types(u8);

impl Types {
    const STRING: u8 = 1;
    const NUMBER: u8 = 2;
    const INTEGER: u8 = 4;
    const BOOLEAN: u8 = 8;
    const NULL: u8 = 16;
    const ARRAY: u8 = 32;
    const OBJECT: u8 = 64;

    fn of(schema: &Schema) -> Self {
        match &schema["type"] {
            Schema::String(name) => return Self(Self::named(name)),
            Schema::Array(names) => {
                return Self(names.iter().filter_map(Schema::as_str).map(Self::named).fold(0, |all, one| all | one));
            }
            _ => {}
        }
        if let Some(values) = schema["enum"].as_array() {
            return Self(values.iter().map(Self::of_value).fold(0, |all, one| all | one));
        }
        let choices = ["anyOf", "oneOf"].iter().find_map(|key| schema[key].as_array());
        let types: Vec<_> = choices.into_iter().flatten().map(Self::of).collect();
        // One choice that nothing is known of may be anything.
        if types.iter().all(|types| types.is_known()) {
            Self(types.iter().fold(0, |all, one| all | one.0))
        } else {
            Self(0)
        }
    }

    fn named(name: &str) -> u8 {
        match name {
            "string" => Self::STRING,
            "number" => Self::NUMBER,
            "integer" => Self::INTEGER,
            "boolean" => Self::BOOLEAN,
            "null" => Self::NULL,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => 0,
        }
    }

    const fn of_value(value: &Schema) -> u8 {
        match value {
            Schema::Null => Self::NULL,
            Schema::Bool(_) => Self::BOOLEAN,
            Schema::Number(_) => Self::NUMBER,
            Schema::String(_) => Self::STRING,
            Schema::Array(_) => Self::ARRAY,
            Schema::Object(_) => Self::OBJECT,
        }
    }

    const fn is_known(self) -> bool {
        self.0 != 0
    }

    const fn has(self, one: u8) -> bool {
        self.0 & one != 0
    }
}

/// Whether a string needs no other type here.
pub(super) fn allows_text(schema: &Schema) -> bool {
    let types = Types::of(schema);
    !types.is_known() || types.has(Types::STRING)
}

/// The value with its types as the schema wants them, borrowed when it was right already.
pub(super) fn fit<'j>(json: &'j str, schema: &Schema) -> Cow<'j, str> {
    let types = Types::of(schema);
    match json.as_bytes().first() {
        Some(b'{') => members(json, schema).unwrap_or(Cow::Borrowed(json)),
        Some(b'[') => elements(json, &schema["items"]).unwrap_or(Cow::Borrowed(json)),
        Some(b'"') if types.is_known() && !types.has(Types::STRING) => from_string(json, types, schema),
        // 5 -> "5" where nothing but a string is allowed.
        Some(b't' | b'f' | b'-' | b'0'..=b'9') if types.0 & !Types::NULL == Types::STRING => {
            Cow::Owned(format!("\"{json}\""))
        }
        _ => Cow::Borrowed(json),
    }
}

fn from_string<'j>(json: &'j str, types: Types, schema: &Schema) -> Cow<'j, str> {
    let text = Text::escaped(&json[1..json.len() - 1]).decode().into_owned();
    let text = text.trim();
    let kind = match text.as_bytes().first() {
        Some(b'{') => Types::OBJECT,
        Some(b'[') => Types::ARRAY,
        Some(b'-' | b'0'..=b'9') if text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) => Types::NUMBER,
        Some(b'-' | b'0'..=b'9') => Types::NUMBER | Types::INTEGER,
        _ => match text {
            "true" | "false" | "True" | "False" => Types::BOOLEAN,
            "null" | "None" => Types::NULL,
            _ => 0,
        },
    };
    let meant = if types.has(kind) { whole(text) } else { None };
    meant.map_or(Cow::Borrowed(json), |meant| Cow::Owned(fit(&meant, schema).into_owned()))
}

fn members<'j>(json: &'j str, schema: &Schema) -> Result<Cow<'j, str>, Error> {
    let mut out = String::from("{");
    let mut changed = false;
    Cursor::new(json).object(|key, inner| {
        let value = inner.value()?;
        let name = Text::escaped(key);
        let fitted = fit(value, &schema["properties"][&*name.decode()]);
        changed |= matches!(fitted, Cow::Owned(_));
        if out.len() > 1 {
            out.push(',');
        }
        out.push('"');
        out.push_str(key);
        out.push_str("\":");
        out.push_str(&fitted);
        Ok(())
    })?;
    out.push('}');
    Ok(if changed { Cow::Owned(out) } else { Cow::Borrowed(json) })
}

fn elements<'j>(json: &'j str, schema: &Schema) -> Result<Cow<'j, str>, Error> {
    let mut out = String::from("[");
    let mut changed = false;
    Cursor::new(json).array(|inner| {
        let fitted = fit(inner.value()?, schema);
        changed |= matches!(fitted, Cow::Owned(_));
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&fitted);
        Ok(())
    })?;
    out.push(']');
    Ok(if changed { Cow::Owned(out) } else { Cow::Borrowed(json) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        json!({"type": "object", "properties": {
            "s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"},
            "l": {"type": "array", "items": {"type": "integer"}}, "o": {"type": "object", "properties": {"i": {"type": "integer"}}},
            "m": {"type": ["string", "null"]}, "u": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "e": {"enum": ["a", "b"]}, "r": {"$ref": "#/x"}
        }})
    }

    #[test]
    fn types_change_only_where_nothing_is_lost() {
        for (written, settled) in [
            (r#"{"i":"5"}"#, r#"{"i":5}"#),
            (r#"{"i":"-5"}"#, r#"{"i":-5}"#),
            (r#"{"n":"5.5"}"#, r#"{"n":5.5}"#),
            (r#"{"b":"true"}"#, r#"{"b":true}"#),
            (r#"{"b":"False"}"#, r#"{"b":false}"#),
            (r#"{"s":5}"#, r#"{"s":"5"}"#),
            (r#"{"s":true}"#, r#"{"s":"true"}"#),
            (r#"{"l":"[1, \"2\"]"}"#, r#"{"l":[1,2]}"#),
            (r#"{"o":{"i":"7"}}"#, r#"{"o":{"i":7}}"#),
            (r#"{"o":"{\"i\":7}"}"#, r#"{"o":{"i":7}}"#),
            (r#"{"u":"null"}"#, r#"{"u":null}"#),
            (r#"{"e":5}"#, r#"{"e":"5"}"#),
        ] {
            assert_eq!(
                settle(&Arguments::Json(written.to_owned()), &schema()),
                (settled.to_owned(), true),
                "{written}"
            );
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        for (written, kept) in [
            (r#"{"s":"\ud83d/a"}"#, "{\"s\":\"\u{fffd}/a\"}"),
            (r#"{"s":"\uDE00\ud83d\ude00\ud83d"}"#, "{\"s\":\"\u{fffd}\\ud83d\\ude00\u{fffd}\"}"),
            (r#"{"s":"\\ud83d \u00e4\n"}"#, r#"{"s":"\\ud83d \u00e4\n"}"#),
        ] {
            let settled = settle(&Arguments::Json(written.to_owned()), &schema()).0;
            assert_eq!(settled, kept);
            assert!(serde_json::from_str::<Schema>(&settled).is_ok(), "{settled}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_as_it_was_written() {
        for written in [
            r#"{"i":"five"}"#,
            r#"{"i":"5.5"}"#,
            r#"{"i":"05"}"#,
            r#"{"b":"yes"}"#,
            r#"{"b":1}"#,
            r#"{"s":{"a":1}}"#,
            r#"{"s":null}"#,
            r#"{"l":"1,2"}"#,
            r#"{"r":"5","unknown":"6"}"#,
        ] {
            assert_eq!(
                settle(&Arguments::Json(written.to_owned()), &schema()),
                (written.to_owned(), false),
                "{written}"
            );
        }
    }

    #[test]
    fn raw_values_are_read_as_the_schema_says() {
        for (key, raw, read) in [
            ("s", "\n5\n", r#""5""#),
            ("s", "\n\nx\n\n", r#""\nx\n""#),
            ("s", "True", r#""True""#),
            ("i", "\n5\n", "5"),
            ("b", "True", "true"),
            ("u", "None", "null"),
            ("l", "[1, 2]", "[1, 2]"),
            ("l", "['a']", r#"["a"]"#),
            ("o", "{'i': 1}", r#"{"i":1}"#),
            ("i", "five", r#""five""#),
            ("m", "null", r#""null""#),
            ("unknown", "5", "5"),
            ("unknown", "True", r#""True""#),
            ("unknown", "some text", r#""some text""#),
        ] {
            assert_eq!(read_raw(raw, &schema()["properties"][key]), read, "{key} {raw:?}");
        }
    }
}
