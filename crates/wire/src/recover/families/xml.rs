//! `<function=f>` with parameters as elements (Qwen3-Coder, Seed-OSS) or as JSON (Functionary 3.1, Groq). The tag
//! around it is often missing (QwenLM/qwen-code#783, ggml-org/llama.cpp#15012).

use super::{BASE, Family, element_text, members};
use crate::recover::step::{Arguments, Draft, Found, Read, Reader, Stuck, Value};

const UNIT: &str = "<function=";

pub(super) const ROWS: &[Family] = &[
    Family { name: "qwen3-coder", open: &["<tool_call>"], close: "</tool_call>", read, render: Some(render), ..BASE },
    Family {
        name: "seed-oss",
        open: &["<seed:tool_call>"],
        close: "</seed:tool_call>",
        read,
        render: Some(render),
        ..BASE
    },
    Family { name: "functionary-3.1", open: &[UNIT], read: read_json, render: Some(render_json), ..BASE },
    Family { name: "qwen3-coder", open: &[UNIT], read, ..BASE },
];

fn name(r: &mut Reader<'_>) -> Read<String> {
    if r.marker != UNIT {
        r.blank();
        r.literal(UNIT)?;
    }
    let name = r.word_until(">")?.trim_matches('"').to_owned();
    r.named(&name);
    Ok(name)
}

fn read(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let name = name(r)?;
    let mut pairs = Vec::new();
    loop {
        r.blank();
        if r.done() && !pairs.is_empty() {
            break;
        }
        match r.any(&["<parameter=", "</function>"])? {
            Some(0) => {
                let key = r.word_until(">")?.trim_matches('"').to_owned();
                let value = r.element("</parameter>", &["<parameter=", "</function>"])?;
                pairs.push((key, Value::Raw(value.to_owned())));
            }
            Some(_) => break,
            None => return Err(Stuck::Not),
        }
    }
    Ok(Found::Calls(vec![Draft::pairs(&name, pairs)]))
}

fn read_json(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let name = name(r)?;
    let (json, repaired) = r.object("</function>")?;
    r.blank();
    r.closing("</function>")?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(json), repaired }]))
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    let mut out = format!("{}\n{UNIT}{name}>\n", family.open[0]);
    for (key, value) in members(arguments) {
        out.push_str(&format!("<parameter={key}>\n{}\n</parameter>\n", element_text(&value)));
    }
    out + "</function>\n" + family.close
}

fn render_json(_: &Family, name: &str, arguments: &str) -> String {
    format!("{UNIT}{name}>{arguments}</function>")
}
