//! Tokens of chat templates that leak into text, and what is left of the tags around a recovered call.

use super::{At, BASE, Family, Kind};
use crate::recover::step::{Found, Read, Reader, Stuck};

/// Closing tags that may stand behind a call.
pub(in crate::recover) const CLOSERS: &[&str] = &[
    "</tool_call>",
    "</function>",
    "</seed:tool_call>",
    "</longcat_tool_call>",
    "</tool_calls>",
    "</TOOLCALL>",
    "<|END_ACTION|>",
    "</function_call>",
    "<|tools_suffix|>",
    "<|action_end|>",
    "[END_TOOL_REQUEST]",
    "</tool-use>",
    "</minimax:tool_call>",
    "</dots_function_call>",
    "</function_calls>",
    "</｜DSML｜function_calls>",
    "</｜DSML｜tool_calls>",
    "</｜DSML｜ calls>",
    "</atem:function_calls>",
    "]<]minimax[>[</tool_call>",
    "</iquest_tool_call>",
    "</ifm|tool_call>",
    "</ifm|tool_calls>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
    "<|tool_call_end|>",
    "<|tool_calls_section_end|>",
    "<|close|>tools<|sep|>",
    "<tool_call|>",
    "<end_function_call>",
    "<|end_message|>",
    "<|call|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "</s>",
];

/// Leaked specials: marks of a chat template that models write into the text.
const LEAKED: &[&str] = &[
    "<|im_end|>",
    "<|im_start|>assistant",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<|return|>",
    "<｜end▁of▁sentence｜>",
    "<eos>",
    "<turn|>",
    "[/INST]",
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
    "<|START_TEXT|>",
    "<|END_TEXT|>",
    "<|open|>response<|sep|>",
    "<|close|>response<|sep|>",
    "[END FINAL RESPONSE]",
];

pub(super) const AFTER_CALL: &[Family] = &[
    special("closing", At::AfterCall, CLOSERS, |_, _| Ok(Found::Nothing)),
    special("closing", At::AfterCall, &["</tool_calls:", "</tool_call:"], |_, r| {
        r.word_until(">")?;
        Ok(Found::Nothing)
    }),
];

pub(super) const ROWS: &[Family] = &[
    special("leaked", At::Anywhere, LEAKED, leaked),
    special("message-end", At::Anywhere, &["<|end|>"], |family, r| leaked(family, r).map(|_| Found::Header)),
    // Ernie 4.5 sets its answer off from its thoughts; tags around nothing else are the user's business.
    special("response", At::Fresh, &["<response>"], |_, r| thought(r)),
    special("response", At::Anywhere, &["</response>"], |family, r| {
        thought(r)?;
        leaked(family, r)
    }),
];

const fn special(
    name: &'static str,
    at: At,
    open: &'static [&'static str],
    read: fn(&Family, &mut Reader<'_>) -> Read<Found>,
) -> Family {
    Family { name, kind: Kind::Special, at, open, read, ..BASE }
}

fn thought(r: &Reader<'_>) -> Read<Found> {
    if r.thought { Ok(Found::Nothing) } else { Err(Stuck::Not) }
}

/// A token in the middle of a sentence is spoken of, not leaked.
fn leaked(_: &Family, r: &mut Reader<'_>) -> Read<Found> {
    if r.fresh {
        return Ok(Found::Nothing);
    }
    match r.rest().bytes().next() {
        None if !r.ended => Err(Stuck::More),
        None | Some(b'\n' | b'\r' | b'<' | b'[') => Ok(Found::Nothing),
        Some(_) => Err(Stuck::Not),
    }
}
