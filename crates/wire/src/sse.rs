//! Server-sent events without I/O: bytes in, in any chunking, frames out.
//!
//! Follows the HTML standard's parsing rules, with two liberties: a frame at the very end needs no blank
//! line behind it (many model servers forget it), and bytes that are no UTF-8 are replaced, not refused.

/// Largest frame by default, in bytes: more than the largest answer of any model.
pub const DEFAULT_LIMIT: usize = 64 * 1024 * 1024;

/// A frame grew over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event is larger than {limit} bytes")]
pub struct TooLarge {
    /// The limit in bytes.
    pub limit: usize,
}

/// An incremental parser. Lines may end with LF, CR or CRLF.
#[derive(Debug)]
pub struct Parser {
    /// A line that has not ended yet.
    line: Vec<u8>,
    event: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was CR: a LF right behind it belongs to it.
    after_cr: bool,
    /// Nothing but a byte order mark, or part of one, was seen so far.
    at_start: bool,
    limit: usize,
}

impl Default for Parser {
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }
}

/// What a line sets, borrowed from the chunk as long as the chunk lasts.
#[derive(Default)]
struct Held<'c> {
    event: Option<&'c [u8]>,
    data: Option<&'c [u8]>,
}

impl Parser {
    /// A parser that refuses frames larger than `limit` bytes.
    #[must_use]
    pub const fn with_limit(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            event: Vec::new(),
            data: Vec::new(),
            has_data: false,
            after_cr: false,
            at_start: true,
            limit,
        }
    }

    /// Takes the next bytes and gives each frame they complete: its `event:` name (empty when none) and its `data:`.
    /// A frame that lies whole in `bytes` is not copied.
    ///
    /// # Errors
    /// When a frame grows over the limit; the parser is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str, &str)) -> Result<(), TooLarge> {
        let mut rest = bytes;
        let mut held = Held::default();
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.line.extend_from_slice(rest);
                break;
            };
            self.after_cr = rest[end] == b'\r';
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if self.line.is_empty() {
                self.whole_line(line, &mut held, &mut each);
            } else {
                self.line.extend_from_slice(line);
                self.keep(&mut held);
                let joined = std::mem::take(&mut self.line);
                self.split_line(&joined, &mut each);
                self.line = joined;
                self.line.clear();
            }
            self.check()?;
        }
        self.keep(&mut held);
        self.check()
    }

    /// The stream is over: gives the last frame, should it lack its end.
    pub fn finish(&mut self, mut each: impl FnMut(&str, &str)) {
        let line = std::mem::take(&mut self.line);
        self.split_line(&line, &mut each);
        self.split_line(b"", &mut each);
    }

    fn check(&self) -> Result<(), TooLarge> {
        let size = self.line.len().max(self.data.len());
        if size > self.limit { Err(TooLarge { limit: self.limit }) } else { Ok(()) }
    }

    /// A line that lies whole in the chunk.
    fn whole_line<'c>(&mut self, line: &'c [u8], held: &mut Held<'c>, each: &mut impl FnMut(&str, &str)) {
        let line = self.without_mark(line);
        if line.is_empty() {
            if let (Some(data), false) = (held.data, self.has_data) {
                each(&lossy(held.event.unwrap_or(&self.event)), &lossy(data));
                self.event.clear();
                *held = Held::default();
                return;
            }
            self.keep(held);
            self.dispatch(each);
            return;
        }
        match field(line) {
            Some((b"data", value)) if held.data.is_none() && !self.has_data => held.data = Some(value),
            Some((b"data", value)) => {
                self.keep(held);
                self.add_data(value);
            }
            Some((b"event", value)) => held.event = Some(value),
            _ => {}
        }
    }

    /// A line that was put together from several chunks.
    fn split_line(&mut self, line: &[u8], each: &mut impl FnMut(&str, &str)) {
        let line = self.without_mark(line);
        if line.is_empty() {
            self.dispatch(each);
            return;
        }
        match field(line) {
            Some((b"data", value)) => self.add_data(value),
            Some((b"event", value)) => {
                self.event.clear();
                self.event.extend_from_slice(value);
            }
            _ => {}
        }
    }

    /// Copies what is still borrowed from the chunk.
    fn keep(&mut self, held: &mut Held<'_>) {
        if let Some(event) = held.event.take() {
            self.event.clear();
            self.event.extend_from_slice(event);
        }
        if let Some(data) = held.data.take() {
            self.add_data(data);
        }
    }

    fn add_data(&mut self, value: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
    }

    fn dispatch(&mut self, each: &mut impl FnMut(&str, &str)) {
        if self.has_data {
            each(&lossy(&self.event), &lossy(&self.data));
        }
        self.event.clear();
        self.data.clear();
        self.has_data = false;
    }

    fn without_mark<'l>(&mut self, line: &'l [u8]) -> &'l [u8] {
        if std::mem::take(&mut self.at_start) { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line }
    }
}

