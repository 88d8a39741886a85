//! The tables of records and bodies.

use std::{borrow::Cow, ops::Range};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use tracing::warn;

use super::{count, limit, to, uncount};
use crate::{
    money::Usd,
    record::{AsideRecord, Bodies, Outcome, Place, Record},
    store::{
        Error, Result,
        backing::{PlaceStats, RecentScore, RecordFilter, Stats, Step},
    },
};

/// Free pages given back to the disk per pruning step: 4 MB, so that a step stays short.
const GIVE_BACK: &str = "PRAGMA incremental_vacuum(1000)";

pub(super) fn insert(conn: &Connection, record: &Record) -> Result<()> {
    insert_row(conn, record, &encode(record)?).map_err(to("write a record"))?;
    for aside in &record.asides {
        insert_aside(conn, record, aside).map_err(to("write a call made for a request"))?;
    }
    match &record.bodies {
        Some(bodies) => insert_bodies(conn, &record.id, bodies).map_err(to("write bodies")),
        None => Ok(()),
    }
}

/// Ids are random: one that is there already is the rare case, and a statement that may replace rows keeps a journal
/// of its own for each record. The row that is there goes first, and its bodies with it.
fn insert_row(conn: &Connection, record: &Record, data: &str) -> rusqlite::Result<()> {
    if try_insert_row(conn, record, data)? == 0 {
        conn.prepare_cached("DELETE FROM records WHERE id = ?1")?.execute([&record.id])?;
        try_insert_row(conn, record, data)?;
    }
    Ok(())
}

fn try_insert_row(conn: &Connection, record: &Record, data: &str) -> rusqlite::Result<usize> {
    let usage = &record.usage;
    conn.prepare_cached(
        "INSERT OR IGNORE INTO records (id, at, backend, kind, role, place, outcome, score,
             fell_back, estimated, input, output, cache_read, cache_write, reasoning, search, data, cost, all_cloud,
             doctor)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
    )?
    .execute(params![
        record.id,
        record.at.as_millisecond(),
        record.backend,
        record.decision.kind,
        record.decision.role,
        record.place.as_str(),
        record.outcome.as_str(),
        record.decision.score,
        record.fallback.is_some(),
        count(record.estimated_input_tokens),
        count(usage.input),
        count(usage.output),
        count(usage.cache_read),
        count(usage.cache_write),
        count(usage.reasoning),
        search_text(record),
        data,
        record.cost.usd.map(Usd::nano),
        record.cost.all_cloud_usd.map(Usd::nano),
        record.doctor,
    ])
}

fn insert_aside(conn: &Connection, record: &Record, aside: &AsideRecord) -> rusqlite::Result<()> {
    let usage = &aside.usage;
    conn.prepare_cached(
        "INSERT INTO asides (record_id, at, place, input, output, cache_read, cache_write, reasoning, cost)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        record.id,
        record.at.as_millisecond(),
        aside.place.as_str(),
        count(usage.input),
        count(usage.output),
        count(usage.cache_read),
        count(usage.cache_write),
        count(usage.reasoning),
        aside.usd.map(Usd::nano),
    ])
    .map(drop)
}

fn insert_bodies(conn: &Connection, id: &str, bodies: &Bodies) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO bodies (record_id, request, response) VALUES (?1, ?2, ?3)")?
        .execute(params![id, bodies.request, bodies.response])
        .map(drop)
}

fn encode(record: &Record) -> Result<String> {
    let bare = match &record.bodies {
        Some(_) => Cow::Owned(record.without_bodies()),
        None => Cow::Borrowed(record),
    };
    serde_json::to_string(&bare).map_err(|source| Error::Json { id: record.id.clone(), source })
}

