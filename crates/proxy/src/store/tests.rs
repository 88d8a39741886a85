//! The store as the engine uses it, in memory.

use std::{sync::mpsc as gate, time::Duration};

use super::*;
use crate::record::{AttemptRecord, Bodies, DecisionRecord, ErrorRecord, Outcome, Place, PointRecord, UsageRecord};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn record(id: &str, millis: i64) -> Record {
    Record {
        id: id.into(),
        at: at(millis),
        requested_model: "claude-sonnet".into(),
        backend: Some("lmstudio".into()),
        model: Some("qwen/qwen3-coder-next".into()),
        place: Place::Local,
        status: 200,
        outcome: Outcome::Ok,
        decision: DecisionRecord {
            kind: "main".into(),
            role: "coder".into(),
            score: Some(20),
            points: vec![PointRecord { signal: "tokens".into(), points: 7.25, why: "4,100 tokens".into() }],
            reasons: vec!["score 20 under 50".into()],
            candidates: vec!["lmstudio:qwen/qwen3-coder-next".into()],
            ..DecisionRecord::default()
        },
        attempts: vec![AttemptRecord { backend: "lmstudio".into(), status: Some(200), ..AttemptRecord::default() }],
        usage: UsageRecord { input: 100, output: 10, ..UsageRecord::default() },
        ..Record::default()
    }
}

fn store() -> Store {
    Store::open_in_memory().unwrap()
}

async fn ids(store: &Store, filter: RecordFilter) -> Vec<String> {
    let records = store.records(filter).await.unwrap();
    records.into_iter().map(|record| record.id).collect()
}

/// Stops the store's thread until the sender is used or dropped; returns once it stands still.
async fn hold(store: &Store) -> gate::Sender<()> {
    let (release, released) = gate::channel::<()>();
    let (entered, inside) = oneshot::channel();
    let held = store.clone();
    tokio::spawn(async move {
        held.call(move |_| {
            let _ = entered.send(());
            let _ = released.recv();
            Ok(())
        })
        .await
    });
    inside.await.unwrap();
    release
}

#[tokio::test]
async fn a_record_comes_back_as_it_was_handed_in() {
    let store = store();
    let mut written = record("req_1", 1_700_000_000_123);
    written.bodies = Some(Bodies { request: Some("{\"q\":1}".into()), response: Some("data: é\n\n".into()) });
    store.insert_record(written.clone());
    assert_eq!(store.record("req_1").await.unwrap(), Some(written));
    assert_eq!(store.record("req_2").await.unwrap(), None);
    assert_eq!(store.dropped_records(), 0);
}

#[tokio::test]
async fn a_list_comes_without_bodies() {
    let store = store();
    let mut written = record("req_1", 1);
    written.bodies = Some(Bodies::default());
    store.insert_record(written.clone());
    let listed = store.records(RecordFilter::default()).await.unwrap();
    assert_eq!(listed, [written.without_bodies()]);
}

#[tokio::test]
async fn a_record_written_twice_is_replaced_with_its_bodies() {
    let store = store();
    let mut first = record("req_1", 1);
    first.bodies = Some(Bodies { request: Some("old".into()), response: None });
    store.insert_record(first);
    let second = record("req_1", 2);
    store.insert_record(second.clone());
    assert_eq!(store.record("req_1").await.unwrap(), Some(second));
}

#[tokio::test]
async fn pages_turn_without_gaps_where_records_share_a_millisecond() {
    let store = store();
    for (id, millis) in [("a", 5), ("b", 7), ("c", 7), ("d", 7), ("e", 9)] {
        store.insert_record(record(id, millis));
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = RecordFilter { limit: Some(2), before: before.take(), ..RecordFilter::default() };
        let page = store.records(page).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(Cursor::from(last));
        seen.extend(page.into_iter().map(|record| record.id));
    }
    assert_eq!(seen, ["e", "d", "c", "b", "a"]);
}

