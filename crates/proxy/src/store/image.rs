//! Stored image descriptions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Largest thumbnail that is stored; a larger one is left out.
pub const MAX_THUMBNAIL_BYTES: usize = 16 * 1024;

/// Longer side of a thumbnail, in pixels.
pub const THUMBNAIL_PIXELS: u32 = 160;

/// Which description: of which image, asked for with which prompt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
pub struct ImageKey {
    /// Hex SHA-256 of the decoded image bytes.
    pub sha256: String,
    /// Changes when the prompt does, so that old answers are not taken for new ones.
    pub prompt_version: String,
}

impl ImageKey {
    pub fn new(sha256: impl Into<String>, prompt_version: impl Into<String>) -> Self {
        Self { sha256: sha256.into(), prompt_version: prompt_version.into() }
    }
}

/// One described image. The image itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct ImageRow {
    #[serde(flatten)]
    pub key: ImageKey,
    /// `image/png`…
    pub media_type: String,
    /// Pixels; 0 when unknown.
    pub width: u32,
    /// Pixels; 0 when unknown.
    pub height: u32,
    /// Size of the decoded image.
    pub bytes: u64,
    /// PNG, `THUMBNAIL_PIXELS` at its longer side, at most `MAX_THUMBNAIL_BYTES`.
    #[serde(skip)]
    pub thumbnail: Option<Vec<u8>>,
    pub description: String,
    /// Model ref (`backend:model`) that wrote the description.
    pub model: String,
    /// The user rewrote the description: it stands whichever vision model is chosen.
    pub edited: bool,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    #[ts(type = "number")]
    pub created_at: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    #[ts(type = "number")]
    pub last_used_at: Timestamp,
    /// How often the stored description saved a call.
    pub hits: u64,
}

/// Which images are wanted; empty means the most recently used of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(optional_fields)]
pub struct ImageFilter {
    /// At most so many; 100 when not given.
    pub limit: Option<usize>,
    /// So many of the first are skipped.
    #[ts(as = "Option<usize>", optional)]
    pub offset: usize,
    /// One image: its hash or the start of it.
    pub sha256: Option<String>,
    pub model: Option<String>,
    /// Words that must all occur in the description (ASCII letters in any case).
    pub text: Option<String>,
}

/// Sums over all stored images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct ImageTotals {
    pub images: u64,
    /// Decoded size of the images, not of what is stored.
    pub bytes: u64,
    pub hits: u64,
}
