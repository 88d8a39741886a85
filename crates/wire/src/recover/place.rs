//! Where in the answer a character stands: at its beginning, on a new line, inside code.

/// The place behind everything that was read so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Nothing visible since the beginning, the last call, or the end of thoughts.
    pub(super) fresh: bool,
    /// Nothing visible since the last line break.
    pub(super) line_start: bool,
    /// Nothing visible since a recovered call.
    pub(super) after_call: bool,
    /// The last byte; 0 at the beginning.
    pub(super) last: u8,
    /// The byte before it.
    before_last: u8,
    /// The run of backticks or tildes that is being read, and whether it began its line.
    run: usize,
    run_starts_line: bool,
    run_of: u8,
    /// Length of the run that opened inline code; 0 outside.
    inline: usize,
    /// The run that opened a code fence.
    fence: Option<(u8, usize)>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            fresh: true,
            line_start: true,
            after_call: false,
            last: 0,
            before_last: 0,
            run: 0,
            run_starts_line: false,
            run_of: 0,
            inline: 0,
            fence: None,
        }
    }
}

impl Place {
    /// A call, or the end of thoughts: what follows stands as at the beginning.
    pub(super) fn renew(&mut self, after_call: bool) {
        *self = Self { after_call, ..Self::default() };
    }

    /// Whether text of ordinary bytes changes nothing here.
    pub(super) const fn is_plain(&self) -> bool {
        !self.fresh && !self.line_start && self.run == 0
    }

    /// Whether a marker at this place, before `next`, is code that is shown.
    pub(super) fn in_code(&self, next: u8) -> bool {
        let mut place = *self;
        if place.run > 0 && place.run_of != next {
            place.settle_run();
        }
        place.fence.is_some() || place.inline > 0
    }

    /// Reads on.
    pub(super) fn byte(&mut self, byte: u8) {
        if self.run > 0 && byte != self.run_of {
            self.settle_run();
        }
        self.before_last = std::mem::replace(&mut self.last, byte);
        match byte {
            b'\n' => {
                self.line_start = true;
                self.inline = 0;
            }
            b' ' | b'\t' | b'\r' => {}
            b'`' | b'~' if byte == b'`' || self.line_start || self.run > 0 => {
                if self.run == 0 {
                    self.run_starts_line = self.line_start;
                    self.run_of = byte;
                }
                self.run += 1;
                self.visible();
            }
            _ => self.visible(),
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
    }

    /// Passes over ordinary bytes ([`Self::is_plain`] holds).
    pub(super) const fn plain(&mut self, text: &str) {
        match text.as_bytes() {
            [.., before_last, last] => (self.before_last, self.last) = (*before_last, *last),
            [last] => (self.before_last, self.last) = (self.last, *last),
            [] => {}
        }
    }

    /// Whether a quotation opens right here: what follows is shown, not meant.
    pub(super) const fn in_quotation(&self) -> bool {
        let opens = matches!(self.before_last, 0 | b' ' | b'\t' | b'\n' | b'(' | b'[' | b'{' | b'=' | b':' | b',');
        matches!(self.last, b'"' | b'\'') && opens
    }

    const fn visible(&mut self) {
        self.fresh = false;
        self.line_start = false;
        self.after_call = false;
    }

    fn settle_run(&mut self) {
        let length = std::mem::take(&mut self.run);
        match self.fence {
            Some((of, opened)) if self.run_starts_line && of == self.run_of && length >= opened => self.fence = None,
            Some(_) => {}
            None if self.run_starts_line && length >= 3 => self.fence = Some((self.run_of, length)),
            None if self.run_of == b'~' => {}
            None if self.inline == 0 => self.inline = length,
            None if self.inline == length => self.inline = 0,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_code(text: &str) -> bool {
        let mut place = Place::default();
        place.text(text);
        place.in_code(b'<')
    }

    #[test]
    fn code_is_known_by_its_fences_and_backticks() {
        for (text, code) in [
            ("plain ", false),
            ("`", true),
            ("`a` ", false),
            ("``a ` b", true),
            ("``a ` b``", false),
            ("an odd ` tick\n", false),
            ("```\n", true),
            ("```rust\ncode\n", true),
            ("```\ncode\n```\n", false),
            ("````\n```\n", true),
            ("  ~~~\n", true),
            ("~~~\n```\n", true),
            ("a ~~~ b", false),
            ("see ```x", true),
        ] {
            assert_eq!(in_code(text), code, "{text:?}");
        }
    }
}