#[tokio::test]
async fn records_are_filtered_by_backend_role_outcome_and_words() {
    let store = store();
    store.insert_record(record("req_1", 1));
    let mut cloud = record("req_2", 2);
    cloud.backend = Some("anthropic".into());
    cloud.decision.role = "cloud".into();
    cloud.outcome = Outcome::Error;
    cloud.error =
        Some(ErrorRecord {
            code: "backend_overloaded".into(), message: "Zu viel Ärger, 100%_voll".into(), hint: None
        });
    store.insert_record(cloud);
    let mut asked = record("req_0", 0);
    asked.doctor = true;
    store.insert_record(asked);
    let none = || RecordFilter { doctor: Some(false), ..RecordFilter::default() };
    let checks = RecordFilter { doctor: Some(true), ..RecordFilter::default() };
    assert_eq!(ids(&store, checks).await, ["req_0"]);
    assert_eq!(ids(&store, RecordFilter::default()).await, ["req_2", "req_1", "req_0"]);
    let text = |words: &str| RecordFilter { text: Some(words.into()), ..none() };
    let backend = RecordFilter { backend: Some("lmstudio".into()), ..none() };
    let role = RecordFilter { role: Some("cloud".into()), ..none() };
    let outcome = RecordFilter { outcome: Some(Outcome::Error), ..none() };
    assert_eq!(ids(&store, none()).await, ["req_2", "req_1"]);
    assert_eq!(ids(&store, backend).await, ["req_1"]);
    assert_eq!(ids(&store, role).await, ["req_2"]);
    assert_eq!(ids(&store, outcome).await, ["req_2"]);
    let after = RecordFilter { after_ms: Some(2), ..none() };
    let kind = |kind: &str| RecordFilter { kind: Some(kind.into()), ..none() };
    assert_eq!(ids(&store, after).await, ["req_2"]);
    assert_eq!(ids(&store, kind("title")).await, [""; 0]);
    assert_eq!(ids(&store, text("ärger OVERLOADED")).await, ["req_2"]);
    assert_eq!(ids(&store, text("100%_")).await, ["req_2"]);
    assert_eq!(ids(&store, text("100_")).await, [""; 0]);
    assert_eq!(ids(&store, text("score \"20")).await, [""; 0]);
    assert_eq!(ids(&store, text("  ")).await, ["req_2", "req_1"]);
}

#[tokio::test]
async fn recent_scores_are_the_newest_that_were_scored() {
    let store = store();
    for (id, millis) in [("a", 1), ("b", 2), ("c", 3)] {
        store.insert_record(record(id, millis));
    }
    let mut unscored = record("d", 4);
    unscored.decision.score = None;
    store.insert_record(unscored);
    let scores = store.recent_scores(2).await.unwrap();
    let ids: Vec<&str> = scores.iter().map(|score| score.id.as_str()).collect();
    assert_eq!(ids, ["c", "b"]);
    assert_eq!((scores[0].score, scores[0].place), (20, Place::Local));
    assert_eq!(scores[0].kind, "main");
}

#[tokio::test]
async fn pruning_deletes_what_is_older_and_nothing_else() {
    let store = store();
    for number in 0..1200 {
        store.insert_record(record(&format!("old_{number}"), number));
        if number % 100 == 0 {
            store.flush().await.unwrap();
        }
    }
    let now = Timestamp::now().as_millisecond();
    store.insert_record(record("yesterday", now - 86_400_000));
    store.insert_record(record("now", now));
    assert_eq!(store.prune(14).await.unwrap(), 1200);
    assert_eq!(ids(&store, RecordFilter::default()).await, ["now", "yesterday"]);
    assert_eq!(store.prune(u32::MAX).await.unwrap(), 0);
    assert_eq!(store.prune_before(at(now)).await.unwrap(), 1);
    assert_eq!(ids(&store, RecordFilter::default()).await, ["now"]);
}

