//! What the store says is written survives `kill -9` at any moment.
//!
//! The test starts itself again as a child that writes without pause and prints what it was told
//! is flushed, kills it, and looks for every printed row. Rounds share one database, so that
//! recovery itself is killed too.

use std::{
    error::Error,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use branchline_proxy::{
    record::{Bodies, Record},
    store::{ImageKey, ImageRow, Store},
};
use jiff::Timestamp;

const CHILD_DATABASE: &str = "BRANCHLINE_TEST_STORE_KILL";
const CHILD_ROUND: &str = "BRANCHLINE_TEST_STORE_ROUND";
const FLUSHED: &str = "flushed ";
const ROUNDS: usize = 12;
const BURST: usize = 16;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[test]
fn every_flushed_record_survives_kill_9_in_the_middle_of_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("records.db");
    let mut promised = Vec::new();
    for round in 0..ROUNDS {
        // From the first flush to well past a checkpoint of the write-ahead log.
        let flushes = [1, 2, 40, 3, 90, 7][round % 6];
        promised.extend(run_and_kill(&database, round, flushes).unwrap());
        check(&database, &promised).unwrap();
    }
    assert!(promised.len() >= ROUNDS * BURST);
    let files = std::fs::read_dir(folder.path()).unwrap();
    let aside = files.filter(|file| is_aside(&file.as_ref().unwrap().path()));
    assert_eq!(aside.count(), 0, "a kill must not look like damage");
}

fn is_aside(path: &Path) -> bool {
    path.to_string_lossy().contains(".corrupt-")
}

/// The ids the child was told are flushed, up to the moment it was killed.
fn run_and_kill(database: &Path, round: usize, flushes: usize) -> Outcome<Vec<String>> {
    let mut child = start_child(database, round)?;
    let output = child.stdout.take().ok_or("the child has no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut flushed = Vec::new();
    while flushed.len() < flushes * BURST {
        let line = lines.next().ok_or("the child ended by itself")??;
        flushed.extend(line.strip_prefix(FLUSHED).map(str::to_owned));
    }
    // `kill` is SIGKILL on Unix: nothing in the child can run any more.
    child.kill()?;
    child.wait()?;
    for line in lines {
        // What came through the pipe before the kill was promised as well; a torn last line not.
        let line = line?;
        let whole = line.strip_prefix(FLUSHED).filter(|id| id.ends_with('.'));
        flushed.extend(whole.map(str::to_owned));
    }
    Ok(flushed)
}

fn start_child(database: &Path, round: usize) -> Outcome<Child> {
    let child = Command::new(std::env::current_exe()?)
        .args(["--exact", "the_child_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD_DATABASE, database)
        .env(CHILD_ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    Ok(child)
}

fn check(database: &Path, promised: &[String]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let store = Store::open(database)?;
        for id in promised {
            let record = store.record(id.as_str()).await?;
            let record = record.ok_or_else(|| format!("{id} was flushed and is lost"))?;
            let body = record.bodies.and_then(|bodies| bodies.request);
            if body.is_none_or(|body| body != body_of(id)) {
                return Err(format!("{id} came back with another body").into());
            }
        }
        let image = store.image(ImageKey::new("aa", "1"), None).await?;
        image.ok_or("the image description is lost")?;
        store.close().await?;
        Outcome::Ok(())
    })?;
    let connection = rusqlite::Connection::open(database)?;
    let verdict: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    (verdict == "ok").then_some(()).ok_or_else(|| verdict.into())
}

fn body_of(id: &str) -> String {
    id.repeat(400)
}

/// Does nothing when run as a test: it is the other process of the test above.
#[test]
fn the_child_writes_until_it_is_killed() {
    let Some(database) = std::env::var_os(CHILD_DATABASE).map(PathBuf::from) else {
        return;
    };
    let round = std::env::var(CHILD_ROUND).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(write_for_ever(&database, &round)).unwrap();
}

async fn write_for_ever(database: &Path, round: &str) -> Outcome {
    let store = Store::open(database)?;
    store.put_image(described_image()).await?;
    let mut burst = 0;
    loop {
        let ids: Vec<String> = (0..BURST).map(|number| format!("req_{round}_{burst}_{number}.")).collect();
        for id in &ids {
            store.insert_record(record(id));
        }
        store.flush().await?;
        say_flushed(&ids)?;
        burst += 1;
    }
}

fn say_flushed(ids: &[String]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for id in ids {
        writeln!(output, "\n{FLUSHED}{id}")?;
    }
    output.flush()
}

fn record(id: &str) -> Record {
    Record {
        id: id.into(),
        at: Timestamp::now(),
        bodies: Some(Bodies { request: Some(body_of(id)), response: None }),
        ..Record::default()
    }
}

fn described_image() -> ImageRow {
    ImageRow {
        key: ImageKey::new("aa", "1"),
        media_type: "image/png".into(),
        width: 1,
        height: 1,
        bytes: 1,
        thumbnail: None,
        description: "one pixel".into(),
        model: "lmstudio:sees".into(),
        edited: false,
        created_at: Timestamp::now(),
        last_used_at: Timestamp::now(),
        hits: 0,
    }
}
