//! `<invoke name="f">` with `<parameter name="a">` elements: MiniMax M2, dots, DeepSeek V3.2 and later, Muse, and
//! MiniCPM5 under other names. One invoke is one call; the tag around them may be missing.

use super::{BASE, Family, element_text, members};
use crate::recover::step::{Draft, Found, Read, Reader, Stuck, Value};

/// Words: the element of a call, the element of an argument.
pub(super) const ROWS: &[Family] = &[
    row("minimax-m2", &["<minimax:tool_call>"], "</minimax:tool_call>", PLAIN),
    row("dots", &["<dots_function_call>"], "</dots_function_call>", PLAIN),
    row("invoke", &["<function_calls>", "<invoke name="], "</function_calls>", PLAIN),
    row("deepseek-v3.2", &["<｜DSML｜function_calls>", "<｜DSML｜invoke name="], "</｜DSML｜function_calls>", DSML),
    row("deepseek-v4", &["<｜DSML｜tool_calls>"], "</｜DSML｜tool_calls>", DSML),
    row("deepseek-v4.1", &["<｜DSML｜ calls>", "<｜DSML｜ invoke name="], "</｜DSML｜ calls>", DSML_SPACED),
    row("muse", &["<atem:function_calls>", "<atem:invoke name="], "</atem:function_calls>", ATEM),
    row("minicpm5", &["<function name="], "", &["function", "param"]),
];

const PLAIN: &[&str] = &["invoke", "parameter"];
const DSML: &[&str] = &["｜DSML｜invoke", "｜DSML｜parameter"];
const DSML_SPACED: &[&str] = &["｜DSML｜ invoke", "｜DSML｜ parameter"];
const ATEM: &[&str] = &["atem:invoke", "atem:parameter"];

const fn row(
    name: &'static str,
    open: &'static [&'static str],
    close: &'static str,
    words: &'static [&'static str],
) -> Family {
    Family { name, open, close, words, read, render: Some(render), ..BASE }
}

fn read(family: &Family, r: &mut Reader<'_>) -> Read<Found> {
    if !r.marker.ends_with('=') {
        r.blank();
        r.literal(&format!("<{} name=", family.words[0]))?;
    }
    let head = r.word_until(">")?;
    let empty = head.ends_with('/');
    let name = head.trim_end_matches('/').trim().trim_matches(['"', '\'']).to_owned();
    r.named(&name);
    let pairs = if empty { Vec::new() } else { parameters(family, r)? };
    Ok(Found::Calls(vec![Draft::pairs(&name, pairs)]))
}

fn parameters(family: &Family, r: &mut Reader<'_>) -> Read<Vec<(String, Value)>> {
    let open = format!("<{} name=", family.words[1]);
    let close = format!("</{}>", family.words[1]);
    let end = format!("</{}>", family.words[0]);
    let mut pairs = Vec::new();
    loop {
        r.blank();
        if r.done() && !pairs.is_empty() {
            return Ok(pairs);
        }
        match r.any(&[&open, &end])? {
            Some(0) => pairs.push(parameter(r, &close, &[&open, &end])?),
            Some(_) => return Ok(pairs),
            None => return Err(Stuck::Not),
        }
    }
}

/// Behind `name=`. DeepSeek says with `string="true"` what a value is.
fn parameter(r: &mut Reader<'_>, close: &str, followers: &[&str]) -> Read<(String, Value)> {
    let head = r.word_until(">")?;
    let (key, attributes) = head.split_once(' ').unwrap_or((head, ""));
    let value = r.element(close, followers)?.to_owned();
    let value = match attributes.trim() {
        r#"string="true""# => Value::Text(value),
        _ => Value::Raw(value),
    };
    Ok((key.trim_matches(['"', '\'']).to_owned(), value))
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    let [call, parameter] = [family.words[0], family.words[1]];
    let says_type = family.words[0].starts_with('｜');
    let mut out = format!("<{call} name=\"{name}\">\n");
    for (key, value) in members(arguments) {
        let text = element_text(&value);
        let string = value.starts_with('"');
        let kind = if says_type { format!(" string=\"{string}\"") } else { String::new() };
        // A line break at either end would be taken for the format's own.
        let pad = if string && !says_type { "\n" } else { "" };
        out.push_str(&format!("<{parameter} name=\"{key}\"{kind}>{pad}{text}{pad}</{parameter}>\n"));
    }
    let wrapped = !family.close.is_empty();
    let open = if wrapped { format!("{}\n", family.open[0]) } else { String::new() };
    format!("{open}{out}</{call}>\n{}", family.close)
}
