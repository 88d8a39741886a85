//! What a family's reader sees and what it may find.
//!
//! A reader is asked again from its marker on as more text arrives, so it must be prefix-stable: what it says about
//! a text (other than "more") it says about every longer one. That is what makes any chunking give the same blocks.

use super::tools::Tools;
use crate::repair::{self, Lax};

/// Why a reader stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The text ends too early. When no more comes: it was cut off.
    More,
    /// This is something else: text.
    Not,
}

pub(super) type Read<T> = Result<T, Stuck>;

/// What stood at a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Calls.
    Calls(Vec<Draft>),
    /// Thoughts begin; one of these ends them.
    Thinking(&'static [&'static str]),
    /// Thoughts end whose beginning stood in the prompt.
    Prefilled,
    /// Nothing for a reader: a leaked special, the closing tag of a call.
    Nothing,
    /// Nothing for a reader, and what follows stands as at the beginning: a channel header.
    Header,
}

/// A call as it was read, before its name and arguments are held against the tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    /// Name as written.
    pub(super) name: String,
    /// Arguments as written.
    pub(super) arguments: Arguments,
    /// Whether JSON had to be mended.
    pub(super) repaired: bool,
}

impl Draft {
    pub(super) fn pairs(name: &str, pairs: Vec<(String, Value)>) -> Self {
        Self { name: name.to_owned(), arguments: Arguments::Pairs(pairs), repaired: false }
    }
}

/// Arguments in the two ways models write them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    /// A JSON object.
    Json(String),
    /// One by one.
    Pairs(Vec<(String, Value)>),
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Text whose type only the schema knows.
    Raw(String),
    /// Surely a string.
    Text(String),
    /// Surely JSON.
    Json(String),
}

/// A position in held text, behind the marker.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    /// From the marker on.
    pub(super) text: &'t str,
    /// Bytes read.
    pub(super) at: usize,
    /// The marker itself.
    pub(super) marker: &'static str,
    /// No more text will come.
    pub(super) ended: bool,
    /// And it ended because a limit was met, not because the model was done.
    pub(super) cut: bool,
    /// The tools on offer.
    pub(super) tools: &'t Tools<'t>,
    /// The byte before the marker, 0 at the beginning.
    pub(super) before: u8,
    /// Nothing visible stands before the marker.
    pub(super) fresh: bool,
    /// Thoughts were seen in this answer.
    pub(super) thought: bool,
    /// A name that was read, for reports of what could not be used.
    pub(super) name: Option<String>,
}

impl<'t> Reader<'t> {
    /// What was not read.
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Skips white space.
    pub(super) fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Which of these literals stands here, if any.
    pub(super) fn any(&mut self, literals: &[&str]) -> Read<Option<usize>> {
        let rest = self.rest();
        if let Some(found) = literals.iter().position(|literal| rest.starts_with(literal)) {
            self.at += literals[found].len();
            return Ok(Some(found));
        }
        match literals.iter().any(|literal| literal.starts_with(rest)) {
            true => Err(Stuck::More),
            false => Ok(None),
        }
    }

    /// Whether this literal stands here.
    pub(super) fn has(&mut self, literal: &str) -> Read<bool> {
        self.any(&[literal]).map(|found| found.is_some())
    }

    /// This literal, or it is something else.
    pub(super) fn literal(&mut self, literal: &str) -> Read<()> {
        self.has(literal)?.then_some(()).ok_or(Stuck::Not)
    }

    /// Whether the model was done here although a closing tag is missing (stop token eaten by the server).
    pub(super) fn done(&self) -> bool {
        self.ended && !self.cut && self.rest().trim().is_empty()
    }

    /// A closing tag; it may be missing where the model was done.
    pub(super) fn closing(&mut self, literal: &str) -> Read<()> {
        if self.done() { Ok(()) } else { self.literal(literal) }
    }

