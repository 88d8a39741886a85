//! The table of learned facts: text by key.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::to;
use crate::store::Result;

pub(super) fn get(conn: &Connection, key: &str) -> Result<Option<String>> {
    conn.prepare_cached("SELECT value FROM facts WHERE key = ?1")
        .and_then(|mut select| select.query_row([key], |row| row.get(0)).optional())
        .map_err(to("read a fact"))
}

pub(super) fn set(conn: &Connection, key: &str, value: Option<&str>) -> Result<()> {
    let kept = match value {
        Some(value) => conn
            .prepare_cached(
                "INSERT INTO facts (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .and_then(|mut insert| insert.execute([key, value])),
        None => conn.execute("DELETE FROM facts WHERE key = ?1", [key]),
    };
    kept.map(drop).map_err(to("keep a fact"))
}

pub(super) fn list(conn: &Connection, prefix: &str) -> Result<BTreeMap<String, String>> {
    let select = || {
        // Not LIKE: a prefix may hold `_` and `%`.
        conn.prepare_cached("SELECT key, value FROM facts WHERE substr(key, 1, length(?1)) = ?1")?
            .query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<BTreeMap<_, _>>>()
    };
    select().map_err(to("list facts"))
}

pub(super) fn prune(conn: &Connection, prefix: &str, before: Timestamp) -> Result<usize> {
    conn.execute(
        "DELETE FROM facts WHERE substr(key, 1, length(?1)) = ?1
           AND json_extract(value, '$.at') < ?2
           AND substr(key, length(?1) + 1) NOT IN
               (SELECT json_extract(data, ?3) FROM records WHERE json_extract(data, ?3) IS NOT NULL)",
        params![prefix, before.as_millisecond(), format!("$.decision.{}", prefix.trim_end_matches('/'))],
    )
    .map_err(to("prune facts"))
}
