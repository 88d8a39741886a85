//! The table of image descriptions.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{count, limit, millis, to, uncount};
use crate::store::{
    Result,
    image::{ImageFilter, ImageKey, ImageRow, ImageTotals, MAX_THUMBNAIL_BYTES},
};

pub(super) fn get(conn: &Connection, key: &ImageKey, model: Option<&str>) -> Result<Option<ImageRow>> {
    let select = || {
        conn.prepare_cached(
            "SELECT * FROM images WHERE sha256 = ?1 AND prompt_version = ?2
             AND (?3 IS NULL OR model = ?3 OR edited)",
        )?
        .query_row(params![key.sha256, key.prompt_version, model], decode)
        .optional()
    };
    select().map_err(to("read an image"))
}

pub(super) fn put(conn: &Connection, row: &ImageRow) -> Result<()> {
    let thumbnail = row.thumbnail.as_deref();
    conn.prepare_cached(
        "INSERT INTO images (sha256, prompt_version, media_type, width, height, bytes, thumbnail,
             description, model, edited, created_at, last_used_at, hits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (sha256, prompt_version) DO UPDATE SET
             media_type = excluded.media_type, width = excluded.width, height = excluded.height,
             bytes = excluded.bytes, thumbnail = excluded.thumbnail,
             description = excluded.description, model = excluded.model, edited = excluded.edited,
             created_at = excluded.created_at, last_used_at = excluded.last_used_at",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            row.key.sha256,
            row.key.prompt_version,
            row.media_type,
            row.width,
            row.height,
            count(row.bytes),
            thumbnail.filter(|png| png.len() <= MAX_THUMBNAIL_BYTES),
            row.description,
            row.model,
            row.edited,
            row.created_at.as_millisecond(),
            row.last_used_at.as_millisecond(),
            count(row.hits),
        ])
    })
    .map(drop)
    .map_err(to("keep an image"))
}

pub(super) fn touch(conn: &Connection, key: &ImageKey, when: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "UPDATE images SET hits = hits + 1, last_used_at = max(last_used_at, ?3)
         WHERE sha256 = ?1 AND prompt_version = ?2",
    )
    .and_then(|mut update| update.execute(params![key.sha256, key.prompt_version, when.as_millisecond()]))
    .map(drop)
    .map_err(to("count an image's use"))
}

pub(super) fn list(conn: &Connection, filter: &ImageFilter) -> Result<Vec<ImageRow>> {
    // `lower` of SQLite knows ASCII only, so the words must not be lowered any further.
    let words = filter.text.as_deref().unwrap_or_default().to_ascii_lowercase();
    let words = serde_json::Value::from_iter(words.split_whitespace()).to_string();
    let select = || {
        conn.prepare_cached(
            "SELECT * FROM images
             WHERE (?1 IS NULL OR substr(sha256, 1, length(?1)) = ?1)
               AND (?2 IS NULL OR model = ?2)
               AND NOT EXISTS (SELECT 1 FROM json_each(?3)
                               WHERE instr(lower(description), value) = 0)
             ORDER BY last_used_at DESC, sha256, prompt_version LIMIT ?4 OFFSET ?5",
        )?
        .query_map(
            params![filter.sha256, filter.model, words, limit(filter.limit), limit(Some(filter.offset))],
            decode,
        )?
        .collect::<rusqlite::Result<Vec<_>>>()
    };
    select().map_err(to("list images"))
}

pub(super) fn totals(conn: &Connection) -> Result<ImageTotals> {
    conn.query_row("SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(hits), 0) FROM images", [], |row| {
        Ok(ImageTotals { images: uncount(row.get(0)?), bytes: uncount(row.get(1)?), hits: uncount(row.get(2)?) })
    })
    .map_err(to("sum up images"))
}

pub(super) fn update(conn: &Connection, key: &ImageKey, description: &str) -> Result<bool> {
    conn.execute(
        "UPDATE images SET description = ?3, edited = 1
         WHERE sha256 = ?1 AND prompt_version = ?2",
        params![key.sha256, key.prompt_version, description],
    )
    .map(|rows| rows > 0)
    .map_err(to("rewrite an image's description"))
}

pub(super) fn delete(conn: &Connection, sha256: Option<&str>) -> Result<usize> {
    conn.execute("DELETE FROM images WHERE ?1 IS NULL OR sha256 = ?1", [sha256]).map_err(to("delete images"))
}

fn decode(row: &Row<'_>) -> rusqlite::Result<ImageRow> {
    Ok(ImageRow {
        key: ImageKey { sha256: row.get("sha256")?, prompt_version: row.get("prompt_version")? },
        media_type: row.get("media_type")?,
        width: row.get("width")?,
        height: row.get("height")?,
        bytes: uncount(row.get("bytes")?),
        thumbnail: row.get("thumbnail")?,
        description: row.get("description")?,
        model: row.get("model")?,
        edited: row.get("edited")?,
        created_at: millis("created_at", row)?,
        last_used_at: millis("last_used_at", row)?,
        hits: uncount(row.get("hits")?),
    })
}
