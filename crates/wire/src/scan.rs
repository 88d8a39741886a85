//! The end of a JSON string, found 32 bytes at a time.
//!
//! Nearly all of a request is text inside strings, and code has an escape every thirty bytes: whoever starts anew behind
//! each of them spends more on starting than on reading. So the places where something stands are taken as a bit mask
//! of a block, and the mask is walked.

use wide::u8x16;

/// Two of the smallest vectors every 64-bit machine has: one bit of the mask for each byte.
const BLOCK: usize = 32;

/// Offset of the quote that ends the string whose inside begins at `start`. Escapes are checked, not resolved.
///
/// # Errors
/// Offset and reason: an invalid escape, a raw control character, or no end at all.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> Result<usize, (usize, &'static str)> {
    let mut at = start;
    while let Some((block, _)) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<BLOCK>()) {
        let mut mask = ends_of_runs(block);
        let mut next = BLOCK;
        while mask != 0 {
            let nth = mask.trailing_zeros() as usize & (BLOCK - 1);
            let behind = match block[nth] {
                b'"' => return Ok(at + nth),
                b'\\' if nth + 1 < BLOCK && SHORT[usize::from(block[nth + 1])] => nth + 2,
                _ => nth + escape(bytes, at + nth)?,
            };
            if behind >= BLOCK {
                // The escape reaches up to or into the next block.
                next = behind;
                break;
            }
            mask &= u32::MAX << behind;
        }
        at += next;
    }
    string_end_nearby(bytes, at)
}

/// The same for the last bytes of the source.
fn string_end_nearby(bytes: &[u8], mut at: usize) -> Result<usize, (usize, &'static str)> {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok(at),
            b'\\' | ..0x20 => at += escape(bytes, at)?,
            _ => at += 1,
        }
    }
    Err((bytes.len(), "the text ends inside a string"))
}

/// Length of the escape at `at`, where a backslash or a control character stands.
#[inline]
fn escape(bytes: &[u8], at: usize) -> Result<usize, (usize, &'static str)> {
    match (bytes[at], bytes.get(at + 1)) {
        (b'\\', Some(b'n' | b'"' | b'\\' | b't' | b'r' | b'/' | b'b' | b'f')) => Ok(2),
        (b'\\', Some(b'u')) if bytes.get(at + 2..at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {
            Ok(6)
        }
        (b'\\', _) => Err((at, "this is no valid escape")),
        _ => Err((at, "a control character must be escaped in a string")),
    }
}

/// A bit for each quote, backslash and control character, the lowest for the first byte.
fn ends_of_runs(block: &[u8; BLOCK]) -> u32 {
    let ends = |half: [u8; 16]| {
        let half = u8x16::new(half);
        let control = half.min(u8x16::splat(0x1f)).simd_eq(half);
        (half.simd_eq(u8x16::splat(b'"')) | half.simd_eq(u8x16::splat(b'\\')) | control).to_bitmask()
    };
    let (halves, _) = block.as_chunks();
    ends(halves[0]) | ends(halves[1]) << 16
}

/// What makes a whole escape with the backslash before it.
const SHORT: [bool; 256] = {
    let mut short = [false; 256];
    let mut nth = 0;
    while nth < 8 {
        short[b"n\"\\tr/bf"[nth] as usize] = true;
        nth += 1;
    }
    short
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_find_what_reading_byte_by_byte_finds(text in r#"([a-zä ]{0,40}(\\\\["\\n]|\\\\u00e4|\\\\u12|\\\\x|\t|")?){0,9}"#, start in 0_usize..3) {
            let bytes = text.as_bytes();
            let start = start.min(bytes.len());
            prop_assert_eq!(string_end(bytes, start), string_end_nearby(bytes, start));
        }
    }

    #[test]
    fn an_escape_across_the_end_of_a_block_is_read_whole() {
        for plain in 10..70 {
            let text = format!("{}\\u00e4\\\"tail\" {}", "x".repeat(plain), "y".repeat(40));
            assert_eq!(string_end(text.as_bytes(), 0), Ok(plain + 6 + 2 + 4));
        }
    }

    #[test]
    fn every_control_character_is_found_and_nothing_else() {
        for (byte, at) in (0..=255_u8).flat_map(|byte| [(byte, 13), (byte, 29)]) {
            let mut block = [b' '; BLOCK];
            block[at] = byte;
            assert_eq!(ends_of_runs(&block), u32::from(byte == b'"' || byte == b'\\' || byte < 0x20) << at, "{byte}");
        }
    }
}
