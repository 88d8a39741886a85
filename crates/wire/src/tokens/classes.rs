//! Bytes by class, counted sixteen at a time.

use wide::u8x16;

/// How many bytes there are of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes {
    letters: u64,
    /// Letters behind something that is none: words.
    words: u64,
    digits: u64,
    /// Bytes of characters beyond ASCII.
    wide: u64,
    /// Punctuation but the backslash.
    marks: u64,
    /// Punctuation behind something else.
    mark_runs: u64,
    /// Backslashes: in JSON mostly half of a line break.
    slashes: u64,
}

impl Classes {
    /// Blocks short enough for counters of one byte, a multiple of every vector length.
    const BLOCK: usize = 192;

    /// Longer texts are sampled: one block stands for up to [`Self::STRIDE`], and at least [`Self::SAMPLES`] are read.
    /// A request has many texts and their errors even out, so that they stay far below that of the weights.
    const STRIDE: usize = 8;
    pub(super) const SAMPLES: usize = 3;

    /// Tokens of a text of which at least so many samples are read.
    pub(super) fn estimate(bytes: &[u8], samples: usize) -> u64 {
        let stride = (bytes.len() / (samples * Self::BLOCK)).min(Self::STRIDE);
        if stride > 1 { Self::sample(bytes, stride) } else { Self::count_all(bytes).weight().div_ceil(WEIGHT) }
    }

    fn sample(bytes: &[u8], stride: usize) -> u64 {
        let mut some = Self::default();
        let mut read = 0;
        // Each block but the first byte, which has no byte before it in the block.
        for block in bytes.chunks(Self::BLOCK + 1).step_by(stride) {
            some.add(&block[1..], &block[..block.len() - 1]);
            read += block.len() as u64 - 1;
        }
        (some.weight() * bytes.len() as u64).div_ceil(read.max(1) * WEIGHT)
    }

    fn count_all(bytes: &[u8]) -> Self {
        let mut all = Self::default();
        let Some((first, rest)) = bytes.split_first() else { return all };
        all.add(std::slice::from_ref(first), b" ");
        for (now, before) in rest.chunks(Self::BLOCK).zip(bytes.chunks(Self::BLOCK)) {
            all.add(now, before);
        }
        all
    }

    /// Counts a block; `before` begins one byte earlier.
    fn add(&mut self, now: &[u8], before: &[u8]) {
        let mut lanes = Lanes::default();
        let (whole, rest) = now.as_chunks();
        let (whole_before, rest_before) = before.as_chunks();
        for (now, before) in whole.iter().zip(whole_before) {
            lanes.add(*now, *before);
        }
        if !rest.is_empty() {
            // Zero is of no class.
            let (mut now, mut before) = ([0; LANES], [0; LANES]);
            now[..rest.len()].copy_from_slice(rest);
            let rest_before = whole_before.get(whole.len()).map_or(rest_before, <[u8; LANES]>::as_slice);
            before[..rest.len()].copy_from_slice(&rest_before[..rest.len()]);
            lanes.add(now, before);
        }
        self.letters += sum(lanes.letters);
        self.words += sum(lanes.words);
        self.digits += sum(lanes.digits);
        self.wide += sum(lanes.wide);
        self.marks += sum(lanes.marks);
        self.mark_runs += sum(lanes.mark_runs);
        self.slashes += sum(lanes.slashes);
    }

    /// In parts of a token. `wide` is set by hand: three bytes of Chinese or Japanese are 0.75 tokens.
    const fn weight(self) -> u64 {
        self.letters * 140
            + self.words * 504
            + self.digits * 855
            + self.wide * 256
            + self.marks * 276
            + self.mark_runs * 348
            + self.slashes * 241
    }
}

/// What a token weighs.
const WEIGHT: u64 = 1024;

/// Bytes of the smallest vector that every 64-bit machine has. The loop is not left to the compiler, which makes vectors
/// of it only where the program that is linked is compiled for speed.
const LANES: usize = 16;

