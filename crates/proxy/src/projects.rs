//! `.branchline.toml` of folders the user trusts: read when a client works there, and again when it changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use branchline_routing::{Mode, ModelRef, Policy, Role, Rule};
use branchline_settings::{PROJECT_FILE, ProjectSettings};

use crate::engine::Engine;
use crate::world::World;

/// A file is looked at again after this long.
const FRESH: Duration = Duration::from_secs(2);
/// Folders remembered at the same time.
const MOST: usize = 256;
/// Largest file that is read.
const LARGEST: u64 = 256 * 1024;

/// A project that governs its requests.
#[derive(Debug)]
pub(crate) struct Project {
    /// Its file.
    pub(crate) file: PathBuf,
    /// The user's policy with the project's wishes laid over it.
    pub(crate) policy: Policy,
    /// The project's rules, then the user's.
    pub(crate) rules: Vec<Rule>,
    /// Nothing of it leaves the user's own machines: why, in words.
    pub(crate) private: Option<String>,
    /// Why the file is not used, in words.
    pub(crate) problem: Option<String>,
    /// What records call the conditions of its requests.
    pub(crate) conditions: OnceLock<Option<String>>,
}

/// A file as it was when it was read.
#[derive(Clone, Debug, PartialEq)]
struct Stamp {
    file: PathBuf,
    changed: Option<SystemTime>,
    length: u64,
}

#[derive(Debug)]
struct Known {
    looked: Instant,
    stamp: Option<Stamp>,
    /// The world it was read for, which is not kept alive for it.
    world: Weak<World>,
    project: Option<Arc<Project>>,
}

impl Known {
    fn is_of(&self, world: &Arc<World>) -> bool {
        std::ptr::eq(self.world.as_ptr(), Arc::as_ptr(world))
    }
}

/// The projects clients work in.
#[derive(Debug, Default)]
pub(crate) struct Projects(Mutex<BTreeMap<PathBuf, Known>>);

/// The project that governs a working folder. Files are looked at on a thread for that: a folder may be a slow one of
/// the network, and no other request may wait for it.
pub(crate) async fn governing(engine: &Arc<Engine>, folder: &str, world: &Arc<World>) -> Option<Arc<Project>> {
    if let Some(known) = engine.projects.known(folder, world) {
        return known;
    }
    let look = {
        let (engine, folder, world) = (Arc::clone(engine), folder.to_owned(), Arc::clone(world));
        move || engine.projects.governing(&folder, &world)
    };
    match tokio::task::spawn_blocking(look).await {
        Ok(project) => project,
        // It broke off. What a project keeps here must not leave for that.
        Err(_) => engine.projects.governing(folder, world),
    }
}

impl Projects {
    /// What is known without looking at any file; nothing where a file must be looked at.
    fn known(&self, folder: &str, world: &Arc<World>) -> Option<Option<Arc<Project>>> {
        let folder = Path::new(folder);
        if world.settings.trusted_folder(folder).is_none() {
            return Some(None);
        }
        let known = self.lock();
        let known = known.get(folder).filter(|known| known.is_of(world) && known.looked.elapsed() < FRESH)?;
        Some(known.project.clone())
    }

    /// The project that governs a working folder: the nearest file at or above it, inside the trusted folder.
    pub(crate) fn governing(&self, folder: &str, world: &Arc<World>) -> Option<Arc<Project>> {
        let folder = Path::new(folder);
        let trusted = world.settings.trusted_folder(folder)?;
        let before = {
            let known = self.lock();
            let before = known.get(folder).filter(|known| known.is_of(world));
            if let Some(before) = before.filter(|known| known.looked.elapsed() < FRESH) {
                return before.project.clone();
            }
            before.map(|known| (known.stamp.clone(), known.project.clone()))
        };
        // Not under the lock: one folder that is slow to read must not keep the others waiting.
        let stamp = find(folder, &trusted);
        let same = before.filter(|(before, _)| *before == stamp).map(|(_, project)| project);
        let project = same.unwrap_or_else(|| stamp.as_ref().map(|stamp| Arc::new(read(stamp, world))));
        let now = Known { looked: Instant::now(), stamp, world: Arc::downgrade(world), project: project.clone() };
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(folder.to_owned(), now);
        project
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nearest file, from the working folder up to the trusted one. Links are followed first: one may not lead
/// a client's word for its folder out of what is trusted.
fn find(folder: &Path, trusted: &Path) -> Option<Stamp> {
    let (folder, trusted) = (folder.canonicalize().ok()?, trusted.canonicalize().ok()?);
    let within = folder.ancestors().take_while(|one| one.starts_with(&trusted));
    within.map(|one| one.join(PROJECT_FILE)).find_map(|file| {
        let facts = std::fs::metadata(&file).ok().filter(std::fs::Metadata::is_file)?;
        Some(Stamp { changed: facts.modified().ok(), length: facts.len(), file })
    })
}

fn read(stamp: &Stamp, world: &World) -> Project {
    let shown = stamp.file.display().to_string();
    let text = if stamp.length > LARGEST {
        Err(format!("it is larger than {} KiB", LARGEST / 1024))
    } else {
        std::fs::read_to_string(&stamp.file).map_err(|error| error.to_string())
    };
    // Of a file that is not understood it is not known what it wanted kept back.
    let may_be_private = text.as_ref().map_or(true, |text| ProjectSettings::may_keep_back(text));
    let parsed = text.and_then(|text| ProjectSettings::read(&text, &world.settings));
    let (settings, problem) = match parsed {
        Ok(settings) => (settings, None),
        Err(why) => {
            tracing::warn!(file = shown, why, "a project's settings are not used");
            (ProjectSettings::default(), Some(format!("{shown} is not used: {why}")))
        }
    };
    let private = match &problem {
        Some(problem) => may_be_private.then(|| problem.clone()),
        None => settings.never_cloud.then(|| format!("{shown} says never_cloud")),
    };
    let mut rules = settings.compiled_rules(&shown);
    rules.extend(world.rules.iter().cloned());
    let policy = laid_over(&world.policy, &settings, world);
    Project { file: stamp.file.clone(), policy, rules, private, problem, conditions: OnceLock::new() }
}

/// The user's wishes stay the frame: what is all local stays local, what may not leave does not.
fn laid_over(user: &Policy, project: &ProjectSettings, world: &World) -> Policy {
    let routing = &project.routing;
    let mut policy = user.clone();
    if user.mode != Mode::Local {
        policy.mode = routing.mode.unwrap_or(user.mode);
    }
    policy.threshold = routing.threshold.unwrap_or(user.threshold);
    policy.fallback_to_cloud = user.fallback_to_cloud && routing.fallback_to_cloud.unwrap_or(true);
    policy.fallback_to_local = routing.fallback_to_local.unwrap_or(user.fallback_to_local);
    let usable = |model: &&ModelRef| world.backends.get(&model.backend).is_some_and(|backend| !backend.lacks_key());
    for role in Role::ALL.into_iter().filter(|role| !project.roles.get(*role).is_empty()) {
        let named = project.roles.get(role).iter().flat_map(|model| user.members(model));
        policy.roles.insert(role, named.filter(usable).cloned().collect());
    }
    policy
}