/// What a user would type to find this request again. Lowered here and not by SQLite, which
/// lowers ASCII only.
fn search_text(record: &Record) -> String {
    let error = record.error.as_ref();
    let named = [
        Some(record.id.as_str()),
        Some(record.path.as_str()),
        Some(record.requested_model.as_str()),
        record.client.as_deref(),
        record.session.as_deref(),
        record.agent.as_deref(),
        record.backend.as_deref(),
        record.model.as_deref(),
        record.fallback.as_deref(),
        error.map(|error| error.code.as_str()),
        error.map(|error| error.message.as_str()),
    ];
    let reasons = record.decision.reasons.iter().map(String::as_str);
    let asides = record.asides.iter().flat_map(|aside| [aside.purpose.as_str(), &aside.backend, &aside.model]);
    let text: Vec<&str> = named.into_iter().flatten().chain(reasons).chain(asides).collect();
    text.join("\n").to_lowercase()
}

pub(super) fn list(conn: &Connection, filter: &RecordFilter) -> Result<Vec<Record>> {
    let rows = list_rows(conn, filter).map_err(to("list records"))?;
    Ok(rows.into_iter().filter_map(readable).collect())
}

fn list_rows(conn: &Connection, filter: &RecordFilter) -> rusqlite::Result<Vec<(String, String)>> {
    let words = filter.text.as_deref().unwrap_or_default().to_lowercase();
    let words = serde_json::Value::from_iter(words.split_whitespace()).to_string();
    let before = filter.before.as_ref();
    conn.prepare_cached(
        "SELECT id, data FROM records
         WHERE (at, id) < (?1, ?2)
           AND (?3 IS NULL OR backend = ?3)
           AND (?4 IS NULL OR role = ?4)
           AND (?5 IS NULL OR outcome = ?5)
           AND (?6 IS NULL OR kind = ?6)
           AND at >= ?7
           AND (?8 IS NULL OR doctor = ?8)
           AND NOT EXISTS (SELECT 1 FROM json_each(?9) WHERE instr(search, value) = 0)
         ORDER BY at DESC, id DESC LIMIT ?10",
    )?
    .query_map(
        params![
            before.map_or(i64::MAX, |cursor| cursor.at),
            before.map_or("", |cursor| cursor.id.as_str()),
            filter.backend,
            filter.role,
            filter.outcome.map(Outcome::as_str),
            filter.kind,
            filter.after_ms.unwrap_or(i64::MIN),
            filter.doctor,
            words,
            limit(filter.limit),
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?
    .collect()
}

/// One bad row must not hide the others.
fn readable((id, data): (String, String)) -> Option<Record> {
    decode(&id, &data).inspect_err(|error| warn!(%id, %error, "a stored record cannot be read")).ok()
}

fn decode(id: &str, data: &str) -> Result<Record> {
    serde_json::from_str(data).map_err(|source| Error::Json { id: id.to_owned(), source })
}

pub(super) fn get(conn: &Connection, id: &str) -> Result<Option<Record>> {
    let row = get_row(conn, id).map_err(to("read a record"))?;
    row.map(|(data, bodies)| {
        let record = decode(id, &data)?;
        Ok(Record { bodies, ..record })
    })
    .transpose()
}

fn get_row(conn: &Connection, id: &str) -> rusqlite::Result<Option<(String, Option<Bodies>)>> {
    conn.prepare_cached(
        "SELECT data, record_id IS NOT NULL, request, response
         FROM records LEFT JOIN bodies ON record_id = id WHERE id = ?1",
    )?
    .query_row([id], |row| {
        let bodies = Bodies { request: row.get(2)?, response: row.get(3)? };
        Ok((row.get(0)?, row.get::<_, bool>(1)?.then_some(bodies)))
    })
    .optional()
}

pub(super) fn private_sessions(conn: &Connection, since: Timestamp, most: u64) -> Result<Vec<(String, String)>> {
    let select = || {
        // Most records say nothing of it and need not be parsed. The reason is that of each session's newest record.
        conn.prepare_cached(
            "SELECT session, why, max(at) AS newest FROM
                 (SELECT json_extract(data, '$.session') AS session, json_extract(data, '$.decision.private') AS why, at
                  FROM records WHERE at >= ?1 AND instr(data, '\"private\"') > 0)
             WHERE session IS NOT NULL AND why IS NOT NULL GROUP BY session ORDER BY newest DESC LIMIT ?2",
        )?
        .query_map(params![since.as_millisecond(), count(most)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()
    };
    select().map_err(to("read private sessions"))
}

pub(super) fn recent_scores(conn: &Connection, most: usize) -> Result<Vec<RecentScore>> {
    let select = || {
        conn.prepare_cached(
            "SELECT id, score, kind, role, place, estimated FROM records
             WHERE score IS NOT NULL AND NOT doctor ORDER BY at DESC, id DESC LIMIT ?1",
        )?
        .query_map([limit(Some(most))], |row| {
            Ok(RecentScore {
                id: row.get(0)?,
                score: row.get(1)?,
                kind: row.get(2)?,
                role: row.get(3)?,
                place: place(row.get_ref(4)?.as_str()?),
                estimated_input_tokens: uncount(row.get(5)?),
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()
    };
    select().map_err(to("read recent scores"))
}

fn place(word: &str) -> Place {
    [Place::Local, Place::Cloud].into_iter().find(|place| place.as_str() == word).unwrap_or_default()
}

pub(super) fn prune(conn: &Connection, before: Timestamp, most: usize) -> Result<usize> {
    let delete = || {
        let rows = conn
            .prepare_cached(
                "DELETE FROM records WHERE id IN
                 (SELECT id FROM records WHERE at < ?1 ORDER BY at LIMIT ?2)",
            )?
            .execute(params![before.as_millisecond(), limit(Some(most))])?;
        if rows > 0 {
            give_back_pages(conn)?;
        }
        Ok(rows)
    };
    delete().map_err(to("prune records"))
}

// Stepped to its end by hand: every step frees one page, and `execute_batch` takes one step.
fn give_back_pages(conn: &Connection) -> rusqlite::Result<()> {
    let mut vacuum = conn.prepare_cached(GIVE_BACK)?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(())
}

pub(super) fn stats(conn: &Connection, span: &Range<Timestamp>) -> Result<Stats> {
    let mut stats = Stats::default();
    let groups = stats_groups(conn, span).map_err(to("sum up records"))?;
    for group in &groups {
        add(&mut stats, group);
    }
    let asides = stats_asides(conn, span).map_err(to("sum up calls made for requests"))?;
    for (place, calls, sums) in &asides {
        // What they cost would not have been paid had the cloud answered everything.
        stats.saved_usd = stats.saved_usd - sums.cost_usd;
        if let Some(side) = side(&mut stats, *place) {
            side.asides += calls;
            add_sums(side, sums);
        }
    }
    Ok(stats)
}

/// The sums of one place and outcome.
struct Group {
    place: Place,
    outcome: String,
    /// Questions of the doctor's.
    doctor: bool,
    fallbacks: u64,
    sums: PlaceStats,
    all_cloud: Usd,
    saved: Usd,
}

fn stats_groups(conn: &Connection, span: &Range<Timestamp>) -> rusqlite::Result<Vec<Group>> {
    conn.prepare_cached(
        "SELECT place, outcome, sum(fell_back), count(*), sum(input), sum(output),
                sum(cache_read), sum(cache_write), sum(reasoning), total(cost), sum(cost IS NULL), total(all_cloud),
                total(CASE WHEN cost IS NOT NULL THEN all_cloud - cost END), doctor
         FROM records WHERE at >= ?1 AND at < ?2 GROUP BY place, outcome, doctor",
    )?
    .query_map([span.start.as_millisecond(), span.end.as_millisecond()], |row| {
        let sum = |column| row.get(column).map(uncount);
        let money = |column| row.get(column).map(dollars);
        Ok(Group {
            place: place(row.get_ref(0)?.as_str()?),
            outcome: row.get(1)?,
            fallbacks: sum(2)?,
            sums: PlaceStats {
                requests: sum(3)?,
                input: sum(4)?,
                output: sum(5)?,
                cache_read: sum(6)?,
                cache_write: sum(7)?,
                reasoning: sum(8)?,
                cost_usd: money(9)?,
                unpriced: sum(10)?,
                asides: 0,
            },
            all_cloud: money(11)?,
            saved: money(12)?,
            doctor: row.get(13)?,
        })
    })?
    .collect()
}

/// The sums of the calls of our own at each place, and how many there were.
fn stats_asides(conn: &Connection, span: &Range<Timestamp>) -> rusqlite::Result<Vec<(Place, u64, PlaceStats)>> {
    conn.prepare_cached(
        "SELECT place, count(*), sum(input), sum(output), sum(cache_read), sum(cache_write), sum(reasoning),
                total(cost), sum(cost IS NULL)
         FROM asides WHERE at >= ?1 AND at < ?2 GROUP BY place",
    )?
    .query_map([span.start.as_millisecond(), span.end.as_millisecond()], |row| {
        let sum = |column| row.get(column).map(uncount);
        let sums = PlaceStats {
            input: sum(2)?,
            output: sum(3)?,
            cache_read: sum(4)?,
            cache_write: sum(5)?,
            reasoning: sum(6)?,
            cost_usd: row.get(7).map(dollars)?,
            unpriced: sum(8)?,
            ..PlaceStats::default()
        };
        Ok((place(row.get_ref(0)?.as_str()?), sum(1)?, sums))
    })?
    .collect()
}

/// `total` gives 0.0 where `sum` gives NULL; sums of billionths are exact in it below nine million dollars.
fn dollars(nano: f64) -> Usd {
    Usd::from_dollars(nano / 1e9)
}

pub(super) fn timeline(conn: &Connection, span: &Range<Timestamp>, step_ms: i64) -> Result<Vec<Step>> {
    let select = || {
        conn.prepare_cached(
            "SELECT (at - ?1) / ?3, sum(place = 'local'), sum(place = 'cloud'),
                    sum(place NOT IN ('local', 'cloud')), sum(outcome = 'error')
             FROM records WHERE at >= ?1 AND at < ?2 AND NOT doctor GROUP BY 1 ORDER BY 1",
        )?
        .query_map(params![span.start.as_millisecond(), span.end.as_millisecond(), step_ms.max(1)], |row| {
            let sum = |column| row.get(column).map(uncount);
            Ok(Step { step: row.get(0)?, local: sum(1)?, cloud: sum(2)?, here: sum(3)?, failed: sum(4)? })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()
    };
    select().map_err(to("count records over time"))
}

fn add(stats: &mut Stats, group: &Group) {
    let requests = group.sums.requests;
    if group.doctor {
        // Calls of our own: nobody's requests, though what they take was spent.
        if let Some(side) = side(stats, group.place) {
            side.asides += requests;
            add_sums(side, &group.sums);
        }
        return;
    }
    stats.requests += requests;
    stats.fallbacks += group.fallbacks;
    stats.all_cloud_usd += group.all_cloud;
    stats.saved_usd += group.saved;
    match group.outcome.as_str() {
        "ok" => stats.ok += requests,
        "error" => stats.errors += requests,
        "cancelled" => stats.cancelled += requests,
        "answered_here" => stats.answered_here += requests,
        _ => {}
    }
    if let Some(side) = side(stats, group.place) {
        side.requests += requests;
        add_sums(side, &group.sums);
    }
}

fn side(stats: &mut Stats, place: Place) -> Option<&mut PlaceStats> {
    match place {
        Place::Local => Some(&mut stats.local),
        Place::Cloud => Some(&mut stats.cloud),
        Place::Nowhere => None,
    }
}

fn add_sums(side: &mut PlaceStats, sums: &PlaceStats) {
    side.input += sums.input;
    side.output += sums.output;
    side.cache_read += sums.cache_read;
    side.cache_write += sums.cache_write;
    side.reasoning += sums.reasoning;
    side.cost_usd += sums.cost_usd;
    side.unpriced += sums.unpriced;
}
