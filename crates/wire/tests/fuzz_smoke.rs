//! Every fuzz target over all fixtures and some thousand mutations of them: a quick look at what `./dev fuzz` tries
//! for as long as one lets it.
#![expect(clippy::expect_used, reason = "what fails here fails the test")]

#[path = "../fuzz/src/lib.rs"]
pub mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use targets::choices::Choices;
use targets::{Check, TARGETS};

/// Mutations of each target, over all fixtures.
const MUTATIONS: usize = 600;

fn fixtures() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), &mut files);
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a fixture")).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// Words of the protocols, one a line, in libFuzzer's escapes.
fn words() -> Vec<Vec<u8>> {
    let lines = include_str!("../fuzz/words.dict").lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    lines.map(|word| word.replace("\\\"", "\"").replace("\\\\", "\\").into_bytes()).collect()
}

/// One small change: a byte, a word, a piece cut out, doubled, or taken from another fixture.
fn mutate(bytes: &mut Vec<u8>, fixtures: &[Vec<u8>], words: &[Vec<u8>], choices: &mut Choices<'_>) {
    let from = choices.below(bytes.len() + 1);
    let to = (from + choices.below(24)).min(bytes.len());
    match choices.below(6) {
        0 => bytes.truncate(from),
        1 => drop(bytes.drain(from..to)),
        2 => drop(bytes.splice(from..to, words[choices.below(words.len())].iter().copied())),
        3 => {
            let piece = bytes[from..to].to_vec();
            bytes.splice(from..from, piece);
        }
        4 => {
            let other = &fixtures[choices.below(fixtures.len())];
            let start = choices.below(other.len() + 1);
            let end = (start + choices.below(200)).min(other.len());
            bytes.splice(from..to, other[start..end].iter().copied());
        }
        _ => drop(bytes.splice(from..to, [choices.below(256) as u8])),
    }
}

/// Runs one check; a failure names the input.
fn survives(name: &str, check: Check, input: &[u8]) {
    let judged = std::panic::catch_unwind(|| check(input));
    assert!(judged.is_ok(), "{name} fails on {:?}", String::from_utf8_lossy(input));
}

fn smoke(name: &str) {
    let (_, check) = TARGETS.iter().find(|(known, _)| *known == name).copied().expect("a target");
    let (fixtures, words) = (fixtures(), words());
    fixtures.iter().for_each(|input| survives(name, check, input));
    let mut choices = Choices::of(name.as_bytes());
    for _ in 0..MUTATIONS {
        let mut input = fixtures[choices.below(fixtures.len())].clone();
        for _ in 0..=choices.below(3) {
            mutate(&mut input, &fixtures, &words, &mut choices);
        }
        survives(name, check, &input);
    }
}

macro_rules! smoke {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            smoke(stringify!($target));
        })*

        #[test]
        fn every_target_is_tried_here() {
            let here = [$(stringify!($target)),*];
            assert_eq!(TARGETS.map(|(name, _)| name), here);
        }
    };
}

smoke! {
    json text anthropic_request openai_request responses_request anthropic_response openai_response responses_response
    anthropic_stream openai_stream responses_stream failure schema edit recover
}
