//! Streamed answers. The decoder reads what the encoder writes: kept answers are told again with it.

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;

#[cfg(test)]
mod tests;
