//! Whether the arguments of a call are complete, without parsing them.

/// Follows a JSON object over its fragments.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Scan {
    depth: u32,
    /// What ends the string it is in. Single quotes are no JSON, but models write them.
    quote: Option<u8>,
    escaped: bool,
    complete: bool,
}

impl Scan {
    /// Reads on; the fragment is plain JSON text.
    pub(in super::super) fn feed(&mut self, fragment: &str) {
        for byte in fragment.bytes() {
            if self.complete {
                return;
            }
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        match (self.quote, byte) {
            (Some(_), _) if self.escaped => self.escaped = false,
            (Some(_), b'\\') => self.escaped = true,
            (Some(quote), _) if byte == quote => self.quote = None,
            (None, b'"' | b'\'') => self.quote = Some(byte),
            (None, b'{' | b'[') => self.depth += 1,
            (None, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                self.complete = self.depth == 0;
            }
            _ => {}
        }
    }

    /// The object is closed.
    pub(in super::super) const fn is_complete(self) -> bool {
        self.complete
    }
}
