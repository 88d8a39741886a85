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
    let mut reader =
        Reader { text, at: 0, out: String::new(), stack: Vec::new(), expect: Expect::Value, repaired: false };
    loop {
        match reader.step() {
            Ok(true) => {
                return Lax::Done { json: reader.out, used: reader.at, repaired: reader.repaired };
            }
            Ok(false) => {}
            Err(Stop::More) => return Lax::More { closed: reader.closed() },
            Err(Stop::Bad) => return Lax::Bad { at: reader.at, closed: reader.closed() },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
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
}

enum Stop {
    More,
    Bad,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    out: String,
    stack: Vec<u8>,
    expect: Expect,
    repaired: bool,
}

impl Reader<'_> {
    /// Reads one token. Whether the value is complete.
    fn step(&mut self) -> Result<bool, Stop> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        let Some(&byte) = bytes.get(self.at) else { return Err(Stop::More) };
        match (self.expect, byte) {
            (Expect::Colon, b':') => self.mark(b':', Expect::Value),
            (Expect::Next, b',') => {
                let comma = true;
                let list = self.stack.last() == Some(&b']');
                self.mark(b',', if list { Expect::Element { comma } } else { Expect::Key { comma } });
            }
            (Expect::Next, b'}' | b']') => return self.close(byte),
            (Expect::Key { comma }, b'}') | (Expect::Element { comma }, b']') => {
                if comma {
                    self.out.pop();
                    self.repaired = true;
                }
                return self.close(byte);
            }
            (Expect::Key { .. }, b'"' | b'\'') => {
                self.string(byte)?;
                self.expect = Expect::Colon;
            }
            (Expect::Value | Expect::Element { .. }, _) => return self.value(byte),
            _ => return Err(Stop::Bad),
        }
        Ok(false)
    }

    fn mark(&mut self, byte: u8, expect: Expect) {
        self.out.push(byte as char);
        self.at += 1;
        self.expect = expect;
    }

    fn close(&mut self, byte: u8) -> Result<bool, Stop> {
        if self.stack.last() != Some(&byte) {
            return Err(Stop::Bad);
        }
        self.stack.pop();
        self.mark(byte, Expect::Next);
        Ok(self.stack.is_empty())
    }

    fn value(&mut self, byte: u8) -> Result<bool, Stop> {
        match byte {
            b'{' | b'[' => {
                if self.stack.len() >= MAX_DEPTH {
                    return Err(Stop::Bad);
                }
                let comma = false;
                self.stack.push(if byte == b'{' { b'}' } else { b']' });
                self.mark(byte, if byte == b'{' { Expect::Key { comma } } else { Expect::Element { comma } });
                return Ok(false);
            }
            b'"' | b'\'' => self.string(byte)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        }
        self.expect = Expect::Next;
        Ok(self.stack.is_empty())
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
        self.out.push_str(&token);
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
        self.repaired |= word != json;
        self.at += word.len();
        self.out.push_str(json);
        Ok(())
    }

    fn string(&mut self, quote: u8) -> Result<(), Stop> {
        self.repaired |= quote == b'\'';
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        let mut copied = at;
        self.out.push('"');
        loop {
            match bytes.get(at) {
                None => return Err(Stop::More),
                Some(&byte) if byte == quote => break,
                Some(b'\\') => {
                    if bytes.get(at + 1) == Some(&b'\'') {
                        self.out.push_str(&self.text[copied..at]);
                        copied = at + 1;
                        self.repaired = true;
                    }
                    at += escape_length(&bytes[at..])?;
                }
                Some(byte) if *byte < 0x20 || *byte == b'"' => {
                    self.out.push_str(&self.text[copied..at]);
                    escape_into(&self.text[at..=at], &mut self.out);
                    self.repaired = true;
                    at += 1;
                    copied = at;
                }
                Some(_) => at += 1,
            }
        }
        self.out.push_str(&self.text[copied..at]);
        self.out.push('"');
        self.at = at + 1;
        Ok(())
    }

    /// The value with its one missing brace.
    fn closed(&self) -> Option<String> {
        match self.stack[..] {
            [last] if self.expect == Expect::Next => Some(format!("{}{}", self.out, last as char)),
            _ => None,
        }
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
