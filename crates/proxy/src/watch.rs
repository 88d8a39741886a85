//! What goes on beside the requests: asking backends how they are, reading changed settings, pruning old records.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use branchline_settings::{Report, Settings, load};
use futures_util::future::{BoxFuture, join_all};
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::backend::Backend;
use crate::engine::Engine;
use crate::events::LiveEvent;
use crate::fault::Fault;
use crate::probe::{Found, ProbeError};
use crate::tryout::refuse_ourselves;

/// How often local backends are asked how they are.
const LOCAL_EVERY: Duration = Duration::from_secs(5);
/// How often cloud backends are, in rounds of the local ones: ten minutes.
const CLOUD_ROUNDS: u64 = 120;
/// And those that gave no answer: the network is back before ten minutes are over.
const SILENT_ROUNDS: u64 = 6;
/// How often old records are deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(6 * 60 * 60);
/// What is told where it cannot be known what must stay.
const STAYS: &str = "until it is mended, everything stays on your machines";
/// Editors write a file in several steps.
const SETTLE: Duration = Duration::from_millis(150);

/// Starts everything that goes on beside the requests. It ends with the engine.
pub fn start(engine: &Arc<Engine>) {
    spawn(engine, Box::pin(watch_backends(Arc::clone(engine))));
    spawn(engine, Box::pin(watch_settings(Arc::clone(engine))));
    spawn(engine, Box::pin(prune(Arc::clone(engine))));
    spawn(engine, Box::pin(retune(Arc::clone(engine))));
}

fn spawn(engine: &Engine, work: BoxFuture<'static, ()>) -> JoinHandle<()> {
    let stopping = engine.stopping.clone();
    engine.tracker.spawn(async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = work => {}
        }
    })
}

