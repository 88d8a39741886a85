//! Calls without any tag: JSON that is the whole answer (Llama 3, xLAM), JSON whose opening tag was lost, a tool's
//! name followed by its arguments. Nothing else may stand beside them: JSON in prose is prose.

use super::{At, BASE, CLOSERS, Family, wrapped};
use crate::recover::drafts::{self, Shape};
use crate::recover::step::{Arguments, Draft, Found, Read, Reader, Stuck};

/// A further call right behind one; reported as what the first one was.
pub(in crate::recover) const CONTINUED: &str = "continued";

pub(super) const FENCE_END: &[&str] = CLOSERS;

pub(super) const ROWS: &[Family] = &[
    Family { name: CONTINUED, at: At::AfterCall, open: &["{", ";", ","], read: read_next, ..BASE },
    Family { name: "json", at: At::Fresh, open: &["{"], read: read_objects, render: Some(render), ..BASE },
    Family { name: "json-list", at: At::Fresh, open: &["["], read: read_list, render: Some(render_list), ..BASE },
    Family {
        name: "json-fence",
        at: At::Fresh,
        open: &["```json\n", "```\n"],
        read: read_fence,
        render: Some(render_fence),
        ..BASE
    },
    Family { name: "hermes-unopened", at: At::Line, open: &["{"], read: read_unopened, ..BASE },
    Family { name: "named", at: At::Fresh, read: read_named, render: Some(render_named), ..BASE },
];

/// Back onto the marker, which is part of the JSON.
fn step_back(r: &mut Reader<'_>) -> Read<()> {
    r.at = 0;
    drafts::may_be_bare(r.rest()).then_some(()).ok_or(Stuck::Not)
}

fn read_next(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    if r.marker == "{" {
        r.at = 0;
    }
    r.blank();
    if !drafts::may_be_bare(r.rest()) {
        return Err(Stuck::Not);
    }
    drafts::calls(r, "</", Shape::Bare).map(Found::Calls)
}

fn read_objects(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    step_back(r)?;
    let mut all = drafts::calls(r, "", Shape::Bare)?;
    loop {
        r.blank();
        let separated = r.any(&[";", ","]);
        match separated {
            Ok(Some(_)) => {
                r.blank();
                all.extend(drafts::calls(r, "", Shape::Bare)?);
            }
            Err(Stuck::More) if r.ended => break,
            Ok(None) if r.rest().starts_with('{') => all.extend(drafts::calls(r, "", Shape::Bare)?),
            Ok(None) => break,
            Err(stuck) => return Err(stuck),
        }
    }
    r.whole(CLOSERS)?;
    Ok(Found::Calls(all))
}

fn read_list(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    step_back(r)?;
    let drafts = drafts::calls(r, "", Shape::Bare)?;
    r.whole(CLOSERS)?;
    Ok(Found::Calls(drafts))
}

/// A fence counts when it is all there is: anything beside it makes it an example.
fn read_fence(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    r.blank();
    if !drafts::may_be_bare(r.rest()) {
        return Err(Stuck::Not);
    }
    let drafts = drafts::calls(r, "", Shape::Bare)?;
    r.blank();
    r.closing("```")?;
    r.whole(FENCE_END)?;
    Ok(Found::Calls(drafts))
}

fn read_unopened(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    step_back(r)?;
    let drafts = drafts::calls(r, "</tool_call>", Shape::Bare)?;
    r.blank();
    r.literal("</tool_call>")?;
    Ok(Found::Calls(drafts))
}

/// A declared name at the very beginning, followed by one of `next` (white space between them does not matter).
pub(super) fn starts_with_tool(r: &Reader<'_>, next: &[&str]) -> Read<()> {
    let text = r.rest();
    // A longer name may still be on its way.
    if r.tools.begins(text) && !r.ended {
        return Err(Stuck::More);
    }
    let name = r.tools.leading(text).ok_or(Stuck::Not)?;
    let behind = text[name.len()..].trim_start();
    if next.iter().any(|next| behind.starts_with(next)) {
        return Ok(());
    }
    Err(if next.iter().any(|next| next.starts_with(behind)) { Stuck::More } else { Stuck::Not })
}

fn read_named(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    starts_with_tool(r, &["{"])?;
    let name = r.word_until("{")?.to_owned();
    r.named(&name);
    r.at -= 1;
    let (json, repaired) = r.object("</function>")?;
    r.whole(CLOSERS)?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(json), repaired }]))
}

fn render(_: &Family, name: &str, arguments: &str) -> String {
    wrapped::call(name, arguments, ["name", "parameters"])
}

fn render_list(_: &Family, name: &str, arguments: &str) -> String {
    format!("[{}]", wrapped::call(name, arguments, ["name", "arguments"]))
}

fn render_fence(_: &Family, name: &str, arguments: &str) -> String {
    format!("```json\n[{}]\n```", wrapped::call(name, arguments, ["name", "arguments"]))
}

fn render_named(_: &Family, name: &str, arguments: &str) -> String {
    format!("{name}{arguments}</function>")
}
