//! Tool schemas cut down to what a backend's grammar builder can take (lmstudio-ai/lmstudio-bug-tracker#2220).
//!
//! Level 1 copies in one pass and leaves keywords out; levels 2 and 3 (`reduce`) change the structure and go through
//! `serde_json` values. Key order is kept and the result depends on the schema alone. Names of properties are
//! never taken for keywords: a tool may well have a property called `pattern`.
//! `$schema`, `$id` and `$comment` constrain nothing; they go without being reported.

use std::borrow::Cow;

use crate::hub::Dropped;
use crate::json::{Cursor, Error};

mod memo;
mod reduce;

pub(crate) use memo::value;

/// Higher bounds of lengths are left out: grammar builders unroll them (anthropics/claude-code#82495,
/// NousResearch/hermes-agent#67349).
const BIGGEST_REPETITION: u64 = 512;

/// How often a reduced schema is reduced again, before it is taken as it is.
const MOST_PASSES: usize = 16;

const REASON: &str = "the backend's grammar builder does not take this schema keyword";

/// Removes what `level` forbids (see [`crate::Dialect::schema_level`]). `path` says in `dropped` where the schema
/// stood: `tools[3].input_schema`. Text that is no JSON object comes back as it is.
#[must_use]
pub fn sanitise<'a>(raw: &'a str, level: u8, path: &str, dropped: &mut Vec<Dropped>) -> Cow<'a, str> {
    if level == 0 {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len() + 32);
    sanitise_into(raw, level, &|| path.to_owned(), dropped, &mut out);
    if out == raw { Cow::Borrowed(raw) } else { Cow::Owned(out) }
}

/// The same, written behind `out`. `path` is asked for only when something is dropped.
pub(crate) fn sanitise_into(
    raw: &str,
    level: u8,
    path: &dyn Fn() -> String,
    dropped: &mut Vec<Dropped>,
    out: &mut String,
) {
    if level == 0 {
        return out.push_str(raw);
    }
    memo::remembered(raw, level, path, dropped, out, |dropped, out| simplify(raw, level, dropped, out));
}

/// Paths in `dropped` begin below the schema.
fn simplify(raw: &str, level: u8, dropped: &mut Vec<Dropped>, out: &mut String) {
    let start = out.len();
    pass(raw, level, &String::new, dropped, out);
    if level < 2 {
        return;
    }
    // What a reference or a union stood for may itself be in need of reducing.
    for _ in 0..MOST_PASSES {
        let before = out.split_off(start);
        pass(&before, level, &String::new, dropped, out);
        if out[start..] == before {
            return;
        }
    }
}

fn pass(raw: &str, level: u8, path: &dyn Fn() -> String, dropped: &mut Vec<Dropped>, out: &mut String) {
    let (start, noted) = (out.len(), dropped.len());
    let mut copy = Copy { out, dropped, root: path, path: Vec::new() };
    if copy.schema(&mut Cursor::new(raw)).is_err() {
        out.truncate(start);
        dropped.truncate(noted);
        return out.push_str(raw);
    }
    if level >= 2
        && let Some(reduced) = reduce::reduce(&out[start..], level, path, dropped)
    {
        out.truncate(start);
        out.push_str(&reduced);
    }
}

/// What the value of a keyword is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    /// Left out without a word.
    Silent,
    /// Left out and reported.
    Refused,
    /// Left out and reported when it is a big number.
    Bound,
    /// A schema, or a list of schemas.
    Schema,
    /// Schemas by name.
    Named,
    /// Plain data.
    Data,
}

fn keyword(key: &str) -> Keyword {
    match key {
        "$schema" | "$id" | "$comment" => Keyword::Silent,
        "pattern" | "format" | "patternProperties" | "propertyNames" | "contentEncoding" | "contentMediaType"
        | "exclusiveMinimum" | "exclusiveMaximum" => Keyword::Refused,
        "minLength" | "maxLength" | "minItems" | "maxItems" => Keyword::Bound,
        "items"
        | "prefixItems"
        | "additionalItems"
        | "additionalProperties"
        | "anyOf"
        | "oneOf"
        | "allOf"
        | "not"
        | "contains"
        | "if"
        | "then"
        | "else" => Keyword::Schema,
        "properties" | "$defs" | "definitions" | "dependentSchemas" => Keyword::Named,
        _ => Keyword::Data,
    }
}

/// Which members an object schema turned out to have.
#[derive(Default)]
struct Seen<'a> {
    kind: Option<&'a str>,
    properties: bool,
    items: bool,
    /// Something else that says what the value is: a union, a reference, a constant.
    other: bool,
    /// All values of `enum` are strings.
    strings: bool,
}