/// Field name and value of a line; `None` for a comment.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    match memchr::memchr(b':', line) {
        Some(0) => None,
        Some(colon) => {
            let value = &line[colon + 1..];
            Some((&line[..colon], value.strip_prefix(b" ").unwrap_or(value)))
        }
        None => Some((line, b"")),
    }
}

fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    // The check alone is several times as fast as the replacement.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), std::borrow::Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Frames = Vec<(String, String)>;

    fn frames<'b>(chunks: impl IntoIterator<Item = &'b [u8]>) -> Frames {
        let mut parser = Parser::default();
        let mut out = Frames::new();
        let mut each = |event: &str, data: &str| out.push((event.to_owned(), data.to_owned()));
        for chunk in chunks {
            parser.push(chunk, &mut each).unwrap();
        }
        parser.finish(&mut each);
        out
    }

    fn pairs(list: &[(&str, &str)]) -> Frames {
        list.iter().map(|(event, data)| ((*event).to_owned(), (*data).to_owned())).collect()
    }

    #[test]
    fn all_three_line_endings_end_a_line() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("event: a{end}data: 1{end}{end}data: 2{end}{end}");
            assert_eq!(frames([text.as_bytes()]), pairs(&[("a", "1"), ("", "2")]), "{end:?}");
        }
    }

    #[test]
    fn comments_and_unknown_fields_are_skipped() {
        let text = b": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\ndata:x\n: more\n\n";
        assert_eq!(frames([&text[..]]), pairs(&[("", "x")]));
    }

    #[test]
    fn several_data_lines_make_one_frame() {
        assert_eq!(frames([&b"data: a\ndata:\ndata:  b\n\n"[..]]), pairs(&[("", "a\n\n b")]));
    }

    #[test]
    fn a_byte_order_mark_is_skipped_also_when_it_is_split() {
        assert_eq!(frames([&b"\xef\xbb"[..], b"\xbfdata: a\n\n"]), pairs(&[("", "a")]));
    }

    #[test]
    fn the_last_frame_needs_no_blank_line() {
        assert_eq!(frames([&b"data: a\n\nevent: e\ndata: b"[..]]), pairs(&[("", "a"), ("e", "b")]));
    }

    #[test]
    fn an_event_without_data_is_no_frame_and_its_name_is_forgotten() {
        assert_eq!(frames([&b"event: a\n\ndata: b\n\n"[..]]), pairs(&[("", "b")]));
    }

    #[test]
    fn a_frame_over_the_limit_is_an_error() {
        let mut parser = Parser::with_limit(8);
        assert_eq!(parser.push(b"data: 0123456789", |_, _| ()), Err(TooLarge { limit: 8 }));
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(
            text in r"(event: [a-c]{1,3}|data: ?[a-zä€🚀 ]{0,8}|:c|id: 1|\r\n|\n|\r|\u{feff}){0,24}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let bytes = text.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let chunks = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            prop_assert_eq!(frames(chunks), frames([bytes]));
            prop_assert_eq!(frames(bytes.chunks(1)), frames([bytes]));
        }
    }
}
