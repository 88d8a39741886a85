//! The user's settings file.

use std::sync::Arc;

use branchline_proxy::{Engine, watch};
use branchline_settings as file;
use branchline_settings::{Change, Problem, Report};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::blocking;
use crate::error::{ControlError, Result};

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct SettingsReq {}

/// The settings in force.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct SettingsRes {
    /// Every setting with its value, defaults included, by section.
    #[ts(type = "Record<string, unknown>")]
    pub settings: Value,
    /// The same for a file with nothing in it.
    #[ts(type = "Record<string, unknown>")]
    pub defaults: Value,
    /// Where the user's file is.
    pub file: String,
}

/// Changes that are made all or not at all.
#[derive(Debug, Deserialize, TS)]
pub struct SettingsSetReq {
    /// In the order they are made.
    pub changes: Vec<SettingChange>,
}

/// One change.
#[derive(Debug, Deserialize, TS)]
pub struct SettingChange {
    /// Path of the setting: `routing.threshold`.
    pub path: String,
    /// Its new value; `null` goes back to the default, and takes out what is no setting at all.
    #[ts(type = "unknown")]
    pub value: Value,
}

/// A settings file that is not saved yet.
#[derive(Debug, Deserialize, TS)]
pub struct SettingsCheckReq {
    /// Its TOML.
    pub toml: String,
}

/// What is wrong with a settings file.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct SettingsProblems {
    /// Bad values; with any of them the file is not used.
    pub problems: Vec<SettingProblem>,
    /// Unknown keys and what looks like a mistake.
    pub warnings: Vec<SettingProblem>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct SettingProblem {
    /// Path of the setting; empty when it is the file itself.
    pub path: String,
    /// What is wrong, with the value.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Line in the file, from 1.
    pub line: Option<usize>,
}

/// The settings as a file to carry to another machine.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct SettingsExportRes {
    /// Differences from the defaults; no key is in it.
    pub toml: String,
}

/// Goes back to the defaults. A word of its own, so that an empty request cannot do it by accident.
#[derive(Debug, Deserialize, TS)]
pub struct SettingsResetReq {
    /// Must be `true`.
    pub all: bool,
}

/// What became of the settings.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct SettingsResetRes {
    /// Where the old file lies now; `null` when there was none.
    pub kept_in: Option<String>,
}

impl From<Report> for SettingsProblems {
    fn from(report: Report) -> Self {
        let view = |found: Vec<Problem>| found.into_iter().map(SettingProblem::from).collect();
        Self { problems: view(report.problems), warnings: view(report.warnings) }
    }
}

impl From<Problem> for SettingProblem {
    fn from(problem: Problem) -> Self {
        Self { path: problem.path, message: problem.message, hint: problem.hint, line: problem.line }
    }
}

/// The settings in force.
///
/// # Errors
/// None that checked settings can cause.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn get(engine: &Arc<Engine>, _: SettingsReq) -> Result<SettingsRes> {
    Ok(SettingsRes {
        settings: file::to_json(&engine.world().settings)?,
        defaults: file::to_json(&file::Settings::default())?,
        file: engine.paths.config_file.display().to_string(),
    })
}

/// Changes the user's file and puts it in force.
///
/// # Errors
/// An unknown path, a value that does not check (the file stays as it was), or a file that cannot be written.
pub async fn set(engine: &Arc<Engine>, request: SettingsSetReq) -> Result<SettingsProblems> {
    let path = engine.paths.config_file.clone();
    let changes = request.changes.into_iter().map(|change| Change { path: change.path, value: change.value });
    let changes: Vec<Change> = changes.collect();
    let report = blocking(move || file::save(&path, &changes)).await??;
    watch::reload(engine, &engine.paths.config_file).await;
    Ok(report.into())
}

/// Checks a text without saving it.
///
/// # Errors
/// None: problems are the answer.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn check(_: &Arc<Engine>, request: SettingsCheckReq) -> Result<SettingsProblems> {
    Ok(file::check(&request.toml).into())
}

/// What is wrong with the user's file as it lies there now.
///
/// # Errors
/// A file that cannot be read.
pub async fn problems(engine: &Arc<Engine>, _: SettingsReq) -> Result<SettingsProblems> {
    let path = engine.paths.config_file.clone();
    Ok(blocking(move || file::load(&path)).await??.into())
}

/// The settings in force as a file to carry to another machine.
///
/// # Errors
/// None that checked settings can cause.
#[expect(clippy::unused_async, reason = "every command has the same shape")]
pub async fn export(engine: &Arc<Engine>, _: SettingsReq) -> Result<SettingsExportRes> {
    Ok(SettingsExportRes { toml: file::export(&engine.world().settings)? })
}

/// Sets every setting to its default. The old file is kept beside the new one; keys stay in the keyring.
///
/// # Errors
/// `all` is not `true`, or a file that cannot be written.
pub async fn reset(engine: &Arc<Engine>, request: SettingsResetReq) -> Result<SettingsResetRes> {
    if !request.all {
        return Err(ControlError::new("bad_request", "nothing is reset without `all`", "send {\"all\": true}"));
    }
    let path = engine.paths.config_file.clone();
    let kept_in = blocking(move || file::reset(&path)).await??;
    watch::reload(engine, &engine.paths.config_file).await;
    Ok(SettingsResetRes { kept_in: kept_in.map(|path| path.display().to_string()) })
}
