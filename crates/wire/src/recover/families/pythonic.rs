//! Calls as Python writes them, with named arguments: Llama 4, Olmo 3, LFM2, Gemma's `tool_code` fence.

use super::bare::FENCE_END;
use super::{At, BASE, CLOSERS, Family, members};
use crate::recover::step::{Draft, Found, Read, Reader, Stuck, Value};
use crate::repair::{self, Lax};

pub(super) const ROWS: &[Family] = &[
    Family {
        name: "lfm2",
        open: &["<|tool_call_start|>"],
        close: "<|tool_call_end|>",
        read: read_list,
        render: Some(render_list),
        ..BASE
    },
    Family {
        name: "olmo",
        open: &["<function_calls>"],
        close: "</function_calls>",
        read: read_lines,
        render: Some(render_lines),
        ..BASE
    },
    Family {
        name: "pythonic",
        at: At::Fresh,
        open: &["["],
        read: read_whole_list,
        render: Some(|_, name, arguments| format!("[{}]", call(name, arguments))),
        ..BASE
    },
    Family {
        name: "tool-code",
        at: At::Fresh,
        open: &["```tool_code\n"],
        close: "```",
        read: read_fence,
        render: Some(render_lines),
        ..BASE
    },
];

fn read_list(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    r.blank();
    r.literal("[")?;
    list(r).map(Found::Calls)
}

/// Behind `[`.
fn list(r: &mut Reader<'_>) -> Read<Vec<Draft>> {
    let mut drafts = Vec::new();
    loop {
        drafts.push(one(r)?);
        r.blank();
        match r.any(&[",", "]"])? {
            Some(0) => {}
            Some(_) => return Ok(drafts),
            None => return Err(Stuck::Not),
        }
    }
}

fn read_whole_list(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let drafts = list(r)?;
    known(r, &drafts)?;
    r.whole(CLOSERS)?;
    Ok(Found::Calls(drafts))
}

fn known(r: &Reader<'_>, drafts: &[Draft]) -> Read<()> {
    drafts.iter().all(|draft| r.tools.find(&draft.name).is_some()).then_some(()).ok_or(Stuck::Not)
}

fn read_lines(family: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let mut drafts = vec![one(r)?];
    loop {
        r.blank();
        if r.done() || r.has(family.close)? {
            return Ok(Found::Calls(drafts));
        }
        drafts.push(one(r)?);
    }
}

fn read_fence(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let mut drafts = Vec::new();
    loop {
        r.blank();
        if r.has("```")? {
            break;
        }
        let printed = r.has("print(")?;
        drafts.push(one(r)?);
        if printed {
            r.blank();
            r.literal(")")?;
        }
    }
    known(r, &drafts)?;
    r.whole(FENCE_END)?;
    if drafts.is_empty() { Err(Stuck::Not) } else { Ok(Found::Calls(drafts)) }
}

/// `f(a=1, b="x")`. Unnamed arguments have no certain meaning.
fn one(r: &mut Reader<'_>) -> Read<Draft> {
    r.blank();
    let name = r.name()?.to_owned();
    if r.tools.find(&name).is_none() {
        return Err(Stuck::Not);
    }
    r.literal("(")?;
    let mut pairs = Vec::new();
    loop {
        r.blank();
        if r.has(")")? {
            return Ok(Draft::pairs(&name, pairs));
        }
        let key = r.name()?.to_owned();
        r.named(&name);
        r.blank();
        r.literal("=")?;
        pairs.push((key, value(r)?));
        r.blank();
        match r.any(&[",", ")"])? {
            Some(0) => {}
            Some(_) => return Ok(Draft::pairs(&name, pairs)),
            None => return Err(Stuck::Not),
        }
    }
}

fn value(r: &mut Reader<'_>) -> Read<Value> {
    r.blank();
    match repair::read(r.rest()) {
        Lax::Done { json, used, .. } => {
            r.at += used;
            Ok(Value::Json(json))
        }
        Lax::More { .. } => Err(Stuck::More),
        Lax::Bad { .. } => Err(Stuck::Not),
    }
}

fn call(name: &str, arguments: &str) -> String {
    let pairs: Vec<_> = members(arguments).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{name}({})", pairs.join(", "))
}

fn render_list(family: &Family, name: &str, arguments: &str) -> String {
    format!("{}[{}]{}", family.open[0], call(name, arguments), family.close)
}

fn render_lines(family: &Family, name: &str, arguments: &str) -> String {
    format!("{}\n{}\n{}", family.open[0].trim_end(), call(name, arguments), family.close)
}
