//! DeepSeek V3 and R1 (JSON in a fence) and V3.1 (plain JSON). V3.2 and later are in `invoke`.

use super::{BASE, Family};
use crate::recover::step::{Arguments, Draft, Found, Read, Reader, Stuck};

const SECTION: &str = "<｜tool▁calls▁begin｜>";
const CALL: &str = "<｜tool▁call▁begin｜>";
const SEPARATOR: &str = "<｜tool▁sep｜>";
const CALL_END: &str = "<｜tool▁call▁end｜>";
const SECTION_END: &str = "<｜tool▁calls▁end｜>";

pub(super) const ROWS: &[Family] = &[
    Family { name: "deepseek-v3", open: &[SECTION, CALL], close: CALL_END, read, render: Some(render), ..BASE },
    Family {
        name: "deepseek-v3.1",
        open: &[SECTION, CALL],
        close: SECTION_END,
        read: read_plain,
        render: Some(render_plain),
        ..BASE
    },
];

fn head<'t>(r: &mut Reader<'t>) -> Read<&'t str> {
    if r.marker == SECTION {
        r.blank();
        r.literal(CALL)?;
    }
    r.word_until(SEPARATOR)
}

fn read(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    if head(r)? != "function" {
        return Err(Stuck::Not);
    }
    let name = r.word_until("\n")?.to_owned();
    r.named(&name);
    r.blank();
    r.literal("```json")?;
    let (json, repaired) = r.object("```")?;
    r.blank();
    r.closing("```")?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(json), repaired }]))
}

fn read_plain(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let name = head(r)?.to_owned();
    r.named(&name);
    let (json, repaired) = r.object(CALL_END)?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(json), repaired }]))
}

fn render(_: &Family, name: &str, arguments: &str) -> String {
    format!("{SECTION}{CALL}function{SEPARATOR}{name}\n```json\n{arguments}\n```{CALL_END}{SECTION_END}")
}

fn render_plain(_: &Family, name: &str, arguments: &str) -> String {
    format!("{SECTION}{CALL}{name}{SEPARATOR}{arguments}{CALL_END}{SECTION_END}")
}
