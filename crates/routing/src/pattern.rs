//! Patterns people write in settings: `*` for anything, folders, words. Compiled once, when the settings are read.

use std::fmt;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::screen::Screen;

/// A text with `*` for any number of characters and `?` for one. Upper and lower case are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Takes the pattern as it is written.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self(pattern.trim().to_ascii_lowercase())
    }

    /// Whether the whole of `text` is meant.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        wild(self.0.as_bytes(), text.as_bytes())
    }

    /// How much of the pattern is no wildcard: among several that fit, the one that says most is meant.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.bytes().filter(|byte| !matches!(byte, b'*' | b'?')).count()
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Matches with one place to come back to, so no text costs more than its length times the pattern's.
fn wild(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t].to_ascii_lowercase() => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// A folder or file, and everything under it. `*` is anything within one name, `**` any number of folders.
/// A pattern that does not begin at the root may begin at any folder: `secrets`, `*.pem`, `clients/acme`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGlob {
    names: Vec<Glob>,
    rooted: bool,
}

impl PathGlob {
    /// Takes the pattern as it is written, with `/` or `\`.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let pattern = pattern.trim().replace('\\', "/");
        let pattern = without_drive(&pattern);
        let names = pattern.split('/').filter(|name| !name.is_empty() && *name != ".");
        Self { names: names.map(Glob::new).collect(), rooted: pattern.starts_with('/') }
    }

    /// Whether the path is meant, or lies under what is meant.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let path = path.replace('\\', "/");
        let names: Vec<&str> = without_drive(&path).split('/').filter(|name| !name.is_empty()).collect();
        let starts = if self.rooted { 1 } else { names.len() };
        !self.names.is_empty() && (0..starts).any(|start| begins(&self.names, &names[start..]))
    }

    /// The same as an expression that finds the path where it is named in a text.
    fn expression(&self) -> String {
        const BEFORE: &str = r#"(?:^|[\s"'`=:(<>\[{,;|&*@])"#;
        const DEEPER: &str = r#"[^\s"'`<>|]*[/\\]"#;
        // Sources of JSON and URLs write more than one.
        const SLASH: &str = r"[/\\]+";
        let last = self.names.len().saturating_sub(1);
        let name = |(at, glob): (usize, &Glob)| match glob.0.as_str() {
            "**" if at == last => String::from(r#"(?:[^\s"'`<>|]+)?"#),
            "**" => format!(r#"(?:[^\s"'`<>|]+{SLASH})?"#),
            text => {
                let name = regex::escape(text).replace(r"\*", r#"[^/\\\s"'`]*"#).replace(r"\?", ".");
                if at == last { name } else { name + SLASH }
            }
        };
        let names: String = self.names.iter().enumerate().map(name).collect();
        let start =
            if self.rooted { format!("{BEFORE}(?:[a-z]:)?{SLASH}") } else { format!("(?:{BEFORE}|{BEFORE}{DEEPER})") };
        format!("(?i){start}{names}(?:$|[^\\w-])")
    }
}

fn without_drive(path: &str) -> &str {
    let bytes = path.as_bytes();
    if bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' { &path[2..] } else { path }
}

fn begins(pattern: &[Glob], names: &[&str]) -> bool {
    match (pattern.split_first(), names.split_first()) {
        (None, _) => true,
        (Some((first, rest)), _) if first.0 == "**" => (0..=names.len()).any(|skip| begins(rest, &names[skip..])),
        (Some(_), None) => false,
        (Some((first, rest)), Some((name, deeper))) => first.is_match(name) && begins(rest, deeper),
    }
}

/// A pattern of words that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{pattern}\" is no pattern: {reason}")]
pub struct PatternError {
    /// What was written.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl PatternError {
    /// What to write instead.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        "write words, with * for any letters (\"project falcon\", \"AKIA*\"), or a regular expression between slashes (\"/\\bsk-[a-z0-9]{20,}/\")"
    }
}

/// Letters looked for in one go. With a few, the search jumps from one likely place to the next; with eight or more it
/// reads every byte: 60 against 830 µs for 400 KB.
const AT_ONCE: usize = 4;
/// Fewer letters stand everywhere.
const TELLING: usize = 3;

/// Words and paths to look for in texts. Empty when nothing is looked for.
///
/// Nearly every text holds none of them, so first only letters that each pattern needs are looked for; the patterns
/// themselves are tried where those are found.
#[derive(Clone, Debug, Default)]
pub struct Finder {
    set: Option<RegexSet>,
    names: Vec<String>,
    /// How many of them are words; behind them stand the paths.
    words: usize,
    /// Letters without which each pattern is not there, where there are any.
    needs: Vec<Option<String>>,
    /// A text in which none of these is found holds none of the patterns that need letters.
    screens: Vec<Regex>,
    /// The patterns that need none.
    others: Screen,
}

impl Finder {
    /// Words as they are written in the settings; each gets its own name for the log, by `named`.
    ///
    /// # Errors
    /// A pattern that is empty, an expression that is none, or more than one search can look for.
    pub fn words(patterns: &[String], named: impl Fn(usize) -> String) -> Result<Self, PatternError> {
        let expressions: Result<Vec<String>, PatternError> = patterns.iter().map(|text| expression(text)).collect();
        let needs = patterns.iter().map(|text| needed(text)).collect();
        let built = Self::build(expressions?, (0..patterns.len()).map(named).collect(), needs)?;
        Ok(Self { words: patterns.len(), ..built })
    }

    /// This finder, and paths where a text names them.
    ///
    /// # Errors
    /// When there are more than one search can look for.
    pub fn and_paths(self, paths: &[(String, PathGlob)]) -> Result<Self, PatternError> {
        let mut expressions = self.set.map(|set| set.patterns().to_vec()).unwrap_or_default();
        let (words, mut names, mut needs) = (self.words, self.names, self.needs);
        for (name, path) in paths.iter().filter(|(_, path)| !path.names.is_empty()) {
            expressions.push(path.expression());
            names.push(name.clone());
            needs.push(longest(path.names.iter().flat_map(|name| name.0.split(['*', '?']))));
        }
        Ok(Self { words, ..Self::build(expressions, names, needs)? })
    }

    fn build(expressions: Vec<String>, names: Vec<String>, needs: Vec<Option<String>>) -> Result<Self, PatternError> {
        if expressions.is_empty() {
            return Ok(Self::default());
        }
        let refuse = |error: regex::Error| {
            let pattern = match expressions.as_slice() {
                [only] => only.clone(),
                // Only how many: they are what is to be kept secret.
                many => format!("{} patterns together", many.len()),
            };
            PatternError { pattern, reason: error.to_string() }
        };
        let set = |of: &[&String]| RegexSetBuilder::new(of).size_limit(4 << 20).build().map_err(refuse);
        let whole = set(&expressions.iter().collect::<Vec<_>>())?;
        let free: Vec<_> = expressions.iter().zip(&needs).filter(|(_, need)| need.is_none()).map(|(e, _)| e).collect();
        let others = Screen::new(&free).map_err(refuse)?;
        let letters: Vec<String> = needs.iter().flatten().map(|need| regex::escape(need)).collect();
        let screen = |some: &[String]| RegexBuilder::new(&some.join("|")).case_insensitive(true).build();
        let screens = letters.chunks(AT_ONCE).map(screen).collect::<Result<_, _>>().map_err(refuse)?;
        Ok(Self { set: Some(whole), names, words: 0, needs, screens, others })
    }

    /// Nothing is looked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.set.is_none()
    }

    /// What is looked for, as regular expressions: the same for the same patterns.
    #[must_use]
    pub fn expressions(&self) -> &[String] {
        self.set.as_ref().map_or(&[], RegexSet::patterns)
    }

    /// The name of the first pattern that is found in a text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&str> {
        self.first(text, self.names.len())
    }

    /// The same for words alone.
    #[must_use]
    pub fn find_word(&self, text: &str) -> Option<&str> {
        self.first(text, self.words)
    }

    fn first(&self, text: &str, of: usize) -> Option<&str> {
        let set = self.set.as_ref().filter(|_| self.may_be_in(text))?;
        let found = set.matches(text).into_iter().next().filter(|found| *found < of)?;
        self.names.get(found).map(String::as_str)
    }

    /// Whether a pattern may be found in the text of a JSON string, read as it is written. Whoever asks this first need
    /// not decode a text in which nothing is.
    #[must_use]
    pub fn may_be_in_escaped(&self, text: &str) -> bool {
        let disguised = |escape: &str| memchr::memmem::find(text.as_bytes(), escape.as_bytes()).is_some();
        !self.others.is_empty() || disguised("\\u") || disguised("\\/") || self.may_be_in(text)
    }

    fn may_be_in(&self, text: &str) -> bool {
        self.screens.iter().any(|screen| screen.is_match(text)) || self.others.may_be_in(text)
    }
}

