//! stub
use crate::hub::Event;
/// Reads frames.
#[derive(Debug, Default)]
pub struct Decoder;
impl Decoder {
    /// Reads one frame.
    pub fn frame(&mut self, _event: &str, _data: &str, _out: &mut dyn FnMut(Event<'_>)) {}
    /// Ends.
    pub fn finish(&mut self, _out: &mut dyn FnMut(Event<'_>)) {}
}
/// Writes events.
#[derive(Debug, Default)]
pub struct Encoder;
impl Encoder {
    /// Writes one event.
    pub fn event(&mut self, _event: &Event<'_>, _out: &mut Vec<u8>) {}
}
