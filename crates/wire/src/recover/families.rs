//! The ways models write calls, thoughts and leaked specials: one row each.
//!
//! Every file has the same three things: its rows, the reader of their grammar, and the writer that renders a call
//! the way the family writes it. Rows are tried in order at a marker; the first that does not say "not mine" decides.

use super::step::{Found, Read, Reader};

mod bare;
mod command;
mod deepseek;
mod functionary;
mod gemma;
mod harmony;
mod inkling;
mod invoke;
mod kimi;
mod minimax;
mod mistral;
mod pythonic;
mod special;
mod tagged;
mod thinking;
mod wrapped;
mod xml;

pub(super) use bare::CONTINUED;
pub(super) use special::CLOSERS;
pub(super) use thinking::ANY_END;

/// Where a marker counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Anywhere outside code.
    Anywhere,
    /// With nothing visible before it on its line.
    Line,
    /// With nothing visible before it in the answer.
    Fresh,
    /// With nothing visible between it and a recovered call.
    AfterCall,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Calls.
    Call,
    /// Thoughts.
    Thinking,
    /// Text that only looks like something to a machine.
    Special,
}

/// One row.
#[derive(Debug)]
pub(super) struct Family {
    /// Its name in reports.
    pub(super) name: &'static str,
    /// What it is about.
    pub(super) kind: Kind,
    /// Where its markers count.
    pub(super) at: At,
    /// Its markers; the first is the one it is rendered with. Empty: any visible character.
    pub(super) open: &'static [&'static str],
    /// What ends it; may be empty.
    pub(super) close: &'static str,
    /// Further words of its grammar.
    pub(super) words: &'static [&'static str],
    /// Reads from behind the marker.
    pub(super) read: fn(&Family, &mut Reader<'_>) -> Read<Found>,
    /// Renders a call: name and arguments as a JSON object.
    pub(super) render: Option<fn(&Family, &str, &str) -> String>,
}

const BASE: Family = Family {
    name: "",
    kind: Kind::Call,
    at: At::Anywhere,
    open: &[],
    close: "",
    words: &[],
    read: |_, _| Err(super::step::Stuck::Not),
    render: None,
};

const GROUPS: &[&[Family]] = &[
    thinking::ROWS,
    harmony::ROWS,
    special::AFTER_CALL,
    xml::ROWS,
    wrapped::ROWS,
    tagged::ROWS,
    invoke::ROWS,
    minimax::ROWS,
    mistral::ROWS,
    deepseek::ROWS,
    pythonic::ROWS,
    gemma::ROWS,
    kimi::ROWS,
    command::ROWS,
    inkling::ROWS,
    functionary::ROWS,
    bare::ROWS,
    special::ROWS,
];

/// All rows in the order in which they are tried.
pub(super) fn all() -> impl Iterator<Item = &'static Family> {
    GROUPS.iter().flat_map(|rows| rows.iter())
}

/// A call as a family writes it.
pub(super) fn render(family: &str, name: &str, arguments: &str) -> Option<String> {
    let row = all().find(|row| row.name == family && row.render.is_some())?;
    row.render.map(|render| render(row, name, arguments))
}

/// Members of a JSON object as keys and JSON values, for writers that need them one by one.
fn members(arguments: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    // What is no object has no members to write.
    _ = crate::json::Cursor::new(arguments).object(|key, inner| {
        let key = crate::text::Text::escaped(key).decode().into_owned();
        found.push((key, inner.value()?.to_owned()));
        Ok(())
    });
    found
}

/// A JSON value as an element holds it: strings without quotes.
fn element_text(json: &str) -> String {
    match json.strip_prefix('"').and_then(|inside| inside.strip_suffix('"')) {
        Some(inside) => crate::text::Text::escaped(inside).decode().into_owned(),
        None => json.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rows_that_render_are_their_own() {
        let mut names: Vec<_> = all().filter(|row| row.render.is_some()).map(|row| row.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