/// The longest letters a pattern of words needs; a regular expression may need none.
fn needed(pattern: &str) -> Option<String> {
    if between_slashes(pattern).is_some() {
        return None;
    }
    longest(pattern.split(|c: char| c.is_whitespace() || c == '*'))
}

/// The regular expression of a pattern that is one.
fn between_slashes(pattern: &str) -> Option<&str> {
    pattern.trim().strip_prefix('/')?.strip_suffix('/').filter(|inside| !inside.is_empty())
}

fn longest<'t>(parts: impl Iterator<Item = &'t str>) -> Option<String> {
    // What is always escaped in JSON would not be found in a text that was not decoded.
    let is_plain = |part: &&str| !part.contains(|c: char| matches!(c, '"' | '\\') || c.is_control());
    parts.filter(is_plain).max_by_key(|part| part.len()).filter(|part| part.len() >= TELLING).map(ToOwned::to_owned)
}

/// `/…/` is a regular expression; anything else is words: any case, any space between them, whole words, `*` goes on.
fn expression(pattern: &str) -> Result<String, PatternError> {
    let refuse = |reason: &str| PatternError { pattern: pattern.to_owned(), reason: reason.to_owned() };
    if let Some(inside) = between_slashes(pattern) {
        regex::Regex::new(inside).map_err(|error| {
            let said = error.to_string();
            refuse(said.lines().last().unwrap_or_default().trim_start_matches("error: "))
        })?;
        return Ok(inside.to_owned());
    }
    let text = pattern.trim();
    if !text.contains(char::is_alphanumeric) {
        return Err(refuse("it would be found everywhere"));
    }
    let words: Vec<String> = text.split_whitespace().map(|word| regex::escape(word).replace(r"\*", r"\S*")).collect();
    let edge = |letter: Option<char>| if letter.is_some_and(|c| c.is_alphanumeric() || c == '_') { r"\b" } else { "" };
    Ok(format!("(?i){}{}{}", edge(text.chars().next()), words.join(r"\s+"), edge(text.chars().last())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("claude-*-haiku*", "claude-3-5-haiku-latest", true),
            ("claude-*-haiku*", "claude-haiku-5-5", false),
            ("claude-haiku-*", "Claude-Haiku-5-5", true),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a?c", "abc", true),
            ("abc", "abcd", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Glob::new(pattern).is_match(text), fits, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_only_costs_no_exponential_time() {
        assert!(!Glob::new(&format!("{}b", "a*".repeat(50))).is_match(&"a".repeat(10_000)));
    }

    #[test]
    fn a_folder_covers_what_is_under_it() {
        for (pattern, path, covered) in [
            ("/home/me/clients", "/home/me/clients/acme/src", true),
            ("/home/me/clients", "/home/me/clients-old", false),
            ("clients/acme", "/home/me/clients/acme", true),
            ("clients/acme", "/home/me/clients/other", false),
            ("*.pem", "certs/server.pem", true),
            ("*.pem", "certs/server.pem.txt", false),
            ("/home/**/secret", "/home/a/b/secret/x", true),
            ("secrets", "Secrets/key", true),
            ("C:\\clients\\acme", "c:/clients/acme/x", true),
            ("", "/anything", false),
        ] {
            assert_eq!(PathGlob::new(pattern).covers(path), covered, "{pattern} on {path}");
        }
    }

    fn finder(words: &[&str], paths: &[&str]) -> Finder {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let paths: Vec<_> = paths.iter().map(|path| ((*path).to_owned(), PathGlob::new(path))).collect();
        Finder::words(&words, |at| format!("texts[{at}]")).unwrap().and_paths(&paths).unwrap()
    }

    #[test]
    fn words_are_found_as_words_and_expressions_as_they_are_written() {
        let found = finder(&["project falcon", "AKIA*", r"/\d{3}-\d{2}/"], &[]);
        for (text, name) in [
            ("about Project\n Falcon!", Some("texts[0]")),
            ("project falconry", None),
            ("key akiaIOSFODNN7", Some("texts[1]")),
            ("no: 123-45", Some("texts[2]")),
            ("nothing", None),
        ] {
            assert_eq!(found.find(text), name, "{text}");
        }
    }

    #[test]
    fn looking_for_letters_first_changes_nothing_that_is_found() {
        let words = [
            "project falcon",
            "AKIA*",
            "öl",
            "größe",
            "*kette*",
            r"/\d{3}-\d{2}/",
            "a b",
            "x*y",
            "client list",
            "ſecret",
        ];
        let paths = ["secrets", "*.pem", "/home/**/clients", "a/b"];
        let found = finder(&words, &paths);
        let plain = Finder { screens: Vec::new(), others: Screen::new(&[&String::new()]).unwrap(), ..found.clone() };
        for text in [
            "PROJECT  falcon",
            "falcon",
            "Öl und Oel",
            "GRÖSSE, GRÖẞE, Größe",
            "halsketten",
            "123-45",
            "A  b",
            "xaay",
            "x y",
            "the client\nlist",
            "Secret",
            "cat SECRETS/x",
            "a.pem",
            "/home/a/b/clients/x",
            "see a/b",
            "",
            "nothing at all",
        ] {
            assert_eq!(found.find(text), plain.find(text), "{text}");
        }
        assert!(found.screens.len() >= 2 && !found.others.is_empty());
    }

    #[test]
    fn a_path_is_found_where_a_text_names_it() {
        let found = finder(&[], &["secrets", "*.pem", "/home/me/clients", ".env"]);
        for (text, name) in [
            ("cat secrets/api.txt", Some("secrets")),
            ("/srv/app/secrets/x:12: password", Some("secrets")),
            ("the secretssociety", None),
            ("reads \"certs/server.pem\"", Some("*.pem")),
            ("in /home/me/clients/acme", Some("/home/me/clients")),
            (r"in C:\home\me\clients\acme", Some("/home/me/clients")),
            ("in /home/me/clients2", None),
            ("source .env", Some(".env")),
            ("process.env.PATH", None),
            ("<path>/home/me/clients/x</path>", Some("/home/me/clients")),
            ("file:///home/me/clients/x", Some("/home/me/clients")),
            (r"C:\\home\\me\\clients", Some("/home/me/clients")),
            ("env>secrets/log;ls", Some("secrets")),
            ("|secrets/a|b|", Some("secrets")),
        ] {
            assert_eq!(found.find(text), name, "{text}");
        }
    }

    #[test]
    fn any_number_of_folders_may_be_none() {
        for pattern in ["/srv/**/keys", "srv/**/keys", "**/keys", "/srv/**"] {
            let found = finder(&[], &[pattern]);
            for path in ["/srv/keys/x", "/srv/a/keys", "/srv/a/b/keys"] {
                assert!(PathGlob::new(pattern).covers(path), "{pattern} on {path}");
                assert_eq!(found.find(&format!("see {path}")), Some(pattern), "{path}");
            }
        }
    }

    #[test]
    fn a_bad_pattern_says_what_is_wrong() {
        for (pattern, part) in [("", "everywhere"), ("*", "everywhere"), ("/(/", "unclosed group")] {
            let error = Finder::words(&[pattern.to_owned()], |_| String::new()).unwrap_err();
            assert!(error.to_string().contains(part), "{pattern}: {error}");
            assert!(error.hint().contains("between slashes"));
        }
    }

    #[test]
    fn nothing_to_look_for_is_nothing() {
        assert!(finder(&[], &[]).is_empty());
        assert_eq!(finder(&[], &[]).find("anything"), None);
    }
}
