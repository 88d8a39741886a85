//! The blocks that go out: one open at a time, opened when there is something to put in.

use serde_json::Value;

use super::filter::Piece;
use crate::hub::{BlockStart, Delta, Event};
use crate::ids::Mint;
use crate::text::Text;

type Out<'o> = &'o mut dyn FnMut(Event<'_>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Other,
}

/// A call of the backend, held until it is known whether it repeats a recovered one.
#[derive(Debug, Default)]
pub(super) struct Repeat {
    pub(super) id: Text<'static>,
    pub(super) name: Text<'static>,
    pub(super) arguments: Text<'static>,
}

/// What goes out.
#[derive(Debug)]
pub(super) struct Blocks {
    open: Option<Open>,
    mint: Mint,
    /// Recovered calls: name and arguments.
    calls: Vec<(String, Value)>,
    repeat: Repeat,
    /// Calls that were dropped because they repeated a recovered one.
    pub(super) repeated: u32,
}

impl Blocks {
    pub(super) fn new(mint: Mint) -> Self {
        Self { open: None, mint, calls: Vec::new(), repeat: Repeat::default(), repeated: 0 }
    }

    /// A sink that makes events of pieces. `thoughts` gathers what was thought.
    pub(super) fn pieces<'s>(
        &'s mut self,
        mut thoughts: Option<&'s mut String>,
        out: Out<'s>,
    ) -> impl FnMut(Piece<'_>) + 's {
        move |piece| match piece {
            Piece::Text(text) => self.delta_in(Open::Text, Delta::Text(text), out),
            Piece::Thinking(text) => {
                if let Some(thoughts) = &mut thoughts {
                    thoughts.push_str(text.as_escaped());
                }
                self.delta_in(Open::Thinking, Delta::Thinking(text), out);
            }
            Piece::Break => self.close(out),
            Piece::Call { name, arguments } => self.call(name, arguments, out),
        }
    }

    fn delta_in(&mut self, block: Open, delta: Delta<'_>, out: Out<'_>) {
        if self.open != Some(block) {
            self.close(out);
            self.open = Some(block);
            out(Event::BlockStart(if block == Open::Text { BlockStart::Text } else { BlockStart::Thinking }));
        }
        out(Event::Delta(delta));
    }

    /// A block of the backend.
    pub(super) fn open(&mut self, start: BlockStart<'_>, out: Out<'_>) {
        self.close(out);
        self.open = Some(Open::Other);
        out(Event::BlockStart(start));
    }

    /// A delta of the backend, as it came. Outside any block it has no place.
    pub(super) fn delta(&mut self, delta: Delta<'_>, out: Out<'_>) {
        match (&delta, self.open) {
            (_, Some(_)) => out(Event::Delta(delta)),
            (Delta::Other(_), None) => self.delta_in(Open::Text, delta, out),
            (Delta::Thinking(_) | Delta::Signature(_), None) => self.delta_in(Open::Thinking, delta, out),
            (Delta::Text(_), None) => self.delta_in(Open::Text, delta, out),
            (Delta::Arguments(_), None) => {}
        }
    }

    pub(super) fn close(&mut self, out: Out<'_>) {
        if self.open.take().is_some() {
            out(Event::BlockStop);
        }
    }

    /// A recovered call.
    pub(super) fn call(&mut self, name: &str, arguments: &str, out: Out<'_>) {
        self.close(out);
        out(Event::BlockStart(BlockStart::ToolUse { id: self.mint.next("toolu_"), name: Text::plain(name) }));
        out(Event::Delta(Delta::Arguments(Text::plain(arguments))));
        out(Event::BlockStop);
        self.calls.push((name.to_owned(), value(arguments)));
    }

    /// Whether a call of the backend may be one that was recovered from its text already; it is held then. Some
    /// servers leave the text of a call in the content and parse it too.
    pub(super) fn may_repeat(&mut self, id: &Text<'_>, name: &Text<'_>) -> bool {
        if !self.calls.iter().any(|(known, _)| name.is(known)) {
            return false;
        }
        self.repeat =
            Repeat { id: id.clone().into_owned(), name: name.clone().into_owned(), arguments: Text::default() };
        true
    }

    pub(super) fn repeat_arguments(&mut self, more: &Text<'_>) {
        self.repeat.arguments.push(more);
    }

    /// The held call is complete. Gives it when it is another one.
    pub(super) fn end_repeat(&mut self) -> Option<Repeat> {
        let held = std::mem::take(&mut self.repeat);
        let same = value(&held.arguments.decode());
        // Each recovered call stands for one of the backend's.
        let known = self.calls.iter().position(|(known, value)| held.name.is(known) && *value == same);
        let Some(at) = known else { return Some(held) };
        self.calls.swap_remove(at);
        self.repeated += 1;
        None
    }
}

fn value(arguments: &str) -> Value {
    let text = if arguments.trim().is_empty() { "{}" } else { arguments };
    serde_json::from_str(text).unwrap_or_default()
}