impl<'a> Seen<'a> {
    fn note(&mut self, key: &str, value: &'a str) {
        match key {
            "type" => self.kind = Some(value),
            "properties" => self.properties = true,
            "items" => self.items = true,
            "enum" => self.strings = only_strings(value),
            "anyOf" | "oneOf" | "allOf" | "$ref" | "const" | "not" | "if" => self.other = true,
            _ => {}
        }
    }

    /// The type that is meant where none is said, if there is only one it can be.
    fn missing_type(&self) -> Option<&'static str> {
        if self.kind.is_some() || self.other {
            return None;
        }
        match (self.properties, self.items, self.strings) {
            (true, false, false) => Some("object"),
            (false, true, false) => Some("array"),
            (false, false, true) => Some("string"),
            _ => None,
        }
    }
}

fn only_strings(list: &str) -> bool {
    let mut strings = true;
    let mut any = false;
    let read = Cursor::new(list).array(|inner| {
        strings &= inner.peek() == b'"';
        any = true;
        inner.value().map(drop)
    });
    read.is_ok() && any && strings
}

struct Copy<'c, 'p> {
    out: &'c mut String,
    dropped: &'c mut Vec<Dropped>,
    root: &'c dyn Fn() -> String,
    path: Vec<&'p str>,
}

impl<'p> Copy<'_, 'p> {
    /// Copies one schema: an object, or `true` / `false`.
    fn schema(&mut self, cursor: &mut Cursor<'p>) -> Result<(), Error> {
        if cursor.peek() != b'{' {
            self.out.push_str(cursor.value()?);
            return Ok(());
        }
        self.out.push('{');
        let empty = self.out.len();
        let mut seen = Seen::default();
        cursor.object(|key, inner| self.member(key, inner, empty, &mut seen))?;
        if let Some(kind) = seen.missing_type() {
            self.key("type", empty);
            self.out.push('"');
            self.out.push_str(kind);
            self.out.push('"');
        }
        if seen.kind == Some("\"object\"") && !seen.properties && !seen.other {
            self.key("properties", empty);
            self.out.push_str("{}");
        }
        self.out.push('}');
        Ok(())
    }

    fn member(&mut self, key: &'p str, inner: &mut Cursor<'p>, empty: usize, seen: &mut Seen<'p>) -> Result<(), Error> {
        let meaning = keyword(key);
        let mark = inner.mark();
        match meaning {
            Keyword::Silent => return inner.value().map(drop),
            Keyword::Refused => {
                inner.value()?;
                self.lost(key);
                return Ok(());
            }
            Keyword::Bound | Keyword::Data => {
                let value = inner.value()?;
                if meaning == Keyword::Bound && is_big(value) {
                    self.lost(key);
                    return Ok(());
                }
                self.key(key, empty);
                self.out.push_str(value);
            }
            Keyword::Schema | Keyword::Named => {
                self.key(key, empty);
                self.path.push(key);
                self.nested(meaning, inner)?;
                self.path.pop();
            }
        }
        seen.note(key, inner.since(mark));
        Ok(())
    }

    fn nested(&mut self, meaning: Keyword, inner: &mut Cursor<'p>) -> Result<(), Error> {
        match (meaning, inner.peek()) {
            (Keyword::Named, b'{') => {
                self.out.push('{');
                let empty = self.out.len();
                inner.object(|name, inner| {
                    self.key(name, empty);
                    self.path.push(name);
                    self.schema(inner)?;
                    self.path.pop();
                    Ok(())
                })?;
                self.out.push('}');
            }
            (Keyword::Schema, b'[') => {
                self.out.push('[');
                let empty = self.out.len();
                inner.array(|inner| {
                    if self.out.len() > empty {
                        self.out.push(',');
                    }
                    self.schema(inner)
                })?;
                self.out.push(']');
            }
            (Keyword::Schema, b'{') => self.schema(inner)?,
            _ => self.out.push_str(inner.value()?),
        }
        Ok(())
    }

    fn key(&mut self, key: &str, empty: usize) {
        self.out.push_str(if self.out.len() > empty { ",\"" } else { "\"" });
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn lost(&mut self, key: &str) {
        let mut path = (self.root)();
        for step in self.path.iter().copied().chain([key]) {
            path.push('.');
            path.push_str(step);
        }
        self.dropped.push(Dropped::new(path, REASON));
    }
}

fn is_big(value: &str) -> bool {
    value.parse::<u64>().map_or(true, |bound| bound > BIGGEST_REPETITION)
}

#[cfg(test)]
mod tests;
