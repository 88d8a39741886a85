//! A terminal with a program in it: keys go in, and what the screen shows can be read.

use std::num::NonZeroU16;
use std::process::Command;
use std::time::Duration;

use pty_process::{Pty, Size};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use vt100::Parser;

use crate::rig::{LIMIT, Rig};

const ROWS: NonZeroU16 = NonZeroU16::new(50).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(160).unwrap();

/// Long enough for a screen to be drawn anew.
const A_MOMENT: Duration = Duration::from_millis(500);

pub(crate) struct Terminal {
    pty: Pty,
    child: Child,
    screen: Parser,
}

impl Terminal {
    /// Starts a program of the user's.
    pub(crate) fn start(rig: &Rig, words: &[&str]) -> Self {
        let mut command = rig.program(words[0]);
        command.args(&words[1..]);
        Self::with(command)
    }

    /// Starts `branchline`.
    pub(crate) fn start_branchline(rig: &Rig, args: &[&str]) -> Self {
        Self::with(rig.branchline(args))
    }

    fn with(mut command: Command) -> Self {
        command.env("TERM", "xterm-256color");
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(ROWS.get(), COLUMNS.get())).unwrap();
        let command = pty_process::Command::from(tokio::process::Command::from(command));
        let child = command.kill_on_drop(true).spawn(pts).unwrap();
        Self { pty, child, screen: Parser::new(ROWS, COLUMNS, 0) }
    }

    /// Keys.
    pub(crate) async fn press(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Types a line and sends it, once it stands there.
    pub(crate) async fn say(&mut self, text: &str) {
        self.press(text).await;
        self.shows(&format!("❯ {text}")).await;
        self.press("\r").await;
    }

    /// Types a command and sends it, once it is offered.
    pub(crate) async fn choose(&mut self, command: &str) {
        self.press(command).await;
        self.reads(&format!("{command} offered"), |text| text.matches(command).count() > 1).await;
        self.press("\r").await;
    }

    /// Takes what a question offers first. In its first moment it hears no key, so that nobody says yes by accident; where it
    /// has heard one already, another does no harm.
    pub(crate) async fn accept(&mut self, question: &str) {
        let end = tokio::time::Instant::now() + LIMIT;
        while self.text().contains(question) {
            assert!(tokio::time::Instant::now() < end, "`{question}` stays");
            self.press("\r").await;
            let quiet = tokio::time::Instant::now() + A_MOMENT;
            while tokio::time::timeout_at(quiet, self.read()).await.unwrap_or(false) {}
        }
    }

    /// Waits until these words stand on the screen; the screen.
    pub(crate) async fn shows(&mut self, words: &str) -> String {
        self.reads(words, |text| text.contains(words)).await
    }

    async fn reads(&mut self, what: &str, test: impl Fn(&str) -> bool) -> String {
        let end = tokio::time::Instant::now() + LIMIT;
        loop {
            let text = self.text();
            if test(&text) {
                return text;
            }
            let read = tokio::time::timeout_at(end, self.read()).await;
            assert!(read.is_ok_and(|goes_on| goes_on), "waited in vain for `{what}`; the screen is\n{text}");
        }
    }

    /// What can be read, without the empty lines in between.
    fn text(&self) -> String {
        // The prompt ends with a blank that may not be broken at.
        let text = self.screen.screen().contents().replace('\u{a0}', " ");
        text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// Whether the program still writes.
    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // A terminal whose program has ended gives an error instead of an end.
        let read = self.pty.read(&mut bytes).await.unwrap_or_default();
        self.screen.process(&bytes[..read]);
        read > 0
    }

    /// Ctrl-C twice, as the client wants it, and its end.
    pub(crate) async fn leave(mut self) {
        self.press("\x03").await;
        self.shows("again to exit").await;
        self.press("\x03").await;
        let ended = async {
            while self.read().await {}
            self.child.wait().await
        };
        let status = tokio::time::timeout(LIMIT, ended).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}
