//! Inkling: the name, then JSON that holds name and arguments once more.

use super::{BASE, Family, wrapped};
use crate::recover::drafts::{self, Shape};
use crate::recover::step::{Found, Read, Reader};

pub(super) const ROWS: &[Family] = &[Family {
    name: "inkling",
    open: &["<|message_model|>"],
    close: "<|end_message|>",
    words: &["<|content_invoke_tool_json|>"],
    read,
    render: Some(render),
    ..BASE
}];

fn read(family: &Family, r: &mut Reader<'_>) -> Read<Found> {
    r.word_until(family.words[0])?;
    drafts::calls(r, family.close, Shape::Tagged).map(Found::Calls)
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    let call = wrapped::call(name, arguments, ["name", "args"]);
    format!("{}{name}{}{call}{}", family.open[0], family.words[0], family.close)
}
