//! What a command is given as a file, or on standard input.

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// The text of a file; `-` stands for standard input.
pub(crate) fn text_of(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(Error::io("read standard input"))?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(Error::io(format!("read {}", file.display())))
}
