//! A name, then keys and values as elements: GLM, Hunyuan, iQuest, K2 Horizon. Some ship their tags with a suffix
//! (`<tool_calls:opensource>`).

use super::{BASE, Family, element_text, members};
use crate::recover::drafts::{self, Shape};
use crate::recover::step::{Draft, Found, Read, Reader, Stuck, Value};

/// Words: what stands before `arg_key` and its kin; whether a separator follows the name.
pub(super) const ROWS: &[Family] = &[
    row("glm", &["<tool_call>"], "</tool_call>", &["", ""]),
    row("hunyuan", &["<tool_calls>", "<tool_calls:", "<tool_call:"], "</tool_calls>", &["", "<tool_sep>"]),
    row("iquest", &["<iquest_tool_call>"], "</iquest_tool_call>", &["", ""]),
    row("k2-horizon", &["<ifm|tool_calls>", "<ifm|tool_call>"], "</ifm|tool_calls>", &["ifm|", ""]),
];

const fn row(
    name: &'static str,
    open: &'static [&'static str],
    close: &'static str,
    words: &'static [&'static str],
) -> Family {
    Family { name, open, close, words, read, render: Some(render), ..BASE }
}

fn read(family: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let p = family.words[0];
    let mut suffix = String::new();
    if r.marker.ends_with(':') {
        suffix = format!(":{}", r.word_until(">")?);
    }
    if r.marker.starts_with("<tool_calls") || r.marker == "<ifm|tool_calls>" {
        r.blank();
        r.literal(&format!("<{p}tool_call{suffix}>"))?;
    }
    if r.peek()? == b'{' {
        return drafts::calls(r, "</", Shape::Tagged).map(Found::Calls);
    }
    let name = r.name()?.to_owned();
    let unit = r.marker.trim_start_matches('<').trim_end_matches(['>', ':']).trim_end_matches('s');
    let end =
        if unit.ends_with("tool_call") { format!("</{unit}{suffix}>") } else { format!("</{p}tool_call{suffix}>") };
    let tag = |word: &str| format!("<{p}{word}{suffix}>");
    let close = |word: &str| format!("</{p}{word}{suffix}>");
    r.blank();
    r.has(&tag("tool_sep"))?;
    let mut pairs = Vec::new();
    loop {
        r.blank();
        if r.done() && !pairs.is_empty() {
            break;
        }
        match r.any(&[&tag("arg_key"), &end])? {
            Some(0) => {
                let key = r.word_until(&close("arg_key"))?.to_owned();
                let text = kind(r, p)?;
                r.literal(&tag("arg_value"))?;
                let value = r.element(&close("arg_value"), &[&tag("arg_key"), &end])?.to_owned();
                pairs.push((key, if text { Value::Text(value) } else { Value::Raw(value) }));
            }
            Some(_) => break,
            None => return Err(Stuck::Not),
        }
    }
    Ok(Found::Calls(vec![Draft::pairs(&name, pairs)]))
}

/// K2 Horizon may say the type of a value, with or without parentheses. Whether it is a string for sure.
fn kind(r: &mut Reader<'_>, p: &str) -> Read<bool> {
    r.blank();
    if p.is_empty() || r.any(&["(<ifm|arg_type>", "<ifm|arg_type>"])?.is_none() {
        return Ok(false);
    }
    let kind = r.word_until("</ifm|arg_type>")?;
    r.has(")")?;
    r.blank();
    Ok(matches!(kind, "string" | "str"))
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    let p = family.words[0];
    let many = family.open[0].ends_with("tool_calls>");
    let unit = if family.name == "iquest" { "iquest_tool_call".to_owned() } else { format!("{p}tool_call") };
    let mut out = format!("<{unit}>{name}{}\n", family.words[1]);
    for (key, value) in members(arguments) {
        let pad = if value.starts_with('"') { "\n" } else { "" };
        let text = element_text(&value);
        out.push_str(&format!("<{p}arg_key>{key}</{p}arg_key>\n<{p}arg_value>{pad}{text}{pad}</{p}arg_value>\n"));
    }
    out.push_str(&format!("</{unit}>"));
    if many { format!("{}{out}{}", family.open[0], family.close) } else { out }
}
