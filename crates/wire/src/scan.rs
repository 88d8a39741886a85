//! The end of a JSON string, found 64 bytes at a time.
//!
//! Nearly all of a request is text inside strings, and code has an escape every thirty bytes: whoever stops at each of
//! them spends more on wrongly guessed branches than on reading. So what is escaped is worked out for a whole block
//! from bit masks (after the "odd-length sequences of backslashes" of Langdale and Lemire, "Parsing Gigabytes of JSON
//! per Second", 2019), and only the quote that ends the string, or an escape that is seldom written, is looked at.

use wide::u8x16;

/// Bytes of a word or a name: most strings are as short as that.
const SHORT: usize = 32;
/// Bytes of a block: one bit of the masks for each.
const BLOCK: usize = 64;

/// Offset of the quote that ends the string whose inside begins at `start`. Escapes are checked, not resolved.
///
/// # Errors
/// Offset and reason: an invalid escape, a raw control character, or no end at all.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> Result<usize, (usize, &'static str)> {
    let Some((block, _)) = bytes.get(start..).and_then(|rest| rest.split_first_chunk::<SHORT>()) else {
        return string_end_nearby(bytes, start);
    };
    let plain = ends_of_runs(block).trailing_zeros() as usize;
    match block.get(plain) {
        Some(b'"') => Ok(start + plain),
        _ => string_end_far(bytes, start + plain),
    }
}

/// The same for a string that is long or has an escape.
fn string_end_far(bytes: &[u8], start: usize) -> Result<usize, (usize, &'static str)> {
    let mut at = start;
    // 1 where the first byte of the block stands behind a backslash that escapes it.
    let mut carried = 0;
    while let Some((block, _)) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<BLOCK>()) {
        let masks = Masks::of(block);
        let escaped = escaped(masks.backslash, &mut carried);
        let quotes = masks.quote & !escaped;
        let mut unusual = masks.control | (escaped & !masks.usual);
        if quotes | unusual != 0 {
            let end = quotes.trailing_zeros() as usize;
            // All bits below that of the first quote.
            unusual &= (quotes & quotes.wrapping_neg()).wrapping_sub(1);
            while unusual != 0 {
                let nth = unusual.trailing_zeros() as usize;
                let behind_backslash = escaped >> nth & 1;
                escape(bytes, at + nth - behind_backslash as usize)?;
                unusual &= unusual - 1;
            }
            if end < BLOCK {
                return Ok(at + end);
            }
        }
        at += BLOCK;
    }
    string_end_nearby(bytes, at - carried as usize)
}

/// A bit for each byte that stands behind a backslash which is not escaped itself. `carried` goes from block to block.
const fn escaped(backslash: u64, carried: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslash = backslash & !*carried;
    let follows = backslash << 1 | *carried;
    let odd_starts = backslash & !EVEN & !follows;
    let (sequences_from_even, beyond) = odd_starts.overflowing_add(backslash);
    *carried = beyond as u64;
    (EVEN ^ (sequences_from_even << 1)) & follows
}

/// A bit for each byte of a block, the lowest for the first.
struct Masks {
    quote: u64,
    backslash: u64,
    control: u64,
    /// What usually stands behind a backslash and makes a whole escape with it.
    usual: u64,
}

impl Masks {
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut masks = Self { quote: 0, backslash: 0, control: 0, usual: 0 };
        let (parts, _) = block.as_chunks();
        for (nth, part) in parts.iter().enumerate() {
            let part = u8x16::new(*part);
            let is = |byte| part.simd_eq(u8x16::splat(byte));
            let (quote, backslash) = (is(b'"'), is(b'\\'));
            let usual = is(b'n') | is(b't') | is(b'r') | quote | backslash;
            let bits = |found: u8x16| u64::from(found.to_bitmask()) << (nth * 16);
            masks.quote |= bits(quote);
            masks.backslash |= bits(backslash);
            masks.control |= bits(is_control(part));
            masks.usual |= bits(usual);
        }
        masks
    }
}

fn is_control(bytes: u8x16) -> u8x16 {
    bytes.min(u8x16::splat(0x1f)).simd_eq(bytes)
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
fn ends_of_runs(block: &[u8; SHORT]) -> u32 {
    let ends = |half: [u8; 16]| {
        let half = u8x16::new(half);
        let ends = half.simd_eq(u8x16::splat(b'"')) | half.simd_eq(u8x16::splat(b'\\')) | is_control(half);
        ends.to_bitmask()
    };
    let (halves, _) = block.as_chunks();
    ends(halves[0]) | ends(halves[1]) << 16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(bytes: &[u8]) {
        for start in 0..bytes.len().min(3) {
            assert_eq!(
                string_end(bytes, start),
                string_end_nearby(bytes, start),
                "{:?} from {start}",
                bytes.escape_ascii()
            );
        }
    }

    proptest! {
        #[test]
        fn blocks_find_what_reading_byte_by_byte_finds(text in r#"([a-zä ]{0,70}\\{0,6}(n|t|r|"|/|b|u00e4|u12|x|\t|)){0,12}"#) {
            same(text.as_bytes());
        }

        #[test]
        fn long_strings_with_good_escapes_are_read_to_their_end(text in r#"([a-zä ]{0,40}(\\\\){0,3}\\["ntrbf/]([ -!]|\\uD83d)?){4,12}"[^"]{0,90}"#) {
            same(text.as_bytes());
        }

        #[test]
        fn nothing_but_what_matters(text in r#"[\\"nu0\x01]{0,300}"#) {
            same(text.as_bytes());
        }
    }

    #[test]
    fn what_is_wrong_is_found_where_it_stands_at_any_place_of_a_block() {
        for plain in 0..140 {
            let with = |wrong: &str| {
                format!("{}{wrong}{}\" ", "\\n".repeat(plain / 2) + &"x".repeat(plain % 2), "y".repeat(80))
            };
            for (wrong, offset) in [("\\x", 0), ("\u{1}", 0), ("\\\\\\\u{1}", 2), ("\\u12\"", 0), ("\\uD83g", 0)] {
                let text = with(wrong);
                let found = string_end(text.as_bytes(), 0).map_err(|(at, _)| at);
                assert_eq!(found, Err(plain / 2 * 2 + plain % 2 + offset), "{text}");
                same(text.as_bytes());
            }
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
            let mut block = [b' '; SHORT];
            block[at] = byte;
            assert_eq!(ends_of_runs(&block), u32::from(byte == b'"' || byte == b'\\' || byte < 0x20) << at, "{byte}");
        }
    }
}
