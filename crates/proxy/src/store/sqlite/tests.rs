//! The file itself: migrations, damage, modes, and what the columns hold.

use std::{fs, sync::Arc};

use super::*;
use crate::money::Usd;
use crate::record::{AsideRecord, Place, UsageRecord};

fn record(id: &str) -> Arc<Record> {
    Arc::new(Record { id: id.into(), ..Record::default() })
}

fn write(db: &mut Sqlite, ids: &[&str]) {
    let batch = Batch { records: ids.iter().map(|id| record(id)).collect(), ..Batch::default() };
    db.write(&batch).unwrap();
}

fn pragma(db: &Sqlite, name: &str) -> String {
    let value: rusqlite::types::Value = db.conn.pragma_query_value(None, name, |row| row.get(0)).unwrap();
    match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

fn aside_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".corrupt-"))
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .filter(|path| !path.to_string_lossy().ends_with("-wal"))
        .collect();
    files.sort();
    files
}

#[test]
fn the_migrations_are_valid() {
    MIGRATIONS.validate().unwrap();
}

#[test]
fn a_file_is_opened_with_a_small_cache_and_a_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&folder.path().join("a.db")).unwrap();
    assert_eq!(pragma(&db, "journal_mode"), "wal");
    assert_eq!(pragma(&db, "synchronous"), "1");
    assert_eq!(pragma(&db, "cache_size"), "-512");
    assert_eq!(pragma(&db, "mmap_size"), "0");
    assert_eq!(pragma(&db, "foreign_keys"), "1");
    assert_eq!(pragma(&db, "auto_vacuum"), "2");
    assert_eq!(pragma(&db, "busy_timeout"), "5000");
}

#[test]
fn a_missing_folder_is_made_and_the_rows_are_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("er").join("a.db");
    write(&mut Sqlite::open(&path).unwrap(), &["req_1"]);
    let mut again = Sqlite::open(&path).unwrap();
    assert_eq!(again.record("req_1").unwrap().unwrap().id, "req_1");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file_and_its_log() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut db = Sqlite::open(&path).unwrap();
    write(&mut db, &["req_1"]);
    for file in [path.clone(), with_suffix(&path, "-wal")] {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn a_file_that_is_no_database_is_moved_aside_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    fs::write(&path, "not a database, and longer than its header. ".repeat(40)).unwrap();
    let mut db = Sqlite::open(&path).unwrap();
    write(&mut db, &["req_1"]);
    let aside = aside_files(folder.path());
    assert_eq!(aside.len(), 1);
    assert!(fs::read_to_string(&aside[0]).unwrap().starts_with("not a database"));
    assert!(db.record("req_1").unwrap().is_some());
}

#[test]
fn a_file_whose_pages_are_overwritten_is_moved_aside_on_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    write(&mut Sqlite::open(&path).unwrap(), &["req_1"]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    let mut db = Sqlite::open(&path).unwrap();
    assert_eq!(aside_files(folder.path()).len(), 1);
    assert_eq!(db.record("req_1").unwrap(), None);
}

#[test]
fn a_truncated_file_is_moved_aside_on_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    write(&mut Sqlite::open(&path).unwrap(), &["req_1"]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..5000]).unwrap();
    write(&mut Sqlite::open(&path).unwrap(), &["req_2"]);
    assert_eq!(aside_files(folder.path()).len(), 1);
}

#[test]
fn an_empty_file_is_simply_a_new_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    fs::write(&path, "").unwrap();
    write(&mut Sqlite::open(&path).unwrap(), &["req_1"]);
    assert!(aside_files(folder.path()).is_empty());
}

#[test]
fn damage_found_while_running_leaves_a_new_database_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut db = Sqlite::open(&path).unwrap();
    write(&mut db, &["req_1"]);
    db.replace_damaged().unwrap();
    assert_eq!(db.record("req_1").unwrap(), None);
    write(&mut db, &["req_2"]);
    drop(db);
    assert!(Sqlite::open(&path).unwrap().record("req_2").unwrap().is_some());
    let aside = aside_files(folder.path());
    assert!(Sqlite::open(&aside[0]).unwrap().record("req_1").unwrap().is_some());
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let db = Sqlite::open(&path).unwrap();
    db.conn.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let error = Sqlite::open(&path).unwrap_err();
    assert!(matches!(error, Error::NewerSchema { found: 99, known: 4 }), "{error}");
    assert_eq!(error.code(), "store_newer_schema");
    assert!(error.hint().contains("update"));
    assert!(aside_files(folder.path()).is_empty());
}

