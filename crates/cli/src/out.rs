//! Everything that is printed goes through here: colours only where a terminal shows them (`NO_COLOR` is honoured),
//! and a reader who goes away (`| head`) is no error.

use std::fmt::Arguments;
use std::future::Future;
use std::io::{ErrorKind, IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use branchline_settings::Problem;
use serde::Serialize;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const CLOUD: Style = AnsiColor::Cyan.on_default();

/// A wait shorter than this is not worth a word.
const PATIENCE: Duration = Duration::from_secs(1);
const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];

/// A line on standard output.
macro_rules! line {
    ($($words:tt)*) => { $crate::out::print(format_args!($($words)*)) };
}
/// A line on standard error.
macro_rules! note {
    ($($words:tt)*) => { $crate::out::print_note(format_args!($($words)*)) };
}
/// A line on standard output of a program that goes on when nobody reads it.
macro_rules! tell {
    ($($words:tt)*) => { $crate::out::print_on(format_args!($($words)*)) };
}
pub(crate) use {line, note, tell};

pub(crate) fn print(words: Arguments<'_>) {
    let mut stdout = anstream::stdout().lock();
    let written = writeln!(stdout, "{words}").and_then(|()| stdout.flush());
    end_with_reader(written);
}

pub(crate) fn print_on(words: Arguments<'_>) {
    let mut stdout = anstream::stdout().lock();
    // The engine must not end because its terminal was closed.
    let _ = writeln!(stdout, "{words}").and_then(|()| stdout.flush());
}

/// Text as it is, without a line break of ours.
pub(crate) fn text(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    end_with_reader(written);
}

fn end_with_reader(written: std::io::Result<()>) {
    if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

pub(crate) fn print_note(words: Arguments<'_>) {
    // There is nowhere left to say that standard error cannot be written.
    let _ = writeln!(anstream::stderr().lock(), "{words}");
}

/// A value for scripts.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line!("{text}"),
        Err(error) => note!("error: the answer has no JSON: {error}"),
    }
}

pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// What is wrong with the settings, each with its hint.
pub(crate) fn problems(problems: &[Problem], warnings: &[Problem]) {
    let say = |style: Style, word: &str, problem: &Problem| {
        note!("{style}{word}:{style:#} {problem}");
        if !problem.hint.is_empty() {
            note!("{DIM}hint:{DIM:#} {}", problem.hint);
        }
    };
    problems.iter().for_each(|problem| say(BAD, "error", problem));
    warnings.iter().for_each(|warning| say(WARN, "warning", warning));
}

/// Says what is waited for, once the wait gets long and somebody looks.
pub(crate) async fn while_waiting<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    if let Ok(done) = tokio::time::timeout(PATIENCE, work.as_mut()).await {
        return done;
    }
    let mut tick = tokio::time::interval(Duration::from_millis(120));
    for frame in FRAMES.iter().cycle() {
        tokio::select! {
            done = work.as_mut() => {
                show(&format!("\r{}\r", " ".repeat(what.len() + 4)));
                return done;
            }
            _ = tick.tick() => show(&format!("\r{frame} {what}")),
        }
    }
    work.await
}

fn show(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // A spinner that cannot be drawn is no loss.
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}
