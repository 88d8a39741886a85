//! Text in, pieces out: the machine that finds markers in text that arrives in parts.
//!
//! Text is held only from a possible marker on. A row that needs more is asked again when the held text has grown by
//! a thirty-second, so that a long call costs a few dozen readings and not one per delta.

use super::arguments::settle;
use super::families::{ANY_END, At, CONTINUED, Family, Kind};
use super::markers;
use super::place::Place;
use super::report::{LeftCall, RecoveredCall, Report, Why};
use super::step::{Draft, Found, Reader, Stuck};
use super::tools::Tools;
use crate::text::Text;

/// A part of the answer.
#[derive(Debug)]
pub(super) enum Piece<'p> {
    /// More text.
    Text(Text<'p>),
    /// More thoughts.
    Thinking(Text<'p>),
    /// A block of its own follows.
    Break,
    /// A call: name and arguments, a JSON object.
    Call { name: &'p str, arguments: &'p str },
}

type Out<'o> = &'o mut dyn FnMut(Piece<'_>);

/// Whether and how the text ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// No more text comes.
    pub(super) ended: bool,
    /// Because of a limit or a failure.
    pub(super) cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Text,
    Thinking(&'static [&'static str]),
}

/// Finds what is not text.
#[derive(Debug)]
pub(super) struct Filter<'t> {
    pub(super) tools: Tools<'t>,
    /// Calls are looked for.
    pub(super) calls: bool,
    /// Thoughts are looked for.
    pub(super) thinking: bool,
    /// The answer is known to begin with thoughts.
    pub(super) expected: bool,
    mode: Mode,
    /// Text from a possible marker on, and its length when it was last looked at.
    held: String,
    tried: usize,
    place: Place,
    /// Visible text came since the last break; before it blanks wait, or are dropped.
    spoken: bool,
    trim: bool,
    blanks: Vec<String>,
    /// Thoughts were seen.
    pub(super) thought: bool,
    /// Visible text was given out.
    pub(super) said: bool,
    /// Thoughts taken for such because they were expected.
    assumed: Option<String>,
    last_family: &'static str,
    pub(super) report: Report,
}

/// Whether text is said or thought.
#[derive(Clone, Copy)]
enum Voice {
    Says,
    Thinks,
}

impl Voice {
    const fn piece(self, text: Text<'_>) -> Piece<'_> {
        match self {
            Self::Says => Piece::Text(text),
            Self::Thinks => Piece::Thinking(text),
        }
    }
}

/// What stands at a place.
enum Outcome {
    /// Nothing.
    Text,
    /// Perhaps something.
    Hold,
    /// So many bytes that look like something but stay text.
    Leave(usize),
    /// Something, of so many bytes.
    Take(&'static Family, Found, usize),
}

impl<'t> Filter<'t> {
    pub(super) fn new(tools: Tools<'t>) -> Self {
        Self {
            calls: !tools.is_empty(),
            tools,
            thinking: true,
            expected: false,
            mode: Mode::Text,
            held: String::new(),
            tried: 0,
            place: Place::default(),
            spoken: false,
            trim: false,
            blanks: Vec::new(),
            thought: false,
            said: false,
            assumed: None,
            last_family: "",
            report: Report::default(),
        }
    }

    /// The same tools, for another text.
    pub(super) fn sibling(&self) -> Self {
        Self { thinking: false, ..Self::new(self.tools.clone()) }
    }

    /// Whether the end of the text cannot be told before it is known why it ended.
    pub(super) const fn is_waiting(&self) -> bool {
        !self.held.is_empty() || matches!(self.mode, Mode::Thinking(_))
    }

    /// Takes more text.
    pub(super) fn push(&mut self, text: &Text<'_>, out: Out<'_>) {
        if self.held.is_empty() && self.passes(text.as_escaped()) {
            self.place.plain(text.as_escaped());
            return out(match self.mode {
                Mode::Text => Piece::Text(text.borrowed()),
                Mode::Thinking(_) => Piece::Thinking(text.borrowed()),
            });
        }
        let alone = self.held.is_empty();
        self.held.push_str(&text.decode());
        if alone || self.held.len() - self.tried > self.tried / 32 {
            self.drain(End::default(), alone.then_some(text), out);
        }
    }

    /// No more text comes in this block.
    pub(super) fn end(&mut self, cut: bool, out: Out<'_>) {
        let end = End { ended: true, cut };
        self.drain(end, None, out);
        if let Mode::Thinking(_) = self.mode {
            self.mode = Mode::Text;
            out(Piece::Break);
            self.renew(false);
        }
        if let Some(text) = self.assumed.take() {
            self.report.unclosed = true;
            // No thoughts after all: what was taken for them is the answer.
            if !cut {
                self.thought = false;
                self.held = text;
                self.drain(end, None, out);
            }
        }
        let blanks = std::mem::take(&mut self.blanks);
        if !self.report.changed() {
            blanks.iter().for_each(|blank| out(Piece::Text(Text::plain(blank))));
        }
        self.renew(false);
        self.trim = false;
    }

