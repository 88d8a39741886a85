//! Command R+: `Action:` and a fence with a list of calls. Later Command models are in `wrapped`.

use super::{At, BASE, Family, wrapped};
use crate::recover::drafts::{self, Shape};
use crate::recover::step::{Found, Read, Reader};

pub(super) const ROWS: &[Family] =
    &[Family { name: "command-r", at: At::Line, open: &["Action:"], read, render: Some(render), ..BASE }];

fn read(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    r.blank();
    r.literal("```json")?;
    let drafts = drafts::calls(r, "```", Shape::Tagged)?;
    r.blank();
    r.closing("```")?;
    Ok(Found::Calls(drafts))
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    let call = wrapped::call(name, arguments, ["tool_name", "parameters"]);
    format!("{} ```json\n[\n{call}\n]\n```", family.open[0])
}