async fn watch_backends(engine: Arc<Engine>) {
    let mut every = interval(LOCAL_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut round = 0u64;
    loop {
        every.tick().await;
        let has_keys_again = look_for_keys(&engine).await;
        if has_keys_again || round.is_multiple_of(CLOUD_ROUNDS) {
            ask_all(&engine, true).await;
        } else {
            ask_those(&engine, |backend| backend.resolved.local || is_due(&engine, backend, round)).await;
        }
        if has_keys_again || round == 0 {
            engine.keys_known();
        }
        round += 1;
    }
}

/// Has keys read again where the keyring kept them to itself and no longer does: it was unlocked, or has come back.
/// Says whether it was so.
pub async fn look_for_keys(engine: &Engine) -> bool {
    if !engine.keys.is_missed() {
        return false;
    }
    let keys = Arc::clone(&engine.keys);
    let is_back = tokio::task::spawn_blocking(move || keys.recovered()).await.unwrap_or(false);
    if is_back {
        tracing::info!("the keyring can be read again");
        engine.keys_changed();
    }
    is_back
}

/// Asks backends what they have: the local ones, and with `cloud` those whose key is there.
pub async fn ask_all(engine: &Arc<Engine>, cloud: bool) {
    ask_those(engine, |backend| backend.resolved.local || cloud).await;
}

async fn ask_those(engine: &Arc<Engine>, which: impl Fn(&Backend) -> bool) {
    let world = engine.world();
    let asked = world.backends.values().filter(|backend| which(backend));
    join_all(asked.map(|backend| ask_one(engine, backend))).await;
}

/// Whether a backend that gave no answer is to be asked again: at once a first time, then now and then.
fn is_due(engine: &Engine, backend: &Backend, round: u64) -> bool {
    match engine.silences.of(backend.name()) {
        0 => false,
        1 => true,
        _ => round.is_multiple_of(SILENT_ROUNDS),
    }
}

/// Asks one backend what it has, and says why it cannot be asked. What it answers is kept.
///
/// # Errors
/// It is Branchline itself, has no key, or is not there.
pub async fn test_one(engine: &Arc<Engine>, backend: &Arc<Backend>) -> Result<Found, Fault> {
    refuse_ourselves(engine, backend)?;
    let key = backend.key().await.map(branchline_settings::Secret::expose);
    if backend.key_error().is_some() {
        return Err(backend.missing_key());
    }
    match engine.prober.probe(backend.client()?, &backend.resolved, key).await {
        Ok(found) => {
            engine.backend_found(backend.name(), found.clone());
            Ok(found)
        }
        Err(error) => {
            engine.backend_down(backend.name(), &error.to_string());
            Err(error.into())
        }
    }
}

/// Asks one backend what it has.
pub async fn ask_one(engine: &Arc<Engine>, backend: &Arc<Backend>) {
    let own = engine.address().is_some_and(|own| crate::world::World::is_ourselves(backend, own));
    if own {
        return;
    }
    let key = backend.key().await;
    if key.is_none() && !backend.resolved.local {
        return;
    }
    let Ok(client) = backend.client() else { return };
    let key = key.map(branchline_settings::Secret::expose);
    match engine.prober.probe(client, &backend.resolved, key).await {
        Ok(found) => {
            engine.silences.over(backend.name());
            engine.backend_found(backend.name(), found);
        }
        Err(error) => missed(engine, backend.name(), &error),
    }
}

/// A backend did not say what it has. An answer that is only late, from one that was there, is waited for a second time
/// before the backend counts as gone: where the machine itself is busy, all answers are late, and requests would go elsewhere.
fn missed(engine: &Engine, name: &str, error: &ProbeError) {
    let is_late = matches!(error, ProbeError::Timeout { .. });
    let times = match error {
        ProbeError::Timeout { .. } | ProbeError::Unreachable { .. } => engine.silences.another(name),
        // It said something, if not what was asked.
        _ => {
            engine.silences.over(name);
            0
        }
    };
    if is_late && times == 1 && engine.world().found.contains_key(name) {
        tracing::debug!(backend = name, "no answer in time; it is asked again");
        return;
    }
    engine.backend_down(name, &error.to_string());
}

/// Asks one backend what it has, beside what goes on.
pub fn ask_soon(engine: &Arc<Engine>, backend: &Arc<Backend>) -> JoinHandle<()> {
    let (asking, backend) = (Arc::clone(engine), Arc::clone(backend));
    spawn(engine, Box::pin(async move { ask_one(&asking, &backend).await }))
}

/// Reads the settings again when their file changes. Settings that do not check change nothing.
async fn watch_settings(engine: Arc<Engine>) {
    let file = engine.paths.config_file.clone();
    let (changed, mut changes) = mpsc::channel(4);
    let Some(_watcher) = watch_file(&file, changed) else { return };
    // What was written before the watch began would be missed.
    reload(&engine, &file).await;
    while changes.recv().await.is_some() {
        tokio::time::sleep(SETTLE).await;
        while changes.try_recv().is_ok() {}
        reload(&engine, &file).await;
    }
}

/// Watches the folder: editors replace the file, and a watch on the file itself would end with it.
fn watch_file(file: &Path, changed: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let name = file.file_name()?.to_owned();
    let folder = file.parent()?.to_owned();
    let heard = move |event: notify::Result<notify::Event>| {
        let named = |path: &std::path::PathBuf| path.file_name() == Some(name.as_os_str());
        if event.is_ok_and(|event| is_change(event.kind) && event.paths.iter().any(named)) {
            // A full channel says the same already.
            let _ = changed.try_send(());
        }
    };
    let watcher = std::fs::create_dir_all(&folder).map_err(notify::Error::io).and_then(|()| {
        let mut watcher = notify::recommended_watcher(heard)?;
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watcher.inspect_err(|error| tracing::warn!(%error, "the settings file is not watched")).ok()
}

/// Whoever reads the file opens it, which is an event too: answered by reading, it would never end.
const fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_)) || matches!(kind, EventKind::Access(AccessKind::Close(AccessMode::Write)))
}

