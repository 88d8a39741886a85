//! Text in the form it has on the wire: the inside of a JSON string, escapes unresolved.
//!
//! Most text only travels: from one JSON string of a request into another JSON string of the
//! translated request. Kept escaped it is copied, never read. Who wants to read it calls [`Text::decode`].

use std::borrow::Cow;

/// The inside of a JSON string, without the quotes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// Takes over what already is the inside of a JSON string.
    #[must_use]
    pub const fn escaped(inside: &'a str) -> Self {
        Self(Cow::Borrowed(inside))
    }

    /// Takes over an owned inside of a JSON string.
    #[must_use]
    pub const fn escaped_owned(inside: String) -> Text<'static> {
        Text(Cow::Owned(inside))
    }

    /// Escapes plain text where it needs it.
    #[must_use]
    pub fn plain(text: &'a str) -> Self {
        if first_to_escape(text.as_bytes()).is_none() {
            return Self(Cow::Borrowed(text));
        }
        let mut inside = String::with_capacity(text.len() + 16);
        escape_into(text, &mut inside);
        Self(Cow::Owned(inside))
    }

    /// The escaped inside, ready to stand between two quotes.
    #[must_use]
    pub fn as_escaped(&self) -> &str {
        &self.0
    }

    /// The text as a person reads it. A lone surrogate becomes U+FFFD.
    #[must_use]
    pub fn decode(&self) -> Cow<'_, str> {
        if memchr::memchr(b'\\', self.0.as_bytes()).is_none() {
            return Cow::Borrowed(&self.0);
        }
        Cow::Owned(unescape(&self.0))
    }

    /// Whether it is the empty string.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds nothing but white space.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.visible_from() == self.0.len()
    }

    /// Without the white space around it, as [`str::trim`] does it with the text that is read.
    #[must_use]
    pub fn trim(&self) -> Text<'_> {
        let (from, mut to) = (self.visible_from(), self.0.len());
        while let Some(length) = blank_at_end(&self.0[from..to]) {
            to -= length;
        }
        Text(Cow::Borrowed(&self.0[from..to]))
    }

    /// Where the white space at its beginning ends.
    fn visible_from(&self) -> usize {
        let mut from = 0;
        while let Some(length) = blank_at_start(&self.0[from..]) {
            from += length;
        }
        from
    }

    /// Whether it reads like a text that begins with `plain`.
    #[must_use]
    pub fn starts_with(&self, plain: &str) -> bool {
        let first = self.0.split('\\').next().unwrap_or_default();
        if first.len() >= plain.len() { first.starts_with(plain) } else { self.decode().starts_with(plain) }
    }

    /// Whether it reads as `plain`.
    #[must_use]
    pub fn is(&self, plain: &str) -> bool {
        self.0 == plain || (self.0.contains('\\') && self.decode() == plain)
    }

    /// The same without the borrow.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }

    /// Borrows from this one.
    #[must_use]
    pub fn borrowed(&self) -> Text<'_> {
        Text(Cow::Borrowed(&self.0))
    }

    /// Appends other text.
    pub fn push(&mut self, more: &Text<'_>) {
        self.0.to_mut().push_str(&more.0);
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Appends plain text in escaped form. The escapes are `serde_json`'s, so that what a client escaped
/// and what we escape reads the same to a prompt cache.
pub fn escape_into(plain: &str, out: &mut String) {
    let mut rest = plain;
    while let Some(at) = first_to_escape(rest.as_bytes()) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(HEX[usize::from(control >> 4)] as char);
                out.push(HEX[usize::from(control & 15)] as char);
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// Bytes of the white space a text in escaped form begins with: one character or one escape.
fn blank_at_start(inside: &str) -> Option<usize> {
    let first = inside.chars().next()?;
    if first != '\\' {
        return first.is_whitespace().then(|| first.len_utf8());
    }
    let length = escape_length(inside);
    Text::escaped(inside.get(..length)?).decode().trim().is_empty().then_some(length)
}

/// The same of its end.
fn blank_at_end(inside: &str) -> Option<usize> {
    let last = inside.chars().next_back()?;
    if last.is_whitespace() {
        return Some(last.len_utf8());
    }
    [2, 6].into_iter().find(|length| {
        let Some(at) = inside.len().checked_sub(*length) else { return false };
        let Some(escape) = inside.get(at..).filter(|tail| tail.starts_with('\\')) else { return false };
        // A backslash that is itself escaped begins nothing.
        let before = inside.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        before.is_multiple_of(2) && escape_length(escape) == *length && Text::escaped(escape).decode().trim().is_empty()
    })
}

/// Bytes of the escape a text begins with.
fn escape_length(inside: &str) -> usize {
    if inside.as_bytes().get(1) == Some(&b'u') { 6 } else { 2 }
}

fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))
}

fn unescape(inside: &str) -> String {
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(kind) = rest.as_bytes().first() else { break };
        if *kind == b'u' {
            let (decoded, used) = unicode_escape(rest);
            out.push(decoded);
            rest = &rest[used.min(rest.len())..];
            continue;
        }
        out.push(match kind {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            other => *other as char,
        });
        rest = &rest[1..];
    }
    out.push_str(rest);
    out
}

/// Reads `uXXXX`, and a second `\uXXXX` when the two are a surrogate pair. Gives the character and the bytes used.
fn unicode_escape(rest: &str) -> (char, usize) {
    let unit = |at: usize| rest.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(first) = unit(1) else { return (char::REPLACEMENT_CHARACTER, rest.len()) };
    if (0xd800..0xdc00).contains(&first)
        && rest.get(5..7) == Some("\\u")
        && let Some(second) = unit(7)
        && (0xdc00..0xe000).contains(&second)
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character() {
        assert_eq!(Text::escaped(r"a\ud83dz").decode(), "a\u{fffd}z");
        assert_eq!(Text::escaped(r"\ud83d\u0041").decode(), "\u{fffd}A");
    }

    #[test]
    fn a_surrogate_pair_becomes_one_character() {
        assert_eq!(Text::escaped(r"\ud83d\ude80!").decode(), "🚀!");
    }

    #[test]
    fn escapes_are_compared_by_what_they_mean() {
        assert!(Text::escaped(r"a\u0062c").is("abc"));
        assert!(!Text::escaped(r"a\u0062c").is("abd"));
    }

    proptest! {
        #[test]
        fn plain_text_survives_escaping(plain in any::<String>()) {
            let text = Text::plain(&plain);
            prop_assert_eq!(text.decode(), plain.as_str());
        }

        #[test]
        fn trimming_reads_like_trimming_what_is_read(inside in r#"([ \u{a0}an]|u0020|\\([ntrbf/"\\]|u0020|u00a0|u000B|u0061)){0,12}"#) {
            let text = Text::escaped(&inside);
            let trimmed = text.trim();
            let whole = text.decode();
            prop_assert_eq!(trimmed.decode(), whole.trim());
            prop_assert_eq!(text.is_blank(), whole.trim().is_empty());
            let read = trimmed.decode();
            for end in (0..=read.len()).filter(|end| read.is_char_boundary(*end)) {
                prop_assert!(trimmed.starts_with(&read[..end]));
            }
            prop_assert!(!trimmed.starts_with("aaab"));
        }

        #[test]
        fn escaping_writes_what_serde_json_writes(plain in any::<String>()) {
            let theirs = serde_json::to_string(&plain).unwrap();
            let ours = format!("\"{}\"", Text::plain(&plain).as_escaped());
            prop_assert_eq!(ours, theirs);
        }
    }
}
