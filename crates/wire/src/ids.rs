//! Ids of messages and calls.
//!
//! Anthropic takes ids of `[a-zA-Z0-9_-]+` only; other backends make `functions.f:0` and worse.

use crate::text::Text;

/// Whether an id is one that every backend takes.
#[must_use]
pub fn is_clean(id: &Text<'_>) -> bool {
    !id.is_empty() && id.as_escaped().bytes().all(is_clean_byte)
}

/// The id where it is clean; else one made of it, always the same, and different for different ids.
#[must_use]
pub fn clean<'t>(id: &'t Text<'_>) -> Text<'t> {
    if is_clean(id) {
        return id.borrowed();
    }
    let mut made: String =
        id.decode().bytes().map(|b| if is_clean_byte(b) { b as char } else { '_' }).take(40).collect();
    made.push_str(if made.is_empty() { "toolu_" } else { "_" });
    push_letters(hash(&id.decode()), 8, &mut made);
    Text::escaped_owned(made)
}

/// A name of at most `longest` bytes (more than 9): a longer one ends in letters that differ for different names.
#[must_use]
pub fn shortened(mut name: String, longest: usize) -> String {
    if name.len() <= longest {
        return name;
    }
    let hash = hash(&name);
    name.truncate(name.floor_char_boundary(longest - 9));
    name.push('_');
    push_letters(hash, 8, &mut name);
    name
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Makes the ids of one answer: `msg_…`, `toolu_…`, 24 letters and digits. The same seed makes the same ids.
#[derive(Clone, Debug)]
pub struct Mint {
    seed: u64,
    made: u64,
}

impl Mint {
    /// Ids from a seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self { seed, made: 0 }
    }

    /// The next id, with this prefix.
    pub fn next(&mut self, prefix: &str) -> Text<'static> {
        self.made += 1;
        let mut id = prefix.to_owned();
        let base = self.seed.wrapping_add(self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        push_letters(scatter(base), 12, &mut id);
        push_letters(scatter(base ^ 0xd1b5_4a32_d192_ed03), 12, &mut id);
        Text::escaped_owned(id)
    }
}

/// Ids must differ between the answers of a conversation, so the seed is different each time.
impl Default for Mint {
    fn default() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self::seeded(RandomState::new().hash_one(0))
    }
}

const fn is_clean_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The finaliser of splitmix64.
const fn scatter(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn push_letters(mut n: u64, count: usize, out: &mut String) {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for _ in 0..count {
        out.push(LETTERS[(n & 31) as usize] as char);
        n >>= 5;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_id_is_kept() {
        assert_eq!(clean(&Text::escaped("call_1-A")), Text::escaped("call_1-A"));
    }

    #[test]
    fn a_foreign_id_becomes_a_clean_one_of_its_own() {
        let one = clean(&Text::escaped("functions.f:0")).into_owned();
        assert!(one.as_escaped().starts_with("functions_f_0_") && is_clean(&one), "{one:?}");
        assert_eq!(one, clean(&Text::escaped("functions.f:0")));
        assert_ne!(one, clean(&Text::escaped("functions:f.0")));
        assert!(is_clean(&clean(&Text::default())));
        assert!(is_clean(&clean(&Text::escaped("ä\\n"))));
    }

    #[test]
    fn a_long_name_is_cut_and_stays_one_of_its_own() {
        let long = |end: &str| shortened(format!("mcp__{}{end}", "x".repeat(80)), 64);
        assert!(long("a").len() == 64 && long("a") != long("b") && long("a") == long("a"));
        assert_eq!(shortened("short".to_owned(), 64), "short");
    }

    #[test]
    fn minted_ids_differ_from_each_other_and_between_answers() {
        let (mut one, mut two) = (Mint::default(), Mint::default());
        let ids = [one.next("toolu_"), one.next("toolu_"), two.next("toolu_")];
        assert!(ids.iter().all(|id| is_clean(id) && id.as_escaped().len() == 30), "{ids:?}");
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
        assert_eq!(Mint::seeded(7).next("msg_"), Mint::seeded(7).next("msg_"));
    }
}
