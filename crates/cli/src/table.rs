//! Tables: lines and columns on a terminal, tabs in a pipe.

use comfy_table::{ContentArrangement, Table, presets};

use crate::out::{self, line};

/// Terminals narrower than this are not squeezed into.
const NARROWEST: u16 = 60;
/// Fewer tokens, or less time, say nothing about speed.
const LEAST_TOKENS: u64 = 8;
const LEAST_MS: u64 = 50;

/// Prints rows under their heads.
pub(crate) fn print(heads: &[&str], rows: Vec<Vec<String>>) {
    if !out::is_terminal() {
        line!("{}", heads.join("\t"));
        for row in rows {
            line!("{}", row.join("\t"));
        }
        return;
    }
    let mut table = Table::new();
    // Columns squeezed to single letters are worse than lines that wrap.
    let fits = table.width().is_some_and(|width| width >= NARROWEST);
    let arrangement = if fits { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(arrangement);
    table.set_header(heads);
    table.add_rows(rows);
    line!("{table}");
}

/// A number of tokens as people read it.
pub(crate) fn tokens(count: u64) -> String {
    match count {
        0..=9_999 => count.to_string(),
        10_000..=999_999 => format!("{}k", count / 1_000),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// Tokens a second, from the first one on; nothing where too little is known.
pub(crate) fn speed(tokens: u64, ms: u64) -> Option<u64> {
    (tokens >= LEAST_TOKENS && ms >= LEAST_MS).then(|| tokens * 1000 / ms)
}

/// Something unknown, or a yes or no.
pub(crate) fn yes_no(known: Option<bool>) -> String {
    match known {
        Some(true) => "yes".into(),
        Some(false) => "no".into(),
        None => "?".into(),
    }
}
