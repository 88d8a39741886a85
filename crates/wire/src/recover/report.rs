//! What was recovered, for the record.

use std::fmt;

/// What recovery did to one answer. Plain data; [`fmt::Display`] says it in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Calls that were written as text and are calls now.
    pub calls: Vec<RecoveredCall>,
    /// What looked like a call and was left as text.
    pub left: Vec<LeftCall>,
    /// Thoughts were taken out of the text.
    pub thinking: bool,
    /// Thoughts ended that had no beginning: it stood in the prompt. What came before was already sent as text,
    /// unless the answer was known to begin with thoughts ([`super::Recovery::thinking_first`]). Worth remembering
    /// for the model.
    pub prefilled: bool,
    /// The answer was taken to begin with thoughts, but they had no end: what was remembered of the model is wrong.
    pub unclosed: bool,
    /// Leaked special tokens that were taken out.
    pub specials: u32,
    /// Calls of the backend that repeated a recovered one and were dropped.
    pub repeated: u32,
    /// Calls of the backend whose JSON had to be mended.
    pub mended: u32,
    /// Calls of the backend with arguments whose type was changed to what the schema says.
    pub coerced: u32,
}

/// The family of calls that the backend made itself.
pub(super) const NATIVE: &str = "native";

/// A call that was recovered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RecoveredCall {
    /// How it was written: `hermes`, `mistral-args`…
    pub family: &'static str,
    /// Name of the tool.
    pub name: String,
    /// Its JSON had to be mended.
    pub repaired: bool,
    /// Types of arguments were changed to what the schema says.
    pub coerced: bool,
    /// It stood in the thoughts.
    pub in_thinking: bool,
}

/// Something that looked like a call.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftCall {
    /// How it was written.
    pub family: &'static str,
    /// Name as it was written, where there was one.
    pub name: String,
    /// Why it was left.
    pub why: Why,
}

impl LeftCall {
    /// The backend made the call itself; its arguments are the client's to refuse.
    pub(super) fn is_native(&self) -> bool {
        self.family == NATIVE
    }
}

/// Why a call was left as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No such tool was offered.
    UnknownTool,
    /// It was cut off.
    Truncated,
    /// What it says is not certain: broken JSON, tags that do not match.
    Unreadable,
}

impl Report {
    /// Whether the answer went through as it came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a call was cut off.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.left.iter().any(|left| left.why == Why::Truncated)
    }

    /// How many calls stayed text. A call of the backend's own that cannot be read is not among them: the client says so
    /// itself, in its next request.
    #[must_use]
    pub fn left_as_text(&self) -> usize {
        self.left.iter().filter(|left| !left.is_native()).count()
    }

    /// Whether the answer is another one than the backend gave.
    #[must_use]
    pub fn changed(&self) -> bool {
        let mended = self.mended > 0 || self.coerced > 0 || self.left.iter().any(LeftCall::is_native);
        !self.calls.is_empty() || self.thinking || self.prefilled || self.specials > 0 || self.repeated > 0 || mended
    }

    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let mut families: Vec<_> = self.calls.iter().map(|call| call.family).collect();
        families.dedup();
        if !families.is_empty() {
            let (count, plural) = counted(self.calls.len());
            parts.push(format!("{count} call{plural} written as text ({}) recovered", families.join(", ")));
        }
        let changed = |parts: &mut Vec<String>, what: &str, of: fn(&RecoveredCall) -> bool| {
            let count = self.calls.iter().filter(|call| of(call)).count();
            parts.extend((count > 0).then(|| format!("{what} of {count} mended")));
        };
        changed(&mut parts, "JSON", |call| call.repaired);
        changed(&mut parts, "argument types", |call| call.coerced);
        for (why, words) in [
            (Why::UnknownTool, "left as text: no such tool"),
            (Why::Truncated, "truncated and left as text"),
            (Why::Unreadable, "left as text: not readable for certain"),
        ] {
            let count = self.left.iter().filter(|left| left.why == why && !left.is_native()).count();
            let (count, plural) = counted(count);
            parts.extend((count > 0).then(|| format!("{count} call{plural} {words}")));
        }
        parts.extend((self.thinking || self.prefilled).then(|| "thoughts taken out of the text".to_owned()));
        parts.extend((self.specials > 0).then(|| format!("{} leaked special tokens removed", self.specials)));
        parts.extend((self.repeated > 0).then(|| format!("{} repeated calls dropped", self.repeated)));
        self.native_parts(&mut parts);
        parts
    }

    /// What is to be said of calls the backend made itself.
    fn native_parts(&self, parts: &mut Vec<String>) {
        let left = |why| self.left.iter().filter(|left| left.is_native() && left.why == why).count();
        let mut say = |count: usize, words: &str| {
            let (count, plural) = counted(count);
            parts.extend((count > 0).then(|| format!("arguments of {count} call{plural} {words}")));
        };
        say(usize::try_from(self.mended).unwrap_or(usize::MAX), "mended");
        say(usize::try_from(self.coerced).unwrap_or(usize::MAX), "changed to the types of the schema");
        say(left(Why::Truncated), "cut off: it must not be run");
        say(left(Why::Unreadable), "passed on as written: not readable for certain");
    }
}

const fn counted(count: usize) -> (usize, &'static str) {
    (count, if count == 1 { "" } else { "s" })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_as_a_sentence() {
        let mut report = Report::default();
        assert!(report.is_empty() && report.to_string().is_empty());
        let call = RecoveredCall {
            family: "hermes",
            name: "Read".to_owned(),
            repaired: true,
            coerced: false,
            in_thinking: false,
        };
        report.calls.push(call);
        report.left.push(LeftCall { family: "hermes", name: "f".to_owned(), why: Why::Truncated });
        let said = "1 call written as text (hermes) recovered; JSON of 1 mended; 1 call truncated and left as text";
        assert_eq!(report.to_string(), said);
        let left = LeftCall { family: NATIVE, name: "f".to_owned(), why: Why::Truncated };
        let report = Report { mended: 1, coerced: 2, left: vec![left], ..Report::default() };
        let said = "arguments of 1 call mended; arguments of 2 calls changed to the types of the schema; \
                    arguments of 1 call cut off: it must not be run";
        assert_eq!(report.to_string(), said);
    }
}
