//! The store in one SQLite file: opening, damage, and the list of what is delegated where.
//!
//! WAL with `synchronous=NORMAL`: a killed process loses nothing that was committed; a power cut
//! may lose the last commits and never the file. The page cache is kept small because an idle
//! engine has 12 MB in all.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};
use tracing::warn;

use super::{
    Error, ImageFilter, ImageKey, ImageRow, ImageTotals, RecentScore, RecordFilter, Result, Stats,
    backing::{Backing, Batch, Step},
    error::CauseChain,
};
use crate::record::Record;

mod facts;
mod images;
mod records;
#[cfg(test)]
mod tests;

const STEPS: &[M<'static>] = &[
    M::up(include_str!("0001_records_images_facts.sql")),
    M::up(include_str!("0002_cost.sql")),
    M::up(include_str!("0003_asides.sql")),
    M::up(include_str!("0004_doctor.sql")),
];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

// `auto_vacuum` takes effect only before the first table exists, hence its place.
const PRAGMAS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -512;
    PRAGMA mmap_size = 0;
    PRAGMA journal_size_limit = 4194304;
";

/// The backing in a file, or in memory for tests and `--demo`.
#[derive(Debug)]
pub struct Sqlite {
    conn: Connection,
    path: Option<PathBuf>,
}

impl Sqlite {
    /// Opens or makes the file and its folder. A damaged file is moved aside to
    /// `*.corrupt-<time>` and a new one made in its place.
    ///
    /// # Errors
    /// When the folder cannot be written, or the file was written by a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        // Before the lock file, which would else be left beside a path that cannot be one.
        prepare_file(path)?;
        let _alone = lock_opening(path);
        match Self::open_as_is(path) {
            Err(damage) if damage.is_damage() => {
                move_aside(path, &damage)?;
                Self::open_as_is(path)
            }
            other => other,
        }
    }

    /// A database that ends with this value.
    ///
    /// # Errors
    /// When memory is out.
    pub fn open_in_memory() -> Result<Self> {
        let conn = Connection::open_in_memory().map_err(|source| Error::Open { path: ":memory:".into(), source })?;
        Self::set_up(conn, None)
    }

    fn open_as_is(path: &Path) -> Result<Self> {
        prepare_file(path)?;
        // Without SQLITE_OPEN_URI, which would read a path such as `file:x?mode=ro` its own way.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn =
            Connection::open_with_flags(path, flags).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        Self::set_up(conn, Some(path.to_owned()))
    }

    fn set_up(mut conn: Connection, path: Option<PathBuf>) -> Result<Self> {
        conn.execute_batch(PRAGMAS).map_err(to("set itself up"))?;
        refuse_newer_schema(&conn)?;
        MIGRATIONS.to_latest(&mut conn).map_err(Error::Migrate)?;
        probe(&conn)?;
        Ok(Self { conn, path })
    }
}

fn prepare_file(path: &Path) -> Result<()> {
    create_private(path).map(drop).map_err(|source| Error::Folder { path: path.to_owned(), source })
}

/// Only one process at a time may bring a file up to date or move it aside: two that make the same
/// tables stop each other. A file system without locks must do without.
fn lock_opening(path: &Path) -> Option<File> {
    let file = create_private(&with_suffix(path, ".lock")).ok()?;
    file.lock().ok()?;
    Some(file)
}

/// Makes the file before SQLite does, readable by its owner only: it can hold prompts. SQLite
/// gives its `-wal` and `-shm` files the same mode.
fn create_private(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn refuse_newer_schema(conn: &Connection) -> Result<()> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found: i64 =
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(to("read its schema version"))?;
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    Ok(())
}

/// Touches the first page of every table, so that gross damage shows now and not at the first
/// request. A full check would cost a large file seconds of every start.
fn probe(conn: &Connection) -> Result<()> {
    conn.execute_batch(
        "SELECT id FROM records ORDER BY at DESC, id DESC LIMIT 1;
         SELECT record_id FROM bodies LIMIT 1;
         SELECT sha256 FROM images LIMIT 1;
         SELECT key FROM facts LIMIT 1;",
    )
    .map_err(to("read its tables"))
}

