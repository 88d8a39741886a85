//! JSON as models write it, made valid where there is only one thing it can mean.
//!
//! Mended: a trailing comma, a line break or control character inside a string, single quotes, `\'`, Python's
//! `True`, `False` and `None`, one missing closing brace or bracket behind a complete value. Nothing else: what could
//! mean two things, and what was cut off, is left to whoever asked.

use crate::json::Json;
use crate::text::escape_into;

/// Deepest nesting that is read, within what [`Json::check`] accepts.
const MAX_DEPTH: usize = 100;

/// Valid JSON that means what `text` means, or `None` when that is not certain. Valid JSON comes back as it is,
/// without the white space around it.
#[must_use]
pub fn repair_json(text: &str) -> Option<String> {
    if let Ok(json) = Json::check(text) {
        return Some(json.as_str().to_owned());
    }
    match read(text) {
        Lax::Done { json, used, .. } => text[used..].trim().is_empty().then_some(json),
        Lax::More { closed } => closed,
        Lax::Bad { .. } => None,
    }
}

/// What stands at the beginning of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lax {
    /// A complete value, `used` bytes long, as JSON without white space.
    Done { json: String, used: usize, repaired: bool },
    /// The text ends before the value does. `closed`: the value, if nothing but its last brace is missing.
    More { closed: Option<String> },
    /// No JSON from `at` on. `closed`: as above, for who knows that the value had to end there.
    Bad { at: usize, closed: Option<String> },
}

/// Reads one value from the beginning of `text`. A longer text with the same beginning never gives another
/// `Done` or `Bad`, so it can be asked again as more text arrives.
pub(crate) fn read(text: &str) -> Lax {
    let mut state = State::default();
    let mut reader = Reader { text, at: 0, state: &mut state };
    loop {
        match reader.step() {
            Ok(true) => {
                let used = reader.at;
                return Lax::Done { json: state.out, used, repaired: state.repaired };
            }
            Ok(false) => {}
            Err(Stop::More) => return Lax::More { closed: state.closed() },
            Err(Stop::Bad) => return Lax::Bad { at: reader.at, closed: state.closed() },
        }
    }
}

/// One value that comes in parts, mended as it is read. White space stays, so that valid JSON comes out byte for byte.
#[derive(Debug)]
pub(crate) struct Flow {
    state: State,
    /// What was not read yet.
    rest: String,
    /// Of it, what was looked at.
    at: usize,
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// One token was read.
    On,
    /// The value is complete.
    Done,
    /// More text is needed. Of a string, what is there was read.
    More,
    /// No JSON from here on.
    Bad,
}

/// Where a [`Flow`] stands in the innermost object or list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind `{`, a member or an element.
    Between,
    /// Behind a key.
    Named,
    /// Before a value.
    Value,
    /// In the middle of a string that is a value.
    Inside,
    /// In a key or before one that has to come, or in nothing.
    Elsewhere,
}

impl Default for Flow {
    fn default() -> Self {
        let state = State { verbatim: true, ..State::default() };
        Self { state, rest: String::new(), at: 0 }
    }
}

impl Flow {
    /// A value that took mending to be found.
    pub(crate) fn of_mended(json: String) -> Self {
        let state = State { verbatim: true, repaired: true, ..State::default() };
        Self { state, rest: json, at: 0 }
    }

    /// More text. [`Self::step`] reads it.
    pub(crate) fn push(&mut self, more: &str) {
        self.rest.push_str(more);
    }

    /// Reads one token.
    pub(crate) fn step(&mut self) -> Step {
        let mut reader = Reader { text: &self.rest, at: self.at, state: &mut self.state };
        let read = reader.step();
        self.at = reader.at;
        match read {
            Ok(true) => Step::Done,
            Ok(false) => Step::On,
            Err(Stop::Bad) => Step::Bad,
            Err(Stop::More) => {
                self.rest.drain(..self.at);
                self.at = 0;
                Step::More
            }
        }
    }

