//! Functionary 3.2: `>>>f` and JSON on the next line; `>>>all` is prose.

use super::{At, BASE, Family, Kind};
use crate::recover::step::{Arguments, Draft, Found, Read, Reader, Stuck};

pub(super) const ROWS: &[Family] = &[
    Family { name: "functionary-3.2", open: &[">>>"], read, render: Some(render), ..BASE },
    Family { name: "functionary-prose", kind: Kind::Special, at: At::Fresh, open: &[">>>all\n"], read: prose, ..BASE },
];

fn read(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let name = r.name()?.to_owned();
    if r.tools.find(&name).is_none() {
        return Err(Stuck::Not);
    }
    r.literal("\n")?;
    let (json, repaired) = r.object("")?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(json), repaired }]))
}

fn prose(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    // Where a tool is called `all`, this is a call.
    if r.tools.find("all").is_some() { Err(Stuck::Not) } else { Ok(Found::Header) }
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    format!("{}{name}\n{arguments}", family.open[0])
}
