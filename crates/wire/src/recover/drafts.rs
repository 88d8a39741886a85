//! Calls written as JSON, under the many names models give to "name" and "arguments".

use super::step::{Arguments, Draft, Read, Reader, Stuck};
use crate::json::{Cursor, Error};
use crate::repair::repair_json;
use crate::text::Text;

/// How strictly JSON must look like a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Between tags: what stands there is meant as a call.
    Tagged,
    /// `{"f": {"a": 1}}`: the name is the key.
    Keyed,
    /// Without tags: only members that calls have, and arguments must be there.
    Bare,
}

/// Reads one call or a list of calls.
pub(super) fn calls(r: &mut Reader<'_>, close: &str, shape: Shape) -> Read<Vec<Draft>> {
    if !matches!(r.peek()?, b'{' | b'[') {
        return Err(Stuck::Not);
    }
    let (start, name) = (r.at, leading_name(r.rest()));
    if shape == Shape::Bare && name.as_ref().is_some_and(|name| r.tools.find(name).is_none()) {
        return Err(Stuck::Not);
    }
    let read = r.json(close);
    r.name = match read {
        Err(Stuck::More) => name,
        // Only what was read may be told: what follows depends on how much text is here.
        _ => leading_name(&r.text[start..r.at]),
    };
    let (json, repaired) = read?;
    let drafts = self::read(&json, shape).ok().flatten().filter(|drafts| !drafts.is_empty());
    let mut drafts = drafts.ok_or(Stuck::Not)?;
    drafts.iter_mut().for_each(|draft| draft.repaired |= repaired);
    Ok(drafts)
}

/// Whether JSON that begins like this may be a call without tags.
pub(super) fn may_be_bare(text: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        r#"{"name":""#,
        r#"{"type":"function""#,
        r#"{"function":"#,
        r#"{"tool_name":""#,
        r#"{"tool_call_id":"#,
        r#"{"arguments":{"#,
    ];
    let visible = text.chars().filter(|c| !c.is_ascii_whitespace()).map(|c| if c == '\'' { '"' } else { c });
    let start: String = visible.skip_while(|c| *c == '[').take(24).collect();
    BEGINNINGS.iter().any(|beginning| start.starts_with(beginning) || beginning.starts_with(&start))
}

/// The first name in JSON that may not be complete.
fn leading_name(text: &str) -> Option<String> {
    const KEYS: [&str; 3] = ["\"name\"", "\"tool_name\"", "'name'"];
    let start = &text[..text.floor_char_boundary(300)];
    let at = KEYS.iter().filter_map(|key| Some(start.find(key)? + key.len())).min()?;
    let value = start[at..].trim_start().strip_prefix(':')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = value[1..].split_once(quote)?;
    Some(name.to_owned())
}

/// The call or calls in valid JSON; `None` when it is something else.
fn read(json: &str, shape: Shape) -> Result<Option<Vec<Draft>>, Error> {
    let mut cursor = Cursor::new(json);
    if cursor.peek() == b'{' {
        return object(json, shape);
    }
    let mut all = Some(Vec::new());
    cursor.array(|inner| {
        let one = object(inner.value()?, shape)?;
        match (&mut all, one) {
            (Some(all), Some(one)) => all.extend(one),
            _ => all = None,
        }
        Ok(())
    })?;
    Ok(all)
}

#[derive(Default)]
struct Members<'j> {
    name: Option<Text<'j>>,
    function: Option<&'j str>,
    calls: Option<&'j str>,
    arguments: Option<&'j str>,
    unknown: bool,
}

impl<'j> Members<'j> {
    fn read(json: &'j str) -> Result<Self, Error> {
        let mut members = Self::default();
        Cursor::new(json).object(|key, inner| {
            let text = inner.peek() == b'"';
            let raw = inner.value()?;
            let inside = || Text::escaped(&raw[1..raw.len() - 1]);
            match key {
                "name" | "tool_name" | "function" | "tool" if text => members.name = Some(inside()),
                "function" => members.function = Some(raw),
                "tool_calls" => members.calls = Some(raw),
                "arguments" | "parameters" | "args" | "input" => members.arguments = Some(raw),
                "id" | "tool_call_id" | "call_id" | "type" | "index" => {}
                _ => members.unknown = true,
            }
            Ok(())
        })?;
        Ok(members)
    }
}

