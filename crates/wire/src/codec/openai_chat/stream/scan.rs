//! Whether the arguments of a call are complete, without parsing them.

/// Follows a JSON object over its fragments.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Scan {
    depth: u32,
    in_string: bool,
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
        match (self.in_string, byte) {
            (true, _) if self.escaped => self.escaped = false,
            (true, b'\\') => self.escaped = true,
            (true, b'"') => self.in_string = false,
            (false, b'"') => self.in_string = true,
            (false, b'{' | b'[') => self.depth += 1,
            (false, b'}' | b']') => {
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
