//! Streamed OpenAI chat answers.

use crate::hub::Event;

/// Reads chunks.
#[derive(Debug, Default)]
pub struct Decoder {}

impl Decoder {
    /// Reads one frame.
    pub fn frame(&mut self, _event: &str, _data: &str, _out: &mut dyn FnMut(Event<'_>)) {}

    /// The stream is over.
    pub fn finish(&mut self, _out: &mut dyn FnMut(Event<'_>)) {}
}

/// Writes chunks.
#[derive(Debug, Default)]
pub struct Encoder {}

impl Encoder {
    /// Starts before the first event.
    #[must_use]
    pub fn new(_usage_wanted: bool) -> Self {
        Self::default()
    }

    /// Writes one event.
    pub fn event(&mut self, _event: &Event<'_>, _out: &mut Vec<u8>) {}
}
