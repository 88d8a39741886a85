//! A quick look for regular expressions in texts that nearly always hold none of them.
//!
//! The engine reads texts at its own speed only where an expression asks nothing of the place it stands at: with a `\b` in
//! it, one letter beyond ASCII makes it fall back to a search that is a hundred times slower. Many expressions in one set
//! cost it the jump to the letters they begin with. So each is looked for alone, without its assertions; what is found
//! then is asked of the expression itself.

use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

/// Finds at least what its expressions find.
#[derive(Clone, Debug, Default)]
pub(crate) struct Screen(Vec<Regex>);

/// More of them than this are looked for in groups: a pass over the text for each would cost more.
const ALONE: usize = 4;

impl Screen {
    /// # Errors
    /// More than one search can look for.
    pub(crate) fn new(expressions: &[&String]) -> Result<Self, regex::Error> {
        let loose: Vec<String> = expressions.iter().map(|expression| loosened(expression)).collect();
        let each = loose.len().div_ceil(ALONE).max(1);
        loose.chunks(each).map(|group| Regex::new(&group.join("|"))).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn may_be_in(&self, text: &str) -> bool {
        self.0.iter().any(|one| one.is_match(text))
    }
}

/// The expression without its assertions, closed in itself. It matches wherever the expression does.
fn loosened(expression: &str) -> String {
    // Printed anew: no comment or flag of the expression reaches beyond it.
    let parsed = regex_syntax::parse(expression).map(|parsed| without_looks(parsed).to_string());
    format!("(?:{})", parsed.unwrap_or_default())
}

fn without_looks(hir: Hir) -> Hir {
    let all = |parts: Vec<Hir>| parts.into_iter().map(without_looks).collect();
    match hir.into_kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(without_looks(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => without_looks(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(expressions: &[&str]) -> Screen {
        let owned: Vec<String> = expressions.iter().map(|&one| one.to_owned()).collect();
        Screen::new(&owned.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn whatever_an_expression_finds_is_found() {
        for (expression, text) in [
            (r"\bsk-[a-z0-9]{20,}", "key: sk-abcdefghij0123456789"),
            (r"^straße$", "straße"),
            (r"(?x) a # not b\n b", "ab"),
            (r"(?i)(falcon|habicht)\b.{0,9}plan", "Der HABICHT-Plan"),
            (r"(?m)^\s*password\s*=", "x\n  password = 1"),
            (r"\d{3}-\d{2}-\d{4}", "größe 123-45-6789"),
            (r"(a|\b)+z", "z"),
            (r"[^\x00-\x7f]", "ß"),
        ] {
            assert!(Regex::new(expression).unwrap().is_match(text), "{expression} is to be in {text}");
            assert!(screen(&[expression]).may_be_in(text), "{expression} in {text}");
            assert!(
                screen(&[expression, "one", "two", "three", "four", "five"]).may_be_in(text),
                "{expression} of many"
            );
        }
    }

    #[test]
    fn what_holds_nothing_like_it_is_passed_over() {
        let many = screen(&[r"\bAKIA[0-9A-Z]{16}\b", r"\d{3}-\d{2}-\d{4}", "(?x) a # b\n c", "one", "two", "three"]);
        assert!(!many.may_be_in("let größe = AKIA + 12-34;"));
        assert!(many.may_be_in("ac"));
        assert!(screen(&[]).is_empty() && !screen(&[]).may_be_in("anything"));
    }
}