    /// What was read and not taken away yet: valid JSON, as far as it goes.
    pub(crate) fn out(&mut self) -> &mut String {
        &mut self.state.out
    }

    /// What was not read.
    pub(crate) fn rest(&self) -> &str {
        &self.rest[self.at..]
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        match self.state.expect {
            _ if self.depth() == 0 => Place::Elsewhere,
            Expect::Next | Expect::Key { comma: false } => Place::Between,
            Expect::Colon => Place::Named,
            Expect::Value | Expect::Element { .. } => Place::Value,
            Expect::Inside { key: false, .. } => Place::Inside,
            Expect::Inside { .. } | Expect::Key { .. } => Place::Elsewhere,
        }
    }

    /// How many objects and lists are open.
    pub(crate) fn depth(&self) -> usize {
        self.state.stack.len()
    }

    /// Takes away what was not read.
    pub(crate) fn take_rest(&mut self) -> String {
        let rest = self.rest().to_owned();
        self.rest.clear();
        self.at = 0;
        rest
    }

    /// Puts in the brace that is missing.
    pub(crate) fn close(&mut self, brace: char) {
        self.state.out.push(brace);
        self.state.repaired = true;
    }

    /// The brace that is all that is missing.
    pub(crate) fn missing(&self) -> Option<char> {
        self.state.missing()
    }

    /// Something had to be mended.
    pub(crate) const fn repaired(&self) -> bool {
        self.state.repaired
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    /// Behind `[` or a comma in a list.
    Element {
        comma: bool,
    },
    /// Behind `{` or a comma in an object.
    Key {
        comma: bool,
    },
    Colon,
    Next,
    /// In the middle of a string.
    Inside {
        quote: u8,
        key: bool,
    },
}

enum Stop {
    More,
    Bad,
}

/// How far a value was read.
#[derive(Debug)]
struct State {
    out: String,
    stack: Vec<u8>,
    expect: Expect,
    repaired: bool,
    /// White space is kept.
    verbatim: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { out: String::new(), stack: Vec::new(), expect: Expect::Value, repaired: false, verbatim: false }
    }
}

impl State {
    /// The one brace that is missing behind a complete value.
    fn missing(&self) -> Option<char> {
        match self.stack[..] {
            [last] if self.expect == Expect::Next => Some(last as char),
            _ => None,
        }
    }

    /// The value with its one missing brace.
    fn closed(&self) -> Option<String> {
        self.missing().map(|last| format!("{}{last}", self.out))
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    state: &'t mut State,
}

impl Reader<'_> {
    /// Reads one token. Whether the value is complete.
    fn step(&mut self) -> Result<bool, Stop> {
        if let Expect::Inside { quote, key } = self.state.expect {
            self.string_on(quote, key)?;
            return Ok(self.state.stack.is_empty());
        }
        self.blank();
        let Some(&byte) = self.text.as_bytes().get(self.at) else { return Err(Stop::More) };
        match (self.state.expect, byte) {
            (Expect::Colon, b':') => self.mark(b':', Expect::Value),
            (Expect::Next, b',') => {
                let comma = true;
                let list = self.state.stack.last() == Some(&b']');
                self.mark(b',', if list { Expect::Element { comma } } else { Expect::Key { comma } });
            }
            (Expect::Next, b'}' | b']') => return self.close(byte),
            (Expect::Key { comma }, b'}') | (Expect::Element { comma }, b']') => {
                if let Some(comma) = self.state.out.rfind(',').filter(|_| comma) {
                    self.state.out.remove(comma);
                    self.state.repaired = true;
                }
                return self.close(byte);
            }
            (Expect::Key { .. }, b'"' | b'\'') => self.string(byte, true)?,
            (Expect::Value | Expect::Element { .. }, _) => return self.value(byte),
            _ => return Err(Stop::Bad),
        }
        Ok(false)
    }

    fn mark(&mut self, byte: u8, expect: Expect) {
        self.state.out.push(byte as char);
        self.at += 1;
        self.state.expect = expect;
    }