/// Reads the settings file and puts it in force if it checks.
pub async fn reload(engine: &Arc<Engine>, file: &Path) {
    let path = file.to_owned();
    let Ok(read) = tokio::task::spawn_blocking(move || load(&path)).await else { return };
    let problems: Vec<String> = match read {
        Ok(report) if report.problems.is_empty() => {
            engine.reads_well.store(true, Ordering::Relaxed);
            if report.settings != *engine.world().settings {
                tracing::info!("the settings were read again");
                engine.apply(report.settings);
                engine.retune().await;
                ask_all(engine, true).await;
                engine.keys_known();
            }
            return;
        }
        Ok(report) => keep_back(engine, &report),
        Err(error) => {
            let mut kept = Settings::clone(&engine.world().settings);
            kept.never_cloud.unread = Some(format!("the settings file cannot be read ({error})"));
            engine.keep_back(kept);
            vec![error.to_string(), STAYS.to_owned()]
        }
    };
    engine.reads_well.store(false, Ordering::Relaxed);
    tracing::warn!(?problems, "the settings file is not used: the old settings stay in force");
    engine.events.tell(LiveEvent::SettingsChanged { problems });
}

/// Of a file that is not used, what it says of what must stay is in force all the same. Gives what is to be told.
fn keep_back(engine: &Engine, report: &Report) -> Vec<String> {
    let now = engine.world();
    let kept = now.settings.keeping(report);
    let stays = kept.held().map(|_| STAYS.to_owned());
    if kept != *now.settings {
        engine.keep_back(kept);
    }
    report.problems.iter().map(ToString::to_string).chain(stays).collect()
}

/// Keeps the threshold for `routing.cloud_share` where the user's turns want it.
async fn retune(engine: Arc<Engine>) {
    loop {
        engine.retuning.notified().await;
        engine.retune().await;
    }
}

async fn prune(engine: Arc<Engine>) {
    let mut every = interval(PRUNE_EVERY);
    loop {
        every.tick().await;
        let keep_days = engine.world().settings.log.keep_days;
        if let Err(error) = engine.store.prune(keep_days).await {
            tracing::warn!(%error, "old records could not be deleted");
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, ModifyKind};

    use branchline_settings::{KeyStore, Paths, Tokens, check};
    use branchline_wire::Upstream;

    use super::*;
    use crate::engine::Parts;
    use crate::probe::Flavour;
    use crate::store::Store;

    fn engine() -> (tempfile::TempDir, Arc<Engine>) {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::inside(folder.path());
        let parts = Parts {
            tokens: Tokens::load_or_create(&paths).unwrap(),
            paths,
            settings: check("").settings,
            keys: Arc::new(KeyStore::memory()),
            store: Store::open_in_memory().unwrap(),
        };
        (folder, Engine::new(parts))
    }

    #[tokio::test]
    async fn a_backend_that_was_there_may_be_late_once() {
        let (_folder, engine) = engine();
        let is_down = |name: &str| engine.world().down.contains_key(name);
        let late = ProbeError::Timeout { url: "https://api.example.com".into(), limit_ms: 5_000 };
        missed(&engine, "ollama", &late);
        assert!(is_down("ollama"), "nobody has ever seen it");
        let found = || Found {
            flavour: Flavour::Anthropic,
            version: None,
            protocol: Upstream::Anthropic,
            models: Vec::new(),
            latency_ms: 90,
        };
        engine.backend_found("anthropic", found());
        missed(&engine, "anthropic", &late);
        assert!(!is_down("anthropic"));
        let world = engine.world();
        let backend = &world.backends["anthropic"];
        assert!(is_due(&engine, backend, 1), "it is asked again at once");
        missed(&engine, "anthropic", &late);
        assert!(is_down("anthropic"));
        assert!(!is_due(&engine, backend, 1) && is_due(&engine, backend, SILENT_ROUNDS), "and then every half minute");
        engine.backend_answers("anthropic");
        assert!(!is_down("anthropic") && !is_due(&engine, backend, SILENT_ROUNDS));
        missed(
            &engine,
            "anthropic",
            &ProbeError::Unreachable { url: String::new(), detail: "refused".into(), start: "" },
        );
        assert!(is_down("anthropic"), "nobody listens there: that is no lateness");
    }

    #[test]
    fn reading_the_settings_is_no_change_of_them() {
        assert!(!is_change(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!is_change(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(is_change(EventKind::Access(AccessKind::Close(AccessMode::Write))));
        assert!(is_change(EventKind::Modify(ModifyKind::Data(DataChange::Any))));
        assert!(is_change(EventKind::Create(CreateKind::File)));
    }
}
