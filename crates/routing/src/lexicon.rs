//! Finds the words of `words` in a text.
//!
//! Looks up the first three bytes of each word in a small table, so that most words cost one look
//! at a filter. An automaton over all terms (aho-corasick) would need no such table, but takes
//! 2.3 MB and 15 ms to build as a DFA, which is too much for a headless start.

use std::sync::LazyLock;

use memchr::memmem;

use crate::signals::{WINDOW, ends};
use crate::words;

/// Bytes at each end in which a word counts in full.
const NEAR_END: usize = 512;
/// Up to this many bytes a text is taken for written by hand; the longer it is beyond that, the
/// more of its middle is taken for pasted, and the less a word there counts.
const BY_HAND: f32 = 4096.0;
/// The least a word between the ends counts.
const INSIDE: f32 = 0.25;

/// Words found, strongest first.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) complex: Hits,
    pub(crate) simple: Hits,
    pub(crate) reasoning: Hits,
    /// Where a pasted stack trace or error comes from: "Python".
    pub(crate) trace: Option<&'static str>,
}

/// Terms of one list with the points each brings; every term once.
#[derive(Debug, Default)]
pub(crate) struct Hits(Vec<(f32, &'static str)>);

impl Hits {
    pub(crate) fn sum(&self) -> f32 {
        self.0.iter().map(|(points, _)| points).sum()
    }

    /// "design, implement, lock-free and 2 more"
    pub(crate) fn in_words(&self) -> String {
        const SHOWN: usize = 5;
        let mut strongest: Vec<_> = self.0.iter().collect();
        strongest.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let names: Vec<_> = strongest.iter().take(SHOWN).map(|(_, term)| term.trim_end_matches(['*', '^'])).collect();
        let more = self.0.len().saturating_sub(SHOWN);
        if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
    }
}

#[derive(Clone, Copy)]
enum List {
    Complex,
    Simple,
    Reasoning,
    /// The index in [`words::TRACES`].
    Trace(usize),
}

struct Term {
    list: List,
    points: f32,
    /// As written in `words`, for people.
    text: &'static str,
    /// The bytes to find.
    bytes: &'static [u8],
    /// May go on behind the match.
    stem: bool,
    /// A noun as well: see [`words`].
    verb: bool,
    /// Of a script without spaces: no word boundary to ask for.
    unspaced: bool,
}

impl Term {
    fn new(list: List, points: f32, text: &'static str) -> Self {
        let bytes = text.trim_end_matches(['*', '^']).as_bytes();
        let (stem, verb) = (text.ends_with('*'), text.ends_with('^'));
        Self { list, points, text, bytes, stem, verb, unspaced: is_unspaced(text) }
    }

    fn is_at(&self, text: &str, at: usize) -> bool {
        let end = at + self.bytes.len();
        text.as_bytes().get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(self.bytes))
            && (self.unspaced || self.is_word(text, at, end))
    }

    fn is_word(&self, text: &str, start: usize, end: usize) -> bool {
        let (before, after) = (text[..start].chars().next_back(), text[end..].chars().next());
        // `text.translate(table)` is code, not a wish.
        let code = before == Some('.') || after == Some('(');
        !code && !before.is_some_and(in_word) && (self.stem || !after.is_some_and(in_word))
    }
}

/// Whether what follows `before` is something to do: it begins a sentence, a line or an item, or stands behind a word
/// that verbs follow.
fn asks(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '*', '`', '"', '\'', '(']);
    if before.is_empty() || before.ends_with(|c: char| !in_word(c)) {
        return true;
    }
    let tail = &before[before.ceil_char_boundary(before.len().saturating_sub(8))..];
    let word = tail.rsplit(|c: char| !in_word(c) && c != '\'').next().unwrap_or_default();
    words::BEFORE_VERBS.iter().any(|verbs| verbs.eq_ignore_ascii_case(word))
}

