//! Thoughts written into the text. They begin only where nothing was said yet; a closing mark without
//! an opening one means that the prompt held it.

use super::{At, BASE, Family, Kind};
use crate::recover::step::{Found, Read, Reader, Stuck};

pub(in crate::recover) const ROWS: &[Family] = &[
    row("think", &["<think>"], |_, _| Ok(Found::Thinking(&["</think>"]))),
    row("hunyuan-think", &["<think:"], read_suffix),
    row("seed-think", &["<seed:think>"], |_, _| Ok(Found::Thinking(&["</seed:think>"]))),
    row("mistral-think", &["[THINK]"], |_, _| Ok(Found::Thinking(&["[/THINK]"]))),
    row("gemma-thought", &["<|channel>thought"], |_, _| Ok(Found::Thinking(&["<channel|>"]))),
    row("command-thinking", &["<|START_THINKING|>"], |_, _| Ok(Found::Thinking(&["<|END_THINKING|>"]))),
    row("minimax-think", &["<mm:think>"], |_, _| Ok(Found::Thinking(&["</mm:think>"]))),
    row("kimi-think", &["<|open|>think<|sep|>"], |_, _| Ok(Found::Thinking(&["<|close|>think<|sep|>"]))),
    row("k2-think", &["<ifm|think>"], |_, _| Ok(Found::Thinking(&["</ifm|think>"]))),
    row("k2-think-fast", &["<ifm|think_fast>"], |_, _| Ok(Found::Thinking(&["</ifm|think_fast>"]))),
    row("k2-think-faster", &["<ifm|think_faster>"], |_, _| Ok(Found::Thinking(&["</ifm|think_faster>"]))),
    row("granite-thoughts", &["Here is my thought process:"], |_, _| Ok(Found::Thinking(&["Here is my response:"]))),
    Family { at: At::Anywhere, open: ANY_END, read: read_end, ..row("prefilled", &[], read_end) },
];

/// What may end thoughts whose beginning stood in the prompt.
pub(in crate::recover) const ANY_END: &[&str] = &[
    "</think>",
    "</think:",
    "</seed:think>",
    "[/THINK]",
    "<|END_THINKING|>",
    "</mm:think>",
    "<|close|>think<|sep|>",
    "</ifm|think>",
    "[BEGIN FINAL RESPONSE]",
];

const fn row(
    name: &'static str,
    open: &'static [&'static str],
    read: fn(&Family, &mut Reader<'_>) -> Read<Found>,
) -> Family {
    Family { name, kind: Kind::Thinking, at: At::Fresh, open, read, ..BASE }
}

fn read_suffix(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    r.word_until(">")?;
    Ok(Found::Thinking(&["</think:"]))
}

/// A sentence about the tag has a blank before it and goes on behind it; a real one does not.
fn read_end(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    if r.marker.ends_with(':') {
        r.word_until(">")?;
    }
    if r.fresh || r.before == b'\n' {
        return Ok(if r.thought { Found::Nothing } else { Found::Prefilled });
    }
    let quoted = matches!(r.before, b' ' | b'\t' | b'"' | b'\'' | b'(' | b'>' | b'/');
    if r.thought || quoted {
        return Err(Stuck::Not);
    }
    match r.rest().bytes().next() {
        None if !r.ended => Err(Stuck::More),
        Some(b' ' | b'\t' | b'"' | b'\'' | b')' | b'.' | b',') => Err(Stuck::Not),
        _ => Ok(Found::Prefilled),
    }
}
