//! How an answer is spread over time and over network writes.

use tokio::sync::watch;

/// How text is cut into deltas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pieces {
    /// One word with its trailing space per delta, about what a tokenizer gives.
    Words,
    /// So many characters per delta (at least 1).
    Chars(usize),
    /// Everything in one delta.
    Whole,
}

impl Pieces {
    /// `text` cut into deltas; joined they are `text` again. No text gives no delta.
    #[must_use]
    pub fn cut(self, text: &str) -> Vec<String> {
        match self {
            _ if text.is_empty() => Vec::new(),
            Self::Whole => vec![text.to_owned()],
            Self::Words => text.split_inclusive(' ').map(str::to_owned).collect(),
            Self::Chars(size) => {
                let chars: Vec<char> = text.chars().collect();
                chars.chunks(size.max(1)).map(|piece| piece.iter().collect()).collect()
            }
        }
    }
}

/// The timing of one answer. The default waits for nothing and sends one write per event.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Milliseconds before the response head.
    pub head_ms: u64,
    /// Milliseconds between the head and the first byte of the body.
    pub first_ms: u64,
    /// Milliseconds between two deltas.
    pub between_ms: u64,
    /// How text becomes deltas.
    pub pieces: Pieces,
    /// Sizes of the network writes in bytes, used in turn; empty means one write per event.
    /// Sizes like 1 or 7 split UTF-8 characters and SSE lines.
    pub writes: Vec<usize>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { head_ms: 0, first_ms: 0, between_ms: 0, pieces: Pieces::Words, writes: Vec::new() }
    }
}

/// A door a test opens when it wants an answer to go on. Clones share one state.
#[derive(Debug, Clone)]
pub struct Gate {
    open: watch::Sender<bool>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self { open: watch::Sender::new(false) }
    }

    /// Lets everything waiting here go on, now and later.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    pub(crate) async fn passed(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
