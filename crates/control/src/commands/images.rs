//! Descriptions of images.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use branchline_proxy::Engine;
use branchline_proxy::store::{ImageFilter, ImageKey, ImageRow, ImageTotals};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{ControlError, Result};

/// The shortest start of a hash that may stand for it.
const SHORTEST: usize = 4;

/// Which images.
#[derive(Debug, Default, Deserialize, TS)]
#[serde(default)]
pub struct ImagesReq {
    /// All of its conditions hold; empty means the 100 used last.
    #[ts(as = "Option<ImageFilter>", optional)]
    pub filter: ImageFilter,
    /// Thumbnails come along.
    #[ts(as = "Option<bool>", optional)]
    pub thumbnails: bool,
}

/// Described images, the one used last first.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct ImagesRes {
    /// The images asked for.
    pub images: Vec<ImageView>,
    /// Sums over all images there are.
    pub totals: ImageTotals,
}

/// One described image.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct ImageView {
    /// What is stored of it.
    #[serde(flatten)]
    pub row: ImageRow,
    /// A small PNG as a `data:` URL.
    pub thumbnail: Option<String>,
}

/// Which image.
#[derive(Debug, Deserialize, TS)]
pub struct ImageReq {
    /// Its hash or the start of it.
    pub sha256: String,
}

/// The user's own words for an image.
#[derive(Debug, Deserialize, TS)]
pub struct ImageUpdateReq {
    /// Its hash or the start of it.
    pub sha256: String,
    /// The new description.
    pub description: String,
}

/// Forgets everything. A word of its own, so that an empty request cannot do it by accident.
#[derive(Debug, Deserialize, TS)]
pub struct ImagesClearReq {
    /// Must be `true`.
    pub all: bool,
}

/// What was forgotten.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct ImagesGone {
    /// Number of descriptions.
    pub removed: usize,
}

/// Described images.
///
/// # Errors
/// A database that cannot be read.
pub async fn list(engine: &Arc<Engine>, request: ImagesReq) -> Result<ImagesRes> {
    let rows = engine.store.images(request.filter).await?;
    let images = rows.into_iter().map(|row| view(row, request.thumbnails)).collect();
    Ok(ImagesRes { images, totals: engine.store.image_totals().await? })
}

/// One image with its thumbnail.
///
/// # Errors
/// None or several have this hash.
pub async fn get(engine: &Arc<Engine>, request: ImageReq) -> Result<ImageView> {
    newest(engine, &request.sha256).await.map(|row| view(row, true))
}

/// Puts the user's words in place of a description. They stand whichever vision model is chosen.
///
/// # Errors
/// None or several have this hash, or the words are empty.
pub async fn update(engine: &Arc<Engine>, request: ImageUpdateReq) -> Result<ImageView> {
    let description = request.description.trim();
    if description.is_empty() {
        return Err(ControlError::new(
            "bad_request",
            "the description is empty",
            "delete the image to have it described anew",
        ));
    }
    let row = newest(engine, &request.sha256).await?;
    engine.store.update_image(row.key.clone(), description.to_owned()).await?;
    engine.forget_image(Some(&row.key)).await;
    newest(engine, &row.key.sha256).await.map(|row| view(row, true))
}

/// Forgets one image; it is described anew when it comes again.
///
/// # Errors
/// None or several have this hash.
pub async fn delete(engine: &Arc<Engine>, request: ImageReq) -> Result<ImagesGone> {
    let rows = rows_of(engine, &request.sha256).await?;
    let mut removed = 0;
    if let Some(row) = rows.first() {
        removed = engine.store.delete_image(row.key.sha256.clone()).await?;
    }
    for row in &rows {
        engine.forget_image(Some(&row.key)).await;
    }
    Ok(ImagesGone { removed })
}

/// Forgets all images.
///
/// # Errors
/// `all` is not `true`, or a database that cannot be written.
pub async fn clear(engine: &Arc<Engine>, request: ImagesClearReq) -> Result<ImagesGone> {
    if !request.all {
        return Err(ControlError::new("bad_request", "nothing is cleared without `all`", "send {\"all\": true}"));
    }
    let removed = engine.store.clear_images().await?;
    engine.forget_image(None).await;
    Ok(ImagesGone { removed })
}

async fn newest(engine: &Arc<Engine>, sha256: &str) -> Result<ImageRow> {
    rows_of(engine, sha256).await?.into_iter().next().ok_or_else(|| unknown(sha256))
}

/// All descriptions of the one image whose hash starts so.
async fn rows_of(engine: &Arc<Engine>, sha256: &str) -> Result<Vec<ImageRow>> {
    if sha256.len() < SHORTEST {
        let hint = format!("give at least {SHORTEST} digits of it");
        return Err(ControlError::new("bad_request", format!("`{sha256}` is too short for a hash"), hint));
    }
    let filter = ImageFilter { sha256: Some(sha256.to_ascii_lowercase()), ..ImageFilter::default() };
    let rows = engine.store.images(filter).await?;
    let first: Option<&ImageKey> = rows.first().map(|row| &row.key);
    let Some(first) = first else { return Err(unknown(sha256)) };
    if rows.iter().any(|row| row.key.sha256 != first.sha256) {
        let message = format!("several images start with `{sha256}`");
        return Err(ControlError::new("ambiguous", message, "give more digits of the hash"));
    }
    Ok(rows)
}

fn unknown(sha256: &str) -> ControlError {
    ControlError::not_found("described image", sha256, "`branchline images list` names them")
}

fn view(row: ImageRow, thumbnail: bool) -> ImageView {
    let shown = row.thumbnail.as_ref().filter(|_| thumbnail);
    let thumbnail = shown.map(|png| format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)));
    ImageView { row, thumbnail }
}
