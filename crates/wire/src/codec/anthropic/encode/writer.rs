//! JSON text, written forward.

use crate::text::Text;

/// An object in the making. Commas come by themselves.
pub(in super::super) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Opens the outermost object.
    pub(in super::super) fn new(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'{');
        Self { out }
    }

    /// Closes the outermost object.
    pub(in super::super) fn end(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }

    pub(in super::super) fn open(&mut self) {
        self.out.push(b'{');
    }

    pub(in super::super) fn close(&mut self) {
        self.out.push(b'}');
    }

    /// A key in escaped form; its value must follow.
    pub(in super::super) fn key(&mut self, key: &str) -> &mut Self {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    /// The member `type`.
    pub(in super::super) fn typed(&mut self, kind: &str) -> &mut Self {
        self.key("type").text(&Text::escaped(kind));
        self
    }

    /// A whole member, its value as JSON text.
    pub(in super::super) fn member(&mut self, key: &str, value: &str) {
        self.key(key).raw(value);
    }

    pub(in super::super) fn text(&mut self, text: &Text<'_>) {
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_escaped().as_bytes());
        self.out.push(b'"');
    }

    pub(in super::super) fn number(&mut self, number: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// JSON text as it is.
    pub(in super::super) fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    /// An array.
    pub(in super::super) fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(T, &mut Self)) {
        self.out.push(b'[');
        for (n, item) in items.into_iter().enumerate() {
            if n > 0 {
                self.out.push(b',');
            }
            each(item, self);
        }
        self.out.push(b']');
    }
}