fn move_aside(path: &Path, damage: &Error) -> Result<()> {
    let when = Timestamp::now().strftime("%Y%m%dT%H%M%S-%3f");
    let aside = with_suffix(path, &format!(".corrupt-{when}"));
    for tail in ["", "-wal", "-shm"] {
        let (from, to) = (with_suffix(path, tail), with_suffix(&aside, tail));
        match fs::rename(&from, &to) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::MoveAside { path: from, source });
            }
            _ => {}
        }
    }
    warn!(
        path = %path.display(),
        aside = %aside.display(),
        cause = %CauseChain(damage),
        "the database was damaged: moved aside, a new one is used"
    );
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// `map_err` with the words that complete "the database failed to …".
fn to(action: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |source| Error::Query { action, source }
}

/// A count as SQLite can sum it: a backend that reports nonsense must not overflow the day's sum.
fn count(value: u64) -> i64 {
    const MOST: u64 = 1 << 40;
    i64::try_from(value.min(MOST)).unwrap_or(i64::MAX)
}

fn uncount(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn limit(rows: Option<usize>) -> i64 {
    i64::try_from(rows.unwrap_or(100)).unwrap_or(i64::MAX)
}

/// A column of milliseconds; what no calendar holds reads as 1970.
fn millis(column: &str, row: &rusqlite::Row<'_>) -> rusqlite::Result<Timestamp> {
    let value = row.get(column)?;
    Ok(Timestamp::from_millisecond(value).unwrap_or_default())
}

impl Backing for Sqlite {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        let write = self.conn.transaction().map_err(to("begin a write"))?;
        for (key, value) in &batch.facts {
            facts::set(&write, key, Some(value))?;
        }
        for record in &batch.records {
            records::insert(&write, record)?;
        }
        for (key, when) in &batch.touched {
            images::touch(&write, key, *when)?;
        }
        write.commit().map_err(to("commit a write"))
    }

    fn records(&mut self, filter: &RecordFilter) -> Result<Vec<Record>> {
        records::list(&self.conn, filter)
    }

    fn record(&mut self, id: &str) -> Result<Option<Record>> {
        records::get(&self.conn, id)
    }

    fn private_sessions(&mut self, since: Timestamp, most: u64) -> Result<Vec<(String, String)>> {
        records::private_sessions(&self.conn, since, most)
    }

    fn recent_scores(&mut self, limit: usize) -> Result<Vec<RecentScore>> {
        records::recent_scores(&self.conn, limit)
    }

    fn prune(&mut self, before: Timestamp, limit: usize) -> Result<usize> {
        records::prune(&self.conn, before, limit)
    }

    fn stats(&mut self, span: Range<Timestamp>) -> Result<Stats> {
        records::stats(&self.conn, &span)
    }

    fn timeline(&mut self, span: Range<Timestamp>, step_ms: i64) -> Result<Vec<Step>> {
        records::timeline(&self.conn, &span, step_ms)
    }

    fn image(&mut self, key: &ImageKey, model: Option<&str>) -> Result<Option<ImageRow>> {
        images::get(&self.conn, key, model)
    }

    fn put_image(&mut self, row: &ImageRow) -> Result<()> {
        images::put(&self.conn, row)
    }

    fn images(&mut self, filter: &ImageFilter) -> Result<Vec<ImageRow>> {
        images::list(&self.conn, filter)
    }

    fn image_totals(&mut self) -> Result<ImageTotals> {
        images::totals(&self.conn)
    }

    fn update_image(&mut self, key: &ImageKey, description: &str) -> Result<bool> {
        images::update(&self.conn, key, description)
    }

    fn delete_images(&mut self, sha256: Option<&str>) -> Result<usize> {
        images::delete(&self.conn, sha256)
    }

    fn fact(&mut self, key: &str) -> Result<Option<String>> {
        facts::get(&self.conn, key)
    }

    fn set_fact(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        facts::set(&self.conn, key, value)
    }

    fn facts(&mut self, prefix: &str) -> Result<BTreeMap<String, String>> {
        facts::list(&self.conn, prefix)
    }

    fn prune_facts(&mut self, prefix: &str, before: Timestamp) -> Result<usize> {
        facts::prune(&self.conn, prefix, before)
    }

    fn replace_damaged(&mut self) -> Result<()> {
        // The damaged file must be closed before it can be renamed (Windows), so memory stands in.
        let path = self.path.clone();
        *self = Self::open_in_memory()?;
        if let Some(path) = path {
            self.path = Some(path.clone());
            let _alone = lock_opening(&path);
            move_aside(&path, &Error::Damaged)?;
            *self = Self::open_as_is(&path)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(to("write its log back"))
    }
}
