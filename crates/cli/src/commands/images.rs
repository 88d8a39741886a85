//! `branchline images`

use std::process::ExitCode;

use branchline_control::commands::images::{ImageView, ImagesGone, ImagesRes};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::args::ImagesCommand;
use crate::context::Context;
use crate::door::Door;
use crate::error::Result;
use crate::out::{self, BOLD, DIM, line};
use crate::table;

/// Enough of a hash to tell images apart.
const SHOWN: usize = 12;

pub(crate) async fn run(context: &Context, command: ImagesCommand) -> Result<ExitCode> {
    let door = Door::open(context).await?;
    match command {
        ImagesCommand::List { lines, grep } => list(context, &door, lines, grep).await?,
        ImagesCommand::Show { hash } => show(context, &door, &hash).await?,
        ImagesCommand::Rm { hashes, all } => remove(context, &door, &hashes, all).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context, door: &Door, limit: usize, text: Option<String>) -> Result<()> {
    let filter = json!({ "limit": limit, "text": text });
    let found: ImagesRes = door.ask("images.list", json!({ "filter": filter })).await?;
    if context.json {
        out::json(&found);
        return Ok(());
    }
    table::print(&["image", "size", "model", "used", "saved", "description"], found.images.iter().map(row).collect());
    let totals = found.totals;
    if out::is_terminal() {
        line!("{} images, {} questions to the vision model saved", totals.images, totals.hits);
    }
    Ok(())
}

fn row(image: &ImageView) -> Vec<String> {
    let row = &image.row;
    let first_line = row.description.lines().next().unwrap_or_default();
    vec![
        row.key.sha256.chars().take(SHOWN).collect(),
        format!("{}x{}", row.width, row.height),
        if row.edited { "edited by hand".to_owned() } else { row.model.clone() },
        row.last_used_at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        row.hits.to_string(),
        first_line.chars().take(60).collect(),
    ]
}

async fn show(context: &Context, door: &Door, hash: &str) -> Result<()> {
    let image: ImageView = door.ask("images.get", json!({ "sha256": hash })).await?;
    if context.json {
        out::json(&image);
        return Ok(());
    }
    let row = &image.row;
    line!("{BOLD}{}{BOLD:#}", row.key.sha256);
    line!("{DIM}{} {}x{}, {} bytes, by {}{DIM:#}", row.media_type, row.width, row.height, row.bytes, row.model);
    line!("{}", row.description);
    Ok(())
}

async fn remove(context: &Context, door: &Door, hashes: &[String], all: bool) -> Result<()> {
    let mut removed = 0;
    if all {
        let gone: ImagesGone = door.ask("images.clear", json!({ "all": true })).await?;
        removed = gone.removed;
    }
    for hash in hashes {
        let gone: ImagesGone = door.ask("images.delete", json!({ "sha256": hash })).await?;
        removed += gone.removed;
    }
    if context.json {
        out::json(&ImagesGone { removed });
    } else {
        line!("{removed} descriptions removed");
    }
    Ok(())
}