#[test]
fn a_path_that_cannot_be_written_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Sqlite::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Folder { .. }), "{error:?}");
    assert!(error.hint().contains("--data-dir"));
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let mut db = Sqlite::open_in_memory().unwrap();
    db.conn
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN NEW.id = 'req_bad'
             BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    let batch = Batch { records: vec![record("req_good"), record("req_bad")], ..Batch::default() };
    let error = db.write(&batch).unwrap_err();
    assert!(matches!(error, Error::Query { .. }), "{error:?}");
    assert_eq!(db.record("req_good").unwrap(), None);
    write(&mut db, &["req_good"]);
    assert!(db.record("req_good").unwrap().is_some());
}

#[test]
fn one_unreadable_row_does_not_hide_the_others() {
    let mut db = Sqlite::open_in_memory().unwrap();
    write(&mut db, &["req_1", "req_2"]);
    db.conn.execute("UPDATE records SET data = '{' WHERE id = 'req_1'", []).unwrap();
    let listed = db.records(&RecordFilter::default()).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, "req_2");
    let error = db.record("req_1").unwrap_err();
    assert!(matches!(error, Error::Json { .. }), "{error:?}");
}

#[test]
fn pruned_bodies_give_their_space_back_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut db = Sqlite::open(&path).unwrap();
    let bodies = crate::record::Bodies { request: Some("x".repeat(100_000)), response: None };
    let batch = Batch {
        records: (0..20)
            .map(|number| {
                let mut record = Record::clone(&record(&format!("req_{number}")));
                record.bodies = Some(bodies.clone());
                Arc::new(record)
            })
            .collect(),
        ..Batch::default()
    };
    db.write(&batch).unwrap();
    db.finish().unwrap();
    let full = fs::metadata(&path).unwrap().len();
    assert_eq!(db.prune(Timestamp::now(), 500).unwrap(), 20);
    db.finish().unwrap();
    let pruned = fs::metadata(&path).unwrap().len();
    assert!(full > 2_000_000 && pruned < 200_000, "{full} -> {pruned}");
    let left: i64 = db.conn.query_row("SELECT count(*) FROM bodies", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn pages_of_the_log_are_read_through_the_index() {
    let db = Sqlite::open_in_memory().unwrap();
    let plan: String = db
        .conn
        .query_row(
            "EXPLAIN QUERY PLAN SELECT id, data FROM records WHERE (at, id) < (?1, ?2)
             ORDER BY at DESC, id DESC LIMIT 10",
            [1, 2],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("records_by_time"), "{plan}");
}

#[test]
fn several_processes_may_make_the_same_new_file_at_once() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|threads| {
            for number in 0..8 {
                let (path, start) = (&path, &start);
                threads.spawn(move || {
                    start.wait();
                    let mut db = Sqlite::open(path).unwrap();
                    write(&mut db, &[&format!("req_{number}")]);
                });
            }
        });
        let kept = Sqlite::open(&path).unwrap().records(&RecordFilter::default());
        assert_eq!(kept.unwrap().len(), 8);
    }
}

#[test]
fn a_database_of_before_calls_of_our_own_were_kept_opens_with_all_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut old = Connection::open(&path).unwrap();
    Migrations::from_slice(&STEPS[..2]).to_latest(&mut old).unwrap();
    let data = r#"{"id":"req_old","at":5,"place":"cloud","usage":{"input":7},"cost":{"usd":0.5,"source":"table"}}"#;
    old.execute(
        "INSERT INTO records (id, at, kind, role, place, outcome, fell_back, estimated, input, output, cache_read,
             cache_write, reasoning, search, data, cost)
         VALUES ('req_old', 5, 'main', 'cloud', 'cloud', 'ok', 0, 0, 7, 0, 0, 0, 0, '', ?1, 500000000)",
        [data],
    )
    .unwrap();
    drop(old);
    let mut db = Sqlite::open(&path).unwrap();
    assert_eq!(db.record("req_old").unwrap().unwrap().asides, []);
    let aside = AsideRecord {
        place: Place::Cloud,
        usd: Some(Usd::from_dollars(0.25)),
        usage: UsageRecord { input: 3, ..UsageRecord::default() },
        ..AsideRecord::default()
    };
    let new = Record { id: "req_new".into(), at: at(6), asides: vec![aside.clone()], ..Record::default() };
    let batch = |record: &Record| Batch { records: vec![Arc::new(record.clone())], ..Batch::default() };
    db.write(&batch(&new)).unwrap();
    // Written once more, it counts once.
    db.write(&batch(&new)).unwrap();
    assert_eq!(db.record("req_new").unwrap().unwrap().asides, [aside]);
    let cloud = db.stats(at(0)..at(100)).unwrap().cloud;
    assert_eq!((cloud.requests, cloud.asides, cloud.input), (1, 1, 10));
    assert_eq!(cloud.cost_usd, Usd::from_dollars(0.75));
    assert_eq!(db.prune(at(100), 10).unwrap(), 2);
    assert_eq!(db.stats(at(0)..at(100)).unwrap(), Stats::default(), "they go with their request");
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}