    /// Whether nothing in it needs a closer look, here.
    fn passes(&self, wire: &str) -> bool {
        match self.mode {
            Mode::Text => self.spoken && self.place.is_plain() && markers::is_ordinary(wire),
            Mode::Thinking(ends) => {
                let first = |byte: u8| byte == b'\\' || ends.iter().any(|end| end.as_bytes()[0] == byte);
                self.spoken && self.assumed.is_none() && !wire.bytes().any(first)
            }
        }
    }

    fn drain(&mut self, end: End, original: Option<&Text<'_>>, out: Out<'_>) {
        let mut held = std::mem::take(&mut self.held);
        let (mut at, mut more) = (0, !held.is_empty());
        while more {
            (at, more) = match self.mode {
                Mode::Text => self.text(&held, at, end, original, out),
                Mode::Thinking(ends) => self.thoughts(&held, at, end, ends, original, out),
            };
        }
        held.drain(..at);
        self.tried = held.len();
        self.held = held;
    }

    /// Reads text on from `from`. Gives how far, and whether to go on from there.
    fn text(&mut self, held: &str, from: usize, end: End, original: Option<&Text<'_>>, out: Out<'_>) -> (usize, bool) {
        let mut at = from;
        while at < held.len() {
            match self.look(held, at, end) {
                Outcome::Hold => {
                    self.say(&held[from..at], None, out);
                    return (at, false);
                }
                Outcome::Take(family, found, used) => {
                    self.expected = false;
                    self.say(&held[from..at], None, out);
                    self.take(family, found, out);
                    return (at + used, at + used < held.len());
                }
                _ if self.expected && !held.as_bytes()[at].is_ascii_whitespace() => {
                    self.expected = false;
                    self.assumed = Some(String::new());
                    self.enter(ANY_END);
                    return (at, true);
                }
                Outcome::Leave(used) => {
                    self.place.text(&held[at..at + used]);
                    at += used;
                }
                Outcome::Text => {
                    self.place.byte(held.as_bytes()[at]);
                    at += 1;
                }
            }
        }
        self.say(&held[from..], original.filter(|_| from == 0), out);
        (held.len(), false)
    }

    fn look(&mut self, held: &str, at: usize, end: End) -> Outcome {
        let byte = held.as_bytes()[at];
        let anywhere = markers::is_special(byte) || self.place.fresh || self.place.line_start;
        if !anywhere || byte.is_ascii_whitespace() || !byte.is_ascii() || self.place.in_code(byte) {
            return Outcome::Text;
        }
        let text = &held[at..];
        let mut unreadable = None;
        for (marker, family) in markers::beginning_with(byte) {
            if !self.counts(family) {
                continue;
            }
            if !text.starts_with(marker) {
                match marker.starts_with(text) && !end.ended {
                    true => return Outcome::Hold,
                    false => continue,
                }
            }
            let mut reader = self.reader(text, marker, end);
            match (family.read)(family, &mut reader) {
                Ok(found) => {
                    let used = reader.at;
                    return self.judge(family, found, used);
                }
                Err(Stuck::More) if !end.ended => return Outcome::Hold,
                Err(Stuck::More) if !text[marker.len()..].trim().is_empty() && !marker.is_empty() => {
                    let name = reader.name;
                    self.truncated(family, name, end.cut);
                    // Nothing in a call that was cut off is looked at again: a string in it might hold another.
                    return Outcome::Leave(text.len());
                }
                Err(_) if family.at == At::Anywhere => {
                    unreadable = reader.name.map(|name| (family.name, name)).or(unreadable)
                }
                Err(_) => {}
            }
        }
        if let Some((family, name)) = unreadable.filter(|(_, name)| self.tools.find(name).is_some()) {
            self.leave(family, name, Why::Unreadable);
        }
        Outcome::Text
    }

    fn reader<'r>(&'r self, text: &'r str, marker: &'static str, end: End) -> Reader<'r> {
        Reader {
            text,
            at: marker.len(),
            marker,
            ended: end.ended,
            cut: end.cut,
            tools: &self.tools,
            before: self.place.last,
            fresh: self.place.fresh,
            thought: self.thought,
            name: None,
        }
    }

    const fn counts(&self, family: &Family) -> bool {
        let wanted = match family.kind {
            Kind::Call => self.calls && !self.place.in_quotation(),
            Kind::Thinking => self.thinking,
            Kind::Special => true,
        };
        wanted
            && match family.at {
                At::Anywhere => true,
                At::Line => self.place.line_start,
                At::Fresh => self.place.fresh,
                At::AfterCall => self.place.after_call,
            }
    }

    /// Calls count when all their tools exist.
    fn judge(&mut self, family: &'static Family, found: Found, used: usize) -> Outcome {
        let Found::Calls(drafts) = &found else { return Outcome::Take(family, found, used) };
        let unknown: Vec<_> = drafts.iter().filter(|draft| self.tools.find(&draft.name).is_none()).collect();
        if unknown.is_empty() {
            return Outcome::Take(family, found, used);
        }
        for draft in unknown {
            self.leave(family.name, draft.name.clone(), Why::UnknownTool);
        }
        Outcome::Leave(used)
    }