fn is_unspaced(text: &str) -> bool {
    text.chars().any(|c| c >= '\u{2E80}')
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// First three bytes of a term or of a place in the text, ASCII letters in lower case.
fn key(bytes: &[u8]) -> Option<u32> {
    let &[a, b, c] = bytes.first_chunk::<3>()?;
    Some(u32::from_be_bytes([0, a.to_ascii_lowercase(), b.to_ascii_lowercase(), c.to_ascii_lowercase()]))
}

/// Place of a key in the filter of 4096 bits.
fn filter_bit(key: u32) -> (usize, u64) {
    let hash = key.wrapping_mul(0x9E37_79B1) >> 20;
    ((hash / 64) as usize, 1 << (hash % 64))
}

struct Lexicon {
    /// Keys of the terms, sorted.
    keys: Vec<u32>,
    /// In the order of their keys, the longest term of a key first.
    terms: Vec<Term>,
    filter: [u64; 64],
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::build);

impl Lexicon {
    fn build() -> Self {
        let lists =
            [(List::Complex, words::COMPLEX), (List::Simple, words::SIMPLE), (List::Reasoning, words::REASONING)];
        let listed = lists
            .into_iter()
            .flat_map(|(list, rows)| words::terms(rows).map(move |(points, text)| Term::new(list, points, text)));
        let traces =
            words::TRACES.iter().enumerate().map(|(index, (mark, _))| Term::new(List::Trace(index), 0.0, mark));
        let mut terms: Vec<_> =
            listed.chain(traces).filter_map(|term| key(term.bytes).map(|key| (key, term))).collect();
        terms.sort_by_key(|(key, term)| (*key, usize::MAX - term.bytes.len()));
        let mut filter = [0; 64];
        for (key, _) in &terms {
            let (slot, bit) = filter_bit(*key);
            filter[slot] |= bit;
        }
        let (keys, terms) = terms.into_iter().unzip();
        Self { keys, terms, filter }
    }

    /// The longest term at this place.
    fn find_at(&self, text: &str, at: usize) -> Option<usize> {
        let key = key(&text.as_bytes()[at..])?;
        let (slot, bit) = filter_bit(key);
        if self.filter[slot] & bit == 0 {
            return None;
        }
        let first = self.keys.partition_point(|other| *other < key);
        let same = self.keys[first..].iter().take_while(|other| **other == key).count();
        (first..first + same).find(|id| self.terms[*id].is_at(text, at))
    }

    /// Calls `found` with each term and its place, left to right, without overlaps.
    fn find_all(&self, text: &str, mut found: impl FnMut(usize, usize)) {
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut after_letter = false;
        while at < bytes.len() {
            let byte = bytes[at];
            let letter = byte.is_ascii_alphanumeric() || byte == b'_';
            // Terms begin with a letter or a character beyond ASCII, never inside either.
            let begins = if letter { !after_letter } else { byte >= 0xC0 };
            after_letter = letter;
            match begins.then(|| self.find_at(text, at)).flatten() {
                Some(id) => {
                    found(id, at);
                    at += self.terms[id].bytes.len();
                    after_letter = true;
                }
                None => at += 1,
            }
        }
    }

    /// Best weight of each term in the text, 0 where it does not occur.
    fn weights(&self, text: &str, named: f32) -> Vec<f32> {
        let mut best = vec![0.0_f32; self.terms.len()];
        let (head, tail) = ends(text, WINDOW);
        let inside = (BY_HAND / text.len().max(1) as f32).clamp(INSIDE, 1.0);
        for (part, offset) in [(head, 0), (tail, text.len() - tail.len())] {
            self.find_all(part, |id, at| {
                let at = offset + at;
                let near = at < NEAR_END || at + NEAR_END >= text.len();
                let weight = match self.terms[id].list {
                    _ if near => 1.0,
                    List::Simple => 0.0,
                    List::Trace(_) => 1.0,
                    List::Complex | List::Reasoning => inside,
                };
                let names = self.terms[id].verb && !asks(&text[..at]);
                best[id] = best[id].max(if names { weight * named } else { weight });
            });
        }
        best
    }
}

/// Words of all lists in the windows at both ends of the text. `named`: what a word counts that names a thing where it
/// could ask for something, of 1.
pub(crate) fn find_words(text: &str, named: f32) -> Found {
    let lexicon = &*LEXICON;
    let mut found = Found { trace: find_frames(text), ..Found::default() };
    for (term, weight) in lexicon.terms.iter().zip(lexicon.weights(text, named)) {
        if weight > 0.0 {
            let hit = (term.points * weight, term.text);
            match term.list {
                List::Complex => found.complex.0.push(hit),
                List::Simple => found.simple.0.push(hit),
                List::Reasoning => found.reasoning.0.push(hit),
                List::Trace(index) => found.trace = Some(words::TRACES[index].1),
            }
        }
    }
    found
}

/// Lines of a call stack, which begin with no word of their own.
fn find_frames(text: &str) -> Option<&'static str> {
    let (head, tail) = ends(text, WINDOW);
    words::FRAMES
        .iter()
        .find(|(mark, _)| [head, tail].iter().any(|part| memmem::find(part.as_bytes(), mark.as_bytes()).is_some()))
        .map(|(_, origin)| *origin)
}

