//! Gemma 4 and FunctionGemma: `call:f{a:1,s:<|"|>text<|"|>}`, keys without quotes, strings between marks of their own.

use super::{BASE, Family};
use crate::json::{Cursor, Error};
use crate::recover::step::{Arguments, Draft, Found, Read, Reader, Stuck};
use crate::repair::repair_json;
use crate::text::{Text, escape_into};

const DEEPEST: usize = 60;

/// Words: the mark around strings.
pub(super) const ROWS: &[Family] = &[
    Family {
        name: "gemma-4",
        open: &["<|tool_call>call:"],
        close: "<tool_call|>",
        words: &["<|\"|>"],
        read,
        render: Some(render),
        ..BASE
    },
    Family {
        name: "functiongemma",
        open: &["<start_function_call>call:"],
        close: "<end_function_call>",
        words: &["<escape>"],
        read,
        render: Some(render),
        ..BASE
    },
];

fn read(family: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let name = r.word_until("{")?.to_owned();
    r.named(&name);
    r.at -= 1;
    let mut out = String::new();
    value(r, family.words[0], 0, &mut out)?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(out), repaired: false }]))
}

fn value(r: &mut Reader<'_>, mark: &str, depth: usize, out: &mut String) -> Read<()> {
    r.blank();
    if depth > DEEPEST {
        return Err(Stuck::Not);
    }
    match r.any(&[mark, "{", "["])? {
        Some(0) => {
            out.push('"');
            escape_into(r.until(mark)?, out);
            out.push('"');
            Ok(())
        }
        Some(1) => object(r, mark, depth, out),
        Some(_) => list(r, mark, depth, out),
        None => bare(r, out),
    }
}

fn object(r: &mut Reader<'_>, mark: &str, depth: usize, out: &mut String) -> Read<()> {
    out.push('{');
    loop {
        r.blank();
        if r.has("}")? {
            break;
        }
        let written = r.word_until(":")?;
        let key = written.strip_prefix(mark).and_then(|key| key.strip_suffix(mark)).unwrap_or(written);
        if out.len() > 1 && !out.ends_with('{') {
            out.push(',');
        }
        out.push('"');
        escape_into(key.trim_matches('"'), out);
        out.push_str("\":");
        value(r, mark, depth + 1, out)?;
        r.blank();
        match r.any(&[",", "}"])? {
            Some(0) => {}
            Some(_) => break,
            None => return Err(Stuck::Not),
        }
    }
    out.push('}');
    Ok(())
}

fn list(r: &mut Reader<'_>, mark: &str, depth: usize, out: &mut String) -> Read<()> {
    out.push('[');
    loop {
        r.blank();
        if r.has("]")? {
            break;
        }
        if !out.ends_with('[') {
            out.push(',');
        }
        value(r, mark, depth + 1, out)?;
        r.blank();
        match r.any(&[",", "]"])? {
            Some(0) => {}
            Some(_) => break,
            None => return Err(Stuck::Not),
        }
    }
    out.push(']');
    Ok(())
}

/// A number or a word; what is no JSON is a string.
fn bare(r: &mut Reader<'_>, out: &mut String) -> Read<()> {
    let rest = r.rest();
    let length = rest.find([',', '}', ']']).ok_or(Stuck::More)?;
    let written = rest[..length].trim();
    r.at += length;
    match repair_json(&format!("[{written}]")) {
        Some(json) if !written.is_empty() => out.push_str(&json[1..json.len() - 1]),
        _ => {
            out.push('"');
            escape_into(written, out);
            out.push('"');
        }
    }
    Ok(())
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    let mut out = format!("{}{name}", family.open[0]);
    // What is no JSON cannot be a call's arguments.
    _ = write(&mut Cursor::new(arguments), family.words[0], &mut out);
    out + family.close
}

fn write(cursor: &mut Cursor<'_>, mark: &str, out: &mut String) -> Result<(), Error> {
    match cursor.peek() {
        b'{' => {
            let mut first = true;
            out.push('{');
            cursor.object(|key, inner| {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                out.push_str(&Text::escaped(key).decode());
                out.push(':');
                write(inner, mark, out)
            })?;
            out.push('}');
        }
        b'[' => {
            let mut first = true;
            out.push('[');
            cursor.array(|inner| {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                write(inner, mark, out)
            })?;
            out.push(']');
        }
        b'"' => {
            out.push_str(mark);
            out.push_str(&cursor.string()?.decode());
            out.push_str(mark);
        }
        _ => out.push_str(cursor.value()?),
    }
    Ok(())
}