    fn close(&mut self, byte: u8) -> Result<bool, Stop> {
        if self.state.stack.last() != Some(&byte) {
            return Err(Stop::Bad);
        }
        self.state.stack.pop();
        self.mark(byte, Expect::Next);
        Ok(self.state.stack.is_empty())
    }

    fn value(&mut self, byte: u8) -> Result<bool, Stop> {
        match byte {
            b'{' | b'[' => {
                if self.state.stack.len() >= MAX_DEPTH {
                    return Err(Stop::Bad);
                }
                let comma = false;
                self.state.stack.push(if byte == b'{' { b'}' } else { b']' });
                self.mark(byte, if byte == b'{' { Expect::Key { comma } } else { Expect::Element { comma } });
                return Ok(false);
            }
            b'"' | b'\'' => {
                self.string(byte, false)?;
                return Ok(self.state.stack.is_empty());
            }
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        }
        self.state.expect = Expect::Next;
        Ok(self.state.stack.is_empty())
    }

    fn token(&self, part: impl Fn(u8) -> bool) -> Result<&str, Stop> {
        let rest = &self.text[self.at..];
        // At the end of the text a number or word may still go on.
        let length = rest.bytes().position(|b| !part(b)).ok_or(Stop::More)?;
        Ok(&rest[..length])
    }

    fn number(&mut self) -> Result<(), Stop> {
        let token = self.token(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'))?;
        if Json::check(token).is_err() {
            return Err(Stop::Bad);
        }
        let token = token.to_owned();
        self.at += token.len();
        self.state.out.push_str(&token);
        Ok(())
    }

    fn word(&mut self) -> Result<(), Stop> {
        const WORDS: [(&str, &str); 6] = [
            ("true", "true"),
            ("false", "false"),
            ("null", "null"),
            ("True", "true"),
            ("False", "false"),
            ("None", "null"),
        ];
        let rest = &self.text[self.at..];
        if !WORDS.iter().any(|(word, _)| rest.starts_with(word) || word.starts_with(rest)) {
            return Err(Stop::Bad);
        }
        let token = self.token(|b| b.is_ascii_alphanumeric() || b == b'_')?;
        let (word, json) = WORDS.iter().find(|(word, _)| *word == token).ok_or(Stop::Bad)?;
        self.state.repaired |= word != json;
        self.at += word.len();
        self.state.out.push_str(json);
        Ok(())
    }

    fn blank(&mut self) {
        let rest = &self.text[self.at..];
        let blank = rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        if self.state.verbatim {
            self.state.out.push_str(&rest[..blank]);
        }
        self.at += blank;
    }

    fn string(&mut self, quote: u8, key: bool) -> Result<(), Stop> {
        self.state.repaired |= quote == b'\'';
        self.state.out.push('"');
        self.state.expect = Expect::Inside { quote, key };
        self.at += 1;
        self.string_on(quote, key)
    }

    /// Reads a string to its end, or as far as it goes: what was read of it is not looked at again.
    fn string_on(&mut self, quote: u8, key: bool) -> Result<(), Stop> {
        let bytes = self.text.as_bytes();
        loop {
            let plain = bytes[self.at..].iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\'' | b'\\'));
            let at = plain.map_or(bytes.len(), |length| self.at + length);
            self.state.out.push_str(&self.text[self.at..at]);
            self.at = at;
            let Some(&byte) = bytes.get(at) else { return Err(Stop::More) };
            match byte {
                byte if byte == quote => break,
                b'\\' => {
                    let length = escape_length(&bytes[at..])?;
                    let apostrophe = bytes[at + 1] == b'\'';
                    self.state.repaired |= apostrophe;
                    self.state.out.push_str(&self.text[at + usize::from(apostrophe)..at + length]);
                    self.at += length;
                }
                // The other quote, which means nothing here; a double one needs an escape.
                byte => {
                    self.state.repaired |= byte != b'\'';
                    if byte == b'\'' {
                        self.state.out.push('\'');
                    } else {
                        escape_into(&self.text[at..=at], &mut self.state.out);
                    }
                    self.at += 1;
                }
            }
        }
        self.state.out.push('"');
        self.at += 1;
        self.state.expect = if key { Expect::Colon } else { Expect::Next };
        Ok(())
    }
}