/// Bytes of each class, counted in each place of a vector.
#[derive(Default)]
struct Lanes {
    letters: u8x16,
    words: u8x16,
    digits: u8x16,
    wide: u8x16,
    marks: u8x16,
    mark_runs: u8x16,
    slashes: u8x16,
}

impl Lanes {
    fn add(&mut self, now: [u8; LANES], before: [u8; LANES]) {
        let (now, before) = (Is::of(now), Is::of(before));
        // What is true is -1.
        self.letters -= now.letter;
        self.words -= now.letter & !before.letter;
        self.digits -= now.digit;
        self.wide -= now.wide;
        self.marks -= now.mark;
        self.mark_runs -= now.mark & !before.mark;
        self.slashes -= now.slash;
    }
}

/// Which of some bytes are of a class: all bits of them, or none.
struct Is {
    letter: u8x16,
    digit: u8x16,
    wide: u8x16,
    mark: u8x16,
    slash: u8x16,
}

impl Is {
    fn of(bytes: [u8; LANES]) -> Self {
        let bytes = u8x16::new(bytes);
        let letter = within(bytes | u8x16::splat(0x20), b'a', b'z');
        let digit = within(bytes, b'0', b'9');
        let slash = bytes.simd_eq(u8x16::splat(b'\\'));
        let mark = within(bytes, 0x21, 0x7e) & !(letter | digit | slash);
        Self { letter, digit, wide: within(bytes, 0x80, 0xff), mark, slash }
    }
}

fn within(bytes: u8x16, from: u8, to: u8) -> u8x16 {
    let above = bytes - u8x16::splat(from);
    above.min(u8x16::splat(to - from)).simd_eq(above)
}

/// Of a block, so that a byte holds it: the highest byte of the product is the sum of all eight.
fn sum(lanes: u8x16) -> u64 {
    let (halves, _) = lanes.as_array().as_chunks();
    let eight = u64::from_le_bytes(halves[0]) + u64::from_le_bytes(halves[1]);
    eight.wrapping_mul(0x0101_0101_0101_0101) >> 56
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sampled_text_is_estimated_like_a_read_one() {
        let prose = "The quick brown fox jumps over 13 lazy dogs; nobody (not even the owner) minds.\\n";
        let code = "fn total(values: &[u64]) -> u64 { values.iter().map(|v| v * 3).sum() }\\n";
        let text = [prose.repeat(300), code.repeat(500)].concat();
        let (sampled, read) =
            (Classes::sample(text.as_bytes(), Classes::STRIDE), Classes::count_all(text.as_bytes()).weight() / WEIGHT);
        assert!(sampled.abs_diff(read) * 50 < read, "{sampled} for {read}");
    }

    /// As the docs of the fields say it, byte for byte.
    fn one_by_one(bytes: &[u8]) -> Classes {
        let is_mark = |byte: u8| byte.is_ascii_punctuation() && byte != b'\\';
        let mut all = Classes::default();
        let mut before = b' ';
        for now in bytes {
            all.letters += u64::from(now.is_ascii_alphabetic());
            all.words += u64::from(now.is_ascii_alphabetic() && !before.is_ascii_alphabetic());
            all.digits += u64::from(now.is_ascii_digit());
            all.wide += u64::from(!now.is_ascii());
            all.marks += u64::from(is_mark(*now));
            all.mark_runs += u64::from(is_mark(*now) && !is_mark(before));
            all.slashes += u64::from(*now == b'\\');
            before = *now;
        }
        all
    }

    proptest! {
        #[test]
        fn counting_in_vectors_gives_what_counting_one_by_one_gives(text in "[a-zA-Z0-9 .,\\\\\"ä庭]{0,700}") {
            prop_assert_eq!(Classes::count_all(text.as_bytes()), one_by_one(text.as_bytes()));
        }

        #[test]
        fn every_byte_has_its_class(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(Classes::count_all(&bytes), one_by_one(&bytes));
        }
    }
}
