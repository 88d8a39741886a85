//! `branchline config import`: a settings file of ours as it is, one of another router translated.

use std::collections::BTreeMap;
use std::path::Path;

use branchline_control::commands::keys::KeyRes;
use branchline_settings::import::{Imported, ImportedKey, KeyPlace, foreign};
use branchline_settings::{Secret, replace, save};
use serde_json::json;

use crate::context::Context;
use crate::door::Door;
use crate::error::Result;
use crate::given;
use crate::out::{self, DIM, GOOD, WARN, line};

pub(crate) async fn run(context: &Context, file: &Path) -> Result<()> {
    let text = given::text_of(file)?;
    match foreign(&text) {
        Some(imported) => translate(context, file, imported).await,
        None => {
            let report = replace(&context.paths.config_file, &text)?;
            out::problems(&[], &report.warnings);
            line!("{GOOD}ok{GOOD:#}  {} has its content", context.paths.config_file.display());
            Ok(())
        }
    }
}

/// The settings first: a key belongs to a backend that is there.
async fn translate(context: &Context, file: &Path, imported: Imported) -> Result<()> {
    let report = save(&context.paths.config_file, &imported.changes)?;
    let keys = store_keys(context, file, &imported).await?;
    if context.json {
        out::json(
            &json!({ "from": imported.from, "settings": imported.changes.len(), "keys": keys, "left_out": imported.left_out }),
        );
        return Ok(());
    }
    out::problems(&[], &report.warnings);
    let settings = context.paths.config_file.display();
    line!("{GOOD}ok{GOOD:#}  {} settings of {} are in {settings}", imported.changes.len(), imported.from);
    for (backend, said) in &keys {
        line!("    {DIM}key of {backend}:{DIM:#} {said}");
    }
    if !imported.left_out.is_empty() {
        line!("{WARN}not carried, or otherwise here:{WARN:#}");
        for left in &imported.left_out {
            line!("    {}  {DIM}{}{DIM:#}", left.path, left.reason);
        }
    }
    Ok(())
}

/// Keys go to the keyring and nowhere else. What came of each, by backend.
async fn store_keys(context: &Context, file: &Path, imported: &Imported) -> Result<BTreeMap<String, String>> {
    let mut said = BTreeMap::new();
    if imported.keys.is_empty() {
        return Ok(said);
    }
    let door = Door::open(context).await?;
    for ImportedKey { backend, place } in &imported.keys {
        // Two of their servers may be one of ours, which has one key: the first, as it is told.
        if said.contains_key(backend) {
            continue;
        }
        let done = match place {
            KeyPlace::Here(secret) => store(&door, backend, secret).await,
            KeyPlace::Variable(name) => match variable(name, file) {
                Some(secret) => store(&door, backend, &secret).await,
                None => format!("{name} is not set: use `branchline key set {backend}`"),
            },
        };
        said.insert(backend.clone(), done);
    }
    Ok(said)
}

/// What came of it: a key that cannot be stored is no reason to lose the rest.
async fn store(door: &Door, backend: &str, key: &Secret) -> String {
    match door.ask::<KeyRes>("keys.set", json!({ "backend": backend, "key": key.expose() })).await {
        Ok(_) => "stored in the keyring; remove it from the old file".to_owned(),
        Err(error) => format!("not stored: {error}; use `branchline key set {backend}`"),
    }
}

/// A variable of the environment, or of the `.env` beside the file, where these routers keep their keys.
fn variable(name: &str, file: &Path) -> Option<Secret> {
    let from_env = || std::env::var(name).ok().filter(|value| !value.is_empty());
    let beside = || {
        let text = std::fs::read_to_string(file.with_file_name(".env")).ok()?;
        text.lines().find_map(|line| {
            let (key, value) = line.trim().trim_start_matches("export ").split_once('=')?;
            let value = value.trim().trim_matches(['"', '\'']);
            // Their examples have `your_api_key` and the like there.
            (key.trim() == name && !value.is_empty() && !value.contains("your_")).then(|| value.to_owned())
        })
    };
    from_env().or_else(beside).map(Secret::new)
}