#[tokio::test]
async fn stats_add_up_a_day_of_the_users_own_clock() {
    let store = store();
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let day = jiff::civil::date(2026, 3, 4);
    let midnight = day.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
    store.insert_record(record("before", midnight - 1));
    store.insert_record(record("first", midnight));
    let mut cloud = record("cloud", midnight + 5);
    cloud.place = Place::Cloud;
    cloud.fallback = Some("lmstudio is off".into());
    cloud.usage.cache_read = 5;
    store.insert_record(cloud);
    let mut here = record("here", midnight + 6);
    (here.place, here.outcome) = (Place::Nowhere, Outcome::AnsweredHere);
    store.insert_record(here);
    let mut absurd = record("absurd", midnight + 86_399_999);
    absurd.outcome = Outcome::Cancelled;
    absurd.usage.input = u64::MAX;
    store.insert_record(absurd);
    store.insert_record(record("after", midnight + 86_400_000));

    let stats = store.stats(day, &zone).await.unwrap();
    assert_eq!((stats.requests, stats.ok, stats.errors), (4, 2, 0));
    assert_eq!((stats.cancelled, stats.answered_here, stats.fallbacks), (1, 1, 1));
    assert_eq!((stats.local.requests, stats.cloud.requests), (2, 1));
    assert_eq!((stats.cloud.input, stats.cloud.cache_read), (100, 5));
    assert_eq!(stats.local.input, 100 + (1 << 40));
    let share = stats.local_share().unwrap();
    assert!((share - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!(Stats::default().local_share(), None);
}

#[tokio::test]
async fn a_full_channel_drops_records_counts_them_and_never_waits() {
    let limits = Limits { queue: 4, ..Limits::default() };
    let store = Store::start(Sqlite::open_in_memory().unwrap(), limits).unwrap();
    let release = hold(&store).await;
    for number in 0..10 {
        store.insert_record(record(&format!("req_{number}"), number));
    }
    assert_eq!(store.dropped_records(), 6);
    drop(release);
    store.flush().await.unwrap();
    let kept = ids(&store, RecordFilter::default()).await;
    assert_eq!(kept, ["req_3", "req_2", "req_1", "req_0"]);
}

#[tokio::test]
async fn when_too_many_body_bytes_wait_a_record_is_kept_without_its_own() {
    let limits = Limits { body_bytes: 10, ..Limits::default() };
    let store = Store::start(Sqlite::open_in_memory().unwrap(), limits).unwrap();
    let release = hold(&store).await;
    let with_body = |id: &str| {
        let mut record = record(id, 1);
        record.bodies = Some(Bodies { request: Some("12345678".into()), response: None });
        record
    };
    store.insert_record(with_body("first"));
    store.insert_record(with_body("second"));
    drop(release);
    store.flush().await.unwrap();
    store.insert_record(with_body("third"));
    for (id, kept) in [("first", true), ("second", false), ("third", true)] {
        let record = store.record(id).await.unwrap().unwrap();
        assert_eq!(record.bodies.is_some(), kept, "{id}");
    }
    assert_eq!(store.dropped_records(), 0);
}

#[tokio::test]
async fn a_record_is_written_without_a_flush_once_its_time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let limits = Limits { delay: Duration::from_millis(1), ..Limits::default() };
    let store = Store::start(Sqlite::open(&path).unwrap(), limits).unwrap();
    store.insert_record(record("req_1", 1));
    // A second connection, because any question through the store would write the batch itself.
    let mut other = Sqlite::open(&path).unwrap();
    let limit = std::time::Instant::now() + Duration::from_secs(20);
    while other.record("req_1").unwrap().is_none() {
        assert!(std::time::Instant::now() < limit, "never written");
        thread::yield_now();
    }
}

#[tokio::test]
async fn a_full_batch_is_written_without_waiting_for_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let limits = Limits { batch: 2, delay: Duration::from_hours(1), ..Limits::default() };
    let store = Store::start(Sqlite::open(&path).unwrap(), limits).unwrap();
    assert!(store.note_fact("one", "1"));
    store.insert_record(record("req_2", 2));
    let mut other = Sqlite::open(&path).unwrap();
    let limit = std::time::Instant::now() + Duration::from_secs(20);
    while other.record("req_2").unwrap().is_none() {
        assert!(std::time::Instant::now() < limit, "never written");
        thread::yield_now();
    }
    // What was noted before it came along.
    assert_eq!(other.fact("one").unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn closing_writes_what_waits_and_refuses_what_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = Store::open(&path).unwrap();
    store.insert_record(record("req_1", 1));
    store.close().await.unwrap();
    assert!(matches!(store.flush().await, Err(Error::Closed)));
    store.insert_record(record("req_2", 2));
    assert_eq!(store.dropped_records(), 1);
    let again = Store::open(&path).unwrap();
    assert_eq!(ids(&again, RecordFilter::default()).await, ["req_1"]);
}

#[tokio::test]
async fn a_failed_write_is_told_to_the_next_flush_and_only_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = Store::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("DROP TABLE records").unwrap();
    store.insert_record(record("req_1", 1));
    assert!(matches!(store.flush().await, Err(Error::Query { .. })));
    assert_eq!(store.dropped_records(), 1);
    store.flush().await.unwrap();
}

