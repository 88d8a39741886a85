//! Which rows may begin with a character.

use std::sync::LazyLock;

use super::families::{self, Family};

/// Rows by the first byte of their markers, in the order in which they are tried.
static BY_BYTE: LazyLock<Vec<Vec<(&'static str, &'static Family)>>> = LazyLock::new(|| {
    let mut table = vec![Vec::new(); 128];
    for family in families::all() {
        for marker in family.open {
            table[usize::from(marker.as_bytes()[0])].push((*marker, family));
        }
        if family.open.is_empty() && family.kind == families::Kind::Call {
            let names = (0..128u8).filter(|b| b.is_ascii_alphanumeric() || *b == b'_');
            names.for_each(|byte| table[usize::from(byte)].push(("", family)));
        }
    }
    table
});

/// Bytes with which markers begin that count anywhere, those that lead into code, and the escape of the wire.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"<[]>`\\";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a marker that counts anywhere may begin with this byte.
pub(super) const fn is_special(byte: u8) -> bool {
    SPECIAL[byte as usize]
}

/// Whether text holds nothing that needs a closer look.
pub(super) fn is_ordinary(wire: &str) -> bool {
    let bytes = wire.as_bytes();
    memchr::memchr3(b'<', b'\\', b'[', bytes).is_none() && memchr::memchr3(b'>', b']', b'`', bytes).is_none()
}

/// The markers that begin with this byte.
pub(super) fn beginning_with(byte: u8) -> &'static [(&'static str, &'static Family)] {
    BY_BYTE.get(usize::from(byte)).map_or(&[], Vec::as_slice)
}

/// Length of the longest end of `text` that may be the beginning of one of `markers`.
pub(super) fn begun(text: &str, markers: &[&str]) -> usize {
    let longest = markers.iter().map(|marker| marker.len()).max().unwrap_or(0);
    let start = text.ceil_char_boundary(text.len().saturating_sub(longest));
    let ends = text[start..].char_indices().map(|(at, _)| &text[start + at..]);
    ends.filter(|end| markers.iter().any(|marker| marker.starts_with(end))).map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recover::families::At;

    #[test]
    fn markers_that_count_anywhere_begin_with_a_special_byte() {
        for family in families::all().filter(|family| family.at == At::Anywhere) {
            for marker in family.open {
                assert!(is_special(marker.as_bytes()[0]), "{marker}");
            }
        }
    }

    #[test]
    fn text_is_ordinary_without_special_bytes() {
        for byte in 0..128u8 {
            assert_eq!(is_ordinary(&char::from(byte).to_string()), !is_special(byte), "{byte}");
        }
    }

    #[test]
    fn the_longest_beginning_of_a_marker_is_found() {
        assert_eq!(begun("a </th", &["</think>", "<x"]), 4);
        assert_eq!(begun("a <", &["</think>"]), 1);
        assert_eq!(begun("ä", &["</think>"]), 0);
    }
}