    fn truncated(&mut self, family: &Family, name: Option<String>, cut: bool) {
        let known = name.as_ref().is_some_and(|name| self.tools.find(name).is_some());
        if known || (cut && name.is_none() && family.kind == Kind::Call) {
            self.leave(family.name, name.unwrap_or_default(), Why::Truncated);
        }
    }

    fn leave(&mut self, family: &'static str, name: String, why: Why) {
        let left = LeftCall { family, name, why };
        // A broken call is met again at its inner tags.
        if self.report.left.last().is_none_or(|last| last.name != left.name || last.why != left.why) {
            self.report.left.push(left);
        }
    }

    fn take(&mut self, family: &'static Family, found: Found, out: Out<'_>) {
        match found {
            Found::Calls(drafts) => {
                if family.name != CONTINUED {
                    self.last_family = family.name;
                }
                drafts.iter().for_each(|draft| self.call(draft, out));
                self.renew(true);
            }
            Found::Thinking(ends) => {
                self.report.thinking = true;
                out(Piece::Break);
                self.enter(ends);
            }
            Found::Prefilled => {
                self.report.prefilled = true;
                self.thought = true;
                out(Piece::Break);
                self.renew(false);
            }
            Found::Nothing if family.at == At::AfterCall => {}
            Found::Nothing => self.report.specials += 1,
            Found::Header => {
                self.report.specials += 1;
                out(Piece::Break);
                self.renew(false);
            }
        }
    }

    fn call(&mut self, draft: &Draft, out: Out<'_>) {
        let Some(tool) = self.tools.find(&draft.name) else { return };
        let (arguments, coerced) = settle(&draft.arguments, &tool.schema());
        out(Piece::Call { name: &tool.name, arguments: &arguments });
        self.report.calls.push(RecoveredCall {
            family: self.last_family,
            name: tool.name.to_string(),
            repaired: draft.repaired,
            coerced,
            in_thinking: false,
        });
    }

    fn enter(&mut self, ends: &'static [&'static str]) {
        self.mode = Mode::Thinking(ends);
        self.thought = true;
        self.renew(false);
    }

    /// What follows stands as at the beginning.
    fn renew(&mut self, after_call: bool) {
        self.place.renew(after_call);
        self.spoken = false;
        self.trim = true;
        self.blanks.clear();
    }

    /// Reads thoughts up to what ends them.
    fn thoughts(
        &mut self,
        held: &str,
        from: usize,
        end: End,
        ends: &[&str],
        original: Option<&Text<'_>>,
        out: Out<'_>,
    ) -> (usize, bool) {
        let rest = &held[from..];
        let found = ends.iter().filter_map(|mark| Some((rest.find(mark)?, *mark))).min();
        let Some((length, mark)) = found else {
            let kept = if end.ended { 0 } else { markers::begun(rest, ends) };
            let said = &rest[..rest.len() - kept];
            self.think(said, original.filter(|_| from == 0 && kept == 0), out);
            return (held.len() - kept, false);
        };
        self.think(&rest[..length], None, out);
        let used = match mark {
            // It belongs to the next message.
            "<|start|>" => length,
            // With a suffix of the model's own.
            _ if mark.starts_with('<') && mark.ends_with(':') => match rest[length..].find('>') {
                Some(closing) => length + closing + 1,
                None if end.ended => rest.len(),
                None => return (from + length, false),
            },
            _ => length + mark.len(),
        };
        if self.assumed.take().is_some() {
            self.report.prefilled = true;
        }
        self.mode = Mode::Text;
        out(Piece::Break);
        self.renew(false);
        (from + used, from + used < held.len())
    }

    fn say(&mut self, text: &str, original: Option<&Text<'_>>, out: Out<'_>) {
        self.give(text, original, Voice::Says, out);
        self.said |= self.spoken;
    }

    fn think(&mut self, text: &str, original: Option<&Text<'_>>, out: Out<'_>) {
        if let Some(assumed) = &mut self.assumed {
            assumed.push_str(text);
        }
        self.give(text, original, Voice::Thinks, out);
    }

    /// Gives text out as `original` where that is the same. Blanks wait for the first visible character, or are
    /// dropped where they only set a call or thoughts apart.
    fn give(&mut self, mut text: &str, mut original: Option<&Text<'_>>, voice: Voice, out: Out<'_>) {
        if text.is_empty() {
            return;
        }
        if !self.spoken {
            let visible = text.trim_start();
            if visible.is_empty() {
                if !self.trim {
                    self.blanks.push(text.to_owned());
                }
                return;
            }
            if self.trim && visible.len() < text.len() {
                (text, original) = (visible, None);
            }
            self.spoken = true;
            for blank in std::mem::take(&mut self.blanks) {
                out(voice.piece(Text::plain(&blank)));
            }
        }
        out(voice.piece(original.map_or_else(|| Text::plain(text), Text::borrowed)));
    }
}