    /// Text up to this literal, and the literal.
    pub(super) fn until(&mut self, literal: &str) -> Read<&'t str> {
        let rest = self.rest();
        let length = rest.find(literal).ok_or(Stuck::More)?;
        self.at += length + literal.len();
        Ok(&rest[..length])
    }

    /// A short piece of one line up to this literal: a name, a key. Longer or with a line break it is something else.
    pub(super) fn word_until(&mut self, literal: &str) -> Read<&'t str> {
        const LONGEST: usize = 200;
        let rest = self.rest();
        let end = rest.find(literal).unwrap_or(rest.len());
        if end > LONGEST || rest[..end].contains(['\n', '\r']) {
            return Err(Stuck::Not);
        }
        self.until(literal).map(str::trim)
    }

    /// A name: letters, digits, `_-.:/`.
    pub(super) fn name(&mut self) -> Read<&'t str> {
        let rest = self.rest();
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
        let length = match rest.find(|c| !part(c)) {
            Some(0) => return Err(Stuck::Not),
            Some(length) => length,
            None if self.ended && !rest.is_empty() => rest.len(),
            None => return Err(Stuck::More),
        };
        self.at += length;
        self.name = Some(rest[..length].to_owned());
        Ok(&rest[..length])
    }

    /// Remembers a name read otherwise.
    pub(super) fn named(&mut self, name: &str) {
        self.name = Some(name.to_owned());
    }

    /// The first visible character.
    pub(super) fn peek(&mut self) -> Read<u8> {
        self.blank();
        self.rest().bytes().next().ok_or(Stuck::More)
    }

    /// The text of an element up to its closing tag. Strings may hold the tag itself: it counts only where one of
    /// `followers` comes next.
    pub(super) fn element(&mut self, close: &str, followers: &[&str]) -> Read<&'t str> {
        let rest = self.rest();
        let mut from = 0;
        loop {
            let at = from + rest[from..].find(close).ok_or(Stuck::More)?;
            let behind = at + close.len();
            let next = rest[behind..].trim_start();
            if followers.iter().any(|follower| next.starts_with(follower)) || (next.is_empty() && self.done_at(behind))
            {
                self.at += behind;
                return Ok(&rest[..at]);
            }
            if followers.iter().any(|follower| follower.starts_with(next)) {
                return Err(Stuck::More);
            }
            from = behind;
        }
    }

    fn done_at(&self, behind: usize) -> bool {
        self.ended && !self.cut && self.rest()[behind..].trim().is_empty()
    }

    /// One JSON value and whether it was mended. Where `close` or the end of the answer stands in place of
    /// its last brace, the brace is put in.
    pub(super) fn json(&mut self, close: &str) -> Read<(String, bool)> {
        self.blank();
        match repair::read(self.rest()) {
            Lax::Done { json, used, repaired } => {
                self.at += used;
                Ok((json, repaired))
            }
            Lax::More { closed: Some(json) } if self.ended && !self.cut => {
                self.at = self.text.len();
                Ok((json, true))
            }
            Lax::More { .. } => Err(Stuck::More),
            Lax::Bad { at, closed: Some(json) } if !close.is_empty() => {
                let rest = &self.rest()[at..];
                match rest.starts_with(close) {
                    true => {
                        self.at += at;
                        Ok((json, true))
                    }
                    false if close.starts_with(rest) => Err(Stuck::More),
                    false => {
                        self.at += at;
                        Err(Stuck::Not)
                    }
                }
            }
            Lax::Bad { at, .. } => {
                self.at += at;
                Err(Stuck::Not)
            }
        }
    }

    /// A JSON object.
    pub(super) fn object(&mut self, close: &str) -> Read<(String, bool)> {
        if self.peek()? != b'{' {
            return Err(Stuck::Not);
        }
        self.json(close)
    }

    /// Nothing but white space and closing marks may follow: only a whole answer is a call in this format.
    pub(super) fn whole(&mut self, closers: &[&str]) -> Read<()> {
        loop {
            self.blank();
            if self.rest().is_empty() {
                return if self.ended { Ok(()) } else { Err(Stuck::More) };
            }
            if self.any(closers)?.is_none() {
                return Err(Stuck::Not);
            }
        }
    }
}