fn escape_length(bytes: &[u8]) -> Result<usize, Stop> {
    match bytes.get(1).ok_or(Stop::More)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'\'' => Ok(2),
        b'u' => {
            let digits = &bytes[2..bytes.len().min(6)];
            match (digits.iter().all(u8::is_ascii_hexdigit), digits.len()) {
                (true, 4) => Ok(6),
                (true, _) => Err(Stop::More),
                _ => Err(Stop::Bad),
            }
        }
        _ => Err(Stop::Bad),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_certain_is_repaired() {
        for (written, meant) in [
            (r#" {"a": 1} "#, Some(r#"{"a": 1}"#)),
            (r#"{"a": 1,}"#, Some(r#"{"a":1}"#)),
            (r#"{"a": [1, 2, ], }"#, Some(r#"{"a":[1,2]}"#)),
            ("{\"a\": \"one\ntwo\tthree\"}", Some(r#"{"a":"one\ntwo\tthree"}"#)),
            (r#"{'a': 'it is "so"'}"#, Some(r#"{"a":"it is \"so\""}"#)),
            (r"{'a': 'it\'s'}", Some(r#"{"a":"it's"}"#)),
            (r#"{"a": "it\'s"}"#, Some(r#"{"a":"it's"}"#)),
            (r#"{"a": True, "b": None, "c": False}"#, Some(r#"{"a":true,"b":null,"c":false}"#)),
            (r#"{"a": {"b": 1}"#, Some(r#"{"a":{"b":1}}"#)),
            (r#"{"a": "x""#, Some(r#"{"a":"x"}"#)),
            (r#"[{"a": 1}"#, Some(r#"[{"a":1}]"#)),
            (r#"{"a": true "#, Some(r#"{"a":true}"#)),
            // Cut off, or more than one thing it could mean.
            (r#"{"a": 12"#, None),
            (r#"{"a": {"b": "x""#, None),
            (r#"{"a": "x"#, None),
            (r#"{"a": 1,"#, None),
            (r#"{"a":"#, None),
            (r#"{"a""#, None),
            (r#"{"#, None),
            (r#"{"a": "say "hi""}"#, None),
            (r#"{"a": 1} {"b": 2}"#, None),
            (r#"{"a": 1]"#, None),
            (r#"{"a": tru}"#, None),
            (r#"{a: 1}"#, None),
            (r#"{"a": 01}"#, None),
            (r#"{"a": "\d"}"#, None),
            (r#"[1,,2]"#, None),
            (r#"{,}"#, None),
            ("", None),
            ("hello", None),
        ] {
            assert_eq!(repair_json(written).as_deref(), meant, "{written}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        assert_eq!(repair_json(&format!("{},]{}", "[".repeat(500), "]".repeat(499))), None);
    }

    proptest! {
        #[test]
        fn what_is_repaired_is_json(text in r#"[\[\]{}",:'\\0-9a-fnrtuTNe .\-\n]{0,24}"#) {
            if let Some(json) = repair_json(&text) {
                prop_assert!(Json::check(&json).is_ok(), "{}", json);
            }
        }

        #[test]
        fn valid_json_means_the_same_afterwards(text in r#"[\[\]{}",:0-9a-fnrtu .\-]{0,16}"#) {
            if let (Ok(_), Lax::Done { json, repaired, .. }) = (Json::check(&text), read(&format!("{text} "))) {
                prop_assert!(!repaired);
                let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
                prop_assert_eq!(value(&json), value(&text));
            }
        }

        #[test]
        fn more_text_does_not_change_what_was_decided(text in r#"[\[\]{}",:'\\0-9a-fnrtuTN .\-\n]{0,24}"#, at in 0usize..24) {
            let part = &text[..at.min(text.len())];
            match read(part) {
                Lax::More { .. } => {}
                decided => prop_assert_eq!(read(&text), decided),
            }
        }
    }
}
