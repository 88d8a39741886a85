//! `[TOOL_CALLS]f[ARGS]{…}` (Devstral, Ministral 3, Magistral) and with `[CALL_ID]` (Small 3.2). Servers that strip
//! the first special leave `f[ARGS]{…}`. The list format of older models is in `wrapped`.

use super::{At, BASE, Family};
use crate::recover::step::{Arguments, Draft, Found, Read, Reader, Stuck};

pub(super) const ROWS: &[Family] = &[
    Family { name: "mistral-args", open: &["[TOOL_CALLS]"], read, render: Some(render), ..BASE },
    Family { name: "mistral-call-id", open: &["[TOOL_CALLS]"], read, render: Some(render_with_id), ..BASE },
    Family { name: "mistral-args", at: At::Fresh, read: read_unopened, ..BASE },
];

fn read(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    r.blank();
    let name = r.name()?.to_owned();
    r.blank();
    match r.any(&["[ARGS]", "[CALL_ID]"])? {
        Some(0) => {}
        Some(_) => {
            r.name()?;
            r.named(&name);
            r.literal("[ARGS]")?;
        }
        None => return Err(Stuck::Not),
    }
    let (json, repaired) = r.object("")?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(json), repaired }]))
}

fn read_unopened(family: &Family, r: &mut Reader<'_>) -> Read<Found> {
    super::bare::starts_with_tool(r, &["[ARGS]", "[CALL_ID]"])?;
    read(family, r)
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    format!("{}{name}[ARGS]{arguments}", family.open[0])
}

fn render_with_id(family: &Family, name: &str, arguments: &str) -> String {
    format!("{}{name}[CALL_ID]123456789[ARGS]{arguments}", family.open[0])
}