fn object(json: &str, shape: Shape) -> Result<Option<Vec<Draft>>, Error> {
    if shape == Shape::Keyed {
        return keyed(json);
    }
    if !json.starts_with('{') {
        return Ok(None);
    }
    let mut members = Members::read(json)?;
    if let (None, Some(function)) = (&members.name, members.function.filter(|function| function.starts_with('{'))) {
        let inner = Members::read(function)?;
        let arguments = inner.arguments.or(members.arguments);
        members = Members { arguments, unknown: inner.unknown || members.unknown, ..inner };
    }
    // Members beside the known ones may be the arguments themselves: a call without them is not what was meant.
    if members.unknown && (shape == Shape::Bare || members.arguments.is_none()) {
        return Ok(None);
    }
    match (members.name, members.calls) {
        (Some(name), _) => {
            let Some((arguments, repaired)) = arguments(members.arguments, shape) else { return Ok(None) };
            let name = name.decode().into_owned();
            Ok(Some(vec![Draft { name, arguments: Arguments::Json(arguments), repaired }]))
        }
        (None, Some(calls)) => read(calls, shape),
        (None, None) => Ok(None),
    }
}

fn keyed(json: &str) -> Result<Option<Vec<Draft>>, Error> {
    let mut drafts = Vec::new();
    if !json.starts_with('{') {
        return Ok(None);
    }
    Cursor::new(json).object(|key, inner| {
        let name = Text::escaped(key).decode().into_owned();
        let found = arguments(Some(inner.value()?), Shape::Tagged);
        drafts.push(found.map(|(arguments, repaired)| Draft { name, arguments: Arguments::Json(arguments), repaired }));
        Ok(())
    })?;
    Ok(drafts.into_iter().collect())
}

/// Arguments as an object; given as a string they are read once more. What is neither is no call.
fn arguments(raw: Option<&str>, shape: Shape) -> Option<(String, bool)> {
    match raw {
        None if shape == Shape::Bare => None,
        None | Some("null" | "\"\"") => Some(("{}".to_owned(), false)),
        Some(object) if object.starts_with('{') => Some((object.to_owned(), false)),
        Some(string) if string.starts_with('"') => {
            let plain = Text::escaped(&string[1..string.len() - 1]).decode().into_owned();
            let json = repair_json(&plain).filter(|json| json.starts_with('{'))?;
            let repaired = json != plain.trim();
            Some((json, repaired))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(json: &str, shape: Shape) -> Option<(String, Arguments)> {
        let drafts = read(json, shape).unwrap()?;
        drafts.into_iter().next().map(|draft| (draft.name, draft.arguments))
    }

    #[test]
    fn every_way_to_name_the_parts_of_a_call_is_read() {
        let meant = Some(("f".to_owned(), Arguments::Json(r#"{"a":1}"#.to_owned())));
        for json in [
            r#"{"name":"f","arguments":{"a":1}}"#,
            r#"{"name":"f","parameters":{"a":1}}"#,
            r#"{"type":"function","name":"f","parameters":{"a":1}}"#,
            r#"{"type":"function","id":"1","function":{"name":"f","arguments":{"a":1}}}"#,
            r#"{"function":"f","args":{"a":1}}"#,
            r#"{"tool_call_id":"0","tool_name":"f","parameters":{"a":1}}"#,
            r#"{"name":"f","input":{"a":1}}"#,
            r#"{"name":"f","arguments":"{\"a\":1}"}"#,
            r#"{"tool_calls":[{"name":"f","arguments":{"a":1}}]}"#,
            r#"[{"name":"f","arguments":{"a":1}}]"#,
            r#"{"type":"function","function":{"name":"f"},"parameters":{"a":1}}"#,
        ] {
            assert_eq!(one(json, Shape::Tagged), meant, "{json}");
        }
        assert_eq!(one(r#"[{"f":{"a":1}}]"#, Shape::Keyed), meant);
    }

    #[test]
    fn what_only_resembles_a_call_is_none() {
        for json in [
            r#"{"name":"f"}"#,
            r#"{"name":"f","arguments":{},"age":3}"#,
            r#"{"name":"f","arguments":[1]}"#,
            r#"{"name":"f","arguments":"{\"a\":"}"#,
            r#"{"arguments":{}}"#,
            r#"[1]"#,
        ] {
            assert_eq!(one(json, Shape::Bare), None, "{json}");
        }
        assert_eq!(one(r#"{"name":"f","a":1}"#, Shape::Tagged), None, "never an empty call");
    }
}
