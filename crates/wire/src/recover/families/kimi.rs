//! Kimi K2 (JSON behind special tokens) and K3 (elements of special tokens).

use super::{BASE, Family, element_text, members};
use crate::recover::step::{Arguments, Draft, Found, Read, Reader, Stuck, Value};

const SECTION: &str = "<|tool_calls_section_begin|>";
const CALL: &str = "<|tool_call_begin|>";
const ARGUMENT: &str = "<|tool_call_argument_begin|>";
const CALL_END: &str = "<|tool_call_end|>";
const SECTION_END: &str = "<|tool_calls_section_end|>";

const TOOLS3: &str = "<|open|>tools<|sep|>";
const CALL3: &str = "<|open|>call tool=";
const ARGUMENT3: &str = "<|open|>argument key=";
const ARGUMENT3_END: &str = "<|close|>argument<|sep|>";
const CALL3_END: &str = "<|close|>call<|sep|>";
const TOOLS3_END: &str = "<|close|>tools<|sep|>";

pub(super) const ROWS: &[Family] = &[
    Family { name: "kimi-k2", open: &[SECTION, CALL], close: SECTION_END, read, render: Some(render), ..BASE },
    Family {
        name: "kimi-k3",
        open: &[TOOLS3, CALL3],
        close: TOOLS3_END,
        read: read_elements,
        render: Some(render_elements),
        ..BASE
    },
];

fn read(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    if r.marker == SECTION {
        r.blank();
        r.literal(CALL)?;
    }
    let name = r.word_until(ARGUMENT)?.to_owned();
    r.named(&name);
    let (json, repaired) = r.object(CALL_END)?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(json), repaired }]))
}

fn render(_: &Family, name: &str, arguments: &str) -> String {
    format!("{SECTION}{CALL}functions.{name}:0{ARGUMENT}{arguments}{CALL_END}{SECTION_END}")
}

/// A quoted word and what else stands up to `<|sep|>`.
fn head<'t>(r: &mut Reader<'t>) -> Read<(&'t str, &'t str)> {
    let head = r.word_until("<|sep|>")?;
    let quoted = head.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    quoted.ok_or(Stuck::Not)
}

fn read_elements(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    if r.marker == TOOLS3 {
        r.blank();
        r.literal(CALL3)?;
    }
    let name = head(r)?.0.to_owned();
    r.named(&name);
    let mut pairs = Vec::new();
    loop {
        r.blank();
        if r.done() && !pairs.is_empty() {
            break;
        }
        match r.any(&[ARGUMENT3, CALL3_END])? {
            Some(0) => {
                let (key, attributes) = head(r)?;
                let value = r.element(ARGUMENT3_END, &[ARGUMENT3, CALL3_END])?.to_owned();
                let text = attributes.contains("type=\"string\"");
                pairs.push((key.to_owned(), if text { Value::Text(value) } else { Value::Raw(value) }));
            }
            Some(_) => break,
            None => return Err(Stuck::Not),
        }
    }
    Ok(Found::Calls(vec![Draft::pairs(&name, pairs)]))
}

fn render_elements(_: &Family, name: &str, arguments: &str) -> String {
    let mut out = format!("{TOOLS3}{CALL3}\"{name}\" index=\"1\"<|sep|>");
    for (key, value) in members(arguments) {
        let kind = match value.as_bytes().first() {
            Some(b'"') => "string",
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            _ => "number",
        };
        let text = element_text(&value);
        out.push_str(&format!("{ARGUMENT3}\"{key}\" type=\"{kind}\"<|sep|>{text}{ARGUMENT3_END}"));
    }
    out + CALL3_END + TOOLS3_END
}
