//! gpt-oss (harmony) and Muse: messages in channels. A header counts only where a message may begin; quoted in prose
//! it is text.

use super::{At, BASE, Family, Kind};
use crate::recover::step::{Arguments, Draft, Found, Read, Reader, Stuck};

const START: &str = "<|start|>";
const CHANNEL: &str = "<|channel|>";
const MESSAGE: &str = "<|message|>";

pub(super) const ROWS: &[Family] = &[
    Family {
        name: "harmony",
        at: At::Fresh,
        open: &[CHANNEL, START],
        close: "<|call|>",
        read: read_call,
        render: Some(render),
        ..BASE
    },
    Family {
        name: "harmony-channel",
        kind: Kind::Thinking,
        at: At::Fresh,
        open: &[CHANNEL, START],
        read: header,
        ..BASE
    },
];

/// `to=functions.f`, the channel, and whatever else a header says.
struct Header<'t> {
    to: Option<&'t str>,
    thinking: bool,
}

fn read_header<'t>(r: &mut Reader<'t>) -> Read<Header<'t>> {
    let head = r.word_until(MESSAGE)?;
    let mut header = Header { to: None, thinking: false };
    let words = head.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '|')).filter(|word| !word.is_empty());
    for word in words {
        match word {
            "assistant" | "channel" | "final" | "commentary" | "constrain" | "json" | "code" | "comment" => {}
            "analysis" => header.thinking = true,
            _ => header.to = Some(word.strip_prefix("to=").ok_or(Stuck::Not)?),
        }
    }
    Ok(header)
}

fn read_call(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let header = read_header(r)?;
    let name = header.to.filter(|to| !matches!(*to, "self" | "user" | "all")).ok_or(Stuck::Not)?.to_owned();
    r.named(&name);
    let (json, repaired) = r.object("<|")?;
    Ok(Found::Calls(vec![Draft { name, arguments: Arguments::Json(json), repaired }]))
}

fn header(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    let header = read_header(r)?;
    let calls = header.to.is_some_and(|to| to.starts_with("functions."));
    match header.to {
        // A call that was not one: it stays as it is.
        _ if calls => Err(Stuck::Not),
        Some("self") => Ok(Found::Thinking(&["<|end|>", "<|start|>", "<|return|>"])),
        _ if header.thinking => Ok(Found::Thinking(&["<|end|>", "<|start|>", "<|return|>"])),
        _ => Ok(Found::Header),
    }
}

fn render(family: &Family, name: &str, arguments: &str) -> String {
    format!("{CHANNEL}commentary to=functions.{name} <|constrain|>json{MESSAGE}{arguments}{}", family.close)
}
