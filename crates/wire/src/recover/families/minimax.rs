//! MiniMax M3: every tag behind `]<]minimax[>[`, arguments as elements of their own name.

use super::{BASE, Family, element_text, members};
use crate::recover::step::{Draft, Found, Read, Reader, Stuck, Value};

const P: &str = "]<]minimax[>[";

pub(super) const ROWS: &[Family] = &[Family {
    name: "minimax-m3",
    open: &["]<]minimax[>[<tool_call>", "]<]minimax[>[<invoke name="],
    close: "]<]minimax[>[</tool_call>",
    read,
    render: Some(render),
    ..BASE
}];

fn read(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    if !r.marker.ends_with('=') {
        r.blank();
        r.literal(&format!("{P}<invoke name="))?;
    }
    let name = r.word_until(">")?.trim_matches('"').to_owned();
    r.named(&name);
    let end = format!("{P}</invoke>");
    let open = format!("{P}<");
    let mut pairs = Vec::new();
    loop {
        r.blank();
        if r.done() && !pairs.is_empty() {
            break;
        }
        match r.any(&[&end, &open])? {
            Some(0) => break,
            Some(_) => {
                let key = r.word_until(">")?.to_owned();
                if key.starts_with('/') {
                    return if "/invoke".starts_with(&key) { Err(Stuck::More) } else { Err(Stuck::Not) };
                }
                let value = r.element(&format!("{P}</{key}>"), &[&open])?;
                pairs.push((key, Value::Raw(value.to_owned())));
            }
            None => return Err(Stuck::Not),
        }
    }
    Ok(Found::Calls(vec![Draft::pairs(&name, pairs)]))
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    let mut out = format!("{}\n{P}<invoke name=\"{name}\">", family.open[0]);
    for (key, value) in members(arguments) {
        let pad = if value.starts_with('"') { "\n" } else { "" };
        out.push_str(&format!("{P}<{key}>{pad}{}{pad}{P}</{key}>", element_text(&value)));
    }
    format!("{out}{P}</invoke>\n{}", family.close)
}