fn image(sha256: &str, used: i64) -> ImageRow {
    ImageRow {
        key: ImageKey::new(sha256, "1"),
        media_type: "image/png".into(),
        width: 640,
        height: 480,
        bytes: 12_345,
        thumbnail: Some(vec![1, 2, 3]),
        description: "A red door".into(),
        model: "lmstudio:devstral".into(),
        edited: false,
        created_at: at(1000),
        last_used_at: at(used),
        hits: 0,
    }
}

#[tokio::test]
async fn an_image_comes_back_by_hash_prompt_version_and_model() {
    let store = store();
    let row = image("aa", 1000);
    store.put_image(row.clone()).await.unwrap();
    let get = async |version: &str, model: Option<&str>| {
        let key = ImageKey::new("aa", version);
        store.image(key, model.map(str::to_owned)).await.unwrap()
    };
    assert_eq!(get("1", None).await, Some(row.clone()));
    assert_eq!(get("1", Some("lmstudio:devstral")).await, Some(row));
    assert_eq!(get("1", Some("other:model")).await, None);
    assert_eq!(get("2", None).await, None);
}

#[tokio::test]
async fn uses_are_counted_and_survive_a_new_description() {
    let store = store();
    store.put_image(image("aa", 1000)).await.unwrap();
    store.touch_image(ImageKey::new("aa", "1"));
    store.touch_image(ImageKey::new("aa", "1"));
    store.touch_image(ImageKey::new("unknown", "1"));
    let mut newer = image("aa", 2000);
    newer.description = "A blue door".into();
    store.put_image(newer).await.unwrap();
    let row = store.image(ImageKey::new("aa", "1"), None).await.unwrap().unwrap();
    assert_eq!((row.hits, row.description.as_str()), (2, "A blue door"));
}

#[tokio::test]
async fn a_description_the_user_wrote_stands_for_every_model() {
    let store = store();
    store.put_image(image("aa", 1000)).await.unwrap();
    let key = ImageKey::new("aa", "1");
    assert!(store.update_image(key.clone(), "My door".into()).await.unwrap());
    let row = store.image(key, Some("other:model".into())).await.unwrap().unwrap();
    assert!(row.edited);
    assert_eq!(row.description, "My door");
    let unknown = ImageKey::new("zz", "1");
    assert!(!store.update_image(unknown, "x".into()).await.unwrap());
}

#[tokio::test]
async fn images_are_listed_by_use_filtered_and_deleted() {
    let store = store();
    store.put_image(image("aa11", 1000)).await.unwrap();
    let mut other = image("bb22", 3000);
    other.description = "A chart of SALES".into();
    other.model = "ollama:llava".into();
    store.put_image(other).await.unwrap();
    let found = async |filter: ImageFilter| {
        let rows = store.images(filter).await.unwrap();
        rows.into_iter().map(|row| row.key.sha256).collect::<Vec<_>>()
    };
    let all = ImageFilter::default;
    let text = ImageFilter { text: Some("Sales chart".into()), ..all() };
    let hash = ImageFilter { sha256: Some("aa".into()), ..all() };
    let model = ImageFilter { model: Some("ollama:llava".into()), ..all() };
    let second = ImageFilter { limit: Some(1), offset: 1, ..all() };
    assert_eq!(found(all()).await, ["bb22", "aa11"]);
    assert_eq!(found(text).await, ["bb22"]);
    assert_eq!(found(hash).await, ["aa11"]);
    assert_eq!(found(model).await, ["bb22"]);
    assert_eq!(found(second).await, ["aa11"]);
    let totals = store.image_totals().await.unwrap();
    assert_eq!((totals.images, totals.bytes), (2, 24_690));
    assert_eq!(store.delete_image("aa11").await.unwrap(), 1);
    assert_eq!(store.clear_images().await.unwrap(), 1);
    assert_eq!(store.image_totals().await.unwrap(), ImageTotals::default());
}

