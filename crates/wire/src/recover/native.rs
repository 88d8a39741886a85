//! Calls the backend made itself: their arguments become JSON that fits the tool, while they stream.
//!
//! What is certain goes out at once: the text of a string where one may stand, as it comes, in lists and objects too. Any other
//! string, number or word waits until it is whole, because its type may have to change, and a comma waits for what follows it.
//! Where something is not JSON and cannot be mended, it goes out as it was written from there on, so that no client takes it
//! for a call it can run.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value as Schema;

use super::arguments::{allows_text, fit, paired};
use super::blocks::Blocks;
use super::report::{LeftCall, NATIVE, Report, Why};
use crate::hub::{BlockStart, Delta, Event};
use crate::json::Json;
use crate::repair::{Flow, Place, Step, repair_json};
use crate::text::Text;

type Out<'o> = &'o mut dyn FnMut(Event<'_>);

/// One call of the backend.
#[derive(Debug)]
pub(super) struct Native {
    id: Text<'static>,
    name: Text<'static>,
    schema: Arc<Schema>,
    /// Its block was begun.
    opened: bool,
    flow: Flow,
    fate: Fate,
    /// The objects and lists that are open: of an object the key that was read last.
    path: Vec<Option<String>>,
    /// Where the value that is being read begins, in what was not given out.
    value: Option<usize>,
    /// So much of what was read is certain.
    certain: usize,
    /// The first half of a character that came in two parts.
    half: String,
    coerced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing visible came yet.
    Silent,
    Reading,
    /// No object: looked at when it is over.
    Odd,
    Whole,
    /// It cannot be read: passed on as it is.
    Broken,
}

impl Native {
    pub(super) fn new(id: &Text<'_>, name: &Text<'_>, schema: Arc<Schema>) -> Self {
        Self {
            id: id.clone().into_owned(),
            name: name.clone().into_owned(),
            schema,
            opened: false,
            flow: Flow::default(),
            fate: Fate::Silent,
            path: Vec::new(),
            value: None,
            certain: 0,
            half: String::new(),
            coerced: false,
        }
    }

    /// Whether nothing that comes later changes it.
    pub(super) const fn is_settled(&self) -> bool {
        matches!(self.fate, Fate::Whole | Fate::Broken)
    }

    /// More of its arguments.
    pub(super) fn push(&mut self, more: &Text<'_>, blocks: &mut Blocks, out: Out<'_>) {
        let joined = std::mem::take(&mut self.half) + more.as_escaped();
        let (text, half) = joined.split_at(joined.len() - half_a_character(&joined));
        half.clone_into(&mut self.half);
        self.flow.push(&Text::escaped(text).decode());
        self.read();
        self.give(blocks, out);
    }

    /// No more arguments come. `cut`: because a limit was met or the stream died.
    pub(super) fn end(mut self, cut: bool, report: &mut Report, blocks: &mut Blocks, out: Out<'_>) {
        if !self.half.is_empty() {
            self.half.clear();
            self.flow.push("\u{fffd}");
            self.read();
        }
        let why = self.settle(cut);
        let nothing = self.fate == Fate::Silent;
        if nothing && cut {
            // It may have wanted arguments, and without any it would be run.
            report.left.push(LeftCall { family: NATIVE, name: self.name.decode().into_owned(), why: Why::Truncated });
            return;
        }
        self.open(blocks, out);
        if !nothing {
            self.give(blocks, out);
        }
        blocks.close(out);
        match why {
            Some(why) => report.left.push(LeftCall { family: NATIVE, name: self.name.decode().into_owned(), why }),
            None => {
                report.mended += u32::from(self.flow.repaired());
                report.coerced += u32::from(self.coerced);
            }
        }
    }

    /// Decides what is still open. Gives what is wrong with it.
    fn settle(&mut self, cut: bool) -> Option<Why> {
        match self.fate {
            Fate::Silent | Fate::Whole => return None,
            Fate::Broken => return Some(Why::Unreadable),
            Fate::Odd => return self.settle_odd(cut),
            Fate::Reading => {}
        }
        if let Some(brace) = self.flow.missing().filter(|_| !cut) {
            self.flow.close(brace);
            self.fate = Fate::Whole;
            self.certain = self.flow.out().len();
            return None;
        }
        self.fate = Fate::Broken;
        Some(Why::Truncated)
    }

    /// No object: no arguments at all, or an object that was written into a string.
    fn settle_odd(&mut self, cut: bool) -> Option<Why> {
        let text = self.flow.rest();
        if text.trim() == "null" {
            self.fate = Fate::Silent;
            return None;
        }
        let inner = Json::check(text).ok().and_then(|json| json.value().as_str().and_then(repair_json));
        let Some(object) = inner.filter(|inner| inner.starts_with('{')) else {
            self.fate = Fate::Broken;
            return Some(if cut { Why::Truncated } else { Why::Unreadable });
        };
        self.flow = Flow::of_mended(object);
        self.fate = Fate::Reading;
        self.read();
        None
    }

    fn read(&mut self) {
        if self.fate == Fate::Silent {
            let Some(first) = self.flow.rest().trim_start().bytes().next() else { return };
            self.fate = if first == b'{' { Fate::Reading } else { Fate::Odd };
        }
        while self.fate == Fate::Reading {
            match self.flow.step() {
                Step::On => self.look(),
                Step::More => return self.look(),
                Step::Bad => self.fate = Fate::Broken,
                Step::Done => {
                    self.certain = self.flow.out().len();
                    self.fate = Fate::Whole;
                }
            }
        }
        // Behind the object nothing visible may follow.
        if self.fate == Fate::Whole && !self.flow.rest().trim().is_empty() {
            self.fate = Fate::Broken;
        }
    }

    /// What has become certain with the last token.
    fn look(&mut self) {
        let (place, length, depth) = (self.flow.place(), self.flow.out().len(), self.flow.depth());
        if depth != self.path.len() {
            // An object or a list began or ended. It stays what it is: what is in it is looked at one by one.
            self.value = None;
            self.certain = length;
            self.path.resize(depth, None);
        }
        match (place, self.value) {
            (Place::Named, _) => {
                let key = last_string(self.flow.out());
                if let Some(innermost) = self.path.last_mut() {
                    *innermost = Some(key);
                }
            }
            (Place::Value, None) => self.value = Some(length),
            (Place::Between, Some(begins)) => {
                self.value = None;
                self.fit(begins);
                self.certain = self.flow.out().len();
            }
            (Place::Between, None) => self.certain = length,
            (Place::Inside, Some(_)) if allows_text(self.schema_here()) => {
                self.value = None;
                self.certain = length - half_a_character(self.flow.out());
            }
            (Place::Inside, None) => self.certain = length - half_a_character(self.flow.out()),
            _ => {}
        }
    }

    /// The schema of the value that is being read.
    fn schema_here(&self) -> &Schema {
        self.path.iter().fold(&*self.schema, |schema, key| match key {
            Some(key) => &schema["properties"][key],
            None => &schema["items"],
        })
    }

    /// The value from here on as the schema wants it.
    fn fit(&mut self, begins: usize) {
        let written = self.flow.out()[begins..].to_owned();
        let value = written.trim_start();
        let Cow::Owned(fitted) = fit(value, self.schema_here()) else { return };
        self.coerced = true;
        let blank = written.len() - value.len();
        self.flow.out().replace_range(begins + blank.., &fitted);
    }

    /// Gives out what is certain, or everything once it is known what it is.
    fn give(&mut self, blocks: &mut Blocks, out: Out<'_>) {
        let certain = std::mem::take(&mut self.certain);
        let mut given: String = match self.fate {
            Fate::Silent | Fate::Odd => return,
            Fate::Reading => self.flow.out().drain(..certain).collect(),
            Fate::Whole | Fate::Broken => std::mem::take(self.flow.out()),
        };
        if let Some(value) = &mut self.value {
            *value = value.saturating_sub(certain);
        }
        given = paired(given);
        if self.is_settled() {
            given.push_str(&self.flow.take_rest());
        }
        if given.is_empty() {
            return;
        }
        self.open(blocks, out);
        blocks.delta(Delta::Arguments(Text::plain(&given)), out);
    }

    fn open(&mut self, blocks: &mut Blocks, out: Out<'_>) {
        if !std::mem::replace(&mut self.opened, true) {
            blocks.open(BlockStart::ToolUse { id: self.id.borrowed(), name: self.name.borrowed() }, out);
        }
    }
}

/// The length of the first half of a surrogate pair at the end, or of an escape that is not complete.
fn half_a_character(escaped: &str) -> usize {
    const LONGEST: usize = 6;
    let tail = &escaped.as_bytes()[escaped.len().saturating_sub(LONGEST)..];
    let Some(at) = tail.iter().rposition(|byte| *byte == b'\\') else { return 0 };
    let length = tail.len() - at;
    let before = &escaped.as_bytes()[..escaped.len() - length];
    let escapes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
    let surrogate = length == LONGEST && tail[1] == b'u' && tail[2].eq_ignore_ascii_case(&b'd');
    let is_half = surrogate && matches!(tail[3], b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
    if escapes % 2 == 0 && is_half { LONGEST } else { 0 }
}

/// The string that was read last.
fn last_string(json: &str) -> String {
    let inside = json.strip_suffix('"').unwrap_or(json);
    let mut begins = inside.len();
    while let Some(at) = inside[..begins].rfind('"') {
        let escapes = inside[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if escapes % 2 == 0 {
            return Text::escaped(&inside[at + 1..]).decode().into_owned();
        }
        begins = at;
    }
    String::new()
}
