//! Choices made from the input itself, so that the same input is always judged in the same way.

/// A source of numbers: bytes that were given, then numbers that follow from the input.
#[derive(Clone, Debug)]
pub struct Choices<'d> {
    given: &'d [u8],
    state: u64,
}

impl<'d> Choices<'d> {
    /// Choices that follow from `data` as a whole.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        let hash = data.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3) // FNV-1a
        });
        Self { given: &[], state: hash | 1 }
    }

    /// The text before the first NUL, and choices from the bytes behind it. A NUL stands in no JSON text.
    #[must_use]
    pub fn behind(data: &'d [u8]) -> (&'d [u8], Self) {
        let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
        let given = data.get(end + 1..).unwrap_or_default();
        (&data[..end], Self { given, ..Self::of(data) })
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if let Some((first, rest)) = self.given.split_first() {
            self.given = rest;
            return usize::from(*first) % bound.max(1);
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) as usize % bound.max(1)
    }
}