#[tokio::test]
async fn an_oversized_thumbnail_is_left_out_and_the_description_kept() {
    let store = store();
    let mut row = image("aa", 1000);
    row.thumbnail = Some(vec![0; MAX_THUMBNAIL_BYTES + 1]);
    store.put_image(row).await.unwrap();
    let row = store.image(ImageKey::new("aa", "1"), None).await.unwrap().unwrap();
    assert_eq!(row.thumbnail, None);
    assert_eq!(row.description, "A red door");
}

#[tokio::test]
async fn facts_are_kept_replaced_listed_and_forgotten() {
    let store = store();
    store.set_fact("a_/x", "1").await.unwrap();
    store.set_fact("a_/x", "2").await.unwrap();
    store.set_fact("ab/y", "3").await.unwrap();
    assert_eq!(store.fact("a_/x").await.unwrap().as_deref(), Some("2"));
    let listed = store.facts("a_/").await.unwrap();
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), [("a_/x".into(), "2".into())]);
    store.forget_fact("a_/x").await.unwrap();
    assert_eq!(store.fact("a_/x").await.unwrap(), None);
}

#[tokio::test]
async fn schema_levels_are_kept_by_model_ref() {
    let store = store();
    store.set_schema_level("lmstudio:qwen/qwen3", 2).await.unwrap();
    store.set_fact("schema_level/broken", "many").await.unwrap();
    let levels = store.schema_levels().await.unwrap();
    assert_eq!(levels, BTreeMap::from([("lmstudio:qwen/qwen3".into(), 2)]));
}

#[tokio::test]
async fn a_fact_that_is_not_taken_is_said_to_be_lost() {
    let store = store();
    assert!(store.note_fact("one", "1"));
    store.close().await.unwrap();
    assert!(!store.note_fact("two", "2"));
}

#[tokio::test]
async fn conditions_go_with_the_last_record_that_names_them() {
    let store = store();
    for (id, at) in [("used", 100), ("left", 100), ("new", 900)] {
        store.note_fact(format!("{CONDITIONS}{id}"), format!("{{\"at\":{at}}}"));
    }
    store.set_fact("other", "{\"at\":1}").await.unwrap();
    let decision = DecisionRecord { conditions: Some("used".into()), ..DecisionRecord::default() };
    store.insert_record(Record { decision, ..record("req_1", 600) });
    store.insert_record(record("req_2", 601));
    store.prune_before(at(500)).await.unwrap();
    let kept: Vec<_> = store.facts("").await.unwrap().into_keys().collect();
    assert_eq!(kept, ["conditions/new", "conditions/used", "other"]);
    assert!(store.conditions("used").await.unwrap().is_some());
    store.prune_before(at(700)).await.unwrap();
    assert_eq!(store.conditions("used").await.unwrap(), None);
}

#[tokio::test]
async fn private_sessions_of_the_last_day_are_known_with_their_newest_reason() {
    let store = store();
    let now = Timestamp::now().as_millisecond();
    for (id, ago, session, why) in [
        ("req_1", 20, Some("a"), Some("old reason")),
        ("req_2", 10, Some("a"), Some("new reason")),
        ("req_3", 5, Some("a"), None),
        ("req_4", 4, Some("free"), None),
        ("req_5", 3, None, Some("nobody's")),
        ("req_6", 25 * 60 * 60 * 1000, Some("long ago"), Some("why")),
        ("req_7", 30, Some("b"), Some("because")),
    ] {
        let mut record = record(id, now - ago);
        record.session = session.map(Into::into);
        record.decision.private = why.map(Into::into);
        store.insert_record(record);
    }
    let day = Duration::from_secs(24 * 60 * 60);
    let own = |session: &str, why: &str| (session.to_owned(), why.to_owned());
    let found = store.private_sessions(day, 9).await.unwrap();
    assert_eq!(found, [own("a", "new reason"), own("b", "because")]);
    assert_eq!(store.private_sessions(day, 1).await.unwrap(), [own("a", "new reason")]);
}