static OPENERS: LazyLock<Vec<(f32, &str)>> = LazyLock::new(|| words::terms(words::OPENERS).collect());

/// The simple opener at the very start of the text, with its points; the longest one wins.
pub(crate) fn find_opener(text: &str) -> Option<(f32, &'static str)> {
    let text = text.trim_start();
    let opens = |term: &str| {
        let stem = term.strip_suffix('*').unwrap_or(term);
        text.get(..stem.len()).is_some_and(|start| start.eq_ignore_ascii_case(stem))
            && (stem.len() < term.len() || is_unspaced(stem) || !text[stem.len()..].starts_with(in_word))
    };
    OPENERS.iter().filter(|(_, term)| opens(term)).max_by_key(|(_, term)| term.len()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_listed_once_and_can_be_found() {
        let lists = [words::COMPLEX, words::SIMPLE, words::REASONING];
        let listed: usize = lists.iter().map(|rows| words::terms(rows).count()).sum();
        assert_eq!(LEXICON.terms.len(), listed + words::TRACES.len(), "a term is under three bytes");
        let mut texts: Vec<_> = LEXICON.terms.iter().map(|term| term.bytes.to_ascii_lowercase()).collect();
        texts.sort();
        for pair in texts.windows(2) {
            assert_ne!(pair[0], pair[1], "listed twice");
        }
        for (at, term) in LEXICON.terms.iter().enumerate() {
            let text = std::str::from_utf8(term.bytes).unwrap();
            assert_eq!(LEXICON.find_at(text, 0), Some(at), "{text}");
        }
    }

    fn complex(text: &str) -> String {
        find_words(text, 0.4).complex.in_words()
    }

    #[test]
    fn words_match_whole_and_in_any_case_and_once() {
        for (text, words) in [
            ("Implement it, IMPLEMENT it", "implement"),
            ("implementing", "implement"),
            ("designers and predesign", ""),
            ("my_design, design2", ""),
            ("text.rewrite(x) and rewrite (y)", "rewrite"),
            ("请实现一个解析器", "实现"),
            ("Entwirf eine API", "entwirf"),
        ] {
            assert_eq!(complex(text), words, "{text}");
        }
    }

    #[test]
    fn a_word_deep_inside_a_long_paste_counts_less_than_at_its_end() {
        let paste = "lorem ipsum dolor sit amet, ".repeat(400);
        let inside = find_words(&format!("{0} refactor {0}", &paste[..3000]), 0.4).complex.sum();
        let at_end = find_words(&format!("{paste} refactor"), 0.4).complex.sum();
        assert!(inside < at_end && inside > 0.0, "{inside} {at_end}");
    }

    #[test]
    fn a_word_that_names_a_thing_counts_less_than_one_that_asks_for_it() {
        let points = |text: &str| find_words(text, 0.4).complex.sum();
        for asks in ["design a queue", "Please design it", "- design it", "it works, then DESIGN more", "2. design"] {
            assert!((points(asks) - 14.0).abs() < 0.01, "{asks}: {}", points(asks));
        }
        for names in ["the industrial design", "a design", "redo this design"] {
            assert!((points(names) - 14.0 * 0.4).abs() < 0.01, "{names}: {}", points(names));
        }
    }

    #[test]
    fn an_opener_counts_at_the_very_start_only() {
        assert_eq!(find_opener("  What's up"), Some((-9.0, "what's")));
        assert_eq!(find_opener("whatever"), None);
        assert_eq!(find_opener("tell what"), None);
        assert_eq!(find_opener("继续吧").map(|(_, term)| term), Some("继续"));
    }

    #[test]
    fn traces_name_their_origin() {
        for (text, origin) in [
            ("Traceback (most recent call last):\n  File \"a.py\", line 3", Some("Python")),
            ("thread 'main' panicked at src/main.rs:3", Some("Rust")),
            ("TypeError: x\n    at f (a.js:1:2)", Some("JavaScript")),
            ("look at this", None),
        ] {
            assert_eq!(find_words(text, 0.4).trace, origin, "{text}");
        }
    }
}
